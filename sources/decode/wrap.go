package decode

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// A wrapper is what a runtime, a journal or a command puts around the lines of a program: a time, a
// stream, a host, and in some a mark that the line goes on in the next one. Wrappers may stand in each
// other. What they say counts only where the line inside says nothing: its own time and level come first.

// The wrappers.
const (
	Docker     = "docker"     // Docker's json-file: {"log":"..\n","stream":"stdout","time":".."}
	CRI        = "cri"        // containerd and CRI-O: TIME stdout|stderr P|F text
	Kubectl    = "kubectl"    // kubectl logs --prefix: [pod/NAME/CONTAINER] text, with --timestamps or without
	Compose    = "compose"    // docker compose logs: name  | text
	Journald   = "journald"   // journalctl -o json, or -o short-iso
	Syslog     = "syslog"     // RFC 3164 and RFC 5424
	Klog       = "klog"       // E1121 10:00:00.123456 7 file.go:10] text
	Timestamps = "timestamps" // kubectl logs --timestamps, docker logs -t: TIME text
	Pretty     = "pretty"     // JSON objects over several lines, and the elements of a list
	Prefix     = "prefix"     // a logger's own text before a JSON object: TIME LEVEL text {"...
)

// between joins the names of wrappers and of the format inside, outermost first: "kubectl+cri+json".
const between = "+"

// maxWrappers bounds how deep wrappers are taken off.
const maxWrappers = 4

// wrapped is a line while its wrappers are taken off one by one. Its slices point into the line, or into
// what the wrapper's reader owns until its next line.
type wrapped struct {
	text     []byte // what is inside
	at       time.Time
	level    string
	instance []byte
	lane     []byte // which of the interleaved streams inside the line belongs to; grows with each wrapper
	partial  bool   // the line goes on in the next one of its lane
	skip     string // why the whole line is nothing to read, "" if it is something
}

// frame says what stands around the lines, where a wrapper of the zone and time of reading needs it.
type frame struct {
	zone     *time.Location
	received time.Time
}

// opener takes one wrapper off. It tells whether the line has it; where not, w is as it was.
type opener interface {
	open(w *wrapped, f frame) bool
}

// learner is an opener or a decoder that looks at the first lines before it takes any. Of openers only the outermost one sees them.
type learner interface{ learn(sample [][]byte) }

// wrapTable has all wrappers, in the order in which detection tries them.
var wrapTable = []struct {
	name string
	sure bool // its shape is found in no log by itself, so it is looked for before any format
	text bool // it is told even where nothing is known of what is inside
	make func() opener
}{
	{Docker, true, true, func() opener { return newDockerLine() }},
	{CRI, true, true, func() opener { return criLine{} }},
	{Kubectl, true, true, func() opener { return kubectlLine{} }},
	{Journald, true, true, func() opener { return newJournalLine() }},
	{Compose, true, false, func() opener { return &composeLine{} }},
	{Syslog, false, true, func() opener { return syslogLine{} }},
	{Klog, false, true, func() opener { return klogLine{} }},
	{Timestamps, false, false, func() opener { return stampedLine{} }},
	{Pretty, false, false, func() opener { return &prettyLine{} }},
	{Prefix, false, false, func() opener { return newPrefixLine() }},
}

// Wrappers lists the wrappers by name.
func Wrappers() []string {
	out := make([]string, len(wrapTable))
	for i, w := range wrapTable {
		out[i] = w.name
	}
	return out
}

// Inner gives the format inside the wrappers: "json" of "cri+json".
func Inner(format string) string { return format[strings.LastIndex(format, between)+1:] }

// Check says what is wrong with the name of a format that somebody asks for: auto, a format, wrappers
// and a format ("cri+json"), or wrappers alone, whose inside is told by its lines ("cri").
func Check(format string) error {
	_, _, err := splitFormat(format)
	return err
}

// splitFormat parts the wrappers of a format's name from the format inside, which is Auto where none is said.
func splitFormat(format string, configured ...*Mapping) (around []string, inner string, err error) {
	inner = format
	for inner != "" {
		head, rest, _ := strings.Cut(inner, between)
		if !slices.Contains(Wrappers(), head) {
			break
		}
		around, inner = append(around, head), rest
	}
	if inner == "" || inner == Auto {
		return around, Auto, nil
	}
	if len(around) > maxWrappers {
		return nil, "", fmt.Errorf("log format %q has more than %d wrappers", format, maxWrappers)
	}
	if isBuiltIn(inner) || mappingOf(inner, configured) != nil {
		return around, inner, nil
	}
	known := Formats()
	slices.Sort(known)
	return nil, "", fmt.Errorf("log format %q is not known: try auto, one of %s or the path of a mapping file, inside of %s where a runtime or a journal has wrapped the lines, such as cri%sjson",
		format, strings.Join(known, ", "), strings.Join(Wrappers(), ", "), between)
}

// Bounds of what a chain remembers.
const (
	maxLanes   = 64
	partWithin = 10 * time.Second // how long the rest of a line that goes on is waited for
)

// part is a line of which more is to come.
type part struct {
	text  []byte
	meta  wrapped // of its first part, with slices of its own
	since time.Time
}

// chain takes the wrappers of one stream off, outermost first, and joins lines that were split in them.
// The zero chain has no wrappers.
type chain struct {
	names   []string
	openers []opener
	zone    *time.Location
	w       wrapped
	opened  bool // the line had the innermost wrapper
	parts   map[string]*part
	lost    int64 // bytes beyond MaxLine of lines that were joined
}

// newChain makes the chain of the wrappers named. sample has lines of the stream, if there are any yet.
func newChain(names []string, sample [][]byte, zone *time.Location) *chain {
	c := &chain{names: names, zone: zone, parts: make(map[string]*part)}
	for _, name := range names {
		for _, w := range wrapTable {
			if w.name != name {
				continue
			}
			o := w.make()
			if l, ok := o.(learner); ok && len(c.openers) == 0 {
				l.learn(sample)
			}
			c.openers = append(c.openers, o)
		}
	}
	return c
}

// name gives the format's name for what is inside.
func (c *chain) name(inner string) string {
	return strings.Join(append(slices.Clone(c.names), inner), between)
}

// unwrap takes the wrappers off a line. A line without one of them is taken as it is: another program may
// have written into the stream. It gives nil while the line's rest is to come. What it gives is valid until
// the next call.
func (c *chain) unwrap(line []byte, received time.Time) *wrapped {
	c.w = wrapped{text: line, lane: c.w.lane[:0]}
	c.opened = false
	f := frame{zone: c.zone, received: received}
	for i, o := range c.openers {
		c.w.partial = false
		if !o.open(&c.w, f) {
			continue
		}
		c.opened = i == len(c.openers)-1
		if c.w.skip != "" {
			break
		}
		if !c.w.at.IsZero() && c.w.at.Sub(received) > MaxSkew {
			c.w.at = time.Time{} // the wrapper's own clock is wrong
		}
		if !c.join(received) {
			return nil
		}
	}
	return &c.w
}

// join puts the parts of a line together. It tells whether the line is whole.
func (c *chain) join(now time.Time) bool {
	p := c.parts[string(c.w.lane)]
	if p == nil {
		if !c.w.partial || len(c.parts) >= maxLanes {
			return true
		}
		p = &part{since: now, meta: c.w.own()}
		c.parts[string(c.w.lane)] = p
	}
	text := c.w.text
	if room := max(0, MaxLine-len(p.text)); len(text) > room {
		c.lost += int64(len(text) - room)
		text = text[:room]
	}
	p.text = append(p.text, text...)
	if c.w.partial {
		return false
	}
	delete(c.parts, string(c.w.lane))
	c.w.text = p.text
	return true
}

// own gives a line's data with slices of its own, without the text.
func (w *wrapped) own() wrapped {
	o := *w
	o.text, o.instance, o.lane = nil, slices.Clone(w.instance), slices.Clone(w.lane)
	return o
}

// rest hands over the lines whose rest has not come, and that have waited since before the time given.
func (c *chain) rest(before time.Time, take func(*wrapped)) {
	if len(c.parts) == 0 {
		return
	}
	lanes := make([]string, 0, len(c.parts))
	for lane, p := range c.parts {
		if !p.since.After(before) {
			lanes = append(lanes, lane)
		}
	}
	slices.Sort(lanes)
	for _, lane := range lanes {
		p := c.parts[lane]
		delete(c.parts, lane)
		p.meta.text, p.meta.partial = p.text, false
		take(&p.meta)
	}
}

// enclosed decodes the lines of one format inside of wrappers, for those who decode line by line.
type enclosed struct {
	chain *chain
	dec   Decoder
	opt   Options
}

func newEnclosed(around []string, inner string, opt Options) (Decoder, error) {
	opt.Kit = opt.Kit.Complete()
	dec, err := New(inner, opt.inside())
	if err != nil {
		return nil, err
	}
	return &enclosed{chain: newChain(around, nil, zoneOf(opt)), dec: dec, opt: opt}, nil
}

func (e *enclosed) Format() string { return e.chain.name(e.dec.Format()) }

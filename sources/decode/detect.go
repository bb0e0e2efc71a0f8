package decode

import (
	"bytes"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"signalbox/internal/traffic"
	"signalbox/sources"
)

// The size of a sample for Detect: the first lines of a log, up to so many lines or bytes.
const (
	SampleLines = 50
	SampleBytes = 64 << 10
)

// Detection is what a sample of lines was taken for.
type Detection struct {
	Format     string
	Confidence float64 // share of the sample's lines that the format can read, less where there are few of them
	Why        string
}

// thresholds say how much of a sample a format must read. The particular formats come first, because the
// general ones read their lines too.
// Wrappers whose shape some logs have by themselves come between the two.
var thresholds = []threshold{
	{Signalbox, 0.5, true},
	{HAProxyJSON, 0.5, true},
	{HAProxyText, 0.5, true},
	{LiteLLM, 0.5, false},
	{anyShipped, 0, false},
	{NginxJSON, 0.5, true},
	{EnvoyJSON, 0.5, true},
	{Access, 0.4, true},
	{NginxError, 0.5, false},
	{anyWrapper, 0, false},
	{JSON, 0.4, true},
	{Logfmt, 0.7, true},
	{Access, 0.6, false},
	{JSON, 0.6, false},
	{Logfmt, 0.9, false},
}

type threshold struct {
	format   string
	read     float64 // share of lines that are not unparsed
	requests bool    // some line must be a request
}

// anyWrapper stands in thresholds for the wrappers.
const anyWrapper = ""

// anyShipped stands in thresholds for the shipped mapping files. Where a source says its fields, they are left out.
const anyShipped = "shipped"

// wrapsFrom is the share of a sample's lines that must have a wrapper: beside them stand a command's own remarks.
const wrapsFrom = 0.6

// tally is what one format made of a sample.
type tally struct {
	lines, read, requests int
}

// Detect says in which format a sample of lines is written. Text is what remains; nothing is unknown.
func Detect(sample [][]byte) Detection { return detect(sample, Options{}) }

// DetectWith is Detect with the field mapping and zone of a configuration.
func DetectWith(sample [][]byte, fields map[string]string, zone *time.Location) Detection {
	return detect(sample, Options{Fields: fields, Zone: zone})
}

// DetectBy is Detect with the options of a source, its mapping files included.
func DetectBy(sample [][]byte, opt Options) Detection { return detect(sample, opt) }

func detect(sample [][]byte, opt Options) Detection { return detectIn(nil, sample, opt) }

// detectIn is detect inside of wrappers that are known.
func detectIn(around []string, raw [][]byte, opt Options) Detection {
	if len(raw) > SampleLines {
		raw = raw[:SampleLines]
	}
	raw = plainSample(raw)
	if d, ok := detectWrapper(around, raw, true, opt); ok {
		return d
	}
	sample := raw
	if len(around) > 0 {
		sample, _, _ = unwrapSample(newChain(around, raw, zoneOf(opt)), raw)
	}
	sample = withoutTraces(sample)
	if found, ok := detectMapped(sample, opt.Formats, opt); ok {
		return found
	}
	tallies := make(map[string]tally)
	for _, th := range thresholds {
		if th.format == anyShipped || th.format == anyWrapper {
			if d, ok := detectOther(th.format, around, raw, sample, opt); ok {
				return d
			}
			continue
		}
		if th.format == LiteLLM && (len(opt.Fields) > 0 || !bearsLiteLLM(sample)) {
			continue
		}
		t, done := tallies[th.format]
		if !done {
			t = try(th.format, sample, opt)
			tallies[th.format] = t
		}
		if t.lines == 0 {
			break
		}
		share := float64(t.read) / float64(t.lines)
		if share < th.read || th.requests && t.requests == 0 {
			continue
		}
		return Detection{Format: th.format, Confidence: confidence(th.format, t.read, t.lines), Why: fmt.Sprintf("%d of the first %d lines read as %s, %d of them about requests", t.read, t.lines, th.format, t.requests)}
	}
	t := try(Text, sample, opt)
	if t.lines == 0 {
		return Detection{Format: Text, Why: "no lines yet"}
	}
	if n := unprintable(sample); 2*n > t.lines {
		return Detection{Format: Text, Why: fmt.Sprintf("%d of the first %d lines hold bytes that no text has: binary, encrypted or compressed in an unknown way?", n, t.lines)}
	}
	return Detection{
		Format: Text, Confidence: float64(t.requests) / float64(t.lines),
		Why: fmt.Sprintf("no known format: of the first %d lines, %d tell of a failure", t.lines, t.requests),
	}
}

// plainSample takes a terminal's colours off the lines of a sample.
func plainSample(raw [][]byte) [][]byte {
	for i, line := range raw {
		if bytes.IndexByte(line, 0x1b) < 0 {
			continue
		}
		plain := slices.Clone(raw)
		for ; i < len(raw); i++ {
			plain[i] = uncoloured(raw[i])
		}
		return plain
	}
	return raw
}

// confidence counts one line more than a sample has: of a format whose shape is its own that line surely is,
// of one that many programs write it may be. So one line of JSON says less than fifty.
func confidence(format string, read, lines int) float64 {
	more := 0.9
	if format == JSON || format == Logfmt {
		more = 0.5
	}
	return (float64(read) + more) / float64(lines+1)
}

// detectOther tries what is no format by itself: the shipped mapping files, and the wrappers that are not sure.
func detectOther(what string, around []string, raw, sample [][]byte, opt Options) (Detection, bool) {
	switch {
	case what == anyWrapper:
		return detectWrapper(around, raw, false, opt)
	case len(opt.Fields) > 0:
		return Detection{}, false
	}
	return detectMapped(sample, shipped(), opt)
}

// detectWrapper tries the wrappers, and tells the format inside by what they leave. A wrapper that is not
// told by itself needs a format inside that is more than text.
func detectWrapper(around []string, raw [][]byte, sure bool, opt Options) (Detection, bool) {
	if len(around) >= maxWrappers {
		return Detection{}, false
	}
	for _, wr := range wrapTable {
		if wr.sure != sure || slices.Contains(around, wr.name) {
			continue
		}
		with := append(slices.Clone(around), wr.name)
		inside, n, lines := unwrapSample(newChain(with, raw, zoneOf(opt)), raw)
		if n == 0 || float64(n) < wrapsFrom*float64(lines) {
			continue
		}
		d := detectIn(with, raw, opt)
		if !wr.text && Inner(d.Format) == Text && (wr.name != Compose || !barred(raw)) {
			continue
		}
		if wr.name == Prefix && !tellsSuccess(Inner(d.Format), inside, opt) {
			continue // objects, but not of requests: perhaps the answers to failed ones, whose lines say more
		}
		d.Format = wr.name + between + d.Format
		d.Confidence *= float64(n) / float64(lines)
		d.Why = fmt.Sprintf("%d of the first %d lines wrapped by %s; inside: %s", n, lines, wr.name, d.Why)
		return d, true
	}
	return Detection{}, false
}

// unwrapSample takes the wrappers of a chain off a sample. It gives the lines inside, and how many of the
// sample's lines were wrapped.
func unwrapSample(c *chain, sample [][]byte) (inside [][]byte, wraps, lines int) {
	keep := func(w *wrapped) {
		if w.skip == "" && len(bytes.TrimSpace(w.text)) > 0 {
			inside = append(inside, bytes.Clone(uncoloured(w.text)))
		}
	}
	for _, line := range sample {
		if len(line) == 0 {
			continue
		}
		w := c.unwrap(line, epochEnd)
		if w == nil && !c.opened {
			continue // a part, by a wrapper further out: what is in it is not seen yet
		}
		lines++
		if c.opened {
			wraps++
		}
		if w != nil {
			keep(w)
		}
	}
	if len(inside) == 0 {
		c.rest(epochEnd, keep) // parts of lines, where there is no whole one
	}
	return inside, wraps, lines
}

// barred tells whether two lines and more have their bar in one place, as compose pads its names. Tables of
// other programs seldom begin with a name.
func barred(sample [][]byte) bool {
	at := -1
	for _, line := range sample {
		i := bytes.IndexByte(line, '|')
		if i < 0 || at >= 0 && i != at {
			return false
		}
		at = i
	}
	return len(sample) > 1
}

// recognised is the share of a sample's lines that must bear the marks of a mapped format.
const recognised = 0.4

// detectMapped finds the mapping whose marks most lines of a sample bear.
func detectMapped(sample [][]byte, mappings []*Mapping, opt Options) (best Detection, ok bool) {
	for _, m := range mappings {
		if len(m.detect) == 0 || m.unwrap != nil && opt.nested >= maxNested {
			continue
		}
		lines, marked := m.marked(sample)
		share := float64(marked) / float64(max(lines, 1))
		if share < recognised || share <= best.Confidence {
			continue
		}
		why := fmt.Sprintf("%d of the first %d lines have what tells %s apart", marked, lines, m.Name)
		if m.unwrap == nil {
			t := tryMapping(m, sample, opt)
			if t.requests == 0 {
				continue
			}
			why += fmt.Sprintf(", %d are about requests", t.requests)
		}
		best, ok = Detection{Format: m.Name, Confidence: share, Why: why}, true
	}
	return best, ok
}

// marked counts the lines of a sample that bear the marks of the format.
func (m *Mapping) marked(sample [][]byte) (lines, marked int) {
	d, err := newMapped(m, Options{})
	if err != nil {
		return 0, 0
	}
	for _, line := range sample {
		if len(line) == 0 {
			continue
		}
		lines++
		if d.read(line) == "" && slices.ContainsFunc(m.detect, func(k marks) bool {
			return bytes.Contains(line, k.text) && k.has.holds(d.seen, m.conds, line)
		}) {
			marked++
		}
	}
	return lines, marked
}

// unprintable counts the lines that are no text: with a NUL, or no UTF-8 and control characters.
func unprintable(sample [][]byte) int {
	n := 0
	for _, line := range sample[:min(len(sample), SampleLines)] {
		control := bytes.ContainsFunc(line, func(r rune) bool { return r < ' ' && r != '\t' && r != '\r' && r != 0x1b })
		if bytes.IndexByte(line, 0) >= 0 || control && !utf8.Valid(line) {
			n++
		}
	}
	return n
}

// epochEnd is later than any time in a log, so that a sample has no line from the future.
var epochEnd = time.Date(2300, 1, 1, 0, 0, 0, 0, time.UTC)

func try(format string, sample [][]byte, opt Options) tally {
	d, err := New(format, opt.bare())
	if err != nil {
		return tally{lines: len(sample)}
	}
	return tallyOf(d, sample)
}

func tryMapping(m *Mapping, sample [][]byte, opt Options) tally {
	d, err := m.decoder(opt.bare())
	if err != nil {
		return tally{lines: len(sample)}
	}
	return tallyOf(d, sample)
}

// bare are the options of a decoder that only looks: it tells nobody and fills nothing.
func (opt Options) bare() Options {
	opt.Kit, opt.Labels, opt.Misread, opt.Skipped, opt.Unknown = sources.Kit{}, sources.Labels{}, nil, nil, nil
	return opt
}

func tallyOf(d Decoder, sample [][]byte) tally {
	if a, ok := d.(*access); ok {
		a.learn(sample)
	}
	var t tally
	for _, line := range sample {
		if len(line) == 0 {
			continue
		}
		Each(d, line, epochEnd, func(_ []byte, _ traffic.Record, res Result) {
			t.lines++
			switch res.Kind {
			case Request, Explains:
				t.read++
				t.requests++
			case Ignored:
				t.read++
			case Unparsed:
			}
		})
	}
	return t
}

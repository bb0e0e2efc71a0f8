package decode

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"signalbox/internal/redact"
	"signalbox/internal/traffic"
)

// Bounds of what a stream remembers.
const (
	MaxExamples   = 5
	maxExample    = 240
	settleWithin  = 300 * time.Millisecond // how long the first lines are held back to tell the format by more of them
	judgeEvery    = 200                    // lines after which a format that reads less than half is given up
	maxSampleLine = 16 << 10
)

// Stream makes records of the lines of one place, such as a path over its rotations, a command's output or a
// sender: it detects the format, decodes, and keeps count. It is pure and not safe for concurrent use.
type Stream struct {
	opt    Options
	around []string // the wrappers as configured
	format string   // inside of them, as configured; Auto
	chain  *chain   // takes the wrappers off
	dec    Decoder  // of what is inside; nil until the format is told
	found  Detection
	lanes  lanes
	lone   bool       // each line stands for itself
	plain  *textLines // for stack traces in a format that has none

	held      [][]byte // the first lines, until the format is told
	heldBytes int
	since     time.Time
	recent    [][]byte // the latest lines that could not be read, for another try at detection
	judged    int      // lines since the format was last judged
	misread   int      // of them, lines that could not be read

	out      []traffic.Record
	short    short
	quickly  bool  // plain successes become lines
	whole    bool  // not for now
	newest   int64 // of the lines made, in unix nanoseconds
	tally    Tally
	examples []string
	sample   [][]byte
}

// Tally is what a stream has counted since its start.
type Tally struct {
	Lines    int64
	Records  int64
	Unparsed int64
	Lost     int64     // bytes beyond MaxLine of lines that a wrapper had split
	Skewed   int64     // records whose time lay too far in the future
	Unmapped int64     // records whose deployment the inventory does not know
	Newest   time.Time // the newest event time
}

// add counts a record.
func (t *Tally) add(skewed, unmapped bool) {
	t.Records++
	if skewed {
		t.Skewed++
	}
	if unmapped {
		t.Unmapped++
	}
}

// NewStream makes a stream of a format, or of whatever format Detect finds where format is "" or Auto. The
// format may name wrappers alone ("cri"), and then the lines tell what is inside.
func NewStream(format string, opt Options) (*Stream, error) {
	around, inner, err := splitFormat(format, opt.Formats...)
	if err != nil {
		return nil, fmt.Errorf("source %s: %w", opt.Source, err)
	}
	opt.Kit = opt.Kit.Complete() // one table of symbols for the decoder and what is filled in around it
	s := &Stream{opt: opt, around: around, format: inner}
	if inner == Auto {
		_, err := New(JSON, opt) // a field mapping with a mistake is an error in any format
		if err != nil {
			return nil, fmt.Errorf("fields of %s: %w", opt.Source, err)
		}
		return s, nil
	}
	if err := s.use(around, inner, nil); err != nil {
		return nil, fmt.Errorf("source %s: %w", opt.Source, err)
	}
	s.found = Detection{Format: s.Format(), Confidence: 1, Why: "as configured"}
	return s, nil
}

func (s *Stream) auto() bool { return s.format == Auto }

// use takes up wrappers and the format inside.
func (s *Stream) use(around []string, inner string, sample [][]byte) error {
	s.chain = newChain(around, sample, zoneOf(s.opt))
	d, err := New(inner, s.inside())
	if err != nil {
		return err
	}
	s.dec, s.plain = d, nil
	s.lone = traceless[inner]
	s.shortens()
	if l, ok := d.(learner); ok {
		inside, _, _ := unwrapSample(newChain(around, sample, zoneOf(s.opt)), sample)
		l.learn(inside)
	}
	_, envelops := d.(*envelope)
	s.lone = s.lone || envelops
	return nil
}

// inside gives the options of a decoder of what is inside of the wrappers.
func (s *Stream) inside() Options {
	if len(s.chain.names) == 0 {
		return s.opt
	}
	return s.opt.inside()
}

// fill adds what the wrappers know to a record.
func (s *Stream) fill(rec *traffic.Record, w *wrapped) {
	if len(s.chain.names) > 0 {
		w.fill(rec, s.opt)
	}
}

// Take decodes one line, or holds it back while the format is not told yet. now is when it was read.
func (s *Stream) Take(l Line, now time.Time) {
	s.tally.Lines++
	if len(s.sample) < SampleLines {
		s.sample = append(s.sample, bytes.Clone(l.Text[:min(len(l.Text), maxSampleLine)]))
	}
	if s.dec != nil {
		if !s.quick(l.Text, now) {
			s.line(l.Text, now)
		}
		return
	}
	if len(s.held) == 0 {
		s.since = now
	}
	s.held = append(s.held, bytes.Clone(l.Text))
	s.heldBytes += len(l.Text)
	if len(s.held) >= SampleLines || s.heldBytes >= SampleBytes {
		s.start(now)
	}
}

// SettleDue tells the format by what there is, once the first line has waited long enough, and takes lines
// as they are whose rest has not come.
func (s *Stream) SettleDue(now time.Time) {
	switch {
	case s.dec == nil && len(s.held) > 0 && now.Sub(s.since) >= settleWithin:
		s.start(now)
	case s.dec != nil:
		s.rest(now.Add(-partWithin), now)
		s.settleLanes(now.Add(-settleWithin), now)
	}
}

// Settle takes everything that is held back for what it is: at the end of input.
func (s *Stream) Settle(now time.Time) {
	if s.dec == nil {
		s.start(now)
	}
	s.rest(now, now)
	s.settleLanes(now, now)
}

// HeldFor is for how long lines may be held back yet: to tell the format by, or for what belongs to them; 0 when none is.
func (s *Stream) HeldFor() time.Duration {
	switch {
	case s.chain != nil && len(s.chain.parts) > 0:
		return partWithin
	case len(s.held) > 0 || s.lanes.busy > 0:
		return settleWithin
	}
	return 0
}

// start tells the format by the lines held back, and decodes them.
func (s *Stream) start(now time.Time) {
	held := s.held
	s.held, s.heldBytes = nil, 0
	s.choose(held, now)
	for _, line := range held {
		s.line(line, now)
	}
}

// rest decodes the parts of lines that have waited since before a time for what follows them.
func (s *Stream) rest(before, now time.Time) {
	s.chain.rest(before, func(w *wrapped) { s.take(w, w.text, now) })
}

// Records gives the records made since the last Clear. They belong to the stream until then.
func (s *Stream) Records() []traffic.Record { return s.out }

// Clear forgets the records and lines made so far. The records' strings belong to whoever copied them.
func (s *Stream) Clear() {
	clear(s.out)
	s.out = s.out[:0]
	s.short.lines.Reset()
}

// Tally gives the counts since the start.
func (s *Stream) Tally() Tally {
	t := s.tally
	if at := time.Unix(0, s.newest); s.newest > 0 && at.After(t.Newest) {
		t.Newest = at.UTC()
	}
	return t
}

// Found says which format the lines were taken for; the zero Detection before that is told.
func (s *Stream) Found() Detection { return s.found }

// Format names the format that is decoded now with its wrappers, "" before that is told.
func (s *Stream) Format() string {
	if s.dec == nil {
		return ""
	}
	return s.chain.name(s.dec.Format())
}

// Examples gives up to MaxExamples lines that could not be read, redacted, with the reason of each.
func (s *Stream) Examples() []string { return s.examples }

// Sample gives the first lines without their wrappers, for Propose.
func (s *Stream) Sample() [][]byte {
	if s.chain == nil || len(s.chain.names) == 0 {
		return s.sample
	}
	inside, _, _ := unwrapSample(newChain(s.chain.names, s.sample, zoneOf(s.opt)), s.sample)
	return inside
}

// choose tells the format by a sample, and takes it up if it is another one.
func (s *Stream) choose(sample [][]byte, now time.Time) {
	found := s.detect(sample)
	if found.Format == s.Format() {
		return
	}
	around, inner, err := splitFormat(found.Format, s.opt.Formats...)
	if err != nil {
		return // what is detected is known
	}
	if s.chain != nil {
		s.rest(now, now)
		s.settleLanes(now, now)
	}
	if err := s.use(around, inner, sample); err != nil {
		return // the options were tried when the stream was made
	}
	s.found = found
}

func (s *Stream) detect(sample [][]byte) Detection {
	opt := Options{Fields: s.opt.Fields, Formats: s.opt.Formats, Zone: s.opt.Zone}
	d := detectIn(s.around, sample, opt)
	d.Format = strings.Join(append(slices.Clone(s.around), d.Format), between)
	return d
}

// line takes one line out of its wrappers.
func (s *Stream) line(raw []byte, now time.Time) {
	lost := s.chain.lost
	if len(raw) > 0 && raw[0] != '{' {
		raw = s.plainly(raw)
	}
	w := s.chain.unwrap(raw, now)
	s.tally.Lost += s.chain.lost - lost
	if w != nil {
		if len(s.chain.names) > 0 {
			w.text = s.plainly(w.text)
		}
		s.take(w, raw, now)
	}
}

// plainly takes a terminal's colours off a line, but for a decoder that knows its own.
func (s *Stream) plainly(line []byte) []byte {
	if _, knows := s.dec.(*litellm); knows {
		return line
	}
	return uncoloured(line)
}

// decode makes a record of what was inside. raw is the line as it was read. Every line of an envelope counts
// as one. What may have a trace under it waits in its lane, if there are lanes.
func (s *Stream) decode(l *lane, w *wrapped, raw []byte, now time.Time) {
	var rec traffic.Record
	var res Result
	if many, ok := s.dec.(several); ok {
		res.Kind = s.envelope(many, w, now)
	} else {
		if len(s.chain.names) == 0 {
			rec, res = s.dec.Decode(w.text, now)
		} else {
			rec, res = decodeInside(s.dec, w, s.opt, now)
		}
		s.place(l, w, raw, rec, res, now)
	}
	if s.auto() {
		s.judge(raw, res.Kind, now)
	}
}

// envelope takes the lines that are in one line, each for itself. It gives the kind of the last.
func (s *Stream) envelope(many several, w *wrapped, now time.Time) (kind Kind) {
	s.tally.Lines--
	eachInside(many, w, s.opt, now, func(inner []byte, rec traffic.Record, res Result) {
		s.tally.Lines++
		kind = res.Kind
		s.count(inner, inner, rec, res)
	})
	return kind
}

// count takes what a line gave.
func (s *Stream) count(raw, inside []byte, rec traffic.Record, res Result) {
	switch res.Kind {
	case Request, Explains:
		s.keep(rec, res)
	case Unparsed:
		s.tally.Unparsed++
		s.example(raw, inside, res.Why)
	case Ignored:
		if s.opt.Skipped != nil {
			s.opt.Skipped(inside, res.Why)
		}
	}
}

func (s *Stream) keep(rec traffic.Record, res Result) {
	s.tally.add(res.Skewed, res.Unmapped)
	if !rec.Received && rec.Time.After(s.tally.Newest) {
		s.tally.Newest = rec.Time
	}
	s.out = append(s.out, rec)
}

// judge gives a detected format up when it reads less than half of the lines, as after a deploy that
// changed the format, and tells it anew by the lines it could not read. The text format reads every line,
// so there it is what tells of nothing that is counted.
func (s *Stream) judge(line []byte, kind Kind, now time.Time) {
	s.judged++
	if kind == Unparsed || kind == Ignored && s.dec.Format() == Text {
		s.misread++
		if len(s.recent) < SampleLines {
			s.recent = append(s.recent, bytes.Clone(line[:min(len(line), maxSampleLine)]))
		}
	}
	if s.judged < judgeEvery {
		return
	}
	if s.misread*2 > s.judged {
		s.choose(s.recent, now)
	}
	s.judged, s.misread, s.recent = 0, 0, nil
}

// example keeps a line that could not be read, without secrets and harmless on a screen, and hands it on
// to whoever asked for all of them.
func (s *Stream) example(raw, inside []byte, why string) {
	if s.opt.Misread != nil {
		s.opt.Misread(raw, why)
	}
	if len(s.examples) < MaxExamples {
		text := redact.Secrets(string(inside[:min(len(inside), 8*maxExample)]))
		s.examples = append(s.examples, redact.Clip(redact.Terminal(text), maxExample)+"  ("+why+")")
	}
}

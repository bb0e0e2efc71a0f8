package decode

import (
	"bytes"
	"fmt"
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
	format string // as configured
	dec    Decoder
	found  Detection

	held      [][]byte // the first lines, until the format is told
	heldBytes int
	since     time.Time
	recent    [][]byte // the latest lines that could not be read, for another try at detection
	judged    int      // lines since the format was last judged
	misread   int      // of them, lines that could not be read

	out      []traffic.Record
	tally    Tally
	examples []string
	sample   [][]byte
}

// Tally is what a stream has counted since its start.
type Tally struct {
	Lines    int64
	Records  int64
	Unparsed int64
	Skewed   int64     // records whose time lay too far in the future
	Unmapped int64     // records whose deployment the inventory does not know
	Newest   time.Time // the newest event time
}

// NewStream makes a stream of a format, or of whatever format Detect finds where format is "" or Auto.
func NewStream(format string, opt Options) (*Stream, error) {
	s := &Stream{opt: opt, format: format}
	if format == "" || format == Auto {
		_, err := New(JSON, opt) // a field mapping with a mistake is an error in any format
		if err != nil {
			return nil, fmt.Errorf("fields of %s: %w", opt.Source, err)
		}
		return s, nil
	}
	d, err := New(format, opt)
	if err != nil {
		return nil, fmt.Errorf("source %s: %w", opt.Source, err)
	}
	s.dec, s.found = d, Detection{Format: format, Confidence: 1, Why: "as configured"}
	return s, nil
}

func (s *Stream) auto() bool { return s.format == "" || s.format == Auto }

// Take decodes one line, or holds it back while the format is not told yet. now is when it was read.
func (s *Stream) Take(l Line, now time.Time) {
	s.tally.Lines++
	if len(s.sample) < SampleLines {
		s.sample = append(s.sample, bytes.Clone(l.Text[:min(len(l.Text), maxSampleLine)]))
	}
	if s.dec != nil {
		s.decode(l.Text, now)
		return
	}
	if len(s.held) == 0 {
		s.since = now
	}
	s.held = append(s.held, bytes.Clone(l.Text))
	s.heldBytes += len(l.Text)
	if len(s.held) >= SampleLines || s.heldBytes >= SampleBytes {
		s.Settle(now)
	}
}

// SettleDue tells the format by what there is, once the first line has waited long enough.
func (s *Stream) SettleDue(now time.Time) {
	if s.dec == nil && len(s.held) > 0 && now.Sub(s.since) >= settleWithin {
		s.Settle(now)
	}
}

// Settle tells the format by the lines held back, and decodes them: at the end of input, or once it is due.
func (s *Stream) Settle(now time.Time) {
	if s.dec != nil {
		return
	}
	held := s.held
	s.held, s.heldBytes = nil, 0
	s.choose(held)
	for _, line := range held {
		s.decode(line, now)
	}
}

// Records gives the records made since the last Clear. They belong to the stream until then.
func (s *Stream) Records() []traffic.Record { return s.out }

// Clear forgets the records made so far, whose strings belong to whoever copied them.
func (s *Stream) Clear() {
	clear(s.out)
	s.out = s.out[:0]
}

// Tally gives the counts since the start.
func (s *Stream) Tally() Tally { return s.tally }

// Found says which format the lines were taken for; the zero Detection before that is told.
func (s *Stream) Found() Detection { return s.found }

// Format names the format that is decoded now, "" before that is told.
func (s *Stream) Format() string {
	if s.dec == nil {
		return ""
	}
	return s.dec.Format()
}

// Examples gives up to MaxExamples lines that could not be read, redacted, with the reason of each.
func (s *Stream) Examples() []string { return s.examples }

// Sample gives the first lines, for Propose.
func (s *Stream) Sample() [][]byte { return s.sample }

func (s *Stream) choose(sample [][]byte) {
	found := DetectWith(sample, s.opt.Fields, s.opt.Zone)
	if s.dec != nil && found.Format == s.dec.Format() {
		return
	}
	d, err := New(found.Format, s.opt)
	if err != nil {
		return // the options were tried when the stream was made
	}
	s.dec, s.found = d, found
}

func (s *Stream) decode(line []byte, now time.Time) {
	rec, res := s.dec.Decode(line, now)
	switch res.Kind {
	case Request, Explains:
		s.keep(rec, res)
	case Unparsed:
		s.tally.Unparsed++
		s.example(line, res.Why)
	case Ignored:
	}
	if s.auto() {
		s.judge(line, res.Kind)
	}
}

func (s *Stream) keep(rec traffic.Record, res Result) {
	s.tally.Records++
	if res.Skewed {
		s.tally.Skewed++
	}
	if res.Unmapped {
		s.tally.Unmapped++
	}
	if !rec.Received && rec.Time.After(s.tally.Newest) {
		s.tally.Newest = rec.Time
	}
	s.out = append(s.out, rec)
}

// judge gives a detected format up when it reads less than half of the lines, as after a deploy that
// changed the format, and tells it anew by the lines it could not read. The text format reads every line,
// so there it is what tells of nothing that is counted.
func (s *Stream) judge(line []byte, kind Kind) {
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
		s.choose(s.recent)
	}
	s.judged, s.misread, s.recent = 0, 0, nil
}

// example keeps a line that could not be read, without secrets and harmless on a screen, and hands it on
// to whoever asked for all of them.
func (s *Stream) example(line []byte, why string) {
	if s.opt.Misread != nil {
		s.opt.Misread(line, why)
	}
	if len(s.examples) < MaxExamples {
		text := redact.Secrets(string(line[:min(len(line), 8*maxExample)]))
		s.examples = append(s.examples, redact.Clip(redact.Terminal(text), maxExample)+"  ("+why+")")
	}
}

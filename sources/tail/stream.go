package tail

import (
	"bytes"
	"fmt"
	"time"

	"signalbox/internal/redact"
	"signalbox/internal/traffic"
	"signalbox/sources/decode"
)

// Bounds of what a stream remembers.
const (
	maxExamples   = 5
	maxExample    = 240
	settleWithin  = 300 * time.Millisecond // how long the first lines are held back to tell the format by more of them
	judgeEvery    = 200                    // lines after which a format that reads less than half is given up
	maxSampleLine = 16 << 10
)

// stream makes records of the lines of one path: it detects the format, decodes, and keeps count. A path
// keeps its stream over rotations.
type stream struct {
	opt    decode.Options
	format string // as configured
	dec    decode.Decoder
	found  decode.Detection

	held      [][]byte // the first lines, until the format is told
	heldBytes int
	since     time.Time
	recent    [][]byte // the latest lines that could not be read, for another try at detection
	judged    int      // lines since the format was last judged
	misread   int      // of them, lines that could not be read

	out      []traffic.Record
	lines    int64
	records  int64
	unparsed int64
	skewed   int64
	unmapped int64
	newest   time.Time
	examples []string
	sample   [][]byte
}

func newStream(format string, opt decode.Options) (*stream, error) {
	s := &stream{opt: opt, format: format}
	if format == "" || format == decode.Auto {
		_, err := decode.New(decode.JSON, opt) // a field mapping with a mistake is an error in any format
		if err != nil {
			return nil, fmt.Errorf("fields of %s: %w", opt.Source, err)
		}
		return s, nil
	}
	d, err := decode.New(format, opt)
	if err != nil {
		return nil, fmt.Errorf("source %s: %w", opt.Source, err)
	}
	s.dec, s.found = d, decode.Detection{Format: format, Confidence: 1, Why: "as configured"}
	return s, nil
}

func (s *stream) auto() bool { return s.format == "" || s.format == decode.Auto }

// take decodes one line, or holds it back while the format is not told yet.
func (s *stream) take(l decode.Line, now time.Time) {
	s.lines++
	if len(s.sample) < decode.SampleLines {
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
	if len(s.held) >= decode.SampleLines || s.heldBytes >= decode.SampleBytes {
		s.settle(now)
	}
}

// waiting tells whether lines are held back until the format is told.
func (s *stream) waiting() bool { return s.dec == nil && len(s.held) > 0 }

// settleDue tells the format by what there is, once the first line has waited long enough.
func (s *stream) settleDue(now time.Time) {
	if s.waiting() && now.Sub(s.since) >= settleWithin {
		s.settle(now)
	}
}

// settle tells the format by the lines held back, and decodes them.
func (s *stream) settle(now time.Time) {
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

func (s *stream) choose(sample [][]byte) {
	found := decode.DetectWith(sample, s.opt.Fields, s.opt.Zone)
	if s.dec != nil && found.Format == s.dec.Format() {
		return
	}
	d, err := decode.New(found.Format, s.opt)
	if err != nil {
		return // the options were tried when the stream was made
	}
	s.dec, s.found = d, found
}

func (s *stream) decode(line []byte, now time.Time) {
	rec, res := s.dec.Decode(line, now)
	switch res.Kind {
	case decode.Request, decode.Explains:
		s.keep(rec, res)
	case decode.Unparsed:
		s.unparsed++
		s.example(line, res.Why)
	case decode.Ignored:
	}
	if s.auto() {
		s.judge(line, res.Kind)
	}
}

func (s *stream) keep(rec traffic.Record, res decode.Result) {
	s.records++
	if res.Skewed {
		s.skewed++
	}
	if res.Unmapped {
		s.unmapped++
	}
	if !rec.Received && rec.Time.After(s.newest) {
		s.newest = rec.Time
	}
	s.out = append(s.out, rec)
}

// judge gives a detected format up when it reads less than half of the lines, as after a deploy that
// changed the format, and tells it anew by the lines it could not read. The text format reads every line,
// so there it is what tells of nothing that is counted.
func (s *stream) judge(line []byte, kind decode.Kind) {
	s.judged++
	if kind == decode.Unparsed || kind == decode.Ignored && s.dec.Format() == decode.Text {
		s.misread++
		if len(s.recent) < decode.SampleLines {
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

// example keeps a line that could not be read, without secrets and harmless on a screen.
func (s *stream) example(line []byte, why string) {
	if len(s.examples) < maxExamples {
		text := redact.Secrets(string(line[:min(len(line), 8*maxExample)]))
		s.examples = append(s.examples, redact.Clip(redact.Terminal(text), maxExample)+"  ("+why+")")
	}
}

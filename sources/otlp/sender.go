package otlp

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"signalbox/internal/traffic"
	"signalbox/sources/decode"
)

const (
	settleWithin = 300 * time.Millisecond // how long bodies are held back to tell their format by more of them
	judgeEvery   = 200                    // bodies after which a format that reads less than half is given up
	maxHeld      = 1 << 20
	maxSample    = 16 << 10
	maxPending   = 16
	maxLead      = 512 // bytes of a line that tell which it is
)

// sender makes records of what one instance of one service sends. A record with fields is read as a JSON line of them.
// A body that is text may be a log line of its own, such as a collector's file receiver sends: its format is told by
// the first ones, as that of a file, and what the line does not say the attributes add. It is not safe for concurrent use.
type sender struct {
	opt    decode.Options
	fields decode.Decoder // of records as lines of JSON
	text   *decode.Stream // of bodies; nil until their format is told
	adds   decode.Decoder // of what attributes say beside a line
	format string         // of bodies, "" until it is told

	pending []item // the latest bodies given to text, which holds a failure back until it knows that no trace follows

	held      []item
	heldBytes int
	since     time.Time
	recent    [][]byte // bodies that could not be read, for another try at the format
	judged    int
	misread   int

	out      []traffic.Record
	unparsed int64
	newest   time.Time
	used     time.Time
	past     decode.Tally // of what no stream counts: records of fields, and of streams given up
}

func newSender(opt decode.Options) (*sender, error) {
	fields, err := decode.New(decode.JSON, opt)
	if err != nil {
		return nil, err
	}
	quiet := opt
	quiet.Misread, quiet.Unknown = nil, nil
	adds, err := decode.New(decode.JSON, quiet)
	if err != nil {
		return nil, err
	}
	return &sender{opt: opt, fields: fields, adds: adds}, nil
}

// take makes a record of an item, or holds it while the format of bodies is not told.
func (s *sender) take(it item, now time.Time) {
	s.used = now
	if len(bytes.TrimSpace(it.text)) == 0 {
		s.keep(s.field(it.whole(), now), &it, now)
		return
	}
	if s.format != "" {
		s.read(&it, now)
		return
	}
	if len(s.held) == 0 {
		s.since = now
	}
	s.held = append(s.held, it)
	s.heldBytes += it.size()
	if len(s.held) >= decode.SampleLines || s.heldBytes >= maxHeld {
		s.begin(now)
	}
}

// settleDue tells the format by what there is once the first body has waited long enough, and takes what was held back
// for what it is.
func (s *sender) settleDue(now time.Time) {
	if len(s.held) > 0 && now.Sub(s.since) >= settleWithin {
		s.begin(now)
	}
	if s.text != nil {
		s.text.SettleDue(now)
		s.harvest(now)
	}
	if now.Sub(s.used) > time.Second {
		s.pending = nil
	}
}

// settle takes everything that is held back for what it is: nothing more comes.
func (s *sender) settle(now time.Time) {
	s.begin(now)
	if s.text != nil {
		s.text.Settle(now)
		s.harvest(now)
	}
}

// begin tells the format of bodies by those that are held, and reads them.
func (s *sender) begin(now time.Time) {
	if len(s.held) == 0 {
		return
	}
	held := s.held
	s.held, s.heldBytes = nil, 0
	sample := make([][]byte, 0, len(held))
	for _, it := range held {
		sample = append(sample, it.text[:min(len(it.text), maxSample)])
	}
	s.choose(sample, now)
	for i := range held {
		s.read(&held[i], now)
	}
}

// choose tells the format by a sample of bodies.
func (s *sender) choose(sample [][]byte, now time.Time) {
	found := decode.DetectBy(sample, s.opt)
	if found.Format == s.format {
		return
	}
	text, err := decode.NewStream(found.Format, s.opt)
	if err != nil {
		return // the options were tried when the sender was made
	}
	if s.text != nil {
		s.text.Settle(now)
		s.harvest(now)
		s.past = addTally(s.past, s.text.Tally())
	}
	s.format, s.text = found.Format, text
}

// read makes a record of a body that is text.
func (s *sender) read(it *item, now time.Time) {
	switch {
	case s.format == decode.Text || strings.HasSuffix(s.format, "+"+decode.Text): // prose: what the attributes say comes first
		got := s.field(it.whole(), now)
		if len(got.records) == 0 {
			s.body(it, now)
		}
		s.keep(got, it, now)
		return
	case s.format == decode.JSON: // attributes and the line's own fields are one line
		if got := s.field(it.line(inner(it.text)), now); !got.unparsed {
			s.keep(got, it, now)
			return
		}
	}
	unparsed := s.body(it, now)
	if unparsed {
		// Beside lines that tell of requests, an error in prose is no request of its own: what tells how one ended counts.
		second := s.field(it.whole(), now)
		if len(second.records) == 1 && (second.records[0].Explains || second.records[0].Known != 0) {
			s.keep(second, it, now)
			unparsed = false
		} else {
			s.unparsed++
		}
	}
	s.judge(it.text, unparsed, now)
}

// inner gives the members of a text that looks like a JSON object, without its braces.
func inner(text []byte) []byte {
	text = bytes.TrimSpace(text)
	if len(text) < 2 || text[0] != '{' || text[len(text)-1] != '}' {
		return []byte("}") // no line comes of that
	}
	return bytes.TrimSpace(text[1 : len(text)-1])
}

// got is what a stream made of one line.
type got struct {
	records  []traffic.Record
	unparsed bool
}

// field reads a record as a line of JSON.
func (s *sender) field(line []byte, now time.Time) got {
	rec, res := s.fields.Decode(line, now)
	switch res.Kind {
	case decode.Request, decode.Explains:
		if res.Skewed {
			s.past.Skewed++
		}
		if res.Unmapped {
			s.past.Unmapped++
		}
		return got{records: []traffic.Record{rec}}
	}
	return got{unparsed: res.Kind == decode.Unparsed}
}

// body gives a body to its stream, and tells whether that could not read it. A failure may come of it later.
func (s *sender) body(it *item, now time.Time) (unparsed bool) {
	if len(s.pending) == maxPending {
		s.pending = slices.Delete(s.pending, 0, 1)
	}
	s.pending = append(s.pending, *it)
	before := s.text.Tally().Unparsed
	s.text.Take(decode.Line{Text: it.text}, now)
	s.harvest(now)
	return s.text.Tally().Unparsed > before
}

// harvest hands on what the stream of bodies has made, each with what the attributes of its own record say.
func (s *sender) harvest(now time.Time) {
	for _, rec := range s.text.Records() {
		it, one := s.origin(&rec), []traffic.Record{rec}
		s.add(one, it, now)
		s.keep(got{records: one}, it, now)
	}
	s.text.Clear()
}

// origin finds the item that a record came of by the beginning of its line; the latest where none fits.
func (s *sender) origin(rec *traffic.Record) *item {
	if len(s.pending) == 0 {
		return &item{}
	}
	for i := len(s.pending) - 1; i >= 0; i-- {
		it := &s.pending[i]
		if strings.HasPrefix(rec.Raw, string(it.text[:min(len(it.text), maxLead)])) {
			return it
		}
	}
	return &s.pending[len(s.pending)-1]
}

// keep gives records their time and hands them on. Of the times, the one that OTLP calls the event's counts first, then
// that of the line, then the one at which a collector saw it.
func (s *sender) keep(g got, it *item, now time.Time) {
	for _, rec := range g.records {
		switch {
		case usable(it.at, now):
			rec.Time, rec.Received = it.at, false
		case rec.Received && usable(it.observed, now):
			rec.Time, rec.Received = it.observed, false
		}
		if !rec.Received && rec.Time.After(s.newest) {
			s.newest = rec.Time
		}
		s.out = append(s.out, rec)
	}
}

func usable(at, now time.Time) bool {
	return at.Year() >= 2000 && at.Sub(now) <= decode.MaxSkew
}

// add puts what the attributes say where the line says nothing. How the request ended the line alone says.
func (s *sender) add(records []traffic.Record, it *item, now time.Time) {
	if len(records) == 0 {
		return
	}
	bare := *it
	bare.shared = append([]byte(`"code":200`), prefixed(it.shared)...) // some status, so that a record comes of it
	more, res := s.adds.Decode(bare.line(nil), now)
	if res.Kind != decode.Request {
		return
	}
	for i := range records {
		fill(&records[i], &more)
	}
}

func prefixed(part []byte) []byte {
	if len(part) == 0 {
		return nil
	}
	return append([]byte{','}, part...)
}

func fill(rec, more *traffic.Record) {
	for d := range rec.Key {
		if rec.Key[d] == traffic.Unknown && traffic.Dim(d) != traffic.Side { //nolint:gosec // d is below NumDims
			rec.Key[d] = more.Key[d]
		}
	}
	for _, s := range []struct{ to, from *traffic.Sym }{{&rec.Served, &more.Served}, {&rec.FallbackFrom, &more.FallbackFrom}, {&rec.Finish, &more.Finish}} {
		if *s.to == traffic.Unknown {
			*s.to = *s.from
		}
	}
	lacks := more.Known &^ rec.Known &^ traffic.HasStatus
	for _, n := range []struct {
		has      traffic.Field
		to, from *time.Duration
	}{{traffic.HasLatency, &rec.Latency, &more.Latency}, {traffic.HasTTFT, &rec.TTFT, &more.TTFT}, {traffic.HasRetryAfter, &rec.RetryAfter, &more.RetryAfter}} {
		if lacks&n.has != 0 {
			*n.to = *n.from
		}
	}
	for _, n := range []struct {
		has      traffic.Field
		to, from *int64
	}{
		{traffic.HasTokensIn, &rec.TokensIn, &more.TokensIn},
		{traffic.HasTokensOut, &rec.TokensOut, &more.TokensOut},
		{traffic.HasTokensCached, &rec.TokensCached, &more.TokensCached},
	} {
		if lacks&n.has != 0 {
			*n.to = *n.from
		}
	}
	if lacks&traffic.HasAttempt != 0 {
		rec.Attempt = more.Attempt
	}
	rec.Known |= lacks
	if rec.RequestID == "" {
		rec.RequestID = more.RequestID
	}
	if rec.Shape == 0 {
		rec.Shape = more.Shape
	}
}

// judge gives a format up when it reads less than half of the bodies, as after a deploy that changed the sender's log.
func (s *sender) judge(text []byte, unparsed bool, now time.Time) {
	s.judged++
	if unparsed {
		s.misread++
		if len(s.recent) < decode.SampleLines {
			s.recent = append(s.recent, bytes.Clone(text[:min(len(text), maxSample)]))
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

// tally sums up what the streams have counted. Lines are counted by the source: one item may be tried twice.
func (s *sender) tally() decode.Tally {
	t := s.past
	if s.text != nil {
		t = addTally(t, s.text.Tally())
	}
	t.Unparsed, t.Newest = s.unparsed, s.newest
	return t
}

func addTally(a, b decode.Tally) decode.Tally {
	a.Skewed += b.Skewed
	a.Unmapped += b.Unmapped
	a.Unparsed += b.Unparsed
	if b.Newest.After(a.Newest) {
		a.Newest = b.Newest
	}
	return a
}

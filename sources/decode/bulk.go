package decode

import (
	"slices"
	"time"

	"signalbox/internal/traffic"
	"signalbox/sources"
)

// Bulk takes the rest of a stream in blocks of whole lines, for whoever counts and keeps no records: workers decode
// the blocks side by side, and Join takes them in the order of the file. What a line means may depend on lines before
// it: a worker decodes its block as if nothing new were learnt before it, and Join has a block decoded again for which
// that was wrong. A block with lines that may belong together, as stack traces have them, Join takes line by line, and
// the last line of each block too, because what belongs to it may stand in the next. So the result is that of Take.
type Bulk struct {
	s    *Stream
	dec  *jsonLines // the stream's own, whose learning is that of all blocks joined
	own  *Worker
	lone *Block // for lines that are taken one by one
	over bool   // the format was given up: the rest goes line by line
}

// Block is some lines on their way.
type Block struct {
	Buf  []byte // whole lines, each with its line feed; Room bytes follow its end
	Now  time.Time
	Lost int64 // bytes left out of a line that was too long

	// After Decode: what counts, with the places that Keys numbers, and what is missing in it.
	Briefs []traffic.Brief
	Lack   Lack

	before, after learning
	last          int  // where the last line begins, which is left to Join
	together      bool // some of its lines may belong together
	lines         int
	bads          []bad
	tally         Tally
	newest        int64 // of tally, in unix nanoseconds; 0 for none
	unknown       []traffic.UnknownPlace
	worker        *Worker
	keys          []traffic.Key // that the worker had given numbers then
}

// Room is how many bytes must be free behind the lines of a block.
const Room = pad

// bad is a line that could not be read.
type bad struct {
	line     int // of the block's
	from, to int
	why      string
}

// Lack counts the records that do not say what an operator asks for first.
type Lack struct {
	Records, Time, Model, Status int64
	Place                        int64 // says a deployment, but no region is known of it
}

// Add adds the counts of another.
func (l *Lack) Add(o Lack) {
	l.Records += o.Records
	l.Time += o.Time
	l.Model += o.Model
	l.Status += o.Status
	l.Place += o.Place
}

// Bulk begins to take the stream in blocks. It gives nil as long as the format is not told, and for formats whose
// lines must be taken one by one.
func (s *Stream) Bulk() *Bulk {
	dec := s.bulky()
	if dec == nil || len(s.held) > 0 || s.opt.Misread != nil || s.opt.Skipped != nil {
		return nil
	}
	opt := s.opt
	opt.Unknown = nil
	return &Bulk{s: s, dec: dec, own: newWorker(opt)}
}

// bulky gives the stream's decoder if it is one whose lines can be taken in blocks.
func (s *Stream) bulky() *jsonLines {
	dec, ok := s.dec.(*jsonLines)
	if !ok || len(s.chain.names) > 0 {
		return nil
	}
	return dec
}

// Worker makes a worker. It belongs to one goroutine at a time, and has symbols of its own, so that the order in
// which workers meet names does not show.
func (b *Bulk) Worker() *Worker {
	opt := b.s.opt
	opt.Kit.Symbols = traffic.NewSymbols(0)
	return newWorker(opt)
}

// Begin sets a block up to be decoded. It is called in the order of the blocks, by whoever calls Join.
func (b *Bulk) Begin(k *Block) { k.before = b.dec.learning }

// Join takes the next block, and hands over its briefs in up to three parts: of what waited for it, of its lines, and
// of its last line.
func (b *Bulk) Join(k *Block, take func(*Block)) {
	lane := &b.s.lanes.only
	if b.over || k.together || lane.active || len(lane.before) > 0 {
		b.lineByLine(k.Buf, k.Now, take)
		return
	}
	if k.before != b.dec.learning {
		k.before = b.dec.learning
		b.own.Decode(k)
	}
	if !b.judge(k) {
		b.lineByLine(k.Buf, k.Now, take)
		return
	}
	s := b.s
	if k.lines > 0 {
		s.release(lane)
		b.records(take)
	}
	s.tally.Lines += int64(k.lines)
	s.tally.Records += k.tally.Records
	s.tally.Unparsed += int64(len(k.bads))
	s.tally.Skewed += k.tally.Skewed
	s.tally.Unmapped += k.tally.Unmapped
	if t := time.Unix(0, k.newest); k.newest > 0 && t.After(s.tally.Newest) {
		s.tally.Newest = t.UTC()
	}
	s.opt.Unknown.Add(k.unknown)
	for _, bad := range k.bads[:min(len(k.bads), MaxExamples)] {
		line := k.Buf[bad.from:bad.to]
		s.example(line, line, bad.why)
	}
	b.dec.learning = k.after
	take(k)
	b.lineByLine(k.Buf[k.last:], k.Now, take)
}

// judge does for a block what Stream.judge does for a line. It gives false, and changes nothing, where a format would
// be given up within the block.
func (b *Bulk) judge(k *Block) bool {
	s := b.s
	if !s.auto() {
		return true
	}
	judged, misread, first := s.judged, s.misread, 0 // first of the bad lines since the last judgement
	for line, next := 0, 0; line < k.lines; {
		n := min(k.lines-line, judgeEvery-judged)
		line, judged = line+n, judged+n
		for next < len(k.bads) && k.bads[next].line < line {
			misread, next = misread+1, next+1
		}
		if judged < judgeEvery {
			continue
		}
		if misread*2 > judged {
			return false
		}
		judged, misread, first = 0, 0, next
		s.recent = nil
	}
	s.judged, s.misread = judged, misread
	for _, bad := range k.bads[first:] {
		if len(s.recent) < SampleLines {
			s.recent = append(s.recent, slices.Clone(k.Buf[bad.from:min(bad.to, bad.from+maxSampleLine)]))
		}
	}
	return true
}

// lineByLine takes lines as Take does.
func (b *Bulk) lineByLine(buf []byte, now time.Time, take func(*Block)) {
	for at := 0; at < len(buf); {
		line, _, next := cutLine(buf, at)
		at = next
		if len(line) > 0 {
			b.s.Take(Line{Text: line}, now)
		}
	}
	b.records(take)
	dec := b.s.bulky()
	if b.over = dec == nil; !b.over {
		b.dec = dec
	}
}

// Rest takes what the stream still holds back, at the end of its input.
func (b *Bulk) Rest(now time.Time, take func(*Block)) {
	b.s.Settle(now)
	b.records(take)
}

// records hands over what the stream has made records of.
func (b *Bulk) records(take func(*Block)) {
	if len(b.s.out) == 0 {
		return
	}
	if b.lone == nil {
		b.lone = NewBlock(b.s.opt.Kit)
	}
	b.lone.Records(b.s)
	take(b.lone)
}

// NewBlock makes an empty block for records that a stream makes line by line, with the symbols of the kit.
func NewBlock(kit sources.Kit) *Block {
	k := &Block{}
	k.reset(&Worker{syms: kit.Symbols, places: traffic.NewPlaces(maxCells)})
	return k
}

func (k *Block) reset(w *Worker) {
	k.Briefs, k.Lack, k.bads, k.lines, k.tally, k.worker = k.Briefs[:0], Lack{}, k.bads[:0], 0, Tally{}, w
	k.last, k.together, k.unknown, k.newest = 0, false, nil, 0
}

// Records takes the records that a stream has made since they were last cleared, in place of what the block had, and
// clears them.
func (k *Block) Records(s *Stream) {
	k.reset(k.worker)
	for i := range s.out {
		k.record(&s.out[i])
	}
	s.Clear()
	k.worker.mark(k)
}

// record shortens one record.
func (k *Block) record(rec *traffic.Record) *traffic.Brief {
	k.Lack.count(rec.Key, rec.Received, rec.Known)
	k.Briefs = append(k.Briefs, rec.Brief(k.worker.places.Of(rec.Key.Cell())))
	b := &k.Briefs[len(k.Briefs)-1]
	switch k.worker.syms.Name(rec.Key[traffic.Stream]) {
	case "true":
		b.Marks |= traffic.Streams
	case "false":
		b.Marks |= traffic.Whole
	}
	return b
}

func (l *Lack) count(k traffic.Key, received bool, known traffic.Field) {
	l.Records++
	if received {
		l.Time++
	}
	if k[traffic.Model] == traffic.Unknown {
		l.Model++
	}
	if known&traffic.HasStatus == 0 {
		l.Status++
	}
	if k[traffic.Deployment] != traffic.Unknown && k[traffic.Region] == traffic.Unknown {
		l.Place++
	}
}

// Keys gives the keys that the block's places number, and the table of their symbols. The first of them are those of
// earlier blocks of the same owner.
func (k *Block) Keys() (owner any, keys []traffic.Key, syms *traffic.Symbols) {
	return k.worker, k.keys, k.worker.syms
}

package decode

import (
	"time"

	"signalbox/internal/traffic"
)

// short makes lines of the plain successes of a stream of JSON, in place of records: what counts of each, and its text
// beside that of the others. It reads by the stream's own decoder, so that what one line says about later ones is the same.
type short struct {
	worker Worker
	lines  traffic.Lines
	words  [3]lastWord
}

// maxNumbered bounds the places that lines can name; what comes from others becomes records.
const maxNumbered = 32 << 10

// lastWord is the symbol of a text that comes again and again.
type lastWord struct {
	text []byte
	sym  traffic.Sym
}

// shortens begins to make lines where the stream's format has them and they are asked for. Those made before stay.
func (s *Stream) shortens() {
	dec := s.bulky()
	s.quickly = dec != nil && s.opt.Places != nil && s.opt.Misread == nil && s.opt.Skipped == nil
	if !s.quickly {
		return
	}
	s.short.worker = Worker{dec: dec, syms: s.opt.Kit.Symbols, places: s.opt.Places}
	s.short.lines.Places, s.short.lines.Source = s.opt.Places, dec.rec.source
}

// Shorten says whether plain successes may become lines from now on, where the options allow it. They may at first.
func (s *Stream) Shorten(yes bool) { s.whole = !yes }

// Lines gives the lines made since the last Clear, which stand between the records. They belong to the stream until then.
func (s *Stream) Lines() *traffic.Lines {
	l := &s.short.lines
	if l.Places != nil {
		l.Keys = l.Places.Keys()
	}
	return l
}

// quick takes a line whose keys come as they did before. It gives false, and has done nothing, for any other.
func (s *Stream) quick(line []byte, now time.Time) bool {
	q, l := &s.short, &s.lanes.only
	if !s.quickly || s.whole || len(line) == 0 || line[0] != '{' || len(line) > maxLearnt || l.active {
		return false
	}
	dec := q.worker.dec
	from := len(q.lines.Text)
	q.lines.Text = append(append(q.lines.Text, line...), "\n               "...)
	d, road := &dec.d, dec.lines.road
	d.begin()
	end, ok := road.follow(q.lines.Text, from, d)
	if !ok || end != from+len(line) {
		q.lines.Text = q.lines.Text[:from]
		return false
	}
	road.missed = max(road.missed-1, 0)
	d.line = q.lines.Text[from:end]
	s.lanes.lines++
	l.line = s.lanes.lines
	s.release(l)
	if kept := q.plain(s, from, now); kept > 0 {
		q.lines.Text = q.lines.Text[:from+kept]
		l.before = nil
		if s.auto() {
			s.judge(line, Request, now)
		}
		return true
	}
	q.lines.Text = q.lines.Text[:from] // what the draft points to stays there for now
	rec, res := dec.finish(now)
	s.place(l, &wrapped{text: line}, line, rec, res, now)
	if s.auto() {
		s.judge(line, res.Kind, now)
	}
	return true
}

// plain makes a line of the draft, and tells how much of the text it has; 0 where it must become a record.
func (q *short) plain(s *Stream, from int, now time.Time) (kept int) {
	w, d := &q.worker, &q.worker.dec.d
	if d.rank[fRetryAfter] != 0 || len(s.opt.Places.Keys()) >= maxNumbered {
		return 0
	}
	raw := d.line[:min(len(d.line), MaxRaw)]
	id := d.word(fRequestID)
	at := cap(d.line) - cap(id)
	switch {
	case len(id) == 0:
		at = 0
	case len(id) > maxWord || at < 0 || at+len(id) > len(raw) || &raw[at] != &id[0]:
		return 0 // it is not what stands in the line
	}
	q.lines.All = append(q.lines.All, traffic.Line{
		After: int32(len(s.out)), Begin: uint32(from), Size: uint32(len(raw)), ID: uint32(at), IDSize: uint32(len(id)), //nolint:gosec // bounded
	})
	x := &q.lines.All[len(q.lines.All)-1]
	place, skewed, ok := w.shorten(&x.Brief, now)
	if !ok {
		q.lines.All = q.lines.All[:len(q.lines.All)-1]
		return 0
	}
	how := streaming(x.Marks)
	if place.whole[how] == 0 {
		place.whole[how] = w.places.Of(w.client(place, how)) + 1
	}
	x.Place = place.whole[how] - 1
	for i, f := range [...]field{fServed, fFallbackFrom, fFinish} {
		if d.rank[f] == 0 {
			continue
		}
		sym := q.words[i].of(w.syms, d.word(f))
		switch f {
		case fServed:
			x.Served = sym
		case fFallbackFrom:
			x.From = sym
		default:
			x.Finish = sym
		}
	}
	if shape := d.word(fShape); len(shape) > 0 {
		x.Shape = shapeHash(shape)
	}
	s.made(&x.Brief, skewed, place.unmapped)
	return len(raw)
}

func (l *lastWord) of(syms *traffic.Symbols, text []byte) traffic.Sym {
	if string(l.text) != string(text) {
		l.text, l.sym = append(l.text[:0], text...), syms.InternBytes(text)
	}
	return l.sym
}

// made counts a line as keep counts a record.
func (s *Stream) made(b *traffic.Brief, skewed, unmapped bool) {
	s.tally.Records++
	if skewed {
		s.tally.Skewed++
	}
	if unmapped {
		s.tally.Unmapped++
	}
	if b.Marks&traffic.Received == 0 && b.At > s.newest {
		s.newest = b.At
	}
}

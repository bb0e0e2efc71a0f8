package decode

import (
	"strings"
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
	w := &s.short.worker
	*w = Worker{dec: dec, syms: s.opt.Kit.Symbols, places: s.opt.Places}
	w.track = newTrack(w)
	w.track.lines = true
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

// behind is what must stand behind a line for it to be read.
var behind = "\n" + strings.Repeat(" ", reach+pad)

// quick takes a line whose keys come as they did before. It gives false, and has done nothing, for any other.
func (s *Stream) quick(line []byte, now time.Time) bool {
	q, l := &s.short, &s.lanes.only
	if !s.quickly || s.whole || len(line) == 0 || line[0] != '{' || len(line) > maxLearnt || l.active || len(s.opt.Places.Keys()) >= maxNumbered {
		return false
	}
	from := len(q.lines.Text)
	q.lines.Text = append(append(q.lines.Text, line...), behind...)
	q.lines.All = append(q.lines.All, traffic.Line{After: int32(len(s.out)), Begin: uint32(from), Size: uint32(min(len(line), MaxRaw))}) //nolint:gosec // bounded
	x := &q.lines.All[len(q.lines.All)-1]
	kind := Request
	if at := q.tracked(x, now); at != nil {
		s.goOn(l)
		x.After = int32(len(s.out)) //nolint:gosec // bounded
		s.made(&x.Brief, false, at.unmapped)
	} else {
		var ok bool
		if kind, ok = s.drafted(x, line, now); !ok {
			return false
		}
	}
	if s.auto() {
		s.judge(line, kind, now)
	}
	return true
}

// goOn lets the lane of plain lines go on.
func (s *Stream) goOn(l *lane) {
	s.lanes.lines++
	l.line = s.lanes.lines
	s.release(l)
	l.before = nil
}

// keep ends the text with the line, or with what is kept of it.
func (q *short) keep(x *traffic.Line) { q.lines.Text = q.lines.Text[:x.Begin+x.Size] }

// drop takes the line and its text back.
func (q *short) drop(x *traffic.Line) {
	q.lines.Text = q.lines.Text[:x.Begin]
	q.lines.All = q.lines.All[:len(q.lines.All)-1]
}

// tracked reads the last line along the track, and gives its place, nil where it must be read otherwise.
func (q *short) tracked(x *traffic.Line, now time.Time) *filled {
	w, t := &q.worker, q.worker.track
	if t.pause > 0 {
		t.pause--
		return nil
	}
	t.before = now.Unix() + int64(MaxSkew/time.Second)
	end, stop := t.brief(q.lines.Text, int(x.Begin), &x.Brief)
	if end == 0 {
		x.Brief = traffic.Brief{}
		return nil
	}
	if end != len(q.lines.Text)-len(behind)+1 || !q.identify(x, q.lines.Text[t.id[0]:t.id[1]]) {
		x.Brief = traffic.Brief{}
		return nil
	}
	if stop.at.unknown != nil {
		stop.at.unknown.Add(1)
	}
	x.Served, x.Finish = t.served, t.reason
	x.Place = w.number(stop.at, streaming(t.streams))
	q.keep(x)
	return stop.at
}

// identify notes where a line's request id stands; false where it is not what the bytes there say, or is not kept.
func (q *short) identify(x *traffic.Line, id []byte) bool {
	id = wordOf(id)
	if len(id) == 0 {
		return true
	}
	at := cap(q.lines.Text) - cap(id) - int(x.Begin)
	if len(id) > maxWord || at < 0 || at+len(id) > int(x.Size) || &q.lines.Text[int(x.Begin)+at] != &id[0] {
		return false
	}
	x.ID, x.IDSize = uint32(at), uint32(len(id)) //nolint:gosec // bounded
	return true
}

// drafted reads the last line along the template, and makes a record of it where it is no plain success. It gives false
// where the line must be read otherwise.
func (s *Stream) drafted(x *traffic.Line, line []byte, now time.Time) (Kind, bool) {
	q, l := &s.short, &s.lanes.only
	dec, from := q.worker.dec, int(x.Begin)
	d, road := &dec.d, dec.lines.road
	d.begin()
	end, ok := road.follow(q.lines.Text, from, d)
	if !ok || end != from+len(line) {
		q.drop(x)
		return 0, false
	}
	road.missed = max(road.missed-1, 0)
	d.line = q.lines.Text[from:end]
	before := l.before
	s.goOn(l)
	x.After = int32(len(s.out)) //nolint:gosec // bounded
	if at, skewed, ok := q.plain(x, now); ok {
		q.worker.track.lay(q.lines.Text, from, end+1, &x.Brief)
		q.keep(x)
		s.made(&x.Brief, skewed, at.unmapped)
		return Request, true
	}
	q.drop(x) // what the draft points to stays there for now
	rec, res := dec.finish(now)
	l.before = before
	s.place(l, &wrapped{text: line}, line, rec, res, now)
	return res.Kind, true
}

// plain makes a line of the draft; false where it must become a record.
func (q *short) plain(x *traffic.Line, now time.Time) (place *filled, skewed, ok bool) {
	w, d := &q.worker, &q.worker.dec.d
	if d.rank[fRetryAfter] != 0 || !q.identify(x, d.word(fRequestID)) {
		return nil, false, false
	}
	if place, skewed, ok = w.shorten(&x.Brief, now); !ok {
		return nil, false, false
	}
	x.Place = w.number(place, streaming(x.Marks))
	if d.rank[fServed] != 0 {
		x.Served = q.words[0].of(w.syms, d.word(fServed))
	}
	if d.rank[fFinish] != 0 {
		x.Finish = q.words[1].of(w.syms, d.word(fFinish))
	}
	if d.rank[fFallbackFrom] != 0 {
		x.From = q.words[2].of(w.syms, d.word(fFallbackFrom))
	}
	if shape := d.word(fShape); len(shape) > 0 {
		x.Shape = shapeHash(shape)
	}
	return place, skewed, true
}

// number gives the number of a whole place on the client's side, with what streaming has numbered.
func (w *Worker) number(at *filled, how int) uint32 {
	if at.whole[how] == 0 {
		at.whole[how] = w.places.Of(w.client(at, how)) + 1
	}
	return at.whole[how] - 1
}

func (l *lastWord) of(syms *traffic.Symbols, text []byte) traffic.Sym {
	if string(l.text) != string(text) {
		l.text, l.sym = append(l.text[:0], text...), syms.InternBytes(text)
	}
	return l.sym
}

// made counts a line as keep counts a record.
func (s *Stream) made(b *traffic.Brief, skewed, unmapped bool) {
	s.tally.add(skewed, unmapped)
	if b.Marks&traffic.Received == 0 && b.At > s.newest {
		s.newest = b.At
	}
}

package board

import "signalbox/internal/traffic"

// Find says which records are looked for. The zero Find keeps none: it asks for no failure and no success.
type Find struct {
	Sel        traffic.Selector
	Text       string // in request id, code, type, message or raw line; empty: anywhere
	CaseCounts bool   // upper and lower case are told apart
	Not        bool   // those without the text
	Failures   int    // how many failures are wanted at most
	Successes  int    // how many successes
	Most       int    // how many of both together; 0: as many as of each
	// InKey and InOutcome tell whether the text is in the words of a key or an outcome; nil: it is not. They are asked once for
	// each, not once a record.
	InKey     func(traffic.Key) bool
	InOutcome func(traffic.Outcome) bool
}

// Hit is one record that was found.
type Hit struct {
	Seq    int64
	Failed bool
}

// ending tells that nobody waits for the answer any more. context.Context is one.
type ending interface{ Err() error }

// noEnd is waited for.
type noEnd struct{}

func (noEnd) Err() error { return nil }

// Finder looks for records of one view. It belongs to one goroutine; several may look at one view side by side.
type Finder struct {
	find   Find
	view   Records
	needle needle
	u      unpacked
	folded []byte
	words  []byte // of what others explained

	seg      int              // the segment that verdicts are about, -1: none yet
	verdicts []verdict        // by key of the segment
	outcomes map[uint16]bool  // in whose words the text is
	keep     [blockMark]state // of the records of one block
}

// verdict says what a key means for the question.
type verdict uint8

const (
	unjudged verdict = iota
	out              // not selected
	in               // selected
	named            // selected, and the text is in its words
)

// state is where a record of the block stands.
type state uint8

const (
	passed state = iota // it is not looked for
	asked               // its text decides
	hit
)

// blockMark is the number of records that are looked at together: at least those of a block.
const blockMark = blockRecords

// Finder makes a finder of the view.
func (r Records) Finder(f Find) *Finder {
	return &Finder{find: f, view: r, needle: newNeedle(f.Text, f.CaseCounts), seg: -1, outcomes: map[uint16]bool{}}
}

// Look looks through the records with sequence numbers in [from, to), newest first, until it has all that are wanted or nobody
// waits any more. It gives the hits, newest first, and how far down it came.
func (f *Finder) Look(ctx ending, from, to int64) ([]Hit, int64) {
	from, to = max(from, f.view.base), min(to, f.view.base+int64(f.view.n))
	var hits []Hit
	wantBad, wantGood := f.find.Failures, f.find.Successes
	for to > from && (wantBad > 0 || wantGood > 0) && ctx.Err() == nil {
		low := max(from, f.lowest(to))
		if asks := f.mark(low, to, wantBad > 0, wantGood > 0); asks > 0 {
			f.search(low, to, asks)
		}
		for seq := to - 1; seq >= low; seq-- {
			if f.keep[seq-low] != hit {
				continue
			}
			s, i, _ := f.view.where(seq)
			bad := failed(s.outcome[i])
			want := &wantGood
			if bad {
				want = &wantBad
			}
			if *want <= 0 {
				continue
			}
			*want--
			hits = append(hits, Hit{seq, bad})
			if wantBad <= 0 && wantGood <= 0 || len(hits) == f.find.Most {
				return hits, seq
			}
		}
		to = low
	}
	return hits, to
}

// lowest is how far down from to records are looked at together: to the beginning of a segment, of a block where text is asked
// for, and no more than are marked at once.
func (f *Finder) lowest(to int64) int64 {
	v := &f.view
	low := max(to-blockMark, v.segBase+(to-1-v.segBase)/segmentLen*segmentLen)
	if f.find.Text == "" {
		return low
	}
	if v.draft.n > 0 && to > v.draft.first {
		return max(low, v.draft.first)
	}
	return max(low, v.blocks[v.block(to-1)].first)
}

// mark decides by the columns. It tells how many records' text is to be read.
func (f *Finder) mark(low, to int64, bad, good bool) int {
	s, from, t := f.view.where(low)
	if seg := int((low - f.view.segBase) / segmentLen); seg != f.seg {
		f.seg = seg
		f.verdicts = append(f.verdicts[:0], make([]verdict, len(t.keys))...)
	}
	n := int(to - low)
	keys, outs, keep := s.key[from:from+n], s.outcome[from:from+n], f.keep[:n]
	asks := 0
	for i, k := range keys {
		keep[i] = passed
		o := outs[i]
		if b := failed(o); b && !bad || !b && !good {
			continue
		}
		v := f.verdicts[k]
		if v == unjudged {
			v = f.judge(t.keys[k])
			f.verdicts[k] = v
		}
		switch {
		case v == out:
		case f.find.Text == "":
			keep[i] = hit
		case v == named || f.inOutcome(o):
			if !f.find.Not {
				keep[i] = hit
			}
		default:
			keep[i] = asked
			asks++
		}
	}
	return asks
}

func (f *Finder) judge(k traffic.Key) verdict {
	switch {
	case !f.find.Sel.Match(k):
		return out
	case f.find.InKey != nil && f.find.Text != "" && f.find.InKey(k):
		return named
	}
	return in
}

func (f *Finder) inOutcome(o uint16) bool {
	if f.find.InOutcome == nil {
		return false
	}
	yes, known := f.outcomes[o]
	if !known {
		yes = f.find.InOutcome(unpackOutcome(o))
		f.outcomes[o] = yes
	}
	return yes
}

// search reads the text of the records that are asked for.
func (f *Finder) search(low, to int64, asks int) {
	v := &f.view
	if v.draft.n > 0 && low >= v.draft.first {
		f.u.openDraft(&v.draft)
	} else {
		f.u.open(v.blocks[v.block(low)])
	}
	first := low - f.u.first
	entries := f.u.entries[first : first+to-low]
	yes, no := hit, passed
	if f.find.Not {
		yes, no = passed, hit
	}
	switch {
	case f.needle.wide:
		f.scanWide(entries, yes)
	case asks*fewOf < len(entries):
		for i := range entries {
			if f.keep[i] == asked {
				f.scan(entries[i:i+1], f.keep[i:i+1], yes)
			}
		}
	default:
		f.scan(entries, f.keep[:len(entries)], yes)
	}
	s, from, _ := v.where(low)
	for i := range entries {
		if f.keep[i] == asked {
			f.keep[i] = no
			if f.inNotes(s, from+i, low+int64(i)) {
				f.keep[i] = yes
			}
		}
	}
}

// fewOf is of how many records one must be asked for, that they are looked through together and not each by itself.
const fewOf = 4

// scan marks the records whose own text has the needle. It looks through their texts as one.
func (f *Finder) scan(entries []entry, keep []state, yes state) {
	base := entries[0].at
	text := f.u.text[base:entries[len(entries)-1].end()]
	if f.needle.folds {
		text, f.folded = foldASCII(text, f.folded)
	}
	at := 0 // of the record that the last match was in
	for pos := 0; pos < len(text); {
		next := f.needle.index(text[pos:])
		if next < 0 {
			return
		}
		pos += next
		for entries[at].end() <= base+pos {
			at++
		}
		e := entries[at]
		if keep[at] != asked {
			pos = e.end() - base
			continue
		}
		if e.within(base+pos, len(f.needle.text)) {
			keep[at] = yes
			pos = e.end() - base
			continue
		}
		pos++
	}
}

// within tells whether n bytes from a place on lie in one of the record's texts.
func (e entry) within(at, n int) bool {
	from := e.at
	for _, size := range [...]int{e.id, e.code, e.kind, e.message, e.raw} {
		if at >= from && at+n <= from+size {
			return true
		}
		from += size
	}
	return false
}

// scanWide folds each text of each record by itself, because folding letters beyond ASCII changes where they are.
func (f *Finder) scanWide(entries []entry, yes state) {
	for i, e := range entries {
		if f.keep[i] != asked {
			continue
		}
		at := e.at
		if f.needle.beyond && plain(f.u.text[at:e.end()]) {
			continue
		}
		for _, size := range [...]int{e.id, e.code, e.kind, e.message, e.raw} {
			f.folded = foldWide(f.folded[:0], f.u.text[at:at+size])
			if f.needle.index(f.folded) >= 0 {
				f.keep[i] = yes
				break
			}
			at += size
		}
	}
}

// inNotes looks at a record as others have explained it.
func (f *Finder) inNotes(s *segment, i int, seq int64) bool {
	a := s.note(i, f.view.seq)
	if a == nil {
		return false
	}
	x := f.u.texts(seq)
	rec := traffic.Record{Code: x.code, Type: x.kind, Message: x.message, Raw: x.raw}
	for ; a != nil; a = a.prev {
		a.text.join(&rec)
	}
	for _, text := range [...]string{rec.Code, rec.Type, rec.Message, rec.Raw} {
		if f.needle.in(text, &f.words) {
			return true
		}
	}
	return false
}

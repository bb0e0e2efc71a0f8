package desk

import (
	"context"
	"runtime"
	"slices"
	"strings"
	"sync"

	"signalbox/internal/board"
	"signalbox/internal/traffic"
)

// The work of one answer, counted in records whose text is looked through. The first answer is quick, so that the newest hits are
// on the screen while the search goes on.
const (
	firstLook   = 32_768
	furtherLook = 131_072
	stripeLook  = 8192
	maxLookers  = 4 // goroutines of one answer
)

// RecordSearch is one question about the records and what was found so far. It holds no view between two answers. It is for one
// client; answers to it come one after the other.
type RecordSearch struct {
	mu    sync.Mutex
	desk  *Desk
	find  board.Find
	first bool
	sorts bool // into kinds of failure
	limit int
	text  string
	begun bool

	bottom, top int64 // the sequence numbers in [bottom, top) were looked at
	mark        uint64
	hits        []board.Hit // newest first
	lines       map[int64]RecordLine
	labels      map[traffic.Key]traffic.Scope // as the lines have them; shared, and never changed
}

// maxLabels bounds the keys whose labels are kept between two answers.
const maxLabels = 4096

// Records answers the log pane. It reads a published view and never holds the desk up; it may be called from any goroutine and
// stops when ctx ends. Where much text is to be looked through the answer is a part, and the page says so.
func (d *Desk) Records(ctx context.Context, q RecordQuery) (RecordPage, error) {
	s := q.Next
	if s == nil {
		s = d.newSearch(q)
	}
	view := d.records.Load()
	if view == nil {
		return RecordPage{Next: s}, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.look(ctx, *view)
	if ctx.Err() != nil {
		return RecordPage{}, context.Cause(ctx)
	}
	return s.page(*view), nil
}

func (d *Desk) newSearch(q RecordQuery) *RecordSearch {
	limit := q.Limit
	if limit <= 0 {
		limit = 200
	}
	text, not := strings.CutPrefix(strings.ToLower(q.Text), "!")
	s := &RecordSearch{desk: d, first: q.First && !q.Failures, sorts: q.Kinds, limit: limit, text: text, lines: map[int64]RecordLine{}, labels: map[traffic.Key]traffic.Scope{}}
	s.find = board.Find{Sel: q.Scope.Selector(d.syms), Text: text, Not: not, Failures: limit, Successes: limit, Most: limit}
	switch {
	case q.Kinds:
		s.find.Failures, s.find.Successes, s.find.Most = kindLook, 0, 0
	case q.Failures:
		s.find.Successes = 0
	case q.First:
		s.find.Failures, s.find.Most = limit/2, 0
	}
	return s
}

// finder makes a finder of its own for each goroutine, because what it remembers of names is its own.
func (s *RecordSearch) finder(view board.Records, f board.Find) *board.Finder {
	if s.text != "" {
		known := map[traffic.Sym]bool{}
		f.InKey = func(k traffic.Key) bool {
			for _, sym := range k {
				if sym == traffic.Unknown {
					continue
				}
				in, seen := known[sym]
				if !seen {
					in = strings.Contains(strings.ToLower(s.desk.syms.Name(sym)), s.text)
					known[sym] = in
				}
				if in {
					return true
				}
			}
			return false
		}
		f.InOutcome = func(o traffic.Outcome) bool { return strings.Contains(strings.ToLower(o.Class().String()), s.text) }
	}
	return view.Finder(f)
}

// look brings the search up to a view and then goes on towards older records.
func (s *RecordSearch) look(ctx context.Context, view board.Records) {
	first, end := view.First(), view.First()+int64(view.Len())
	explained, mark, known := view.Explained(s.mark)
	if !s.begun || !known || end < s.top {
		s.begun, s.top, s.bottom, s.hits, explained = true, end, end, nil, nil
		clear(s.lines)
	}
	s.mark = mark
	s.bottom = max(s.bottom, first)
	s.hits = slices.DeleteFunc(s.hits, func(h board.Hit) bool { return h.Seq < first })
	budget := int64(firstLook)
	if s.top > s.bottom {
		budget = furtherLook
	}
	s.newer(ctx, view, end)
	s.again(view, explained)
	if want := s.wanted(); want.Failures > 0 || want.Successes > 0 {
		hits, reached := s.search(ctx, view, want, max(first, s.bottom-s.reach(budget, view)), s.bottom)
		s.hits, s.bottom = append(s.hits, hits...), reached
	}
	s.cut()
}

// reach is how far one answer looks: without text there is nothing to unpack.
func (s *RecordSearch) reach(budget int64, view board.Records) int64 {
	if s.text == "" {
		return int64(view.Len())
	}
	return budget
}

// newer looks at what has come since the last answer. Where that is more than is wanted, or than one answer looks at, what was
// found before is too old to matter or is looked for again.
func (s *RecordSearch) newer(ctx context.Context, view board.Records, end int64) {
	if s.top >= end {
		return
	}
	from := max(s.top, end-s.reach(furtherLook, view))
	hits, reached := s.search(ctx, view, s.find, from, end)
	if reached > s.top {
		s.hits, s.bottom = hits, reached
	} else {
		s.hits = append(hits, s.hits...)
	}
	s.top = end
}

// again looks once more at records that other lines have explained since.
func (s *RecordSearch) again(view board.Records, explained []int64) {
	if len(explained) == 0 {
		return
	}
	f := s.finder(view, s.find)
	for _, seq := range explained {
		delete(s.lines, seq)
		if seq < s.bottom || seq >= s.top {
			continue
		}
		at, found := slices.BinarySearchFunc(s.hits, seq, func(h board.Hit, seq int64) int { return int(seq - h.Seq) })
		if found {
			s.hits = slices.Delete(s.hits, at, at+1)
		}
		if hit, _ := f.Look(context.Background(), seq, seq+1); len(hit) > 0 {
			s.hits = slices.Insert(s.hits, at, hit[0])
		}
	}
}

// wanted is what is still to be found.
func (s *RecordSearch) wanted() board.Find {
	f := s.find
	for _, h := range s.hits {
		if h.Failed {
			f.Failures--
		} else {
			f.Successes--
		}
	}
	if f.Most > 0 {
		if f.Most -= len(s.hits); f.Most <= 0 {
			f.Failures, f.Successes = 0, 0
		}
	}
	return f
}

// cut lets go of what is more than wanted, the oldest of either kind.
func (s *RecordSearch) cut() {
	bad, good, most := s.find.Failures, s.find.Successes, s.find.Most
	s.hits = slices.DeleteFunc(s.hits, func(h board.Hit) bool {
		left := &good
		if h.Failed {
			left = &bad
		}
		if *left <= 0 || s.find.Most > 0 && most <= 0 {
			return true
		}
		*left--
		most--
		return false
	})
}

// search looks through [from, to), newest first, on several cores where there is text to unpack. It waits for all of them.
func (s *RecordSearch) search(ctx context.Context, view board.Records, f board.Find, from, to int64) ([]board.Hit, int64) {
	if s.text == "" || to-from <= stripeLook {
		return s.finder(view, f).Look(ctx, from, to)
	}
	type found struct {
		hits    []board.Hit
		reached int64
	}
	stripes := make([]found, (to-from+stripeLook-1)/stripeLook)
	ends := func(i int) (lo, hi int64) {
		hi = to - int64(i)*stripeLook
		return max(from, hi-stripeLook), hi
	}
	lookers := min(runtime.GOMAXPROCS(0), maxLookers, len(stripes))
	var wg sync.WaitGroup
	for n := range lookers {
		wg.Go(func() {
			one := s.finder(view, f)
			for i := n; i < len(stripes); i += lookers {
				lo, hi := ends(i)
				stripes[i].hits, stripes[i].reached = one.Look(ctx, lo, hi)
			}
		})
	}
	wg.Wait()
	var hits []board.Hit
	for i := range stripes {
		hits = append(hits, stripes[i].hits...)
		if lo, _ := ends(i); stripes[i].reached > lo {
			return hits, stripes[i].reached // it has found all that is wanted, or nobody waits
		}
	}
	return hits, from
}

// page makes the lines of what was found. A line that was made for the page before is not made again.
func (s *RecordSearch) page(view board.Records) RecordPage {
	p := RecordPage{Of: view.Len(), LetGo: view.LetGo(), Next: s}
	want := s.wanted()
	p.More = s.bottom > view.First() && (want.Failures > 0 || want.Successes > 0)
	p.Looked = int(s.top - s.bottom)
	if !p.More {
		p.Looked = p.Of
	}
	if s.sorts {
		s.kinds(view, &p)
		return p
	}
	hits := s.hits
	if s.first {
		hits = slices.Clone(hits)
		slices.SortStableFunc(hits, func(a, b board.Hit) int {
			switch {
			case a.Failed == b.Failed:
				return 0
			case a.Failed:
				return -1
			}
			return 1
		})
	}
	hits = hits[:min(len(hits), s.limit)]
	reader := view.Reader()
	old := s.lines
	s.lines = make(map[int64]RecordLine, len(hits))
	p.Lines = make([]RecordLine, 0, len(hits))
	for _, h := range hits {
		l, made := old[h.Seq]
		if !made {
			rec, ok := reader.Seq(h.Seq)
			if !ok {
				continue
			}
			l = s.desk.recordLine(rec, s.label(rec.Key))
			p.Made++
		}
		s.lines[h.Seq] = l
		p.Lines = append(p.Lines, l)
	}
	return p
}

// label gives the labels of a key, safe for a screen.
func (s *RecordSearch) label(k traffic.Key) traffic.Scope {
	have, ok := s.labels[k]
	if !ok {
		if len(s.labels) >= maxLabels {
			clear(s.labels)
		}
		have = s.desk.labels(k)
		s.labels[k] = have
	}
	return have
}

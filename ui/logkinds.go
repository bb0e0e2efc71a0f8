package ui

import (
	"time"

	"signalbox/internal/desk"
)

// sorting is what an answer says of kinds of failure, each by the line at its place.
type sorting struct {
	kinds []desk.FailureKind
	of    int // failures that were told apart
	since time.Time
}

// words say how much was told apart.
func (s *sorting) words() string {
	return plural(s.of, "failure", "failures") + " since " + hms(s.since) + "Z"
}

// kindRow is one kind of failure: how many, since when, and the newest of them.
func (p *logPane) kindRow(f frame, i int, s subject) string {
	l, k := &p.lines[i], p.sorted.kinds[i]
	r := f.selected(i == p.cur)
	r.right(strong, count(int64(k.N)), 5)
	r.put(strong, "x ")
	r.put(bad, statusWord(l)+" ")
	wide := f.w >= 100
	if wide {
		r.field(bad, classWords(l.Class), 16).put(plainStyle, " ").field(dim, sideWord(l), 7)
	} else {
		r.field(dim, cut(sideWord(l), 1), 2)
	}
	r.put(dim, hms(k.First)+"-"+hms(l.At)+" ")
	at := modelAt(l.Labels)
	if k.Places > 1 {
		at = plural(k.Places, "place", "places")
	}
	switch {
	case wide:
		r.field(plainStyle, at, min(36, f.w/4)).put(plainStyle, " ")
	case s.scope == nil || k.Places > 1:
		r.field(plainStyle, at, min(20, f.w/4)).put(plainStyle, " ")
	}
	return p.say(r, f, l)
}

// kindWords heads the page of a record that stands for its kind.
func (p *logPane) kindWords(i int) []line {
	if p.order != byKind || i >= len(p.sorted.kinds) {
		return nil
	}
	k := p.sorted.kinds[i]
	words := count(int64(k.N)) + " of the newest " + p.sorted.words() + " are of this kind, at " + plural(k.Places, "place", "places") +
		", the first at " + hms(k.First) + "Z. This is the newest."
	return []line{{strong, "kind     ", words}}
}

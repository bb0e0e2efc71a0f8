package ui

import (
	"time"

	"signalbox/internal/desk"
)

// frame is what a pane needs to draw itself.
type frame struct {
	th      *theme
	snap    *desk.Snapshot
	now     time.Time
	w, h    int // of the body, without the title row
	focused bool
}

func (f frame) row() *row { return newRow(f.th, f.w) }

// selected gives a row that is drawn as chosen when sel is set: by a mark, and by colour where the pane is focused.
func (f frame) selected(sel bool) *row {
	r := f.row()
	if !sel {
		return r.put(plainStyle, "  ")
	}
	if f.focused {
		r.base = chosen
	}
	return r.fixed(accent, f.th.mark, 1).put(plainStyle, " ")
}

// say gives one line of text.
func (f frame) say(s style, text string) string { return f.row().put(s, text).line() }

// move is how a cursor goes.
type move int

const (
	moveUp move = iota
	moveDown
	moveLeft
	moveRight
	movePageUp
	movePageDown
	moveHome
	moveEnd
)

// step applies a move to a position in n things, a page being page of them.
func (d move) step(at, n, page int) int {
	switch d {
	case moveUp, moveLeft:
		at--
	case moveDown, moveRight:
		at++
	case movePageUp:
		at -= page
	case movePageDown:
		at += page
	case moveHome:
		at = 0
	case moveEnd:
		at = n - 1
	}
	return max(0, min(at, n-1))
}

// window gives the first of n things to draw so that thing cur is whole on the screen. Only what may be
// on the screen is measured.
func window(n, cur, first, rows int, size func(int) int) int {
	if n == 0 {
		return 0
	}
	first = max(0, min(first, n-1))
	if cur < 0 {
		return first
	}
	if cur < first {
		return cur
	}
	used := 0
	for i := cur; i >= first; i-- {
		used += size(i)
		if used > rows {
			return min(i+1, cur)
		}
	}
	return first
}

// pin is a selection by id: a refresh never moves it to something else.
type pin struct {
	id    string
	at    int // where it was last seen
	first int // first thing on the screen
	page  int // things that fit, as last drawn
}

// find gives the index of the pinned thing, -1 when it is gone or nothing is pinned.
func (p *pin) find(n int, id func(int) string) int {
	if p.id == "" {
		return -1
	}
	if p.at < n && p.at >= 0 && id(p.at) == p.id {
		return p.at
	}
	for i := range n {
		if id(i) == p.id {
			p.at = i
			return i
		}
	}
	return -1
}

// move moves the pin among n things. From nothing, or from something that is gone, it goes to where it was.
func (p *pin) move(d move, n int, id func(int) string) bool {
	if n == 0 {
		return false
	}
	was := p.find(n, id)
	if was < 0 {
		p.at = max(0, min(p.at, n-1))
		switch d {
		case moveHome:
			p.at = 0
		case moveEnd:
			p.at = n - 1
		}
	} else {
		p.at = d.step(was, n, max(1, p.page-1))
	}
	p.id = id(p.at)
	return true
}

// list draws things of several lines each into a pane, around the pin.
func (f frame) list(p *pin, n int, id func(int) string, draw func(i int, sel bool) []string) []string {
	cur := p.find(n, id)
	cache := map[int][]string{}
	lines := func(i int) []string {
		l, ok := cache[i]
		if !ok {
			l = draw(i, i == cur)
			cache[i] = l
		}
		return l
	}
	p.first = window(n, cur, p.first, f.h, func(i int) int { return len(lines(i)) })
	rest := 0
	for i := p.first; i < n && rest < f.h; i++ {
		rest += len(lines(i))
	}
	for p.first > 0 && rest+len(lines(p.first-1)) <= f.h { // no blank rows at the end while there is more above
		p.first--
		rest += len(lines(p.first))
	}
	var out []string
	p.page = 0
	for i := p.first; i < n && len(out) < f.h; i++ {
		out = append(out, lines(i)...)
		p.page++
	}
	if len(out) > f.h {
		out = out[:f.h]
	}
	return out
}

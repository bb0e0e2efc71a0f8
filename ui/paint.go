package ui

import (
	"sort"
	"strings"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"
)

// paint rebuilds what has changed and joins it. Panes are lines of exactly their width, so joining is
// concatenation; lipgloss draws the frame of dialogs and nothing else.
func (m *model) paint() {
	m.drawn.title = m.windowTitle()
	if m.lay.small {
		m.drawn.screen = strings.Join(m.tooSmall(), "\n")
		return
	}
	var ids []paneID
	for p := gridID; p < paneCount; p++ {
		if !m.lay.shows(p) {
			continue
		}
		ids = append(ids, p)
		if m.drawn.dirty[p] || m.drawn.pane[p] == nil {
			m.drawn.pane[p] = m.paintPane(p, m.lay.pane[p])
			m.drawn.dirty[p] = false
		}
	}
	sort.Slice(ids, func(i, j int) bool { return m.lay.pane[ids[i]].x < m.lay.pane[ids[j]].x })
	lines := make([]string, 0, m.lay.h)
	lines = append(lines, m.bandRows()...)
	for y := bandRows; y < m.lay.h-footRows; y++ {
		lines = append(lines, m.joinRow(ids, y))
	}
	lines = append(lines, m.statusRow(), m.hintRow())
	if d := m.top(); d != nil {
		m.overlay(lines, d)
	}
	m.drawn.screen = strings.Join(lines, "\n")
}

// joinRow concatenates the panes' lines at y; one column between panes is a rule.
func (m *model) joinRow(ids []paneID, y int) string {
	var b strings.Builder
	x := 0
	for _, p := range ids {
		r := m.lay.pane[p]
		if y < r.y || y >= r.y+r.h {
			continue
		}
		if gap := r.x - x; gap > 0 {
			b.WriteString(m.th.sgr[dim] + m.th.v + "\x1b[m" + spaces(gap-1))
		}
		b.WriteString(m.drawn.pane[p][y-r.y])
		x = r.x + r.w
	}
	b.WriteString(spaces(m.lay.w - x))
	return b.String()
}

// paintPane draws one pane: a title row and exactly as many lines as it has room for.
func (m *model) paintPane(p paneID, r rect) []string {
	f := frame{th: m.th, snap: m.snap, now: m.now(), w: r.w, h: r.h - 1, focused: m.focus == p}
	var title string
	var body []string
	switch p {
	case gridID:
		title, body = m.grid.draw(f)
	case burstsID:
		title, body = m.bursts.draw(f)
	case logID:
		title, body = m.log.draw(f, m.subject)
	case bookID:
		title, body = m.book.draw(f)
	case leversID:
		if m.reaching() {
			scope, name := m.target()
			title, body = m.levers.drawReach(f, scope, name)
		} else {
			title, body = m.levers.draw(f)
		}
	case timelineID:
		title, body = m.events.draw(f)
	}
	out := make([]string, 0, r.h)
	out = append(out, m.titleRow(p, title, r.w))
	out = append(out, body[:min(len(body), f.h)]...)
	for len(out) < r.h {
		out = append(out, spaces(r.w))
	}
	return out
}

// titleRow names a pane. The focused one is in brackets, for eyes and terminals without colour.
func (m *model) titleRow(p paneID, title string, w int) string {
	r := newRow(m.th, w)
	name := itoa(int(p)) + " " + paneNames[p]
	if m.focus == p {
		r.fixed(accent, m.th.h, 1).put(danger, "["+strings.ToUpper(name)+"]")
	} else {
		r.fixed(dim, m.th.h, 1).put(accent, " "+name+" ")
	}
	if title != "" {
		r.put(dim, " "+title+" ")
	}
	if n := r.room(); n > 0 {
		s := dim
		if m.focus == p {
			s = accent
		}
		r.fixed(s, strings.Repeat(m.th.h, n), n)
	}
	return r.line()
}

// tooSmall says what to do on a terminal that the console does not fit on.
func (m *model) tooSmall() []string {
	w, h := max(m.lay.w, 1), max(m.lay.h, 1)
	text := []string{
		"signalbox: this terminal is too small",
		"It has " + itoa(m.lay.w) + "x" + itoa(m.lay.h) + "; the console needs " + itoa(minWidth) + "x" + itoa(minHeight) + ", and is at its best from 80x24.",
		"Make the window larger or the font smaller. Nothing is lost: the desk works on.",
		m.smallState(),
		m.smallLeave(),
	}
	var out []string
	for _, t := range text {
		for _, l := range wrap(t, w) {
			out = append(out, newRow(m.th, w).put(plainStyle, l).line())
		}
	}
	for len(out) < h {
		out = append(out, spaces(w))
	}
	return out[:h]
}

func (m *model) smallState() string {
	live, out, _ := m.tally()
	return m.snap.Env + ": " + plural(live, "live burst", "live bursts") + ", " + plural(out, "lever out", "levers out")
}

func (m *model) smallLeave() string {
	if _, out, _ := m.tally(); out > 0 {
		return "ctrl+c quits and leaves the levers out; q asks once there is room."
	}
	return "q quits."
}

// overlay draws a dialog over the middle of the screen, below the band and above the hints.
func (m *model) overlay(lines []string, d dialog) {
	room := m.lay.h - bandRows - footRows
	w := min(m.lay.w, 104)
	f := frame{th: m.th, snap: m.snap, now: m.now(), w: w - 4, h: room - 2, focused: true}
	title, body := d.draw(f)
	if len(body) > f.h {
		body = body[:f.h]
	}
	box := m.frameBox(title, body, w)
	top := bandRows + max(0, (room-len(box))/3)
	left := (m.lay.w - w) / 2
	for i, l := range box {
		y := top + i
		if y >= m.lay.h-footRows {
			break
		}
		under := lines[y]
		lines[y] = leftEdge(under, left) + l + rightEdge(under, left+w, m.lay.w-left-w)
	}
}

// leftEdge keeps n columns of what is left of a dialog: a wide character cut in two leaves a blank.
func leftEdge(under string, n int) string {
	s := ansi.Truncate(under, n, "")
	return s + "\x1b[m" + spaces(n-ansi.StringWidth(s))
}

// rightEdge keeps the n columns from column at on.
func rightEdge(under string, at, n int) string {
	s := ansi.TruncateLeft(under, at, "")
	if ansi.StringWidth(s) > n {
		s = ansi.TruncateLeft(under, at+1, "")
	}
	return "\x1b[m" + spaces(n-ansi.StringWidth(s)) + s + "\x1b[m"
}

// frameBox puts a border with a title around lines of w-4 columns.
func (m *model) frameBox(title string, body []string, w int) []string {
	border := lipgloss.NormalBorder()
	if m.env.opt.ASCII {
		border = lipgloss.ASCIIBorder()
	}
	head := newRow(m.th, w)
	head.fixed(accent, border.TopLeft+border.Top, 2).put(strong, " "+title+" ")
	if n := head.room() - 1; n > 0 {
		head.fixed(accent, strings.Repeat(border.Top, n), n)
	}
	head.fixed(accent, border.TopRight, 1)
	out := []string{head.line()}
	for _, l := range body {
		out = append(out, m.th.sgr[accent]+border.Left+"\x1b[m "+l+" "+m.th.sgr[accent]+border.Right+"\x1b[m")
	}
	foot := newRow(m.th, w)
	foot.fixed(accent, border.BottomLeft+strings.Repeat(border.Bottom, w-2)+border.BottomRight, w)
	return append(out, foot.line())
}

package ui

// paneID names a pane by the key that focuses it.
type paneID int

const (
	noPane paneID = iota
	gridID
	burstsID
	logID
	bookID
	leversID
	timelineID
	paneCount
)

var paneNames = [paneCount]string{"", "grid", "bursts", "log", "runbook", "levers", "timeline"}

// The smallest terminal that the console draws on.
const (
	minWidth  = 60
	minHeight = 15
	bandRows  = 2
	footRows  = 2 // status and hints
)

// rect is a place on the screen, title row included.
type rect struct{ x, y, w, h int }

// layout says where everything is. Panes without room have an empty rect.
type layout struct {
	w, h  int
	small bool // too small to draw on
	pane  [paneCount]rect
}

func (l layout) shows(p paneID) bool { return l.pane[p].h > 0 }

// arrange is a pure function of the size, the focused pane, the pane that was last looked at of those
// that share a place (big), and whether the focused one has the screen for itself. Panes give way by
// priority: the grid and the bursts say that something is wrong and stay longest.
func arrange(w, h int, focus, big paneID, zoom bool) layout {
	l := layout{w: w, h: h}
	if w < minWidth || h < minHeight {
		l.small = true
		return l
	}
	body := rect{0, bandRows, w, h - bandRows - footRows}
	if big == noPane {
		big = logID
	}
	switch {
	case zoom || w < 76 || h < 20:
		l.pane[focus] = body
	case w >= 170 && h >= 40:
		l.wide(body)
	case w >= 110 && h >= 30:
		l.medium(body, big, focus)
	default:
		l.narrow(body, big, focus)
	}
	return l
}

// narrow: grid and bursts side by side above one big pane. A runbook that is being walked is read line by line, and levers
// have many lines each, so those get some of their rows while they have the keys.
func (l *layout) narrow(b rect, big, focus paneID) {
	top := max(8, b.h*2/5)
	if focus == bookID || focus == leversID {
		top = max(6, b.h/4)
	}
	left := (b.w - 1) * 19 / 40
	l.pane[gridID] = rect{b.x, b.y, left, top}
	l.pane[burstsID] = rect{left + 1, b.y, b.w - left - 1, top}
	l.pane[big] = rect{b.x, b.y + top, b.w, b.h - top}
}

// medium: grid, bursts and levers on the left, where the levers get more rows while they have the keys; the big pane and the
// log on the right.
func (l *layout) medium(b rect, big, focus paneID) {
	left := min(52, b.w*2/5)
	right := rect{left + 1, b.y, b.w - left - 1, b.h}
	g := b.h * 9 / 25
	u := b.h * 7 / 25
	if focus == leversID {
		g, u = max(7, b.h/5), max(6, b.h/6)
	}
	l.pane[gridID] = rect{b.x, b.y, left, g}
	l.pane[burstsID] = rect{b.x, b.y + g, left, u}
	l.pane[leversID] = rect{b.x, b.y + g + u, left, b.h - g - u}
	upper := big
	if upper != bookID && upper != timelineID {
		upper = bookID
	}
	half := b.h * 11 / 20
	l.pane[upper] = rect{right.x, right.y, right.w, half}
	l.pane[logID] = rect{right.x, right.y + half, right.w, b.h - half}
}

// wide: everything at once.
func (l *layout) wide(b rect) {
	left := 58
	end := (b.w - left - 2) * 2 / 5
	mid := b.w - left - end - 2
	g := b.h * 9 / 25
	u := b.h * 7 / 25
	l.pane[gridID] = rect{b.x, b.y, left, g}
	l.pane[burstsID] = rect{b.x, b.y + g, left, u}
	l.pane[leversID] = rect{b.x, b.y + g + u, left, b.h - g - u}
	half := b.h * 11 / 20
	l.pane[bookID] = rect{left + 1, b.y, mid, half}
	l.pane[logID] = rect{left + 1, b.y + half, mid, b.h - half}
	l.pane[timelineID] = rect{left + mid + 2, b.y, end, b.h}
}

// bigPane tells which pane takes the shared place once p is focused.
func bigPane(p, was paneID) paneID {
	if p == gridID || p == burstsID {
		return was
	}
	return p
}

package ui

import (
	"strings"

	tea "charm.land/bubbletea/v2"

	"signalbox/internal/desk"
	"signalbox/internal/traffic"
)

// gridPane is the heat grid: models by regions. The selected cell is named by model and region.
type gridPane struct {
	picked        bool
	model, region string
	row, col      int // first ones drawn
	page          int
}

// at finds the selected cell; -1, -1 when none is selected or it has left the grid.
func (g *gridPane) at(grid *desk.Grid) (row, col int) {
	if !g.picked {
		return -1, -1
	}
	row, col = index(grid.Models, g.model), index(grid.Regions, g.region)
	if row < 0 || col < 0 || row >= len(grid.Cells) || col >= len(grid.Cells[row]) {
		return -1, -1
	}
	return row, col
}

func index(list []string, s string) int {
	for i := range list {
		if list[i] == s {
			return i
		}
	}
	return -1
}

// move goes to the neighbouring cell. The first move selects the worst one.
func (g *gridPane) move(grid *desk.Grid, d move) bool {
	if len(grid.Models) == 0 || len(grid.Regions) == 0 || len(grid.Cells) == 0 {
		return false
	}
	row, col := g.at(grid)
	switch {
	case row < 0:
		row, col = worst(grid)
	case d == moveLeft || d == moveRight:
		col = d.step(col, len(grid.Regions), 1)
	default:
		row = d.step(row, len(grid.Models), max(1, g.page-1))
	}
	g.picked, g.model, g.region = true, grid.Models[row], grid.Regions[col]
	return true
}

// worst finds the cell of a burst, else the one with the most failures.
func worst(grid *desk.Grid) (row, col int) {
	best := int64(-1)
	for r := range grid.Cells {
		for c := range grid.Cells[r] {
			x := &grid.Cells[r][c]
			n := x.Err
			if x.Burst != "" {
				n += 1 << 40
			}
			if n > best {
				best, row, col = n, r, c
			}
		}
	}
	return row, col
}

func (g *gridPane) cell(grid *desk.Grid) *desk.Cell {
	row, col := g.at(grid)
	if row < 0 {
		return nil
	}
	return &grid.Cells[row][col]
}

// cellColumns is the least that a cell needs: brackets, rate and the mark of a burst.
const cellColumns = 7

func (g *gridPane) draw(f frame) (string, []string) {
	grid := &f.snap.Grid
	title := ""
	if grid.Side != "" {
		title = grid.Side + ", " + short(grid.Span)
	}
	if len(grid.Models) == 0 || len(grid.Regions) == 0 {
		return title, []string{f.say(dim, "  no traffic seen yet"), f.say(dim, "  "+firstSource(f.snap))}
	}
	name := 12
	if f.w >= 46 {
		name = 16
	}
	room := f.w - name - 1
	if room/cellColumns < len(grid.Regions) {
		room -= 3 // for the number of columns left out
	}
	fits := max(1, min(len(grid.Regions), room/cellColumns))
	each := min(room/fits, 26)
	row, col := g.at(grid)
	g.col = scrollTo(col, g.col, fits, len(grid.Regions))
	below := g.detail(f, grid)
	detail := 0
	if f.h >= 5 {
		detail = 2
	}
	lines := 1
	if each >= 10 && f.h >= 1+detail+2*len(grid.Models) {
		lines = 2
	}
	if len(below) > 2 {
		if detail > 0 && f.h >= 1+len(below)+lines*len(grid.Models) {
			detail = len(below) // room that nothing else wants
		} else {
			title += changeTitle(f)
		}
	}
	g.page = max(1, (f.h-1-detail)/lines)
	g.row = scrollTo(row, g.row, g.page, len(grid.Models))
	out := []string{g.header(f, grid, name, each, fits)}
	for r := g.row; r < len(grid.Models) && r < g.row+g.page && r < len(grid.Cells); r++ {
		chosen := -1
		if r == row {
			chosen = col
		}
		out = append(out, g.modelRow(f, r, chosen, name, each, fits))
		if lines > 1 {
			out = append(out, classRow(f, grid.Cells[r], g.col, fits, name, each))
		}
	}
	if detail > 0 {
		for len(out) < f.h-detail {
			out = append(out, f.say(plainStyle, ""))
		}
		out = append(out, below[:min(len(below), detail)]...)
	}
	return title, out
}

// modelRow is the line of one model; chosen is the column of the selected cell, -1 where it is in none of this row.
func (g *gridPane) modelRow(f frame, r, chosen, name, each, fits int) string {
	line, s, cells := f.row(), plainStyle, f.snap.Grid.Cells[r]
	if chosen >= 0 {
		s = accent
	}
	line.put(plainStyle, " ").field(s, named(f.snap.Grid.Models[r]), name-1).put(plainStyle, " ")
	for c := g.col; c < g.col+fits && c < len(cells); c++ {
		x := &cells[c]
		drawCell(line, x, marks(f.snap, x.Scope, len(x.Spark)), each, c == chosen)
	}
	return line.line()
}

// classRow is the second line of a model where there is room: what fails there.
func classRow(f frame, cells []desk.Cell, col, fits, name, each int) string {
	r := f.row().to(name + 1)
	for c := col; c < col+fits && c < len(cells); c++ {
		s, x := dim, &cells[c]
		text := classWords(x.Leading)
		switch {
		case x.Burst != "":
			s = strong
			if x.Kind != "" && x.Kind != kindErrors {
				text = x.Kind
			}
		case unseen(x):
			text = strings.Replace(x.Sight, " for ", " ", 1)
		}
		r.put(plainStyle, " ").field(s, text, each-2).put(plainStyle, " ")
	}
	return r.line()
}

func firstSource(s *desk.Snapshot) string {
	if len(s.Sources) == 0 {
		return "no source is configured: signalbox watch FILE, or signalbox drill"
	}
	return "listening to " + plural(len(s.Sources), "source", "sources")
}

func scrollTo(cur, first, fits, n int) int {
	if cur >= 0 && cur < first {
		first = cur
	}
	if cur >= first+fits {
		first = cur - fits + 1
	}
	return max(0, min(first, n-fits))
}

func (g *gridPane) header(f frame, grid *desk.Grid, name, each, fits int) string {
	r := f.row()
	more := ""
	if n := len(grid.Models); n > 1 {
		more = plural(n, "model", "models")
	}
	r.put(plainStyle, " ").field(dim, more, name-1).put(plainStyle, " ")
	for c := g.col; c < g.col+fits; c++ {
		r.field(dim, named(grid.Regions[c]), each-1).put(plainStyle, " ")
	}
	if rest := len(grid.Regions) - g.col - fits; rest > 0 && r.room() >= 3 {
		r.put(warn, "+"+itoa(rest))
	}
	return r.line()
}

// unseen tells whether a cell has too little traffic to call it well.
func unseen(c *desk.Cell) bool { return c.Sight != "" && c.Err == 0 && c.Burst == "" }

// drawCell draws one cell: rate on a heat colour, "!" or the letter of its kind for a burst, and where there is room a
// sparkline. One with too little traffic to show a failure says for how long it is blind.
func drawCell(r *row, c *desk.Cell, changed []bool, each int, sel bool) {
	open, end := " ", " "
	if sel {
		open, end = "[", "]"
	}
	s := heat(c.Rate, c.Req)
	text := percent(c.Rate)
	switch {
	case c.Req == 0:
		text, s = r.th.dot, dim
	case unseen(c): // nothing failed, but of so few that this says little
		text, s = sightBrief(c.Sight), dim
	}
	r.put(accent, open)
	r.right(s, text, 4)
	if c.Burst != "" {
		r.put(bad, kindMark(c.Kind))
	} else {
		r.put(s, " ")
	}
	if left := each - cellColumns; left >= 3 {
		n := min(left-1, 12)
		r.put(plainStyle, " ").spark(c.Spark, changed, n)
		r.skip(left - 1 - n)
	} else {
		r.skip(left)
	}
	r.put(accent, end)
}

// sparkFloor is the failure rate that fills a sparkline at least: a single failure stays small.
const sparkFloor = 0.2

// spark draws the error rate of the last n points. Where something was changed the point stands out, and one without
// failures is a mark.
func (r *row) spark(points []desk.Point, changed []bool, n int) {
	if n <= 0 {
		return
	}
	if len(points) > n {
		if len(changed) == len(points) {
			changed = changed[len(points)-n:]
		}
		points = points[len(points)-n:]
	}
	r.skip(n - len(points))
	full := sparkFloor
	for _, p := range points {
		full = max(full, rateOf(p))
	}
	var b []byte
	steps, drawn := len(r.th.spark)-1, 0
	for i, p := range points {
		level := 0
		if p.Err > 0 {
			level = max(1, min(steps, int(rateOf(p)/full*float64(steps)+0.5)))
		}
		if i >= len(changed) || !changed[i] {
			b = append(b, r.th.spark[level]...)
			continue
		}
		r.fixed(accent, string(b), i-drawn)
		b, drawn = b[:0], i+1
		glyph := r.th.change
		if level > 0 {
			glyph = r.th.spark[level]
		}
		r.fixed(warn, glyph, 1)
	}
	r.fixed(accent, string(b), len(points)-drawn)
}

func rateOf(p desk.Point) float64 {
	if p.Req <= 0 {
		return 0
	}
	return min(1, float64(p.Err)/float64(p.Req))
}

// detail spells out the selected cell, or what the whole grid says.
func (g *gridPane) detail(f frame, grid *desk.Grid) []string {
	c := g.cell(grid)
	if c == nil {
		if g.picked {
			return []string{f.say(dim, " the selected cell is gone"), f.say(dim, " arrows select one")}
		}
		return overall(f)
	}
	r := f.row().put(strong, " "+named(g.model)+"@"+named(g.region)).put(plainStyle, " "+count(c.Err)+"/"+count(c.Req)+" failed")
	if c.P95 > 0 {
		r.maybe(dim, ", p95 "+latency(c.P95))
	}
	two := f.row()
	if c.Burst != "" {
		two.put(bad, strings.TrimRight(" ! burst: "+kindIf(c.Kind), ": "))
	}
	switch {
	case unseen(c):
		two.put(warn, " "+c.Sight+" ")
	case c.Leading != "":
		two.put(plainStyle, " "+classWords(c.Leading)+" ")
	default:
		two.put(dim, " nothing failed ")
	}
	two.spark(c.Spark, marks(f.snap, c.Scope, len(c.Spark)), min(len(c.Spark), two.room()-1, 30))
	return withChange(f, c.Scope, r.line(), two.line())
}

// kindIf names a kind that the class does not say.
func kindIf(kind string) string {
	if kind == kindErrors {
		return ""
	}
	return kind
}

// withChange adds a line that names the newest change, where there was one lately.
func withChange(f frame, scope traffic.Scope, lines ...string) []string {
	if c, more := touching(f.snap.Changes, scope); c != nil {
		lines = append(lines, changeRow(f.row().put(plainStyle, " "), c, more))
	}
	return lines
}

// overall says how all traffic is.
func overall(f frame) []string {
	t := f.snap.Totals
	one := f.row().put(dim, " all: ").put(plainStyle, failedWords(t))
	two := f.row().put(plainStyle, " ")
	if t.Amplification > 0 {
		two.put(plainStyle, "x"+ratio(t.Amplification)+" attempts, ")
	}
	if t.P95 > 0 {
		two.put(plainStyle, "p95 "+latency(t.P95)+" ")
	}
	if b := t.Batch; b.Req > 0 && two.room() > 24 {
		two.put(dim, "batch "+count(b.Err)+"/"+count(b.Req)+" failed")
	}
	return withChange(f, nil, one.line(), two.line())
}

// cellEnter shows the records of the cell.
func (m *model) cellEnter() tea.Cmd {
	if m.grid.cell(&m.snap.Grid) == nil {
		if !m.grid.move(&m.snap.Grid, moveDown) {
			m.say(sayHint, "the grid is empty: no traffic seen yet")
			return nil
		}
	}
	return tea.Batch(m.aboutCell(), m.look(logID))
}

func (m *model) aboutCell() tea.Cmd {
	c := m.grid.cell(&m.snap.Grid)
	if c == nil {
		return nil
	}
	return m.about(subject{name: named(m.grid.model) + "@" + named(m.grid.region), scope: c.Scope})
}

package runbook

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	east "github.com/yuin/goldmark/extension/ast"
)

// tableCells are the cells of a table, for tables whose rows are steps.
type tableCells struct {
	heads []string
	rows  []tableRow
}

type tableRow struct {
	line  int
	cells []Prose
}

// table lays a table out as aligned lines.
func (r *reader) table(t *east.Table, p *Prose) {
	cells := &tableCells{}
	var widths []int
	for row := t.FirstChild(); row != nil; row = row.NextSibling() {
		tr := tableRow{line: r.lineOf(row)}
		for cell := row.FirstChild(); cell != nil; cell = cell.NextSibling() {
			var c Prose
			c.Line = tr.line
			r.inline(cell, &c)
			c.Text = oneLine(c.Text)
			i := len(tr.cells)
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], min(utf8.RuneCountInString(c.Text), 60))
			p.Commands = append(p.Commands, c.Commands...)
			tr.cells = append(tr.cells, c)
		}
		cells.rows = append(cells.rows, tr)
	}
	p.Text = tableText(cells.rows, widths)
	if len(cells.rows) > 0 {
		for _, c := range cells.rows[0].cells {
			cells.heads = append(cells.heads, c.Text)
		}
		cells.rows = cells.rows[1:]
	}
	p.table = cells
}

func tableText(rows []tableRow, widths []int) string {
	var b strings.Builder
	for i, row := range rows {
		var line strings.Builder
		for j, c := range row.cells {
			line.WriteString(c.Text + strings.Repeat(" ", max(0, widths[j]-utf8.RuneCountInString(c.Text))) + "  ")
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
		if i == 0 {
			total := 0
			for _, w := range widths {
				total += w + 2
			}
			b.WriteString(strings.Repeat("-", min(max(total-2, 1), 160)) + "\n")
		}
	}
	return strings.TrimRight(b.String(), "\n")
}

var (
	numberCell = regexp.MustCompile(`(?i)^(step\s*)?#?[0-9]{1,2}[a-z.)]{0,2}$`)
	numberHead = regexp.MustCompile(`(?i)^(step|steps|#|no\.?|nr\.?|order|seq\.?|task)( ?#)?$`)
	actionHead = regexp.MustCompile(`(?i)\b(step|action|task|instruction|what (you|to) do|command|do|procedure)\b`)
)

// isStepTable tells a table whose rows are steps: numbered, under a heading that says so.
func isStepTable(p Prose) bool {
	t := p.table
	if t == nil || len(t.rows) < 2 || len(t.heads) < 2 || !numberHead.MatchString(t.heads[0]) || !slices.ContainsFunc(t.heads, actionHead.MatchString) {
		return false
	}
	numbered := 0
	for _, row := range t.rows {
		if numberCell.MatchString(row.cells[0].Text) {
			numbered++
		}
	}
	return numbered*2 > len(t.rows)
}

// items gives the items of a list, or the rows of a table, each as what its columns say.
func (p *Prose) items() []Prose {
	if p.table == nil {
		return p.Kids
	}
	var all []Prose
	for _, row := range p.table.rows {
		item := Prose{Kind: Item, Line: row.line}
		for i, cell := range row.cells {
			switch {
			case i == 0 || cell.Text == "" || i >= len(p.table.heads):
				continue
			case len(item.Kids) > 0:
				head := p.table.heads[i] + ": "
				cell.Text = head + cell.Text
				cell.Spans = append([]Span{{Text: head}}, cell.Spans...)
			}
			cell.Kind, cell.Line = Para, row.line
			item.Kids = append(item.Kids, cell)
		}
		all = append(all, item)
	}
	return all
}

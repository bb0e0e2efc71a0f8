package ui

import (
	"strings"

	"signalbox/runbook"
)

// prose draws text of runbooks, wrapped to a frame. Where links is set, it notes where each link was drawn.
type prose struct {
	f     frame
	out   []string
	links *[]textLink
	at    int // chosen link, -1: none
}

// textLink is a link as it was drawn.
type textLink struct {
	row        int
	text, href string
}

// proseLines draws a tree of prose, wrapped.
func proseLines(f frame, list []runbook.Prose, indent int) []string {
	p := &prose{f: f, at: -1}
	p.tree(list, indent)
	return p.out
}

func (p *prose) tree(list []runbook.Prose, indent int) {
	for i := range list {
		n := &list[i]
		if n.Kind == runbook.List {
			for k := range n.Kids {
				p.item(n, &n.Kids[k], k, indent)
			}
		} else {
			p.node(n, indent)
			p.tree(n.Kids, indent+1)
		}
		if indent <= 2 && i+1 < len(list) && p.f.h >= 14 {
			p.blank()
		}
	}
}

func (p *prose) node(n *runbook.Prose, indent int) {
	switch n.Kind {
	case runbook.RuleLine:
		p.out = append(p.out, p.f.row().to(indent).fixed(dim, strings.Repeat(p.f.th.h, 8), 8).line())
	case runbook.Heading:
		p.text(strong, n.Text, indent)
	case runbook.Code:
		p.text(accent, strings.TrimRight(n.Text, "\n"), indent+2)
	case runbook.Table:
		p.table(n.Text, indent+1)
	case runbook.Quote:
		p.spans(n, dim, indent+1)
	default:
		p.spans(n, plainStyle, indent)
	}
}

func (p *prose) blank() { p.out = append(p.out, p.f.say(plainStyle, "")) }

// item draws an item of a list; its mark goes into the blank indent of the first line.
func (p *prose) item(list, it *runbook.Prose, k, indent int) {
	mark := "- "
	switch {
	case it.Task == runbook.TaskOpen:
		mark = "[ ] "
	case it.Task == runbook.TaskTicked:
		mark = "[x] "
	case list.Ordered:
		n := it.Number
		if n == 0 {
			n = k + 1
		}
		mark = itoa(n) + ". "
	}
	first := len(p.out)
	inner := indent + len(mark)
	if it.Text != "" {
		p.spans(it, plainStyle, inner)
	}
	p.tree(it.Kids, inner)
	if len(p.out) > first && strings.HasPrefix(p.out[first], spaces(inner)) {
		p.out[first] = spaces(indent) + mark + p.out[first][inner:]
	}
}

func (p *prose) text(s style, t string, indent int) {
	if t == "" {
		return
	}
	for _, part := range wrap(t, p.f.w-indent-1) {
		p.out = append(p.out, p.f.row().to(indent).put(s, part).line())
	}
}

// table draws aligned rows. What is wider than the frame is wrapped under its last column, so that nothing is lost.
func (p *prose) table(t string, indent int) {
	for _, l := range strings.Split(t, "\n") {
		room := p.f.w - indent - 1
		if l = clean(l); width(l) > room && strings.Trim(l, "-+| ") == "" {
			l = cut(l, room)
		}
		if width(l) <= room {
			p.out = append(p.out, p.f.row().to(indent).put(plainStyle, l).line())
			continue
		}
		cells := strings.Split(l, "  ")
		hang := 2
		for i, at := 0, 0; i < len(cells); i++ {
			if cells[i] != "" && at > 0 && at <= room/2 {
				hang = at
			}
			at += width(cells[i]) + 2
		}
		head, rest := cut(l, hang), strings.TrimSpace(l[len(cut(l, hang)):])
		for i, part := range wrap(rest, room-hang) {
			r := p.f.row().to(indent)
			if i == 0 {
				r.put(plainStyle, head)
			}
			p.out = append(p.out, r.to(indent+hang).put(plainStyle, part).line())
		}
	}
}

// word is text between two spaces: pieces of one or more spans without a space between them.
type word struct {
	parts []runbook.Span
	width int
	links []int // places in links of those that begin in it
	last  bool  // a line of the text ends behind it
}

// spans draws a paragraph with its emphasis. One without spans is drawn as text.
func (p *prose) spans(n *runbook.Prose, base style, indent int) {
	if len(n.Spans) == 0 {
		p.text(base, n.Text, indent)
		return
	}
	room := p.f.w - indent - 1
	row, used := p.f.row().to(indent), 0
	flush := func() {
		p.out = append(p.out, row.line())
		row, used = p.f.row().to(indent), 0
	}
	for _, w := range p.words(n.Spans) {
		if used > 0 && used+1+w.width > room {
			flush()
		}
		if used > 0 {
			row.put(plainStyle, " ")
			used++
		}
		for _, l := range w.links {
			(*p.links)[l].row = len(p.out)
		}
		for _, s := range w.parts {
			rest := clean(s.Text)
			for used+width(rest) > room && room > 0 { // longer than a line
				head := cut(rest, max(1, room-used))
				if head == "" {
					break
				}
				row.put(p.style(s, base), head)
				rest = rest[len(head):]
				flush()
			}
			row.put(p.style(s, base), rest)
			used += width(rest)
		}
		if w.last {
			flush()
		}
	}
	if used > 0 {
		flush()
	}
}

func (p *prose) style(s runbook.Span, base style) style {
	switch s.Style {
	case runbook.Strong:
		return strong
	case runbook.CodeSpan, runbook.LinkSpan:
		return accent
	}
	return base
}

// words cuts spans at their spaces. A link is noted, and marked with its number where links are counted.
func (p *prose) words(list []runbook.Span) []word {
	var out []word
	glue := false // the next text goes on with the last word
	add := func(s runbook.Span, text string) {
		s.Text = text
		if !glue || len(out) == 0 {
			out = append(out, word{})
		}
		w := &out[len(out)-1]
		w.parts, w.width = append(w.parts, s), w.width+width(clean(text))
		glue = true
	}
	for _, s := range list {
		link := -1
		if s.Style == runbook.LinkSpan && s.Href != "" && p.links != nil {
			link = len(*p.links)
			*p.links = append(*p.links, textLink{text: s.Text, href: s.Href})
		}
		for i, line := range strings.Split(s.Text, "\n") {
			if i > 0 && len(out) > 0 {
				out[len(out)-1].last, glue = true, false
			}
			if strings.HasPrefix(line, " ") {
				glue = false
			}
			for k, text := range strings.Fields(line) {
				if k > 0 {
					glue = false
				}
				if link >= 0 && i == 0 && k == 0 {
					mark := "[" + itoa(link+1) + "]"
					if link == p.at {
						mark = p.f.th.mark + mark
					}
					add(runbook.Span{Style: runbook.Strong}, mark)
					out[len(out)-1].links = append(out[len(out)-1].links, link)
				}
				add(s, text)
			}
			if strings.HasSuffix(line, " ") {
				glue = false
			}
		}
	}
	return out
}

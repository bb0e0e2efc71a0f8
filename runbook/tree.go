package runbook

import (
	"sort"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	east "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// maxDepth bounds the nesting of the prose tree; what lies deeper becomes text of its ancestor.
const maxDepth = 16

// reader turns goldmark's tree into ours. Nothing of goldmark leaves this file, html.go and table.go.
type reader struct {
	src   []byte
	lines []int // offset of each line's start
}

// readProse parses Markdown into top-level nodes; headings stand between them.
func readProse(src string) []Prose {
	r := &reader{src: []byte(src), lines: []int{0}}
	for i, c := range r.src {
		if c == '\n' {
			r.lines = append(r.lines, i+1)
		}
	}
	md := goldmark.New(goldmark.WithExtensions(extension.Table, extension.Strikethrough, extension.TaskList))
	return r.blocks(md.Parser().Parse(text.NewReader(r.src)), 0)
}

func (r *reader) line(offset int) int {
	return sort.SearchInts(r.lines, offset+1)
}

// lineOf finds the first line of a node: goldmark keeps positions of blocks with text only.
func (r *reader) lineOf(n ast.Node) int {
	for c := n; c != nil; c = c.FirstChild() {
		if c.Type() == ast.TypeInline {
			if t, ok := c.(*ast.Text); ok {
				return r.line(t.Segment.Start)
			}
			continue
		}
		if f, ok := c.(*ast.FencedCodeBlock); ok {
			if f.Info != nil {
				return r.line(f.Info.Segment.Start)
			}
			if f.Lines().Len() > 0 {
				return r.line(f.Lines().At(0).Start) - 1
			}
			return 0
		}
		if c.Lines() != nil && c.Lines().Len() > 0 {
			return r.line(c.Lines().At(0).Start)
		}
	}
	return 0
}

func (r *reader) blocks(n ast.Node, depth int) []Prose {
	var all []Prose
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		if p, ok := r.block(c, depth); ok {
			if depth == 0 && p.Kind == Code && isFencedList(p) {
				all = append(all, shifted(readProse(dedent(p.Text)), p.Line)...)
				continue
			}
			all = append(all, p)
		}
	}
	return all
}

func (r *reader) block(n ast.Node, depth int) (Prose, bool) {
	p := Prose{Line: r.lineOf(n)}
	if depth > maxDepth {
		var w spanWriter
		r.flat(n, &w, 0)
		p.Kind = Para
		w.fill(&p)
		return p, p.Text != ""
	}
	switch n := n.(type) {
	case *ast.Heading:
		p.Kind, p.Level = Heading, n.Level
		r.inline(n, &p)
	case *ast.List:
		p.Kind, p.Ordered = List, n.IsOrdered()
		p.Kids = r.blocks(n, depth+1)
		for i := range p.Kids {
			if p.Ordered {
				p.Kids[i].Number = n.Start + i
			}
		}
	case *ast.ListItem:
		p.Kind = Item
		p.Task = taskOf(n)
		p.Kids = r.blocks(n, depth+1)
	case *ast.Blockquote:
		p.Kind = Quote
		p.Kids = r.blocks(n, depth+1)
	case *ast.FencedCodeBlock:
		p.Lang = lang(string(n.Language(r.src)))
		r.code(n, &p, p.Line+1)
	case *ast.CodeBlock:
		r.code(n, &p, p.Line)
	case *ast.HTMLBlock:
		r.htmlBlock(n, &p)
		return p, p.Text != ""
	case *ast.ThematicBreak:
		p.Kind = RuleLine
	case *east.Table:
		p.Kind = Table
		r.table(n, &p)
	case *ast.Paragraph, *ast.TextBlock:
		p.Kind = Para
		r.inline(n, &p)
		return p, p.Text != ""
	default:
		return p, false
	}
	return p, true
}

func (r *reader) code(n ast.Node, p *Prose, line int) {
	p.Kind, p.Text = Code, r.raw(n)
	p.Commands = commandsOf(p.Lang, p.Text, line)
}

// lang keeps the first word of a fence's info: "bash {name=x}" and "{.bash}" are bash.
func lang(info string) string {
	info = strings.ToLower(strings.Trim(clean(info), "{}. "))
	word, _, _ := strings.Cut(info, "{")
	word, _, _ = strings.Cut(word, ",")
	return strings.TrimSpace(word)
}

func (r *reader) raw(n ast.Node) string {
	return strings.TrimRight(string(n.Lines().Value(r.src)), "\n")
}

// flat collects the text below a node that lies too deep to keep its shape.
func (r *reader) flat(n ast.Node, w *spanWriter, depth int) {
	if depth > 2000 || w.size > maxLine {
		return
	}
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		switch {
		case c.Type() == ast.TypeInline:
			r.spans(n, w, Span{}, 0)
			return
		case c.IsRaw():
			w.add(r.raw(c), Span{})
		default:
			r.flat(c, w, depth+1)
		}
		w.add(" ", Span{})
	}
}

func taskOf(n ast.Node) Task {
	if first := n.FirstChild(); first != nil {
		if box, ok := first.FirstChild().(*east.TaskCheckBox); ok {
			if box.IsChecked {
				return TaskTicked
			}
			return TaskOpen
		}
	}
	return NoTask
}

// spanWriter joins runs of one style. It holds the open run in a builder: a paragraph of a megabyte is
// thousands of pieces.
type spanWriter struct {
	spans []Span
	style Span
	open  strings.Builder
	size  int
}

func (w *spanWriter) add(s string, style Span) {
	if s == "" {
		return
	}
	if style.Style != w.style.Style || style.Href != w.style.Href {
		w.flush()
		w.style = style
	}
	w.open.WriteString(s)
	w.size += len(s)
}

func (w *spanWriter) flush() {
	if w.open.Len() > 0 {
		w.style.Text = w.open.String()
		w.spans = append(w.spans, w.style)
		w.open.Reset()
	}
}

// inline fills text, spans and the commands in code spans.
func (r *reader) inline(n ast.Node, p *Prose) {
	var w spanWriter
	r.spans(n, &w, Span{}, 0)
	w.fill(p)
}

// fill gives a node what was written, without space at its ends.
func (w *spanWriter) fill(p *Prose) {
	w.flush()
	for len(w.spans) > 0 && strings.TrimSpace(w.spans[0].Text) == "" {
		w.spans = w.spans[1:]
	}
	p.Spans = w.spans
	var text strings.Builder
	for i, s := range p.Spans {
		if i == 0 {
			s.Text = strings.TrimLeft(s.Text, " \t\n")
		}
		if i == len(p.Spans)-1 {
			s.Text = strings.TrimRight(s.Text, " \t\n")
		}
		p.Spans[i] = s
		text.WriteString(s.Text)
		if s.Style == CodeSpan && looksLikeCommand(s.Text) {
			p.Commands = append(p.Commands, Command{Text: s.Text, Line: p.Line, Placeholders: placeholders(s.Text)})
		}
	}
	p.Text = text.String()
}

func (r *reader) spans(n ast.Node, w *spanWriter, style Span, depth int) {
	if depth > 2*maxDepth {
		return
	}
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		inner := style
		switch c := c.(type) {
		case *ast.Text:
			r.text(c, w, style)
			continue
		case *ast.String:
			w.add(decode(c.Value), style)
			continue
		case *ast.RawHTML:
			w.add(inlineHTML(string(c.Segments.Value(r.src))), style)
			continue
		case *ast.AutoLink:
			url := decode(c.URL(r.src))
			w.add(decode(c.Label(r.src)), Span{Style: LinkSpan, Href: url})
			continue
		case *ast.CodeSpan:
			if inner.Style != LinkSpan {
				inner.Style = CodeSpan
			}
		case *ast.Emphasis:
			if inner.Style == Plain {
				inner.Style = Emphasis
			}
			if c.Level > 1 && inner.Style == Emphasis {
				inner.Style = Strong
			}
		case *ast.Link:
			inner = Span{Style: LinkSpan, Href: oneLine(decode(c.Destination))}
		case *ast.Image:
			w.add("[image: ", style)
			r.spans(c, w, Span{Style: LinkSpan, Href: oneLine(decode(c.Destination))}, depth+1)
			w.add("]", style)
			continue
		}
		r.spans(c, w, inner, depth+1)
	}
}

func (r *reader) text(t *ast.Text, w *spanWriter, style Span) {
	v := t.Segment.Value(r.src)
	if t.IsRaw() || t.Parent().Kind() == ast.KindCodeSpan {
		w.add(strings.ReplaceAll(clean(string(v)), "\n", " "), style)
	} else {
		w.add(decode(v), style)
	}
	switch {
	case t.HardLineBreak():
		w.add("\n", style)
	case t.SoftLineBreak():
		w.add(" ", style)
	}
}

// decode resolves escapes and entities, and cleans what comes out: &#27; is ESC.
func decode(v []byte) string {
	return clean(string(util.ResolveEntityNames(util.ResolveNumericReferences(util.UnescapePunctuations(v)))))
}

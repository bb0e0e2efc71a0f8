package runbook

import (
	"html"
	"regexp"
	"strings"

	"github.com/yuin/goldmark/ast"
)

var (
	htmlComment = regexp.MustCompile(`(?s)<!--.*?(-->|$)`)
	htmlTag     = regexp.MustCompile(`</?([A-Za-z][A-Za-z0-9]*)(\s[^<>]*)?/?>`)
	htmlHeading = regexp.MustCompile(`(?is)^\s*<h([1-6])(?:\s[^<>]*)?>[^\n]*</h[1-6]>\s*$`)
	htmlBreak   = regexp.MustCompile(`(?i)<(br|/p|/li|/tr|/summary|/div|/h[1-6])\s*/?>`)
)

// knownTags are dropped from running text; anything else in angle brackets is a placeholder and stays.
const knownTags = " a abbr b blockquote br button caption center cite code col colgroup dd del details div dl dt em figure " +
	"figcaption font footer h1 h2 h3 h4 h5 h6 head header hr html body i iframe img input ins kbd li link main mark meta nav ol p pre q s " +
	"samp script section small span strike strong style sub summary sup svg path table tbody td tfoot th thead title tr tt u ul var video wbr "

func stripHTML(s string) string {
	s = htmlComment.ReplaceAllString(s, "")
	s = htmlBreak.ReplaceAllString(s, "\n")
	s = htmlTag.ReplaceAllStringFunc(s, inlineHTML)
	var lines []string
	for l := range strings.SplitSeq(clean(html.UnescapeString(s)), "\n") {
		if l = oneLine(l); l != "" {
			lines = append(lines, l)
		}
	}
	return strings.Join(lines, "\n")
}

func inlineHTML(tag string) string {
	m := htmlTag.FindStringSubmatch(tag)
	switch {
	case m == nil:
		return "" // a comment, a declaration
	case strings.EqualFold(m[1], "br"):
		return "\n"
	case strings.Contains(knownTags, " "+strings.ToLower(m[1])+" "):
		return ""
	}
	return tag
}

// htmlBlock reads a block of HTML as text; a heading in it is one.
func (r *reader) htmlBlock(n *ast.HTMLBlock, p *Prose) {
	raw := r.raw(n)
	if n.HasClosure() {
		raw += "\n" + string(n.ClosureLine.Value(r.src))
	}
	p.Kind, p.Text = Para, stripHTML(raw)
	p.Spans = []Span{{Text: p.Text}}
	if m := htmlHeading.FindStringSubmatch(raw); m != nil && p.Text != "" {
		p.Kind, p.Level = Heading, int(m[1][0]-'0')
	}
}

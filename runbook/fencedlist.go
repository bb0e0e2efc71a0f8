package runbook

import (
	"regexp"
	"strings"
)

var listLine = regexp.MustCompile(`^\s*[0-9]{1,2}[.)]\s+\pL`)

// isFencedList tells a fence that sets off a numbered list rather than code.
func isFencedList(p Prose) bool {
	if p.Lang != "" && p.Lang != "text" && p.Lang != "txt" && p.Lang != "markdown" || len(p.Commands) > 0 || len(p.Text) > 8<<10 {
		return false
	}
	items, lines := 0, 0
	for l := range strings.SplitSeq(p.Text, "\n") {
		if strings.TrimSpace(l) == "" {
			continue
		}
		lines++
		if strings.HasPrefix(strings.TrimSpace(l), "```") {
			return false
		}
		if listLine.MatchString(l) {
			items++
		}
	}
	return items >= 2 && items*3 >= lines
}

// dedent takes the indentation away that all numbered lines have.
func dedent(text string) string {
	least := -1
	for l := range strings.SplitSeq(text, "\n") {
		if n := indentOf(l); listLine.MatchString(l) && (least < 0 || n < least) {
			least = n
		}
	}
	var b strings.Builder
	for l := range strings.SplitSeq(text, "\n") {
		b.WriteString(outdent(l, max(least, 0)) + "\n")
	}
	return b.String()
}

// shifted moves what was read from a part of the file to the lines where it stands.
func shifted(prose []Prose, by int) []Prose {
	walkProse(prose, func(p *Prose) {
		p.Line += by
		for i := range p.Commands {
			p.Commands[i].Line += by
		}
		if p.Kind == Heading { // a line of the fence, not a part of the file
			p.Kind = Para
		}
	})
	return prose
}

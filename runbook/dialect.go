package runbook

import (
	"regexp"
	"strings"
)

// Other tools' marks around plain Markdown: admonitions and tabs of MkDocs, directives of MyST and Docusaurus,
// shortcodes of Hugo, tags of Jekyll and ERB, attributes of Kramdown. Each line stays one line, so that positions
// stay true; what is inside fences stays as it is.
var (
	admonition = regexp.MustCompile(`^([ \t]*)(?:!!!|\?\?\?\+?)\s*([A-Za-z-]*)\s*(?:inline\s+(?:end\s+)?)?(?:"([^"]*)")?\s*$`)
	mkTab      = regexp.MustCompile(`^([ \t]*)===[!+]?\s*"([^"]*)"\s*$`)
	directive  = regexp.MustCompile("^([ \\t]*(?:(?:[-*+]|[0-9]{1,3}[.)])[ \\t]+)?)(:{3,}|`{3,}|~{3,})\\s*(?:\\{([A-Za-z-]+)\\}|([a-z]+))?\\s*(.*)$")
	attributes = regexp.MustCompile(`\{:\s?[^{}]{0,200}\}`)
	reference  = regexp.MustCompile(`\{\{[<%]\s*(?:rel)?ref\s+"?([^"\s>%]+)"?\s*[>%]\}\}`)
	shortcode  = regexp.MustCompile(`^\s*(\{\{[<%].*[>%]\}\}|\{%.*%\}|<%.*%>|\[\[_TOC_\]\]|\[\[?TOC\]?\]|\{:.*\})\s*$`)
	mdxImport  = regexp.MustCompile(`^(import\s+.*\sfrom\s+['"].*['"];?|export\s+(const|default)\s.*)$`)
)

// notes are the words of directives whose text is set apart; tabs and the like only group.
const (
	noteWords  = " note warning tip important caution danger hint attention error seealso admonition info abstract success question failure bug example quote summary "
	groupWords = " tab-set tab-item tabs tab dropdown details card grid grid-item margin container "
)

// dialect turns such marks into Markdown, line by line.
type dialect struct {
	fence  string // the marker that closes the code fence we are in
	open   []directiveMark
	indent int  // of the admonition or tab we are in, -1 for none
	quote  bool // its text becomes a quote
}

type directiveMark struct {
	marker string
	quote  bool
	indent int
}

func newDialect() *dialect { return &dialect{indent: -1} }

func (d *dialect) line(l string) string {
	trimmed := strings.TrimSpace(l)
	if d.fence != "" {
		if strings.HasPrefix(trimmed, d.fence) && strings.Trim(trimmed, d.fence[:1]) == "" {
			d.fence = ""
		}
		return d.inside(l)
	}
	if out, ok := d.marker(l, trimmed); ok {
		return out
	}
	if d.indent >= 0 && trimmed != "" && indentOf(l) < d.indent+2 {
		d.indent = -1
	}
	if m := admonition.FindStringSubmatch(l); m != nil && d.indent < 0 {
		d.indent, d.quote = indentOf(l), true
		return m[1] + "> " + strong(title(m[2], m[3]))
	}
	if m := mkTab.FindStringSubmatch(l); m != nil && d.indent < 0 {
		d.indent, d.quote = indentOf(l), false
		return m[1] + strong(m[2])
	}
	if trimmed == "" {
		return d.inside(l)
	}
	if strings.Contains(l, "{{") {
		l = reference.ReplaceAllString(l, "$1")
	}
	if shortcode.MatchString(l) || mdxImport.MatchString(l) {
		l = ""
	}
	if strings.Contains(l, "{:") {
		l = attributes.ReplaceAllString(l, "")
	}
	return d.inside(l)
}

// marker handles the lines that open and close fences and directives.
func (d *dialect) marker(l, trimmed string) (string, bool) {
	m := directive.FindStringSubmatch(l)
	if m == nil {
		return "", false
	}
	name, rest := strings.ToLower(m[3]), m[5]
	colon := m[2][0] == ':'
	if colon && name == "" {
		name = m[4]
	}
	if n := len(d.open); n > 0 && trimmed == d.open[n-1].marker {
		d.open = d.open[:n-1]
		return "", true
	}
	switch {
	case name != "" && strings.Contains(noteWords, " "+name+" "):
		d.open = append(d.open, directiveMark{m[2], true, indentOf(m[1])})
		return m[1] + "> " + strong(title(name, strings.Trim(rest, "[]"))), true
	case name != "" && strings.Contains(groupWords, " "+name+" "):
		d.open = append(d.open, directiveMark{m[2], false, 0})
		if rest = strings.Trim(rest, "[]"); rest == "" && strings.TrimSpace(m[1]) != "" {
			rest = "One of these" // an item must not begin empty
		}
		return m[1] + strong(rest), true
	case colon:
		return "", true
	case m[2][0] == '`' && strings.Contains(rest, "`"):
		return "", false // code in running text
	}
	d.fence = m[2]
	switch name {
	case "code-block", "code", "sourcecode", "prompt", "code-cell":
		word, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
		l = m[1] + m[2] + word
	}
	return d.inside(l), true
}

// inside gives a line its place in what is open around it.
func (d *dialect) inside(l string) string {
	if d.indent >= 0 {
		trimmed := strings.TrimSpace(l)
		rest := outdent(l, d.indent+4)
		pad := strings.Repeat(" ", d.indent)
		switch {
		case trimmed != "" && indentOf(l) < d.indent+2:
			d.indent = -1
		case d.quote && trimmed == "":
			return "" // a quote ends here; the next line begins another
		case d.quote:
			l = pad + "> " + rest
		default:
			l = pad + rest
		}
	}
	for _, m := range d.open {
		if m.quote {
			return strings.Repeat(" ", m.indent) + "> " + outdent(l, m.indent)
		}
	}
	return l
}

func title(kind, text string) string {
	if text = strings.TrimSpace(text); text != "" {
		return text
	}
	if kind == "" {
		return "Note"
	}
	return strings.ToUpper(kind[:1]) + kind[1:]
}

func strong(s string) string {
	if s = strings.TrimSpace(strings.ReplaceAll(s, "*", "")); s != "" {
		return "**" + s + "**"
	}
	return ""
}

func indentOf(l string) int {
	n := 0
	for _, c := range l {
		switch c {
		case ' ':
			n++
		case '\t':
			n += 4 - n%4
		default:
			return n
		}
	}
	return n
}

// outdent takes up to n columns of indentation away.
func outdent(l string, n int) string {
	for n > 0 && l != "" {
		switch l[0] {
		case ' ':
			n--
		case '\t':
			n -= 4
		default:
			return l
		}
		l = l[1:]
	}
	return l
}

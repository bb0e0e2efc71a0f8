package runbook

import (
	"fmt"
	"regexp"
	"strings"
)

// Bounds of a file. A longer plain file is cut, with a finding; a longer armed one is an error.
const (
	maxFile    = 1 << 20
	maxLine    = 16 << 10
	maxMarkers = 24 // nested quotes and lists on one line
	maxOpeners = 1000
	maxColumns = 300
	maxIndent  = 120
)

// source is the text of a file made harmless: bounded, LF line ends, no control characters. Its lines are
// those of the file, so that positions stay true.
type source struct {
	name     string
	text     string
	findings []Finding
	title    string // from a TOML front matter
}

func (s *source) warn(line int, what, try string) {
	s.findings = append(s.findings, Finding{File: s.name, Line: line, Severity: SevWarning, What: what, Try: try})
}

func newSource(name string, src []byte) *source {
	s := &source{name: name}
	if len(src) > maxFile {
		s.warn(0, fmt.Sprintf("file of %d bytes; only the first %d are read", len(src), maxFile), "split the file")
		src = src[:maxFile]
	}
	text := strings.TrimPrefix(string(src), "\ufeff")
	text = strings.ReplaceAll(text, "\r\n", "\n")
	text = strings.ReplaceAll(text, "\r", "\n")
	if c := clean(text); c != text {
		s.warn(0, "control characters or invalid UTF-8 were removed", "save the file as plain UTF-8 text")
		text = c
	}
	lines := strings.Split(text, "\n")
	var para paragraph
	marks := newDialect()
	for i, l := range lines {
		switch {
		case len(l) > maxLine:
			s.warn(i+1, fmt.Sprintf("line of %d bytes was cut", len(l)), "break the line")
			l = strings.ToValidUTF8(l[:maxLine], "")
		case strings.Count(l, "|") > maxColumns && !para.code:
			s.warn(i+1, "table row of hundreds of columns was left out", "split the table")
			l = ""
		}
		if para.tooDense(l) {
			s.warn(i+1, "line of a paragraph with thousands of markers was left out", "break it with empty lines")
			l = ""
		}
		lines[i] = flatten(marks.line(l))
	}
	s.text = strings.Join(lines, "\n")
	return s
}

// paragraph counts the brackets, stars and backticks of one paragraph: thousands of them cost the parser
// quadratic time and say nothing to a reader. Code, table rows and list items begin anew.
type paragraph struct {
	markers int
	code    bool
}

func (p *paragraph) tooDense(line string) bool {
	t := strings.TrimSpace(line)
	if strings.HasPrefix(t, "```") || strings.HasPrefix(t, "~~~") {
		p.code, p.markers = !p.code, 0
	}
	if t == "" || p.code || strings.IndexByte("|#-+", t[0]) >= 0 || strings.HasPrefix(t, "* ") || isDigit(t[0]) {
		p.markers = 0
	}
	if t == "" || p.code || t[0] == '|' {
		return false
	}
	for i := range len(t) {
		switch t[i] {
		case '[', '*', '_', '`', '<', '~', '!':
			p.markers++
		}
	}
	if p.markers <= maxOpeners {
		return false
	}
	p.markers = 0
	return true
}

// flatten cuts markers of quotes and lists that are nested on one line beyond what a reader can follow.
func flatten(line string) string {
	if text := strings.TrimLeft(line, " \t"); len(line)-len(text) > maxIndent {
		line = line[:maxIndent] + text
	}
	markers := 0
	for i := range len(line) {
		switch c := line[i]; {
		case c == '>' || c == '-' || c == '+' || c == '*' || c == '.' || c == ')':
			if markers++; markers > maxMarkers && strings.Trim(line, "-*+.>_= \t") != "" {
				return line[:i] + " " + strings.TrimLeft(line[i:], ">-+*.) \t0123456789")
			} else if markers > 10*maxMarkers {
				return line[:i]
			}
		case c == ' ' || c == '\t' || isDigit(c):
		default:
			return line
		}
	}
	return line
}

// front cuts the front matter off and leaves empty lines in its place. ok is false where there is none.
func (s *source) front() (yaml string, ok bool) {
	rest, found := strings.CutPrefix(s.text, "---\n")
	if !found {
		s.tomlFront()
		return "", false
	}
	lines := strings.Split(rest, "\n")
	for i, l := range lines {
		if t := strings.TrimRight(l, " \t"); t == "---" || t == "..." {
			if yaml = strings.Join(lines[:i], "\n"); !looksLikeKeys(yaml) {
				return "", false // a rule across the page
			}
			s.text = strings.Repeat("\n", i+2) + strings.Join(lines[i+1:], "\n")
			return yaml, true
		}
		if i > 400 {
			break
		}
	}
	return "", false
}

var keyLine = regexp.MustCompile(`^["']?[A-Za-z_][\w .-]{0,60}["']?\s*:(\s|$)`)

// looksLikeKeys tells front matter from text between two rules: its first line is a key.
func looksLikeKeys(yaml string) bool {
	for l := range strings.SplitSeq(yaml, "\n") {
		if t := strings.TrimSpace(l); t != "" && t[0] != '#' {
			return keyLine.MatchString(l)
		}
	}
	return true
}

var tomlTitle = regexp.MustCompile(`(?m)^\s*title\s*=\s*["']([^"'\n]+)["']`)

// tomlFront cuts a front matter between +++ lines off; its title is all that is taken from it.
func (s *source) tomlFront() {
	rest, found := strings.CutPrefix(s.text, "+++\n")
	if !found {
		return
	}
	lines := strings.Split(rest, "\n")
	for i, l := range lines[:min(len(lines), 400)] {
		if strings.TrimRight(l, " \t") == "+++" {
			if m := tomlTitle.FindStringSubmatch(strings.Join(lines[:i], "\n")); m != nil {
				s.title = oneLine(m[1])
			}
			s.text = strings.Repeat("\n", i+2) + strings.Join(lines[i+1:], "\n")
			return
		}
	}
}

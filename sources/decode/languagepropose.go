package decode

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Bounds of a proposal for text lines.
const (
	maxTokens   = 40
	alignedFrom = 0.6 // share of the lines that must have the same shape, and of those that must be read
)

// token is one part of a text line: a word, or what stands in quotes or brackets.
type token struct {
	kind byte // 'w', '"' or '['
	text []byte
}

// proposeText makes a mapping file for text lines of one shape, by laying their words beside each other. It
// proposes nothing where the words do not tell a time and a status, or where the pattern does not read most lines.
func proposeText(sample [][]byte, p Proposal) Proposal {
	sample = sample[:min(len(sample), SampleLines)]
	var all [][]token
	for _, line := range sample {
		if t := tokens(line); len(t) > 0 {
			all = append(all, t)
		}
	}
	shape, rows := commonShape(all)
	if len(rows) < 2 || float64(len(rows)) < alignedFrom*float64(len(sample)) {
		return p
	}
	columns := columnsOf(shape, rows)
	taken, why := make(map[*seen]string), make(map[string]string)
	for _, c := range claims(columns) {
		if taken[c.s] != "" || covered(why, c.field) {
			continue
		}
		taken[c.s], why[c.field] = c.field, c.why
	}
	if !covered(why, "time") || !covered(why, "status") {
		return p
	}
	file := textFile(shape, columns, taken, why)
	m, err := ParseFormat("proposal", []byte(file))
	if err != nil {
		return p
	}
	t := tryMapping(m, sample, Options{})
	if float64(t.requests) < alignedFrom*float64(t.lines) {
		return p
	}
	p.File, p.Why, p.Lines, p.Requests = file, why, t.lines, t.requests
	p.Missing = missing(why)
	return p
}

var (
	dateToken = regexp.MustCompile(`^(\d{4}[-/]\d\d[-/]\d\d|\d\d\.\d\d\.\d{4})$`)
	hourToken = regexp.MustCompile(`^\d\d:\d\d:\d\d`)
	reqToken  = regexp.MustCompile(`^[A-Z]{3,7} /\S*( HTTP/[\d.]+)?$`)
)

// tokens parts a line. A date and the time of day after it are one word.
func tokens(line []byte) []token {
	var out []token
	line = bytes.TrimSpace(line[:min(len(line), maxSampleLine)])
	for i := 0; i < len(line) && len(out) < maxTokens; {
		end := 0
		switch line[i] {
		case ' ', '\t':
			i++
			continue
		case '"', '[':
			closing := byte('"')
			if line[i] == '[' {
				closing = ']'
			}
			if end = bytes.IndexByte(line[i+1:], closing); end >= 0 {
				out = append(out, token{line[i], line[i+1 : i+1+end]})
				i += end + 2
				continue
			}
			return nil
		default:
			if end = bytes.IndexAny(line[i:], " \t"); end < 0 {
				end = len(line) - i
			}
			out = append(out, token{'w', line[i : i+end]})
			i += end
		}
	}
	return joinDates(line, out)
}

func joinDates(line []byte, in []token) (out []token) {
	for i := 0; i < len(in); i++ {
		t := in[i]
		if t.kind == 'w' && dateToken.Match(t.text) {
			for _, far := range []int{1, 2} { // "2026/11/21 12:00:00", "2026/11/21 - 12:00:00"
				if i+far < len(in) && in[i+far].kind == 'w' && hourToken.Match(in[i+far].text) && (far == 1 || string(in[i+1].text) == "-") {
					from := cap(line) - cap(t.text)
					to := cap(line) - cap(in[i+far].text) + len(in[i+far].text)
					t.text = line[from:to]
					i += far
					break
				}
			}
		}
		out = append(out, t)
	}
	return out
}

// commonShape finds the kinds of tokens that most lines begin with, as many as there are, and those lines.
func commonShape(all [][]token) (shape string, rows [][]token) {
	kinds := func(t []token) string {
		var b strings.Builder
		for _, x := range t {
			b.WriteByte(x.kind)
		}
		return b.String()
	}
	most := 0
	for _, t := range all {
		k := kinds(t)
		for n := len(k); n >= 3; n-- {
			have := 0
			for _, o := range all {
				if strings.HasPrefix(kinds(o), k[:n]) {
					have++
				}
			}
			if float64(have) >= alignedFrom*float64(len(all)) {
				if n > len(shape) || n == len(shape) && have > most {
					shape, most = k[:n], have
				}
				break
			}
		}
	}
	for _, t := range all {
		if shape != "" && strings.HasPrefix(kinds(t), shape) {
			rows = append(rows, t)
		}
	}
	return shape, rows
}

// columnsOf collects the values of each place of a shape. A place whose words all are key=value has the key's name.
func columnsOf(shape string, rows [][]token) []*seen {
	columns := make([]*seen, len(shape))
	for i := range shape {
		name := "g" + strconv.Itoa(i)
		key, _, isPair := bytes.Cut(rows[0][i].text, []byte("="))
		isPair = isPair && shape[i] == 'w' && plainPath(key) && len(key) > 0
		for _, r := range rows {
			isPair = isPair && bytes.HasPrefix(r[i].text, append(bytes.Clone(key), '='))
		}
		if isPair {
			name = string(key)
		}
		s := &seen{path: name}
		if isPair {
			s.pair, s.words, s.all = true, keyWords(name), keyWords(name)
		}
		for _, r := range rows {
			text := r[i].text
			if isPair {
				text = text[len(key)+1:]
			}
			if reqToken.Match(text) {
				s.request = true
				_, text, _ = bytes.Cut(text, []byte(" "))
				text, _, _ = bytes.Cut(text, []byte(" "))
			}
			if dateToken.Match(text[:min(len(text), 10)]) && bytes.Contains(text, []byte(" - ")) {
				s.dashed = true
				text = bytes.Replace(text, []byte(" - "), []byte(" "), 1)
			}
			s.add(value{kind: stringValue, bytes: text})
		}
		if !isPair && len(s.nums) == 0 && s.share(func(v value) bool { _, err := time.ParseDuration(string(v.bytes)); return err == nil }) == 1 {
			s.words = []string{"duration"} // a number with a unit of time
		}
		columns[i] = s
	}
	return columns
}

// textFile writes the mapping file.
func textFile(shape string, columns []*seen, taken map[*seen]string, why map[string]string) string {
	var pattern, notes strings.Builder
	layout := ""
	for i, s := range columns {
		if i > 0 {
			pattern.WriteString(`\s+`)
		} else {
			pattern.WriteString("^")
		}
		field := taken[s]
		pattern.WriteString(tokenPattern(shape[i], s, field))
		if field != "" {
			fmt.Fprintf(&notes, "# %s: %s\n", field, why[field])
		}
		if field == "time" && layout == "" {
			layout = layoutOf(s)
		}
	}
	var b strings.Builder
	b.WriteString("name: my-format\ndescription: proposed by the words of the log's first lines; correct it\nlines: regex\n")
	b.WriteString(notes.String())
	fmt.Fprintf(&b, "pattern: '%s'\n", strings.ReplaceAll(pattern.String(), "'", "''"))
	if layout != "" {
		fmt.Fprintf(&b, "fields:\n  time: {path: time, layout: %q}\n", layout)
	}
	for _, name := range missing(why) {
		fmt.Fprintf(&b, "# %s: (not found)\n", name)
	}
	return b.String()
}

// layoutOf names the layout of times that have a dash between date and time of day, which columnsOf took out.
func layoutOf(s *seen) string {
	if !s.dashed {
		return ""
	}
	if strings.Contains(string(s.vals[0].bytes), "/") {
		return "2006/01/02 - 15:04:05"
	}
	return "2006-01-02 - 15:04:05"
}

// tokenPattern writes what one place may hold: what it always holds, the field that it is, or anything of its kind.
func tokenPattern(kind byte, s *seen, field string) string {
	var open, inner, closing string
	switch kind {
	case '"':
		open, inner, closing = `"`, `[^"]*`, `"`
	case '[':
		open, inner, closing = `\[`, `[^\]]*`, `\]`
	default:
		inner = `\S+`
	}
	if s.request {
		open, closing = open+`[A-Z]+ `, `[^"]*`+closing
		inner = `[^" ]+`
	}
	if s.pair {
		open += regexp.QuoteMeta(s.path) + "="
	}
	switch {
	case field == "time" && s.dashed:
		inner = `\S+ - \S+`
	case field == "time" && kind == 'w' && s.spaced():
		inner = `\S+ \S+`
	case field == "" && len(s.known) == 1 && plainToken(s.known[0]) && !s.isNumber() && !s.request:
		return open + regexp.QuoteMeta(s.known[0]) + closing
	}
	if field == "" {
		return open + inner + closing
	}
	return open + "(?P<" + field + ">" + inner + ")" + closing
}

// plainToken tells whether a text may stand in a proposal as it is. One with a digit is the name of an instance, an
// address or a deployment more often than a word of the format: other lines have another.
func plainToken(text string) bool {
	return len(text) <= maxShownText && !idLike([]byte(text)) &&
		!strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' || r == '\'' || r >= '0' && r <= '9' })
}

// spaced tells whether the values have a blank in them.
func (s *seen) spaced() bool {
	return slices.ContainsFunc(s.known, func(v string) bool { return strings.Contains(v, " ") })
}

package decode

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Bounds of a mapping file.
const (
	maxMapping  = 64 << 10
	maxProblems = 20
	maxSaid     = 60 // of a value in a message
)

// FormatError is one mistake in a mapping file. ParseFormat joins all that it finds.
type FormatError struct {
	File      string
	Line, Col int
	Text      string
	Hint      string // what to try, "" where the text says it
}

// Error gives where, what and what to try.
func (e *FormatError) Error() string {
	s := fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Col, e.Text)
	if e.Col == 0 {
		s = fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Text)
	}
	if e.Hint != "" {
		s += "; " + e.Hint
	}
	return s
}

// mappingFile reads one mapping file strictly, and collects what is wrong with it.
type mappingFile struct {
	name     string
	problems []error
}

func (f *mappingFile) fail(n *yaml.Node, hint, format string, args ...any) {
	if len(f.problems) < maxProblems {
		f.problems = append(f.problems, &FormatError{File: f.name, Line: max(n.Line, 1), Col: n.Column, Text: fmt.Sprintf(format, args...), Hint: hint})
	}
}

func (f *mappingFile) err() error { return errors.Join(f.problems...) }

func said(s string) string {
	if len(s) > maxSaid {
		return strconv.Quote(s[:maxSaid]) + "…"
	}
	return strconv.Quote(s)
}

// document gives the one mapping of the file, nil with a problem where there is none.
func (f *mappingFile) document(src []byte) *yaml.Node {
	top := &yaml.Node{Line: 1, Column: 1}
	if len(src) > maxMapping {
		f.fail(top, "", "the file is longer than %d KiB", maxMapping>>10)
		return nil
	}
	dec := yaml.NewDecoder(bytes.NewReader(src))
	var doc, second yaml.Node
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF) || err == nil && len(doc.Content) == 0:
		f.fail(top, "begin with name:, lines: and fields:", "the file is empty")
		return nil
	case err != nil:
		f.syntax(err)
		return nil
	}
	if err := dec.Decode(&second); !errors.Is(err, io.EOF) {
		f.fail(top, "one file is one format", "a second document begins, or there is something after the end")
		return nil
	}
	return doc.Content[0]
}

var yamlPlace = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

func (f *mappingFile) syntax(err error) {
	text, line := err.Error(), 1
	if m := yamlPlace.FindStringSubmatch(text); m != nil {
		if n, err := strconv.Atoi(m[1]); err == nil {
			line = n
		}
		text = text[len(m[0]):]
	}
	text, _, _ = strings.Cut(text, "\n")
	f.fail(&yaml.Node{Line: line}, "look at the indentation, the colons and the quotes on and above this line", "this is not YAML: %s", said(text))
}

// plain refuses what YAML can do and a mapping need not.
func (f *mappingFile) plain(n *yaml.Node) bool {
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		f.fail(n, "write the value out; a text that begins with * or & wants quotes", "anchors and aliases are not read here")
	case n.Style&yaml.TaggedStyle != 0:
		f.fail(n, "leave it out", "tags are not read here")
	default:
		return true
	}
	return false
}

// keys visits the keys of a mapping, each of which must be one of known where known is given.
func (f *mappingFile) keys(n *yaml.Node, what string, known []string, visit func(key string, k, v *yaml.Node)) {
	if !f.plain(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		f.fail(n, "", "%s wants key: value pairs", what)
		return
	}
	seen := make(map[string]int)
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		switch {
		case !f.plain(k) || !f.plain(v):
		case k.Kind != yaml.ScalarNode || k.ShortTag() == "!!merge":
			f.fail(k, "", "a key of %s is not a plain word", what)
		case seen[k.Value] != 0:
			f.fail(k, fmt.Sprintf("the first is on line %d", seen[k.Value]), "key %s a second time", said(k.Value))
		case known != nil && !slices.Contains(known, k.Value):
			f.fail(k, suggestion(k.Value, known), "unknown key %s in %s", said(k.Value), what)
		default:
			seen[k.Value] = k.Line
			visit(k.Value, k, v)
		}
	}
}

// text gives the text of a scalar: numbers and truths as they are written.
func (f *mappingFile) text(n *yaml.Node, what string) (string, bool) {
	if !f.plain(n) {
		return "", false
	}
	if n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null" {
		f.fail(n, "", "%s wants a text", what)
		return "", false
	}
	return n.Value, true
}

// texts gives one text or a list of them.
func (f *mappingFile) texts(n *yaml.Node, what string, each func(s string, at *yaml.Node)) {
	if !f.plain(n) {
		return
	}
	all := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		all = n.Content
		if len(all) == 0 {
			f.fail(n, "", "%s is empty", what)
		}
	}
	for _, item := range all {
		if s, ok := f.text(item, what); ok {
			each(s, item)
		}
	}
}

func (f *mappingFile) path(s string, at *yaml.Node) (linePath, bool) {
	p, err := parsePath(s)
	if err != nil {
		f.fail(at, `write it like usage.prompt_tokens, choices[0].finish_reason or labels."k8s.io/app"`, "path %s %s", said(s), err)
	}
	return p, err == nil
}

// regexp compiles a regular expression, which is RE2 and so takes linear time.
func (f *mappingFile) regexp(s string, at *yaml.Node) *regexp.Regexp {
	re, err := regexp.Compile(s)
	if err != nil {
		text := strings.TrimPrefix(err.Error(), "error parsing regexp: ")
		f.fail(at, "the syntax is RE2: groups are (?P<name>...), and there is no look-ahead", "this is no regular expression: %s", said(text))
		return nil
	}
	return re
}

// suggestion names the nearest known word, or all of them.
func suggestion(word string, known []string) string {
	best, distance := "", 1+max(1, len(word)/3)
	for _, k := range known {
		if len(word) <= maxSaid {
			if d := editsBetween(strings.ToLower(word), k); d < distance {
				best, distance = k, d
			}
		}
	}
	if best != "" {
		return "did you mean " + best + "?"
	}
	return "known are " + strings.Join(known, ", ")
}

// editsBetween counts insertions, deletions, replacements and swaps of neighbours between two words.
func editsBetween(a, b string) int {
	var before, last []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before, last, row = last, row, make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j+1]+1, row[j]+1, last[j]+cost)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
	}
	return row[len(b)]
}

package runbook

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// strict decodes YAML of the front matter or of one block: unknown keys, keys given twice and values of
// the wrong kind are located errors, and all of them are found in one go.
type strict struct {
	file string
	base int // line of the file before the YAML's first
	errs []error
}

func (s *strict) fail(line int, what, try string) {
	if len(s.errs) < 100 {
		s.errs = append(s.errs, &Error{File: s.file, Line: line, What: what, Try: try})
	}
}

func (s *strict) line(n *yaml.Node) int { return s.base + n.Line }

var yamlLine = regexp.MustCompile(`line (\d+): `)

// root parses the text to its top node, nil where it cannot be read.
func (s *strict) root(text string) *yaml.Node {
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		line, what := s.base+1, strings.TrimPrefix(err.Error(), "yaml: ")
		if m := yamlLine.FindStringSubmatch(what); m != nil {
			if n, err := strconv.Atoi(m[1]); err == nil {
				line = s.base + n
			}
			what = strings.Replace(what, m[0], "", 1)
		}
		s.fail(line, "not YAML: "+clean(oneLine(what)), "indent with spaces, and quote a text that holds `: ` or ` #`")
		return nil
	}
	if len(doc.Content) == 0 {
		s.fail(s.base+1, "empty", "write key: value lines")
		return nil
	}
	return doc.Content[0]
}

// fields is a mapping whose keys are all known.
type fields struct {
	s    *strict
	line int
	what string
	keys map[string]*yaml.Node
}

func (s *strict) fields(n *yaml.Node, what string, known ...string) fields {
	f := fields{s: s, what: what, keys: map[string]*yaml.Node{}}
	if n == nil {
		return f
	}
	f.line = s.line(n)
	if n.Kind != yaml.MappingNode {
		s.fail(f.line, what+" is not a list of key: value lines", "write keys among "+strings.Join(known, ", "))
		return f
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		key := clean(k.Value)
		switch {
		case k.Kind != yaml.ScalarNode || (len(known) > 0 && !slices.Contains(known, key)):
			s.fail(s.line(k), fmt.Sprintf("unknown key %q in %s", key, what), suggest(key, known))
		case f.keys[key] != nil:
			s.fail(s.line(k), fmt.Sprintf("key %q is given twice in %s", key, what), "keep one")
		default:
			f.keys[key] = v
		}
	}
	return f
}

func (f fields) has(key string) bool { return f.keys[key] != nil }

func (f fields) at(key string) int {
	if n := f.keys[key]; n != nil {
		return f.s.line(n)
	}
	return f.line
}

// need reports a missing key, with what to write.
func (f fields) need(key, try string) {
	if !f.has(key) && f.keys != nil {
		f.s.fail(f.line, f.what+" has no "+key, try)
	}
}

func (s *strict) scalar(n *yaml.Node, what string) string {
	if n == nil {
		return ""
	}
	if n.Kind != yaml.ScalarNode {
		s.fail(s.line(n), what+" is not one value", "write a single value, in quotes if need be")
		return ""
	}
	if n.Tag == "!!null" {
		return ""
	}
	return clean(n.Value)
}

func (f fields) text(key string) string { return strings.TrimSpace(f.s.scalar(f.keys[key], key)) }

// list reads a list of texts; a single text is a list of one.
func (f fields) list(key string) []string {
	n := f.keys[key]
	if n == nil {
		return nil
	}
	if n.Kind == yaml.ScalarNode {
		if v := f.text(key); v != "" {
			return []string{v}
		}
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		f.s.fail(f.s.line(n), key+" is not a list", "write ["+key+" one, two]")
		return nil
	}
	var all []string
	for _, c := range n.Content {
		if v := strings.TrimSpace(f.s.scalar(c, key)); v != "" {
			all = append(all, v)
		}
	}
	return all
}

func (f fields) choice(key string, known ...string) string {
	v := f.text(key)
	if v != "" && !slices.Contains(known, v) {
		f.s.fail(f.at(key), fmt.Sprintf("%s %q is not known", key, v), suggest(v, known))
		return ""
	}
	return v
}

func (f fields) number(key string, most int) int {
	v := f.text(key)
	if v == "" {
		return 0
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > most {
		f.s.fail(f.at(key), fmt.Sprintf("%s %q is no number from 1 to %d", key, v, most), "write a plain number")
		return 0
	}
	return n
}

func (f fields) flag(key string) bool {
	switch v := f.text(key); v {
	case "true", "yes":
		return true
	case "", "false", "no":
	default:
		f.s.fail(f.at(key), fmt.Sprintf("%s %q is neither true nor false", key, v), "write true or false")
	}
	return false
}

func (f fields) duration(key string) time.Duration {
	v := f.text(key)
	if v == "" {
		return 0
	}
	d, err := parseDuration(v)
	if err != nil || d == 0 {
		f.s.fail(f.at(key), fmt.Sprintf("%s %q is not a time", key, v), "write like 30s, 15m or 1h")
	}
	return d
}

// expr reads an expression; several in a list are joined with and.
func (f fields) expr(key string) Expr {
	all := f.list(key)
	if len(all) == 0 {
		if f.has(key) {
			f.s.fail(f.at(key), key+" is empty", "write a comparison, like `error_rate over 2m > 5%`")
		}
		return Expr{}
	}
	src := all[0]
	if len(all) > 1 {
		src = "(" + strings.Join(all, ") and (") + ")"
	}
	e, err := ParseExpr(f.s.file, f.at(key), src)
	if err != nil {
		var at *Error
		if errors.As(err, &at) {
			at.What = key + ": " + at.What
		}
		f.s.errs = append(f.s.errs, err)
	}
	return e
}

// target reads where to go on: next, continue, ask, a slug, or "goto slug".
func (f fields) target(key string) Target {
	v := strings.TrimSpace(strings.TrimPrefix(f.text(key), "goto "))
	if v == "continue" {
		return ToNext
	}
	return Target(strings.TrimPrefix(v, "#"))
}

// dimsOf reads a mapping from dimensions to values or $vars.
func (f fields) dimsOf(key string) map[string]string {
	n := f.keys[key]
	if n == nil {
		return nil
	}
	scope := map[string]string{}
	m := f.s.fields(n, key, dims()...)
	for dim := range m.keys {
		v := m.text(dim)
		if _, isVar := varName(v); v == "" || (strings.HasPrefix(v, "$") && !isVar) {
			f.s.fail(m.at(dim), fmt.Sprintf("%s has no value for %s", key, dim), "write a value or $variable")
			continue
		}
		scope[dim] = v
	}
	return scope
}

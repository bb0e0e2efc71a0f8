package decode

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"signalbox/internal/traffic"
)

// mappingKeys are the keys of a mapping file.
var mappingKeys = []string{
	"name", "description", "lines", "pattern", "fields", "embedded", "side", "constants", "values", "count", "explain", "ignore", "unwrap", "detect",
}

// ParseFormat reads a mapping file. file stands in its errors, each of which is a *FormatError.
func ParseFormat(file string, src []byte) (*Mapping, error) {
	f := &mappingFile{name: file}
	top := f.document(src)
	if top == nil {
		return nil, f.err()
	}
	b := &mappingBuilder{mappingFile: f, m: &Mapping{File: file}, nodes: make(map[string]*yaml.Node)}
	f.keys(top, "the format", mappingKeys, func(key string, _, v *yaml.Node) { b.nodes[key] = v })
	b.build(top)
	if err := f.err(); err != nil {
		return nil, err
	}
	return b.m, nil
}

// mappingBuilder makes a Mapping of the parts of a file, in an order of its own: what a part may say
// depends on the kind of lines.
type mappingBuilder struct {
	*mappingFile
	m     *Mapping
	nodes map[string]*yaml.Node
}

func (b *mappingBuilder) build(top *yaml.Node) {
	b.heading(top)
	if n := b.nodes["pattern"]; n != nil {
		b.pattern(n)
	} else if b.m.lines == regexLines {
		b.fail(top, "add pattern: with a regular expression and named groups", "lines: regex wants a pattern")
	}
	if n := b.nodes["fields"]; n != nil {
		b.fields(n)
	}
	b.groupsAsFields()
	if n := b.nodes["embedded"]; n != nil {
		b.texts(n, "embedded", func(s string, at *yaml.Node) {
			if p, ok := b.path(s, at); ok {
				b.m.embedded = append(b.m.embedded, p)
			}
		})
		if b.m.lines != JSON {
			b.fail(n, "", "embedded belongs to lines: json")
		}
	}
	b.constants()
	if n := b.nodes["values"]; n != nil {
		b.values(n)
	}
	for _, r := range []struct {
		key string
		to  *[]rule
	}{{"count", &b.m.count}, {"explain", &b.m.explain}, {"ignore", &b.m.ignore}} {
		if n := b.nodes[r.key]; n != nil {
			*r.to = b.rules(n, r.key)
		}
	}
	if n := b.nodes["unwrap"]; n != nil {
		b.unwrapping(n)
	}
	if n := b.nodes["detect"]; n != nil {
		b.detect(n)
	}
	if len(b.m.places) == 0 && b.m.unwrap == nil && len(b.problems) == 0 {
		b.fail(top, "add fields:, at the least time, model and status", "the format reads no field")
	}
}

// formatName is what can stand in a configuration and on a command line, and cannot be taken for a path.
var formatName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,40}$`)

func (b *mappingBuilder) heading(top *yaml.Node) {
	if n := b.nodes["name"]; n == nil {
		b.fail(top, "add name: with a word of small letters", "the format has no name")
	} else if s, ok := b.text(n, "name"); ok {
		switch {
		case !formatName.MatchString(s):
			b.fail(n, "small letters, digits, - and _", "%s is no name for a format", said(s))
		case s == Auto || isBuiltIn(s):
			b.fail(n, "call it otherwise", "%s is the name of a built-in format", s)
		}
		b.m.Name = s
	}
	if n := b.nodes["description"]; n != nil {
		b.m.Description, _ = b.text(n, "description")
	}
	if n := b.nodes["lines"]; n == nil {
		b.fail(top, "add lines: json, logfmt or regex", "the format does not say what its lines are")
	} else {
		b.m.lines = b.choice(n, "lines", lineKinds)
	}
}

func (b *mappingBuilder) choice(n *yaml.Node, what string, words []string) string {
	s, ok := b.text(n, what)
	if ok && !slices.Contains(words, s) {
		b.fail(n, suggestion(s, words), "%s: %s is not known", what, said(s))
		return ""
	}
	return s
}

func (b *mappingBuilder) pattern(n *yaml.Node) {
	if b.m.lines != regexLines && b.m.lines != "" {
		b.fail(n, "or say lines: regex", "pattern belongs to lines: regex")
		return
	}
	b.texts(n, "pattern", func(s string, at *yaml.Node) {
		re := b.regexp(s, at)
		if re == nil {
			return
		}
		if !slices.ContainsFunc(re.SubexpNames(), func(name string) bool { return name != "" }) {
			b.fail(at, "name them: (?P<status>[0-9]+)", "the pattern has no named group")
		}
		b.m.patterns = append(b.m.patterns, re)
	})
}

// groupsAsFields takes a group that is called like a field for that field, where fields: does not say it.
func (b *mappingBuilder) groupsAsFields() {
	for _, re := range b.m.patterns {
		for _, name := range re.SubexpNames() {
			f, unit, err := parseField(name)
			if err != nil || slices.ContainsFunc(b.m.places, func(p spot) bool { return p.f == f || p.path.text == name }) {
				continue
			}
			b.m.places = append(b.m.places, spot{f: f, unit: unit, path: linePath{text: name, steps: []string{name}}})
		}
	}
}

// constants reads what the lines do not say because it is always the same.
func (b *mappingBuilder) constants() {
	if n := b.nodes["constants"]; n != nil {
		b.keys(n, "constants", bareFields(), func(name string, _, v *yaml.Node) { b.constant(fieldNamed(name), v) })
	}
	if n := b.nodes["side"]; n != nil {
		if slices.ContainsFunc(b.m.consts, func(c constant) bool { return c.f == fSide }) {
			b.fail(n, "leave one of them out", "side is among the constants too")
		}
		b.constant(fSide, n)
	}
}

func (b *mappingBuilder) constant(f field, n *yaml.Node) {
	s, ok := b.text(n, fieldNames[f])
	if !ok {
		return
	}
	if f == fTime || f == fRequestID || f.isSpan() || f == fTokensIn || f == fTokensOut {
		b.fail(n, "", "%s is not the same in every line", fieldNames[f])
		return
	}
	b.meant(f, s, n)
	b.m.consts = append(b.m.consts, constant{f: f, v: value{kind: stringValue, bytes: []byte(s)}})
}

// meantWords are the only values that some fields have.
var meantWords = map[field][]string{
	fSide:     {traffic.SideClient, traffic.SideUpstream},
	fWorkload: {traffic.WorkloadInteractive, traffic.WorkloadBatch, traffic.WorkloadOther},
	fStream:   {"true", "false"},
	fStatus:   {"ok", "failed"},
}

// meant checks a value that the file itself gives to a field.
func (b *mappingBuilder) meant(f field, s string, n *yaml.Node) {
	words := meantWords[f]
	if words == nil || slices.Contains(words, s) {
		return
	}
	hint := suggestion(s, words)
	if f == fStatus {
		if code, err := strconv.Atoi(s); err == nil && code >= 100 && code <= 599 {
			return
		}
		hint = "a status code, ok or failed"
	}
	b.fail(n, hint, "%s is no %s", said(s), fieldNames[f])
}

// values reads what the values of fields mean: values: {status: {success: ok, error: failed}}.
func (b *mappingBuilder) values(n *yaml.Node) {
	b.keys(n, "values", bareFields(), func(name string, k, v *yaml.Node) {
		f := fieldNamed(name)
		if !slices.ContainsFunc(b.m.places, func(p spot) bool { return p.f == f }) {
			b.fail(k, "say where it stands under fields:", "values of %s, which the format does not read", name)
		}
		table := make(map[string]string)
		b.keys(v, "values of "+name, nil, func(from string, _, to *yaml.Node) {
			if to.Kind == yaml.ScalarNode && (to.ShortTag() == "!!null" || to.Value == "") {
				table[strings.ToLower(from)] = ""
				return
			}
			if s, ok := b.text(to, fmt.Sprintf("value %s of %s", said(from), name)); ok {
				b.meant(f, s, to)
				table[strings.ToLower(from)] = s
			}
		})
		b.m.values[f] = table
	})
}

func (b *mappingBuilder) unwrapping(n *yaml.Node) {
	u := &unwrapping{format: Auto}
	b.keys(n, "unwrap", []string{"path", "format"}, func(key string, _, v *yaml.Node) {
		switch key {
		case "path":
			b.texts(v, "unwrap", func(s string, at *yaml.Node) {
				if p, ok := b.path(s, at); ok {
					u.paths = append(u.paths, p)
				}
			})
		case "format":
			u.format, _ = b.text(v, "format")
			if u.format == b.m.Name {
				b.fail(v, "", "an envelope cannot hold itself")
			}
		}
	})
	switch {
	case len(u.paths) == 0:
		b.fail(n, "add path: with the place of the line within", "unwrap has no path")
	case b.m.lines != JSON:
		b.fail(n, "", "unwrap belongs to lines: json")
	case len(b.m.count)+len(b.m.explain) > 0:
		b.fail(n, "rules belong to the format of the lines within", "an envelope counts nothing itself")
	}
	b.m.unwrap = u
}

// detect reads one set of marks, or a list of which one must be there.
func (b *mappingBuilder) detect(n *yaml.Node) {
	items := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		items = n.Content
	}
	for _, item := range items {
		var d marks
		b.keys(item, "detect", []string{"has", "text"}, func(key string, _, v *yaml.Node) {
			if key == "text" {
				s, _ := b.text(v, "text")
				d.text = []byte(s)
				return
			}
			b.texts(v, "has", func(s string, at *yaml.Node) {
				if p, ok := b.path(s, at); ok {
					d.has.conds = append(d.has.conds, b.condition(condition{path: p}))
				}
			})
		})
		if len(d.text) == 0 && len(d.has.conds) == 0 && len(b.problems) == 0 {
			b.fail(item, "add has: with paths that only these lines have, or text: with a literal", "detect says nothing")
		}
		b.m.detect = append(b.m.detect, d)
	}
}

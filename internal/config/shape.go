package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// A shape is one kind of value: how it is read from YAML, and what the JSON Schema says of it. The tables in fields.go are
// built from shapes, so that the reader and the schema cannot disagree. read reports what is wrong and then gives false.
type shape[V any] struct {
	schema map[string]any
	read   func(r *report, n *yaml.Node) (V, bool)
}

// field is one key of an object of type T.
type field[T any] struct {
	key    string
	need   bool
	schema map[string]any
	read   func(r *report, n *yaml.Node, to *T) bool
}

// key makes a field that is read with a shape and put where set says.
func key[T, V any](name, doc string, s shape[V], set func(*T, V)) field[T] {
	return field[T]{
		key:    name,
		schema: with(s.schema, "description", doc),
		read: func(r *report, n *yaml.Node, to *T) bool {
			v, ok := s.read(r, n)
			set(to, v) // also what is wrong in part: the rest of it is checked all the same
			return ok
		},
	}
}

// required marks a field that must be there.
func (f field[T]) required() field[T] {
	f.need = true
	return f
}

// def documents the value that holds where the key is absent; the object's start value is what puts it there.
func (f field[T]) def(v any) field[T] {
	f.schema = with(f.schema, "default", v)
	return f
}

// object is a mapping with known keys. start gives its defaults; done, where there is one, checks the whole with the
// places of the keys that were there, those with a bad value among them.
type object[T any] struct {
	what   string
	fields []field[T]
	start  func() T
	done   func(r *report, n *yaml.Node, keys map[string]Pos, to *T)
}

func (o object[T]) shape() shape[T] { return shape[T]{schema: o.schema(), read: o.read} }

func (o object[T]) schema() map[string]any {
	props, need := map[string]any{}, []string{}
	for _, f := range o.fields {
		props[f.key] = f.schema
		if f.need {
			need = append(need, f.key)
		}
	}
	s := map[string]any{"type": "object", "additionalProperties": false, "properties": props}
	if len(need) > 0 {
		s["required"] = need
	}
	return s
}

func (o object[T]) read(r *report, n *yaml.Node) (T, bool) {
	var to T
	if o.start != nil {
		to = o.start()
	}
	if !plain(r, n) {
		return to, false
	}
	keys := make(map[string]Pos)
	ok := eachKey(r, n, o.what, func(k, v *yaml.Node) bool {
		i := slices.IndexFunc(o.fields, func(f field[T]) bool { return f.key == k.Value })
		if i < 0 {
			r.fail(k, "unknown key "+quote(k.Value)+" in "+o.what, suggest(k.Value, o.names()))
			return false
		}
		keys[k.Value] = r.at(v)
		return o.fields[i].read(r, v, &to)
	})
	if n.Kind != yaml.MappingNode {
		return to, false
	}
	for _, f := range o.fields {
		if _, there := keys[f.key]; f.need && !there {
			r.fail(n, o.what+" has no "+f.key, "add "+f.key+":")
			ok = false
		}
	}
	if o.done != nil {
		before := len(r.problems) + r.more
		o.done(r, n, keys, &to)
		ok = ok && len(r.problems)+r.more == before
	}
	return to, ok
}

func (o object[T]) names() []string {
	names := make([]string, len(o.fields))
	for i, f := range o.fields {
		names[i] = f.key
	}
	return names
}

// eachKey walks a mapping whose keys are plain words, each there once.
func eachKey(r *report, n *yaml.Node, what string, visit func(k, v *yaml.Node) bool) bool {
	if n.Kind != yaml.MappingNode {
		r.fail(n, what+" wants key: value pairs, not "+kindOf(n), "")
		return false
	}
	ok, seen := true, make(map[string]*yaml.Node)
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		switch first := seen[k.Value]; {
		case !plain(r, k):
			ok = false
		case k.Kind != yaml.ScalarNode || k.ShortTag() == "!!merge":
			r.fail(k, "a key of "+what+" is "+kindOf(k), "keys are plain words")
			ok = false
		case first != nil:
			r.fail(k, "key "+quote(k.Value)+" a second time", fmt.Sprintf("the first is on line %d", first.Line))
			ok = false
		default:
			seen[k.Value] = k
			ok = visit(k, v) && ok
		}
	}
	return ok
}

// plain refuses what YAML can do and a configuration need not: an alias makes a small file large, and a tag makes a
// value look like another.
func plain(r *report, n *yaml.Node) bool {
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		r.fail(n, "anchors and aliases are not read here", "write the value out")
	case n.Style&yaml.TaggedStyle != 0:
		r.fail(n, "tag "+quote(n.Tag)+" is not read here", "leave it out")
	default:
		return true
	}
	return false
}

// kindOf says what a node is, never what its value is: it may be a secret in the wrong place.
func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "key: value pairs"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias"
	}
	switch n.ShortTag() {
	case "!!null":
		return "nothing"
	case "!!bool":
		return "true or false"
	case "!!int", "!!float":
		return "a number"
	case "!!timestamp":
		return "a date"
	}
	return "text"
}

// scalar gives the text of a node that is a single value with one of the tags.
func scalar(r *report, n *yaml.Node, want string, tags ...string) (string, bool) {
	if !plain(r, n) {
		return "", false
	}
	if n.Kind != yaml.ScalarNode || !slices.Contains(tags, n.ShortTag()) {
		hint := ""
		if n.Kind == yaml.ScalarNode && n.ShortTag() != "!!null" && slices.Contains(tags, "!!str") {
			hint = "put it in quotes if it is meant as text"
		}
		r.fail(n, "wants "+want+", not "+kindOf(n), hint)
		return "", false
	}
	return n.Value, true
}

// maxText bounds one value.
const maxText = 4096

// text is a value that is not empty and has no control characters. check, where there is one, gives what is wrong
// with it and what to try.
func text(want string, check func(string) (wrong, hint string)) shape[string] {
	return shape[string]{
		schema: map[string]any{"type": "string", "minLength": 1},
		read: func(r *report, n *yaml.Node) (string, bool) {
			s, ok := scalar(r, n, want, "!!str")
			if !ok {
				return "", false
			}
			wrong, hint := "", ""
			switch {
			case strings.TrimSpace(s) == "":
				wrong = "is empty; it wants " + want
			case len(s) > maxText:
				wrong = fmt.Sprintf("is longer than %d bytes", maxText)
			case strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c == 0x7f }):
				wrong = "has a line break or a control character in it"
			case check != nil:
				wrong, hint = check(s)
			}
			if wrong != "" {
				r.fail(n, wrong, hint)
			}
			return s, wrong == ""
		},
	}
}

// choice is one of a few words.
func choice(words ...string) shape[string] {
	s := text(oneOf(words), func(v string) (string, string) {
		if slices.Contains(words, v) {
			return "", ""
		}
		return quote(v) + " is not " + oneOf(words), suggest(v, words)
	})
	s.schema = map[string]any{"enum": words}
	return s
}

// onOff is a switch of the kind that an operator throws.
func onOff() shape[bool] {
	words := choice("on", "off")
	return shape[bool]{
		// YAML 1.1 reads on and off as true and false, and so does an editor that checks with the schema.
		schema: map[string]any{"enum": []any{"on", "off", true, false}},
		read: func(r *report, n *yaml.Node) (bool, bool) {
			if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!bool" {
				return truth().read(r, n)
			}
			v, ok := words.read(r, n)
			return v == "on", ok
		},
	}
}

// truth is true or false.
func truth() shape[bool] {
	return shape[bool]{
		schema: map[string]any{"type": "boolean"},
		read: func(r *report, n *yaml.Node) (bool, bool) {
			v, ok := scalar(r, n, "true or false", "!!bool")
			return strings.EqualFold(v, "true"), ok
		},
	}
}

// duration is a time span between two bounds.
func duration(least, most time.Duration) shape[time.Duration] {
	return shape[time.Duration]{
		schema: map[string]any{"type": "string", "pattern": `^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$`},
		read: func(r *report, n *yaml.Node) (time.Duration, bool) {
			if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!int" {
				r.fail(n, "is a number without a unit", "write "+quote(clip(n.Value)+"s")+" for seconds")
				return 0, false
			}
			v, ok := scalar(r, n, "a duration such as 5s or 1m30s", "!!str")
			if !ok {
				return 0, false
			}
			d, err := time.ParseDuration(v)
			switch {
			case err != nil:
				r.fail(n, quote(v)+" is not a duration", "write it like 500ms, 5s or 1m30s")
			case d < least || d > most:
				r.fail(n, fmt.Sprintf("%s is out of bounds", v), fmt.Sprintf("between %s and %s", least, most))
			default:
				return d, true
			}
			return 0, false
		},
	}
}

// list is a sequence of one shape. Nothing at all is an empty list: it is what remains when all lines of a list are
// commented out.
func list[V any](what string, s shape[V]) shape[[]V] {
	return shape[[]V]{
		schema: map[string]any{"type": []string{"array", "null"}, "items": s.schema},
		read: func(r *report, n *yaml.Node) ([]V, bool) {
			if !plain(r, n) {
				return nil, false
			}
			if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" {
				return nil, true
			}
			if n.Kind != yaml.SequenceNode {
				r.fail(n, "wants a list of "+what+", not "+kindOf(n), "begin each with a dash, or write [a, b]")
				return nil, false
			}
			ok, all := true, make([]V, 0, len(n.Content))
			for _, item := range n.Content {
				v, good := s.read(r, item)
				ok = ok && good
				all = append(all, v)
			}
			return all, ok
		},
	}
}

// some is a list that is not empty.
func some[V any](what string, s shape[V]) shape[[]V] {
	l := list(what, s)
	read := l.read
	l.schema = map[string]any{"type": "array", "items": s.schema, "minItems": 1}
	l.read = func(r *report, n *yaml.Node) ([]V, bool) {
		all, ok := read(r, n)
		if ok && len(all) == 0 {
			r.fail(n, "is empty; it wants at least one of "+what, "")
			return nil, false
		}
		return all, ok
	}
	return l
}

// byName is a mapping from names of the operator's own, or from a fixed list of words, to one shape.
func byName[V any](what string, words []string, s shape[V]) shape[map[string]V] {
	schema := map[string]any{"type": []string{"object", "null"}, "additionalProperties": s.schema}
	if words != nil {
		schema = map[string]any{"type": "object", "minProperties": 1, "additionalProperties": false, "properties": each(words, s.schema)}
	}
	return shape[map[string]V]{
		schema: schema,
		read: func(r *report, n *yaml.Node) (map[string]V, bool) {
			all := make(map[string]V)
			if !plain(r, n) {
				return all, false
			}
			if words == nil && n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" {
				return all, true
			}
			ok := eachKey(r, n, what, func(k, v *yaml.Node) bool {
				if words != nil && !slices.Contains(words, k.Value) {
					r.fail(k, "unknown key "+quote(k.Value)+" in "+what, suggest(k.Value, words))
					return false
				}
				if wrong, hint := badName(k.Value); words == nil && wrong != "" {
					r.fail(k, wrong, hint)
					return false
				}
				value, good := s.read(r, v)
				all[k.Value] = value
				return good
			})
			if ok && words != nil && len(all) == 0 {
				r.fail(n, what+" is empty", "known are "+strings.Join(words, ", "))
				ok = false
			}
			return all, ok
		},
	}
}

func each(words []string, schema map[string]any) map[string]any {
	m := make(map[string]any, len(words))
	for _, w := range words {
		m[w] = schema
	}
	return m
}

// with gives a copy of a schema with one more word.
func with(schema map[string]any, word string, value any) map[string]any {
	m := maps.Clone(schema)
	m[word] = value
	return m
}

func clip(s string) string { return s[:min(len(s), maxQuoted)] }

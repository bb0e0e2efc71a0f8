package decode

import (
	"regexp"
	"slices"

	"go.yaml.in/yaml/v3"
)

// condition is one thing that a rule asks of a line: that a path has one of some values, or is there at all.
type condition struct {
	path   linePath
	values []string // patterns with *; none: it is enough that the path is there
	absent bool     // it must not be there
}

// rule is a list of conditions that all must hold, and an expression that the whole line must match.
type rule struct {
	conds []int // numbers in Mapping.conds
	line  *regexp.Regexp
}

// holds tells whether a rule fits a line, of which seen tells the conditions that its values met.
func (r rule) holds(seen []bool, conds []condition, line []byte) bool {
	for _, c := range r.conds {
		if seen[c] == conds[c].absent {
			return false
		}
	}
	return r.line == nil || r.line.Match(line)
}

func anyHolds(rules []rule, seen []bool, conds []condition, line []byte) bool {
	return slices.ContainsFunc(rules, func(r rule) bool { return r.holds(seen, conds, line) })
}

// met tells whether a value is one that the condition asks for.
func (c condition) met(v value) bool {
	if len(c.values) == 0 {
		return v.kind != nullValue
	}
	return slices.ContainsFunc(c.values, func(want string) bool { return wild(want, string(v.bytes)) })
}

// The words of a condition that are no values.
const (
	condExists = "exists"
	condAbsent = "absent"
)

// rules reads count:, explain: or ignore:, each {when: {path: value}, line: REGEX} or a list of such.
func (b *mappingBuilder) rules(n *yaml.Node, what string) []rule {
	items := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		items = n.Content
	}
	var all []rule
	for _, item := range items {
		var r rule
		said := len(b.problems)
		b.keys(item, what, []string{"when", "line"}, func(key string, _, v *yaml.Node) {
			switch key {
			case "when":
				b.when(v, what, &r)
			case "line":
				if s, ok := b.text(v, "line"); ok {
					r.line = b.regexp(s, v)
				}
			}
		})
		if len(r.conds) == 0 && r.line == nil && len(b.problems) == said {
			b.fail(item, "write it like {when: {kind: request}}", "%s says no condition", what)
		}
		all = append(all, r)
	}
	return all
}

func (b *mappingBuilder) when(n *yaml.Node, what string, r *rule) {
	b.keys(n, what, nil, func(key string, k, v *yaml.Node) {
		path, ok := b.path(key, k)
		if !ok {
			return
		}
		c := condition{path: path}
		switch {
		case v.Kind == yaml.ScalarNode && v.Value == condExists:
		case v.Kind == yaml.ScalarNode && v.Value == condAbsent:
			c.absent = true
		default:
			b.texts(v, key, func(s string, _ *yaml.Node) { c.values = append(c.values, s) })
		}
		r.conds = append(r.conds, b.condition(c))
	})
}

// condition numbers a condition.
func (b *mappingBuilder) condition(c condition) int {
	b.m.conds = append(b.m.conds, c)
	return len(b.m.conds) - 1
}

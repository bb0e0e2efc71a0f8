package decode

import (
	"regexp"
	"slices"
	"time"

	"go.yaml.in/yaml/v3"
)

// bareFields are the names of fields as constants: and values: write them.
func bareFields() []string {
	var out []string
	for f := range numFields {
		if f != fKind {
			out = append(out, fieldNames[f])
		}
	}
	return out
}

// knownFields are the names that fields: takes: a time span with its unit in its name or without.
func knownFields() []string {
	var out []string
	for _, name := range append(bareFields(), FieldNames()...) {
		if !slices.Contains(out, name) && name != fieldNames[fKind] {
			out = append(out, name)
		}
	}
	return out
}

func (b *mappingBuilder) fields(n *yaml.Node) {
	taken := make(map[field]string)
	b.keys(n, "fields", knownFields(), func(name string, k, v *yaml.Node) {
		p := spot{f: fieldNamed(name)}
		if f, unit, err := parseField(name); err == nil {
			p.f, p.unit = f, unit
		}
		if first, twice := taken[p.f]; twice {
			b.fail(k, "give one field several paths: ["+first+"'s, "+name+"'s]", "%s and %s are the same field", first, name)
			return
		}
		taken[p.f] = name
		b.field(p, name, v)
	})
}

// fieldNamed finds a field by its name without a unit.
func fieldNamed(name string) field {
	if i := slices.Index(fieldNames[:], name); i >= 0 {
		return field(i) //nolint:gosec // there are few fields
	}
	return noField
}

// field reads where one field stands: a path, {path: ..., unit: ...}, or a list of such in the order of preference.
func (b *mappingBuilder) field(p spot, name string, n *yaml.Node) {
	items := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		items = n.Content
		if len(items) == 0 {
			b.fail(n, "", "field %s has no path", name)
		}
	}
	for _, item := range items {
		one, paths := p, item
		if item.Kind == yaml.MappingNode {
			if paths = b.aspects(&one, name, item); paths == nil {
				continue
			}
		}
		if one.f.isSpan() && one.unit == 0 {
			b.fail(item, "write "+name+"_ms: or {path: ..., unit: ms}", "field %s has no unit", name)
		}
		b.texts(paths, "field "+name, func(s string, at *yaml.Node) {
			if path, ok := b.place(s, name, at); ok {
				one.path, one.rank = path, p.rank
				b.m.places = append(b.m.places, one)
			}
			if p.rank++; p.rank == maxAlternatives {
				b.fail(at, "", "field %s has too many paths", name)
			}
		})
	}
}

// maxAlternatives bounds the paths of one field.
const maxAlternatives = 50

// place reads a path, which in a regular expression is a group.
func (b *mappingBuilder) place(s, name string, at *yaml.Node) (linePath, bool) {
	path, ok := b.path(s, at)
	if ok && b.m.lines == regexLines && !slices.ContainsFunc(b.m.patterns, func(re *regexp.Regexp) bool { return re.SubexpIndex(s) >= 0 }) {
		b.fail(at, "name it in the pattern: (?P<"+name+">...)", "no pattern has a group called %s", said(s))
		return path, false
	}
	return path, ok
}

// aspects reads {path: ..., unit: ...} and gives the node of the path.
func (b *mappingBuilder) aspects(p *spot, name string, n *yaml.Node) (paths *yaml.Node) {
	b.keys(n, "field "+name, []string{"path", "unit", "layout", "zone", "pattern"}, func(key string, _, v *yaml.Node) {
		if key == "path" {
			paths = v
			return
		}
		if s, ok := b.text(v, key); ok {
			b.aspect(p, key, s, v)
		}
	})
	if paths == nil {
		b.fail(n, "add path:", "field %s has no path", name)
	}
	return paths
}

var timeUnits = map[string]time.Duration{"ns": time.Nanosecond, "us": time.Microsecond, "ms": time.Millisecond, "s": time.Second, "min": time.Minute}

// aspect reads what is said of a field beside its path.
func (b *mappingBuilder) aspect(p *spot, key, s string, n *yaml.Node) {
	switch key {
	case "unit":
		unit, ok := timeUnits[s]
		switch {
		case !ok:
			b.fail(n, "known are ns, us, ms, s, min", "unit %s is not known", said(s))
		case p.f == fTime:
			p.epoch = unit
		case !p.f.isSpan():
			b.fail(n, "", "unit belongs to time, latency, ttft and retry_after")
		case p.unit != 0:
			b.fail(n, "leave one of them out", "the field's name says its unit already")
		default:
			p.unit = unit
		}
	case "layout", "zone":
		if p.f != fTime {
			b.fail(n, "", "%s belongs to time", key)
			return
		}
		var err error
		if key == "layout" {
			p.layout, err = timeLayout(s)
		} else {
			p.zone, err = time.LoadLocation(s)
		}
		if err != nil {
			b.fail(n, "", "%s", err)
		}
	case "pattern":
		p.pattern = b.regexp(s, n)
		if p.pattern != nil && p.pattern.NumSubexp() != 1 {
			b.fail(n, "put the part that is meant, and only it, into ( )", "a field's pattern has one group, not %d", p.pattern.NumSubexp())
		}
	}
}

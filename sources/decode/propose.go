package decode

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Proposal is a field mapping for a log whose names are not ours.
type Proposal struct {
	File     string            // of text lines: a whole mapping file to save, with the reasons as comments
	YAML     string            // to paste into the source's configuration, with the reasons as comments
	Mapped   map[string]string // field -> path: known by its name, or guessed from names and values
	Why      map[string]string // field -> what speaks for the path
	Unmapped []string          // paths that stand for nothing that we know
	Missing  []string          // fields that matter and that no path was found for

	Lines, Requests int // lines of the sample, and how many of them are requests with this mapping
}

// Bounds of what a proposal lists.
const (
	maxProposed = 60
	maxPathLen  = 120
)

// Propose reads a sample of JSON or logfmt lines and says which path is which field, by the names of the
// paths and by their values. Each field is read from one path and each path is one field: the strongest
// claims win. What it says is read back by the decoder before it is shown.
func Propose(sample [][]byte) Proposal {
	p := Proposal{Mapped: make(map[string]string), Why: make(map[string]string)}
	paths, format := survey(sample)
	if format == "" {
		return proposeText(sample, p)
	}
	taken := make(map[*seen]bool)
	for _, c := range claims(paths) {
		if taken[c.s] || covered(p.Mapped, c.field) {
			continue
		}
		taken[c.s] = true
		p.Mapped[c.field], p.Why[c.field] = c.s.path, c.why
	}
	for _, s := range paths {
		if !taken[s] && len(s.vals) > 0 && len(p.Unmapped) < maxProposed {
			p.Unmapped = append(p.Unmapped, s.path)
		}
	}
	p.Missing = missing(p.Mapped)
	if format == Logfmt && !covered(p.Mapped, "time") { // pairs that stand in a text
		if text := proposeText(sample, Proposal{Mapped: make(map[string]string)}); text.File != "" {
			return text
		}
	}
	t := try(format, sample[:min(len(sample), SampleLines)], Options{Fields: p.Mapped})
	p.Lines, p.Requests = t.lines, t.requests
	p.YAML = p.yaml()
	return p
}

// claims lists the claims on the paths, the strongest first.
func claims(paths []*seen) []claim {
	m, _ := newMapping(nil) // no fields: no error
	var all []claim
	for _, s := range paths {
		if len(s.vals) == 0 {
			continue
		}
		var mine []claim
		for _, judge := range judges {
			if c := judge(s); c.strength > 0 {
				mine = append(mine, c)
			}
		}
		if t, ok := m.find([]byte(s.path)); ok {
			if c := byCommonName(t, s, mine); c.strength > 0 {
				mine = append(mine, c)
			}
		}
		all = append(all, mine...)
	}
	slices.SortStableFunc(all, func(a, b claim) int { return cmp.Compare(b.strength, a.strength) })
	return all
}

// judgedByValue are the fields whose common names are believed only where the values agree.
var judgedByValue = map[field]bool{fTime: true, fStatus: true, fLatency: true, fTTFT: true}

// byCommonName makes the claim of a path that has a common name.
func byCommonName(t target, s *seen, others []claim) claim {
	c := claim{s: s, field: fieldNames[t.f], strength: 300 - int(t.rank), why: "a common name, " + s.names()}
	if t.f.isSpan() {
		named := ""
		for _, u := range spanUnits {
			if u.unit == t.unit {
				named = u.suffix
			}
		}
		unit, why, ok := spanUnit(s, named)
		if !ok {
			return claim{}
		}
		c.field, c.why = c.field+unit, why
		return c
	}
	for _, o := range others {
		if o.field == c.field {
			c.why = o.why
			return c
		}
		if o.field == fieldNames[fModel] && t.f == fDeployment && o.strength >= 85 {
			c.strength = 50 // "model_id" is a deployment's in one gateway and the model's in others
		}
	}
	switch {
	case judgedByValue[t.f], t.f == fRequestID && len(s.vals) > 2 && 3*len(s.known) < len(s.vals):
		return claim{}
	case s.isNumber():
		c.why = "a common name, numbers " + s.bounds()
	case !s.few():
		c.why = "a common name"
	}
	return c
}

// covered tells whether a field has a path, whatever its unit.
func covered(mapped map[string]string, name string) bool {
	base := baseName(name)
	for have := range mapped {
		if baseName(have) == base {
			return true
		}
	}
	return false
}

// baseName is a field's name without the unit of a time span.
func baseName(name string) string {
	if f, _, err := parseField(name); err == nil {
		return fieldNames[f]
	}
	return name
}

// missing lists what matters and was not found.
func missing(mapped map[string]string) []string {
	var out []string
	for _, want := range []string{"time", "model", "status", "latency", "request_id", "error_message", "deployment"} {
		switch {
		case covered(mapped, want),
			want == "error_message" && covered(mapped, "message"), // a failed line's message is taken
			want == "deployment" && covered(mapped, "backend"):    // the inventory knows backends too
		default:
			out = append(out, want)
		}
	}
	return out
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func (p Proposal) yaml() string {
	if len(p.Mapped) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("fields:\n")
	for _, name := range slices.Sorted(maps.Keys(p.Mapped)) {
		fmt.Fprintf(&b, "  %s: %q  # %s\n", name, p.Mapped[name], p.Why[name])
	}
	for _, name := range p.Missing {
		fmt.Fprintf(&b, "  # %s: (not found)\n", name)
	}
	return b.String()
}

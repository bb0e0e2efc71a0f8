package decode

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Proposal is a field mapping for a log whose names are not ours.
type Proposal struct {
	YAML     string            // to paste into the source's configuration
	Mapped   map[string]string // field -> path: known by its name, or guessed from name and values
	Unmapped []string          // paths that stand for nothing that we know
	Missing  []string          // fields that matter and that no path was found for
}

// Bounds of what a proposal lists.
const (
	maxProposed = 60
	maxPathLen  = 120
)

// seen is what a sample tells of one path.
type seen struct {
	path   string
	number bool
	max    float64
	lines  int
}

// Propose reads a sample of JSON or logfmt lines and says which path is which field.
func Propose(sample [][]byte) Proposal {
	p := Proposal{Mapped: make(map[string]string)}
	paths := survey(sample)
	m, _ := newMapping(nil) // no fields: no error
	ranks := make(map[string]uint8)
	var open []*seen
	for _, s := range paths {
		t, ok := m.find([]byte(s.path))
		name := ""
		if ok {
			name = nameOf(t, s)
		}
		if name == "" {
			open = append(open, s)
			continue
		}
		if old, there := ranks[name]; !there || t.rank < old {
			p.Mapped[name], ranks[name] = s.path, t.rank
		}
	}
	for _, s := range open {
		if name := guessField(s); name != "" && !covered(p.Mapped, name) {
			p.Mapped[name] = s.path
			continue
		}
		if len(p.Unmapped) < maxProposed {
			p.Unmapped = append(p.Unmapped, s.path)
		}
	}
	for _, want := range []string{"time", "model", "status", "latency", "request_id", "error_message", "deployment"} {
		if !covered(p.Mapped, want) {
			p.Missing = append(p.Missing, want)
		}
	}
	p.YAML = p.yaml()
	return p
}

// covered tells whether a field has a path, whatever its unit.
func covered(mapped map[string]string, name string) bool {
	base := name
	for _, u := range spanUnits {
		base = strings.TrimSuffix(base, u.suffix)
	}
	for have := range mapped {
		if have == name || strings.HasPrefix(have, base+"_") && slices.Contains([]string{"latency", "ttft", "retry_after"}, base) {
			return true
		}
	}
	return false
}

// nameOf gives the configuration's name of a target; a span without a unit gets one by its size only in a guess.
func nameOf(t target, s *seen) string {
	name := fieldNames[t.f]
	if !t.f.isSpan() {
		return name
	}
	for _, u := range spanUnits {
		if u.unit == t.unit {
			return name + u.suffix
		}
	}
	if s.number {
		return name + guessUnit(s)
	}
	return ""
}

// guessUnit tells the unit of a span by its largest value: answers of models take from tenths of a second to minutes.
func guessUnit(s *seen) string {
	switch {
	case s.max < 500:
		return "_s"
	case s.max < 1e6:
		return "_ms"
	case s.max < 1e9:
		return "_us"
	}
	return "_ns"
}

// guesses find a field by a part of a path's last key. Order matters: the first that fits wins.
var guesses = []struct {
	part, field string
	number      bool
}{
	{"model", "model", false},
	{"deploy", "deployment", false},
	{"region", "region", false},
	{"provider", "provider", false},
	{"vendor", "provider", false},
	{"statuscode", "status", true},
	{"httpcode", "status", true},
	{"status", "status", true},
	{"rescode", "status", true},
	{"ttft", "ttft", true},
	{"firsttoken", "ttft", true},
	{"latency", "latency", true},
	{"duration", "latency", true},
	{"elapsed", "latency", true},
	{"took", "latency", true},
	{"dur", "latency", true},
	{"prompttok", "tokens_in", true},
	{"inputtok", "tokens_in", true},
	{"completiontok", "tokens_out", true},
	{"outputtok", "tokens_out", true},
	{"errmsg", "error_message", false},
	{"error", "error_message", false},
	{"requestid", "request_id", false},
	{"reqid", "request_id", false},
	{"timestamp", "time", false},
	{"timestamp", "time", true},
	{"requestid", "request_id", true},
	{"finish", "finish_reason", false},
	{"tenant", "caller", false},
	{"team", "caller", false},
}

func guessField(s *seen) string {
	last := s.path[strings.LastIndexByte(s.path, '.')+1:]
	name := fold([]byte(last))
	for _, g := range guesses {
		if !strings.Contains(name, g.part) || g.number != s.number {
			continue
		}
		if g.field == "latency" || g.field == "ttft" {
			return g.field + guessUnit(s)
		}
		return g.field
	}
	return ""
}

// survey lists the paths of a sample in the order of their first appearance.
func survey(sample [][]byte) []*seen {
	byPath := make(map[string]*seen)
	var order []*seen
	visit := func(path []byte, v value) {
		s, ok := byPath[string(path)]
		if !ok {
			if len(order) >= 4*maxProposed || len(path) > maxPathLen || !plainPath(path) {
				return
			}
			s = &seen{path: string(path), number: v.kind == numberValue}
			byPath[s.path] = s
			order = append(order, s)
		}
		s.lines++
		if n, err := strconv.ParseFloat(string(v.bytes), 64); err == nil {
			s.number, s.max = true, max(s.max, n)
		}
	}
	scan := scanner{visit: visit}
	for i, line := range sample {
		if i >= SampleLines {
			break
		}
		if body := afterSyslog(line); len(body) > 0 && body[0] == '{' {
			scan.scan(body)
			continue
		}
		pairs(line, visit)
	}
	return order
}

// plainPath keeps what is untrusted and odd out of something that is meant to be pasted.
func plainPath(path []byte) bool {
	for _, c := range path {
		if c <= ' ' || c >= 0x7f || strings.IndexByte("\"'{}[],:#&*!|>%`\\", c) >= 0 {
			return false
		}
	}
	return len(path) > 0
}

func (p Proposal) yaml() string {
	if len(p.Mapped) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("fields:\n")
	for _, name := range slices.Sorted(maps.Keys(p.Mapped)) {
		fmt.Fprintf(&b, "  %s: %q\n", name, p.Mapped[name])
	}
	for _, name := range p.Missing {
		fmt.Fprintf(&b, "  # %s: (not found)\n", name)
	}
	return b.String()
}

package traffic

import (
	"maps"
	"strings"
)

// Scope says where something is, or where a lever acts: dimension name to value.
// An empty scope means everything. It is plain JSON wherever it is written.
type Scope map[string]string

// String prints the scope in dimension order, "everything" when it is empty.
func (s Scope) String() string {
	if len(s) == 0 {
		return "everything"
	}
	var b strings.Builder
	for d := Dim(0); d < NumDims; d++ {
		if v, ok := s[d.String()]; ok {
			if b.Len() > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(d.String() + "=" + v)
		}
	}
	return b.String()
}

// Short names the scope as an operator says it: "gpt-4o@eu-west", "azure@eu-west", "gpt-4o", "everything".
func (s Scope) Short() string {
	what := s["deployment"]
	for _, d := range []string{"model", "provider", "endpoint", "workload", "caller", "gateway"} {
		if what == "" {
			what = s[d]
		}
	}
	region := s["region"]
	switch {
	case what == "" && region == "":
		return s.String()
	case what == "":
		return "region " + region
	case region == "" || s["deployment"] != "":
		return what
	}
	return what + "@" + region
}

// Equal tells whether both scopes name the same dimensions with the same values.
func (s Scope) Equal(o Scope) bool { return maps.Equal(s, o) }

// Clone gives a copy that may be changed.
func (s Scope) Clone() Scope { return maps.Clone(s) }

// Overlaps tells whether some traffic can be in both scopes: no dimension that both name differs.
func (s Scope) Overlaps(o Scope) bool {
	for d, v := range s {
		if w, ok := o[d]; ok && w != v {
			return false
		}
	}
	return true
}

// Covers tells whether everything in o is also in s: s names nothing that o does not name equally.
func (s Scope) Covers(o Scope) bool {
	for d, v := range s {
		if o[d] != v {
			return false
		}
	}
	return true
}

// Selector turns the scope into a selector over keys. A value that the table does not know selects nothing.
func (s Scope) Selector(syms *Symbols) Selector {
	var sel Selector
	for d := Dim(0); d < NumDims; d++ {
		v, ok := s[d.String()]
		if !ok {
			continue
		}
		t := Term{Dim: d}
		if sym, known := syms.Lookup(v); known && sym != Unknown {
			t.Any = []Sym{sym}
		}
		sel.Terms = append(sel.Terms, t)
	}
	return sel
}

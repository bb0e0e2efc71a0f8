package traffic

// Key names one series: a symbol per dimension, Unknown where a source did not say.
type Key [NumDims]Sym

// With gives the key with one dimension set.
func (k Key) With(d Dim, s Sym) Key {
	k[d] = s
	return k
}

// Labels gives the key's known dimensions as a scope of strings.
func (k Key) Labels(s *Symbols) Scope {
	out := make(Scope)
	for d := Dim(0); d < NumDims; d++ {
		if k[d] != Unknown {
			out[d.String()] = s.Name(k[d])
		}
	}
	return out
}

// Term restricts one dimension to some values, or with Not to all others.
// An empty Any with Not matches everything; without Not it matches nothing.
type Term struct {
	Dim Dim
	Not bool
	Any []Sym
}

// Selector is a conjunction of terms over a Key. The zero Selector matches every key.
type Selector struct {
	Terms []Term
}

// Match tells whether the key fulfils all terms.
func (s Selector) Match(k Key) bool {
	for _, t := range s.Terms {
		if t.match(k[t.Dim]) == t.Not {
			return false
		}
	}
	return true
}

func (t Term) match(sym Sym) bool {
	for _, a := range t.Any {
		if a == sym {
			return true
		}
	}
	return false
}

// And gives a selector with one more term.
func (s Selector) And(t Term) Selector {
	terms := make([]Term, 0, len(s.Terms)+1)
	return Selector{Terms: append(append(terms, s.Terms...), t)}
}

// Is gives a selector with the dimension pinned to one value.
func (s Selector) Is(d Dim, sym Sym) Selector {
	return s.And(Term{Dim: d, Any: []Sym{sym}})
}

package fault

// rule is one piece of knowledge: texts that hold one of any, all of all and none of not have the class.
// Words are lower case, as even makes them.
type rule struct {
	name       string
	class      Class
	any        []string
	all        []string
	not        []string
	layer      string
	domain     Domain
	retry      Retry
	confidence float64
}

// match finds the first rule that fits.
func match(t *text) (finding, bool) {
	set := compiledRules()
	var few [32]uint64
	s := seen(few[:])
	if n := set.words.size(); n > len(few) {
		s = make(seen, n)
	}
	set.words.in(t.low, s)
	for i := range set.rules {
		r := &set.rules[i]
		evidence, ok := r.match(s)
		if !ok {
			continue
		}
		f := finding{
			class: r.class, rule: r.name, evidence: evidence, layer: r.layer,
			domain: r.domain, retry: r.retry, confidence: r.confidence,
		}
		if f.layer == "" {
			f.layer = "provider"
		}
		if f.confidence == 0 {
			f.confidence = likely
		}
		return f, true
	}
	return finding{}, false
}

package fault

import (
	"strings"
)

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

func (r *rule) match(low string) (string, bool) {
	for _, w := range r.all {
		if !strings.Contains(low, w) {
			return "", false
		}
	}
	evidence := ""
	if len(r.all) > 0 {
		evidence = r.all[0]
	}
	if len(r.any) > 0 {
		i := 0
		for i < len(r.any) && !strings.Contains(low, r.any[i]) {
			i++
		}
		if i == len(r.any) {
			return "", false
		}
		evidence = r.any[i]
	}
	for _, w := range r.not {
		if strings.Contains(low, w) {
			return "", false
		}
	}
	return evidence, true
}

// match finds the first rule that fits.
func match(t *text) (finding, bool) {
	for i := range rules {
		r := &rules[i]
		evidence, ok := r.match(t.low)
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

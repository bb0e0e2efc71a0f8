package fault

import (
	mathbits "math/bits"
	"slices"
	"strings"
	"sync"
)

// rule is one piece of knowledge: a text that holds a word of doc or any, or a pair of near, and all of
// all and none of not, has the class. Words are compared in the normal form, so one spelling stands for
// all of RateLimit, rate_limit and "rate limit"; a bar asks that a word stands alone.
type rule struct {
	name       string
	class      Class
	from       string   // who fixes the words of doc: a provider's documentation, a program's source
	doc        []string // codes, exception names and messages that are fixed there
	any        []string // ordinary language for the same thing
	faint      []string // what names a subject and says that it went wrong only where the text tells of a failure
	near       []near
	all        []string
	not        []string
	layer      string
	domain     Domain
	retry      Retry
	confidence float64
	weak       bool  // a generic word: a status that says more decides
	own        bool  // the caller's own fault: never under a status of 500 and more
	except     []int // under these statuses it means something else
}

// near is two lists of words, one of each within so many bytes of each other, in any order.
type near struct {
	a, b   []string
	within int
}

// What a word may tell besides a class.
const (
	markLead     = 1 << iota // a status follows
	markReason               // a status stands before
	markLevel                // the level of the line
	markProvider             // a provider's name
	markMethod               // a request's method and path
	markAnswer               // an answer
	markTrouble              // a failure of any kind
	markFailing              // the like, said plainly
)

// mark is what one word tells besides a class.
type mark struct {
	kinds    uint8
	level    level
	provider uint8
	status   int
}

// pairSide says that a word is on one side of a pair.
type pairSide struct {
	pair   uint16
	id     uint16 // of the pair, among the words
	within uint16
	side   uint8
}

// compiled is a rule with its words as numbers.
type compiled struct {
	*rule
	any      []uint16
	faint    int // index in any from which words need a failure beside them
	evidence []string
	why      []string
	all, not []uint16
}

// rouse is a set of rules, by their order.
type rouse [2]uint64

func (r *rouse) add(i int) { r[i>>6] |= 1 << (i & 63) }

// join is for each word of each text, and no loop for that.
func (r *rouse) join(o rouse) { r[0], r[1] = r[0]|o[0], r[1]|o[1] }

// ruleSet is every word that a verdict asks for, and what finds them.
type ruleSet struct {
	words   *words
	rules   []compiled
	pairs   int
	asks    asks
	size    int    // words and pairs
	without []bool // words that are switched off, to see what they are worth; nil: none
}

func (s *ruleSet) off(id uint16) bool { return s.without != nil && s.without[id] }

// compiledRules is made at the first verdict.
var compiledRules = sync.OnceValue(func() *ruleSet { return compile(rules) })

func compile(rules []rule) *ruleSet {
	var all []string
	for i := range rules {
		all = append(all, rules[i].words()...)
	}
	for _, l := range tellers {
		all = append(all, l.words...)
	}
	set := &ruleSet{words: newWords(all)}
	set.size = len(set.words.ids)
	for _, l := range tellers {
		for _, word := range l.words {
			m := &set.words.told[set.words.ids[word]].mark
			m.kinds |= l.kinds
			m.level, m.provider = max(m.level, l.level), max(m.provider, l.provider)
			if l.status != 0 {
				m.status = l.status
			}
		}
	}
	for i := range rules {
		set.add(&rules[i])
	}
	for i := range set.rules {
		c := &set.rules[i]
		for _, id := range c.any {
			set.words.told[id].rouse.add(i)
		}
		if len(c.any) == 0 {
			set.words.told[c.all[0]].rouse.add(i)
		}
	}
	set.words.find()
	set.ask()
	return set
}

// words lists what a rule asks for.
func (r *rule) words() []string {
	all := slices.Concat(r.doc, r.any, r.faint, r.all, r.not)
	for _, n := range r.near {
		all = append(append(all, n.a...), n.b...)
	}
	return all
}

func (s *ruleSet) number(list []string) []uint16 {
	out := make([]uint16, len(list))
	for i, word := range list {
		out[i] = s.words.ids[word]
	}
	return out
}

func (s *ruleSet) add(r *rule) {
	c := compiled{rule: r, all: s.number(r.all), not: s.number(r.not)}
	c.evidence = slices.Concat(r.doc, r.any)
	c.any = s.number(c.evidence)
	for _, n := range r.near {
		pair := uint16(s.pairs) //nolint:gosec // some dozens
		for i, side := range [][]string{n.a, n.b} {
			for _, id := range s.number(side) {
				s.words.told[id].sides = append(s.words.told[id].sides, pairSide{pair, uint16(s.size), uint16(n.within), uint8(i)}) //nolint:gosec // some thousand
			}
		}
		s.pairs++
		c.any = append(c.any, uint16(s.size)) //nolint:gosec // some thousand
		c.evidence = append(c.evidence, n.a[0]+" … "+n.b[0])
		s.words.told = append(s.words.told, told{})
		s.size++
	}
	c.faint = len(c.any)
	c.evidence = append(c.evidence, r.faint...)
	c.any = append(c.any, s.number(r.faint)...)
	if len(c.evidence) == 0 {
		c.evidence = r.all[:1]
	}
	for _, e := range c.evidence {
		c.why = append(c.why, why(finding{rule: r.name, evidence: strings.Trim(e, "|")}))
	}
	s.rules = append(s.rules, c)
}

// match tells whether a rule fits a text, and which of its words shows it.
func (c *compiled) match(t *text) (int, bool) {
	for _, id := range c.all {
		if !t.seen.has(id) {
			return 0, false
		}
	}
	at := -1
	for i, id := range c.any {
		if t.seen.has(id) && (i < c.faint || t.failed()) {
			at = i
			break
		}
	}
	if at < 0 && len(c.any) > 0 {
		return 0, false
	}
	for _, id := range c.not {
		if t.seen.has(id) {
			return 0, false
		}
	}
	if c.own && t.status >= 500 || len(c.except) > 0 && slices.Contains(c.except, t.status) {
		return 0, false
	}
	return max(at, 0), true
}

// match finds the first rule that fits.
func (t *text) match(set *ruleSet) (finding, bool) {
	for half, bits := range t.roused {
		for ; bits != 0; bits &= bits - 1 {
			c := &set.rules[half<<6+mathbits.TrailingZeros64(bits)]
			if f, ok := c.find(t); ok {
				return f, true
			}
		}
	}
	return finding{}, false
}

// find is what a rule says of a text that it fits.
func (c *compiled) find(t *text) (finding, bool) {
	at, ok := c.match(t)
	if !ok {
		return finding{}, false
	}
	if s := StatusClass(t.status); c.weak && s != None && s != c.class {
		return finding{}, false
	}
	f := finding{
		class: c.class, rule: c.name, evidence: c.evidence[at], why: c.why[at], layer: c.layer,
		domain: c.domain, retry: c.retry, confidence: c.confidence,
	}
	if f.layer == "" {
		f.layer = "provider"
	}
	if f.confidence == 0 {
		f.confidence = likely
	}
	return f, true
}

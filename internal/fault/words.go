package fault

import "sync"

// words finds every word of every rule in one pass over a text (Aho and Corasick's automaton), so that a
// verdict costs the same whatever the number of rules, and a hostile text costs no more than another.
type words struct {
	class [256]uint8 // byte -> column; 0: a byte that is in no word
	width int
	next  []uint16   // state*width + column -> state
	found [][]uint16 // state -> ids of the words that end here
	ids   map[string]uint16
}

// seen is the set of words that a text holds.
type seen []uint64

func (s seen) has(id uint16) bool { return s[id>>6]&(1<<(id&63)) != 0 }

func (w *words) size() int { return (len(w.ids) + 63) / 64 }

// in marks the words of a text.
func (w *words) in(low string, s seen) {
	state := 0
	for i := 0; i < len(low); i++ {
		state = int(w.next[state*w.width+int(w.class[low[i]])])
		for _, id := range w.found[state] {
			s[id>>6] |= 1 << (id & 63)
		}
	}
}

func newWords(all []string) *words {
	w := &words{ids: make(map[string]uint16), width: 1}
	for _, word := range all {
		for i := 0; i < len(word); i++ {
			if w.class[word[i]] == 0 {
				w.class[word[i]] = uint8(w.width) //nolint:gosec // at most 255 columns: UTF-8 never uses all bytes
				w.width++
			}
		}
	}
	w.grow()
	for _, word := range all {
		if _, there := w.ids[word]; !there {
			w.ids[word] = uint16(len(w.ids)) //nolint:gosec // a few hundred words
			state := w.plant(word)
			w.found[state] = append(w.found[state], w.ids[word])
		}
	}
	w.link()
	return w
}

// grow adds a state.
func (w *words) grow() int {
	w.next = append(w.next, make([]uint16, w.width)...)
	w.found = append(w.found, nil)
	return len(w.found) - 1
}

// plant adds the states of a word and gives the last.
func (w *words) plant(word string) int {
	state := 0
	for i := 0; i < len(word); i++ {
		column := int(w.class[word[i]])
		if w.next[state*w.width+column] == 0 {
			added := w.grow()
			w.next[state*w.width+column] = uint16(added) //nolint:gosec // tested: the rules stay far below 65,536 states
		}
		state = int(w.next[state*w.width+column])
	}
	return state
}

// link makes of the tree an automaton: where a word does not go on, the longest other that fits does.
func (w *words) link() {
	fall := make([]int, len(w.found))
	queue := make([]int, 0, len(w.found))
	for c := 1; c < w.width; c++ {
		if to := int(w.next[c]); to != 0 {
			queue = append(queue, to)
		}
	}
	for i := 0; i < len(queue); i++ {
		state := queue[i]
		back := fall[state]
		w.found[state] = append(w.found[state], w.found[back]...)
		for c := range w.width {
			at := state*w.width + c
			if to := int(w.next[at]); to != 0 {
				fall[to] = int(w.next[back*w.width+c])
				queue = append(queue, to)
				continue
			}
			w.next[at] = w.next[back*w.width+c]
		}
	}
}

// compiled is a rule with its words as numbers.
type compiled struct {
	*rule
	any, all, not []uint16
}

type ruleSet struct {
	words *words
	rules []compiled
}

// compiledRules is made at the first verdict.
var compiledRules = sync.OnceValue(func() *ruleSet {
	var all []string
	for i := range rules {
		all = append(append(append(all, rules[i].any...), rules[i].all...), rules[i].not...)
	}
	set := &ruleSet{words: newWords(all)}
	ids := func(list []string) []uint16 {
		out := make([]uint16, len(list))
		for i, word := range list {
			out[i] = set.words.ids[word]
		}
		return out
	}
	for i := range rules {
		r := &rules[i]
		set.rules = append(set.rules, compiled{r, ids(r.any), ids(r.all), ids(r.not)})
	}
	return set
})

// match tells whether a rule fits the words seen, and which of them shows it.
func (c *compiled) match(s seen) (string, bool) {
	for _, id := range c.all {
		if !s.has(id) {
			return "", false
		}
	}
	for _, id := range c.not {
		if s.has(id) {
			return "", false
		}
	}
	for i, id := range c.any {
		if s.has(id) {
			return c.rule.any[i], true
		}
	}
	if len(c.any) > 0 {
		return "", false
	}
	return c.rule.all[0], true
}

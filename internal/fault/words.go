package fault

import (
	"maps"
	"slices"
)

// words are the words of all rules, and two automata that find them in one pass each over a text (Aho and
// Corasick's), so that a verdict costs the same whatever the number of rules, and a hostile text costs no
// more than another. Words with runes beyond ASCII have an automaton of their own, which most texts need
// not meet: the other one stays small enough for a processor's cache.
type words struct {
	plain, wide automaton
	ids         map[string]uint16
	told        []told // by number; behind the words, the pairs
}

// told is what one word asks for and what it tells. All of it lies in one line of a processor's cache.
type told struct {
	rouse            // the rules that ask for it
	mark             // what it tells besides a class
	sides []pairSide // the pairs that it is of
	size  uint16     // its length
	edges uint8      // where it must stand alone
}

// automaton has its states in two kinds. A state from which several ways lead on has a row with the next
// state for every byte; most have one way, along a word, and are a link: eight bytes each, a word's in a row.
type automaton struct {
	class [256]uint8 // byte -> column; 0: a byte that is in no word
	width int
	rows  []uint16 // state*width + column -> state
	first uint16   // state that is a link
	links []link   // of the states from first on
	ends  []uint16 // state -> where in found the words stand that end here, after their number; 0: none
	found []uint16
}

// link is a state with one way on: the byte that leads to the next, and where to look for all others.
type link struct {
	next, fall uint16
	on         byte
	more       bool // there is a way on
}

// loud marks a way to a state in which a word ends.
const loud = 1 << 15

// step gives the state after one more byte, with the mark when a word ends there. Every fall goes to a state of less depth, so over a whole text
// there are no more falls than bytes.
func (a *automaton) step(state uint16, c byte) uint16 {
	for state >= a.first {
		l := &a.links[state-a.first]
		if l.on == c && l.more {
			return l.next
		}
		state = l.fall
	}
	return a.rows[int(state)*a.width+int(a.class[c])]
}

// ending lists the words that end at a state.
func (a *automaton) ending(state uint16) []uint16 {
	at := int(a.ends[state])
	return a.found[at+1:][:a.found[at]]
}

// A word of a rule may ask to stand alone: "|eof|" is not found in "typeof".
const (
	edgeBefore = 1 << iota
	edgeAfter
)

// seen is the set of words that a text holds.
type seen []uint64

func (s seen) has(id uint16) bool { return s[id>>6]&(1<<(id&63)) != 0 }
func (s seen) add(id uint16)      { s[id>>6] |= 1 << (id & 63) }

// cutEdges takes the marks of a word that must stand alone off it.
func cutEdges(word string) (string, uint8) {
	var edges uint8
	if len(word) > 1 && word[0] == '|' {
		word, edges = word[1:], edges|edgeBefore
	}
	if len(word) > 1 && word[len(word)-1] == '|' {
		word, edges = word[:len(word)-1], edges|edgeAfter
	}
	return word, edges
}

// alone tells whether a word that ends at an offset stands as it asks to.
func (w *told) alone(text []byte, end int) bool {
	if w.edges == 0 {
		return true
	}
	if start := end - int(w.size); w.edges&edgeBefore != 0 && start > 0 && isWord(text[start-1]) {
		return false
	}
	return w.edges&edgeAfter == 0 || end >= len(text) || !isWord(text[end])
}

// newWords builds the automata. A word's number is the order of its first mention.
func newWords(all []string) *words {
	w := &words{ids: make(map[string]uint16)}
	plain, wide := newTrie(), newTrie()
	for _, word := range all {
		if _, there := w.ids[word]; there {
			continue
		}
		id := uint16(len(w.ids)) //nolint:gosec // some thousand words
		bare, edges := cutEdges(word)
		form := even(bare)
		w.ids[word] = id
		w.told = append(w.told, told{size: uint16(len(form)), edges: edges}) //nolint:gosec // a word is a phrase
		if ascii(form) {
			plain.plant(form, id)
		} else {
			wide.plant(form, id)
		}
	}
	w.plain, w.wide = plain.automaton(), wide.automaton()
	return w
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// trie is an automaton in the making.
type trie struct {
	class [256]uint8
	width int
	nodes []node
}

type node struct {
	to    map[byte]int
	fall  int
	depth int
	found []uint16
}

func newTrie() *trie { return &trie{width: 1, nodes: []node{{}}} }

// plant adds the states of a word.
func (t *trie) plant(word string, id uint16) {
	at := 0
	for i := range len(word) {
		c := word[i]
		if t.class[c] == 0 {
			t.class[c] = uint8(t.width) //nolint:gosec // at most 255 columns: UTF-8 never uses all bytes
			t.width++
		}
		to, there := t.nodes[at].to[c]
		if !there {
			to = len(t.nodes)
			t.nodes = append(t.nodes, node{depth: t.nodes[at].depth + 1})
			if t.nodes[at].to == nil {
				t.nodes[at].to = map[byte]int{}
			}
			t.nodes[at].to[c] = to
		}
		at = to
	}
	t.nodes[at].found = append(t.nodes[at].found, id)
}

// link lists the states by depth and makes of the tree an automaton: where a word does not go on, the
// longest other that fits does.
func (t *trie) link() []int {
	order := []int{0}
	for i := 0; i < len(order); i++ {
		at := order[i]
		for _, c := range slices.Sorted(maps.Keys(t.nodes[at].to)) {
			to := t.nodes[at].to[c]
			order = append(order, to)
			if at == 0 {
				continue
			}
			fall := t.nodes[at].fall
			for fall != 0 && t.nodes[fall].to[c] == 0 {
				fall = t.nodes[fall].fall
			}
			t.nodes[to].fall = t.nodes[fall].to[c]
			t.nodes[to].found = append(t.nodes[to].found, t.nodes[t.nodes[to].fall].found...)
		}
	}
	return order
}

// automaton numbers the states: those with rows by depth, then the links, each word's in a row.
func (t *trie) automaton() automaton {
	order := t.link()
	a := automaton{class: t.class, width: t.width, found: []uint16{0}, ends: make([]uint16, len(order))}
	number := make([]uint16, len(order))
	var rows []int
	for _, at := range order {
		if t.hasRow(at) {
			number[at] = uint16(len(rows)) //nolint:gosec // tested: far below 32,768 states
			rows = append(rows, at)
		}
	}
	chain := t.chain(len(order) - len(rows))
	for i, at := range chain {
		number[at] = uint16(len(rows) + i) //nolint:gosec // tested: far below 32,768 states
	}
	for _, at := range order {
		if found := t.nodes[at].found; len(found) > 0 {
			a.ends[number[at]] = uint16(len(a.found))     //nolint:gosec // tested: a few times as many as words
			a.found = append(a.found, uint16(len(found))) //nolint:gosec // as many as end at one place
			a.found = append(a.found, found...)
		}
	}
	way := func(to int) uint16 {
		if len(t.nodes[to].found) > 0 {
			return number[to] | loud
		}
		return number[to]
	}
	a.first = uint16(len(rows)) //nolint:gosec // tested: far below 32,768 states
	a.rows = t.fill(rows, way)
	a.links = make([]link, len(chain))
	for i, at := range chain {
		a.links[i].fall = number[t.elsewhere(at)]
		for c, to := range t.nodes[at].to {
			a.links[i].on, a.links[i].next, a.links[i].more = c, way(to), true
		}
	}
	return a
}

// shallow is how deep a state may lie that has a row though only one way leads on from it: texts are there all the time,
// and go on another way most of the time.
const shallow = 2

func (t *trie) hasRow(at int) bool {
	return t.nodes[at].depth <= shallow || len(t.nodes[at].to) > 1
}

// elsewhere gives where to look for a byte that does not lead on from a state: not where the same one does.
func (t *trie) elsewhere(at int) int {
	fall := t.nodes[at].fall
	for fall != 0 && len(t.nodes[fall].to) == 1 && sameWays(t.nodes[at].to, t.nodes[fall].to) {
		fall = t.nodes[fall].fall
	}
	return fall
}

func sameWays(x, y map[byte]int) bool {
	return maps.EqualFunc(x, y, func(int, int) bool { return true })
}

// chain lists the states with at most one way on, those of one word after each other.
func (t *trie) chain(n int) []int {
	out := make([]int, 0, n)
	for at := 1; at < len(t.nodes); at++ { // planted word by word
		if !t.hasRow(at) {
			out = append(out, at)
		}
	}
	return out
}

// fill writes the rows: the ways of a state, and for every other byte the way that its fall has.
func (t *trie) fill(rows []int, way func(int) uint16) []uint16 {
	out := make([]uint16, len(rows)*t.width)
	for i, at := range rows {
		row := out[i*t.width:][:t.width]
		for c := range 256 {
			column := t.class[c]
			if column == 0 {
				continue
			}
			from := at
			for from != 0 && t.nodes[from].to[byte(c)] == 0 {
				from = t.nodes[from].fall
			}
			row[column] = way(t.nodes[from].to[byte(c)])
		}
	}
	return out
}

package fault

// words finds every word of every rule in one pass over a text (Aho and Corasick's automaton), so that a
// verdict costs the same whatever the number of rules, and a hostile text costs no more than another.
type words struct {
	class [256]uint8 // byte -> column; 0: a byte that is in no word
	width int
	next  []uint16 // state*width + column -> state
	out   []uint16 // state -> list of found; 0: no word ends here
	found [][]uint16
	ids   map[string]uint16
	sizes []uint16 // word -> its length
	edges []uint8  // word -> where it must stand alone
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
func (w *words) alone(text []byte, id uint16, end int) bool {
	e := w.edges[id]
	if e == 0 {
		return true
	}
	if start := end - int(w.sizes[id]); e&edgeBefore != 0 && start > 0 && isWord(text[start-1]) {
		return false
	}
	return e&edgeAfter == 0 || end >= len(text) || !isWord(text[end])
}

// newWords builds the automaton. A word's number is its index of first mention.
func newWords(all []string) *words {
	w := &words{ids: make(map[string]uint16), width: 1, found: [][]uint16{nil}}
	even := make([]string, len(all))
	for i, word := range all {
		bare, _ := cutEdges(word)
		even[i] = string(appendEven(nil, bare))
		for j := range len(even[i]) {
			if c := even[i][j]; w.class[c] == 0 {
				w.class[c] = uint8(w.width) //nolint:gosec // at most 255 columns: UTF-8 never uses all bytes
				w.width++
			}
		}
	}
	w.grow()
	for i, word := range all {
		if _, there := w.ids[word]; there {
			continue
		}
		id := uint16(len(w.ids)) //nolint:gosec // some thousand words
		_, edges := cutEdges(word)
		w.ids[word] = id
		w.sizes = append(w.sizes, uint16(len(even[i]))) //nolint:gosec // a word is a phrase
		w.edges = append(w.edges, edges)
		w.end(w.plant(even[i]), id)
	}
	w.link()
	return w
}

// grow adds a state.
func (w *words) grow() int {
	w.next = append(w.next, make([]uint16, w.width)...)
	w.out = append(w.out, 0)
	return len(w.out) - 1
}

// end notes that a word ends in a state.
func (w *words) end(state int, ids ...uint16) {
	if len(ids) == 0 {
		return
	}
	if w.out[state] == 0 {
		w.out[state] = uint16(len(w.found)) //nolint:gosec // tested: far below 65,536 states
		w.found = append(w.found, nil)
	}
	list := &w.found[w.out[state]]
	*list = append(*list, ids...)
}

// plant adds the states of a word and gives the last.
func (w *words) plant(word string) int {
	state := 0
	for i := range len(word) {
		column := int(w.class[word[i]])
		if w.next[state*w.width+column] == 0 {
			added := w.grow()
			w.next[state*w.width+column] = uint16(added) //nolint:gosec // tested: far below 65,536 states
		}
		state = int(w.next[state*w.width+column])
	}
	return state
}

// link makes of the tree an automaton: where a word does not go on, the longest other that fits does.
func (w *words) link() {
	fall := make([]int, len(w.out))
	queue := make([]int, 0, len(w.out))
	for c := 1; c < w.width; c++ {
		if to := int(w.next[c]); to != 0 {
			queue = append(queue, to)
		}
	}
	for i := 0; i < len(queue); i++ {
		state := queue[i]
		back := fall[state]
		w.end(state, w.found[w.out[back]]...)
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

package fault

// words are the words of all rules, and two finders that find them in one pass each over a text, so that a
// verdict costs little more for more rules. Words with runes beyond ASCII have a finder of their own, which
// most texts need not meet.
type words struct {
	plain, wide finder
	ids         map[string]uint16
	forms       []form // by number
	told        []told // by number; behind the words, the pairs
}

// told is what one word asks for and what it tells.
type told struct {
	rouse rouse // the rules that ask for it
	mark  mark
	sides []pairSide
}

// tale is what few words tell besides a class.
type tale struct {
	mark
	sides []pairSide // the pairs that it is of
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

// alone tells whether a word stands as it asks to.
func (e *ending) alone(text []byte, start, end int) bool {
	if e.edges&edgeBefore != 0 && start > 0 && isWord(text[start-1]) {
		return false
	}
	return e.edges&edgeAfter == 0 || end >= len(text) || !isWord(text[end])
}

// newWords numbers the words in the order of their first mention.
func newWords(all []string) *words {
	w := &words{ids: make(map[string]uint16)}
	for _, word := range all {
		if _, there := w.ids[word]; there {
			continue
		}
		id := uint16(len(w.ids)) //nolint:gosec // tested: some thousand words
		bare, edges := cutEdges(word)
		w.ids[word] = id
		w.forms = append(w.forms, form{even(bare), id, edges})
		w.told = append(w.told, told{})
	}
	return w
}

// find makes the finders, when it is known what the words tell.
func (w *words) find() {
	var plain, wide []form
	for _, f := range w.forms {
		if ascii(f.text) {
			plain = append(plain, f)
		} else {
			wide = append(wide, f)
		}
	}
	w.plain, w.wide = newFinder(plain, w.told), newFinder(wide, w.told)
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

package fault

import (
	"encoding/binary"
	"maps"
	"slices"
)

// finder finds every place in a text where a word ends. Few places are one, and what tells that costs no guess that a
// processor may get wrong: the last two bytes before a place say how many of the last eight the words that end so have in
// common, at the least, and a set of bits whether those are known. Where they are, the few words that end with them are
// compared, longest first. So the time is linear in the text, whatever it says.
type finder struct {
	spare [1 << 16]uint8  // last two bytes -> how far to shift the last eight to keep what is in common
	bits  [1 << 10]uint64 // of what is left, spread
	tails gate            // what is left -> the words of less than eight bytes, and whether there are others
	longs gate            // the last eight bytes -> the others
	words []ending
	tales []tale   // by ending.tale
	forms []string // what of a long word stands before its last sixteen bytes, by ending.more
}

// gate says which words to compare, by what they end with: a table with open addresses, far from full.
type gate [1 << slotBits]key

const slotBits = 12

// key is what some words end with; an empty slot has none.
type key struct {
	last     uint64
	from, to uint16 // of finder.words
	long     bool   // longer words end so, too
}

// ending is a word to compare: a long one with the eight bytes before the last eight, another with the last eight. Two of
// them, with what most words tell, lie in one line of a processor's cache.
type ending struct {
	want  uint64
	rouse rouse  // the rules that ask for it
	id    uint16 // of the word
	more  uint16 // of finder.forms, 0: no more
	tale  uint16 // of finder.tales, 0: none
	size  uint8
	edges uint8 // where it must stand alone
}

// form is a word in the normal form.
type form struct {
	text  string
	id    uint16
	edges uint8
}

const (
	longSize  = 8  // of a word that is known by its last eight bytes
	pairShift = 48 // leaves the last two of eight bytes
	noWord    = 63 // leaves nothing of eight bytes
)

// spread makes a number of sixteen bits from a key, so that those of different keys rarely meet.
func spread(k uint64) uint64 { return k * 0x9e3779b97f4a7c15 >> 48 }

// common is what the words have in common that may end with some eight bytes, 0 or 1 for none.
func (f *finder) common(last uint64) uint64 { return last >> (f.spare[last>>pairShift] & 63) }

// may tells whether any word ends with what they have in common.
func (f *finder) may(common uint64) bool {
	b := spread(common)
	return f.bits[b>>6]&(1<<(b&63)) != 0
}

// find gives the slot of a key, or the empty one where it would be.
func (g *gate) find(last uint64) *key {
	for slot := spread(last) >> (16 - slotBits); ; slot++ {
		if k := &g[slot%(1<<slotBits)]; k.last == last || k.last == 0 {
			return k
		}
	}
}

// at gives the words to compare at a place: those of eight bytes and more, and the others.
func (f *finder) at(last, common uint64) (long, short []ending) {
	k := f.tails.find(common)
	if k.long {
		of := f.longs.find(last)
		long = f.words[of.from:of.to]
	}
	return long, f.words[k.from:k.to]
}

// window gives eight bytes of a text that end at an offset, the last in the highest place; before a text there are zeros,
// which no word has.
func window(text []byte, end int) uint64 {
	if end >= 8 {
		return binary.LittleEndian.Uint64(text[end-8:])
	}
	v := uint64(0)
	for i := range max(end, 0) {
		v = v>>8 | uint64(text[i])<<56
	}
	return v
}

// goesBack tells whether what stands before the last sixteen bytes of a word stands there in a text.
func (f *finder) goesBack(w *ending, text []byte, end int) bool {
	more := f.forms[w.more]
	end -= 2 * longSize
	return end >= len(more) && string(text[end-len(more):end]) == more
}

func lastOf(s string) uint64 { return window([]byte(s), len(s)) }

// masks say which of eight bytes a word has that has so many of them, and before the last eight if it is longer.
var masks = func() (m [256]uint64) {
	for size := 1; size < len(m); size++ {
		n := min(size, longSize)
		if size >= longSize {
			n = min(size-longSize, longSize)
		}
		if n > 0 {
			m[size] = ^uint64(0) << (64 - 8*n)
		}
	}
	return m
}()

// newFinder makes a finder of words.
func newFinder(forms []form, of []told) finder {
	f := finder{forms: []string{""}, tales: make([]tale, 1)}
	for i := range f.spare {
		f.spare[i] = noWord
	}
	for _, w := range forms {
		f.share(w.text)
	}
	tails, longs := map[uint64][]form{}, map[uint64][]form{}
	forms = slices.Clone(forms)
	slices.SortStableFunc(forms, func(x, y form) int { return len(y.text) - len(x.text) })
	for _, w := range forms {
		last := lastOf(w.text)
		k := f.common(last)
		if len(w.text) == 1 {
			k = last >> 56
		}
		b := spread(k)
		f.bits[b>>6] |= 1 << (b & 63)
		if len(w.text) >= longSize {
			longs[last], tails[k] = append(longs[last], w), slices.Clip(tails[k]) // a tail, though of nothing shorter
		} else {
			tails[k] = append(tails[k], w)
		}
	}
	f.fill(&f.longs, longs, of)
	f.fill(&f.tails, tails, of)
	for last := range longs {
		f.tails.find(f.common(last)).long = true
	}
	return f
}

// share notes the length of a word with those that end with the same two bytes.
func (f *finder) share(w string) {
	shift := uint8(64 - 8*min(len(w), longSize)) //nolint:gosec // at most 56
	pair := lastOf(w) >> pairShift
	most := pair
	if len(w) == 1 { // whatever stands before it
		most = pair | 0xff
	}
	for ; pair <= most; pair++ {
		if old := f.spare[pair]; old == noWord || old < shift {
			f.spare[pair] = shift
		}
	}
}

// fill writes the keys of a gate and the words of each.
func (f *finder) fill(g *gate, forms map[uint64][]form, of []told) {
	for _, k := range slices.Sorted(maps.Keys(forms)) {
		from := len(f.words)
		for _, w := range forms[k] {
			f.words = append(f.words, f.ending(w, &of[w.id]))
		}
		*g.find(k) = key{last: k, from: uint16(from), to: uint16(len(f.words))} //nolint:gosec // tested: some thousand words
	}
}

// ending prepares a word for comparing.
func (f *finder) ending(w form, of *told) ending {
	text, e := w.text, ending{id: w.id, size: uint8(len(w.text)), edges: w.edges, rouse: of.rouse} //nolint:gosec // tested: a word is a phrase
	if len(text) >= longSize {
		text = text[:len(text)-longSize]
	}
	e.want = lastOf(text)
	if n := len(text); n > longSize {
		e.more = uint16(len(f.forms)) //nolint:gosec // tested: some thousand words
		f.forms = append(f.forms, text[:n-longSize])
	}
	if of.mark.kinds != 0 || len(of.sides) > 0 {
		e.tale = uint16(len(f.tales)) //nolint:gosec // tested: some thousand words
		f.tales = append(f.tales, tale{of.mark, of.sides})
	}
	return e
}

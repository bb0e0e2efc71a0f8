package fault

import (
	"bytes"
	"sync"
)

// maxText bounds what is read of a text: its head and its tail, because wrappers stand in front and the
// innermost cause often stands last.
const (
	maxText  = 8 << 10
	tailLen  = 3 << 10
	maxField = 200 // of a code or a type that came as a field of its own
	headLen  = 120 // where a line says its level
)

type level uint8

const (
	levelUnknown level = iota
	levelDebug
	levelInfo
	levelWarn
	levelError
)

// text is what one pass over a text found.
type text struct {
	raw      string
	low      []byte // the normal form
	seen     seen
	pairs    []pairState
	roused   rouse // rules that may fit
	status   int
	found    bool // the status was found in the text
	level    level
	provider uint8 // index of providers, one up; 0 none
	method   int   // where a request's method and path stand, -1 nowhere
	answer   int   // where it says 200 OK for the last time, -1 nowhere
	trouble  bool  // a word of failure came after that
	failing  bool  // a failure is named anywhere
	plea     bool  // it speaks to who reads it, as a message does and a line of a working program does not
	wide     bool  // there are runes beyond ASCII
}

// texts are used again, so that a verdict allocates no room to read in.
var texts = sync.Pool{New: func() any { return new(text) }}

// reset makes a text ready for the next one.
func (t *text) reset(set *ruleSet) {
	low, seen, pairs := t.low[:0], t.seen, t.pairs
	clear(seen)
	clear(pairs)
	if n := set.size/64 + 1; len(seen) < n {
		seen = make([]uint64, n)
	}
	if len(pairs) < set.pairs {
		pairs = make([]pairState, set.pairs)
	}
	*t = text{low: low, seen: seen, pairs: pairs, method: -1, answer: -1}
}

// pairState is where the two sides of a pair of words were seen last.
type pairState [2]int32

// read makes the pass. What it finds with positions, it finds on the way: the first status after a telling
// word, the first level, the last answer.
func (t *text) read(in Input, set *ruleSet) {
	t.raw = in.Text
	if in.Code != "" {
		t.even(cutText(in.Code, maxField))
	}
	if in.Type != "" {
		t.even(cutText(in.Type, maxField))
	}
	own := len(t.low)
	if len(t.raw) > maxText {
		t.raw = t.raw[:maxText-tailLen] + " " + t.raw[len(t.raw)-tailLen:]
	}
	t.even(t.raw)
	t.status = in.Status
	if t.status < 100 || t.status > 599 {
		t.status = 0
	}
	if own == 0 && t.status == 0 {
		t.lead(skipMarks(t.low))
	}
	t.walk(set, &set.words.plain)
	if t.wide {
		t.walk(set, &set.words.wide)
	}
	if t.status == 0 && t.method >= 0 {
		t.status = t.loneStatus()
		t.found = t.status != 0
	}
}

func (t *text) even(raw string) {
	e := evener{out: t.low, gap: len(t.low) > 0}
	e.all(raw)
	t.low, t.wide = e.out, t.wide || e.wide
}

func cutText(s string, most int) string { return s[:min(len(s), most)] }

func (t *text) walk(set *ruleSet, f *finder) {
	last := uint64(0)
	for i, c := range t.low {
		last = last>>8 | uint64(c)<<56
		if common := f.common(last); f.may(common) {
			t.ends(set, f, last, common, i+1)
		}
	}
}

// ends notes the words that end at an offset, unless they name a field that is empty.
func (t *text) ends(set *ruleSet, f *finder, last, common uint64, end int) {
	low := t.low
	long, short := f.at(last, common)
	if len(long)+len(short) == 0 || (low[end-1] == ':' || end < len(low) && low[end] == ':') && isNothing(low, end) {
		return
	}
	if len(long) > 0 {
		before := window(low, end-longSize)
		for i := range long {
			if w := &long[i]; before&masks[w.size] == w.want && (w.more == 0 || f.goesBack(w, low, end)) {
				t.hit(set, f, w, end)
			}
		}
	}
	for i := range short {
		if w := &short[i]; last&masks[w.size] == w.want {
			t.hit(set, f, w, end)
		}
	}
}

// failed tells whether a text tells of a failure in any way.
func (t *text) failed() bool {
	return t.failing || t.trouble || t.status >= 400 || t.level >= levelWarn || t.plea
}

// see notes a word or a pair, and the rules that ask for one of it.
func (t *text) see(id uint16, by rouse) {
	t.seen.add(id)
	t.roused.join(by)
}

// hit notes a word that ends at an offset, unless it is counted and there are none.
func (t *text) hit(set *ruleSet, f *finder, w *ending, end int) {
	start := end - int(w.size)
	if w.edges != 0 && !w.alone(t.low, start, end) || counted(t.low, start) || set.off(w.id) {
		return
	}
	t.see(w.id, w.rouse)
	if w.tale == 0 {
		return
	}
	of := &f.tales[w.tale]
	if of.kinds != 0 {
		t.mark(&of.mark, start, end)
	}
	for i := range of.sides {
		t.side(set, &of.sides[i], end)
	}
}

// side notes that a word of one side of a pair was seen, and the pair when the other side is near.
func (t *text) side(set *ruleSet, p *pairSide, end int) {
	s := &t.pairs[p.pair]
	s[p.side] = int32(end) //nolint:gosec // texts are bounded
	other, far := int(s[1-p.side]), int(p.within)
	if other != 0 && end-other <= far && other-end <= far && !set.off(p.id) {
		t.see(p.id, set.words.told[p.id].rouse)
	}
}

// counted tells whether a list of counts says that there are none of a word: "3 done, 0 rate limited".
func counted(low []byte, start int) bool {
	if start < 2 || low[start-1] != ' ' || low[start-2] != '0' {
		return false
	}
	return start == 2 || low[start-3] == '(' || start > 3 && low[start-3] == ' ' && (low[start-4] == ',' || low[start-4] == ';')
}

// denied tells whether a word is said not to be there: "no errors", "0 errors".
func denied(low []byte, start int) bool {
	if start < len(low) && low[start] == ' ' {
		start++
	}
	if start < 2 || low[start-1] != ' ' {
		return false
	}
	switch low[start-2] {
	case '0':
		return start == 2 || !isWord(low[start-3]) && low[start-3] != '.'
	case 'o':
		return start > 2 && low[start-3] == 'n' && (start == 3 || !isWord(low[start-4]))
	}
	return false
}

// mark acts on a word that tells of something else than a class.
func (t *text) mark(m *mark, start, end int) {
	if m.kinds&(markLevel|markTrouble|markFailing) != 0 && denied(t.low, start) {
		return
	}
	if m.kinds&markLead != 0 {
		t.lead(end)
	}
	if m.kinds&markReason != 0 && t.status == 0 {
		t.reason(start, m.status)
	}
	if m.kinds&markLevel != 0 && t.level == levelUnknown && end <= headLen {
		t.level = m.level
	}
	if m.kinds&markProvider != 0 && (t.provider == 0 || m.provider < t.provider) {
		t.provider = m.provider
	}
	if m.kinds&markMethod != 0 && t.method < 0 {
		t.method = end
	}
	if m.kinds&markAnswer != 0 {
		t.answer, t.trouble = end, false
	}
	if m.kinds&markTrouble != 0 {
		t.trouble = true
	}
	t.failing = t.failing || m.kinds&markFailing != 0
}

func (t *text) lead(at int) {
	if t.status == 0 {
		t.set(numberAt(t.low, at))
	}
}

// reason reads the number before a reason phrase, which must be its own.
func (t *text) reason(start, status int) {
	if start < 4 || t.low[start-1] != ' ' || start > 4 && (isWord(t.low[start-5]) || status == standsAlone && t.low[start-5] != ' ') {
		return
	}
	if n := numberAt(t.low, start-4); status <= 0 || n == status {
		t.set(n)
	}
}

// How an empty field is written. Python's TypeError begins with the name of a type, which is no empty field.
var null, none, noneType, notTrue, noList, noObject = []byte("null"), []byte("none"), []byte("none type"), []byte("false"), []byte("[]"), []byte("{}")

// isNothing tells whether what follows the name of a field says that it is empty.
func isNothing(low []byte, end int) bool {
	if end > 0 && low[end-1] == ':' {
		end--
	}
	rest := low[end:]
	if len(rest) < 2 || rest[0] != ':' {
		return false
	}
	switch rest = rest[1:]; rest[0] {
	case ',', '}':
		return true
	case '[':
		return bytes.HasPrefix(rest, noList)
	case '{':
		return bytes.HasPrefix(rest, noObject)
	case 'f':
		return bytes.HasPrefix(rest, notTrue)
	case 'n':
		return bytes.HasPrefix(rest, null) || bytes.HasPrefix(rest, none) && !bytes.HasPrefix(rest, noneType)
	case '0':
		return len(rest) == 1 || !isWord(rest[1]) && rest[1] != '.'
	}
	return false
}

func (t *text) set(status int) {
	if status != 0 {
		t.status, t.found = status, true
	}
}

// skipMarks gives where the first letter or digit of a text stands.
func skipMarks(low []byte) int {
	i := 0
	for i < len(low) && i < 16 && (low[i] >= 0x80 || !isWord(low[i])) {
		i++
	}
	return i
}

// numberAt reads a status at an offset: three digits from 400 to 599, or a success, that belong to no
// longer number or word.
func numberAt(low []byte, i int) int {
	for n := 0; n < 3 && i < len(low) && (low[i] == ' ' || low[i] == ':' || low[i] == '(' || low[i] == '['); n++ {
		i++
	}
	if i+3 > len(low) || i > 0 && (isDigit(low[i-1]) || low[i-1] == '.') {
		return 0
	}
	n := 0
	for _, c := range low[i : i+3] {
		if !isDigit(c) {
			return 0
		}
		n = n*10 + int(c-'0')
	}
	if n < 200 || n > 599 || n >= 300 && n < 400 || goesOn(low[i+3:]) {
		return 0
	}
	return n
}

// goesOn tells whether what follows three digits makes them part of something else.
func goesOn(rest []byte) bool {
	if len(rest) == 0 {
		return false
	}
	switch c := rest[0]; {
	case c == '%' || c == '/':
		return true
	case c == '.':
		return len(rest) > 1 && isDigit(rest[1])
	case c < 0x80 && isWord(c):
		return true
	}
	return unit(rest)
}

// unit tells whether the word after a number makes it a count or a length of time.
func unit(rest []byte) bool {
	if len(rest) < 2 || rest[0] != ' ' {
		return false
	}
	end := 1
	for end < len(rest) && end < 12 && isWord(rest[end]) {
		end++
	}
	switch string(rest[1:end]) {
	case "ms", "s", "sec", "seconds", "token", "tokens", "prompts", "mb", "mib", "kb", "gb", "gib", "bytes", "requests", "req", "reqs", "chars", "items", "workers", "messages", "docs", "chunks":
		return true
	}
	return false
}

// loneStatus finds the status of an access line of a form that nothing names: a number of three digits that
// stands between blanks, the first one after the request, else the first one before it.
func (t *text) loneStatus() int {
	before := 0
	for i := 0; i+3 <= len(t.low); i++ {
		if !isDigit(t.low[i]) || i > 0 && t.low[i-1] != ' ' || i+3 < len(t.low) && t.low[i+3] != ' ' {
			continue
		}
		n := numberAt(t.low, i)
		switch {
		case n == 0:
		case i > t.method:
			return n
		case before == 0:
			before = n
		}
	}
	return before
}

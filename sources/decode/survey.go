package decode

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// seen is what a sample tells of one path.
type seen struct {
	path  string
	words []string // of the last key, lower case: "resultCode" and "result_code" are the same two
	all   []string // of the whole path
	vals  []value  // copies, in the order of the lines
	kinds [nullValue + 1]int
	known []string  // the different texts, in the order of their appearance
	nums  []float64 // of numbers, and of texts that are numbers
	whole int       // how many of them are integers

	pair    bool // of text lines: the words are key=value
	request bool // of text lines: it was cut out of a request line
	dashed  bool // of text lines: a dash between date and time was taken out
}

// add keeps one more value.
func (s *seen) add(v value) {
	if len(s.vals) >= 2*SampleLines || v.kind == nullValue || len(v.bytes) == 0 {
		return
	}
	v.bytes = bytes.Clone(v.bytes[:min(len(v.bytes), maxWord)])
	s.vals = append(s.vals, v)
	s.kinds[v.kind]++
	if text := string(v.bytes); !slices.Contains(s.known, text) {
		s.known = append(s.known, text)
	}
	if v.kind == boolValue {
		return
	}
	if n, err := strconv.ParseFloat(string(v.bytes), 64); err == nil && n > -1e18 && n < 1e19 {
		s.nums = append(s.nums, n)
		if n == float64(int64(n)) {
			s.whole++
		}
	}
}

// share tells how much of the values fit.
func (s *seen) share(fits func(v value) bool) float64 {
	if len(s.vals) == 0 {
		return 0
	}
	n := 0
	for _, v := range s.vals {
		if fits(v) {
			n++
		}
	}
	return float64(n) / float64(len(s.vals))
}

func (s *seen) isText() bool   { return len(s.vals) > 0 && s.kinds[stringValue] == len(s.vals) }
func (s *seen) isNumber() bool { return len(s.vals) > 0 && 10*len(s.nums) >= 9*len(s.vals) }

// few tells whether the values repeat, as names of models and regions do and ids do not.
func (s *seen) few() bool {
	return len(s.known) <= 20 && (len(s.vals) < 6 || 3*len(s.known) <= 2*len(s.vals))
}

// different tells whether nearly every value is another one.
func (s *seen) different() bool { return 10*len(s.known) >= 9*len(s.vals) }

// has tells whether the last key has one of these words; within looks at the whole path.
func (s *seen) has(words string) bool    { return anyWord(s.words, words) }
func (s *seen) within(words string) bool { return anyWord(s.all, words) }

func anyWord(have []string, words string) bool {
	for _, w := range strings.Fields(words) {
		if slices.Contains(have, w) {
			return true
		}
	}
	return false
}

// contains tells whether the last key, folded, has one of these parts.
func (s *seen) contains(parts string) bool {
	name := strings.Join(s.words, "")
	return slices.ContainsFunc(strings.Fields(parts), func(p string) bool { return strings.Contains(name, p) })
}

func (s *seen) median() float64 {
	if len(s.nums) == 0 {
		return 0
	}
	return slices.Sorted(slices.Values(s.nums))[len(s.nums)/2]
}

// bounds gives "200..529", or the one number that there is.
func (s *seen) bounds() string {
	least, most := slices.Min(s.nums), slices.Max(s.nums)
	if least == most {
		return strconv.FormatFloat(least, 'g', 6, 64)
	}
	return strconv.FormatFloat(least, 'g', 6, 64) + ".." + strconv.FormatFloat(most, 'g', 6, 64)
}

// maxShown is how many values, and of which length, a reason shows.
const (
	maxShown     = 3
	maxShownText = 40
)

// names gives "2 values: gpt-4o, claude". What is no plain name is not shown, because a reason goes into a file.
func (s *seen) names() string {
	var shown []string
	for _, v := range s.known {
		if len(shown) < maxShown && len(v) <= maxShownText && plainPath([]byte(strings.ReplaceAll(v, ":", "."))) && !idLike([]byte(v)) {
			shown = append(shown, v)
		}
	}
	count := "1 value"
	if len(s.known) > 1 {
		count = fmt.Sprintf("%d values", len(s.known))
	}
	if len(shown) == 0 {
		return count
	}
	text := count + ": " + strings.Join(shown, ", ")
	if len(shown) < len(s.known) {
		text += ", ..."
	}
	return text
}

// at reads a value as a time of this century.
func at(v value) (time.Time, bool) {
	if v.kind == stringValue && len(v.bytes) < 10 {
		return time.Time{}, false
	}
	t, ok := parseTime(v, time.UTC)
	return t, ok && t.Year() < 2100
}

// survey lists the paths of a sample in the order of their first appearance, and tells the format of the
// lines: JSON, Logfmt, or "" where most lines are neither.
func survey(sample [][]byte) (order []*seen, format string) {
	byPath := make(map[string]*seen)
	visit := func(path []byte, v value) {
		s, ok := byPath[string(path)]
		if !ok {
			if len(order) >= 4*maxProposed || len(path) > maxPathLen || !plainPath(path) {
				return
			}
			s = &seen{path: string(path), all: keyWords(string(path))}
			s.words = keyWords(s.path[strings.LastIndexByte(s.path, '.')+1:])
			byPath[s.path] = s
			order = append(order, s)
		}
		s.add(v)
	}
	sample = sample[:min(len(sample), SampleLines)]
	objects, paired := 0, 0
	for _, line := range sample {
		if body := afterSyslog(line); len(body) > 0 && body[0] == '{' {
			objects++
		} else if pairs(line, func([]byte, value) {}) >= 2 {
			paired++
		}
	}
	scan := scanner{visit: visit}
	switch {
	case objects > 0 && objects >= paired:
		format = JSON
	case 3*paired >= len(sample) && paired > 0:
		format = Logfmt
	}
	for _, line := range sample {
		body := afterSyslog(line)
		switch isObject := len(body) > 0 && body[0] == '{'; {
		case format == JSON && isObject:
			scan.scan(body)
		case format == Logfmt && !isObject:
			pairs(line, visit)
		}
	}
	return order, format
}

// keyWords splits a key at its separators and where small letters turn into capitals.
func keyWords(key string) []string {
	var b strings.Builder
	for i := range len(key) {
		c := key[i]
		if c >= 'A' && c <= 'Z' && i > 0 && key[i-1] >= 'a' && key[i-1] <= 'z' {
			b.WriteByte(' ')
		}
		if c == '_' || c == '-' || c == '.' || c == '@' || c == '/' {
			c = ' '
		}
		b.WriteByte(c)
	}
	return strings.Fields(strings.ToLower(b.String()))
}

// plainPath keeps what is untrusted and odd out of something that is meant to be pasted.
func plainPath(path []byte) bool {
	for _, c := range path {
		if c <= ' ' || c >= 0x7f || strings.IndexByte("\"'{}[],:#&*!|>%`\\", c) >= 0 {
			return false
		}
	}
	return len(path) > 0
}

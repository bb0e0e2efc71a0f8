package decode

import "bytes"

// prettyLine opens JSON objects that stand over several lines, alone or as the elements of a list:
//
//	{
//	  "model": "gpt-4o",
//	  "status": 200
//	}
type prettyLine struct {
	depth int // of brackets that are open
	lines int // of the object so far
}

// maxPretty bounds the lines of one object: where more come one has not ended.
const maxPretty = 2000

var (
	listBegins = []byte("[")
	listEnds   = []byte("]")
)

func (p *prettyLine) open(w *wrapped, _ frame) bool {
	text := bytes.TrimSpace(w.text)
	begins := len(text) > 0 && text[0] == '{'
	switch {
	case p.depth > 0 && p.lines < maxPretty && !(begins && w.text[0] == '{'): // a new one at the edge: the last has not ended
	case bytes.Equal(text, listBegins), bytes.Equal(text, listEnds):
		p.depth, p.lines = 0, 0
		w.skip = "the edge of a list"
		return true
	case !begins:
		p.depth, p.lines = 0, 0
		return false
	case opened(text) <= 0 && p.depth == 0 && text[len(text)-1] == '}':
		return false // an object in one line needs nothing done
	default:
		p.depth, p.lines = 0, 0
	}
	p.depth += opened(text)
	p.lines++
	if w.partial = p.depth > 0; !w.partial {
		p.depth = 0
		text = bytes.TrimSuffix(text, []byte(","))
	}
	w.text = text
	return true
}

// opened counts the brackets that a line opens, less those that it closes. No text goes on over the end of a line.
func opened(line []byte) int {
	depth, quoted := 0, false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		}
	}
	return depth
}

package nginx

import (
	"fmt"
	"strings"
)

// The bounds of a file of levers.
const (
	maxFile       = 1 << 20
	maxDirectives = 20000
	maxDepth      = 4
)

// word is one word of a directive, with its place in the text.
type word struct {
	text       string // without quotes
	start, end int
}

// directive is a name with its arguments, and a block or a semicolon.
type directive struct {
	name       word
	args       []word
	block      []directive
	blocked    bool
	line       int
	start, end int // from the name to the semicolon or the closing brace
}

// parse reads nginx's syntax, as far as maps, upstreams and simple directives need it.
func parse(text string) ([]directive, error) {
	if len(text) > maxFile {
		return nil, fmt.Errorf("is longer than %d MiB", maxFile>>20)
	}
	p := parser{text: text, line: 1}
	all, err := p.block(0)
	if err != nil {
		return nil, fmt.Errorf("line %d: %w", p.line, err)
	}
	return all, nil
}

type parser struct {
	text string
	at   int
	line int
	n    int
}

// block reads directives up to the end of the text, or to a closing brace, which it leaves.
func (p *parser) block(depth int) ([]directive, error) {
	var all []directive
	for {
		p.space()
		if p.at == len(p.text) {
			if depth > 0 {
				return nil, fmt.Errorf("a { is never closed")
			}
			return all, nil
		}
		if p.text[p.at] == '}' {
			if depth == 0 {
				return nil, fmt.Errorf("a } closes nothing")
			}
			return all, nil
		}
		d, err := p.directive(depth)
		if err != nil {
			return nil, err
		}
		all = append(all, d)
	}
}

func (p *parser) directive(depth int) (directive, error) {
	if p.n++; p.n > maxDirectives {
		return directive{}, fmt.Errorf("more than %d directives", maxDirectives)
	}
	d := directive{line: p.line, start: p.at}
	for {
		p.space()
		if p.at == len(p.text) {
			return d, fmt.Errorf("the file ends within %q", d.name.text)
		}
		switch c := p.text[p.at]; c {
		case ';', '{', '}':
			if d.name.end == 0 || c == '}' {
				return d, fmt.Errorf("%q stands where a directive was expected to begin or end", c)
			}
			p.at++
			d.end = p.at
			if c == ';' {
				return d, nil
			}
			return d, p.inner(&d, depth)
		}
		w, err := p.word()
		if err != nil {
			return d, err
		}
		if d.name.end == 0 {
			d.name = w
			continue
		}
		d.args = append(d.args, w)
	}
}

// inner reads the block of a directive and its closing brace.
func (p *parser) inner(d *directive, depth int) error {
	if depth == maxDepth {
		return fmt.Errorf("blocks are nested deeper than %d", maxDepth)
	}
	var err error
	if d.block, err = p.block(depth + 1); err != nil {
		return err
	}
	p.at++
	d.end, d.blocked = p.at, true
	return nil
}

// space passes over blanks and comments.
func (p *parser) space() {
	for p.at < len(p.text) {
		switch p.text[p.at] {
		case '\n':
			p.line++
		case ' ', '\t', '\r':
		case '#':
			if i := strings.IndexByte(p.text[p.at:], '\n'); i >= 0 {
				p.at += i
			} else {
				p.at = len(p.text)
			}
			continue
		default:
			return
		}
		p.at++
	}
}

// word reads a word, bare or in quotes; it is never empty of text, for p stands on its first character.
func (p *parser) word() (word, error) {
	w := word{start: p.at}
	if q := p.text[p.at]; q == '"' || q == '\'' {
		i := p.at + 1
		for ; i < len(p.text) && p.text[i] != q; i++ {
			if p.text[i] == '\\' || p.text[i] == '\n' {
				return w, fmt.Errorf("a quoted word with a backslash or a line break in it is not read here")
			}
		}
		if i == len(p.text) {
			return w, fmt.Errorf("a quote is never closed")
		}
		w.text, w.end = p.text[p.at+1:i], i+1
		p.at = w.end
		return w, nil
	}
	i := p.at
	for i < len(p.text) && !strings.ContainsRune(" \t\r\n;{}\"'\\", rune(p.text[i])) {
		if p.text[i] == '$' && i+1 < len(p.text) && p.text[i+1] == '{' { // ${name} is no block
			if j := strings.IndexByte(p.text[i:], '}'); j > 0 {
				i += j
			}
		}
		i++
	}
	if i == p.at {
		return w, fmt.Errorf("%q is not read here", p.text[i])
	}
	w.text, w.end = p.text[p.at:i], i
	p.at = i
	return w, nil
}

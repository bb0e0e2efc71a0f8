package config

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Problem is one mistake in a configuration file. Parse joins all that it finds, in the order of the file.
type Problem struct {
	Pos
	Text string
	Hint string // the next thing to try, "" where the text says it
}

// String gives the place as editors and terminals make it a link.
func (p Pos) String() string {
	switch {
	case p.Line == 0:
		return p.File
	case p.Col == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col)
}

// Error gives where, what and what to try.
func (p *Problem) Error() string {
	s := p.Pos.String() + ": " + p.Text
	if p.Hint != "" {
		s += "; " + p.Hint
	}
	return s
}

// maxProblems bounds what one file can make of a terminal; more of them are only counted.
const maxProblems = 50

// maxQuoted bounds how much of a value is repeated in a message.
const maxQuoted = 60

// quote repeats a part of the file safely: bounded, and with control characters escaped.
func quote(s string) string {
	if len(s) > maxQuoted {
		return fmt.Sprintf("%.*q…", maxQuoted, s)
	}
	return fmt.Sprintf("%q", s)
}

// report collects the problems of one file.
type report struct {
	file     string
	problems []*Problem
	more     int
}

func (r *report) at(n *yaml.Node) Pos { return Pos{File: r.file, Line: n.Line, Col: n.Column} }

func (r *report) add(at Pos, text, hint string) {
	if len(r.problems) >= maxProblems {
		r.more++
		return
	}
	r.problems = append(r.problems, &Problem{Pos: at, Text: text, Hint: hint})
}

func (r *report) fail(n *yaml.Node, text, hint string) { r.add(r.at(n), text, hint) }

// oneOf writes a list of allowed words.
func oneOf(words []string) string {
	if len(words) == 1 {
		return words[0]
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}

// suggest names the nearest known word, or all of them where none is near.
func suggest(word string, known []string) string {
	if near := Nearest(word, known); near != "" {
		return "did you mean " + near + "?"
	}
	if len(known) == 0 {
		return ""
	}
	return "known are " + strings.Join(known, ", ")
}

// Nearest finds the known word that a typing mistake most likely meant; "" where none is near.
func Nearest(word string, known []string) string {
	word = plainWord(word)
	if len(word) > maxQuoted {
		return ""
	}
	best, distance := "", 1+max(1, len(word)/3)
	for _, k := range known {
		if d := edits(word, plainWord(k)); d < distance {
			best, distance = k, d
		}
	}
	return best
}

func plainWord(s string) string {
	return strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(s))
}

// edits counts insertions, deletions, replacements and swaps of neighbours between two words.
func edits(a, b string) int {
	var before, last []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last, row = last, row, make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return row[len(b)]
}

package main

import (
	"fmt"
	"strings"
)

// messyKind is a kind of odd line.
type messyKind struct {
	name  string
	whole bool // it still holds one request, which counts
}

// messyKinds are what a reader meets in the field.
var messyKinds = []messyKind{
	{"shuffled", true},   // keys in another order
	{"crlf", true},       // \r\n
	{"extra", true},      // unknown nested keys before the known ones
	{"spaced", true},     // blanks round every : and ,
	{"escaped", true},    // a value written with \u escapes
	{"dup", true},        // the same key twice: the last one counts
	{"long", true},       // 256 KiB in one line
	{"badutf8", true},    // bytes that are not UTF-8 inside a value
	{"half", false},      // cut in the middle, newline there
	{"text", false},      // a stack trace line between the records
	{"empty", false},     // nothing
	{"nul", false},       // a run of NUL bytes, as after a crash
	{"array", false},     // JSON, but no object
	{"wrongtype", false}, // status is an object
}

func messy(b []byte, kind string, r *record, g *gen, withSeq bool) []byte {
	plain := func() []byte { return jsonLine(nil, r, order(g, false), withSeq) }
	switch kind {
	case "shuffled":
		return jsonLine(b, r, order(g, true), withSeq)
	case "crlf":
		l := plain()
		return append(append(b, l[:len(l)-1]...), '\r', '\n')
	case "extra":
		b = append(b, `{"k8s":{"pod":"gw-7f9","labels":{"model":"decoy","status":"599"},"a":[{"region":"decoy"},[1,2,{"x":"]}"}]]},`...)
		return append(b, plain()[1:]...)
	case "spaced":
		return spaced(b, plain())
	case "escaped":
		l := string(plain())
		return append(b, strings.Replace(l, `"model":"`+r.m.name[:1], fmt.Sprintf(`"mod\u0065l":"\u%04x`, r.m.name[0]), 1)...)
	case "dup":
		return append(append(b, `{"model":"stale","status":100,`...), plain()[1:]...)
	case "long":
		b = append(b, `{"prompt_preview":"`...)
		for i := range 1 << 18 {
			b = append(b, 'a'+byte(i%23))
		}
		return append(append(b, '"', ','), plain()[1:]...)
	case "badutf8":
		b = append(b, '{', '"', 'u', 's', 'e', 'r', '"', ':', '"', 0xff, 0xc3, 0x28, 0xed, 0xa0, 0x80, '"', ',')
		return append(b, plain()[1:]...)
	case "half":
		l := plain()
		return append(append(b, l[:20+g.r.IntN(len(l)-40)]...), '\n')
	case "text":
		return append(b, "Traceback (most recent call last): File \"router.py\", line 1412, in acompletion\n"...)
	case "empty":
		return append(b, '\n')
	case "nul":
		return append(append(b, make([]byte, 64)...), '\n')
	case "array":
		return append(b, "[1,2,3]\n"...)
	default: // wrongtype
		return append(b, `{"ts":"2026-01-01T00:00:00Z","model":"x","status":{"code":200}}`+"\n"...)
	}
}

// spaced puts a blank behind every colon and comma that is not in a string.
func spaced(b, line []byte) []byte {
	in, esc := false, false
	for _, c := range line {
		b = append(b, c)
		switch {
		case esc:
			esc = false
		case in && c == '\\':
			esc = true
		case c == '"':
			in = !in
		case !in && (c == ':' || c == ','):
			b = append(b, ' ')
		}
	}
	return b
}

var ordered = func() []int {
	o := make([]int, len(fields))
	for i := range o {
		o[i] = i
	}
	return o
}()

func order(g *gen, shuffle bool) []int {
	if !shuffle {
		return ordered
	}
	return g.r.Perm(len(fields))
}

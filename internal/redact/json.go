package redact

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// JSON removes the secrets from every string of raw, keeps the rest byte for byte, and returns valid JSON without a character that a
// terminal would obey. A value under a telling key ("password") goes whatever its shape. Keys stay, unless one is itself a secret, as
// where a gateway reports its spend by key. What is no JSON comes back as one redacted string; nothing stays nothing.
func (r *Redactor) JSON(raw json.RawMessage) json.RawMessage {
	if len(raw) == 0 {
		return raw
	}
	if !json.Valid(raw) {
		return escapeUnsafe(quote(r.Secrets(strings.ToValidUTF8(string(raw), "\uFFFD"))))
	}
	w := jsonWalk{r: r, in: raw}
	w.value("")
	if w.changed {
		w.out = append(w.out, raw[w.copied:]...)
		raw = w.out
	}
	return escapeUnsafe(raw)
}

// jsonWalk goes over valid JSON once. What it leaves alone is copied in one piece when something after it changes.
type jsonWalk struct {
	r       *Redactor
	in, out []byte
	pos     int
	copied  int // in[:copied] is in out, redacted
	changed bool
}

func (w *jsonWalk) space() {
	for w.pos < len(w.in) && (w.in[w.pos] == ' ' || w.in[w.pos] == '\t' || w.in[w.pos] == '\n' || w.in[w.pos] == '\r') {
		w.pos++
	}
}

// value walks the value at pos; key is the name that it goes by. json.Valid bounds the depth.
func (w *jsonWalk) value(key string) {
	w.space()
	switch w.in[w.pos] {
	case '{':
		w.members('}', "", true)
	case '[':
		w.members(']', key, false)
	case '"':
		w.text(key)
	default:
		from := w.pos
		for w.pos < len(w.in) && strings.IndexByte(",]} \t\r\n", w.in[w.pos]) < 0 {
			w.pos++
		}
		if l := labelOf(key); l != nil && l.rule == "password" && digitsOnly[w.in[w.pos-1]] {
			w.replace(from, l.redact(w.r, string(w.in[from:w.pos])))
		}
	}
}

func (w *jsonWalk) members(end byte, key string, named bool) {
	w.pos++
	for {
		w.space()
		switch w.in[w.pos] {
		case end:
			w.pos++
			return
		case ',':
			w.pos++
			w.space()
		}
		if named {
			key = w.text("")
			w.space()
			w.pos++ // the colon
		}
		w.value(key)
	}
}

// text redacts the string at pos and returns what it was.
func (w *jsonWalk) text(key string) string {
	from := w.pos
	for w.pos++; w.in[w.pos] != '"'; w.pos++ {
		if w.in[w.pos] == '\\' {
			w.pos++
		}
	}
	w.pos++
	s := string(w.in[from+1 : w.pos-1])
	if strings.IndexByte(s, '\\') >= 0 {
		_ = json.Unmarshal(w.in[from:w.pos], &s) // valid, as the whole is
	}
	clean := s
	if l := labelOf(key); l != nil {
		clean = l.redact(w.r, s)
	}
	if clean = w.r.Secrets(clean); clean != s {
		w.replace(from, clean)
	}
	return s
}

func (w *jsonWalk) replace(from int, s string) {
	if s == string(w.in[from:w.pos]) {
		return
	}
	w.out = append(w.out, w.in[w.copied:from]...)
	w.out = append(w.out, quote(s)...)
	w.copied, w.changed = w.pos, true
}

// redact hides a whole value that stands under the label's name.
func (l *label) redact(r *Redactor, v string) string {
	from, ok := l.secret(v, 0, len(v), true)
	if !ok {
		return v
	}
	return r.splice(v, []span{l.span(v, from, len(v))})
}

// quote writes s as a JSON string, and < as < where encoding/json would write \u003c: pseudonyms are to be read by people.
func quote(s string) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string always encodes
	return bytes.TrimRight(b.Bytes(), "\n")
}

// escapeUnsafe writes what a terminal would obey as \u escapes. Outside strings valid JSON has only white space of that sort, so the
// meaning does not change; newlines between tokens become spaces, which keeps one value on one line.
func escapeUnsafe(raw []byte) []byte {
	clean := true
	for i := 0; i < len(raw) && clean; {
		if raw[i] < utf8.RuneSelf {
			clean = raw[i] >= 0x20 && raw[i] != 0x7f
			i++
			continue
		}
		r, size := utf8.DecodeRune(raw[i:])
		clean = !unsafeRune(r) && (r != utf8.RuneError || size > 1)
		i += size
	}
	if clean {
		return raw
	}
	var b strings.Builder
	for i := 0; i < len(raw); {
		r, size := utf8.DecodeRune(raw[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			b.WriteString(`\ufffd`)
		case r < 0x20:
			b.WriteByte(' ')
		case r > 0xffff && unsafeRune(r):
			hi, lo := utf16.EncodeRune(r)
			writeHex(&b, 'u', hi, 4)
			writeHex(&b, 'u', lo, 4)
		case unsafeRune(r):
			writeHex(&b, 'u', r, 4)
		default:
			b.Write(raw[i : i+size])
		}
		i += size
	}
	return []byte(b.String())
}

package decode

import (
	"bytes"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"signalbox/internal/fault"
)

// draft is what a decoder has found in one line, before it becomes a record. Its slices point into the line.
type draft struct {
	line    []byte
	vals    [numFields]value
	rank    [numFields]uint8 // 0: absent; else 255 less the rank of the name, so that the best name wins
	units   [numFields]time.Duration
	at      time.Time // where a decoder has read the time itself
	term    string    // proxy flags
	noTried bool      // the proxy reached no server
	zone    *time.Location
}

// reset begins a line. The values of the line before stay where they are: without a rank they count for nothing, and
// must not be looked at, for their bytes may be another goroutine's by then.
func (d *draft) reset(line []byte) {
	d.line, d.rank, d.at, d.term, d.noTried = line, [numFields]uint8{}, time.Time{}, "", false
}

// begin is reset for a line whose end is not known yet.
func (d *draft) begin() { d.rank, d.at, d.term, d.noTried = [numFields]uint8{}, time.Time{}, "", false }

// set keeps a value unless a better name has given one. The last of equals wins, as in encoding/json, even if it
// says nothing.
func (d *draft) set(f field, rank uint8, unit time.Duration, v value) {
	switch {
	case d.rank[f] > 255-rank:
	case v.kind == nullValue || v.kind == stringValue && len(v.bytes) == 0:
		if d.rank[f] == 255-rank {
			d.rank[f] = 0
		}
	default:
		d.vals[f], d.rank[f], d.units[f] = v, 255-rank, unit
	}
}

// put sets a value as far as it counts for its field.
func (d *draft) put(r *road, kind valueKind, text []byte) {
	if r.how != takeAll && !r.how.takes(kind, text) {
		return
	}
	switch was := d.rank[r.f]; {
	case was > 255-r.rank:
	case kind == nullValue || len(text) == 0:
		if was == 255-r.rank {
			d.rank[r.f] = 0
		}
	default:
		v := &d.vals[r.f]
		v.kind, v.bytes = kind, text
		d.rank[r.f], d.units[r.f] = 255-r.rank, r.unit
	}
}

// takes tells whether a value counts.
func (how taking) takes(kind valueKind, text []byte) bool {
	switch how {
	case takeNumber:
		return kind != stringValue || numeric(text) // "code" is a status only where it is a number
	case takeName:
		return !codePlace(text) // where zap, slog and tracing say which part of the code has written the line
	case takeBool:
		return kind == boolValue
	case takeError:
		return kind == stringValue && errorBody(text)
	case takeAll:
	}
	return true
}

func (d *draft) has(f field) bool { return d.rank[f] != 0 }

// word gives a field's text, nil where it is absent or says that nothing is known.
func (d *draft) word(f field) []byte {
	if d.rank[f] == 0 {
		return nil
	}
	return wordOf(d.vals[f].bytes)
}

func wordOf(b []byte) []byte {
	if n := len(b); n > 0 && (edge(b[0]) || edge(b[n-1])) {
		b = bytes.TrimSpace(b)
	}
	if len(b) > len("undefined") {
		return b
	}
	switch string(b) {
	case "-", "null", "None", "nil", "undefined", "n/a", "N/A", "unknown", "<nil>":
		return nil
	}
	return b
}

// edge tells whether a text that begins or ends so may have to be trimmed.
func edge(c byte) bool { return c <= ' ' || c >= utf8.RuneSelf }

// text gives a field's text as a string of its own, bounded and valid UTF-8.
func (d *draft) text(f field, most int) string {
	b := d.word(f)
	if len(b) > most {
		b = b[:most]
	}
	return strings.ToValidUTF8(string(b), "�")
}

func (d *draft) number(f field) (float64, bool) {
	if v := &d.vals[f]; v.kind == numberValue && d.rank[f] != 0 {
		if n, ok := smallInt(v.bytes); ok {
			return float64(n), true
		}
		if n, ok := decimal(v.bytes); ok {
			return n, true
		}
	}
	b := d.word(f)
	if len(b) == 0 || len(b) > 40 {
		return 0, false
	}
	if b[0] == '+' { // HAProxy marks retries that went elsewhere
		b = b[1:]
	}
	if n, ok := smallInt(b); ok {
		return float64(n), true
	}
	if n, ok := decimal(b); ok {
		return n, true
	}
	n, err := strconv.ParseFloat(string(b), 64)
	return n, err == nil
}

// tens are the powers of ten that a float64 holds exactly.
var tens = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

// decimal reads "123.45": up to fifteen digits, of which both the whole and the power of ten are exact in a float64,
// so that their quotient is the nearest one, as strconv gives it.
func decimal(b []byte) (float64, bool) {
	if len(b) > len(tens) {
		return 0, false
	}
	var n int64
	point := -1
	for i, c := range b {
		switch {
		case c >= '0' && c <= '9':
			n = n*10 + int64(c-'0')
		case c == '.' && point < 0:
			point = i
		default:
			return 0, false
		}
	}
	if point <= 0 || point == len(b)-1 {
		return 0, false
	}
	return float64(n) / tens[len(b)-1-point], true
}

// count gives a number that cannot be negative nor absurd.
func (d *draft) count(f field) (int64, bool) {
	n, ok := d.number(f)
	if !ok || n < 0 || n > 1e15 || n != n {
		return 0, false
	}
	return int64(n), true
}

func smallInt(b []byte) (int64, bool) {
	if len(b) == 0 || len(b) > 15 {
		return 0, false
	}
	var n int64
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

// span gives a time span: a number in the field's unit, or a text with a unit of its own ("1.2s").
func (d *draft) span(f field) (time.Duration, bool) {
	if n, ok := d.number(f); ok {
		if d.units[f] == 0 {
			return 0, false
		}
		return span(n, d.units[f])
	}
	b := d.word(f)
	if len(b) == 0 || len(b) > 40 || d.vals[f].kind != stringValue {
		return 0, false
	}
	took, err := time.ParseDuration(strings.ReplaceAll(string(b), " ", ""))
	return took, err == nil && took >= 0
}

// status gives the status code, and whether a word in its place says that the request failed or succeeded.
func (d *draft) status() (code int, known, failed, succeeded bool) {
	if n, ok := d.number(fStatus); ok {
		switch {
		case n < 0: // no answer came, as some clients have it
			return 0, true, false, false
		case n <= 999 && n == float64(int(n)):
			return int(n), true, false, false
		}
		return 0, false, false, false
	}
	word := strings.ToLower(string(d.word(fStatus)))
	if n, ok := statusLine(word); ok {
		return n, true, false, false
	}
	class, told := d.statusWord()
	return 0, false, told && class != fault.None, told && class == fault.None
}

// statusWord gives what a word in place of a status says, and whether it is one that is known.
func (d *draft) statusWord() (class fault.Class, known bool) {
	if d.rank[fStatus] == 0 || d.vals[fStatus].kind != stringValue {
		return fault.None, false
	}
	class, known = statusWords[withoutBlanks.Replace(strings.ToLower(string(d.word(fStatus))))]
	return class, known
}

var withoutBlanks = strings.NewReplacer("_", "", " ", "")

var statusWords = map[string]fault.Class{
	"ok": fault.None, "success": fault.None, "succeeded": fault.None, "successful": fault.None, "completed": fault.None, "complete": fault.None,
	"error": fault.ServerError, "errored": fault.ServerError, "failure": fault.ServerError, "failed": fault.ServerError, "fail": fault.ServerError,
	"exception": fault.ServerError, "rejected": fault.ServerError, "timeout": fault.Timeout, "timedout": fault.Timeout,
	"ratelimited": fault.RateLimited, "overloaded": fault.Overloaded, "unauthorized": fault.Auth,
	"cancelled": fault.Cancelled, "canceled": fault.Cancelled, "aborted": fault.Cancelled,
}

// statusLine reads a status with its phrase or its protocol: "429 Too Many Requests", "HTTP/1.1 503", "HTTP 503".
func statusLine(word string) (code int, ok bool) {
	if rest, is := strings.CutPrefix(word, "http"); is {
		_, word, _ = strings.Cut(rest, " ")
	}
	if len(word) < 3 || len(word) > 3 && word[3] != ' ' {
		return 0, false
	}
	n, digits := smallInt([]byte(word[:3]))
	return int(n), digits && n >= 100
}

// streamed tells whether the answer was a stream, if the line says so.
func (d *draft) streamed() (yes, known bool) {
	if d.rank[fStream] == 0 {
		return false, false
	}
	switch string(d.vals[fStream].bytes) {
	case "true":
		return true, true
	case "false":
		return false, true
	}
	switch strings.ToLower(string(d.word(fStream))) {
	case "true", "1", "yes":
		return true, true
	case "false", "0", "no":
		return false, true
	}
	return false, false
}

// atError tells whether the line's level is error or worse. Numbers are those of pino and bunyan.
func (d *draft) atError() bool {
	if n, ok := smallInt(d.word(fLevel)); ok {
		return n >= 50
	}
	return failing(strings.ToLower(string(d.word(fLevel))))
}

// failing tells whether a level is error or worse.
func failing(level string) bool {
	switch level {
	case "error", "err", "fatal", "critical", "crit", "panic", "dpanic", "alert", "emerg", "emergency", "severe", "e", "f":
		return true
	}
	return false
}

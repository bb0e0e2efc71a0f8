package decode

import (
	"bytes"
	"slices"
)

// prefixLine opens the lines of loggers that write a JSON object behind a text of their own:
//
//	2026-11-21 12:00:00,123 INFO [gateway] request done: {"model": "gpt-4o", "status": 200}
//	[2026-11-21T12:00:00Z] gateway.INFO: {"model":"gpt-4o","status":200} []
type prefixLine struct{ scan scanner }

func newPrefixLine() *prefixLine {
	p := &prefixLine{}
	p.scan.visit = func([]byte, value) {}
	return p
}

// maxPrefix bounds where the object begins.
const maxPrefix = 400

func (p *prefixLine) open(w *wrapped, f frame) bool {
	head := w.text[:min(len(w.text), maxPrefix)]
	from := bytes.Index(head, []byte(`{"`))
	if from < 1 || head[from-1] == '=' || head[from-1] == '"' {
		return false // a value of something else
	}
	body := bytes.TrimRight(w.text[from:], " \t\r")
	for _, empty := range []string{"[]", "{}"} { // Monolog's extras
		body = bytes.TrimRight(bytes.TrimSuffix(body, []byte(" "+empty)), " ")
	}
	if body[len(body)-1] != '}' || !p.scan.scan(body) {
		return false
	}
	head = head[:from]
	if w.at.IsZero() {
		w.at = (&stamps{zone: f.zone}).of(head, f.received)
	}
	if level := levelIn(head); level != "" {
		w.level = level
	}
	w.text = body
	return true
}

// levelIn finds the name of a level among the words of a head, "" where there is none.
func levelIn(head []byte) string {
	for _, word := range bytes.FieldsFunc(head, func(r rune) bool { return r < 'A' || r > 'z' || r > 'Z' && r < 'a' }) {
		switch level := string(bytes.ToLower(word)); level {
		case "debug", "info", "notice", "warn", "warning", "error", "err", "critical", "fatal", "panic":
			return level
		}
	}
	return ""
}

// tellsSuccess tells whether some line of a sample is about a request that went well.
func tellsSuccess(format string, sample [][]byte, opt Options) bool {
	d, err := New(format, opt.bare())
	return err == nil && slices.ContainsFunc(sample, func(line []byte) bool {
		rec, res := d.Decode(line, epochEnd)
		return res.Kind == Request && !rec.Outcome.Failed()
	})
}

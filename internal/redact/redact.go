// Package redact stands before every screen and every file. Terminal makes untrusted text harmless on a terminal; Secrets and
// Redactor replace keys, tokens, passwords and addresses by pseudonyms; Clip bounds what is kept. It is pure and knows nothing of
// the rest of the program.
//
// Rules look at the text, not at its meaning: a secret without a known shape, a telling name before it, or an entry in the list of
// known secrets passes. So the text of prompts and answers is not for this package to clean; it is not to be written down at all.
package redact

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
)

// Redactor replaces secrets by pseudonyms such as <key:openai:3f9a>. The same secret gets the same pseudonym from the same salt, so
// that "one key fails, the other does not" stays readable; with another salt, another one. It is safe for concurrent use, and a nil
// Redactor works with the salt of the process.
type Redactor struct {
	salt  []byte
	known atomic.Pointer[needles] // replaced as a whole, so that looking for them takes no lock

	mu     sync.Mutex
	report map[string]int
}

// New makes a Redactor. known are secrets that the console itself holds (its tokens and passwords): they are found exactly, also in
// base64, percent-encoded, JSON-escaped and interrupted by quotes. Known secrets shorter than four bytes are left out, because
// removing them would shred every text.
func New(salt []byte, known ...string) *Redactor {
	r := &Redactor{salt: append([]byte(nil), salt...), report: map[string]int{}}
	r.known.Store(new(needles))
	for _, k := range known {
		r.Learn(k)
	}
	return r
}

// process is the Redactor behind Secrets: one random salt for the life of the process.
var process = sync.OnceValue(func() *Redactor {
	salt := make([]byte, 32)
	_, _ = rand.Read(salt) // crypto/rand ends the program rather than fail
	return New(salt)
})

// Secrets replaces secrets by pseudonyms that are stable for the life of the process. A text without any is returned as it is.
func Secrets(s string) string { return process().Secrets(s) }

// Secrets replaces every secret in s by its pseudonym. A text without any is returned as it is, without a copy. Doing it again
// changes nothing.
func (r *Redactor) Secrets(s string) string {
	if r == nil {
		r = process()
	}
	// A replacement can lay open what stood behind it (an escaped key inside a quoted one); a few rounds reach the end.
	for range 4 {
		next := r.round(s)
		if next == s {
			break
		}
		s = next
	}
	return s
}

func (r *Redactor) round(s string) string {
	if known := r.known.Load(); len(known.all) > 0 {
		s = r.splice(s, known.find(s))
	}
	s = r.splice(s, find(s))
	if view, at := unescaped(s); at != nil {
		spans := find(view)
		for i := range spans {
			sp := &spans[i]
			sp.secret, sp.from, sp.to = view[sp.from:sp.to], at[sp.from], at[sp.to]
		}
		s = r.splice(s, spans)
	}
	return s
}

// Report says how often each rule has replaced something, by the rule's name. The map is the caller's.
func (r *Redactor) Report() map[string]int {
	if r == nil {
		r = process()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.report)
}

// span is one secret in a text: where it stands, which rule found it and what it is called.
type span struct {
	from, to int
	rule     string // name in the report
	kind     string // the pseudonym's words: "key:openai"
	secret   string // what the pseudonym is computed from, where it is not the text itself
}

// splice replaces the spans, which are in order and do not overlap.
func (r *Redactor) splice(s string, spans []span) string {
	if len(spans) == 0 {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	last := 0
	for _, sp := range spans {
		secret := sp.secret
		if secret == "" {
			secret = s[sp.from:sp.to]
		}
		b.WriteString(s[last:sp.from])
		b.WriteString(r.pseudonym(sp.kind, secret))
		last = sp.to
		r.count(sp.rule)
	}
	b.WriteString(s[last:])
	return b.String()
}

func (r *Redactor) count(rule string) {
	r.mu.Lock()
	r.report[rule]++
	r.mu.Unlock()
}

func (r *Redactor) pseudonym(kind, secret string) string {
	mac := hmac.New(sha256.New, r.salt)
	mac.Write([]byte(secret))
	var sum [sha256.Size]byte
	return "<" + kind + ":" + hex.EncodeToString(mac.Sum(sum[:0])[:2]) + ">"
}

// pseudonymAt returns the length of the pseudonym that begins at s[i], or 0.
func pseudonymAt(s string, i int) int {
	if i >= len(s) || s[i] != '<' {
		return 0
	}
	end := strings.IndexByte(s[i:min(len(s), i+40)], '>')
	if end < len("<a:0000>")-1 {
		return 0
	}
	body := s[i+1 : i+end]
	words, sum := body[:len(body)-5], body[len(body)-4:]
	if body[len(body)-5] != ':' || !allIn(sum, lowerHex) {
		return 0
	}
	kind, vendor, _ := strings.Cut(words, ":")
	if !kinds[kind] || !allIn(vendor, vendorWord) {
		return 0
	}
	return end + 1
}

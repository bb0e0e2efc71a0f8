package redact

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
)

var sums = regexp.MustCompile(`:[0-9a-f]{4}>`)

func FuzzSecrets(f *testing.F) {
	for i, w := range wraps {
		f.Add(strings.ReplaceAll(w, "%s", seeds[i%len(seeds)].secret))
	}
	f.Add(`password="a\"b" api_key=x <key:openai:3f9a> https://a:b@c -----BEGIN PRIVATE KEY-----`)
	f.Fuzz(func(t *testing.T, s string) {
		r := New([]byte("salt"), "known-secret!")
		once := r.Secrets(s)
		if twice := r.Secrets(once); twice != once {
			t.Fatalf("not stable:\n%q\n%q\n%q", s, once, twice)
		}
		if got := r.Secrets(s + "\nknown-secret!"); strings.Contains(got, "known-secret!") {
			t.Fatalf("a known secret survives in %q", got)
		}
	})
}

func FuzzSeededSecret(f *testing.F) {
	f.Add("a", "b", 0)
	f.Fuzz(func(t *testing.T, before, after string, n int) {
		seed := seeds[(n%len(seeds)+len(seeds))%len(seeds)]
		js, _ := json.Marshal(before + " " + seed.secret + " " + after)
		for _, text := range []string{before + " " + seed.secret + " " + after, string(js), before + `"` + seed.secret + `"` + after} {
			if got := New(nil).Secrets(text); strings.Contains(got, seed.secret) {
				t.Fatalf("%s survives in %q: %q", seed.rule, text, got)
			}
		}
	})
}

func FuzzJSON(f *testing.F) {
	for _, s := range []string{`{"password":"x"}`, `{"a":["\u001b\ud800",{"token":1}]}`, `nope`, `{"a":{"api_key":"abc123def"},"b":-1.5e+3}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r := New([]byte("salt"))
		once := r.JSON(json.RawMessage(s))
		if len(s) > 0 && !json.Valid(once) {
			t.Fatalf("%q became invalid: %q", s, once)
		}
		if twice := r.JSON(once); string(twice) != string(once) {
			t.Fatalf("not stable:\n%q\n%q\n%q", s, once, twice)
		}
		if got := Terminal(string(once)); got != string(once) {
			t.Fatalf("%q is not safe for a terminal: %q", s, once)
		}
	})
}

const cleanLine = `{"time":"2026-03-02T03:14:07.120Z","level":"info","model":"gpt-4o","region":"eu-west","status":200,"latency_ms":1834,` +
	`"request_id":"5f0c4b1e-2a7d-4b6e-9f3a","prompt_tokens":812,"completion_tokens":96}`

func BenchmarkSecretsClean(b *testing.B) {
	r := New([]byte("salt"), "known-secret-of-the-console")
	b.SetBytes(int64(len(cleanLine)))
	b.ReportAllocs()
	for b.Loop() {
		r.Secrets(cleanLine)
	}
}

func BenchmarkSecretsHit(b *testing.B) {
	r := New([]byte("salt"))
	line := cleanLine + ` Authorization: Bearer sk-proj-Aa1Bb2Cc3Dd4Ee5Ff6`
	b.ReportAllocs()
	for b.Loop() {
		r.Secrets(line)
	}
}

func BenchmarkTerminalClean(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Terminal(cleanLine)
	}
}

func TestCleanLineCostsNoMemory(t *testing.T) {
	r := New([]byte("salt"), "known-secret-of-the-console")
	if n := testing.AllocsPerRun(100, func() { Terminal(r.Secrets(cleanLine)) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

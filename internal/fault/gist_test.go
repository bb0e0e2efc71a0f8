package fault_test

import (
	"strings"
	"testing"

	"signalbox/internal/fault"
)

func TestGistTellsKindsApart(t *testing.T) {
	for name, c := range map[string]struct {
		a, b string
		same bool
	}{
		"request ids": {"Error (req_7f3aB2): upstream reset", "Error (req_99kQw1): upstream reset", true},
		"counts":      {"Limit 30000, used 29817, requested 1200", "Limit 30000, used 28011, requested 900", true},
		"times":       {"Please try again in 1.2s.", "Please try again in 840ms.", true},
		"addresses":   {"dial tcp 10.0.0.7:443: connection refused", "dial tcp 10.0.3.21:8443: connection refused", true},
		"uuids":       {"trace 5c1b2e0a-77aa-4b0e-9f6d-0d0c1f3e2b11 lost", "trace 0aa1c9de-1234-4aaa-8bbb-ccccdddd0001 lost", true},
		"case":        {"Bad Gateway", "bad gateway", true},
		"spaces":      {"bad\n  gateway ", "bad gateway", true},
		"words":       {"unsupported parameter: temperature", "unsupported parameter: seed", false},
		"more words":  {"rate limit", "rate limit of tokens", false},
		"empty":       {"", "timeout", false},
	} {
		a, b := string(fault.AppendGist(nil, c.a)), string(fault.AppendGist(nil, c.b))
		if (a == b) != c.same {
			t.Errorf("%s: %q and %q: same %v, want %v", name, a, b, a == b, c.same)
		}
	}
}

func FuzzGist(f *testing.F) {
	f.Add("Error code: 429 - {'error': {'message': 'Rate limit reached for gpt-4o in org-1'}}")
	f.Add("<html><title>502 Bad Gateway</title>")
	f.Add(strings.Repeat("x1 ", 400))
	f.Fuzz(func(t *testing.T, text string) {
		got := string(fault.AppendGist([]byte("kept"), text))
		body, kept := strings.CutPrefix(got, "kept")
		if !kept || len(body) > 600 || strings.ContainsAny(body, "0123456789\n\t") || strings.HasSuffix(body, " ") {
			t.Errorf("%q gives %q", text, got)
		}
		if again := string(fault.AppendGist(nil, body)); len(body) < 300 && again != body {
			t.Errorf("%q is no gist of its own: %q", body, again)
		}
	})
}

package runbook

import "testing"

// A book for when it is over is told by what its match means, however it is written.
func TestAftermath(t *testing.T) {
	for match, want := range map[string]bool{
		"not burst":                                   true,
		"not (burst)":                                 true,
		"not burst and errors over 5m < 3":            true,
		"errors over 5m < 3 and not burst":            true,
		"burst":                                       false,
		"not burst or errors over 5m > 3":             false,
		"not lever":                                   false,
		"count{class=timeout} over 2m > 10":           false,
		"not burst{model=m} and not burst{region=eu}": true,
	} {
		b, err := Parse("a.md", []byte("---\nrunbook: v1\nmatch: >-\n  "+match+"\n---\n## A\ntext\n"))
		if err != nil || b.match.Zero() {
			t.Fatalf("%s: %v", match, err)
		}
		if got := b.Aftermath(); got != want {
			t.Errorf("%q: %v, want %v", match, got, want)
		}
	}
	if (&Book{}).Aftermath() {
		t.Error("a book that is matched by words is for after a burst")
	}
}

package fault

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

const (
	failuresPage = "../../docs/failures.md"
	tableBegin   = "<!-- classes: written by make golden -->"
	tableEnd     = "<!-- end of classes -->"
)

// table is what the operator's page says of the classes.
func table() string {
	var b strings.Builder
	for _, c := range Classes()[1:] {
		section(&b, c.String(), Advice(c))
		switch c {
		case Truncated:
			section(&b, c.String()+", at its length", atLength)
		case RateLimited:
			section(&b, c.String()+", by the gateway itself", ownLimit)
		case AccountSuspended:
			section(&b, c.String()+", by the gateway itself", ownBlock)
		}
	}
	return b.String()
}

func section(b *strings.Builder, name string, g Guide) {
	fmt.Fprintf(b, "### %s\n\n%s%s.\n\n", name, strings.ToUpper(g.Means[:1]), g.Means[1:])
	fmt.Fprintf(b, "- Retry: %s. Whose fault, where nothing more exact is known: %s.\n", g.Retry, g.Domain)
	fmt.Fprintf(b, "- First: %s.\n- For good: %s.\n\n", g.Do, g.Fix)
}

// The operator's page says what the verdicts say.
func TestFailuresPage(t *testing.T) {
	raw, err := os.ReadFile(failuresPage)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, begun := strings.Cut(string(raw), tableBegin)
	old, tail, ended := strings.Cut(rest, tableEnd)
	if !begun || !ended {
		t.Fatalf("%s has no marks for its classes", failuresPage)
	}
	want := "\n\n" + table()
	if old == want {
		return
	}
	if os.Getenv("UPDATE_GOLDEN") == "" {
		t.Fatalf("%s does not say what the verdicts say: run make golden", failuresPage)
	}
	if err := os.WriteFile(failuresPage, []byte(head+tableBegin+want+tableEnd+tail), 0o644); err != nil { //nolint:gosec // a page of the repository
		t.Fatal(err)
	}
}

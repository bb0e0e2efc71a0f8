package cli

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"signalbox/runbook"
)

// A team practises its own runbooks: those of the configuration that is named stand beside the shipped ones.
func TestDrillOffersTheRunbooksOfAConfiguration(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"ops.yaml": "version: 1\nrunbooks: [./books]\n", "books/mine.md": "# Our own way\n\n1. Look at it.\n"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	a := &app{Streams: Streams{Out: &strings.Builder{}, Err: &strings.Builder{}}}
	shipped, _, err := a.drillBooks()
	if err != nil || len(shipped) == 0 {
		t.Fatal(err, len(shipped))
	}
	a.g.config = filepath.Join(dir, "ops.yaml")
	all, problems, err := a.drillBooks()
	own := func(b *runbook.Book) bool { return b.Title == "Our own way" }
	if err != nil || len(problems) > 0 || len(all) != len(shipped)+1 || !slices.ContainsFunc(all, own) || slices.ContainsFunc(shipped, own) {
		t.Errorf("%d runbooks, %d of them shipped: %v %v", len(all), len(shipped), problems, err)
	}
	a.g.config = filepath.Join(dir, "none.yaml")
	if _, _, err := a.drillBooks(); err == nil {
		t.Error("a configuration that is not there is passed over")
	}
}

package runbook_test

import (
	"io/fs"
	"os"
	"strings"
	"testing"

	"signalbox/runbook"
)

func shipped(t *testing.T) []*runbook.Book {
	t.Helper()
	dir := os.DirFS("../runbooks")
	names, err := fs.Glob(dir, "*.md")
	if err != nil || len(names) == 0 {
		t.Fatal("no shipped playbooks", err)
	}
	var books []*runbook.Book
	for _, name := range names {
		src, err := fs.ReadFile(dir, name)
		if err != nil {
			t.Fatal(err)
		}
		b, err := runbook.Parse(name, src)
		if err != nil {
			t.Fatal(err)
		}
		books = append(books, b)
	}
	return books
}

func TestShippedBooksAreClean(t *testing.T) {
	for _, b := range shipped(t) {
		if !b.Armed || b.Match == "" || b.ID+".md" != b.Name {
			t.Errorf("%s: armed %v, id %q, match %q", b.Name, b.Armed, b.ID, b.Match)
		}
		for _, f := range runbook.Lint(b) {
			t.Error(f)
		}
		stages := map[int]bool{}
		levers := 0
		for _, s := range b.Steps {
			stages[s.Stage] = true
			for _, bl := range s.Blocks {
				if bl.Action != nil && bl.Action.Do != runbook.DoRelease {
					levers++
				}
			}
		}
		for n := 1; n <= 6; n++ {
			if !stages[n] {
				t.Errorf("%s has no step of stage %d", b.Name, n)
			}
		}
		if levers == 0 {
			t.Errorf("%s throws no lever", b.Name)
		}
		if os.Getenv("SHOW") != "" {
			for _, s := range b.Steps {
				t.Log(s.Stage, s.Slug, s.Role, s.Line, len(s.Prose), len(s.Blocks), strings.Join(func() (k []string) {
					for _, b := range s.Blocks {
						k = append(k, string(b.Kind))
					}
					return
				}(), " "))
			}
		}
	}
}

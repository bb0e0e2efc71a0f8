package cli

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"signalbox/internal/config"
	"signalbox/internal/desk"
)

// TestRunbooksAreReadAgain: a changed file, put in the place of the old one as editors do, a new one and one in a new
// folder reach the desk.
func TestRunbooksAreReadAgain(t *testing.T) {
	dir := t.TempDir()
	books := filepath.Join(dir, "books")
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(books, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
	write("one.md", "# One\n\n1. Look at it.\n")
	cfg := config.Empty()
	cfg.Runbooks = []string{books}
	a := &app{Streams: Streams{Out: &strings.Builder{}, Err: &strings.Builder{}}}
	a.g.stateDir = filepath.Join(dir, "state")
	all, problems, err := a.books(cfg)
	if err != nil || len(problems) > 0 {
		t.Fatal(err, problems)
	}
	st, err := a.openStation(t.Context(), plan{cfg: cfg, books: all})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = st.close() }()
	err = st.run(t.Context(), a.withBooks(cfg, st.desk, nil, func(ctx context.Context) error {
		c := st.desk.Connect()
		defer c.Close()
		const long = 2 * time.Minute
		until := func(what string, is func(*desk.Snapshot) bool) {
			t.Helper()
			end := time.After(long)
			for !is(c.Snapshot()) {
				select {
				case <-c.Changed():
				case <-end:
					t.Fatalf("%s: not seen within %s", what, long)
				}
			}
		}
		offered := func(title string) func(*desk.Snapshot) bool {
			return func(s *desk.Snapshot) bool {
				for _, o := range s.Offers {
					if o.Title == title {
						return true
					}
				}
				return false
			}
		}
		if _, err := c.Do(ctx, desk.StartRun{Book: "one"}); err != nil {
			return err
		}
		// The watch begins beside the client: what changes before it does is seen with the next change.
		for n := 0; c.Snapshot().Run.Changed == "" && n < 100; n++ {
			write("one.md", "# One\n\n1. Look at it closely.\n"+strings.Repeat("\n", n))
			time.Sleep(500 * time.Millisecond)
		}
		until("the run's own file", func(s *desk.Snapshot) bool { return strings.Contains(s.Run.Changed, "1 changed") })
		write("two.md", "# Two\n\n1. Look at it.\n")
		until("a new file", offered("Two"))
		if err := os.MkdirAll(filepath.Join(books, "more"), 0o700); err != nil {
			return err
		}
		write("three.md", "# Three\n\n1. Look at it.\n")
		until("a third file", offered("Three"))
		write("more/four.md", "# Four\n\n1. Look at it.\n")
		until("a file in a new folder", offered("Four"))
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
}

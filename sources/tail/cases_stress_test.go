package tail

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"signalbox/internal/traffic"
	"signalbox/sources/decode"
)

// stressEnv says how long the stress test writes, as 60s; without it two seconds.
const stressEnv = "SIGNALBOX_TAIL_STRESS"

// TestCase30Stress writes to ten files that are renamed, copied and truncated, or deleted twice a second, each
// by its own writer, and follows them by a glob: every line once. In order too, but for files that came and went
// between two looks: of those the times tell the order, and the clock of a file system may be coarser than that.
func TestCase30Stress(t *testing.T) {
	lasts, every := 2*time.Second, 100*time.Millisecond
	if s := os.Getenv(stressEnv); s != "" {
		d, err := time.ParseDuration(s)
		must(t, err)
		lasts, every = d, 500*time.Millisecond
	}
	dir := t.TempDir()
	const files = 10
	for i := range files {
		must(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("%02d.log", i)), nil, 0o600))
	}
	tl, err := New(Options{Name: "test", Path: filepath.Join(dir, "*.log"), Format: decode.JSON, Lines: true})
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	var mu sync.Mutex
	next, came, got, late, wrong, gone := map[string]int{}, map[string]bool{}, 0, 0, "", 0
	var state traffic.SourceState
	done := make(chan error, 1)
	go func() {
		done <- tl.Run(ctx, func(_ context.Context, b traffic.Batch) error {
			mu.Lock()
			defer mu.Unlock()
			for _, r := range recordsOf(b) {
				name, n, _ := strings.Cut(r.RequestID, "-")
				if came[r.RequestID] {
					wrong = fmt.Sprintf("file %s: line %s came twice", name, n)
				}
				came[r.RequestID] = true
				if i, _ := strconv.Atoi(n); i < next[name] {
					late++
				} else {
					next[name] = i + 1
				}
				got++
			}
			state = *b.State
			return nil
		})
	}()
	wait := func(what string, ok func() bool) {
		t.Helper()
		for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
			mu.Lock()
			good, n, bad := ok(), got, wrong
			mu.Unlock()
			switch {
			case bad != "":
				t.Fatal(bad)
			case good:
				return
			case time.Now().After(end):
				t.Fatalf("waited in vain for %s: %d lines, %+v", what, n, state)
			}
		}
	}
	wait("the files to be open", func() bool { return state.Health == traffic.Live })
	written := make([]diary, files)
	var writers sync.WaitGroup
	for i := range files {
		writers.Go(func() { written[i].write(t, dir, i, lasts, every) })
	}
	writers.Wait()
	total := 0
	for i := range written {
		total += len(written[i].in)
	}
	missing, why := 0, ""
	compare := func() {
		missing, gone, why = 0, 0, ""
		for i := range written {
			lost, files, wrong := written[i].missing(i, came)
			missing, gone, why = missing+lost, gone+files, why+wrong
		}
	}
	last, since, compared := 0, time.Now(), time.Now()
	wait(fmt.Sprintf("%d lines, or to be told of what is gone", total), func() bool {
		switch {
		case got >= total:
			return true
		case got > last, state.Missed == 0:
			last, since, compared = got, time.Now(), time.Now()
			return false
		case time.Since(compared) < 2*time.Second:
			return false
		}
		compare()
		compared = time.Now()
		return why == "" && int64(gone) <= state.Missed || time.Since(since) > patience/2 // what is wrong then is said below
	})
	cancel()
	must(t, <-done)
	if compare(); why != "" {
		t.Error(why)
	}
	t.Logf("%d lines written, %d read, %d after later ones, %d bytes dropped, %d torn, in %s", total, got, late, state.Dropped, state.Unparsed, lasts)
	// On a loaded machine the event of a new file may come when that is deleted already: what it held nobody can have,
	// but it is counted.
	if got+missing != total || int64(gone) > state.Missed || state.Unparsed != 0 || state.Dropped != 0 || wrong != "" {
		t.Errorf("%d of %d lines, %d files were gone before anybody could open them, %d are told: %s %+v", got, total, gone, state.Missed, wrong, state)
	}
}

// diary is what one writer did, so that a loss explains itself.
type diary struct {
	in    []int    // the file that each line was written to, counted from 0
	ended []string // how each file ended: "" for the last
}

// missing gives the lines of a writer that have not come and their files, and says what is wrong about them: only what
// stood in a file that was deleted may be missing, and then all of it.
func (d *diary) missing(i int, came map[string]bool) (lost, files int, why string) {
	all, of := map[int]int{}, map[int]int{}
	for n, file := range d.in {
		all[file]++
		if !came[fmt.Sprintf("%02d-%d", i, n)] {
			of[file]++
			lost++
		}
	}
	for file, n := range of {
		if !strings.HasSuffix(d.ended[file], "deleted") || n != all[file] {
			around := d.ended[max(0, file-2):min(len(d.ended), file+3)]
			why += fmt.Sprintf("writer %02d: %d of the %d lines in file %d are missing, which was %s; around it: %q\n", i, n, all[file], file, d.ended[file], around)
		}
	}
	return lost, len(of), why
}

// write writes numbered lines about every millisecond and rotates its file now and then. It does not write between
// copy and truncation: nobody can save what is written there.
func (d *diary) write(t *testing.T, dir string, i int, lasts, every time.Duration) {
	rng := rand.New(rand.NewPCG(uint64(i), 7))
	path := filepath.Join(dir, fmt.Sprintf("%02d.log", i))
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Error(err)
		return
	}
	defer func() { _ = f.Close() }()
	begun := time.Now()
	defer func() { d.ended = append(d.ended, "") }()
	turn := begun.Add(every)
	for end := begun.Add(lasts); time.Now().Before(end); time.Sleep(time.Millisecond) {
		for range 1 + rng.IntN(5) {
			if _, err := fmt.Fprintf(f, `{"request_id":"%02d-%d","status":200}`+"\n", i, len(d.in)); err != nil {
				t.Error(err)
				return
			}
			d.in = append(d.in, len(d.ended))
		}
		if time.Now().Before(turn) {
			continue
		}
		turn = time.Now().Add(every)
		to := fmt.Sprintf("%s.%d", path, len(d.ended)+1)
		how := "renamed"
		switch rng.IntN(3) {
		case 0:
			err = os.Rename(path, to)
		case 1:
			how = "copied and truncated"
			var data []byte
			if data, err = os.ReadFile(path); err == nil {
				err = os.WriteFile(to, data, 0o600)
			}
			if err == nil {
				err = os.Truncate(path, 0)
			}
		case 2:
			how = "deleted"
			err = os.Remove(path)
		}
		d.ended = append(d.ended, fmt.Sprintf("%v: %s", time.Since(begun).Round(time.Millisecond), how))
		if err == nil {
			_ = f.Close()
			f, err = os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		}
		if err != nil {
			t.Error(err)
			return
		}
	}
}

// TestAnyChanges writes to a log and rotates, copies, truncates, compresses and deletes it at random, looks at
// random, and compares what came with what was written. Only what was truncated without a copy may be missing,
// and then it is counted.
func TestAnyChanges(t *testing.T) {
	if f := flag.Lookup("rapid.checks"); f != nil && f.Value.String() == f.DefValue {
		must(t, f.Value.Set("25")) // each is some fifty looks at real files; -rapid.checks=1000 takes two minutes
		defer func() { _ = f.Value.Set(f.DefValue) }()
	}
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(t.TempDir(), "run")
		must(t, err)
		l := &log{t: t, path: filepath.Join(dir, "a.log"), n: new(int)}
		f, err := os.Create(l.path)
		must(t, err)
		l.f = f
		h := byHand(t, Options{Path: l.path})
		defer h.end()
		defer func() { _ = l.f.Close() }()
		reopen := func() {
			_ = l.f.Close()
			f, err := os.OpenFile(l.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
			must(t, err)
			l.f = f
		}
		reopen()
		rotations := 0
		rotated := func() string {
			rotations++
			return fmt.Sprintf("%s.%03d", l.path, rotations)
		}
		aging := func(path string) { // each later than the one before
			when := h.now.Add(time.Duration(rotations) * time.Microsecond)
			must(t, os.Chtimes(path, when, when))
		}
		var half string
		finish := func() { l.raw(half); half = "" }
		rt.Repeat(map[string]func(*rapid.T){
			"write": func(rt *rapid.T) { finish(); l.write(rapid.IntRange(1, 30).Draw(rt, "lines")) },
			"half": func(rt *rapid.T) {
				finish()
				text := line(*l.n)
				*l.n++
				cut := rapid.IntRange(1, len(text)-1).Draw(rt, "cut")
				l.raw(text[:cut])
				half = text[cut:]
			},
			"look": func(*rapid.T) { h.look() },
			"wait": func(rt *rapid.T) { h.after(time.Duration(rapid.IntRange(1, 400).Draw(rt, "seconds")) * time.Second) },
			"rename": func(rt *rapid.T) {
				finish()
				aging(l.path)
				to := rotated()
				must(t, os.Rename(l.path, to))
				if rapid.Bool().Draw(rt, "late") {
					l.write(2)
					aging(to)
				}
				reopen()
				if rapid.Bool().Draw(rt, "pack") {
					pack(t, to)
				}
			},
			"copytruncate": func(rt *rapid.T) {
				if half != "" { // two rotations over one line between two looks are not told apart
					h.look()
				}
				to := rotated()
				data, err := os.ReadFile(l.path)
				must(t, err)
				must(t, os.WriteFile(to, data, 0o600))
				must(t, os.Truncate(l.path, 0))
				aging(to)
				if rapid.Bool().Draw(rt, "pack") {
					pack(t, to)
				}
				if half != "" {
					finish()
					h.look()
				}
			},
			"delete, all read":   func(*rapid.T) { finish(); h.look(); must(t, os.Remove(l.path)); reopen() },
			"truncate, all read": func(*rapid.T) { finish(); h.look(); must(t, os.Truncate(l.path, 0)) },
		})
		finish()
		h.look()
		h.after(time.Second)
		if n := len(h.ids); n != *l.n || h.state.Unparsed != 0 || h.state.Dropped != 0 {
			seen := map[string]int{}
			for _, id := range h.ids {
				seen[id]++
			}
			bad := ""
			for i := range *l.n {
				if c := seen[fmt.Sprint("n", i)]; c != 1 {
					bad += fmt.Sprintf(" n%d:%d", i, c)
				}
			}
			rt.Fatalf("%d lines of %d, %d torn, %d bytes lost: %s; %s", n, *l.n, h.state.Unparsed, h.state.Dropped, bad, h.state.Detail)
		}
	})
}

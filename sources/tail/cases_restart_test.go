package tail

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"signalbox/internal/traffic"
)

// Each way in which a log can change while nobody looks.
var whileOff = map[string]func(t *testing.T, l *log){
	"nothing":     func(*testing.T, *log) {},
	"written":     func(_ *testing.T, l *log) { l.write(10) },
	"rename":      func(t *testing.T, l *log) { l.write(10); l.rename(l.path + ".1"); l.write(2); l.open(); l.write(10) },
	"rename gone": func(_ *testing.T, l *log) { l.write(10); l.rename(l.path + ".1"); l.write(2) },
	"three renames": func(t *testing.T, l *log) {
		for i := range 3 {
			l.write(10)
			aged(t, l.path, time.Duration(10-i)*time.Second)
			l.shiftChain(i)
			l.open()
		}
		l.write(1)
	},
	"rename and gzip": func(t *testing.T, l *log) {
		for i := range 2 {
			l.write(10)
			aged(t, l.path, time.Duration(10-i)*time.Second)
			to := fmt.Sprintf("%s.%d", l.path, i)
			l.rename(to)
			l.open()
			pack(t, to)
		}
		l.write(1)
	},
	"copytruncate": func(t *testing.T, l *log) {
		for i := range 2 {
			l.write(10)
			to := fmt.Sprintf("%s.%d", l.path, i)
			l.copyTruncate(to)
			aged(t, to, time.Duration(10-i)*time.Second)
		}
		l.write(3)
	},
	"copytruncate, regrown": func(_ *testing.T, l *log) { l.write(10); l.copyTruncate(l.path + ".1"); l.write(90) },
	"copytruncate and gzip": func(t *testing.T, l *log) {
		l.write(10)
		l.copyTruncate(l.path + ".1")
		pack(t, l.path+".1")
		l.write(3)
	},
	"truncate, all was read": func(t *testing.T, l *log) { must(t, os.Truncate(l.path, 0)); l.write(3) },
	"delete, all was read":   func(t *testing.T, l *log) { must(t, os.Remove(l.path)); must(t, l.f.Close()); l.open(); l.write(3) },
	"half a line finished":   func(_ *testing.T, l *log) {},
}

func TestCase29RestartAfterAnyChange(t *testing.T) {
	for name, change := range whileOff {
		t.Run(name, func(t *testing.T) {
			state := filepath.Join(t.TempDir(), "offsets")
			l := inFolder(t)
			must(t, os.WriteFile(l.path+".9", []byte(numbered(700, 720)), 0o600)) // known from before
			aged(t, l.path+".9", time.Hour)
			o := offsets(t, state)
			h := byHand(t, Options{Path: l.path, Offsets: o})
			l.write(40)
			h.look()
			ids := h.ids
			for range 2 { // twice, so that what a restart has read is known to the next one
				h.tail.save(true)
				h.end()
				must(t, o.Close())
				change(t, l)
				o = offsets(t, state)
				if o.Notice() != "" {
					t.Fatal(o.Notice())
				}
				h = byHand(t, Options{Path: l.path, Offsets: o})
				h.look()
				ids = append(ids, h.ids...)
				if l.f == nil {
					l.open()
				}
				if strings.Contains(name, "gone") {
					l.open()
				}
				l.write(1)
				h.ids = nil
				h.look()
				ids = append(ids, h.ids...)
			}
			h.ids = ids
			h.exactly(*l.n, 0)
			if h.state.Detail != "" && !strings.Contains(name, "all was read") {
				t.Errorf("detail %q", h.state.Detail)
			}
		})
	}
}

// What is nowhere any more is said.
func TestCase29LossWhileOffIsSaid(t *testing.T) {
	state := filepath.Join(t.TempDir(), "offsets")
	l := inFolder(t)
	o := offsets(t, state)
	h := byHand(t, Options{Path: l.path, Offsets: o})
	l.write(10)
	h.look()
	h.tail.save(true)
	h.end()
	must(t, o.Close())
	must(t, os.Remove(l.path))
	must(t, l.f.Close())
	l.open()
	l.write(3)
	again := byHand(t, Options{Path: l.path, Offsets: offsets(t, state)})
	again.after(stateEvery)
	detailHas(t, again.state, "is gone or was written anew")
	if s := strings.Join(again.ids, " "); s != "n10 n11 n12" {
		t.Error(s)
	}
}

// The program is killed between any two reads and saves, and its file is what the last save left: nothing is
// lost, and what comes twice is what was taken after that save.
func TestCase29KilledAtAnyMoment(t *testing.T) {
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 1))
		dir := t.TempDir()
		state := filepath.Join(dir, "offsets")
		l := newLog(t, filepath.Join(dir, "a.log"))
		taken := map[string]int{}
		var sinceSave []string
		mayRepeat := map[string]bool{}
		pending := ""
		rotated := 0
		for life := range 6 { // of the program
			o := offsets(t, state)
			h := byHand(t, Options{Path: l.path, FromStart: true, Offsets: o})
			h.tail.buf = make([]byte, 1+rng.IntN(400))
			for _, id := range h.ids {
				taken[id]++
				sinceSave = append(sinceSave, id)
			}
			h.e.emit = func(_ context.Context, b traffic.Batch) error {
				for _, r := range recordsOf(b) {
					taken[r.RequestID]++
					sinceSave = append(sinceSave, r.RequestID)
				}
				return nil
			}
			for range 1 + rng.IntN(30) {
				if life == 0 { // once it has saved anything: before that FromStart decides
					l.write(1)
					h.look()
					h.tail.save(true)
					sinceSave = nil
					break
				}
				switch rng.IntN(8) {
				case 0: // a part of a line
					if pending == "" {
						pending = line(*l.n)
						*l.n++
					}
					cut := 1 + rng.IntN(len(pending))
					l.raw(pending[:cut])
					pending = pending[cut:]
				case 1, 2:
					l.raw(pending)
					pending = ""
					l.write(1 + rng.IntN(20))
				case 3:
					if pending == "" && rng.IntN(3) == 0 {
						l.rename(fmt.Sprintf("%s.%03d", l.path, rotated))
						rotated++
						l.open()
					}
				default:
					saved := o.wrote
					h.now = h.now.Add(pollEvery)
					_, err := h.tail.pass(t.Context(), h.e)
					must(t, err)
					if !o.wrote.Equal(saved) {
						sinceSave = nil
					}
				}
			}
			for _, id := range sinceSave {
				mayRepeat[id] = true
			}
			sinceSave = nil
			h.end() // and nothing is saved
			must(t, o.Close())
		}
		l.raw(pending)
		h := byHand(t, Options{Path: l.path, FromStart: true, Offsets: offsets(t, state)})
		h.look()
		for _, id := range h.ids {
			taken[id]++
		}
		for i := range *l.n {
			id := fmt.Sprint("n", i)
			if n := taken[id]; n == 0 || n > 1 && !mayRepeat[id] {
				t.Fatalf("seed %d: line %s came %d times", seed, id, n)
			}
		}
		if h.state.Unparsed != 0 {
			t.Fatalf("seed %d: %d torn", seed, h.state.Unparsed)
		}
		h.end()
	}
}

// A line is only saved as read once somebody has taken it.
func TestCase29NothingIsSavedThatWasNotTaken(t *testing.T) {
	state := filepath.Join(t.TempDir(), "offsets")
	l := inFolder(t)
	o := offsets(t, state)
	h := byHand(t, Options{Path: l.path, FromStart: true, Offsets: o})
	l.write(5)
	h.look()
	h.after(saveEvery)
	h.fail = context.Canceled
	l.write(5)
	h.now = h.now.Add(time.Hour)
	if _, err := h.tail.pass(t.Context(), h.e); err == nil {
		t.Fatal("Emit failed and the pass did not")
	}
	h.tail.save(true)
	h.end()
	must(t, o.Close())
	again := byHand(t, Options{Path: l.path, Offsets: offsets(t, state)})
	again.ids = append(h.ids, again.ids...)
	again.exactly(10, 0)
}

func TestCase29DamagedStateFile(t *testing.T) {
	state := filepath.Join(t.TempDir(), "offsets")
	l := inFolder(t)
	o := offsets(t, state)
	h := byHand(t, Options{Path: l.path, Offsets: o})
	l.write(5)
	h.look()
	h.tail.save(true)
	must(t, o.Close())
	good, err := os.ReadFile(state)
	must(t, err)
	rng := rand.New(rand.NewPCG(1, 2))
	damaged := [][]byte{nil, good[:1], good[:len(good)/2], good[:len(good)-1], []byte("{}"), bytes.Repeat([]byte("x"), maxOffsets+1), append(slices.Clone(good), "{}\n"...)}
	for range 200 {
		bad := slices.Clone(good)
		bad[rng.IntN(len(bad))] ^= byte(1 + rng.IntN(255))
		damaged = append(damaged, bad)
	}
	for i, bad := range damaged {
		must(t, os.WriteFile(state, bad, 0o600))
		o, err := OpenOffsets(state, time.Now())
		must(t, err)
		if !strings.Contains(o.Notice(), "cannot be used") || len(o.files) != 0 {
			t.Errorf("damage %d: %q, %d paths", i, o.Notice(), len(o.files))
		}
		if kept, err := os.ReadFile(state + ".damaged"); err != nil || !bytes.Equal(kept, bad) {
			t.Errorf("damage %d: it is not set aside: %v", i, err)
		}
		must(t, o.Close())
	}
}

func TestOffsetsBounds(t *testing.T) {
	now := time.Now()
	state := filepath.Join(t.TempDir(), "sub", "offsets")
	o := offsets(t, state)
	p := place{id: identity{1, 2}, off: 3, head: []byte("abc"), mark: []byte("abc")}
	o.put("s", "/old", []place{p}, now.Add(-resumeWithin-time.Minute))
	o.put("s", "/new", slices.Repeat([]place{p}, 2*maxSavedPlaces), now)
	must(t, o.save(now, true))
	other, err := OpenOffsets(state, now) // beside the first
	must(t, err)
	if !strings.Contains(other.Notice(), "another console") || len(other.files) != 1 {
		t.Errorf("%q %v", other.Notice(), other.files)
	}
	other.put("s", "/other", []place{p}, now)
	must(t, other.save(now, true))
	must(t, other.Close())
	must(t, o.Close())
	third := offsets(t, state)
	if got, at := third.of("s", "/new"); len(got) != maxSavedPlaces || !at.Equal(now) || third.Notice() != "" {
		t.Errorf("%d places at %s, %q", len(got), at, third.Notice())
	}
	if got, _ := third.of("s", "/other"); got != nil {
		t.Errorf("%v", got)
	}
	// Not more than about once a second.
	third.put("s", "/a", []place{p}, now)
	must(t, third.save(now, false))
	third.put("s", "/b", []place{p}, now)
	must(t, third.save(now.Add(saveEvery/2), false))
	raw, err := os.ReadFile(state)
	must(t, err)
	if !strings.Contains(string(raw), `"/a"`) || strings.Contains(string(raw), `"/b"`) {
		t.Errorf("%s", raw)
	}
	must(t, third.save(now.Add(saveEvery), false))
	if raw, _ = os.ReadFile(state); !strings.Contains(string(raw), `"/b"`) {
		t.Errorf("%s", raw)
	}
}

func TestAfreshStartsWhereTheOptionsSay(t *testing.T) {
	state := filepath.Join(t.TempDir(), "offsets")
	l := inFolder(t)
	o := offsets(t, state)
	h := byHand(t, Options{Path: l.path, Offsets: o})
	l.write(10)
	h.look()
	h.tail.save(true)
	h.end()
	again := byHand(t, Options{Path: l.path, Offsets: o, Afresh: true, FromStart: true})
	again.exactly(10, 0)
}

func FuzzOffsets(f *testing.F) {
	f.Add(formatOffsets(map[logName]saved{{"s", "/p"}: {time.Unix(5, 0), []place{{id: identity{1, 2}, off: 3, head: []byte("abc"), mark: []byte("abc")}}}}))
	f.Add([]byte("signalbox-offsets 1 \n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if i := bytes.IndexByte(raw, '\n'); i >= 0 { // past the sum, which no fuzzer finds
			if files, err := parseOffsets(sealed(raw[i+1:])); err == nil {
				again, err := parseOffsets(formatOffsets(files))
				if err != nil || len(again) != len(files) {
					t.Fatalf("what was written cannot be read: %v", err)
				}
			}
		}
		_, _ = parseOffsets(raw)
	})
}

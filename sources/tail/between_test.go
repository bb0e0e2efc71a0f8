package tail

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
)

// scribe writes a log and rotates it between any two questions that the reader asks the file system: one step at
// a time, by a seed. It keeps what it did, so that a loss explains itself.
type scribe struct {
	t     *testing.T
	rng   *rand.Rand
	path  string
	f     *os.File
	gen   *life
	lives map[identity]*life
	all   []*life
	of    []*life // the file that each line was written to
	steps []func()
	some  float64 // how likely a step is at a question
	rot   int
	queue []fsnotify.Event
	hear  func(fsnotify.Event) // nil: there are no events
	late  bool                 // events come some questions late
	past  []string             // what was done
	on    bool
	busy  bool
	left  int // steps until the next look
}

// life is one file that the path has named.
type life struct {
	n       int
	lines   []int // since it was last truncated
	removed bool
	opened  bool // the reader has had it open
}

func newScribe(t *testing.T, seed uint64, h *hand, path string) *scribe {
	s := &scribe{t: t, rng: rand.New(rand.NewPCG(seed, 30)), path: path, lives: map[identity]*life{}}
	plain := realDisk()
	*h.tail.disk = disk{
		open: func(p string) (logFile, error) {
			s.step("open " + filepath.Base(p))
			f, err := plain.open(p)
			if err != nil {
				return nil, err
			}
			if info, err := f.Stat(); err == nil {
				if l := s.lives[identify(info)]; l != nil && !l.removed {
					l.opened = true
				}
			}
			return betweenFile{f, s}, nil
		},
		stat: func(p string) (os.FileInfo, error) { s.step("stat " + filepath.Base(p)); return plain.stat(p) },
		list: func(p string) ([]os.DirEntry, error) { s.step("list"); return plain.list(p) },
	}
	s.reopen()
	for _, l := range s.lives {
		l.opened = true // the first one is followed already
	}
	s.queue = nil
	return s
}

// betweenFile is a file whose reader is interrupted by the scribe.
type betweenFile struct {
	logFile
	s *scribe
}

func (b betweenFile) ReadAt(p []byte, at int64) (int, error) {
	b.s.step("read")
	return b.logFile.ReadAt(p, at) //nolint:wrapcheck // as it is
}

func (b betweenFile) Stat() (os.FileInfo, error) {
	b.s.step("fstat")
	return b.logFile.Stat() //nolint:wrapcheck // as it is
}

func (s *scribe) note(format string, args ...any) {
	s.past = append(s.past, fmt.Sprintf(format, args...))
}

func (s *scribe) event(op fsnotify.Op, path string) {
	if s.hear != nil {
		s.queue = append(s.queue, fsnotify.Event{Name: path, Op: op})
	}
}

// step is called before each question of the reader.
func (s *scribe) step(before string) {
	if !s.on || s.busy {
		return
	}
	s.busy = true
	defer func() { s.busy = false }()
	for s.left > 0 && s.rng.Float64() < s.some {
		s.left--
		s.note("-- before %s", before)
		s.one()
		if !s.late {
			s.deliver(len(s.queue))
		}
	}
	if s.late && s.rng.IntN(12) == 0 {
		s.deliver(1 + s.rng.IntN(4))
	}
}

func (s *scribe) deliver(n int) {
	for ; n > 0 && len(s.queue) > 0; n-- {
		e := s.queue[0]
		s.queue = s.queue[1:]
		s.note("-- event %s %s", e.Op, filepath.Base(e.Name))
		was := s.busy
		s.busy = true
		s.hear(e)
		s.busy = was
	}
}

func (s *scribe) one() {
	if len(s.steps) > 0 {
		do := s.steps[0]
		s.steps = s.steps[1:]
		do()
		return
	}
	switch s.rng.IntN(8) {
	case 0:
		s.rotate(func(to string) {
			s.note("rename to %s", filepath.Base(to))
			must(s.t, os.Rename(s.path, to))
			s.event(fsnotify.Rename, s.path)
			s.event(fsnotify.Create, to)
		}, s.reopen)
	case 1:
		to := s.next()
		data, err := os.ReadFile(s.path)
		must(s.t, err)
		part := s.rng.IntN(len(data) + 1)
		s.steps = append(s.steps, func() {
			s.note("copy to %s", filepath.Base(to))
			must(s.t, os.WriteFile(to, data[:part], 0o600))
			s.event(fsnotify.Create, to)
		}, func() { must(s.t, os.WriteFile(to, data, 0o600)) }, func() {
			s.note("truncate")
			must(s.t, os.Truncate(s.path, 0))
			s.gen.lines = nil
		})
	case 2:
		s.rotate(func(string) {
			s.note("remove %d", s.gen.n)
			s.gen.removed = true
			must(s.t, os.Remove(s.path))
			s.event(fsnotify.Remove, s.path)
		}, s.reopen)
	default:
		s.write(1 + s.rng.IntN(6))
	}
}

func (s *scribe) next() string { s.rot++; return fmt.Sprintf("%s.%03d", s.path, s.rot) }

func (s *scribe) rotate(away func(to string), again func()) {
	away(s.next())
	if s.rng.IntN(3) == 0 {
		s.steps = append(s.steps, func() { s.write(2) })
	}
	s.steps = append(s.steps, again)
}

func (s *scribe) write(n int) {
	from := len(s.of)
	text := ""
	for range n {
		text += line(len(s.of))
		s.gen.lines = append(s.gen.lines, len(s.of))
		s.of = append(s.of, s.gen)
	}
	s.note("write %d-%d to file %d", from, len(s.of)-1, s.gen.n)
	_, err := s.f.WriteString(text)
	must(s.t, err)
}

func (s *scribe) reopen() {
	if s.f != nil {
		_ = s.f.Close()
	}
	f, err := os.OpenFile(s.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	must(s.t, err)
	s.f = f
	info, err := f.Stat()
	must(s.t, err)
	s.gen = &life{n: len(s.lives) + s.rot}
	s.lives[identify(info)] = s.gen
	s.all = append(s.all, s.gen)
	s.note("create %d", s.gen.n)
	s.event(fsnotify.Create, s.path)
}

// missing are the lines that have not come, and may not be missing: unless nobody could have opened their file.
func (s *scribe) missing(ids []string) (bad string, files int) {
	seen := map[string]int{}
	for _, id := range ids {
		seen[id]++
	}
	lost := map[*life]bool{}
	for i, l := range s.of {
		switch n := seen[fmt.Sprint("n", i)]; {
		case n == 1:
		case n == 0 && l.removed && !l.opened:
			lost[l] = true
		default:
			bad += fmt.Sprintf(" n%d (file %d) came %d times;", i, l.n, n)
		}
	}
	return bad, len(lost)
}

// TestAnythingBetween has the scribe at work between any two questions: with events that come at once, with late
// ones and with none. Every line comes once, but for those of a file that was removed before anybody could open it.
func TestAnythingBetween(t *testing.T) {
	for _, how := range []string{"prompt", "late", "none"} {
		t.Run(how, func(t *testing.T) {
			seeds := uint64(4)
			if s := os.Getenv(seedsEnv); s != "" {
				n, err := strconv.ParseUint(s, 10, 64)
				must(t, err)
				seeds = n
			}
			for seed := range seeds {
				between(t, how, seed)
				if t.Failed() {
					return
				}
			}
		})
	}
}

// seedsEnv says how many seeds the scribe works by; each takes a third of a second.
const seedsEnv = "SIGNALBOX_TAIL_SEEDS"

func between(t *testing.T, how string, seed uint64) {
	t.Helper()
	dir, err := os.MkdirTemp(t.TempDir(), "run")
	must(t, err)
	path := filepath.Join(dir, "a.log")
	must(t, os.WriteFile(path, nil, 0o600))
	h := byHand(t, Options{Path: path})
	s := newScribe(t, seed, h, path)
	defer func() { _ = s.f.Close() }()
	if how != "none" {
		w, _ := fakeWatcher()
		h.tail.wake = &waker{events: w, disk: h.tail.disk, wake: make(chan struct{}, 1), folders: map[string]*watchedFolder{}, seen: map[string]*appeared{}}
		s.hear, s.late = h.tail.wake.note, how == "late"
	}
	h.now = time.Now()
	h.look()
	s.some = []float64{0.02, 0.1, 0.4}[seed%3]
	s.on = true
	for range 30 {
		h.now = time.Now()
		s.note("== look")
		s.left = 15
		for range 4 { // the scribe may keep it reading for ever
			more, err := h.tail.pass(t.Context(), h.e)
			must(t, err)
			if !more {
				break
			}
		}
		s.step("the next look")
	}
	s.on = false
	for len(s.steps) > 0 {
		s.one()
	}
	s.deliver(len(s.queue))
	for range 3 {
		h.now = time.Now()
		h.look()
	}
	h.after(pollEvery)
	h.after(stateEvery)
	h.after(rescanEvery)
	bad, files := s.missing(h.ids)
	unread := 0
	for _, l := range s.all {
		if l.removed && !l.opened {
			unread++
		}
	}
	if said := h.tail.follow[path].gone; how != "none" && (said < files || said != unread) {
		t.Errorf("seed %d: %d files with lines came and went, %d in all, and %d are said", seed, files, unread, said)
	}
	if bad != "" || h.state.Unparsed != 0 || h.state.Dropped != 0 {
		t.Errorf("seed %d: %d lines written, %d came, %d torn, %d bytes dropped:%s\n%s\n%s", seed, len(s.of), len(h.ids), h.state.Unparsed, h.state.Dropped, bad, h.state.Detail, strings.Join(s.past, "\n"))
	}
}

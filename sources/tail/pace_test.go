package tail

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"signalbox/internal/traffic"
	"signalbox/sources"
)

// together takes what several sources hand over, in the order in which it comes.
type together struct {
	mu   sync.Mutex
	ids  []string
	at   []time.Time
	from []string
	much chan struct{} // closed when so many have come
	want int
}

func newTogether(want int) *together { return &together{want: want, much: make(chan struct{})} }

func (c *together) emit(_ context.Context, b traffic.Batch) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	add := func(r *traffic.Record) {
		c.ids, c.at, c.from = append(c.ids, r.RequestID), append(c.at, r.Time), append(c.from, b.Source)
		if len(c.ids) == c.want {
			close(c.much)
		}
	}
	for i := range b.Records {
		add(&b.Records[i])
	}
	return nil
}

// skew is how much later than a line one came before it.
func (c *together) skew() (most time.Duration) {
	var newest time.Time
	for _, at := range c.at {
		if newest.After(at) {
			most = max(most, newest.Sub(at))
		} else {
			newest = at
		}
	}
	return most
}

func (c *together) twice() (out []string) {
	seen := map[string]bool{}
	for _, id := range c.ids {
		if seen[id] {
			out = append(out, id)
		}
		seen[id] = true
	}
	return out
}

// runTogether runs sources until so many lines have come.
func runTogether(t *testing.T, c *together, opts ...Options) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var wg sync.WaitGroup
	for _, o := range opts {
		o.NoNotify = true
		src, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			if err := src.Run(ctx, c.emit); err != nil {
				t.Error(err)
			}
		})
	}
	select {
	case <-c.much:
	case <-time.After(time.Minute):
		t.Errorf("only %d of %d lines came", len(c.ids), c.want)
	}
	cancel()
	wg.Wait()
}

// paceLog writes a log from a time on, a line every so often, and gives how many.
func paceLog(t *testing.T, path, name string, from, to time.Time, every time.Duration) int {
	t.Helper()
	var b strings.Builder
	n := 0
	for at := from; at.Before(to); at = at.Add(every) {
		fmt.Fprintf(&b, `{"time":%q,"request_id":"%s-%d","status":200,"model":"gpt-4o","note":%q}`+"\n", at.UTC().Format(time.RFC3339Nano), name, n, strings.Repeat("x", 80))
		n++
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(b.String()); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return n
}

// Three sources, one of them a glob of three files, go back two hours together: whatever they log how often, each line
// comes once, and in its turn.
func TestSeveralLogsAreReadBackTogether(t *testing.T) {
	dir, now := t.TempDir(), time.Now().Truncate(time.Second)
	want := 0
	for name, every := range map[string]time.Duration{"busy": 150 * time.Millisecond, "calm": 40 * time.Second, "g1": time.Second, "g2": 7 * time.Second} {
		want += paceLog(t, filepath.Join(dir, name), name, now.Add(-2*time.Hour), now, every)
	}
	want += paceLog(t, filepath.Join(dir, "g3"), "g3", now.Add(-10*time.Minute), now, time.Second) // it began later
	paceLog(t, filepath.Join(dir, "g3"), "later", now, now, time.Second)
	pace, ledger := NewPace(4), NewLedger()
	c := newTogether(want)
	since := now.Add(-3 * time.Hour)
	runTogether(t, c,
		Options{Name: "a", Path: filepath.Join(dir, "busy"), Since: since, Pace: pace, Ledger: ledger, Lines: true},
		Options{Name: "b", Path: filepath.Join(dir, "calm"), Since: since, Pace: pace, Ledger: ledger, Lines: true},
		Options{Name: "c", Path: filepath.Join(dir, "g*"), Since: since, Pace: pace, Ledger: ledger, Lines: true},
		Options{Name: "d", Path: filepath.Join(dir, "not there"), Since: since, Pace: pace, Ledger: ledger},
	)
	if again := c.twice(); len(again) > 0 || len(c.ids) != want {
		t.Errorf("%d of %d lines, twice %v", len(c.ids), want, again)
	}
	if s := c.skew(); s > 2*paceSkew {
		t.Errorf("a line came %s after later ones", s)
	}
	if !pace.done() {
		t.Error("it does not end")
	}
}

// What is written while the logs are read back is followed then, once, and nothing of it comes before the past is through.
func TestReadBackThenFollowed(t *testing.T) {
	dir, now := t.TempDir(), time.Now().Truncate(time.Second)
	one, two := filepath.Join(dir, "one.log"), filepath.Join(dir, "two.log")
	past := paceLog(t, one, "one", now.Add(-30*time.Minute), now, 50*time.Millisecond)
	past += paceLog(t, two, "two", now.Add(-30*time.Minute), now, 3*time.Second)
	c := newTogether(past + 40)
	pace, ledger := NewPace(2), NewLedger()
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		defer close(stop)
		for i := range 20 { // while it is read
			for _, path := range []string{one, two} {
				paceLog(t, path, fmt.Sprint(filepath.Base(path), i), time.Now(), time.Now().Add(time.Nanosecond), time.Second)
			}
			time.Sleep(5 * time.Millisecond)
		}
	})
	o := Options{Since: now.Add(-time.Hour), Pace: pace, Ledger: ledger}
	a, b := o, o
	a.Name, a.Path, b.Name, b.Path = "one", one, "two", two
	runTogether(t, c, a, b)
	wg.Wait()
	if again := c.twice(); len(again) > 0 || len(c.ids) < past {
		t.Errorf("%d lines, twice %v", len(c.ids), again)
	}
	if s := c.skew(); s > 2*paceSkew {
		t.Errorf("a line came %s after later ones", s)
	}
}

// Who goes on where an earlier program stopped does so together, too.
func TestResumedTogether(t *testing.T) {
	dir, now := t.TempDir(), time.Now().Truncate(time.Second)
	one, two := filepath.Join(dir, "one.log"), filepath.Join(dir, "two.log")
	first := paceLog(t, one, "one", now.Add(-50*time.Minute), now.Add(-40*time.Minute), time.Second)
	first += paceLog(t, two, "two", now.Add(-50*time.Minute), now.Add(-40*time.Minute), 2*time.Second)
	all := map[string]bool{}
	for round, more := range []func() int{func() int { return first }, func() int {
		n := paceLog(t, one, "one more", now.Add(-40*time.Minute), now, 200*time.Millisecond)
		return n + paceLog(t, two, "two more", now.Add(-40*time.Minute), now, 5*time.Second)
	}} {
		offsets, err := OpenOffsets(filepath.Join(dir, "offsets"), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		c := newTogether(more())
		o := Options{FromStart: true, Pace: NewPace(2), Ledger: NewLedger(), Offsets: offsets, Lines: true}
		a, b := o, o
		a.Name, a.Path, b.Name, b.Path = "one", one, "two", two
		runTogether(t, c, a, b)
		if err := offsets.Close(); err != nil {
			t.Fatal(err)
		}
		for _, id := range c.ids {
			if all[id] {
				t.Fatalf("round %d: %s came again", round, id)
			}
			all[id] = true
		}
		if s := c.skew(); s > 2*paceSkew || len(c.ids) != c.want {
			t.Errorf("round %d: %d of %d lines, one %s after later ones", round, len(c.ids), c.want, s)
		}
	}
}

// Where one log is too long to go back as far as the others, all begin where it does: else it would look like a surge.
func TestAllBeginWhereTheLongestDoes(t *testing.T) {
	dir, now := t.TempDir(), time.Now().Truncate(time.Second)
	busy := paceLog(t, filepath.Join(dir, "busy"), "busy", now.Add(-2*time.Hour), now, 500*time.Millisecond)
	paceLog(t, filepath.Join(dir, "calm"), "calm", now.Add(-2*time.Hour), now, time.Minute)
	info, err := os.Stat(filepath.Join(dir, "busy"))
	if err != nil {
		t.Fatal(err)
	}
	c := newTogether(busy/4 + 10)
	runTogether(t, c, Options{Name: "a", Path: filepath.Join(dir, "*"), Since: now.Add(-3 * time.Hour), Most: info.Size() / 4, Pace: NewPace(1)})
	if oldest := slices.MinFunc(c.at, time.Time.Compare); oldest.Before(now.Add(-31 * time.Minute)) {
		t.Errorf("the oldest line is of %s before the start", now.Sub(oldest))
	}
}

// A source that does not come on is waited for no longer than a while; one that ends is not waited for at all.
func TestPaceEndsByItself(t *testing.T) {
	now := time.Now()
	p := NewPace(2)
	a, b := &Tail{opt: Options{Pace: p}, follow: map[string]*follower{}}, &Tail{opt: Options{Pace: p}, follow: map[string]*follower{}}
	f := &follower{}
	p.join(f)
	p.ready(a, now)
	if _, _, ok, _ := p.horizon(now); ok {
		t.Error("lines are handed on before all files are open")
	}
	if _, _, ok, _ := p.horizon(now.Add(paceStuck + time.Second)); !ok || !p.done() {
		t.Error("a source that never opens its files is waited for forever")
	}
	p = NewPace(1)
	b.opt.Pace = p
	p.join(f)
	b.follow["x"] = f
	p.leave(b, now)
	if !p.done() {
		t.Error("a source that has ended is waited for")
	}
	var none *Pace
	none.leave(a, now)
	none.Wait(t.Context())
	if !none.done() {
		t.Error("without a pace somebody waits")
	}
}

// What has no past, such as standard input, begins when the logs have been read back.
func TestAPipeWaitsForThePast(t *testing.T) {
	dir, now := t.TempDir(), time.Now().Truncate(time.Second)
	n := paceLog(t, filepath.Join(dir, "log"), "log", now.Add(-time.Hour), now, time.Second)
	c := newTogether(n + 1)
	pace := NewPace(2)
	in := strings.NewReader(fmt.Sprintf(`{"time":%q,"request_id":"now","status":200,"model":"gpt-4o"}`+"\n", now.UTC().Format(time.RFC3339)))
	runTogether(t, c,
		Options{Name: "pipe", Path: "-", Reader: in, Pace: pace},
		Options{Name: "log", Path: filepath.Join(dir, "log"), Since: now.Add(-2 * time.Hour), Pace: pace, Kit: sources.Kit{}},
	)
	if len(c.ids) != n+1 || c.ids[n] != "now" {
		t.Errorf("%d lines, last %v", len(c.ids), c.ids[max(0, len(c.ids)-3):])
	}
}

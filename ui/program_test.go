package ui

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/charmbracelet/x/vt"

	"signalbox/internal/desk"
)

// terminal is a screen that a program writes to and a keyboard that it reads from.
type terminal struct {
	mu     sync.Mutex
	em     *vt.Emulator
	bytes  int
	bells  int
	titles []string
	in     *io.PipeReader
	keys   *io.PipeWriter
	wg     sync.WaitGroup
}

func newTerminal(t *testing.T, w, h int) *terminal {
	t.Helper()
	x := &terminal{em: vt.NewEmulator(w, h)}
	x.em.SetCallbacks(vt.Callbacks{Bell: func() { x.bells++ }, Title: func(s string) { x.titles = append(x.titles, s) }})
	x.in, x.keys = io.Pipe()
	x.wg.Add(1)
	go func() { // what a terminal answers goes to the program's input, like on a real one
		defer x.wg.Done()
		_, _ = io.Copy(x.keys, x.em)
	}()
	t.Cleanup(func() {
		if p, ok := x.em.InputPipe().(io.Closer); ok { // ends the copy; Close of the emulator races with its Read
			_ = p.Close()
		}
		_ = x.keys.Close()
		_ = x.in.Close()
		x.wg.Wait()
	})
	return x
}

func (x *terminal) Write(p []byte) (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.bytes += len(p)
	if _, err := x.em.Write(bytes.ReplaceAll(p, []byte("\n"), []byte("\r\n"))); err != nil { // as a line discipline does
		return 0, err
	}
	return len(p), nil
}

func (x *terminal) text() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.em.String()
}

func (x *terminal) written() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.bytes
}

func (x *terminal) alt() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.em.IsAltScreen()
}

func (x *terminal) press(t *testing.T, keys string) {
	t.Helper()
	if _, err := io.WriteString(x.keys, keys); err != nil {
		t.Fatal(err)
	}
}

// patience is how long a test waits for what must come; it is never waited out when all is well.
const patience = time.Minute

// wait waits until the screen shows the text.
func (x *terminal) wait(t *testing.T, what string) {
	t.Helper()
	x.until(t, "the screen shows "+what, func() bool { return strings.Contains(x.text(), what) })
}

func (x *terminal) until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s; the screen:\n%s", what, x.text())
		}
		time.Sleep(5 * time.Millisecond)
	}
}

type ended struct {
	exit Exit
	err  error
}

// start runs a console on the terminal.
func start(t *testing.T, x *terminal, d Desk, o Options) (cancel func(), end <-chan ended) {
	t.Helper()
	o.In, o.Out, o.Width, o.Height = x.in, x, x.em.Width(), x.em.Height()
	o.Environ = []string{"TERM=xterm-256color", "COLORTERM=truecolor"}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan ended, 1)
	x.wg.Add(1)
	go func() {
		defer x.wg.Done()
		exit, err := Run(ctx, d, o)
		done <- ended{exit, err}
	}()
	t.Cleanup(stop)
	return stop, done
}

func await(t *testing.T, end <-chan ended) ended {
	t.Helper()
	select {
	case e := <-end:
		return e
	case <-time.After(patience):
		t.Fatal("the console did not end")
	}
	return ended{}
}

// graces tells of each grace period as it begins, and lets none pass before over is closed.
func graces() (pause func(context.Context, time.Duration) bool, begun, over chan struct{}) {
	begun, over = make(chan struct{}, 100), make(chan struct{})
	return func(ctx context.Context, d time.Duration) bool {
		if d != grace {
			return sleep(ctx, d)
		}
		begun <- struct{}{}
		select {
		case <-over:
			return true
		case <-ctx.Done():
			return false
		}
	}, begun, over
}

// TestProgramThroughConfirm drives the console by keyboard on an emulated terminal: find the burst, walk to
// the step, read the plan, confirm, see the lever, and leave.
func TestProgramThroughConfirm(t *testing.T) {
	s := rich()
	s.Levers = nil // none is out yet
	d := newFakeDesk(s)
	x := newTerminal(t, 80, 24)
	pause, begun, over := graces()
	_, end := start(t, x, d, Options{Now: func() time.Time { return at }, Theme: "dark", pause: pause})
	x.wait(t, "PRODUCTION")
	x.wait(t, "gpt-4o@eu-west")
	x.press(t, "b")
	x.wait(t, "burst gpt-4o@eu-west")
	x.press(t, "4")
	x.wait(t, "[4 RUNBOOK]")
	x.wait(t, "enter plan cap.set")
	x.press(t, "\r")
	x.wait(t, "plan: cap.set")
	x.wait(t, "12 → 4")
	x.until(t, "a grace period has begun", func() bool { return len(begun) == 1 })
	x.press(t, "y") // typed into the grace period: it must not count, and another one begins
	x.until(t, "another one has", func() bool { return len(begun) == 2 })
	close(over)
	x.wait(t, "y SENDS it")
	for _, c := range d.sent() {
		if _, thrown := c.(desk.Throw); thrown {
			t.Fatal("a key of the grace period threw the lever")
		}
	}
	x.press(t, "y")
	x.until(t, "the lever is thrown", func() bool {
		c := d.sent()
		last, ok := c[len(c)-1].(desk.Throw)
		return ok && last.Plan == "plan-1"
	})
	after := rich()
	after.Seq = 43
	d.publish(after)
	x.press(t, "5")
	x.wait(t, "OUT cap.set azure-eu-west-gpt-4o 4")
	x.wait(t, "accepted ✓ yes 2/2")
	x.press(t, "q")
	x.wait(t, "leave? still out")
	x.press(t, "n")
	x.until(t, "the question is gone", func() bool { return !strings.Contains(x.text(), "leave? still out") })
	x.press(t, "qy")
	if e := await(t, end); e.exit != Quit || e.err != nil {
		t.Fatalf("got %v, %v", e.exit, e.err)
	}
	if x.alt() {
		t.Error("the terminal was left on the alternate screen")
	}
}

// TestProgramDrawsNothingAtRest publishes snapshots that say the same and counts bytes.
func TestProgramDrawsNothingAtRest(t *testing.T) {
	d := newFakeDesk(calm())
	x := newTerminal(t, 120, 40)
	stop, end := start(t, x, d, Options{Now: func() time.Time { return at }, Theme: "dark"})
	x.wait(t, "STAGING")
	x.wait(t, "502 bad gateway")
	// When the first drawing is over nobody can tell from outside: a round may still see the end of it, ten may not.
	drawn, rounds := 1, 0
	for ; drawn != 0 && rounds < 10; rounds++ {
		before, asked := x.written(), len(d.asked())
		for i := range 5 {
			s := calm()
			s.Seq = uint64(100*(rounds+1) + i)
			d.publish(s)
			x.until(t, "the snapshot is taken", func() bool { return len(d.changed) == 0 })
		}
		x.until(t, "the log is read again", func() bool { return len(d.asked()) > asked+1 })
		drawn = x.written() - before
	}
	if drawn != 0 {
		t.Errorf("%d bytes were written for snapshots that say the same, round after round", drawn)
	}
	stop()
	if e := await(t, end); e.exit != Terminated || e.err != nil {
		t.Fatalf("got %v, %v", e.exit, e.err)
	}
}

func TestProgramInterrupted(t *testing.T) {
	x := newTerminal(t, 80, 24)
	_, end := start(t, x, newFakeDesk(rich()), Options{Now: func() time.Time { return at }})
	x.wait(t, "PRODUCTION")
	x.press(t, "\x03")
	x.wait(t, "leave? still out")
	x.press(t, "\x03")
	if e := await(t, end); e.exit != Interrupted || e.err != nil {
		t.Fatalf("got %v, %v", e.exit, e.err)
	}
	if x.alt() {
		t.Error("the terminal was left on the alternate screen")
	}
}

// brokenDesk panics when it is asked to do something.
type brokenDesk struct{ *fakeDesk }

func (brokenDesk) Do(context.Context, desk.Command) (desk.Result, error) { panic("broken on purpose") }

func TestProgramPanicRestoresTerminal(t *testing.T) {
	x := newTerminal(t, 80, 24)
	_, end := start(t, x, brokenDesk{newFakeDesk(calm())}, Options{Now: func() time.Time { return at }})
	x.wait(t, "STAGING")
	x.press(t, "5v")
	e := await(t, end)
	if e.exit != Crashed || e.err == nil || !strings.Contains(e.err.Error(), "journal") {
		t.Fatalf("got %v, %v", e.exit, e.err)
	}
	if x.alt() {
		t.Error("the terminal was left on the alternate screen")
	}
}

// TestProgramBell rings once for a burst that comes, and not for those that were there.
func TestProgramBell(t *testing.T) {
	d := newFakeDesk(calm())
	x := newTerminal(t, 80, 24)
	stop, end := start(t, x, d, Options{Now: func() time.Time { return at }})
	x.wait(t, "no burst")
	s := rich()
	d.publish(s)
	x.wait(t, "1 burst")
	again := rich()
	again.Seq++
	d.publish(again)
	x.until(t, "the second is taken", func() bool { return len(d.changed) == 0 })
	stop()
	await(t, end)
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.bells != 1 {
		t.Errorf("%d bells", x.bells)
	}
	if n := len(x.titles); n == 0 || !strings.Contains(strings.Join(x.titles, "\n"), "! 1 burst") {
		t.Errorf("window titles %q", x.titles)
	}
}

func TestFailSaysWhatWhyAndTry(t *testing.T) {
	d := newFakeDesk(rich())
	d.answer = func(desk.Command) (desk.Result, error) {
		return desk.Result{}, &desk.Refused{What: "cap.set", Why: "the journal cannot be written", Try: "free the disk"}
	}
	m := console(t, d, 120, 40, Options{})
	press(m, "4", "enter")
	settle(m, d)
	row := m.statusRow()
	for _, want := range []string{"cap.set refused", "the journal cannot be written", "free the disk"} {
		if !strings.Contains(row, want) {
			t.Errorf("the status line %q lacks %q", row, want)
		}
	}
	d.answer = func(desk.Command) (desk.Result, error) {
		return desk.Result{}, errors.New("reading edge-1: " + strings.Repeat("no route to host ", 20))
	}
	press(m, "enter")
	settle(m, d)
	if _, ok := m.top().(*page); !ok {
		t.Errorf("a long refusal opens %T", m.top())
	}
	checkScreen(t, m)
}

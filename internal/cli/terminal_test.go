package cli_test

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"
)

// terminal is a person's terminal with signalbox in it: a pseudo terminal whose other end is read by an emulator.
type terminal struct {
	cmd *exec.Cmd
	tty *os.File

	mu   sync.Mutex
	em   *vt.Emulator
	sent int    // bytes that the program wrote
	last []byte // the end of what it wrote, bounded
	wg   sync.WaitGroup
	read chan struct{} // closed when all that the program wrote is on the screen
}

// signalbox is the command as a process of its own: the test binary under signalbox's name, see TestMain.
func signalbox(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe, args...)
	cmd.Args[0] = "signalbox"
	return cmd
}

// openTerminal starts signalbox in a terminal of 120 columns and 40 rows.
func openTerminal(t *testing.T, dir string, args ...string) *terminal {
	t.Helper()
	return runTerminal(t, dir, signalbox(t, args...))
}

// runTerminal starts a command in a terminal.
func runTerminal(t *testing.T, dir string, cmd *exec.Cmd) *terminal {
	t.Helper()
	return runTerminalAs(t, dir, cmd, &syscall.SysProcAttr{Setsid: true, Setctty: true})
}

// hearHangUps lets the programs of the tests have hang-ups where the tests themselves run under nohup: what a process ignores its
// children do, and what it hears they hear anew.
var hearHangUps = sync.OnceFunc(func() {
	if signal.Ignored(syscall.SIGHUP) {
		signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	}
})

// runTerminalAs is runTerminal for a command that need not own its terminal.
func runTerminalAs(t *testing.T, dir string, cmd *exec.Cmd, attr *syscall.SysProcAttr) *terminal {
	t.Helper()
	hearHangUps()
	const width, height = 120, 40
	x := &terminal{cmd: cmd, em: vt.NewEmulator(width, height), read: make(chan struct{})}
	x.cmd.Dir = dir
	x.cmd.Env = append(os.Environ(), "TERM=xterm-256color", "HOME="+dir, "TMPDIR="+dir, "NO_COLOR=", "TZ=UTC")
	tty, err := pty.StartWithAttrs(x.cmd, &pty.Winsize{Cols: width, Rows: height}, attr)
	if err != nil {
		t.Fatal(err)
	}
	x.tty = tty
	x.wg.Go(func() { _, _ = io.Copy(x.tty, x.em) }) // what a terminal answers when it is asked
	x.wg.Go(func() {
		defer close(x.read)
		buf := make([]byte, 32<<10)
		for {
			n, err := x.tty.Read(buf)
			x.mu.Lock()
			_, _ = x.em.Write(buf[:n])
			x.sent += n
			x.last = append(x.last, buf[:n]...)
			x.last = x.last[max(0, len(x.last)-1<<20):]
			x.mu.Unlock()
			if err != nil {
				return // the program has left
			}
		}
	})
	t.Cleanup(func() { x.kill(t) })
	return x
}

// kill ends the program as kill -9 does, and the terminal with it.
func (x *terminal) kill(t *testing.T) {
	t.Helper()
	if x.tty == nil {
		return
	}
	_ = x.cmd.Process.Kill()
	_ = x.cmd.Wait()
	x.hangUp()
}

func (x *terminal) hangUp() {
	<-x.read
	if c, ok := x.em.InputPipe().(io.Closer); ok {
		_ = c.Close() // ends the reading of the emulator's answers; its own Close would race with it
	}
	_ = x.tty.Close()
	x.wg.Wait()
	x.tty = nil
}

// text is what a person sees now.
func (x *terminal) text() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.em.String()
}

func (x *terminal) press(t *testing.T, keys ...string) {
	t.Helper()
	for _, k := range keys {
		if _, err := io.WriteString(x.tty, k); err != nil {
			t.Fatalf("pressing %q: %v; the screen:\n%s", k, err, x.text())
		}
	}
}

const (
	enter  = "\r"
	escape = "\x1b"
	right  = "\x1b[C"
	erase  = "\x7f"

	// plainEscape is an escape as terminals send it that tell keys apart. Of a bare one nobody can tell whether what follows
	// at once is a key of its own, and on a busy machine much follows at once.
	plainEscape = "\x1b[27u"
)

// patience is how long something may take that must happen; it is no measure of speed.
const patience = 2 * time.Minute

// until waits for a condition and shows the screen when it does not come.
func (x *terminal) until(t *testing.T, what string, ok func(screen string) bool) string {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		s := x.text()
		if ok(s) {
			return s
		}
		if time.Now().After(end) {
			t.Fatalf("waited in vain until %s; the screen:\n%s", what, s)
		}
	}
}

// sees waits until the screen shows all of these.
func (x *terminal) sees(t *testing.T, all ...string) string {
	t.Helper()
	return x.until(t, "the screen shows "+strings.Join(all, " and "), func(s string) bool {
		for _, w := range all {
			if !strings.Contains(s, w) {
				return false
			}
		}
		return true
	})
}

// seesNot waits until the screen shows it no longer.
func (x *terminal) seesNot(t *testing.T, gone string) {
	t.Helper()
	x.until(t, "the screen no longer shows "+gone, func(s string) bool { return !strings.Contains(s, gone) })
}

// leaves waits for the program's end and gives its exit code and what stands on the screen then.
func (x *terminal) leaves(t *testing.T) (int, string) {
	t.Helper()
	var err error
	done := make(chan struct{})
	go func() { defer close(done); err = x.cmd.Wait() }()
	select {
	case <-done:
	case <-time.After(patience):
		_ = x.cmd.Process.Kill()
		<-done
		t.Fatalf("it did not leave; the screen:\n%s", x.text())
	}
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	x.hangUp()
	text := x.text()
	return x.cmd.ProcessState.ExitCode(), text
}

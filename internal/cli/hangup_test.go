package cli_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// closeWindow takes the terminal away from under the program, and gives the exit code that it ends with.
func (x *terminal) closeWindow(t *testing.T) int {
	t.Helper()
	if err := x.tty.Close(); err != nil {
		t.Fatal(err)
	}
	if !x.ended() {
		t.Fatal("it goes on without a terminal")
	}
	x.hangUp()
	return x.cmd.ProcessState.ExitCode()
}

// The terminal's window is closed: there is nothing left to write to, and the record is complete all the same. It need not have
// drawn anything whole by then; and who does not lead the terminal's session is sent no signal, and has to see it go.
func TestConsoleWindowClosed(t *testing.T) {
	t.Parallel()
	moments := map[string]func(*testing.T, *terminal){
		"as it begins to draw": func(t *testing.T, x *terminal) {
			x.until(t, "it writes", func(string) bool {
				x.mu.Lock()
				defer x.mu.Unlock()
				return x.sent > 0
			})
		},
		"as it draws":    func(t *testing.T, x *terminal) { x.sees(t, "[1 GRID]") },
		"once all drawn": func(t *testing.T, x *terminal) { x.sees(t, "[1 GRID]", "? keys", "eu-west") },
	}
	owners := map[string]*syscall.SysProcAttr{
		"of its own":      {Setsid: true, Setctty: true},
		"that only lends": {Setsid: true},
	}
	for moment, comes := range moments {
		for owner, attr := range owners {
			t.Run(moment+", a terminal "+owner, func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				x := runTerminalAs(t, dir, signalbox(t, "watch", quietLog(t, dir), "--state-dir", "state"), attr)
				comes(t, x)
				if code := x.closeWindow(t); code != 129 {
					t.Errorf("exit code %d", code)
				}
				checkWhole(t, filepath.Join(dir, "state"))
				if moment == "once all drawn" {
					checkOffsets(t, filepath.Join(dir, "state"))
				}
			})
		}
	}
}

// checkOffsets looks for how far the log was read.
func checkOffsets(t *testing.T, state string) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(state, "offsets"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(raw), "quiet.log") {
		t.Errorf("how far the log was read is not kept: %s", raw)
	}
}

// A hang-up is told twice where a shell leads the session, by it and by the system as it goes. The second used to end the
// program in the midst of its last words.
func TestConsoleHangUpToldAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	x := openTerminal(t, dir, "watch", quietLog(t, dir), "--state-dir", "state")
	x.sees(t, "[1 GRID]", "? keys")
	told := make(chan struct{})
	go func() {
		defer close(told)
		for x.cmd.Process.Signal(syscall.SIGHUP) == nil { // until it has left
			time.Sleep(time.Millisecond)
		}
	}()
	code, _ := x.exits(t)
	<-told
	if code != 129 {
		t.Errorf("exit code %d", code)
	}
	checkWhole(t, filepath.Join(dir, "state"))
}

// Who is started with hang-ups ignored, as nohup does, goes on after one.
func TestHangUpIgnored(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cmd := signalbox(t)
	cmd.Args = append([]string{"sh", "-c", `trap "" HUP; exec -a signalbox "$0" "$@"`, cmd.Path}, "watch", "--plain", quietLog(t, dir), "--state-dir", "state")
	cmd.Path = "/bin/bash" // exec -a
	x := runTerminal(t, dir, cmd)
	x.sees(t, "console started")
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code, _ := x.leaves(t); code != 143 {
		t.Errorf("exit code %d", code)
	}
}

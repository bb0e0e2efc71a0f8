package cli_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// relay is this binary in place of ssh -W or socat: its standard input and output become a connection. It writes its process
// id into a file and refuses everything while a file "down" is beside that.
func relay(pids, network, address string) int {
	if f, err := os.OpenFile(pids, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600); err == nil {
		fmt.Fprintln(f, os.Getpid())
		_ = f.Close()
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(pids), "down")); err == nil {
		fmt.Fprintln(os.Stderr, "ssh: connect to host jump port 22: Connection refused")
		return 255
	}
	conn, err := new(net.Dialer).DialContext(context.Background(), network, address)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 255
	}
	go func() {
		_, _ = io.Copy(conn, os.Stdin)
		if c, ok := conn.(interface{ CloseWrite() error }); ok {
			_ = c.CloseWrite() // as ssh and socat do: whoever is at the other end learns that we have gone
		}
	}()
	_, _ = io.Copy(os.Stdout, conn)
	return 0
}

// ended waits until no process of a file is left, and tells how many there were.
func ended(t *testing.T, pids string) int {
	t.Helper()
	b, err := os.ReadFile(pids)
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Fields(string(b))
	for _, pid := range all {
		for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
			stat, err := os.ReadFile("/proc/" + pid + "/stat")
			if err != nil || strings.Contains(string(stat), ") Z ") {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("process %s is left", pid)
			}
		}
	}
	return len(all)
}

// The levers of a real HAProxy work through a command as they do without one; where the command fails, what it said is
// the error; and no process of it is left.
func TestControlOnHAProxyThroughACommand(t *testing.T) {
	t.Parallel()
	e := startEdge(t)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(exe, e.path("relay")); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(e.path("signalbox.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(b), "unix:run/admin.sock", "unix:"+e.path("run/admin.sock"), 1)
	text = strings.Replace(text, "levers: on", `levers: on, through: ["./relay", pids, unix, "{path}"]`, 1)
	if text = strings.Replace(text, "levers: on\n", "levers: on\n    through: [\"./relay\", pids, unix, \"{path}\"]\n", 1); !strings.Contains(text, "through") {
		t.Fatalf("no levers in\n%s", text)
	}
	if err := os.WriteFile(e.path("signalbox.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	start := e.levers(t)
	const target = "gpt-4o/azure-us-east"
	var l thrown
	well(t, e.dir, &l, "apply", "cap.set", "gateway=edge", "deployment="+target, "--value", "7", "--ttl", "10m", "--reason", "spare it", "--wait", "0", "--yes")
	if got := e.servers(t)[target].Limit; got != "7" || !l.Reported {
		t.Errorf("HAProxy's maxconn is %q; %+v", got, l)
	}
	var s shownState
	well(t, e.dir, &s, "state")
	if len(s.Levers) != 1 || len(s.Levers[0].Undo) == 0 || !strings.Contains(s.Levers[0].Undo[0], `" | ./relay pids unix `) {
		t.Errorf("state lists %+v", s.Levers)
	}
	var back struct{ Reverted, Reported bool }
	well(t, e.dir, &back, "revert", l.ID, "--reason", "it is over", "--yes")
	if got := e.levers(t)[target]; got != start[target] || !back.Reported {
		t.Errorf("taken back: %+v; HAProxy has %+v", back, got)
	}
	if n := ended(t, e.path("pids")); n < 3 {
		t.Errorf("%d connections went through the command", n)
	}
	if err := os.WriteFile(e.path("down"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	out, code := controls(t, e.dir, "state")
	if code != 3 || !strings.Contains(out, "through `./relay pids unix ") || !strings.Contains(out, "ended with 255 (ssh: connect to host jump port 22: Connection refused)") {
		t.Errorf("exit code %d:\n%s", code, out)
	}
	out, code = controls(t, e.dir, "plan", "cap.set", "gateway=edge", "deployment="+target, "--value", "7")
	if code != 3 || !strings.Contains(out, "ended with 255") {
		t.Errorf("exit code %d:\n%s", code, out)
	}
	ended(t, e.path("pids"))
}

// A console that is killed leaves no process behind: their standard input ends with it.
func TestAKilledConsoleLeavesNoWay(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(exe, s.path("relay")); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(s.path("signalbox.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	s.write(t, "signalbox.yaml", strings.Replace(string(b), "timeout: 30s", `timeout: 30s, through: ["./relay", pids, tcp, "{host}:{port}"]`, 1))
	x := s.watch(t)
	x.sees(t, "drill contract can cap.") // how many instances answer has no room beside a burst
	x.until(t, "both instances are reached", func(string) bool {
		pids, err := os.ReadFile(s.path("pids"))
		return err == nil && len(strings.Fields(string(pids))) >= 2
	})
	x.kill(t)
	if n := ended(t, s.path("pids")); n < 2 {
		t.Errorf("%d connections went through the command", n)
	}
}

package cli_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// pagerRang is the log of a gateway at which something began to fail a while ago.
func pagerRang(now time.Time, calm, failing time.Duration) string {
	var b strings.Builder
	for sec := -int(calm+failing) / int(time.Second); sec < 0; sec++ {
		for i, model := range []string{"gpt-4o", "gpt-4o", "gpt-4o-mini", "gpt-4o-mini", "claude-sonnet"} {
			status := 200
			if model == "gpt-4o" && sec >= -int(failing/time.Second) && (sec+i)%2 == 0 {
				status = 502
			}
			fmt.Fprintf(&b, `{"time":%q,"request_id":"r%d-%d","model":%q,"status":%d}`+"\n",
				now.Add(time.Duration(sec)*time.Second).UTC().Format(time.RFC3339), sec+100000, i, model, status)
		}
	}
	return b.String()
}

// TestConsoleStartsInsideAFault is the usual night: the pager rings, and then the console is started. With a log that goes
// back before the fault it says at once since when; with one that does not, that it began before; and with nothing read
// it does not say calm.
func TestConsoleStartsInsideAFault(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		calm    time.Duration
		earlier bool
	}{{"with what was before", 10 * time.Minute, false}, {"without", 0, true}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			log := filepath.Join(dir, "gateway.log")
			began := time.Now().Truncate(time.Second).Add(-2 * time.Minute)
			if err := os.WriteFile(log, []byte(pagerRang(began.Add(2*time.Minute), c.calm, 2*time.Minute)), 0o600); err != nil {
				t.Fatal(err)
			}
			b := firstBurst(t, dir, log)
			if d := b.Start.Sub(began); d < -5*time.Second || d > 5*time.Second || b.Earlier != c.earlier || b.Scope["model"] != "gpt-4o" {
				t.Errorf("since %s, %s after it began, earlier %v: %s", b.Start, d, b.Earlier, b.Reason)
			}
		})
	}
	for name, logs := range map[string][]string{"of two logs": {"one.log", "two.log"}, "of a glob": {"*.log"}, "of a folder": {"."}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			began := time.Now().Truncate(time.Second).Add(-2 * time.Minute)
			for i, name := range []string{"one.log", "two.log"} {
				text := pagerRang(began.Add(2*time.Minute), 10*time.Minute, time.Duration(1-i)*2*time.Minute)
				if i == 1 { // all is well in this one, and it tells less
					text = strings.ReplaceAll(pagerRang(began.Add(2*time.Minute), 12*time.Minute, 0), `"r`, `"s`)
					text = text[:strings.LastIndexByte(text[:len(text)-200], '\n')+1]
				}
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			var paths []string
			for _, l := range logs {
				paths = append(paths, filepath.Join(dir, l))
			}
			b := firstBurst(t, dir, paths...)
			if d := b.Start.Sub(began); d < -5*time.Second || d > 5*time.Second || b.Earlier || b.Scope["model"] != "gpt-4o" {
				t.Errorf("since %s, %s after it began, earlier %v: %s", b.Start, d, b.Earlier, b.Reason)
			}
		})
	}
	t.Run("nothing read", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "gateway.log"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		x := openTerminal(t, dir, "watch", "gateway.log", "--state-dir", "state")
		x.sees(t, "nothing to learn from yet", "no burst can be told yet")
	})
}

type startBurst struct {
	Start   time.Time         `json:"start"`
	Earlier bool              `json:"began_earlier"`
	Scope   map[string]string `json:"scope"`
	Reason  string            `json:"reason"`
}

// firstBurst follows a log until a burst is told.
func firstBurst(t *testing.T, dir string, logs ...string) startBurst {
	t.Helper()
	cmd := signalbox(t, append([]string{"watch", "--output", "json", "--state-dir", filepath.Join(dir, "state")}, logs...)...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timeout := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer timeout.Stop()
	var found startBurst
	for sc := bufio.NewScanner(out); sc.Scan(); {
		var line struct {
			Burst *startBurst `json:"burst"`
		}
		if json.Unmarshal(sc.Bytes(), &line) == nil && line.Burst != nil && found.Reason == "" {
			found = *line.Burst
			if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Error(err)
			}
		}
	}
	err = cmd.Wait() // it ends by the signal
	if found.Reason == "" {
		t.Fatalf("no burst: %v\n%s", err, errs.String())
	}
	return found
}

// TestConsoleKnowsWhatWasNormal: what one console has learned the next one knows, though the log that told it is gone. A
// fault of one request in eight looks like a habit to who has never seen the gateway.
func TestConsoleKnowsWhatWasNormal(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	log := filepath.Join(dir, "gateway.log")
	write := func(secs int, bad int) {
		var b strings.Builder
		now := time.Now()
		for sec := -secs; sec < 0; sec++ {
			for i := range 40 {
				status := 200
				if bad > 0 && i%bad == 0 {
					status = 502
				}
				fmt.Fprintf(&b, `{"time":%q,"request_id":"r%d-%d","model":"m%d","status":%d}`+"\n",
					now.Add(time.Duration(sec)*time.Second).UTC().Format(time.RFC3339), now.Unix()+int64(sec), i, i%4, status)
			}
		}
		if err := os.WriteFile(log, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(400, 0)
	first := signalbox(t, "watch", "--from-start", "--output", "json", "--state-dir", filepath.Join(dir, "state"), log)
	out, err := first.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	timeout := time.AfterFunc(patience, func() { _ = first.Process.Kill() })
	defer timeout.Stop()
	asked := false
	for sc := bufio.NewScanner(out); sc.Scan(); {
		if !asked && strings.Contains(sc.Text(), `"lines":16000`) {
			asked = true // a second signal would not let it end in order
			_ = first.Process.Signal(syscall.SIGTERM)
		}
	}
	_ = first.Wait() // it ends by the signal
	list, err := filepath.Glob(filepath.Join(dir, "state", "normal", "*"))
	if err != nil || len(list) != 1 {
		t.Fatalf("what is normal is in %v, %v", list, err)
	}
	if err := os.Remove(log); err != nil {
		t.Fatal(err)
	}
	write(30, 9)
	if b := firstBurst(t, dir, log); !b.Earlier || !strings.Contains(b.Reason, "502 bad_gateway 12%") {
		t.Errorf("%+v", b)
	}
	write(5, 0)
	x := openTerminal(t, dir, "watch", "gateway.log", "--state-dir", "state")
	x.sees(t, "normal of")
}

package cli_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"signalbox/internal/incident"
)

const provedBook = "---\nrunbook: v1\ntitle: a deployment fails\n---\n# A deployment fails\n\n## 1. Look\n\nRead five errors.\n\n## 2. Cap it\n\n" +
	"```action\ndo: cap.set\nscope: {gateway: edge, deployment: az-eu}\nset: 3\nttl: 10m\nwhy: give it room\ncost: users wait\n" +
	"verify: error_rate over 5s < 5% within 3m\nmin-samples: 5\non-fail: 3-ask-for-help\n```\n\n## 3. Ask for help\n\nCall the owner.\n"

// feed appends records to the log until the test ends; failing says what they tell.
func feed(t *testing.T, file string, failing *atomic.Bool) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			t.Error(err)
			return
		}
		defer f.Close()
		for n, tick := 0, time.NewTicker(50*time.Millisecond); ; n++ {
			status := 200
			if failing.Load() {
				status = 502
			}
			for _, kind := range []string{"attempt", "request"} {
				fmt.Fprintf(f, `{"time":%q,"level":"info","kind":%q,"gateway":"edge","instance":"a","request_id":"req-%d","workload":"interactive","model":"gpt-4o","deployment":"az-eu","endpoint":"/v1/chat/completions","stream":false,"status":%d,"latency_ms":120,"attempt":1}`+"\n",
					time.Now().UTC().Format("2006-01-02T15:04:05.000Z"), kind, n, status)
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				tick.Stop()
				return
			}
		}
	}()
	t.Cleanup(func() { stop(); <-done })
}

// proofsOf are the verdicts on levers in the journal of a folder.
func proofsOf(t *testing.T, dir string) []incident.StepData {
	t.Helper()
	entries, err := incident.ReadAll(filepath.Join(dir, "state", incident.FileName))
	if err != nil {
		t.Fatal(err)
	}
	var all []incident.StepData
	for _, e := range entries {
		var d incident.StepData
		if e.Kind == incident.StepCheck && json.Unmarshal(e.Data, &d) == nil && d.Lever != "" {
			all = append(all, d)
		}
	}
	return all
}

// A console is killed in the middle of a walk, with a lever out whose proof is still to come. The next one takes the walk up at the
// same step and judges the proof by the traffic that it sees itself: failing until then, then well.
func TestAWalkIsKilledBeforeItsProof(t *testing.T) {
	if underRace {
		t.Skip("several processes with the race detector in each; what they share is tested in internal/desk")
	}
	t.Parallel()
	dir := t.TempDir()
	serveSlowly(t, dir)
	addSource(t, dir)
	file := filepath.Join(dir, "signalbox.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "books"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{file: string(text) + "runbooks: [books]\n", filepath.Join(dir, "books", "az.md"): provedBook} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var failing atomic.Bool
	failing.Store(true)
	feed(t, filepath.Join(dir, "edge.log"), &failing)

	watch := []string{"watch", "-c", "signalbox.yaml", "--state-dir", "state"}
	x := openTerminal(t, dir, watch...)
	x.sees(t, "edge contract can cap.set")
	x.press(t, ":", "run az", enter)
	x.sees(t, "step 1 of 3", "1. Look")
	x.press(t, "4", "d")
	x.sees(t, "step 2 of 3", "ACTION  cap.set az-eu to 3")
	x.press(t, enter)
	x.agrees(t)
	x.sees(t, "accepted yes", "is false")
	x.kill(t)
	if all := proofsOf(t, dir); len(all) != 0 {
		t.Fatalf("judged before its time: %+v", all)
	}

	y := openTerminal(t, dir, watch...)
	y.sees(t, "was left open", "stands at step 2, 2. Cap it")
	var pressed time.Time
	y.until(t, "the dialog that opened by itself is put off", func(s string) bool { // it passes over keys until none came for a while
		if time.Since(pressed) > 2*time.Second {
			pressed = time.Now()
			y.press(t, plainEscape)
		}
		return !strings.Contains(s, "an earlier console left this open")
	})
	y.press(t, "R")
	y.sees(t, "an earlier console left this open")
	y.press(t, "j")
	y.sees(t, "▸ runbook a deployment")
	y.press(t, enter)
	y.press(t, "4")
	y.sees(t, "step 2 of 3", "2. Cap it", "THROWN  cap.set")
	if all := proofsOf(t, dir); len(all) != 0 {
		t.Errorf("judged by a board that was empty, or failing: %+v", all)
	}
	failing.Store(false)
	y.sees(t, "is true")
	y.kill(t)
	if all := proofsOf(t, dir); len(all) != 1 || all[0].Truth != "true" {
		t.Errorf("the proof was judged as %+v", all)
	}
}

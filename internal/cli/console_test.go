package cli_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	burstRate = regexp.MustCompile(`! gpt-4o@eu-west .*?([\d.]+)% (?:growing|steady|falling)`) // of the burst list: now
	cellRate  = regexp.MustCompile(`(?m)^ gpt-4o +([\d.]+)%`)                                  // of the grid: the last minute
)

// TestConsoleDrill is an operator with a keyboard and nothing else: the burst of the drill is found, the runbook
// walked, the failing deployment capped, seen to obey and to help, the cap taken back, the timeline exported.
// Everything is judged by what stands on the screen, and in the end by the record.
func TestConsoleDrill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	x := openTerminal(t, dir, "drill", "--state-dir", "state")
	x.sees(t, "DRILL", "learning: ", "no incident", "gpt-4o-mini", "no burst", "? keys")

	s := x.sees(t, "! 1 burst", "! gpt-4o@eu-west", "FITS 502/524 burst", "r runbook")
	if rate, ok := number(s, burstRate); !ok || rate < 20 {
		t.Errorf("the burst is said to fail at %v%% (%v):\n%s", rate, ok, s)
	}
	x.press(t, "b")
	x.sees(t, "burst gpt-4o@eu-west, failures first", "! 502 bad gateway")
	x.walkToDrillCap(t)
	x.throwCap(t)

	x.press(t, "5")
	x.sees(t, "[5 LEVERS] 1 out", "OUT cap.set azure-eu-west-gpt-", "24 → 4", "accepted ✓ yes 2/2", "reported ✓ yes")
	x.sees(t, "obeyed ✓ yes")
	worst, cell := 0.0, 0.0
	x.until(t, "the burst's error rate has halved and the cell's falls", func(s string) bool {
		now, ok := number(s, burstRate)
		inCell, okCell := number(s, cellRate)
		worst, cell = max(worst, now), max(cell, inCell)
		calmed := ok && now < worst/2 || strings.Contains(s, "✓ gpt-4o@eu-west")
		return calmed && okCell && inCell < cell
	})
	x.sees(t, "HELPED")

	x.press(t, "q")
	x.sees(t, "leave? still out:", "cap.set azure-eu-west-gpt-4o 4 on drill", "the gateway holds the deadline")
	x.press(t, "n")
	x.seesNot(t, "leave? still out:")
	x.press(t, "u")
	x.sees(t, "plan of an undo: undo cap.set azure-eu-west-gpt-4o 4", "4 → 24")
	x.agrees(t)
	x.sees(t, "[5 LEVERS] 0 out", "reverted")

	for i, format := range []string{"md", "json"} {
		x.press(t, "x")
		x.sees(t, "export the timeline as")
		x.press(t, strings.Repeat("j", i), enter)
		x.sees(t, "timeline written to", "."+format)
	}
	x.press(t, "q")
	code, left := x.exits(t)
	journal := filepath.Join("state", "journal.jsonl")
	if code != 0 || !strings.Contains(left, journal) || !strings.Contains(left, "timeline") {
		t.Errorf("exit code %d; it says\n%s", code, left)
	}
	checkWhole(t, filepath.Join(dir, "state"))
	judgeDrillExports(t, filepath.Join(dir, "state", "exports"))
}

// walkToDrillCap starts the runbook that fits best and walks it to the step that caps.
func (x *terminal) walkToDrillCap(t *testing.T) {
	t.Helper()
	x.press(t, "r")
	x.until(t, "the runbook or a choice of them is there", func(s string) bool {
		if strings.Contains(s, "start which runbook?") {
			x.press(t, enter)
			return true
		}
		return strings.Contains(s, "step 1 of")
	})
	x.sees(t, "step 1 of", "1. Confirm scope", "TRUE    the burst is real")
	x.press(t, "d")
	x.sees(t, "step 2 of", "ASK     What does the provider's status page say")
	x.press(t, enter)
	x.sees(t, "degraded everywhere", "enter take it")
	x.press(t, "j", enter)
	x.sees(t, "= degraded here")
	x.press(t, "d")
	x.sees(t, "step 3 of", "3. Reduce load safely")
	x.press(t, enter) // nothing is asked in this step: enter is "done"
	x.sees(t, "step 4 of", "ACTION  workload.pause batch")
	x.press(t, "s")
	x.sees(t, "skip: 3a. Pause batch work", "it goes into the record")
	x.press(t, "batch is needed today", enter)
	x.sees(t, "step 5 of", "3b. Cap the failing deployment", "ACTION  cap.set azure-eu-west-gpt-4o to 4", "enter plan cap.set")
}

// throwCap reads the plan, declines it once, and confirms it the second time.
func (x *terminal) throwCap(t *testing.T) {
	t.Helper()
	x.press(t, enter)
	s := x.sees(t, "plan: cap.set azure-eu-west-gpt-4o 4", "gw-a, gw-b cap.azure-eu-west-gpt-4o: 24 → 4", "the gateway ends it by itself")
	for _, want := range []string{"requests of the last minute", "excess requests wait", "undo      curl", "answers well when fewer requests are in flight"} {
		if !strings.Contains(s, want) {
			t.Errorf("the plan does not say %q:\n%s", want, s)
		}
	}
	x.offers(t) // not "keys are no longer ignored": a half-drawn frame does not say so either
	x.press(t, escape)
	x.sees(t, "declined: cap.set", "nothing was sent", "no lever is out")
	x.press(t, enter)
	x.sees(t, "plan: cap.set azure-eu-west-gpt-4o 4")
	x.agrees(t)
	x.sees(t, "OUT cap.set azure-eu-west-gpt-", "THROWN  cap.set")
}

// judgeDrillExports checks that both timelines tell the incident: burst, steps, lever from request to undo.
func judgeDrillExports(t *testing.T, dir string) {
	t.Helper()
	read := func(pattern string) []byte {
		files, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil || len(files) != 1 {
			t.Fatalf("%s: %v, %v", pattern, files, err)
		}
		b, err := os.ReadFile(files[0])
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	var v struct {
		Incident struct{ Drill bool }
		Bursts   []struct{ Scope map[string]string }
		Controls []struct{ Verb, State, Accepted, Reported, Obeyed, Outcome string }
		Timeline []struct{ Entry string }
		Runs     []struct {
			Steps []struct{ Slug, State, Reason string }
		}
	}
	if err := json.Unmarshal(read("*.json"), &v); err != nil {
		t.Fatal(err)
	}
	if !v.Incident.Drill {
		t.Error("the export does not say that it was a drill")
	}
	found := false
	for _, b := range v.Bursts {
		found = found || b.Scope["model"] == "gpt-4o" && b.Scope["region"] == "eu-west"
	}
	if !found {
		t.Errorf("the export has the bursts %+v", v.Bursts)
	}
	if len(v.Controls) != 2 || v.Controls[0].State != "declined" {
		t.Fatalf("the export has the levers %+v, not one declined and one thrown", v.Controls)
	}
	if l := v.Controls[1]; l.Verb != "cap.set" || l.State != "reverted" || l.Accepted != "yes" || l.Reported != "yes" || l.Obeyed != "yes" || l.Outcome != "helped" {
		t.Errorf("the lever is told as %+v", l)
	}
	order := []string{"burst.opened", "lever.declined", "lever.requested", "lever.applied", "lever.obeyed", "lever.revert_requested", "lever.reverted"}
	for _, l := range v.Timeline {
		if len(order) > 0 && l.Entry == order[0] {
			order = order[1:]
		}
	}
	if len(order) > 0 {
		t.Errorf("the timeline has no %s after what came before: %+v", order[0], v.Timeline)
	}
	md := string(read("*.md"))
	for _, want := range []string{"gpt-4o", "eu-west", "cap.set", "24 -> 4", "obeyed", "helped", "reverted", "degraded here", "batch is needed today"} {
		if !strings.Contains(md, want) {
			t.Errorf("the Markdown lacks %q:\n%s", want, md)
		}
	}
}

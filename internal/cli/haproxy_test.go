package cli_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"signalbox/internal/incident"
)

// An operator at the console, on a real HAProxy: the burst is seen by model and region, the shipped runbook is
// walked to the step that drains the failing region, another server is capped, HAProxy and its log show both, both
// are taken back, and the record tells it. Every number is HAProxy's, its log's or the providers'.
func TestOperatorDrainsAndCapsOnHAProxy(t *testing.T) {
	t.Parallel()
	e := startEdge(t)
	start := e.levers(t)
	x := openTerminal(t, e.dir, "watch", "-c", "signalbox.yaml", "--state-dir", "state")
	x.sees(t, "PRODUCTION", "edge-log", "edge haproxy can cap.set", "as oncall")
	e.load(t)
	x.sees(t, "gpt-4o-mini", "eu-west", "us-east", "no burst") // all three regions serve before one of them fails
	x.until(t, "some hundred requests were seen", func(string) bool { return sum(e.logged(t)) > 300 })

	e.eu.failing.Store(true)
	x.sees(t, "! 1 burst", "! gpt-4o@eu-west bad gateway")
	x.sees(t, "FITS 502/524 burst")

	x.walkToDrain(t)
	drain(t, x, e)
	capOther(t, x, e)
	x.seesItHelped(t)

	e.eu.failing.Store(false)
	undo(t, x, "cap.set gpt-4o/azure-us-east")
	undo(t, x, "target.out gpt-4o/azure-eu-west")
	x.sees(t, "0 out")
	if got := e.levers(t); !maps.Equal(got, start) {
		t.Errorf("HAProxy after the undo has\n%v, at the start it had\n%v", got, start)
	}
	before := e.logged(t)["gpt-4o/azure-eu-west"]
	x.until(t, "the region serves again", func(string) bool { return e.logged(t)["gpt-4o/azure-eu-west"] > before+10 })
	x.sees(t, "0 live", "✓ gpt-4o@eu-west bad gateway") // the cap has made answers slow meanwhile, which may be a burst of its own

	x.press(t, "x")
	x.sees(t, "export the timeline as")
	x.press(t, enter)
	x.sees(t, "timeline written to")
	x.press(t, "x")
	x.sees(t, "export the timeline as")
	x.press(t, "j", enter)
	x.sees(t, ".json")
	x.press(t, "q")
	code, screen := x.leaves(t)
	if code != 0 || !strings.Contains(screen, "journal") {
		t.Errorf("exit code %d; it leaves\n%s", code, screen)
	}
	if info := e.ask(t, "show info"); !strings.Contains(info, "DroppedLogs: 0\n") {
		t.Errorf("HAProxy has lost lines of its log:\n%s", info)
	}
	e.halt()
	e.judgeRecord(t)
}

// walkToDrain goes through the shipped runbook by its keys: it answers what is asked, looks at the checks, skips
// with a reason what this gateway cannot do or what is not wanted, and stops before the region is taken out.
func (x *terminal) walkToDrain(t *testing.T) {
	t.Helper()
	x.press(t, "r")
	if strings.Contains(x.until(t, "the runbook or a choice of them is there", func(s string) bool {
		return strings.Contains(s, "step 1 of") || strings.Contains(s, "start which runbook?")
	}), "start which runbook?") {
		x.press(t, enter)
	}
	x.sees(t, "step 1 of", "TRUE    the burst is real", "TRUE    users feel it")
	x.press(t, "d")
	x.sees(t, "step 2 of", "What does the provider's status page say")
	x.press(t, enter)
	x.sees(t, "degraded everywhere", "enter take it")
	x.press(t, enter)
	x.sees(t, "= all green")
	x.press(t, "d")
	x.sees(t, "3. Reduce load safely", "step 3 of")
	x.press(t, "d")
	x.sees(t, "3a. Pause batch work", "workload.pause batch")
	x.skip(t, "there is no batch work here")
	x.sees(t, "step 5 of", "cap.set gpt-4o/azure-eu-west to 4")
	x.skip(t, "fast 502s: an outage, no overload")
	x.sees(t, "step 6 of", "3c. See whether it helped", "WAIT")
	x.skip(t, "nothing was capped")
	x.sees(t, "step 7 of", "target.out gpt-4o/azure-eu-west for 30m")
}

func (x *terminal) skip(t *testing.T, reason string) {
	t.Helper()
	x.press(t, "s")
	x.sees(t, "skip: ", "it goes into the record")
	x.press(t, reason, enter)
	x.seesNot(t, "it goes into the record")
}

// drain takes the failing region out from the step of the runbook.
func drain(t *testing.T, x *terminal, e *edge) {
	t.Helper()
	x.press(t, enter)
	s := x.sees(t, "plan: target.out gpt-4o/azure-eu-west", "ready → drain", "NOT self-reverting", "nothing is sent before that")
	if !strings.Contains(s, `echo "set server gpt-4o/azure-eu-west state ready" | socat`) {
		t.Errorf("the plan does not say how to undo it by hand:\n%s", s)
	}
	x.press(t, enter) // without the phrase it does nothing
	x.press(t, "gpt-4o@eu-wes")
	x.sees(t, "gpt-4o@eu-wes")
	if got := e.servers(t)["gpt-4o/azure-eu-west"].Status; strings.Contains(got, "DRAIN") {
		t.Fatalf("drained before it was confirmed: %s", got)
	}
	x.press(t, "t", enter)
	x.sees(t, "OUT target.out gpt-4o/azure-eu", "accepted ✓ yes 1/1  reported ✓ yes")
	if got := e.servers(t)["gpt-4o/azure-eu-west"].Status; !strings.Contains(got, "DRAIN") {
		t.Errorf("HAProxy says %q of the drained server", got)
	}
	x.sees(t, "obeyed ✓ yes  0 of ")

	// Obeyed is what the screen says; the log and HAProxy's own counters have to say so too.
	logged, stat := e.logged(t), e.servers(t)
	x.until(t, "the other region serves on", func(string) bool {
		return e.logged(t)["gpt-4o/azure-us-east"] > logged["gpt-4o/azure-us-east"]+30
	})
	const drained = "gpt-4o/azure-eu-west"
	if now := e.logged(t)[drained]; now != logged[drained] {
		t.Errorf("the log has %d requests of the drained server, %d when it was said to be obeyed", now, logged[drained])
	}
	if now := e.servers(t)[drained].Total; now != stat[drained].Total {
		t.Errorf("show stat has %d sessions of the drained server, %d when it was said to be obeyed", now, stat[drained].Total)
	}
}

// capOther caps the region that carries everything now, starting from its cell of the grid.
func capOther(t *testing.T, x *terminal, e *edge) {
	t.Helper()
	x.press(t, "1")
	x.sees(t, "[1 GRID]")
	for range 4 {
		x.press(t, right)
	}
	x.sees(t, "gpt-4o@us-east 0/")
	x.press(t, "c")
	x.sees(t, "cap concurrency: plan it", "model=gpt-4o region=us-east", "at most 50%")
	x.press(t, erase, erase, erase, "2", enter, enter)
	x.sees(t, "enter plan it")
	x.press(t, erase, "spare the region that is left", enter)
	s := x.sees(t, "plan: cap.set gpt-4o/azure-us-east 2", "50 → 2", "in flight now", "nothing is sent before that")
	if !strings.Contains(s, "type  gpt-4o@us-east  to confirm") {
		t.Errorf("the phrase does not name the target:\n%s", s)
	}
	x.press(t, "gpt-4o@us-east", enter)
	x.sees(t, "OUT cap.set gpt-4o/azure-us-ea", "50 → 2")
	x.sees(t, "obeyed ✓ yes  2 in flight, cap 2") // before it is taken back; a slow machine needs a while to see that more would run
	if got := e.servers(t)["gpt-4o/azure-us-east"].Limit; got != "2" {
		t.Errorf("HAProxy's maxconn is %q, not 2", got)
	}
}

// seesItHelped waits for the outcome of the drain. It is judged 15, 30 and 60 s after the lever only, and the first
// looks may honestly say that they cannot tell.
func (x *terminal) seesItHelped(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(75 * time.Second); !strings.Contains(x.text(), "HELPED"); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the drain has not helped; the screen:\n%s", x.text())
		}
	}
}

// undo takes one lever back with the phrase that the plan asks for.
func undo(t *testing.T, x *terminal, title string) {
	t.Helper()
	x.press(t, "u")
	s := x.until(t, "the undo is planned or chosen", func(s string) bool {
		return strings.Contains(s, "undo which lever?") || strings.Contains(s, "plan of an undo")
	})
	if strings.Contains(s, "undo which lever?") {
		if !strings.Contains(s, "▸ "+title) {
			x.press(t, "j")
			x.sees(t, "▸ "+title)
		}
		x.press(t, enter)
	}
	x.sees(t, "plan of an undo: undo "+title, "nothing is sent before that")
	x.confirm(t)
	x.seesNot(t, "plan of an undo")
	x.until(t, "the lever is back", func(s string) bool {
		for l := range strings.Lines(s) {
			if strings.Contains(l, " "+title[:18]) && strings.Contains(l, "reverted") {
				return true
			}
		}
		return false
	})
}

var phrase = regexp.MustCompile(`type  (\S+)  to confirm`)

// confirm types what the plan asks for.
func (x *terminal) confirm(t *testing.T) {
	t.Helper()
	m := phrase.FindStringSubmatch(x.text())
	if m == nil {
		t.Fatalf("no phrase is asked for:\n%s", x.text())
	}
	x.press(t, m[1], enter)
}

// judgeRecord compares what was written down with what the providers and the finished log know.
func (e *edge) judgeRecord(t *testing.T) {
	t.Helper()
	if out, err := signalboxIn(t, e.dir, "incident", "verify", "--state-dir", "state"); err != nil {
		t.Errorf("the journal is not intact: %v\n%s", err, out)
	}
	type found struct {
		Kind  string
		Scope map[string]string
	}
	var scan struct {
		Requests, Failures int
		Classes            map[string]int
		Bursts             []found
	}
	out, err := signalboxIn(t, e.dir, "scan", "-c", "signalbox.yaml", "--output", "json", "run/haproxy.log")
	if jerr := json.Unmarshal(out, &scan); jerr != nil {
		t.Fatalf("%v, %v in %s", err, jerr, out)
	}
	failed := int(e.eu.failed.Load())
	if scan.Failures != failed || scan.Requests != sum(e.logged(t)) {
		t.Errorf("scan counts %d failures in %d requests; the provider failed %d times and the log has %d lines, which ended so: %v",
			scan.Failures, scan.Requests, failed, sum(e.logged(t)), e.ends(t))
	}
	// Our own cap makes the other region slow, and a loaded machine all of the provider: bursts, too, and not the ones meant here.
	scan.Bursts = slices.DeleteFunc(scan.Bursts, func(b found) bool { return b.Kind == "latency" })
	if len(scan.Bursts) != 1 || scan.Bursts[0].Scope["model"] != "gpt-4o" || scan.Bursts[0].Scope["region"] != "eu-west" {
		t.Errorf("scan finds the bursts %v", scan.Bursts)
	}
	md, story := e.exported(t)
	story.Bursts = slices.DeleteFunc(story.Bursts, func(b incident.BurstData) bool { return b.Kind == "latency" })
	if n := len(story.Bursts); n != 1 || story.Bursts[0].Failed > failed || story.Bursts[0].Failed < failed*95/100 {
		t.Errorf("the export has the bursts %+v; the provider failed %d times", story.Bursts, failed)
	}
	var levers []string
	for _, l := range story.Controls {
		levers = append(levers, l.Verb+" "+l.State+" "+l.Accepted+" "+l.Reported+" "+l.Obeyed)
	}
	slices.Sort(levers)
	if want := []string{"cap.set reverted yes yes yes", "target.out reverted yes yes yes"}; !slices.Equal(levers, want) {
		t.Errorf("the export has the levers %q, not %q", levers, want)
	}
	for _, want := range []string{"ready -> drain", "50 -> 2", "helped", "there is no batch work here", "spare the region that is left", "gpt-4o@eu-west"} {
		if !strings.Contains(md, want) {
			t.Errorf("the Markdown lacks %q:\n%s", want, md)
		}
	}
}

// story is what the test needs of the JSON export.
type story struct {
	Bursts   []incident.BurstData
	Controls []struct{ Verb, State, Accepted, Reported, Obeyed string }
}

func (e *edge) exported(t *testing.T) (markdown string, s story) {
	t.Helper()
	files, err := filepath.Glob(e.path("state/exports/*"))
	if err != nil || len(files) != 2 {
		t.Fatalf("exported: %v, %v", files, err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if filepath.Ext(f) == ".md" {
			markdown = string(b)
		} else if err := json.Unmarshal(b, &s); err != nil {
			t.Fatalf("%v in %s", err, b)
		}
	}
	return markdown, s
}

func signalboxIn(t *testing.T, dir string, args ...string) ([]byte, error) {
	t.Helper()
	cmd := signalbox(t, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "HOME="+dir)
	return cmd.Output()
}

func sum(m map[string]int) int {
	n := 0
	for _, v := range m {
		n += v
	}
	return n
}

// Killed after "requested" is on disk and before the answer: nothing that was shown is lost, the next console says
// "in doubt" until it has read the gateway, and the truth is what was read, not what was hoped.
func TestKilledBetweenRequestAndAnswer(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		lose  loss
		limit string // of HAProxy, after the kill
	}{
		"HAProxy did it":            {theAnswer, "7"},
		"HAProxy never heard of it": {theCommand, "50"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := startEdge(t, "unix:run/admin.sock", "unix:run/gate.sock")
			g := newGate(t, e)
			x := openTerminal(t, e.dir, "watch", "-c", "signalbox.yaml", "--state-dir", "state")
			x.sees(t, "edge haproxy can cap.set")
			g.loses(tc.lose)
			x.press(t, "c")
			x.sees(t, "cap concurrency: plan it")
			x.press(t, strings.Repeat(erase, 40), "gateway=edge deployment=gpt-4o/azure-us-east", enter)
			x.press(t, strings.Repeat(erase, 3), "7", enter, enter, "spare it", enter)
			x.sees(t, "plan: cap.set gpt-4o/azure-us-east 7", "nothing is sent before that")
			x.confirm(t)
			select {
			case <-g.lost:
			case <-time.After(patience):
				t.Fatalf("no command came to the socket; the screen:\n%s", x.text())
			}
			x.kill(t)
			if kinds := journal(t, e); !slices.Contains(kinds, incident.LeverRequested) || slices.Contains(kinds, incident.LeverApplied) || slices.Contains(kinds, incident.LeverInDoubt) {
				t.Fatalf("not killed between request and answer: %v", kinds)
			}
			if got := e.servers(t)["gpt-4o/azure-us-east"].Limit; got != tc.limit {
				t.Fatalf("HAProxy's maxconn is %q, not %q", got, tc.limit)
			}

			g.loses(nothing)
			open := g.shut()
			x = openTerminal(t, e.dir, "watch", "-c", "signalbox.yaml", "--state-dir", "state")
			x.sees(t, "was left open")
			pressed := time.Now()
			x.until(t, "the incident is taken up", func(s string) bool {
				if strings.Contains(s, "was left open") && time.Since(pressed) > time.Second {
					pressed = time.Now() // what opens by itself takes no key until a moment has passed without one
					x.press(t, enter)
				}
				return !strings.Contains(s, "was left open") && strings.Contains(s, "incident ")
			})
			x.sees(t, "cap.set gpt-4o/azure-us-ea", "in doubt")
			open()
			if tc.lose == theAnswer {
				x.sees(t, "OUT cap.set gpt-4o/azure-us-ea", "active", "accepted ✓ yes", "reported ✓ yes")
				x.seesNot(t, "before the gateway had")
				undo(t, x, "cap.set gpt-4o/azure-us-east") // from the journal alone: this console never planned it
			} else {
				x.sees(t, "0 out", "failed", "not in force")
			}
			if s := x.text(); strings.Contains(s, "not ours") {
				t.Errorf("our own change is shown as somebody else's:\n%s", s)
			}
			x.press(t, "6")
			x.sees(t, "[6 TIMELINE]", "in doubt")
			x.press(t, "q")
			if code, screen := x.leaves(t); code != 0 {
				t.Errorf("exit code %d\n%s", code, screen)
			}
			if got := e.servers(t)["gpt-4o/azure-us-east"].Limit; got != "50" {
				t.Errorf("HAProxy's maxconn is %q in the end, not 50", got)
			}
			journal(t, e)
		})
	}
}

// journal gives the kinds of all entries, after the chain has been checked.
func journal(t *testing.T, e *edge) []incident.Kind {
	t.Helper()
	rep, err := incident.Verify(e.path("state/journal.jsonl"))
	if err != nil || rep.Bad != nil {
		t.Fatalf("the journal is not intact: %v, %v", err, rep.Bad)
	}
	text, err := os.ReadFile(e.path("state/journal.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var kinds []incident.Kind
	for l := range strings.Lines(string(text)) {
		var entry incident.Entry
		if err := json.Unmarshal([]byte(l), &entry); err != nil {
			t.Fatalf("%v in %s", err, l)
		}
		kinds = append(kinds, entry.Kind)
	}
	return kinds
}

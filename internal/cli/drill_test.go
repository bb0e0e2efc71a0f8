package cli_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"signalbox/internal/cli"
	"signalbox/internal/drill"
)

// slack is how long after the end of a fault its burst may still be found.
const slack = 30 * time.Second

type drillScore struct {
	V        int    `json:"v"`
	Scenario string `json:"scenario"`
	Bursts   []struct {
		Detected float64           `json:"detected_after_s"`
		Scope    map[string]string `json:"scope"`
		Class    string            `json:"class"`
		Expected bool              `json:"expected"`
	} `json:"bursts"`
	Levers   []drillLever           `json:"levers"`
	Requests map[string]drillCounts `json:"requests"`
	Missed   *int                   `json:"missed"`
	False    *int                   `json:"false"`
	Stood    float64                `json:"stood_still_s"`
	Longest  float64                `json:"stood_still_longest_s"`
}

type drillLever struct {
	Verb      string            `json:"verb"`
	Scope     map[string]string `json:"scope"`
	Requested float64           `json:"requested_s"`
	Applied   *float64          `json:"applied_s"`
	Verified  *float64          `json:"verified_s"`
	Reverted  *float64          `json:"reverted_s"`
	Obeyed    string            `json:"obeyed"`
	ObeyedWhy string            `json:"obeyed_why"`
	Outcome   string            `json:"outcome"`
}

type drillCounts struct{ OK, Failed int }

// comparedScenario is the one in which users must be better off with the autopilot than with nobody at the levers.
const comparedScenario = "azure-eu-502"

// walkOn is how much longer than its faults the compared drill of the autopilot lasts: it waits to the end for what its book
// waits for, which comes late where a busy machine finds the burst late.
const walkOn = "20s"

// playedDrill is one drill that ran to its end.
type playedDrill struct {
	dir       string // of its journal
	flags     []string
	code      int
	out, errs bytes.Buffer
}

// TestDrillScenarios plays every scenario as CI does: headless and in real time, side by side whatever -parallel says, in
// three waves of up to four, so that two processors are enough for it. Those with a fault are played by the autopilot too, and
// so are the drills that the README shows. SIGNALBOX_DRILL=NAME plays one scenario alone.
func TestDrillScenarios(t *testing.T) {
	only := os.Getenv("SIGNALBOX_DRILL")
	if only == "" {
		t.Skip("the scenarios take 65 s and twice 45 s of real time; SIGNALBOX_DRILL=1 runs them")
	}
	var scenarios []drill.Scenario
	for _, s := range drill.Scenarios() {
		if only == "1" || only == s.Name {
			scenarios = append(scenarios, s)
		}
	}
	var all sync.WaitGroup
	played, piloted := make(map[string]*playedDrill), make(map[string]*playedDrill)
	wave := func(into map[string]*playedDrill, takes func(drill.Scenario) bool, flags ...string) {
		for _, s := range scenarios {
			if takes(s) {
				into[s.Name] = startDrill(t, &all, s.Name, flags...)
			}
		}
	}
	compared := func(s drill.Scenario) bool { return s.Name == comparedScenario }
	wave(played, compared)
	wave(piloted, compared, "--autopilot", "--after", walkOn)
	var pages []func()
	for _, s := range examples(t, readme(t)) {
		if s.drills() && only == "1" {
			pages = append(pages, startShown(t, &all, s))
		}
	}
	all.Wait()
	wave(played, func(s drill.Scenario) bool { return !compared(s) })
	all.Wait()
	wave(piloted, func(s drill.Scenario) bool { return !compared(s) && s.Runbook != "" }, "--autopilot")
	all.Wait()
	again(t, played)
	again(t, piloted)

	for _, s := range scenarios {
		t.Run(s.Name, func(t *testing.T) {
			if score := played[s.Name].score(t, s); len(score.Levers) > 0 {
				t.Errorf("nobody was at the levers, and yet: %+v", score.Levers)
			}
		})
		if p := piloted[s.Name]; p != nil {
			t.Run(s.Name+" with the autopilot", func(t *testing.T) { p.checkWalk(t, s, played[s.Name]) })
		}
	}
	for _, check := range pages {
		check()
	}
}

// checkWalk checks that the autopilot was offered the right runbook first and walked it past its levers, that those are
// seen in the traffic, and that users were better off than with nobody there.
func (p *playedDrill) checkWalk(t *testing.T, s drill.Scenario, alone *playedDrill) {
	t.Helper()
	with, without := p.score(t, s), alone.score(t, s)
	said := p.errs.String()
	if !strings.Contains(said, "autopilot: walking "+s.Runbook+" for burst") {
		t.Errorf("the first offer was not %s:\n%s", s.Runbook, said)
	}
	if !strings.Contains(said, "verify: ") || !strings.Contains(said, " 5. Validate outputs") {
		t.Errorf("no lever was verified, or the walk did not get past them:\n%s", said)
	}
	checkLevers(t, with.Levers, s.Length)
	checkDrillRecord(t, p.dir, len(with.Levers))
	a, b := with.Requests["interactive"].Failed, without.Requests["interactive"].Failed // no share: one of the drills is longer
	t.Logf("failed interactive requests: %d with nobody at the levers, %d with the autopilot", b, a)
	if s.Name == comparedScenario && a >= b {
		t.Errorf("the levers did not help: %d failed with the autopilot, %d without", a, b)
	}
}

// stoodStill is how long a machine may keep a drill from running in all before nothing can be told from it: what is late, slow
// or missing then is the machine's, and is told in the score.
const stoodStill = 2.0

// again plays those drills once more whose machine stood still and who may have failed by it.
func again(t *testing.T, played map[string]*playedDrill) {
	t.Helper()
	var all sync.WaitGroup
	for name, p := range played {
		var score drillScore
		if json.Unmarshal(p.out.Bytes(), &score) == nil && score.Stood > stoodStill && p.incomplete(score) {
			t.Logf("%s %q is played again: the machine stood still for %.1f s, %.1f s at once", name, p.flags, score.Stood, score.Longest)
			played[name] = startDrill(t, &all, name, p.flags...)
		}
	}
	all.Wait()
}

// incomplete tells whether something was missed or raised for nothing, or what the autopilot was to do is not all done and seen.
func (p *playedDrill) incomplete(s drillScore) bool {
	unseen := slices.ContainsFunc(s.Levers, func(l drillLever) bool { return l.Verified == nil || l.Outcome == "worse" })
	walked := strings.Contains(p.errs.String(), "verify: ") && strings.Contains(p.errs.String(), " 5. Validate outputs")
	return p.code != 0 || unseen || len(p.flags) > 0 && !walked
}

func startDrill(t *testing.T, all *sync.WaitGroup, name string, flags ...string) *playedDrill {
	t.Helper()
	p := &playedDrill{dir: t.TempDir(), flags: flags}
	args := append([]string{"drill", name, "--headless", "--output", "json", "--state-dir", p.dir}, flags...)
	all.Go(func() {
		p.code = cli.Main(args, cli.Streams{In: strings.NewReader(""), Out: &p.out, Err: &p.errs})
	})
	return p
}

// startShown starts a drill that the README shows, and gives what checks its output.
func startShown(t *testing.T, all *sync.WaitGroup, s shown) func() {
	t.Helper()
	d := prepare(t, s, t.TempDir(), t.TempDir())
	var got []string
	var err error
	all.Go(func() { got, err = d.run() })
	return func() {
		if why := differs(s.output, got); err != nil || why != "" {
			t.Errorf("README.md:%d: $ %s: %v\n%s", s.line, s.command, err, why)
		}
	}
}

// score checks the score of a drill: every declared fault found where and when it was, and nothing else.
func (p *playedDrill) score(t *testing.T, s drill.Scenario) drillScore {
	t.Helper()
	if p.code != 0 {
		t.Errorf("%s: exit %d", s.Name, p.code)
	}
	out, errs := &p.out, &p.errs
	var score drillScore
	if err := json.Unmarshal(out.Bytes(), &score); err != nil {
		t.Fatalf("%v in %q\n%s", err, out.String(), errs.String())
	}
	if score.V != 1 || score.Scenario != s.Name || score.Missed == nil || score.False == nil {
		t.Fatalf("this is no score of %s: %s", s.Name, out.String())
	}
	if *score.Missed != 0 || *score.False != 0 {
		t.Errorf("missed %d, false %d; the machine stood still for %.1f s\n%s\n%s", *score.Missed, *score.False, score.Stood, out.String(), errs.String())
	}
	from, to := s.Length, time.Duration(0)
	for _, f := range s.Faults {
		from, to = min(from, f.From), max(to, f.To+slack)
	}
	found := 0
	for _, b := range score.Bursts {
		at := time.Duration(b.Detected * float64(time.Second))
		if at < from {
			t.Errorf("a burst in the calm, %s after the start: %v", at, b.Scope)
		}
		if b.Expected && at <= to {
			found++
		}
	}
	if found == 0 && len(s.Faults) > 0 {
		t.Errorf("no burst was found between %s and %s: %+v", from, to, score.Bursts)
	}
	for _, kind := range []string{"interactive", "batch"} {
		if c := score.Requests[kind]; c.OK == 0 {
			t.Errorf("no %s request was served: %+v", kind, c)
		}
	}
	return score
}

// lateLever is how long before the end of a drill a lever may be thrown without being seen in the traffic any more.
const lateLever = 10.0

// untold are the reasons for which traffic cannot show a lever within a drill: what it is against had stopped by itself, or by
// the levers thrown before it.
var untold = regexp.MustCompile(`^nothing failed that could have fallen back$|: traffic stays under the cap by itself$|^it had no traffic before either$`)

// checkLevers checks that what the autopilot threw was asked for, applied and obeyed, in this order.
func checkLevers(t *testing.T, levers []drillLever, length time.Duration) {
	t.Helper()
	if len(levers) == 0 {
		t.Fatal("the autopilot threw no lever")
	}
	obeyed := 0
	for _, l := range levers {
		if l.Verified != nil {
			obeyed++
		}
		switch {
		case l.Applied == nil:
			t.Errorf("%s %v was never applied", l.Verb, l.Scope)
		case l.Requested > *l.Applied:
			t.Errorf("%s %v was applied at %.3f, before it was asked for at %.3f", l.Verb, l.Scope, *l.Applied, l.Requested)
		case l.Verified == nil && l.Reverted == nil && l.Requested < length.Seconds()-lateLever && !untold.MatchString(l.ObeyedWhy):
			t.Errorf("%s %v was neither seen in the traffic nor taken back: obeyed %s: %s", l.Verb, l.Scope, l.Obeyed, l.ObeyedWhy)
		case l.Verified != nil && *l.Verified < *l.Applied:
			t.Errorf("%s %v was obeyed at %.3f, before it was applied at %.3f", l.Verb, l.Scope, *l.Verified, *l.Applied)
		case l.Outcome == "worse":
			t.Errorf("%s %v made it worse", l.Verb, l.Scope)
		}
	}
	if obeyed == 0 {
		t.Errorf("no lever was seen in the traffic: %+v", levers)
	}
}

// checkDrillRecord checks that the journal of a drill is whole and tells of its levers.
func checkDrillRecord(t *testing.T, dir string, levers int) {
	t.Helper()
	ask := func(args ...string) string {
		var out, errs bytes.Buffer
		if code := cli.Main(append([]string{"--state-dir", dir}, args...), cli.Streams{In: strings.NewReader(""), Out: &out, Err: &errs}); code != 0 {
			t.Errorf("%s: exit %d\n%s", strings.Join(args, " "), code, errs.String())
		}
		return out.String()
	}
	ask("incident", "verify")
	if strange := strangeKeys(t, filepath.Join(dir, "journal.jsonl")); len(strange) > 0 {
		t.Errorf("the journal has names of the program's: %v", strange)
	}
	var list struct {
		Incidents []struct {
			Drill  bool `json:"drill"`
			Levers int  `json:"levers"`
		} `json:"incidents"`
	}
	if err := json.Unmarshal([]byte(ask("incident", "list", "--output", "json")), &list); err != nil {
		t.Fatal(err)
	}
	if len(list.Incidents) != 1 || !list.Incidents[0].Drill || list.Incidents[0].Levers != levers {
		t.Errorf("the journal has %+v, want one incident of a drill with %d levers", list.Incidents, levers)
	}
	if md := ask("incident", "export", "--format", "md"); !strings.Contains(md, "workload.pause") && !strings.Contains(md, "cap.set") {
		t.Errorf("the timeline names no lever:\n%s", md)
	}
}

var journalKey = regexp.MustCompile(`^[a-z0-9][a-z0-9_.*/-]*$`) // a name, or what labels and counts are kept under

// strangeKeys lists the keys of a journal, at any depth, that are not written in small letters, by the kind of their entries.
func strangeKeys(t *testing.T, path string) []string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	strange := map[string]bool{}
	var look func(where string, v any)
	look = func(where string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, x := range v {
				if !journalKey.MatchString(k) {
					strange[where+"."+k] = true
				}
				look(where+"."+k, x)
			}
		case []any:
			for _, x := range v {
				look(where, x)
			}
		}
	}
	for line := range bytes.Lines(raw) {
		var e map[string]any
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		kind, _ := e["kind"].(string)
		look(kind, e)
	}
	return slices.Sorted(maps.Keys(strange))
}

// TestDrillWalkedToItsEnd plays a drill whose users go on once the fault is over, so that the book's quiet minutes pass on a
// real desk: the autopilot must take back all that it threw, at the book's pace, and come to the book's end.
func TestDrillWalkedToItsEnd(t *testing.T) {
	if os.Getenv("SIGNALBOX_DRILL_WHOLE") == "" {
		t.Skip("it takes five to ten minutes of real time; SIGNALBOX_DRILL_WHOLE=1 runs it")
	}
	var all sync.WaitGroup
	p := startDrill(t, &all, comparedScenario, "--autopilot", "--after", "15m")
	all.Wait()
	var score drillScore
	if err := json.Unmarshal(p.out.Bytes(), &score); err != nil {
		t.Fatalf("%v\n%s", err, p.errs.String())
	}
	if len(score.Levers) == 0 || !strings.Contains(p.errs.String(), "runbook finished: ") {
		t.Errorf("the walk did not end, or threw nothing:\n%s", p.errs.String())
	}
	if said := p.errs.String(); !strings.Contains(said, "6. Document and learn") || strings.Contains(said, "Escalate") {
		t.Errorf("the walk told others without need, or did not come to document:\n%s", said)
	}
	for _, l := range score.Levers {
		if l.Reverted == nil {
			t.Errorf("%s was not taken back:\n%s", l.Verb, p.errs.String())
		}
	}
	checkDrillRecord(t, p.dir, len(score.Levers))
}

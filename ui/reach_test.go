package ui

import (
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"signalbox/internal/desk"
	"signalbox/internal/traffic"
)

// reachFor opens what could be thrown for the worst cell, with the lever of a verb selected.
func reachFor(t *testing.T, s *desk.Snapshot, verb string) (*model, *fakeDesk) {
	t.Helper()
	d := newFakeDesk(s)
	m := console(t, d, 120, 40, Options{})
	press(m, "1", "up", "w")
	all := m.reach().Levers
	for i := range all {
		if all[i].Verb == verb {
			m.levers.choice.id = reachIDs(all)(i)
			return m, d
		}
	}
	t.Fatalf("%s is not among %+v", verb, all)
	return nil, nil
}

func shown(m *model) string { return ansi.Strip(m.View().Content) }

// Enter on what can be thrown opens its form with the exact target, and from there the plan.
func TestReachEnterPlans(t *testing.T) {
	m, d := reachFor(t, rich(), "target.out")
	press(m, "enter")
	f, ok := m.top().(*form)
	if !ok {
		t.Fatalf("enter opened %T:\n%s", m.top(), shown(m))
	}
	if got := f.values(); got[0] != "gateway=edge deployment=az-eu-1" {
		t.Errorf("the form asks for %q", got)
	}
	for range f.fields {
		press(m, "enter")
	}
	settle(m, d)
	sent := d.sent()
	if len(sent) != 1 {
		t.Fatalf("sent %+v", sent)
	}
	plan, ok := sent[0].(desk.PlanLever)
	if !ok || plan.Verb != "target.out" || plan.Scope["deployment"] != "az-eu-1" || plan.Scope["gateway"] != "edge" || plan.TTL <= 0 {
		t.Errorf("asked for %+v", sent[0])
	}
	if _, ok = m.top().(*planDialog); !ok {
		t.Errorf("no plan is shown but %T", m.top())
	}
}

// A lever that the runbook's step names is planned as the step does: then the run knows of it.
func TestReachEnterPlansTheStep(t *testing.T) {
	s := rich()
	s.Levers = nil // what is out there is in the way
	m, d := reachFor(t, s, "cap.set")
	press(m, "enter")
	settle(m, d)
	if sent := d.sent(); len(sent) != 1 || sent[0] != (desk.PlanStep{Block: 1, Step: "cap"}) {
		t.Errorf("sent %+v", sent)
	}
}

// Enter on what cannot be thrown says why, and asks nobody.
func TestReachEnterSaysWhyNot(t *testing.T) {
	for verb, why := range map[string]string{"cap.set": "is out there, by ana", "breaker.open": "it has no breaker to open"} {
		m, d := reachFor(t, rich(), verb)
		press(m, "enter")
		if p, ok := m.top().(*page); !ok || !strings.Contains(p.plain, why) {
			t.Errorf("%s: enter opened %T:\n%s", verb, m.top(), shown(m))
		}
		if sent := d.sent(); len(sent) != 0 {
			t.Errorf("%s: sent %+v", verb, sent)
		}
	}
}

// The pane shows what could be thrown by itself while nothing else is there to be shown, and turns back with the first lever.
func TestReachShowsByItself(t *testing.T) {
	s := rich()
	levers := s.Levers
	s.Levers, s.Controls = nil, nil
	d := newFakeDesk(s)
	m := console(t, d, 120, 40, Options{})
	if strings.Contains(shown(m), "can be thrown") {
		t.Error("nothing is selected, and levers are offered")
	}
	press(m, "1", "up")
	if !strings.Contains(shown(m), "for gpt-4o@eu-west: 6 can be") {
		t.Errorf("the selected cell's levers are not shown:\n%s", shown(m))
	}
	press(m, "5", "w")
	if strings.Contains(shown(m), "for gpt-4o@eu-west: 6 can be") {
		t.Error("w does not turn it away")
	}
	press(m, "w")
	next := *s
	next.Levers = levers
	m.adopt(&next)
	m.paint()
	if !strings.Contains(shown(m), "OUT cap.set") {
		t.Errorf("the lever that is out is not shown:\n%s", shown(m))
	}
}

// Without a deployment for the cell the pane says so, and what to configure.
func TestReachOfAnUnmappedCell(t *testing.T) {
	s := rich()
	s.Levers = nil
	s.Grid.Cells[0][0].Servings = []desk.Serving{{Gateway: "edge"}}
	m, _ := reachFor(t, s, "target.out")
	for _, want := range []string{"nothing says which deployment of edge", "inventory: {match: {deployment: NAME}"} {
		if got := strings.Join(strings.Fields(strings.ReplaceAll(shown(m), "│", " ")), " "); !strings.Contains(got, strings.Fields(want)[0]) {
			t.Errorf("%q is not said:\n%s", want, shown(m))
		}
	}
	press(m, "enter")
	if p, ok := m.top().(*page); !ok || !strings.Contains(p.plain, "set: {model: gpt-4o, region: eu-west}") {
		t.Errorf("the page says\n%s", shown(m))
	}
}

func TestRetryValue(t *testing.T) {
	for text, want := range map[string]string{"2": `{"max_attempts":2}`, `{"max_attempts":1,"timeout":"20s"}`: `{"max_attempts":1,"timeout":"20s"}`, "0": "", "often": "", "[1]": ""} {
		got, wrong := leverValue("retry.set", text)
		if string(got) != want || (wrong == "") != (want != "") {
			t.Errorf("%s gives %s, %q", text, got, wrong)
		}
	}
}

// Names of the world outside cannot break the pane.
func TestReachKeepsItsLines(t *testing.T) {
	s := rich()
	s.Grid.Cells[0][0].Servings = []desk.Serving{{Gateway: "edge", Deployment: "a\x1b]0;x\a\nb" + strings.Repeat("界", 200), Provider: "\x00"}}
	s.Grid.Cells[0][0].Workloads = []string{"batch\r\n", "\u202einteractive"}
	s.Gateways = append(s.Gateways, desk.GatewayView{Name: "far\x1b[2J", WhyNot: strings.Repeat("no levers ", 90)})
	s.Gateways[0].Knobs = append(s.Gateways[0].Knobs, desk.KnobView{Verb: "shed.set", Scope: traffic.Scope{"workload": "x\x07"}, Values: []string{"\x1b[1m"}})
	for _, size := range [][2]int{{60, 15}, {80, 24}, {120, 40}, {200, 60}} {
		m := console(t, newFakeDesk(s), size[0], size[1], Options{})
		press(m, "1", "up", "w")
		for range len(m.reach().Levers) {
			checkScreen(t, m)
			press(m, "down")
		}
		press(m, "home", "enter")
		checkScreen(t, m)
	}
}

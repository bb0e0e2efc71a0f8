package ui

import (
	"context"
	"reflect"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"pgregory.net/rapid"

	"signalbox/internal/desk"
)

// TestAnyKeys presses random keys in random states: no panic, whole screens, and no lever without a
// confirmation.
func TestAnyKeys(t *testing.T) {
	keys := allKeys()
	worlds := []func() *desk.Snapshot{rich, calm, calmWithBurst, hostile, func() *desk.Snapshot { return &desk.Snapshot{} }}
	rapid.Check(t, func(rt *rapid.T) {
		d := newFakeDesk(worlds[rapid.IntRange(0, len(worlds)-1).Draw(rt, "world")]())
		w, h := rapid.IntRange(1, 210).Draw(rt, "width"), rapid.IntRange(1, 70).Draw(rt, "height")
		if rapid.Bool().Draw(rt, "usual size") {
			w, h = 80, 24
		}
		m := console(t, d, w, h, Options{ASCII: rapid.Bool().Draw(rt, "ascii"), NoColor: rapid.Bool().Draw(rt, "mono")})
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			before := len(m.jobs.running)
			top := m.top()
			var key string
			switch rapid.IntRange(0, 19).Draw(rt, "kind") {
			case 0:
				m.Update(tea.WindowSizeMsg{Width: rapid.IntRange(1, 200).Draw(rt, "w"), Height: rapid.IntRange(1, 60).Draw(rt, "h")})
			case 1:
				m.Update(snapMsg{worlds[rapid.IntRange(0, len(worlds)-1).Draw(rt, "next world")]()})
			case 2, 3:
				settle(m, d)
			case 4:
				armTop(m)
			case 5:
				loadLog(m, d)
			case 6:
				m.Update(tea.PasteMsg{Content: "gpt-4o@eu-west\x1b[31m\n" + strings.Repeat("x", 600)})
			case 7:
				m.Update(tickMsg{})
			case 8: // a plan that is confirmed by typing
				if m.jobs.plan != 0 {
					m.Update(doneMsg{m.jobs.plan, planResult(typedPlan()), nil})
				}
			default:
				key = rapid.SampledFrom(keys).Draw(rt, "key")
				m.Update(keyMsg(key))
				if len(m.jobs.running) > before {
					checkConfirmed(rt, top, key, m.jobs.running[before:])
				}
			}
			if err := screenError(m); err != "" {
				rt.Fatalf("after %q: %s", key, err)
			}
			if m.lay.shows(m.focus) == m.lay.small {
				rt.Fatalf("after %q the focused pane %d is not on the screen", key, m.focus)
			}
		}
	})
}

// checkConfirmed tells whether a command that acts on a gateway came from the dialog that asks for it.
func checkConfirmed(rt *rapid.T, top dialog, key string, sent []job) {
	for _, j := range sent {
		switch c := j.cmd.(type) {
		case desk.Throw:
			p, ok := top.(*planDialog)
			if !ok || p.plan.ID != c.Plan || p.deaf {
				rt.Fatalf("%q threw %v from %T", key, c, top)
			}
			if p.plan.Confirm == desk.ConfirmTyped && (key != "enter" || c.Typed != p.plan.Phrase) {
				rt.Fatalf("%q threw a plan whose phrase was not typed", key)
			}
			if p.plan.Confirm != desk.ConfirmTyped && key != "y" {
				rt.Fatalf("%q threw a plan", key)
			}
		case desk.Revert:
			rt.Fatalf("%q reverted without a plan", key)
		case desk.Extend:
			if _, ok := top.(*sure); !ok || key != "y" {
				rt.Fatalf("%q moved a deadline from %T", key, top)
			}
		}
	}
}

func allKeys() []string {
	var keys []string
	seen := map[string]bool{}
	for _, b := range bindings() {
		for _, k := range b.keys {
			if !seen[k] {
				seen[k] = true
				keys = append(keys, k)
			}
		}
	}
	return append(keys, "w", "4", "@", "%", "é", "表", "backspace", "delete", "ctrl+w", "ctrl+u", "ctrl+k", "ctrl+a", "ctrl+e")
}

// evil is text that a terminal would obey, hide or reorder.
const evil = "\x1b]52;c;AAAA\x07\u202eevil\u0085\x9b31m\x00\r\n表示 \u200bé\ufe0f\x1b[2J"

// hostile is a snapshot in which every string came from an enemy.
func hostile() *desk.Snapshot {
	s := rich()
	spoil(reflect.ValueOf(s).Elem())
	s.Grid.Models = []string{evil, "a" + evil, "", strings.Repeat("m", 300)}
	s.Resumable = []desk.ResumeView{{Incident: evil, Text: evil}}
	s.Findings = []string{evil}
	return s
}

// spoil replaces every string that v leads to, except the fixed words that the console compares with.
func spoil(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			spoil(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			name := v.Type().Field(i).Name
			if v.Field(i).CanSet() && name != "Confirm" && name != "Truth" && name != "Kind" {
				spoil(v.Field(i))
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			spoil(v.Index(i))
		}
	case reflect.Map:
		if v.Type().Key().Kind() == reflect.String && v.Type().Elem().Kind() == reflect.String {
			for _, k := range v.MapKeys() {
				v.SetMapIndex(k, reflect.ValueOf(evil).Convert(v.Type().Elem()))
			}
		}
	case reflect.String:
		v.SetString(evil + v.String() + strings.Repeat(" long", 40))
	}
}

// TestHostileStringsStayText draws every pane and dialog from hostile snapshots and records: nothing but
// styles of our own reaches the terminal, and no line breaks out of its width.
func TestHostileStringsStayText(t *testing.T) {
	for _, size := range []struct{ w, h int }{{60, 15}, {80, 24}, {200, 60}} {
		d := newFakeDesk(hostile())
		for i := range d.records {
			spoil(reflect.ValueOf(&d.records[i]).Elem())
		}
		m := console(t, d, size.w, size.h, Options{})
		loadLog(m, d)
		check := func(what string) {
			t.Helper()
			if err := screenError(m); err != "" {
				t.Fatalf("%s at %dx%d: %s", what, size.w, size.h, err)
			}
			if err := rawError(m.drawn.title); err != "" {
				t.Fatalf("title: %s", err)
			}
			if strings.ContainsAny(ansi.Strip(m.View().Content), "\u202e\u200b\u0085\ufe0f") {
				t.Fatalf("%s: an invisible character reaches the screen", what)
			}
		}
		check("start")
		for _, pane := range []string{"1", "2", "3", "4", "5", "6"} {
			press(m, pane, "down")
			check("pane " + pane)
			press(m, "enter")
			settle(m, d)
			check("enter in pane " + pane)
			m.stack, m.jobs = nil, jobs{}
			press(m, "z")
			check("full screen of pane " + pane)
			press(m, "z")
		}
		for _, key := range []string{"c", "f", "i", "u", "q", "?", "Y", "R", ":", "/"} {
			m.stack, m.prompt = nil, nil
			press(m, key)
			check("dialog of " + key)
		}
		m.stack, m.prompt = nil, nil
		p := somePlan()
		spoil(reflect.ValueOf(&p).Elem())
		m.open(&planDialog{plan: p}, byKey)
		m.touch()
		m.paint()
		check("plan")
		m.stack = nil
		m.fail("it", &desk.Refused{What: evil, Why: evil, Try: evil})
		m.paint()
		check("refusal")
	}
}

func TestSelectionIsPinned(t *testing.T) {
	d := newFakeDesk(rich())
	m := console(t, d, 120, 40, Options{})
	press(m, "2", "b")
	if m.bursts.pin.id != "b-1" || m.subject.burst != "b-1" {
		t.Fatalf("selected %q, looks at %q", m.bursts.pin.id, m.subject.burst)
	}
	next := rich()
	newest := next.Bursts[0]
	newest.ID, newest.Name = "b-2", "claude@us-east"
	next.Bursts = append([]desk.BurstView{newest}, next.Bursts...)
	m.Update(snapMsg{next})
	if m.bursts.pin.id != "b-1" || m.subject.burst != "b-1" {
		t.Errorf("a refresh moved the selection to %q", m.bursts.pin.id)
	}
	press(m, "1", "up")
	model, region := m.grid.model, m.grid.region
	turned := rich()
	g := &turned.Grid
	for i, j := 0, len(g.Models)-1; i < j; i, j = i+1, j-1 {
		g.Models[i], g.Models[j] = g.Models[j], g.Models[i]
		g.Cells[i], g.Cells[j] = g.Cells[j], g.Cells[i]
	}
	m.Update(snapMsg{turned})
	if c := m.grid.cell(&m.snap.Grid); c == nil || m.grid.model != model || m.grid.region != region || c.Scope["model"] != model {
		t.Errorf("the cell moved from %s@%s", model, region)
	}
	m.Update(snapMsg{&desk.Snapshot{Seq: 99}})
	if c := m.grid.cell(&m.snap.Grid); c != nil {
		t.Errorf("a cell that is gone is still selected: %v", c)
	}
	press(m, "c")
	checkScreen(t, m)
}

// TestPlanIsFrozen opens a form and a plan, lets the world change, and sends what was shown.
func TestPlanIsFrozen(t *testing.T) {
	d := newFakeDesk(rich())
	m := console(t, d, 80, 24, Options{})
	press(m, "b", "c")
	m.Update(snapMsg{calm()}) // the burst is gone; the form keeps its scope
	press(m, "enter", "enter", "enter")
	plan, ok := m.jobs.running[0].cmd.(desk.PlanLever)
	if !ok || plan.Scope["region"] != "eu-west" || plan.TTL != 15*time.Minute || string(plan.Value) != `"50%"` {
		t.Fatalf("asked for %#v", m.jobs.running[0].cmd)
	}
	settle(m, d)
	armTop(m)
	late := somePlan()
	late.ID = "plan-late"
	m.Update(doneMsg{777, planResult(late), nil}) // an answer that nobody waits for
	press(m, "y")
	if c := m.jobs.running[0].cmd; c != (desk.Throw{Plan: "plan-1"}) {
		t.Errorf("sent %#v", c)
	}
}

func TestPlanDeclined(t *testing.T) {
	for _, key := range []string{"esc", "n", "enter", "x", "space", "q", "Y"} {
		d := newFakeDesk(rich())
		m := console(t, d, 80, 24, Options{pause: atOnce})
		press(m, "4", "enter")
		settle(m, d)
		armTop(m)
		cmds := press(m, key)
		if m.top() != nil || len(m.jobs.running) != 0 {
			t.Errorf("%q did not decline: %T %v", key, m.top(), m.jobs.running)
		}
		runAll(cmds)
		sent := d.sent()
		if len(sent) == 0 || sent[len(sent)-1] != desk.Command(desk.Decline{Plan: "plan-1"}) {
			t.Errorf("%q: the desk heard %v", key, sent)
		}
	}
}

// atOnce is a pause of a console whose timers never fire: a command that only waits is over at once.
func atOnce(context.Context, time.Duration) bool { return false }

// runAll runs commands of a console that pauses atOnce, batches included.
func runAll(cmds []tea.Cmd) {
	for _, c := range cmds {
		if c == nil {
			continue
		}
		if b, ok := c().(tea.BatchMsg); ok {
			runAll(b)
		}
	}
}

func TestStalePlanIsNotSent(t *testing.T) {
	now := at
	d := newFakeDesk(rich())
	m := console(t, d, 80, 24, Options{Now: func() time.Time { return now }})
	press(m, "4", "enter")
	settle(m, d)
	armTop(m)
	now = at.Add(2 * time.Minute)
	m.Update(tickMsg{})
	if !strings.Contains(m.View().Content, "STALE") {
		t.Error("the dialog does not say that the plan is stale")
	}
	press(m, "y")
	if len(m.jobs.running) != 0 || m.top() == nil {
		t.Fatalf("a stale plan was sent: %v", m.jobs.running)
	}
	press(m, "p")
	if len(m.jobs.running) != 1 || m.jobs.running[0].cmd != (desk.PlanStep{Block: 1, Step: d.snap.Run.Steps[d.snap.Run.Current].Step.Slug}) {
		t.Errorf("p asked for %v", m.jobs.running)
	}
}

func BenchmarkRebuild200x60(b *testing.B) {
	d := newFakeDesk(rich())
	m := console(b, d, 200, 60, Options{})
	loadLog(m, d)
	b.ReportAllocs()
	for b.Loop() {
		m.touch()
		m.paint()
	}
}

func BenchmarkViewAtRest200x60(b *testing.B) {
	d := newFakeDesk(rich())
	m := console(b, d, 200, 60, Options{})
	loadLog(m, d)
	b.ReportAllocs()
	for b.Loop() {
		_ = m.View()
	}
}

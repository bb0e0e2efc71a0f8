package ui

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"signalbox/internal/desk"
)

// screens are the golden screens: what an operator sees, without styles.
var screens = []struct {
	name string
	opt  Options
	calm bool
	play func(m *model, d *fakeDesk)
}{
	{name: "calm", calm: true},
	{name: "incident"},
	{name: "runbook", play: func(m *model, _ *fakeDesk) { press(m, "4") }},
	{name: "reader", play: func(m *model, _ *fakeDesk) { press(m, "4", "t", "g", "tab") }},
	{name: "reader-armed", play: func(m *model, _ *fakeDesk) { press(m, "4", "t") }},
	{name: "steps", play: func(m *model, _ *fakeDesk) { press(m, "4", "w") }},
	{name: "runs", play: func(m *model, _ *fakeDesk) { openTwo(m); press(m, "4", "W") }},
	{name: "abort", play: func(m *model, d *fakeDesk) {
		openTwo(m)
		press(m, "4", "A")
		write(m, "it was something else")
		press(m, "enter")
		settle(m, d)
		armTop(m)
	}},
	{name: "given-up", play: func(m *model, _ *fakeDesk) { endedRun(m, true); press(m, "4") }},
	{name: "runs-ended", play: func(m *model, _ *fakeDesk) { endedRun(m, true); press(m, "4", "W") }},
	{name: "finished", play: func(m *model, d *fakeDesk) {
		openTwo(m)
		d.answer = lastStepDone
		press(m, "4", "d")
		settle(m, d)
		armTop(m)
	}},
	{name: "jump", play: func(m *model, _ *fakeDesk) { press(m, "4", ":"); write(m, "jump s"); press(m, "tab") }},
	{name: "levers", play: func(m *model, _ *fakeDesk) { press(m, "5", "down") }},
	{name: "reach", play: func(m *model, _ *fakeDesk) { press(m, "1", "up", "w", "down", "down") }},
	{name: "timeline", play: func(m *model, _ *fakeDesk) { press(m, "6") }},
	{name: "burst", play: func(m *model, d *fakeDesk) { press(m, "2", "b"); loadLog(m, d) }},
	{name: "kinds", play: func(m *model, d *fakeDesk) { press(m, "3", "t", "t", "down"); loadKinds(m, d) }},
	{name: "kind", play: func(m *model, d *fakeDesk) { press(m, "3", "t", "t"); loadKinds(m, d); press(m, "down", "enter") }},
	{name: "details", play: func(m *model, _ *fakeDesk) { press(m, "2", "b", "enter") }},
	{name: "plan", play: func(m *model, d *fakeDesk) { press(m, "4", "enter"); settle(m, d); armTop(m) }},
	{name: "plan-typed", play: func(m *model, d *fakeDesk) {
		press(m, "4", "enter")
		p := typedPlan()
		m.Update(doneMsg{m.jobs.next, planResult(p), nil})
		armTop(m)
		write(m, "gpt-4o@eu")
	}},
	{name: "plan-rehearsed", play: func(m *model, d *fakeDesk) { planOf(m, d, fallbackPlan()) }},
	{name: "plan-never-rehearsed", play: func(m *model, d *fakeDesk) {
		p := fallbackPlan()
		p.Rehearsal = &desk.RehearsalView{For: "gpt-4o", Words: "the fallback was never rehearsed"}
		p.Caveats = []string{p.Rehearsal.Words}
		planOf(m, d, p)
	}},
	{name: "cap-form", play: func(m *model, _ *fakeDesk) { press(m, "b", "c") }},
	{name: "rehearse-form", play: func(m *model, _ *fakeDesk) { press(m, "b", "5", "t") }},
	{name: "rehearsal", play: func(m *model, d *fakeDesk) { rehearseNow(m, d) }},
	{name: "help", play: func(m *model, _ *fakeDesk) { press(m, "4", "?") }},
	{name: "leave", play: func(m *model, _ *fakeDesk) { press(m, "q") }},
	{name: "command", play: func(m *model, _ *fakeDesk) { press(m, ":"); write(m, "ex") }},
	{name: "mono", opt: Options{NoColor: true, ASCII: true}, play: func(m *model, _ *fakeDesk) { press(m, "b", "5") }},
}

func TestGoldenScreens(t *testing.T) {
	for _, size := range []struct{ w, h int }{{80, 24}, {120, 40}, {200, 60}} {
		for _, s := range screens {
			name := s.name + "-" + itoa(size.w) + "x" + itoa(size.h)
			t.Run(name, func(t *testing.T) {
				m, d := playScreen(t, s.calm, size.w, size.h, s.opt)
				if s.play != nil {
					s.play(m, d)
				}
				checkScreen(t, m)
				golden(t, name, ansi.Strip(m.View().Content))
			})
		}
	}
}

func TestGoldenTooSmall(t *testing.T) {
	m, _ := playScreen(t, false, 60, 10, Options{})
	checkScreen(t, m)
	golden(t, "small-60x10", ansi.Strip(m.View().Content))
}

func TestGoldenSmallest(t *testing.T) {
	m, d := playScreen(t, false, 60, 15, Options{})
	press(m, "4", "enter")
	settle(m, d)
	armTop(m)
	checkScreen(t, m)
	golden(t, "plan-60x15", ansi.Strip(m.View().Content))
}

// TestGoldenMonoStyles keeps the mono theme free of colour: only bold, faint, underline and reverse.
func TestGoldenMonoStyles(t *testing.T) {
	m, _ := playScreen(t, false, 120, 40, Options{NoColor: true})
	for _, part := range strings.Split(m.View().Content, "\x1b[")[1:] {
		codes, _, _ := strings.Cut(part, "m")
		for _, c := range strings.Split(codes, ";") {
			switch c {
			case "", "1", "2", "4", "7":
			default:
				t.Fatalf("mono theme draws with SGR %q", codes)
			}
		}
	}
}

func playScreen(t testing.TB, quiet bool, w, h int, o Options) (*model, *fakeDesk) {
	t.Helper()
	snap := rich()
	if quiet {
		snap = calm()
	}
	d := newFakeDesk(snap)
	o.Now = func() time.Time { return at }
	m := console(t, d, w, h, o)
	loadLog(m, d)
	return m, d
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	lines := strings.Split(got, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	got = strings.Join(lines, "\n") + "\n"
	path := filepath.Join("testdata", "golden", name+".txt")
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; UPDATE_GOLDEN=1 writes it", err)
	}
	if got != string(want) {
		t.Errorf("the screen differs from %s; UPDATE_GOLDEN=1 rewrites it\n--- got\n%s\n--- want\n%s", path, got, want)
	}
}

// checkScreen checks what holds of every screen: exactly its height, no line of another width, nothing
// that a terminal would obey except styles.
func checkScreen(t testing.TB, m *model) {
	t.Helper()
	if err := screenError(m); err != "" {
		t.Fatal(err)
	}
}

func screenError(m *model) string {
	content := m.View().Content
	if content == "" {
		return "the screen is empty"
	}
	lines := strings.Split(content, "\n")
	if len(lines) != m.lay.h {
		return "the screen has " + itoa(len(lines)) + " lines on a terminal of " + itoa(m.lay.h)
	}
	for i, l := range lines {
		if w := ansi.StringWidth(l); w != m.lay.w {
			return "line " + itoa(i) + " is " + itoa(w) + " wide on a terminal of " + itoa(m.lay.w) + ": " + ansi.Strip(l)
		}
	}
	return rawError(content)
}

// rawError looks for anything but text and SGR.
func rawError(s string) string {
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '\n' || c >= 0x20 && c != 0x7f:
			continue
		case c == 0x1b && i+1 < len(s) && s[i+1] == '[':
			j := i + 2
			for j < len(s) && (s[j] >= '0' && s[j] <= '9' || s[j] == ';') {
				j++
			}
			if j < len(s) && s[j] == 'm' {
				i = j
				continue
			}
		}
		return "a raw control character reaches the screen: " + jsonOf(s[max(0, i-20):min(len(s), i+20)])
	}
	return ""
}

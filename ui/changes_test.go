package ui

import (
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"signalbox/internal/desk"
	"signalbox/internal/traffic"
)

func TestMarksStandInTheStepOfTheChange(t *testing.T) {
	s := rich()
	s.Changes = []desk.ChangeView{
		{At: s.Grid.From, Kind: "deploy", Text: "first step"},
		{At: s.Grid.From.Add(59 * time.Second), Kind: "deploy", Text: "sixth", Scope: traffic.Scope{"model": "gpt-4o", "gateway": "edge"}},
		{At: s.Grid.From.Add(99 * time.Second), Kind: "deploy", Text: "elsewhere", Scope: traffic.Scope{"region": "us-east"}},
		{At: s.Grid.From.Add(100 * time.Second), Kind: "deploy", Text: "after the chart"},
		{At: s.Grid.From.Add(-time.Millisecond), Kind: "deploy", Text: "before the chart"},
	}
	draw := func(got []bool) string {
		var b strings.Builder
		for _, m := range got {
			b.WriteString(map[bool]string{true: "x", false: "."}[m])
		}
		return b.String()
	}
	for _, c := range []struct {
		scope traffic.Scope
		want  string
	}{
		{traffic.Scope{"model": "gpt-4o", "region": "eu-west"}, "x....x...."},
		{traffic.Scope{"model": "mini", "region": "us-east"}, "x........x"},
		{nil, "x....x...x"},
	} {
		if got := draw(marks(s, c.scope, 10)); got != c.want {
			t.Errorf("%s: %s, want %s", c.scope, got, c.want)
		}
	}
	s.Grid.From = time.Time{}
	if got := marks(s, nil, 10); got != nil {
		t.Errorf("charts without a time have marks %v", got)
	}
}

// TestAMarkIsSeenWithAndWithoutFailures: a step without failures shows the mark itself, one with failures keeps its bar and
// stands out, also where there is no colour.
func TestAMarkIsSeenWithAndWithoutFailures(t *testing.T) {
	points := sparkOf(0, 0, 40, 40, 0)
	for _, c := range []struct {
		theme, want string
		ascii       bool
	}{{"dark", " ▲██ ", false}, {"mono", " ^@@ ", true}} {
		r := newRow(newTheme(c.theme, c.ascii), 5)
		r.spark(points, []bool{false, true, true, false, false}, 5)
		styled := r.line()
		if got := ansi.Strip(styled); got != c.want {
			t.Errorf("%s: %q, want %q", c.theme, got, c.want)
		}
		if glyph := string([]rune(c.want)[2]); !strings.Contains(styled, r.th.sgr[warn]+glyph) {
			t.Errorf("%s: the bar of the change does not stand out: %q", c.theme, styled)
		}
	}
	r := newRow(newTheme("dark", false), 3)
	r.spark(points, []bool{false, true, true, false, false}, 3) // the last three: the marks move with them
	if got := r.line(); !strings.Contains(got, r.th.sgr[warn]+"█") {
		t.Errorf("a chart that shows the last points lost its mark: %q", got)
	}
}

func TestEveryChangeBeforeABurstIsListed(t *testing.T) {
	m, _ := playScreen(t, false, 120, 40, Options{})
	m.snap.Bursts[0].Changes = []desk.ChangeView{
		{At: m.snap.Bursts[0].Onset.Add(-time.Minute), Kind: "flag", Text: "router \x1b]0;v2\x07 on", Who: "ana"},
		{At: m.snap.Bursts[0].Onset.Add(-29 * time.Minute), Kind: "deploy", Text: "deploy gateway v12", Scope: traffic.Scope{"region": "eu-west"}},
	}
	press(m, "2", "b", "enter")
	p, ok := m.top().(*page)
	if !ok {
		t.Fatalf("enter opened %T", m.top())
	}
	for _, want := range []string{"changed   02:12:30Z, 1m before: flag router ", "on, by ana", "29m before: deploy gateway v12 (region=eu-west)"} {
		if !strings.Contains(p.plain, want) {
			t.Errorf("%q is not on the page:\n%s", want, p.plain)
		}
	}
	checkScreen(t, m)
}

func TestAChangeIsNotedByCommand(t *testing.T) {
	m, d := playScreen(t, false, 120, 40, Options{})
	press(m, ":")
	write(m, "change deploy v13")
	press(m, "enter")
	settle(m, d)
	sent := d.sent()
	if len(sent) != 1 || sent[0] != (desk.AddNote{Text: "deploy v13", Kind: "change"}) {
		t.Errorf("sent %+v", sent)
	}
}

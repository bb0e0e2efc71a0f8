package ui

import (
	"strings"
	"testing"

	"signalbox/internal/desk"
	"signalbox/runbook"
)

// An open field is why the step's checks cannot tell: enter fills it before anything is done all the same, and where a burst that was
// found since says something of several fields, it offers to take them all.
func TestEnterFillsWhatIsOpen(t *testing.T) {
	s := rich()
	step := &s.Run.Steps[s.Run.Current]
	step.Step.Blocks = []runbook.Block{{Check: &runbook.Check{Name: "it is real"}}}
	step.Blocks = []desk.BlockView{{Truth: desk.CheckUnknown, Text: "$model is not filled"}}
	s.Run.Fields = []desk.FieldView{{Name: "model", Prompt: "Which model fails?"}, {Name: "region", Prompt: "In which region?"}}
	d := newFakeDesk(s)
	m := console(t, d, 80, 24, Options{})
	press(m, "4")
	if text := readerText(m); !strings.Contains(text, "enter fill model") {
		t.Fatalf("the hint is another:\n%s", text)
	}
	press(m, "enter")
	if text := readerText(m); !strings.Contains(text, "Which model fails?") || !strings.Contains(text, "field model") {
		t.Fatalf("no form:\n%s", text)
	}
	press(m, "esc")
	next := *s
	r := *s.Run
	r.Fields = []desk.FieldView{{Name: "model", Prompt: "Which model fails?", Proposed: "gpt-4o"}, {Name: "region", Prompt: "In which region?", Proposed: "eu-west"}}
	next.Run, next.Seq = &r, s.Seq+1
	m.Update(snapMsg{&next})
	press(m, "enter")
	text := readerText(m)
	checkScreen(t, m)
	if !strings.Contains(text, "all from the burst") || !strings.Contains(text, "model = gpt-4o, region = eu-west") {
		t.Fatalf("the burst is not offered:\n%s", text)
	}
	press(m, "enter")
	if n := len(m.jobs.running); n != 2 {
		t.Errorf("%d fields are being filled", n)
	}
}

// A page that is kept open tells what becomes of its subject, and the last words where that is gone.
func TestPagesFollow(t *testing.T) {
	s := rich()
	m := console(t, newFakeDesk(s), 100, 40, Options{})
	press(m, "5", "down", "enter")
	if text := readerText(m); !strings.Contains(text, "lever  ") || strings.Contains(text, "a wholly new reason") {
		t.Fatalf("no page:\n%s", text)
	}
	next := *s
	next.Seq, next.Levers = s.Seq+1, append([]desk.LeverView(nil), s.Levers...)
	for i := range next.Levers {
		next.Levers[i].ObeyedWhy = "a wholly new reason"
	}
	m.Update(snapMsg{&next})
	if text := readerText(m); !strings.Contains(text, "a wholly new reason") {
		t.Errorf("the page stands still:\n%s", text)
	}
	gone := next
	gone.Seq, gone.Levers = next.Seq+1, nil
	m.Update(snapMsg{&gone})
	if text := readerText(m); !strings.Contains(text, "a wholly new reason") {
		t.Errorf("the last words are gone:\n%s", text)
	}
	press(m, "esc", "!")
	next.Seq, next.Findings = gone.Seq+1, []string{"something is odd since just now"}
	m.Update(snapMsg{&next})
	if text := readerText(m); !strings.Contains(text, "something is odd since just now") {
		t.Errorf("what is wrong stands still:\n%s", text)
	}
}

package ui

import (
	"strings"
	"testing"

	"signalbox/internal/desk"
)

// rehearseNow asks for a rehearsal from the levers pane, and waits for what comes out.
func rehearseNow(m *model, d *fakeDesk) {
	d.answer = func(desk.Command) (desk.Result, error) {
		return desk.Result{Text: "rehearsal of llama-3: refused: parallel_tool_calls", Tried: &desk.RehearsalView{
			Endpoint: "eu", Model: "llama-3", For: "gpt-4o", Text: "refused: parallel_tool_calls",
			Trials: []desk.TrialView{
				{Name: "plain", Verdict: "accepted", Text: "210 ms", OK: true},
				{Name: "stream", Verdict: "accepted", Text: "430 ms, first text after 120 ms", OK: true},
				{Name: "parallel_tool_calls", Verdict: "refused", Text: "80 ms  400 unknown_parameter: \x1b[31mnot known here"},
			},
		}}, nil
	}
	press(m, "b", "5", "t")
	write(m, "llama-3")
	press(m, "enter", "enter", "enter")
	settle(m, d)
	armTop(m)
}

// A rehearsal is asked for by one key and a form, and what the target refuses stands first.
func TestRehearsalFromTheLeversPane(t *testing.T) {
	m, d := playScreen(t, false, 120, 40, Options{})
	rehearseNow(m, d)
	sent, ok := d.commands[len(d.commands)-1].(desk.RunRehearsal)
	if !ok || sent.Model != "llama-3" || sent.For != "gpt-4o" || sent.Endpoint != "" {
		t.Errorf("the desk was asked for %+v", d.commands[len(d.commands)-1])
	}
	text := readerText(m)
	refused, plain := strings.Index(text, "parallel_tool_calls refused"), strings.Index(text, "plain accepted")
	if refused < 0 || plain < refused || !strings.Contains(text, `\x1b[31mnot known here`) { // shown, not obeyed
		t.Errorf("the result reads\n%s", text)
	}
	press(m, "esc")

	m.snap.NoProbe = "no endpoint for probes is configured"
	before := len(d.commands)
	press(m, "t")
	if m.top() != nil || len(d.commands) != before || !strings.Contains(readerText(m), "no rehearsal: no endpoint for probes") {
		t.Errorf("without an endpoint:\n%s", readerText(m))
	}
}

package cli_test

import (
	"strings"
	"testing"
)

// From the levers pane of a drill: what the third tier refuses is found, shown first, and in the plan of the lever that
// would send it requests.
func TestRehearsalAtTheConsole(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	x := openTerminal(t, dir, "drill", "calm", "--users", "20", "--state-dir", "state")
	x.sees(t, "no lever is out", "can cap.set")
	x.press(t, "f")
	x.sees(t, "fallback on: plan it")
	x.press(t, " model=gpt-4o", enter, enter, enter, "trying", enter)
	key, plan := "t", x.offers(t)
	if strings.Contains(plan, "to confirm:") {
		key = "\x14" // ctrl+t
	}
	if !strings.Contains(plan, "rehearsed NEVER") {
		t.Errorf("the plan does not say that it was never rehearsed:\n%s", plan)
	}
	x.press(t, key)
	x.sees(t, "rehearse a fallback")
	x.press(t, "llama-3", enter, enter, enter)
	x.sees(t, "plan: fallback.on gpt-4o", "ago on llama-3 through", "refused parallel_tool_calls:", "first text after", "answers whole")
	x.offers(t)
	x.press(t, escape)
	x.sees(t, "declined: fallback.on gpt-4o; nothing was sent")
	x.press(t, "5", "t")
	x.sees(t, "rehearse a fallback", "the model that the fallback would use")
	x.press(t, "llama-3", enter)
	x.sees(t, "its plan tells of this")
	x.press(t, strings.Repeat(erase, 40), "gpt-4o", enter, enter)
	s := x.sees(t, "rehearsal of llama-3", "llama-3 as fallback of gpt-4o", "parallel_tool_calls refused:", "unknown_parameter", "all together accepted:")
	if strings.Index(s, "parallel_tool_calls refused") > strings.Index(s, "plain accepted") {
		t.Errorf("what was refused does not stand first:\n%s", s)
	}
	out, err := signalboxIn(t, dir, "control", "plan", "-c", "state/drill.yaml", "route.force", "model=gpt-4o", "--value", "local-llama-3", "--reason", "trying")
	if err != nil || !strings.Contains(string(out), "on llama-3: refused: parallel_tool_calls") {
		t.Errorf("%v: the plan says\n%s", err, out)
	}
}

package cli_test

import (
	"encoding/json"
	"errors"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"signalbox/internal/gateway"
)

// thrown is what the test needs of `control apply --output json`.
type thrown struct {
	ID, State, Holder  string
	Accepted, Reported bool
	Ends               *time.Time `json:"expires_at"`
}

// shownLever is a lever as `control state --output json` lists it.
type shownLever struct {
	ID, Title, State, Accepted, Reported, Obeyed, Drift, Err, Holder string
	Undo                                                             []string
}

// shownState is what the tests need of `control state --output json`.
type shownState struct {
	Gateways []struct {
		Controls []struct {
			ID, Instance, Drift, Lever string
			Value, Base                json.RawMessage
		}
	}
	Levers []shownLever
}

// value is what an instance reports for a control.
func (s shownState) value(id, instance string) string {
	for _, g := range s.Gateways {
		for _, c := range g.Controls {
			if c.ID == id && c.Instance == instance {
				return string(c.Value)
			}
		}
	}
	return ""
}

// controls runs `signalbox control` on the files of a folder, and gives what it prints and its exit code.
func controls(t *testing.T, dir string, args ...string) (out string, code int) {
	t.Helper()
	b, err := signalboxIn(t, dir, append([]string{"control", "-c", "signalbox.yaml", "--state-dir", "state"}, args...)...)
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		return string(b) + string(exit.Stderr), exit.ExitCode()
	case err != nil:
		t.Fatal(err)
	}
	return string(b), 0
}

// well is controls for what must end with 0, with its JSON.
func well(t *testing.T, dir string, v any, args ...string) {
	t.Helper()
	out, code := controls(t, dir, append(args, "--output", "json")...)
	if code != 0 {
		t.Fatalf("%q ends with %d:\n%s", args, code, out)
	}
	if err := json.Unmarshal([]byte(out), v); err != nil {
		t.Fatalf("%q: %v in\n%s", args, err, out)
	}
}

// Every command is a process of its own, and what one of them threw the next reads and takes back, on a real HAProxy:
// nothing but the journal lies between them.
func TestControlOnHAProxy(t *testing.T) {
	t.Parallel()
	e := startEdge(t)
	start := e.levers(t)
	const capped, brief = "gpt-4o/azure-us-east", "gpt-4o-mini/openai-us"
	throw := func(target, value, ttl string) thrown {
		t.Helper()
		var l thrown
		well(t, e.dir, &l, "apply", "cap.set", "gateway=edge", "deployment="+target, "--value", value, "--ttl", ttl, "--reason", "spare it", "--wait", "0", "--yes")
		if !l.Accepted || !l.Reported || l.Holder != gateway.HeldByConsole || l.Ends == nil {
			t.Errorf("cap of %s: %+v", target, l)
		}
		if got := e.servers(t)[target].Limit; got != value {
			t.Errorf("HAProxy's maxconn of %s is %q, not %s", target, got, value)
		}
		return l
	}
	long := throw(capped, "7", "10m")
	var s shownState
	well(t, e.dir, &s, "state")
	if len(s.Levers) != 1 || s.Levers[0].ID != long.ID || s.Levers[0].Reported != "yes" || s.Levers[0].Drift != "" {
		t.Errorf("state lists %+v, not %s", s.Levers, long.ID)
	} else if !slices.ContainsFunc(s.Levers[0].Undo, func(u string) bool { return strings.Contains(u, "set maxconn server "+capped+" 50") }) {
		t.Errorf("the undo by hand is %q", s.Levers[0].Undo)
	}

	// Somebody else moves it: the next look shows both, and nothing is set again.
	e.ask(t, "set maxconn server "+capped+" 9")
	well(t, e.dir, &s, "state")
	if len(s.Levers) != 1 || !strings.Contains(s.Levers[0].Drift, "9") || s.Levers[0].Reported != "no" {
		t.Errorf("somebody else set 9, and state lists %+v", s.Levers)
	}
	if got := e.servers(t)[capped].Limit; got != "9" {
		t.Errorf("after a look HAProxy's maxconn is %q, not 9", got)
	}
	e.ask(t, "set maxconn server "+capped+" 7")

	if out, code := controls(t, e.dir, "revert", "--due"); code != 0 || out != "" {
		t.Errorf("nothing is due, and revert --due ends with %d:\n%s", code, out)
	}
	short := throw(brief, "5", "2s")
	for end := time.Now().Add(patience); ; time.Sleep(200 * time.Millisecond) {
		asked := time.Now()
		out, code := controls(t, e.dir, "revert", "--due")
		if code != 0 || asked.After(end) {
			t.Fatalf("revert --due ends with %d:\n%s", code, out)
		}
		if out == "" && asked.Before(*short.Ends) {
			continue // a timer that comes too early does nothing
		}
		if !strings.Contains(out, short.ID) || !strings.Contains(out, "reverted, read back: yes") || strings.Contains(out, long.ID) {
			t.Errorf("revert --due past the deadline says\n%s", out)
		}
		break
	}
	now := e.levers(t)
	if now[brief] != start[brief] || now[capped].Limit != "7" {
		t.Errorf("after revert --due HAProxy has %+v for what was due, and %+v for what was not", now[brief], now[capped])
	}

	var back struct{ Reverted, Reported bool }
	well(t, e.dir, &back, "revert", long.ID, "--reason", "it is over", "--yes")
	if got := e.levers(t)[capped]; got != start[capped] || !back.Reverted || !back.Reported {
		t.Errorf("taken back: %+v; HAProxy has %+v", back, got)
	}
	well(t, e.dir, &s, "state")
	if len(s.Levers) != 0 {
		t.Errorf("in the end state lists %+v", s.Levers)
	}
	if out, code := controls(t, e.dir, "revert", "--due"); code != 0 || out != "" {
		t.Errorf("in the end revert --due ends with %d:\n%s", code, out)
	}
	journal(t, e)
}

package cli_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"signalbox/internal/incident"
)

// The console holds the deadline of HAProxy's levers. It is killed with one out: HAProxy knows of no end, the next console says so,
// takes the lever over and ends it when the journal says, or at once where that is past.
func TestConsoleKilledWithAHeldLever(t *testing.T) {
	t.Parallel()
	for name, late := range map[string]bool{"before its deadline": false, "past its deadline": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// A machine that is slow today may come to the deadline before the story does. It is told again, with more time.
			for ttl := 15 * time.Second; !heldLever(t, ttl, late); ttl *= 4 {
				if ttl > 30*time.Second {
					t.Fatalf("even with a deadline after %s it came too early", ttl)
				}
			}
		})
	}
}

const heldTarget = "gpt-4o/azure-us-east"

// heldLever tells the story with a deadline; late: nobody runs when it comes. It gives false where the deadline came first.
func heldLever(t *testing.T, ttl time.Duration, late bool) bool {
	t.Helper()
	e := startEdge(t)
	defer e.halt()
	x := openTerminal(t, e.dir, "watch", "-c", "signalbox.yaml", "--state-dir", "state")
	x.sees(t, "edge haproxy can cap.set")
	x.press(t, "c")
	x.sees(t, "cap concurrency: plan it")
	x.press(t, strings.Repeat(erase, 40), "gateway=edge deployment="+heldTarget, enter)
	x.press(t, strings.Repeat(erase, 3), "7", enter, strings.Repeat(erase, 8), ttl.String(), enter, "spare it", enter)
	x.sees(t, "plan: cap.set "+heldTarget+" 7", "nothing is sent before that", "NOT self-reverting")
	x.confirm(t)
	x.until(t, "HAProxy has it", func(s string) bool {
		return strings.Contains(s, "OUT cap.set gpt-4o/azure-us-ea") && strings.Contains(s, "reported ✓ yes") || strings.Contains(s, "reverted")
	})
	x.kill(t)
	ends, first := heldUntil(t, e)
	if endedEarly(t, e) {
		return false
	}
	if got := e.servers(t)[heldTarget].Limit; got != "7" {
		t.Fatalf("after the kill HAProxy's maxconn is %q", got)
	}
	if late {
		time.Sleep(time.Until(ends)) // nobody ends it: that is what is to be seen
		if got := e.servers(t)[heldTarget].Limit; got != "7" {
			t.Fatalf("past the deadline of a console that is gone, HAProxy's maxconn is %q", got)
		}
	}
	x = openTerminal(t, e.dir, "watch", "-c", "signalbox.yaml", "--state-dir", "state")
	warned := late
	x.until(t, "HAProxy has its own maxconn again", func(s string) bool {
		warned = warned || strings.Contains(s, "NOT self-reverting")
		return e.servers(t)[heldTarget].Limit == "50"
	})
	if back := time.Now(); back.Before(ends) {
		t.Errorf("it was taken back %s before its deadline", ends.Sub(back))
	}
	x.kill(t)
	if !warned {
		return false // the second console had no time to
	}
	x.heldRecord(t, e, first)
	return true
}

// endedEarly tells whether the first console has come to the deadline itself.
func endedEarly(t *testing.T, e *edge) bool {
	t.Helper()
	return slices.ContainsFunc(heldEntries(t, e), func(l heldEntry) bool { return l.kind == incident.LeverRevertRequested })
}

// heldRecord checks what the journal has of the lever: somebody else took it over, and ended it because it was due.
func (x *terminal) heldRecord(t *testing.T, e *edge, first string) {
	t.Helper()
	var took, asked, back bool
	for _, l := range heldEntries(t, e) {
		switch l.kind {
		case incident.LeverAdopted:
			took = l.data.From == first && l.data.Owner != first
		case incident.LeverRevertRequested:
			asked = l.data.Due && l.actor == "signalbox" && l.data.Owner != first
		case incident.LeverReverted:
			back = true
		case incident.LeverExtended, incident.LeverPartial, incident.LeverFailed, incident.LeverDrift:
			t.Errorf("the journal has %s: %+v", l.kind, l.data)
		}
	}
	if !took || !asked {
		t.Errorf("taken over: %v; taken back because of its deadline: %v; told: %v; the screen:\n%s", took, asked, back, x.text())
	}
}

type heldEntry struct {
	kind  incident.Kind
	actor string
	data  incident.LeverData
}

// heldEntries gives what the journal has of levers.
func heldEntries(t *testing.T, e *edge) []heldEntry {
	t.Helper()
	journal(t, e) // its chain is whole
	text, err := os.ReadFile(e.path("state/journal.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var out []heldEntry
	for l := range strings.Lines(string(text)) {
		var entry incident.Entry
		var data incident.LeverData
		if err := json.Unmarshal([]byte(l), &entry); err != nil {
			t.Fatal(err)
		}
		if entry.Kind.Noun() == "lever" && entry.Decode(&data) == nil {
			out = append(out, heldEntry{entry.Kind, entry.Actor.ID, data})
		}
	}
	return out
}

// heldUntil gives the deadline that the journal has for the lever, and who looked after it.
func heldUntil(t *testing.T, e *edge) (ends time.Time, owner string) {
	t.Helper()
	for _, l := range heldEntries(t, e) {
		if l.kind == incident.LeverRequested && l.data.ExpiresAt != nil {
			if l.data.Holder != "console" {
				t.Fatalf("the deadline is held by %q", l.data.Holder)
			}
			ends, owner = *l.data.ExpiresAt, l.data.Owner
		}
	}
	if ends.IsZero() {
		t.Fatal("the journal has no deadline of it")
	}
	return ends, owner
}

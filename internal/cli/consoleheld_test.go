package cli_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"signalbox/internal/incident"
)

// The console holds the deadline of HAProxy's levers. It is killed with one out: HAProxy knows of no end, the next console says so,
// takes the lever over and ends it when the journal says, or at once where that is past.
func TestConsoleKilledWithAHeldLever(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		ttl  string
		late bool // nobody runs at the deadline
	}{
		"before its deadline": {"30s", false},
		"past its deadline":   {"12s", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const target = "gpt-4o/azure-us-east"
			e := startEdge(t)
			x := openTerminal(t, e.dir, "watch", "-c", "signalbox.yaml", "--state-dir", "state")
			x.sees(t, "edge haproxy can cap.set")
			x.press(t, "c")
			x.sees(t, "cap concurrency: plan it")
			x.press(t, strings.Repeat(erase, 40), "gateway=edge deployment="+target, enter)
			x.press(t, strings.Repeat(erase, 3), "7", enter, strings.Repeat(erase, 8), tc.ttl, enter, "spare it", enter)
			x.sees(t, "plan: cap.set "+target+" 7", "nothing is sent before that", "NOT self-reverting")
			x.confirm(t)
			x.sees(t, "OUT cap.set gpt-4o/azure-us-ea", "reported ✓ yes")
			x.kill(t)
			ends, first := heldUntil(t, e)
			if got := e.servers(t)[target].Limit; got != "7" {
				t.Fatalf("after the kill HAProxy's maxconn is %q", got)
			}
			if tc.late {
				time.Sleep(time.Until(ends)) // nobody ends it: that is what is to be seen
				if got := e.servers(t)[target].Limit; got != "7" {
					t.Fatalf("past the deadline of a console that is gone, HAProxy's maxconn is %q", got)
				}
			}
			x = openTerminal(t, e.dir, "watch", "-c", "signalbox.yaml", "--state-dir", "state")
			if !tc.late {
				x.sees(t, "NOT self-reverting")
			}
			x.until(t, "HAProxy has its own maxconn again", func(string) bool { return e.servers(t)[target].Limit == "50" })
			if back := time.Now(); back.Before(ends) {
				t.Errorf("it was taken back %s before its deadline", ends.Sub(back))
			}
			x.kill(t)
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
				t.Errorf("taken over: %v; taken back because of its deadline: %v; told: %v", took, asked, back)
			}
		})
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

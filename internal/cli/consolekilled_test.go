package cli_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"signalbox/internal/incident"
)

// death is where a console is killed: as soon as its journal has an entry, or with a request under way.
type death struct {
	act   string        // what its operator does: throw, extend, undo
	kind  incident.Kind // of the entry
	which choosing      // of the request
	late  bool          // the request has taken effect, and its answer has not come back
}

func asks(method, part, instance string) choosing {
	return func(r *http.Request, at string) bool {
		return r.Method == method && strings.Contains(r.URL.Path, part) && r.URL.RawQuery == "" && (instance == "" || at == instance)
	}
}

// deaths are the steps of the protocol, in their order.
func deaths() map[string]death {
	const one, extend = worldControl, worldControl + "/extend"
	return map[string]death{
		"01 planned":                       {act: "throw", kind: incident.LeverPlanned},
		"02 requested":                     {act: "throw", kind: incident.LeverRequested},
		"03 sent to a":                     {act: "throw", which: asks(http.MethodPut, one, "a")},
		"04 sent to b":                     {act: "throw", which: asks(http.MethodPut, one, "b")},
		"05 a did it, no answer":           {act: "throw", which: asks(http.MethodPut, one, "a"), late: true},
		"06 b did it, no answer":           {act: "throw", which: asks(http.MethodPut, one, "b"), late: true},
		"07 answered":                      {act: "throw", kind: incident.LeverApplied},
		"08 being read back":               {act: "throw", which: readAfterPut()},
		"09 read back":                     {act: "throw", kind: incident.LeverReadBack},
		"10 extension requested":           {act: "extend", kind: incident.LeverExtendRequested},
		"11 extension sent":                {act: "extend", which: asks(http.MethodPost, extend, "")},
		"12 one extended, no answer":       {act: "extend", which: asks(http.MethodPost, extend, ""), late: true},
		"13 extended":                      {act: "extend", kind: incident.LeverExtended},
		"14 undo requested":                {act: "undo", kind: incident.LeverRevertRequested},
		"15 undo sent to a":                {act: "undo", which: asks(http.MethodDelete, one, "a")},
		"16 undo sent to b":                {act: "undo", which: asks(http.MethodDelete, one, "b")},
		"17 a has undone it, no answer":    {act: "undo", which: asks(http.MethodDelete, one, "a"), late: true},
		"18 b has undone it, no answer":    {act: "undo", which: asks(http.MethodDelete, one, "b"), late: true},
		"19 undone":                        {act: "undo", kind: incident.LeverReverted},
		"20 b did it, and nobody comes by": {act: "leave", which: asks(http.MethodPut, one, "b"), late: true},
	}
}

// readAfterPut means the first read after a change was sent.
func readAfterPut() choosing {
	put := map[string]bool{}
	return func(r *http.Request, at string) bool {
		if r.Method == http.MethodPut && r.URL.RawQuery == "" {
			put[at] = true
		}
		return r.Method == http.MethodGet && put["a"] && put["b"]
	}
}

// A console on a terminal is killed by the system at each step of the protocol: when an entry is on disk, before a request
// has arrived and before its answer is back. The next console shows what is, as does `control state`; nothing is done twice,
// no deadline is outlived, and the journal is whole.
func TestConsoleKilledAtEveryStep(t *testing.T) {
	if underRace {
		t.Skip("sixty processes with the race detector in each take minutes; what they share is tested in one process, by TestProtocolHoldsWhateverHappens")
	}
	t.Parallel()
	for name, d := range deaths() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			g := serveSlowly(t, dir)
			addSource(t, dir)
			g.consoleDies(t, dir, d)
			if d.act == "leave" {
				g.expires(t)
			}
			screen := g.nextConsole(t, dir)
			l, out := g.told(t, dir)
			values, _ := g.world.values()
			t.Logf("the gateway has %v; state shows out %t, %s, accepted %s, reported %s, %s", values, out, l.State, l.Accepted, l.Reported, l.Err)
			if out != strings.Contains(screen, "OUT cap.set az-eu 3") {
				t.Errorf("state lists a lever: %t (%s); the screen:\n%s", out, l.State, screen)
			}
			if out {
				g.deadlineTold(t, dir)
				g.ends(t, dir, l.ID)
			}
			g.doneOnce(t)
			if out, err := signalboxIn(t, dir, "incident", "verify", "--state-dir", "state"); err != nil {
				t.Errorf("the journal is not intact: %v\n%s", err, out)
			}
		})
	}
}

// addSource gives the configuration a log, which a console wants to watch.
func addSource(t *testing.T, dir string) {
	t.Helper()
	file := filepath.Join(dir, "signalbox.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, "sources:\n- {name: edge-log, kind: file, path: edge.log, gateway: edge, format: signalbox}\n"...)
	for name, content := range map[string][]byte{file: text, filepath.Join(dir, "edge.log"): nil} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// consoleDies drives a console to a step with the keys of an operator, and kills it there.
func (g *slowGateway) consoleDies(t *testing.T, dir string, d death) {
	t.Helper()
	x := openTerminal(t, dir, "watch", "-c", "signalbox.yaml", "--state-dir", "state")
	x.sees(t, "edge contract can cap.set")
	arm := func(act string) {
		if act == d.act {
			g.keepBack(0, d.late)
			g.mu.Lock()
			g.which = d.which
			g.mu.Unlock()
		}
	}
	x.press(t, "c")
	x.sees(t, "cap concurrency: plan it")
	ttl := "10m"
	if d.act == "leave" {
		ttl = "10s"
	}
	x.press(t, strings.Repeat(erase, 40), "gateway=edge deployment=az-eu", enter, strings.Repeat(erase, 3), "3", enter, strings.Repeat(erase, 3), ttl, enter, "spare it")
	x.press(t, enter)
	if d.kind != incident.LeverPlanned {
		x.offers(t)
		arm("throw")
		arm("leave")
		x.press(t, "y")
	}
	if d.act == "extend" || d.act == "undo" {
		x.press(t, "5")
		x.sees(t, "OUT cap.set az-eu 3", "accepted ✓ yes 2/2", "reported ✓ yes")
		arm(d.act)
		key, asked := "u", "plan of an undo"
		if d.act == "extend" {
			x.press(t, "+")
			x.sees(t, "extend cap.set az-eu 3", "ends in")
			key, asked = enter, "moves the deadline"
		}
		x.press(t, key)
		x.sees(t, asked)
		if d.act == "undo" {
			x.offers(t)
		}
		x.press(t, "y")
	}
	if d.kind != "" {
		awaitEntry(t, dir, d.kind, x)
	} else {
		select {
		case <-g.held:
		case <-time.After(patience):
			t.Fatalf("the request did not come; the screen:\n%s", x.text())
		}
	}
	x.kill(t)
	if d.which != nil {
		g.letGo()
	}
}

// awaitEntry waits until the journal on disk has an entry of a kind.
func awaitEntry(t *testing.T, dir string, kind incident.Kind, x *terminal) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if strings.Contains(journalText(dir), `"kind":"`+string(kind)+`"`) {
			return
		}
	}
	t.Fatalf("the journal never had %s; the screen:\n%s", kind, x.text())
}

// nextConsole starts another console on the same folder, waits until it shows what the gateway has, and kills it as well.
func (g *slowGateway) nextConsole(t *testing.T, dir string) (screen string) {
	t.Helper()
	values, _ := g.world.values()
	set := 0
	for _, v := range values {
		if v != worldBase {
			set++
		}
	}
	x := openTerminal(t, dir, "watch", "-c", "signalbox.yaml", "--state-dir", "state")
	defer x.kill(t)
	const lever = "OUT cap.set az-eu 3"
	screen = x.until(t, "the console shows what the gateway has", func(s string) bool {
		switch set {
		case len(values):
			return strings.Contains(s, lever) && strings.Contains(s, "active") && strings.Contains(s, "reported ✓ yes")
		case 0:
			return !strings.Contains(s, lever) && (strings.Contains(s, "0 out") || strings.Contains(s, "no lever is out"))
		}
		return strings.Contains(s, lever) && (strings.Contains(s, "in doubt") || strings.Contains(s, "partial")) && !strings.Contains(s, "reported ✓ yes")
	})
	if requested := strings.Contains(journalText(dir), `"kind":"`+string(incident.LeverRequested)+`"`); requested != strings.Contains(screen, "was left open") {
		t.Errorf("a lever was requested: %t; the next console offers:\n%s", requested, screen)
	}
	return screen
}

func journalText(dir string) string {
	text, err := os.ReadFile(filepath.Join(dir, "state", incident.FileName))
	if err != nil {
		return "" // not written yet
	}
	return string(text)
}

// deadlineTold compares the deadline that `control state` shows with those that the instances hold.
func (g *slowGateway) deadlineTold(t *testing.T, dir string) {
	t.Helper()
	var s struct {
		Levers []struct {
			Ends *time.Time `json:"expires_at"`
		}
	}
	well(t, dir, &s, "state")
	if len(s.Levers) != 1 || s.Levers[0].Ends == nil {
		t.Errorf("state shows no deadline: %+v", s.Levers)
		return
	}
	shown := *s.Levers[0].Ends
	g.world.mu.Lock()
	defer g.world.mu.Unlock()
	var held []time.Time
	for _, k := range g.world.instances {
		if k.ends.IsZero() {
			continue
		}
		if held = append(held, k.ends); shown.Sub(k.ends).Abs() < 5*time.Second {
			return
		}
	}
	t.Errorf("state shows %s as the deadline, the instances hold %v", shown, held)
}

// expires waits until the gateway itself has ended the lever.
func (g *slowGateway) expires(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		if values, _ := g.world.values(); values[0] == worldBase && values[1] == worldBase {
			return
		}
		if time.Now().After(end) {
			t.Fatal("the gateway has not ended it")
		}
	}
}

// doneOnce looks at what the gateway was really made to do.
func (g *slowGateway) doneOnce(t *testing.T) {
	t.Helper()
	g.world.mu.Lock()
	defer g.world.mu.Unlock()
	times := map[string]int{}
	for _, e := range g.world.effects {
		if times[e.inst+" "+e.kind]++; times[e.inst+" "+e.kind] > 1 {
			t.Errorf("%s was made to %s %d times: %+v", e.inst, e.kind, times[e.inst+" "+e.kind], g.world.effects)
		}
		if e.kind == "expire" && e.is != worldBase {
			t.Errorf("%s ended with %d", e.inst, e.is)
		}
	}
	for _, k := range g.world.instances {
		if k.value != worldBase || k.endless {
			t.Errorf("%s has %d in the end", k.name, k.value)
		}
	}
}

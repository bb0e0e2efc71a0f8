package cli_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// fetch is curl with the token.
func fetch(t *testing.T, method, url, token, body string, head ...string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	for i := 0; i+1 < len(head); i += 2 {
		req.Header.Set(head[i], head[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// control is what the test needs of the gateway's answer.
type control struct {
	ID      string
	Value   any
	Version string
}

// second is a second terminal beside a drill: what its file of settings says, and curl.
type second struct{ env map[string]string }

// openSecond reads the drill's settings as a shell does.
func openSecond(t *testing.T, state string) second {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-c", `. "$1" && set`, "sh", filepath.Join(state, "drill.env"))
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	s := second{map[string]string{}}
	for line := range strings.Lines(string(out)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			s.env[name] = strings.Trim(value, "'")
		}
	}
	return s
}

func (s second) control(t *testing.T, instance, id string) control {
	t.Helper()
	code, body := fetch(t, http.MethodGet, s.env[instance+"_CONTROLS"], s.env["TOKEN"], "")
	var v struct{ Controls []control }
	if err := json.Unmarshal([]byte(body), &v); err != nil || code != http.StatusOK {
		t.Fatalf("controls: %d, %v, %s", code, err, body)
	}
	for _, c := range v.Controls {
		if c.ID == id {
			return c
		}
	}
	t.Fatalf("%s has no control %s: %s", instance, id, body)
	return control{}
}

// change sets a control, or takes it back, with curl's means.
func (s second) change(t *testing.T, method, instance, id, body string) {
	t.Helper()
	c := s.control(t, instance, id)
	code, answer := fetch(t, method, s.env[instance+"_CONTROLS"]+"/"+id, s.env["TOKEN"], body,
		"If-Match", `"`+c.Version+`"`, "Idempotency-Key", method+id+c.Version, "Content-Type", "application/json")
	if code != http.StatusOK {
		t.Fatalf("%s %s: %d %s", method, id, code, answer)
	}
}

// requests sums what both instances' metrics pages count of clients' requests.
func (s second) requests(t *testing.T) int {
	t.Helper()
	sum := 0.0
	for _, instance := range []string{"GW_A", "GW_B"} {
		code, body := fetch(t, http.MethodGet, s.env[instance+"_METRICS"], "", "")
		if code != http.StatusOK {
			t.Fatalf("metrics: %d %s", code, body)
		}
		parser := expfmt.NewTextParser(model.UTF8Validation)
		families, err := parser.TextToMetricFamilies(strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range families["gateway_requests_total"].GetMetric() {
			for _, l := range m.GetLabel() {
				if l.GetName() == "side" && l.GetValue() == "client" {
					sum += m.GetCounter().GetValue()
				}
			}
		}
	}
	return int(sum)
}

// logged counts what the gateway's log has of clients' requests.
func (s second) logged(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile(s.env["ACCESS_LOG"])
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(text)) {
		var v struct{ Kind string }
		if json.Unmarshal([]byte(line), &v) == nil && v.Kind == "request" {
			n++
		}
	}
	return n
}

var perMinute = regexp.MustCompile(`([\d]+) req/1m`)

// TestConsoleAndSecondTerminal compares the screen of a drill with what curl and the log say beside it, and changes
// controls behind the console's back.
func TestConsoleAndSecondTerminal(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	state := filepath.Join(dir, "state")
	x := openTerminal(t, dir, "drill", "calm", "--users", "25", "--state-dir", "state")
	x.sees(t, "DRILL", "no lever is out", "req/1m")
	sh := openSecond(t, state)

	// In the first minute the screen's last minute is everything since the start.
	for what, count := range map[string]func(*testing.T) int{"the metrics": sh.requests, "the log": sh.logged} {
		before := count(t)
		shown := 0
		x.until(t, fmt.Sprintf("the screen has the %d requests of %s", before, what), func(s string) bool {
			n, ok := number(s, perMinute)
			shown = int(n)
			return ok && shown >= before
		})
		if after := count(t); shown > after {
			t.Errorf("the screen says %d requests, %s %d", shown, what, after)
		}
	}

	// A stranger's cap shows as such, with who and what it was.
	sh.change(t, http.MethodPut, "GW_A", "cap.local-llama-3", `{"value":7,"ttl":"10m","on_expiry":"restore","reason":"trying","actor":"ben"}`)
	x.sees(t, "NOT OURS cap.set local-llama-3 7", "drill/gw-a set by ben")

	// Our own lever is taken back by somebody else.
	x.press(t, "p")
	x.sees(t, "pause batch: plan it")
	x.press(t, enter, enter, "batch can wait", enter)
	x.sees(t, "plan: workload.pause batch", "off → on")
	x.agrees(t)
	x.press(t, "5")
	x.sees(t, "OUT workload.pause batch", "accepted ✓ yes 2/2", "reported ✓ yes")
	if c := sh.control(t, "GW_A", "pause.batch"); c.Value != true {
		t.Errorf("the screen says paused and read back; curl says %v", c.Value)
	}
	sh.change(t, http.MethodDelete, "GW_A", "pause.batch", `{"reason":"not now","actor":"ben"}`)
	x.sees(t, "OUT workload.pause batch", "DRIFT")

	x.press(t, "q")
	x.sees(t, "leave? still out")
	x.press(t, "y")
	code, left := x.exits(t)
	if code != 0 || !strings.Contains(left, "workload.pause batch, and ended with the drill's fleet") {
		t.Errorf("exit code %d; it says\n%s", code, left)
	}
	checkWhole(t, state)
	if n := kindsOf(readJournal(t, state)); n["lever.drift"] == 0 {
		t.Errorf("the journal tells of no drift: %v", n)
	}
	if _, err := os.Stat(filepath.Join(state, "drill.env")); !os.IsNotExist(err) {
		t.Errorf("the drill is over and drill.env is still there: %v", err)
	}
}

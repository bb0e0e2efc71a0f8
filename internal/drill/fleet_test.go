package drill

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// brief is a scenario that is over in four seconds.
func brief(t *testing.T) Scenario {
	t.Helper()
	s, err := findScenario("azure-eu-502")
	if err != nil {
		t.Fatal(err)
	}
	s.Calm, s.Length = time.Second, 4*time.Second
	s.Faults[0].From, s.Faults[0].To = time.Second, 3500*time.Millisecond
	s.Faults[0].Above, s.Faults[0].Share, s.Faults[0].Hang = 0, 1, 200*time.Millisecond
	return s
}

func TestFleet(t *testing.T) {
	before := runtime.NumGoroutine()
	dir := t.TempDir()
	f, err := startFleet(t.Context(), brief(t), Options{Seed: 7, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	instances := f.Instances()
	if len(instances) != 2 || instances[0].URL == instances[1].URL || len(f.Token()) < 16 || len(f.Inventory()) != 7 {
		t.Fatalf("instances %+v, token of %d bytes, %d deployments", instances, len(f.Token()), len(f.Inventory()))
	}
	<-f.Done()
	for _, in := range instances {
		if !strings.HasPrefix(in.URL, "http://127.0.0.1:") {
			t.Errorf("%s listens at %s", in.Name, in.URL)
		}
		for _, url := range []string{in.MetricsURL, in.ControlsURL} {
			if status := fetch(t, url, f.Token()); status != http.StatusOK {
				t.Errorf("%s: status %d", url, status)
			}
		}
	}
	if since := time.Since(f.Started()); since < 4*time.Second {
		t.Errorf("over after %v", since)
	}
	if err := f.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := f.Stop(); err != nil {
		t.Errorf("the second stop: %v", err)
	}
	checkFleetLog(t, f)
	http.DefaultClient.CloseIdleConnections()
	eventually(t, "return to as many goroutines as before", func() bool { return runtime.NumGoroutine() <= before })
	for _, in := range instances {
		if status := fetch(t, in.MetricsURL, ""); status != 0 {
			t.Errorf("%s still answers with %d", in.Name, status)
		}
	}
}

// checkFleetLog asks of the log what an operator would: does it show the fault
// where it was declared, the calm before it, and every failure explained?
func checkFleetLog(t *testing.T, f *Fleet) {
	t.Helper()
	tally := f.Tally()
	if tally.Interactive.OK == 0 || tally.Batch.OK == 0 {
		t.Errorf("nobody was served: %+v", tally)
	}
	explained := map[string]bool{}
	data, err := os.ReadFile(f.ErrorLog())
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		var e errorLine
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.Kind != "error" {
			t.Fatalf("error log line %q: %v", line, err)
		}
		explained[e.RequestID] = true
	}
	calm, struck := 0, 0
	workloads, instances := map[string]int{}, map[string]int{}
	for _, line := range readLines(t, f.AccessLog()) {
		workloads[line.Workload]++
		instances[line.Instance]++
		at, err := time.Parse(time.RFC3339, line.Time)
		if err != nil {
			t.Fatal(err)
		}
		if line.Kind != "attempt" {
			continue
		}
		if line.Level == "error" && !explained[line.RequestID] {
			t.Errorf("nothing explains %+v", line)
		}
		early := at.Sub(f.Started()) < f.Scenario().Calm
		if early {
			calm++
		}
		if line.Status == http.StatusBadGateway || line.Status == 524 { // what the fault alone sends
			struck++
			if early || line.Deployment != "azure-eu-west-gpt-4o" {
				t.Errorf("struck outside of the fault: %+v", line)
			}
		}
	}
	if calm == 0 || struck == 0 {
		t.Errorf("%d attempts in the calm, %d struck by the fault", calm, struck)
	}
	if len(workloads) != 2 || len(instances) != 2 {
		t.Errorf("workloads %v, instances %v", workloads, instances)
	}
}

// fetch is the status of one GET; 0: nobody answers.
func fetch(t *testing.T, url, token string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	return resp.StatusCode
}

func TestStartErrors(t *testing.T) {
	for _, c := range []struct {
		name string
		o    Options
		want string
	}{
		{"unknown scenario", Options{Scenario: "azure-eu-503", Dir: t.TempDir()}, "there are azure-eu-502, calm, provider-down"},
		{"long calm", Options{Scenario: "azure-eu-502", Dir: t.TempDir(), Calm: time.Minute}, "calm 1m0s"},
		{"no folder", Options{Scenario: "azure-eu-502", Dir: filepath.Join(t.TempDir(), "none")}, "opening log"},
	} {
		f, err := Start(t.Context(), c.o)
		if err == nil || f != nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestActorsSpeakTheirDialects(t *testing.T) {
	for _, d := range deployments() {
		for _, kind := range []failureKind{badGateway, gatewayTimeout, rateLimit, serverError, unavailable, overloaded, unauthorized, badRequest, filtered} {
			p := payloadOf(d.Provider, d.Model, cue{kind: kind})
			if p.status < 400 || p.body == "" || strings.ContainsAny(p.body, "%") || strings.Contains(p.body, "{model}") || strings.Contains(p.body, "{seconds}") {
				t.Errorf("%s, %s: %d %q", d.Provider, kind, p.status, p.body)
			}
			f := readFailure([]byte(p.body))
			if f.Message == "" || p.kind == asJSON && f.Message == p.body {
				t.Errorf("%s, %s: the gateway reads %+v from %q", d.Provider, kind, f, p.body)
			}
			if p.status == http.StatusTooManyRequests && p.header["Retry-After"] == "" {
				t.Errorf("%s: a 429 without Retry-After", d.Provider)
			}
		}
	}
}

func TestFate(t *testing.T) {
	d := deployments()[0]
	s := Scenario{Faults: []Fault{{
		Name: "x", Target: map[string]string{"model": d.Model, "region": d.Region}, Mix: map[string]int{"bad_gateway": 1},
		Share: 1, Above: 2, Floor: 0, From: time.Second, To: 2 * time.Second,
	}}}
	f := newFate(d, s, 1)
	at := 1500 * time.Millisecond
	for i, want := range []failureKind{healthy, healthy, badGateway} {
		if got := f.begin(at).kind; got != want {
			t.Errorf("request %d at once: %q, want %q", i+1, got, want)
		}
	}
	f.end()
	if got := f.begin(at).kind; got != badGateway {
		t.Errorf("the third at once again: %q", got)
	}
	if got := f.begin(2 * time.Second).kind; got == badGateway {
		t.Error("struck after its end")
	}
	if other := newFate(deployments()[1], s, 1); len(other.faults) != 0 {
		t.Error("a fault of eu-west is armed in us-east")
	}
}

func TestAllowance(t *testing.T) {
	a := newAllowance(120) // two a second
	count := func(from time.Duration, n int, every time.Duration) (taken int) {
		for i := range n {
			if a.take(from + time.Duration(i)*every) {
				taken++
			}
		}
		return taken
	}
	if got := count(0, 10, time.Second); got != 10 {
		t.Errorf("one a second: %d of 10", got)
	}
	if got := count(10*time.Second, 200, 50*time.Millisecond); got > 10 {
		t.Errorf("hammering for ten seconds: %d of 200, want fewer than the limit's 20", got)
	}
	if got := count(30*time.Second, 10, time.Second); got < 9 {
		t.Errorf("after a rest: %d of 10", got)
	}
}

package litellm_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"signalbox/internal/component"
)

const (
	euWest = "gpt-4o.azure.eu-west"
	usEast = "gpt-4o.azure.us-east"
	mini   = "gpt-4o-mini.openai.us"
)

// startCompanion runs LiteLLM with two workers and the companion, in front of the actors.
func startCompanion(t *testing.T) *proxy {
	t.Helper()
	binary := component.LiteLLM(t)
	p := &proxy{dir: t.TempDir(), key: "sk-" + randomHex(t), actor: &actor{seen: make(map[string]int), release: make(chan struct{}), begun: make(chan struct{})}}
	config := read(t, "config.yaml")
	for _, change := range [][2]string{{`"signalbox_callback.signalbox"`, `"signalbox_companion.control"`}, {"allowed_fails: 3", "allowed_fails: 1000"}} {
		if !strings.Contains(config, change[0]) {
			t.Fatalf("config.yaml has no %s", change[0])
		}
		config = strings.ReplaceAll(config, change[0], change[1])
	}
	for port, name := range map[string]string{"9101": "eu", "9102": "us", "9103": "mini"} {
		config = strings.ReplaceAll(config, "127.0.0.1:"+port, serve(t, p.actor.as(name)))
	}
	for name, text := range map[string]string{"config.yaml": config, "signalbox_companion.py": read(t, "signalbox_companion.py")} {
		if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(p.dir, "run"), 0o700); err != nil {
		t.Fatal(err)
	}
	p.launch(t, binary, []string{"--num_workers", "2", "--timeout_worker_healthcheck", "120"}, "SIGNALBOX_CONTROLS=run/controls.json")
	p.client.Transport = &http.Transport{DisableKeepAlives: true} // each request may meet another worker
	return p
}

// served is what a client got, and who served it.
type served struct {
	status     int
	deployment string
	retryAfter string
	seen       int // by the providers
	text       string
}

// send asks for an answer. Its case has to be new: the providers count by it.
func (p *proxy) send(t *testing.T, model, name, cue, workload string) served {
	t.Helper()
	body := fmt.Sprintf(`{"model":%q,"messages":[{"role":"user","content":"case=%s %s"}],"metadata":{"workload":%q}}`, model, name, cue, workload)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.base+"/v1/chat/completions", strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return served{}
	}
	req.Header.Set("Authorization", "Bearer "+p.key)
	req.Header.Set("Content-Type", "application/json")
	resp, err := p.client.Do(req)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return served{}
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	return served{resp.StatusCode, resp.Header.Get("x-litellm-model-id"), resp.Header.Get("Retry-After"), p.actor.count(name), string(text)}
}

// all sends n requests and gives who served them, or the status of those that nobody served.
func (p *proxy) all(t *testing.T, n int, model, name, cue string) map[string]int {
	t.Helper()
	got := make(map[string]int)
	for i := range n {
		s := p.send(t, model, fmt.Sprintf("%s-%d", name, i), cue, "interactive")
		if s.status == http.StatusOK {
			got[s.deployment]++
		} else {
			got[fmt.Sprint(s.status)]++
		}
	}
	return got
}

// controls asks the companion.
func (p *proxy) controls(t *testing.T, method, path, version, body string) (int, map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, p.base+"/signalbox"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+p.key)
	if version != "" {
		req.Header.Set("If-Match", `"`+version+`"`)
		req.Header.Set("Idempotency-Key", randomHex(t))
	}
	resp, err := p.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var got map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&got); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, got
}

func (p *proxy) version(t *testing.T, id string) string {
	t.Helper()
	_, list := p.controls(t, http.MethodGet, "/controls", "", "")
	all, _ := list["controls"].([]any)
	for _, c := range all {
		if one := c.(map[string]any); one["id"] == id {
			return one["version"].(string)
		}
	}
	t.Fatalf("there is no control %s: %v", id, list)
	return ""
}

// set throws a lever, and gives what takes it back.
func (p *proxy) set(t *testing.T, id, value, ttl string) (back func()) {
	t.Helper()
	status, now := p.controls(t, http.MethodPut, "/controls/"+id, p.version(t, id), fmt.Sprintf(`{"value":%s,"ttl":%q,"reason":"trial","actor":"ana"}`, value, ttl))
	if status != http.StatusOK {
		t.Fatalf("setting %s to %s: %d %v", id, value, status, now)
	}
	return func() {
		t.Helper()
		if status, now := p.controls(t, http.MethodDelete, "/controls/"+id, p.version(t, id), `{"reason":"over","actor":"ana"}`); status != http.StatusOK {
			t.Fatalf("giving %s back: %d %v", id, status, now)
		}
	}
}

// TestCompanion throws every lever of the companion on a real LiteLLM with two workers, under requests, and takes it back.
func TestCompanion(t *testing.T) {
	p := startCompanion(t)
	for name, check := range map[string]func(*testing.T, *proxy){
		"target": checkTarget, "route": checkRoute, "pause and shed": checkWorkload, "fallback": checkFallback, "retry": checkRetry,
		"cap": checkCap, "deadline": checkDeadline,
	} {
		t.Run(name, func(t *testing.T) { check(t, p) })
	}
	t.Run("contract", func(t *testing.T) { checkContract(t, p) })
	t.Run("driver", func(t *testing.T) { checkDriver(t, p) })
	t.Run("broken file", func(t *testing.T) { checkBroken(t, p) })
}

func checkTarget(t *testing.T, p *proxy) {
	back := p.set(t, "target."+euWest, `"out"`, "1m")
	if got := p.all(t, 8, "gpt-4o", "out-eu", ""); got[usEast] != 8 {
		t.Errorf("eu is out: %v", got)
	}
	backUS := p.set(t, "target."+usEast, `"out"`, "1m")
	if got := p.all(t, 4, "gpt-4o", "out-both", ""); got[mini] != 4 {
		t.Errorf("both are out: %v", got)
	}
	back()
	if got := p.all(t, 4, "gpt-4o", "in-eu", ""); got[euWest] != 4 {
		t.Errorf("eu is in again: %v", got)
	}
	backUS()
}

func checkRoute(t *testing.T, p *proxy) {
	back := p.set(t, "route.gpt-4o", `"`+usEast+`"`, "1m")
	if got := p.all(t, 6, "gpt-4o", "to-us", ""); got[usEast] != 6 {
		t.Errorf("forced to us: %v", got)
	}
	back()
	back = p.set(t, "route.gpt-4o", `"`+mini+`"`, "1m")
	if got := p.all(t, 4, "gpt-4o", "to-mini", ""); got[mini] != 4 {
		t.Errorf("forced to mini: %v", got)
	}
	back()
	if got := p.all(t, 4, "gpt-4o", "unforced", ""); got[mini] != 0 || got[euWest]+got[usEast] != 4 {
		t.Errorf("unforced: %v", got)
	}
}

func checkWorkload(t *testing.T, p *proxy) {
	for _, c := range []struct{ id, value string }{{"pause.batch", "true"}, {"shed.batch", "100"}} {
		back := p.set(t, c.id, c.value, "1m")
		if s := p.send(t, "gpt-4o", c.id+"-batch", "", "batch"); s.status != http.StatusTooManyRequests || s.retryAfter == "" || s.seen != 0 || !strings.Contains(s.text, "signalbox") {
			t.Errorf("%s: %+v", c.id, s)
		}
		if s := p.send(t, "gpt-4o", c.id+"-others", "", "interactive"); s.status != http.StatusOK {
			t.Errorf("%s: others get %+v", c.id, s)
		}
		back()
		if s := p.send(t, "gpt-4o", c.id+"-back", "", "batch"); s.status != http.StatusOK {
			t.Errorf("after %s: %+v", c.id, s)
		}
	}
}

func checkFallback(t *testing.T, p *proxy) {
	const failing = "eu=500 us=500"
	if got := p.all(t, 2, "gpt-4o", "falls", failing); got[mini] != 2 {
		t.Errorf("with its fallback: %v", got)
	}
	back := p.set(t, "fallback.gpt-4o", "false", "1m")
	if got := p.all(t, 2, "gpt-4o", "stays", failing); got["500"] != 2 {
		t.Errorf("without its fallback: %v", got)
	}
	back()
	if got := p.all(t, 2, "gpt-4o", "falls-again", failing); got[mini] != 2 {
		t.Errorf("with its fallback again: %v", got)
	}
}

func checkRetry(t *testing.T, p *proxy) {
	if s := p.send(t, "gpt-4o-mini", "tries-two", "once=500", ""); s.status != http.StatusOK || s.seen != 2 {
		t.Errorf("as configured: %+v", s)
	}
	back := p.set(t, "retry", `{"max_attempts":1,"timeout":"1s"}`, "1m")
	if s := p.send(t, "gpt-4o-mini", "tries-one", "once=500", ""); s.status != http.StatusInternalServerError || s.seen != 1 {
		t.Errorf("one attempt: %+v", s)
	}
	if s := p.send(t, "gpt-4o-mini", "waits-less", "mini=hang", ""); s.status != http.StatusRequestTimeout || s.seen != 1 {
		t.Errorf("one second: %+v", s)
	}
	back()
	if s := p.send(t, "gpt-4o-mini", "tries-again", "once=500", ""); s.status != http.StatusOK || s.seen != 2 {
		t.Errorf("as configured again: %+v", s)
	}
}

// checkCap fills the one slot of a deployment that has no fallback, and of one that has a neighbour.
func checkCap(t *testing.T, p *proxy) {
	backMini, backEU := p.set(t, "cap."+mini, "1", "1m"), p.set(t, "cap."+euWest, "1", "1m")
	backOut := p.set(t, "target."+usEast, `"out"`, "1m")
	var running sync.WaitGroup
	for _, c := range [][2]string{{"gpt-4o-mini", "holds-mini"}, {"gpt-4o", "holds-eu"}} {
		running.Go(func() {
			if s := p.send(t, c[0], c[1], "all=hold", ""); s.status != http.StatusOK {
				t.Errorf("%s: %+v", c[1], s)
			}
		})
		eventually(t, "the slot is taken", func() bool { return p.actor.count(c[1]) == 1 })
	}
	backOut()
	for i := range 4 {
		if s := p.send(t, "gpt-4o-mini", fmt.Sprint("over-", i), "", ""); s.status != http.StatusTooManyRequests || s.seen != 0 {
			t.Errorf("over the cap: %+v", s)
		}
	}
	if got := p.all(t, 6, "gpt-4o", "overflow", ""); got[usEast] != 6 {
		t.Errorf("over the cap of eu: %v", got)
	}
	close(p.actor.release)
	running.Wait()
	// The slot is free again, and stays good for one after another, failures among them.
	for i := range 4 {
		cue := map[bool]string{true: "all=length"}[i%2 == 1]
		eventually(t, "the slot is free", func() bool {
			s := p.send(t, "gpt-4o-mini", fmt.Sprintf("slot-%d-%d", i, time.Now().UnixNano()), cue, "")
			return s.status == http.StatusOK || s.status == http.StatusBadRequest
		})
	}
	backMini()
	backEU()
}

// checkDeadline sets a lever that nobody takes back.
func checkDeadline(t *testing.T, p *proxy) {
	p.set(t, "target."+euWest, `"out"`, "2s")
	n := 0
	eventually(t, "eu serves again by itself", func() bool {
		n++
		return p.send(t, "gpt-4o", fmt.Sprint("ends-", n), "", "").deployment == euWest
	})
	// However slow the machine is: before eu served, the lever had ended, and it had ended by its deadline.
	_, list := p.controls(t, http.MethodGet, "/controls/events?after=0", "", "")
	all := list["events"].([]any)
	if last := all[len(all)-1].(map[string]any); last["kind"] != "expired" || last["id"] != "target."+euWest {
		t.Errorf("the last event is %v", last)
	}
}

// checkContract tries the companion as a stranger's gateway would be tried.
func checkContract(t *testing.T, p *proxy) {
	args := []string{"control", "conform", p.base + "/signalbox", "--token", "env:COMPANION", "--deadline", "1s", "--timeout", "20s", "--value", `route.gpt-4o="` + usEast + `"`, "--output", "json"}
	for _, id := range []string{"cap." + mini, "route.gpt-4o", "retry"} {
		args = append(args, "--control", id)
	}
	program := build(t)
	out, err := p.run(t, program, args...)
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	var report struct{ Passed, Failed int }
	if err := json.Unmarshal(out, &report); err != nil || report.Failed != 0 || report.Passed < 60 {
		t.Errorf("%d passed, %d failed, %v", report.Passed, report.Failed, err)
	}
}

// run runs the program on a configuration with the proxy as a gateway of kind litellm.
func (p *proxy) run(t *testing.T, program string, args ...string) ([]byte, error) {
	t.Helper()
	dir := t.TempDir()
	box := "version: 1\nenvironments: {trial: {confirm: plain}}\ngateways:\n" +
		"  - {name: llm, kind: litellm, env: trial, levers: on, token: \"env:COMPANION\", timeout: 20s, instances: [\"" + p.base + "\"]}\n"
	if err := os.WriteFile(filepath.Join(dir, "box.yaml"), []byte(box), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, append(args, "-c", filepath.Join(dir, "box.yaml"), "--state-dir", dir)...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "COMPANION="+p.key)
	return cmd.CombinedOutput()
}

// checkDriver throws a lever with the program: a gateway of kind litellm is the contract, by the companion.
func checkDriver(t *testing.T, p *proxy) {
	out, err := p.run(t, build(t), "control", "apply", "target.out", "gateway=llm", "deployment="+euWest, "--ttl", "1m", "--reason", "trial", "--yes", "--output", "json")
	if err != nil || !strings.Contains(string(out), `"accepted":true,"reported":true`) {
		t.Errorf("%v\n%s", err, out)
	}
	if got := p.all(t, 4, "gpt-4o", "by-the-program", ""); got[usEast] != 4 {
		t.Errorf("eu is out: %v", got)
	}
	if status, now := p.controls(t, http.MethodDelete, "/controls/target."+euWest, p.version(t, "target."+euWest), `{"reason":"over","actor":"ana"}`); status != http.StatusOK {
		t.Errorf("%d %v", status, now)
	}
	// Attempts alone: the timeout is sent as it was read.
	out, err = p.run(t, build(t), "control", "apply", "retry.set", "gateway=llm", "--value", `{"max_attempts":1}`, "--ttl", "1m", "--reason", "trial", "--yes", "--output", "json")
	if err != nil || !strings.Contains(string(out), `"accepted":true,"reported":true`) {
		t.Errorf("%v\n%s", err, out)
	}
	if s := p.send(t, "gpt-4o-mini", "tries-one-by-the-program", "once=500", ""); s.status != http.StatusInternalServerError || s.seen != 1 {
		t.Errorf("one attempt: %+v", s)
	}
	if status, now := p.controls(t, http.MethodDelete, "/controls/retry", p.version(t, "retry"), `{"reason":"over","actor":"ana"}`); status != http.StatusOK {
		t.Errorf("%d %v", status, now)
	}
}

// checkBroken takes the companion's file away from it: requests are served as configured, and it says that there are no levers.
func checkBroken(t *testing.T, p *proxy) {
	back := p.set(t, "target."+euWest, `"out"`, "1m")
	file := p.path("controls.json")
	whole := read(t, file)
	if err := os.WriteFile(file, []byte(whole[:len(whole)/2]), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := p.all(t, 10, "gpt-4o", "broken", ""); got[euWest]+got[usEast] != 10 || got[euWest] == 0 {
		t.Errorf("with a broken file: %v", got)
	}
	status, said := p.controls(t, http.MethodGet, "/controls", "", "")
	if status != http.StatusServiceUnavailable || !strings.Contains(fmt.Sprint(said), "state_unreadable") {
		t.Errorf("it says %d %v", status, said)
	}
	if !strings.Contains(read(t, p.path("litellm.log")), "signalbox: no levers") {
		t.Error("the log does not say that there are no levers")
	}
	if err := os.WriteFile(file, []byte(whole), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := p.all(t, 4, "gpt-4o", "mended", ""); got[usEast] != 4 {
		t.Errorf("with its file again: %v", got)
	}
	back()
}

package litellm_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"signalbox/internal/component"
)

// calls are the ways in which a request ends. Two of a kind with one actor's name are told apart by the case.
func calls() []*asked {
	return []*asked{
		{name: "whole", model: "gpt-4o", status: 200, class: "none"},
		{name: "streamed", model: "gpt-4o", stream: true, status: 200, class: "none"},
		{name: "limited", model: "alone", cue: "all=429", status: 429, class: "rate_limited"},
		{name: "broken", model: "alone", cue: "all=500", status: 500, class: "server_error"},
		{name: "overloaded", model: "gpt-4o", cue: "all=503", status: 503, class: "overloaded", from: "gpt-4o"},
		{name: "overloaded529", model: "single", cue: "all=529", status: 529, class: "overloaded"},
		{name: "wrong-provider-key", model: "alone", cue: "all=401", status: 401, class: "auth"},
		{name: "too-long", model: "gpt-4o", cue: "all=length", status: 400, class: "context_overflow", from: "gpt-4o"},
		{name: "filtered", model: "single", cue: "all=filter", status: 400, class: "content_filtered"},
		{name: "reset", model: "single", cue: "all=reset", status: 500, class: "connection"},
		{name: "hang", model: "impatient", cue: "all=hang", status: 408, class: "timeout"},
		{name: "cut", model: "single", cue: "all=cut", stream: true, cuts: true, status: 200, class: "truncated"},
		{name: "fallback", model: "gpt-4o", cue: "eu=500 us=500", status: 200, class: "none", from: "gpt-4o"},
		{name: "retry", model: "single", cue: "once=500", status: 200, class: "none"},
		{name: "left", model: "single", cue: "all=long", stream: true, leaves: true, status: 200, class: "cancelled"},
		{name: "messages", model: "single", path: "/v1/messages", status: 200, class: "none"},
		{name: "messages-broken", model: "single", path: "/v1/messages", cue: "all=500", status: 500, class: "server_error"},
		{name: "no-model", model: "no-such-model", status: 400, class: "model_not_found"},
		{name: "wrong-key", model: "gpt-4o", wrongKey: true, status: 400, class: "auth"},
	}
}

// TestRealLiteLLM drives calls of every kind through a real LiteLLM, and compares what its logs, its payloads and the
// callback tell with what the clients got and the providers saw.
func TestRealLiteLLM(t *testing.T) {
	p := start(t)
	program := build(t)
	p.lose(t)
	all := calls()
	var running sync.WaitGroup
	for _, a := range all {
		running.Go(func() { p.ask(t, a) })
	}
	running.Wait()
	all = append(all, p.fillCap(t)...)
	all = append(all, p.coolDown(t)...)
	t.Run("callback", func(t *testing.T) { p.checkCallback(t, program, all) })
	t.Run("own log", func(t *testing.T) { p.checkLog(t, program, all) })
	t.Run("payloads", func(t *testing.T) { p.checkPayloads(t, program, all) })
	t.Run("no levers", func(t *testing.T) {
		out, err := p.run(t, program, "control", "state")
		if err == nil || !strings.Contains(string(out), "not controllable: LiteLLM runs without a database") || !strings.Contains(string(out), "signalbox_companion.control") {
			t.Errorf("%v\n%s", err, out)
		}
	})
	t.Run("rotation and loss", p.rotate)
}

// fillCap sends a request while the one that is allowed runs.
func (p *proxy) fillCap(t *testing.T) []*asked {
	first := &asked{name: "holds-the-slot", model: "capped", cue: "all=hold", status: 200, class: "none"}
	second := &asked{name: "over-the-cap", model: "capped", status: 429, class: "overloaded"}
	var running sync.WaitGroup
	running.Go(func() { p.ask(t, first) })
	eventually(t, "the slot is taken", func() bool { return p.actor.count(first.name) == 1 })
	p.ask(t, second)
	close(p.actor.release)
	running.Wait()
	return []*asked{first, second}
}

// coolDown lets both deployments of a model fail until LiteLLM leaves them alone.
func (p *proxy) coolDown(t *testing.T) []*asked {
	var all []*asked
	for len(all) < 120 {
		var running sync.WaitGroup
		some := make([]*asked, 12)
		for i := range some {
			some[i] = &asked{name: fmt.Sprint("heats-", len(all)+i), model: "cold", cue: "all=500"}
			running.Go(func() { p.ask(t, some[i]) })
		}
		running.Wait()
		for _, a := range some {
			if a.class = "server_error"; a.status == 429 {
				a.class = "no_healthy_upstream"
			}
		}
		all = append(all, some...)
		last := &asked{name: fmt.Sprint("looks-", len(all)), model: "cold", cue: "all=500"}
		p.ask(t, last)
		all = append(all, last)
		if last.class = "server_error"; last.status == 429 {
			last.class = "no_healthy_upstream"
			if n := p.actor.count(last.name); n != 0 {
				t.Errorf("a deployment was asked %d times while all cool down", n)
			}
			return all
		}
	}
	t.Error("LiteLLM does not cool its deployments down")
	return all
}

// lose asks before the callback's folder is there: the client is served, and the lines are counted as lost.
func (p *proxy) lose(t *testing.T) {
	p.ask(t, &asked{name: "lost", model: "single", status: 200})
	time.Sleep(500 * time.Millisecond) // the callback's hook for a success comes after the answer
	if err := os.Mkdir(p.path("calls"), 0o700); err != nil {
		t.Fatal(err)
	}
}

func (p *proxy) path(name string) string { return filepath.Join(p.dir, "run", name) }

func (p *proxy) checkCallback(t *testing.T, program string, all []*asked) {
	file := p.path("calls/signalbox.jsonl")
	eventually(t, "every client request has its line", func() bool { return strings.Count(read(t, file), `"kind":"request"`) >= len(all) })
	eventually(t, "every attempt has its line", func() bool {
		n := 0
		for _, a := range all {
			n += p.actor.count(a.name)
		}
		return strings.Count(read(t, file), `"kind":"attempt"`) >= n
	})
	text := read(t, file)
	for _, private := range []string{prompt, "the-answer", p.key, "sk-eu", "sk-mini"} {
		if strings.Contains(text, private) {
			t.Errorf("the callback writes %q", private)
		}
	}
	if strings.Count(text, `"kind":"lost"`) != 1 {
		t.Errorf("nothing tells of the lines that could not be written: %.300s", text)
	}
	for line := range strings.Lines(text) {
		if !json.Valid([]byte(line)) {
			t.Errorf("no JSON: %s", line)
		}
	}
	records := tail(t, program, "litellm", file)
	byID := make(map[string][]record)
	for _, r := range records {
		byID[r.ID] = append(byID[r.ID], r)
	}
	for _, a := range all {
		if a.id != "" {
			p.checkCall(t, a, byID[a.id])
		}
	}
	clients := slices.DeleteFunc(slices.Clone(records), func(r record) bool { return r.Side != "client" })
	if len(clients) != len(all) {
		t.Errorf("%d client lines of %d requests", len(clients), len(all))
	}
}

// checkCall compares the lines of one request with what its client and the providers saw.
func (p *proxy) checkCall(t *testing.T, a *asked, lines []record) {
	var client []record
	attempts := 0
	for _, r := range lines {
		if r.Side == "client" {
			client = append(client, r)
			continue
		}
		if attempts++; r.Attempt != attempts && !slices.ContainsFunc(lines, func(o record) bool { return o.Side == r.Side && o.Attempt == attempts }) {
			t.Errorf("%s: no attempt %d among %+v", a.name, attempts, lines)
		}
		if r.Provider == "" || r.Region == "" || r.Deployment == "" || r.Model == "" {
			t.Errorf("%s: an attempt without a place: %+v", a.name, r)
		}
	}
	if want := p.actor.count(a.name); attempts != want {
		t.Errorf("%s: %d attempts, the providers saw %d", a.name, attempts, want)
	}
	if len(client) != 1 {
		t.Errorf("%s: %d client lines: %+v", a.name, len(client), lines)
		return
	}
	c := client[0]
	if c.Class != a.class || c.Model != a.model || c.From != a.from {
		t.Errorf("%s: %+v, want class %s, from %q", a.name, c, a.class, a.from)
	}
	if !a.wrongKey && !a.leaves && (c.Status != a.status || c.Workload != "batch" || c.LatencyMS <= 0) {
		t.Errorf("%s: %+v, want status %d", a.name, c, a.status)
	}
	if a.class == "none" && c.TokensOut == 0 {
		t.Errorf("%s: no tokens: %+v", a.name, c)
	}
}

// checkLog looks at LiteLLM's own log. It does not know of clients that left, and counts a stream that was cut twice,
// once as the request that began well.
func (p *proxy) checkLog(t *testing.T, program string, all []*asked) {
	wantFailed := make(map[string]int)
	requests := 1 // before the callback's folder was there
	for _, a := range all {
		requests++
		switch a.class {
		case "truncated":
			requests++
			wantFailed[a.class]++
		case "none", "cancelled":
		default:
			wantFailed[a.class]++
		}
	}
	log := p.path("litellm.log")
	failed := make(map[string]int)
	records := tail(t, program, "auto", log)
	for _, r := range records {
		if r.Side != "client" || r.Explains {
			t.Errorf("%+v", r)
		}
		if r.Class != "none" {
			failed[r.Class]++
		}
	}
	if fmt.Sprint(failed) != fmt.Sprint(wantFailed) || len(records) != requests {
		t.Errorf("%d requests, failed %v; want %d, %v", len(records), failed, requests, wantFailed)
	}
	ids := make(map[string]bool)
	for _, a := range all {
		ids[a.id] = a.class != "none"
	}
	explained := tail(t, program, "litellm-errors", log)
	for _, r := range explained {
		if !r.Explains || !ids[r.ID] {
			t.Errorf("beside the callback: %+v", r)
		}
	}
	if len(explained) < len(all)/2 {
		t.Errorf("only %d lines explain", len(explained))
	}
}

// checkPayloads looks at what generic_api posts: each success, and of each failed request the first failed attempt.
func (p *proxy) checkPayloads(t *testing.T, program string, all []*asked) {
	want := make(map[string]string)
	for _, a := range all {
		switch {
		case a.class == "none" && a.name != "retry" && a.from == "":
			want[a.id] = "none"
		case slices.Contains([]string{"limited", "broken", "overloaded", "too-long", "filtered", "reset", "hang", "cut"}, a.name):
			want[a.id] = a.class
		}
	}
	got := func() map[string]string {
		file := filepath.Join(p.dir, "payloads.jsonl")
		if err := os.WriteFile(file, p.payloads.lines(), 0o600); err != nil {
			t.Fatal(err)
		}
		out := make(map[string]string)
		for _, r := range tail(t, program, "litellm", file) {
			if r.Side != "upstream" {
				t.Errorf("%+v", r)
			}
			if want[r.ID] != "" {
				out[r.ID] += r.Class
			}
		}
		return out
	}
	began := time.Now()
	have := got()
	for ; len(have) < len(want) && time.Since(began) < 20*time.Second; have = got() {
		if len(have) >= enough && time.Since(began) > 3*time.Second {
			break
		}
		time.Sleep(500 * time.Millisecond) // LiteLLM posts them once a second
	}
	for _, a := range all {
		if have[a.id] != "" && want[a.id] != have[a.id] {
			t.Errorf("%s: %q, want %q", a.name, have[a.id], want[a.id])
		}
	}
	if len(have) < enough {
		t.Errorf("%d of %d payloads came", len(have), len(want))
	}
	t.Logf("%d of %d payloads came", len(have), len(want))
}

// enough payloads tell that they are read. LiteLLM empties its queue after it has posted it, and loses what came meanwhile.
const enough = 3

// rotate renames the file, and then makes its name one that cannot be opened: no request notices, no line is lost.
func (p *proxy) rotate(t *testing.T) {
	file := p.path("calls/signalbox.jsonl")
	if err := os.Rename(file, file+".1"); err != nil {
		t.Fatal(err)
	}
	n := 0
	one := func() {
		n++
		p.ask(t, &asked{name: fmt.Sprint("rotated-", n), model: "single", status: 200})
	}
	renewed := func() bool {
		one()
		info, err := os.Stat(file)
		return err == nil && info.Mode().IsRegular()
	}
	before := strings.Count(read(t, file+".1"), `"kind":"request"`)
	eventually(t, "a new file under the old name", renewed)
	if err := os.Rename(file, file+".2"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(file, 0o700); err != nil {
		t.Fatal(err)
	}
	time.Sleep(1100 * time.Millisecond) // the callback looks at the name once a second
	one()
	time.Sleep(200 * time.Millisecond)
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a third file", renewed)
	eventually(t, "every line is in one of the three", func() bool {
		return strings.Count(read(t, file+".1")+read(t, file+".2")+read(t, file), `"kind":"request"`) == before+n
	})
}

// Whatever LiteLLM hands to the hooks, none of them raises, what fails is counted, and texts lose prompts and keys.
func TestCallbackSwallowsNonsense(t *testing.T) {
	python := filepath.Join(filepath.Dir(component.LiteLLM(t)), "python")
	if _, err := os.Stat(python); err != nil {
		t.Skip("LiteLLM's Python is not beside it: ", err)
	}
	here, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, "testdata/nonsense.py")
	cmd.Env = append(os.Environ(), "PYTHONPATH="+here, "PYTHONDONTWRITEBYTECODE=1", "LITELLM_LOCAL_MODEL_COST_MAP=True", "SIGNALBOX_LOG="+filepath.Join(t.TempDir(), "no-such-folder", "x.jsonl"))
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	var got struct {
		Passed []any
		Lost   int
		Texts  []string
	}
	if err != nil || json.Unmarshal(out, &got) != nil {
		t.Fatalf("%v: %s%s", err, out, errs.String())
	}
	if fmt.Sprint(got.Passed) != "[1 raised]" || got.Lost < 10 {
		t.Errorf("passed %v, lost %d", got.Passed, got.Lost)
	}
	for _, text := range got.Texts {
		if text == "" || len(text) > 500 || strings.Contains(text, "my prompt") || strings.Contains(text, "abc") {
			t.Errorf("kept %q", text)
		}
	}
}

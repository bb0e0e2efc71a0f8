package command

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"signalbox/internal/gateway"
	"signalbox/internal/traffic"
)

// world is a folder in which each control of each instance is a file, steered by real commands.
type world struct {
	t   *testing.T
	dir string
	d   *Driver
}

const (
	readFile  = `cat "$1"`
	writeFile = `printf %s "$2" > "$1"`
)

func newWorld(t *testing.T, change func(*Options), instances ...string) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir()}
	at := func(name string) string { return filepath.Join(w.dir, "{instance}-"+name) }
	o := Options{Gateway: "queue", Env: "production", Instances: instances, Timeout: 20 * time.Second, Levers: []Lever{
		{
			Verb: gateway.WorkloadPause, Scope: traffic.Scope{"workload": "batch"}, On: "paused", Off: "running",
			Read:   []string{"sh", "-c", readFile, "sh", at("pause")},
			Apply:  []string{"sh", "-c", writeFile, "sh", at("pause"), "paused"},
			Revert: []string{"sh", "-c", writeFile, "sh", at("pause"), "running"},
		},
		{
			Verb: gateway.CapSet, Scope: traffic.Scope{"deployment": "llm/eu"}, Off: "none", Least: 1, Most: 500, Excess: gateway.ExcessWaits,
			Read:   []string{"sh", "-c", readFile, "sh", at("cap")},
			Apply:  []string{"sh", "-c", writeFile, "sh", at("cap"), "{value}"},
			Revert: []string{"sh", "-c", writeFile, "sh", at("cap"), "none"},
		},
	}}
	if change != nil {
		change(&o)
	}
	w.d = New(o)
	for _, i := range w.d.opts.Instances {
		w.put(i+"-pause", "running")
		w.put(i+"-cap", "none")
	}
	for i := range o.Levers {
		if wrong, hint := o.Levers[i].Check(); wrong != "" {
			t.Fatalf("%s; %s", wrong, hint)
		}
	}
	return w
}

func (w *world) put(name, text string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) has(name, text string) {
	w.t.Helper()
	b, err := os.ReadFile(filepath.Join(w.dir, name))
	if err != nil || string(b) != text {
		w.t.Errorf("%s holds %q (%v), want %q", name, b, err, text)
	}
}

func (w *world) plan(verb gateway.Verb, value string, scope traffic.Scope) gateway.Plan {
	w.t.Helper()
	p, err := w.d.Plan(w.t.Context(), change(verb, value, scope), time.Now())
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

func change(verb gateway.Verb, value string, scope traffic.Scope) gateway.Change {
	return gateway.Change{Verb: verb, Scope: scope, Value: gateway.Value(value), TTL: 10 * time.Minute, Reason: "test", Actor: "ana"}
}

func (w *world) apply(p gateway.Plan) gateway.Receipt {
	w.t.Helper()
	r, err := w.d.Apply(w.t.Context(), p, "key")
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

var (
	batch = traffic.Scope{"gateway": "queue", "workload": "batch"}
	eu    = traffic.Scope{"deployment": "llm/eu"}
)

func TestCapOnTwoInstancesAndBack(t *testing.T) {
	w := newWorld(t, nil, "a", "b")
	w.put("b-cap", "80")
	p := w.plan(gateway.CapSet, "40", eu)
	if len(p.Calls) != 2 || p.Deadline.Holder != gateway.HeldByConsole || p.Deadline.At.IsZero() || p.Excess != gateway.ExcessWaits {
		t.Fatalf("%+v", p)
	}
	if !strings.Contains(p.Calls[0].Text, "40") || !strings.Contains(p.Undo.Calls[0].Text, "none") || !strings.Contains(p.Undo.Calls[1].Text, "80") {
		t.Errorf("calls %v, undo %v", p.Calls, p.Undo.Calls)
	}
	r := w.apply(p)
	if ok, doubt, all := r.Accepted(); ok != 2 || doubt != 0 || all != 2 {
		t.Fatalf("%+v", r)
	}
	w.has("a-cap", "40")
	w.has("b-cap", "40")
	s, err := w.d.Read(t.Context())
	if err != nil || string(s.Instances[0].Controls[1].Value) != "40" || !s.Instances[0].Controls[1].Engaged() || s.Instances[0].Controls[0].Engaged() {
		t.Errorf("%v %+v", err, s)
	}
	if r, err = w.d.Revert(t.Context(), p, r, "back"); err != nil {
		t.Fatal(err)
	}
	w.has("a-cap", "none")
	w.has("b-cap", "80")
	if ok, _, _ := r.Accepted(); ok != 2 {
		t.Errorf("%+v", r)
	}
}

func TestPauseAndResume(t *testing.T) {
	w := newWorld(t, nil)
	p := w.plan(gateway.WorkloadPause, "", batch)
	w.apply(p)
	w.has("queue-pause", "paused")
	if _, err := w.d.Plan(t.Context(), change(gateway.WorkloadPause, "", batch), time.Now()); err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("a second pause: %v", err)
	}
	p = w.plan(gateway.WorkloadResume, "", batch)
	if !p.Deadline.At.IsZero() {
		t.Errorf("giving back has a deadline: %v", p.Deadline)
	}
	w.apply(p)
	w.has("queue-pause", "running")
}

func TestRefused(t *testing.T) {
	w := newWorld(t, nil, "a", "b")
	for _, c := range []struct {
		name, want string
		change     gateway.Change
	}{
		{"another scope is not widened", "other scopes", change(gateway.CapSet, "40", traffic.Scope{"deployment": "llm/us"})},
		{"nor narrowed", "other scopes", change(gateway.CapSet, "40", traffic.Scope{"deployment": "llm/eu", "workload": "batch"})},
		{"everything", "other scopes", change(gateway.CapSet, "40", traffic.Scope{})},
		{"no such command", "no command is configured", change(gateway.RouteForce, `"x"`, eu)},
		{"another gateway", "this is gateway queue", change(gateway.CapSet, "40", traffic.Scope{"gateway": "edge", "deployment": "llm/eu"})},
		{"another environment", "is configured for environment", change(gateway.CapSet, "40", traffic.Scope{"env": "staging", "deployment": "llm/eu"})},
		{"no such instance", "has no instance c", change(gateway.CapSet, "40", traffic.Scope{"instance": "c", "deployment": "llm/eu"})},
		{"below the least", "from 1 to 500", change(gateway.CapSet, "0", eu)},
		{"over the most", "from 1 to 500", change(gateway.CapSet, "501", eu)},
		{"not a number", "from 1 to 500", change(gateway.CapSet, `"40; rm -rf /"`, eu)},
		{"half of one", "from 1 to 500", change(gateway.CapSet, "1.5", eu)},
		{"a value for a flag", "takes no value", change(gateway.WorkloadPause, "3", batch)},
		{"a value for a lift", "takes no value", change(gateway.CapLift, "3", eu)},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := w.d.Plan(t.Context(), c.change, time.Now())
			var refusal *gateway.Refusal
			if !errors.As(err, &refusal) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestWhatGoesWrongWhileApplying(t *testing.T) {
	for _, c := range []struct {
		name    string
		lever   func(*Lever)
		between func(*world) // after the plan
		ok      bool
		doubt   bool
		says    string
		left    string
	}{
		{name: "it fails and does nothing", lever: func(l *Lever) { l.Apply = []string{"sh", "-c", "echo {value} no such policy >&2; exit 3"} }, says: "ended with 3 (40 no such policy)", left: "none"},
		{name: "it fails and has done it", lever: func(l *Lever) { l.Apply[2] += "; exit 1" }, ok: true, says: "ended with 1", left: "40"},
		{name: "it cannot be started", lever: func(l *Lever) { l.Apply = []string{"no-such-command-here", "{value}"} }, says: "could not be started", left: "none"},
		{name: "it says yes and does nothing", lever: func(l *Lever) { l.Apply = []string{"true", "{value}"} }, says: "instead of 40", left: "none"},
		{name: "it hangs", lever: func(l *Lever) { l.Apply = []string{"sh", "-c", "sleep 60; : {value}"} }, doubt: true, says: "had not ended", left: "none"},
		{name: "it hangs after it was done", lever: func(l *Lever) { l.Apply[2] += "; sleep 60" }, ok: true, says: "had not ended", left: "40"},
		{name: "somebody was faster", between: func(w *world) { w.put("queue-cap", "7") }, says: "somebody changed", left: "7"},
		{name: "somebody did the same", between: func(w *world) { w.put("queue-cap", "40") }, ok: true, says: "so already", left: "40"},
		{name: "it cannot be read any more", between: func(w *world) { w.put("queue-cap", "error: timeout\x1b[31m") }, says: "neither a whole number", left: "error: timeout\x1b[31m"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, func(o *Options) {
				o.Timeout = 2 * time.Second
				if c.lever != nil {
					c.lever(&o.Levers[1])
				}
			})
			p := w.plan(gateway.CapSet, "40", eu)
			if c.between != nil {
				c.between(w)
			}
			r := w.apply(p).Instances[0]
			said := r.Err + r.Note
			if r.OK != c.ok || r.InDoubt != c.doubt || !strings.Contains(said, c.says) || strings.ContainsRune(said, 0x1b) {
				t.Errorf("%+v", r)
			}
			w.has("queue-cap", c.left)
		})
	}
}

func TestOneInstanceCannotBeRead(t *testing.T) {
	w := newWorld(t, nil, "a", "b")
	if err := os.Remove(filepath.Join(w.dir, "b-cap")); err != nil {
		t.Fatal(err)
	}
	p := w.plan(gateway.CapSet, "40", eu)
	if len(p.Calls) != 1 || !strings.Contains(strings.Join(p.Caveats, "\n"), "PARTIAL") {
		t.Fatalf("%+v", p)
	}
	if ok, _, all := w.apply(p).Accepted(); ok != 1 || all != 2 {
		t.Errorf("%d of %d", ok, all)
	}
	s, _ := w.d.Read(t.Context())
	if s.Instances[1].Reachable || !strings.Contains(s.Instances[1].Err, "cap deployment=llm/eu of b") || !s.Instances[0].Reachable {
		t.Errorf("%+v", s.Instances)
	}
}

func TestAnAlteredPlanIsNotRun(t *testing.T) {
	w := newWorld(t, nil)
	p := w.plan(gateway.CapSet, "40", eu)
	altered := p
	altered.Instances = []gateway.InstancePlan{p.Instances[0]}
	altered.Instances[0].After = gateway.Value("400")
	if _, err := w.d.Apply(t.Context(), altered, "k"); !errors.Is(err, gateway.ErrAltered) {
		t.Errorf("%v", err)
	}
	w.d.opts.Levers[1].Apply[2] = "rm -r /nowhere"
	if _, err := w.d.Apply(t.Context(), p, "k"); err == nil || !strings.Contains(err.Error(), "another command") {
		t.Errorf("%v", err)
	}
	w.has("queue-cap", "none")
}

func TestRevertLeavesWhatSomebodyElseSet(t *testing.T) {
	w := newWorld(t, nil)
	p := w.plan(gateway.CapSet, "40", eu)
	rec := w.apply(p)
	w.put("queue-cap", "12")
	r, err := w.d.Revert(t.Context(), p, rec, "k")
	if err != nil || r.Instances[0].OK || !strings.Contains(r.Instances[0].Err, "somebody else") {
		t.Errorf("%v %+v", err, r)
	}
	w.has("queue-cap", "12")
}

// TestChildrenEndWithTheirCommand has the command and its child hold a pipe open: its end is theirs, however slow the machine.
func TestChildrenEndWithTheirCommand(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "alive")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	r := gateway.Runner{Timeout: time.Hour, Env: []string{"PATH=" + os.Getenv("PATH")}}
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() {
		_, err := r.Do(ctx, []string{"sh", "-c", `exec 3>"$1"; (echo both >&3; sleep 600) & sleep 600`, "sh", pipe}, nil)
		stopped <- err
	}()
	f, err := os.Open(pipe) // waits for the command
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := io.ReadFull(f, make([]byte, len("both\n"))); err != nil {
		t.Fatalf("the child did not speak: %v", err)
	}
	cancel()
	if err := <-stopped; !errors.Is(err, gateway.ErrStopped) {
		t.Errorf("%v", err)
	}
	if err := f.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if n, err := f.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("a child went on after its command was stopped: %d, %v", n, err)
	}
}

func TestCheck(t *testing.T) {
	good := func() Lever {
		return Lever{Verb: gateway.WorkloadPause, Read: []string{"r"}, Apply: []string{"a"}, Revert: []string{"b"}, On: "on", Off: "off"}
	}
	number := func() Lever {
		return Lever{Verb: gateway.CapSet, Read: []string{"r"}, Apply: []string{"a", "n={value}"}, Revert: []string{"b"}, Off: "none"}
	}
	for _, c := range []struct {
		want string
		make func() Lever
		bad  func(*Lever)
	}{
		{"", good, func(*Lever) {}},
		{"", number, func(*Lever) {}},
		{"throws no lever", good, func(l *Lever) { l.Verb = gateway.WorkloadResume }},
		{"throws no lever", good, func(l *Lever) { l.Verb = "cap" }},
		{"lacks a command", good, func(l *Lever) { l.Read = nil }},
		{"lacks a command", good, func(l *Lever) { l.Revert = nil }},
		{"has no off", number, func(l *Lever) { l.Off = "" }},
		{"has no on", good, func(l *Lever) { l.On = "" }},
		{"are the same", good, func(l *Lever) { l.On = l.Off }},
		{"no word for on", number, func(l *Lever) { l.On = "set" }},
		{"has no value", good, func(l *Lever) { l.Apply = []string{"a", "{value}"} }},
		{"where the value goes", number, func(l *Lever) { l.Apply = []string{"a"} }},
		{"only apply knows", number, func(l *Lever) { l.Revert = []string{"b", "{value}"} }},
	} {
		l := c.make()
		c.bad(&l)
		wrong, hint := l.Check()
		if (wrong == "") != (c.want == "") || !strings.Contains(wrong, c.want) || (wrong != "" && hint == "") {
			t.Errorf("%+v: %q, %q", l, wrong, hint)
		}
	}
}

func TestDescribe(t *testing.T) {
	d := newWorld(t, nil).d.Describe()
	for v, want := range map[gateway.Verb]gateway.Fitness{
		gateway.CapSet: gateway.Native, gateway.CapLift: gateway.Native, gateway.WorkloadResume: gateway.Native, gateway.RouteForce: gateway.Impossible,
	} {
		if a := d.Ability(v); a.Fitness != want || a.Why == "" {
			t.Errorf("%s: %+v", v, a)
		}
	}
}

func TestLine(t *testing.T) {
	if got := gateway.Line([]string{"sh", "-c", "it's $HOME", "", "a=b"}); got != `sh -c 'it'\''s $HOME' '' a=b` {
		t.Error(got)
	}
}

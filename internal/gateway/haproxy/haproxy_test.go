package haproxy

import (
	"encoding/json"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"signalbox/internal/gateway"
	"signalbox/internal/redact"
	"signalbox/internal/traffic"
)

const eu = "gpt-4o/azure-eu-west"

func change(v gateway.Verb, value string, scope ...string) gateway.Change {
	c := gateway.Change{Verb: v, Scope: traffic.Scope{"gateway": "edge"}, TTL: 10 * time.Minute, Reason: "r", Actor: "ana"}
	if value != "" {
		c.Value = gateway.Value(value)
	}
	for i := 0; i < len(scope); i += 2 {
		c.Scope[scope[i]] = scope[i+1]
	}
	return c
}

func mustPlan(t *testing.T, d *Driver, c gateway.Change) gateway.Plan {
	t.Helper()
	p, err := d.Plan(t.Context(), c, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Intact(); err != nil {
		t.Fatal(err)
	}
	return p
}

func mustAll(t *testing.T, r gateway.Receipt, err error) gateway.Receipt {
	t.Helper()
	if ok, _, all := r.Accepted(); err != nil || ok != all {
		t.Fatalf("not all went well: %+v, %v", r, err)
	}
	return r
}

func control(t *testing.T, d *Driver, instance int, id string) gateway.Control {
	t.Helper()
	s, err := d.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range s.Instances[instance].Controls {
		if c.ID == id {
			return c
		}
	}
	t.Fatalf("no control %s in %+v", id, s.Instances[instance])
	return gateway.Control{}
}

func TestCapOnAllProcesses(t *testing.T) {
	s1, s2 := newFakeSocket(t), newFakeSocket(t)
	d := fakeDriver(s1, s2)
	p := mustPlan(t, d, change(gateway.CapSet, "4", "deployment", eu))
	if len(p.Calls) != 2 || p.Excess != gateway.ExcessWaits || p.Deadline.Holder != gateway.HeldByConsole || p.Deadline.At.IsZero() {
		t.Errorf("plan %+v", p)
	}
	if want := `echo "set maxconn server gpt-4o/azure-eu-west 4" | socat stdio unix-connect:` + strings.TrimPrefix(s1.addr, "unix:"); p.Calls[0].Text != want {
		t.Errorf("call %s", p.Calls[0].Text)
	}
	if !strings.Contains(p.Undo.Calls[1].Text, "set maxconn server gpt-4o/azure-eu-west 50") {
		t.Errorf("undo %s", p.Undo.Calls[1].Text)
	}
	all := strings.Join(p.Caveats, "\n")
	for _, want := range []string{"NOT self-reverting", "reload", "timeout queue", "2 processes let 2 times", "12 requests are on"} {
		if !strings.Contains(all, want) {
			t.Errorf("caveats miss %q:\n%s", want, all)
		}
	}
	r, err := d.Apply(t.Context(), p, "k")
	mustAll(t, r, err)
	if c := control(t, d, 1, limitID(eu)); string(c.Value) != "4" || string(c.Base) != "50" || !c.Engaged() || c.Scope["deployment"] != eu {
		t.Errorf("%+v", c)
	}
	r, err = d.Apply(t.Context(), p, "k") // again after a lost answer: nothing is done twice
	mustAll(t, r, err)
	if n := len(s1.writes()); n != 1 || !strings.Contains(r.Instances[0].Note, "so already") {
		t.Errorf("%d writes, %+v", n, r.Instances[0])
	}
	if lift := mustPlan(t, d, change(gateway.CapLift, "", "deployment", eu)); string(lift.Instances[0].After) != "50" || !lift.Deadline.At.IsZero() {
		t.Errorf("lift %+v", lift)
	}
	back, err := d.Revert(t.Context(), p, r, "k2")
	mustAll(t, back, err)
	if c := control(t, d, 0, limitID(eu)); string(c.Value) != "50" {
		t.Errorf("after the undo %+v", c)
	}
	again, err := d.Revert(t.Context(), p, r, "k3")
	mustAll(t, again, err)
	if n := len(s1.writes()); n != 2 {
		t.Errorf("%d writes: %v", n, s1.writes())
	}
}

func TestCapOnAServerWithoutLimit(t *testing.T) {
	s := newFakeSocket(t)
	d := fakeDriver(s)
	p := mustPlan(t, d, change(gateway.CapSet, "3", "deployment", "mini/openai"))
	if string(p.Instances[0].Before) != "null" || !strings.Contains(p.Undo.Calls[0].Body, "mini/openai 0") {
		t.Errorf("%+v", p.Instances[0])
	}
	r, err := d.Apply(t.Context(), p, "k")
	mustAll(t, r, err)
	back, err := d.Revert(t.Context(), p, r, "k2")
	mustAll(t, back, err)
	if c := control(t, d, 0, limitID("mini/openai")); string(c.Value) != "null" || c.Engaged() {
		t.Errorf("%+v", c)
	}
}

func TestDrain(t *testing.T) {
	s := newFakeSocket(t)
	d := fakeDriver(s)
	p := mustPlan(t, d, change(gateway.TargetOut, "", "deployment", eu))
	if p.Blast.LastTarget || string(p.Instances[0].Before) != `"ready"` || string(p.Instances[0].After) != `"drain"` {
		t.Errorf("%+v", p)
	}
	if all := strings.Join(p.Caveats, "\n"); !strings.Contains(all, "left to serve backend gpt-4o: gpt-4o/azure-us-east (0 in flight, maxconn 50)") {
		t.Errorf("what is left is not said:\n%s", all)
	}
	r, err := d.Apply(t.Context(), p, "k")
	mustAll(t, r, err)
	last := mustPlan(t, d, change(gateway.TargetOut, "", "deployment", "gpt-4o/azure-us-east"))
	if !last.Blast.LastTarget || !strings.Contains(strings.Join(last.Caveats, "\n"), "nothing is left to serve backend gpt-4o") {
		t.Errorf("%+v", last.Caveats)
	}
	in := mustPlan(t, d, change(gateway.TargetIn, "", "deployment", eu))
	r, err = d.Apply(t.Context(), in, "k2")
	mustAll(t, r, err)
	if c := control(t, d, 0, stateID(eu)); string(c.Value) != `"ready"` || c.Engaged() || c.Verb != gateway.TargetOut {
		t.Errorf("%+v", c)
	}
	back, err := d.Revert(t.Context(), in, r, "k3") // taking the target.in back drains it again
	mustAll(t, back, err)
	if c := control(t, d, 0, stateID(eu)); string(c.Value) != `"drain"` {
		t.Errorf("%+v", c)
	}
	// A server that somebody put into maintenance is out; undoing a target.in brings maintenance back, not drain.
	s.with(func() { s.find(eu).admin = forcedMaint })
	var refusal *gateway.Refusal
	if _, err := d.Plan(t.Context(), change(gateway.TargetOut, "", "deployment", eu), time.Now()); !errors.As(err, &refusal) || !strings.Contains(refusal.Why, "maint") {
		t.Errorf("%v", err)
	}
	if in := mustPlan(t, d, change(gateway.TargetIn, "", "deployment", eu)); !strings.Contains(in.Undo.Calls[0].Body, "state maint") {
		t.Errorf("%+v", in.Undo)
	}
}

func TestResolve(t *testing.T) {
	s := newFakeSocket(t)
	d := fakeDriver(s)
	d.opts.Resolve = func(sc traffic.Scope) []string {
		if sc["model"] == "gpt-4o" && sc["workload"] == "" {
			return []string{"gpt-4o/azure-us-east", eu, eu}
		}
		return nil
	}
	p := mustPlan(t, d, change(gateway.TargetOut, "", "model", "gpt-4o"))
	if len(p.Calls) != 2 || !p.Blast.LastTarget {
		t.Errorf("%+v", p)
	}
	r, err := d.Apply(t.Context(), p, "k")
	mustAll(t, r, err)
	if _, err := d.Plan(t.Context(), change(gateway.CapSet, "4", "model", "gpt-4o", "workload", "batch"), time.Now()); err == nil {
		t.Error("a workload was widened to its servers")
	}
}

func TestRefusals(t *testing.T) {
	s := newFakeSocket(t)
	d := fakeDriver(s)
	noTTL := change(gateway.CapSet, "4", "deployment", eu)
	noTTL.TTL = 0
	for name, tc := range map[string]struct {
		c        gateway.Change
		why, try string
	}{
		"model alone":        {change(gateway.CapSet, "4", "model", "gpt-4o"), "covers exactly", "deployment=" + eu},
		"server and more":    {change(gateway.CapSet, "4", "deployment", eu, "workload", "batch"), "covers exactly", eu + " alone"},
		"nothing named":      {change(gateway.TargetOut, ""), "names no server", eu},
		"unknown server":     {change(gateway.CapSet, "4", "deployment", "gpt-4o/nope"), "no server", eu},
		"command in a name":  {change(gateway.CapSet, "4", "deployment", "gpt-4o/x 1; shutdown sessions"), "no server", ""},
		"minus one":          {change(gateway.CapSet, "-1", "deployment", eu), "four billion", "target.out"},
		"zero":               {change(gateway.CapSet, "0", "deployment", eu), "no limit", "target.out"},
		"too many":           {change(gateway.CapSet, "5000000000", "deployment", eu), "whole number", ""},
		"half":               {change(gateway.CapSet, "2.5", "deployment", eu), "whole number", ""},
		"no value":           {change(gateway.CapSet, "", "deployment", eu), "needs a value", ""},
		"value for a drain":  {change(gateway.TargetOut, "3", "deployment", eu), "takes no value", ""},
		"nothing to lift":    {change(gateway.CapLift, "", "deployment", eu), "nothing to change", "cap.set"},
		"nothing to let in":  {change(gateway.TargetIn, "", "deployment", eu), "nothing to change", "state"},
		"no deadline":        {noTTL, "deadline", "--ttl"},
		"pause":              {change(gateway.WorkloadPause, "", "workload", "batch"), "no workloads", "describe"},
		"resume":             {change(gateway.WorkloadResume, "", "workload", "batch"), "no workloads", "describe"},
		"fallback":           {change(gateway.FallbackOn, "", "model", "gpt-4o"), "backup", "describe"},
		"another gateway":    {change(gateway.CapSet, "4", "gateway", "x", "deployment", eu), "this is gateway edge", "gateway=edge"},
		"another process":    {change(gateway.CapSet, "4", "instance", "h7", "deployment", eu), "no instance h7", "instance=h1"},
		"environment unsaid": {change(gateway.CapSet, "4", "env", "staging", "deployment", eu), "production", ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := d.Plan(t.Context(), tc.c, time.Now())
			var r *gateway.Refusal
			if !errors.As(err, &r) || !strings.Contains(r.Why, tc.why) || !strings.Contains(r.Try, tc.try) {
				t.Errorf("got %v, want why %q, try %q", err, tc.why, tc.try)
			}
		})
	}
	if w := s.writes(); len(w) > 0 {
		t.Errorf("refused changes sent %v", w)
	}
	for _, v := range gateway.Verbs() {
		if a := d.Describe().Ability(v); a.Why == "" {
			t.Errorf("%s says no why", v)
		}
	}
}

func TestReadOnlySocket(t *testing.T) {
	s := newFakeSocket(t)
	d := fakeDriver(s)
	p := mustPlan(t, d, change(gateway.CapSet, "4", "deployment", eu))
	s.with(func() { s.level = "operator" })
	var r *gateway.Refusal
	if _, err := d.Plan(t.Context(), change(gateway.CapSet, "4", "deployment", eu), time.Now()); !errors.As(err, &r) || !strings.Contains(r.Why, "read-only") {
		t.Errorf("plan: %v", err)
	}
	rec, err := d.Apply(t.Context(), p, "k")
	if err != nil || rec.Instances[0].OK || rec.Instances[0].InDoubt || !strings.Contains(rec.Instances[0].Err, "level admin") {
		t.Errorf("%+v, %v", rec, err)
	}
}

func TestFaultsWhileApplying(t *testing.T) {
	onSet := func(fault func(net.Conn, func() string)) func(string, net.Conn, func() string) bool {
		return func(command string, conn net.Conn, do func() string) bool {
			if !strings.HasPrefix(command, "set ") {
				return false
			}
			fault(conn, do)
			return true
		}
	}
	for name, tc := range map[string]struct {
		before func(s *fakeSocket) // between plan and apply
		doubt  bool
		says   string
	}{
		"hang": {func(s *fakeSocket) {
			s.setFault(onSet(func(c net.Conn, _ func() string) { _, _ = c.Read(make([]byte, 1)) }))
		}, true, "no answer within"},
		"ends without an answer": {func(s *fakeSocket) { s.setFault(onSet(func(net.Conn, func() string) {})) }, true, "without an answer"},
		"answer lost after it was done": {func(s *fakeSocket) {
			s.setFault(onSet(func(_ net.Conn, do func() string) { do() }))
		}, true, "without an answer"},
		"says yes, does nothing": {func(s *fakeSocket) {
			s.setFault(onSet(func(c net.Conn, _ func() string) { _, _ = c.Write([]byte("\n")) }))
		}, false, "reads 50 instead of 4"},
		"multi-line refusal with a secret": {func(s *fakeSocket) {
			s.setFault(onSet(func(c net.Conn, _ func() string) {
				_, _ = c.Write([]byte("No.\n\x1b[31mBearer sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCD\n\n"))
			}))
		}, false, "was answered"},
		"server gone":     {func(s *fakeSocket) { s.with(func() { s.servers = s.servers[1:] }) }, false, "no server"},
		"changed by bob":  {func(s *fakeSocket) { s.with(func() { s.find(eu).limit = 9 }) }, false, "it was 50, now it is 9"},
		"reloaded before": {func(s *fakeSocket) { s.with(func() { s.pid, s.uptime = 101, 1 }) }, false, "was reloaded"},
		"socket gone":     {func(s *fakeSocket) { _ = os.Remove(strings.TrimPrefix(s.addr, "unix:")) }, false, "is HAProxy running"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newFakeSocket(t)
			d := fakeDriver(s)
			p := mustPlan(t, d, change(gateway.CapSet, "4", "deployment", eu))
			tc.before(s)
			d.peers[0].timeout = 200 * time.Millisecond
			r, err := d.Apply(t.Context(), p, "k")
			if err != nil {
				t.Fatal(err)
			}
			i := r.Instances[0]
			if i.OK || i.InDoubt != tc.doubt || !strings.Contains(i.Err, tc.says) {
				t.Errorf("%+v", i)
			}
			if strings.Contains(i.Err, "sk-proj-abc") || strings.ContainsRune(i.Err, 0x1b) {
				t.Errorf("not fit for a screen: %q", i.Err)
			}
		})
	}
}

func TestRevertFromAJournal(t *testing.T) {
	for name, tc := range map[string]struct {
		between func(*fakeSocket, *gateway.Receipt)
		ok      bool
		says    string
		limit   uint32
	}{
		"ours":         {func(*fakeSocket, *gateway.Receipt) {}, true, "", 50},
		"receipt lost": {func(_ *fakeSocket, r *gateway.Receipt) { *r = gateway.Receipt{} }, true, "", 50},
		"reloaded": {func(s *fakeSocket, _ *gateway.Receipt) {
			s.with(func() { s.pid, s.uptime, s.find(eu).limit = 101, 1, 50 })
		}, true, "was reloaded since it was read (pid 100, now pid 101)", 50},
		"changed by bob":         {func(s *fakeSocket, _ *gateway.Receipt) { s.with(func() { s.find(eu).limit = 9 }) }, false, "somebody else", 9},
		"was refused, yet there": {func(_ *fakeSocket, r *gateway.Receipt) { r.Instances[0].OK = false }, false, "was refused", 4},
	} {
		t.Run(name, func(t *testing.T) {
			s := newFakeSocket(t)
			d := fakeDriver(s)
			c := change(gateway.CapSet, "4", "deployment", eu)
			c.Reason, c.Actor = "sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCD", "ana@example.com"
			p := mustPlan(t, d, c)
			r, err := d.Apply(t.Context(), p, "k")
			mustAll(t, r, err)
			tc.between(s, &r)
			b, err := json.Marshal(p)
			if err != nil {
				t.Fatal(err)
			}
			var q gateway.Plan
			if err := json.Unmarshal([]byte(redact.Secrets(string(b))), &q); err != nil {
				t.Fatal(err)
			}
			back, err := fakeDriver(s).Revert(t.Context(), q, r, "k2")
			if err != nil {
				t.Fatal(err)
			}
			i := back.Instances[0]
			if got := s.find(eu).limit; i.OK != tc.ok || !strings.Contains(i.Err+i.Note, tc.says) || got != tc.limit {
				t.Errorf("%+v, limit %d", i, got)
			}
		})
	}
}

// A console that starts while its own cap is out first sees the server capped. After the undo that is no change by
// somebody else.
func TestRevertMendsWhatALaterDriverRemembers(t *testing.T) {
	s := newFakeSocket(t)
	first := fakeDriver(s)
	p := mustPlan(t, first, change(gateway.CapSet, "4", "deployment", eu))
	r, err := first.Apply(t.Context(), p, "k")
	mustAll(t, r, err)
	later := fakeDriver(s)
	if c := control(t, later, 0, limitID(eu)); string(c.Base) != "4" {
		t.Fatalf("the later driver takes %s for the base", c.Base)
	}
	back, err := later.Revert(t.Context(), p, r, "k2")
	mustAll(t, back, err)
	if c := control(t, later, 0, limitID(eu)); string(c.Value) != "50" || c.Engaged() {
		t.Errorf("after the undo %+v", c)
	}
}

func TestOnlyKnownCommandsAreSent(t *testing.T) {
	s := newFakeSocket(t)
	d := fakeDriver(s)
	p := mustPlan(t, d, change(gateway.CapSet, "4", "deployment", eu))
	altered := p
	altered.Calls = slices.Clone(p.Calls)
	altered.Calls[0].Body = "shutdown sessions server " + eu
	if _, err := d.Apply(t.Context(), altered, "k"); !errors.Is(err, gateway.ErrAltered) {
		t.Errorf("altered: %v", err)
	}
	altered.Digest = altered.Sum() // even with a digest that fits
	if _, err := d.Apply(t.Context(), altered, "k"); err == nil || !strings.Contains(err.Error(), "does not fit") {
		t.Errorf("forged: %v", err)
	}
	altered = p
	altered.Undo.Calls = []gateway.Call{{Instance: "h1", Path: p.Instances[0].Control, Body: "disable frontend llm"}}
	if _, err := d.Revert(t.Context(), altered, gateway.Receipt{}, "k"); err == nil {
		t.Error("a forged undo was sent")
	}
	if w := s.writes(); len(w) > 0 {
		t.Errorf("sent %v", w)
	}
}

func TestReadTellsWhatIsOdd(t *testing.T) {
	s := newFakeSocket(t)
	d := fakeDriver(s)
	if _, err := d.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.with(func() {
		s.pid, s.uptime, s.dropped = 101, 7, 11
		s.find(eu).limit = minusOne
		s.find("gpt-4o/azure-us-east").weight = 0
		s.find("mini/openai").op = 0
	})
	state, err := d.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(state.Instances[0].Notes, "\n")
	for _, want := range []string{"was reloaded 7s ago", "somebody sent -1", "dropped 11 lines of its log", "weight of gpt-4o/azure-us-east is 0, configured is 1", "mini/openai takes no requests: its health check fails"} {
		if !strings.Contains(all, want) {
			t.Errorf("notes miss %q:\n%s", want, all)
		}
	}
	s.with(func() { s.uptime = 4000 })
	if state, err = d.Read(t.Context()); err != nil || strings.Contains(strings.Join(state.Instances[0].Notes, ""), "reloaded") {
		t.Errorf("an hour later it is no news: %v, %v", state.Instances[0].Notes, err)
	}
}

func TestUnreachable(t *testing.T) {
	s := newFakeSocket(t)
	dead := filepath.Join(t.TempDir(), "dead.sock")
	l, err := net.Listen("unix", dead)
	if err != nil {
		t.Fatal(err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()
	d := New(Options{Gateway: "edge", Instances: []Instance{
		{"up", s.addr}, {"missing", "/nowhere/h.sock"}, {"dead", "unix:" + dead}, {"odd", "http://x"}, {"tcp", "tcp:127.0.0.1:1"},
	}})
	state, err := d.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"", "stats socket /nowhere/h.sock mode 660 level admin", "nobody listens", "no address of a runtime socket", "is HAProxy running"} {
		if got := state.Instances[i]; got.Reachable != (want == "") || !strings.Contains(got.Err, want) {
			t.Errorf("%+v", got)
		}
	}
	p := mustPlan(t, d, change(gateway.CapSet, "4", "deployment", eu))
	if !strings.Contains(strings.Join(p.Caveats, "\n"), "PARTIAL") {
		t.Errorf("%v", p.Caveats)
	}
	r, err := d.Apply(t.Context(), p, "k")
	if ok, doubt, all := r.Accepted(); err != nil || ok != 1 || doubt != 0 || all != 5 {
		t.Errorf("%+v %v", r, err)
	}
	s.setFault(func(_ string, c net.Conn, _ func() string) bool {
		_, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
		return true
	})
	if state, err = d.Read(t.Context()); err != nil || !strings.Contains(state.Instances[0].Err, "HTTP server") {
		t.Errorf("%+v %v", state.Instances[0], err)
	}
}

func TestParseAddr(t *testing.T) {
	for in, want := range map[string]string{
		"unix:/run/h.sock": "unix /run/h.sock", "unix@/run/h.sock": "unix /run/h.sock", "/run/h.sock": "unix /run/h.sock",
		"unix:./h.sock": "unix ./h.sock", "tcp:127.0.0.1:9999": "tcp 127.0.0.1:9999", "tcp:[::1]:9999": "tcp [::1]:9999",
		"": "", "tcp:9999": "", "tcp::9999": "", "127.0.0.1:9999": "", "unix:run/h.sock": "unix run/h.sock", "unix:": "", "run/h.sock": "", "/a\nb": "",
	} {
		network, address, err := ParseAddr(in)
		if got := strings.TrimSpace(network + " " + address); got != want || (err != nil) != (want == "") {
			t.Errorf("ParseAddr(%q) = %q, %v; want %q", in, got, err, want)
		}
	}
	if got := (peer{network: "unix", address: "/tmp/it's"}).line("show info"); got != `echo "show info" | socat stdio 'unix-connect:/tmp/it'\''s'` {
		t.Error(got)
	}
}

func FuzzParseProcess(f *testing.F) {
	info := "Name: HAProxy\nPid: 7\nUptime_sec: 3\n"
	states := "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight x\n3 be 1 s 127.0.0.1 2 0 1 1 0\n"
	stats := "# pxname,svname,qcur,qmax,scur,smax,slim\nbe,s,0,0,1,0,4294967295\n"
	f.Add(info, states, stats)
	f.Add(info, strings.ReplaceAll(states, " be ", " b;e "), stats)
	f.Add("", "", "")
	f.Fuzz(func(t *testing.T, info, states, stats string) {
		p, err := parseProcess(info, states, stats)
		if err != nil {
			return
		}
		for _, s := range p.servers {
			for _, c := range []string{commandFor(limitID(s.id()), limitValue(s.limit)), commandFor(stateID(s.id()), stateValue(s.state()))} {
				if strings.ContainsAny(c, ";\n\"'") || len(strings.Fields(c)) != 5 {
					t.Fatalf("command %q", c)
				}
			}
		}
	})
}

package litellm

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"signalbox/internal/gateway"
	"signalbox/internal/traffic"
)

// shape is a request and what LiteLLM with a database answered to it; see testdata/README.md.
type shape struct {
	Name   string
	Method string
	Path   string
	Status int
	Answer any
}

func shapes(t *testing.T) map[string]shape {
	t.Helper()
	b, err := os.ReadFile("testdata/database.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []shape
	if err := json.Unmarshal(b, &all); err != nil {
		t.Fatal(err)
	}
	out := make(map[string]shape)
	for _, s := range all {
		out[s.Name] = s
	}
	return out
}

const (
	master = "sk-0123456789"
	team   = "0eec6b10-cd74-434a-bec9-6b84657abc9d"
	keyID  = "1ab0f9a43755c6687ea382f189b884cd3bc420ee0de52db7b8d263d9b08eac8e"
)

// store is a LiteLLM with a database, by the answers that the real one gave.
type store struct {
	t      *testing.T
	url    string
	shapes map[string]shape

	mu        sync.Mutex
	blocked   map[string]bool // deployments, teams and keys
	fallbacks map[string][]any
	limit     any
	twice     bool                                          // two teams of one alias
	hook      func(w http.ResponseWriter, what string) bool // before the answer; true: it has answered
	after     func(w http.ResponseWriter, what string) bool // the change is made
	asked     []string
	actors    []string
}

func serve(t *testing.T) *store {
	s := &store{t: t, shapes: shapes(t), blocked: map[string]bool{}, fallbacks: map[string][]any{}}
	server := httptest.NewServer(http.HandlerFunc(s.answer))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func (s *store) answer(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, _ := io.ReadAll(r.Body)
	var body map[string]any
	_ = json.Unmarshal(b, &body)
	what := r.Method + " " + r.URL.Path
	s.asked = append(s.asked, what)
	if r.Method != http.MethodGet {
		s.actors = append(s.actors, r.Header.Get("Litellm-Changed-By"))
	}
	if s.hook != nil && s.hook(w, what) {
		return
	}
	if r.Header.Get("Authorization") != "Bearer "+master && r.URL.Path != "/health/readiness" && !strings.HasPrefix(r.URL.Path, "/signalbox") {
		s.write(w, "block wrong key", nil)
		return
	}
	s.route(w, r, what, body)
}

func (s *store) route(w http.ResponseWriter, r *http.Request, what string, body map[string]any) {
	done := func(name string, set map[string]any) {
		if s.after == nil || !s.after(w, what) {
			s.write(w, name, set)
		}
	}
	id, _ := body["model_id"].(string)
	model, isFallback := strings.CutPrefix(r.URL.Path, "/fallback/")
	switch {
	case what == "GET /health/readiness":
		s.write(w, "ready", nil)
	case what == "GET /model/info":
		s.models(w)
	case what == "POST /model/block" || what == "POST /model/unblock":
		switch {
		case strings.HasSuffix(id, ".config"):
			s.write(w, "block of the file", nil)
		case id != "solo.db" && !strings.HasPrefix(id, "gpt-4o.azure"):
			s.write(w, "block unknown", nil)
		default:
			s.blocked[id] = what == "POST /model/block"
			done("block", map[string]any{"model_id": id, "blocked": s.blocked[id]})
		}
	case isFallback && len(s.fallbacks[model]) == 0:
		s.write(w, "no fallback", nil)
	case isFallback && r.Method == http.MethodGet:
		s.write(w, "fallback", map[string]any{"model": model, "fallback_models": s.fallbacks[model]})
	case isFallback:
		delete(s.fallbacks, model)
		done("fallback gone", nil)
	case what == "POST /fallback":
		s.fallbacks[body["model"].(string)] = body["fallback_models"].([]any)
		done("fallback made", nil)
	default:
		s.workloads(w, r, what, body, done)
	}
}

func (s *store) workloads(w http.ResponseWriter, r *http.Request, what string, body map[string]any, done func(string, map[string]any)) {
	switch what {
	case "GET /team/list":
		one := maps.Clone(s.shapes["teams"].Answer.([]any)[0].(map[string]any))
		one["blocked"] = s.blocked[team]
		list := []any{one}
		if s.twice {
			other := maps.Clone(one)
			other["team_id"] = "another"
			list = append(list, other)
		}
		s.reply(w, 200, list)
	case "GET /key/list":
		var keys []any
		for _, k := range s.shapes["keys"].Answer.(map[string]any)["keys"].([]any) {
			k := maps.Clone(k.(map[string]any))
			q := r.URL.Query()
			if a := q.Get("key_alias"); a != "" && a != k["key_alias"] || q.Get("key_hash") != "" && q.Get("key_hash") != k["token"] {
				continue
			}
			if k["token"] == keyID {
				k["blocked"], k["max_parallel_requests"] = s.blocked[keyID], s.limit
			}
			keys = append(keys, k)
		}
		s.reply(w, 200, map[string]any{"keys": keys, "total_count": len(keys), "current_page": 1, "total_pages": 1})
	case "POST /team/block", "POST /team/unblock":
		s.blocked[body["team_id"].(string)] = what == "POST /team/block"
		done("team block", map[string]any{"blocked": what == "POST /team/block"})
	case "POST /key/block", "POST /key/unblock":
		s.blocked[body["key"].(string)] = what == "POST /key/block"
		done("key block", map[string]any{"blocked": what == "POST /key/block"})
	case "POST /key/update":
		s.limit = body["max_parallel_requests"]
		done("key limit", map[string]any{"max_parallel_requests": s.limit})
	default:
		s.write(w, "no companion", nil)
	}
}

func (s *store) models(w http.ResponseWriter) {
	var rows []any
	for _, m := range s.shapes["models"].Answer.(map[string]any)["data"].([]any) {
		m := maps.Clone(m.(map[string]any))
		info := maps.Clone(m["model_info"].(map[string]any))
		if info["db_model"] == true {
			info["blocked"] = s.blocked[info["id"].(string)]
		}
		m["model_info"] = info
		rows = append(rows, m)
	}
	s.reply(w, 200, map[string]any{"data": rows})
}

// write answers as recorded, with other values in it.
func (s *store) write(w http.ResponseWriter, name string, set map[string]any) {
	one, ok := s.shapes[name]
	if !ok {
		s.t.Errorf("no shape %q", name)
	}
	answer := one.Answer
	if len(set) > 0 {
		m := maps.Clone(answer.(map[string]any))
		maps.Copy(m, set)
		answer = m
	}
	s.reply(w, one.Status, answer)
}

func (s *store) reply(w http.ResponseWriter, status int, answer any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer)
}

// hangUp ends the connection without an answer.
func hangUp(w http.ResponseWriter) bool {
	c, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		_ = c.Close()
	}
	return true
}

func (s *store) driver() *Driver { return driver(s.url) }

func ask(v gateway.Verb, scope traffic.Scope, value string) gateway.Change {
	c := gateway.Change{Verb: v, Scope: scope, Reason: "burning", Actor: "ana", TTL: time.Minute}
	c.Scope["gateway"] = "llm"
	if value != "" {
		c.Value = gateway.Value(value)
	}
	return c
}

var each = []struct {
	name, call, undo string
	change           func() gateway.Change
	now              func(s *store) any
	off, on          any
}{
	{
		"a deployment", `POST /model/block {"model_id":"solo.db"}`, `POST /model/unblock {"model_id":"solo.db"}`,
		func() gateway.Change { return ask(gateway.TargetOut, traffic.Scope{"deployment": "solo.db"}, "") },
		func(s *store) any { return s.blocked["solo.db"] }, true, false,
	},
	{
		"a fallback", `DELETE /fallback/solo `, `POST /fallback {"fallback_models":["claude-sonnet"],"fallback_type":"general","model":"solo"}`,
		func() gateway.Change { return ask(gateway.FallbackOff, traffic.Scope{"model": "solo"}, "") },
		func(s *store) any { return len(s.fallbacks["solo"]) }, 0, 1,
	},
	{
		"a team", `POST /team/block {"team_id":"` + team + `"}`, `POST /team/unblock {"team_id":"` + team + `"}`,
		func() gateway.Change { return ask(gateway.WorkloadPause, traffic.Scope{"workload": "nightly"}, "") },
		func(s *store) any { return s.blocked[team] }, true, false,
	},
	{
		"a key", `POST /key/block {"key":"` + keyID + `"}`, `POST /key/unblock {"key":"` + keyID + `"}`,
		func() gateway.Change { return ask(gateway.WorkloadPause, traffic.Scope{"workload": "nightly-key"}, "") },
		func(s *store) any { return s.blocked[keyID] }, true, false,
	},
	{
		"a key's limit", `POST /key/update {"key":"` + keyID + `","max_parallel_requests":2}`, `POST /key/update {"key":"` + keyID + `","max_parallel_requests":null}`,
		func() gateway.Change { return ask(gateway.CapSet, traffic.Scope{"workload": "nightly-key"}, "2") },
		func(s *store) any { return s.limit }, 2.0, nil,
	},
}

// Each lever is planned, applied, read back, taken back and read back.
func TestDatabaseLevers(t *testing.T) {
	for _, c := range each {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t)
			s.fallbacks["solo"] = []any{"claude-sonnet"}
			d := s.driver()
			p, err := d.Plan(t.Context(), c.change(), time.Now())
			if err != nil {
				t.Fatal(err)
			}
			text := func(c gateway.Call) string { return c.Method + " " + c.Path + " " + c.Body }
			if len(p.Calls) != 1 || text(p.Calls[0]) != c.call || text(p.Undo.Calls[0]) != c.undo {
				t.Errorf("calls %+v, undo %+v", p.Calls, p.Undo.Calls)
			}
			if p.Deadline.Holder != gateway.HeldByConsole || p.Deadline.At.IsZero() || !slices.ContainsFunc(p.Caveats, func(s string) bool { return strings.HasPrefix(s, "NOT self-reverting") }) {
				t.Errorf("deadline %+v, caveats %q", p.Deadline, p.Caveats)
			}
			var kept gateway.Plan // as a journal keeps it
			if b, err := json.Marshal(p); err != nil || json.Unmarshal(b, &kept) != nil {
				t.Fatal(err)
			}
			rec, err := d.Apply(t.Context(), kept, "k1")
			if err != nil || !rec.Instances[0].OK || rec.ExpiresAt != nil || c.now(s) != c.off {
				t.Fatalf("%+v %v: %v", rec, err, c.now(s))
			}
			if !slices.Equal(s.actors, []string{"ana"}) {
				t.Errorf("LiteLLM hears of %q", s.actors)
			}
			if state, err := d.Read(t.Context()); err != nil || !state.Instances[0].Reachable {
				t.Fatal(err, state)
			}
			// A console that was not there when it was thrown finds it as well.
			state, err := s.driver().Read(t.Context())
			if err != nil || !slices.ContainsFunc(state.Instances[0].Controls, func(k gateway.Control) bool {
				return k.ID == kept.Instances[0].Control && gateway.Same(k.Value, kept.Instances[0].After)
			}) {
				t.Errorf("%+v %v", state, err)
			}
			if d.Describe().Ability(gateway.RouteForce).Fitness != gateway.Impossible {
				t.Error("it still offers what the companion can do")
			}
			fresh := s.driver() // another console
			rec, err = fresh.Revert(t.Context(), kept, rec, "k2")
			if err != nil || !rec.Instances[0].OK || c.now(s) != c.on {
				t.Fatalf("%+v %v: %v", rec, err, c.now(s))
			}
			if again, err := fresh.Revert(t.Context(), kept, rec, "k3"); err != nil || !again.Instances[0].OK || !strings.Contains(again.Instances[0].Note, "back already") {
				t.Errorf("%+v %v", again, err)
			}
		})
	}
}

func TestDatabaseState(t *testing.T) {
	s := serve(t)
	s.fallbacks["solo"], s.blocked["solo.db"], s.limit = []any{"claude-sonnet"}, true, 3
	d := s.driver()
	state, err := d.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var seen []string
	for _, c := range state.Instances[0].Controls {
		scope := c.Scope.Clone()
		delete(scope, "gateway")
		seen = append(seen, string(c.Verb)+" "+scope.String()+" "+string(c.Value)+" of "+string(c.Base))
	}
	want := []string{
		`target.out deployment=gpt-4o.azure.us "in" of "in"`, `target.out deployment=gpt-4o.azure.eu "in" of "in"`, `target.out deployment=solo.db "out" of "in"`,
		`fallback.off model=claude-sonnet [] of []`, `fallback.off model=gpt-4o [] of []`, `fallback.off model=solo ["claude-sonnet"] of ["claude-sonnet"]`, `workload.pause workload=nightly false of false`, `workload.pause workload=batch false of false`,
		`cap.set workload=batch null of null`, `workload.pause workload=nightly-key false of false`, `cap.set workload=nightly-key 3 of 3`,
	}
	if !slices.Equal(seen, want) {
		t.Errorf("%q", seen)
	}
	if n := state.Instances[0].Notes; len(n) != 1 || !strings.Contains(n[0], "2 of 5 deployments stand in its configuration file") {
		t.Errorf("notes %q", n)
	}
	s.mu.Lock()
	delete(s.fallbacks, "solo")
	s.mu.Unlock()
	// What was seen is what fallback.on gives back, by this console.
	p, err := d.Plan(t.Context(), ask(gateway.FallbackOn, traffic.Scope{"model": "solo"}, ""), time.Now())
	if err != nil || p.Calls[0].Body != `{"fallback_models":["claude-sonnet"],"fallback_type":"general","model":"solo"}` || !p.Deadline.At.IsZero() {
		t.Errorf("%+v %v", p, err)
	}
}

// Keys come in pages, and not all of very many are looked at.
func TestKeysComeInPages(t *testing.T) {
	const all = 1203
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		page, _ := strconv.Atoi(r.URL.Query().Get("page"))
		var keys []any
		for n := (page - 1) * pageOfKeys; n < min(page*pageOfKeys, all); n++ {
			keys = append(keys, map[string]any{"token": fmt.Sprint("t", n), "key_alias": fmt.Sprint("a", n)})
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"keys": keys, "total_count": all, "total_pages": (all + pageOfKeys - 1) / pageOfKeys})
	}))
	t.Cleanup(s.Close)
	keys, seen, total, err := driver(s.URL).keys(t.Context(), Instance{Name: "pod", URL: s.URL}, "")
	if err != nil || len(keys) != 2*mostPages*pageOfKeys || seen != mostPages*pageOfKeys || total != all || keys[len(keys)-1].id != "t999" {
		t.Errorf("%d controls, %d of %d, %v", len(keys), seen, total, err)
	}
}

// A call by hand says from where it is sent.
func TestCallsThroughAJumpHost(t *testing.T) {
	s := serve(t)
	d := s.driver()
	d.opts.Through = func(network, address string) string { return "ssh bastion nc " + network + " " + address }
	p, err := d.Plan(t.Context(), ask(gateway.TargetOut, traffic.Scope{"deployment": "solo.db"}, ""), time.Now())
	if err != nil || !strings.Contains(p.Calls[0].Text, "# sent from where `ssh bastion nc tcp 127.0.0.1:") {
		t.Errorf("%+v %v", p.Calls, err)
	}
}

func TestDatabaseRefuses(t *testing.T) {
	s := serve(t)
	s.twice = true
	for _, c := range []struct {
		change gateway.Change
		why    string
	}{
		{ask(gateway.TargetOut, traffic.Scope{"deployment": "gpt-4o.config"}, ""), "stands in LiteLLM's configuration file"},
		{ask(gateway.TargetOut, traffic.Scope{"deployment": "nonesuch"}, ""), "has no deployment nonesuch; try deployment=solo.db or"},
		{ask(gateway.TargetOut, traffic.Scope{"region": "eu"}, ""), "acts on one deployment"},
		{ask(gateway.TargetOut, traffic.Scope{"deployment": "solo.db"}, "3"), "takes no value"},
		{ask(gateway.TargetIn, traffic.Scope{"deployment": "solo.db"}, ""), "nothing to change"},
		{ask(gateway.FallbackOff, traffic.Scope{"model": "nonesuch"}, ""), "serves no model nonesuch; try model=solo or"},
		{ask(gateway.FallbackOff, traffic.Scope{"model": "openai/gpt-4o"}, ""), "a name with a slash"},
		{ask(gateway.FallbackOn, traffic.Scope{"model": "solo"}, ""), "which it had is not known here"},
		{ask(gateway.WorkloadPause, traffic.Scope{"workload": "nobody"}, ""), "no team or key with the alias nobody"},
		{ask(gateway.WorkloadPause, traffic.Scope{"workload": "nightly"}, ""), "more than one has the alias nightly: team " + team + ", team another"},
		{ask(gateway.CapSet, traffic.Scope{"workload": "nightly"}, "4"), "no key with the alias nightly"},
		{ask(gateway.CapSet, traffic.Scope{"workload": "batch"}, "0"), "from 1 to"},
		{ask(gateway.CapSet, traffic.Scope{"deployment": "solo.db"}, "4"), "acts on one workload"},
		{ask(gateway.RouteForce, traffic.Scope{"model": "solo"}, `"x"`), "router settings"},
		{ask(gateway.ShedSet, traffic.Scope{"workload": "batch"}, "20"), "all or nothing"},
		{ask(gateway.WorkloadPause, traffic.Scope{"workload": "batch", "instance": "other"}, ""), "no instance other"},
	} {
		_, err := s.driver().Plan(t.Context(), c.change, time.Now())
		if err == nil || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s %v: %v", c.change.Verb, c.change.Scope, err)
		}
	}
	for _, a := range s.asked {
		if !strings.HasPrefix(a, "GET ") || a == "GET /health" {
			t.Errorf("it asked %s", a)
		}
	}
}

// The last deployment of a model gets no fallback: the plan says so, and names what is left otherwise.
func TestDatabaseSaysWhatIsLeft(t *testing.T) {
	s := serve(t)
	for dep, word := range map[string]string{"solo.db": "it is the LAST of solo", "gpt-4o.azure.eu": "left to serve gpt-4o: gpt-4o.config or gpt-4o.azure.us"} {
		p, err := s.driver().Plan(t.Context(), ask(gateway.TargetOut, traffic.Scope{"deployment": dep}, ""), time.Now())
		if err != nil || !strings.Contains(strings.Join(p.Caveats, "\n"), word) {
			t.Errorf("%s: %q, %v", dep, p.Caveats, err)
		}
	}
}

// What goes wrong between plan and answer.
func TestDatabaseFaults(t *testing.T) {
	out := func() gateway.Change { return ask(gateway.TargetOut, traffic.Scope{"deployment": "solo.db"}, "") }
	off := func() gateway.Change { return ask(gateway.FallbackOff, traffic.Scope{"model": "solo"}, "") }
	one := func(what string, do func(http.ResponseWriter) bool) func(http.ResponseWriter, string) bool {
		return func(w http.ResponseWriter, asked string) bool { return asked == what && do(w) }
	}
	for _, c := range []struct {
		name     string
		change   func() gateway.Change
		before   func(s *store) // between plan and apply
		ok       bool
		doubt    bool
		word     string
		sent     bool
		leftOver func(s *store) bool
	}{
		{"somebody else was first", out, func(s *store) { s.blocked["solo.db"] = true }, true, false, "it was so already", false, nil},
		{
			"somebody set another list", off, func(s *store) { s.fallbacks["solo"] = []any{"gpt-4o"} }, false, false, "somebody changed fallback solo", false,
			func(s *store) bool { return slices.Equal(s.fallbacks["solo"], []any{"gpt-4o"}) },
		},
		{"the answer is lost, the change is made", out, func(s *store) { s.after = one("POST /model/block", hangUp) }, true, false, "reads as set, although", true, nil},
		{"the answer is lost, nothing is made", out, func(s *store) { s.hook = one("POST /model/block", hangUp) }, false, true, "", true, nil},
		{"an error after it is made", out, func(s *store) {
			s.after = one("POST /model/block", func(w http.ResponseWriter) bool {
				s.reply(w, 500, map[string]any{"error": map[string]any{"message": "degraded"}})
				return true
			})
		}, true, false, "degraded", true, nil},
		{"an error of the server", out, func(s *store) {
			s.hook = one("POST /model/block", func(w http.ResponseWriter) bool {
				w.WriteHeader(500)
				_, _ = w.Write([]byte("Internal Server Error"))
				return true
			})
		}, false, true, "Internal Server Error", true, nil},
		{"taken but not stored", out, func(s *store) {
			s.hook = one("POST /model/block", func(w http.ResponseWriter) bool { s.write(w, "block", nil); return true })
		}, false, false, "answered well", true, nil},
		{"success false", out, func(s *store) {
			s.hook = one("POST /model/block", func(w http.ResponseWriter) bool { s.reply(w, 200, map[string]any{"success": false}); return true })
		}, false, false, "answered well", true, nil},
		{"no longer an admin", out, func(s *store) {
			s.hook = one("POST /model/block", func(w http.ResponseWriter) bool { s.write(w, "block by a caller", nil); return true })
		}, false, false, "key of a proxy admin", true, nil},
		{"403", out, func(s *store) {
			s.hook = one("POST /model/block", func(w http.ResponseWriter) bool { s.write(w, "keys by a caller", nil); return true })
		}, false, false, "key of a proxy admin", true, nil},
		{"models are not stored", off, func(s *store) {
			s.hook = one("DELETE /fallback/solo", func(w http.ResponseWriter) bool {
				s.reply(w, 400, map[string]any{"detail": map[string]any{"error": "Database storage not enabled. Set 'STORE_MODEL_IN_DB=True' in your environment to use this feature."}})
				return true
			})
		}, false, false, "store_model_in_db: true", true, nil},
		{"another process was first", off, func(s *store) {
			s.hook = one("DELETE /fallback/solo", func(w http.ResponseWriter) bool { s.write(w, "no fallback to delete", nil); return true })
		}, false, true, "follows within 30 s", true, nil},
		{"the deployment is gone", out, func(s *store) {
			s.hook = one("GET /model/info", func(w http.ResponseWriter) bool { s.reply(w, 200, map[string]any{"data": []any{}}); return true })
		}, false, false, "has no model solo.db any more", false, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t)
			s.fallbacks["solo"] = []any{"claude-sonnet"}
			d := s.driver()
			p, err := d.Plan(t.Context(), c.change(), time.Now())
			if err != nil {
				t.Fatal(err)
			}
			s.mu.Lock()
			s.asked = nil
			c.before(s)
			s.mu.Unlock()
			rec, err := d.Apply(t.Context(), p, "k")
			if err != nil {
				t.Fatal(err)
			}
			r := rec.Instances[0]
			sent := slices.ContainsFunc(s.asked, func(a string) bool { return !strings.HasPrefix(a, "GET ") })
			if r.OK != c.ok || r.InDoubt != c.doubt || sent != c.sent || !strings.Contains(r.Err+r.Note, c.word) || strings.Contains(r.Err+r.Note, master) {
				t.Errorf("%+v, sent %v", r, sent)
			}
			if c.leftOver != nil && !c.leftOver(s) {
				t.Errorf("what somebody else set is %v", s.fallbacks)
			}
		})
	}
}

// Two processes share a database: the second is told that there is nothing left to take away, and follows later.
func TestDatabaseOfTwoProcesses(t *testing.T) {
	first, second := serve(t), serve(t)
	for _, s := range []*store{first, second} {
		s.fallbacks["solo"] = []any{"claude-sonnet"}
	}
	second.hook = func(w http.ResponseWriter, what string) bool {
		if what == "DELETE /fallback/solo" {
			second.write(w, "no fallback to delete", nil)
		}
		return what == "DELETE /fallback/solo"
	}
	d := New(Options{
		Gateway: "llm", Env: "production", Timeout: 2 * time.Second, Token: func(context.Context) (string, error) { return master, nil },
		Instances: []Instance{{Name: "a", URL: first.url}, {Name: "b", URL: second.url}},
	})
	p, err := d.Plan(t.Context(), ask(gateway.FallbackOff, traffic.Scope{"model": "solo"}, ""), time.Now())
	if err != nil || len(p.Calls) != 2 {
		t.Fatalf("%+v %v", p, err)
	}
	rec, err := d.Apply(t.Context(), p, "k")
	if err != nil || !rec.Instances[0].OK || !rec.Instances[1].OK || !strings.Contains(rec.Instances[1].Note, `still falls back to ["claude-sonnet"]`) {
		t.Errorf("%+v %v", rec, err)
	}
}

// What somebody else set after us is left alone by the undo.
func TestDatabaseUndoLeavesOthersAlone(t *testing.T) {
	s := serve(t)
	d := s.driver()
	p, err := d.Plan(t.Context(), ask(gateway.CapSet, traffic.Scope{"workload": "nightly-key"}, "2"), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	rec, err := d.Apply(t.Context(), p, "k")
	if err != nil || !rec.Instances[0].OK {
		t.Fatalf("%+v %v", rec, err)
	}
	s.mu.Lock()
	s.limit = 7
	s.mu.Unlock()
	rec, err = d.Revert(t.Context(), p, rec, "k2")
	if err != nil || rec.Instances[0].OK || !strings.Contains(rec.Instances[0].Err, "somebody else changed") || s.limit != 7 {
		t.Errorf("%+v %v", rec, err)
	}
}

// A plan whose words were changed is not sent.
func TestDatabaseSendsOnlyWhatItsValuesSay(t *testing.T) {
	s := serve(t)
	d := s.driver()
	p, err := d.Plan(t.Context(), ask(gateway.TargetOut, traffic.Scope{"deployment": "solo.db"}, ""), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	other := p
	other.Calls = slices.Clone(p.Calls)
	other.Calls[0].Path = "/model/delete"
	other.Digest = other.Sum()
	if _, err := d.Apply(t.Context(), other, "k"); err == nil || !strings.Contains(err.Error(), "does not fit") {
		t.Errorf("%v", err)
	}
	p.Undo.Calls = append(slices.Clone(p.Undo.Calls), p.Undo.Calls...)
	if _, err := d.Revert(t.Context(), p, gateway.Receipt{}, "k"); err == nil || !strings.Contains(err.Error(), "more calls") {
		t.Errorf("%v", err)
	}
	if _, err := d.Extend(t.Context(), p, gateway.Receipt{}, time.Minute, "k"); err == nil || !strings.Contains(err.Error(), "the console holds it") {
		t.Errorf("%v", err)
	}
}

// A key that is not the master's is told apart from a gateway that is not there.
func TestDatabaseWithAWrongKey(t *testing.T) {
	s := serve(t)
	d := New(Options{Gateway: "llm", Instances: []Instance{{Name: "pod", URL: s.url}}, Token: func(context.Context) (string, error) { return "sk-0000000000000000", nil }})
	state, err := d.Read(t.Context())
	if err != nil || state.Instances[0].Reachable || !strings.Contains(state.Instances[0].Err, "401") || !strings.Contains(state.Instances[0].Err, "master key") {
		t.Errorf("%+v %v", state, err)
	}
	if _, err := d.Plan(t.Context(), ask(gateway.TargetOut, traffic.Scope{"deployment": "solo.db"}, ""), time.Now()); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("%v", err)
	}
}

// With the companion on one instance nothing goes by the database of another.
func TestCompanionComesFirst(t *testing.T) {
	s := serve(t)
	with, _ := proxy(t, "companion")
	d := New(Options{
		Gateway: "llm", Env: "production", Timeout: 2 * time.Second, Token: func(context.Context) (string, error) { return master, nil },
		Instances: []Instance{{Name: "a", URL: with.URL}, {Name: "b", URL: s.url}},
	})
	state, err := d.Read(t.Context())
	if err != nil || !state.Instances[0].Reachable || state.Instances[1].Reachable || !strings.Contains(state.Instances[1].Err, "are not mixed with it") {
		t.Errorf("%+v %v", state, err)
	}
	p, err := d.Plan(t.Context(), out, time.Now())
	if err != nil || p.Kind != "contract" || p.Deadline.Holder != gateway.HeldByGateway {
		t.Errorf("%+v %v", p, err)
	}
}

// The same on a LiteLLM with a database, where one is named; it needs a deployment, a team and a key that can be spared.
func TestRealDatabase(t *testing.T) {
	at := os.Getenv("SIGNALBOX_LITELLM_DATABASE")
	if at == "" {
		t.Skip("needs SIGNALBOX_LITELLM_DATABASE: URL of a LiteLLM with a database, with ?key=&deployment=&model=&team=&alias= of what may be thrown")
	}
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	u.RawQuery = ""
	d := New(Options{Gateway: "llm", Timeout: 20 * time.Second, Instances: []Instance{{Name: "pod", URL: u.String()}}, Token: func(context.Context) (string, error) { return q.Get("key"), nil }})
	for _, c := range []gateway.Change{
		ask(gateway.TargetOut, traffic.Scope{"deployment": q.Get("deployment")}, ""), ask(gateway.FallbackOff, traffic.Scope{"model": q.Get("model")}, ""),
		ask(gateway.WorkloadPause, traffic.Scope{"workload": q.Get("team")}, ""), ask(gateway.WorkloadPause, traffic.Scope{"workload": q.Get("alias")}, ""),
		ask(gateway.CapSet, traffic.Scope{"workload": q.Get("alias")}, "2"),
	} {
		p, err := d.Plan(t.Context(), c, time.Now())
		if err != nil {
			t.Fatalf("%s: %v", c.Verb, err)
		}
		rec, err := d.Apply(t.Context(), p, "k")
		if err != nil || !rec.Instances[0].OK || rec.Instances[0].Note != "" {
			t.Errorf("%s: %+v %v", c.Verb, rec, err)
		}
		state, err := d.Read(t.Context())
		if err != nil || !slices.ContainsFunc(state.Instances[0].Controls, func(k gateway.Control) bool {
			return k.ID == p.Instances[0].Control && gateway.Same(k.Value, p.Instances[0].After)
		}) {
			t.Errorf("%s: it reads %+v %v", c.Verb, state, err)
		}
		rec, err = d.Revert(t.Context(), p, rec, "k2")
		if err != nil || !rec.Instances[0].OK || rec.Instances[0].Note != "" {
			t.Errorf("%s back: %+v %v", c.Verb, rec, err)
		}
	}
}

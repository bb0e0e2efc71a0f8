package cli_test

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// slowGateway serves a world over HTTP, an address an instance. It can keep one request back: before it takes effect, or
// before its answer is sent.
type slowGateway struct {
	world *world
	mu    sync.Mutex
	seen  []string      // requests that came, in order
	stop  int           // number of the request that is kept back, from 1; 0: none
	which choosing      // the first such request is kept back; nil: none
	late  bool          // it has taken effect by then
	held  chan struct{} // closed when that request has come
	free  chan struct{} // closed: nothing is kept back any more
	dead  bool          // whoever asked was killed: what it had sent and was not served yet never arrives
	busy  int           // requests that are being answered
	idle  *sync.Cond    // on mu
}

// serveSlowly starts the world and writes the configuration of its instances into dir.
func serveSlowly(t *testing.T, dir string) *slowGateway {
	t.Helper()
	g := &slowGateway{world: newWorld(), held: make(chan struct{}), free: make(chan struct{})}
	g.idle = sync.NewCond(&g.mu)
	var at []string
	for _, k := range g.world.instances {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { g.answer(w, r, k) }))
		t.Cleanup(s.Close)
		at = append(at, fmt.Sprintf("%q", k.name+"="+s.URL))
	}
	text := "version: 1\nactor: ana\nenvironments: {staging: {confirm: plain}}\n" +
		"gateways:\n- {name: edge, kind: contract, env: staging, levers: on, timeout: 30s, instances: [" + strings.Join(at, ", ") + "]}\n"
	if err := os.WriteFile(filepath.Join(dir, "signalbox.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return g
}

// choosing tells whether a request to an instance is meant.
type choosing func(r *http.Request, instance string) bool

// keepBack chooses the request that is kept back, counted from now.
func (g *slowGateway) keepBack(nth int, late bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.stop, g.which, g.late, g.seen, g.dead = nth, nil, late, nil, false
	g.held, g.free = make(chan struct{}), make(chan struct{})
}

// letGo ends the keeping back, after the asker was killed or has left by itself.
func (g *slowGateway) letGo() {
	g.mu.Lock()
	g.stop, g.which, g.dead = 0, nil, true
	close(g.free)
	for g.busy > 0 {
		g.idle.Wait()
	}
	g.mu.Unlock()
}

func (g *slowGateway) answer(w http.ResponseWriter, r *http.Request, k *knob) {
	g.mu.Lock()
	g.busy++
	g.mu.Unlock()
	defer func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.busy--
		g.idle.Broadcast()
	}()
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return
	}
	g.mu.Lock()
	g.seen = append(g.seen, strings.TrimSpace(r.Method+" "+r.URL.Path+" "+r.URL.RawQuery))
	mine, late, held, free := len(g.seen) == g.stop, g.late, g.held, g.free
	if g.which != nil && g.which(r, k.name) {
		mine, g.which = true, nil
	}
	g.mu.Unlock()
	wait := func() {
		close(held)
		<-free
	}
	if mine && !late {
		wait()
		g.mu.Lock()
		dead := g.dead
		g.mu.Unlock()
		if dead {
			return
		}
	}
	g.world.mu.Lock()
	g.world.tick(k)
	resp := g.world.serve(k, r, body)
	g.world.mu.Unlock()
	defer resp.Body.Close()
	if mine && late {
		wait()
	}
	maps.Copy(w.Header(), resp.Header)
	w.WriteHeader(resp.StatusCode)
	_, _ = io.Copy(w, resp.Body)
}

// killedAt runs `signalbox control` and kills it with the n-th request that it sends under way. It gives false where the
// command ends before it has sent so many.
func (g *slowGateway) killedAt(t *testing.T, dir string, nth int, late bool, args ...string) bool {
	t.Helper()
	g.keepBack(nth, late)
	cmd := signalbox(t, append([]string{"control", "-c", "signalbox.yaml", "--state-dir", "state"}, args...)...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "HOME="+dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	left := make(chan struct{})
	go func() {
		_ = cmd.Wait() // ProcessState tells how it ended
		close(left)
	}()
	defer g.letGo()
	select {
	case <-g.held:
		_ = cmd.Process.Kill()
		<-left
		return true
	case <-left:
		if !cmd.ProcessState.Success() {
			t.Errorf("nobody killed it, and it ends with %v", cmd.ProcessState)
		}
		return false
	case <-time.After(patience):
		_ = cmd.Process.Kill()
		<-left
		t.Fatalf("neither came request %d nor did the command end; seen: %q", nth, g.seen)
	}
	return false
}

// told compares what `control state` shows with what is, and gives the lever that it lists.
func (g *slowGateway) told(t *testing.T, dir string) (l shownLever, out bool) {
	t.Helper()
	var s shownState
	well(t, dir, &s, "state")
	values, by := g.world.values()
	set := 0
	for i, v := range values {
		if got := s.value(worldControl, g.world.instances[i].name); got != fmt.Sprint(v) {
			t.Errorf("instance %s has %d, and state shows %s", g.world.instances[i].name, v, got)
		}
		if v != worldBase {
			set++
		}
	}
	if len(s.Levers) > 1 || len(s.Levers) == 0 && set > 0 {
		t.Fatalf("%v is set by %v, and state lists %+v", values, by, s.Levers)
	}
	if len(s.Levers) == 0 {
		return l, false
	}
	l = s.Levers[0]
	want := map[bool]string{true: "yes", false: "no"}[set == len(values)]
	if l.Reported != want || l.Obeyed == "yes" {
		t.Errorf("%v is set, and state shows reported %s, obeyed %s", values, l.Reported, l.Obeyed)
	}
	if l.State == "in doubt" && !strings.Contains(l.Err, fmt.Sprintf("in force on %d of 2 instances", set)) {
		t.Errorf("%v is set, and the doubt is told as %q", values, l.Err)
	}
	return l, true
}

// ends takes the lever back and looks whether that is all.
func (g *slowGateway) ends(t *testing.T, dir, id string) {
	t.Helper()
	printed, code := controls(t, dir, "revert", id, "--reason", "it was killed", "--yes")
	if values, _ := g.world.values(); values[0] != worldBase || values[1] != worldBase {
		t.Errorf("revert ends with %d and leaves %v:\n%s", code, values, printed)
	}
	if l, out := g.told(t, dir); out {
		t.Errorf("revert ended with %d, and it is still out: %+v\n%s", code, l, printed)
	}
}

// A process that throws or takes back a lever is killed by the system with each of its requests under way: before the
// gateway has it, and before the answer is back. The next process shows what is, and can end it.
func TestControlKilledAtEveryRequest(t *testing.T) {
	t.Parallel()
	if underRace {
		t.Skip("what a killed process leaves behind is no race; the tests without the race detector tell")
	}
	for name, undo := range map[string]bool{"apply": false, "revert": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for nth, killed := 1, true; killed; nth++ {
				if nth > 40 {
					t.Fatal("the command does not end")
				}
				var request string
				if request, killed = killOne(t, nth, false, undo); killed && !strings.HasPrefix(request, http.MethodGet) {
					killOne(t, nth, true, undo) // a read has no effect that its answer could come after
				}
			}
		})
	}
}

// killOne kills one command with its n-th request under way, and looks what the next ones make of it.
func killOne(t *testing.T, nth int, late, undo bool) (request string, killed bool) {
	t.Helper()
	dir := t.TempDir()
	g := serveSlowly(t, dir)
	args := []string{"apply", "cap.set", "gateway=edge", "deployment=az-eu", "--value", "3", "--ttl", "10m", "--reason", "spare it", "--wait", "0", "--yes"}
	var before thrown
	if undo {
		well(t, dir, &before, args...)
		args = []string{"revert", before.ID, "--reason", "it is over", "--yes"}
	}
	killed = g.killedAt(t, dir, nth, late, args...)
	request = g.last(nth)
	l, out := g.told(t, dir)
	t.Logf("request %d, %s, took effect %t: killed %t, out %t %s, accepted %s, reported %s, %s", nth, request, late, killed, out, l.State, l.Accepted, l.Reported, l.Err)
	if out && undo && l.ID != before.ID {
		t.Errorf("lever %s is shown, not %s", l.ID, before.ID)
	}
	if out {
		g.ends(t, dir, l.ID)
	}
	if out, err := signalboxIn(t, dir, "incident", "verify", "--state-dir", "state"); err != nil {
		t.Errorf("the journal is not intact: %v\n%s", err, out)
	}
	return request, killed
}

// last gives the request that was kept back.
func (g *slowGateway) last(nth int) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	if nth > len(g.seen) {
		return "none"
	}
	return g.seen[nth-1]
}

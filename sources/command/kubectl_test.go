package command_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"signalbox/internal/component"
	"signalbox/internal/traffic"
	"signalbox/sources/command"
)

// cluster is the part of a Kubernetes API server that kubectl logs asks: a list of pods, and their logs.
type cluster struct {
	mu    sync.Mutex
	logs  map[string][]stamped // by pod
	drop  bool                 // logs are cut after what there is, as by a proxy with an idle timeout
	deny  bool
	wake  chan struct{}
	calls []string
}

type stamped struct {
	at   time.Time
	text string
}

func (c *cluster) say(pod string, at time.Time, id int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	text := fmt.Sprintf(`{"time":%q,"model":"m","status":200,"latency_ms":5,"request_id":"%d"}`, at.Format(time.RFC3339Nano), id)
	c.logs[pod] = append(c.logs[pod], stamped{at, text})
	close(c.wake)
	c.wake = make(chan struct{})
}

func (c *cluster) set(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
	close(c.wake)
	c.wake = make(chan struct{})
}

func (c *cluster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	const pods = "/api/v1/namespaces/llm/pods"
	c.mu.Lock()
	deny := c.deny
	c.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	switch pod, isLog := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, pods+"/"), "/log"); {
	case deny:
		w.WriteHeader(http.StatusUnauthorized)
		fmt.Fprint(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Unauthorized","message":"Unauthorized","code":401}`)
	case r.URL.Path == "/api":
		fmt.Fprint(w, `{"kind":"APIVersions","versions":["v1"]}`)
	case r.URL.Path == "/apis":
		fmt.Fprint(w, `{"kind":"APIGroupList","apiVersion":"v1","groups":[]}`)
	case r.URL.Path == "/api/v1":
		fmt.Fprint(w, `{"kind":"APIResourceList","groupVersion":"v1","resources":[{"name":"pods","singularName":"","namespaced":true,"kind":"Pod","verbs":["get","list","watch"]},{"name":"pods/log","singularName":"","namespaced":true,"kind":"Pod","verbs":["get"]}]}`)
	case r.URL.Path == pods:
		c.list(w)
	case isLog:
		c.follow(w, r, pod)
	default:
		http.NotFound(w, r)
	}
}

func (c *cluster) list(w http.ResponseWriter) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var items []string
	for pod := range c.logs {
		items = append(items, fmt.Sprintf(`{"kind":"Pod","apiVersion":"v1","metadata":{"name":%q,"namespace":"llm","labels":{"app":"gateway"}},`+
			`"spec":{"containers":[{"name":"proxy"}]},"status":{"phase":"Running"}}`, pod))
	}
	slices.Sort(items)
	fmt.Fprintf(w, `{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"1"},"items":[%s]}`, strings.Join(items, ","))
}

// follow writes a pod's log as the kubelet does: since a time, of whole seconds, and on as it grows.
func (c *cluster) follow(w http.ResponseWriter, r *http.Request, pod string) {
	q := r.URL.Query()
	since, _ := time.Parse(time.RFC3339, q.Get("sinceTime")) // none: from the beginning
	w.Header().Set("Content-Type", "text/plain")
	c.mu.Lock()
	c.calls = append(c.calls, pod+" "+q.Encode())
	c.mu.Unlock()
	for next := 0; ; {
		c.mu.Lock()
		lines, drop, wake := c.logs[pod][next:], c.drop, c.wake
		next += len(lines)
		c.mu.Unlock()
		for _, l := range lines {
			if !l.at.Before(since) {
				fmt.Fprintf(w, "%s %s\n", l.at.Format(time.RFC3339Nano), l.text)
			}
		}
		w.(http.Flusher).Flush()
		if drop {
			return
		}
		select {
		case <-wake:
		case <-r.Context().Done():
			return
		}
	}
}

// kubeconfig writes what kubectl needs to find the cluster.
func kubeconfig(t *testing.T, url string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	text := `{"apiVersion":"v1","kind":"Config","current-context":"t","contexts":[{"name":"t","context":{"cluster":"t","user":"t","namespace":"llm"}}],` +
		`"clusters":[{"name":"t","cluster":{"server":"` + url + `"}}],"users":[{"name":"t","user":{"token":"x"}}]}`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestKubectlTellsEachLineOnce drives the real kubectl against the wire of an API server: its connection is cut, its
// login expires, and a pod appears; each line of each pod is told once, with the pod as the instance.
func TestKubectlTellsEachLineOnce(t *testing.T) {
	t.Parallel()
	kubectl := component.Kubectl(t)
	c := &cluster{logs: map[string][]stamped{}, wake: make(chan struct{})}
	srv := httptest.NewServer(c)
	t.Cleanup(srv.Close)
	t.Cleanup(func() { c.set(func() { c.drop = true }) }) // the last run must not hold the server up
	begin := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	said := 0
	say := func(pod string, n int) {
		for range n {
			c.say(pod, begin.Add(time.Duration(said)*130*time.Millisecond), said)
			said++
		}
	}
	say("gw-0", 5)
	say("gw-1", 5)
	argv := []string{kubectl, "--kubeconfig", kubeconfig(t, srv.URL), "--cache-dir", t.TempDir(), "logs", "-f", "-l", "app=gateway", "--max-log-requests=20"}
	env := append(os.Environ(), "HOME="+t.TempDir())
	r := follow(t, command.Options{Command: argv, Env: env, Renew: time.Second}, 0)
	all := func(ids []string, _ traffic.SourceState) bool { return len(ids) >= said }
	r.until(t, "both pods are told", all)

	say("gw-0", 3)
	r.until(t, "what they say later is told", all)
	c.set(func() { c.drop = true })
	say("gw-1", 3)
	r.until(t, "kubectl has ended", func(_ []string, s traffic.SourceState) bool { return s.Health == traffic.Failing })
	c.set(func() { c.drop, c.deny = false, true })
	say("gw-0", 3)
	_, state := r.until(t, "the login has expired", func(_ []string, s traffic.SourceState) bool {
		return strings.Contains(s.Detail, "nauthorized") || strings.Contains(s.Detail, "logged in")
	})
	if !strings.Contains(state.Detail, "is started again in") {
		t.Errorf("the state does not say what happens next: %s", state.Detail)
	}
	c.set(func() { c.deny = false })
	r.until(t, "nothing of the meantime is missing", all)
	say("gw-2", 4) // a new pod: the run that is on does not know it
	r.until(t, "the new pod is found", all)
	say("gw-2", 2)
	ids, _ := r.until(t, "and followed", all)

	slices.SortFunc(ids, func(a, b string) int { return len(a)*1000 - len(b)*1000 + strings.Compare(a, b) })
	wantCounted(t, ids)
	if len(ids) != said {
		t.Errorf("%d lines told, %d said", len(ids), said)
	}
	for id, pod := range map[string]string{"0": "gw-0", "9": "gw-1", ids[len(ids)-1]: "gw-2"} {
		if got := r.from[id]; got != pod {
			t.Errorf("line %s is of instance %q, want %q", id, got, pod)
		}
	}
}

package change

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"signalbox/internal/traffic"
	"signalbox/sources"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func clock() time.Time { return noon }

// say puts a fact into words.
func say(f traffic.Fact) string {
	s := f.From.UTC().Format(time.TimeOnly) + " " + f.Kind + " | " + f.Text + " | " + f.Who + " | " + f.Scope.String()
	if !f.Until.IsZero() {
		s += " until " + f.Until.UTC().Format(time.TimeOnly)
	}
	return s
}

func TestLines(t *testing.T) {
	t.Parallel()
	r := reader{zone: time.FixedZone("", 3600), envs: []string{"production"}}
	for line, want := range map[string]string{
		`2026-11-21T11:58:00Z deploy gateway v12 model=gpt-4o region=eu-west`:          "11:58:00 deploy | deploy gateway v12 model=gpt-4o region=eu-west |  | model=gpt-4o region=eu-west",
		`2026-11-21 12:58:00 config: retries 2 -> 5`:                                   "11:58:00 config | config: retries 2 -> 5 |  | everything",
		`[2026-11-21 12:58] somebody touched the proxy`:                                "11:58:00 other | somebody touched the proxy |  | everything",
		`1795262280 - flag new-router on`:                                              "11:58:00 flag | flag new-router on |  | everything",
		`{"time":"2026-11-21T11:58:00Z","kind":"deploy","title":"gw v12","who":"ana"}`: "11:58:00 deploy | gw v12 | ana | everything",
		`{"at":1795262280000,"type":"rollback","text":"back to v11","env":"production","scope":{"model":"gpt-4o"},"until":"2026-11-21T13:00:00Z"}`: "11:58:00 deploy | back to v11 |  | env=production model=gpt-4o until 13:00:00",
		`{"time":"2026-11-21T11:58:00Z","text":"x","environment":"Prod EU"}`:                                                                       "11:58:00 other | x |  | everything",
		`{"time":"2026-11-21T11:58:00Z","text":"x","environment":"Production"}`:                                                                    "11:58:00 other | x |  | env=production",
		`{"time":"2026-11-21T15:00:00Z","text":"clock is off"}`:                                                                                    "12:00:00 other | clock is off |  | everything",
		"2026-11-21T11:58:00Z deploy \x1b[31mv12\u202e key sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCDEF":                                     "",
		`2026-11-21T11:58:00Z`:            "! " + errNoText.Error(),
		`deploy v12`:                      "! " + errNoTime.Error(),
		`{"text":"x"}`:                    "! " + errNoTime.Error(),
		`{"time":"2026-11-21T11:58:00Z"}`: "! " + errNoText.Error(),
		`{"time":`:                        "! " + errNotObject.Error(),
		`# a comment`:                     "! " + errEmpty.Error(),
	} {
		f, _, err := r.line([]byte(line), noon)
		got := say(f)
		if err != nil {
			got = "! " + err.Error()
		}
		if want == "" {
			if err != nil || strings.ContainsAny(got, "\x1b\u202e") || strings.Contains(got, "abcdefghijk") {
				t.Errorf("%q\ngave %q, %v", line, got, err)
			}
			continue
		}
		if got != want {
			t.Errorf("%q\ngave %q\nwant %q", line, got, want)
		}
	}
}

func TestAChangeIsBounded(t *testing.T) {
	t.Parallel()
	r := reader{}
	f, _, err := r.fact(draft{text: strings.Repeat("x", 1<<20), who: strings.Repeat("y", 1<<20), scope: map[string]string{"model": strings.Repeat("z", 1<<20), "caller": "c"}}, noon)
	if err != nil || len(f.Text) > maxText || len(f.Who) > maxWho || len(f.Scope["model"]) > maxValue || len(f.Scope) != 1 {
		t.Errorf("%d %d %v %v", len(f.Text), len(f.Who), f.Scope, err)
	}
}

// payloads are what other systems send, in the shapes that their documentation describes.
var payloads = []struct{ name, body, want string }{
	{"ours", `{"time":"2026-11-21T11:59:00Z","kind":"flag","title":"router v2 on","who":"ben","region":"eu-west"}`, "11:59:00 flag | router v2 on | ben | region=eu-west"},
	{"no time", `{"message":"proxy reloaded"}`, "12:00:00 other | proxy reloaded |  | everything"},
	{"a list", `[{"text":"one"},{"text":"two"}]`, "12:00:00 other | one |  | everything; 12:00:00 other | two |  | everything"},
	{
		"GitHub deployment", `{"action":"created","deployment":{"id":1,"sha":"a84d88e7554fc1fa21bcbc4efae3c782a70d2b9d","ref":"v12","task":"deploy","environment":"Production","description":"nightly","creator":{"login":"bot"},"created_at":"2026-11-21T11:50:00Z"},"repository":{"full_name":"acme/gateway"},"sender":{"login":"ana"}}`,
		"11:50:00 deploy | deployment of acme/gateway v12 to Production asked for: nightly | ana | env=production",
	},
	{
		"GitHub deployment status", `{"action":"created","deployment_status":{"state":"success","updated_at":"2026-11-21T11:55:00Z","environment":"eu-prod-7"},"deployment":{"sha":"a84d88e7554fc1fa21bcbc4efae3c782a70d2b9d","ref":"a84d88e7554fc1fa21bcbc4efae3c782a70d2b9d","environment":"eu-prod-7"},"repository":{"full_name":"acme/gateway"},"sender":{"login":"ana"}}`,
		"11:55:00 deploy | deployment of acme/gateway a84d88e7 to eu-prod-7 success | ana | everything",
	},
	{"GitHub, queued", `{"deployment_status":{"state":"queued"},"deployment":{"ref":"main"}}`, ""},
	{
		"Argo CD application", `{"app":{"metadata":{"name":"gateway"},"status":{"operationState":{"phase":"Succeeded","finishedAt":"2026-11-21T11:57:00Z","message":"successfully synced","syncResult":{"revision":"0123456789abcdef"},"operation":{"initiatedBy":{"username":"ana"}}}}}}`,
		"11:57:00 deploy | sync of gateway to 0123456789ab Succeeded: successfully synced | ana | everything",
	},
	{"Argo CD template", `{"app":"gateway","revision":"abc123","status":"Synced","message":"all good"}`, "12:00:00 deploy | sync of gateway to abc123 Synced: all good |  | everything"},
	{
		"Grafana annotation", `{"dashboardUID":"x","time":1795262340000,"timeEnd":1795262400000,"tags":["deploy","model:gpt-4o","team:llm"],"text":"gw v12"}`,
		"11:59:00 deploy | gw v12 |  | model=gpt-4o until 12:00:00",
	},
	{"chat", `{"text":"deployed v12","username":"bot"}`, "12:00:00 other | deployed v12 | bot | everything"},
	{"nothing", `{"foo":1}`, "! " + errNoText.Error()},
	{"no object", `"x"`, "! " + errNotObject.Error()},
	{"not JSON", `hello`, "! " + errNotObject.Error()},
	{"two", `{"text":"a"}{"text":"b"}`, "! " + errNotObject.Error()},
	{"a list with a hole", `[{"text":"one"},{}]`, "! change 2: " + errNoText.Error()},
}

func TestShapes(t *testing.T) {
	t.Parallel()
	r := reader{envs: []string{"production", "staging"}}
	for _, c := range payloads {
		facts, _, err := r.payload([]byte(c.body), noon)
		var words []string
		for _, f := range facts {
			words = append(words, say(f))
		}
		got := strings.Join(words, "; ")
		if err != nil {
			got = "! " + err.Error()
		}
		if got != c.want {
			t.Errorf("%s\ngave %q\nwant %q", c.name, got, c.want)
		}
	}
}

// sink is the desk's side.
type sink struct {
	mu      sync.Mutex
	facts   []string
	state   traffic.SourceState
	changed chan struct{}
}

func (k *sink) emit(_ context.Context, b traffic.Batch) error {
	k.mu.Lock()
	for _, f := range b.Facts {
		k.facts = append(k.facts, f.Text)
	}
	k.state = *b.State
	k.mu.Unlock()
	select {
	case k.changed <- struct{}{}:
	default:
	}
	return nil
}

func (k *sink) until(t *testing.T, what string, ok func([]string, traffic.SourceState) bool) ([]string, traffic.SourceState) {
	t.Helper()
	limit := time.After(time.Minute)
	for {
		k.mu.Lock()
		facts, state := slices.Clone(k.facts), k.state
		k.mu.Unlock()
		if ok(facts, state) {
			return facts, state
		}
		select {
		case <-k.changed:
		case <-limit:
			t.Fatalf("never saw %s: %q, state %+v", what, facts, state)
		}
	}
}

func start(t *testing.T, s sources.Source) (*sink, func()) {
	t.Helper()
	k := &sink{changed: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx, k.emit) }()
	var once sync.Once
	stop := func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("the source ended with %v", err)
			}
		})
	}
	t.Cleanup(stop)
	return k, stop
}

func write(t *testing.T, path, text string, flag int) {
	t.Helper()
	f, err := os.OpenFile(path, flag|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func told(n int) func([]string, traffic.SourceState) bool {
	return func(facts []string, _ traffic.SourceState) bool { return len(facts) >= n }
}

// TestFileIsFollowed takes a file through its life: not there, written, appended to, corrected, replaced.
func TestFileIsFollowed(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "changes.log")
	s, err := NewFile(FileOptions{Name: "deploys", Path: path, Poll: 2 * time.Millisecond, Kit: sources.Kit{Now: clock}})
	if err != nil {
		t.Fatal(err)
	}
	k, stop := start(t, s)
	k.until(t, "that it waits", func(_ []string, st traffic.SourceState) bool { return st.Health == traffic.Waiting })
	write(t, path, "2026-11-21T11:00:00Z deploy v1\n2026-11-21T11:30:00Z deploy v", 0)
	k.until(t, "the first", told(1))
	write(t, path, "2\nnonsense\n", os.O_APPEND)
	k.until(t, "the second", told(2))
	write(t, path+".new", "2026-11-21T11:00:00Z deploy v1\n2026-11-21T11:40:00Z config of the router\n", 0)
	write(t, path, "2026-11-21T11:35:00Z flag a on\n", os.O_APPEND)
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	k.until(t, "the third and fourth", told(4))
	write(t, path, "2026-11-21T11:41:00Z deploy v3\n", os.O_TRUNC)
	k.until(t, "the fifth", told(5))
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	facts, st := k.until(t, "that it is gone", func(_ []string, st traffic.SourceState) bool { return st.Health == traffic.Waiting })
	stop()
	if want := []string{"deploy v1", "deploy v2", "flag a on", "config of the router", "deploy v3"}; !slices.Equal(facts, want) {
		t.Errorf("told %q, want %q", facts, want)
	}
	if st.Lines != 6 || st.Unparsed != 1 || st.Kind != traffic.ChangeSource {
		t.Errorf("the state is %+v", st)
	}
}

func TestFileOfManyLinesIsReadFromItsEnd(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "changes.log")
	var b strings.Builder
	for i := range 40_000 {
		fmt.Fprintf(&b, "2026-11-21T11:00:00Z deploy number %d\n", i)
	}
	write(t, path, b.String(), 0)
	s, err := NewFile(FileOptions{Name: "deploys", Path: path, Once: true, Kit: sources.Kit{Now: clock}})
	if err != nil {
		t.Fatal(err)
	}
	k := &sink{changed: make(chan struct{}, 1)}
	if err := s.Run(t.Context(), k.emit); err != nil {
		t.Fatal(err)
	}
	if len(k.facts) != maxFacts || k.facts[maxFacts-1] != "deploy number 39999" || k.state.Unparsed != 0 || k.state.Health != traffic.Ended {
		t.Errorf("%d facts, the last %q, state %+v", len(k.facts), k.facts[len(k.facts)-1], k.state)
	}
	missing, err := NewFile(FileOptions{Name: "deploys", Path: path + ".none", Once: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := missing.Run(t.Context(), k.emit); err == nil || !strings.Contains(err.Error(), path+".none") {
		t.Errorf("a missing file gave %v", err)
	}
}

func send(t *testing.T, url, body string, header ...string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader([]byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(answer)
}

func hook(t *testing.T, token string) (*sink, string, func()) {
	t.Helper()
	s, err := NewWebhook(WebhookOptions{Name: "hook", Listen: "127.0.0.1:0", Token: token, Kit: sources.Kit{Now: clock}, Labels: sources.Labels{Gateway: "edge"}})
	if err != nil {
		t.Fatal(err)
	}
	k, stop := start(t, s)
	_, st := k.until(t, "the address", func(_ []string, st traffic.SourceState) bool { return st.Health == traffic.Live })
	return k, st.Where, stop
}

func TestWebhook(t *testing.T) {
	t.Parallel()
	k, url, stop := hook(t, "s3cret")
	mac := hmac.New(sha256.New, []byte("s3cret"))
	mac.Write([]byte(`{"text":"signed"}`))
	signed := "sha256=" + hex.EncodeToString(mac.Sum(nil))
	for _, c := range []struct {
		name, body string
		header     []string
		want       int
	}{
		{"no token", `{"text":"a"}`, nil, http.StatusUnauthorized},
		{"wrong token", `{"text":"a"}`, []string{"Authorization", "Bearer x"}, http.StatusUnauthorized},
		{"token", `{"text":"first"}`, []string{"Authorization", "Bearer s3cret"}, http.StatusOK},
		{"signature", `{"text":"signed"}`, []string{"X-Hub-Signature-256", signed}, http.StatusOK},
		{"signature of another body", `{"text":"forged"}`, []string{"X-Hub-Signature-256", signed}, http.StatusUnauthorized},
		{"no signature", `{"text":"forged"}`, []string{"X-Hub-Signature-256", "sha256="}, http.StatusUnauthorized},
		{"too long", `{"text":"` + strings.Repeat("x", maxBody) + `"}`, []string{"Authorization", "Bearer s3cret"}, http.StatusRequestEntityTooLarge},
		{"nonsense", `hello`, []string{"Authorization", "Bearer s3cret"}, http.StatusBadRequest},
		{"ping", `{"zen":"x"}`, []string{"Authorization", "Bearer s3cret", "X-GitHub-Event", "ping"}, http.StatusOK},
		{"Grafana's path", `{"time":1795262340000,"text":"annotated","tags":["deploy"]}`, []string{"Authorization", "Bearer s3cret"}, http.StatusOK},
	} {
		if status, answer := send(t, url+"api/annotations", c.body, c.header...); status != c.want || strings.Contains(answer, "s3cret") {
			t.Errorf("%s: answered %d %s, want %d", c.name, status, answer, c.want)
		}
	}
	stop()
	if want := []string{"first", "signed", "annotated"}; !slices.Equal(k.facts, want) || k.state.Health != traffic.Ended || k.state.Unparsed != 1 || k.state.Lines != 3 {
		t.Errorf("told %q, state %+v", k.facts, k.state)
	}
}

func TestAWebPageMayNotSend(t *testing.T) {
	t.Parallel()
	_, url, _ := hook(t, "")
	if status, _ := send(t, url, `{"text":"a"}`, "Origin", "https://evil.example"); status != http.StatusForbidden {
		t.Errorf("a page was answered %d", status)
	}
	if status, _ := send(t, url, `{"text":"a"}`); status != http.StatusOK {
		t.Errorf("this machine was answered %d", status)
	}
}

func FuzzLine(f *testing.F) {
	f.Add([]byte("2026-11-21T11:58:00Z deploy v12 model=gpt-4o"))
	f.Add([]byte(`{"time":1795262280,"kind":"deploy","text":"x","scope":{"model":"a"}}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		fact, _, err := (&reader{}).line(line, noon)
		if err == nil {
			bounded(t, fact)
		}
	})
}

func FuzzPayload(f *testing.F) {
	for _, p := range payloads {
		f.Add([]byte(p.body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		facts, _, err := (&reader{envs: []string{"production"}}).payload(body, noon)
		if err != nil {
			return
		}
		for _, fact := range facts {
			bounded(t, fact)
		}
	})
}

func bounded(t *testing.T, f traffic.Fact) {
	t.Helper()
	if f.Text == "" || len(f.Text) > maxText || len(f.Who) > maxWho || f.From.IsZero() || f.From.Sub(noon) > maxSkew || !f.IsChange() ||
		strings.ContainsFunc(f.Text+f.Who, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		t.Fatalf("%+v", f)
	}
}

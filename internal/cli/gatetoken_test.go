package cli

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"signalbox/internal/config"
	"signalbox/internal/gateway"
	"signalbox/internal/traffic"
	"signalbox/sources"
)

// A token that is put in place beside a running console is found: by a plan at once, by a read when it is due again.
func TestATokenIsFoundOnceItIsThere(t *testing.T) {
	dir := t.TempDir()
	cfg, err := config.Parse(filepath.Join(dir, "box.yaml"), []byte(`version: 1
gateways:
  - {name: a, kind: contract, env: x, levers: on, instances: ["http://127.0.0.1:1"], timeout: 1s, token: file:late}
  - {name: b, kind: haproxy, env: x, levers: on, instances: ["unix:none"]}
`))
	if err != nil {
		t.Fatal(err)
	}
	var learnt []string
	all, err := new(app).gateways(t.Context(), cfg, nil, func(s string) { learnt = append(learnt, s) })
	if err != nil || len(all) != 2 {
		t.Fatalf("%v, %v", all, err)
	}
	why := tokenTrouble(all[0])
	if why == nil || tokenTrouble(all[1]) != nil {
		t.Fatalf("%v, %v", why, tokenTrouble(all[1]))
	}
	for _, want := range []string{"cannot be steered: token: ", "box.yaml:3:5: ", "no such file", "chmod 600"} {
		if !strings.Contains(why.Error(), want) {
			t.Errorf("%q does not say %q", why, want)
		}
	}
	if n := len(all[0].Driver.Describe().Abilities); n == 0 {
		t.Error("what it could do is not described")
	}
	if err := os.WriteFile(filepath.Join(dir, "late"), []byte("a-late-token\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if tokenTrouble(all[0]) == nil {
		t.Error("it was read again before it was due")
	}
	all[0].Driver.(*keyed).token.again = time.Now().Add(-time.Second)
	if err := tokenTrouble(all[0]); err != nil {
		t.Error(err)
	}
	if st, err := all[0].Driver.Read(t.Context()); err != nil || st.Instances[0].Reachable || strings.Contains(st.Instances[0].Err, "token") {
		t.Errorf("%+v, %v", st, err) // only that nobody listens there is wrong now
	}
	if len(learnt) != 1 || learnt[0] != "a-late-token" {
		t.Errorf("learnt %q", learnt)
	}
}

// A source without its token asks nobody, says why, and ends when it is told to.
func TestASourceWithoutItsTokenSaysSo(t *testing.T) {
	var asked atomic.Int64
	page := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer page.Close()
	cfg, err := config.Parse("box.yaml", []byte("version: 1\nsources:\n- {name: page, kind: scrape, url: \""+page.URL+"\", token: env:NOT_SET_ANYWHERE}\n"))
	if err != nil {
		t.Fatal(err)
	}
	st := &station{kit: sources.Kit{}.Complete()}
	src, err := new(app).source(t.Context(), st, cfg, cfg.Sources[0], watchOptions{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var said traffic.SourceState
	if err := src.Run(ctx, func(_ context.Context, b traffic.Batch) error {
		said = *b.State
		cancel()
		return nil
	}); err != nil {
		t.Error(err)
	}
	if said.Health != traffic.Failing || !strings.Contains(said.Detail, "box.yaml:3:3: reading the secret env:NOT_SET_ANYWHERE: not set; export") || asked.Load() != 0 {
		t.Errorf("%+v; asked %d times", said, asked.Load())
	}
}

// A token that ends beside a running console is fetched again once it is refused: by a plan at once, by a read when it is
// due; and what was fetched again in vain is not fetched each time.
func TestATokenThatIsRefusedIsFetchedAgain(t *testing.T) {
	var right atomic.Value
	right.Store("token-of-this-hour")
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+right.Load().(string) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = w.Write([]byte(`{"contract":"signalbox-control/1","levers":[]}`))
	}))
	defer s.Close()
	dir := t.TempDir()
	file := filepath.Join(dir, "token")
	put := func(text string) {
		if err := os.WriteFile(file, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("token-of-this-hour")
	cfg, err := config.Parse(filepath.Join(dir, "box.yaml"), []byte("version: 1\ngateways:\n"+
		"  - {name: a, kind: contract, env: x, levers: on, instances: [\""+s.URL+"\"], timeout: 2s, token: file:token}\n"))
	if err != nil {
		t.Fatal(err)
	}
	var learnt []string
	all, err := new(app).gateways(t.Context(), cfg, nil, func(s string) { learnt = append(learnt, s) })
	if err != nil {
		t.Fatal(err)
	}
	k := all[0].Driver.(*keyed)
	told := func() string {
		st, err := k.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return st.Instances[0].Err
	}
	due := func() { k.token.again = time.Now().Add(-time.Second) }

	if why := told(); strings.Contains(why, "401") {
		t.Fatalf("the right token: %s", why)
	}
	right.Store("token-of-the-next-hour")
	put("token-of-the-next-hour")
	if why := told(); !strings.Contains(why, "401") {
		t.Fatalf("a token that has ended: %q", why)
	}
	if why := told(); !strings.Contains(why, "401") {
		t.Errorf("it was fetched before it was due: %q", why)
	}
	due()
	if why := told(); strings.Contains(why, "401") {
		t.Errorf("when it was due: %s", why)
	}

	right.Store("token-of-the-third-hour")
	put("token-of-the-third-hour")
	_ = told() // hears the 401
	_, _ = k.Plan(t.Context(), gateway.Change{Verb: gateway.CapSet}, time.Now())
	if why := told(); strings.Contains(why, "401") {
		t.Errorf("after a plan: %s", why)
	}

	right.Store("nobody has it")
	_ = told()
	due()
	_ = told()
	if again := time.Until(k.token.again); again <= tokenAgain {
		t.Errorf("a token that stays wrong is fetched again in %s", again)
	}
	if got := strings.Join(learnt, " "); got != "token-of-this-hour token-of-the-next-hour token-of-the-third-hour" {
		t.Errorf("learnt %s", got)
	}
}

// A page behind a token that has ended is read again with the new one.
func TestAPageIsReadWithTheNewToken(t *testing.T) {
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer second-token" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	defer page.Close()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("first-token"), 0o600); err != nil {
		t.Fatal(err)
	}
	tok := &token{from: config.SecretFromFile(file), learn: func(string) {}}
	ask, client := tok.asked(nil)
	get := func() int {
		value, err := ask(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, page.URL, http.NoBody)
		r.Header.Set("Authorization", "Bearer "+value)
		resp, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	if got := get(); got != http.StatusUnauthorized {
		t.Fatalf("%d", got)
	}
	if err := os.WriteFile(file, []byte("second-token"), 0o600); err != nil {
		t.Fatal(err)
	}
	tok.again = time.Time{}
	if got := get(); got != http.StatusOK {
		t.Errorf("%d", got)
	}
}

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

package query

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"signalbox/internal/component"
)

func client(t *testing.T, url string, o Options) *Prometheus {
	t.Helper()
	o.URL = url
	if o.Timeout == 0 {
		o.Timeout = 10 * time.Second
	}
	p, err := NewPrometheus(o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAnswers(t *testing.T) {
	sample := func(v string) string { return `{"metric":{},"value":[1767225600,"` + v + `"]}` }
	for body, want := range map[string]struct {
		value float64
		err   string
	}{
		`{"status":"success","data":{"resultType":"vector","result":[` + sample("0.25") + `]}}`:                  {0.25, ""},
		`{"status":"success","data":{"resultType":"scalar","result":[1767225600,"7"]}}`:                          {7, ""},
		`{"status":"success","data":{"resultType":"vector","result":[]}}`:                                        {0, "no series for it now"},
		`{"status":"success","data":{"resultType":"vector","result":[` + sample("1") + "," + sample("2") + `]}}`: {0, "2 series, and one number is wanted"},
		`{"status":"success","data":{"resultType":"vector","result":[` + sample("NaN") + `]}}`:                   {0, "division by nothing"},
		`{"status":"success","data":{"resultType":"vector","result":[` + sample("+Inf") + `]}}`:                  {0, "division by nothing"},
		`{"status":"success","data":{"resultType":"matrix","result":[]}}`:                                        {0, "answers with a matrix"},
		`{"status":"success","data":{"resultType":"string","result":[1767225600,"x"]}}`:                          {0, "unexpected value type"},
		`{"status":"error","errorType":"bad_data","error":"parse \u001b[31m error"}`:                             {0, `refuses the query: parse \x1b[31m error`},
		`<html>login</html>`:             {0, "prometheus answers"},
		strings.Repeat("x", mostReply+1): {0, "prometheus answers"},
	} {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.FormValue("query") != "up" || r.FormValue("time") != "1767225600" {
				t.Errorf("asked %v", r.Form)
			}
			if strings.Contains(body, `"error"`) {
				w.WriteHeader(http.StatusBadRequest)
			}
			_, _ = io.WriteString(w, body)
		}))
		v, err := client(t, s.URL, Options{}).Ask(t.Context(), "up", time.Unix(1767225600, 0))
		s.Close()
		if v != want.value || (err == nil) != (want.err == "") || (err != nil && !strings.Contains(err.Error(), want.err)) {
			t.Errorf("%.80s: %v, %v, want %+v", body, v, err, want)
		}
	}
}

func TestTokenAndReach(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer t0ken" {
			w.WriteHeader(http.StatusUnauthorized)
		}
		if r.FormValue("query") == "slow" {
			<-r.Context().Done()
		}
		_, _ = io.WriteString(w, `{"status":"success","data":{"resultType":"scalar","result":[1,"7"]}}`)
	}))
	defer s.Close()
	token := func(context.Context) (string, error) { return "t0ken", nil }
	if v, err := client(t, s.URL, Options{Token: token}).Ask(t.Context(), "x", time.Now()); v != 7 || err != nil {
		t.Errorf("%v, %v", v, err)
	}
	if _, err := client(t, s.URL, Options{}).Ask(t.Context(), "x", time.Now()); err == nil {
		t.Error("no token, and no error")
	}
	unset := func(context.Context) (string, error) { return "", errors.New("PROM is not set") }
	if _, err := client(t, s.URL, Options{Token: unset}).Ask(t.Context(), "x", time.Now()); err == nil || !strings.Contains(err.Error(), "PROM is not set") {
		t.Errorf("unset: %v", err)
	}
	if _, err := client(t, s.URL, Options{Token: token, Timeout: 100 * time.Millisecond}).Ask(t.Context(), "slow", time.Now()); err == nil || !strings.Contains(err.Error(), "did not answer within 100ms") {
		t.Errorf("slow: %v", err)
	}
	s.Close()
	if _, err := client(t, s.URL, Options{}).Ask(t.Context(), "x", time.Now()); err == nil || !strings.Contains(err.Error(), "out of reach") {
		t.Errorf("away: %v", err)
	}
}

// TestRealPrometheus asks Debian's server, which scrapes itself.
func TestRealPrometheus(t *testing.T) {
	url := startPrometheus(t, component.Prometheus(t))
	p := client(t, url, Options{})
	ask := func(text string) (float64, error) { return p.Ask(t.Context(), text, time.Now()) }
	var up float64
	var err error
	for end := time.Now().Add(30 * time.Second); up != 1 && time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		up, err = ask(`up{job="itself"}`)
	}
	if up != 1 {
		t.Fatalf("up is %v, %v", up, err)
	}
	for text, want := range map[string]float64{`sum(up) + 1`: 2, `scalar(sum(up)) * 0.07`: 0.07, `up{job="itself"} > bool 5`: 0, `up{job="nobody"} or vector(0)`: 0} {
		if v, err := ask(text); err != nil || v != want {
			t.Errorf("%s is %v, %v", text, v, err)
		}
	}
	for text, want := range map[string]string{
		`up > 5`: "no series for it now", `prometheus_http_requests_total or up`: "series, and one number is wanted", `up[5m]`: "answers with a matrix",
		`up{`: "refuses the query: invalid parameter", `sum(up) / 0`: "division by nothing", `nosuchfunction(up)`: "unknown function",
	} {
		if v, err := ask(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s is %v, %v, want %q", text, v, err, want)
		}
	}
	if v, err := p.Ask(t.Context(), "sum(up)", time.Now().Add(-time.Hour)); err == nil {
		t.Errorf("an hour ago it says %v", v)
	}
}

func startPrometheus(t *testing.T, bin string) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	config := fmt.Sprintf("global: {scrape_interval: 1s, scrape_timeout: 1s}\nscrape_configs:\n  - {job_name: itself, static_configs: [{targets: [%q]}]}\n", addr)
	if err := os.WriteFile(filepath.Join(dir, "p.yml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	cmd := exec.CommandContext(t.Context(), bin, "--config.file="+filepath.Join(dir, "p.yml"), "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+addr)
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &out, &out, 5*time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // t.Context has ended: the server was killed
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("prometheus said:\n%s", out.String())
		}
	})
	return "http://" + addr
}

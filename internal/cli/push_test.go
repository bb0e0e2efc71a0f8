package cli_test

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"signalbox/internal/component"
)

// exporter makes a request of a gateway's logs: three minutes up to now, of which the last one fails by half.
func exporter(now time.Time) string {
	var recs []string
	for sec := range 180 {
		at := now.Add(time.Duration(sec-180) * time.Second)
		for i := range 10 {
			status := 200
			if sec >= 120 && i%2 == 0 {
				status = 502
			}
			recs = append(recs, fmt.Sprintf(`{"timeUnixNano":"%d","severityNumber":9,"body":{"stringValue":"request done"},"attributes":[
 {"key":"http.response.status_code","value":{"intValue":"%d"}},{"key":"gen_ai.request.model","value":{"stringValue":"gpt-4o"}}]}`, at.UnixNano(), status))
		}
	}
	return `{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"gw"}},{"key":"cloud.region","value":{"stringValue":"eu-west"}}]},
 "scopeLogs":[{"logRecords":[` + strings.Join(recs, ",") + `]}]}]}`
}

// post sends once the program listens.
func post(t *testing.T, addr, path, body string) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+addr+path, bytes.NewReader([]byte(body)))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "Bearer sesame")
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				t.Fatalf("%s%s answered %s", addr, path, resp.Status)
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("nobody listens: %v", err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// TestPushedLogsAndChanges has a gateway's exporter and a pipeline send to a console: the burst is found, and what was
// changed before it stands in the record, from the file, the webhook and another process alike.
func TestPushedLogsAndChanges(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	logs, hooks := component.FreeAddress(t), component.FreeAddress(t)
	now := time.Now().UTC()
	config := fmt.Sprintf(`version: 1
sources:
  - {name: otel, kind: otlp, listen: %q, token: env:SIGNALBOX_TEST_TOKEN}
  - {name: hooks, kind: webhook, listen: %q, token: env:SIGNALBOX_TEST_TOKEN}
  - {name: deploys, kind: changes, path: changes.log}
`, logs, hooks)
	for name, text := range map[string]string{
		"signalbox.yaml": config, "changes.log": now.Add(-5*time.Minute).Format(time.RFC3339) + " deploy gateway v12\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := signalbox(t, "watch", "--plain", "--state-dir", filepath.Join(dir, "state"))
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "HOME="+dir, "SIGNALBOX_TEST_TOKEN=sesame")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := make(chan string)
	go func() {
		defer close(lines)
		for sc := bufio.NewScanner(out); sc.Scan(); {
			lines <- sc.Text()
		}
	}()
	post(t, hooks, "/", `{"kind":"config","title":"retries 5","region":"eu-west"}`)
	post(t, logs, "/v1/logs", exporter(now))
	if b, err := signalboxIn(t, dir, "incident", "note", "--state-dir", filepath.Join(dir, "state"), "--no-incident", "--kind", "change", "proxy restarted"); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	wanted := map[string]*regexp.Regexp{
		"the file's change":    regexp.MustCompile(`observation +change: deploy gateway v12$`),
		"the webhook's change": regexp.MustCompile(`observation +change: config retries 5 \(region=eu-west\)`),
		"another's change":     regexp.MustCompile(`observation +change: proxy restarted`),
		"the burst":            regexp.MustCompile(`detection +burst .*: bad_gateway in .*model=gpt-4o`),
	}
	var seen []string
	limit := time.After(patience)
	for len(wanted) > 0 {
		select {
		case l, ok := <-lines:
			if !ok {
				t.Fatalf("it ended early\n%s\n%s", strings.Join(seen, "\n"), errs.String())
			}
			seen = append(seen, l)
			for what, re := range wanted {
				if re.MatchString(l) {
					delete(wanted, what)
				}
			}
		case <-limit:
			t.Fatalf("not seen: %v\n%s", wanted, strings.Join(seen, "\n"))
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for range lines { // to its end
	}
	_ = cmd.Wait() // 143: it was asked to end
	if code := cmd.ProcessState.ExitCode(); code != 143 {
		t.Errorf("exit %d\n%s", code, errs.String())
	}
}

package cli_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"signalbox/internal/component"
)

// served gives what the runtime source at an address has set, "" where nobody answers.
func served(addr, method, body string) string {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, "http://"+addr+"/levers", strings.NewReader(body))
	if err != nil {
		return ""
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return string(b)
}

// TestAConsoleTakesTheRuntimeOver: the process that serves Envoy's runtime is killed, and a console that stands by goes
// on with what it had set.
func TestAConsoleTakesTheRuntimeOver(t *testing.T) {
	t.Parallel()
	dir, addr := t.TempDir(), component.FreeAddress(t)
	config := fmt.Sprintf(`version: 1
gateways:
  - {name: edge, kind: envoy, env: production, levers: on, instances: ["http://127.0.0.1:9"], runtime: {listen: %q, serve: on}}
sources:
  - {name: edge-log, kind: file, path: access.json, gateway: edge}
`, addr)
	if err := os.WriteFile(filepath.Join(dir, "signalbox.yaml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	start := func(args ...string) *exec.Cmd {
		cmd := signalbox(t, append(args, "--state-dir", filepath.Join(dir, "state"))...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "HOME="+dir)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		})
		return cmd
	}
	answers := func(what, holds string) {
		t.Helper()
		for until := time.Now().Add(patience); !strings.Contains(served(addr, http.MethodGet, ""), holds); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(until) {
				t.Fatalf("%s: %q", what, served(addr, http.MethodGet, ""))
			}
		}
	}
	server := start("control", "serve-envoy")
	answers("it serves", `"v":1`)
	until := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	if got := served(addr, http.MethodPost, `{"keys":[{"key":"signalbox.pause.batch","if":null,"value":100}],"until":"`+until+`","layers":["signalbox-1"],"by":"ana"}`); !strings.Contains(got, until) {
		t.Fatal(got)
	}
	if _, err := signalboxIn(t, dir, "control", "serve-envoy", "--state-dir", filepath.Join(dir, "state")); err == nil || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("a second one: %v", err)
	}
	console := start("watch", "--plain")
	_ = server.Process.Kill()
	_ = server.Wait()
	answers("the console has taken it over", "signalbox.pause.batch")
	if err := console.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if _ = console.Wait(); console.ProcessState.ExitCode() != 143 {
		t.Errorf("exit %d", console.ProcessState.ExitCode())
	}
	if got := served(addr, http.MethodGet, ""); got != "" {
		t.Errorf("still served: %s", got)
	}
}

// Package nginx_test checks the example: nginx takes the configuration, and Signalbox's part of it fits. The driver's
// tests throw each of its levers on this configuration (internal/gateway/nginx).
package nginx_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"signalbox/internal/component"
)

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestConfigurationIsValid(t *testing.T) {
	binary, dir := component.Nginx(t), t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "run"), 0o755); err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{"nginx.conf": "nginx.conf", "levers.base.conf": "run/levers.conf"} {
		if err := os.WriteFile(filepath.Join(dir, to), []byte(read(t, from)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(binary, "-p", ".", "-c", "nginx.conf", "-t")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil || strings.Contains(string(out), "[warn]") {
		t.Errorf("%v\n%s", err, out)
	}
}

// The inventory of signalbox.yaml has to know each server of levers.base.conf, and no other.
func TestInventoryKnowsEveryServer(t *testing.T) {
	var servers, mapped []string
	group := ""
	for line := range strings.Lines(read(t, "levers.base.conf")) {
		f := strings.Fields(strings.TrimRight(strings.TrimSpace(line), ";"))
		switch {
		case len(f) > 1 && f[0] == "upstream":
			group = f[1]
		case len(f) > 1 && f[0] == "server":
			servers = append(servers, group+"/"+f[1])
		}
	}
	for _, m := range regexp.MustCompile(`match: {deployment: "([^"]+)"}`).FindAllStringSubmatch(read(t, "signalbox.yaml"), -1) {
		mapped = append(mapped, m[1])
	}
	if len(servers) == 0 || !slices.Equal(servers, mapped) {
		t.Errorf("servers %v\nmapped %v", servers, mapped)
	}
}

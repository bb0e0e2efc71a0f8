package component

import (
	"os"
	"path/filepath"
	"testing"
)

// outcome takes down how a test ends that looks for a program.
type outcome struct {
	testing.TB
	failed, skipped bool
}

func (o *outcome) Helper()               {}
func (o *outcome) Fatalf(string, ...any) { o.failed = true }
func (o *outcome) Skipf(string, ...any)  { o.skipped = true }

func TestFind(t *testing.T) {
	dir := t.TempDir()
	there := filepath.Join(dir, "sluice")
	if err := os.WriteFile(there, []byte("#!/bin/sh\n"), 0o700); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	for _, c := range []struct {
		name          string
		path, setting string
		require       string
		want          outcome
		found         bool
	}{
		{name: "on PATH", path: dir, found: true},
		{name: "by its setting", setting: there, found: true},
		{name: "absent", want: outcome{skipped: true}},
		{name: "absent and another required", require: "envoy,sluices", want: outcome{skipped: true}},
		{name: "absent and required", require: "envoy,sluice", want: outcome{failed: true, skipped: true}}, // a real Fatalf does not come back
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("PATH", c.path)
			t.Setenv("SIGNALBOX_SLUICE", c.setting)
			t.Setenv("SIGNALBOX_REQUIRE", c.require)
			got := outcome{}
			path := find(&got, program{name: "sluice", install: "a sluice", setting: "SIGNALBOX_SLUICE", venv: true})
			if got != c.want || (path == there) != c.found {
				t.Errorf("%q, %+v", path, got)
			}
		})
	}
}

func TestRoot(t *testing.T) {
	if _, err := os.Stat(filepath.Join(root(), "internal", "component", "component.go")); err != nil {
		t.Error(err)
	}
	t.Chdir(t.TempDir())
	if here, _ := os.Getwd(); root() != here {
		t.Errorf("outside of a module: %s, want %s", root(), here)
	}
}

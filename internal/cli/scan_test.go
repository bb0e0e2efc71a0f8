package cli_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// scanFile scans one file, with a configuration or without, and gives what is printed.
func scanFile(t *testing.T, args ...string) string {
	t.Helper()
	out, err := signalbox(t, append([]string{"scan"}, args...)...).CombinedOutput()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) { // 1: a burst was found
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

// What scan prints for a log with names of its own is a configuration that reads this log.
func TestScanProposesAConfiguration(t *testing.T) {
	dir := t.TempDir()
	log, conf := filepath.Join(dir, "a.log"), filepath.Join(dir, "signalbox.yaml")
	var text strings.Builder
	for i := range 40 {
		fmt.Fprintf(&text, `{"when":"2026-11-21T10:00:%02d.100Z","llm":{"name":"m1"},"result_code_http":%d,"took":0.42,"zone":"eu"}`+"\n", i, []int{200, 529}[i%2])
	}
	write(t, log, text.String())
	said := scanFile(t, log)
	_, proposal, ok := strings.Cut(said, "      version: 1\n")
	proposal, _, end := strings.Cut(proposal, "  with this mapping 40 of the first 40 lines are about requests")
	if !ok || !end {
		t.Fatalf("no proposal in\n%s", said)
	}
	write(t, conf, "version: 1\n"+strings.ReplaceAll("\n"+proposal, "\n      ", "\n")[1:])
	if again := scanFile(t, "-c", conf, log); !strings.Contains(again, "40 requests, 20 failed (50.0%)") || strings.Contains(again, "do not say their") {
		t.Errorf("with the proposal:\n%s", again)
	}
}

// A stranger's file is called what it is.
func TestScanSaysWhatAFileIs(t *testing.T) {
	for name, tt := range map[string]struct{ text, want string }{
		"empty":  {"", "empty, no line to read"},
		"binary": {"\x7fELF\x00\x01\xff\n\x01\x00\xfe\xff\n", "bytes that no text has"},
		"prose":  {"hello there\nall is well\n", "no line tells of a failure"},
		"other":  {strings.Repeat(`{"level":"info","ts":1795262400,"msg":"invoice sent"}`+"\n", 3), "a log of something else"},
		"access": {`10.0.0.1 - - [21/Nov/2026:10:00:00 +0000] "POST /v1/x HTTP/1.1" 200 5 "-" "-"` + "\n", "access lines name no model"},
		"no time": {
			`INFO:     127.0.0.1:5000 - "POST /v1/x HTTP/1.1" 200 OK` + "\n", "bear no time",
		},
	} {
		path := filepath.Join(t.TempDir(), "a.log")
		write(t, path, tt.text)
		if said := scanFile(t, path); !strings.Contains(said, tt.want) {
			t.Errorf("%s: %q is not in\n%s", name, tt.want, said)
		}
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

package cli_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// repository is the folder of the repository.
const repository = "../.."

// shown is one command that the README shows, with what it says that it prints.
type shown struct {
	line    int // of the command
	command string
	output  []string
	end     int // the line after the output
}

// drills tells whether the command takes as long as a drill does.
func (s shown) drills() bool {
	return strings.Contains(s.command, " drill ") && strings.Contains(s.command, "--headless")
}

// examples are the commands of the blocks called console: each begins with "$ ", what it prints follows.
func examples(t *testing.T, page string) []shown {
	t.Helper()
	var all []shown
	inside := false
	for i, line := range strings.Split(page, "\n") {
		command, isCommand := strings.CutPrefix(line, "$ ")
		switch {
		case strings.HasPrefix(line, "```"):
			inside = !inside && line == "```console"
		case inside && isCommand:
			all = append(all, shown{line: i + 1, command: command, end: i + 1})
		case inside && len(all) > 0:
			last := &all[len(all)-1]
			last.output, last.end = append(last.output, line), i+1
		case inside:
			t.Errorf("README.md:%d: output without a command", i+1)
		}
	}
	return all
}

func readme(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(repository, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestREADME runs what the README shows and compares what it prints, numbers aside. UPDATE_GOLDEN=1 rewrites
// the outputs that are shown whole.
func TestREADME(t *testing.T) {
	if underRace {
		t.Skip("compares texts that commands print one after the other; the tests without the race detector do it")
	}
	page := readme(t)
	all := examples(t, page)
	pageLines := strings.Split(page, "\n")
	if len(all) < 5 {
		t.Errorf("the README shows %d commands with their output; that is hardly all", len(all))
	}
	var lines []string
	kept := 0 // lines of the page that are in lines
	dir, home := likeTheRepository(t), t.TempDir()
	for _, s := range all {
		if s.drills() {
			continue // TestDrillScenarios runs these
		}
		got, err := prepare(t, s, dir, home).run()
		if err != nil {
			t.Errorf("README.md:%d: $ %s: %v", s.line, s.command, err)
			continue
		}
		switch why := differs(s.output, got); {
		case why == "":
		case os.Getenv("UPDATE_GOLDEN") != "" && !slices.Contains(s.output, "..."):
			lines = append(append(lines, pageLines[kept:s.line]...), got...)
			kept = s.end
		default:
			t.Errorf("README.md:%d: $ %s\n%s", s.line, s.command, why)
		}
	}
	if now := strings.Join(append(lines, pageLines[kept:]...), "\n"); now != page {
		if err := os.WriteFile(filepath.Join(repository, "README.md"), []byte(now), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// demonstration is a command of the README, ready to run.
type demonstration struct {
	cmd *exec.Cmd
	out bytes.Buffer
}

// likeTheRepository makes a folder that commands may write to, with the repository's files in it.
func likeTheRepository(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	here, err := filepath.Abs(repository)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"examples", "runbooks", "testdata"} {
		if err := os.Symlink(filepath.Join(here, name), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// prepare makes a command run as the README says, with this test binary in place of "go run .".
func prepare(t *testing.T, s shown, dir, home string) *demonstration {
	t.Helper()
	d := &demonstration{cmd: exec.CommandContext(t.Context(), "sh", "-c", strings.ReplaceAll(s.command, "go run . ", "signalbox "))}
	d.cmd.Dir, d.cmd.WaitDelay = dir, 5*time.Second
	d.cmd.Env = append(os.Environ(), "HOME="+home, "XDG_STATE_HOME="+filepath.Join(home, "state"), "XDG_CONFIG_HOME="+filepath.Join(home, "config"))
	d.cmd.Stdout, d.cmd.Stderr = &d.out, &d.out
	return d
}

// run gives what the command prints. Findings are no failure: scan ends with 1 where it found a burst.
func (d *demonstration) run() ([]string, error) {
	if err, exit := d.cmd.Run(), (*exec.ExitError)(nil); err != nil && (!errors.As(err, &exit) || exit.ExitCode() > 1) {
		return nil, fmt.Errorf("%w\n%s", err, d.out.String())
	}
	return strings.Split(strings.TrimRight(d.out.String(), "\n"), "\n"), nil
}

// What changes from run to run: hashes and ids, folders for temporary files, numbers with their separators and units.
var aside = []struct {
	find *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`commit (unknown|[0-9a-f]{7,})( \(modified\))?`), "commit #"},
	{regexp.MustCompile(`\b(linux|darwin)/[a-z0-9]+\b`), "os/arch"},
	{regexp.MustCompile(`\binc-[0-9a-z]+`), "inc-#"},
	{regexp.MustCompile(`\bb[0-9a-z]*-([0-9]+-)*[0-9]{6,}-[0-9]+\b`), "b#"},
	{regexp.MustCompile(`\breq_[0-9a-f]+`), "req_#"},
	{regexp.MustCompile(`(/[A-Za-z0-9._-]+)+/signalbox-drill-[0-9]+`), "TMP"},
	{regexp.MustCompile(`<key:([a-z]+):[0-9a-f]+>`), "<key:$1:#>"},
	{regexp.MustCompile(`\b([0-9]+(\.[0-9]+)?(ms|µs|s|m|h))+\b`), "#"},
	{regexp.MustCompile(`[-+]?[0-9]+([.,:][0-9]+)*( (ms|s|kB|MB)\b)?`), "#"},
	{regexp.MustCompile(`\s+`), " "},
}

func numbersAside(line string) string {
	for _, a := range aside {
		line = a.find.ReplaceAllString(line, a.with)
	}
	return strings.TrimSpace(line)
}

// differs compares what is shown with what came, line by line; "..." stands for any lines. It says what differs.
func differs(want, got []string) string {
	if matches(want, got) {
		return ""
	}
	return fmt.Sprintf("prints\n\t%s\nbut the README shows\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
}

func matches(want, got []string) bool {
	if len(want) == 0 {
		return len(got) == 0 || len(got) == 1 && got[0] == ""
	}
	if want[0] == "..." {
		for skip := 0; skip <= len(got); skip++ {
			if len(want) == 1 || matches(want[1:], got[skip:]) {
				return true
			}
		}
		return false
	}
	return len(got) > 0 && numbersAside(want[0]) == numbersAside(got[0]) && (matches(want[1:], got[1:]) || len(want) == 1 && len(got) == 1)
}

// A comparison that cannot fail would keep a wrong README for ever.
func TestTheREADMEsComparisonCanFail(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		want, got string
		same      bool
	}{
		{"12 requests, 3 failed (25.0%)", "519 requests, 59 failed (11.4%)", true},
		{"12 requests, 3 failed", "12 requests, 3 broken", false},
		{"since 2026-11-21 15:17:59 UTC, raised 2s later", "since 2027-01-02 03:04:05 UTC, raised 1m20s later", true},
		{"gpt-4o   12", "gpt-4o 1", true},
		{"model=gpt-4o region=eu-west", "region=eu-west", false},
		{"a\n...\nd", "a\nb\nc\nd", true},
		{"a\n...\nd", "a\nd", true},
		{"a\n...\nd", "a\nb\nc", false},
		{"a\nb", "a", false},
		{"a", "a\nb", false},
		{"", "", true},
		{"", "a", false},
		{"...", "a\nb", true},
		{"signalbox 0.1.0, commit 1a2b3c4d5e6f, go1.26.1 linux/amd64", "signalbox 0.1.0, commit unknown, go1.26.8 darwin/arm64", true},
	} {
		split := func(s string) []string {
			if s == "" {
				return nil
			}
			return strings.Split(s, "\n")
		}
		if got := differs(split(c.want), split(c.got)) == ""; got != c.same {
			t.Errorf("%q and %q: the same %v, want %v", c.want, c.got, got, c.same)
		}
	}
}

func TestExamplesOfAPage(t *testing.T) {
	t.Parallel()
	all := examples(t, "Text.\n```sh\n$ none\n```\n```console\n$ go run . keys\na\nb\n$ go run . info\n```\n")
	if len(all) != 2 || all[0].command != "go run . keys" || strings.Join(all[0].output, ",") != "a,b" || all[0].line != 6 || all[0].end != 8 || len(all[1].output) != 0 {
		t.Errorf("%+v", all)
	}
}

// TestKeysPage keeps docs/keys.md what the binding table says. UPDATE_GOLDEN=1 rewrites it.
func TestKeysPage(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), "signalbox", "keys", "--markdown")
	got, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(repository, "docs", "keys.md")
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(file, append(bytes.TrimSpace(got), '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(bytes.TrimSpace(got), bytes.TrimSpace(want)) {
		t.Error("docs/keys.md is not what signalbox keys --markdown prints; UPDATE_GOLDEN=1 rewrites it")
	}
}

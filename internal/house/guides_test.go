package house

import (
	"context"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// mention is something that a guide names, and where.
type mention struct {
	file string
	line int
	text string
}

// guides are the pages that an operator or a contributor follows word by word.
func guides(t *testing.T) []string {
	t.Helper()
	return slices.DeleteFunc(files(t), func(f string) bool {
		return f != "README.md" && f != "CHANGELOG.md" && (path.Dir(f) != "docs" || path.Ext(f) != ".md") &&
			(!strings.HasPrefix(f, "examples/") || path.Base(f) != "README.md")
	})
}

var (
	fence  = regexp.MustCompile("^ {0,3}(```+|~~~+)([a-z-]*)")
	inline = regexp.MustCompile("`([^`]+)`")
	link   = regexp.MustCompile(`\]\(([^)\s#]+)[^)]*\)`)
)

// shells are the languages of blocks that show commands; a block of output is called text.
var shells = []string{"", "sh", "bash", "shell", "console"}

// page takes a guide apart: what stands in backticks, links, and the command lines of its blocks.
func page(name, src string) (spans, links, commands []mention) {
	open, lang, held, from := "", "", "", 0
	for i, line := range strings.Split(src, "\n") {
		n := i + 1
		if m := fence.FindStringSubmatch(line); m != nil && (open == "" || strings.HasPrefix(m[1], open)) {
			if open == "" {
				open, lang = m[1], m[2]
			} else {
				open = ""
			}
			continue
		}
		if open == "" {
			for _, m := range inline.FindAllStringSubmatch(line, -1) {
				spans = append(spans, mention{name, n, m[1]})
			}
			for _, m := range link.FindAllStringSubmatch(inline.ReplaceAllString(line, ""), -1) {
				links = append(links, mention{name, n, m[1]})
			}
			continue
		}
		if !slices.Contains(shells, lang) {
			continue
		}
		if held == "" {
			from = n
		}
		if part, more := strings.CutSuffix(line, `\`); more {
			held += part
			continue
		}
		commands = append(commands, mention{name, from, held + line})
		held = ""
	}
	return spans, links, commands
}

var repoPath = regexp.MustCompile(`^\.?[A-Za-z0-9_][A-Za-z0-9_./-]*$`)

func TestWhatGuidesNameIsThere(t *testing.T) {
	t.Parallel()
	tops := make(map[string]bool)
	for _, f := range files(t) {
		if top, _, deep := strings.Cut(f, "/"); deep {
			tops[top] = true
		}
	}
	for _, g := range guides(t) {
		spans, links, _ := page(g, string(read(t, g)))
		for _, m := range spans {
			if p, ok := asPath(m.text, tops); ok && !there(g, p) {
				t.Errorf("%s:%d: %s is not there", m.file, m.line, m.text)
			}
		}
		for _, m := range links {
			if !strings.Contains(m.text, ":") && !there(g, m.text) {
				t.Errorf("%s:%d: the link leads to %s, which is not there", m.file, m.line, m.text)
			}
		}
	}
}

// asPath tells whether a word means a path of this repository: one below a folder that the repository has, or a source
// file or page with a folder before it.
func asPath(word string, tops map[string]bool) (string, bool) {
	p := strings.TrimPrefix(word, "./")
	p, _, _ = strings.Cut(p, ":")
	p = strings.TrimSuffix(strings.TrimSuffix(p, "..."), "/")
	top, _, deep := strings.Cut(p, "/")
	if !repoPath.MatchString(p) || !deep && !strings.HasSuffix(word, "/") {
		return "", false
	}
	return p, tops[top] || path.Ext(p) == ".go" || path.Ext(p) == ".md"
}

func there(guide, p string) bool {
	for _, dir := range []string{".", path.Dir(guide)} {
		if _, err := os.Stat(filepath.Join(root, dir, p)); err == nil {
			return true
		}
	}
	return false
}

var makeTarget = regexp.MustCompile(`(?m)^([a-z][a-z0-9-]*):`)

func TestMakeTargetsThatGuidesNameAreThere(t *testing.T) {
	t.Parallel()
	targets := []string{"bin/golangci-lint", "bin/gofumpt"}
	for _, m := range makeTarget.FindAllStringSubmatch(string(read(t, "Makefile")), -1) {
		targets = append(targets, m[1])
	}
	for _, c := range commandsOf(t) {
		words := strings.Fields(c.text)
		if len(words) == 0 || words[0] != "make" {
			continue
		}
		for _, w := range words[1:] {
			if !strings.Contains(w, "=") && !strings.HasPrefix(w, "-") && !slices.Contains(targets, w) {
				t.Errorf("%s:%d: make has no target %s", c.file, c.line, w)
			}
		}
	}
}

// commandsOf gives the simple commands that the guides show or name, without prompt, variables before and redirections.
func commandsOf(t *testing.T) []mention {
	t.Helper()
	var all []mention
	for _, g := range guides(t) {
		spans, _, lines := page(g, string(read(t, g)))
		for _, m := range append(spans, lines...) {
			for _, c := range simple(m.text) {
				all = append(all, mention{m.file, m.line, c})
			}
		}
	}
	return all
}

var (
	comment  = regexp.MustCompile(`(^|\s)#.*$`)
	between  = regexp.MustCompile(`\s+(\|\||\||&&|&|;|2?>>?|<)(\s+|$)`)
	variable = regexp.MustCompile(`^[A-Z_][A-Z0-9_]*=\S*\s+`)
	quoted   = regexp.MustCompile(`"[^"]*"|'[^']*'`)
)

func simple(line string) []string {
	line = strings.TrimPrefix(strings.TrimSpace(line), "$ ")
	// What stands in quotes is an argument, whatever it looks like.
	line = quoted.ReplaceAllString(line, "QUOTED")
	line = comment.ReplaceAllString(line, "")
	var all []string
	for _, c := range between.Split(line, -1) {
		c = strings.TrimSpace(c)
		for variable.MatchString(c) {
			c = variable.ReplaceAllString(c, "")
		}
		all = append(all, c)
	}
	return all
}

// The verbs that have verbs of their own.
var groups = []string{"runbook", "control", "incident", "config", "completion"}

// The global flags that are followed by a value.
var valued = []string{"-c", "--config", "--env", "--as", "--state-dir", "--debug"}

var verb = regexp.MustCompile(`^[a-z][a-z-]*$`)

// invocations gives the verbs (of two words in a group) and the long flags of a command line of signalbox; none where it
// is another program's.
func invocations(command string) (verbs, flags []string) {
	words := strings.Fields(command)
	switch {
	case len(words) > 0 && slices.Contains([]string{"signalbox", "./signalbox", "bin/signalbox"}, words[0]):
		words = words[1:]
	case len(words) > 2 && words[0] == "go" && words[1] == "run" && words[2] == ".":
		words = words[3:]
	default:
		return nil, nil
	}
	var plain []string
	for i := 0; i < len(words); i++ {
		name, _, given := strings.Cut(words[i], "=")
		switch {
		case words[i] == "--":
			i = len(words)
		case strings.HasPrefix(name, "--"):
			flags = append(flags, strings.Trim(name, "[]"))
			if slices.Contains(valued, name) && !given {
				i++
			}
		case slices.Contains(valued, name):
			i++
		default:
			plain = append(plain, words[i])
		}
	}
	if len(plain) == 0 || !verb.MatchString(plain[0]) {
		return nil, flags
	}
	if !slices.Contains(groups, plain[0]) || len(plain) == 1 {
		return plain[:1], flags
	}
	for sub := range strings.SplitSeq(plain[1], "|") {
		if verb.MatchString(sub) {
			verbs = append(verbs, plain[0]+" "+sub)
		}
	}
	return verbs, flags
}

func TestInvocations(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ line, verbs, flags string }{
		{"$ signalbox scan --output json YOUR.log > out.json", "scan", "--output"},
		{"go run . drill azure-eu-502 --headless --seed 3 # the quick start", "drill", "--headless,--seed"},
		{"signalbox -c my.yaml --env production control plan cap.set gateway=edge", "control plan", "--env"},
		{"signalbox runbook list|show|lint", "runbook list,runbook show,runbook lint", ""},
		{"tail -f x.log | LC_ALL=C signalbox classify --input lines", "classify", "--input"},
		{`bin/signalbox incident note ID "went --away; yes"`, "incident note", ""},
		{"signalbox", "", ""},
		{"signalbox.yaml", "", ""},
		{"signalbox VERB --help", "", "--help"},
		{"go run ./tools/x scan", "", ""},
	} {
		var verbs, flags []string
		for _, s := range simple(c.line) {
			v, f := invocations(s)
			verbs, flags = append(verbs, v...), append(flags, f...)
		}
		if strings.Join(verbs, ",") != c.verbs || strings.Join(flags, ",") != c.flags {
			t.Errorf("%s: verbs %q, flags %q", c.line, verbs, flags)
		}
	}
}

func TestPage(t *testing.T) {
	t.Parallel()
	src := "See `docs/a.md` and [b](b.md#x).\n\n```sh\nsignalbox scan \\\n  x.log\n```\n\n```text\nsignalbox 1.0\n```\n`make test`\n"
	spans, links, commands := page("p.md", src)
	if len(spans) != 2 || spans[1] != (mention{"p.md", 11, "make test"}) {
		t.Errorf("spans %v", spans)
	}
	if len(links) != 1 || links[0] != (mention{"p.md", 1, "b.md"}) {
		t.Errorf("links %v", links)
	}
	if len(commands) != 1 || commands[0] != (mention{"p.md", 4, "signalbox scan   x.log"}) {
		t.Errorf("commands %v", commands)
	}
}

func TestVerbsAndFlagsThatGuidesNameAreThere(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat(filepath.Join(root, "main.go")); err != nil {
		t.Skip("there is no program yet")
	}
	box := build(t)
	helps := make(map[string]string)
	for _, c := range commandsOf(t) {
		verbs, flags := invocations(c.text)
		if len(verbs) == 0 && len(flags) > 0 {
			verbs = []string{""} // flags of signalbox itself
		}
		for _, v := range verbs {
			help, asked := helps[v]
			if !asked {
				help = ask(t, box, v)
				helps[v] = help
			}
			if help == "" {
				t.Errorf("%s:%d: signalbox has no verb %q", c.file, c.line, v)
				continue
			}
			for _, f := range flags {
				if !regexp.MustCompile(regexp.QuoteMeta(f) + `\b`).MatchString(help) {
					t.Errorf("%s:%d: signalbox %s has no flag %s", c.file, c.line, v, f)
				}
			}
		}
	}
}

func build(t *testing.T) string {
	t.Helper()
	box := filepath.Join(t.TempDir(), "signalbox")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", box, ".")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return box
}

// ask gives a verb's help, and "" where the program has no such verb: it then shows somebody else's usage line.
func ask(t *testing.T, box, verb string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, box, append(strings.Fields(verb), "--help")...)
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "NO_COLOR=1")
	out, err := cmd.Output()
	usage := regexp.MustCompile(`(?m)^(usage:|Usage:)?\s*` + regexp.QuoteMeta(strings.TrimSpace("signalbox "+verb)) + `(\s|$)`)
	if err != nil || !usage.Match(out) {
		return ""
	}
	return string(out)
}

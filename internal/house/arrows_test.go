package house

import (
	"path"
	"slices"
	"strings"
	"testing"
)

const guide = "docs/development.md"

// arrows reads the fenced block "arrows" of the guide: folder -> folders. A folder ending in /... has its subfolders with it.
func arrows(t *testing.T) map[string][]string {
	t.Helper()
	_, rest, found := strings.Cut(string(read(t, guide)), "```arrows\n")
	block, _, closed := strings.Cut(rest, "```")
	if !found || !closed {
		t.Fatalf("%s has no block ```arrows", guide)
	}
	all := make(map[string][]string)
	for line := range strings.Lines(block) {
		from, to, ok := strings.Cut(strings.TrimSpace(line), "->")
		if !ok {
			t.Fatalf("%s: %q is not FOLDER -> FOLDER, FOLDER", guide, line)
		}
		all[strings.TrimSpace(from)] = strings.FieldsFunc(to, func(r rune) bool { return r == ' ' || r == ',' })
	}
	return all
}

// The linter enforces the arrows by patterns of its own; this reads the imports themselves, so that neither the guide nor
// a pattern that matches nothing can be wrong unseen.
func TestImportsFollowTheArrowsOfTheGuide(t *testing.T) {
	t.Parallel()
	allowed := arrows(t)
	for _, f := range goFiles(t) {
		dir := path.Dir(f.name)
		if strings.HasPrefix(dir, "tools/") || (f.test() && (dir == "internal/cli" || dir == ".")) {
			continue
		}
		for _, i := range f.ast.Imports {
			to, ours := strings.CutPrefix(strings.Trim(i.Path.Value, `"`), module+"/")
			if to == "internal/component" && f.test() {
				continue // the real programs that any test may meet
			}
			if ours && to != dir && !arrow(allowed, dir, to) {
				t.Errorf("%s:%d: %s -> %s is not an arrow of %s", f.name, f.line(i.Pos()), dir, to, guide)
			}
		}
	}
}

func arrow(allowed map[string][]string, from, to string) bool {
	for key, targets := range allowed {
		if covers(key, from) && slices.ContainsFunc(targets, func(target string) bool { return covers(target, to) }) {
			return true
		}
	}
	return false
}

func covers(folder, dir string) bool {
	above, tree := strings.CutSuffix(folder, "/...")
	return dir == above || tree && strings.HasPrefix(dir, above+"/")
}

func TestArrow(t *testing.T) {
	t.Parallel()
	allowed := map[string][]string{"sources/...": {"internal/traffic", "sources"}, "main": {"internal/gateway/..."}}
	for _, c := range []struct {
		from, to string
		want     bool
	}{
		{"sources", "internal/traffic", true},
		{"sources/tail", "internal/traffic", true},
		{"sources/tail", "sources", true},
		{"sources/tail", "sources/decode", false},
		{"sourcesx", "internal/traffic", false},
		{"sources", "internal/traffic/x", false},
		{"main", "internal/gateway/haproxy", true},
		{"internal/gateway/haproxy", "main", false},
	} {
		if got := arrow(allowed, c.from, c.to); got != c.want {
			t.Errorf("%s -> %s: %t", c.from, c.to, got)
		}
	}
}

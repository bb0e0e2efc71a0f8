package house

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	root      = "../.."
	module    = "signalbox"
	maxFunc   = 60
	maxFile   = 400
	maxFields = 20
)

// files lists the files of the repository, relative to its root: what Git tracks or would, or everything without Git.
func files(t *testing.T) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	cmd.Dir = root
	var all []string
	if out, err := cmd.Output(); err == nil {
		all = strings.Split(strings.TrimRight(string(out), "\x00"), "\x00")
	} else {
		all = walk(t)
	}
	// Git also names what was deleted and not yet committed.
	all = slices.DeleteFunc(all, func(f string) bool {
		info, err := os.Stat(filepath.Join(root, f))
		return err != nil || !info.Mode().IsRegular()
	})
	if len(all) == 0 {
		t.Fatal("the repository has no files")
	}
	return all
}

func walk(t *testing.T) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && slices.Contains([]string{".git", ".venv", "bin", "dist"}, d.Name()) {
			return filepath.SkipDir
		}
		if !d.IsDir() {
			rel, err := filepath.Rel(root, p)
			if err != nil {
				return err
			}
			all = append(all, filepath.ToSlash(rel))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// goFile is one Go file of the repository, parsed.
type goFile struct {
	name string
	fset *token.FileSet
	ast  *ast.File
}

func (f goFile) test() bool { return strings.HasSuffix(f.name, "_test.go") }

func (f goFile) line(p token.Pos) int { return f.fset.Position(p).Line }

func goFiles(t *testing.T) []goFile {
	t.Helper()
	var all []goFile
	for _, name := range files(t) {
		if !strings.HasSuffix(name, ".go") || slices.Contains(strings.Split(name, "/"), "testdata") {
			continue
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, name, read(t, name), parser.ParseComments)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		all = append(all, goFile{name: name, fset: fset, ast: file})
	}
	return all
}

func TestFilesAndFunctionsStayShort(t *testing.T) {
	t.Parallel()
	for _, f := range goFiles(t) {
		if f.test() || ast.IsGenerated(f.ast) {
			continue
		}
		if n := f.line(f.ast.FileEnd); n > maxFile+1 { // the end lies on the line after the last
			t.Errorf("%s has %d lines; more than %d is a design question", f.name, n-1, maxFile)
		}
		for _, d := range f.ast.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if n := f.line(fn.End()) - f.line(fn.Pos()) + 1; n > maxFunc {
				t.Errorf("%s:%d: %s has %d lines; more than %d is a design question", f.name, f.line(fn.Pos()), fn.Name.Name, n, maxFunc)
			}
		}
	}
}

func TestTheRootModelStaysSmall(t *testing.T) {
	t.Parallel()
	for _, f := range goFiles(t) {
		if filepath.Dir(f.name) != "ui" {
			continue
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok || spec.Name.Name != "Model" {
				return true
			}
			if s, ok := spec.Type.(*ast.StructType); ok && s.Fields.NumFields() > maxFields {
				t.Errorf("%s:%d: Model has %d fields; more than %d is a design question", f.name, f.line(spec.Pos()), s.Fields.NumFields(), maxFields)
			}
			return true
		})
	}
}

// The packages that get the time as an argument.
var pure = []string{"internal/board", "internal/burst", "internal/fault", "internal/redact", "internal/traffic", "runbook"}

// What of package time asks a clock or waits for one.
var clock = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}

func TestPurePackagesAskNoClock(t *testing.T) {
	t.Parallel()
	for _, f := range goFiles(t) {
		dir := filepath.Dir(f.name)
		if f.test() || !slices.ContainsFunc(pure, func(p string) bool { return dir == p || strings.HasPrefix(dir, p+"/") }) {
			continue
		}
		for _, use := range clockUses(f) {
			t.Error(use)
		}
	}
}

func clockUses(f goFile) []string {
	name := ""
	for _, i := range f.ast.Imports {
		if i.Path.Value == `"time"` {
			name = "time"
			if i.Name != nil {
				name = i.Name.Name
			}
		}
	}
	var uses []string
	ast.Inspect(f.ast, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok || name == "" {
			return true
		}
		if x, ok := sel.X.(*ast.Ident); ok && x.Name == name && slices.Contains(clock, sel.Sel.Name) {
			uses = append(uses, fmt.Sprintf("%s:%d: time.%s in a pure package; take the time as an argument", f.name, f.line(sel.Pos()), sel.Sel.Name))
		}
		return true
	})
	return uses
}

// A rule that finds nothing because it cannot find anything would pass for ever.
func TestTheClockRuleFindsAClock(t *testing.T) {
	t.Parallel()
	fset := token.NewFileSet()
	src := "package p\n\nimport tm \"time\"\n\nvar now = tm.Now\n\nfunc f() { tm.Sleep(tm.Second) }\n"
	file, err := parser.ParseFile(fset, "p.go", src, 0)
	if err != nil {
		t.Fatal(err)
	}
	if got := clockUses(goFile{name: "p.go", fset: fset, ast: file}); len(got) != 2 || !strings.HasPrefix(got[0], "p.go:5: time.Now") {
		t.Errorf("got %q", got)
	}
}

// These patterns are put together so that they do not find themselves.
var banned = []struct {
	what string
	find *regexp.Regexp
}{
	{"a path of the machine it was written on", regexp.MustCompile(`(^|[^A-Za-z0-9._-])/(` + "wo" + "rk|ro" + "ot" + `)/`)},
	{"a note of work left undone", regexp.MustCompile(`\b(` + "TO" + "DO|FIX" + "ME" + `)\b`)},
}

func TestNothingOfTheWorkshopIsLeft(t *testing.T) {
	t.Parallel()
	for _, name := range files(t) {
		src := read(t, name)
		if bytes.IndexByte(src, 0) >= 0 {
			continue
		}
		for i, line := range bytes.Split(src, []byte("\n")) {
			for _, b := range banned {
				if b.find.Match(line) {
					t.Errorf("%s:%d: %s: %.120q", name, i+1, b.what, line)
				}
			}
		}
	}
}

func TestDependenciesAreThePromisedOnes(t *testing.T) {
	t.Parallel()
	mod := string(read(t, "go.mod"))
	for _, want := range []string{
		"charm.land/bubbletea/v2 v2.", "charm.land/bubbles/v2 v2.", "github.com/fsnotify/fsnotify v1.", "github.com/prometheus/common v0.72.0\n",
	} {
		if !strings.Contains(mod, "\t"+want) {
			t.Errorf("go.mod does not require %s", strings.TrimSpace(want))
		}
	}
	for _, f := range goFiles(t) {
		for _, i := range f.ast.Imports {
			p, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				t.Errorf("%s: %v", f.name, err)
			}
			if strings.HasPrefix(p, "github.com/charmbracelet/bubble"+"tea") {
				t.Errorf("%s:%d: imports %s; its current version is charm.land/bubbletea/v2", f.name, f.line(i.Pos()), p)
			}
		}
	}
}

package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"signalbox/internal/config"
	"signalbox/sources/decode"
)

// sourcesPage is the operator guide's page on sources and formats.
func sourcesPage(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/sources.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

// fenced gives the blocks of a page with one info string.
func fenced(page, info string) []string {
	var out []string
	for {
		_, rest, ok := strings.Cut(page, "\n```"+info+"\n")
		if !ok {
			return out
		}
		block, after, _ := strings.Cut(rest, "\n```")
		out, page = append(out, block), after
	}
}

// The page has a section for each format, a row for each wrapper, kind and option, and names each field.
func TestSourcesPageIsComplete(t *testing.T) {
	page := sourcesPage(t)
	for _, f := range decode.Formats() {
		if !strings.Contains(page, "\n### "+f+"\n") {
			t.Errorf("no section ### %s", f)
		}
	}
	var schema struct {
		Properties struct {
			Sources struct {
				Items struct {
					Properties map[string]struct {
						Enum []string `json:"enum"`
					} `json:"properties"`
				} `json:"items"`
			} `json:"sources"`
		} `json:"properties"`
	}
	if err := json.Unmarshal(config.Schema(), &schema); err != nil {
		t.Fatal(err)
	}
	options := schema.Properties.Sources.Items.Properties
	if len(options) < 10 || len(options["kind"].Enum) < 4 {
		t.Fatalf("the schema tells of %d options and of the kinds %v", len(options), options["kind"].Enum)
	}
	rows := slices.Concat(decode.Wrappers(), options["kind"].Enum)
	for name := range options {
		rows = append(rows, name)
	}
	for _, name := range rows {
		if !strings.Contains(page, "\n| `"+name+"` | ") {
			t.Errorf("no row | `%s` |", name)
		}
	}
	for _, name := range decode.FieldNames() {
		bare := regexp.MustCompile(`_(s|us|ns)$`).ReplaceAllString(name, "_ms")
		if name != "kind" && !strings.Contains(page, "`"+name+"`") && !strings.Contains(page, "`"+bare+"`") {
			t.Errorf("no word of the field %s", name)
		}
	}
}

// Every example line stands in the tests of the decoders, which hold what becomes of it.
func TestSourcesPageShowsTestedLines(t *testing.T) {
	var all []byte
	for _, pattern := range []string{"*.log", "streams/*.log"} {
		paths, _ := filepath.Glob(filepath.Join("../../sources/decode/testdata", pattern))
		for _, path := range paths {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			all = append(append(all, '\n'), b...)
		}
	}
	examples := fenced(sourcesPage(t), "log")
	if len(examples) < 20 {
		t.Fatalf("%d examples", len(examples))
	}
	for _, line := range examples {
		if !bytes.Contains(all, []byte("\n"+line+"\n")) {
			t.Errorf("not in testdata: %s", line)
		}
	}
}

// The example of a format of one's own says what config check says.
func TestSourcesPageExample(t *testing.T) {
	page := sourcesPage(t)
	dir := t.TempDir()
	for info, name := range map[string]string{"yaml mapping": "my-gateway.yaml", "text sample": "my-gateway.log"} {
		blocks := fenced(page, info)
		if len(blocks) != 1 {
			t.Fatalf("%d blocks of %s", len(blocks), info)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(blocks[0]+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	t.Setenv("HOME", dir)
	t.Setenv("XDG_CONFIG_HOME", dir)
	var out, errs bytes.Buffer
	code := Main([]string{"config", "check", "--sample", "my-gateway.log", "--format", "./my-gateway.yaml"}, Streams{In: strings.NewReader(""), Out: &out, Err: &errs})
	want := fenced(page, "text check")
	if got := strings.TrimSpace(out.String()); code != 0 || len(want) != 1 || got != strings.TrimSpace(want[0]) {
		t.Errorf("exit %d, %s\n%s", code, errs.String(), got)
	}
}

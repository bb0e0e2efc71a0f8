package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

// description is docs/control-contract.openapi.yaml.
type description struct {
	doc      any
	compiler *jsonschema.Compiler
	known    map[string]*jsonschema.Schema
}

func readDescription(t *testing.T) *description {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "..", "docs", "control-contract.openapi.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var parsed any
	if err := yaml.Unmarshal(raw, &parsed); err != nil {
		t.Fatal(err)
	}
	asJSON, err := json.Marshal(parsed)
	if err != nil {
		t.Fatal(err)
	}
	d := &description{compiler: jsonschema.NewCompiler(), known: make(map[string]*jsonschema.Schema)}
	if d.doc, err = jsonschema.UnmarshalJSON(bytes.NewReader(asJSON)); err != nil {
		t.Fatal(err)
	}
	d.compiler.AssertFormat()
	if err := d.compiler.AddResource("contract.json", d.doc); err != nil {
		t.Fatal(err)
	}
	return d
}

// at walks down the description, and follows a reference.
func (d *description) at(path ...string) (any, string) {
	node, pointer := d.doc, "#"
	for _, name := range path {
		m, ok := node.(map[string]any)
		if !ok {
			return nil, ""
		}
		node = m[name]
		pointer += "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
		if m, ok := node.(map[string]any); ok && m["$ref"] != nil && len(m) == 1 {
			ref := m["$ref"].(string)
			node, pointer = d.at(strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
		}
	}
	return node, pointer
}

// check holds one JSON document against the schema at a place of the description.
func (d *description) check(body []byte, path ...string) error {
	node, pointer := d.at(path...)
	if node == nil {
		return fmt.Errorf("the description has no %s", strings.Join(path, " "))
	}
	s := d.known[pointer]
	if s == nil {
		var err error
		if s, err = d.compiler.Compile("contract.json" + pointer); err != nil {
			return err
		}
		d.known[pointer] = s
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		return err
	}
	return s.Validate(v)
}

// exchanges keeps what went over the wire.
type exchanges struct {
	mu  sync.Mutex
	all []exchanged
}

type exchanged struct {
	method, path string
	sent, got    []byte
	status       int
}

// RoundTrip sends and writes down.
func (e *exchanges) RoundTrip(r *http.Request) (*http.Response, error) {
	var sent []byte
	if r.Body != nil {
		sent, _ = io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(sent))
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	got, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(got))
	e.mu.Lock()
	defer e.mu.Unlock()
	e.all = append(e.all, exchanged{r.Method, r.URL.Path, sent, got, resp.StatusCode})
	return resp, err
}

var controlPath = regexp.MustCompile(`^/controls/[^/]+(/extend)?$`)

// operation gives the path of the description that an address belongs to.
func (x exchanged) operation() string {
	if m := controlPath.FindStringSubmatch(x.path); m != nil && x.path != "/controls/events" {
		return "/controls/{id}" + m[1]
	}
	return x.path
}

// checkDescription holds real requests and answers against the description. Each kind of answer has to be among them.
func checkDescription(t *testing.T, all []exchanged) {
	t.Helper()
	d := readDescription(t)
	seen := make(map[int]int)
	for _, x := range all {
		seen[x.status]++
		method := strings.ToLower(x.method)
		if err := d.check(x.got, "paths", x.operation(), method, "responses", fmt.Sprint(x.status), "content", "application/json", "schema"); err != nil {
			t.Errorf("%s %s, %d: %v\n%.500s", x.method, x.path, x.status, err, x.got)
		}
		if x.status == http.StatusOK && len(x.sent) > 0 {
			if err := d.check(x.sent, "paths", x.operation(), method, "requestBody", "content", "application/json", "schema"); err != nil {
				t.Errorf("%s %s was taken: %v\n%s", x.method, x.path, err, x.sent)
			}
		}
	}
	for _, status := range []int{200, 400, 401, 404, 412, 422, 428} {
		if seen[status] == 0 {
			t.Errorf("no answer %d was seen", status)
		}
	}
}

var codeRow = regexp.MustCompile("(?m)^\\| ([0-9, ]+) \\| ((?:`[a-z_]+`(?:, )?)+) \\|")

// TestTheDescriptionAgreesWithThePage compares what docs/control-contract.md lists with the description: error codes and
// their statuses, the fields of a control, the kinds, and the endpoints.
func TestTheDescriptionAgreesWithThePage(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("..", "..", "docs", "control-contract.md"))
	if err != nil {
		t.Fatal(err)
	}
	page := string(raw)
	d := readDescription(t)
	d.agreesOnCodes(t, page)
	if err := d.check([]byte(`{"gateway":"edge","instance":"gw-1","now":"soon","controls":[]}`), "components", "schemas", "Listing"); err == nil {
		t.Error("a listing with a bad clock fits the description")
	}
	control, _ := d.at("components", "schemas", "Control", "properties")
	fields := control.(map[string]any)
	for f := range fields {
		if !strings.Contains(page, "`"+f+"`") {
			t.Errorf("the page does not say what %s is", f)
		}
	}
	_, table, _ := strings.Cut(page, "| Field | Meaning |")
	table, _, _ = strings.Cut(table, "\n\n")
	for _, m := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(table, -1) {
		if _, there := fields[m[1]]; !there && !slices.Contains([]string{"wait", "reject", "overflow", "null"}, m[1]) {
			t.Errorf("the description has no field %s", m[1])
		}
	}
	rules, _ := d.at("components", "schemas", "Control", "allOf")
	var kinds []string
	for _, rule := range rules.([]any) {
		b, _ := json.Marshal(rule)
		kinds = append(kinds, regexp.MustCompile(`"kind":{"const":"([a-z]+)"`).FindStringSubmatch(string(b))[1])
	}
	_, table, _ = strings.Cut(page, "| `kind` | `value` |")
	table, _, _ = strings.Cut(table, "\n\n")
	var told []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z]+)` \\|").FindAllStringSubmatch(table, -1) {
		told = append(told, m[1])
	}
	if !slices.Equal(kinds, told) || len(kinds) == 0 {
		t.Errorf("kinds %v, the page says %v", kinds, told)
	}
	for _, endpoint := range [][3]string{
		{"GET /controls`", "/controls", "get"},
		{"PUT /controls/{id}`", "/controls/{id}", "put"},
		{"POST /controls/{id}/extend`", "/controls/{id}/extend", "post"},
		{"DELETE /controls/{id}`", "/controls/{id}", "delete"},
		{"GET /controls/events?after=N`", "/controls/events", "get"},
	} {
		if node, _ := d.at("paths", endpoint[1], endpoint[2]); node == nil || !strings.Contains(page, "**`"+endpoint[0]) {
			t.Errorf("%s is not in both", endpoint[0])
		}
	}
}

func (d *description) agreesOnCodes(t *testing.T, page string) {
	want := make(map[string]bool)
	for _, m := range codeRow.FindAllStringSubmatch(page, -1) {
		for _, status := range strings.Split(m[1], ", ") {
			for _, code := range strings.Split(m[2], ", ") {
				want[strings.TrimSpace(status)+" "+strings.Trim(code, "`")] = true
			}
		}
	}
	got := make(map[string]bool)
	paths, _ := d.at("paths")
	for path, methods := range paths.(map[string]any) {
		for method := range methods.(map[string]any) {
			responses, _ := d.at("paths", path, method, "responses")
			all, ok := responses.(map[string]any)
			if !ok {
				continue // the parameters of a path
			}
			for status := range all {
				schema, _ := d.at("paths", path, method, "responses", status, "content", "application/json", "schema")
				b, _ := json.Marshal(schema)
				if m := regexp.MustCompile(`"code":{"(?:enum|const)":(\[[^\]]*\]|"[a-z_]+")`).FindStringSubmatch(string(b)); m != nil {
					for _, code := range regexp.MustCompile(`[a-z_]+`).FindAllString(m[1], -1) {
						got[status+" "+code] = true
					}
				}
			}
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) || len(want) < 10 {
		t.Errorf("codes %v\nthe page says %v", got, want)
	}
}

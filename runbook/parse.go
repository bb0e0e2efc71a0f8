package runbook

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Parse reads a runbook; name is the file's, for messages. A plain file is never refused: what looks wrong
// becomes a finding. An armed file (`runbook: v1` in its front matter) with a mistake gives its located
// errors joined (see Errors), and beside them the same file as a plain book, so that it can still be read.
//
// The caller decides whether a file may be armed at all: what does not come from a trusted directory goes
// through ParsePlain.
func Parse(name string, src []byte) (*Book, error) {
	b, errs := parse(name, src, true)
	if len(errs) == 0 {
		return b, nil
	}
	err := errors.Join(errs...)
	plain, _ := parse(name, src, false)
	for _, e := range Errors(err) {
		plain.Findings = append(plain.Findings, Finding{File: e.File, Line: e.Line, Severity: SevError, What: e.What, Try: e.Try})
	}
	return plain, err
}

// ParsePlain reads a runbook without arming it, whatever its front matter says: everything is text.
func ParsePlain(name string, src []byte) *Book {
	b, _ := parse(name, src, false)
	return b
}

// maxSteps bounds a book: nobody walks more.
const maxSteps = 1000

func parse(name string, src []byte, arm bool) (*Book, []error) {
	sum := sha256.Sum256(src)
	b := &Book{Name: clean(name), SHA256: hex.EncodeToString(sum[:])}
	s := newSource(b.Name, src)
	b.ID = slugOf(strings.TrimSuffix(path.Base(strings.ReplaceAll(b.Name, `\`, "/")), path.Ext(b.Name)))
	front, ok := s.front()
	b.Armed = arm && ok && armed(front)
	if arm && b.Armed && len(src) > maxFile {
		return b, []error{&Error{File: b.Name, What: fmt.Sprintf("armed file of %d bytes", len(src)), Try: "split it"}}
	}
	var errs []error
	if b.Armed {
		errs = b.armedFront(front)
	} else if ok {
		b.plainFront(s, front)
	} else {
		b.Title = s.title
	}
	b.Sections = sectionsOf(readProse(s.text), !b.Armed)
	b.title()
	if b.Armed {
		steps, blockErrs := armedSteps(b)
		b.Steps = steps
		errs = append(errs, blockErrs...)
		if b.frontRead {
			errs = append(errs, b.references()...)
		}
	} else if all := b.plainBody(); all > maxSteps {
		s.warn(1, fmt.Sprintf("%d steps; only the first %d can be walked", all, maxSteps), "split the file")
	}
	b.Findings = s.findings
	return b, errs
}

// plainBody finds the steps of a plain book, its fields and the alerts that it is about. It gives the number of steps
// that there are, of which maxSteps are kept.
func (b *Book) plainBody() int {
	b.Steps = plainSteps(b.Sections, b.Title)
	all := len(b.Steps)
	b.Steps = b.Steps[:min(all, maxSteps)]
	b.Vars = fieldsOf(b.Steps)
	b.Alerts = alertsOf(b)
	return all
}

// armed tells whether a front matter arms its file, also one that is broken further down: a typing
// mistake must not turn levers into prose without a word.
func armed(front string) bool {
	for l := range strings.SplitSeq(front, "\n") {
		if key, value, ok := strings.Cut(l, ":"); ok && key == "runbook" && strings.HasPrefix(strings.Trim(value, ` "'`), "v") {
			return true
		}
	}
	return false
}

func (b *Book) plainFront(s *source, front string) {
	var keys map[string]any
	if err := yaml.Unmarshal([]byte(front), &keys); err != nil {
		s.warn(1, "front matter is not YAML", "mend it, or leave it out")
		return
	}
	for _, key := range []string{"title", "Title"} {
		if t, ok := keys[key].(string); ok && b.Title == "" {
			b.Title = oneLine(clean(t))
		}
	}
}

func (b *Book) title() {
	for _, level := range []int{1, 2, 3} {
		for _, s := range b.Sections {
			if b.Title == "" && s.Level == level {
				b.Title = s.Title
			}
		}
	}
	if b.Title == "" {
		b.Title = b.ID
	}
}

func (b *Book) armedFront(front string) []error {
	s := &strict{file: b.Name, base: 1}
	root := s.root(front)
	if root == nil {
		return s.errs
	}
	b.frontRead = true
	f := s.fields(root, "front matter", "runbook", "id", "title", "owner", "reviewed", "review-every", "match", "vars", "scope", "limits")
	if v := f.text("runbook"); v != "v1" {
		s.fail(f.at("runbook"), fmt.Sprintf("runbook %q is not known here", v), "write `runbook: v1`")
	}
	b.frontFields(s, f)
	return s.errs
}

// frontFields takes over what arms a book: from its front matter, or from an overlay.
func (b *Book) frontFields(s *strict, f fields) {
	if t := oneLine(f.text("title")); t != "" {
		b.Title = t
	}
	b.Owner, b.Reviewed = f.text("owner"), f.text("reviewed")
	b.ReviewEvery = f.duration("review-every")
	if id := f.text("id"); id != "" {
		b.ID = id
		if slugOf(id) != id {
			s.fail(f.at("id"), fmt.Sprintf("id %q is not a plain name", id), "write "+slugOf(id))
		}
	}
	b.vars(s, f.keys["vars"])
	b.Scope = f.dimsOf("scope")
	if f.has("match") {
		b.match = f.expr("match")
		b.Match = b.match.Source
	}
	if f.has("limits") {
		l := s.fields(f.keys["limits"], "limits", "max-ttl", "max-actions")
		b.Limits.MaxTTL, b.Limits.MaxActions = l.duration("max-ttl"), l.number("max-actions", 100)
	}
}

func (b *Book) vars(s *strict, n *yaml.Node) {
	if n == nil {
		return
	}
	all := s.fields(n, "vars")
	if n.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name := n.Content[i].Value
		if all.keys[name] != n.Content[i+1] {
			continue
		}
		if !isName(name) {
			s.fail(s.line(n.Content[i]), fmt.Sprintf("%q is no name of a variable", name), "use letters, digits and _")
			continue
		}
		f := s.fields(n.Content[i+1], "variable "+name, "type", "from", "prompt", "default", "values", "optional")
		v := Var{
			Name: name, From: f.text("from"), Prompt: f.text("prompt"), Default: f.text("default"),
			Values: f.list("values"), Optional: f.flag("optional"), Line: s.line(n.Content[i]),
			Type: f.choice("type", append([]string{"string", "int", "enum", "duration"}, dims()...)...),
		}
		if v.Type == "" {
			v.Type = "string"
		}
		if kind, dim, _ := strings.Cut(v.From, "."); v.From != "" && ((kind != "burst" && kind != "busiest") || !slices.Contains(append(dims(), "class"), dim)) {
			s.fail(f.at("from"), fmt.Sprintf("cannot take %s from %q", name, v.From), "write burst. or busiest. and a dimension, like `from: burst.region`")
		}
		if v.Type == "enum" && len(v.Values) == 0 {
			s.fail(f.line, "variable "+name+" has no values", "write `values: [one, two]`")
		}
		if err := v.Check(v.Default); v.Default != "" && err != nil {
			s.fail(f.at("default"), err.Error(), "change the default")
		}
		b.Vars = append(b.Vars, v)
	}
}

// armedSteps makes a step of each section with blocks, and of each second-level section that is not
// context or reference. Deeper sections without blocks are part of the step above them.
func armedSteps(b *Book) ([]Step, []error) {
	var steps []Step
	var errs []error
	owner := map[int]int{} // section -> step
	for i, s := range b.Sections {
		st := Step{Slug: s.Slug, Title: s.Title, Role: s.Role, Stage: sectionStage(b.Sections, i), Line: s.Line, Section: i}
		for _, p := range s.Prose {
			if p.Kind != Code || !slices.Contains(blockKinds(), BlockKind(p.Lang)) {
				errs = append(errs, nestedBlocks(b.Name, p.Kids)...)
				st.Prose = append(st.Prose, p)
				continue
			}
			block, blockErrs := blockOf(b.Name, p.Line, BlockKind(p.Lang), p.Text)
			block.After = len(st.Prose)
			st.Blocks = append(st.Blocks, block)
			errs = append(errs, blockErrs...)
		}
		above, folded := owner[s.Parent]
		switch {
		case len(st.Blocks) > 0, s.Level == 2 && s.Role != RoleContext && s.Role != RoleReference && len(st.Prose) > 0:
			owner[i] = len(steps)
			steps = append(steps, st)
		case s.Level > 2 && folded:
			owner[i] = above
			up := &steps[above]
			up.Prose = append(up.Prose, Prose{Kind: Heading, Level: s.Level, Line: s.Line, Text: s.Title, Spans: []Span{{Text: s.Title}}})
			up.Prose = append(up.Prose, st.Prose...)
		}
	}
	if len(steps) == 0 {
		errs = append(errs, &Error{File: b.Name, Line: 1, What: "armed file without a step", Try: "write steps as ## headings"})
	}
	return steps, errs
}

func nestedBlocks(file string, prose []Prose) []error {
	var errs []error
	walkProse(prose, func(p *Prose) {
		if p.Kind == Code && slices.Contains(blockKinds(), BlockKind(p.Lang)) {
			errs = append(errs, &Error{File: file, Line: p.Line, What: p.Lang + " block inside a list or quote", Try: "move it out to the left margin"})
		}
	})
	return errs
}

package runbook

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"go.yaml.in/yaml/v3"
)

// ParseOverlay arms a plain book by a file of one's own beside it: for runbooks that somebody else keeps. The overlay
// says what the front matter of an armed book would, and adds blocks to headings and steps by their slugs. The steps,
// their order and their text stay those of the file. A slug that the file no longer has is an error: what was to be
// checked there would silently not be. With any error the plain book comes back, with the errors as findings.
//
// The caller decides whether the overlay may arm at all, as with Parse.
func ParseOverlay(name string, src []byte, plain *Book) (*Book, error) {
	b := *plain
	b.Overlay = clean(name)
	s := &strict{file: b.Overlay}
	if plain.Armed {
		s.fail(0, plain.Name+" arms itself", "put the blocks into it, or take `runbook: v1` out of it")
	} else if root := s.trialRoot(src); root != nil {
		b.overlay(s, root)
	}
	if err := joined(s.errs); err != nil {
		out := *plain
		out.Findings = slices.Clone(plain.Findings)
		for _, e := range Errors(err) {
			out.Findings = append(out.Findings, Finding{File: e.File, Line: e.Line, Severity: SevError, What: e.What, Try: e.Try})
		}
		return &out, err
	}
	sum := sha256.Sum256(append([]byte(plain.SHA256+"\n"), src...))
	b.SHA256 = hex.EncodeToString(sum[:]) // a run pins both files
	return &b, nil
}

func (b *Book) overlay(s *strict, root *yaml.Node) {
	f := s.fields(root, "overlay", "overlay", "id", "title", "owner", "reviewed", "review-every", "match", "vars", "scope", "limits", "steps")
	if v := f.text("overlay"); v != "v1" {
		s.fail(f.at("overlay"), fmt.Sprintf("overlay %q is not known here", v), "write `overlay: v1`")
	}
	fields := b.Vars
	b.Vars, b.Armed, b.frontRead = nil, true, true
	b.frontFields(s, f)
	for _, v := range fields { // the placeholders of its commands stay fields
		if _, taken := b.Var(v.Name); !taken {
			b.Vars = append(b.Vars, v)
		}
	}
	b.Steps = slices.Clone(b.Steps)
	b.Sections = slices.Clone(b.Sections)
	if n := f.keys["steps"]; n != nil {
		b.overlaySteps(s, n)
	}
	s.errs = append(s.errs, b.references()...)
}

func (b *Book) overlaySteps(s *strict, n *yaml.Node) {
	var known []string
	for _, st := range b.Steps {
		known = append(known, st.Slug)
	}
	for _, sec := range b.Sections {
		known = append(known, sec.Slug)
	}
	m := s.fields(n, "steps")
	for i := 0; i+1 < len(n.Content); i += 2 {
		slug, list := n.Content[i].Value, n.Content[i+1]
		if m.keys[clean(slug)] != list {
			continue // given twice
		}
		step := b.stepAt(slug)
		switch {
		case step == nil && !slices.Contains(known, slug):
			s.fail(s.line(n.Content[i]), fmt.Sprintf("%s has no heading or step %q any more", b.Name, clean(slug)), suggest(slug, known))
		case step == nil:
			s.fail(s.line(n.Content[i]), fmt.Sprintf("the heading %q is no step and stands in none", clean(slug)), "name a step; signalbox runbook show lists them")
		case list.Kind != yaml.SequenceNode:
			s.fail(s.line(list), "the blocks of "+clean(slug)+" are not a list", "write lines like `- check: {that: error_rate over 2m > 5%}`")
		default:
			for _, c := range list.Content {
				s.overlayBlock(step, c)
			}
		}
	}
}

// stepAt finds the step of a slug; a heading whose items are steps is its last one, so that what is checked there is
// checked when all of it was done.
func (b *Book) stepAt(slug string) *Step {
	if _, i := b.Step(slug); i >= 0 {
		return &b.Steps[i]
	}
	var last *Step
	for i := range b.Steps {
		if b.Sections[b.Steps[i].Section].Slug == slug {
			last = &b.Steps[i]
		}
	}
	return last
}

func (s *strict) overlayBlock(step *Step, n *yaml.Node) {
	if n.Kind != yaml.MappingNode || len(n.Content) != 2 {
		s.fail(s.line(n), "a block is one word and what belongs to it", "write like `- check: {that: error_rate over 2m > 5%}`")
		return
	}
	kind := BlockKind(n.Content[0].Value)
	if !slices.Contains(blockKinds(), kind) {
		var words []string
		for _, k := range blockKinds() {
			words = append(words, string(k))
		}
		s.fail(s.line(n), fmt.Sprintf("unknown block %q", clean(string(kind))), suggest(string(kind), words))
		return
	}
	bl := s.block(kind, s.line(n.Content[0]), n.Content[1])
	bl.After = len(step.Prose)
	step.Blocks = append(slices.Clone(step.Blocks), bl)
}

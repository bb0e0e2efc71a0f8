package runbook

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Trial is one rehearsal of a book in simulated time: what the numbers say, what the operator answers and what the
// gateway does, and what should come of it.
type Trial struct {
	Name   string
	Line   int
	Burst  map[string]string // what the burst pins, and busiest.DIM
	Fields map[string]string // what the operator fills in
	// Answers are to the questions of the book, by variable; a question without one gets its first choice.
	Answers map[string]string
	// At is what the operator does at a step where the book leaves it open: next, skip, stop, abort, or a step's slug.
	At      map[string]string
	Keep    []string               // verbs whose levers stay out when the operator aborts; the others are taken back
	Gateway map[string]string      // by verb: applied (the default), refused, moved, in_doubt, impossible
	Probes  map[string][]ProbeSays // by name; one without is not configured
	Numbers []Number
	Expect  Expect

	file string
}

// Number is what one measure says in a trial, from some time on.
type Number struct {
	Line    int
	From    time.Duration // since the trial began
	After   string        // a verb: since that lever is in force; empty: From counts from the beginning
	Unknown string        // why it is unknown; empty: it is known
	Answer  Answer
	query   *queryNode
	over    bool // the window was written
}

// Expect is what should come of a trial. What is not set is not looked at.
type Expect struct {
	Line     int
	Path     []string          // the steps in order
	Levers   []string          // as a plan names them: "cap.set azure-eu to 4 for 30m"
	Probes   []string          // as sent: "NAME: gpt-4o at eu, streamed"
	Outcomes map[string]string // by step: helped, failed, stopped, refused, moved, in_doubt, impossible
	Waits    map[string]string // by step: met or timeout
	Unknown  []string          // steps at which a check or branch could not be told
	Asked    []string          // steps at which the book left it to the operator
	End      string            // done, or the step where the operator stopped
	Offered  string            // yes or no: whether the book's match holds at the beginning
	given    map[string]bool
}

// gatewayWords are what a gateway can do with a lever.
func gatewayWords() []string {
	return []string{"applied", "refused", "moved", "in_doubt", "impossible"}
}

// ParseTrials reads a test file of a book: `test: v1` and cases. All mistakes are found in one go, located.
func ParseTrials(name string, src []byte, b *Book) ([]Trial, error) {
	s := &strict{file: clean(name)}
	root := s.trialRoot(src)
	if root == nil {
		return nil, joined(s.errs)
	}
	f := s.fields(root, "test file", "test", "cases")
	if v := f.text("test"); v != "v1" {
		s.fail(f.at("test"), fmt.Sprintf("test %q is not known here", v), "write `test: v1`")
	}
	n := f.keys["cases"]
	if n == nil || n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
		s.fail(f.at("cases"), "no list of cases", "write `cases:` and below it `- name: ...`")
		return nil, joined(s.errs)
	}
	var all []Trial
	for _, c := range n.Content {
		all = append(all, s.trial(c, b))
	}
	return all, joined(s.errs)
}

// HoldsTrials tells a test file, which has cases, from the file of one case.
func HoldsTrials(src []byte) bool {
	var doc struct {
		Cases yaml.Node `yaml:"cases"`
	}
	return yaml.Unmarshal(src, &doc) == nil && doc.Cases.Kind != 0
}

// ParseTrial reads a single case, as `runbook walk --answers` takes it.
func ParseTrial(name string, src []byte, b *Book) (Trial, error) {
	s := &strict{file: clean(name)}
	root := s.trialRoot(src)
	if root == nil {
		return Trial{}, joined(s.errs)
	}
	t := s.trial(root, b)
	return t, joined(s.errs)
}

func (s *strict) trialRoot(src []byte) *yaml.Node {
	if len(src) > maxFile {
		s.fail(0, fmt.Sprintf("test file of %d bytes", len(src)), "split it")
		return nil
	}
	return s.root(clean(strings.ReplaceAll(string(src), "\r\n", "\n")))
}

func (s *strict) trial(n *yaml.Node, b *Book) Trial {
	f := s.fields(n, "case", "name", "burst", "fields", "answers", "at", "keep", "gateway", "probes", "numbers", "expect")
	t := Trial{
		Name: f.text("name"), Line: f.line, file: s.file, Burst: f.words("burst"), Fields: f.words("fields"), Answers: f.words("answers"),
		At: f.words("at"), Keep: f.list("keep"), Gateway: f.words("gateway"),
	}
	var slugs []string
	for _, st := range b.Steps {
		slugs = append(slugs, st.Slug)
	}
	s.known(f, "fields", t.Fields, b.fieldNames())
	s.known(f, "answers", t.Answers, b.askedNames())
	for slug, to := range t.At {
		s.slug(f.at("at"), slug, slugs)
		if !slices.Contains([]string{"next", "skip", "stop", "abort"}, to) {
			s.slug(f.at("at"), to, slugs)
		}
	}
	for _, verb := range t.Keep {
		if !slices.Contains(verbs(), verb) {
			s.fail(f.at("keep"), fmt.Sprintf("unknown lever %q", verb), suggest(verb, verbs()))
		}
	}
	for verb, does := range t.Gateway {
		if !slices.Contains(append(verbs(), DoRelease), verb) {
			s.fail(f.at("gateway"), fmt.Sprintf("unknown lever %q", verb), suggest(verb, verbs()))
		}
		if !slices.Contains(gatewayWords(), does) {
			s.fail(f.at("gateway"), fmt.Sprintf("a gateway cannot do %q", does), suggest(does, gatewayWords()))
		}
	}
	t.Probes = s.probeAnswers(f, b)
	if list := f.keys["numbers"]; list != nil {
		if list.Kind != yaml.SequenceNode {
			s.fail(f.at("numbers"), "numbers is not a list", "write lines like `- {metric: error_rate, is: 40%}`")
		}
		for _, c := range list.Content {
			t.Numbers = append(t.Numbers, s.number(c))
		}
	}
	if f.has("expect") {
		t.Expect = s.expect(f.keys["expect"], slugs)
	}
	return t
}

// known refuses names that the book does not have.
func (s *strict) known(f fields, key string, given map[string]string, names []string) {
	for name := range given {
		switch {
		case slices.Contains(names, name):
		case len(names) == 0:
			s.fail(f.at(key), fmt.Sprintf("the book has no %s, also not %q", key, name), "leave it out")
		default:
			s.fail(f.at(key), fmt.Sprintf("the book has no %q among its %s", name, key), suggest(name, names))
		}
	}
}

func (b *Book) fieldNames() []string {
	var names []string
	for _, v := range b.Vars {
		names = append(names, v.Name)
	}
	return names
}

// askedNames lists the variables of the book's questions.
func (b *Book) askedNames() []string {
	var names []string
	for _, st := range b.Steps {
		for _, bl := range st.Blocks {
			if bl.Ask != nil && !slices.Contains(names, bl.Ask.Var) {
				names = append(names, bl.Ask.Var)
			}
		}
	}
	return names
}

func (s *strict) slug(line int, slug string, known []string) {
	if !slices.Contains(known, slug) {
		s.fail(line, fmt.Sprintf("the book has no step %q", slug), suggest(slug, known))
	}
}

// words reads a mapping of names to texts.
func (f fields) words(key string) map[string]string {
	n := f.keys[key]
	if n == nil {
		return nil
	}
	m := f.s.fields(n, key)
	all := map[string]string{}
	for k := range m.keys {
		all[k] = m.text(k)
	}
	return all
}

func (s *strict) number(n *yaml.Node) Number {
	f := s.fields(n, "number", "metric", "is", "unknown", "samples", "age", "from", "after")
	x := Number{Line: f.line, From: f.duration("from"), After: f.text("after"), Unknown: f.text("unknown")}
	f.need("metric", "name the measure, like `metric: error_rate{side=client}`")
	p := &exprParser{src: f.text("metric")}
	q, err := p.query()
	if err == nil {
		if p.space(); p.pos < len(p.src) {
			err = p.fail("cannot read the rest", "write one measure, like `error_rate{side=client}`")
		}
	}
	if err != nil {
		err.File, err.Line = s.file, f.at("metric")
		s.errs = append(s.errs, err)
		return x
	}
	x.query, x.over = q, strings.Contains(p.src, " over ")
	if x.After != "" && !slices.Contains(verbs(), x.After) {
		s.fail(f.at("after"), fmt.Sprintf("unknown lever %q", x.After), suggest(x.After, verbs()))
	}
	if f.has("is") == f.has("unknown") {
		s.fail(f.line, "a number needs either is or unknown", "write `is: 40%`, or `unknown: the log is down`")
		return x
	}
	x.Answer = Answer{Known: x.Unknown == "", Why: x.Unknown, Age: f.duration("age"), Samples: 500}
	if f.has("samples") {
		x.Answer.Samples = f.number("samples", 1e9)
	}
	if x.Answer.Known {
		s.value(f, q.metric, &x.Answer)
	}
	return x
}

// value reads what a measure says, in its own unit.
func (s *strict) value(f fields, m Metric, a *Answer) {
	text := f.text("is")
	if m.Unit == UnitBool {
		a.Truth = ParseTruth(text)
		if a.Truth == Unknown {
			s.fail(f.at("is"), fmt.Sprintf("%s is true or false, not %q", m.Name, text), "write `is: true`")
		}
		return
	}
	p := &exprParser{src: text}
	lit, err := p.literal()
	switch {
	case err != nil || p.pos < len(p.src):
		s.fail(f.at("is"), fmt.Sprintf("%q is no number", text), "write like 5, 40% or 800ms")
	case lit.kind != m.Unit && m.Name != promqlName:
		try := map[Unit]string{UnitShare: "write a percentage, like 40%", UnitTime: "write a time, like 800ms", UnitNumber: "write a plain number"}
		s.fail(f.at("is"), fmt.Sprintf("%s is not told as %q", m.Name, text), try[m.Unit])
	}
	a.Value = lit.value
	if m.Unit == UnitShare {
		a.Num, a.Den = lit.value*float64(a.Samples), float64(a.Samples)
	}
}

func (s *strict) expect(n *yaml.Node, slugs []string) Expect {
	f := s.fields(n, "expect", "path", "levers", "probes", "outcomes", "waits", "unknown", "asked", "end", "offered")
	e := Expect{
		Line: f.line, Path: f.list("path"), Levers: f.list("levers"), Probes: f.list("probes"), Outcomes: f.words("outcomes"), Waits: f.words("waits"),
		Unknown: f.list("unknown"), Asked: f.list("asked"), End: f.text("end"), Offered: f.choice("offered", "yes", "no", "true", "false"),
		given: map[string]bool{},
	}
	e.Offered = strings.NewReplacer("true", "yes", "false", "no").Replace(e.Offered)
	for k := range f.keys {
		e.given[k] = true
	}
	for _, list := range [][]string{e.Path, e.Unknown, e.Asked} {
		for _, slug := range list {
			s.slug(f.line, slug, slugs)
		}
	}
	for slug := range e.Outcomes {
		s.slug(f.at("outcomes"), slug, slugs)
	}
	for slug := range e.Waits {
		s.slug(f.at("waits"), slug, slugs)
	}
	return e
}

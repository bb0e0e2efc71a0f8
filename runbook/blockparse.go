package runbook

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// blockOf decodes one armed fence. line is that of the fence itself.
func blockOf(file string, line int, kind BlockKind, text string) (Block, []error) {
	s := &strict{file: file, base: line}
	root := s.root(text)
	if root == nil {
		return Block{Kind: kind, Line: line}, s.errs
	}
	return s.block(kind, line, root), s.errs
}

func (s *strict) block(kind BlockKind, line int, root *yaml.Node) Block {
	b := Block{Kind: kind, Line: line}
	switch kind {
	case KindCheck:
		b.Check = s.check(root)
	case KindBranch:
		b.Branch = s.branch(root)
	case KindAsk:
		b.Ask = s.ask(root)
	case KindWait:
		b.Wait = s.wait(root)
	case KindAction:
		b.Action = s.action(root)
	case KindProbe:
		b.Probe = s.probe(root)
	case KindEvidence:
		b.Evidence = s.evidence(root)
	case KindEscalate:
		b.Escalate = s.escalate(root)
	}
	return b
}

func (s *strict) check(n *yaml.Node) *Check {
	f := s.fields(n, "check", "name", "that", "all", "promql", "on-true", "on-false", "min-samples", "max-age")
	c := &Check{Name: f.text("name"), OnTrue: f.target("on-true"), OnFalse: f.target("on-false")}
	asked := 0
	for _, key := range []string{"that", "all", "promql"} {
		if f.has(key) {
			asked++
		}
	}
	switch {
	case asked != 1:
		s.fail(f.line, "check needs one of that, all and promql", "write `that: error_rate over 2m > 5%`")
	case f.has("promql"):
		e, err := promCheck(s.file, f.at("promql"), f.text("promql"))
		if err != nil {
			s.errs = append(s.errs, err)
		}
		c.That = e
	case f.has("that"):
		c.That = f.expr("that")
	default:
		c.That = f.expr("all")
	}
	c.That = c.That.With(f.number("min-samples", 1e6), f.duration("max-age"))
	c.OnTrue, c.OnFalse = orTarget(c.OnTrue, ToNext), orTarget(c.OnFalse, ToAsk)
	return c
}

func orTarget(t, otherwise Target) Target {
	if t == "" {
		return otherwise
	}
	return t
}

func (s *strict) branch(n *yaml.Node) []Arm {
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
		s.fail(s.line(n), "branch is not a list of arms", "write lines like `- when: error_rate over 2m > 5%` and `  goto: next`")
		return nil
	}
	var arms []Arm
	for i, c := range n.Content {
		f := s.fields(c, "branch", "when", "goto", "else")
		a := Arm{Line: f.line, Else: f.has("else")}
		switch {
		case a.Else && (f.has("when") || f.has("goto")):
			s.fail(f.line, "else takes its target directly", "write `- else: next`")
		case a.Else && i < len(n.Content)-1:
			s.fail(f.line, "else is not the last arm", "move it to the end")
		case a.Else:
			a.Goto = orTarget(f.target("else"), ToNext)
		default:
			f.need("when", "write `when: error_rate over 2m > 5%`")
			f.need("goto", "write `goto: next` or the slug of a heading")
			a.When, a.Goto = f.expr("when"), orTarget(f.target("goto"), ToNext)
		}
		arms = append(arms, a)
	}
	return arms
}

func (s *strict) ask(n *yaml.Node) *Ask {
	f := s.fields(n, "ask", "var", "question", "choices")
	f.need("var", "name the answer, like `var: provider_state`")
	f.need("question", "write what to ask")
	a := &Ask{Var: f.text("var"), Question: f.text("question"), Choices: f.list("choices")}
	if a.Var != "" && !isName(a.Var) {
		s.fail(f.at("var"), fmt.Sprintf("%q is no name of a variable", a.Var), "use letters, digits and _")
	}
	return a
}

func (s *strict) wait(n *yaml.Node) *Wait {
	f := s.fields(n, "wait", "until", "at-most", "on-timeout", "min-samples", "max-age")
	f.need("at-most", "write how long at most, like `at-most: 10m`; a wait without an end is a trap")
	w := &Wait{AtMost: f.duration("at-most"), OnTimeout: orTarget(f.target("on-timeout"), ToAsk)}
	if f.has("until") {
		w.Until = f.expr("until").With(f.number("min-samples", 1e6), f.duration("max-age"))
	} else if !f.has("on-timeout") {
		w.OnTimeout = ToNext // a timer
	}
	return w
}

func (s *strict) action(n *yaml.Node) *Action {
	f := s.fields(n, "action", "do", "scope", "widen", "set", "ttl", "why", "cost", "verify", "stop-if", "confirm",
		"on-fail", "min-samples", "max-age", "pace")
	a := &Action{
		Line: f.line - 1, Do: f.choice("do", append(verbs(), DoRelease)...), Scope: f.dimsOf("scope"), Widen: f.list("widen"),
		TTL: f.duration("ttl"), Why: f.text("why"), Cost: f.text("cost"), Pace: f.duration("pace"),
		Confirm: f.choice("confirm", ConfirmPlain, ConfirmTyped), OnFail: orTarget(f.target("on-fail"), ToAsk),
	}
	f.need("do", "name the lever, like `do: cap.set`")
	f.need("why", "write why in one sentence; it goes to the gateway and into the record")
	if f.has("set") {
		a.Set = f.value("set")
	}
	samples, age := f.number("min-samples", 1e6), f.duration("max-age")
	if f.has("verify") {
		a.Verify = f.expr("verify").With(samples, age)
	}
	if f.has("stop-if") {
		a.StopIf = f.expr("stop-if").With(samples, age)
	}
	if a.Confirm == "" {
		a.Confirm = ConfirmPlain
	}
	for _, dim := range a.Widen {
		if !slices.Contains(dims(), dim) {
			s.fail(f.at("widen"), fmt.Sprintf("unknown dimension %q in widen", dim), suggest(dim, dims()))
		}
	}
	if a.Do != "" {
		s.leverRules(f, a)
	}
	return a
}

// leverRules are what each kind of lever must and must not say.
func (s *strict) leverRules(f fields, a *Action) {
	if a.Do != DoRelease && f.has("pace") {
		s.fail(f.at("pace"), a.Do+" takes no pace", "leave it out; only release is paced")
	}
	needsValue := slices.Contains([]string{"cap.set", "shed.set", "route.force", "retry.set"}, a.Do)
	switch {
	case needsValue && !f.has("set"):
		s.fail(f.line, a.Do+" has no set", "write the value, like `set: 8`, `set: 60%` or `set: $cap`")
	case !needsValue && f.has("set"):
		s.fail(f.at("set"), a.Do+" takes no value", "leave set out")
	}
	for _, undo := range []string{DoRelease, ".lift", ".resume", ".in", ".off", ".unforce", ".reset"} {
		if strings.HasSuffix(a.Do, undo) {
			return // taking a lever back needs neither deadline nor proof
		}
	}
	f.need("ttl", "write when it ends by itself, like `ttl: 15m`")
	f.need("verify", "write what shows that it works, like `verify: error_rate over 1m < 5% within 5m`")
	if len(a.Widen) > 0 && a.Confirm != ConfirmTyped {
		s.fail(f.at("widen"), "widening the scope needs a typed confirmation", "write `confirm: typed`")
	}
}

func (f fields) value(key string) Value {
	n := f.keys[key]
	if n.Kind == yaml.MappingNode {
		m := f.s.fields(n, key, "max_attempts", "timeout")
		v := Value{Kind: FieldsValue, Fields: map[string]string{}}
		for k := range m.keys {
			v.Fields[k] = m.text(k)
		}
		return v
	}
	v, err := parseValue(f.text(key))
	if err != nil {
		f.s.fail(f.at(key), err.Error(), "write like 8, 60% or $cap")
	}
	return v
}

func parseValue(text string) (Value, error) {
	if n, err := strconv.Atoi(text); err == nil {
		if n < 0 || n > 1e9 {
			return Value{}, fmt.Errorf("value %d is out of range", n)
		}
		return Value{Kind: IntValue, Int: n}, nil
	}
	if share, ok := strings.CutSuffix(text, "%"); ok {
		n, err := strconv.Atoi(share)
		if err != nil || n < 0 || n > 1000 {
			return Value{}, fmt.Errorf("%q is no percentage", text)
		}
		return Value{Kind: PercentValue, Int: n}, nil
	}
	if _, isVar := varName(text); text == "" || (strings.HasPrefix(text, "$") && !isVar) {
		return Value{}, fmt.Errorf("%q is no value", text)
	}
	return Value{Kind: TextValue, Text: text}, nil
}

// captures are the things that evidence can freeze, with what may follow the word.
var captures = map[string]string{
	"burst": "", "controls": "", "levers": "", "error-samples": "count", "request-ids": "count", "chart": "metric",
}

func (s *strict) evidence(n *yaml.Node) *Evidence {
	f := s.fields(n, "evidence", "capture", "bundle")
	e := &Evidence{Capture: f.list("capture"), Bundle: f.text("bundle")}
	if len(e.Capture) == 0 && e.Bundle == "" {
		s.fail(f.line, "evidence captures nothing", "write `capture: [burst, error-samples 20, request-ids 20, chart error_rate 30m]`")
	}
	for i, c := range e.Capture {
		words := strings.Fields(c)
		takes, ok := captures[words[0]]
		switch {
		case !ok:
			known := []string{"burst", "controls", "levers", "error-samples", "request-ids", "chart"}
			s.fail(f.at("capture"), fmt.Sprintf("cannot capture %q", c), suggest(words[0], known))
		case takes == "count" && !(len(words) == 2 && isCount(words[1])):
			s.fail(f.at("capture"), fmt.Sprintf("%q needs a count", c), "write like `"+words[0]+" 20`, at most 200")
		case takes == "metric" && !isChart(words):
			s.fail(f.at("capture"), fmt.Sprintf("%q is no chart", c), "write like `chart error_rate 30m`")
		case takes == "" && len(words) != 1:
			s.fail(f.at("capture"), fmt.Sprintf("%q: %s takes nothing", c, words[0]), "leave the rest out")
		case takes == "metric":
			m, _ := metricNamed(words[1])
			e.Capture[i] = "chart " + m.Name + " " + words[2]
		}
	}
	return e
}

func isCount(word string) bool {
	n, err := strconv.Atoi(word)
	return err == nil && n > 0 && n <= 200
}

func isChart(words []string) bool {
	if len(words) != 3 {
		return false
	}
	_, known := metricNamed(words[1])
	d, err := parseDuration(words[2])
	return known && err == nil && d > 0 && d <= 24*time.Hour
}

func (s *strict) escalate(n *yaml.Node) *Escalate {
	f := s.fields(n, "escalate", "to", "after", "bundle", "say")
	f.need("to", "write whom to tell, like `to: [provider-support]`")
	return &Escalate{To: f.list("to"), After: f.duration("after"), Bundle: f.text("bundle"), Say: f.text("say")}
}

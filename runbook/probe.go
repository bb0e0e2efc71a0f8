package runbook

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Probe is one small request to a model, sent when the operator says so, through an endpoint of the configuration.
type Probe struct {
	Name     string            // what checks call it: probe.ok{probe=NAME}; the step's slug where the book gives none
	Model    string            // a name or $var; empty: the model of the book's scope
	Endpoint string            // a name of the configuration or $var; empty: the one that fits the scope
	Stream   bool              // ask for a stream
	Large    bool              // `small: false`: a prompt of about two thousand tokens instead of a few words
	Fields   map[string]string // optional parameters of the request, as JSON; none by default
	Why      string
	Line     int
}

// ProbeRequest is a probe with its variables filled: plain data for the desk to send.
type ProbeRequest struct {
	Name, Model, Endpoint string
	Stream, Large         bool
	Fields                map[string]string // as JSON
	Scope                 map[string]string // of the walk: chooses the endpoint where none is named
}

// String says what is asked: "gpt-4o at eu, streamed".
func (p ProbeRequest) String() string {
	s := p.Model
	if p.Endpoint != "" {
		s += " at " + p.Endpoint
	}
	if p.Stream {
		s += ", streamed"
	}
	if p.Large {
		s += ", large"
	}
	if len(p.Fields) > 0 {
		s += ", with " + strings.Join(slices.Sorted(maps.Keys(p.Fields)), " and ")
	}
	return s
}

// ProbeResult is what one probe of a walk said.
type ProbeResult struct {
	Name       string        `json:"name"`
	At         time.Time     `json:"at"`
	OK         bool          `json:"ok"`              // a whole answer of the right shape came
	Class      string        `json:"class,omitempty"` // what its failure means, none where it is well
	Status     int           `json:"status"`          // 0: no answer came
	Latency    time.Duration `json:"latency"`
	FirstToken time.Duration `json:"ttft,omitempty"` // 0: none was seen
}

// UnmarshalJSON reads a result, also of journals that call the time to the first token by the name of its field.
func (p *ProbeResult) UnmarshalJSON(raw []byte) error {
	type plain ProbeResult
	var old struct{ FirstToken time.Duration }
	if err := errors.Join(json.Unmarshal(raw, (*plain)(p)), json.Unmarshal(raw, &old)); err != nil {
		return fmt.Errorf("reading what a probe said: %w", err)
	}
	p.FirstToken = cmp.Or(p.FirstToken, old.FirstToken)
	return nil
}

// probeOwn are the fields of a request that a probe sets by itself.
func probeOwn() []string {
	return []string{"model", "messages", "stream", "user", "n", "max_tokens", "max_completion_tokens"}
}

// mostProbeFields bounds the optional fields of a probe.
const mostProbeFields = 4 << 10

func (s *strict) probe(n *yaml.Node) *Probe {
	f := s.fields(n, "probe", "name", "model", "endpoint", "stream", "small", "fields", "why")
	p := &Probe{
		Line: f.line - 1, Name: f.text("name"), Model: f.text("model"), Endpoint: f.text("endpoint"), Stream: f.flag("stream"),
		Large: f.has("small") && !f.flag("small"), Why: f.text("why"),
	}
	if p.Name != "" && !isSlug(p.Name) {
		s.fail(f.at("name"), fmt.Sprintf("%q is no name of a probe", p.Name), "use letters, digits, - and _, like `name: neighbour`")
	}
	for _, key := range []string{"model", "endpoint"} {
		if v := f.text(key); strings.HasPrefix(v, "$") {
			if _, ok := varName(v); !ok {
				s.fail(f.at(key), fmt.Sprintf("%q is no variable", v), "write like $"+key)
			}
		}
	}
	if list := f.keys["fields"]; list != nil {
		p.Fields = s.probeFields(list)
	}
	return p
}

// isSlug accepts what stands as a bare word in an expression.
func isSlug(s string) bool {
	return s != "" && len(s) <= 64 && !strings.ContainsFunc(s, func(r rune) bool {
		return r > 'z' || (!isLetter(byte(r)) && !isDigit(byte(r)) && r != '-')
	})
}

func (s *strict) probeFields(n *yaml.Node) map[string]string {
	f := s.fields(n, "fields")
	all := map[string]string{}
	size := 0
	for name, node := range f.keys {
		var value any
		raw := []byte(nil)
		err := node.Decode(&value)
		if err == nil {
			raw, err = json.Marshal(value)
		}
		size += len(raw)
		switch {
		case err != nil:
			s.fail(s.line(node), "field "+name+" cannot be sent as JSON", "write plain values, lists and names")
		case slices.Contains(probeOwn(), name):
			s.fail(s.line(node), "field "+name+" is the probe's own", "leave it out")
		case size > mostProbeFields:
			s.fail(s.line(node), fmt.Sprintf("fields of more than %d bytes", mostProbeFields), "a probe is small")
		default:
			all[name] = string(raw)
		}
	}
	return all
}

// ResolveProbe fills a probe's variables.
func ResolveProbe(b *Book, p *Probe, w Walk) (ProbeRequest, error) {
	scope, _ := w.Scope(b)
	r := ProbeRequest{Name: p.Name, Model: p.Model, Endpoint: p.Endpoint, Stream: p.Stream, Large: p.Large, Fields: p.Fields, Scope: scope}
	for _, value := range []*string{&r.Model, &r.Endpoint} {
		name, isVar := varName(*value)
		if !isVar {
			continue
		}
		if *value = w.Vars[name]; *value == "" {
			return ProbeRequest{}, fmt.Errorf("%s:%d: %s; fill it before this probe", b.blockFile(), p.Line, notFilled(name))
		}
	}
	if r.Model == "" {
		r.Model = scope["model"]
	}
	if r.Model == "" {
		return ProbeRequest{}, fmt.Errorf("%s:%d: the probe has no model: neither it nor the scope names one; write `model: $model`, or fill the model", b.blockFile(), p.Line)
	}
	return r, nil
}

// probes lists the blocks of a book that send one, with the names that checks call them by.
func (b *Book) probes() []string {
	var names []string
	for _, st := range b.Steps {
		for _, bl := range st.Blocks {
			if bl.Probe != nil && !slices.Contains(names, bl.Probe.Name) {
				names = append(names, bl.Probe.Name)
			}
		}
	}
	return names
}

// nameProbes calls a probe without a name by its step.
func (b *Book) nameProbes() {
	for i := range b.Steps {
		for _, bl := range b.Steps[i].Blocks {
			if bl.Probe != nil && bl.Probe.Name == "" {
				bl.Probe.Name = b.Steps[i].Slug
			}
		}
	}
}

// took reads an answer from its entry. A time that cannot be read is none.
func probeResult(name string, e Entry) ProbeResult {
	r := ProbeResult{Name: name, At: e.At, OK: e.Data["ok"] == "true", Class: clean(e.Data["class"])}
	r.Status, _ = strconv.Atoi(e.Data["status"])
	r.Latency, _ = time.ParseDuration(e.Data["latency"])
	r.FirstToken, _ = time.ParseDuration(e.Data["ttft"])
	return r
}

// AskProbe answers what checks ask of the probes of a walk: the last one, or the last one of a name.
func (w Walk) AskProbe(q Query, now time.Time) Answer {
	name := ""
	for _, m := range q.Where {
		if m.Label == "probe" {
			name = m.Values[0]
		}
	}
	for i := len(w.Probes) - 1; i >= 0; i-- {
		if p := w.Probes[i]; name == "" || p.Name == name {
			return p.answer(q, now)
		}
	}
	if name != "" {
		return Answer{Why: "no probe " + name + " was sent"}
	}
	return Answer{Why: "no probe was sent"}
}

func (p ProbeResult) answer(q Query, now time.Time) Answer {
	a := Answer{Known: true, Age: max(0, now.Sub(p.At))}
	switch {
	case q.Offset > 0:
		return Answer{Why: "a probe tells of one moment, not of a time before it", Age: a.Age}
	case q.Metric == "probe.ok":
		a.Truth = truthOf(p.OK)
	case q.Metric == "probe.class":
		a.Truth = truthOf(classFits(q.Where, p.Class))
	case q.Metric == "probe.status":
		a.Value = float64(p.Status)
	case q.Metric == "probe.latency":
		a.Value = p.Latency.Seconds()
	case p.FirstToken == 0:
		return Answer{Why: "the probe saw no first token", Age: a.Age}
	default:
		a.Value = p.FirstToken.Seconds()
	}
	if !p.OK && (q.Metric == "probe.latency" || q.Metric == "probe.ttft") {
		return Answer{Why: "the probe failed (" + p.Class + "): how long it took says nothing of an answer", Age: a.Age}
	}
	return a
}

func classFits(where []Match, class string) bool {
	for _, m := range where {
		if m.Label == "class" {
			return slices.Contains(m.Values, class) == (m.Op == "=" || m.Op == "in")
		}
	}
	return false
}

// probeMetrics are what checks can ask of a probe.
func probeMetrics() []Metric {
	return []Metric{
		{Name: "probe.ok", Unit: UnitBool, Gauge: true, Own: true, Help: "the run's last probe got a whole answer; probe=NAME names which"},
		{Name: "probe.class", Unit: UnitBool, Gauge: true, Own: true, Help: "what its failure means: probe.class == timeout, or in (auth, quota_exhausted)"},
		{Name: "probe.status", Gauge: true, Own: true, Help: "its status code, 0 where no answer came"},
		{Name: "probe.latency", Unit: UnitTime, Gauge: true, Own: true, Help: "how long its answer took"},
		{Name: "probe.ttft", Unit: UnitTime, Gauge: true, Own: true, Help: "how long its first token took, where it was streamed"},
	}
}

// probeMaxAge is how long the answer of a probe is worth something, where a block does not say otherwise.
const probeMaxAge = 15 * time.Minute

// probeClass reads what follows probe.class: it is compared with names of classes.
func (p *exprParser) probeClass(q *queryNode, at int) *Error {
	m := Match{Label: "class", Op: "="}
	many := false
	switch {
	case p.keyword("in"):
		m.Op, many = "in", true
	case p.keyword("not"):
		if !p.keyword("in") {
			return p.fail("`in` is missing after not", "write like `probe.class not in (auth, timeout)`")
		}
		m.Op, many = "notin", true
	default:
		switch op := p.operator(); op {
		case "==":
		case "!=":
			m.Op = op
		default:
			return p.fail("probe.class is compared with nothing", "write like `probe.class == timeout`")
		}
	}
	if many && !p.symbol("(") {
		return p.fail("a list is missing after in", "write like `probe.class in (auth, timeout)`")
	}
	p.space()
	if err := p.values(&m, many); err != nil {
		return err
	}
	if slices.Contains(m.Values, "*") {
		return p.fail("* stands for any class", "write `not probe.ok`")
	}
	q.where = append(q.where, m)
	q.text = oneLine(p.src[at:p.pos])
	return checkValues(m)
}

package desk

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"signalbox/internal/fault"
	"signalbox/internal/gateway"
	"signalbox/internal/incident"
	"signalbox/internal/traffic"
	"signalbox/runbook"
)

// ProbePoint is an endpoint that probes may be sent through.
type ProbePoint struct {
	Name   string
	Labels traffic.Scope // what it stands for: gateway, provider, region, env
	Sender prober
	Every  time.Duration // at least between one probe and the next
	Budget int           // probes in one run
}

// prober sends one probe. It blocks up to its own timeout; an error says that nothing was sent.
type prober interface {
	Send(ctx context.Context, p gateway.Probe) (gateway.ProbeAnswer, error)
}

// probePoint is an endpoint and what is on its way to it. Owned by the desk's goroutine.
type probePoint struct {
	ProbePoint
	sent  time.Time
	busy  bool
	run   string // whose probe is on its way
	step  string
	block int
}

// ProbeView is the answer to a probe and what it means.
type ProbeView struct {
	Answer  gateway.ProbeAnswer
	OK      bool
	Class   string // none where it is well
	Text    string // all of it in a sentence
	Do, Fix string // what to do first, the durable fix
}

// JudgeProbe says what the answer to a probe means.
func JudgeProbe(a gateway.ProbeAnswer) ProbeView {
	v := ProbeView{Answer: a, OK: a.Answered(), Class: fault.None.String()}
	took := a.Latency.Round(time.Millisecond).String()
	if v.OK {
		v.Text = fmt.Sprintf("well: %d in %s", a.Status, took)
		if a.FirstToken > 0 {
			v.Text += ", first token " + a.FirstToken.Round(time.Millisecond).String()
		}
		v.Text += ", complete"
		if a.Note != "" {
			v.Text += " (" + a.Note + ")"
		}
		return v
	}
	class := probeClass(a)
	guide := fault.Advice(class)
	v.Class, v.Do, v.Fix = class.String(), guide.Do, guide.Fix
	v.Text = v.Class + ": "
	switch {
	case a.Status == 0:
		v.Text += "no answer after " + took + ": " + a.Failed
	case a.Lacks != "":
		v.Text += fmt.Sprintf("%d in %s, but %s", a.Status, took, a.Lacks)
	default:
		v.Text += fmt.Sprintf("%d in %s", a.Status, took)
	}
	if a.Error && a.Text != "" {
		v.Text += ": " + a.Text
	}
	return v
}

// probeClass is what a probe that is not well fails of. The text of an answer is no evidence: a model wrote it.
func probeClass(a gateway.ProbeAnswer) fault.Class {
	in := fault.Input{Status: a.Status, Stream: a.Stream, Text: a.Failed}
	if a.Error {
		in.Text, in.Code, in.Type = a.Text, a.Code, a.Type
	}
	if !a.Capped {
		in.Finish = a.Finish
	}
	if c := fault.Classify(in).Class; c != fault.None && (a.Error || !a.TimedOut) {
		return c
	}
	switch {
	case a.TimedOut:
		return fault.Timeout
	case a.Status == 0:
		return fault.Connection
	case a.Failed != "" || (a.Status < 300 && a.Finish == "" && !a.Invalid):
		return fault.Truncated
	}
	return fault.InvalidOutput
}

// probeOff says why no probe can be sent at all.
const probeOff = "no endpoint for probes is configured"

// pointFor chooses the endpoint: the one that is named, else the one whose labels fit the scope best.
func (d *Desk) pointFor(req runbook.ProbeRequest) (*probePoint, error) {
	what := "the probe of " + req.Model
	if len(d.points) == 0 {
		return nil, &Refused{What: what, Why: probeOff, Try: "add probes: to the configuration, or skip the step"}
	}
	names := make([]string, 0, len(d.points))
	var best *probePoint
	most := -1
	for _, p := range d.points {
		names = append(names, p.Name)
		if p.Name == req.Endpoint {
			return p, nil
		}
		if fit := p.fits(req.Scope); fit > most {
			best, most = p, fit
		}
	}
	switch {
	case req.Endpoint != "":
		return nil, &Refused{What: what, Why: "no endpoint for probes is called " + req.Endpoint, Try: "there are " + strings.Join(names, ", ")}
	case best == nil:
		return nil, &Refused{What: what, Why: "no endpoint for probes fits " + traffic.Scope(req.Scope).Short(), Try: "name one of " + strings.Join(names, ", ")}
	}
	return best, nil
}

// fits counts the labels that an endpoint shares with a scope, -1 where one of them is another's.
func (p *probePoint) fits(scope map[string]string) int {
	n := 0
	for dim, is := range p.Labels {
		switch scope[dim] {
		case "":
		case is:
			n++
		default:
			return -1
		}
	}
	return n
}

// mayProbe says why a probe is not sent now.
func (d *Desk) mayProbe(p *probePoint, r *run) error {
	what := "a probe of endpoint " + p.Name
	switch wait := p.sent.Add(p.Every).Sub(d.now()); {
	case d.refusal != "":
		return &Refused{What: what, Why: d.refusal, Try: d.refusalTry()}
	case p.busy:
		return &Refused{What: what, Why: "the one before has not come back", Try: "wait for it"}
	case !p.sent.IsZero() && wait > 0:
		return &Refused{What: what, Why: "the last one was sent less than " + p.Every.String() + " ago", Try: "try again in " + wait.Round(time.Second).String()}
	case r != nil && p.Budget > 0 && len(r.walk.Probes) >= p.Budget:
		return &Refused{What: what, Why: fmt.Sprintf("this run has sent %d, which is all it may", len(r.walk.Probes)), Try: "decide on what is known, or raise budget: of the endpoint"}
	}
	return nil
}

// probeStep sends the probe of a block of the current step.
func (d *Desk) probeStep(c ProbeStep, reply func(Result, error)) {
	r, _, block, err := d.blockSeen(c.Step, c.Block)
	if err == nil && block.Probe == nil {
		err = &Refused{What: "this step", Why: "it has no probe there"}
	}
	if err != nil {
		reply(Result{}, err)
		return
	}
	req, err := runbook.ResolveProbe(r.book, block.Probe, r.walk)
	if err != nil {
		reply(Result{}, &Refused{What: "the probe", Why: err.Error(), Try: "fill the field first (enter on it)"})
		return
	}
	d.sendProbe(req, r, c.Block, reply)
}

// sendProbe writes down that a probe is sent, sends it beside the desk, and takes in what comes back. r is nil for a
// probe of no run.
func (d *Desk) sendProbe(req runbook.ProbeRequest, r *run, block int, reply func(Result, error)) {
	p, err := d.pointFor(req)
	if err == nil {
		err = d.mayProbe(p, r)
	}
	if err != nil {
		reply(Result{}, err)
		return
	}
	req.Endpoint = p.Name
	draft := entryDraft{kind: incident.ProbeSent, incident: d.incidentID()}
	ask := gateway.Probe{ID: d.newID("probe"), Model: req.Model, Stream: req.Stream, Large: req.Large, Fields: map[string]json.RawMessage{}}
	for name, value := range req.Fields {
		ask.Fields[name] = json.RawMessage(value)
	}
	p.run, p.step, p.block = "", "", -1
	if r != nil {
		draft.incident, draft.run, draft.step = r.incident, r.id, r.walk.Current
		p.run, p.step, p.block = r.id, r.walk.Current, block
	}
	data := incident.ProbeData{ID: ask.ID, Endpoint: p.Name, Request: req.String()}
	draft.data = data
	if err := d.write(draft); err != nil {
		reply(Result{}, err)
		return
	}
	p.busy, p.sent, d.dirty = true, d.now(), true
	d.away.Go(func() {
		a, err := p.send(d.life, ask)
		d.results <- func() { d.probed(p, r, draft, data, a, err, reply) }
	})
}

// send asks the endpoint; a sender that breaks is an error, and no end of the desk.
func (p *probePoint) send(ctx context.Context, ask gateway.Probe) (a gateway.ProbeAnswer, err error) {
	defer func() {
		if broke := recover(); broke != nil {
			err = fmt.Errorf("sending to endpoint %s broke: %v", p.Name, broke)
		}
	}()
	return p.Sender.Send(ctx, ask)
}

// probed takes in an answer: the record first, then the walk that asked.
func (d *Desk) probed(p *probePoint, r *run, draft entryDraft, data incident.ProbeData, a gateway.ProbeAnswer, err error, reply func(Result, error)) {
	p.busy = false
	if err != nil {
		data.Text = "nothing was sent: " + err.Error()
		draft.kind, draft.data = incident.ProbeAnswered, data
		_ = d.write(draft)
		reply(Result{}, &Refused{What: "the probe", Why: err.Error(), Try: "look at probes: in the configuration"})
		return
	}
	v := JudgeProbe(a)
	data.OK, data.Class, data.Text = v.OK, v.Class, v.Text
	data.Answer, _ = json.Marshal(a) // plain fields always encode
	draft.kind, draft.data = incident.ProbeAnswered, data
	err = d.write(draft)
	if r != nil {
		e := runbook.Entry{Kind: runbook.EntryProbe, Step: p.step, Block: p.block, Data: map[string]string{
			"ok": fmt.Sprint(v.OK), "class": v.Class, "status": fmt.Sprint(a.Status), "latency": a.Latency.String(), "ttft": a.FirstToken.String(), "text": v.Text,
		}}
		err = cmp.Or(err, d.step(r, e))
	}
	reply(Result{Text: "probe of " + data.Request + ": " + v.Text, Probe: &v}, err)
}

// probe answers what checks ask of a run's probes.
func (f facts) probe(q runbook.Query) runbook.Answer {
	if f.run == nil {
		return runbook.Answer{Why: "a probe belongs to a run, and none is asked here"}
	}
	a := f.run.walk.AskProbe(q, f.now)
	if !a.Known && len(f.run.walk.Probes) == 0 && len(f.d.points) == 0 {
		a.Why = probeOff
	}
	return a
}

// probeBlock shows a probe: what it would ask, why it cannot, and what it has brought back.
func (d *Desk) probeBlock(r *run, p *runbook.Probe, block int, current bool, st runbook.BlockState, v *BlockView) {
	v.Truth, v.Text, v.State = st.Truth.String(), st.Text, st.State
	if !current {
		return
	}
	req, err := runbook.ResolveProbe(r.book, p, r.walk)
	if err != nil {
		v.Action, v.Disabled = "probe "+p.Name, err.Error()
		return
	}
	point, err := d.pointFor(req)
	if err != nil {
		v.Action, v.Disabled = "probe of "+req.String(), whyOf(err)
		return
	}
	req.Endpoint = point.Name
	v.Action = "probe of " + req.String()
	if point.busy && point.run == r.id && point.step == r.walk.Current && point.block == block {
		v.State, v.Text = "sent", "on its way"
		return
	}
	if err := d.mayProbe(point, r); err != nil && !point.busy {
		v.Disabled = whyOf(err)
	}
}

// whyOf gives the reason of a refusal, with what to try.
func whyOf(err error) string {
	if r, ok := err.(*Refused); ok { //nolint:errorlint // made a line above, never wrapped
		return strings.TrimSuffix(r.Why+"; "+r.Try, "; ")
	}
	return err.Error()
}

package desk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"signalbox/internal/gateway"
	"signalbox/internal/incident"
	"signalbox/internal/traffic"
)

const (
	// planFresh is how long a plan may be thrown after it was read; older ones must be read again.
	planFresh = 60 * time.Second
	// wideShare is the share of a gateway's traffic above which a change must be confirmed by typing.
	wideShare = 0.20
	// DefaultTTL is the deadline of a lever that did not name one; a lever without a deadline does not exist.
	DefaultTTL = 15 * time.Minute
	// MaxTTL is the longest deadline; a lever that is needed for longer is extended by somebody who has looked.
	MaxTTL = 4 * time.Hour
	// blastSpan is the time over which the blast radius is counted.
	blastSpan = time.Minute
	// maxPlans bounds the plans that were shown and neither thrown nor declined.
	maxPlans = 32
)

// shown is a plan that a client has been shown; what is thrown is this and nothing newer.
type shown struct {
	plan  gateway.Plan
	view  PlanView
	id    string // of the lever that it becomes
	lever string // the lever that it takes back, empty for a new one
	block int    // block of the current step that asked, -1 for none
}

// asLever is the plan as the journal knows levers.
func (s *shown) asLever(incident string) *lever {
	return &lever{id: s.id, incident: incident, plan: s.plan, ends: s.plan.Deadline.At}
}

// planLever reads the gateway and builds a plan; reply gets the view once the gateway has answered.
func (d *Desk) planLever(c PlanLever, run, step string, block int, reply func(Result, error)) {
	if d.refusal != "" {
		reply(Result{}, &Refused{What: c.Verb, Why: d.refusal, Try: d.refusalTry()})
		return
	}
	w, err := d.wireFor(c.Scope, c.Exact)
	if err == nil && d.whyNot(w) != "" {
		err = &Refused{What: c.Verb, Why: d.whyNot(w)}
	}
	if err != nil {
		reply(Result{}, err)
		return
	}
	if w.unread() { // what it can do, and calls its targets, some gateways tell only then
		d.lookFirst(w, func() { d.planLever(c, run, step, block, reply) })
		return
	}
	scope, err := d.aim(w, gateway.Verb(c.Verb), c.Scope, c.Exact)
	if err != nil {
		reply(Result{}, err)
		return
	}
	change := gateway.Change{
		Verb: gateway.Verb(c.Verb), Scope: scope, TTL: clampTTL(c.TTL), Reason: c.Reason,
		Actor: d.actor, Incident: d.comingIncident(), Run: run, Step: step,
	}
	now := d.now()
	err = w.ask(func(ctx context.Context, drv gateway.Driver) func() {
		value, err := resolveValue(ctx, drv, change, c.Value)
		change.Value = value
		var p gateway.Plan
		if err == nil {
			p, err = drv.Plan(ctx, change, now)
		}
		return func() { d.planned(w, p, block, err, reply) }
	})
	if err != nil {
		reply(Result{}, err)
	}
}

// resolveValue turns a value relative to the one in force ("60%") into a number, from a fresh read.
func resolveValue(ctx context.Context, drv gateway.Driver, c gateway.Change, v json.RawMessage) (gateway.Value, error) {
	var text string
	if json.Unmarshal(v, &text) != nil || !strings.HasSuffix(text, "%") || c.Verb != gateway.CapSet {
		return v, nil
	}
	var percent float64
	if _, err := fmt.Sscanf(text, "%f%%", &percent); err != nil || percent <= 0 || percent > 100 {
		return nil, &Refused{What: string(c.Verb), Why: fmt.Sprintf("%q is not a share of the cap in force", text), Try: "give a number, or 1% to 100%"}
	}
	state, err := drv.Read(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the cap in force: %w", err)
	}
	aim := narrowed(c.Scope)
	what, known, others := string(c.Verb)+" on "+scopeWords(c.Scope), false, []traffic.Scope(nil)
	for _, i := range state.Instances {
		for _, ctl := range i.Controls {
			if !kin(ctl.Verb, c.Verb) {
				continue
			}
			var now float64
			switch at := narrowed(ctl.Scope); {
			case !at.Equal(aim):
				others = append(others, at)
			case json.Unmarshal(ctl.Value, &now) == nil && now > 0:
				return json.RawMessage(fmt.Sprint(max(1, int(now*percent/100)))), nil
			default:
				known = true
			}
		}
	}
	if !known && len(others) > 0 {
		near := gateway.OneNear(aim, others, func(s traffic.Scope) traffic.Scope { return s })
		return nil, &Refused{What: what, Why: c.Scope["gateway"] + " has no such cap", Try: near, NoTarget: true}
	}
	return nil, &Refused{What: what, Why: "no cap is in force of which " + text + " could be taken", Try: "give a number"}
}

func clampTTL(ttl time.Duration) time.Duration {
	if ttl <= 0 {
		return DefaultTTL
	}
	return min(ttl, MaxTTL)
}

// planned keeps the plan that the driver made and shows it.
func (d *Desk) planned(w *wire, p gateway.Plan, block int, err error, reply func(Result, error)) {
	if err != nil {
		reply(Result{}, asRefused(err))
		return
	}
	if p.ID == "" {
		p.ID = d.newID("plan")
	}
	d.fillBlast(w, &p, "")
	if err := d.belowFloor(w, p); err != nil {
		reply(Result{}, err)
		return
	}
	s := &shown{plan: p, block: block, id: d.newID("lev")}
	s.view = d.planView(w, p)
	if s.view.Whole, err = json.Marshal(p); err == nil {
		err = d.recordLever(incident.LeverPlanned, s.asLever(d.record.open), "")
	}
	if err != nil {
		reply(Result{}, fmt.Errorf("writing the plan down: %w", err))
		return
	}
	d.keepPlan(s)
	reply(Result{Text: "planned " + s.view.Title, Plan: &s.view}, nil)
}

func (d *Desk) keepPlan(s *shown) {
	if len(d.plans) >= maxPlans {
		var oldest string
		for id, o := range d.plans {
			if oldest == "" || o.plan.ReadAt.Before(d.plans[oldest].plan.ReadAt) {
				oldest = id
			}
		}
		delete(d.plans, oldest)
	}
	d.plans[s.plan.ID] = s
}

// fillBlast counts what the change governs, from the board's last minute; undoes is the lever that it takes back, if any.
func (d *Desk) fillBlast(w *wire, p *gateway.Plan, undoes string) {
	now := d.sig.edge(d.now())
	from := now.Add(-blastSpan)
	all := traffic.Scope{"gateway": w.spec.Name}
	part := p.Change.Scope.Clone()
	delete(part, "instance")
	sideAll := d.sig.countSide(all.Selector(d.syms), from, now)
	sidePart := d.sig.countSide(part.Selector(d.syms), from, now)
	b := gateway.Blast{Requests: sidePart.Req, OfAll: sideAll.Req, Inflight: -1, LastTarget: p.Blast.LastTarget}
	if b.OfAll > 0 {
		b.Share = float64(b.Requests) / float64(b.OfAll)
	}
	if v, ok := d.sig.gauge(part, traffic.Inflight, d.now()); ok {
		b.Inflight = v
	}
	b.Text = fmt.Sprintf("%d of %d requests of the last minute (%.0f%%)", b.Requests, b.OfAll, 100*b.Share)
	if b.OfAll == 0 {
		b.Text = "no request of " + w.spec.Name + " was seen in the last minute"
	}
	if b.Requests > 0 {
		b.Text += ", " + failedWords(sidePart.Err)
	}
	if b.Inflight >= 0 {
		b.Text += fmt.Sprintf(", %.0f in flight now", b.Inflight)
	}
	if out := d.othersOn(*p, undoes); out != "" {
		b.Text += "; also out here: " + out
	}
	if b.LastTarget {
		b.Text += "; LAST target: nothing else is left to serve it"
	}
	p.Blast = b
}

func failedWords(n int64) string {
	if n == 0 {
		return "none of them failed"
	}
	return fmt.Sprintf("%d of them failed", n)
}

// othersOn names the levers that are out beside a plan, without the one that it takes back.
func (d *Desk) othersOn(p gateway.Plan, undoes string) string {
	var names []string
	for _, l := range d.levers {
		if l.out() && l.id != undoes && l.plan.Gateway == p.Gateway && l.plan.Change.Scope.Overlaps(p.Change.Scope) {
			names = append(names, leverTitle(l.plan.Change))
		}
	}
	return strings.Join(names, ", ")
}

var excessWords = map[gateway.Excess]string{
	gateway.ExcessWaits:    "excess requests wait in the gateway's queue, and fail when it is full or they waited too long",
	gateway.ExcessRejected: "excess requests are refused at once",
	gateway.ExcessOverflow: "excess requests go to another target",
}

func (d *Desk) planView(w *wire, p gateway.Plan) PlanView {
	v := PlanView{
		ID: p.ID, Title: leverTitle(p.Change), Env: w.spec.Env, Gateway: w.spec.Name, Blast: p.Blast.Text, Share: p.Blast.Share,
		Excess: excessWords[p.Excess], Caveats: append(d.mistaken(w, p.Change), p.Caveats...), Reason: p.Change.Reason,
		StaleAt: p.ReadAt.Add(planFresh), SelfEnds: p.Deadline.Holder == gateway.HeldByGateway,
		Confirm: ConfirmPlain,
	}
	for _, i := range p.Instances {
		v.Diff = append(v.Diff, DiffLine{Instance: i.Name, Control: i.Control, Before: valueWords(i.Before), After: valueWords(i.After)})
	}
	for _, c := range p.Calls {
		v.Calls = append(v.Calls, c.Text)
	}
	for _, c := range p.Undo.Calls {
		v.Undo = append(v.Undo, c.Text)
	}
	v.Deadline = p.Deadline.At.UTC().Format("15:04:05") + " UTC, the gateway ends it by itself"
	if !v.SelfEnds {
		v.Deadline = p.Deadline.At.UTC().Format("15:04:05") + " UTC, held by this console: NOT self-reverting"
	}
	if w.spec.Typed || p.Blast.Share > wideShare {
		v.Confirm, v.Phrase = ConfirmTyped, d.phrase(p.Change.Scope)
	}
	if text := looseCap(p); text != "" {
		v.Caveats = append(v.Caveats, text)
	}
	if text := d.astray(w); text != "" {
		v.Caveats = append(v.Caveats, text)
	}
	if v.Rehearsal = d.rehearsed(p.Change); v.Rehearsal != nil {
		v.Caveats = append(v.Caveats, v.Rehearsal.Words)
	}
	if v.Force = d.mustForce(p); len(v.Force) > 0 {
		v.Confirm, v.Phrase = ConfirmTyped, forceWord+d.phrase(p.Change.Scope)
		for _, why := range v.Force {
			v.Caveats = append(v.Caveats, "must be forced: "+why)
		}
	}
	return v
}

// phrase is what an operator types to confirm: the target in the words of the screen.
func (d *Desk) phrase(s traffic.Scope) string {
	if dep := s["deployment"]; dep != "" {
		if at := d.sig.placeOf(dep); at.model != "" && at.region != "" {
			return at.model + "@" + at.region
		}
	}
	return scopeWords(s)
}

// asRefused gives a driver's refusal the desk's shape; other errors stay what they are.
func asRefused(err error) error {
	var r *gateway.Refusal
	if errors.As(err, &r) {
		return &Refused{What: string(r.Verb) + " on " + scopeWords(r.Scope), Why: r.Why, Try: r.Try, NoTarget: r.NoTarget}
	}
	var own *Refused
	if errors.As(err, &own) {
		return own
	}
	return err
}

func isRefusal(err error) bool {
	var r *gateway.Refusal
	var own *Refused
	return errors.As(err, &r) || errors.As(err, &own)
}

func sortedKeys(m map[string]bool) []string {
	names := make([]string, 0, len(m))
	for n := range m {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

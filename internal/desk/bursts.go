package desk

import (
	"slices"
	"time"

	"signalbox/internal/burst"
	"signalbox/internal/fault"
	"signalbox/internal/incident"
	"signalbox/internal/traffic"
	"signalbox/runbook"
)

// burstState is a burst and what the desk adds to it.
type burstState struct {
	burst.Burst
	incident string
	written  time.Time // when its last revision went into the journal
	match    runbook.Offer
	matched  bool
	spread   burst.Spread // over the shapes of its requests
	spreadAt time.Time
	settled  time.Time // when the desk heard of its end; zero while it lasts
}

const (
	// reviseEvery is the least time between two revisions of one burst in the journal; the screen shows them all.
	reviseEvery = 10 * time.Second
	// keepSettled is how long a settled burst stays on the screen after its end was seen, be the log as old as it may.
	keepSettled = 30 * time.Minute
	// maxSettled bounds them; the oldest go first.
	maxSettled = 200
	// spreadEvery is how often the shapes of a burst's requests are counted anew.
	spreadEvery = 5 * time.Second
)

// advance moves the detector to the watermark and takes in what it says.
func (d *Desk) advance(now time.Time) {
	mark := d.sig.board.Watermark(now, true)
	before, looked := d.sig.stepped, d.sig.looked
	for _, e := range d.sig.advance(mark, now) {
		d.burstEvent(e)
		d.dirty = true
	}
	if d.sig.stepped != before {
		d.renumber()
	}
	if d.sig.looked != looked {
		d.move()
	}
	kept := 0
	d.bursts = slices.DeleteFunc(d.bursts, func(b *burstState) bool {
		if !b.settled.IsZero() {
			kept++
		}
		return !b.settled.IsZero() && (kept > maxSettled || now.Sub(b.settled) > keepSettled)
	})
}

// renumber takes in the numbers of now, which go on between two events.
func (d *Desk) renumber() {
	for _, now := range d.sig.det.Bursts() {
		if b := d.burstByID(now.ID); b != nil && b.Live() {
			b.Burst = now
			d.spreadOf(b)
		}
	}
}

// spreadOf tells whether the burst's failures keep to one shape of request: then the request is looked at, and not
// the provider.
func (d *Desk) spreadOf(b *burstState) {
	now := d.now()
	if now.Sub(b.spreadAt) < spreadEvery {
		return
	}
	sel := b.Scope.Selector(d.sig.syms)
	if b.Side != "" {
		sel = d.sig.side(sel, b.Side)
	}
	var counts []burst.Shaped
	for shape, n := range d.sig.board.Records().Shapes(sel, b.Onset) {
		counts = append(counts, burst.Shaped{Shape: shape, Req: n.Req, Err: n.Err})
	}
	b.spread, b.spreadAt = burst.ByShape(counts), now
}

// kinds of the journal by what the detector says.
var burstKinds = map[burst.EventKind]incident.Kind{
	burst.Opened: incident.BurstOpened, burst.Revised: incident.BurstRevised, burst.Merged: incident.BurstMerged,
	burst.Reopened: incident.BurstReopened, burst.Settled: incident.BurstSettled, burst.Withdrawn: incident.BurstWithdrawn,
}

func (d *Desk) burstEvent(e burst.Event) {
	b := d.burstByID(e.Burst.ID)
	if b == nil {
		b = &burstState{}
		d.bursts = append([]*burstState{b}, d.bursts...)
	}
	quiet := e.Kind == burst.Revised && b.Scope.Equal(e.Burst.Scope) && d.now().Sub(b.written) < reviseEvery
	b.Burst = e.Burst
	d.settle(b, e.Kind)
	d.joinIncident(b)
	if e.Kind == burst.Withdrawn || e.Kind == burst.Merged {
		d.bursts = slices.DeleteFunc(d.bursts, func(o *burstState) bool { return o == b })
	}
	if quiet {
		return
	}
	b.matched = false
	b.written = d.now()
	data := burstData(b)
	data.Into = e.Into
	_ = d.write(entryDraft{kind: burstKinds[e.Kind], incident: b.incident, data: data, actor: byDesk})
}

// settle notes when a burst's end was heard of, and whether it counts as one that was found.
func (d *Desk) settle(b *burstState, kind burst.EventKind) {
	if b.Live() {
		b.settled = time.Time{}
	} else if b.settled.IsZero() {
		b.settled = d.now()
	}
	if d.raised == nil {
		d.raised = map[string]bool{}
	}
	switch {
	case kind == burst.Merged || kind == burst.Withdrawn:
		delete(d.raised, b.ID)
	case b.Pages():
		d.raised[b.ID] = true
	}
}

func (d *Desk) burstByID(id string) *burstState {
	for _, b := range d.bursts {
		if b.ID == id {
			return b
		}
	}
	return nil
}

// joinIncident puts a burst into the open incident when its scope overlaps one of the incident's bursts
// or levers, or when the incident has none yet. A burst never opens an incident.
func (d *Desk) joinIncident(b *burstState) {
	if b.incident != "" || d.record.open == "" || !b.Pages() {
		return
	}
	alone := true
	for _, o := range d.bursts {
		if o == b || o.incident != d.record.open {
			continue
		}
		alone = false
		if o.Scope.Overlaps(b.Scope) {
			b.incident = d.record.open
			return
		}
	}
	for _, l := range d.levers {
		if l.incident == d.record.open && d.leverWhere(l).Overlaps(b.Scope) {
			b.incident = d.record.open
			return
		}
	}
	if alone {
		b.incident = d.record.open
	}
}

// burstEntry is a burst as the journal keeps it.
type burstEntry struct {
	incident.BurstData
	Side  string        `json:"side,omitempty"`
	Codes map[int]int64 `json:"codes,omitempty"`
}

func burstData(b *burstState) burstEntry {
	data := incident.BurstData{
		ID: b.ID, Kind: b.Kind, Scope: b.Scope, Class: b.Leading, Onset: b.Onset, Earlier: b.Earlier, Detected: b.Detected,
		Failed: int(b.Failed), Total: int(b.Total), Excess: b.Excess, Peak: b.Peak, Share: b.Share, Episodes: b.Episodes,
		State: b.State, Reason: b.Reason, Classes: make(map[string]int, len(b.Classes)),
	}
	for c, n := range b.Classes {
		data.Classes[c] = int(n)
	}
	if !b.Ended.IsZero() {
		ended := b.Ended
		data.Settled = &ended
	}
	return burstEntry{BurstData: data, Side: b.Side, Codes: b.Codes}
}

func (d *Desk) burstView(b *burstState) BurstView {
	v := viewBurst(b.Burst)
	v.Incident, v.Changes = b.incident, d.before(b)
	if b.spread.Kind == burst.OneShape || b.spread.Kind == burst.Spreads {
		v.OneShape, v.Spread = b.spread.Kind == burst.OneShape, b.spread.Reason
	}
	if text := d.ownRefusals(b); text != "" {
		v.MeaningClass, v.Meaning = b.Leading, text
	} else if class, ok := fault.ParseClass(b.Leading); ok && class != fault.None {
		a := fault.Advice(class)
		v.MeaningClass, v.Meaning = b.Leading, a.Means+". First: "+a.Do
	}
	if !b.matched {
		b.match, b.matched = d.bestOffer(b), true
	}
	if b.match.Book != nil {
		v.Runbook = b.match.Book.ID
	}
	return v
}

// viewOf gives a burst in the words of the runbook package.
func viewOf(b *burstState) runbook.BurstView {
	return runbook.BurstView{ID: b.ID, Kind: b.Kind, Scope: b.Scope, Classes: b.Classes, Codes: b.Codes}
}

func (d *Desk) bestOffer(b *burstState) runbook.Offer {
	offers := runbook.Offers(d.o.Books, viewOf(b), facts{d: d, now: d.now()})
	if len(offers) == 0 {
		return runbook.Offer{}
	}
	return offers[0]
}

// offers lists the runbooks: those that fit the newest live burst first, with why, then the one that fits each note best.
func (d *Desk) offers() []OfferView {
	var out []OfferView
	fits := map[string]bool{}
	add := func(o runbook.Offer, burst string, known map[string]string) {
		if o.Book != nil && !fits[o.Book.ID] {
			fits[o.Book.ID] = true
			out = append(out, OfferView{ID: o.Book.ID, Title: titleOf(o.Book, runbook.Bind(o.Book, known)), Fits: true, Why: o.Why, Burst: burst, Armed: o.Book.Armed})
		}
	}
	for _, b := range d.bursts {
		if b.Ended.IsZero() && b.Pages() {
			for _, o := range runbook.Offers(d.o.Books, viewOf(b), facts{d: d, now: d.now()}) {
				add(o, b.ID, b.Scope)
			}
		}
	}
	for _, b := range d.bursts {
		if b.Ended.IsZero() && !b.Pages() {
			add(b.match, b.ID, b.Scope) // as found at its last revision: there may be many notes
		}
	}
	for _, after := range []bool{false, true} { // those for when it is over stand last
		for _, b := range d.o.Books {
			if !fits[b.ID] && after == b.Aftermath() {
				out = append(out, OfferView{ID: b.ID, Title: titleOf(b, nil), Armed: b.Armed})
			}
		}
	}
	return out
}

// refusing are the classes that a pause or a shed is answered with, by the gateways there are: LiteLLM says 401 to a key or team
// that is blocked, and its text says so where the log has it.
var refusing = []string{
	fault.RateLimited.String(), fault.Unavailable.String(), fault.NoHealthyUpstream.String(), fault.Auth.String(), fault.AccountSuspended.String(),
}

// ownRefusals names the lever of ours that a burst is the doing of: a gateway that pauses a workload refuses its clients, and its log
// tells that like any failure.
func (d *Desk) ownRefusals(b *burstState) string {
	work := b.Scope["workload"]
	if work == "" || b.Side != traffic.SideClient || !slices.Contains(refusing, b.Leading) {
		return ""
	}
	for _, l := range d.levers {
		if l.refuses() != work {
			continue
		}
		elsewhere := b.Scope["gateway"] != "" && b.Scope["gateway"] != l.plan.Gateway
		if elsewhere || l.acceptAt.IsZero() || b.Onset.Before(l.at.Add(-2*time.Second)) || !l.endedAt.IsZero() && b.Onset.After(l.endedAt) {
			continue
		}
		return "our own lever refuses them: " + leverTitle(l.plan.Change) + ", since " + l.at.UTC().Format(time.TimeOnly) + " UTC. First: nothing, while it is meant"
	}
	return ""
}

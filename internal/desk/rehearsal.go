package desk

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"signalbox/internal/gateway"
	"signalbox/internal/incident"
)

// DefaultRehearsalAge is how old a rehearsal may be before a plan calls it stale.
const DefaultRehearsalAge = 7 * 24 * time.Hour

// Rehearse records what came out of rehearsing a fallback's target.
type Rehearse struct{ Data incident.RehearsalData }

func (Rehearse) command() {}

// RunRehearsal sends a rehearsal of a fallback's target through an endpoint of probes, and waits for what comes out. An
// empty Endpoint is the first.
type RunRehearsal struct{ Model, For, Endpoint string }

// Rehearser sends the requests of a rehearsal. It blocks until the last was answered or ctx ends; an error says that
// nothing was learnt.
type Rehearser func(ctx context.Context, endpoint, model string) (RehearsalView, error)

// RehearsalView is what came out of a rehearsal, request by request.
type RehearsalView struct {
	Endpoint, Model, For string
	OK                   bool
	Text                 string          // all of it in a sentence
	Report               json.RawMessage // whole, for the record
	Trials               []TrialView
}

// TrialView is one request of a rehearsal: a parameter, what became of it, and why or how long it took.
type TrialView struct {
	Name, Verdict, Text string
	OK                  bool
}

// RehearsalTimeout is how long a whole rehearsal may take.
const RehearsalTimeout = 3 * time.Minute

// runRehearsal sends a rehearsal beside the desk, and writes down what came out. One is sent at a time.
func (d *Desk) runRehearsal(c RunRehearsal, reply func(Result, error)) {
	what, why, try := "the rehearsal of "+c.Model, "", ""
	switch {
	case c.Model == "":
		what, why, try = "a rehearsal", "it needs the model that the fallback would use", "name it"
	case d.refusal != "":
		why, try = d.refusal, d.refusalTry()
	case d.o.Rehearse == nil || len(d.points) == 0:
		why, try = probeOff, "add probes: to the configuration"
	case d.rehearsing:
		why, try = "another one is under way", "wait for it"
	}
	if why != "" {
		reply(Result{}, &Refused{What: what, Why: why, Try: try})
		return
	}
	d.rehearsing = true
	d.away.Go(func() {
		v, err := d.sendRehearsal(c)
		d.results <- func() {
			d.rehearsing = false
			if err != nil {
				reply(Result{}, &Refused{What: what, Why: err.Error(), Try: "look at probes: in the configuration"})
				return
			}
			v.For = c.For
			r, err := d.rehearse(Rehearse{incident.RehearsalData{Endpoint: v.Endpoint, Model: v.Model, For: v.For, OK: v.OK, Text: v.Text, Report: v.Report}})
			r.Tried = &v
			reply(r, err)
		}
	})
}

// sendRehearsal asks the rehearser; one that breaks is an error, and no end of the desk.
func (d *Desk) sendRehearsal(c RunRehearsal) (v RehearsalView, err error) {
	defer func() {
		if broke := recover(); broke != nil {
			err = fmt.Errorf("the rehearsal broke: %v", broke)
		}
	}()
	ctx, cancel := context.WithTimeout(d.life, RehearsalTimeout)
	defer cancel()
	return d.o.Rehearse(ctx, c.Endpoint, c.Model)
}

// rehearsal is the last one for a model.
type rehearsal struct {
	at   time.Time
	data incident.RehearsalData
}

// learnRehearsal keeps the last rehearsal for each model.
func (d *Desk) learnRehearsal(e incident.Entry) {
	var data incident.RehearsalData
	if e.Kind != incident.Rehearsed || e.Decode(&data) != nil {
		return
	}
	model := data.For
	if model == "" {
		model = data.Model
	}
	if d.rehearsals == nil {
		d.rehearsals = map[string]rehearsal{}
	}
	if last, there := d.rehearsals[model]; !there || !e.At.Before(last.at) {
		d.rehearsals[model] = rehearsal{e.At, data}
	}
}

func (d *Desk) rehearse(c Rehearse) (Result, error) {
	err := d.write(entryDraft{kind: incident.Rehearsed, incident: d.incidentID(), data: c.Data})
	return Result{Text: "rehearsal of " + c.Data.Model + ": " + c.Data.Text}, err
}

// rehearsed says what is known of the way that a lever would send a model's requests: a fallback is worth what its last
// rehearsal showed.
func (d *Desk) rehearsed(c gateway.Change) string {
	model := c.Scope["model"]
	if model == "" || c.Verb != gateway.FallbackOn && c.Verb != gateway.RouteForce {
		return ""
	}
	last, there := d.rehearsals[model]
	if !there {
		if len(d.points) == 0 {
			return "" // nothing could rehearse it
		}
		return "the fallback of " + model + " was never rehearsed: signalbox control rehearse --model TARGET --for " + model
	}
	age, most := d.now().Sub(last.at), d.o.RehearsalAge
	if most <= 0 {
		most = DefaultRehearsalAge
	}
	text := fmt.Sprintf("last rehearsed %s ago, on %s: %s", ago(age), last.data.Model, last.data.Text)
	if age > most {
		text = fmt.Sprintf("the rehearsal is STALE (older than %s): %s", ago(most), text)
	}
	return text
}

func ago(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d days", int(d.Hours())/24)
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	case d >= 2*time.Minute:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	}
	return fmt.Sprintf("%d s", max(0, int(d.Seconds())))
}

package desk

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
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
	At                   time.Time // when it was; zero: never
	Stale                string    // "older than 7 days"; empty: it is not
	Words                string    // all of this in a sentence, as the caveats of its plan have it
}

// TrialView is one request of a rehearsal: a parameter, what became of it, and why or how long it took.
type TrialView struct {
	Name, Verdict, Text string
	OK                  bool
	Why                 string        // what the target said
	Latency, FirstText  time.Duration // zero where it was not measured
	Whole               bool          // a whole answer came
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
			v.For, v.At = c.For, d.now()
			if all := trialsOf(v.Report); len(all) > 0 {
				v.Trials = all
			}
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
// rehearsal showed. It is nil for a lever that sends none elsewhere, and where nothing could rehearse it.
func (d *Desk) rehearsed(c gateway.Change) *RehearsalView {
	model := c.Scope["model"]
	if model == "" || c.Verb != gateway.FallbackOn && c.Verb != gateway.RouteForce {
		return nil
	}
	last, there := d.rehearsals[model]
	if !there {
		if len(d.points) == 0 {
			return nil
		}
		return &RehearsalView{
			For: model, Model: d.goesTo(c),
			Words: "the fallback of " + model + " was never rehearsed: signalbox control rehearse --model TARGET --for " + model,
		}
	}
	v := d.last(model, last)
	v.Trials = trialsOf(last.data.Report)
	return &v
}

// last is a rehearsal without its requests.
func (d *Desk) last(model string, last rehearsal) RehearsalView {
	x := last.data
	v := RehearsalView{Endpoint: x.Endpoint, Model: x.Model, For: model, OK: x.OK, Text: x.Text, At: last.at}
	age, most := d.now().Sub(last.at), d.o.RehearsalAge
	if most <= 0 {
		most = DefaultRehearsalAge
	}
	v.Words = fmt.Sprintf("last rehearsed %s ago, on %s: %s", ago(age), x.Model, x.Text)
	if age > most {
		v.Stale = "older than " + ago(most)
		v.Words = fmt.Sprintf("the rehearsal is STALE (%s): %s", v.Stale, v.Words)
	}
	return v
}

// rehearsalViews lists the last rehearsal of each model, without the requests.
func (d *Desk) rehearsalViews() []RehearsalView {
	var out []RehearsalView
	for _, model := range slices.Sorted(maps.Keys(d.rehearsals)) {
		out = append(out, d.last(model, d.rehearsals[model]))
	}
	return out
}

// goesTo gives the model that a lever's value names, itself or by a deployment; empty where it names none.
func (d *Desk) goesTo(c gateway.Change) string {
	var name string
	if json.Unmarshal(c.Value, &name) != nil {
		return ""
	}
	if at := d.sig.placeOf(name); at.model != "" {
		return at.model
	}
	return ""
}

// mostTrials bounds what is taken out of a report.
const mostTrials = 40

// trialsOf reads the requests of a rehearsal out of its report; none where that is not one.
func trialsOf(report json.RawMessage) []TrialView {
	var r struct {
		Trials []struct {
			Name, Verdict, Why string
			LatencyMS          float64 `json:"latency_ms"`
			TTFTMS             float64 `json:"ttft_ms"`
			Complete           bool
		}
	}
	if len(report) == 0 || json.Unmarshal(report, &r) != nil {
		return nil
	}
	ms := func(f float64) time.Duration {
		return time.Duration(min(max(f, 0), 1e9) * float64(time.Millisecond))
	}
	var out []TrialView
	for _, t := range r.Trials[:min(len(r.Trials), mostTrials)] {
		v := TrialView{Name: t.Name, Verdict: t.Verdict, Why: t.Why, OK: t.Verdict == "accepted", Latency: ms(t.LatencyMS), FirstText: ms(t.TTFTMS), Whole: t.Complete}
		v.Text = fmt.Sprintf("%d ms", v.Latency.Milliseconds())
		if v.FirstText > 0 {
			v.Text += fmt.Sprintf(", first text after %d ms", v.FirstText.Milliseconds())
		}
		if v.Why != "" {
			v.Text += "  " + v.Why
		}
		out = append(out, v)
	}
	return out
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

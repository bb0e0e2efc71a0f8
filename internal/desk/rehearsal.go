package desk

import (
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

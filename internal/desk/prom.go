package desk

import (
	"context"
	"fmt"
	"strings"
	"time"

	"signalbox/runbook"
)

// Prometheus answers what runbooks ask with promql. Ask blocks up to its own timeout.
type Prometheus interface {
	Ask(ctx context.Context, text string, at time.Time) (float64, error)
}

// promAsked is one question to Prometheus.
type promAsked struct {
	text   string
	offset time.Duration
}

// promAnswer is what was answered last. The desk's goroutine owns it; a question that is on its way answers later.
type promAnswer struct {
	value float64
	why   string    // why there is no value
	at    time.Time // when it was asked, zero: never answered
	tried time.Time // when it was asked last
	used  time.Time
	busy  bool
}

const (
	// promKept bounds the questions that are remembered, promAway those on their way at one time.
	promKept = 128
	promAway = 4
	// promForget is how long a question that nobody asks any more is remembered.
	promForget = 2 * time.Minute
	// promEvery is the least time between asking the same twice, where nothing is configured.
	promEvery = 5 * time.Second
)

// noPrometheus says why promql is unknown where none is configured.
const noPrometheus = "no Prometheus is configured: add prometheus: with its url to the configuration"

// promAsking is the answer while the first one is on its way.
const promAsking = "Prometheus is being asked"

// prom answers promql from what was answered last, and asks again where that has grown old. It never waits.
func (f facts) prom(q runbook.Query) runbook.Answer {
	d := f.d
	if d.o.Prometheus == nil || f.finished {
		return runbook.Answer{Why: noPrometheus}
	}
	key := promAsked{q.Text, q.Offset}
	a := d.proms[key]
	if a == nil {
		if len(d.proms) >= promKept && !d.forgetProms(f.now) {
			return runbook.Answer{Why: fmt.Sprintf("%d questions to Prometheus are asked at one time; that is all", promKept)}
		}
		a = &promAnswer{}
		if d.proms == nil {
			d.proms = map[promAsked]*promAnswer{}
		}
		d.proms[key] = a
	}
	a.used = f.now
	d.askProm(key, a, f.now)
	switch {
	case a.at.IsZero() && a.why != "":
		return runbook.Answer{Why: a.why}
	case a.at.IsZero():
		return runbook.Answer{Why: promAsking}
	case a.why != "":
		return runbook.Answer{Why: a.why, Age: max(0, f.now.Sub(a.at))}
	}
	return runbook.Answer{Known: true, Value: a.value, Age: max(0, f.now.Sub(a.at))}
}

// evaluate answers an expression of no run.
func (d *Desk) evaluate(c Evaluate) Result {
	res := c.Expr.Eval(facts{d: d, now: d.now()}, c.Scope)
	r := Result{Text: res.Truth.String() + ": " + res.Text, Eval: &res}
	r.Asking = strings.Contains(res.Why, promAsking)
	return r
}

// askProm sends a question, unless it is on its way, was asked a moment ago, too many others are, or the desk leaves and waits for them.
func (d *Desk) askProm(key promAsked, a *promAnswer, now time.Time) {
	every := d.o.PromEvery
	if every <= 0 {
		every = promEvery
	}
	if a.busy || d.promBusy >= promAway || d.life == nil || d.life.Err() != nil || (!a.tried.IsZero() && now.Sub(a.tried) < every) {
		return
	}
	a.busy, a.tried = true, now
	d.promBusy++
	d.away.Go(func() {
		value, err := askPrometheus(d.life, d.o.Prometheus, key.text, now.Add(-key.offset))
		d.results <- func() {
			d.promBusy--
			a.busy, a.value, a.why = false, value, ""
			if a.at = now; err != nil {
				a.why = err.Error()
			}
			if r := d.run(); r != nil {
				d.judgeChecks(r)
			}
		}
	})
}

// askPrometheus asks; a client that breaks is an error, and no end of the desk.
func askPrometheus(ctx context.Context, p Prometheus, text string, at time.Time) (v float64, err error) {
	defer func() {
		if broke := recover(); broke != nil {
			err = fmt.Errorf("asking Prometheus broke: %v", broke)
		}
	}()
	return p.Ask(ctx, text, at)
}

// forgetProms makes room; false where every question is still asked.
func (d *Desk) forgetProms(now time.Time) bool {
	for key, a := range d.proms {
		if !a.busy && now.Sub(a.used) > promForget {
			delete(d.proms, key)
		}
	}
	return len(d.proms) < promKept
}

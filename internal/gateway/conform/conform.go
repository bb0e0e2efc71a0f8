// Package conform proves over HTTP that a server keeps the reference control contract (docs/control-contract.md). It reads
// everything, changes only the controls that it was given, and leaves them as it found them.
package conform

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"signalbox/internal/gateway"
	"signalbox/internal/redact"
)

// Defaults of Options.
const (
	defaultTimeout = 5 * time.Second
	defaultShort   = 2 * time.Second
	grace          = 3 * time.Second // after a deadline, for a gateway whose clock ticks by seconds
	patience       = 30 * time.Second
)

// Options say which server is tried, and what of it may be changed.
type Options struct {
	URL string
	// Token gives the bearer token; nil for a server that knows its clients by certificate.
	Token  func(context.Context) (string, error)
	Client *http.Client
	// Controls are the ids that may be changed, and changed back. None: only what changes nothing is tried.
	Controls []string
	Values   map[string]string // what to set a control to, as JSON; else the mildest value that is not its base
	Actor    string
	Reason   string
	Toggles  bool          // look for the brake on toggling, which leaves the control braked for a while
	Timeout  time.Duration // of one request; 0 means 5 s
	Short    time.Duration // the deadline whose end is waited for; 0 means 2 s
}

// Verdict is what a check came to.
type Verdict string

// The verdicts.
const (
	Pass Verdict = "pass"
	Fail Verdict = "fail"
	Skip Verdict = "skip"
)

// Exchange is one request and what it was answered with, bounded and without secrets.
type Exchange struct {
	Sent string `json:"sent"`
	Got  string `json:"got"`
}

// Check is one thing that the contract promises, and whether it holds.
type Check struct {
	Name      string     `json:"name"`
	Control   string     `json:"control,omitempty"`
	Promise   string     `json:"promise"`
	Verdict   Verdict    `json:"verdict"`
	Why       string     `json:"why,omitempty"`
	Exchanges []Exchange `json:"exchanges,omitempty"`
}

// Report is everything that was tried.
type Report struct {
	URL      string   `json:"url"`
	Gateway  string   `json:"gateway"`
	Instance string   `json:"instance"`
	Controls []string `json:"controls"` // that were changed, and changed back
	Checks   []Check  `json:"checks"`
}

// Count tells how many checks came to a verdict.
func (r Report) Count(v Verdict) int {
	n := 0
	for _, c := range r.Checks {
		if c.Verdict == v {
			n++
		}
	}
	return n
}

// OK tells whether no check failed.
func (r Report) OK() bool { return r.Count(Fail) == 0 }

// ErrAway is a server that could not be asked at all.
var ErrAway = errors.New("the server cannot be asked")

// Run tries the server. An error means that nothing could be learnt; what the server does wrong is in the report.
func Run(ctx context.Context, o Options) (Report, error) {
	t, err := newTrial(o)
	if err != nil {
		return Report{}, err
	}
	if err := t.arrive(ctx); err != nil {
		return Report{}, err
	}
	for _, c := range reading {
		t.try(ctx, c, "")
	}
	for _, id := range o.Controls {
		_, t.after, _ = t.events(ctx, 0) // what is wrong with it has been told already
		for _, c := range changing {
			t.try(ctx, c, id)
		}
		t.leave(ctx, id)
	}
	if len(o.Controls) == 0 {
		for _, c := range changing {
			t.note(Check{Name: c.name, Promise: c.promise, Verdict: Skip, Why: "no control may be changed; name one with --control" + t.offer()})
		}
	}
	t.judgeAnswers()
	t.report.Controls = append([]string{}, o.Controls...)
	return t.report, nil
}

// trial is one run.
type trial struct {
	opts   Options
	base   string
	client *http.Client
	token  string
	report Report
	found  map[string]control // as they were before anything was changed
	order  []string
	first  reply // the first reading
	log    []Exchange
	leaks  []string            // answers that held the token
	fat    []string            // answers that were too long
	after  int64               // the cursor of the events before the control was changed
	broken map[string]bool     // controls that cannot be set: what needs it is not tried
	passed map[string]string   // the version that our last change of a control replaced
	did    map[string][]string // what was done to a control, as kinds of events
	mu     sync.Mutex          // over leaks and fat: some requests run beside each other
}

func newTrial(o Options) (*trial, error) {
	u, err := url.Parse(strings.TrimSuffix(strings.TrimRight(o.URL, "/"), "/controls"))
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("that is no address of a control contract; write it like https://gateway.example:8443, without user, query and fragment")
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.Short <= 0 {
		o.Short = defaultShort
	}
	if o.Actor == "" {
		o.Actor = "signalbox"
	}
	if o.Reason == "" {
		o.Reason = "conformance test"
	}
	return &trial{opts: o, base: u.String(), client: gateway.Straight(o.Client), report: Report{URL: u.Redacted()}, found: make(map[string]control), broken: make(map[string]bool), did: make(map[string][]string), passed: make(map[string]string)}, nil
}

// arrive reads the server once, to know what there is.
func (t *trial) arrive(ctx context.Context) error {
	if t.opts.Token != nil {
		var err error
		if t.token, err = t.opts.Token(ctx); err != nil {
			return fmt.Errorf("getting the token: %w", err)
		}
	}
	t.first = t.do(ctx, call{method: http.MethodGet, path: "/controls"})
	if t.first.err != nil {
		return fmt.Errorf("%w: %s", ErrAway, t.first.err.Error())
	}
	if t.first.status != http.StatusOK {
		return fmt.Errorf("%w: GET %s/controls gave %d; is this the address, and the token right?", ErrAway, t.report.URL, t.first.status)
	}
	l, err := parseListing(t.first.body)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrAway, err)
	}
	t.report.Gateway, t.report.Instance = redact.Outside(l.Gateway, 100), redact.Outside(l.Instance, 100)
	for _, c := range l.Controls {
		if _, twice := t.found[c.ID]; !twice {
			t.order = append(t.order, c.ID)
		}
		t.found[c.ID] = c
	}
	for _, id := range t.opts.Controls {
		if _, there := t.found[id]; !there {
			return fmt.Errorf("%w: there is no control %q%s", ErrAway, id, t.offer())
		}
	}
	return nil
}

// offer names a few controls that could be tried.
func (t *trial) offer() string {
	var free []string
	for _, id := range t.order {
		if c := t.found[id]; !c.engaged() && len(free) < 6 {
			free = append(free, redact.Outside(id, 80))
		}
	}
	if len(free) == 0 {
		return "; none is at its base"
	}
	return "; at their base are " + strings.Join(free, ", ")
}

// check is one thing to try. do gives nil, a skipped or what is wrong.
type check struct {
	name    string
	promise string
	do      func(context.Context, *trial, string) error
}

// skipped is a check that says nothing about the server.
type skipped string

func (s skipped) Error() string { return string(s) }

// try runs one check and, where it changes a control, takes back what is left of it.
func (t *trial) try(ctx context.Context, c check, id string) {
	t.log = nil
	err := t.ready(id)
	if err == nil {
		err = c.do(ctx, t, id)
	}
	done := Check{Name: c.name, Control: id, Promise: c.promise, Verdict: Pass, Exchanges: t.log}
	var skip skipped
	switch {
	case errors.As(err, &skip):
		done.Verdict, done.Why = Skip, t.hide(string(skip), maxText)
	case err != nil:
		done.Verdict, done.Why = Fail, t.hide(err.Error(), maxText)
	}
	if id != "" {
		if err := t.restore(ctx, id); err != nil && done.Verdict != Fail {
			done.Verdict, done.Why = Fail, "it could not be taken back: "+t.hide(err.Error(), maxText)
		}
	}
	t.note(done)
}

// ready refuses a control that somebody holds.
func (t *trial) ready(id string) error {
	if id == "" {
		return nil
	}
	if c := t.found[id]; c.engaged() || c.ExpiresAt != nil {
		return skipped(fmt.Sprintf("%s is set by %s (%s): it is left alone", id, orNobody(c.SetBy), c.Value))
	}
	return nil
}

func orNobody(s string) string {
	if s == "" {
		return "somebody"
	}
	return s
}

func (t *trial) note(c Check) { t.report.Checks = append(t.report.Checks, c) }

// leave makes sure that the control is as it was found.
func (t *trial) leave(ctx context.Context, id string) {
	t.log = nil
	c := Check{Name: "left as found", Control: id, Promise: "what was tried has left nothing behind", Verdict: Pass}
	if err := t.ready(id); err != nil {
		c.Verdict, c.Why = Skip, err.Error()
		t.note(c)
		return
	}
	// An interrupted test must not leave a lever out either.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 4*t.opts.Timeout+grace)
	defer cancel()
	err := t.restore(ctx, id)
	if err != nil {
		c.Verdict = Fail
		c.Why = t.hide(fmt.Sprintf("%v; take it back by hand: DELETE %s/controls/%s with If-Match, an Idempotency-Key and a reason", err, t.report.URL, id), maxText)
	}
	c.Exchanges = t.log
	t.note(c)
}

// judgeAnswers tells what was seen over all answers.
func (t *trial) judgeAnswers() {
	t.log = nil
	secret := Check{Name: "no secrets", Promise: "no answer holds the token", Verdict: Pass}
	switch {
	case len(t.token) < minSecret:
		secret.Verdict, secret.Why = Skip, "no token was sent"
	case len(t.leaks) > 0:
		secret.Verdict, secret.Why = Fail, fmt.Sprintf("the token was in the answer to %s", strings.Join(few(t.leaks), ", "))
	}
	t.note(secret)
	bound := Check{Name: "bounded answers", Promise: fmt.Sprintf("answers stay under %d MiB", maxBody>>20), Verdict: Pass}
	if len(t.fat) > 0 {
		bound.Verdict, bound.Why = Fail, fmt.Sprintf("the answer to %s is longer", strings.Join(few(t.fat), ", "))
	}
	t.note(bound)
}

func few(all []string) []string {
	if len(all) > 3 {
		return append(all[:3:3], fmt.Sprintf("%d more", len(all)-3))
	}
	return all
}

func newKey() string { return "conform-" + strings.ToLower(rand.Text()) }

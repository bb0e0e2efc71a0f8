package drill

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Limits of the control contract.
const (
	longestTTL   = 24 * time.Hour
	mostToggles  = 12 // changes of one control in toggleWindow; giving back is always allowed
	toggleWindow = time.Minute
	keptEvents   = 1000
	keptKeys     = 1000
	longestNote  = 300
)

// control is one control as the contract shows it.
type control struct {
	ID        string            `json:"id"`
	Kind      string            `json:"kind"`
	Scope     map[string]string `json:"scope"`
	Value     any               `json:"value"`
	Base      any               `json:"base"`
	Min       any               `json:"min,omitempty"`
	Max       any               `json:"max,omitempty"`
	Version   string            `json:"version"`
	SetBy     string            `json:"set_by"`
	Reason    string            `json:"reason"`
	Incident  string            `json:"incident"`
	ExpiresAt *time.Time        `json:"expires_at"`
	OnExcess  string            `json:"on_excess,omitempty"`
	OnExpiry  string            `json:"on_expiry"`
	Instances []controlInstance `json:"instances"`
}

type controlInstance struct {
	Name    string `json:"name"`
	Applied bool   `json:"applied"`
}

// controlEvent is one change of a control, whoever made it.
type controlEvent struct {
	Seq       int        `json:"seq"`
	At        time.Time  `json:"at"`
	ID        string     `json:"id"`
	Kind      string     `json:"kind"` // set, extended, reverted, expired
	Actor     string     `json:"actor"`
	Reason    string     `json:"reason"`
	Incident  string     `json:"incident"`
	Before    any        `json:"before"`
	After     any        `json:"after"`
	Version   string     `json:"version"`
	ExpiresAt *time.Time `json:"expires_at"`
}

// changeBody is what a client sends with a change.
type changeBody struct {
	Value    json.RawMessage `json:"value"`
	TTL      string          `json:"ttl"`
	OnExpiry string          `json:"on_expiry"`
	Reason   string          `json:"reason"`
	Actor    string          `json:"actor"`
	Incident string          `json:"incident"`
}

// change is one request to change a control.
type change struct {
	verb    string // set, extended, reverted: the kind of the event it makes
	id      string
	ifMatch string
	key     string // the Idempotency-Key
	print   uint64 // of the whole request, to see a key used twice
	dryRun  bool
	body    changeBody
}

// refused says why a change was not made.
type refused struct {
	status     int
	code       string
	message    string
	retryAfter time.Duration
	current    *control
}

// controls are one instance's controls. A deadline is a timer in the gateway:
// whoever set the value may die, the value ends all the same. Only a restart
// ends it earlier.
type controls struct {
	instance, token string

	mu      sync.Mutex
	epoch   string // before the counter in versions: a restart repeats none
	count   int
	order   []string
	byID    map[string]*entry
	events  []controlEvent
	seq     int
	keys    map[string]*keyed
	keyAge  []string
	stopped bool
}

type entry struct {
	lever
	control
	busy    string // the key of the change being made
	timer   *time.Timer
	toggles []time.Time
}

// keyed is what a key did; done is false while it is being done.
type keyed struct {
	print uint64
	done  bool
	reply control
}

func newControls(instance, token string, levers []lever) *controls {
	c := &controls{
		instance: instance, token: token, epoch: randomHex(3),
		byID: map[string]*entry{}, keys: map[string]*keyed{},
	}
	for _, l := range levers {
		c.order = append(c.order, l.id)
		c.byID[l.id] = &entry{lever: l, control: control{
			ID: l.id, Kind: l.kind, Scope: l.scope, Value: l.base, Base: l.base, Min: l.min, Max: l.max,
			OnExcess: l.onExcess, OnExpiry: "restore", Version: c.nextVersion(),
			Instances: []controlInstance{{Name: instance, Applied: true}},
		}}
	}
	return c
}

func (c *controls) nextVersion() string {
	c.count++
	return c.epoch + "-" + strconv.Itoa(c.count)
}

// all are copies of all controls, in order.
func (c *controls) all() []control {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := make([]control, 0, len(c.order))
	for _, id := range c.order {
		list = append(list, c.byID[id].control)
	}
	return list
}

// make makes one change, or says why not. The value acts before it returns.
func (c *controls) make(ch change) (control, *refused) {
	e, next, kept, no := c.begin(ch)
	if no != nil || kept {
		return next, no
	}
	if ch.verb != "extended" {
		e.act(next.Value) // outside the lock: a lever may wait for traffic
	}
	return c.finish(ch, e, next), nil
}

// begin checks a change and marks its control busy. With kept, next is the
// reply that the key got before.
func (c *controls) begin(ch change) (e *entry, next control, kept bool, no *refused) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if k := c.keys[ch.key]; k != nil && !ch.dryRun {
		switch {
		case k.print != ch.print:
			return nil, next, false, &refused{status: http.StatusUnprocessableEntity, code: "key_reused", message: "this Idempotency-Key belongs to another change; use a new one"}
		case !k.done:
			return nil, next, false, busy("this change is being made; ask again with the same key")
		}
		return nil, k.reply, true, nil
	}
	e = c.byID[ch.id]
	if e == nil {
		return nil, next, false, &refused{status: http.StatusNotFound, code: "no_such_control", message: fmt.Sprintf("no control %q; GET /controls lists them", bounded(ch.id, 80))}
	}
	next, no = e.next(ch, now)
	if no != nil || ch.dryRun {
		return e, next, false, no
	}
	e.busy = ch.key
	c.remember(ch)
	if ch.verb == "set" {
		e.toggles = append(e.toggles, now)
	}
	return e, next, false, nil
}

func busy(message string) *refused {
	return &refused{status: http.StatusConflict, code: "key_in_flight", message: message, retryAfter: time.Second}
}

func (c *controls) remember(ch change) {
	c.keys[ch.key] = &keyed{print: ch.print}
	c.keyAge = append(c.keyAge, ch.key)
	if len(c.keyAge) > keptKeys {
		delete(c.keys, c.keyAge[0])
		c.keyAge = c.keyAge[1:]
	}
}

// next is the control as the change would leave it.
func (e *entry) next(ch change, now time.Time) (control, *refused) {
	next := e.control
	if e.busy != "" {
		return next, busy("another change of this control is being made; read it again, then decide")
	}
	if ch.ifMatch != e.Version {
		current := e.control
		return next, &refused{status: http.StatusPreconditionFailed, code: "version_moved", message: "the control has changed since you read it; read it again, then decide", current: &current}
	}
	if ch.verb == "reverted" {
		next.Value, next.SetBy, next.Reason, next.Incident, next.ExpiresAt = e.Base, "", "", "", nil
		return next, nil
	}
	if ch.verb == "extended" && e.ExpiresAt == nil {
		return next, &refused{status: http.StatusUnprocessableEntity, code: "nothing_to_extend", message: "no value is set here; set one first"}
	}
	deadline, no := deadlineOf(ch.body, now)
	if no != nil {
		return next, no
	}
	next.ExpiresAt = &deadline
	if ch.verb == "extended" {
		return next, nil
	}
	return e.set(next, ch, now)
}

func (e *entry) set(next control, ch change, now time.Time) (control, *refused) {
	value, err := e.parse(ch.body.Value)
	if err != nil {
		code := "bad_value"
		if isBounds(err) {
			code = "out_of_bounds"
		}
		return next, &refused{status: http.StatusUnprocessableEntity, code: code, message: e.ID + ": " + err.Error()}
	}
	if ch.body.Actor == "" || ch.body.Reason == "" {
		return next, &refused{status: http.StatusUnprocessableEntity, code: "no_reason", message: "a change needs an actor and a reason"}
	}
	for len(e.toggles) > 0 && now.Sub(e.toggles[0]) > toggleWindow {
		e.toggles = e.toggles[1:]
	}
	if len(e.toggles) >= mostToggles && !ch.dryRun {
		return next, &refused{
			status: http.StatusTooManyRequests, code: "too_many_toggles",
			message:    fmt.Sprintf("%d changes in %v: let the last one show its effect", len(e.toggles), toggleWindow),
			retryAfter: toggleWindow - now.Sub(e.toggles[0]),
		}
	}
	next.Value = value
	next.SetBy, next.Reason, next.Incident = note(ch.body.Actor), note(ch.body.Reason), note(ch.body.Incident)
	return next, nil
}

func note(s string) string { return bounded(s, longestNote) }

func deadlineOf(b changeBody, now time.Time) (time.Time, *refused) {
	if b.TTL == "" {
		return now, &refused{status: http.StatusUnprocessableEntity, code: "no_deadline", message: `a change needs a ttl such as "15m"; after it the base value returns`}
	}
	ttl, err := time.ParseDuration(b.TTL)
	switch {
	case err != nil:
		return now, &refused{status: http.StatusUnprocessableEntity, code: "bad_value", message: "ttl: " + err.Error()}
	case ttl <= 0 || ttl > longestTTL:
		return now, &refused{status: http.StatusUnprocessableEntity, code: "out_of_bounds", message: fmt.Sprintf("ttl %v: must be above 0 and at most %v", ttl, longestTTL)}
	case b.OnExpiry != "" && b.OnExpiry != "restore":
		return now, &refused{status: http.StatusUnprocessableEntity, code: "bad_value", message: fmt.Sprintf("on_expiry %q: only \"restore\" is offered", bounded(b.OnExpiry, 40))}
	}
	return now.Add(ttl).UTC().Round(0), nil
}

// finish writes the change down and arms its deadline.
func (c *controls) finish(ch change, e *entry, next control) control {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := e.Value
	next.Version = c.nextVersion()
	e.control, e.busy = next, ""
	c.record(controlEvent{
		ID: e.ID, Kind: ch.verb, Actor: note(ch.body.Actor), Reason: note(ch.body.Reason),
		Incident: note(ch.body.Incident), Before: before, After: next.Value, Version: next.Version, ExpiresAt: next.ExpiresAt,
	})
	if k := c.keys[ch.key]; k != nil {
		k.done, k.reply = true, next
	}
	c.arm(e)
	return next
}

// arm sets the timer to the control's deadline. The caller holds the lock.
func (c *controls) arm(e *entry) {
	if e.timer != nil {
		e.timer.Stop()
		e.timer = nil
	}
	if e.ExpiresAt == nil || c.stopped {
		return
	}
	version := e.Version
	e.timer = time.AfterFunc(time.Until(*e.ExpiresAt), func() { c.expire(e, version) })
}

// expire gives a control its base value back, unless another change came
// first; one that is being made right now sets its own deadline.
func (c *controls) expire(e *entry, version string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped || e.Version != version || e.busy != "" {
		return
	}
	before, incident := e.Value, e.Incident
	e.act(e.Base)
	e.Value, e.SetBy, e.Reason, e.Incident, e.ExpiresAt, e.timer = e.Base, "", "", "", nil, nil
	e.Version = c.nextVersion()
	c.record(controlEvent{
		ID: e.ID, Kind: "expired", Actor: "gateway", Reason: "the deadline passed", Incident: incident,
		Before: before, After: e.Base, Version: e.Version,
	})
}

func (c *controls) record(ev controlEvent) {
	c.seq++
	ev.Seq, ev.At = c.seq, time.Now().UTC()
	c.events = append(c.events, ev)
	if len(c.events) > keptEvents {
		c.events = c.events[1:]
	}
}

// close stops all deadlines; the gateway they belong to is gone.
func (c *controls) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = true
	for _, e := range c.byID {
		if e.timer != nil {
			e.timer.Stop()
		}
	}
}

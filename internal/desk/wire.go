package desk

import (
	"context"
	"fmt"
	"sync"
	"time"

	"signalbox/internal/gateway"
)

// callTimeout bounds one conversation with a gateway that does not say how slow it may be: a lever that has not been answered
// by then is in doubt.
const callTimeout = 5 * time.Second

// wire is the desk's line to one gateway: one goroutine, so that a driver is asked one thing at a time
// and answers come back in the order of the questions. The desk owns it and waits for it.
type wire struct {
	spec   Gateway
	desc   gateway.Description
	jobs   chan job
	state  gateway.State // as last read; owned by the desk's goroutine
	knobs  []KnobView    // of state, or of the one before where that could not be read
	err    string        // why the last read failed altogether
	busy   bool          // a read is under way
	closed bool          // no more questions: the desk is leaving

	nextRead time.Time
	looks    []func() // who waits for a read that begins after now; see look
}

// job is one conversation. It runs on the wire's goroutine; what it returns runs on the desk's.
type job func(ctx context.Context, d gateway.Driver) func()

func newWire(spec Gateway) *wire {
	w := &wire{spec: spec, jobs: make(chan job, 64)}
	if spec.Driver != nil {
		w.desc = spec.Driver.Describe()
	}
	return w
}

// run answers jobs until the channel is closed. Jobs that were accepted are always done, so that a
// lever that was sent is never left without its answer in the record.
func (w *wire) run(results chan<- func(), wg *sync.WaitGroup, guard func(string)) {
	defer wg.Done()
	for j := range w.jobs {
		results <- w.do(j, guard)
	}
}

func (w *wire) do(j job, guard func(string)) (done func()) {
	limit := max(callTimeout, w.spec.Timeout)
	ctx, cancel := context.WithTimeoutCause(context.Background(), limit, fmt.Errorf("gateway %s did not answer within %s", w.spec.Name, limit))
	defer cancel()
	defer func() {
		if r := recover(); r != nil {
			text := fmt.Sprintf("driver of gateway %s broke: %v", w.spec.Name, r)
			done = func() { guard(text) }
		}
	}()
	return j(ctx, w.spec.Driver)
}

// ask queues a job; it refuses rather than block the desk when the gateway has stopped answering.
func (w *wire) ask(j job) error {
	if w.spec.Driver == nil {
		return &Refused{What: "a lever on gateway " + w.spec.Name, Why: w.spec.WhyNot, Try: "set levers: on for it in the configuration"}
	}
	if w.closed {
		return ErrStopped
	}
	select {
	case w.jobs <- j:
		return nil
	default:
		return &Refused{What: "a lever on gateway " + w.spec.Name, Why: "its queue of questions is full: it does not answer", Try: "look at the gateway itself"}
	}
}

// control finds a control by instance and the gateway's own name.
func (w *wire) control(instance, id string) (gateway.Control, bool) {
	for _, i := range w.state.Instances {
		if i.Name != instance || !i.Reachable {
			continue
		}
		for _, c := range i.Controls {
			if c.ID == id {
				return c, true
			}
		}
	}
	return gateway.Control{}, false
}

// trouble says in a sentence why the gateway cannot be read whole; empty: it can.
func (w *wire) trouble() string {
	if w.err != "" {
		return "gateway " + w.spec.Name + ": " + w.err
	}
	up, all := w.reachable()
	if up == all {
		return ""
	}
	text := fmt.Sprintf("gateway %s: %d of %d instances answer", w.spec.Name, up, all)
	for _, i := range w.state.Instances {
		if !i.Reachable && i.Err != "" {
			return text + ": " + i.Err
		}
	}
	return text
}

// reachable counts the instances that answered the last read.
func (w *wire) reachable() (up, all int) {
	for _, i := range w.state.Instances {
		if i.Reachable {
			up++
		}
	}
	return up, len(w.state.Instances)
}

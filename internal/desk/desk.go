// Package desk is the running state: one goroutine owns board, detector, incidents, walks and levers.
// Commands go in, immutable snapshots come out. The console, the plain lines, the command line and the
// drill's autopilot are all clients of it, with the same commands and the same snapshots.
package desk

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"signalbox/internal/board"
	"signalbox/internal/gateway"
	"signalbox/internal/incident"
	"signalbox/internal/traffic"
	"signalbox/runbook"
)

// Gateway is one gateway as the desk is told about it.
type Gateway struct {
	Name, Kind, Env string
	Driver          gateway.Driver // nil: no levers
	WhyNot          string         // why there are none
	Typed           bool           // every confirmation is typed
	LeastCap        int            // the least that an instance may be capped to; 0: what the gateway allows
	ReadOnly        bool
	Timeout         time.Duration // of one conversation, where it is longer than usual
}

// Journal is where facts are written before they are acted on. *incident.Journal is one.
type Journal interface {
	Append(ctx context.Context, d incident.Draft) (incident.Entry, error)
	Tail(after int64) ([]incident.Entry, error)
	Path() string
}

// Options configure a desk. Symbols, Journal and Now are required.
type Options struct {
	Symbols      *traffic.Symbols
	Journal      Journal
	Now          func() time.Time
	Gateways     []Gateway
	Books        []*runbook.Book
	Actor        string
	ReadOnly     bool
	Unjournaled  bool // levers may be thrown although the journal cannot be written
	Drill        bool
	Sensitivity  float64                      // false alarms a month; 0 is the detector's default
	Problems     []string                     // of runbook files and the like, shown as findings
	ExportDir    string                       // where Export writes when it is given no path
	Brief        bool                         // a desk for one command: it records what it does, not what it sees, and judges no lever but its own
	Incident     string                       // the open incident that what is done belongs to; empty: as the operator opens or resumes one
	Inventory    func(traffic.Scope) []string // deployments that a place is mapped to; nil: there is no inventory
	Probes       []ProbePoint
	Rehearse     Rehearser     // sends rehearsals; nil: nothing can
	RehearsalAge time.Duration // how old the rehearsal of a fallback may be; 0 is DefaultRehearsalAge
	Prometheus   Prometheus    // nil: promql in runbooks is unknown
	PromEvery    time.Duration // at least between asking it the same twice
	Normal       *NormalFile   // what is normal, over restarts; nil: it is learned anew each time
	Pulse        time.Duration
}

// defaultPulse is the least time between two snapshots.
const defaultPulse = 100 * time.Millisecond

// Desk is the running state. Its methods may be called from any goroutine; everything else is owned by Run.
type Desk struct {
	o     Options
	syms  *traffic.Symbols
	now   func() time.Time
	actor string

	intake  chan delivery
	asks    chan ask
	results chan func()
	stopped chan struct{}
	away    sync.WaitGroup // probes and questions under way: the desk waits for them
	shot    atomic.Pointer[Snapshot]
	records atomic.Pointer[board.Records]
	subs    subscribers

	// Below: owned by the goroutine of Run.
	id         string // of this console, in the journal
	leave      func() // what ends our saying that we run
	sig        *signals
	wires      map[string]*wire
	order      []string
	plans      map[string]*shown
	levers     []*lever
	bursts     []*burstState
	raised     map[string]bool // bursts that were found since the start and not taken back, notes left out
	moving     []*findingState
	runs       []*run
	points     []*probePoint
	rehearsing bool                 // one is under way
	rehearsals map[string]rehearsal // by the model whose fallback it is
	proms      map[promAsked]*promAnswer
	promBusy   int             // questions to Prometheus on their way
	life       context.Context // of Run: it ends what is on its way to an endpoint
	current    string          // id of the current run
	record     ledger
	normal     keeping
	sources    map[string]*sourceState
	laid       laid
	refusal    string // why no lever may be thrown at all
	warnings   map[string]string
	dirty      bool
	pulsed     time.Time
	ticked     time.Time
}

type delivery struct {
	batch traffic.Batch
	done  chan struct{}
}

type ask struct {
	ctx   context.Context
	cmd   Command
	reply chan answer
}

type answer struct {
	result Result
	err    error
}

// ErrStopped is the answer to everything that comes after Run has returned.
var ErrStopped = errors.New("the desk has stopped")

// New makes a desk and folds what the journal holds: levers that an earlier console left out, and what it left open.
func New(o Options) (*Desk, error) {
	if o.Symbols == nil || o.Journal == nil || o.Now == nil {
		return nil, errors.New("desk: Symbols, Journal and Now are required")
	}
	if o.Pulse <= 0 {
		o.Pulse = defaultPulse
	}
	d := &Desk{
		o: o, leave: func() {}, syms: o.Symbols, now: o.Now, actor: o.Actor,
		intake: make(chan delivery), asks: make(chan ask), results: make(chan func(), 64), stopped: make(chan struct{}),
		sig:   newSignals(o.Symbols, o.Sensitivity, o.Now()),
		wires: map[string]*wire{}, plans: map[string]*shown{}, sources: map[string]*sourceState{},
	}
	for _, g := range o.Gateways {
		if _, twice := d.wires[g.Name]; twice {
			return nil, fmt.Errorf("desk: two gateways are named %q", g.Name)
		}
		d.wires[g.Name] = newWire(g)
		d.order = append(d.order, g.Name)
	}
	if o.ReadOnly {
		d.refusal = "this console is read-only"
	}
	for _, p := range o.Probes {
		d.points = append(d.points, &probePoint{ProbePoint: p})
	}
	for i, text := range o.Problems {
		d.finding(fmt.Sprintf("problem %d", i+1), text)
	}
	d.recall()
	d.appear()
	d.resume()
	if o.Incident != "" {
		d.record.open, d.record.sampled = o.Incident, o.Now()
	}
	d.publish()
	return d, nil
}

// Run is the desk's life. It returns when ctx ends, after every conversation with a gateway has got its
// answer and that answer is in the journal.
func (d *Desk) Run(ctx context.Context) error {
	defer close(d.stopped)
	d.life = ctx
	var wg sync.WaitGroup
	for _, name := range d.order {
		wg.Add(1)
		go d.wires[name].run(d.results, &wg, d.broke)
	}
	d.writeStarted()
	for _, name := range d.order {
		d.readBack(d.wires[name])
	}
	tick := time.NewTicker(d.o.Pulse)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			d.shutdown(&wg)
			return nil
		case in := <-d.intake:
			d.take(in.batch)
			close(in.done)
		case a := <-d.asks:
			d.handle(a)
		case f := <-d.results:
			f()
			d.dirty = true
		case <-tick.C:
			d.tick()
		}
	}
}

// shutdown waits for conversations that are under way and writes their answers.
func (d *Desk) shutdown(wg *sync.WaitGroup) {
	for _, name := range d.order {
		d.wires[name].closed = true
		close(d.wires[name].jobs)
	}
	done := make(chan struct{})
	go func() { wg.Wait(); d.away.Wait(); close(done) }()
	for {
		select {
		case f := <-d.results:
			f()
			continue
		case <-done:
		}
		break
	}
	for len(d.results) > 0 {
		(<-d.results)()
	}
	d.leaveNormal()
	d.writeStopped()
	d.publish()
	d.leave()
}

// Emit delivers a batch and returns once it is applied: sources block, they never drop.
func (d *Desk) Emit(ctx context.Context, b traffic.Batch) error {
	in := delivery{batch: b, done: make(chan struct{})}
	select {
	case d.intake <- in:
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-d.stopped:
		return ErrStopped
	}
	<-in.done // the desk has it: it always finishes what it took
	return nil
}

// Do carries out one command. It returns when the desk, and where asked the gateway, has answered.
func (d *Desk) Do(ctx context.Context, c Command) (Result, error) {
	a := ask{ctx: ctx, cmd: c, reply: make(chan answer, 1)}
	select {
	case d.asks <- a:
	case <-ctx.Done():
		return Result{}, context.Cause(ctx)
	case <-d.stopped:
		return Result{}, ErrStopped
	}
	select {
	case r := <-a.reply:
		return r.result, r.err
	case <-ctx.Done():
		return Result{}, context.Cause(ctx)
	case <-d.stopped:
		select {
		case r := <-a.reply:
			return r.result, r.err
		default:
			return Result{}, ErrStopped
		}
	}
}

// Snapshot gives the newest snapshot; it is never nil.
func (d *Desk) Snapshot() *Snapshot { return d.shot.Load() }

// tick moves time: the watermark, the detector, levers, waits of runs, and the snapshot.
func (d *Desk) tick() {
	now := d.now()
	d.advance(now)
	if now.Sub(d.ticked) >= time.Second || now.Before(d.ticked) {
		d.ticked = now
		d.tickLevers()
		d.tickRuns()
		d.follow()
		d.sample(now)
		d.keepNormal(now)
		d.dirty = true
	}
	d.sig.board.Tighten(tightenBlocks)
	if d.dirty {
		d.publish()
	}
}

// tightenBlocks bounds what one tick spends on packing old text tighter: about two milliseconds.
const tightenBlocks = 4

func (d *Desk) broke(text string) { d.finding("gateway", text) }

func (d *Desk) newID(kind string) string { return incident.NewID(kind, d.now(), nil) }

// Client is one client's side of the desk: its own notice of changes.
type Client struct {
	*Desk
	changed chan struct{}
}

// subscribers tells clients that there is a new snapshot. A client that has not looked yet is not told
// twice: notices coalesce, snapshots are never queued.
type subscribers struct {
	mu  sync.Mutex
	all map[*Client]struct{}
}

// Connect gives a client of the desk. Close it when it is done.
func (d *Desk) Connect() *Client {
	c := &Client{Desk: d, changed: make(chan struct{}, 1)}
	d.subs.mu.Lock()
	defer d.subs.mu.Unlock()
	if d.subs.all == nil {
		d.subs.all = map[*Client]struct{}{}
	}
	d.subs.all[c] = struct{}{}
	return c
}

// Changed tells that a newer snapshot is there.
func (c *Client) Changed() <-chan struct{} { return c.changed }

// Close ends the notices.
func (c *Client) Close() {
	c.subs.mu.Lock()
	defer c.subs.mu.Unlock()
	delete(c.subs.all, c)
}

func (s *subscribers) notify() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.all {
		select {
		case c.changed <- struct{}{}:
		default:
		}
	}
}

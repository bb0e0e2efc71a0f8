package cli_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"signalbox/internal/desk"
	"signalbox/internal/gateway"
	"signalbox/internal/gateway/contract"
	"signalbox/internal/incident"
	"signalbox/internal/traffic"
)

// process is a console as the system sees it: it can be killed at any moment, after which it neither writes nor sends.
type process struct {
	who    string
	desk   *desk.Desk
	disk   *incident.Journal
	dead   atomic.Bool
	fuse   atomic.Int64 // how many more steps (entries, changes sent, answers) it lives; 0: as long as it likes
	done   chan error
	cancel func()
	key    traffic.Key // of its traffic
}

// burnt counts one step of the protocol, and tells whether the process has died of it.
func (p *process) burnt() bool {
	if p.fuse.Load() > 0 && p.fuse.Add(-1) == 0 {
		p.kill()
	}
	return p.dead.Load()
}

// kill is kill -9: the system closes its files and lets go of its locks.
func (p *process) kill() {
	if !p.dead.Swap(true) {
		_ = p.disk.Close()
	}
}

// mortal is the journal of a process that may die before or after a line is on disk.
type mortal struct {
	*incident.Journal
	p *process
}

func (m mortal) Append(ctx context.Context, d incident.Draft) (incident.Entry, error) {
	if m.p.burnt() {
		return incident.Entry{}, errors.New("the process is dead")
	}
	e, err := m.Journal.Append(ctx, d)
	if m.p.burnt() {
		return incident.Entry{}, errors.New("the process is dead")
	}
	return e, err
}

func (m mortal) Tail(after int64) ([]incident.Entry, error) {
	if m.p.dead.Load() {
		return nil, nil
	}
	return m.Journal.Tail(after)
}

// saga is a world with two consoles on one state folder.
type saga struct {
	dir   string
	world *world
	bare  bool // the gateway holds no deadlines
	seats [2]*process
	past  []*process
	n     int
	wrong []string
	load  load

	obeyed int    // how often the record calls a lever obeyed
	hush   func() // ends the traffic
}

// load is the traffic of the world as the consoles hear of it. demand is what would run if nothing held it back.
type load struct {
	mu      sync.Mutex
	demand  int
	ignores bool // what is set and reported holds nothing back
	dips    bool // every third second there is little of it
	seats   [2]*process
	seen    []sample
}

// sample is what ran in a second.
type sample struct {
	at      time.Time
	running int
}

// flow tells both consoles each second what runs, until ctx ends. It speaks between the consoles' own seconds: of a
// sample and a verdict of one instant, nobody could say whether the one knew of the other.
func (s *saga) flow(ctx context.Context) {
	select {
	case <-time.After(offBeat):
	case <-ctx.Done():
	}
	for tick := 0; ctx.Err() == nil; tick++ {
		values, _ := s.world.values()
		most := 0
		for _, v := range values {
			most += v
		}
		s.load.mu.Lock()
		running, seats := s.load.demand, s.load.seats
		if s.load.dips && tick%3 == 0 {
			running /= 4
		}
		if !s.load.ignores {
			running = min(running, most)
		}
		told := s.load.demand > 0
		if told {
			s.load.seen = append(s.load.seen, sample{time.Now(), running})
		}
		s.load.mu.Unlock()
		for _, p := range seats {
			if p != nil && told {
				_ = p.desk.Emit(ctx, traffic.Batch{Source: "page", Kind: traffic.ScrapeSource, Gauges: []traffic.Gauge{
					{Key: p.key, Name: traffic.Inflight, Value: float64(running), At: time.Now()},
				}}) // one that has ended takes nothing more
			}
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
		}
	}
}

// sits says who hears of the traffic in a seat.
func (s *saga) sits(seat int, p *process) {
	s.load.mu.Lock()
	defer s.load.mu.Unlock()
	s.load.seats[seat] = p
}

// traffic changes the load.
func (s *saga) traffic(demand int, ignores, dips bool) {
	s.load.mu.Lock()
	defer s.load.mu.Unlock()
	s.load.demand, s.load.ignores, s.load.dips = demand, ignores, dips
}

// offBeat is how long after a console's second the traffic of the story is told.
const offBeat = time.Second / 2

// shows tells whether the traffic before a moment shows that a cap of both instances together holds: what ran in the four
// seconds up to the last that was told.
func (s *saga) shows(at time.Time, limit int) error {
	s.load.mu.Lock()
	defer s.load.mu.Unlock()
	n, most := 0, 0
	for _, x := range s.load.seen {
		if x.at.After(at) || at.Sub(x.at) > 4*time.Second+offBeat {
			continue
		}
		n, most = n+1, max(most, x.running)
	}
	switch {
	case n == 0:
		return errors.New("there is no traffic")
	case most > limit:
		return fmt.Errorf("%d ran under a cap of %d", most, limit)
	case 2*most < limit:
		return fmt.Errorf("no more than %d ran, far under the cap of %d", most, limit)
	}
	return nil
}

func (s *saga) fail(format string, args ...any) {
	s.wrong = append(s.wrong, fmt.Sprintf(format, args...))
}

// start opens a console in a seat.
func (s *saga) start(seat int) {
	p := &process{who: []string{"ana", "ben"}[seat], done: make(chan error, 1)}
	disk, err := incident.Open(s.dir, incident.Options{})
	if err != nil {
		s.fail("opening the journal: %v", err)
		return
	}
	p.disk = disk
	var drv gateway.Driver = bare{s.world, p}
	if !s.bare {
		drv = contract.New(contract.Options{
			Gateway: "edge", Timeout: 2 * time.Second, Client: &http.Client{Transport: wire{s.world, p}},
			Instances: []contract.Instance{{Name: "a", URL: "http://a"}, {Name: "b", URL: "http://b"}},
		})
	}
	syms := traffic.NewSymbols(0)
	p.key = traffic.Key{}.With(traffic.Gateway, syms.Intern("edge")).With(traffic.Deployment, syms.Intern("az-eu")).With(traffic.Side, syms.Intern(traffic.SideUpstream))
	p.desk, err = desk.New(desk.Options{
		Symbols: syms, Journal: mortal{disk, p}, Now: time.Now, Actor: p.who, ExportDir: s.dir, Pulse: time.Second,
		Gateways: []desk.Gateway{{Name: "edge", Kind: "contract", Env: "staging", Driver: drv}},
	})
	if err != nil {
		s.fail("starting a console: %v", err)
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	go func() { p.done <- p.desk.Run(ctx) }()
	s.seats[seat] = p
	s.sits(seat, p)
}

// leave ends a console, by its own will or by kill -9.
func (s *saga) leave(seat int, killed bool) {
	p := s.seats[seat]
	if p == nil {
		return
	}
	if killed {
		p.kill()
	}
	s.past = append(s.past, p)
	s.seats[seat] = nil
	s.sits(seat, nil)
	p.cancel()
	if killed {
		return
	}
	if err := <-p.done; err != nil {
		s.fail("a console ended with %v", err)
	}
	p.done <- nil
	p.kill()
}

// bury takes those that have died from their seats.
func (s *saga) bury() {
	for i, p := range s.seats {
		if p != nil && p.dead.Load() {
			s.leave(i, true)
		}
	}
}

func (s *saga) do(seat int, c desk.Command) (desk.Result, error) {
	p := s.seats[seat]
	if p == nil {
		return desk.Result{}, errors.New("nobody sits there")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return p.desk.Do(ctx, c)
}

// move is one thing that happens.
type move struct {
	Do    string
	Seat  int
	N     int
	Fault string
	For   time.Duration
}

func (m move) String() string {
	return fmt.Sprintf("%s %d %d %q %s", m.Do, m.Seat, m.N, m.Fault, m.For)
}

var anyMove = rapid.Custom(func(t *rapid.T) move {
	return move{
		Do: rapid.SampledFrom([]string{
			"throw", "throw", "throw", "throw twice", "revert", "revert", "extend", "stranger", "kill", "fuse", "fuse", "leave", "start", "fault", "fault", "down", "up", "wait", "wait", "traffic", "traffic",
		}).Draw(t, "do"),
		Seat: rapid.IntRange(0, 1).Draw(t, "seat"), N: rapid.IntRange(0, 11).Draw(t, "n"),
		Fault: rapid.SampledFrom(worldFaults).Draw(t, "fault"),
		For:   time.Duration(rapid.IntRange(0, 25).Draw(t, "seconds")) * time.Second,
	}
})

// throw plans and throws a cap.
func (s *saga) throw(seat, value int) {
	s.n++
	r, err := s.do(seat, desk.PlanLever{
		Verb: "cap.set", Scope: traffic.Scope{"deployment": "az-eu"}, Value: json.RawMessage(fmt.Sprint(value)), TTL: worldTTL, Reason: fmt.Sprintf("move %d", s.n),
	})
	if err == nil && r.Plan != nil {
		_, _ = s.do(seat, desk.Throw{Plan: r.Plan.ID, Typed: r.Plan.Phrase}) // a refusal is an answer too
	}
}

// outIn gives a lever that a console shows as out.
func (s *saga) outIn(seat int) string {
	if p := s.seats[seat]; p != nil {
		for _, l := range p.desk.Snapshot().Levers {
			if l.Out {
				return l.ID
			}
		}
	}
	return ""
}

func (s *saga) step(m move) {
	value := 1 + m.N%6
	switch m.Do {
	case "throw":
		s.throw(m.Seat, value)
	case "throw twice":
		both := make(chan struct{})
		go func() {
			s.throwOnly(1-m.Seat, value+1)
			close(both)
		}()
		s.throw(m.Seat, value)
		<-both
	case "revert":
		_, _ = s.do(m.Seat, desk.Revert{Lever: s.outIn(m.Seat), Reason: "enough"})
	case "extend":
		_, _ = s.do(m.Seat, desk.Extend{Lever: s.outIn(m.Seat), TTL: worldTTL, Reason: "more"})
	case "stranger":
		s.world.stranger(m.N%2, value)
	case "kill":
		s.leave(m.Seat, true)
	case "leave":
		s.leave(m.Seat, false)
	case "fuse":
		if p := s.seats[m.Seat]; p != nil {
			p.fuse.Store(int64(m.N + 1))
			s.throw(m.Seat, value)
		}
	case "traffic":
		s.traffic(m.N*3, m.Seat == 1, m.N%4 == 3)
	case "start":
		if s.seats[m.Seat] == nil {
			s.start(m.Seat)
		}
	case "fault":
		s.world.setFault(m.N%2, m.Fault, false)
	case "down", "up":
		s.world.setFault(m.N%2, "", m.Do == "down")
	}
	time.Sleep(m.For)
	s.bury()
	synctest.Wait()
	s.bury()
}

// throwOnly is throw for a second goroutine.
func (s *saga) throwOnly(seat, value int) {
	r, err := s.do(seat, desk.PlanLever{Verb: "cap.set", Scope: traffic.Scope{"deployment": "az-eu"}, Value: json.RawMessage(fmt.Sprint(value)), TTL: worldTTL, Reason: "at once"})
	if err == nil && r.Plan != nil {
		_, _ = s.do(seat, desk.Throw{Plan: r.Plan.ID, Typed: r.Plan.Phrase})
	}
}

// settle lets everything come to rest with the network in order and somebody at a console: where one dies of what it still
// had to send, from then on.
func (s *saga) settle(d time.Duration) {
	s.world.calm()
	for {
		s.bury()
		if s.seats[0] == nil {
			s.start(0)
		}
		time.Sleep(d)
		synctest.Wait()
		if !slices.ContainsFunc(s.seats[:], func(p *process) bool { return p != nil && p.dead.Load() }) {
			return
		}
	}
}

// showsTruth holds what each console shows against what is. A lever that ends just then is given a moment.
func (s *saga) showsTruth(when string) {
	before := len(s.wrong)
	for range 5 {
		s.wrong = s.wrong[:before]
		if s.compare(when); len(s.wrong) == before {
			return
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
	}
}

// capOf is the value that a lever sets on each instance.
func capOf(l desk.LeverView) int {
	n := 0
	_, _ = fmt.Sscan(l.Title[strings.LastIndexByte(l.Title, ' ')+1:], &n)
	return n
}

// overSince tells whether all that ran lately was over a cap.
func (s *saga) overSince(limit int) bool {
	s.load.mu.Lock()
	defer s.load.mu.Unlock()
	last := s.load.seen[max(0, len(s.load.seen)-4):]
	return len(last) == 4 && time.Since(last[3].at) < 2*time.Second && !slices.ContainsFunc(last, func(x sample) bool { return x.running <= limit })
}

func (s *saga) compare(when string) {
	values, by := s.world.values()
	for _, p := range s.seats {
		if p == nil || p.dead.Load() {
			continue
		}
		snap := p.desk.Snapshot()
		var out []desk.LeverView
		for _, l := range snap.Levers {
			if l.Out {
				out = append(out, l)
			}
			if l.State == desk.LeverRequested || l.State == desk.LeverReverting {
				s.fail("%s: %s still shows %s as %s (%s)", when, p.who, l.ID, l.State, l.Err)
			}
			if l.Obeyed == desk.Yes && l.Out && s.overSince(2*capOf(l)) {
				s.fail("%s: %s shows %s as obeyed (%s), and the traffic does not keep to it", when, p.who, l.ID, l.ObeyedWhy)
			}
			if l.Out && l.State == desk.LeverActive && l.Reported == desk.Yes && l.Drift == "" && (l.Change != fmt.Sprintf("8 -> %d", values[0]) && !strings.HasSuffix(l.Change, fmt.Sprintf("-> %d", values[0])) || values[0] != values[1]) {
				s.fail("%s: %s shows %s %q as in force, and it is %v", when, p.who, l.ID, l.Change, values)
			}
		}
		for i, v := range values {
			if v != worldBase && by[i] != faultStranger && len(out) == 0 && !s.world.givenBack(i) {
				s.fail("%s: instance %d has %d set by %s, and %s shows no lever out", when, i, v, by[i], p.who)
			}
		}
	}
}

// end checks what must hold of the whole story.
func (s *saga) end() {
	s.settle(30 * time.Second)
	s.showsTruth("after the storm")
	s.settle(3 * worldTTL)
	s.showsTruth("past every deadline")
	values, by := s.world.values()
	for i, v := range values {
		if v != worldBase && by[i] != faultStranger && !s.world.givenBack(i) {
			s.fail("instance %d still has %d set by %s past every deadline", i, v, by[i])
		}
	}
	s.hush()
	for seat := range s.seats {
		s.leave(seat, false)
	}
	for _, p := range s.past {
		if err := <-p.done; err != nil {
			s.fail("a console ended with %v", err)
		}
	}
	s.world.late.Wait()
	s.judgeRecord()
}

// judgeRecord holds the journal against what was really done.
func (s *saga) judgeRecord() {
	path := filepath.Join(s.dir, incident.FileName)
	if rep, err := incident.Verify(path); err != nil || !rep.OK() {
		s.fail("the journal: %v %v", rep.Bad, err)
	}
	entries, err := incident.ReadAll(path)
	if err != nil {
		s.fail("reading the journal: %v", err)
	}
	s.judgeObeyed(entries)
	keys := map[string]time.Time{} // idempotency keys of requests, and when they were on disk
	plans := map[string]gateway.Plan{}
	for _, e := range entries {
		var d incident.LeverData
		if e.Kind != incident.LeverRequested || e.Decode(&d) != nil {
			continue
		}
		var p gateway.Plan
		if json.Unmarshal(d.Plan, &p) != nil || p.Intact() != nil {
			s.fail("lever %s cannot be reverted from the journal alone: its plan is not whole", d.ID)
		}
		keys[d.IdemKey], plans[d.IdemKey] = e.RecordedAt, p
	}
	times := map[string]int{}
	for _, f := range s.world.effects {
		if f.by == faultStranger || f.kind != "set" {
			continue
		}
		key := leverKey(keys, f.key)
		at, known := keys[key]
		switch {
		case !known && !isUndo(entries, f):
			s.fail("a change of %s from %d to %d is not in the journal (key %s)", f.inst, f.was, f.is, f.key)
		case known && at.After(f.at):
			s.fail("a change of %s was on disk only after it was made", f.inst)
		case known:
			times[key+f.inst]++
			if times[key+f.inst] > 1 {
				s.fail("a change of %s to %d was made twice", f.inst, f.is)
			}
			if f.wasBy == faultStranger && !saw(plans[key], f.inst, f.was) {
				s.fail("what somebody else had set on %s (%d) was overwritten by %d unseen", f.inst, f.was, f.is)
			}
		}
	}
	for _, i := range incident.Fold(entries) {
		for _, l := range i.Live() {
			s.fail("the record ends with %s %s, a lever that may be out", l.ID, l.State)
		}
	}
	if len(s.wrong) > 0 {
		s.told(entries)
	}
}

// judgeObeyed holds what the record calls obeyed against the traffic of that moment.
func (s *saga) judgeObeyed(entries []incident.Entry) {
	for _, e := range entries {
		var d incident.LeverData
		if e.Kind != incident.LeverObeyed || e.Decode(&d) != nil || d.Obeyed != desk.Yes {
			continue
		}
		l, ok := incident.FindLever(entries, d.ID)
		var p gateway.Plan
		limit := 0
		if !ok || json.Unmarshal(l.Plan, &p) != nil || json.Unmarshal(p.Change.Value, &limit) != nil {
			s.fail("lever %s is recorded as obeyed, and its plan is not", d.ID)
			continue
		}
		s.obeyed++
		if err := s.shows(e.RecordedAt, limit*len(p.Instances)); err != nil {
			s.fail("lever %s was shown as obeyed at %s (%s): %v", d.ID, e.RecordedAt.Format(time.TimeOnly), d.Why, err)
		}
	}
}

// told adds the story to what was wrong: what the journal has of levers, and what was really done.
func (s *saga) told(entries []incident.Entry) {
	for _, e := range entries {
		var d incident.LeverData
		if e.Kind.Noun() == "lever" && e.Decode(&d) == nil && e.Kind != incident.LeverPlanned {
			s.wrong = append(s.wrong, fmt.Sprintf("  %s %-22s %s by %s %s->%s %s %s", e.RecordedAt.Format("15:04:05.0"), e.Kind, d.ID[len(d.ID)-4:], d.Owner[max(0, len(d.Owner)-4):], d.Before, d.After, d.Why, d.Err))
		}
	}
	for _, f := range s.world.effects {
		s.wrong = append(s.wrong, fmt.Sprintf("  %s really: %s %s %d -> %d by %q", f.at.UTC().Format("15:04:05.0"), f.kind, f.inst, f.was, f.is, f.by))
	}
}

// leverKey finds the request that a wire's key was made of: the driver adds instance and control.
func leverKey(keys map[string]time.Time, wire string) string {
	for k := range keys {
		if wire == k || strings.HasPrefix(wire, k+".") {
			return k
		}
	}
	return ""
}

// isUndo tells whether a change gives back what a lever had found: an undo may set a value too, somebody's cap.
func isUndo(entries []incident.Entry, f effect) bool {
	return slices.ContainsFunc(entries, func(e incident.Entry) bool {
		return e.Kind == incident.LeverRevertRequested && !e.RecordedAt.After(f.at)
	})
}

func saw(p gateway.Plan, inst string, value int) bool {
	return slices.ContainsFunc(p.Instances, func(i gateway.InstancePlan) bool {
		return i.Name == inst && gateway.Same(i.Before, asValue(value))
	})
}

// newSaga is a world with a console in each seat, and with traffic that may come.
func newSaga(t *testing.T, dir string, bare bool) *saga {
	t.Helper()
	s := &saga{dir: dir, world: newWorld(), bare: bare}
	s.start(0)
	s.start(1)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { s.flow(ctx) })
	s.hush = func() { cancel(); wg.Wait() }
	time.Sleep(2 * time.Second)
	return s
}

// play runs a story in a bubble of its own time and gives what was wrong.
func play(t *testing.T, bare bool, moves []move) (wrong []string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "sb-saga")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	synctest.Test(t, func(t *testing.T) {
		s := newSaga(t, dir, bare)
		for _, m := range moves {
			s.step(m)
		}
		s.end()
		wrong = s.wrong
	})
	return wrong
}

// tell is play for one story with what happens in words of Go.
func tell(t *testing.T, bare bool, story func(*saga)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := newSaga(t, dir, bare)
		story(s)
		s.end()
		if len(s.wrong) > 0 {
			t.Errorf("%s", strings.Join(s.wrong, "\n"))
		}
	})
}

func (s *saga) wait(d time.Duration) {
	time.Sleep(d)
	s.bury()
	synctest.Wait()
}

// What the stories of chance have found once, each by its name.
func TestProtocolCases(t *testing.T) {
	all := func(s *saga, fault string) {
		s.world.setFault(0, fault, false)
		s.world.setFault(1, fault, false)
	}
	for name, c := range map[string]struct {
		bare  bool
		story func(*saga)
	}{
		"an undo that is accepted and ignored": {true, func(s *saga) {
			s.throw(0, 3)
			s.wait(3 * time.Second)
			all(s, faultIgnored)
			_, _ = s.do(0, desk.Revert{Lever: s.outIn(0), Reason: "enough"})
			s.wait(6 * time.Second)
			if s.outIn(0) == "" || s.outIn(1) == "" {
				s.fail("the lever is still in force, and a console shows none out")
			}
		}},
		"a change that takes effect after its answer was lost": {false, func(s *saga) {
			all(s, faultLate)
			s.throw(0, 3)
			s.wait(20 * time.Second)
			if s.outIn(0) == "" {
				s.fail("the lever took effect late, and is not shown")
			}
		}},
		"the undo of a lever whose console died before the answer": {false, func(s *saga) {
			all(s, faultLost)
			s.throw(1, 3)
			s.leave(1, true)
			s.wait(5 * time.Second)
			_, _ = s.do(0, desk.Revert{Lever: s.outIn(0), Reason: "enough"})
			s.wait(5 * time.Second)
			if values, _ := s.world.values(); values[0] != worldBase || values[1] != worldBase {
				s.fail("it was not taken back: %v", values)
			}
		}},
		"a gateway that does not end the lever": {false, func(s *saga) {
			all(s, faultEndless)
			s.throw(0, 3)
		}},
		"a stranger's value, given back for a gateway that ends nothing": {false, func(s *saga) {
			s.world.stranger(0, 3)
			all(s, faultEndless)
			s.throw(0, 2)
			s.wait(worldTTL)
		}},
		"a stranger's value, given back when the gateway has come to end nothing": {false, func(s *saga) {
			s.world.stranger(0, 5)
			s.throw(0, 4)
			s.wait(3 * time.Second)
			all(s, faultEndless)
			_, _ = s.do(0, desk.Revert{Lever: s.outIn(0), Reason: "enough"})
			s.wait(3 * time.Second)
			if values, _ := s.world.values(); values[0] != 5 || values[1] != worldBase {
				s.fail("it is not as it was before: %v", values)
			}
		}},
		"somebody sets the value that we had set": {false, func(s *saga) {
			s.throw(0, 3)
			s.wait(3 * time.Second)
			s.world.stranger(0, 3)
		}},
		"an instance was away when the lever was planned": {false, func(s *saga) {
			s.world.setFault(0, "", true)
			s.throw(0, 3)
			s.wait(3 * time.Second)
			s.world.calm()
			s.wait(6 * time.Second)
			for _, l := range s.seats[1].desk.Snapshot().Levers {
				if l.State != desk.LeverPartial {
					s.fail("one instance does not have it, and it is shown as %s", l.State)
				}
			}
		}},
		"a cap that the traffic keeps to": {false, func(s *saga) {
			s.traffic(30, false, false)
			s.throw(0, 3)
			s.wait(20 * time.Second)
			for _, p := range s.seats {
				for _, l := range p.desk.Snapshot().Levers {
					if l.Obeyed != desk.Yes {
						s.fail("%s shows it as obeyed %s: %s", p.who, l.Obeyed, l.ObeyedWhy)
					}
				}
			}
		}},
		"a cap that is reported and ignored": {true, func(s *saga) {
			s.traffic(30, true, false)
			s.throw(0, 3)
			s.wait(30 * time.Second)
			s.traffic(30, true, true) // now and then it is under the cap
			s.wait(35 * time.Second)
		}},
		"a cap, and the traffic ends": {false, func(s *saga) {
			s.traffic(30, true, false)
			s.throw(0, 3)
			s.traffic(0, true, false)
			s.wait(20 * time.Second)
		}},
		"both consoles throw at once": {true, func(s *saga) {
			s.step(move{Do: "throw twice", N: 2, For: 5 * time.Second})
		}},
	} {
		t.Run(name, func(t *testing.T) { tell(t, c.bare, c.story) })
	}
}

// TestKilledAtEveryStep kills a console before and after each line of the journal and each change that it sends, while it
// throws a lever and while it takes one back. The other console, and one that starts later, show what is.
func TestKilledAtEveryStep(t *testing.T) {
	for name, bare := range map[string]bool{"the gateway holds the deadline": false, "the console holds it": true} {
		t.Run(name, func(t *testing.T) {
			for n := int64(1); n <= 14; n++ {
				tell(t, bare, func(s *saga) {
					s.seats[1].fuse.Store(n)
					s.throw(1, 3)
					s.wait(5 * time.Second)
				})
				tell(t, bare, func(s *saga) {
					s.throw(1, 3)
					s.wait(3 * time.Second)
					s.seats[1].fuse.Store(n)
					_, _ = s.do(1, desk.Revert{Lever: s.outIn(1), Reason: "enough"})
					s.wait(5 * time.Second)
					s.leave(0, true) // nobody is left until one starts again
				})
			}
		})
	}
}

// TestProtocolHoldsWhateverHappens lets operators at two consoles, faults of the gateway and crashes drive the protocol of
// a change. SIGNALBOX_SAGAS says how many stories of each kind; each ends in a known and shown state.
func TestProtocolHoldsWhateverHappens(t *testing.T) {
	if err := flag.Set("rapid.checks", cmp.Or(os.Getenv("SIGNALBOX_SAGAS"), "25")); err != nil {
		t.Fatal(err)
	}
	for name, bare := range map[string]bool{"the gateway holds the deadline": false, "the console holds it": true} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				moves := rapid.SliceOfN(anyMove, 3, 14).Draw(rt, "moves")
				if wrong := play(t, bare, moves); len(wrong) > 0 {
					rt.Fatalf("%s", strings.Join(wrong, "\n"))
				}
			})
		})
	}
}

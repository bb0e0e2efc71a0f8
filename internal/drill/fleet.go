package drill

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// Options say which drill to start, and where.
type Options struct {
	Scenario string
	Seed     int64         // the same seed draws the same choices; timing stays the machine's
	Dir      string        // an existing folder for the logs
	Calm     time.Duration // 0: the scenario's own; at most 15 s
	Longer   time.Duration // how much longer than the scenario says its faults go on, for a person at a console
	After    time.Duration // how much longer its users go on once the faults are over
	Users    int           // percent of the scenario's users; 0: all. What comes of their number comes less with fewer
	Log      io.Writer     // nil: nothing is said
}

// Instance is one gateway instance, as an operator would address it.
type Instance struct{ Name, URL, MetricsURL, ControlsURL string }

// Counts are user requests that ended well or badly.
type Counts struct{ OK, Failed int }

// Tally is what the clients saw. A user's request counts once, after whatever
// repeats its client made.
type Tally struct{ Interactive, Batch Counts }

// Fleet is a running drill.
type Fleet struct {
	scenario Scenario
	token    string
	log      io.Writer
	book     *logbook
	started  atomic.Pointer[time.Time]
	done     chan struct{}
	load     *load
	gateways []*gateway
	servers  []*server // gateways first, as they are stopped first
	names    []string  // of the instances, as their servers
	cancel   context.CancelFunc
	pulse    pulse
	clock    sync.WaitGroup // the goroutines that close done and feel the pulse
	stop     sync.Once
	stopErr  error
}

// Start begins a drill and returns once both gateway instances answer. The
// context bounds only the start; Stop ends the drill.
func Start(ctx context.Context, o Options) (*Fleet, error) {
	s, err := findScenario(o.Scenario)
	if err != nil {
		return nil, err
	}
	if o.Calm < 0 || o.Calm > maxCalm {
		return nil, fmt.Errorf("calm %v: must be 0 (the scenario's own) to %v", o.Calm, maxCalm)
	}
	if o.Calm > 0 {
		s = s.shifted(o.Calm)
	}
	if o.Longer > 0 {
		s = s.lasting(o.Longer)
	}
	s.Length += max(0, o.After)
	if o.Users > 0 {
		s.Load = s.Load.share(o.Users)
	}
	return startFleet(ctx, s, o)
}

func startFleet(ctx context.Context, s Scenario, o Options) (*Fleet, error) {
	book, err := openLogbook(filepath.Join(o.Dir, "access.log"), filepath.Join(o.Dir, "error.log"))
	if err != nil {
		return nil, err
	}
	f := &Fleet{scenario: s, token: randomHex(16), log: o.Log, book: book, done: make(chan struct{}), cancel: func() {}}
	if f.log == nil {
		f.log = io.Discard
	}
	if err := f.assemble(ctx, uint64(o.Seed)); err != nil {
		return nil, errors.Join(err, f.Stop())
	}
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	f.cancel = cancel
	now := time.Now()
	f.started.Store(&now)
	f.load.run(running)
	f.clock.Go(func() { f.announce(running) })
	f.clock.Go(func() { f.pulse.run(running) })
	return f, nil
}

// assemble starts actors and gateways and waits until they answer.
func (f *Fleet) assemble(ctx context.Context, seed uint64) error {
	bases := map[string]string{}
	places := map[string]string{} // "provider region" to its actor's URL
	var actors []*server
	for _, d := range deployments() {
		place := d.Provider + " " + d.Region
		if places[place] == "" {
			srv, err := startServer(ctx, newActor(d.Provider, d.Region, f.scenario, seed, f.since))
			if err != nil {
				return err
			}
			actors = append(actors, srv)
			f.servers = append(f.servers, srv)
			places[place] = srv.url
		}
		bases[d.Name] = places[place]
	}
	f.servers = nil
	var urls []string
	for _, name := range []string{"gw-a", "gw-b"} {
		g := newGateway(gatewaySetup{
			name: name, token: f.token, tuning: f.scenario.Gateway, bases: bases, log: f.book, seed: seed,
		})
		f.gateways = append(f.gateways, g)
		srv, err := startServer(ctx, g)
		if err != nil {
			f.servers = append(f.servers, actors...)
			return err
		}
		f.servers = append(f.servers, srv)
		f.names = append(f.names, name)
		urls = append(urls, srv.url)
	}
	f.servers = append(f.servers, actors...)
	f.load = newLoad(urls, f.scenario.Load, seed)
	for _, url := range urls {
		if err := f.healthy(ctx, url); err != nil {
			return err
		}
	}
	return nil
}

// awake is how long a gateway of the fleet may take for its first answer, on a machine that is busy with something else.
const awake = 30 * time.Second

func (f *Fleet) healthy(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, awake)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/healthz", nil)
	if err != nil {
		return fmt.Errorf("asking the gateway: %w", err)
	}
	resp, err := f.load.client.Do(req)
	if err != nil {
		return fmt.Errorf("the gateway does not answer: %w", err)
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the gateway answers with status %d", resp.StatusCode)
	}
	return nil
}

// since is the time since the scenario began; negative while it has not.
func (f *Fleet) since() time.Duration {
	if at := f.started.Load(); at != nil {
		return time.Since(*at)
	}
	return -1
}

// announce closes done at the end of the scenario's windows.
func (f *Fleet) announce(ctx context.Context) {
	first := "no fault"
	if len(f.scenario.Faults) > 0 {
		first = fmt.Sprintf("first fault after %v", f.scenario.Calm)
	}
	_, _ = fmt.Fprintf(f.log, "drill %s: %s, over after %v\n", f.scenario.Name, first, f.scenario.Length)
	if wait(ctx, f.scenario.Length) {
		close(f.done)
		_, _ = fmt.Fprintf(f.log, "drill %s: over; calm traffic goes on\n", f.scenario.Name)
	}
}

// Instances are the two gateway instances.
func (f *Fleet) Instances() []Instance {
	list := make([]Instance, 0, len(f.names))
	for i, name := range f.names {
		url := f.servers[i].url
		list = append(list, Instance{Name: name, URL: url, MetricsURL: url + "/metrics", ControlsURL: url + "/controls"})
	}
	return list
}

// Token is the bearer token for /controls, new for each fleet.
func (f *Fleet) Token() string { return f.token }

// AccessLog is the path of the log with one line a request and attempt.
func (f *Fleet) AccessLog() string { return f.book.accessFile.path }

// ErrorLog is the path of the log that explains lines of the access log.
func (f *Fleet) ErrorLog() string { return f.book.errorFile.path }

// Scenario is the scenario as it runs, windows shifted by Options.Calm.
func (f *Fleet) Scenario() Scenario { return f.scenario }

// Started is the instant from which the scenario's windows count.
func (f *Fleet) Started() time.Time { return *f.started.Load() }

// Done is closed when the scenario's windows are over. The fleet keeps serving
// calm traffic until Stop. A fleet that is stopped earlier never closes it.
func (f *Fleet) Done() <-chan struct{} { return f.done }

// Tally is the count of user requests so far.
func (f *Fleet) Tally() Tally { return f.load.tally() }

// Standstill is how long the machine has kept the fleet from running so far.
func (f *Fleet) Standstill() Standstill {
	s := f.pulse.standstill()
	s.Away = int(f.load.away.Load())
	return s
}

// Inventory is what an operator would write in the configuration.
func (f *Fleet) Inventory() []Deployment { return deployments() }

// lastAnswers is how long open requests may still end well when the fleet stops.
const lastAnswers = 250 * time.Millisecond

// Stop ends load, gateways and actors, in this order, waits for them and
// closes the logs. A second call returns what the first did.
func (f *Fleet) Stop() error {
	f.stop.Do(func() {
		f.cancel()
		f.clock.Wait()
		var errs []error
		if f.load != nil {
			f.load.stop()
			wait(context.Background(), lastAnswers)
			errs = append(errs, f.book.close()) // the requests that end now were cut by us, not by a fault
			f.load.end()
		}
		for _, srv := range f.servers[:len(f.names)] {
			errs = append(errs, srv.stop())
		}
		for _, g := range f.gateways {
			g.close()
		}
		for _, srv := range f.servers[len(f.names):] {
			errs = append(errs, srv.stop())
		}
		f.stopErr = errors.Join(append(errs, f.book.close())...)
	})
	return f.stopErr
}

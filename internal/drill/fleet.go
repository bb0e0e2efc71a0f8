package drill

import (
	"context"
	"errors"
	"io"
	"time"
)

// Options say which drill to start, and where.
type Options struct {
	Scenario string
	Seed     int64         // the same seed draws the same choices; timing stays the machine's
	Dir      string        // an existing folder for the logs
	Calm     time.Duration // 0: the scenario's own; at most 15 s
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
type Fleet struct{}

// Start begins a drill and returns once both gateway instances answer. The
// context bounds only the start; Stop ends the drill.
func Start(ctx context.Context, o Options) (*Fleet, error) {
	return nil, errors.New("the fleet is not built yet")
}

// Instances are the two gateway instances.
func (f *Fleet) Instances() []Instance { return nil }

// Token is the bearer token for /controls, new for each fleet.
func (f *Fleet) Token() string { return "" }

// AccessLog is the path of the log with one line a request and attempt.
func (f *Fleet) AccessLog() string { return "" }

// ErrorLog is the path of the log that explains lines of the access log.
func (f *Fleet) ErrorLog() string { return "" }

// Scenario is the scenario as it runs, windows shifted by Options.Calm.
func (f *Fleet) Scenario() Scenario { return Scenario{} }

// Started is the instant from which the scenario's windows count.
func (f *Fleet) Started() time.Time { return time.Time{} }

// Done is closed when the scenario's windows are over. The fleet keeps serving
// calm traffic until Stop.
func (f *Fleet) Done() <-chan struct{} { return nil }

// Tally is the count of user requests so far.
func (f *Fleet) Tally() Tally { return Tally{} }

// Inventory is what an operator would write in the configuration.
func (f *Fleet) Inventory() []Deployment { return deployments() }

// Stop ends load, gateways and actors, waits for them and closes the logs.
func (f *Fleet) Stop() error { return nil }

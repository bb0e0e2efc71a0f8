package drill

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

//go:embed scenarios/*.yaml
var scenarioFiles embed.FS

// maxCalm is the longest calm before the first fault: a drill that makes the
// operator wait longer is not started twice.
const maxCalm = 15 * time.Second

// Scenario is one thing to practise: what fails, when, and what may lawfully
// follow from it. All its instants count from Fleet.Started.
type Scenario struct {
	Name  string `yaml:"name"`
	Title string `yaml:"title"`
	// Brief tells the operator what is at stake without giving the fault away.
	Brief string        `yaml:"brief"`
	Calm  time.Duration `yaml:"calm"`
	// Length is the end of the scenario's windows, calm included.
	Length       time.Duration  `yaml:"length"`
	Gateway      GatewayTuning  `yaml:"gateway"`
	Load         LoadTuning     `yaml:"load"`
	Capacity     map[string]int `yaml:"capacity"` // requests a minute, by deployment; absent: unbounded
	Faults       []Fault        `yaml:"faults"`
	Consequences []Expectation  `yaml:"consequences"`
	// Runbook is the one that fits; only the score and tests read it, like the declared faults.
	Runbook string `yaml:"runbook"`
	// Knows is what the operator of such a gateway knows or finds out: fields and answers of runbooks by their names.
	Knows map[string]string `yaml:"knows"`
	// Patience is how long such an operator waits in one step, of a drill that is over before a provider's minute is; 0: to
	// the end of the wait.
	Patience time.Duration `yaml:"patience"`
}

// GatewayTuning is how the scenario's gateway instances are set up.
type GatewayTuning struct {
	Cap            int           `yaml:"cap"`             // concurrent requests per deployment and instance
	BreakerPercent int           `yaml:"breaker_percent"` // failures that open a breaker
	BreakerWindow  time.Duration `yaml:"breaker_window"`
	BreakerMinimum int           `yaml:"breaker_minimum"` // requests in the window below which it stays closed
	BreakerOpen    time.Duration `yaml:"breaker_open"`
	MaxAttempts    int           `yaml:"max_attempts"`
	Timeout        time.Duration `yaml:"timeout"` // for one attempt
	Fallback       []string      `yaml:"fallback"`
}

// LoadTuning is how busy the clients are and how they behave.
type LoadTuning struct {
	Interactive float64 `yaml:"interactive"` // user requests a second, whether or not answers come
	Batch       int     `yaml:"batch"`       // workers, each with one request at a time
	Naive       bool    `yaml:"naive"`       // interactive clients repeat at once, without backing off
}

// share is the load of so many percent of the users.
func (l LoadTuning) share(percent int) LoadTuning {
	l.Interactive = l.Interactive * float64(percent) / 100
	l.Batch = (l.Batch*percent + 99) / 100
	return l
}

// Fault is one thing that a scenario breaks.
type Fault struct {
	Name   string            `yaml:"name"`
	Target map[string]string `yaml:"target"` // provider, model, region or deployment; all given must match
	// Mix is what the failures look like: failure kind to weight.
	Mix map[string]int `yaml:"mix"`
	// Share is the part of requests that fails while more than Above are
	// being served; Floor is the part at or below it. Above 0: always Share.
	Share float64 `yaml:"share"`
	Above int     `yaml:"above"`
	Floor float64 `yaml:"floor"`
	// Limit is a rate limit in requests a minute that replaces Share; refused
	// requests count a quarter against it, as with providers that count every call.
	Limit      int           `yaml:"limit"`
	Answer     time.Duration `yaml:"answer"` // how long a good answer takes meanwhile; 0: as always
	Hang       time.Duration `yaml:"hang"`   // how long a 524 stays silent first
	RetryAfter time.Duration `yaml:"retry_after"`
	From       time.Duration `yaml:"from"`
	To         time.Duration `yaml:"to"`
	// Scopes are the names under which an operator may report it. The first is
	// the declared one. Scopes that cover the same deployments are equal.
	Scopes  []map[string]string `yaml:"scopes"`
	Classes []string            `yaml:"classes"` // classes a burst of it may carry; empty: any
}

// Expectation is a burst that may lawfully follow from a fault, or from what an
// operator does about it.
type Expectation struct {
	// Scope is a pattern: a dimension's value, or "*" for any value. A burst
	// matches when it names no value that contradicts the pattern.
	Scope   map[string]string `yaml:"scope"`
	Classes []string          `yaml:"classes"` // empty: any
	From    time.Duration     `yaml:"from"`
	To      time.Duration     `yaml:"to"`
	Why     string            `yaml:"why"`
}

// Scenarios are the built-in scenarios, sorted by name.
func Scenarios() []Scenario {
	list, err := readScenarios(scenarioFiles)
	if err != nil {
		panic(fmt.Sprintf("built-in scenarios: %v", err)) // a test reads them all
	}
	return list
}

func readScenarios(files fs.FS) ([]Scenario, error) {
	names, err := fs.Glob(files, "scenarios/*.yaml")
	if err != nil {
		return nil, fmt.Errorf("listing scenarios: %w", err)
	}
	list := make([]Scenario, 0, len(names))
	for _, name := range names {
		data, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, fmt.Errorf("reading scenario: %w", err)
		}
		s, err := parseScenario(path.Base(name), data)
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b Scenario) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// parseScenario reads one scenario strictly; file names it in errors.
func parseScenario(file string, data []byte) (Scenario, error) {
	var s Scenario
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(&s); err != nil {
		return Scenario{}, fmt.Errorf("%s: %w", file, err)
	}
	if err := s.check(); err != nil {
		return Scenario{}, fmt.Errorf("%s: %w", file, err)
	}
	return s, nil
}

func findScenario(name string) (Scenario, error) {
	var names []string
	for _, s := range Scenarios() {
		if s.Name == name {
			return s, nil
		}
		names = append(names, s.Name)
	}
	return Scenario{}, fmt.Errorf("no scenario %q; there are %s", name, strings.Join(names, ", "))
}

// shifted is the scenario with another calm; every window moves with it.
func (s Scenario) shifted(calm time.Duration) Scenario {
	by := calm - s.Calm
	s.Calm, s.Length = calm, s.Length+by
	s.Faults = slices.Clone(s.Faults)
	for i := range s.Faults {
		s.Faults[i].From += by
		s.Faults[i].To += by
	}
	s.Consequences = slices.Clone(s.Consequences)
	for i := range s.Consequences {
		s.Consequences[i].From += by
		s.Consequences[i].To += by
	}
	return s
}

// lasting is the scenario with faults that go on for longer, as a person needs more time than a script.
func (s Scenario) lasting(longer time.Duration) Scenario {
	s.Length += longer
	s.Faults = slices.Clone(s.Faults)
	for i := range s.Faults {
		s.Faults[i].To += longer
	}
	s.Consequences = slices.Clone(s.Consequences)
	for i := range s.Consequences {
		s.Consequences[i].To += longer
	}
	return s
}

func (s Scenario) check() error {
	switch {
	case s.Name == "":
		return errors.New("a scenario needs a name")
	case s.Calm < 0 || s.Calm > maxCalm:
		return fmt.Errorf("calm %v: at most %v", s.Calm, maxCalm)
	case len(s.Faults) == 0 && (len(s.Consequences) > 0 || s.Calm > 0):
		return errors.New("a scenario without a fault has neither consequences nor a calm before it")
	case s.Length <= 0:
		return errors.New("length: it must last for a while")
	case s.Load.Interactive < 0 || s.Load.Batch < 0:
		return errors.New("load: no negative numbers")
	}
	if err := s.Gateway.check(); err != nil {
		return fmt.Errorf("gateway: %w", err)
	}
	for name := range s.Capacity {
		if len(covered(map[string]string{"deployment": name})) == 0 {
			return fmt.Errorf("capacity of unknown deployment %q", name)
		}
	}
	for _, f := range s.Faults {
		if err := f.check(s); err != nil {
			return fmt.Errorf("fault %q: %w", f.Name, err)
		}
	}
	for i, e := range s.Consequences {
		if e.To <= e.From || e.Why == "" {
			return fmt.Errorf("consequence %d: needs from < to and a why", i+1)
		}
	}
	return nil
}

func (g GatewayTuning) check() error {
	switch {
	case g.Cap < 1 || g.MaxAttempts < 1 || g.Timeout <= 0:
		return errors.New("cap, max_attempts and timeout must be positive")
	case g.BreakerPercent < 1 || g.BreakerPercent > 100 || g.BreakerWindow <= 0 || g.BreakerOpen <= 0 || g.BreakerMinimum < 1:
		return errors.New("the breaker needs percent (1-100), window, minimum and open")
	}
	for _, m := range g.Fallback {
		if !slices.Contains(models(), m) {
			return fmt.Errorf("fallback for unknown model %q", m)
		}
	}
	return nil
}

func (f Fault) check(s Scenario) error {
	switch {
	case f.Name == "":
		return errors.New("needs a name")
	case f.From < s.Calm || f.To <= f.From || f.To > s.Length:
		return fmt.Errorf("window %v-%v: must lie between the calm's end %v and the length %v", f.From, f.To, s.Calm, s.Length)
	case len(covered(f.Target)) == 0:
		return fmt.Errorf("target %v matches no deployment", f.Target)
	case len(f.Mix) == 0:
		return errors.New("needs a mix")
	case len(f.Scopes) == 0:
		return errors.New("needs a scope")
	case f.Share < 0 || f.Share > 1 || f.Floor < 0 || f.Floor > 1:
		return errors.New("share and floor are parts of one")
	case f.Share == 0 && f.Limit == 0:
		return errors.New("needs a share or a limit")
	}
	for kind, weight := range f.Mix {
		if !failureKind(kind).known() {
			return fmt.Errorf("unknown failure kind %q", kind)
		}
		if weight < 1 {
			return fmt.Errorf("kind %q: weight %d is not positive", kind, weight)
		}
	}
	for _, scope := range f.Scopes {
		if len(covered(scope)) == 0 {
			return fmt.Errorf("scope %v covers no deployment", scope)
		}
	}
	return nil
}

// covered are the names of the deployments that a scope selects. A dimension
// that says nothing about deployments selects all.
func covered(scope map[string]string) []string {
	var names []string
	for _, d := range deployments() {
		if d.within(scope) {
			names = append(names, d.Name)
		}
	}
	return names
}

func (d Deployment) within(scope map[string]string) bool {
	for dim, own := range map[string]string{
		"deployment": d.Name, "provider": d.Provider, "model": d.Model, "region": d.Region, "env": d.Env,
	} {
		if want, named := scope[dim]; named && want != own && want != "*" {
			return false
		}
	}
	return true
}

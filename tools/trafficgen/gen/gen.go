// Package gen makes labelled synthetic traffic of an LLM gateway.
//
// One Gen is one fleet: leaves (model, provider, region, endpoint, env, stream) with a request rate, a base failure
// rate, a latency level and noise of their own, plus a plan of faults. Step advances one second and hands every leaf
// with requests to a callback. Everything follows from Config.Seed; traffic and fault plan have generators of their
// own, so that the same seed with and without faults gives the same fleet.
//
// What makes it hard on purpose (all of it can be switched off in Config):
//   - rates per model x region, log-uniform over more than three decades
//   - a daily cycle with a phase per region; slow random drift of rate, failure rate and latency; arrivals in clumps
//     of five seconds
//   - a failure probability that all requests of ten seconds share (overdispersion), and client retries that fail
//     again (clusters)
//   - healthy surges of volume, and storms of client errors (400) that are not the gateway's fault
//
// Approximation: Poisson and binomial draws become rounded normals where the variance is above 30.
package gen

import "math/rand/v2"

// The outcome classes. OK and ClientErr are healthy from the gateway's point of view.
const (
	OK = iota
	ClientErr
	C429
	C500
	C502
	C503
	C504
	Trunc // status 200, the stream ended without a finish reason
	NClass
)

// ClassName and StatusOf give the classes as the output names them.
var (
	ClassName = [NClass]string{
		"ok", "client_error", "rate_limited", "server_error", "bad_gateway", "unavailable", "timeout", "truncated",
	}
	StatusOf = [NClass]int{200, 400, 429, 500, 502, 503, 504, 200}
)

// The dimensions of Leaf.V. The last two are there only when Config asks for them.
const (
	Model = iota
	Provider
	Region
	Endpoint
	Env
	Stream
	Deployment
	Workload
)

// Config describes a fleet.
type Config struct {
	Seed                       uint64
	Models, Regions, Endpoints int
	Flat                       bool    // no split by endpoint, env and stream: faster, for long runs of a detector
	RateMin, RateMax           float64 // requests a second of a model x region, log-uniform
	Scale                      float64 // multiplies all rates
	BaseMin, BaseMax           float64 // base failure rate, log-uniform
	Diurnal                    float64 // largest daily amplitude of the rate, 0..1
	ErrDiurnal                 float64 // daily amplitude of the failure rate
	RateSigma, ErrSigma        float64 // slow log drift (Ornstein-Uhlenbeck)
	BlockCV                    float64 // largest variation of the failure rate over blocks of 10 s
	BurstCV                    float64 // variation of the request rate over blocks of 5 s
	Retry                      float64 // chance that a failed request is retried
	RetryFail                  float64 // chance that such a retry fails without any fault
	Surges, Storms             float64 // healthy surges of volume, and storms of 400, a day and fleet
	Latency                    bool    // draw a latency for every request
	// What follows changes nothing of the traffic above it: it has a generator of its own.
	TTFT   bool `json:",omitempty"` // draw a time to first token for every streamed answer
	Tokens bool `json:",omitempty"` // draw the tokens of every answer
	Fine   bool `json:",omitempty"` // split leaves by deployment and workload, too
	// Rates, when set, gives each model x region measured request rates (one value for 600 s, over and over) in place
	// of the daily cycle and the drift of rates.
	Rates [][]float64 `json:"-"`
}

// Default is the fleet of the benchmark: 12 models x 6 regions, 0.05 to 200 requests/s each.
func Default(seed uint64) Config {
	return Config{
		Seed: seed, Models: 12, Regions: 6, Endpoints: 3, RateMin: 0.05, RateMax: 200, Scale: 1,
		BaseMin: 0.001, BaseMax: 0.03, Diurnal: 0.8, ErrDiurnal: 0.4, RateSigma: 0.15, ErrSigma: 0.2,
		BlockCV: 0.3, BurstCV: 0.3, Retry: 0.6, RetryFail: 0.5, Surges: 4, Storms: 4,
	}
}

// Leaf is one combination of dimensions with its hidden parameters.
type Leaf struct {
	V                   []int // number of the value in each dimension
	Rate, Base          float64
	Phase, Amp, BlockCV float64
	LatMu, LatSigma     float64
	mix                 [NClass]float64 // shares of the classes in base failures
	series              int             // model x region
	blockP, blockR      float64         // of the running block
	retry               [4]int          // repeats of failures that are due, by second modulo 4
	again               [4]int          // repeats of requests that had not failed, likewise
	tokMu               float64         // ln of the tokens of an answer
}

// Bucket is what one leaf saw in one second: N requests, outcomes by class. Retries of the N were repeats of a request
// by the same client; First counts failures among the other N-Retries. LogLat holds ln(seconds) of the OK requests,
// LogTTFT the same of their first tokens, LogTok ln of their tokens, as far as Config asks for them. All of it is used
// again by the next call.
type Bucket struct {
	Leaf, N, Retries int
	Cls, First       [NClass]int
	LogLat           []float64
	LogTTFT, LogTok  []float64
	Fallen           float64 // share of the requests that fell back to this leaf from elsewhere
	From             string  // the model from where
}

// Gen is a fleet.
type Gen struct {
	Cfg     Config
	Dims    []string
	Leaves  []Leaf
	Values  [][]string
	Faults  []Fault
	T       int64 // the next second
	r       *rand.Rand
	drift   []drifts      // by series
	surge   map[int]int64 // series -> end
	storm   map[int]int64 // leaf -> end
	lat     []float64
	first   []float64
	tok     []float64
	extra   *rand.Rand // for what old flags do not ask for
	truth   []float64
	rateNow []float64
	act     []*Fault // in this second
	level   []float64
	now     pace
	bucket  Bucket // what emit is called with
}

// SeriesOf is the number of the leaf's model x region.
func (g *Gen) SeriesOf(leaf int) int { return g.Leaves[leaf].series }

// Name is the value of dimension d at leaf i.
func (g *Gen) Name(i, d int) string { return g.Values[d][g.Leaves[i].V[d]] }

// P0 is the true failure probability of leaf i in this second, without faults and without the noise of blocks: what an
// oracle may know.
func (g *Gen) P0(i int) float64 { return g.truth[i] }

// RateNow is the leaf's expected request rate in this second, without the noise of blocks and without faults.
func (g *Gen) RateNow(i int) float64 { return g.rateNow[i] }

// Mix is the share of class c in the leaf's base failures.
func (g *Gen) Mix(i, c int) float64 { return g.Leaves[i].mix[c] }

package drill

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// gatewayName is what the log lines and the control contract call the gateway
// whose two instances make the fleet.
const gatewayName = "drill"

// meters are one instance's metrics, in a registry of its own.
type meters struct {
	registry  *prometheus.Registry
	requests  *prometheus.CounterVec
	tokens    *prometheus.CounterVec
	retries   *prometheus.CounterVec
	fallbacks *prometheus.CounterVec
	duration  *prometheus.HistogramVec
	ttft      *prometheus.HistogramVec
}

func newMeters(g *gateway) *meters {
	seconds := []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	histogram := func(name, help string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: seconds},
			[]string{"side", "model", "deployment"})
	}
	m := &meters{
		registry:  prometheus.NewRegistry(),
		requests:  counter("gateway_requests_total", "Client requests and upstream attempts that ended.", "side", "model", "deployment", "workload", "code"),
		tokens:    counter("gateway_tokens_total", "Tokens that providers reported.", "model", "deployment", "direction"),
		retries:   counter("gateway_retries_total", "Attempts after the first at one deployment.", "deployment", "workload"),
		fallbacks: counter("gateway_fallbacks_total", "Requests that fell from one deployment to another.", "from", "to"),
		duration:  histogram("gateway_request_duration_seconds", "From the request to the end of its answer."),
		ttft:      histogram("gateway_ttft_seconds", "From the request to the first byte of its answer."),
	}
	m.registry.MustRegister(m.requests, m.tokens, m.retries, m.fallbacks, m.duration, m.ttft, liveState{g})
	return m
}

func (m *meters) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// count adds one line of the access log; the labels are the line's own, so
// that log and metrics agree.
func (m *meters) count(side string, line logLine, took, ttft time.Duration) {
	model := line.Model
	if !slices.Contains(models(), model) {
		model = "other" // a client's free text must not become a label
	}
	m.requests.WithLabelValues(side, model, line.Deployment, line.Workload, strconv.Itoa(line.Status)).Inc()
	m.duration.WithLabelValues(side, model, line.Deployment).Observe(took.Seconds())
	if ttft > 0 {
		m.ttft.WithLabelValues(side, model, line.Deployment).Observe(ttft.Seconds())
	}
	if side == "upstream" {
		m.tokens.WithLabelValues(model, line.Deployment, "in").Add(float64(line.TokensIn))
		m.tokens.WithLabelValues(model, line.Deployment, "out").Add(float64(line.TokensOut))
		m.tokens.WithLabelValues(model, line.Deployment, "cached").Add(float64(line.TokensCached))
	}
}

// liveState reads the gauges from the gateway when they are scraped.
type liveState struct{ g *gateway }

var (
	inflightDesc = describe("gateway_inflight", "Attempts on the wire.", "deployment", "workload")
	queueDesc    = describe("gateway_queue_depth", "Requests that wait for a deployment.", "deployment", "workload")
	heldDesc     = describe("gateway_held", "Requests held back by a pause.", "workload")
	capDesc      = describe("gateway_cap_limit", "Concurrent requests allowed.", "deployment")
	breakerDesc  = describe("gateway_breaker_state", "0 closed, 1 half-open, 2 open.", "deployment")
	inDesc       = describe("gateway_target_in", "1 in rotation, 0 taken out.", "deployment")
	controlDesc  = describe("gateway_control_set", "1 while an operator's value is in force.", "control")
)

func describe(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, labels, nil)
}

// Describe implements prometheus.Collector.
func (s liveState) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{inflightDesc, queueDesc, heldDesc, capDesc, breakerDesc, inDesc, controlDesc} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (s liveState) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	for name, t := range s.g.targets {
		var limit int
		for workload, n := range t.inflight {
			var waiting int
			_, waiting, limit = t.queue.load(workload)
			gauge(inflightDesc, float64(n.Load()), name, workload)
			gauge(queueDesc, float64(waiting), name, workload)
		}
		gauge(capDesc, float64(limit), name)
		gauge(breakerDesc, t.breakerState(), name)
		gauge(inDesc, oneIf(!t.out.Load()), name)
	}
	for workload, h := range s.g.holds {
		gauge(heldDesc, float64(h.held()), workload)
	}
	for _, c := range s.g.controls.all() {
		gauge(controlDesc, oneIf(c.ExpiresAt != nil), c.ID)
	}
}

func oneIf(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

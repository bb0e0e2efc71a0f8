package drill

import (
	cryptorand "crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/failsafe-go/failsafe-go/retrypolicy"
)

const longestRequest = 2 << 20

// gatewaySetup is what one instance needs to start.
type gatewaySetup struct {
	name   string
	token  string
	tuning GatewayTuning
	bases  map[string]string // deployment to the provider's base URL
	log    *logbook
	seed   uint64
}

// gateway is one instance: an HTTP handler with the state that its controls
// move. Instances share nothing but the log.
type gateway struct {
	name    string
	client  *http.Client
	log     *logbook
	meters  *meters
	dedupe  *dedupe
	targets map[string]*target // fixed after the start, as are the maps below

	holds    map[string]*hold         // by workload
	shed     map[string]*atomic.Int64 // percent, by workload
	fallback map[string]*atomic.Bool  // by model
	degraded map[string]*atomic.Bool
	routes   map[string]*atomic.Pointer[target]
	retries  atomic.Pointer[retries]
	controls *controls

	mu  sync.Mutex
	rng *rand.Rand

	mux *http.ServeMux
}

// retries are the settings in force and the policy made of them.
type retries struct {
	retrySettings
	policy retrypolicy.RetryPolicy[*answer]
}

// pausedFor is how long paused work is held before it is sent away.
const pausedFor = 25 * time.Second

func newGateway(s gatewaySetup) *gateway {
	g := &gateway{
		name: s.name, log: s.log, dedupe: newDedupe(),
		client: &http.Client{
			Transport: &http.Transport{MaxIdleConnsPerHost: 128, DisableCompression: true},
			CheckRedirect: func(*http.Request, []*http.Request) error {
				return http.ErrUseLastResponse // a provider's redirect is no answer
			},
		},
		targets: map[string]*target{}, holds: map[string]*hold{}, shed: map[string]*atomic.Int64{},
		fallback: map[string]*atomic.Bool{}, degraded: map[string]*atomic.Bool{},
		routes: map[string]*atomic.Pointer[target]{},
		rng:    rand.New(rand.NewPCG(s.seed, hash64(s.name))),
	}
	for _, d := range deployments() {
		g.targets[d.Name] = newTarget(d, s.bases[d.Name], s.tuning)
	}
	for _, w := range []string{interactive, batch} {
		g.holds[w], g.shed[w] = newHold(pausedFor), &atomic.Int64{}
	}
	for _, m := range models() {
		g.fallback[m], g.degraded[m], g.routes[m] = &atomic.Bool{}, &atomic.Bool{}, &atomic.Pointer[target]{}
	}
	for _, m := range s.tuning.Fallback {
		g.fallback[m].Store(true)
	}
	g.setRetries(retrySettings{MaxAttempts: s.tuning.MaxAttempts, Timeout: s.tuning.Timeout})
	g.meters = newMeters(g)
	g.controls = newControls(s.name, s.token, g.levers())
	g.mux = http.NewServeMux()
	g.mux.HandleFunc("POST /v1/chat/completions", g.chat)
	g.mux.Handle("GET /metrics", g.meters.handler())
	g.mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "ok\n")
	})
	g.controls.routes(g.mux)
	return g
}

func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) { g.mux.ServeHTTP(w, r) }

// close ends the timers of its controls and its connections to providers. The
// server before it must have stopped.
func (g *gateway) close() {
	g.controls.close()
	g.client.CloseIdleConnections()
}

func (g *gateway) setRetries(s retrySettings) {
	g.retries.Store(&retries{retrySettings: s, policy: s.policy()})
}

// sheds draws whether one request of a workload is refused.
func (g *gateway) sheds(workload string) bool {
	percent := g.shed[workload].Load()
	if percent == 0 {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.rng.Int64N(100) < percent
}

// hops are the targets to try, in order: the forced one alone, or the best one
// in rotation, then the fallback chain if it is on. A model's other deployments
// stand in only for one that an operator took out: a client's region is a
// promise that no failure breaks by itself.
func (g *gateway) hops(model, region string, pin int) []*target {
	if t := g.routes[model].Load(); t != nil {
		return []*target{t}
	}
	var hops []*target
	for _, name := range prefer(model, region, pin) {
		if t := g.targets[name]; !t.out.Load() {
			hops = append(hops, t)
			break
		}
	}
	if g.fallback[model].Load() {
		for _, name := range chains()[model] {
			if t := g.targets[name]; !t.out.Load() && !slices.Contains(hops, t) {
				hops = append(hops, t)
			}
		}
	}
	return hops
}

// chat answers one client request and writes its line.
func (g *gateway) chat(w http.ResponseWriter, r *http.Request) {
	x := &exchange{
		g: g, w: w, r: r, start: time.Now(), id: requestID(r.Header),
		caller: bounded(r.Header.Get("X-Caller"), 64), region: r.Header.Get("X-Region"), workload: interactive,
	}
	if r.Header.Get("X-Workload") == batch {
		x.workload = batch
	}
	w.Header().Set("X-Request-Id", x.id)
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, longestRequest))
	if err == nil {
		x.req, err = parseChat(body)
	}
	if a := g.unfit(x, err); a != nil {
		x.reply(a)
		g.ended(x, a)
		return
	}
	key := r.Header.Get("Idempotency-Key")
	if key == "" {
		g.serve(x)
		return
	}
	key = x.caller + "/" + key
	k, verdict := g.dedupe.claim(r.Context(), key, hash64(string(body)))
	switch verdict {
	case lead:
		rec := &recorder{ResponseWriter: w}
		x.w = rec
		var a *answer
		defer func() { // also when the handler panics: others wait for it
			g.dedupe.settle(key, k, a != nil && a.ok() && !rec.overflow, rec.recorded())
		}()
		a = g.serve(x)
	case replay:
		k.answer.send(w)
		g.ended(x, &answer{status: http.StatusOK, finish: "stop", served: k.answer.header.Get("X-Served-Model")})
	case conflict:
		a := refusal(http.StatusUnprocessableEntity, "idempotency_key_reused", "invalid_request_error",
			"this Idempotency-Key belongs to another request", 0)
		x.reply(a)
		g.ended(x, a)
	case gone:
		g.ended(x, refusal(statusClientEnd, codeClosed, "cancelled", "the client closed the request", 0))
	}
}

func (g *gateway) serve(x *exchange) *answer {
	x.out = &streamWriter{w: x.w, id: x.id}
	a := x.answer(x.r.Context())
	x.reply(a)
	g.ended(x, a)
	return a
}

// unfit refuses a request that cannot be understood; nil says that it can.
func (g *gateway) unfit(x *exchange, err error) *answer {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		x.req = &chatRequest{}
		return refusal(http.StatusRequestEntityTooLarge, "request_too_large", "invalid_request_error", err.Error(), 0)
	case err != nil:
		x.req = &chatRequest{}
		return refusal(http.StatusBadRequest, "invalid_body", "invalid_request_error", err.Error(), 0)
	case g.routes[x.req.Model] == nil:
		return refusal(http.StatusNotFound, "model_not_found", "invalid_request_error",
			"the model "+strconv.Quote(bounded(x.req.Model, 100))+" does not exist; there are "+strings.Join(models(), ", "), 0)
	}
	return nil
}

// requestID takes the client's id if it is a harmless one.
func requestID(h http.Header) string {
	if id := h.Get("X-Request-Id"); id != "" && len(id) <= 64 && !strings.ContainsFunc(id, func(r rune) bool {
		return r <= ' ' || r > '~' || r == '"' || r == '\\'
	}) {
		return id
	}
	return "req_" + randomHex(8)
}

func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = cryptorand.Read(b) // never fails
	return hex.EncodeToString(b)
}

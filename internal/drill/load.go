package drill

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// cohort is a part of the users: what they ask, and where they are at home.
type cohort struct {
	model, region, caller string
	interactive           int // share of the interactive requests, in percent
	batch                 int // share of the batch workers, in sixteenths
}

func cohorts() []cohort {
	return []cohort{
		{"gpt-4o", "eu-west", "team-search", 30, 5},
		{"gpt-4o", "us-east", "team-assist", 18, 3},
		{"gpt-4o-mini", "eu-west", "team-support", 10, 1},
		{"gpt-4o-mini", "us-east", "team-bots", 18, 3},
		{"claude-sonnet", "eu-west", "team-legal", 6, 1},
		{"claude-sonnet", "us-east", "team-code", 10, 1},
		{"llama-3", "us-east", "team-labels", 8, 2},
	}
}

// manners are how a client repeats what failed.
type manners struct {
	tries    int
	patience time.Duration // for one try
	first    time.Duration // pause before the first repeat; it doubles; 0: none, whatever the gateway asks for
}

var (
	polite  = manners{tries: 2, patience: 10 * time.Second, first: 300 * time.Millisecond}
	naive   = manners{tries: 5, patience: 10 * time.Second}
	patient = manners{tries: 4, patience: 45 * time.Second, first: 500 * time.Millisecond}
)

const (
	mostOpen   = 400 // interactive requests at a time; more users than that give up at once
	batchThink = 600 * time.Millisecond
)

// load is all clients. Interactive users come whether or not they are served;
// each batch worker waits for its answer before it sends the next request.
type load struct {
	client *http.Client
	urls   []string
	tuning LoadTuning
	seed   uint64

	turn          atomic.Uint64 // spreads requests over the instances
	away          atomic.Int64  // users who did not come, because their machine stood still when they should have
	counts        [2]tallied    // interactive, batch
	wg            sync.WaitGroup
	open          chan struct{}
	intro, filler string

	stop, cut context.CancelFunc
	cutting   context.Context // of requests, which outlive their client's wish for more
}

type tallied struct{ ok, failed atomic.Int64 }

func newLoad(urls []string, tuning LoadTuning, seed uint64) *load {
	return &load{
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256, DisableCompression: true}},
		urls:   urls, tuning: tuning, seed: seed, open: make(chan struct{}, mostOpen),
		stop: func() {}, cut: func() {}, cutting: context.Background(),
		intro:  "You answer questions about trains. ",
		filler: strings.Repeat(strings.Join(vocabulary, " ")+". ", 400),
	}
}

// run starts the clients. New requests end with stop, open ones with cut.
func (l *load) run(ctx context.Context) {
	ctx, l.stop = context.WithCancel(ctx)
	l.cutting, l.cut = context.WithCancel(context.WithoutCancel(ctx))
	if l.tuning.Interactive > 0 {
		l.wg.Go(func() { l.users(ctx) })
	}
	worker := 0
	for _, c := range cohorts() {
		for range (c.batch*l.tuning.Batch + 8) / 16 {
			worker++
			rng := rand.New(rand.NewPCG(l.seed, uint64(1000+worker)))
			l.wg.Go(func() { l.worker(ctx, c, rng) })
		}
	}
}

// end cuts what is still open and waits for all clients.
func (l *load) end() {
	l.cut()
	l.wg.Wait()
	l.client.CloseIdleConnections()
}

// users lets interactive requests arrive at random.
func (l *load) users(ctx context.Context) {
	rng := rand.New(rand.NewPCG(l.seed, 1))
	groups := cohorts()
	how := polite
	if l.tuning.Naive {
		how = naive
	}
	come := newArrivals(l.tuning.Interactive, time.Now())
	for {
		if !wait(ctx, time.Until(come.draw(rng))) {
			return
		}
		l.away.Add(come.late(time.Now()))
		draw, c := rng.IntN(100), groups[0]
		for _, c = range groups {
			if draw -= c.interactive; draw < 0 {
				break
			}
		}
		a, luck := l.compose(rng, c, interactive), rand.New(rand.NewPCG(rng.Uint64(), 0))
		select {
		case l.open <- struct{}{}:
			l.wg.Go(func() {
				l.pursue(ctx, a, how, luck)
				<-l.open
			})
		default:
			l.counts[0].failed.Add(1)
		}
	}
}

func (l *load) worker(ctx context.Context, c cohort, rng *rand.Rand) {
	for wait(ctx, time.Duration(rng.ExpFloat64()*float64(batchThink))) {
		l.pursue(ctx, l.compose(rng, c, batch), patient, rng)
	}
}

// pursue sends a request until it is served or given up, and counts it once.
func (l *load) pursue(ctx context.Context, a ask, how manners, rng *rand.Rand) {
	counts := &l.counts[0]
	if a.workload == batch {
		counts = &l.counts[1]
	}
	for try := 1; ; try++ {
		a.url = l.urls[l.turn.Add(1)%uint64(len(l.urls))]
		one, cancel := context.WithTimeout(l.cutting, how.patience)
		o := a.post(one, l.client)
		cancel()
		switch {
		case o.ok:
			counts.ok.Add(1)
			return
		case ctx.Err() != nil:
			return // the drill ended, not the user's patience
		case try >= how.tries || !o.worth():
			counts.failed.Add(1)
			return
		}
		if how.first > 0 {
			back := how.first << (try - 1)
			back = back/2 + time.Duration(rng.Int64N(int64(back)))
			wait(ctx, max(back, min(o.retryAfter, 5*time.Second)))
		}
	}
}

func (l *load) tally() Tally {
	count := func(i int) Counts {
		return Counts{OK: int(l.counts[i].ok.Load()), Failed: int(l.counts[i].failed.Load())}
	}
	return Tally{Interactive: count(0), Batch: count(1)}
}

// compose draws one request. Some prompts are long, some answers must be JSON.
func (l *load) compose(rng *rand.Rand, c cohort, workload string) ask {
	a := ask{caller: c.caller, workload: workload, region: c.region, key: fmt.Sprintf("%016x", rng.Uint64())}
	length := 200 + rng.IntN(1800)
	long, streamed := 5, 65
	if workload == batch {
		a.caller, long, streamed = "nightly-"+c.model, 15, 10
	}
	if rng.IntN(100) < long {
		length = 8000 + rng.IntN(len(l.filler)-8000)
	}
	body := map[string]any{
		"model": c.model, "max_tokens": 64 + rng.IntN(400),
		"messages": []map[string]string{
			{"role": "system", "content": l.intro}, {"role": "user", "content": l.filler[:length]},
		},
	}
	if a.stream = rng.IntN(100) < streamed; a.stream {
		body["stream"] = true
	} else if rng.IntN(100) < 15 {
		body["response_format"] = answerFormat
	}
	a.body = mustJSON(body)
	return a
}

// answerFormat asks for the JSON that the actors know to give.
var answerFormat = json.RawMessage(`{"type":"json_schema","json_schema":{"name":"verdict","schema":{"type":"object",
"required":["label","score"],"properties":{"label":{"type":"string"},"score":{"type":"number","minimum":0,"maximum":1}}}}}`)

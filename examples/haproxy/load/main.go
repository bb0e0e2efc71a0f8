// Command load sends a bounded stream of chat requests to a gateway and prints what came back, by model and status.
//
//	load -url http://127.0.0.1:8480 -rate 20 -for 5m
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"text/tabwriter"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(2)
	}
}

// Bounds, so that a mistyped flag does not become an outage.
const (
	maxRate     = 500.0
	maxInflight = 400
	maxTime     = 2 * time.Hour
)

func run(ctx context.Context, args []string, out io.Writer) error {
	fs := flag.NewFlagSet("load", flag.ContinueOnError)
	fs.SetOutput(out)
	l := load{tally: make(map[string]map[string]int)}
	fs.StringVar(&l.url, "url", "http://127.0.0.1:8480", "the gateway")
	rate := fs.Float64("rate", 20, "requests a second, at most 500")
	length := fs.Duration("for", time.Minute, "how long, at most 2h")
	models := fs.String("models", "gpt-4o,gpt-4o,gpt-4o-mini", "models to ask for, evenly; a name twice is asked for twice as often")
	fs.Float64Var(&l.batch, "batch", 0.3, "share of batch requests (header x-workload), 0 to 1")
	fs.Float64Var(&l.streamed, "stream", 0.5, "share of streamed requests, 0 to 1")
	fs.Float64Var(&l.long, "long", 0.1, "share of requests with 30 kB of messages, 0 to 1")
	keyFrom := fs.String("key-from", "", "environment variable with the key that the gateway wants")
	fs.BoolVar(&l.header, "x-model", false, "say the model in the header x-model too, for a gateway that reads no bodies")
	if err := fs.Parse(args); err != nil {
		return fmt.Errorf("reading the flags: %w", err)
	}
	l.models = strings.Split(*models, ",")
	if *keyFrom != "" {
		if l.key = os.Getenv(*keyFrom); l.key == "" {
			return fmt.Errorf("the variable %s is not set or empty; export it, or leave -key-from out", *keyFrom)
		}
	}
	if *rate <= 0 || *rate > maxRate || *length <= 0 || *length > maxTime {
		return fmt.Errorf("a rate of %g for %s is out of bounds; see -h", *rate, *length)
	}
	ctx, cancel := context.WithTimeout(ctx, *length)
	defer cancel()
	fmt.Fprintf(out, "%g requests a second to %s for %s; ctrl-c ends it sooner\n", *rate, l.url, *length)
	l.send(ctx, time.Duration(float64(time.Second) / *rate))
	return l.print(out)
}

// load is one run.
type load struct {
	url                   string
	models                []string
	batch, streamed, long float64
	header                bool
	key                   string

	mu      sync.Mutex
	tally   map[string]map[string]int // model, outcome
	skipped int                       // not sent because too many were on their way
}

// send starts a request at every tick, until the context ends, and waits for those on their way.
func (l *load) send(ctx context.Context, every time.Duration) {
	client := &http.Client{Timeout: 90 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: maxInflight}}
	slots := make(chan struct{}, maxInflight)
	var wg sync.WaitGroup
	defer wg.Wait()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		select {
		case slots <- struct{}{}:
		default:
			l.mu.Lock()
			l.skipped++
			l.mu.Unlock()
			continue
		}
		wg.Go(func() {
			defer func() { <-slots }()
			model := l.models[rand.IntN(len(l.models))]
			l.count(model, l.one(client, model))
		})
	}
}

// one makes a request and says how it ended. It has its own time limit: what is on its way when the run ends
// is waited for, not cut, or the gateway would log clients that hung up.
func (l *load) one(client *http.Client, model string) string {
	text := "Say hello."
	if rand.Float64() < l.long {
		text = strings.Repeat("All work and no play makes a long prompt. ", 730)
	}
	// messages stand before model, as many clients write it.
	body, err := json.Marshal(struct {
		Messages []map[string]string `json:"messages"`
		Model    string              `json:"model"`
		Stream   bool                `json:"stream"`
	}{[]map[string]string{{"role": "user", "content": text}}, model, rand.Float64() < l.streamed})
	if err != nil {
		return "not sent"
	}
	ctx, cancel := context.WithTimeout(context.Background(), client.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, l.url+"/v1/chat/completions", bytes.NewReader(body))
	if err != nil {
		return "not sent"
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Workload", "interactive")
	if rand.Float64() < l.batch {
		req.Header.Set("X-Workload", "batch")
	}
	if l.key != "" {
		req.Header.Set("Authorization", "Bearer "+l.key)
	}
	if l.header {
		req.Header.Set("X-Model", model)
	}
	resp, err := client.Do(req)
	if err != nil {
		return "no answer"
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	stream := strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream")
	if err != nil || stream && !bytes.Contains(answer, []byte("[DONE]")) {
		return fmt.Sprintf("%d, cut", resp.StatusCode)
	}
	return fmt.Sprint(resp.StatusCode)
}

func (l *load) count(model, outcome string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.tally[model] == nil {
		l.tally[model] = make(map[string]int)
	}
	l.tally[model][outcome]++
}

func (l *load) print(out io.Writer) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	var models []string
	for m := range l.tally {
		models = append(models, m)
	}
	slices.Sort(models)
	for _, m := range models {
		var outcomes []string
		for o := range l.tally[m] {
			outcomes = append(outcomes, o)
		}
		slices.Sort(outcomes)
		for _, o := range outcomes {
			fmt.Fprintf(w, "%s\t%s\t%d\n", m, o, l.tally[m][o])
		}
	}
	if l.skipped > 0 {
		fmt.Fprintf(w, "not sent, %d on their way already\t\t%d\n", maxInflight, l.skipped)
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("printing: %w", err)
	}
	return nil
}

// Command provider stands in for an OpenAI-compatible provider, so that the example can be tried without an
// account. It fails on cue: by flags from a given time on, or when told over POST /fail from this machine.
//
//	provider -listen 127.0.0.1:9101 -name azure-eu-west -fail 502 -from 20s -for 60s
//	curl -X POST '127.0.0.1:9101/fail?how=502&for=60s'      how: a status, or cut, hang, reset; none ends it
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"time"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "provider:", err)
		os.Exit(2)
	}
}

func run(args []string, out io.Writer) error {
	fs := flag.NewFlagSet("provider", flag.ContinueOnError)
	fs.SetOutput(out)
	listen := fs.String("listen", "127.0.0.1:9101", "address to listen on")
	p := &provider{}
	fs.StringVar(&p.name, "name", "provider", "name in answers")
	fs.DurationVar(&p.latency, "latency", 150*time.Millisecond, "usual time to an answer; each takes from half to one and a half of it")
	how := fs.String("fail", "none", "how to fail: a status such as 502 or 429, or cut, hang, reset")
	from := fs.Duration("from", 0, "when to begin failing, from the start")
	length := fs.Duration("for", time.Minute, "how long to fail")
	share := fs.Float64("share", 1, "share of requests that fail, 0 to 1")
	if err := fs.Parse(args); err != nil {
		return fmt.Errorf("reading the flags: %w", err)
	}
	f, err := newFailure(*how, *share, time.Now().Add(*from), *length)
	if err != nil {
		return err
	}
	p.set(f)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", *listen)
	if err != nil {
		return fmt.Errorf("listening on %s: %w; is another one running there?", *listen, err)
	}
	fmt.Fprintf(out, "%s answers on http://%s/v1/chat/completions; it fails on POST /fail?how=502&for=60s\n", p.name, l.Addr())
	srv := &http.Server{Handler: p.handler(), ReadHeaderTimeout: 10 * time.Second}
	done := context.AfterFunc(ctx, func() { _ = srv.Close() })
	defer done()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving: %w", err)
	}
	return nil
}

// failure is what goes wrong, and when.
type failure struct {
	how    string // none, cut, hang, reset or status
	status int
	share  float64
	from   time.Time
	until  time.Time
}

func newFailure(how string, share float64, from time.Time, length time.Duration) (failure, error) {
	f := failure{how: how, share: share, from: from, until: from.Add(length)}
	if share < 0 || share > 1 {
		return f, fmt.Errorf("a share of %g: give one from 0 to 1", share)
	}
	switch how {
	case "", "none":
		f.how = "none"
	case "cut", "hang", "reset":
	default:
		status, err := strconv.Atoi(how)
		if err != nil || status < 400 || status > 599 {
			return f, fmt.Errorf("cannot fail by %q: give a status from 400 to 599, or cut, hang, reset, none", how)
		}
		f.how, f.status = "status", status
	}
	return f, nil
}

func (f failure) hits(now time.Time) bool {
	return f.how != "none" && !now.Before(f.from) && now.Before(f.until) && rand.Float64() < f.share
}

// provider answers chat completions.
type provider struct {
	name    string
	latency time.Duration

	mu   sync.Mutex
	fail failure
}

func (p *provider) set(f failure) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fail = f
}

func (p *provider) failing(now time.Time) (failure, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fail, p.fail.hits(now)
}

func (p *provider) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/chat/completions", p.complete)
	mux.HandleFunc("POST /fail", p.cue)
	return mux
}

// cue takes orders from this machine only.
func (p *provider) cue(w http.ResponseWriter, r *http.Request) {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() || r.Header.Get("X-Forwarded-For") != "" {
		http.Error(w, "only from this machine", http.StatusForbidden)
		return
	}
	length, share := time.Minute, 1.0
	if s := r.FormValue("for"); s != "" {
		if length, err = time.ParseDuration(s); err != nil {
			http.Error(w, "for: "+err.Error(), http.StatusBadRequest)
			return
		}
	}
	if s := r.FormValue("share"); s != "" {
		if share, err = strconv.ParseFloat(s, 64); err != nil {
			http.Error(w, "share: "+err.Error(), http.StatusBadRequest)
			return
		}
	}
	f, err := newFailure(r.FormValue("how"), share, time.Now(), length)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	p.set(f)
	fmt.Fprintf(w, "%s: %s until %s\n", p.name, r.FormValue("how"), f.until.UTC().Format(time.RFC3339))
}

func (p *provider) complete(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		Model  string `json:"model"`
		Stream bool   `json:"stream"`
	}
	if err := json.NewDecoder(io.LimitReader(r.Body, 8<<20)).Decode(&asked); err != nil {
		answerError(w, http.StatusBadRequest)
		return
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, 8<<20))
	wait := p.latency
	if wait > 0 {
		wait = wait/2 + rand.N(wait)
	}
	select {
	case <-time.After(wait):
	case <-r.Context().Done():
		return
	}
	f, bad := p.failing(time.Now())
	switch {
	case bad && f.how == "status":
		answerError(w, f.status)
	case bad && f.how == "hang":
		<-r.Context().Done()
	case bad && f.how == "reset":
		panic(http.ErrAbortHandler) // net/http's way to drop the connection without an answer
	case asked.Stream:
		p.stream(w, asked.Model, bad)
	default:
		p.whole(w, asked.Model, bad)
	}
}

func answerError(w http.ResponseWriter, status int) {
	kind := map[int]string{429: "rate_limit_exceeded", 401: "invalid_api_key", 400: "invalid_request_error", 503: "overloaded"}[status]
	if kind == "" {
		kind = "server_error"
	}
	if status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", "5")
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"error":{"message":"%s","type":%q,"code":%q}}`+"\n", http.StatusText(status), kind, kind)
}

func (p *provider) whole(w http.ResponseWriter, model string, cut bool) {
	text, err := json.Marshal(map[string]any{
		"id": fmt.Sprintf("chatcmpl-%x", rand.Uint64()), "object": "chat.completion", "created": time.Now().Unix(), "model": model,
		"system_fingerprint": p.name,
		"choices":            []any{map[string]any{"index": 0, "message": map[string]any{"role": "assistant", "content": "Hello from " + p.name}, "finish_reason": "stop"}},
		"usage":              map[string]any{"prompt_tokens": 12, "completion_tokens": 5, "total_tokens": 17},
	})
	if err != nil {
		answerError(w, http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	if cut {
		_, _ = w.Write(text[:len(text)/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	_, _ = w.Write(text)
}

func (p *provider) stream(w http.ResponseWriter, model string, cut bool) {
	w.Header().Set("Content-Type", "text/event-stream")
	rc := http.NewResponseController(w)
	words := []string{"Hello", " from", " ", p.name}
	for i, word := range words {
		b, err := json.Marshal(map[string]any{"object": "chat.completion.chunk", "model": model, "choices": []any{map[string]any{"index": 0, "delta": map[string]any{"content": word}}}})
		if err != nil {
			return
		}
		fmt.Fprintf(w, "data: %s\n\n", b)
		_ = rc.Flush()
		if cut && i == len(words)/2 {
			panic(http.ErrAbortHandler)
		}
		time.Sleep(20 * time.Millisecond)
	}
	fmt.Fprint(w, "data: [DONE]\n\n")
}

package drill

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

// actor plays one provider at one place, with the provider's own paths, keys
// and shapes.
type actor struct {
	provider string
	region   string
	voice    voice
	fates    map[string]*fate // by model
	since    func() time.Duration
}

// voice is how a provider's good answers look.
type voice interface {
	whole(s script) []byte
	// stream is the event stream of s, one string an event; the last ones, at
	// which the answer is complete, are counted by tail.
	stream(s script) (events []string, tail int)
}

// script is what an actor will say.
type script struct {
	model string
	words []string
	usage usage
}

func newActor(provider, region string, s Scenario, seed uint64, since func() time.Duration) *actor {
	a := &actor{provider: provider, region: region, fates: map[string]*fate{}, since: since, voice: openaiVoice{}}
	if provider == "anthropic" {
		a.voice = anthropicVoice{}
	}
	for _, d := range deployments() {
		if d.Provider == provider && d.Region == region {
			a.fates[d.Model] = newFate(d, s, seed)
		}
	}
	return a
}

// asked is what every provider's request has in common.
type asked struct {
	Model    string          `json:"model"`
	Stream   bool            `json:"stream"`
	Format   *responseFormat `json:"response_format"`
	MaxTotal int             `json:"max_tokens"`
	System   string          `json:"system"`
	Parallel *bool           `json:"parallel_tool_calls"`
}

func (q asked) wantsJSON() bool {
	return q.Format != nil && q.Format.Type != "text" || strings.Contains(q.System, jsonOnly)
}

func (a *actor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, longestRequest))
	var q asked
	if err == nil {
		err = json.Unmarshal(body, &q)
	}
	f := a.fates[q.Model]
	if err != nil || f == nil || !a.path(r.URL.Path, q.Model) {
		http.NotFound(w, r)
		return
	}
	if !a.known(r.Header) {
		a.fail(w, q.Model, cue{kind: unauthorized})
		return
	}
	if a.refuses(w, q) {
		return
	}
	c := f.begin(a.since())
	defer f.end()
	a.play(w, r, f, q, c, len(body)/4)
}

// unknownToLocal is the parameter that the third tier does not know. Its traffic has none; a rehearsal finds it.
const unknownToLocal = "parallel_tool_calls"

// refuses answers a request with a parameter that the provider does not know.
func (a *actor) refuses(w http.ResponseWriter, q asked) bool {
	if a.provider != "llama" || q.Parallel == nil {
		return false
	}
	w.Header().Set("Content-Type", asJSON)
	w.WriteHeader(http.StatusBadRequest)
	_, _ = io.WriteString(w, `{"error":{"message":"Unrecognized request argument supplied: `+unknownToLocal+`","type":"invalid_request_error","param":"`+unknownToLocal+`","code":"unknown_parameter"}}`)
	return true
}

func (a *actor) path(path, model string) bool {
	switch a.provider {
	case "azure":
		return path == "/openai/deployments/"+model+"/chat/completions"
	case "anthropic":
		return path == "/v1/messages"
	}
	return path == "/v1/chat/completions"
}

func (a *actor) known(h http.Header) bool {
	switch a.provider {
	case "azure":
		return h.Get("Api-Key") == drillKey
	case "anthropic":
		return h.Get("X-Api-Key") == drillKey && h.Get("Anthropic-Version") != ""
	}
	return h.Get("Authorization") == "Bearer "+drillKey
}

// pace of a model in good health: to its first token and to its last.
var paces = map[string][2]time.Duration{
	"gpt-4o":        {40 * time.Millisecond, 110 * time.Millisecond},
	"gpt-4o-mini":   {25 * time.Millisecond, 70 * time.Millisecond},
	"claude-sonnet": {45 * time.Millisecond, 130 * time.Millisecond},
	"llama-3":       {30 * time.Millisecond, 100 * time.Millisecond},
}

const quickRefusal = 15 * time.Millisecond

func (a *actor) play(w http.ResponseWriter, r *http.Request, f *fate, q asked, c cue, tokens int) {
	ctx := r.Context()
	pace := paces[q.Model]
	first, total := f.pace(pace[0]), f.pace(pace[1])
	if c.answer > 0 {
		total = f.pace(c.answer)
		first = total / 2
	}
	first += time.Duration(tokens) * 2 * time.Microsecond // a long prompt takes its time
	total = max(total, first)
	switch c.kind {
	case reset, hangup:
		hangUp(w, c.kind == reset)
	case gatewayTimeout:
		if wait(ctx, max(c.hang, time.Second)) {
			a.fail(w, q.Model, c)
		}
	case badGateway, serverError:
		if wait(ctx, first) {
			a.fail(w, q.Model, c)
		}
	case healthy, truncated, invalidJSON:
		s := newScript(f, q, c.kind, tokens)
		if q.Stream {
			a.stream(ctx, w, s, c.kind == truncated, first, total)
		} else {
			a.whole(ctx, w, s, c.kind == truncated, total)
		}
	default:
		if wait(ctx, quickRefusal) {
			a.fail(w, q.Model, c)
		}
	}
}

// wait sleeps; false says that the caller has left.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (a *actor) fail(w http.ResponseWriter, model string, c cue) {
	p := payloadOf(a.provider, model, c)
	for name, value := range p.header {
		w.Header().Set(name, value)
	}
	w.Header().Set("Content-Type", p.kind)
	w.WriteHeader(p.status)
	_, _ = io.WriteString(w, p.body)
}

// hangUp ends the connection without an answer. A listener that is closed
// instead would give its port away, perhaps to another fleet.
func hangUp(w http.ResponseWriter, abruptly bool) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(*net.TCPConn); ok && abruptly {
		_ = tcp.SetLinger(0) // without it the kernel says goodbye properly
	}
	_ = conn.Close()
}

// whole sends an answer at once, or the first half of it.
func (a *actor) whole(ctx context.Context, w http.ResponseWriter, s script, cut bool, total time.Duration) {
	if !wait(ctx, total) {
		return
	}
	body := a.voice.whole(s)
	h := w.Header()
	h.Set("Content-Type", asJSON)
	h.Set("X-Ratelimit-Remaining-Requests", "4000")
	if cut {
		h.Set("Content-Length", itoa(len(body)))
		_, _ = w.Write(body[:len(body)/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	_, _ = w.Write(body)
}

// stream sends an answer piece by piece. A cut one loses its tail: one time in
// two the connection breaks, else the stream just ends, as if it were whole.
func (a *actor) stream(ctx context.Context, w http.ResponseWriter, s script, cut bool, first, total time.Duration) {
	events, tail := a.voice.stream(s)
	w.Header().Set("Content-Type", "text/event-stream")
	end := len(events)
	if cut {
		end = max(2, (len(events)-tail)/2)
	}
	if !wait(ctx, first) {
		return
	}
	const writes = 4 // several events share a packet, as they do on the wire
	step := max(end/writes, 1)
	for part := range slices.Chunk(events[:end], step) {
		if _, err := io.WriteString(w, strings.Join(part, "")); err != nil {
			return
		}
		if http.NewResponseController(w).Flush() != nil || !wait(ctx, (total-first)/writes) {
			return
		}
	}
	if cut && s.usage.In%2 == 0 {
		panic(http.ErrAbortHandler)
	}
}

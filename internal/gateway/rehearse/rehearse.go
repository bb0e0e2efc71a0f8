// Package rehearse finds out what a fallback's target does with the requests that would come to it: one small request as it is,
// one streamed, then one for each optional parameter, and one with all that were taken.
package rehearse

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sort"
	"strings"
	"time"

	"signalbox/internal/gateway"
	"signalbox/internal/redact"
)

// mostParameters bounds what one rehearsal tries: each is a request that somebody pays for.
const mostParameters = 24

// What a target does with a request.
const (
	Accepted = "accepted" // a whole answer came
	Refused  = "refused"  // it says no to the request as it is
	Broken   = "broken"   // it took the request, and the answer is not whole or not in the shape asked for
	Unknown  = "unknown"  // nothing was learnt: no answer, busy, or a fault of the moment
)

// Trial is one request of a rehearsal and what came back.
type Trial struct {
	Name      string  `json:"name"` // "plain", "stream", "all together", or a parameter
	Verdict   string  `json:"verdict"`
	Why       string  `json:"why,omitempty"`
	Status    int     `json:"status"`
	LatencyMS float64 `json:"latency_ms"`
	TTFTMS    float64 `json:"ttft_ms,omitempty"`
	Complete  bool    `json:"complete"`
	Served    string  `json:"served,omitempty"`
	ID        string  `json:"id"`
}

// Report is a whole rehearsal.
type Report struct {
	Endpoint string    `json:"endpoint"`
	Model    string    `json:"model"`
	At       time.Time `json:"at"`
	Trials   []Trial   `json:"trials"`
}

// OK tells whether the target took everything.
func (r Report) OK() bool {
	return len(r.Trials) > 0 && !slices.ContainsFunc(r.Trials, func(t Trial) bool { return t.Verdict != Accepted })
}

// Of names the trials that came to a verdict.
func (r Report) Of(verdict string) []string {
	var names []string
	for _, t := range r.Trials {
		if t.Verdict == verdict {
			names = append(names, t.Name)
		}
	}
	return names
}

// Text says in one line what came out.
func (r Report) Text() string {
	var parts []string
	for _, v := range []string{Refused, Broken, Unknown} {
		if names := r.Of(v); len(names) > 0 {
			parts = append(parts, v+": "+strings.Join(names, ", "))
		}
	}
	if len(parts) == 0 {
		return fmt.Sprintf("all %d requests were answered whole", len(r.Trials))
	}
	return strings.Join(parts, "; ")
}

// Usual are the optional parameters that are tried where no recorded request says which are in use.
func Usual() map[string]json.RawMessage {
	return map[string]json.RawMessage{
		"temperature":         json.RawMessage(`0`),
		"top_p":               json.RawMessage(`1`),
		"seed":                json.RawMessage(`7`),
		"stop":                json.RawMessage(`["\n\n\n"]`),
		"presence_penalty":    json.RawMessage(`0`),
		"response_format":     json.RawMessage(`{"type":"json_object"}`),
		"tools":               json.RawMessage(`[{"type":"function","function":{"name":"noop","description":"Does nothing; never call it.","parameters":{"type":"object","properties":{}}}}]`),
		"parallel_tool_calls": json.RawMessage(`false`),
	}
}

// needs names what a parameter cannot be sent without.
var needs = map[string]string{"parallel_tool_calls": "tools", "tool_choice": "tools", "top_logprobs": "logprobs"}

// Like takes the optional parameters out of a recorded request. Its content (messages, prompt, input, user, metadata) and what a
// probe sets itself stay out, and are replaced by the probe's own.
func Like(recorded []byte, own []string) (map[string]json.RawMessage, error) {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(recorded, &all); err != nil {
		return nil, fmt.Errorf("the recorded request is no JSON object: %w", err)
	}
	for _, name := range append([]string{"prompt", "input", "metadata", "stream_options", "store", "safety_identifier", "prompt_cache_key"}, own...) {
		delete(all, name)
	}
	if len(all) > mostParameters {
		return nil, fmt.Errorf("the recorded request has %d parameters; at most %d are tried", len(all), mostParameters)
	}
	return all, nil
}

// Sender sends one probe; an error says that nothing was sent.
type Sender func(context.Context, gateway.Probe) (gateway.ProbeAnswer, error)

// Run rehearses a target with these parameters. It stops at the first request that nothing can be learnt without.
func Run(ctx context.Context, send Sender, model string, fields map[string]json.RawMessage) (Report, error) {
	if model == "" {
		return Report{}, errors.New("a rehearsal needs the model that the fallback would use")
	}
	r := Report{Model: model, At: time.Now().UTC()}
	try := func(name string, p gateway.Probe) (Trial, error) {
		p.Model = model
		a, err := send(ctx, p)
		if err != nil {
			return Trial{}, fmt.Errorf("rehearsing %s: %w", name, err)
		}
		t := judge(name, a)
		r.Endpoint, r.Trials = a.Endpoint, append(r.Trials, t)
		return t, ctx.Err()
	}
	if t, err := try("plain", gateway.Probe{}); err != nil || t.Verdict != Accepted {
		return r, err
	}
	if _, err := try("stream", gateway.Probe{Stream: true}); err != nil {
		return r, err
	}
	taken := map[string]json.RawMessage{}
	for _, name := range order(fields) {
		one := map[string]json.RawMessage{name: fields[name]}
		if with := needs[name]; with != "" && fields[with] != nil {
			one[with] = fields[with]
		}
		t, err := try(name, gateway.Probe{Fields: one})
		if err != nil {
			return r, err
		}
		if t.Verdict == Accepted {
			taken[name] = fields[name]
		}
	}
	for name, with := range needs { // what it was tried with was not taken: it cannot go alone
		if taken[with] == nil {
			delete(taken, name)
		}
	}
	if len(taken) > 1 {
		if _, err := try("all together", gateway.Probe{Fields: taken}); err != nil {
			return r, err
		}
	}
	return r, nil
}

// order puts parameters behind those that they need.
func order(fields map[string]json.RawMessage) []string {
	names := slices.Collect(maps.Keys(fields))
	sort.Slice(names, func(i, j int) bool {
		a, b := needs[names[i]] != "", needs[names[j]] != ""
		return a != b && b || a == b && names[i] < names[j]
	})
	return names
}

// judge says what an answer means for the request that it is to.
func judge(name string, a gateway.ProbeAnswer) Trial {
	t := Trial{Name: name, Status: a.Status, LatencyMS: millis(a.Latency), TTFTMS: millis(a.FirstToken), Complete: a.Complete, Served: a.Served, ID: a.ID}
	switch {
	case a.Answered():
		t.Verdict, t.Why = Accepted, a.Note
	case a.Status == 0:
		t.Verdict, t.Why = Unknown, "no answer: "+a.Failed
	case a.Status == http.StatusBadRequest, a.Status == http.StatusUnprocessableEntity, a.Status == http.StatusNotFound, a.Status == http.StatusMethodNotAllowed, a.Status == http.StatusNotImplemented:
		t.Verdict, t.Why = Refused, fmt.Sprintf("%d %s", a.Status, said(a))
	case a.Status == http.StatusUnauthorized, a.Status == http.StatusForbidden:
		t.Verdict, t.Why = Refused, fmt.Sprintf("%d %s; the key may not use this target", a.Status, said(a))
	case a.Status >= 200 && a.Status < 300:
		t.Verdict, t.Why = Broken, a.Lacks+a.Failed
	default:
		t.Verdict, t.Why = Unknown, fmt.Sprintf("%d %s; try again", a.Status, said(a))
	}
	t.Why = redact.Clip(strings.TrimSpace(t.Why), 300)
	return t
}

func millis(d time.Duration) float64 { return float64(d.Round(100*time.Microsecond)) / 1e6 }

func said(a gateway.ProbeAnswer) string {
	return strings.TrimSpace(strings.Join(slices.DeleteFunc([]string{a.Code, a.Text}, func(s string) bool { return s == "" }), ": "))
}

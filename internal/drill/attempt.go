package drill

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	longestAnswer = 4 << 20  // a whole answer
	longestError  = 64 << 10 // a failed one, before it is cut for the log
)

// attempt sends the request to t once, on the breaker's permit that the caller
// holds, and writes the attempt's line.
func (x *exchange) attempt(ctx context.Context, t *target, timeout time.Duration) *answer {
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, errUpstreamTimeout)
	defer cancel()
	x.attempts++
	start := time.Now()
	t.inflight[x.workload].Add(1)
	a := x.ask(ctx, t, start)
	t.inflight[x.workload].Add(-1)
	t.record(a)
	x.g.attempted(x, t, a, time.Since(start))
	return a
}

func (x *exchange) ask(ctx context.Context, t *target, start time.Time) *answer {
	req, err := t.dialect.request(ctx, t, x.req)
	if err != nil {
		return x.broken(ctx, &answer{}, err)
	}
	resp, err := x.g.client.Do(req)
	if err != nil {
		return x.broken(ctx, &answer{}, err)
	}
	defer resp.Body.Close()
	a := &answer{status: resp.StatusCode}
	switch {
	case resp.StatusCode != http.StatusOK:
		body, err := io.ReadAll(io.LimitReader(resp.Body, longestError))
		if err != nil && len(body) == 0 {
			return x.broken(ctx, a, err)
		}
		a.failure = readFailure(body)
		a.failure.RetryAfter = retryAfter(resp.Header, time.Now())
	case x.req.Stream:
		x.relay(ctx, t, a, resp.Body, start)
	default:
		x.collect(ctx, t, a, resp.Body, start)
	}
	return a
}

// broken explains an attempt that ended without a proper answer.
func (x *exchange) broken(ctx context.Context, a *answer, err error) *answer {
	f := &failure{Code: codeConnection, Type: "upstream_connect_error", Message: "upstream connect error: " + err.Error()}
	switch {
	case x.r.Context().Err() != nil, errors.Is(err, errClient):
		f = &failure{Code: codeClosed, Type: "cancelled", Message: "the client closed the request"}
	case errors.Is(context.Cause(ctx), errUpstreamTimeout):
		f = &failure{Code: codeTimeout, Type: "timeout_error", Message: "upstream request timeout: " + errUpstreamTimeout.Error()}
	case a.begun:
		f = &failure{Code: codeTruncated, Type: "truncated", Message: "the answer was cut short: " + err.Error()}
	}
	a.failure = f
	return a
}

// collect reads a whole answer and checks that it is one.
func (x *exchange) collect(ctx context.Context, t *target, a *answer, body io.Reader, start time.Time) {
	first := make([]byte, 1)
	if _, err := io.ReadFull(body, first); err != nil {
		x.broken(ctx, a, err)
		return
	}
	a.begin(start)
	rest, err := io.ReadAll(io.LimitReader(body, longestAnswer))
	if err != nil {
		x.broken(ctx, a, err)
		return
	}
	c, err := t.dialect.whole(append(first, rest...))
	if err != nil {
		x.broken(ctx, a, err)
		return
	}
	a.served, a.finish, a.usage = c.Model, c.Finish, c.Usage
	if a.failure = x.complete(c.Text, c.Finish); a.failure == nil {
		a.body = wholeBody(x.id, c)
	}
}

// relay passes a streamed answer on as it comes and checks that it ends.
func (x *exchange) relay(ctx context.Context, t *target, a *answer, body io.Reader, start time.Time) {
	var text strings.Builder
	err := readEvents(body, func(data []byte) (bool, error) {
		p, err := t.dialect.event(data)
		if err != nil {
			return false, err
		}
		a.note(p)
		if p.Failure != nil {
			a.failure = p.Failure
			return false, nil
		}
		if p.Text == "" && p.Finish == "" {
			return !p.Last, nil
		}
		a.begin(start)
		if text.Len() < longestAnswer {
			text.WriteString(p.Text)
		}
		x.out.begin(a.served)
		a.written = true
		return !p.Last, x.out.send(p)
	})
	switch {
	case a.failure != nil:
	case err != nil && a.finish == "":
		x.broken(ctx, a, err)
	default:
		a.failure = x.complete(text.String(), a.finish)
	}
}

func (a *answer) begin(start time.Time) {
	if !a.begun {
		a.begun, a.first = true, time.Now()
		a.ttft = a.first.Sub(start)
	}
}

func (a *answer) note(p piece) {
	if p.Model != "" {
		a.served = p.Model
	}
	if p.Finish != "" {
		a.finish = p.Finish
	}
	a.usage.In = max(a.usage.In, p.Usage.In)
	a.usage.Out = max(a.usage.Out, p.Usage.Out)
	a.usage.Cached = max(a.usage.Cached, p.Usage.Cached)
}

func wholeBody(id string, c completion) []byte {
	body, err := json.Marshal(openaiAnswer{
		ID: id, Object: "chat.completion", Created: time.Now().Unix(), Model: c.Model,
		Choices: []openaiChoice{{Message: &openaiText{Role: "assistant", Content: c.Text}, Finish: &c.Finish}},
		Usage:   newOpenAIUsage(c.Usage),
	})
	if err != nil {
		panic(fmt.Sprintf("encoding an answer of strings and numbers: %v", err))
	}
	return body
}

// readFailure takes code, type and message from an error payload; what is no
// JSON is itself the message.
func readFailure(body []byte) *failure {
	var payload struct {
		Error json.RawMessage `json:"error"`
	}
	if json.Unmarshal(body, &payload) == nil && len(payload.Error) > 0 {
		var e openaiError
		if json.Unmarshal(payload.Error, &e) == nil && e.Message != "" {
			return e.failure()
		}
		var text string // ollama's shape
		if json.Unmarshal(payload.Error, &text) == nil && text != "" {
			return &failure{Message: text}
		}
	}
	return &failure{Message: string(body)}
}

// retryAfter is the wait that a response asks for: Azure's milliseconds first,
// then seconds or a date.
func retryAfter(h http.Header, now time.Time) time.Duration {
	if ms, err := strconv.Atoi(h.Get("Retry-After-Ms")); err == nil && ms > 0 {
		return time.Duration(ms) * time.Millisecond
	}
	value := h.Get("Retry-After")
	if seconds, err := strconv.ParseFloat(value, 64); err == nil && seconds > 0 && seconds < 1e6 {
		return time.Duration(seconds * float64(time.Second))
	}
	if at, err := http.ParseTime(value); err == nil && at.After(now) {
		return at.Sub(now)
	}
	return 0
}

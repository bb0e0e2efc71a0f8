package probe

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"strings"
	"time"

	"signalbox/internal/gateway"
	"signalbox/internal/redact"
)

// reply gathers what one answer tells.
type reply struct {
	answer gateway.ProbeAnswer
	probe  gateway.Probe
	known  *redact.Redactor
	text   strings.Builder // of the answer; for its shape, and to show its beginning
	calls  int             // pieces of tool calls
	over   bool
}

// chunk is an answer in OpenAI's shape, whole or one event of a stream.
type chunk struct {
	Model   string `json:"model"`
	Choices []struct {
		Message      content `json:"message"`
		Delta        content `json:"delta"`
		FinishReason string  `json:"finish_reason"`
	} `json:"choices"`
	Usage *struct {
		In  *int `json:"prompt_tokens"`
		Out *int `json:"completion_tokens"`
	} `json:"usage"`
	Error json.RawMessage `json:"error"`
}

type content struct {
	Content   json.RawMessage   `json:"content"`
	Refusal   string            `json:"refusal"`
	Reasoning string            `json:"reasoning_content"`
	ToolCalls []json.RawMessage `json:"tool_calls"`
}

func (r *reply) since() time.Duration { return time.Since(r.answer.SentAt) }

// read takes in a response. Bytes beyond the cap are not read.
func (r *reply) read(ctx context.Context, resp *http.Response) {
	a := &r.answer
	a.Status = resp.StatusCode
	a.Request = resp.Header.Get("X-Request-Id")
	a.RetryAfter = resp.Header.Get("Retry-After")
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if kind == "text/event-stream" && a.Status < 300 {
		r.stream(ctx, resp.Body)
	} else {
		r.whole(ctx, resp.Body)
	}
	a.Latency = r.since()
	if a.Status >= 200 && a.Status < 300 && a.Lacks == "" && a.Failed == "" && a.Code+a.Type == "" {
		r.judge()
	}
}

func (r *reply) whole(ctx context.Context, body io.Reader) {
	a := &r.answer
	raw, over, err := readAll(body)
	r.over = over
	if err != nil {
		r.broke(ctx, err)
	}
	var c chunk
	ok := json.Unmarshal(raw, &c) == nil
	if a.Status < 200 || a.Status >= 300 {
		if r.failure(c.Error); a.Text == "" {
			a.Text = string(raw)
		}
		return
	}
	switch {
	case err != nil:
	case over:
		a.Lacks = fmt.Sprintf("the answer is longer than %d bytes", mostAnswer)
	case !ok:
		a.Lacks, a.Invalid, a.Text = "the answer is no JSON", true, string(raw)
	default:
		r.take(c)
		if a.Stream {
			a.Note = "a stream was asked for, the answer came whole"
		}
	}
}

// stream reads server-sent events. An answer is at its end where an event gives the reason; [DONE] comes behind it.
func (r *reply) stream(ctx context.Context, body io.Reader) {
	a := &r.answer
	lines := bufio.NewScanner(io.LimitReader(body, mostAnswer+1))
	lines.Buffer(make([]byte, 0, 4<<10), mostAnswer+2)
	done, bytesRead := false, 0
	for lines.Scan() && !done {
		line := lines.Bytes()
		if bytesRead += len(line) + 1; bytesRead > mostAnswer {
			break
		}
		data, ok := bytes.CutPrefix(line, []byte("data:"))
		if data = bytes.TrimSpace(data); !ok || len(data) == 0 {
			continue
		}
		if done = string(data) == "[DONE]"; done {
			break
		}
		var c chunk
		if json.Unmarshal(data, &c) != nil {
			a.Lacks, a.Invalid = "an event of the stream is no JSON", true
			return
		}
		a.Pieces++
		if before := r.text.Len() + r.calls; r.take(c) && a.FirstToken == 0 && r.text.Len()+r.calls > before {
			a.FirstToken = r.since()
		}
	}
	r.over = bytesRead > mostAnswer
	if err := lines.Err(); err != nil {
		r.broke(ctx, err)
		return
	}
	switch {
	case a.Code+a.Type != "" || a.Lacks != "":
	case r.over:
		a.Lacks = fmt.Sprintf("the stream is longer than %d bytes", mostAnswer)
	case a.Finish == "" && a.Pieces == 0:
		a.Lacks = "the stream ended without an event"
	case a.Finish == "":
		a.Lacks = fmt.Sprintf("the stream ended after %d events without a finish reason", a.Pieces)
	case !done:
		a.Note = "the stream ended without [DONE]"
	}
}

// take adds one piece of an answer; false where it is an error in the middle of a stream.
func (r *reply) take(c chunk) bool {
	a := &r.answer
	if len(c.Error) > 0 && string(c.Error) != "null" {
		r.failure(c.Error)
		if a.Lacks = "the answer turned into an error"; a.Text == "" {
			a.Text = string(c.Error)
		}
		return false
	}
	if c.Model != "" {
		a.Served = c.Model
	}
	if c.Usage != nil {
		if c.Usage.In != nil {
			a.TokensIn = *c.Usage.In
		}
		if c.Usage.Out != nil {
			a.TokensOut = *c.Usage.Out
		}
	}
	for _, choice := range c.Choices {
		for _, part := range []content{choice.Message, choice.Delta} {
			r.text.WriteString(words(part.Content) + part.Refusal)
			r.calls += len(part.ToolCalls)
			if part.Reasoning != "" {
				r.calls++
			}
		}
		if choice.FinishReason != "" {
			a.Finish = choice.FinishReason
		}
	}
	return true
}

// words gives the text of a content, which is a string or a list of parts.
func words(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	var parts []struct {
		Text string `json:"text"`
	}
	if json.Unmarshal(raw, &parts) == nil {
		for _, p := range parts {
			s += p.Text
		}
	}
	return s
}

// failure reads an error body of any of the common shapes.
func (r *reply) failure(raw json.RawMessage) {
	a := &r.answer
	a.Error = true
	var e struct {
		Code    any    `json:"code"`
		Type    string `json:"type"`
		Status  string `json:"status"`
		Message string `json:"message"`
	}
	if json.Unmarshal(raw, &e) != nil {
		_ = json.Unmarshal(raw, &a.Text) // a bare string
		return
	}
	if e.Code != nil {
		a.Code = fmt.Sprint(e.Code)
	}
	if a.Type = e.Type; a.Type == "" {
		a.Type = e.Status
	}
	a.Text = e.Message
}

// judge tells whether an answer of status 200 is all that was asked for.
func (r *reply) judge() {
	a := &r.answer
	a.Capped = a.Finish == "length"
	switch {
	case a.Finish == "":
		a.Lacks = "the answer has no finish reason"
	case a.Finish == "content_filter":
		a.Lacks = "the answer was filtered"
	case r.text.Len() == 0 && r.calls == 0 && !a.Capped:
		a.Lacks = "the answer is empty"
	case a.Capped: // half of a JSON is no JSON: its shape cannot be judged
		a.Complete = true
	default:
		a.Lacks = misshapen(r.probe.Fields["response_format"], r.text.String())
		a.Invalid = a.Lacks != ""
		a.Complete = !a.Invalid
	}
	if a.Capped && r.probe.Fields["response_format"] != nil {
		a.Note = "it ended at the probe's cap of tokens, so its shape could not be judged"
	}
}

// broke tells why no answer came, or not all of it.
func (r *reply) broke(ctx context.Context, err error) {
	a := &r.answer
	a.Latency = r.since()
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	var timeout net.Error
	a.TimedOut = errors.Is(ctx.Err(), context.DeadlineExceeded) || (errors.As(err, &timeout) && timeout.Timeout())
	a.Failed = err.Error()
	if errors.Is(err, io.ErrUnexpectedEOF) {
		a.Failed = "the connection broke off in the middle of the answer"
	}
	if a.Status != 0 {
		a.Lacks = fmt.Sprintf("the answer broke off after %d events", a.Pieces)
		if a.Pieces == 0 {
			a.Lacks = "the answer broke off"
		}
	}
}

// told is the answer with every text from outside made harmless.
func (r *reply) told() gateway.ProbeAnswer {
	a := r.answer
	most := mostText
	if a.Text == "" {
		a.Text, most = r.text.String(), mostAnswerText
	}
	for text, limit := range map[*string]int{
		&a.Text: most, &a.Failed: mostText, &a.Lacks: mostText, &a.Code: mostName, &a.Type: mostName, &a.Finish: mostName, &a.Served: mostName,
		&a.Request: mostName, &a.RetryAfter: mostName,
	} {
		*text = redact.Outside(r.known.Secrets(*text), limit)
	}
	return a
}

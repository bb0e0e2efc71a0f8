package decode

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"

	"signalbox/internal/fault"
	"signalbox/internal/traffic"
)

// payload makes the record of a StandardLoggingPayload. It tells of one attempt: a success of the last one, a failure
// of the first that failed, also where a later one has served the client. So its side is upstream, also where no
// deployment was left to try or the proxy refused the request: beside a client side that has nothing but those
// failures, every request would seem to fail.
func (l *litellm) payload(received time.Time) (traffic.Record, Result) {
	failed := string(l.l.outcome) == "failure"
	switch {
	case !failed && string(l.l.outcome) != "success":
		return traffic.Record{}, Result{Why: "a payload without a status"}
	case !failed && string(l.l.cached) == "true":
		return traffic.Record{}, Result{Kind: Ignored, Why: "answered from LiteLLM's cache: no provider was asked"}
	}
	d := &l.d
	d.at = l.l.to
	if failed && !d.has(fMessage) {
		d.set(fMessage, 1, 0, value{kind: stringValue, bytes: l.l.errorStr})
	}
	if took := l.l.to.Sub(l.l.from); !l.l.from.IsZero() && took >= 0 {
		d.set(fLatency, 1, time.Microsecond, micros(took))
	}
	if streamed, _ := d.streamed(); streamed && !l.l.first.IsZero() && l.l.first.Before(l.l.to) && !l.l.first.Before(l.l.from) {
		d.set(fTTFT, 1, time.Microsecond, micros(l.l.first.Sub(l.l.from)))
	}
	if l.l.retries+l.l.falls > 0 {
		d.set(fAttempt, 1, 0, value{kind: numberValue, bytes: strconv.AppendInt(nil, 1+l.l.retries+l.l.falls, 10)})
	}
	if bytes.HasPrefix(d.word(fType), []byte("RouterRateLimitError")) {
		d.vals[fDeployment], d.vals[fBaseURL] = value{}, value{} // of some other attempt: this one found none
	}
	d.line = l.abridged()
	rec, res := l.rec.record(d, traffic.SideUpstream, received)
	if rec.Key[traffic.Provider] == traffic.Unknown { // the inventory knows better: many providers speak openai's interface
		rec.Key[traffic.Provider] = l.rec.kit.Symbols.InternBytes(wordOfPayload(l.l.dialect))
	}
	if !failed {
		rec.Outcome, rec.Known = traffic.NewOutcome(fault.None, 200), rec.Known|traffic.HasStatus
		if fault.BadFinish(string(d.word(fFinish))) {
			l.rec.fail(d, &rec, 200)
		}
		return rec, res
	}
	rec.Known &^= traffic.HasTokensIn | traffic.HasTokensOut | traffic.HasTokensCached // zeros that nobody counted
	l.failedPayload(&rec)
	return rec, res
}

// abridged is what is kept of the line itself. Prompt, answer, headers and key stay out.
func (l *litellm) abridged() []byte {
	d := &l.d
	b, err := json.Marshal(struct {
		ID         string `json:"litellm_call_id,omitempty"`
		Status     string `json:"status"`
		Group      string `json:"model_group,omitempty"`
		Model      string `json:"model,omitempty"`
		Deployment string `json:"model_id,omitempty"`
		Class      string `json:"error_class,omitempty"`
		Sorted     string `json:"normalized_error,omitempty"`
		Error      string `json:"error_str,omitempty"`
	}{
		d.text(fRequestID, maxWord), bounded(l.l.outcome, maxWord), d.text(fModel, maxWord), d.text(fServed, maxWord), d.text(fDeployment, maxWord),
		d.text(fType, maxWord), bounded(l.l.errorAs, maxWord), d.text(fMessage, MaxMessage),
	})
	if err != nil {
		return nil
	}
	return b
}

// failedPayload says why a payload's attempt failed.
func (l *litellm) failedPayload(rec *traffic.Record) {
	d := &l.d
	status := 0
	if n, ok := smallInt(d.word(fCode)); ok && n >= 400 && n < 600 { // the code is the status, or the provider's own word
		status = int(n)
		d.vals[fCode] = value{}
	} else if n, ok := leadingStatus(l.l.errorAs); ok {
		status = n
	}
	l.classed(rec, status, normalized(l.l.errorAs))
}

// normalizedErrors are the words in which LiteLLM sorts errors, where an error's text says nothing.
var normalizedErrors = map[string]fault.Class{
	"NO_HEALTHY_DEPLOYMENTS": fault.NoHealthyUpstream, "RATE_LIMIT_EXCEEDED": fault.RateLimited, "UPSTREAM_TIMEOUT": fault.Timeout,
	"PROVIDER_CONNECTION_ERROR": fault.Connection, "PROVIDER_OVERLOADED": fault.Overloaded, "AUTHENTICATION_FAILED": fault.Auth, "INVALID_REQUEST": fault.BadRequest,
}

func normalized(word []byte) fault.Class {
	_, name, _ := bytes.Cut(word, []byte("_"))
	if c, ok := normalizedErrors[string(name)]; ok {
		return c
	}
	return fault.ServerError
}

// leadingStatus reads the status that a text begins with: "429_RATE_LIMIT_EXCEEDED", "400: no such model".
func leadingStatus(b []byte) (int, bool) {
	if len(b) < 4 || b[3] != '_' && b[3] != ':' {
		return 0, false
	}
	n, ok := smallInt(b[:3])
	return int(n), ok && n >= 400 && n < 600
}

func micros(took time.Duration) value {
	return value{kind: numberValue, bytes: strconv.AppendInt(nil, took.Microseconds(), 10)}
}

func wordOfPayload(b []byte) []byte {
	if s := string(b); s == "null" || s == "None" || len(b) > maxWord {
		return nil
	}
	return b
}

// maxElements bounds how many payloads one line may hold.
const maxElements = 10_000

// elements takes an array of JSON objects apart.
func elements(line []byte) (parts [][]byte, ok bool) {
	line = bytes.TrimSpace(line)
	if len(line) < 2 || line[0] != '[' || line[len(line)-1] != ']' {
		return nil, false
	}
	s := scanner{data: line, i: 1, visit: func([]byte, value) {}}
	for {
		s.blank()
		from := s.i
		if s.i >= len(line) || line[s.i] != '{' || !s.object(0) || len(parts) >= maxElements {
			return nil, false
		}
		parts = append(parts, line[from:s.i:s.i])
		switch s.next(',', ']') {
		case ']':
			return parts, s.i == len(line)
		case 0:
			return nil, false
		}
	}
}

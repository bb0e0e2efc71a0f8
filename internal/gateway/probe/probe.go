// Package probe sends one small request to an endpoint that speaks OpenAI's chat API, and tells what came back: how
// fast, how complete, and in which shape. A probe is marked in a header and in the user field, so that it can be told
// from users' traffic, and capped in size, tokens and time, so that it costs next to nothing. Runbooks and rehearsals
// send the same ones.
package probe

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"signalbox/internal/gateway"
	"signalbox/internal/redact"
)

// The caps of a probe.
const (
	DefaultMaxTokens = 16
	MostTokens       = 1024 // of an answer, whatever an endpoint's configuration says
	DefaultTimeout   = 30 * time.Second
	mostRequest      = 32 << 10
	mostAnswer       = 256 << 10
	mostText         = 600 // of an error text; of an answer far less is kept
	mostAnswerText   = 120
	mostName         = 120
)

// Marks of a probe: what tells its request from those of users.
const (
	HeaderMark = "X-Signalbox-Probe" // holds the probe's id
	UserMark   = "signalbox-probe"   // the user field, and the name of the client
)

// Endpoint is where probes are sent.
type Endpoint struct {
	Name string
	URL  string // base URL (".../v1"), or the whole path of chat completions; a query is kept
	// Key gives the key, asked before each request; nil: none is sent.
	Key       func(ctx context.Context) (string, error)
	KeyHeader string            // where the key goes, "" for Authorization: Bearer; api-key for Azure
	Headers   map[string]string // sent besides: what routes a request to a region or deployment
	MaxTokens int               // 0: DefaultMaxTokens
	MaxField  string            // how the cap of tokens is called; "" is max_tokens
	Timeout   time.Duration     // of the whole request; 0: DefaultTimeout
	Transport http.RoundTripper // nil: http.DefaultTransport
}

// NewID names a probe.
func NewID() string {
	b := make([]byte, 6)
	_, _ = rand.Read(b) // never fails
	return "probe-" + hex.EncodeToString(b)
}

// Send sends one probe and waits for its answer, no longer than the endpoint's timeout. What an endpoint says or does
// is in the answer, never an error: an error says that nothing was sent, and why.
func (e Endpoint) Send(ctx context.Context, p gateway.Probe) (gateway.ProbeAnswer, error) {
	if p.ID == "" {
		p.ID = NewID()
	}
	if p.MaxTokens <= 0 || p.MaxTokens > e.cap() {
		p.MaxTokens = e.cap()
	}
	ctx, cancel := context.WithTimeoutCause(ctx, e.timeout(), fmt.Errorf("no whole answer within %s", e.timeout()))
	defer cancel()
	req, secret, err := e.request(ctx, p)
	if err != nil {
		return gateway.ProbeAnswer{}, err
	}
	r := &reply{known: redact.New(nil, secret), answer: gateway.ProbeAnswer{
		Endpoint: e.Name, ID: p.ID, Model: p.Model, Stream: p.Stream, SentAt: time.Now(), TokensIn: -1, TokensOut: -1,
	}, probe: p}
	client := gateway.Straight(&http.Client{Transport: e.Transport})
	resp, err := client.Do(req)
	if err != nil {
		r.broke(ctx, err)
		return r.told(), nil
	}
	defer resp.Body.Close()
	r.read(ctx, resp)
	return r.told(), nil
}

func (e Endpoint) cap() int {
	if e.MaxTokens <= 0 {
		return DefaultMaxTokens
	}
	return min(e.MaxTokens, MostTokens)
}

func (e Endpoint) timeout() time.Duration {
	if e.Timeout <= 0 {
		return DefaultTimeout
	}
	return e.Timeout
}

// address is the URL of chat completions.
func (e Endpoint) address() (string, error) {
	u, err := url.Parse(e.URL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return "", fmt.Errorf("endpoint %s: its url is no http address; write one like https://gateway.example/v1", e.Name)
	}
	if u.Path = strings.TrimRight(u.Path, "/"); !strings.HasSuffix(u.Path, "/completions") {
		u.Path += "/chat/completions"
	}
	return u.String(), nil
}

func (e Endpoint) request(ctx context.Context, p gateway.Probe) (req *http.Request, secret string, err error) {
	to, err := e.address()
	if err != nil {
		return nil, "", err
	}
	body, err := e.body(p)
	if err != nil {
		return nil, "", err
	}
	if req, err = http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body)); err != nil {
		return nil, "", fmt.Errorf("endpoint %s: %w", e.Name, err)
	}
	for name, value := range e.Headers {
		req.Header.Set(name, value)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", UserMark)
	req.Header.Set(HeaderMark, p.ID)
	req.Header.Set("X-Request-Id", p.ID)
	if p.Stream {
		req.Header.Set("Accept", "text/event-stream")
	}
	if e.Key == nil {
		return req, "", nil
	}
	if secret, err = e.Key(ctx); err != nil {
		return nil, "", fmt.Errorf("endpoint %s: its key: %w", e.Name, err)
	}
	if header := e.KeyHeader; header != "" && !strings.EqualFold(header, "Authorization") {
		req.Header.Set(header, secret)
	} else {
		req.Header.Set("Authorization", "Bearer "+secret)
	}
	return req, secret, nil
}

// Own lists the fields of a request that are the probe's own: nobody else sets them.
func Own() []string {
	return []string{"model", "messages", "stream", "user", "n", "max_tokens", "max_completion_tokens"}
}

// body is the request. What is not asked for is not sent: a probe has no optional field by itself.
func (e Endpoint) body(p gateway.Probe) ([]byte, error) {
	if p.Model == "" {
		return nil, errors.New("a probe needs a model; name one")
	}
	all := map[string]any{}
	for name, value := range p.Fields {
		if slices.Contains(Own(), name) {
			return nil, fmt.Errorf("field %s is the probe's own; leave it out", name)
		}
		all[name] = value
	}
	most := e.MaxField
	if most == "" {
		most = "max_tokens"
	}
	maps.Copy(all, map[string]any{
		"model": p.Model, "user": UserMark, most: p.MaxTokens,
		"messages": []map[string]string{{"role": "user", "content": prompt(p)}},
	})
	if p.Stream {
		all["stream"] = true
	}
	body, err := json.Marshal(all)
	switch {
	case err != nil:
		return nil, fmt.Errorf("the probe's fields: %w", err)
	case len(body) > mostRequest:
		return nil, fmt.Errorf("a probe of %d bytes, at most %d are sent; leave fields out", len(body), mostRequest)
	}
	return body, nil
}

// prompt asks for next to nothing. A request for JSON has to say so in words too, or some providers refuse it.
func prompt(p gateway.Probe) string {
	ask := "Reply with the single word ok."
	if _, ok := p.Fields["response_format"]; ok {
		ask = "Reply with a small JSON object."
	}
	switch {
	case p.Prompt != "":
		return p.Prompt
	case p.Large:
		return strings.Repeat("This line fills a test request and means nothing to anybody. ", 150) + ask
	}
	return ask
}

// readAll reads what is allowed of a body. over tells that there was more.
func readAll(r io.Reader) (body []byte, over bool, err error) {
	body, err = io.ReadAll(io.LimitReader(r, mostAnswer+1))
	if len(body) > mostAnswer {
		return body[:mostAnswer], true, nil
	}
	return body, false, err
}

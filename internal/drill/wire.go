package drill

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// chatRequest is what a client asks, in OpenAI's shape. Fields that the
// gateway does not need stay in fields and go upstream as they came.
type chatRequest struct {
	Model          string          `json:"model"`
	Messages       []chatMessage   `json:"messages"`
	Stream         bool            `json:"stream"`
	MaxTokens      int             `json:"max_tokens"`
	ResponseFormat *responseFormat `json:"response_format"`

	fields map[string]json.RawMessage
	size   int
}

type chatMessage struct {
	Role    string          `json:"role"`
	Content json.RawMessage `json:"content"`
}

func (m chatMessage) text() string {
	var s string
	if json.Unmarshal(m.Content, &s) == nil {
		return s
	}
	return string(m.Content)
}

// responseFormat asks for JSON, with or without a schema.
type responseFormat struct {
	Type       string `json:"type"` // text, json_object, json_schema
	JSONSchema *struct {
		Name   string          `json:"name"`
		Schema json.RawMessage `json:"schema"`
	} `json:"json_schema"`
}

func parseChat(body []byte) (*chatRequest, error) {
	var r chatRequest
	if err := json.Unmarshal(body, &r); err != nil {
		return nil, fmt.Errorf("the body is not a chat request: %w", err)
	}
	if err := json.Unmarshal(body, &r.fields); err != nil {
		return nil, fmt.Errorf("the body is not an object: %w", err)
	}
	switch {
	case r.Model == "":
		return nil, errors.New("you must provide a model parameter")
	case len(r.Messages) == 0:
		return nil, errors.New("messages must hold at least one message")
	}
	r.size = len(body)
	return &r, nil
}

// shape names requests that look alike: same model, mode, number of turns and
// order of size. Text does not enter it.
func (r *chatRequest) shape() string {
	kind := "text"
	if r.ResponseFormat != nil {
		kind = r.ResponseFormat.Type
	}
	magnitude := 0
	for n := r.size; n > 256; n /= 4 {
		magnitude++
	}
	sum := hash64(r.Model, kind, fmt.Sprint(r.Stream, len(r.Messages), magnitude))
	return fmt.Sprintf("%016x", sum)
}

// completion is a whole answer.
type completion struct {
	Model, Text, Finish string
	Usage               usage
}

// piece is one event of a streamed answer.
type piece struct {
	Model, Text, Finish string
	Usage               usage
	Failure             *failure // the provider broke off and said why
	Last                bool     // nothing follows
}

// dialect is how one provider's API is spoken.
type dialect interface {
	// request is the upstream request for r, without a context's deadline.
	request(ctx context.Context, t *target, r *chatRequest) (*http.Request, error)
	whole(body []byte) (completion, error)
	event(data []byte) (piece, error)
}

func dialectOf(d Deployment) dialect {
	switch d.Provider {
	case "anthropic":
		return anthropicDialect{}
	case "azure":
		return openaiDialect{path: "/openai/deployments/" + d.Model + "/chat/completions?api-version=2024-10-21", key: "api-key"}
	default:
		return openaiDialect{path: "/v1/chat/completions", key: "Authorization"}
	}
}

// drillKey is what the actors take for a provider's key.
const drillKey = "drill-key"

// openaiDialect is spoken by OpenAI, Azure and local servers, at other paths
// and with the key in another header.
type openaiDialect struct{ path, key string }

func (o openaiDialect) request(ctx context.Context, t *target, r *chatRequest) (*http.Request, error) {
	fields := make(map[string]json.RawMessage, len(r.fields)+1)
	for name, value := range r.fields {
		fields[name] = value
	}
	fields["model"], _ = json.Marshal(t.Model) // a string always encodes
	if r.Stream {
		fields["stream_options"] = json.RawMessage(`{"include_usage":true}`)
	}
	body, err := json.Marshal(fields)
	if err != nil {
		return nil, fmt.Errorf("encoding request: %w", err)
	}
	req, err := newPost(ctx, t.baseURL+o.path, body)
	if err != nil {
		return nil, err
	}
	key := drillKey
	if o.key == "Authorization" {
		key = "Bearer " + key
	}
	req.Header.Set(o.key, key)
	return req, nil
}

func newPost(ctx context.Context, url string, body []byte) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("building request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	return req, nil
}

type openaiUsage struct {
	Prompt     int `json:"prompt_tokens"`
	Completion int `json:"completion_tokens"`
	Total      int `json:"total_tokens"`
	Details    struct {
		Cached int `json:"cached_tokens"`
	} `json:"prompt_tokens_details"`
}

func (u *openaiUsage) usage() usage {
	if u == nil {
		return usage{}
	}
	return usage{In: u.Prompt, Out: u.Completion, Cached: u.Details.Cached}
}

func newOpenAIUsage(u usage) *openaiUsage {
	o := &openaiUsage{Prompt: u.In, Completion: u.Out, Total: u.In + u.Out}
	o.Details.Cached = u.Cached
	return o
}

type openaiAnswer struct {
	ID      string         `json:"id"`
	Object  string         `json:"object"`
	Created int64          `json:"created"`
	Model   string         `json:"model"`
	Choices []openaiChoice `json:"choices"`
	Usage   *openaiUsage   `json:"usage,omitempty"`
	Error   *openaiError   `json:"error,omitempty"`
}

type openaiChoice struct {
	Index   int         `json:"index"`
	Message *openaiText `json:"message,omitempty"`
	Delta   *openaiText `json:"delta,omitempty"`
	Finish  *string     `json:"finish_reason"`
}

type openaiText struct {
	Role    string `json:"role,omitempty"`
	Content string `json:"content"`
}

type openaiError struct {
	Message string `json:"message"`
	Type    string `json:"type"`
	Param   any    `json:"param"`
	Code    any    `json:"code"` // text at OpenAI, a number at llama.cpp
}

func (e *openaiError) failure() *failure {
	f := &failure{Type: e.Type, Message: e.Message}
	if e.Code != nil {
		f.Code = fmt.Sprint(e.Code)
	}
	return f
}

func (openaiDialect) whole(body []byte) (completion, error) {
	var a openaiAnswer
	if err := json.Unmarshal(body, &a); err != nil {
		return completion{}, fmt.Errorf("reading answer: %w", err)
	}
	c := completion{Model: a.Model, Usage: a.Usage.usage()}
	if len(a.Choices) > 0 {
		if a.Choices[0].Message != nil {
			c.Text = a.Choices[0].Message.Content
		}
		c.Finish = deref(a.Choices[0].Finish)
	}
	return c, nil
}

func (openaiDialect) event(data []byte) (piece, error) {
	if string(data) == "[DONE]" {
		return piece{Last: true}, nil
	}
	var a openaiAnswer
	if err := json.Unmarshal(data, &a); err != nil {
		return piece{}, fmt.Errorf("reading stream event: %w", err)
	}
	p := piece{Model: a.Model, Usage: a.Usage.usage()}
	if a.Error != nil {
		p.Failure = a.Error.failure()
	}
	if len(a.Choices) > 0 {
		if a.Choices[0].Delta != nil {
			p.Text = a.Choices[0].Delta.Content
		}
		p.Finish = deref(a.Choices[0].Finish)
	}
	return p, nil
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

package drill

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// anthropicDialect translates between OpenAI's chat and Anthropic's messages:
// another path, key header, mandatory max_tokens, the system prompt apart.
type anthropicDialect struct{}

// defaultMaxTokens stands in where a client names none; Anthropic demands one.
const defaultMaxTokens = 1024

type anthropicRequest struct {
	Model     string          `json:"model"`
	MaxTokens int             `json:"max_tokens"`
	System    string          `json:"system,omitempty"`
	Messages  []anthropicTurn `json:"messages"`
	Stream    bool            `json:"stream,omitempty"`
}

type anthropicTurn struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

type anthropicUsage struct {
	Input  int `json:"input_tokens"`
	Output int `json:"output_tokens"`
	Cached int `json:"cache_read_input_tokens"`
}

type anthropicAnswer struct {
	ID      string          `json:"id"`
	Type    string          `json:"type"`
	Role    string          `json:"role"`
	Model   string          `json:"model"`
	Content []anthropicText `json:"content"`
	Stop    *string         `json:"stop_reason"`
	Usage   anthropicUsage  `json:"usage"`
}

type anthropicText struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

type anthropicEvent struct {
	Type    string           `json:"type"`
	Message *anthropicAnswer `json:"message,omitempty"`
	Index   *int             `json:"index,omitempty"`
	Block   *anthropicText   `json:"content_block,omitempty"`
	Delta   *anthropicDelta  `json:"delta,omitempty"`
	Usage   *anthropicUsage  `json:"usage,omitempty"`
	Error   *openaiError     `json:"error,omitempty"`
}

type anthropicDelta struct {
	Type string `json:"type,omitempty"`
	Text string `json:"text,omitempty"`
	Stop string `json:"stop_reason,omitempty"`
}

func (anthropicDialect) request(ctx context.Context, t *target, r *chatRequest) (*http.Request, error) {
	out := anthropicRequest{Model: t.Model, MaxTokens: r.MaxTokens, Stream: r.Stream}
	if out.MaxTokens <= 0 {
		out.MaxTokens = defaultMaxTokens
	}
	var system []string
	for _, m := range r.Messages {
		if m.Role == "system" || m.Role == "developer" {
			system = append(system, m.text())
			continue
		}
		out.Messages = append(out.Messages, anthropicTurn{Role: m.Role, Content: m.text()})
	}
	if wish := jsonWish(r.ResponseFormat); wish != "" {
		system = append(system, wish)
	}
	out.System = strings.Join(system, "\n")
	body, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("encoding request: %w", err)
	}
	req, err := newPost(ctx, t.baseURL+"/v1/messages", body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("x-api-key", drillKey)
	req.Header.Set("anthropic-version", "2023-06-01")
	return req, nil
}

const jsonOnly = "Answer with one JSON value and nothing else."

// jsonWish says in words what Anthropic has no parameter for.
func jsonWish(f *responseFormat) string {
	switch {
	case f == nil || f.Type == "text":
		return ""
	case f.JSONSchema == nil:
		return jsonOnly
	}
	return jsonOnly + " It must fit this schema: " + string(f.JSONSchema.Schema)
}

func (u anthropicUsage) usage() usage {
	return usage{In: u.Input + u.Cached, Out: u.Output, Cached: u.Cached}
}

func (anthropicDialect) whole(body []byte) (completion, error) {
	var a anthropicAnswer
	if err := json.Unmarshal(body, &a); err != nil {
		return completion{}, fmt.Errorf("reading answer: %w", err)
	}
	var text strings.Builder
	for _, block := range a.Content {
		text.WriteString(block.Text)
	}
	return completion{
		Model: a.Model, Text: text.String(), Finish: finishOf(deref(a.Stop)), Usage: a.Usage.usage(),
	}, nil
}

func (anthropicDialect) event(data []byte) (piece, error) {
	var e anthropicEvent
	if err := json.Unmarshal(data, &e); err != nil {
		return piece{}, fmt.Errorf("reading stream event: %w", err)
	}
	var p piece
	if e.Message != nil {
		p.Model, p.Usage = e.Message.Model, e.Message.Usage.usage()
	}
	if e.Delta != nil {
		p.Text, p.Finish = e.Delta.Text, finishOf(e.Delta.Stop)
	}
	if e.Usage != nil {
		p.Usage = e.Usage.usage()
	}
	if e.Error != nil {
		p.Failure = e.Error.failure()
	}
	p.Last = e.Type == "message_stop"
	return p, nil
}

// finishOf is OpenAI's word for Anthropic's.
func finishOf(stop string) string {
	switch stop {
	case "end_turn", "stop_sequence":
		return "stop"
	case "max_tokens":
		return "length"
	case "refusal":
		return "content_filter"
	}
	return stop
}

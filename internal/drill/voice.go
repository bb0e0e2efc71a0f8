package drill

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

func itoa(n int) string { return strconv.Itoa(n) }

// vocabulary is what the actors' answers are made of.
var vocabulary = strings.Fields("the train leaves platform four at noon and the signal shows green while " +
	"a second train waits before the junction for its turn to pass the bridge over the river")

// newScript draws an answer to q.
func newScript(f *fate, q asked, kind failureKind, tokens int) script {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 12 + f.rng.IntN(48)
	if q.MaxTotal > 0 {
		n = min(n, q.MaxTotal)
	}
	s := script{model: q.Model, usage: usage{In: max(tokens, 1), Out: n}}
	if tokens > 1024 { // the shared beginning of long prompts is cached
		s.usage.Cached = tokens / 2
	}
	if q.wantsJSON() {
		s.words = []string{`{"label":`, ` "delay",`, ` "score":`, ` 0.` + itoa(10+f.rng.IntN(89)), `}`}
		if kind == invalidJSON {
			s.words = s.words[:3]
		}
		return s
	}
	at := f.rng.IntN(len(vocabulary))
	for i := range n {
		s.words = append(s.words, vocabulary[(at+i)%len(vocabulary)]+" ")
	}
	return s
}

func mustJSON(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("encoding an actor's own answer: %v", err))
	}
	return data
}

// openaiVoice is also Azure's and llama.cpp's.
type openaiVoice struct{}

const actorsClock = 1_750_000_000 // "created"; nobody reads it

func (openaiVoice) whole(s script) []byte {
	finish := "stop"
	return mustJSON(openaiAnswer{
		ID: "chatcmpl-" + randomHex(6), Object: "chat.completion", Created: actorsClock, Model: s.model,
		Choices: []openaiChoice{{Message: &openaiText{Role: "assistant", Content: strings.Join(s.words, "")}, Finish: &finish}},
		Usage:   newOpenAIUsage(s.usage),
	})
}

func (openaiVoice) stream(s script) (events []string, tail int) {
	id := "chatcmpl-" + randomHex(6)
	chunk := func(choices []openaiChoice, u *openaiUsage) string {
		return "data: " + string(mustJSON(openaiAnswer{
			ID: id, Object: "chat.completion.chunk", Created: actorsClock, Model: s.model, Choices: choices, Usage: u,
		})) + "\n\n"
	}
	events = append(events, chunk([]openaiChoice{{Delta: &openaiText{Role: "assistant"}}}, nil))
	for _, part := range inParts(s.words) {
		events = append(events, chunk([]openaiChoice{{Delta: &openaiText{Content: part}}}, nil))
	}
	finish := "stop"
	return append(events,
		chunk([]openaiChoice{{Delta: &openaiText{}, Finish: &finish}}, nil),
		chunk([]openaiChoice{}, newOpenAIUsage(s.usage)),
		"data: [DONE]\n\n"), 3
}

// inParts joins words into at most eight pieces: tokens come in clumps.
func inParts(words []string) []string {
	var parts []string
	step := max((len(words)+7)/8, 1)
	for at := 0; at < len(words); at += step {
		parts = append(parts, strings.Join(words[at:min(at+step, len(words))], ""))
	}
	return parts
}

type anthropicVoice struct{}

func (u usage) anthropic() anthropicUsage {
	return anthropicUsage{Input: u.In - u.Cached, Output: u.Out, Cached: u.Cached}
}

func (anthropicVoice) whole(s script) []byte {
	stop := "end_turn"
	return mustJSON(anthropicAnswer{
		ID: "msg_" + randomHex(8), Type: "message", Role: "assistant", Model: s.model, Stop: &stop,
		Content: []anthropicText{{Type: "text", Text: strings.Join(s.words, "")}}, Usage: s.usage.anthropic(),
	})
}

func (anthropicVoice) stream(s script) (events []string, tail int) {
	event := func(e anthropicEvent) string {
		return "event: " + e.Type + "\ndata: " + string(mustJSON(e)) + "\n\n"
	}
	zero, opening := 0, s.usage.anthropic()
	opening.Output = 1
	events = append(events,
		event(anthropicEvent{Type: "message_start", Message: &anthropicAnswer{
			ID: "msg_" + randomHex(8), Type: "message", Role: "assistant", Model: s.model,
			Content: []anthropicText{}, Usage: opening,
		}}),
		event(anthropicEvent{Type: "content_block_start", Index: &zero, Block: &anthropicText{Type: "text"}}),
		event(anthropicEvent{Type: "ping"}))
	for _, part := range inParts(s.words) {
		events = append(events, event(anthropicEvent{
			Type: "content_block_delta", Index: &zero, Delta: &anthropicDelta{Type: "text_delta", Text: part},
		}))
	}
	final := anthropicUsage{Output: s.usage.Out}
	return append(events,
		event(anthropicEvent{Type: "content_block_stop", Index: &zero}),
		event(anthropicEvent{Type: "message_delta", Delta: &anthropicDelta{Stop: "end_turn"}, Usage: &final}),
		event(anthropicEvent{Type: "message_stop"})), 3
}

package litellm_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"
)

// actor plays the providers. What each does with a request stands in the prompt: "case=NAME eu=500 mini=cut", where
// all=HOW is for every provider and once=HOW for the first request of a case. It counts by case.
type actor struct {
	release chan struct{} // ends what all=hold holds
	begun   chan struct{} // lets what all=cut streams break off
	mu      sync.Mutex
	seen    map[string]int
}

// cues are found in the body of any interface.
var cues = regexp.MustCompile(`\b([a-z]+)=([a-z0-9-]+)`)

// prompt marks what must not be in any line of the callback.
const prompt = "the-prompt-stays-here"

func (a *actor) count(name string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.seen[name]
}

// as plays one provider.
func (a *actor) as(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var asked struct {
			Model  string
			Stream bool
		}
		body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		if err != nil || json.Unmarshal(body, &asked) != nil {
			http.Error(w, "no request", http.StatusBadRequest)
			return
		}
		cue := make(map[string]string)
		for _, m := range cues.FindAllStringSubmatch(string(body), -1) {
			cue[m[1]] = m[2]
		}
		a.mu.Lock()
		a.seen[cue["case"]]++
		first := a.seen[cue["case"]] == 1
		a.mu.Unlock()
		how := cue["all"] + cue[name]
		if first {
			how += cue["once"]
		}
		if answerError(w, how) {
			return
		}
		switch how {
		case "reset":
			panic(http.ErrAbortHandler) // net/http's way to drop the connection
		case "hang":
			<-r.Context().Done()
			return
		case "hold":
			select {
			case <-a.release:
			case <-r.Context().Done():
			}
		}
		if asked.Stream {
			a.stream(w, r, asked.Model, how)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if strings.HasSuffix(r.URL.Path, "/responses") {
			fmt.Fprintf(w, `{"id":"resp_1","object":"response","created_at":1795264800,"status":"completed","model":%q,"output":[{"type":"message","id":"msg_1","status":"completed","role":"assistant",`+
				`"content":[{"type":"output_text","text":"the-answer-stays-here","annotations":[]}]}],"usage":{"input_tokens":12,"output_tokens":5,"total_tokens":17},"parallel_tool_calls":true,"tool_choice":"auto","tools":[]}`, asked.Model)
			return
		}
		fmt.Fprintf(w, `{"id":"chatcmpl-%s","object":"chat.completion","created":1795264800,"model":%q,"choices":[{"index":0,"message":{"role":"assistant","content":"the-answer-stays-here"},"finish_reason":"stop"}],`+
			`"usage":{"prompt_tokens":12,"completion_tokens":5,"total_tokens":17,"prompt_tokens_details":{"cached_tokens":4}}}`, cue["case"], asked.Model)
	}
}

// errorAnswers are errors as providers word them.
var errorAnswers = map[string]struct {
	status int
	body   string
}{
	"429":    {429, `{"error":{"message":"Rate limit reached on requests per min (RPM): Limit 3, Used 3, Requested 1. Please try again in 1s.","type":"requests","param":null,"code":"rate_limit_exceeded"}}`},
	"500":    {500, `{"error":{"message":"The server had an error while processing your request. Sorry about that!","type":"server_error","param":null,"code":null}}`},
	"503":    {503, `{"error":{"message":"The engine is currently overloaded, please try again later.","type":"server_error","param":null,"code":"server_is_overloaded"}}`},
	"529":    {529, `{"error":{"message":"Overloaded","type":"overloaded_error","param":null,"code":null}}`},
	"401":    {401, `{"error":{"message":"Incorrect API key provided.","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}`},
	"length": {400, `{"error":{"message":"This model's maximum context length is 128000 tokens. However, your messages resulted in 131204 tokens.","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}`},
	"filter": {400, `{"error":{"message":"The response was filtered due to the prompt triggering the content management policy.","type":null,"param":"prompt","code":"content_filter"}}`},
}

func answerError(w http.ResponseWriter, how string) bool {
	e, ok := errorAnswers[how]
	if !ok {
		return false
	}
	w.Header().Set("Content-Type", "application/json")
	if e.status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", "1")
	}
	w.WriteHeader(e.status)
	_, _ = io.WriteString(w, e.body)
	return true
}

// stream sends an answer word by word; how tells whether it breaks off, or takes its time. What breaks before LiteLLM
// has passed on the beginning is a 500, so it waits until the client has that.
func (a *actor) stream(w http.ResponseWriter, r *http.Request, model, how string) {
	w.Header().Set("Content-Type", "text/event-stream")
	rc := http.NewResponseController(w)
	for i := range 6 {
		delta, finish := `{"content":"the-answer-stays-here "}`, "null"
		if i == 5 {
			delta, finish = "{}", `"stop"`
		}
		fmt.Fprintf(w, `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1795264800,"model":%q,"choices":[{"index":0,"delta":%s,"finish_reason":%s}]}`+"\n\n", model, delta, finish)
		if rc.Flush() != nil {
			return
		}
		if how == "cut" && i == 2 {
			select {
			case <-a.begun:
			case <-r.Context().Done():
			}
			panic(http.ErrAbortHandler)
		}
		if how == "long" {
			time.Sleep(200 * time.Millisecond) // longer than the client stays
		}
	}
	_, _ = io.WriteString(w, "data: [DONE]\n\n")
}

package fault

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// Texts in the shapes that providers and gateways document; the conflicts of meaning stand in one block.
func TestClassify(t *testing.T) {
	tests := []struct {
		name  string
		in    Input
		class Class
		retry Retry
		dom   Domain
	}{
		{"rate limit of a minute", Input{Text: `Error code: 429 - {'error': {'message': 'Rate limit reached for gpt-4o in organization org-x on tokens per min (TPM): Limit 30000, Used 29500, Requested 900. Please try again in 800ms.', 'code': 'rate_limit_exceeded'}}`}, RateLimited, RetryAfter, ByAccount},
		{"the caller's tool has a bad schema", Input{Status: 400, Code: "invalid_tool_schema", Type: "invalid_request_error", Text: "Invalid schema for function 'lookup': properties is missing"}, BadRequest, RetryNever, ByCaller},
		{"429 alone", Input{Status: 429}, RateLimited, RetryBackoff, ByAccount},
		{"quota under 429", Input{Status: 429, Code: "insufficient_quota", Text: "You exceeded your current quota, please check your plan and billing details."}, QuotaExhausted, RetryNever, ByAccount},
		{"money under 400", Input{Status: 400, Type: "invalid_request_error", Text: "Your credit balance is too low to access the Anthropic API."}, QuotaExhausted, RetryNever, ByAccount},
		{"a day is quota", Input{Status: 429, Text: `RESOURCE_EXHAUSTED quotaId: GenerateRequestsPerDayPerProjectPerModel retryDelay: 20s`}, QuotaExhausted, RetryNever, ByAccount},
		{"a minute is rate", Input{Status: 429, Text: `You exceeded your current quota quotaId: GenerateRequestsPerMinutePerProjectPerModel`}, RateLimited, RetryBackoff, ByAccount},
		{"ban under 429", Input{Status: 429, Code: "access_terminated"}, AccountSuspended, RetryNever, ByAccount},
		{"disabled under 400", Input{Status: 400, Type: "invalid_request_error", Text: "This organization has been disabled."}, AccountSuspended, RetryNever, ByAccount},
		{"size under 429", Input{Status: 429, Code: "rate_limit_exceeded", Text: "Request too large for gpt-4o on tokens per min (TPM): Limit 30000, Requested 41000."}, ContextOverflow, RetryNever, ByCaller},
		{"context", Input{Status: 400, Code: "context_length_exceeded", Text: "This model's maximum context length is 8192 tokens."}, ContextOverflow, RetryNever, ByCaller},
		{"body too large", Input{Text: "413 Request Entity Too Large"}, ContextOverflow, RetryNever, ByCaller},
		{"filter under 400", Input{Status: 400, Code: "content_filter", Text: "The response was filtered due to the prompt triggering Azure OpenAI's content management policy."}, ContentFiltered, RetryNever, ByCaller},
		{"no deployments under 429", Input{Status: 429, Text: "No deployments available for selected model, Try again in 7 seconds. cooldown_list=[...]"}, NoHealthyUpstream, RetryAfter, ByGateway},
		{"overload under 529", Input{Status: 529, Text: `{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}`}, Overloaded, RetryRoute, ByProvider},
		{"overload in a rate class", Input{Text: "openai.RateLimitError: The server is currently overloaded with other requests."}, Overloaded, RetryRoute, ByProvider},
		{"shared capacity of Vertex", Input{Status: 429, Text: "Resource exhausted. Please try again later. See error-code-429 for details."}, Overloaded, RetryRoute, ByProvider},
		{"deployment missing", Input{Status: 404, Code: "DeploymentNotFound", Text: "The API deployment for this resource does not exist."}, ModelNotFound, RetryNever, ByCaller},
		{"key wrong", Input{Status: 401, Code: "invalid_api_key"}, Auth, RetryNever, ByAccount},
		{"place refused under 400", Input{Status: 400, Text: "FAILED_PRECONDITION: User location is not supported for the API use."}, Auth, RetryNever, ByAccount},
		{"parameter", Input{Text: "400 Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."}, BadRequest, RetryNever, ByCaller},
		{"server", Input{Status: 500, Type: "server_error", Text: "The server had an error while processing your request."}, ServerError, RetryBackoff, ByProvider},
		{"502 page", Input{Status: 502, Text: "<html><head><title>502 Bad Gateway</title></head><body><center>nginx</center></body></html>"}, BadGateway, RetryBackoff, ByGateway},
		{"loading", Input{Status: 503, Text: `{"error":"Model x is currently loading","estimated_time":20}`}, Unavailable, RetryBackoff, ByProvider},
		{"deadline under 503", Input{Status: 503, Text: "Deadline expired before operation could complete."}, Timeout, RetryBackoff, ByProvider},
		{"524", Input{Text: "error code: 524"}, Timeout, RetryBackoff, ByProvider},
		{"refused", Input{Text: "dial tcp 10.0.0.1:443: connect: connection refused"}, Connection, RetryBackoff, ByNetwork},
		{"deadline awaiting headers", Input{Text: "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"}, Timeout, RetryBackoff, ByProvider},
		{"deadline in the body", Input{Text: "context deadline exceeded (Client.Timeout or context cancellation while reading body)"}, Truncated, RetryBackoff, ByNetwork},
		{"cut stream", Input{Status: 200, Stream: true, Text: "peer closed connection without sending complete message body (incomplete chunked read)"}, Truncated, RetryBackoff, ByNetwork},
		{"length", Input{Status: 200, Finish: "length"}, Truncated, RetryNever, ByCaller},
		{"tool call", Input{Status: 400, Code: "tool_use_failed", Text: "Failed to call a function."}, InvalidOutput, RetryBackoff, ByProvider},
		{"left", Input{Status: 499}, Cancelled, RetryNever, ByCaller},
		{"escaped twice", Input{Text: `{"message":"{\"error\":{\"code\":\"Forbidden\",\"message\":\"Your resource has been temporarily blocked\"}}"}`}, AccountSuspended, RetryNever, ByAccount},
		{"success", Input{Status: 200}, None, "", ""},
		{"success with a finish", Input{Status: 200, Finish: "stop"}, None, "", ""},
		{"answered in the end", Input{Text: "INFO HTTP Request: POST https://x/v1 \"HTTP/1.1 429 Too Many Requests\" Retrying in 1s HTTP Request: POST https://x/v1 \"HTTP/1.1 200 OK\""}, None, "", ""},
		{"an answer about errors", Input{Status: 200, Text: `{"id":"a","choices":[{"finish_reason":"stop","message":{"content":"a timeout"}}]}`}, None, "", ""},
		{"an answer that was not passed on", Input{Status: 500, Text: `{"id":"a","choices":[{"finish_reason":"stop","message":{"content":"fine"}}]}`}, ServerError, RetryBackoff, ByProvider},
		{"nothing", Input{}, None, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := Classify(tt.in)
			if v.Class != tt.class || v.Retry != tt.retry || v.Domain != tt.dom {
				t.Errorf("got %s, %s, %s (%s); want %s, %s, %s", v.Class, v.Retry, v.Domain, v.Why, tt.class, tt.retry, tt.dom)
			}
			if v.Why == "" || v.Confidence <= 0 || v.Confidence > 1 {
				t.Errorf("verdict without reason or confidence: %+v", v)
			}
		})
	}
}

func TestClassifyProxyFlags(t *testing.T) {
	tests := []struct {
		term   string
		status int
		text   string
		want   Class
	}{
		{"----", 200, "", None},
		{"----", 429, "", RateLimited},
		{"----", 529, "", Overloaded},
		{"SD--", 200, "", Truncated},
		{"sD--", 200, "", Truncated},
		{"SH--", 502, "", Connection},
		{"sH--", 504, "", Timeout},
		{"SC--", 503, "", Connection},
		{"SC--", 503, "<NOSRV>", NoHealthyUpstream},
		{"sQ--", 503, "<NOSRV>", Overloaded},
		{"CD--", 200, "", Cancelled},
		{"CH--", 400, "", Cancelled},
		{"cD--", 408, "", Cancelled},
		{"PH--", 502, "", BadGateway},
		{"LR--", 404, "", ModelNotFound},
		{"PR--", 403, "", Auth},
		{"UH", 503, "", NoHealthyUpstream},
		{"UF", 503, "", Connection},
		{"UT", 504, "", Timeout},
		{"DC", 0, "", Cancelled},
		{"UF,URX", 503, "", Connection},
		{"RL", 429, "", RateLimited},
		{"-", 200, "", None},
	}
	for _, tt := range tests {
		v := Classify(Input{Term: tt.term, Status: tt.status, Text: tt.text})
		if v.Class != tt.want {
			t.Errorf("%s %d %s: got %s (%s), want %s", tt.term, tt.status, tt.text, v.Class, v.Why, tt.want)
		}
	}
}

func TestClassifyAccessLines(t *testing.T) {
	const ha = `haproxy[9]: 10.0.0.1:4000 [06/Feb/2009:12:14:14.655] in llm/`
	tests := map[string]Class{
		ha + `eu 0/0/1/-1/4002 504 194 - - sH-- 1/1/0/0/0 0/0 "POST /v1 HTTP/1.1"`:                                                             Timeout,
		ha + `eu 0/0/1/20/31 200 190 - - ---- 1/1/0/0/0 0/0 "POST /error/timeout HTTP/1.1"`:                                                    None,
		ha + `<NOSRV> 0/-1/-1/-1/0 503 190 - - SC-- 1/1/0/0/0 0/0 "POST /v1 HTTP/1.1"`:                                                         NoHealthyUpstream,
		`[2026-01-01T00:00:00.000Z] "POST /v1/chat/completions HTTP/1.1" 503 UH no_healthy_upstream - "-" 0 19 0 - "-" "curl" "id" "host" "-"`: NoHealthyUpstream,
		`[2026-01-01T00:00:00.000Z] "POST /v1/chat/completions HTTP/1.1" 0 DC downstream_remote_disconnect - "-" 0 0 9 - "-" "x" "id" "h" "u"`: Cancelled,
		`[2026-01-01T00:00:00.000Z] "POST /v1/chat/completions HTTP/1.1" 500 - via_upstream - "-" 0 27 2 2 "" "curl" "id" "host" "u"`:          ServerError,
		`{"response_code":"0","response_flags":"UO","method":"-"}`:                                                                             NoHealthyUpstream,
	}
	for line, want := range tests {
		if v := Classify(Input{Text: line}); v.Class != want {
			t.Errorf("got %s (%s), want %s: %s", v.Class, v.Why, want, line)
		}
	}
}

// What an allowance, a status, a model that cannot be loaded and a caller that left are worded as.
func TestClassifyByMeaning(t *testing.T) {
	tests := map[string]Class{
		"this key is limited to 500 API calls / month":                              QuotaExhausted,
		"exceeded the limit of 20 requests/day":                                     QuotaExhausted,
		"You have reached the trial limit":                                          QuotaExhausted,
		"limited to 20 requests / minute: too many requests":                        RateLimited,
		"relay error: status code is 400":                                           BadRequest,
		"the answer has a status code of 503":                                       Unavailable,
		"error: the model service is unable to process your request":                Unavailable,
		"llama runner has terminated: error loading model: out of memory":           ServerError,
		"503: loading model":                                                        Unavailable,
		"Authentication with a key is refused: key authentication is disabled here": Auth,
		"[INFO] Client disconnected. Stopping generation":                           Cancelled,
		"INFO client connected, 12 of 64 slots in use, 3 requests / day on average": None,
	}
	for text, want := range tests {
		if v := Classify(Input{Text: text}); v.Class != want {
			t.Errorf("got %s (%s), want %s: %s", v.Class, v.Why, want, text)
		}
	}
}

// What wrappers, frameworks and gateways put around a cause or say in its place.
func TestClassifyWrappers(t *testing.T) {
	tests := map[string]Class{
		"org.example.ai.TransientException: 503 - \n\tat org.example.ai.Client.send(Client.java:9)":        Unavailable,
		"org.example.ai.ClientException: 404 - \n\tat org.example.ai.Client.send(Client.java:9)":           ModelNotFound,
		`{"error":{"message":"","type":"upstream_error","param":"422","code":"bad_response_status_code"}}`: BadRequest,
		"failed: stream ended": Truncated,
		"generation failed: error trying to connect: No such file":      Connection,
		"api client: java.net.ConnectException while asking for tokens": Connection,
		"Connection prematurely closed BEFORE response":                 Connection,
		"An error occurred while sending the request.":                  Connection,
		"system message must be at the beginning of the list":           BadRequest,
		"The last message must be the last of the user":                 BadRequest,
		"The model did not produce any text for this turn":              InvalidOutput,
		"error: exceeded maximum retries (2) for output validation":     InvalidOutput,
		"Expected dict_keys(['a', 'b']) but got dict_keys(['a'])":       InvalidOutput,
		"error: unexpected line format in the answer":                   InvalidOutput,
		"auth_unavailable: 账号池没有可用账号, 额度保留 0":                           NoHealthyUpstream,
		"该渠道已被禁用":                                                       NoHealthyUpstream,
		"error 429: team quota reached, ask your administrator":         QuotaExhausted,
		"Supported models are a-1 and a-2, you asked for a-3":           ModelNotFound,
		"The Complete API was removed in March":                         ModelNotFound,
		"Guard Rail denied: this topic is not for us":                   ContentFiltered,
		"tokenize: too many tokens":                                     ContextOverflow,
	}
	for text, want := range tests {
		if v := Classify(Input{Text: text}); v.Class != want {
			t.Errorf("got %s (%s), want %s: %s", v.Class, v.Why, want, text)
		}
	}
}

// Messages as they come without a level, a status or the word error around them: what they say decides.
func TestClassifyBareMessages(t *testing.T) {
	tests := map[string]Class{
		"Your organization reached its max request concurrency: 4":                     RateLimited,
		"You send requests too quickly":                                                RateLimited,
		"limiting requests, excess: 2.100 by zone \"chat\"":                            RateLimited,
		"并发请求已超过上限":                                                                    RateLimited,
		"The prepaid credits of this project are depleted":                             QuotaExhausted,
		"You hit your limit, it resets on Monday":                                      QuotaExhausted,
		"Your plan has lapsed":                                                         QuotaExhausted,
		"Your team's membership expired":                                               QuotaExhausted,
		"We are receiving too many requests just now":                                  Overloaded,
		"Compute capacity is exhausted in this zone":                                   Overloaded,
		"The worker has no free place for this call":                                   Overloaded,
		"There was heavy traffic, please come back":                                    Overloaded,
		"The jwt of this session expired":                                              Auth,
		"Calls from this IP address are not allowed":                                   Auth,
		"Your organization must be verified first":                                     Auth,
		"could not resolve authentication method":                                      Auth,
		"The key was revoked after it had leaked":                                      AccountSuspended,
		"This account was frozen: account frozen by support":                           AccountSuspended,
		"The model m-1 was shut down in May":                                           ModelNotFound,
		"Model m-2 is not in the list of this server":                                  ModelNotFound,
		"{\"detail\":\"Not Found\"}":                                                   ModelNotFound,
		"top_k and top_p cannot both be set":                                           BadRequest,
		"stop sequences are not supported by m-3":                                      BadRequest,
		"text blocks of a message must be non-empty":                                   BadRequest,
		"Prompt of 9000 tokens, but the limit is 8192":                                 ContextOverflow,
		"Your request does not fit the context window":                                 ContextOverflow,
		"The guardrail pii-1 blocked this answer":                                      ContentFiltered,
		"upstream sent too big header while reading response header":                   BadGateway,
		"The space is down for maintenance":                                            Unavailable,
		"The backend did not answer":                                                   Timeout,
		"We could not reach the provider":                                              Connection,
		"the secure connection could not be established":                               Connection,
		"The stream closed without its last event":                                     Truncated,
		"We lost the socket mid-response: connection dropped":                          Truncated,
		"The answer hit the maximum output tokens":                                     Truncated,
		"invalid character 'x' looking for beginning of value":                         InvalidOutput,
		"expected value at line 1 column 1":                                            InvalidOutput,
		"com.fasterxml.jackson.core.JsonParseException: Unrecognized token":            InvalidOutput,
		"The model returned no text":                                                   InvalidOutput,
		"the client connection was closed before the first token":                      Cancelled,
		"there are no keys left to try":                                                NoHealthyUpstream,
		"The credential pool is exhausted":                                             NoHealthyUpstream,
		"every backend of m-4 is out or its breaker is open":                           NoHealthyUpstream,
		"breaker of azure-eu: open -> closed":                                          None,
		"summary: 12 done, 0 rate limited, 0 timed out":                                None,
		"answered: succeeded on attempt 3 of 5":                                        None,
		"This setting may slow down the first answer":                                  None,
		"Context window of 128000 tokens, 0.7% full":                                   None,
		"ggml_cuda_init: found 2 devices":                                              None,
		"litellm.APIConnectionError: FooException - it broke":                          ServerError,
		"openai.APIConnectionError: it broke":                                          Connection,
		"All chat models failed":                                                       NoHealthyUpstream,
		"The relay with usage capture is on":                                           None,
		"the server said, full text: it broke; error":                                  ServerError,
		"The answer was truncated":                                                     Truncated,
		"There is no usage in the response":                                            InvalidOutput,
		"model foo: command not found; error":                                          ServerError,
		"1 validation error for Answer":                                                InvalidOutput,
		"500: 1 validation error for Row":                                              ServerError,
		"Studioexception: it broke":                                                    ServerError,
		"there are now 3 models available":                                             None,
		"TypeError: 'NoneType' object is not iterable":                                 ServerError,
		"the worker process died with exit code -9":                                    ServerError,
		"The spend cap of this team has been reached":                                  QuotaExhausted,
		"There are not enough credits left for this call":                              QuotaExhausted,
		"pending requests exceed the limit of this replica":                            Overloaded,
		"The login has expired, sign in":                                               Auth,
		"There is no such deployment: m-5":                                             ModelNotFound,
		"no provider for model m-6":                                                    ModelNotFound,
		"Tool names must be unique":                                                    BadRequest,
		"top_k must be in range 0 to 40":                                               BadRequest,
		"expected a list of blocks but got a string":                                   BadRequest,
		"the payload exceeds 4 MB":                                                     ContextOverflow,
		"8000 tokens were asked for but only 4096 fit":                                 ContextOverflow,
		"A jailbreak was detected: the prompt is refused":                              ContentFiltered,
		"finish_reason: image_safety":                                                  ContentFiltered,
		"The gateway's upstream returned an invalid response":                          BadGateway,
		"the call exceeded the time limit of 60 s":                                     Timeout,
		"The request was cancelled because it exceeded the timeout":                    Timeout,
		"is the server running on port 8000?":                                          Connection,
		"incomplete_details: {'reason': 'max_output_tokens'}":                          Truncated,
		"Tool look_up is not found among those of the request":                         InvalidOutput,
		"KeyError: 'choices'":                                                          InvalidOutput,
		"1 field [type=missing, input_value={}, input_type=dict]":                      InvalidOutput,
		"generation stopped by the user":                                               Cancelled,
		"There are no workers available for m-7":                                       NoHealthyUpstream,
		"the service has no endpoints":                                                 NoHealthyUpstream,
		"IndexError: list index out of range":                                          ServerError,
		"503: RESOURCE_EXHAUSTED: 16 of 16 calls run":                                  Overloaded,
		"429: RESOURCE_EXHAUSTED":                                                      RateLimited,
		"litellm.MidStreamFallbackError: prefill is not supported, HTTP 400":           BadRequest,
		"Access to m-8 models is not allowed for you":                                  Auth,
		"The request was aborted due to a timeout":                                     Timeout,
		"This company has been suspended":                                              AccountSuspended,
		"unable to get JSON from the answer":                                           InvalidOutput,
		"stream disconnected before completion":                                        Truncated,
		"stream disconnected before completion: dns error":                             Connection,
		"stream disconnected before completion: the server is overloaded":              Overloaded,
		"closed without sending TLS close_notify":                                      Truncated,
		"本月用量已达上限":                                                                     QuotaExhausted,
		"a buffer of 2 GiB cannot be allocated":                                        ServerError,
		"an internal error came while the server was streaming":                        ServerError,
		"ModuleNotFoundError: No module named 'foo'":                                   ServerError,
		"the runner was terminated by signal 9: process killed by signal":              ServerError,
		"the request was turned away: too many waiting requests":                       Overloaded,
		"the [DONE] marker never came":                                                 Truncated,
		"ZodError: expected a string at path answer":                                   InvalidOutput,
		"The LLM output is missing the field summary":                                  InvalidOutput,
		"WebSocket connection to 'wss://api.example.com/v1/realtime' failed":           Connection,
		"The upstream is unreachable":                                                  Connection,
		"All keys are disabled, there is nothing to route to":                          NoHealthyUpstream,
		"The weights are still being loaded":                                           Unavailable,
		"litellm.BadRequestError: FooException - 'NoneType' object is not iterable":    ServerError,
		"We got 512 tokens back":                                                       None,
		"400 Bad Request: json: cannot unmarshal number into field messages of type s": BadRequest,
	}
	for text, want := range tests {
		if v := Classify(Input{Text: text}); v.Class != want {
			t.Errorf("got %s (%s), want %s: %s", v.Class, v.Why, want, text)
		}
	}
}

// The reference gateway's own codes and words.
func TestClassifyReferenceGateway(t *testing.T) {
	tests := []struct {
		status           int
		code, kind, text string
		want             Class
	}{
		{200, "stream_truncated", "truncated", "the answer was cut short: unexpected EOF", Truncated},
		{200, "invalid_output", "invalid_output", "the answer is not the JSON that was asked for: invalid character", InvalidOutput},
		{504, "upstream_timeout", "timeout_error", "upstream request timeout", Timeout},
		{502, "connection_error", "upstream_connect_error", "upstream connect error: dial tcp 127.0.0.1:1: connect: connection refused", Connection},
		{0, "connection_error", "upstream_connect_error", "upstream connect error: EOF", Connection},
		{499, "client_closed_request", "cancelled", "the client closed the request", Cancelled},
		{499, "", "client_disconnected", "client closed the connection before the stream ended", Cancelled}, // the callback of LiteLLM
		{503, "no_healthy_upstream", "no_healthy_upstream", "no healthy upstream: every deployment of gpt-4o is out or its breaker is open", NoHealthyUpstream},
		{503, "queue_full", "overloaded", "the queue of azure-eu is full", Overloaded},
		{503, "queue_timeout", "overloaded", "waited too long in the queue", Overloaded},
	}
	for _, tt := range tests {
		if v := Classify(Input{Status: tt.status, Code: tt.code, Type: tt.kind, Text: tt.text}); v.Class != tt.want {
			t.Errorf("%s: got %s (%s), want %s", tt.code, v.Class, v.Why, tt.want)
		}
	}
}

func TestAdvice(t *testing.T) {
	for _, c := range Classes() {
		g := Advice(c)
		if g.Means == "" {
			t.Errorf("%s means nothing", c)
		}
		if c != None && (g.Retry == "" || g.Domain == "" || g.Do == "" || g.Fix == "") {
			t.Errorf("%s has no whole advice: %+v", c, g)
		}
	}
	if Advice(200).Means != Advice(None).Means {
		t.Error("a class out of range has advice of its own")
	}
}

// A word must not vanish in the normal form, and a rule must say something and say whose words it holds.
func TestRulesAreWhole(t *testing.T) {
	names := map[string]bool{}
	for i := range rules {
		r := &rules[i]
		for _, w := range r.words() {
			if bare, _ := cutEdges(w); even(bare) == "" {
				t.Errorf("rule %q: %q can never match", r.name, w)
			}
		}
		if r.class == None || len(r.doc)+len(r.any)+len(r.all)+len(r.near) == 0 {
			t.Errorf("rule %q says nothing", r.name)
		}
		if len(r.doc) > 0 && r.from == "" {
			t.Errorf("rule %q does not say who documents its words", r.name)
		}
		if names[r.name] {
			t.Errorf("two rules are called %q", r.name)
		}
		names[r.name] = true
	}
}

func TestWordsFindAll(t *testing.T) {
	all := []string{"he", "she", "his", "hers", "繁忙", "e", "|us|", "|he"}
	w := newWords(all)
	w.find()
	set := &ruleSet{words: w, size: len(w.ids)}
	for _, raw := range []string{"", "ushers", "this he", "系统繁忙", "xyz", "hehehers", "us", "to us, he"} {
		tx := text{low: appendEven(nil, raw), seen: make(seen, 1), status: 1}
		tx.walk(set, &w.plain)
		tx.walk(set, &w.wide)
		for _, word := range all {
			bare, edges := cutEdges(word)
			want := strings.Contains(raw, bare)
			if edges != 0 {
				want = strings.Contains(" "+raw+" ", " "+bare)
				if edges&edgeAfter != 0 {
					want = strings.Contains(strings.ReplaceAll(" "+raw+" ", ",", " "), " "+bare+" ")
				}
			}
			if got := tx.seen.has(w.ids[word]); got != want {
				t.Errorf("%q in %q: %v, want %v", word, raw, got, want)
			}
		}
	}
	for _, f := range []*finder{&compiledRules().words.plain, &compiledRules().words.wide} {
		if n := len(f.words); n > 60_000 {
			t.Errorf("%d words: too many for 16 bits soon", n)
		}
		for _, w := range compiledRules().words.forms {
			if len(w.text) > 240 {
				t.Errorf("%q: too long for 8 bits soon", w.text)
			}
		}
	}
}

func TestEven(t *testing.T) {
	tests := map[string]string{
		"RateLimitError: x":         "rate limit error:x",
		"rate_limit_error":          "rate limit error",
		"APITimeoutError":           "api timeout error",
		`{"status_code": 429}`:      "{ status code:429}",
		`\\\"code\\\": \\\"429\\\"`: "code:429",
		`a\\nb`:                     "a b",
		"it isn’t":                  "it isn t",
		"check       │\n│   quota":  "check quota",
		"状态码：429":                   "状态码:429",
		`\u65e0\u53ef\u7528`:        "无可用",
		"got -12, x-y":              "got -12, x y",
		"\x1b[31mERROR\x1b[0m":      "error",
		"safe\u202eevil":            "safeevil",
		"\\":                        "",
		"\xff\xe2\x80":              "\xff\xe2\x80",
	}
	for raw, want := range tests {
		if got := even(raw); got != want {
			t.Errorf("%q: %q, want %q", raw, got, want)
		}
	}
}

func FuzzClassify(f *testing.F) {
	f.Add("Error code: 429 - {'error': 1}", 429, "insufficient_quota", "SD--", "length")
	f.Add(`\\\"\u`, 0, "", "C", "")
	f.Add(strings.Repeat("4", 9000), -1, "", "UF,", "x")
	f.Add("\x1b[31mERROR\x1b]0;x\x07 \u202e\xff\xe2\x80", 0, "\x00", "\u2066", "\x1b")
	f.Add(`haproxy[1]: a/b 1/2/3 4 SC 0/0/0/0/0 0/0 HTTP/1.1" 0 DC x`, 0, "", "", "")
	f.Fuzz(func(t *testing.T, text string, status int, code, term, finish string) {
		in := Input{Text: text, Status: status, Code: code, Term: term, Finish: finish}
		v := Classify(in)
		if v.Class >= classCount || len(v.Why) > 8*maxEvidence || v.Confidence <= 0 || v.Confidence > 1 {
			t.Fatalf("out of bounds: %+v", v)
		}
		if !utf8.ValidString(v.Why) {
			t.Fatalf("the reason is not UTF-8: %q", v.Why)
		}
		for _, r := range v.Why {
			if r < ' ' || r == 0x7f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
				t.Fatalf("the reason holds %U: %q", r, v.Why)
			}
		}
		if v.Class != None && (v.Do == "" || v.Fix == "" || v.Retry == "" || v.Domain == "") {
			t.Fatalf("no advice: %+v", v)
		}
		if again := Classify(in); again != v {
			t.Fatalf("two verdicts on one text: %+v, %+v", v, again)
		}
	})
}

// work counts what a verdict costs: bytes of the normal form, places at which a word may end, words compared there.
func work(raw string) (n int) {
	set := compiledRules()
	low := appendEven(nil, raw[:min(len(raw), maxText)])
	for _, f := range []*finder{&set.words.plain, &set.words.wide} {
		for end := range len(low) + 1 {
			n++
			last := window(low, end)
			common := f.common(last)
			if !f.may(common) {
				continue
			}
			n++
			for _, w := range slices.Concat(f.at(last, common)) {
				n += 1 + len(f.forms[w.more])/8
			}
		}
	}
	return n
}

// Twice the text is at most twice the work, and a hostile text costs a few times what a plain one does: there is
// no stage that looks back.
func TestWorkIsLinear(t *testing.T) {
	longest := ""
	for i := range rules {
		for _, w := range rules[i].words() {
			if len(w) > len(longest) {
				longest = w
			}
		}
	}
	hostile := map[string]string{
		"nested escapes":  `\\\\\\"`,
		"almost a word":   longest[:len(longest)-1] + "x",
		"one letter":      "e",
		"every word":      "error code: 429 rate limit timeout connection refused ",
		"joints":          ": = : ",
		"terminal":        "\x1b[",
		"half runes":      "\xe2\x80",
		"Chinese":         "无可用渠道负载已饱和",
		"camels":          "aBcDeF",
		"access lines":    `a/b 1/2/3/4/5 200 1 - - ---- HTTP/1.1" 200 - x [GIN] | 404 | `,
		"brackets":        "([{",
		"unicode escapes": `\u65e0`,
	}
	for name, unit := range hostile {
		small := strings.Repeat(unit, maxText/4/len(unit))
		big := small + small
		w1, w2 := work(small), work(big)
		if w2 > 2*w1+64 {
			t.Errorf("%s: %d steps for %d bytes, %d for twice as many", name, w1, len(small), w2)
		}
		if w2 > 24*len(big) {
			t.Errorf("%s: %d steps for %d bytes", name, w2, len(big))
		}
		if v := Classify(Input{Text: strings.Repeat(unit, 1<<20/len(unit))}); v.Why == "" {
			t.Errorf("%s: no verdict", name)
		}
	}
}

func BenchmarkClassify(b *testing.B) {
	in := Input{Status: 429, Text: `{"error":{"message":"Rate limit reached for gpt-4o on tokens per min (TPM): Limit 30000, Used 29500, Requested 900.","type":"tokens","code":"rate_limit_exceeded"}}`}
	b.ReportAllocs()
	for b.Loop() {
		Classify(in)
	}
}

// Lines of programs that work: many hold a word or a number that a failure would hold too.
func TestClassifyLinesOfAHealthyProgram(t *testing.T) {
	for _, line := range []string{
		`INFO:     Uvicorn running on http://0.0.0.0:4000 (Press CTRL+C to quit)`,
		`INFO:     127.0.0.1:34840 - "POST /v1/chat/completions HTTP/1.1" 200 OK`,
		`10.0.0.1 - - [03/Nov/2024:06:09:30 +0000] "POST /v1/chat/completions HTTP/1.1" 200 559 "-" "python-requests/2.31"`,
		`10.0.0.1 - - [03/Nov/2024:06:09:30 +0000] "GET /v1/models/429 HTTP/1.1" 304 0 "-" "curl/8"`,
		`2026-01-02 12:00:00,000 - INFO - loaded 429 prompts in 500 ms`,
		`2026-01-02T12:00:00Z info latency=503ms tokens=429 model=gpt-4o`,
		`level=info msg="request done" status=200 duration=504ms rate_limit_remaining=429`,
		`{"level":"info","msg":"request completed","status":200,"x-ratelimit-remaining-requests":"499"}`,
		`x-ratelimit-limit-requests: 500 x-ratelimit-remaining-requests: 499 x-ratelimit-reset-requests: 120ms`,
		`DEBUG urllib3.connectionpool https://api.openai.com:443 "POST /v1/chat/completions HTTP/1.1" 200 None`,
		`I0102 12:00:00.000000 1 main.go:42] listening on port 5000`,
		`Server llm/eu is UP, reason: Layer4 check passed, check duration: 0ms.`,
		`INFO vllm metrics.py: Avg prompt throughput: 500.0 tokens/s, Running: 4 reqs, Pending: 0 reqs, GPU KV cache usage: 40.4%`,
		`{"id":"chatcmpl-1","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"Hello"},"finish_reason":"stop"}]}`,
		`data: {"id":"chatcmpl-1","choices":[{"delta":{},"finish_reason":"stop"}]}`,
		`INFO circuit breaker configured: opens at 50% for 30s`,
		`INFO retry policy: at most 3 attempts, timeout 60s`,
		`INFO rate limiter ready: 500 requests per minute`,
		`INFO metadata of an unknown model: m-1 takes the defaults`,
		`{"id":"resp_1","status":"completed","error":null,"incomplete_details":null}`,
		`Response(status='completed', error=None, usage=12)`, `{"errors":[],"error":false,"ok":true}`,
		`done: 0 errors, 2 warnings`, `no errors found`, `{"ok":true,"error":""}`,
		`config reloaded in 12ms`, `connection pool resized to 500`, `worker 502 started`,
	} {
		if v := Classify(Input{Text: line}); v.Class != None {
			t.Errorf("%s (%s): %s", v.Class, v.Why, line)
		}
	}
}

func TestClassifyDeniesNoFailure(t *testing.T) {
	for line, want := range map[string]Class{
		`10 errors`:           ServerError,
		`finished: 20 errors`: ServerError,
		`piano error`:         ServerError,
		`Error:`:              ServerError,
		`{"error":{"code":null,"message":"boom"}}`:                     ServerError,
		"IllegalStateException\n\tat org.example.internal.Parts.take(": ServerError,
		`Error: hit rate limit`:                                        RateLimited,
		`Net::OpenTimeout: execution expired`:                          Timeout,
		`账户余额已用尽`:                                                      QuotaExhausted,
	} {
		if v := Classify(Input{Text: line}); v.Class != want {
			t.Errorf("%s: %s (%s), want %s", line, v.Class, v.Why, want)
		}
	}
	if v := Classify(Input{Text: "IllegalStateException\n\tat org.example.internal.Parts.take("}); v.Confidence > guess {
		t.Errorf("a package's name is taken for a code: %s %v", v.Why, v.Confidence)
	}
}

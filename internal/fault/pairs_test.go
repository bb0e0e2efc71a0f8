package fault

import "testing"

// Each piece of knowledge beside the text that it must leave alone.
func TestClassifyAndLeaveAlone(t *testing.T) {
	tests := []struct {
		text  string
		want  Class
		other string
		leave Class
	}{
		{
			"Response status code does not indicate success: 404 (Not Found).", ModelNotFound,
			"Response status code does not indicate success: 503 (Service Unavailable).", Unavailable,
		},
		{
			"HTTP/1.1 200 OK\nanthropic-ratelimit-unified-status: allowed\nanthropic-ratelimit-unified-overage-status: rejected", None,
			"HTTP/1.1 429 Too Many Requests\nanthropic-ratelimit-unified-status: rejected", RateLimited,
		},
		{
			"[warn] 7#7: *1 an upstream response is buffered to a temporary file /tmp/1 while reading upstream", None,
			"[error] 7#7: *1 readv() failed (104: Connection reset by peer) while reading upstream", Truncated,
		},
		{
			`level=INFO msg="waiting for server to become available" status="llm server error"`, None,
			`{"type":"server_error","message":"it broke"}`, ServerError,
		},
		{
			"Error: failed to deserialize api response: unknown variant, expected one of `stop`, `content_filter`", InvalidOutput,
			"Failed to deserialize the JSON body into the target type: messages[0]: missing field `role`", BadRequest,
		},
		{
			"Failed to deserialize the JSON body into the target type: messages[1]: data did not match any variant of untagged enum Content", BadRequest,
			"failed to deserialize the response: data did not match any variant of untagged enum Content", InvalidOutput,
		},
		{
			"Error code: 400 - {'code': 20015, 'message': 'length of prompt_tokens (70000) must be less than max_seq_len (65536).'}", ContextOverflow,
			"Error code: 400 - {'message': 'top_k must be less than 50'}", BadRequest,
		},
		{
			"Error code: 500 - {'error': {'message': 'The model produced invalid content.', 'type': 'model_error'}}", InvalidOutput,
			"Error code: 500 - {'error': {'message': 'The model failed.', 'type': 'model_error'}}", ServerError,
		},
		{
			"error: [handleAbortError] AI response error; aborting request: Connection error.", Connection,
			"error: [handleAbortError] AI response error; aborting request: Request was aborted.", Cancelled,
		},
		{
			"embedding error: Request time out", Timeout,
			"embedding took its time, out in 4 s", None,
		},
		{
			"Sorry, we are having some problems. Please try again later.", ServerError,
			"Nothing to do for problem 12, try again later", None,
		},
		{
			"java.io.IOException: HTTP/1.1 header parser received no bytes", Connection,
			"java.io.IOException: chunked transfer encoding, state: READING_LENGTH", Truncated,
		},
		{
			"java.io.IOException: Received RST_STREAM: Stream not processed", Connection,
			"java.io.IOException: Received RST_STREAM: Internal error", Truncated,
		},
		{
			"client.py:8: RuntimeWarning: coroutine 'Client.aclose' was never awaited", None,
			"client.py:8: RuntimeError: cannot reuse already awaited coroutine", ServerError,
		},
		{
			`[2019-04-06T06:20:05.972Z] "- - -" 0 UF,URX 0 0 0 - "-" "-" "-" "-" "127.0.0.1:9200"`, Connection,
			`[2019-04-06T06:20:05.972Z] "- - -" 0 - 512 2048 30 - "-" "-" "-" "-" "127.0.0.1:9200"`, None,
		},
		{
			"Error code: 429 - {'error': {'message': 'request reached organization TPD rate limit, current: 15, limit: 10', 'type': 'rate_limit_reached_error'}}", QuotaExhausted,
			"Error code: 429 - {'error': {'message': 'request reached organization TPM rate limit, current: 15, limit: 10', 'type': 'rate_limit_reached_error'}}", RateLimited,
		},
		{
			`2022/01/26 00:02:13 [error] 2#0: *8 upstream sent too big header while reading response header from upstream, request: "POST /users/sign_in HTTP/2.0"`, BadGateway,
			"Error: please sign in to use this model", Auth,
		},
		{
			`2016/10/25 14:50:44 [error] 5#0: *3 open() "/srv/html/x" failed (2: No such file or directory), client: 127.0.0.1`, ModelNotFound,
			`2016/10/25 14:50:44 [crit] 5#0: *3 connect() to unix:/run/x.sock failed (2: No such file or directory) while connecting to upstream`, Connection,
		},
		{
			"CUDA out of memory when loading model", ServerError,
			"503 loading model", Unavailable,
		},
		{
			`http 2026-02-10T14:03:09Z app/lb/1 192.0.2.1:1 - -1 -1 -1 503 - 34 366 "POST http://llm.example.com:80/v1/x HTTP/1.1" "-" - -`, NoHealthyUpstream,
			`http 2026-02-10T14:03:09Z app/lb/1 192.0.2.1:1 192.0.2.9:80 0.000 0.010 0.000 503 503 34 366 "POST http://llm.example.com:80/v1/x HTTP/1.1" "-" - -`, Unavailable,
		},
		{
			`http 2026-02-10T14:03:09Z app/lb/1 192.0.2.1:1 192.0.2.9:80 0.000 3.2 -1 460 - 34 0 "POST http://llm.example.com:80/v1/x HTTP/1.1" "-"`, Cancelled,
			`http 2026-02-10T14:03:09Z app/lb/1 192.0.2.1:1 - -1 -1 -1 561 - 34 0 "POST http://llm.example.com:80/v1/x HTTP/1.1" "-"`, Auth,
		},
		{
			`[2026-02-10T14:03:09Z] "POST /v1/x HTTP/2" 503 - overload - "-" 310 17 0 - "-"`, Overloaded,
			`[2026-02-10T14:03:09Z] "POST /v1/overload HTTP/2" 503 - via_upstream - "-" 310 17 0 4 "-"`, Unavailable,
		},
		{
			`{"response_code":503,"response_flags":"OM","path":"/v1/x"}`, Overloaded,
			`{"response_code":504,"response_flags":"UMSDR","path":"/v1/x"}`, Timeout,
		},
		{
			"[WARNING]  (8) : Server be_llm/a1 is UP/READY (leaving forced maintenance).", None,
			"[WARNING]  (8) : Server be_llm/a1 is going DOWN for maintenance.", Unavailable,
		},
		{
			`level=error msg="acquire timeout" pool=20 waiters=44`, Timeout,
			`level=info msg="started" pool timeout=30s`, None,
		},
		{
			"Timeout Error: connection timed out after 600.0 seconds. They may be down or overloaded.", Timeout,
			"The servers are overloaded. They timed out.", Overloaded,
		},
		{
			"WARNING:openai:Rate limit approaching", None,
			"ERROR:openai:Rate limit reached", RateLimited,
		},
		{
			"WARNING:openai.agents:OPENAI_API_KEY is not set, skipping trace export", None,
			"ERROR: OPENAI_API_KEY is not set", Auth,
		},
		{
			`{"error":{"object":"error","message":"Background loop has errored already.","type":"BadRequestError","code":400}}`, ServerError,
			`{"error":{"object":"error","message":"x","type":"BadRequestError","code":400}}`, BadRequest,
		},
		{
			`level=error msg="the service \"llm@file\" does not exist"`, ModelNotFound,
			`level=error msg="the service \"llm@file\" died"`, ServerError,
		},
		{
			`level=error msg="error dialing service URL"`, Connection,
			`level=error msg="error reading service URL"`, ServerError,
		},
		{
			`{"id":"a","choices":[{"finish_reason":"stop","message":{"content":"HTTP 429 means too many requests"}}],"usage":{"total_tokens":503}}`, None,
			`{"id":"a","choices":[{"finish_reason":"stop","message":{"content":""}}],"error":{"code":429,"message":"too many requests"}}`, RateLimited,
		},
		{
			"Model m-1 has hit a token limit!\nInput tokens: ~132,120 of 128,000 -- possibly exhausted context window!", ContextOverflow,
			"Model m-1 has hit a token limit!\nOutput tokens: ~8,192 of 8,192 -- exceeded output limit!", Truncated,
		},
		{
			"Cline tried to use write_to_file without value for required parameter 'path'. Retrying...", InvalidOutput,
			"400 missing required parameter 'path'", BadRequest,
		},
		{
			`{"error":{"message":"turned away","code":"load_shed"}}`, RateLimited,
			"503 load shedding by priority", Overloaded,
		},
		{
			"Error: Incomplete JSON segment at the end", Truncated,
			"Error: Unexpected token } in JSON at position 4", InvalidOutput,
		},
		{
			"Oops, unexpected end of stream", Truncated,
			"java.io.IOException: unexpected end of stream on https://api.example.com/...", Connection,
		},
		{
			"the read timed out while streaming the answer", Truncated,
			"the read timed out while waiting for the first byte", Timeout,
		},
		{
			"Tool 'write' argument validation failed: path: Field required", InvalidOutput,
			"messages.0.content: Field required", BadRequest,
		},
		{
			"request error: API 返回的 candidate.content.parts 为空", InvalidOutput,
			"错误: messages 内容不能为空", BadRequest,
		},
		{
			"Only chatglm3-6b&&gpt allowed now, your model m-1", ModelNotFound,
			"Only GET and POST are allowed", None,
		},
		{
			"Error: There was an issue with the format or content of your request.", BadRequest,
			"Error: there was an issue on our side", ServerError,
		},
		{
			`{"title":"Error 502: Bad gateway","status":502,"detail":"the origin is overloaded or misconfigured"}`, BadGateway,
			`{"status":502,"detail":"the origin is overloaded"}`, Overloaded,
		},
		{
			`uri=/v1 backend=llm server=<NOSRV> state=SC-- code: 503`, NoHealthyUpstream,
			`uri=/v1 backend=llm server=<NOSRV> state=LR-- code: 401`, Auth,
		},
		{
			"error_code: 500, error: {'message': 'prompt 参数非法', 'type': 'invalid_request_error'}", BadRequest,
			"error_code: 500, error: {'message': 'the server had an error', 'type': 'server_error'}", ServerError,
		},
		{
			"DeprecationWarning: the class was deprecated, run `pip install -U x`", None,
			"Error: the model m-1 is deprecated and no longer available", ModelNotFound,
		},
		{
			"InsecureRequestWarning: Unverified HTTPS request. Adding certificate verification is advised", None,
			"SSLError: certificate verify failed", Connection,
		},
		{
			"5 hour usage limit 77% remaining", None,
			"You've reached your usage limit", QuotaExhausted,
		},
		{
			"You've hit your session limit · resets 1:40pm", QuotaExhausted,
			"You've hit your rate limit, too many requests in this minute", RateLimited,
		},
		{
			"Your organization has disabled API key authentication for this product", Auth,
			"Your organization has been disabled", AccountSuspended,
		},
		{
			"API Key 不正确或为空, 请检查后重试", Auth,
			"请求参数错误", BadRequest,
		},
		{
			`level=error msg="aborting with incomplete response" error="context canceled"`, Cancelled,
			`level=error msg="aborting with incomplete response" error="unexpected EOF"`, Truncated,
		},
		{
			`{"statusCode": 403, "message": "Out of call volume quota. Quota will be replenished in 02:10:00."}`, QuotaExhausted,
			`{"statusCode": 429, "message": "Rate limit is exceeded. Try again in 27 seconds."}`, RateLimited,
		},
		{
			"[error] 7#7: *1 api.example.com could not be resolved (3: Host not found)", Connection,
			"[error] 7#7: *1 api.example.com could not be resolved (110: Operation timed out)", Timeout,
		},
		{
			"[error] 7#7: *1 upstream sent no valid HTTP/1.0 header while reading response header from upstream", BadGateway,
			"[error] 7#7: *1 upstream prematurely closed connection while reading response header from upstream", Connection,
		},
		{
			"[alert] 7#7: 1024 worker_connections are not enough", Overloaded,
			"[notice] 7#7: using the epoll event method, 1024 worker_connections", None,
		},
		{
			"AH01102: error reading status line from remote server 10.0.0.8:8000", BadGateway,
			"(70007)The timeout specified has expired: AH01102: error reading status line from remote server", Timeout,
		},
		{
			"upstream connect error or disconnect/reset before headers. reset reason: connection timeout", Connection,
			"Error: connection timeout after 10 s", Timeout,
		},
		{
			"ssl.SSLEOFError: EOF occurred in violation of protocol", Connection,
			"unexpected EOF", Truncated,
		},
		{
			"aiohttp: Timeout on reading data from socket", Timeout,
			"timeout while reading the stream: no next chunk", Truncated,
		},
		{
			"Tool choice is not supported for this model", BadRequest,
			"Error: the model m-1 is not supported", ModelNotFound,
		},
		{
			`messages: first message must use the "user" role`, BadRequest,
			"first message of 20, model m-1", None,
		},
		{
			"The model m-1 is at a cold start, please retry in a minute", Unavailable,
			"cold start of m-1 took 20 s", None,
		},
		{
			"limit of 60 requests per minute, 59 remain", None,
			"limited to 60 requests per minute: too many requests", RateLimited,
		},
		{
			"[CRITICAL] WORKER TIMEOUT (pid:31)", Timeout,
			"[INFO] 4 workers, timeout 30", None,
		},
		{
			"LLM call did not complete within 30s", Timeout,
			"LLM call completed within 30s", None,
		},
		{
			"SSL routines: wrong version number", Connection,
			"version number 1.30.2", None,
		},
		{
			"Missing required scope: inference.write", Auth,
			"Missing required parameter: 'model'", BadRequest,
		},
		{
			"This model is gated. You must be authenticated to use it.", Auth,
			"This model is not available", ModelNotFound,
		},
		{
			"the prompt does not fit in the context", ContextOverflow,
			"the prompt fits, 400 of 8192 tokens", None,
		},
	}
	for _, tt := range tests {
		for text, want := range map[string]Class{tt.text: tt.want, tt.other: tt.leave} {
			if v := Classify(Input{Text: text}); v.Class != want {
				t.Errorf("got %s (%s), want %s: %s", v.Class, v.Why, want, text)
			}
		}
	}
}

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
	}
	for _, tt := range tests {
		for text, want := range map[string]Class{tt.text: tt.want, tt.other: tt.leave} {
			if v := Classify(Input{Text: text}); v.Class != want {
				t.Errorf("got %s (%s), want %s: %s", v.Class, v.Why, want, text)
			}
		}
	}
}

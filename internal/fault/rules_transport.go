package fault

// streamRules find answers that began and did not end.
var streamRules = []rule{
	{
		name: "cut while reading the body", class: Truncated, layer: "client", from: "nginx, Envoy, httpx, requests, aiohttp, urllib3, undici, node-fetch, hyper, reqwest, Go, curl, Dart, java.net.http, ollama-js, codex", doc: []string{
			"while reading body", "while reading response body", "reading response body", "while reading upstream", "upgraded connection", "after_response_started", "error reading a body", "error decoding response body", "without sending complete", "incomplete chunked", "IncompleteRead",
			"InvalidChunkLength", "Response ended prematurely", "ClientPayloadError", "payload is not completed", "ContentLengthError", "TransferEncodingError", "other side closed", "before response.completed", "response.incomplete", "before message_stop", "ERR_STREAM_PREMATURE_CLOSE",
			"premature close", "outstanding read data remaining", "transfer closed with", "without [DONE]", "no [DONE]", "stream_truncated", "modelStreamErrorException", "StreamResetException", "stream was reset", "without sending any chunks", "unterminated event", "without sending TLS close_notify", "ERR_INCOMPLETE_CHUNKED_ENCODING", "chunked encoding", "upstream prematurely closed connection while sending to client", "did not receive done", "request or response body error", "closed while receiving data", "chunked transfer encoding, state:", "fixed content-length:",
		}, not: []string{"client prematurely closed", "closed before response", "stream was reset:cancel"},
	},
	{
		name: "broke off", class: Truncated, layer: "client",
		faint: []string{"truncated|", "中断", "stream ended", "stream closed", "stream finished"},
		any: []string{
			"unexpected eof", "unexpected end of stream", "eof while reading", "cut short", "|cut off", "body closed", "stream was cut", "partial response", "error in input stream", "incomplete response", "response is incomplete", "incomplete stream", "missing finish reason", "without finish reason", "no finish reason", "malformed chunk",
			"before the response finished", "before response finished", "before completion event", "before terminal", "before the terminal", "terminal chunk", "stream terminated", "terminated unexpectedly", "stream broke", "was truncated", "been truncated", "got truncated", "截断",
		},
		near: []near{{
			a: []string{"|stream", "streaming", "response body", "completion stream"}, within: 48,
			b: []string{"ended without", "ended before", "ended unexpectedly", "closed before", "ended prematurely", "closed unexpectedly", "closed prematurely", "interrupted", "incomplete", "stopped unexpectedly", "ended early", "dropped", "disconnected while", "connection lost", "broken|", "closed without", "reset by", "was reset", "ended with an", "finished without", "completed without", "terminated before", "stopped before", "|died", "|cut|"},
		}, {a: []string{"timed out", "|timeout"}, b: []string{"while streaming", "during streaming", "while reading the stream", "reading stream", "between chunks", "next chunk"}, within: 40}, {a: []string{"[done]", "message stop", "terminal event", "final chunk", "last chunk"}, b: []string{"|never", "missing", "not received", "not seen", "did not arrive", "not arrive"}, within: 32}, {
			a: []string{"mid response", "mid stream", "midstream", "mid generation", "mid answer", "mid sentence", "mid turn", "mid reply", "mid flight"}, within: 64,
			b: []string{"drop", "|cut", "|failed", "|lost", "closed", "disconnect", "terminat", "interrupt", "stopped", "died", "abort", "|broke|"},
		}},
		not: []string{"end of stream on", "context canceled", "violation of protocol", "client prematurely closed", "client closed the", "client disconnect", "client went away", "client left", "stream disconnected before completion", "skip truncated", "stream was reset:cancel", "prompt was truncated", "input was truncated", "message was truncated", "log was truncated"},
	},
	{
		name: "finish reason of a limit", class: Truncated, confidence: sure, domain: ByCaller, retry: RetryNever, from: "OpenAI, Anthropic, Google response schemas", doc: []string{
			"finish_reason:length", "stop_reason:max_tokens", "finishReason:MAX_TOKENS", "finish reason:length", "reason:max_output_tokens", "max_output_tokens was reached", "length limit was reached", "finish_reason is 2|", "finish_reason] is 2", "finish_reason:2|", "finish_reason:max_tokens", "finish_reason length", "IncompleteToolCall",
		},
		any:  []string{"finished due to length", "hit the max tokens", "reached the max tokens", "output limit reached", "reached max output", "maximum output length", "output token limit", "exceeded the output token maximum", "exceeded output limit", "hit the token limit", "hit token limit", "hit the length limit", "reached the token limit"},
		near: []near{{a: []string{"output", "response", "generation", "answer", "completion", "message"}, b: []string{"due to length", "due to max tokens", "cut off", "hit the length limit", "token limit reached", "reached the token limit"}, within: 48}, {a: []string{"output token", "output limit", "max output tokens", "maximum output", "max tokens"}, b: []string{"|hit", "reached", "exceeded the", "ran out of", "cut off", "stopped at", "truncated"}, within: 40}},
	},
	{name: "terminated fetch", class: Truncated, layer: "client", from: "undici", doc: []string{"TypeError: terminated", "Error: terminated"}, any: []string{":terminated|"}},
	{name: "broken HTTP/2 stream", class: Truncated, layer: "client", from: "Go http2, nghttp2, node", doc: []string{"ERR_HTTP2_STREAM", "ERR_HTTP2_PROTOCOL_ERROR", "stream error: stream ID"}, near: []near{{a: []string{"|stream|"}, b: []string{"internal error", "rst stream", "protocol error"}, within: 64}}, except: []int{500}, not: []string{"internal server error", "stream not processed", "refused stream"}},
}

// transportRules say who stopped waiting, and what was never reached.
var transportRules = []rule{
	{name: "deadline of the client", class: Timeout, layer: "client", from: "Go net/http", doc: []string{"Client.Timeout", "timeout exceeded while awaiting"}},
	{
		name: "caller left", class: Cancelled, layer: "client", from: "nginx, Go, gRPC, Envoy, vLLM, Ollama, OpenAI and Anthropic SDKs, Starlette, anyio, axios, okhttp, Foundation", doc: []string{
			"client prematurely closed", "client closed request", "client_closed_request", "client closed connection", "context canceled", "context cancelled", "APIUserAbortError", "Request was aborted", "AbortError", "operation was aborted", "user aborted", "Aborted request", "CancelledError",
			"listen_for_disconnect", "code = Canceled", "Error: aborted", "downstream_remote_disconnect", "ERR_CANCELED", "1 CANCELLED", "http: abort handler", "ErrAbortHandler", "task was destroyed", "ClientDisconnect", "ResponseAborted", "CanceledError", "TaskCanceledException", "JobCancellationException", "EndOfStream exception", "stream was reset:cancel", "AxiosError: canceled", "Code=-999", "ClosedResourceError", "ERR_STREAM_DESTROYED", "client closing the connection",
		},
		any: []string{
			"client connection closed", "client connection was closed", "client connection reset", "client hung up", "client went away", "client left", "caller closed", "peer left", "keyboard interrupt", "client disconnect", "client has disconnected", "client gone", "client abort", "client cancel", "client closed the", "connection closed by client", "downstream disconnect", "caller went away", "stream aborted by client", "stream was aborted", "request aborted", "request was cancelled",
			"request was canceled", "request cancelled", "request canceled", "cancelled by", "canceled by", "interrupted by user", "by the user", "user cancel", "user stopped", "stopped by user", "stopped by the user", "pressed stop", "已取消", "user interrupt", "disconnected from client", "closed by the client", "terminated by client", "terminated by the client", "cancel task", "客户端断开", "客户端取消", "用户取消", "取消请求",
		},
		near: []near{{a: []string{"|request|", "|stream", "generation", "operation", "|client|", "|user|", "completion", "prediction"}, b: []string{"cancelled", "canceled", "|aborted", "|abort|"}, within: 32}},
		not:  []string{"client.timeout", "timed out", "httpclient.timeout", "due to timeout", "due to a timeout", "timeout exceeded", "timeout error", "exceeded the timeout", "exceeded its timeout", "engine dead", "handle abort error"},
	},
	// A function of this name logs every failure, so that only what follows tells of a caller who left.
	{name: "caller left, by a handler's log", class: Cancelled, layer: "client", from: "LibreChat", all: []string{"handle abort error"}, any: []string{"request was aborted", "user aborted", "operation was aborted", "request aborted"}},
	{
		name: "time ran out", class: Timeout, from: "Go, Python, aiohttp, gunicorn, Apache, undici, gRPC, Google, AWS, Cloudflare, Envoy, nginx, Java, Ruby, Erlang, Windows", doc: []string{
			"timeout_error", "APITimeoutError", "ReadTimeout", "ConnectTimeout", "DEADLINE_EXCEEDED", "deadline expired", "ModelTimeout", "UND_ERR_HEADERS_TIMEOUT", "UND_ERR_BODY_TIMEOUT", "UND_ERR_CONNECT_TIMEOUT", "ETIMEDOUT", "i/o timeout", "TLS handshake timeout", "INTEGRATION_TIMEOUT",
			"TimeoutError", "TimeoutException", "InterruptedIOException: timeout", "SocketTimeout", "upstream_timeout", "response_timeout", "ESOCKETTIMEDOUT", "error code: 522", "error code: 524", "a timeout occurred", "ERR_TIMED_OUT", "PoolTimeout", "HEADERS_TIMEOUT", "GatewayTimeout",
			"ReadTimeoutError", "operation was timeout", "error code 524", "error code 522", "stream_idle_timeout", "TimedOut|", "curl: (28)", "OpenTimeout", "WriteTimeout", "execution expired", "(EXIT) time out", "did not properly respond", "timeout on reading data", "timeout specified has expired", "worker timeout",
		},
		faint: []string{
			"timeout:|", ":timeout|", "acquire timeout", "pool timeout", "db timeout", "database timeout", "query timeout", "lock timeout", "llm timeout", "model timeout", "api timeout", "generation timeout", "inference timeout", "execution timeout",
			"server timeout", "proxy timeout", "call timeout", "task timeout", "operation timeout", "network timeout", "completion timeout", "by timeout", "with timeout|", "等待时间",
		},
		any: []string{
			"timed out", "timedout", "timing out", "times out", "upstream timeout", "stream timeout", "response_time_exceeded", "read timeout", "connect timeout", "connection timeout", "write timeout", "request timeout", "response timeout", "gateway timeout", "gateway time out", "deadline exceeded", "socket timeout", "idle timeout", "request time out", "timeout of |", "timeout after", "exceeded timeout",
			"did not respond within", "did not complete within", "did not finish within", "not complete in time", "not finish in time", "no response within", "no response after", "took too long", "timeout error", "timeout exceeded", "timeout awaiting", "timeout while", "timeout waiting", "due to timeout", "due to a timeout", "because of a timeout", "408 request", "exceeded the time limit", "time limit exceeded", "超时", "没有正确答复",
			"did not answer", "not answer in", "never responded", "never answered", "no answer from", "took longer than", "no response received", "did not respond", "not respond in time", "stopped responding", "unresponsive", "gave up waiting", "gave up after", "wait time exceeded", "maximum wait", "maximum execution time", "maximum duration", "ping timeout", "within the timeout", "响应时间过长",
		},
		near: []near{{a: []string{"no bytes", "no data", "no tokens", "no first token", "nothing received", "no answer", "no reply", "no output"}, b: []string{"within", "after", "seconds"}, within: 40}, {a: []string{"exceeded", "exceeds"}, b: []string{"timeout", "time out", "time limit", "first token"}, within: 32}},
		not:  []string{"engine iteration timed out", "cooldown time", "upstream connect error"},
	},
	{
		name: "no answer of a named kind", class: ServerError, from: "codex", all: []string{"stream disconnected before completion"}, any: []string{"error occurred while processing", "server error", "internal error"},
	},
	{
		name: "no connection", class: Connection, domain: ByNetwork, from: "libuv, Go, Python, curl, wget, OpenSSL, Java, Dart, Haskell, Foundation, Windows, Envoy, nginx, Kong, Cloudflare", doc: []string{
			"ECONNREFUSED", "ECONNRESET", "ECONNABORTED", "EPIPE", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH", "EPROTO", "getaddrinfo", "socket hang up", "RemoteDisconnected", "fetch failed", "no such host", "NameResolution", "UnknownHost", "SSLError", "x509", "wrong version number", "proxyconnect", "GOAWAY",
			"upstream connect error", "upstream_reset_before_response", "NewConnectionError", "Max retries exceeded with url", "{connection_termination}", "{connection_failure}", "reset reason: connection", "connection_failure", "ConnectError", "exception - connection error", "ClientConnectorError", "reqwest::Error { kind: Request", "RemoteProtocolError", "ServerDisconnected", "UND_ERR_SOCKET",
			"CERTIFICATE_VERIFY_FAILED", "error code 520", "error code 521", "error code 523", "error code 525", "error code 526", "error code:520", "error code:521", "error code:523", "error code:525", "error code:526", "error code:1016", "WinError 10061", "WinError 10054", "Errno 111", "Errno 104",
			"prematurely closed connection while reading response header", "web server is down", "web server is returning an unknown error", "ERR_CONNECTION", "ERR_SSL", "ERR_NETWORK", "UNABLE_TO_VERIFY", "UNABLE_TO_GET_ISSUER", "DEPTH_ZERO_SELF_SIGNED", "SELF_SIGNED_CERT", "ERR_TLS", "SSL_ERROR",
			"SSLHandshakeException", "SocketException", "ConnectException", "NoRouteToHost", "HttpHostConnect", "ClosedChannelException", "prematurely closed before response", "an error occurred while sending the request", "unable to read data from the transport", "error sending request for url", "curl: (7)", "curl: (6)", "curl: (35)", "curl: (52)", "curl: (56)", "ClientCertUntrusted", "ReadError|", "ConnectionResetError", "BrokenPipe", "ERR_NAME_NOT_RESOLVED", "dial tcp", "dial unix", "ERR_INTERNET_DISCONNECTED", "ERR_EMPTY_RESPONSE", "ERR_ADDRESS_UNREACHABLE", "ERR_TUNNEL_CONNECTION", "ERR_PROXY_CONNECTION", "ERR_CERT", "type error:load failed", "HandshakeException", "NoHttpResponse", "gave HTTP response to HTTPS", "host not found in upstream", "could not be resolved", "with the specified hostname", "do_request_failed", "failed to set the current peer", "IncompleteMessage", "UnresolvedAddress", "NoResponseDataReceived", "name could not be resolved", "unable to resolve", "error trying to connect", "tcp connect error", "积极拒绝", "unexpected end of stream on",
		},
		faint: []string{"|dns", "certificate", "ssl:", "tls:", "tls handshake", "reading response header", "connecting to upstream"},
		any: []string{
			"header parser received no bytes", "stream not processed", "refused stream", "connection refused", "connect:refused", "actively refused", "connection reset", "connection was reset", "forcibly closed", "broken pipe", "remote end closed", "server disconnected", "failed to fetch", "name resolution", "name or service not known", "nodename nor servname",
			"could not resolve", "couldn't resolve", "cert verif", "ssl error", "tls error", "handshake fail", "connect error", "cannot connect", "can't connect", "could not connect", "couldn't connect", "unable to connect",
			"failed to connect", "error dialing", "failed connecting", "connection closed", "connection aborted", "connection broken", "connection lost", "connection dropped", "connection terminated", "connection attempts failed", "connection failed", "connection failure", "failed to establish", "network error",
			"networkerror", "|unreachable", "proxy connect aborted", "no route to host", "prematurely closed", "while connecting to upstream", "origin is unreachable", "invalid ssl certificate", "origin dns", "server closed", "socket closed",
			"|io exception", "http2:client connection", "http2:server sent", "protocolerror", "protocol error", "peer closed", "closed connection", "connection was closed", "transport error", "error communicating with", "empty reply from server",
			"could not reach", "cannot reach", "can t reach", "couldn t reach", "unable to reach", "failed to reach", "network issue", "appears to be offline", "network problem", "server not running", "is the server running", "is ollama running", "is it running", "连接断开", "连接已断开", "网络错误", "无法连接", "连接失败", "连接被重置", "连接错误", "网络异常", "|eof|",
		},
		near: []near{{a: []string{"|connection", "|socket", "|network", "|websocket", "|web socket", "|transport|"}, b: []string{"|refused", "|reset", "|closed", "|lost", "|dropped", "|aborted", "|broken", "|failed", "unreachable", "|disconnected", "|interrupted", "|terminated", "|rejected", "not connected", "not be established", "not be made", "|died"}, within: 32}, {a: []string{"|websocket", "|web socket"}, b: []string{"|failed", "|closed", "|refused"}, within: 64}},
		not:  []string{"invalid header", "too big header", "no valid http"},
	},
	{name: "a stream that ended for no named cause", class: Truncated, layer: "client", from: "codex", doc: []string{"stream disconnected before completion"}},
	// LiteLLM gives this name to whatever it cannot place.
	{name: "connection error by name", class: Connection, domain: ByNetwork, from: "requests, openai, anthropic", doc: []string{"ConnectionError"}, not: []string{"litellm.APIConnectionError"}},
}

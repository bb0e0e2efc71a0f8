package fault

// transportRules say how far an answer got: begun and cut, left by the caller, waited for, never reached.
var transportRules = []rule{
	{name: "cut while reading the body", class: Truncated, layer: "client", any: []string{
		"while reading body", "while reading response body", "reading response body", "while reading upstream", "while sending to client", "upgraded connection", "after_response_started", "error reading a body", "error decoding response body",
		"without sending complete", "incomplete chunked", "incompleteread", "invalidchunklength", "response ended prematurely", "clientpayloaderror", "payload is not completed", "contentlengtherror", "transferencodingerror", "unexpected eof",
		"unexpectedeof", "other side closed", "before response.completed", "response.incomplete", "stream ended without", "stream ended before", "stream closed before", "closed before message_stop", "stream_truncated", "stream truncated", "truncated event", "truncated", "cut short",
		"body closed", "stream was cut", "partial response", "premature close", "err_stream_premature_close", "ended unexpectedly", "closed unexpectedly while streaming", "without [done]", "no [done]", "stream interrupted", "terminated unexpectedly", "error in input stream",
		"stream ended unexpectedly", "incomplete response", "incomplete stream", "missing finish_reason", "interrupted while streaming", "mid-stream", "midstream", "malformed chunk", "chunked encoding",
	}, not: []string{"client prematurely closed"}},
	{name: "finish reason of a limit", class: Truncated, confidence: sure, domain: ByCaller, retry: RetryNever, any: []string{
		"finish_reason\": \"length", "finish_reason\":\"length", "finish_reason=\"length", "finish_reason=length", "finish_reason : length", "finish_reason: length", "stop_reason\": \"max_tokens", "stop_reason\":\"max_tokens", "stop_reason: max_tokens",
		"finishreason\": \"max_tokens", "finishreason\":\"max_tokens", "finish reason: length", "max_output_tokens was reached", "length limit was reached", "finish_reason is 2", "finish_reason: 2", "finish_reason: max_tokens",
	}},
	{name: "terminated fetch", class: Truncated, layer: "client", any: []string{"typeerror: terminated", "error: terminated", "\"terminated\""}},
	{name: "broken HTTP/2 stream", class: Truncated, layer: "client", all: []string{"stream"}, any: []string{"internal_error", "rst_stream", "err_http2_stream"}, not: []string{"500"}},
	{name: "deadline of the client", class: Timeout, layer: "client", any: []string{"client.timeout", "timeout exceeded while awaiting"}},
	{name: "caller left", class: Cancelled, layer: "client", any: []string{
		"client prematurely closed", "client closed request", "client_closed_request", "client closed connection", "client disconnect", "clientdisconnect", "context canceled", "context cancelled", "apiuseraborterror", "request was aborted", "request aborted", "aborterror", "operation was aborted", "user aborted",
		"aborted request", "cancellederror", "listen_for_disconnect", "request was cancelled", "request was canceled", "request cancelled", "request canceled", "cancelled by", "canceled by", "rpc error: code = canceled", "status 499", "code 499", "error: aborted", "downstream_remote_disconnect",
		"downstream disconnect", "interrupted by user", "cancelled by user", "task was destroyed", "client has disconnected", "client gone", "client abort", "clientabort", "err_canceled", "1 cancelled", "stream aborted by client", "http: abort handler", "caller went away", "connection closed by client",
	}, not: []string{"client.timeout"}},
	{name: "time ran out", class: Timeout, any: []string{
		"timed out", "timed_out", "timedout", "time out", "timeout_error", "apitimeouterror", "readtimeout", "read timeout", "connecttimeout", "connect timeout", "connection timeout", "write timeout", "request timeout", "response timeout", "response_timeout", "gateway timeout", "gateway_timeout", "gateway time-out", "deadline exceeded", "deadline_exceeded",
		"deadlineexceeded", "deadline expired", "modeltimeout", "und_err_headers_timeout", "und_err_body_timeout", "und_err_connect_timeout", "etimedout", "i/o timeout", "tls handshake timeout", "integration_timeout", "operation was timeout", "timeouterror", "timeoutexception", "interruptedioexception: timeout", "sockettimeout", "upstream_timeout",
		"socket timeout", "idle timeout", "timeout of ", "timeout after", "exceeded timeout", "timeout: ", ": timeout", "did not respond within", "no response within", "took too long", "error code 524", "error code: 524", "a timeout occurred", "\"timeout\"", "408 request", "timeout error", "timeout exceeded", "timeout awaiting", "timeout while", "timeout waiting", "超时", "没有正确答复",
	}, not: []string{"engine iteration timed out"}},
	{name: "no connection", class: Connection, domain: ByNetwork, any: []string{
		"econnrefused", "connection refused", "connect: refused", "actively refused", "econnreset", "connection reset", "connection was reset", "forcibly closed", "connectionreseterror", "epipe", "broken pipe", "socket hang up", "remotedisconnected", "remote end closed", "server disconnected", "serverdisconnected", "fetch failed", "failed to fetch", "enotfound",
		"eai_again", "getaddrinfo", "no such host", "name resolution", "nameresolution", "name or service not known", "nodename nor servname", "could not resolve", "couldn\"t resolve", "dns", "unknownhost", "certificate", "cert_", "ssl:", "sslerror", "ssl error", "ssl_error", "tls:", "tls handshake", "tls_error", "x509", "eproto", "handshake fail", "proxyconnect", "goaway",
		"upstream connect error", "upstream_reset_before_response", "connection_termination", "connection termination", "connection_failure", "connection failure", "connection_error", "connection error", "connectionerror", "connecterror", "connect error", "cannot connect", "can\"t connect", "could not connect", "couldn\"t connect", "unable to connect", "failed to connect", "failed connecting", "connection closed", "connection aborted", "connection broken", "connection lost", "connection dropped",
		"connection terminated", "connection attempts failed", "connection failed", "failed to establish", "max retries exceeded with url", "newconnectionerror", "networkerror", "network error", "network is unreachable", "no route to host", "host unreachable", "ehostunreach", "enetunreach", "prematurely closed connection while reading response header", "prematurely closed", "reading response header",
		"while connecting to upstream", "connecting to upstream", "origin is unreachable", "web server is down", "web server is returning an unknown error", "invalid ssl certificate", "ssl handshake failed", "error code 520", "error code 521", "error code 525", "error code: 520", "error code: 521", "error code: 522", "error code: 1016", "origin dns", "httpcore.connecterror", "remoteprotocolerror",
		"server closed", "socket closed", "socketexception", "ioexception", "winerror 10061", "winerror 10054", "errno 111", "errno 104", "网络错误", "无法连接", "连接失败", "连接被重置", "dial tcp", "stream disconnected before completion", "econnaborted", "http2: client connection", "http2: server sent", "readerror", "protocolerror", "peer closed", "closed connection", "connection was closed",
	}},
}

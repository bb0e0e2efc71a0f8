package fault

var requestRules = []rule{
	{name: "chat template refused the messages", class: BadRequest, from: "llama.cpp, vLLM, jinja2", doc: []string{"{{- raise_exception", "{{ raise_exception", "Jinja Exception", "TemplateError"}},
	{name: "a program's own mistake with a value", class: ServerError, from: "Python, V8, PHP, Dart, Rust", doc: []string{
		"object is not iterable", "object is not subscriptable", "object is not callable", "object has no attribute", "is not JSON serializable", "not supported between instances of", "Cannot read properties of", "can't be used in 'await' expression", "can only concatenate", "No module named", "import failed", "run `pip install", "Call to undefined", "Undefined variable", "Allowed memory size", "is not a subtype of type", "unwrap()", "'in' operator",
	}},
	{name: "dead engine behind a code for callers", class: ServerError, from: "vLLM", doc: []string{"Background loop has errored already", "Background loop is not running"}},
	{
		name: "parameter words", class: BadRequest, own: true, faint: []string{"is required", "should be", "must be a|", "must be an|", "参数", "must contain", "not supported", "a maximum of", "not allowed", "must have", "must match", "must include", "unsupported", "is invalid|", "should be", "array too long", "string too long", "maximum length"},
		any: []string{
			"unsupported parameter", "malformed input", "extra inputs are not permitted", "unknown name", "cannot find field", "not supported with this model", "is not supported by", "does not support", "do not support", "not support tool", "is not supported for", "is not supported in", "unrecognized request argument",
			"unrecognized argument", "invalid value", "missing required", "required parameter", "invalid type", "field required", "is a required property", "bad request", "extraneous key", "must be followed by", "must alternate", "roles must", "at the beginning of", "at beginning of message", "must start with", "must begin with", "must end with", "must be the first", "must be the last", "must come first", "must come before", "first message must", "last message must", "must use the", "invalid role", "invalid parameter", "invalid request",
			"unexpected parameter", "must not be empty", "must be non empty", "cannot be empty", "expected an object", "method not allowed", "unsupported media type", "invalid json payload", "schema validation", "invalid schema", "unsupported content type",
			"is not allowed", "is not permitted", "unsupported value", "must be one of", "must be at least", "must be less", "must be greater", "must be between", "must be positive", "supports at most", "maximum number of items", "too many images", "too many tools", "invalid message",
			"invalid input", "failed to parse request", "does not match any variant", "invalid image", "unsupported image", "unsupported file", "could not process image", "invalid base64", "param incorrect", "invalid param", "malformed request", "deserialize the json body", "parse the request body as json", "expected request with content type", "not compatible", "incompatible", "missing field", "unknown field", "unknown parameter", "unknown variant",
			"cannot both", "mutually exclusive", "at the same time", "use only one", "only one of", "be used together", "cannot be combined", "cannot be used with", "can t be used with", "not enabled for", "is not a supported", "not match pattern", "match the expected pattern", "invalid combination", "api version not supported", "unsupported api version", "invalid api version", "failed to download", "parse the json body", "invalid json in",
			"only supported by", "only supported for", "only supported with", "only supports", "only works with", "only works in", "can only be", "may only be", "no tool output found", "no tool call found", "duplicate tool", "duplicate function", "must be unique", "should be non empty", "must be in range", "not in range",
			"without its required following item", "previous response with id", "cannot unmarshal", "may be provided", "set simultaneously", "call parameters", "parameter not received", "data type for", "missing headers or body", "only support stream", "not specified in", "expected last role", "unexpected role", "must be set to", "must provide", "no longer allowed", "text field in the content block", "following must be satisfied", "invalid field", "is too short", "issue with your request", "format or content of your request", "invalid file format", "a valid image", "image is not valid", "process input image", "valid media file", "corrupted or unsupported", "can be in one batch", "allowed per prediction", "an active run", "while a run", "active response", "buffer too small", "image dimensions", "pdf specified", "不能为空", "参数错误", "参数有误", "参数非法", "无效的请求", "请求格式", "不合法",
		},
		near: []near{{a: []string{"tool use", "tool result", "tool calls", "tool call id", "tool message"}, b: []string{"without", "must", "missing", "found", "corresponding", "preceding"}, within: 96}, {a: []string{"function call", "function response"}, b: []string{"turn comes", "number of", "immediately after", "equal to"}, within: 48}, {a: []string{"|expected|", "|expects|"}, b: []string{"but found", "but got", "but received", "|got a", "instead of"}, within: 64}, {a: []string{"|invalid|", "incorrect"}, b: []string{"|parameter|", "|parameters|", "|param|"}, within: 24}},
		not:  []string{"server error"},
	},
	{
		name: "a request's fault that a wrapper gives a status of its own", class: BadRequest, from: "OpenAI, Anthropic, Google error references", doc: []string{"invalid_request_error", "INVALID_ARGUMENT"},
		except: []int{0, 400, 401, 402, 403, 404, 405, 408, 409, 413, 415, 422, 429, 499}, not: []string{"server error"},
	},
	{
		name: "request code", class: BadRequest, confidence: likely, weak: true, from: "OpenAI, Anthropic, Google, AWS, LiteLLM, one-api, llama.cpp error references, gRPC", doc: []string{
			"invalid_request_error", "unsupported_parameter", "UnsupportedParams", "unsupported_value", "INVALID_ARGUMENT", "invalid_value", "missing_required_parameter", "invalid_prompt", "ValidationException", "validation_error", "invalid_parameter", "unknown_parameter", "unprocessable",
			"BadRequestError", "InvalidRequestError", "invalid_request", "bad_request", "invalid_type", "InvalidParameter", "extra_forbidden", "UnsupportedOperation", "NotImplementedError", "FAILED_PRECONDITION", "UnsupportedFunctionality", "UnprocessableEntity", "InvalidPrompt", "unable to submit request because", "enable-auto-tool-choice", "code = Unimplemented", "12 UNIMPLEMENTED", "convert_request_failed", "read_request_body_failed", "bad_request_body", "requires --jinja", "contents is not specified", "image_too_small", "unsupported_image", "file_download_error", "response_cancel_not_active",
		},
	},
}

// serverRules are the words that say no more than a status would: a status that says more decides.
var serverRules = []rule{
	{
		name: "dead engine", class: ServerError, from: "vLLM, Ollama, CUDA, llama.cpp, Cloudflare, Go, NCCL", doc: []string{
			"AsyncEngineDead", "EngineDeadError", "EngineDead", "MQEngineDead", "runner process", "process has terminated", "process no longer running", "runner has unexpectedly stopped", "requires more system memory", "model requires more", "CUDA out of memory", "CUDA error", "NCCL error", "OutOfMemoryError", "segmentation fault", "core dumped", "engine background task failed", "background loop",
			"worker threw exception", "error 1101", "panic:", "nullpointer", "NullPointerException", "stack overflow", "GGML_ASSERT", "ggml_abort", "EngineCore", "exit status 2", "signal: killed", "Cannot read properties of undefined", "Exception in ASGI application", "OOMKilled", "Worker failed", "ran out of memory", "nil pointer dereference",
		},
		any: []string{"out of memory", "is not a function", "cuda failure", "cannot be allocated", "failed to allocate", "could not allocate", "unable to allocate", "unhandled exception", "has no attribute", "cannot read propert", "died unexpectedly", "crashed", "failed to load model", "error loading model", "sigquit", "sigkill", "sigsegv", "illegal memory access", "abort was called", "assertion failed", "child failed", "stack trace"}, near: []near{{a: []string{"ggml"}, b: []string{"failed", "error", "abort", "assert"}, within: 64}, {a: []string{"process", "|server|", "|worker|", "runner", "|engine|", "container"}, b: []string{"exited with", "exit code", "exit status", "was killed", "|died|", "terminated by signal", "killed by signal"}, within: 40}},
	},
	{name: "advice about the network or the server", class: Connection, domain: ByNetwork, weak: true, any: []string{"check your network", "check your internet", "check network", "network connection"}, near: []near{{a: []string{"make sure", "|ensure", "check that", "check if", "verify that"}, b: []string{"is running", "is reachable", "is started"}, within: 48}}},
	{name: "bad gateway words", class: BadGateway, from: "nginx, Apache, Cloudflare, Kong, ALB, Envoy, node", doc: []string{
		"bad gateway", "BadGateway", "invalid response from upstream", "invalid response from an upstream", "an invalid response was received from", "upstream sent too big header", "too large header", "upstream_error", "upstream sent invalid header", "upstream sent no valid", "error reading status line", "error reading from remote server", "Parse Error: Expected HTTP", "HPE_INVALID", "web server reported a bad gateway",
	}, any: []string{"too big header", "invalid header", "returned an invalid response", "invalid response from server", "invalid response from the server", "unusable response", "invalid response was received", "bad response from upstream", "网关错误"}, weak: true},
	{name: "server code", class: ServerError, weak: true, from: "OpenAI, Anthropic, Google, AWS error references", doc: []string{
		"api_error", "server_error", "internal_server_error", "InternalServerError", "InternalFailure", "internal_error", "|INTERNAL:", "status: INTERNAL", "code = Internal", "code: INTERNAL", "InternalServerException", "ModelErrorException",
	}, except: []int{502, 503, 504, 520, 524, 529}, not: []string{"waiting for server to become available", "bad gateway", "service unavailable", "temporarily unavailable", "service temporarily"}},
	{name: "server words", class: ServerError, any: []string{
		"server had an error", "server experienced an error", "error occurred while processing", "error while processing your request", "internal error", "internal server error", "something went wrong", "went wrong", "something broke", "unexpected error", "unknown error", "内部错误", "服务器错误", "服务异常", "系统异常", "未知错误",
	}, weak: true, not: []string{"bad gateway", "service unavailable", "temporarily unavailable", "service temporarily"}},
	{name: "excuse", class: ServerError, weak: true, near: []near{{a: []string{"having some problem", "having problem", "having some issue", "having issues", "having trouble", "technical difficult", "technical issue", "technical problem", "experiencing problem", "experiencing issues", "experiencing difficult"}, b: []string{"try again later", "try again in a few", "try again shortly"}, within: 32}}},
	{
		name: "unavailable words", class: Unavailable, from: "OpenAI, llama.cpp", doc: []string{"service_unavailable_error", "unavailable_error"}, faint: []string{"|outage", "maintenance", "draining", "is stopped", "starting up", "is starting", "is loading", "warm up", "warming up", "cold start", "维护", "加载中", "estimated time", "unavailable"},
		any: []string{
			"service unavailable", "temporarily unavailable", "is unavailable", "currently unavailable", "still loading", "still being loaded", "major outage", "service outage", "scaled to zero", "endpoint is paused", "space is paused", "under maintenance", "scheduled maintenance", "down for maintenance", "not ready", "is down|", "server unavailable", "shutting down", "not yet ready", "unable to process your request", "unable to process the request", "unable to process this request",
			"not initialized", "health check failed", "healthcheck failed", "unable to start", "failed to start", "暂不可用", "服务不可用", "正在启动", "不可用",
		}, weak: true,
	},
	{name: "stack trace that names no cause", class: ServerError, layer: "gateway", domain: ByGateway, confidence: guess, weak: true, from: "Python, V8", doc: []string{"traceback (most recent call last", "KeyError|", "AttributeError", "IndexError", "TypeError:", "NameError", "ImportError", "ModuleNotFoundError", "UnboundLocalError", "unexpected keyword argument", "AssertionError", "ReferenceError"}},
	{name: "nothing answered", class: NoHealthyUpstream, layer: "gateway", near: []near{{
		a: []string{"all providers", "every provider", "all models", "every model", "all deployments", "all upstreams", "all upstream", "all backends", "all endpoints", "all channels", "all accounts", "all keys", "all api keys", "all targets", "all fallbacks", "all nodes"}, within: 40,
		b: []string{"|failed", "|errored", "failing", "no response", "unreachable"},
	}, {a: []string{"|all|", "|every|"}, b: []string{"models failed", "model failed", "providers failed", "provider failed", "endpoints failed", "backends failed", "upstreams failed", "keys failed", "accounts failed", "channels failed", "fallbacks failed", "deployments failed"}, within: 32}}, weak: true},
	{name: "gateway time-out page", class: Timeout, any: []string{"gateway time out", "gateway timeout"}},
}

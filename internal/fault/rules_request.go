package fault

var namedRules = []rule{
	{name: "place refused", class: Auth, from: "OpenAI, Google error texts", doc: []string{
		"unsupported_country", "location is not supported", "country, region", "not available in your country", "not available in your region", "not supported in your country",
	}, any: []string{"in your country", "not available in your", "not available for your account", "not available on your plan", "not included in your plan", "not supported in your", "your region is not", "地区"}},
	{name: "model gone code", class: ModelNotFound, confidence: sure, from: "OpenAI, Anthropic, Azure, Groq, DeepSeek codes", doc: []string{
		"model_not_found", "DeploymentNotFound", "model_decommissioned", "model_not_supported", "model_deprecated", "not_found_error", "route_not_found", "unknown_model", "model_not_available", "model_not_exist", "invalid_model", "resource_not_found", "unsupported_model",
		"ModelNotFound", "GatewayModelNotFound", "ModelNotFoundException", "UnknownOperationException", "no_model_access", "model_terminated", "marked by provider as legacy",
	}, not: []string{"permission", "unsupported model feature", "module not found", "not at ready state", "model architecture"}},
	{name: "parameter on a path", class: BadRequest, from: "OpenRouter routing errors", doc: []string{"no endpoints found that support", "no endpoints found that can handle"}},
	{name: "data policy", class: Auth, from: "OpenRouter privacy errors", doc: []string{"data policy", "privacy settings"}},
	{
		name: "model missing", class: ModelNotFound, from: "Ollama, Bedrock, Google, LiteLLM, OpenRouter, Azure, Together, FastChat, Replicate texts", doc: []string{
			"try pulling it", "on-demand throughput", "non-serverless model", "is not found for api version", "entity was not found", "provided model identifier", "Invalid model name", "LLM Provider NOT provided", "no endpoints found for", "Publisher Model", "There is no 'model_name' with this string", "The model id is invalid", "not a valid model", "does not work with the specified model", "unable to access model", "list of supported models", "allowed now, your model", "specified version does not exist",
		},
		any: []string{
			"model not found", "model not exist", "is a chat model and not", "models not found", "is not a chat model", "is not a completion model", "is not an embedding model", "model does not exist", "model is not found", "invalid model", "unknown model", "no such model", "no model named", "unrecognized model", "decommissioned", "unsupported model", "unsupport model", "model is not supported",
			"model is not available", "could not find model", "deployment does not exist", "model has been deprecated", "has been retired", "model is deprecated", "model has been removed", "is being retired", "no longer available", "no longer supported", "cannot find model", "can not find model",
			"model identifier is invalid", "model id is invalid", "model name passed", "does not support model", "cannot map model", "unmapped model", "no matching model", "is not a supported model", "not support model", "model may not exist", "model name is invalid", "model is unavailable",
			"no model found", "no models found", "supported models are", "supported model names", "supported api model names", "available models are", "valid models are", "allowed models are", "no chat model", "no default model", "no default chat model", "no models loaded", "no model loaded", "no model is loaded", "end of life", "end of its life", "no provider is configured", "no provider configured", "no provider for model", "unknown provider for model", "模型不存在", "不支持的模型", "不存在的模型", "未找到模型", "不支持模型", "模型未", "模型已下线",
		}, not: []string{"file not found", "model architecture", "not at ready state"},
	},
	{
		name: "named model does not exist", class: ModelNotFound,
		near: []near{{
			a: []string{"|model|", "deployment", "publisher model", "inference profile", "adapter", "|engine", "模型"}, within: 72,
			b: []string{"does not exist", "not found", "doesn't exist", "not exist", "was removed", "been removed", "is not supported", "not available|", "cannot be found", "could not be found", "not recognized", "not enabled", "not deployed", "not loaded", "isn't supported", "isn't available", "has been deprecated", "was shut down", "been shut down", "no longer be used", "not in the list", "no such", "could not find", "cannot find", "unable to find", "not served", "not registered", "not hosted", "is not offered", "is not accessible", "不存在", "未找到", "不支持"},
		}},
		not: []string{"file not found", "command not found", "model returned the following errors", "is not supported when", "parameter", "permission denied", "module", "in token output", "api key not found", "is not supported with this model", "tool", "401", "key not found", "handler", "attribute", "malformed input", "extraneous key", "required key", "error loading", "failed to load", "process has terminated"},
	},
	{name: "named provider or path does not exist", class: ModelNotFound, any: []string{"no assistant found", "no thread found", "voice not found"}, near: []near{{a: []string{"|path /", "|assistant|", "|voice|"}, b: []string{"not found"}, within: 40}, {a: []string{"|provider|", "|api|", "|route"}, b: []string{"does not exist", "doesn't exist", "not registered", "taken offline", "no matching"}, within: 32}}, not: []string{"api key", "apikey", "has no attribute"}},
	{
		name: "path missing", class: ModelNotFound, from: "Express, Kong, Go, Spring, OpenAI texts", doc: []string{
			"cannot post /", "cannot get /", "no route matched", "detail:not found", "unrecognized request url", "404 page not found", "Invalid URL (", "unknown request url", "no static resource", "NoSuchKey", "the requested url was not found",
		},
		near: []near{{a: []string{"|api|", "|apis|", "endpoint", "|engine|", "this version"}, b: []string{"was removed", "been removed", "was retired", "been retired", "been discontinued", "was discontinued", "was sunset", "been sunset", "been shut down", "was shut down"}, within: 32}},
		any:  []string{"page not found", "route not found", "has no endpoint /", "url not found", "no handler", "path not found", "no such route", "endpoint not found", "resource not found", "404 not found", "not found, status:404", "unknown endpoint", "status code:not found", "no route to path", "no such api", "InvalidAction", "no such endpoint"},
	},
}

var identityRules = []rule{
	{
		name: "identity code", class: Auth, confidence: sure, from: "OpenAI, Anthropic, Google, AWS, Azure, Tencent, Volcengine, Baidu, Groq, Cloudflare, LiteLLM error references", doc: []string{
			"authentication_error", "AuthenticationError", "permission_error", "invalid_api_key", "API_KEY_INVALID", "PERMISSION_DENIED", "PermissionDeniedError", "UNAUTHENTICATED", "AccessDenied", "access_denied", "ExpiredToken", "UnrecognizedClient", "invalid_grant", "FTUFormNotFilled",
			"key_model_access_denied", "team_model_access_denied", "InvalidSignature", "SignatureDoesNotMatch", "token_expired", "invalid_token", "unauthorized_client", "ext_authz", "invalid_authentication", "UnauthorizedError", "rbac_access_denied", "no_auth|",
			"missing_api_key", "token_invalidated", "SERVICE_DISABLED", "CredentialsProviderError", "NoCredentialsError", "CredentialUnavailable", "unauthorized_error", "InvalidClientTokenId", "MissingAuthenticationToken", "invalid_subscription", "request_forbidden", "not_authorized",
			"NotAuthorized", "invalid_client", "access_token_expired", "no_db_connection", "DefaultCredentialsError", "authentication_required", "ACCESS_TOKEN_SCOPE_INSUFFICIENT", "token_revoked", "refresh_token_reused", "unregistered callers", "API_KEY_SERVICE_BLOCKED", "API_KEY_HTTP_REFERRER_BLOCKED", "API_KEY_IP_ADDRESS_BLOCKED", "CREDENTIALS_MISSING", "USER_PROJECT_DENIED", "request signature we calculated", "RefreshError", "reauthentication is needed", "application-default login", "has not been used in project", "AuthorizationFailure", "AuthorizationFailed", "InvalidAuthenticationToken", "LoginRefreshRequired", "TokenRefreshRequired", "SSOTokenLoadError", "AADSTS", "UnauthorizedSSOToken", "IncompleteSignature", "OptInRequired", "AuthFailure", "SecretIdNotFound", "ServiceNotOpen", "ModelNotOpen", "ServiceNotActivated", "certification failed", "insufficient authentication scopes", "requires terms acceptance", "has not agreed to", "lacks the required data action", "error code:1020", "error 1010", "authentication parameter not received",
		}, not: []string{"deadline exceeded", "failed (13:permission denied)"},
	},
	{
		name: "identity words", class: Auth, faint: []string{"credential", "bearer token", "oauth token", "refresh token", "token refresh", "security token", "authorization header", "sign in", "api key provided", "令牌", "权限"},
		any: []string{
			"invalid api key", "incorrect api key", "invalid x api key", "api key not valid", "invalid authentication", "unauthorized", "access denied", "access is denied", "token has expired", "token expired", "expired token", "token is expired", "you have been blocked",
			"attention required! cloudflare", "attention required! | cloudflare", "just a moment...", "error 1020", "don't have access", "do not have access", "does not have access", "not have permission", "no permission", "not authorized", "not allowed to", "|forbidden|", "auth credentials",
			"missing api key", "no api key", "api key is required", "api key required", "provide an api key", "provide your api key", "api key is not set", "api key not set", "invalid token", "invalid api token", "invalid access token", "api key is invalid", "api key not found",
			"api key is missing", "api key was not", "api key client option must be set", "api key must be", "not logged in", "please log in", "please login", "log in again", "login required", "authentication is disabled", "auth is disabled", "please run /login", "use case form", "key not found in", "not found in db", "automated queries",
			"secret with the name", "operation not allowed", "virtual network/firewall", "invalid subscription", "failed authentication", "authentication failed", "authentication fail", "authentication required", "auth failed", "authorization failed",
			"invalid auth", "token is invalid", "invalid bearer", "not allowed for this organization", "invalid key", "key is invalid", "key has expired", "key expired", "expired key", "api key has been revoked", "key revoked", "wrong api key",
			"resolve authentication", "authentication method", "member of an organization", "must be verified", "verify your account", "verify your organization", "not entitled", "not licensed", "not subscribed", "login expired", "无访问权限", "没有权限", "权限不足", "missing credentials", "reauthenticate", "session has expired", "session expired", "access restricted", "invalid signature", "unable to authenticate", "ip not allowed", "not whitelisted", "not in allowlist", "has not activated", "blocked at the organization", "blocked at the project", "public access is disabled", "tenant does not match", "requests from referer", "denied on resource", "user not found", "account does not exist", "valid user token", "jwt verification", "verification fails", "banned your access", "missing scopes", "login fail|", "未开通", "token已过期", "令牌已过期", "无效的令牌", "鉴权", "未授权", "认证失败", "身份验证", "无权", "无效的api", "密钥无效", "未登录",
		},
		near: []near{{
			a: []string{"api key", "apikey", "access token", "auth token", "bearer", "authentication", "authorization", "oauth", "session token", "api token", "service account", "user token", "|jwt|", "id token", "|hf token", "github token", "credentials|"}, within: 40,
			b: []string{"invalid", "incorrect", "|wrong", "expired", "missing", "not provided", "required", "rejected", "not valid", "revoked", "not recognized", "not configured", "not set", "failed", "unknown", "denied", "not match", "not found", "unauthorized"},
		}, {a: []string{"requests to this api"}, b: []string{"blocked"}, within: 96}, {a: []string{"please set", "set your", "did not get", "didn t get"}, b: []string{"api key"}, within: 32}, {a: []string{"access to"}, b: []string{"not allowed", "denied", "restricted", "not permitted", "not granted", "forbidden"}, within: 56}, {a: []string{"not allowed", "not permitted", "disallowed", "not enabled", "disabled", "blocked"}, b: []string{"for organization", "for this organization", "for your organization", "by your organization", "by organization", "for your team", "for this team", "by your admin", "by an admin", "by the admin", "for this key"}, within: 24}, {a: []string{"|ip|", "ip address"}, b: []string{"not permitted", "not allowed", "|blocked", "forbidden", "denied", "not authorized", "whitelist", "allowlist"}, within: 40}, {a: []string{"|lack|", "|lacks|", "|without a|", "do not have a", "don t have a"}, b: []string{"|license", "|seat|", "|permission"}, within: 40}, {a: []string{"|token|", "|login|", "|session|", "credential"}, b: []string{"|expired", "revoked", "no longer valid"}, within: 40}},
		not: []string{"failed (13:permission denied)", "deadline exceeded", "extra forbidden", "maximum duration"},
	},
	{name: "permission", class: Auth, any: []string{"permission denied", "insufficient permission", "missing permission", "lacks permission", "permissions|"}, not: []string{"(13:permission denied)", "connecting to upstream"}},
}

var outputRules = []rule{
	{name: "unavailable code", class: Unavailable, from: "AWS, OpenAI, llama.cpp, HuggingFace, Volcengine, Triton, NVIDIA, LM Studio, fal, Replicate", doc: []string{
		"ServiceUnavailableException", "loading model", "model is loading", "is currently loading", "currently being loaded", "endpoint is paused", "not at ready state", "degraded function", "ModelNotReadyException", "Model is unloaded", "Model unloaded", "runner_scheduling_failure", "prediction interrupted",
	}, not: []string{"error loading model", "failed loading model", "while loading model"}},
	{name: "output cut", class: Truncated, from: "OpenAI SDKs, pydantic, instructor, pydantic-ai, V8, Go", doc: []string{"EOF while parsing", "unexpected end of json", "LengthFinishReason", "Unexpected end of JSON input", "length limit was reached", "IncompleteOutputException"}, any: []string{"incomplete json", "unterminated json", "truncated json", "json is truncated", "output was truncated", "response was truncated"}, not: []string{"tool call"}},
	{name: "output code", class: InvalidOutput, confidence: sure, from: "Google, Groq, Vercel AI SDK, LangChain, LiteLLM, instructor, DSPy, pydantic-ai", doc: []string{
		"MALFORMED_FUNCTION_CALL", "tool_use_failed", "NoObjectGenerated", "OutputParserException", "invalid_output", "invalid_tool_call", "UNEXPECTED_TOOL_CALL", "json_validate_failed", "AI_JSONParseError", "failed to process successful response", "AI_TypeValidation", "ToolCallParseError", "ToolCallParseException", "InvalidToolArguments", "InvalidToolInput",
		"NoSuchTool", "malformed_tool", "JSONSchemaValidationError", "InstructorRetryException", "OUTPUT_PARSING_FAILURE", "EmptyResponseBody", "NoTextGenerated", "InvalidResponseDataError", "tool call validation failed", "not in request.tools", "empty_response", "output_parse_error", "AdapterParseError", "dict_keys(", "for result validation", "for output validation", "parsing LLM output", "InvalidOutputError", "ResponseParsingError", "ToolExecutionError: Invalid", "SchemaValidationError", "ResponseValidationError", "NoOutputGenerated", "UnexpectedModelBehavior", "ModelBehaviorError",
	}},
	{
		// What the JSON readers of the common languages say of text that is not JSON. Who fed them, status and words around tell.
		name: "JSON that cannot be read", class: InvalidOutput, from: "Go encoding/json, serde_json, Python json, V8, JavaScriptCore, PHP, Jackson, Gson, System.Text.Json, Ruby json, nlohmann json, kotlinx, Ktor, Swift Codable, Dart, Jason", doc: []string{
			"looking for beginning of", "after object key", "after top-level value", "in string literal", "cannot unmarshal", "expected value at line", "expected ident at line", "trailing characters at line", "control character", "expected `,` or `}`", "Extra data: line", "Invalid \\escape", "Unexpected non-whitespace character", "Expected property name or", "JSON.parse:",
			"JSON Parse error", "UnserializableResponse", "Malformed UTF-8", "JsonParseException", "JsonProcessingException", "JsonMappingException", "MismatchedInputException", "UnrecognizedPropertyException", "MalformedJsonException", "JsonSyntaxException", "JsonReaderException", "JsonSerializationException", "invalid start of a value",
			"JSON value could not be converted", "JSON::ParserError", "parse_error.101", "JsonException", "JsonDecodingException", "Jason.DecodeError", "DecodingError", "FormatException: Unexpected", "Cannot deserialize value", "NoTransformationFound", "be read because it", "at line 1 column", "read json:", "decode json", "decoding json",
		}, except: []int{400, 413, 415, 422}, not: []string{"<html", "<!doctype", "request body", "parse request", "json body", "chat request.", "generate request.", "request."},
	},
	{name: "answer of the wrong shape", class: InvalidOutput, from: "pydantic, zod", doc: []string{
		"ZodError", "validation error for", "validation errors for", "[type=missing", "[type=string_type", "[type=json_invalid", "[type=model_type", "[type=literal_error", "[type=enum", "[type=int_parsing", "[type=float_parsing", "[type=list_type", "[type=dict_type", "[type=value_error", "[type=bool_parsing", "ValidationError(model=", "invalid input: expected",
	}, except: []int{400, 422, 500}, not: []string{"request body", "request."}},
	{
		name: "output words", class: InvalidOutput, faint: []string{"invalid tool", "tool not found", "any json", "no json", "no output", "malformed response", "unexpected response", "incorrect response", "unexpected format", "invalid response format", "invalid response from llm", "invalid response from model", "non object", "not a json", "is not json", "isn t json", "instead of json", "non json"},
		any: []string{
			"failed to call a function", "could not parse llm", "could not parse output", "could not parse response", "could not parse the response", "could not parse tool", "tool call parsing failed", "failed to parse tool", "failed to parse function", "parse tool call",
			"no object generated", "response did not match", "did not match schema", "match schema", "match the schema", "match the expected schema", "match expected schema", "empty response", "empty content", "empty candidates", "no candidates", "no choices", "without choices", "missing choices",
			"empty completion", "empty output", "empty stream", "returned no content", "no content in response", "no content returned", "not valid json", "invalid json", "malformed json", "json decode error", "JSONDecodeError", "expecting value:line",
			"invalid function call", "invalid args", "invalid arguments", "unterminated string", "expecting property name", "expecting , delimiter", "unexpected token", "no text content", "failed to generate json", "failed to parse",
			"response cannot be null", "response is null", "response was null", "returned empty", "no valid json", "failed to validate json", "returned an empty", "empty or malformed", "cannot parse", "unparseable", "unparsable", "invalid utf 8", "json parsing failed", "error parsing", "bad json", "did not return valid", "not returning a valid", "did not return any", "did not provide any", "did not produce any", "did not generate any", "didn t return any", "didn t produce any", "didn t generate any", "no assistant message",
			"no generations", "none or empty", "wrong arguments", "bad arguments", "neither content nor", "at least one tool call", "failed to use any tools", "with an empty message", "empty assistant message", "no valid tool call", "内容为空", "return value is empty", "hallucinated", "unknown tool", "no such tool", "invalid format:", "missing action", "does not conform", "not conform to", "解析失败", "返回为空", "空响应", "未产生", "未返回",
		},
		near: []near{
			{a: []string{"json", "tool call", "function call", "tool argument", "model output", "llm output", "arguments"}, b: []string{"malformed", "invalid character", "could not be parsed", "unexpected character", "not parse", "failed to decode", "is invalid|", "unparse", "not valid", "cut off in"}, within: 64},
			{a: []string{"output format", "line format", "chunk format", "event format", "format in response", "format of the response", "response structure", "json mode"}, b: []string{"unexpected", "unrecognized", "|wrong", "malformed", "trying to get", "mode failed", "not correct", "did not follow", "not followed"}, within: 32},
			{a: []string{"json"}, b: []string{"not contain", "contains no", "unable to get", "could not get", "could not extract", "unable to extract", "failed to extract", "cannot extract", "could not find", "no valid"}, within: 32},
			{a: []string{"could not extract", "couldn t extract", "failed to extract", "unable to extract"}, b: []string{"|reply", "|answer", "response", "|output", "|content", "|message"}, within: 24},
			{a: []string{"|tool|"}, b: []string{"not found", "does not exist", "is not available", "not registered", "not a valid tool"}, within: 40},
			{a: []string{"failed to deserialize", "failed to decode", "could not decode", "cannot decode", "unable to decode", "could not deserialize"}, b: []string{"|response", "|reply", "|answer", "completion"}, within: 24},
			{a: []string{"|tool|", "|function|"}, b: []string{"argument validation", "arguments validation"}, within: 40},
			{a: []string{"candidate", "choices", "|parts|"}, b: []string{"为空"}, within: 24},
			{a: []string{"内容", "返回"}, b: []string{"为空"}, within: 24},
			{a: []string{"|no|"}, b: []string{"in response", "in the response", "in completion", "in the completion", "in model output", "in the reply"}, within: 32},
			{a: []string{"schema|"}, b: []string{"output does not match", "response does not match", "output doesn't match", "output did not match", "output violates", "mismatch"}, within: 40},
			{a: []string{"structured output", "llm output", "model output", "|llm response", "model response", "|output|", "the response", "completion|"}, b: []string{"did not respect", "required format", "schema validation", "failed validation", "validation failed", "not validate", "does not match", "did not match", "doesn t match", "|missing", "violates", "parsing failed", "parse failed", "parse error", "mismatched"}, within: 40},
			{a: []string{"returned no|", "returned null", "returned nothing", "returned none", "produced no|", "got no|", "without any"}, b: []string{"candidates", "choices", "content", "|text|", "|image", "response", "completion", "output", "message", "answer", "tool call", "function call"}, within: 24},
			{a: []string{"|empty|", "|blank|"}, b: []string{"response", "content", "completion", "candidates", "choices", "|answer", "|reply", "output"}, within: 28},
		},
		not: []string{"empty reply from server", "ConnectException", "connection refused", "ECONNREFUSED", "ECONNRESET", "invalid json payload", "<!doctype", "<html", "request body", "is not valid json in request", "token <", "parse request", "request was malformed", "loads request", "invalid tool schema", "invalid tools", "json body", "must be non empty", "must not be empty", "should not be empty", "cannot be empty", "may not be empty", "content block object is blank", "code:malformed_json", "does not conform to aws", "finish reason:safety", "output limit", "output token limit", "no content:", "has no attribute", "response body", "不能为空", "不可为空", "不得为空"},
	},
	{name: "answer without its parts", class: InvalidOutput, weak: true, near: []near{{a: []string{"KeyError", "|missing|", "undefined", "|none|"}, b: []string{"choices", "candidates"}, within: 32}, {a: []string{"error:"}, b: []string{":choices|", ":candidates|"}, within: 16}}},
}

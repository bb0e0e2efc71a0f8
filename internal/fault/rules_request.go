package fault

var namedRules = []rule{
	{name: "place refused", class: Auth, any: []string{
		"unsupported_country", "location is not supported", "in your country", "not available in your", "not supported in your", "country, region",
	}},
	{name: "model gone code", class: ModelNotFound, confidence: sure, any: []string{
		"model_not_found", "deploymentnotfound", "model_decommissioned", "model_not_supported", "model_deprecated", "modelnotfound", "not_found_error", "route_not_found", "unknown_model",
		"model_not_available", "model_not_exist", "invalid_model", "resource_not_found", "unsupported_model",
	}},
	{name: "parameter on a path", class: BadRequest, any: []string{"no endpoints found that support"}},
	{name: "data policy", class: Auth, any: []string{"data policy", "privacy settings"}},
	{name: "model missing", class: ModelNotFound, any: []string{
		"model not found", "model not exist", "models not found", "model does not exist", "model is not found", "invalid model", "unknown model", "no such model", "no model named", "unrecognized model", "try pulling it",
		"on-demand throughput", "non-serverless model", "decommissioned", "not a valid model", "unsupported model", "unsupport model", "model is not supported", "model is not available", "no endpoints found for", "could not find model",
		"is not found for api version", "entity was not found", "deployment for this resource does not exist", "deployment does not exist", "model has been deprecated", "has been retired", "model is deprecated", "no longer available",
		"no longer supported", "cannot find model", "can not find model", "model identifier is invalid", "model id is invalid", "provided model identifier", "model name passed", "does not support model", "cannot map model", "unmapped model",
		"model_name passed", "no matching model", "is not a supported model", "not support model", "model may not exist", "llm provider not provided", "模型不存在", "不支持的模型", "不存在的模型", "未找到模型",
	}},
	{name: "named model does not exist", class: ModelNotFound, all: []string{"model"}, any: []string{
		"\" does not exist", "\" not found", " does not exist or", "\" is not found", "was not found", "doesn\"t exist", "\" is not supported", "not exist", " not found,", " not found.", "\" does not exists",
	}, not: []string{"file not found", "parameter", "401", "permission_denied", "permission denied"}},
	{name: "deployment missing", class: ModelNotFound, all: []string{"deployment", "does not exist"}},
	{name: "path missing", class: ModelNotFound, any: []string{
		"page not found", "cannot post /", "cannot get /", "no route matched", "route not found", "url not found", "no handler", "path not found", "invalid url (", "no such route", "unknown request url", "endpoint not found", "resource not found",
		"no static resource", "nosuchkey", "404 not found", "not found\", \"status\": 404", "the requested url was not found",
	}},
	{name: "identity code", class: Auth, confidence: sure, any: []string{
		"authentication_error", "authenticationerror", "permission_error", "invalid_api_key", "api_key_invalid", "permission_denied", "permissiondenied", "unauthenticated", "accessdenied", "access_denied",
		"expiredtoken", "unrecognizedclient", "invalid_grant", "unsupported_country", "ftuformnotfilled", "key_model_access_denied", "invalidsignature", "signaturedoesnotmatch", "token_expired", "invalid_token", "unauthorized_client",
		"uaex", "ext_authz", "invalid_authentication", "invalidauthentication", "invalidapikey", "unauthorizederror", "rbac_access_denied", "auth_unavailable", "no_auth", "missing_api_key", "token_invalidated",
	}, not: []string{"deadline exceeded", "failed (13: permission denied)"}},
	{name: "identity words", class: Auth, any: []string{
		"invalid api key", "incorrect api key", "invalid x-api-key", "api key not valid", "invalid authentication", "unauthorized", "access denied", "token has expired", "token expired", "expired token", "security token",
		"location is not supported", "not available in your", "not supported in your", "country, region", "you have been blocked", "attention required! | cloudflare", "just a moment...", "error 1020", "don\"t have access", "do not have access",
		"does not have access", "not authorized", "forbidden", "auth credentials", "missing api key", "no api key", "api key is required", "provide an api key", "provide your api key", "invalid token", "invalid api token", "invalid access token",
		"api key is invalid", "api key provided", "api key not found", "api key is missing", "api_key client option must be set", "not logged in", "please log in", "please run /login", "use-case form", "use case form", "does not have permission", "permission \"",
		"key not found in", "not found in db", "automated queries", "invalid credential", "credentials were not", "unable to locate credentials", "could not resolve authentication", "credential", "secret with the name",
		"operation not allowed", "virtual network/firewall", "invalid subscription", "failed authentication", "authentication failed", "authentication fail", "authentication required", "auth failed", "invalid auth", "oauth token", "token is invalid", "invalid bearer",
		"not allowed for this organization", "token refresh", "refresh token", "无效的令牌", "令牌", "鉴权", "未授权", "认证失败", "身份验证",
	}, not: []string{"failed (13: permission denied)", "deadline exceeded"}},
	{name: "permission", class: Auth, any: []string{"permission denied", "insufficient permission", "missing permission", "lacks permission"}, not: []string{"(13: permission denied)", "connecting to upstream"}},
}

var outputRules = []rule{
	{name: "unavailable code", class: Unavailable, any: []string{"serviceunavailableexception", "service_unavailable_error", "unavailable_error", "loading model", "model is loading", "is currently loading"}},
	{name: "output cut", class: Truncated, any: []string{"eof while parsing", "unexpected end of json", "unexpected end of input", "lengthfinishreason", "unterminated json", "truncated json", "json is truncated"}},
	{name: "output code", class: InvalidOutput, confidence: sure, any: []string{
		"malformed_function_call", "tool_use_failed", "noobjectgenerated", "outputparserexception", "invalid_output", "invalid_tool_call", "unexpected_tool_call", "json_validate_failed", "ai_jsonparseerror", "ai_typevalidation",
		"toolcallparse", "ai_invalidtoolarguments", "ai_nosuchtool", "malformed_tool",
	}},
	{name: "output words", class: InvalidOutput, any: []string{
		"failed to call a function", "could not parse llm output", "could not parse output", "any json", "no json", "tool call parsing failed", "failed to parse tool", "failed to parse function", "parse tool call", "no object generated",
		"response did not match", "did not match schema", "does not match the schema", "not match schema", "not match the expected schema", "empty response", "empty content", "empty candidates", "no candidates", "no choices in", "no choices returned", "without choices", "missing choices",
		"empty completion", "empty output", "returned no content", "no content in response", "not valid json", "invalid json", "malformed json", "jsondecodeerror", "expecting value: line", "invalid tool", "invalid function call",
		"validation error for", "validation errors for", "unterminated string", "expecting property name", "expecting \",\" delimiter", "unexpected token", "no text content", "failed to generate json", "failed to parse", "parse error", "returned empty",
		"no valid json", "failed to validate json", "returned an empty", "empty or malformed", "cannot parse", "unparseable", "unparsable",
	}, not: []string{"invalid json payload", "<!doctype", "<html", "request body", "is not valid json in request", "token \"<\"", "token <"}},
}

var requestRules = []rule{
	{name: "request code", class: BadRequest, confidence: likely, any: []string{
		"invalid_request_error", "unsupported_parameter", "unsupportedparams", "unsupported_value", "invalid_argument", "invalid_value", "missing_required_parameter", "invalid_prompt", "validationexception", "validation_error", "invalid_parameter",
		"unknown_parameter", "unprocessable", "badrequesterror", "invalidrequesterror", "invalid_request", "bad_request", "invalid_type", "invalidparameter", "extra_forbidden", "unsupportedoperation", "notimplementederror",
	}},
	{name: "parameter words", class: BadRequest, any: []string{
		"unsupported parameter", "malformed input", "extra inputs are not permitted", "tool_result", "unknown name \"", "cannot find field", "not supported with this model", "is not supported by", "does not support", "is not supported for", "unrecognized request argument", "invalid value for",
		"missing required", "required parameter", "invalid type for", "field required", "is a required property", "bad request", "extraneous key", "must be followed by", "must alternate", "roles must", "invalid parameter", "invalid request", "unexpected keyword",
		"is required", "must not be empty", "must be non-empty", "cannot be empty", "expected an object", "method not allowed", "unsupported media type", "invalid json payload", "schema validation", "invalid schema", "unsupported content type", "is not allowed", "参数错误", "无效的请求",
		"not a valid", "invalid \"", "should be", "unsupported value", "must be a", "must be one of",
	}, not: []string{"internal server error", "500"}},
}

var serverRules = []rule{
	{name: "server code", class: ServerError, any: []string{
		"api_error", "server_error", "internal_server_error", "internalservererror", "internalfailure", "internal_error", "internal error", "internal server error", "asyncenginedead", "enginedeaderror", "enginedead",
	}, not: []string{"502", "503", "504", "524", "520", "529", "bad gateway", "bad_gateway", "service unavailable", "temporarily unavailable"}},
	{name: "server words", class: ServerError, any: []string{
		"server had an error", "server experienced an error", "error occurred while processing", "error while processing your request", "an error occurred while processing your request", "runner process", "process has terminated", "cuda out of memory", "cuda error", "out of memory", "segmentation fault", "core dumped",
		"engine background task failed", "background loop", "worker threw exception", "error 1101", "unhandled exception", "panic:", "something went wrong", "went wrong", "nullpointer", "stack overflow", "内部错误", "服务器内部错误",
	}},
	{name: "bad gateway words", class: BadGateway, any: []string{
		"bad gateway", "bad_gateway", "badgateway", "502 bad", "invalid response from upstream", "invalid response from an upstream", "too big header", "too large header", "upstream_error", "invalid header", "invalid response was received",
	}},
	{name: "unavailable words", class: Unavailable, any: []string{
		"service unavailable", "temporarily unavailable", "service_unavailable", "serviceunavailable", "is unavailable", "currently unavailable", "loading model", "is currently loading", "model is loading", "still loading", "is loading", "estimated_time", "unavailable_error", "maintenance",
		"starting up", "not ready", "is down", "warming up", "server unavailable", "unavailable", "shutting down", "暂不可用", "服务不可用", "维护",
	}},
	{name: "gateway time-out page", class: Timeout, any: []string{"gateway time-out", "gateway timeout"}},
}

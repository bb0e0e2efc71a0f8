package drill

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// payload is what a provider sends with a failure.
type payload struct {
	status int
	kind   string // content type
	body   string
	header map[string]string
}

const (
	asJSON = "application/json"
	asHTML = "text/html; charset=UTF-8"
	asText = "text/plain; charset=UTF-8"
)

// payloadOf is how provider words a failure of its own, in the shapes that the
// providers publish or that are seen in the wild.
func payloadOf(provider, model string, c cue) payload {
	wait := max(c.retryAfter, time.Second)
	if p, ok := edgePayloads[c.kind]; ok {
		if own, ok := edgeAt[provider][c.kind]; ok {
			p = own
		}
		p.body = strings.ReplaceAll(p.body, "{model}", model)
		return p
	}
	p := ownPayloads[provider][c.kind]
	seconds := strconv.FormatFloat(wait.Seconds(), 'f', -1, 64)
	p.kind, p.body = asJSON, strings.NewReplacer("{model}", model, "{seconds}", seconds).Replace(p.body)
	if p.status == http.StatusTooManyRequests {
		p.header = limitHeaders(provider, wait)
	}
	return p
}

// edgePayloads are the pages of whatever stands before a provider.
var edgePayloads = map[failureKind]payload{
	badGateway: {status: http.StatusBadGateway, kind: asHTML, body: "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n" +
		"<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"},
	gatewayTimeout: {status: 524, kind: asHTML, body: "<!DOCTYPE html>\n<html lang=\"en-US\">\n<head><title>api.example | 524: A timeout occurred</title></head>\n" +
		"<body><h1>A timeout occurred <span>Error code 524</span></h1><p>The origin web server timed out responding to this request.</p></body></html>"},
	unavailable: {status: http.StatusServiceUnavailable, kind: asHTML, body: "<html><head><title>503 Service Temporarily Unavailable</title></head>" +
		"<body><center><h1>503 Service Temporarily Unavailable</h1></center></body></html>"},
}

var edgeAt = map[string]map[failureKind]payload{
	"azure": {
		badGateway: {status: http.StatusBadGateway, kind: asHTML, body: "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n" +
			"<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>Microsoft-Azure-Application-Gateway/v2</center>\r\n</body>\r\n</html>\r\n"},
	},
	"llama": {
		unavailable: {status: http.StatusServiceUnavailable, kind: asJSON, body: `{"error":{"code":503,"message":"Loading model {model}","type":"unavailable_error"}}`},
	},
	"openai": {
		gatewayTimeout: {status: 524, kind: asText, body: "error code: 524"},
	},
}

// ownPayloads are the providers' own JSON errors.
var ownPayloads = map[string]map[failureKind]payload{
	"openai": {
		rateLimit:    {status: http.StatusTooManyRequests, body: `{"error":{"message":"Rate limit reached for {model} in organization org-drill on requests per min (RPM): Limit 320, Used 320, Requested 1. Please try again in {seconds}s.","type":"requests","param":null,"code":"rate_limit_exceeded"}}`},
		serverError:  {status: http.StatusInternalServerError, body: `{"error":{"message":"The server had an error while processing your request for {model}. Sorry about that!","type":"server_error","param":null,"code":null}}`},
		overloaded:   {status: http.StatusServiceUnavailable, body: `{"error":{"message":"That model ({model}) is currently overloaded with other requests. You can retry your request.","type":"server_error","param":null,"code":"server_is_overloaded"}}`},
		unauthorized: {status: http.StatusUnauthorized, body: `{"error":{"message":"Incorrect API key provided.","type":"invalid_request_error","param":"{model}","code":"invalid_api_key"}}`},
		badRequest:   {status: http.StatusBadRequest, body: `{"error":{"message":"This model's maximum context length is 128000 tokens. However, your messages resulted in 131204 tokens. Please reduce the length of the messages.","type":"invalid_request_error","param":"{model}","code":"context_length_exceeded"}}`},
		filtered:     {status: http.StatusBadRequest, body: `{"error":{"message":"Your request was rejected as a result of our safety system.","type":"invalid_request_error","param":"{model}","code":"content_policy_violation"}}`},
	},
	"azure": {
		rateLimit:    {status: http.StatusTooManyRequests, body: `{"error":{"code":"429","message":"Requests to the ChatCompletions_Create Operation under Azure OpenAI API version 2024-10-21 have exceeded call rate limit of your current OpenAI S0 pricing tier for {model}. Please retry after {seconds} seconds."}}`},
		serverError:  {status: http.StatusInternalServerError, body: `{"error":{"code":"InternalServerError","message":"The server had an error while processing your request for {model}. Sorry about that!"}}`},
		overloaded:   {status: http.StatusServiceUnavailable, body: `{"error":{"code":"ServerOverloaded","message":"The engine {model} is currently overloaded, please try again later."}}`},
		unauthorized: {status: http.StatusUnauthorized, body: `{"error":{"code":"401","message":"Access denied due to invalid subscription key or wrong API endpoint for {model}. Make sure to provide a valid key for an active subscription."}}`},
		badRequest:   {status: http.StatusBadRequest, body: `{"error":{"message":"This model's maximum context length is 128000 tokens. However, your messages resulted in 131204 tokens.","type":"invalid_request_error","param":"{model}","code":"context_length_exceeded"}}`},
		filtered:     {status: http.StatusBadRequest, body: `{"error":{"message":"The response was filtered due to the prompt triggering Azure OpenAI's content management policy.","type":null,"param":"prompt","code":"content_filter","status":400,"innererror":{"code":"ResponsibleAIPolicyViolation"}}}`},
	},
	"anthropic": {
		rateLimit:    {status: http.StatusTooManyRequests, body: `{"type":"error","error":{"type":"rate_limit_error","message":"This request would exceed the rate limit for your organization of 1200 requests per minute (model {model}). Please try again in {seconds} seconds."}}`},
		serverError:  {status: http.StatusInternalServerError, body: `{"type":"error","error":{"type":"api_error","message":"Internal server error"}}`},
		overloaded:   {status: 529, body: `{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}`},
		unauthorized: {status: http.StatusUnauthorized, body: `{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}}`},
		badRequest:   {status: http.StatusBadRequest, body: `{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 212315 tokens > 200000 maximum"}}`},
		filtered:     {status: http.StatusBadRequest, body: `{"type":"error","error":{"type":"invalid_request_error","message":"Output blocked by content filtering policy"}}`},
	},
	"llama": {
		rateLimit:    {status: http.StatusServiceUnavailable, body: `{"error":{"code":503,"message":"server busy, please try again: no slot available for {model}","type":"unavailable_error"}}`},
		serverError:  {status: http.StatusInternalServerError, body: `{"error":{"code":500,"message":"llama runner process has terminated: CUDA error","type":"server_error"}}`},
		overloaded:   {status: http.StatusServiceUnavailable, body: `{"error":"server busy, please try again. maximum pending requests exceeded"}`},
		unauthorized: {status: http.StatusUnauthorized, body: `{"error":{"code":401,"message":"Invalid API Key","type":"authentication_error"}}`},
		badRequest:   {status: http.StatusBadRequest, body: `{"error":{"code":400,"message":"the request exceeds the available context size. try increasing the context size or enable context shift","type":"exceed_context_size_error","n_prompt_tokens":9120,"n_ctx":8192}}`},
		filtered:     {status: http.StatusBadRequest, body: `{"error":{"code":400,"message":"Failed to parse grammar","type":"invalid_request_error"}}`},
	},
}

func limitHeaders(provider string, wait time.Duration) map[string]string {
	seconds := strconv.Itoa(int((wait + time.Second - 1) / time.Second))
	h := map[string]string{"Retry-After": seconds}
	switch provider {
	case "anthropic":
		h["Anthropic-Ratelimit-Requests-Limit"] = "1200"
		h["Anthropic-Ratelimit-Requests-Remaining"] = "0"
		h["Anthropic-Ratelimit-Requests-Reset"] = stamp(time.Now().Add(wait))
	case "azure":
		h["Retry-After-Ms"] = strconv.FormatInt(wait.Milliseconds(), 10)
		h["X-Ratelimit-Remaining-Requests"] = "0"
	default:
		h["X-Ratelimit-Limit-Requests"] = "320"
		h["X-Ratelimit-Remaining-Requests"] = "0"
		h["X-Ratelimit-Reset-Requests"] = wait.String()
	}
	return h
}

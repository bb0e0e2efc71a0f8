package main

type model struct {
	name, provider string
	weight         float64
	medianMS       float64 // time to the last token
	ttftMS         float64
	embed          bool
}

var models = []model{
	{"gpt-4o-mini", "openai", 22, 900, 260, false},
	{"gpt-4o", "openai", 14, 1900, 380, false},
	{"claude-sonnet-4-5", "anthropic", 17, 2900, 620, false},
	{"claude-haiku-4-5", "anthropic", 9, 1100, 310, false},
	{"anthropic.claude-sonnet-4-5-v1:0", "bedrock", 6, 3300, 740, false},
	{"gemini-2.5-flash", "vertex_ai", 9, 1000, 340, false},
	{"gemini-2.5-pro", "vertex_ai", 4, 4200, 1500, false},
	{"azure/gpt-4o-eu", "azure", 5, 2300, 510, false},
	{"llama-3.3-70b-instruct", "vllm", 5, 1500, 150, false},
	{"mistral-large-latest", "mistral", 2, 2100, 420, false},
	{"text-embedding-3-small", "openai", 6, 120, 0, true},
	{"deepseek-chat", "deepseek", 1, 5200, 1900, false},
}

var regions = map[string][]string{
	"openai":    {"us-east-1", "eu-west-1"},
	"anthropic": {"us-east-1", "us-west-2", "eu-west-1"},
	"bedrock":   {"us-east-1", "us-west-2", "eu-central-1", "ap-southeast-2"},
	"vertex_ai": {"us-central1", "europe-west4"},
	"azure":     {"westeurope", "swedencentral"},
	"vllm":      {"onprem-a", "onprem-b"},
	"mistral":   {"eu-west-1"},
	"deepseek":  {"ap-southeast-1"},
}

type failure struct {
	status             int
	typ, code, message string
	weight             float64
}

// The messages hold quotes, escapes, braces and what looks like a field: whoever searches a line for `"model":"` is
// wrong here.
var failures = []failure{
	{429, "rate_limit_error", "rate_limit_exceeded", "Rate limit reached for requests per min (RPM): Limit 500, Used 500, Requested 1. Please try again in 120ms.", 34},
	{429, "insufficient_quota", "insufficient_quota", "You exceeded your current quota, please check your plan and billing details.", 4},
	{529, "overloaded_error", "overloaded", "upstream said: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}", 12},
	{503, "service_unavailable", "upstream_unavailable", "no healthy upstream; tried=[\"a\",\"b\"] last=\"connect: connection refused\"", 8},
	{500, "api_error", "internal_error", "Internal server error\n\tat Router.acompletion (router.py:1412)\n\tat Handler.call (handler.py:88)", 9},
	{502, "bad_gateway", "upstream_reset", "upstream reset: \"EOF\" after 0 bytes, model\":\"not-a-field", 5},
	{504, "timeout_error", "upstream_timeout", "Request timed out after 60.0s (ttft never arrived)", 8},
	{400, "invalid_request_error", "context_length_exceeded", "This model's maximum context length is 128000 tokens, however your messages resulted in 131072 tokens.", 9},
	{400, "invalid_request_error", "invalid_tool_schema", "Invalid schema for function 'größe_prüfen': \u2018properties\u2019 is missing \u2192 {\"type\":\"object\"}", 3},
	{401, "authentication_error", "invalid_api_key", "Incorrect API key provided: sk-***. C:\\keys\\prod.txt", 3},
	{404, "not_found_error", "model_not_found", "The model `gpt-5-turbo` does not exist or you do not have access to it.", 1},
	{499, "client_closed_request", "client_disconnect", "client closed the connection while streaming", 4},
}

var (
	teams  = []string{"search", "support-bot", "copilot", "ingest-batch", "evals", "growth", "risk", "docs-qa"}
	routes = []string{"primary", "primary", "primary", "primary", "fallback-1", "fallback-2", "canary"}
	agents = []string{"openai-python/1.51.0", "anthropic-sdk-go/1.4.0", "langchain/0.3.7", "curl/8.9.1", "node-fetch/3.3"}
	envs   = []string{"prod", "prod", "prod", "prod", "prod", "prod", "prod", "staging"}
)

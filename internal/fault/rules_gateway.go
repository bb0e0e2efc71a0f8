package fault

// targets are what a gateway sends to.
var targets = []string{
	"upstream", "|host", "endpoint", "deployment", "server", "channel", "account", "|key", "credential", "provider", "target", "backend", "worker", "node", "|model", "instance", "replica", "|peer", "|pool", "渠道",
}

// ownRules tell what a gateway refuses by its own keys and limits: no provider has said a word then, and the first action is ours.
var ownRules = []rule{
	{
		name: "blocked at the gateway", class: AccountSuspended, layer: "gateway", domain: ByGateway, confidence: sure, from: "LiteLLM source", doc: []string{
			"is blocked. Update via", "auto router's team is blocked",
		},
	},
	{
		name: "limit of the gateway", class: RateLimited, layer: "gateway", domain: ByGateway, confidence: sure, from: "LiteLLM, Envoy, nginx sources; the reference gateway and the companion", doc: []string{
			"LiteLLM Rate Limit Handler", "Crossed TPM / RPM", "Crossed TPM, RPM", "Max parallel request limit reached", "limit type: requests", "limit type: tokens", "limit type: max_parallel_requests", "over defined rpm limit", "over defined tpm limit", "over available TPM", "over available RPM",
			"local_rate_limited", "limiting requests, excess", "limiting connections by zone", "workload_paused", "load_shed|", "paused by the operators", "turned away by the operators",
		},
	},
}

var gatewayRules = []rule{
	{
		name: "no upstream", class: NoHealthyUpstream, layer: "gateway", confidence: sure, from: "Envoy, nginx, Kong, APISIX, HAProxy, LiteLLM, one-api sources", doc: []string{
			"no healthy upstream", "no_healthy_upstream", "no live upstreams", "no upstreams available", "failure to get a peer", "failed to pick server", "No deployments available", "No deployment available", "RouterRateLimitError",
			"no server is available", "has no server available", "cluster_not_found", "before_response_started{overflow}", "no servers are inside upstream", "no valid upstream", "upstream server temporarily disabled", "no_available_provider", "auth_unavailable", "no auth available", "no_available_candidate", "get_channel_failed", "no_available_key", "reset reason: overflow",
		}, not: []string{"crossed budget"},
	},
	{name: "no server was chosen", class: NoHealthyUpstream, layer: "proxy", confidence: sure, from: "HAProxy manual", doc: []string{"<NOSRV>"}, except: []int{200, 204, 400, 401, 403, 404, 408, 429, 500, 501}},
	{
		name: "nothing left to send to", class: NoHealthyUpstream, layer: "gateway",
		faint: []string{"circuit breaker"},
		any: []string{
			"无可用渠道", "可用渠道", "没有可用", "无可用", "short circuited", "circuit open", "circuit is open", "|breaker is open", "breaker open", "breaker tripped", "upstream overflow", "nothing to route to", "nowhere to route", "has no endpoints", "no ready endpoints", "0 healthy", "in cooldown", "cooling down", "on cooldown", "all upstream servers tried",
		},
		near: []near{
			{
				a: []string{"no healthy", "no live|", "no alive", "no available", "no usable", "no active", "no eligible", "no enabled", "no working", "no suitable", "no ready", "no configured", "no allowed", "none of the"}, within: 20,
				b: targets,
			},
			{a: []string{"|no|"}, b: []string{"models available", "providers available", "provider available", "endpoints available for", "servers available", "server available", "accounts available", "keys available", "channels available", "deployments available", "backends available", "upstreams available", "workers available", "worker available", "peers available", "nodes available", "instances available", "replicas available", "endpoints available", "credentials available", "credential available", "hosts available", "targets available", "upstream available", "channel available", "account available", "providers left", "provider left", "keys left", "key left", "accounts left", "channels left", "credentials left", "upstreams left"}, within: 40},
			{a: []string{"渠道", "通道", "|channel"}, b: []string{"已被禁用", "被禁用", "已禁用", "被停用", "been disabled", "is disabled"}, within: 24},
			{a: []string{"account pool", "key pool", "credential pool", "account window", "upstream pool", "provider pool"}, b: []string{"saturated", "exhausted", "|full", "|empty", "depleted"}, within: 40},
			{
				a: []string{
					"all accounts", "all api keys", "all keys", "all credentials", "all channels", "all upstreams", "all upstream", "all targets", "all backends", "all providers", "all deployments", "all endpoints", "all nodes", "all instances", "every deployment", "every provider", "every upstream", "every key", "every api key", "every account", "every credential", "every channel", "every target", "every backend",
				}, within: 56,
				b: []string{"unhealthy", "cooldown", "cooling", "cooled", "exhausted", "unavailable", "limited", "are down", "disabled", "tried", "invalid", "expired", "is out", "breaker", "not available", "|down|", "blocked"},
			},
		},
		not: []string{"per minute", "budget", "no endpoints found that", "breaker configured"},
	},
}

var capacityRules = []rule{
	{
		name: "overload code", class: Overloaded, confidence: sure, from: "Anthropic, OpenAI, Moonshot, Vertex, Mistral, Bedrock, AWS, Tencent, Cloudflare, Cerebras error references; Java pools; nginx; the drill gateway", doc: []string{
			"overloaded_error", "server_is_overloaded", "server_overloaded", "engine_overloaded", "model_overloaded", "queue_full", "queue_timeout", "error-code-429", "capacity_exceeded", "service_tier_capacity", "insufficient_system_resource", "model_at_capacity",
			"slow_down", "ServerOverloaded", "no_capacity", "DSQ", "Model is overloaded", "maximum queue size", "EngineServerLimitExceeded", "no more data centers", "BulkheadFull", "RejectedExecution", "PendingLimitException", "worker_connections are not enough", "queue_exceeded", "excess queuing",
		}, not: []string{"dsqid", "may slow down", "might slow down", "could slow down", "can slow down", "will slow down", "slow down the", "slow down perf"},
	},
	{
		name: "capacity words", class: Overloaded, faint: []string{"pending request", "queue length", "is busy|", "maximum queue", "high traffic", "heavy traffic"},
		any: []string{
			"overloaded", "over capacity", "at capacity", "at full capacity", "high demand", "server busy", "server is busy", "servers are busy", "server is currently busy", "too busy", "model busy", "model is busy", "is currently busy", "service is too busy",
			"capacity exceeded", "insufficient capacity", "no capacity", "out of capacity", "lack of capacity", "capacity constraint", "capacity available", "not enough capacity", "capacity limit", "exceeds capacity", "heavy load", "high load", "excessive load",
			"overcapacity", "queue is full", "queue full", "full queue", "queue exceeded", "no slots", "no slot available", "available slot", "slots in use", "slot unavailable", "max pending", "too many pending", "too many waiting", "too many queued", "heavy demand", "load shedding", "oversubscribed",
			"saturated", "processing too many", "receiving too many", "handling too many", "too much traffic", "high volume of", "too many connections", "负载已", "负载过", "负载较", "负载太", "已满", "饱和", "过载", "服务器繁忙", "系统繁忙", "繁忙", "服务忙", "系统忙", "拥挤", "访问量过大", "算力不足", "资源不足",
		},
		near: []near{{a: []string{"|queue", "|slots", "|slot", "waiting requests", "pending requests"}, b: []string{"|busy|", "|full|", "limit reached", "exceed"}, within: 24}, {a: []string{"|gpu", "|compute"}, b: []string{"exhausted", "insufficient", "not enough", "no available", "none available"}, within: 32}, {a: []string{"|server", "|model", "|service", "|system", "|cluster", "|engine"}, b: []string{"|busy|", "overload"}, within: 24}, {a: []string{"capacity"}, b: []string{"insufficient", "not enough", "exceeded", "lack of", "|limited", "out of", "unavailable", "exhausted", "constrained", "maximum", "|max|", "|full|"}, within: 24}, {a: []string{"|worker", "|replica", "|instance|"}, b: []string{"request limit reached", "max concurrency", "no free", "at its limit"}, within: 40}},
		not:  []string{"if the model is busy", "port is busy", "not busy", "may be down or overloaded", "overloaded or misconfigured", "full traceback", "full stack"},
	},
	{
		name: "rate code", class: RateLimited, confidence: sure, from: "OpenAI, Anthropic, Mistral, Groq, AWS, Azure, Alibaba, Baidu, Tencent, iFlytek, Databricks error references", doc: []string{
			"rate_limit_error", "rate_limit_exceeded", "rate_limited", "ThrottlingException", "throttled", "rate_limit_reached", "too_many_requests", "RateLimitExceeded", "RateLimitReached", "requestburst", "limit_requests", "limit_burst_rate",
			"error 1015", "error code:1015", "TooManyRequestsException", "Throttling.RateQuota", "Throttling.User", "QpsOverFlow", "request limit reached", "REQUEST_LIMIT_EXCEEDED", "message:limit exceeded", "code:limit exceeded", "msg:rate limit",
		}, not: []string{"x ratelimit", "ratelimit remaining"},
	},
	{name: "resource exhausted", class: RateLimited, from: "Google, gRPC", doc: []string{"resource has been exhausted", "RESOURCE_EXHAUSTED"}, except: []int{503}},
	{name: "resource of a server exhausted", class: Overloaded, from: "gRPC", doc: []string{"RESOURCE_EXHAUSTED"}},
	{
		name: "rate words", class: RateLimited, faint: []string{"rate limit", "ratelimit", "requests per min", "tokens per min", "per minute", "|rpm|", "|tpm|", "per second", "throttl", "速率", "频率", "限流", "并发", "每分钟"},
		any: []string{
			"too many requests", "toomanyrequests", "hit rate limit", "hit the rate limit", "hit a rate limit", "hitting rate limit", "due to rate limit", "rate limit hit", "(rpm)", "(tpm)", "concurrency limit", "concurrency exceeded", "max parallel requests",
			"too many tokens", "too many concurrent", "requests too frequent", "too quickly", "reduce your request rate", "request rate is too", "max request concurrency", "max organization concurrency", "request frequency", "too frequently", "too frequent,", "reduce concurrency", "reduce frequency", "reduce the frequency", "slow down|", "too fast|", "quota exceeded", "enqueued token limit", "reduced rate limit", "limit of requests", "请求过于频繁", "频繁",
			"请求数限制", "请求过多", "次数过多", "限频", "流量受限", "速度过快",
		}, near: []near{
			{a: []string{"速率", "频率", "并发", "调用"}, b: []string{"限制", "上限", "过高", "过快", "超过", "超限", "过多"}, within: 24},
			{a: []string{"parallel request", "concurrent request", "simultaneous request", "concurrency"}, b: []string{"limit reached", "limit exceeded", "exceed", "too many", "reached", "hit limit", "maximum"}, within: 40},
		}, not: []string{"limit approaching", "approaching rate limit", "approaching the rate limit", "approaching your rate limit", "may slow down", "might slow down", "could slow down", "can slow down", "will slow down", "ratelimit remaining", "rate limit reset", "ratelimit limit", "ratelimit unified", "tokens per second", "tok per second", "throughput"},
	},
}

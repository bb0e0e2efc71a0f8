package fault

import "slices"

// rules stand in the order of precedence: account state, money, size, policy, the gateway's own verdict,
// capacity before rate, a named thing that is missing, identity, output, how far the answer got,
// parameters, and last what names no more than a status would. A rule is written from what providers
// document, or from how a family of programs words its errors. Quotes of any kind are written as ".
var rules = slices.Concat(accountRules, sizeRules, policyRules, gatewayRules, capacityRules, namedRules, outputRules, transportRules, requestRules, serverRules)

var accountRules = []rule{
	{name: "account state code", class: AccountSuspended, confidence: sure, any: []string{
		"access_terminated", "account_deactivated", "account_suspended", "consumer_suspended", "user_blocked", "account_disabled", "organization_disabled",
		"user_suspended", "account_banned", "access was terminated", "deactivated_workspace",
	}},
	{name: "account suspended", class: AccountSuspended, any: []string{
		"has been suspended", "is suspended", "account suspended", "was suspended", "has been banned", "is banned", "account banned", "user banned",
		"account has been deactivated", "account is deactivated", "account was deactivated", "key has been deactivated",
		"organization has been disabled", "organization is disabled", "account has been disabled", "account is disabled", "account was disabled", "key has been disabled",
		"has been disabled in this account", "resource has been temporarily blocked", "reported as leaked", "key was leaked",
		"access has been restricted", "account has been restricted", "repeated policy violations", "已被封禁", "已封禁", "账号被封", "账户已被冻结", "已被禁用",
	}},
	{name: "quota window is a minute", class: RateLimited, confidence: sure, any: []string{"perminute", "per_minute", "per-minute"}, not: []string{"perday", "per_day", "per-day"}},
	{name: "quota code", class: QuotaExhausted, confidence: sure, any: []string{
		"insufficient_quota", "billing_error", "billing_hard_limit", "budget_exceeded", "budgetexceedederror", "insufficient_credits", "insufficient_balance",
		"payment_required", "usage_limit_reached", "usage_limit_exceeded", "spend_limit", "insufficient_user_quota", "credits_exhausted", "quota_exceeded", "servicequotaexceeded",
		"subscription_required", "monthly_limit", "resourcepackageexhausted",
	}, not: []string{"over capacity", "overloaded", "at capacity"}},
	{name: "money", class: QuotaExhausted, any: []string{
		"exceeded your current quota", "credit balance", "insufficient balance", "insufficient credit", "insufficient fund", "insufficient quota", "not enough credit",
		"out of credit", "more credits", "used all available credits", "any credits", "no credits", "credits remaining: 0", "buy credits", "run out of",
		"payment required", "crossed budget", "exceeded budget", "over budget", "budget has been", "budget exceeded", "max budget", "spending limit", "spend limit", "spending cap",
		"monthly limit", "monthly credit", "credit limit", "request allowance", "monthly usage", "monthly spend", "monthly quota", "usage limit", "hard limit", "check your billing", "included credits", "billing details", "account balance",
		"out of quota", "quota exhausted", "exhausted your", "allocated quota", "quota has been exhausted", "out of extra usage", "exceeded your quota", "free tier has been", "free quota",
		"top up", "topup", "recharge", "余额不足", "额度不足", "额度已用", "额度已耗尽", "额度用尽", "欠费", "充值", "配额不足", "用户额度",
	}, not: []string{"error-code-429", "over capacity", "overloaded"}},
	{name: "daily allowance", class: QuotaExhausted, any: []string{
		"perday", "tokens per day", "requests per day", "(tpd)", "(rpd)", "per-day", "daily limit", "daily quota", "daily token", "daily request", "daily usage", "daily message",
		"weekly limit", "limit for today", "per day", "hour limit reached", "plan limit", "limit of your plan", "reset your limit", "limit will reset", "limit resets", "limit reached · resets",
	}, not: []string{"x-ratelimit"}},
}

var sizeRules = []rule{
	{name: "output limit", class: BadRequest, any: []string{
		"maximum allowed number of output tokens", "completion tokens, whereas", "supports at most", "max_tokens is too large", "max_tokens to be less than",
	}, not: []string{"maximum context length"}},
	{name: "context code", class: ContextOverflow, confidence: sure, any: []string{
		"context_length_exceeded", "contextwindowexceeded", "exceed_context_size", "request_too_large", "model_max_prompt_tokens_exceeded", "contextlengthexceeded", "payloadtoolarge",
		"string_above_max_length", "context_window_exceeded", "inputtoolong",
	}},
	{name: "context words", class: ContextOverflow, any: []string{
		"maximum context length", "max context length", "context length exceeded", "context length of", "exceeds the context", "exceed context", "exceeds context", "context window",
		"context size", "context overflow", "prompt is too long", "prompt too long", "input is too long", "input too long", "input token count", "input length", "request too large",
		"request entity too large", "payload too large", "content too large", "body too large", "request body larger", "too large a body", "larger than max", "prompt token count",
		"longest context", "reduce the length of", "reduce your prompt", "maximum prompt length", "too long for", "conversation is too long", "max_model_len",
		"exceeds the maximum number of tokens", "exceeds the maximum allowed number of input", "maximum number of tokens", "maximum input length", "too many input tokens", "exceeds the model",
		"exceeds the limit of", "上下文长度", "超出上下文", "超过最大长度", "输入过长",
	}, not: []string{"max_completion_tokens\" instead"}},
	{name: "tokens against a window", class: ContextOverflow, all: []string{"max_new_tokens", "must be <="}},
	{name: "tokens of the whole", class: ContextOverflow, all: []string{"too many tokens", "exceed"}},
	{name: "nothing left to answer with", class: ContextOverflow, all: []string{"max_tokens", "got -"}},
	{name: "nothing left to answer with", class: ContextOverflow, all: []string{"max_tokens", ": -"}, any: []string{"must be", "at least", "less than"}},
}

var policyRules = []rule{
	{name: "policy code", class: ContentFiltered, confidence: sure, any: []string{
		"content_policy_violation", "contentpolicyviolation", "responsibleaipolicyviolation", "data_inspection_failed", "prohibited_content", "moderation_blocked",
		"content_filtered", "content_moderation", "guardrail_intervened", "content_violation", "sensitive_words_detected", "model_refusal", "input_moderation",
	}},
	{name: "finish reason of a filter", class: ContentFiltered, confidence: sure, any: []string{
		"finish_reason\": \"content_filter", "finish_reason\":\"content_filter", "finish_reason=\"content_filter", "finish_reason: content_filter", "finishreason\": \"safety", "finishreason\":\"safety",
		"finish_reason: safety", "finish_reason: 3", "finish_reason: recitation", "finishreason\": \"recitation", "finishreason\":\"recitation", "stop_reason\": \"refusal", "stop_reason\":\"refusal", "stop_reason: refusal",
		"finish_reason is 3", "finish_reason is 4", "finish_reason] is 3", "block_reason", "blockreason", "blocked due to", "blocked_by_safety",
	}},
	{name: "policy words", class: ContentFiltered, any: []string{
		"content exists risk", "content management policy", "content policy", "content filter", "usage policy", "usage policies", "flagged", "moderation", "guardrail", "inappropriate content",
		"sensitive content", "unsafe content", "safety system", "safety filter", "safety setting", "safety reason", "safety guideline", "violates our", "violate our", "harmful content", "was blocked",
		"response was filtered", "refused to", "recitation", "敏感词", "敏感内容", "内容安全", "违规内容", "不当内容", "不安全",
	}, not: []string{"you have been blocked", "content_filter_error", "blocked by cors", "connection was blocked", "filtered\": false"}},
	{name: "content filter", class: ContentFiltered, any: []string{"content_filter"}, not: []string{"content_filter_error", "content_filter_result", "content_filter_offsets"}},
	{name: "content filter result", class: ContentFiltered, all: []string{"content_filter_result"}, any: []string{"filtered\": true", "filtered\":true"}},
}

var gatewayRules = []rule{
	{name: "no upstream", class: NoHealthyUpstream, layer: "gateway", confidence: sure, any: []string{
		"no healthy upstream", "no_healthy_upstream", "no healthy host", "no healthy endpoint", "no healthy deployment", "no live upstreams", "no upstreams available", "failure to get a peer",
		"no deployments available", "no deployment available", "routerratelimiterror", "<nosrv>", "no server is available", "has no server available", "no available server",
		"cluster_not_found", "before_response_started{overflow}", "no servers available", "no endpoints available for", "no server available",
	}},
	{name: "nothing left to send to", class: NoHealthyUpstream, layer: "gateway", any: []string{
		"no models available", "无可用渠道", "no available channel", "no available account", "no available key", "no available api key", "no available credential", "no available provider", "no available upstream",
		"no available target", "no available endpoint", "no available backend", "no available worker", "no available node", "no usable", "no provider available", "no providers available",
		"all providers are", "all providers unavailable", "all accounts", "all api keys", "all keys", "all credentials", "all channels", "all upstreams", "all targets", "all backends", "no active account", "no active provider", "no active credential",
		"circuit breaker", "circuit_breaker", "circuit open", "circuit is open", "circuitbreaker", "breaker is open", "breaker open", "short-circuited", "short circuited", "upstream overflow", "in cooldown", "cooling down",
		"可用渠道", "没有可用", "无可用",
	}},
}

var capacityRules = []rule{
	{name: "overload code", class: Overloaded, confidence: sure, any: []string{
		"overloaded_error", "server_is_overloaded", "server_overloaded", "engine_overloaded", "model_overloaded", "queue_full", "queue_timeout", "error-code-429", "capacity_exceeded",
		"service_tier_capacity", "insufficient_system_resource", "model_at_capacity", "modelnotready", "slow_down",
	}},
	{name: "capacity words", class: Overloaded, any: []string{
		"overloaded", "over capacity", "at capacity", "at full capacity", "high demand", "server busy", "server is busy", "servers are busy", "server is currently busy", "too busy", "model busy", "model is busy", "is busy",
		"capacity exceeded", "insufficient capacity", "no capacity", "out of capacity", "lack of capacity", "capacity constraint", "capacity available", "not enough capacity", "capacity limit", "exceeds capacity", "heavy load", "high load",
		"high traffic", "heavy traffic", "excessive load", "overcapacity", "queue is full", "queue full", "full queue", "no slots", "no slot available", "available slot", "slots in use", "max pending", "pending request", "maximum queue", "too many pending",
		"queue length", "负载已饱和", "负载过高", "服务器繁忙", "系统繁忙", "繁忙", "拥挤", "过载",
	}, not: []string{"port is busy", "not busy"}},
	{name: "rate code", class: RateLimited, confidence: sure, any: []string{
		"rate_limit_error", "rate_limit_exceeded", "rate_limited", "throttlingexception", "throttled", "rate_limit_reached", "too_many_requests", "ratelimitexceeded", "ratelimitreached",
		"requestburst", "limit_requests", "limit_burst_rate", "workload_paused", "load_shed", "local_rate_limited", "rate_limiter",
	}},
	{name: "rate words", class: RateLimited, any: []string{
		"rate limit", "rate-limit", "ratelimiterror", "too many requests", "toomanyrequests", "throttl", "requests per min", "tokens per min", "per minute", "(rpm)", "(tpm)", " rpm", " tpm",
		"error 1015", "error code: 1015", "concurrency limit", "concurrent request", "concurrency exceeded", "max_parallel_requests", "parallel request", "too many tokens", "too many concurrent", "requests too frequent", "request frequency", "per second", "slow down",
		"resource has been exhausted", "resource_exhausted", "resourceexhausted", "速率限制", "请求过于频繁", "请求频繁", "频率", "限流", "请求数限制", "并发", "请求过多",
	}, not: []string{"x-ratelimit-remaining", "rate limit reset"}},
}

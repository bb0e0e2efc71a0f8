package fault

import "slices"

// rules stand in the order of precedence: what a gateway says of its own keys and limits, account state, money, size, policy, the gateway's own verdict,
// capacity before rate, a named thing that is missing, identity, output, how far the answer got,
// parameters, and last what names no more than a status would. A rule is written from what providers
// document, or from how a family of programs words its errors; from says whose words those of doc are.
var rules = slices.Concat(ownRules, accountRules, moneyRules, sizeRules, policyRules, gatewayRules, capacityRules, namedRules, identityRules, outputRules, streamRules, transportRules, requestRules, serverRules)

// account and its like are what can be suspended.
var accounts = []string{
	"|account", "organization", "organisation", "|project", "|api key", "|key has|", "|key is|", "|key was|", "this key", "your key", "your access", "api access", "workspace", "|company|", "|consumer", "|tenant", "subscription", "this resource", "your resource", "the resource is", "user has been", "user is",
	"账号", "账户", "用户", "密钥",
}

var accountRules = []rule{
	{
		name: "account state code", class: AccountSuspended, confidence: sure, from: "OpenAI, Anthropic, Google, Azure, Groq, Cloudflare, Z.ai error references; codes of gateways", doc: []string{
			"access_terminated", "account_deactivated", "account_suspended", "CONSUMER_SUSPENDED", "user_blocked", "account_disabled", "organization_disabled", "user_suspended", "account_banned", "access was terminated",
			"deactivated_workspace", "associated with a deactivated account", "organization has been disabled", "organization has been restricted", "resource has been temporarily blocked", "reported as leaked", "organization_restricted", "account has been deactivated",
			"key_disabled", "key_revoked", "account_locked", "billing_account_disabled", "service unavailable for account", "is currently inactive", "irregular activities",
		},
	},
	{
		name: "taken away for abuse or a leak", class: AccountSuspended, near: []near{{
			a: []string{"revoked", "|disabled|", "deactivated", "terminated", "suspended"}, within: 80,
			b: []string{"leaked", "public repository", "exposed publicly", "|abuse", "violation of", "violating", "compromised", "|fraud", "suspicious", "unusual activity"},
		}},
	},
	{
		name: "account suspended", class: AccountSuspended,
		any: []string{
			"key was leaked", "key has been leaked", "access has been restricted", "repeated policy violations", "repeated violations", "violation of our policies", "violation of our terms", "violating our terms", "deleted or deactivated", "封号", "账号被封", "risk control",
		},
		near: []near{{
			a: []string{"|consumer"}, within: 120, // Google names the key between
			b: []string{"suspended"},
		}, {
			a: accounts, within: 48,
			b: []string{"suspended", "deactivated", "|banned|", "been disable", "is disabled", "was disabled", "been blocked", "is blocked", "account blocked", "|frozen|", "access revoked", "access has been revoked", "been restricted", "is restricted", "been locked", "is locked", "been frozen", "been terminated", "封禁", "冻结", "禁用", "停用"},
		}},
		not: []string{"authentication is disabled", "auth is disabled", "service disabled", "has not been used in project", "it is disabled. enable it", "you have been blocked", "exceeded_current_quota", "plan and billing", "organization level", "project level", "browser s signature", "model was disabled", "model is disabled", "exhausted balance"},
	},
}

var moneyRules = []rule{
	{
		name: "quota whose window is a minute", class: RateLimited, confidence: sure, from: "Google quota ids, Alibaba, Cerebras codes", doc: []string{"online prediction requests per base model", "RateQuota", "BurstRate", "request_quota_exceeded"},
		near: []near{{a: []string{"quota", "credit limit", "rate limited", "usage limit", "your limit", "|trial key"}, b: []string{"per minute", "per min|", "rpm|", "tpm|", "queries per minute", "calls / minute", "calls/minute", "times per minute"}, within: 400}},
		not:  []string{"per day", "daily", "request too large", "exceeded token quota per month"},
	},
	{
		name: "quota code", class: QuotaExhausted, confidence: sure, from: "OpenAI, Anthropic, Google, Alibaba, Tencent, Baidu, Volcengine, Moonshot, watsonx, DeepSeek, Azure API Management error references; LiteLLM and one-api sources", doc: []string{
			"insufficient_quota", "billing_error", "billing_hard_limit", "billing_not_active", "budget_exceeded", "BudgetExceededError", "ExceededBudget", "insufficient_credits", "insufficient_balance", "insufficient_funds", "payment_required",
			"usage_limit_reached", "usage_limit_exceeded", "spend_limit", "insufficient_user_quota", "credits_exhausted", "credit_exhausted", "quota_exceeded", "exceeded_quota", "ServiceQuotaExceeded", "subscription_required", "monthly_limit", "resourcepackageexhausted",
			"resource_package_exhausted", "Arrearage", "account_overdue", "AllocationQuota", "token_quota_exceeded", "pre_consume_token_quota_failed", "quota_exhausted", "exceeded your current quota", "credit balance is too low", "quota_not_enough", "ResourcePackExhausted", "DailyFlowLimit", "token_quota_reached", "SetLimitExceeded", "ServiceOverdue", "ServiceStopArrears", "exceeded_current_quota", "api total request limit", "cost_cap", "call volume quota", "quota will be replenished",
		}, not: []string{"over capacity", "overloaded", "at capacity", "负载", "per minute"},
	},
	{
		name: "money", class: QuotaExhausted, faint: []string{"free trial", "payment method", "upgrade your plan", "premium requests", "top up|", "|topup", "|recharge", "充值", "套餐", "额度", "余额", "overdue", "billing cycle"},
		any: []string{
			"credit balance", "insufficient balance", "insufficient credit", "insufficient fund", "insufficient quota", "not enough credit", "not enough balance", "not enough quota", "balance is not enough", "balance not enough", "balance is insufficient", "negative balance",
			"out of credit", "more credits", "all available credits", "any credits", "no credits", "credits remaining:0", "buy credits", "purchase credits", "add credits", "run out of credit", "ran out of credit", "out of funds", "out of tokens", "credits have been",
			"payment required", "crossed budget", "exceeded budget", "over budget", "budget has been", "budget exceeded", "max budget", "spending limit", "spend limit", "spending cap", "usage cap|", "cost limit", "monthly limit", "monthly credit", "credit limit",
			"request allowance", "monthly usage", "monthly spend", "monthly quota", "usage limit", "hard limit", "check your billing", "included credits", "billing details", "account balance", "account is not active", "outstanding balance", "unpaid",
			"out of quota", "quota exhausted", "exhausted your", "allocated quota", "quota has been", "quota is exhausted", "quota reached", "reached your quota", "quota used up", "extra usage", "exceeded your quota", "free tier has been", "free tier of the model", "free quota", "trial expired", "trial ended", "subscription expired",
			"plan has expired", "欠费", "配额", "hit your limit", "reached your limit", "enough credit", "enough balance", "enough quota", "enough funds", "paid plan", "paid subscription", "paid account", "paid tier", "BILLING_DISABLED", "in arrears", "enable billing", "billing to be enabled", "set up billing", "free time limit", "exhausted balance", "usage exceeded", "key limit exceeded", "membership benefits", "credit card on file", "valid credit card", "inference limit for", "余量",
		}, near: []near{
			{a: []string{"余额", "额度", "积分", "点数", "用量"}, b: []string{"上限", "不足", "用尽", "用完", "耗尽", "失败", "超出"}, within: 24},
			{
				a: []string{"credit", "balance|", "|quota", "allowance", "allocation", "|budget", "|funds|", "free tier", "|trial|", "trial credit", "paid usage", "spend cap", "spending cap", "token quota"}, within: 40,
				b: []string{"depleted", "|exhausted", "used up", "used all", "ran out", "run out", "running out", "insufficient", "not enough", "|exceeded", "consumed", "|expired", "too low", "no remaining", "reached the limit", "been reached", "below zero", "negative"},
			},
			{a: []string{"exceeded your", "exceeds your", "used up your"}, b: []string{"usage|", "allotment", "allocation", "allowance", "entitlement"}, within: 32},
			{a: []string{"you re out of", "you are out of"}, b: []string{"usage", "messages", "requests", "credits", "tokens"}, within: 24},
			{a: []string{"subscription", "|plan|", "membership", "|license", "billing", "|package"}, b: []string{"|expired", "has ended", "|lapsed", "|inactive", "not active", "was cancelled", "was canceled", "past due", "not enabled", "has been disabled"}, within: 32},
		}, not: []string{"error code 429", "over capacity", "overloaded", "负载已", "check quota", "% remaining", "% left|", "no capacity", "auth_unavailable", "没有可用", "token rate limit exceeded"},
	},
	{
		name: "allowance of a day or more", class: QuotaExhausted, from: "Groq, Google, Moonshot, OpenRouter, Anthropic limits, Claude Code", doc: []string{"(TPD)", "(RPD)", "PerDay", "free-models-per-day", "5-hour limit", "5 hour limit", "hit your session limit", "hit your weekly limit", "hit your Opus limit", "hit your monthly"},
		any: []string{"limit for today", "plan limit", "trial limit", "trial request limit", "trial usage limit", "limit of your plan", "reset your limit", "limit will reset", "limit resets", "limit reached · resets", "hour limit reached", "weekly limit", "daily limit", "daily quota"},
		near: []near{{
			a: []string{"|limit", "quota", "usage limit", "allowance", "too many tokens", "too many requests", "限额", "调用次数"}, within: 64,
			b: []string{"per day", "|daily", "|today|", "24 hours", "per week", "this week", "this month", "per month", "calls / month", "calls/month", "requests / month", "requests/month", "tokens/month", "calls / day", "calls/day", "requests / day", "requests/day", "tokens/day", "|tpd|", "|rpd|", "5 hour", "resets at", "will reset at", "per 86400s", "每日", "今日", "每天"},
		}},
		not: []string{"x ratelimit", "ratelimit limit", "% remaining", "% left|"},
	},
}

var sizeRules = []rule{
	{
		name: "nothing left to answer with", class: ContextOverflow, from: "OpenAI, vLLM, TGI sources", doc: []string{"got -1", "got -2", "got -3", "got -4", "got -5", "got -6", "got -7", "got -8", "got -9", "tokens + `max_new_tokens` must be <=", "tokens + max_tokens must be <="},
		all: []string{"tokens"}, not: []string{"got -1|"},
	},
	{
		name: "output limit", class: BadRequest, from: "OpenAI, Anthropic, Bedrock, DeepSeek error texts", doc: []string{
			"maximum allowed number of output tokens", "completion tokens, whereas", "max_tokens is too large", "Invalid max_tokens value", "maximum tokens you requested", "max_tokens to be less than",
		},
		near: []near{{
			a: []string{"max tokens", "maximum tokens", "max output tokens", "max completion tokens", "maxtokens", "max new tokens"}, within: 64,
			b: []string{"at most", "exceed the model limit", "greater than the", "less than or equal to", "supports at most", "is too large", "range of"},
		}},
		not: []string{"context", "got -1", "got -2", "got -3", "got -4", "got -5", "got -6", "got -7", "got -8", "got -9", "`inputs` tokens", "input length"},
	},
	{
		name: "context code", class: ContextOverflow, confidence: sure, from: "OpenAI, Anthropic, llama.cpp, LiteLLM, Mistral, Bedrock, Baidu, Kong, gRPC, Voyage, ElevenLabs, fal codes", doc: []string{
			"context_length_exceeded", "ContextWindowExceeded", "exceed_context_size", "request_too_large", "model_max_prompt_tokens_exceeded", "ContextLengthExceeded", "PayloadTooLarge", "string_above_max_length", "context_window_exceeded", "InputTooLong", "context_overflow",
			"context_limit_exceeded", "prompt_too_long", "range of input length should be", "too many total text bytes", "tokens_too_long", "characters_too_long", "max input characters", "request size limit", "message larger than max", "message exceeds maximum size", "msg:token limit", "tokens_limit_reached", "max_prompt_tokens_exceeded", "max_tokens_per_request", "max_character_limit_exceeded", "tokens_in_batch", "sequence_too_long", "file_too_large", "context_length_error",
		}, not: []string{"tools["},
	},
	{
		name: "context words", class: ContextOverflow, faint: []string{"context size", "context limit", "上下文", "too long for"},
		any: []string{
			"maximum context length", "max context length", "context length exceeded", "context length of", "exceeds the context", "exceed context", "exceeds context", "context overflow", "context length is",
			"prompt is too long", "prompt too long", "input is too long", "input too long", "request too large", "request entity too large", "payload too large", "content too large", "body too large", "request body larger", "request body too large", "too large a body", "fit in the context", "fit into the context", "fit in context", "fit into the model",
			"exhausted context window", "larger than max", "longest context", "reduce the length of", "reduce your prompt", "reduce your message size", "maximum prompt length", "conversation is too long", "maximum number of tokens",
			"maximum input length", "too many input tokens", "entity too large", "client intended to send too large body", "tokens per request", "split into more batches", "allowed batch size", "content size limit", "per submitted batch", "text cannot exceed", "image exceeds", "expected max length", "pdf pages", "超过最大长度", "输入过长", "长度超", "过长", "超长", "超出最大",
		},
		near: []near{
			{a: []string{"too many tokens", "maximum tokens", "token limit", "token count", "max tokens of"}, b: []string{"exceed", "tokenize"}, within: 64},
			{a: []string{"context length", "context size", "context window", "context limit", "model s context", "max model len"}, b: []string{"exceed", "larger than", "longer than", "too large", "too long", "too small", "greater than", "beyond", "does not fit", "doesn t fit", "not fit", "overflow", "ran out"}, within: 48},
			{a: []string{"|body|", "payload", "prompt", "|input|", "input length", "request size"}, b: []string{"exceeds", "|exceed|"}, within: 40},
			{a: []string{"prompt tokens", "input tokens", "prompt length", "input length"}, b: []string{"less than max seq len", "less than max model len", "less than the maximum", "smaller than max"}, within: 48},
			{a: []string{"|request|", "prompt", "|input|", "|body|", "payload", "|file|"}, b: []string{"too large", "too big"}, within: 24},
			{a: []string{"|audio|", "|video|"}, b: []string{"longer than", "too long", "exceeds"}, within: 40},
			{a: []string{"tokens", "token count"}, b: []string{"but only", "but the limit", "but the maximum", "but the model", "but model only", "while the limit", "over the limit", "do not fit", "does not fit"}, within: 48},
			{
				a: []string{"token", "prompt", "|input", "|request (", "|message", "payload", "|body", "text generation call", "sequence length", "characters"}, within: 64,
				b: []string{
					"too long", "exceeds the maximum", "exceed the maximum", "exceeds maximum", "exceeds the limit", "exceed the limit", "exceeds the available", "exceeds the model", "exceed the model", "longer than the", "must have less than", "maximum allowed length",
					"predefined maximum length", "exceeds max", "exceeded the maximum", "larger than the maximum", "exceeds limit", "over the limit of", "exceeded max", "maximum sequence length",
					"greater than the context", "larger than the context", "longer than the context", "too large to process",
				},
			},
		},
		not: []string{"max_completion_tokens instead", "exceeded output limit", "rate limit reached", "exceed the model limit of", "per minute rate limit", "array too long", "while generating", "tools["},
	},
}

var policyRules = []rule{
	{
		name: "policy code", class: ContentFiltered, confidence: sure, from: "OpenAI, Azure, Google, Alibaba, Volcengine, MiniMax, iFlytek, Bedrock, Kong, one-api codes", doc: []string{
			"content_policy_violation", "ContentPolicyViolation", "ResponsibleAIPolicyViolation", "data_inspection_failed", "DataInspectionFailed", "PROHIBITED_CONTENT", "moderation_blocked", "content_filtered", "content_moderation", "guardrail_intervened", "content_violation",
			"sensitive_words_detected", "model_refusal", "input_moderation", "ContentFilterFinishReason", "cyber_policy", "content_blocked", "prompt_blocked", "safety_violation", "unsafe_content", "image_generation_user_error", "sensitive_content", "SensitiveContentDetected", "new_sensitive", "unsafe_generation", "matches denied pattern", "content audit failed",
		},
	},
	{
		name: "finish reason of a filter", class: ContentFiltered, confidence: sure, from: "OpenAI, Anthropic, Google response schemas", doc: []string{
			"finish_reason:content_filter", "finishReason:SAFETY", "finish_reason:safety", "finish_reason:3|", "finish_reason:recitation", "finishReason:RECITATION", "stop_reason:refusal", "finish_reason is 3|", "finish_reason is 4|", "finish_reason] is 3", "finish_reason] is 4",
			"finishReason:BLOCKLIST", "finishReason:SPII", "finishReason:IMAGE_SAFETY", "finishReason:PROHIBITED_CONTENT", "finish_reason:refusal", "finish_reason:content_filtered", "stop_reason:content_filtered", "stop_reason:guardrail_intervened", "blockReason", "block_reason", "blocked_by_safety",
		},
	},
	{
		name: "policy words", class: ContentFiltered, faint: []string{"content policy", "content policies", "content filter", "usage policy", "usage policies", "moderation|", "guardrail", "safety filter", "safety setting", "审核", "安全策略"},
		any: []string{
			"content exists risk", "content management policy", "flagged|", "inappropriate content", "sensitive content", "unsafe content", "safety system",
			"safety reason", "safety guideline", "violates our", "violate our", "violates openai", "violating our", "harmful content", "response was filtered", "prompt was blocked", "response was blocked", "refused to answer", "refused to respond", "can't assist with", "cannot assist with", "can't help with", "against our policies", "disallowed content", "content was blocked", "blocked by policy", "nsfw content", "considered high risk", "text is sensitive", "contain sensitive", "unsafe or sensitive", "suspected violation", "审核不通过", "涉嫌违规",
			"敏感词", "敏感内容", "内容安全", "违规", "不当内容", "不安全", "敏感信息",
		},
		near: []near{{
			a: []string{"blocked", "block|", "filtered", "refused", "rejected", "declined", "denied", "stopped", "restrict", "|detected", "not be submitted", "t respond", "cannot respond", "|against"}, within: 48,
			b: []string{"|safety", "guardrail", "guard rail", "prompt attack", "violat", "terms of service", "recitation", "prohibited", "moderation", "|harm", "|sensitive", "inappropriate", "content polic", "usage polic", "|unsafe", "copyright", "jailbreak", "prompt injection", "responsible ai"},
		}, {a: []string{"violat", "triggered", "intervened", "flagged"}, b: []string{"guardrail", "guard rail", "prompt attack", "content polic", "usage polic", "safety polic", "guideline", "moderation"}, within: 48}},
		not: []string{"you have been blocked", "content filter error", "blocked by cors", "expected one of", "connection was blocked", "filter results", "loading guardrail"},
	},
	{name: "content filter result", class: ContentFiltered, from: "Azure OpenAI annotations", doc: []string{"filtered:true"}, near: []near{{a: []string{"content filter"}, b: []string{"triggered", "detected:true"}, within: 48}}, not: []string{"content filter error"}},
	{name: "content filter", class: ContentFiltered, any: []string{"content filter|"}, not: []string{"content filter error", "content filter result", "content filter offsets", "expected one of"}},
}

package fault

// Guide is the advice for one class.
type Guide struct {
	Means   string // one sentence
	Retry   Retry
	Domain  Domain // where nothing more exact is known
	Do, Fix string // the first action, the durable fix
}

var guides = [classCount]Guide{
	None: {Means: "nothing failed"},
	RateLimited: {
		"too many requests or tokens in a window of an hour or less; the same request will pass later",
		RetryAfter, ByAccount,
		"name the limited key, model or tier; cap or spread its load; honour Retry-After",
		"a token-aware limiter before the provider, more quota per minute or more deployments",
	},
	QuotaExhausted: {
		"an allowance is used up; waiting seconds does not help",
		RetryNever, ByAccount,
		"stop retries on this key, move traffic to a funded one, tell the owner of the budget",
		"spend alarms well below the cap, budgets per team, automatic recharge",
	},
	Overloaded: {
		"the provider has no capacity for anyone just now; your own limit is not the point",
		RetryRoute, ByProvider,
		"fail over and cut retries, which feed the overload; look at the provider's status",
		"provisioned throughput, two providers per model, load shedding by priority",
	},
	Auth: {
		"who is asking, or what they may do, is refused",
		RetryNever, ByAccount,
		"find which key, since when and what changed; rotate a bad key, grant what a good one lacks",
		"expiry alarms, a key test on deploy, secrets from one place",
	},
	AccountSuspended: {
		"the key, account, project or resource is banned or disabled",
		RetryNever, ByAccount,
		"take the key out of rotation everywhere, appeal, look for the abuse; hammering makes it worse",
		"keys per tenant, moderation before the provider, leak scanning, a second account",
	},
	ModelNotFound: {
		"what is addressed does not exist there: model, deployment, profile or path",
		RetryNever, ByCaller,
		"compare the name sent with the provider's list; was it retired today?",
		"model aliases in the gateway, a daily comparison of model lists, a deprecation calendar",
	},
	BadRequest: {
		"the request is malformed for this model",
		RetryNever, ByCaller,
		"look at one full request and answer; which client version sends it?",
		"validate at the edge, adapt parameters per model, contract tests per provider",
	},
	ContextOverflow: {
		"the request alone is too large for the window, the body limit or the whole minute's budget",
		RetryNever, ByCaller,
		"find whose prompts, files or batches grew; split them or route them to a larger window",
		"count tokens before sending, trim history, fall back to larger windows",
	},
	ContentFiltered: {
		"prompt or answer was refused by a policy, a guardrail or the model",
		RetryNever, ByCaller,
		"one tenant, or a filter change for all? Do not retry unchanged",
		"moderate before the provider, filter settings per deployment, a refusal path in the product",
	},
	ServerError: {
		"the provider, model server or gateway broke on the request",
		RetryBackoff, ByProvider,
		"one model or all? Repeated on one request: look at the request. Check status and the last deploy",
		"a fallback route; keep request ids for support",
	},
	BadGateway: {
		"an intermediary got an unusable answer and says no more",
		RetryBackoff, ByGateway,
		"find which hop wrote the page; on one model only, try its neighbour",
		"header buffers, health checks, a straighter path",
	},
	Unavailable: {
		"not ready or down for a while, not because of load",
		RetryBackoff, ByProvider,
		"is it starting, draining or down? Route around it meanwhile",
		"readiness gates, warm pools, drain before deploy",
	},
	Timeout: {
		"nobody answered in time; the request may still be running, and billed",
		RetryBackoff, ByProvider,
		"compare the elapsed time with each hop's limit; retry only what is idempotent",
		"stream, order timeouts client > gateway > provider, cap the length of answers",
	},
	Connection: {
		"no usable connection, or it died before any answer",
		RetryBackoff, ByNetwork,
		"one host or all? Is it up on that port? Then look at DNS, TLS and egress",
		"keep-alive shorter than the upstream's, connection retries, certificate alarms, two egress paths",
	},
	Truncated: {
		"an answer began and did not end properly, or ended by the length limit",
		RetryBackoff, ByNetwork,
		"at which byte or second do they end? Always the same second means an idle or total timeout",
		"pings in streams, no buffering, larger limits, resume as a whole new request",
	},
	InvalidOutput: {
		"the answer is complete but not what was asked for",
		RetryBackoff, ByProvider,
		"one model version? Retry once or twice, then route",
		"strict output modes, simpler schemas, a repair step",
	},
	Cancelled: {
		"the caller went away first",
		RetryNever, ByCaller,
		"many at one duration mean that our latency is the cause; never page on it alone",
		"pass cancellation upstream, align client timeouts",
	},
	NoHealthyUpstream: {
		"the gateway refused by itself: nothing is left to send to",
		RetryAfter, ByGateway,
		"a consequence: look one to ten minutes back for what took the targets out",
		"more targets, saner ejection, health checks that look like real calls",
	},
}

// atLength is the advice for an answer that ended at the length that its caller allowed.
var atLength = Guide{
	"an answer ended at the length that its caller allowed",
	RetryNever, ByCaller,
	"the same request ends the same way: raise the cap of its answer or ask for less",
	"caps that fit the task, shorter answers asked for, finish reasons checked",
}

// ownLimit and ownBlock are the advice for what the gateway itself refuses: there is no limit and no ban of a provider to look for.
var (
	ownLimit = Guide{
		"a limit of the gateway itself refused; no provider was asked",
		RetryAfter, ByGateway,
		"who set this limit at the gateway, and is it meant? A pause or cap that is meant ends with its deadline; else raise it there",
		"limits at the gateway that follow what providers grant, batch work that honours Retry-After",
	}
	ownBlock = Guide{
		"the gateway itself has blocked the key, team or project; no provider was asked",
		RetryNever, ByGateway,
		"who blocked it at the gateway, and is it meant? Unblock it there when its cause is over; no provider's key is at fault",
		"blocks with a deadline and a reason, alarms on keys that stay blocked",
	}
)

// guide is the advice for what was found.
func (f *finding) guide() Guide {
	switch {
	case f.class == Truncated && f.domain == ByCaller:
		return atLength
	case f.class == RateLimited && f.domain == ByGateway:
		return ownLimit
	case f.class == AccountSuspended && f.domain == ByGateway:
		return ownBlock
	}
	return Advice(f.class)
}

// Advice gives the advice for a class; the zero Guide for none beyond its meaning.
func Advice(c Class) Guide {
	if c >= classCount {
		c = None
	}
	return guides[c]
}

// Domain is whose fault failures of this class mostly are, where nothing more exact is known.
func (c Class) Domain() Domain { return Advice(c).Domain }

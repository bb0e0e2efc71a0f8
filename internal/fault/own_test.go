package fault

import "testing"

// What a gateway refuses by its own keys and limits is told from what a provider does: the first action is another.
func TestClassifyOwnRefusals(t *testing.T) {
	tests := map[string]struct {
		in    Input
		class Class
		dom   Domain
		do    string
	}{
		"LiteLLM's limiter, as it was": {
			Input{Text: "429: LiteLLM Rate Limit Handler for rate limit type = team. Crossed TPM / RPM / Max Parallel Request Limit. current rpm: 1, rpm limit: 15"},
			RateLimited, ByGateway, ownLimit.Do,
		},
		"its reset is no allowance of a day": {
			Input{Text: "Rate limit exceeded for api_key: 88dc28. Limit type: max_parallel_requests. Current limit: 0, Remaining: 0. Limit resets at: 2026-01-02 03:04:05 UTC"},
			RateLimited, ByGateway, ownLimit.Do,
		},
		"its router's limit":          {Input{Text: "litellm.RateLimitError: Deployment over defined rpm limit=3. current usage=3"}, RateLimited, ByGateway, ownLimit.Do},
		"a blocked key":               {Input{Status: 401, Text: "Authentication Error, Key is blocked. Update via `/key/unblock` if you're an admin."}, AccountSuspended, ByGateway, ownBlock.Do},
		"a blocked team":              {Input{Text: "Team=batch is blocked. Update via `/team/unblock` if you're an admin."}, AccountSuspended, ByGateway, ownBlock.Do},
		"a pause of the companion":    {Input{Status: 429, Text: "signalbox: batch is paused by the operators"}, RateLimited, ByGateway, ownLimit.Do},
		"a pause of the drill":        {Input{Status: 429, Code: "workload_paused"}, RateLimited, ByGateway, ownLimit.Do},
		"nginx":                       {Input{Text: `[error] 7#7: *1 limiting requests, excess: 5.000 by zone "llm"`}, RateLimited, ByGateway, ownLimit.Do},
		"Envoy":                       {Input{Status: 429, Term: "RL"}, RateLimited, ByGateway, ownLimit.Do},
		"HAProxy":                     {Input{Status: 429, Term: "PR--"}, RateLimited, ByGateway, ownLimit.Do},
		"a server behind HAProxy":     {Input{Status: 429, Term: "----"}, RateLimited, ByAccount, Advice(RateLimited).Do},
		"a provider's limit":          {Input{Text: "Rate limit exceeded for model m-1: 60 requests per min"}, RateLimited, ByAccount, Advice(RateLimited).Do},
		"a provider's limit of a day": {Input{Text: "Rate limit exceeded: 50 requests per day. Limit resets at: 2026-01-02"}, QuotaExhausted, ByAccount, Advice(QuotaExhausted).Do},
		"a provider's ban":            {Input{Text: "Your account is blocked for a violation of our terms"}, AccountSuspended, ByAccount, Advice(AccountSuspended).Do},
	}
	for name, tt := range tests {
		if v := Classify(tt.in); v.Class != tt.class || v.Domain != tt.dom || v.Do != tt.do {
			t.Errorf("%s: got %s, %s, %q (%s); want %s, %s", name, v.Class, v.Domain, v.Do, v.Why, tt.class, tt.dom)
		}
	}
}

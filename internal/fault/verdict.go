package fault

// Retry says whether trying again can help.
type Retry string

// The retry advice, from the least hope to the most.
const (
	RetryNever   Retry = "never"
	RetryBackoff Retry = "backoff" // exponential, with jitter and a cap
	RetryAfter   Retry = "after"   // wait for the stated time
	RetryRoute   Retry = "route"   // another deployment, key, region or provider
)

// Domain says whose fault a failure is.
type Domain string

// The fault domains.
const (
	ByCaller   Domain = "caller"
	ByAccount  Domain = "account"
	ByGateway  Domain = "gateway"
	ByProvider Domain = "provider"
	ByNetwork  Domain = "network"
)

// Input is what is known of one line or one answer. Every part may be missing.
type Input struct {
	Text     string // the error text or the whole line; only the first and last part of a long one is read
	Status   int    // 0 unknown
	Code     string // the provider's error code
	Type     string // the provider's error type
	Provider string
	Finish   string // finish or stop reason
	Term     string // proxy flags, such as "SD--" of HAProxy or "UC" of Envoy
	Stream   bool   // the answer was streamed
}

// Verdict is what a failure means, and why we think so.
type Verdict struct {
	Class      Class
	Retry      Retry
	Domain     Domain
	Why        string // the rule and the evidence it matched, bounded; the evidence is untrusted text
	Layer      string // who said it: provider, gateway, proxy, client or status; empty for none
	Confidence float64
	Do, Fix    string // the first action, the durable fix
	Status     int    // as given, or as found in the text; 0 unknown
	Provider   string // as given, or as found in the text; empty unknown
}

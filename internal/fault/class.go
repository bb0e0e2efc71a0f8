// Package fault says what an error text means: one of eighteen classes or none, whose fault it is,
// whether a retry can help, and what to do first. It is a leaf: no I/O, no clock, nothing of ours.
package fault

// Class is what a failure means to the operator. The zero value is None.
type Class uint8

// The eighteen failure classes and None. Their names are stable: journals, checks and exports use them.
const (
	None Class = iota
	RateLimited
	QuotaExhausted
	Overloaded
	Auth
	AccountSuspended
	ModelNotFound
	BadRequest
	ContextOverflow
	ContentFiltered
	ServerError
	BadGateway
	Unavailable
	Timeout
	Connection
	Truncated
	InvalidOutput
	Cancelled
	NoHealthyUpstream
	classCount
)

var classNames = [classCount]string{
	"none", "rate_limited", "quota_exhausted", "overloaded", "auth", "account_suspended", "model_not_found",
	"bad_request", "context_overflow", "content_filtered", "server_error", "bad_gateway", "unavailable",
	"timeout", "connection", "truncated", "invalid_output", "cancelled", "no_healthy_upstream",
}

// String gives the stable name of the class, "none" for a class out of range.
func (c Class) String() string {
	if c >= classCount {
		return classNames[None]
	}
	return classNames[c]
}

// ParseClass finds a class by its stable name.
func ParseClass(name string) (Class, bool) {
	for i, n := range classNames {
		if n == name {
			return Class(i), true
		}
	}
	return None, false
}

// Classes lists every class, None first.
func Classes() []Class {
	all := make([]Class, 0, classCount)
	for c := None; c < classCount; c++ {
		all = append(all, c)
	}
	return all
}

// Caller tells whether a failure of this class is the caller's own: it says nothing about the
// health of a provider or gateway and must never page like one.
func (c Class) Caller() bool {
	switch c {
	case BadRequest, ContextOverflow, ContentFiltered, Cancelled, ModelNotFound:
		return true
	}
	return false
}

package runbook

// BurstView is what a runbook can be matched against.
type BurstView struct {
	ID      string
	Kind    string // errors, latency, truncation, traffic, retries, caller
	Scope   map[string]string
	Classes map[string]int64
	Codes   map[int]int64
}

// Offer is a book that fits a burst, and why. Nothing opens by itself.
type Offer struct {
	Book  *Book
	Score float64
	Why   string
}

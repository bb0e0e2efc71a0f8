package runbook

import "time"

// Expr is one parsed expression of the check language. The zero Expr is no expression: it evaluates to unknown.
type Expr struct {
	Source string
	Line   int

	root       node
	within     time.Duration
	minSamples int
	maxAge     time.Duration
}

// Result is what an expression says now, and why.
type Result struct {
	Truth   Truth
	Text    string // the expression with its numbers: "error_rate 38% (812/2130) over 2m > 5%"
	Why     string // why it is unknown
	Value   float64
	Unit    Unit
	Num     float64
	Den     float64
	Samples int
	Age     time.Duration
}

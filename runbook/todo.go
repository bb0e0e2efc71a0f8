package runbook

import (
	"errors"
	"time"
)

type node interface{}

// Parse reads a runbook. A plain file is never refused; an armed file's mistakes are located and joined.
func Parse(name string, src []byte) (*Book, error) { return nil, errors.New("not built yet") }

// Lint lists what the author should mend.
func Lint(b *Book) []Finding { return b.Findings }

// ParseExpr reads one expression of the check language.
func ParseExpr(name string, line int, src string) (Expr, error) {
	return Expr{}, errors.New("not built yet")
}

// Eval answers the expression. Labels that it does not name come from scope.
func (e Expr) Eval(f Facts, scope map[string]string) Result { return Result{} }

// Next applies one entry to a walk.
func Next(w Walk, b *Book, e Entry) (Walk, []Effect) { return w, nil }

// Fold applies entries in order; the effects are those of the last one.
func Fold(b *Book, entries []Entry) Walk { return Walk{} }

// Enter lists the effects of standing in the current step, to be issued again after a resume.
func (w Walk) Enter(b *Book) []Effect { return nil }

// Bind fills the variables of a book from a burst's scope ("region" fills "from: burst.region").
func Bind(b *Book, burst map[string]string) map[string]string { return nil }

// Field is one variable of a walk as a form shows it.
type Field struct {
	Var
	Value   string
	Missing bool // required and not filled
}

// Fields lists the variables with their values.
func (w Walk) Fields(b *Book) []Field { return nil }

// Lever is an action with its variables filled: plain data for the desk to make a change of.
type Lever struct {
	Verb    string
	Scope   map[string]string
	Value   Value
	TTL     time.Duration
	Reason  string
	Confirm string
}

// Resolve fills an action's variables.
func Resolve(b *Book, a *Action, w Walk) (Lever, error) { return Lever{}, nil }

// Eval answers an expression of the book with the walk's scope and variables.
func (w Walk) Eval(b *Book, e Expr, f Facts) Result { return Result{} }

// Offers lists the books that fit a burst, best first, with why.
func Offers(books []*Book, burst BurstView, f Facts) []Offer { return nil }

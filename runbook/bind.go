package runbook

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Bind fills the variables of a book: from a burst's scope (the key region fills `from: burst.region`),
// else from their defaults. A scope that does not pin a dimension can name its value with the most failures
// as busiest.DIM: it fills `from: busiest.DIM`, a proposal that the operator may change. What stays open is
// for the operator; see Walk.Fields.
func Bind(b *Book, burst map[string]string) map[string]string {
	vars := map[string]string{}
	for _, v := range b.Vars {
		value := v.Default
		kind, dim, _ := strings.Cut(v.From, ".")
		for _, key := range []string{dim, "busiest." + dim} {
			if key != dim && kind != "busiest" {
				continue
			}
			if given := clean(oneLine(burst[key])); given != "" && v.Check(given) == nil {
				value = given
				break
			}
		}
		if value != "" {
			vars[v.Name] = value
		}
	}
	return vars
}

// Field is one variable of a walk as a form shows it.
type Field struct {
	Var
	Value   string
	Missing bool // required and not filled: checks that need it are unknown, actions are refused
}

// Fields lists the declared variables with their values.
func (w Walk) Fields(b *Book) []Field {
	var all []Field
	for _, v := range b.Vars {
		value := w.Vars[v.Name]
		all = append(all, Field{Var: v, Value: value, Missing: value == "" && !v.Optional})
	}
	return all
}

// Scope fills the variables of the book's scope. A label whose variable is optional and open is left out;
// one whose variable is required and open is named in missing.
func (w Walk) Scope(b *Book) (scope map[string]string, missing []string) {
	return w.fillScope(b, b.Scope)
}

func (w Walk) fillScope(b *Book, with map[string]string) (scope map[string]string, missing []string) {
	scope = map[string]string{}
	for _, dim := range dims() {
		value, ok := with[dim]
		if !ok {
			continue
		}
		name, isVar := varName(value)
		if !isVar {
			scope[dim] = value
			continue
		}
		if filled := w.Vars[name]; filled != "" {
			scope[dim] = filled
		} else if v, declared := b.Var(name); !declared || !v.Optional {
			missing = append(missing, name)
		}
	}
	return scope, missing
}

// Eval answers an expression of the book with the walk's scope and variables. While a required variable of
// the scope is open every number is unknown, because it would be that of something wider.
func (w Walk) Eval(b *Book, e Expr, f Facts) Result {
	scope, missing := w.Scope(b)
	return e.Bind(w.Vars).eval(f, scope, missing)
}

// Decision is which arm of a branch holds.
type Decision struct {
	Truth  Truth  // True: Arm holds; False: none does; Unknown: an arm before could not be told, so ask
	Arm    int    // index of the arm that holds, or of the one that is unknown
	Target Target // where it goes; ToAsk unless True
	Text   string // of the arm, with its numbers
	Why    string
}

// Decide finds the arm of a branch that holds. The first true one wins; an unknown one before it stops,
// because going past it would treat unknown as false.
func (w Walk) Decide(b *Book, arms []Arm, f Facts) Decision {
	for i, a := range arms {
		if a.Else {
			return Decision{Truth: True, Arm: i, Target: a.Goto, Text: "none of the others"}
		}
		r := w.Eval(b, a.When, f)
		switch r.Truth {
		case True:
			return Decision{Truth: True, Arm: i, Target: a.Goto, Text: r.Text}
		case Unknown:
			return Decision{Truth: Unknown, Arm: i, Target: ToAsk, Text: r.Text, Why: r.Why}
		}
	}
	return Decision{Truth: False, Arm: -1, Target: ToAsk, Text: "no arm holds"}
}

// Lever is an action with its variables filled: plain data for the desk to make a change of.
type Lever struct {
	Verb    string
	Scope   map[string]string
	Widened []string // dimensions of the book's scope that were left out
	Value   Value
	TTL     time.Duration
	Reason  string
	Cost    string
	Verify  Expr // variables bound; its labels come from the walk's scope
	StopIf  Expr
	Confirm string // plain or typed
	OnFail  Target
	Pace    time.Duration // of release: how long between one lever and the next
}

// String says what it does: "cap.set azure-eu-west-gpt-4o to 4 for 15m".
func (l Lever) String() string {
	if l.Verb == DoRelease {
		s := "release every lever of this run, newest first"
		if l.Pace > 0 {
			s += ", one every " + Brief(l.Pace)
		}
		return s
	}
	s := l.Verb
	if what := scopeWords(l.Scope); what != "" {
		s += " " + what
	}
	if l.Value.Kind != NoValue {
		s += " to " + l.Value.String()
	}
	if l.TTL > 0 {
		s += " for " + Brief(l.TTL)
	}
	return s
}

func scopeWords(scope map[string]string) string {
	if d := scope["deployment"]; d != "" {
		return d
	}
	var parts []string
	for _, dim := range dims() {
		if v := scope[dim]; v != "" && dim != "env" && dim != "gateway" {
			parts = append(parts, dim+"="+v)
		}
	}
	return strings.Join(parts, " ")
}

// Resolve fills an action's variables and scope. The target is the book's scope, without what the action
// widens, with what it adds; where a deployment is known the dimensions that describe it are left out,
// because it names the target by itself.
func Resolve(b *Book, a *Action, w Walk) (Lever, error) {
	l := Lever{
		Verb: a.Do, Widened: a.Widen, TTL: a.TTL, Reason: w.Fill(a.Why), Cost: w.Fill(a.Cost), Verify: a.Verify.Bind(w.Vars),
		StopIf: a.StopIf.Bind(w.Vars), Confirm: a.Confirm, OnFail: a.OnFail, Pace: a.Pace, Value: a.Set,
	}
	if a.Do == DoRelease {
		return l, nil
	}
	if most := b.Limits.MaxActions; most > 0 && len(w.Levers) >= most {
		return Lever{}, fmt.Errorf("%s:%d: this run has thrown %d levers, the book allows %d; raise max-actions or start another run", b.blockFile(), a.Line, len(w.Levers), most)
	}
	merged := maps.Clone(b.Scope)
	if merged == nil {
		merged = map[string]string{}
	}
	for _, dim := range a.Widen {
		delete(merged, dim)
	}
	maps.Copy(merged, a.Scope)
	scope, missing := w.fillScope(b, merged)
	if name, isVar := varName(a.Set.Text); isVar && a.Set.Kind == TextValue {
		if value := w.Vars[name]; value == "" {
			missing = append(missing, name)
		} else if v, err := parseValue(value); err != nil {
			return Lever{}, fmt.Errorf("%s:%d: $%s: %w; fill it with a number, a percentage or a name", b.blockFile(), a.Line, name, err)
		} else {
			l.Value = v
		}
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		return Lever{}, fmt.Errorf("%s:%d: $%s is not filled; fill it before this action", b.blockFile(), a.Line, strings.Join(slices.Compact(missing), ", $"))
	}
	if scope["deployment"] != "" {
		for _, dim := range []string{"provider", "model", "region", "endpoint", "side"} {
			delete(scope, dim)
		}
	}
	target := maps.Clone(scope)
	delete(target, "env")
	delete(target, "gateway")
	if len(target) == 0 && !strings.HasPrefix(a.Do, "retry.") {
		return Lever{}, fmt.Errorf("%s:%d: %s has no target: no variable of its scope is filled; fill the model or the deployment", b.blockFile(), a.Line, a.Do)
	}
	l.Scope = scope
	return l, nil
}

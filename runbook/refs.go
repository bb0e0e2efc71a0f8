package runbook

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Check tells whether a value fits the variable.
func (v Var) Check(value string) error {
	switch {
	case len(v.Values) > 0 && !slices.Contains(v.Values, value):
		return fmt.Errorf("%s: %q is none of %s", v.Name, value, strings.Join(v.Values, ", "))
	case v.Type == "int":
		if n, err := strconv.Atoi(value); err != nil || n < 0 {
			return fmt.Errorf("%s: %q is no whole number", v.Name, value)
		}
	case v.Type == "duration":
		if d, err := parseDuration(value); err != nil || d == 0 {
			return fmt.Errorf("%s: %q is not a time, like 15m", v.Name, value)
		}
	case len(value) > 256:
		return fmt.Errorf("%s: %d bytes are too long", v.Name, len(value))
	}
	return nil
}

// references finds variables and targets that do not exist, and what breaks the book's own limits.
func (b *Book) references() []error {
	b.nameProbes()
	r := &refs{book: b}
	r.vars = append(b.fieldNames(), b.askedNames()...)
	for _, st := range b.Steps {
		r.slugs = append(r.slugs, st.Slug)
	}
	r.scope(2, "scope", b.Scope)
	b.match.queries(func(q *queryNode) {
		if q.metric.Own && q.prom == nil {
			r.fail(b.match.Line, "match cannot ask "+q.metric.Name, "leave it out: a probe belongs to a run")
		}
	})
	for _, name := range b.match.Vars() {
		r.fail(b.match.Line, "match cannot use $"+name, "leave the label out: match is asked in the burst's scope")
	}
	for _, st := range b.Steps {
		for _, bl := range st.Blocks {
			r.block(bl)
		}
	}
	return r.errs
}

// blockFile is the file in which the blocks of a book stand.
func (b *Book) blockFile() string {
	if b.Overlay != "" {
		return b.Overlay
	}
	return b.Name
}

type refs struct {
	book        *Book
	vars, slugs []string
	errs        []error
}

func (r *refs) fail(line int, what, try string) {
	r.errs = append(r.errs, &Error{File: r.book.blockFile(), Line: line, What: what, Try: try})
}

func (r *refs) use(line int, where, name string) {
	if !slices.Contains(r.vars, name) {
		try := suggest(name, r.vars)
		if len(r.vars) == 0 {
			try = "declare it under vars in the front matter"
		}
		r.fail(line, where+" uses the unknown variable $"+name, try)
	}
}

func (r *refs) scope(line int, where string, scope map[string]string) {
	for _, dim := range dims() {
		if name, ok := varName(scope[dim]); ok {
			r.use(line, where, name)
		}
	}
}

func (r *refs) expr(e Expr, where string) {
	for _, name := range e.Vars() {
		r.use(e.Line, where, name)
	}
	e.queries(func(q *queryNode) { r.probe(e.Line, q) })
	for _, a := range e.answers {
		known := r.book.choices(a.name)
		for _, v := range a.values {
			if _, isVar := varName(v); !isVar && len(known) > 0 && !slices.Contains(known, v) {
				r.fail(e.Line, fmt.Sprintf("%s compares $%s with %q, which is no answer to it", where, a.name, v), suggest(v, known))
			}
		}
	}
}

// probe finds questions about probes that the book does not send.
func (r *refs) probe(line int, q *queryNode) {
	known := r.book.probes()
	if !q.metric.Own || q.prom != nil {
		return
	}
	if len(known) == 0 {
		r.fail(line, q.metric.Name+" is asked, but the book sends no probe", "add a ```probe block before it")
	}
	for _, m := range q.where {
		if m.Label == "probe" && len(known) > 0 && !slices.Contains(known, m.Values[0]) {
			r.fail(line, fmt.Sprintf("the book has no probe %q", m.Values[0]), suggest(m.Values[0], known))
		}
	}
}

// choices are the values that a variable can have, none where it can have any.
func (b *Book) choices(name string) []string {
	v, declared := b.Var(name)
	all := slices.Clone(v.Values)
	if declared && len(all) == 0 {
		return nil
	}
	for _, st := range b.Steps {
		for _, bl := range st.Blocks {
			switch {
			case bl.Ask == nil || bl.Ask.Var != name:
			case len(bl.Ask.Choices) == 0:
				return nil
			default:
				all = append(all, bl.Ask.Choices...)
			}
		}
	}
	return all
}

func (r *refs) target(line int, t Target) {
	if slug, ok := t.Slug(); ok && !slices.Contains(r.slugs, slug) {
		r.fail(line, fmt.Sprintf("no step %q to go to", slug), suggest(slug, r.slugs))
	}
}

func (r *refs) block(bl Block) {
	switch {
	case bl.Check != nil:
		r.expr(bl.Check.That, "check")
		r.target(bl.Line, bl.Check.OnTrue)
		r.target(bl.Line, bl.Check.OnFalse)
	case bl.Wait != nil:
		r.expr(bl.Wait.Until, "wait")
		r.target(bl.Line, bl.Wait.OnTimeout)
	case bl.Action != nil:
		r.action(bl.Line, bl.Action)
	case bl.Probe != nil:
		for _, value := range []string{bl.Probe.Model, bl.Probe.Endpoint} {
			if name, ok := varName(value); ok {
				r.use(bl.Line, "probe", name)
			}
		}
	}
	for _, a := range bl.Branch {
		r.expr(a.When, "branch")
		r.target(a.Line, a.Goto)
	}
}

func (r *refs) action(line int, a *Action) {
	r.scope(line, "action", a.Scope)
	r.expr(a.Verify, "verify")
	r.expr(a.StopIf, "stop-if")
	r.target(line, a.OnFail)
	if name, ok := varName(a.Set.Text); ok && a.Set.Kind == TextValue {
		r.use(line, "action", name)
	}
	for _, dim := range a.Widen {
		if r.book.Scope[dim] == "" {
			r.fail(line, "widen names "+dim+", which the book's scope does not limit", "leave it out")
		}
	}
	for _, dim := range dims() {
		if v, own := a.Scope[dim], r.book.Scope[dim]; v != "" && own != "" && own != v && !slices.Contains(a.Widen, dim) {
			r.fail(line, fmt.Sprintf("action changes %s from %s to %s", dim, own, v), "name "+dim+" under widen, and confirm by typing")
		}
	}
	if most := r.book.Limits.MaxTTL; most > 0 && a.TTL > most {
		r.fail(line, fmt.Sprintf("ttl %s is over the book's max-ttl %s", Brief(a.TTL), Brief(most)), "shorten it, or raise the limit")
	}
}

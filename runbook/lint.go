package runbook

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Lint lists what the author of a book should mend, in the order of the file. What Parse found is in it.
func Lint(b *Book) []Finding {
	l := &linter{book: b, found: slices.Clone(b.Findings)}
	if b.Armed {
		l.armed()
	} else {
		l.plain()
	}
	slices.SortStableFunc(l.found, func(a, b Finding) int { return a.Line - b.Line })
	return l.found
}

// ReviewDue tells whether the last review of an armed book no longer holds at an instant, and since when.
func ReviewDue(b *Book, at time.Time) (Finding, bool) {
	if b.ReviewEvery == 0 {
		return Finding{}, false
	}
	f := Finding{File: b.Name, Line: 1, Severity: SevWarning, Try: "review the steps and set reviewed to the day"}
	day, err := time.Parse(time.DateOnly, b.Reviewed)
	if err != nil {
		f.What = fmt.Sprintf("reviewed %q is no day like 2026-01-31", b.Reviewed)
		return f, true
	}
	due := day.Add(b.ReviewEvery)
	f.What = "the review was due on " + due.Format(time.DateOnly)
	return f, at.After(due)
}

type linter struct {
	book  *Book
	found []Finding
}

func (l *linter) warn(line int, what, try string) {
	l.found = append(l.found, Finding{File: l.book.Name, Line: line, Severity: SevWarning, What: what, Try: try})
}

// warnBlock warns of something in a block, which may stand in an overlay.
func (l *linter) warnBlock(line int, what, try string) {
	l.found = append(l.found, Finding{File: l.book.blockFile(), Line: line, Severity: SevWarning, What: what, Try: try})
}

var neverEnds = regexp.MustCompile(`^(watch|top|htop|tail\s+(-\w*[fF]|--follow)|.*\s(logs?|tail)\s.*(-f|--follow)\b|while true)`)

func (l *linter) plain() {
	b := l.book
	tops := 0
	for _, s := range b.Sections {
		if s.Level == 1 {
			tops++
		}
	}
	switch {
	case len(b.Steps) == 0:
		l.warn(1, "no step: the file has headings only", "write what to do under them")
	case tops == 0:
		l.warn(1, "no first-level heading", "begin with `# Title`")
	case tops > 1:
		l.warn(1, fmt.Sprintf("%d first-level headings", tops), "keep one, or split the file")
	}
	for _, st := range b.Steps {
		for _, c := range st.Commands() {
			if neverEnds.MatchString(c.Text) {
				l.warn(c.Line, fmt.Sprintf("command never ends: %s", firstWords(c.Text)), "say in the text how to leave it")
			}
		}
	}
}

func firstWords(s string) string {
	if r := []rune(oneLine(s)); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return oneLine(s)
}

func (l *linter) armed() {
	b := l.book
	if b.match.Zero() {
		l.warn(1, "no match: the book is only found by its words", "write `match: count{code in (502, 524)} over 2m > 10`")
	}
	l.variables()
	for i, st := range b.Steps {
		l.step(i, st)
		for j, bl := range st.Blocks {
			l.block(st, bl)
			for _, to := range targets(bl) {
				l.loop(i, j, to, bl.Line)
			}
			for _, e := range exprs(bl) {
				l.askedBefore(i, j, e)
			}
		}
	}
}

// variables warns of variables that nothing uses, and of prose that names unknown ones.
func (l *linter) variables() {
	b := l.book
	known := map[string]bool{}
	used := map[string]bool{}
	for _, v := range b.Vars {
		known[v.Name] = true
	}
	use := func(names ...string) {
		for _, n := range names {
			used[n] = true
		}
	}
	values := func(scope map[string]string) {
		for _, v := range scope {
			if name, ok := varName(v); ok {
				use(name)
			}
		}
	}
	values(b.Scope)
	for _, st := range b.Steps {
		for _, ph := range st.Placeholders() {
			use(ph.Name)
		}
		for _, bl := range st.Blocks {
			if bl.Ask != nil {
				known[bl.Ask.Var] = true
			}
			for _, e := range exprs(bl) {
				use(e.Vars()...)
			}
			if bl.Probe != nil {
				values(map[string]string{"model": bl.Probe.Model, "endpoint": bl.Probe.Endpoint})
			}
			if bl.Action != nil {
				values(bl.Action.Scope)
				values(map[string]string{"set": bl.Action.Set.Text})
				use(named(bl.Action.Why + bl.Action.Cost)...)
			}
		}
	}
	for _, s := range b.Sections {
		use(named(s.Title)...)
		walkProse(s.Prose, func(p *Prose) {
			for _, name := range named(p.Text) {
				if use(name); !known[name] && p.Kind != Code {
					l.warn(p.Line, "the text names the unknown variable {{"+name+"}}", "declare it under vars, or write it out")
				}
			}
		})
	}
	for _, v := range b.Vars {
		if !used[v.Name] {
			l.warnBlock(v.Line, "nothing uses the variable "+v.Name, "leave it out")
		}
	}
}

// named lists the {{names}} in a text.
func named(text string) []string {
	var names []string
	for _, m := range braces.FindAllStringSubmatch(text, -1) {
		names = append(names, m[1])
	}
	return names
}

func exprs(bl Block) []Expr {
	var all []Expr
	switch {
	case bl.Check != nil:
		all = append(all, bl.Check.That)
	case bl.Wait != nil:
		all = append(all, bl.Wait.Until)
	case bl.Action != nil:
		all = append(all, bl.Action.Verify, bl.Action.StopIf)
	}
	for _, a := range bl.Branch {
		all = append(all, a.When)
	}
	return all
}

func targets(bl Block) []Target {
	var all []Target
	switch {
	case bl.Check != nil:
		all = append(all, bl.Check.OnTrue, bl.Check.OnFalse)
	case bl.Wait != nil:
		all = append(all, bl.Wait.OnTimeout)
	case bl.Action != nil:
		all = append(all, bl.Action.OnFail)
	}
	for _, a := range bl.Branch {
		all = append(all, a.Goto)
	}
	return all
}

// step warns of a step that cannot be reached: the one before always goes elsewhere, and nothing goes to it.
func (l *linter) step(i int, st Step) {
	if i == 0 {
		return
	}
	closed := false
	for _, bl := range l.book.Steps[i-1].Blocks {
		onward := slices.ContainsFunc(bl.Branch, func(a Arm) bool { return a.Goto == ToNext })
		for _, a := range bl.Branch {
			_, away := a.Goto.Slug()
			closed = closed || (a.Else && away && !onward)
		}
	}
	if !closed {
		return
	}
	for _, other := range l.book.Steps {
		for _, bl := range other.Blocks {
			if slices.Contains(targets(bl), Target(st.Slug)) {
				return
			}
		}
	}
	l.warn(st.Line, "no way leads to step "+st.Slug, "go to it from somewhere, or leave it out")
}

func (l *linter) block(st Step, bl Block) {
	switch {
	case bl.Check != nil && bl.Check.Name == "":
		l.warnBlock(bl.Line, "check has no name", "say in a few words what it shows, like `name: the burst is real`")
	case bl.Action != nil:
		a := bl.Action
		undo := a.Verify.Zero()
		if a.Cost == "" && !undo {
			l.warnBlock(bl.Line, a.Do+" has no cost", "say what it costs the users, like `cost: requests over the cap wait`")
		}
		if len(st.Prose) == 0 && !undo {
			l.warn(st.Line, "a lever without a word of prose", "say when to use it and when not")
		}
		if !undo && a.Verify.Within() == 0 {
			l.warnBlock(bl.Line, "verify has no end", "write within 5m behind it")
		}
	case len(bl.Branch) > 0 && !bl.Branch[len(bl.Branch)-1].Else:
		l.warnBlock(bl.Line, "branch has no else", "write `- else: next` as the last arm")
	}
}

// askedBefore warns of an expression that needs the answer to a question which comes later only: it is unknown
// whenever a walk gets there.
func (l *linter) askedBefore(step, block int, e Expr) {
	for _, name := range e.Vars() {
		if _, declared := l.book.Var(name); declared {
			continue
		}
		later := ""
		for i, st := range l.book.Steps {
			for j, bl := range st.Blocks {
				if bl.Ask == nil || bl.Ask.Var != name {
					continue
				}
				if i < step || (i == step && j < block) || l.goesBack(i, step) {
					return
				}
				later = st.Slug
			}
		}
		if later != "" {
			l.warnBlock(e.Line, "needs the answer $"+name+", which is asked later, in "+later, "ask before, or look at it after")
		}
	}
}

// goesBack tells whether some step from one on leads back to another or before it.
func (l *linter) goesBack(from, to int) bool {
	for _, st := range l.book.Steps[from:] {
		for _, bl := range st.Blocks {
			for _, t := range targets(bl) {
				slug, _ := t.Slug()
				if _, i := l.book.Step(slug); i >= 0 && i <= to {
					return true
				}
			}
		}
	}
	return false
}

// loop warns of a way back that passes neither a wait nor a question: an impatient walk would spin in it.
func (l *linter) loop(step, block int, to Target, line int) {
	slug, ok := to.Slug()
	if !ok {
		return
	}
	_, back := l.book.Step(slug)
	if back < 0 || back > step {
		return
	}
	for i := back; i <= step; i++ {
		for j, bl := range l.book.Steps[i].Blocks {
			if i == step && j > block {
				break
			}
			if bl.Wait != nil || bl.Ask != nil {
				return
			}
		}
	}
	l.warnBlock(line, "goes back to "+slug+" with neither a wait nor a question on the way", "put a wait block into "+strings.TrimSpace(l.book.Steps[back].Title))
}

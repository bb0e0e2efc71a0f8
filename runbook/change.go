package runbook

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// StepChange is what became of one step when a file was changed.
type StepChange struct {
	Slug, Title string
	Kind        string   // added, removed or changed
	Lines       []string // of a changed one: "- what went", "+ what came"
}

// The kinds of changes.
const (
	StepAdded   = "added"
	StepRemoved = "removed"
	StepChanged = "changed"
)

// mostChangeLines bounds what one changed step shows.
const mostChangeLines = 40

// Changes lists the steps in which two versions of a book differ, in the order of the new one; removed ones last.
func Changes(from, to *Book) []StepChange {
	var all []StepChange
	for _, now := range to.Steps {
		before, i := from.Step(now.Slug)
		if i < 0 {
			all = append(all, StepChange{Slug: now.Slug, Title: now.Title, Kind: StepAdded})
			continue
		}
		if lines := changedLines(before.words(), now.words()); len(lines) > 0 {
			all = append(all, StepChange{Slug: now.Slug, Title: now.Title, Kind: StepChanged, Lines: lines})
		}
	}
	for _, before := range from.Steps {
		if _, i := to.Step(before.Slug); i < 0 {
			all = append(all, StepChange{Slug: before.Slug, Title: before.Title, Kind: StepRemoved})
		}
	}
	return all
}

func changedLines(from, to []string) []string {
	var lines []string
	for _, l := range from {
		if !slices.Contains(to, l) {
			lines = append(lines, "- "+l)
		}
	}
	for _, l := range to {
		if !slices.Contains(from, l) {
			lines = append(lines, "+ "+l)
		}
	}
	if n := len(lines); n > mostChangeLines {
		return append(lines[:mostChangeLines], fmt.Sprintf("  and %d more lines", n-mostChangeLines))
	}
	return lines
}

// words are what a step says and does, without where in the file it stands.
func (s Step) words() []string {
	words := []string{s.Title}
	walkProse(s.Prose, func(p *Prose) {
		for l := range strings.SplitSeq(p.Text, "\n") {
			if l = strings.TrimSpace(l); l != "" {
				words = append(words, l)
			}
		}
	})
	for _, bl := range s.Blocks {
		words = append(words, bl.lines()...)
	}
	return words
}

// lines are what a block says, key by key, without where it stands.
func (b Block) lines() []string {
	var all []string
	put := func(key, value string) {
		if value != "" {
			all = append(all, string(b.Kind)+" "+key+": "+value)
		}
	}
	switch {
	case b.Check != nil:
		put("name", b.Check.Name)
		put("that", b.Check.That.words())
		put("on-true", string(b.Check.OnTrue))
		put("on-false", string(b.Check.OnFalse))
	case b.Ask != nil:
		put("var", b.Ask.Var)
		put("question", b.Ask.Question)
		put("choices", strings.Join(b.Ask.Choices, ", "))
	case b.Wait != nil:
		put("until", b.Wait.Until.words())
		put("at-most", b.Wait.AtMost.String())
		put("on-timeout", string(b.Wait.OnTimeout))
	case b.Action != nil:
		b.Action.put(put)
	case b.Probe != nil:
		put("name", b.Probe.Name)
		put("asks", ProbeRequest{Model: b.Probe.Model, Endpoint: b.Probe.Endpoint, Stream: b.Probe.Stream, Large: b.Probe.Large}.String())
		put("fields", mapWords(b.Probe.Fields))
	case b.Evidence != nil:
		put("capture", strings.Join(b.Evidence.Capture, ", "))
		put("bundle", b.Evidence.Bundle)
	case b.Escalate != nil:
		put("to", strings.Join(b.Escalate.To, ", "))
		put("after", b.Escalate.After.String())
		put("bundle", b.Escalate.Bundle)
		put("say", b.Escalate.Say)
	}
	for _, a := range b.Branch {
		when := "else"
		if !a.Else {
			when = a.When.words()
		}
		put("when "+when, string(a.Goto))
	}
	return all
}

func (a *Action) put(put func(key, value string)) {
	put("do", a.Do)
	put("scope", mapWords(a.Scope))
	put("widen", strings.Join(a.Widen, ", "))
	put("set", a.Set.String())
	put("ttl", Brief(a.TTL))
	put("why", a.Why)
	put("cost", a.Cost)
	put("verify", a.Verify.words())
	put("stop-if", a.StopIf.words())
	put("confirm", a.Confirm)
	put("on-fail", string(a.OnFail))
	put("pace", Brief(a.Pace))
}

func mapWords(m map[string]string) string {
	var parts []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, k+"="+m[k])
	}
	return strings.Join(parts, " ")
}

// words are an expression with what it needs beside its text.
func (e Expr) words() string {
	if e.Zero() {
		return ""
	}
	s := e.Source
	if e.minSamples != DefaultMinSamples {
		s += fmt.Sprintf(" (min-samples %d)", e.minSamples)
	}
	if e.maxAge != 0 {
		s += " (max-age " + Brief(e.maxAge) + ")"
	}
	return s
}

// Rebase moves a walk to another version of its book. Finished steps stay as they were; the current step stays current
// where the new version has it, else the first that is not finished becomes current; what blocks said stays where they
// are the same.
func Rebase(w Walk, from, to *Book) Walk {
	w = w.clone()
	w.SHA256 = to.SHA256
	for _, v := range to.Vars {
		if w.Vars[v.Name] == "" && v.Default != "" {
			w.Vars[v.Name] = v.Default
		}
	}
	for slug, st := range w.Steps {
		if st.State == Done || st.State == Skipped {
			continue
		}
		before, _ := from.Step(slug)
		now, _ := to.Step(slug)
		kept := map[int]BlockState{}
		for i, bs := range st.Blocks {
			if i < len(before.Blocks) && i < len(now.Blocks) && slices.Equal(before.Blocks[i].lines(), now.Blocks[i].lines()) {
				kept[i] = bs
			}
		}
		st.Blocks = kept
		w.Steps[slug] = st
	}
	w.Trail = slices.DeleteFunc(slices.Clone(w.Trail), func(slug string) bool { _, i := to.Step(slug); return i < 0 })
	if !w.Live() {
		return w
	}
	if _, i := to.Step(w.Current); i < 0 {
		w.Current = to.firstOpen(w)
		st := w.Steps[w.Current]
		st.State = Current
		st.Visits++
		w.Steps[w.Current] = st
	}
	now, _ := to.Step(w.Current)
	w.Pending = w.pending(now)
	return w
}

// firstOpen is the first step that was neither done nor skipped, else the last.
func (b *Book) firstOpen(w Walk) string {
	for _, st := range b.Steps {
		if s := w.Steps[st.Slug].State; s != Done && s != Skipped {
			return st.Slug
		}
	}
	return b.Steps[len(b.Steps)-1].Slug
}

// FoldFrom applies entries to a walk that has come so far.
func FoldFrom(w Walk, b *Book, entries []Entry) Walk {
	for _, e := range entries {
		w, _ = Next(w, b, e)
	}
	return w
}

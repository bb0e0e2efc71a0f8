package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"signalbox/runbook"
)

// bookJSON is what runbook show --output json prints.
type bookJSON struct {
	V        int         `json:"v"`
	ID       string      `json:"id"`
	Title    string      `json:"title"`
	Armed    bool        `json:"armed"`
	Owner    string      `json:"owner,omitempty"`
	Reviewed string      `json:"reviewed,omitempty"`
	Match    string      `json:"match,omitempty"`
	SHA256   string      `json:"sha256"`
	Vars     []varJSON   `json:"vars"`
	Alerts   []alertJSON `json:"alerts,omitempty"` // what the file says to do about, by heading
	Steps    []stepJSON  `json:"steps"`
}

type varJSON struct {
	Name    string   `json:"name"`
	Type    string   `json:"type"`
	From    string   `json:"from,omitempty"`
	Default string   `json:"default,omitempty"`
	Values  []string `json:"values,omitempty"`
	Line    int      `json:"line"`
}

type stepJSON struct {
	Slug         string            `json:"slug"`
	Title        string            `json:"title"`
	Role         string            `json:"role"`
	Stage        int               `json:"stage,omitempty"`
	Line         int               `json:"line"`
	Conditional  bool              `json:"conditional,omitempty"`
	Blocks       []map[string]any  `json:"blocks"`
	Commands     []commandJSON     `json:"commands"`
	Placeholders []placeholderJSON `json:"placeholders"`
	Links        []linkJSON        `json:"links,omitempty"`
}

// linkJSON is a link of a step. File and slug say what it opens inside, where it leads to a runbook.
type linkJSON struct {
	Text string `json:"text"`
	Href string `json:"href"`
	Line int    `json:"line"`
	File string `json:"file,omitempty"`
	Slug string `json:"slug,omitempty"`
}

type alertJSON struct {
	Name string `json:"name"`
	Slug string `json:"slug"`
	Line int    `json:"line"`
}

type commandJSON struct {
	Text         string   `json:"text"`
	Line         int      `json:"line"`
	Placeholders []string `json:"placeholders,omitempty"`
}

type placeholderJSON struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

func bookView(b *runbook.Book) bookJSON {
	v := bookJSON{
		V: 1, ID: safe(b.ID), Title: safe(b.Title), Armed: b.Armed, Owner: safe(b.Owner), Reviewed: safe(b.Reviewed), Match: safe(b.Match), SHA256: b.SHA256,
		Vars: []varJSON{}, Steps: []stepJSON{},
	}
	for _, x := range b.Vars {
		v.Vars = append(v.Vars, varJSON{safe(x.Name), safe(x.Type), safe(x.From), safe(x.Default), safeAll(x.Values), x.Line})
	}
	for _, x := range b.Alerts {
		v.Alerts = append(v.Alerts, alertJSON{safe(x.Name), x.Slug, x.Line})
	}
	for i := range b.Steps {
		s := stepView(&b.Steps[i])
		for _, l := range b.Steps[i].Links() {
			link := linkJSON{Text: safe(l.Text), Href: safe(l.Href), Line: l.Line}
			if to, ok := runbook.Follow(b.Name, l.Href); ok {
				link.File, link.Slug = safe(to.File), safe(to.Slug)
			}
			s.Links = append(s.Links, link)
		}
		v.Steps = append(v.Steps, s)
	}
	return v
}

func safeAll(all []string) []string {
	out := make([]string, len(all))
	for i, s := range all {
		out[i] = safe(s)
	}
	return out
}

func stepView(s *runbook.Step) stepJSON {
	v := stepJSON{
		Slug: s.Slug, Title: safe(s.Title), Role: string(s.Role), Stage: s.Stage, Line: s.Line, Conditional: s.Conditional,
		Blocks: []map[string]any{}, Commands: []commandJSON{}, Placeholders: []placeholderJSON{},
	}
	for i := range s.Blocks {
		v.Blocks = append(v.Blocks, blockJSON(&s.Blocks[i]))
	}
	for _, c := range s.Commands() {
		cv := commandJSON{Text: safeLines(c.Text), Line: c.Line}
		for _, h := range c.Placeholders {
			cv.Placeholders = append(cv.Placeholders, safe(h.Name))
		}
		v.Commands = append(v.Commands, cv)
	}
	for _, h := range s.Placeholders() {
		v.Placeholders = append(v.Placeholders, placeholderJSON{safe(h.Name), safe(h.Text)})
	}
	return v
}

// blockJSON gives a block with the keys of the file, hyphens as underscores.
func blockJSON(b *runbook.Block) map[string]any {
	v := map[string]any{"kind": string(b.Kind), "line": b.Line}
	for _, p := range blockParts(b) {
		v[strings.ReplaceAll(p.key, "-", "_")] = p.value
	}
	if b.Branch != nil {
		arms := []map[string]any{}
		for _, arm := range b.Branch {
			a := map[string]any{"goto": string(arm.Goto), "line": arm.Line}
			if arm.Else {
				a["else"] = true
			} else {
				a["when"] = safe(arm.When.Source)
			}
			arms = append(arms, a)
		}
		v["arms"] = arms
	}
	return v
}

// part is one key of a block and its value: text, a list of texts, or scope.
type part struct {
	key   string
	value any
}

// blockParts lists what a block says, in the order in which it is read; what it does not say is left out.
func blockParts(b *runbook.Block) []part {
	var ps parts
	switch {
	case b.Check != nil:
		ps.text("name", b.Check.Name)
		ps.text("that", b.Check.That.Source)
		ps.text("on-true", string(b.Check.OnTrue))
		ps.text("on-false", string(b.Check.OnFalse))
	case b.Ask != nil:
		ps.text("var", b.Ask.Var)
		ps.text("question", b.Ask.Question)
		ps.list("choices", b.Ask.Choices)
	case b.Wait != nil:
		ps.text("until", b.Wait.Until.Source)
		ps.span("at-most", b.Wait.AtMost)
		ps.text("on-timeout", string(b.Wait.OnTimeout))
	case b.Action != nil:
		ps.action(b.Action)
	case b.Probe != nil:
		ps.probe(b.Probe)
	case b.Evidence != nil:
		ps.list("capture", b.Evidence.Capture)
		ps.text("bundle", b.Evidence.Bundle)
	case b.Escalate != nil:
		ps.list("to", b.Escalate.To)
		ps.span("after", b.Escalate.After)
		ps.text("bundle", b.Escalate.Bundle)
		ps.text("say", b.Escalate.Say)
	}
	return ps
}

type parts []part

func (ps *parts) text(key, s string) {
	if s != "" {
		*ps = append(*ps, part{key, safeLines(s)})
	}
}

func (ps *parts) list(key string, all []string) {
	if len(all) > 0 {
		*ps = append(*ps, part{key, safeAll(all)})
	}
}

func (ps *parts) span(key string, d time.Duration) {
	if d != 0 {
		*ps = append(*ps, part{key, d.String()})
	}
}

func (ps *parts) action(a *runbook.Action) {
	ps.text("do", a.Do)
	if len(a.Scope) > 0 {
		*ps = append(*ps, part{"scope", map[string]string(safeScope(a.Scope))})
	}
	ps.list("widen", a.Widen)
	ps.text("set", a.Set.String())
	ps.span("ttl", a.TTL)
	ps.text("why", a.Why)
	ps.text("cost", a.Cost)
	ps.text("verify", a.Verify.Source)
	ps.text("stop-if", a.StopIf.Source)
	ps.text("confirm", a.Confirm)
	ps.text("on-fail", string(a.OnFail))
	ps.span("pace", a.Pace)
}

func (ps *parts) probe(p *runbook.Probe) {
	ps.text("name", p.Name)
	ps.text("model", p.Model)
	ps.text("endpoint", p.Endpoint)
	if p.Stream {
		ps.text("stream", "true")
	}
	if p.Large {
		ps.text("small", "false")
	}
	ps.list("fields", slices.Sorted(maps.Keys(p.Fields)))
	ps.text("why", p.Why)
}

// printBook draws a runbook as text: what a step says, asks and does.
func (a *app) printBook(b *runbook.Book) error {
	p := &printer{w: a.Out}
	kind := "plain: shown and copied, nothing in it acts"
	if b.Armed {
		kind = "armed: its blocks check live numbers and throw levers, each confirmed"
	}
	p.line("%s", safe(b.Title))
	p.line("%s (%s), %s", safe(b.ID), safe(a.origins()(b)), kind)
	for _, x := range []struct{ name, value string }{{"armed by", b.Overlay}, {"owner", b.Owner}, {"reviewed", b.Reviewed}, {"match", b.Match}} {
		if x.value != "" {
			p.line("%-9s %s", x.name, safe(x.value))
		}
	}
	for i := range b.Steps {
		printStep(p, i+1, len(b.Steps), &b.Steps[i])
	}
	return p.err
}

func printStep(p *printer, n, of int, s *runbook.Step) {
	role := ""
	if s.Role != runbook.RoleNone {
		role = "  [" + string(s.Role) + "]"
	}
	p.line("")
	p.line("%d/%d  %s%s  (#%s, line %d)", n, of, safe(s.Title), role, safe(s.Slug), s.Line)
	for i := range s.Prose {
		printBlocks(p, s, i)
		printProse(p, &s.Prose[i], "     ")
	}
	printBlocks(p, s, len(s.Prose))
}

// printBlocks draws the blocks that stand before a node of prose.
func printBlocks(p *printer, s *runbook.Step, before int) {
	for i := range s.Blocks {
		b := &s.Blocks[i]
		if b.After != before && (before < len(s.Prose) || b.After < before) {
			continue
		}
		p.line("     > %s", b.Kind)
		for _, x := range blockParts(b) {
			p.line("       %-10s %s", x.key+":", words(x.value))
		}
		for _, arm := range b.Branch {
			when := "when " + safe(arm.When.Source)
			if arm.Else {
				when = "else"
			}
			p.line("       %s -> %s", when, arm.Goto)
		}
	}
}

func words(v any) string {
	switch v := v.(type) {
	case []string:
		return strings.Join(v, ", ")
	case map[string]string:
		var all []string
		for _, k := range slices.Sorted(maps.Keys(v)) {
			all = append(all, k+"="+v[k])
		}
		return strings.Join(all, " ")
	}
	return strings.ReplaceAll(fmt.Sprint(v), "\n", " ")
}

func printProse(p *printer, n *runbook.Prose, indent string) {
	switch n.Kind {
	case runbook.List, runbook.Quote:
	case runbook.Item:
		mark := "- "
		if n.Number > 0 {
			mark = fmt.Sprintf("%d. ", n.Number)
		}
		switch n.Task {
		case runbook.TaskOpen:
			mark += "[ ] "
		case runbook.TaskTicked:
			mark += "[x] "
		}
		if n.Text == "" && len(n.Kids) > 0 && n.Kids[0].Kind == runbook.Para {
			p.line("%s%s%s", indent, mark, safe(n.Kids[0].Text))
			for i := range n.Kids[1:] {
				printProse(p, &n.Kids[1+i], indent+"  ")
			}
			return
		}
		p.line("%s%s%s", indent, mark, safe(n.Text))
	case runbook.RuleLine:
		p.line("%s---", indent)
	case runbook.Code, runbook.Table:
		for l := range strings.Lines(n.Text) {
			p.line("%s    %s", indent, safe(strings.TrimRight(l, "\n")))
		}
	default:
		for l := range strings.Lines(n.Text) {
			p.line("%s%s", indent, safe(strings.TrimRight(l, "\n")))
		}
	}
	for i := range n.Kids {
		printProse(p, &n.Kids[i], indent+"  ")
	}
}

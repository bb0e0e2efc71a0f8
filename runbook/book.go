// Package runbook parses, checks and walks runbooks: any Markdown file, and armed ones whose fenced
// blocks check live numbers and throw levers. It is pure: no I/O, no clock, nothing of ours. Time comes
// in with an entry, numbers through Facts, and what should happen goes out as effects.
package runbook

import (
	"strings"
	"time"
)

// Book is one runbook as parsed. It is immutable after Parse.
type Book struct {
	Name     string // file name as given to Parse
	Overlay  string // file name of the overlay that arms it, where one does: the lines of blocks are its lines
	ID       string // from the front matter, else from the file name
	Title    string
	SHA256   string // of the exact bytes; a run pins its file by it
	Owner    string
	Reviewed string // day of the last review, as written
	// ReviewEvery is how long a review holds, 0 for ever.
	ReviewEvery time.Duration
	Armed       bool // its blocks may check and act; a plain book is shown and copied only
	Vars        []Var
	Scope       map[string]string // labels of every check, target of every action; values may be $vars
	Match       string            // when it fits a burst, as written; empty: by words
	Limits      Limits
	Sections    []Section
	Steps       []Step
	Alerts      []AlertEntry // of a plain book: the alerts that it says what to do about
	Findings    []Finding

	match     Expr
	frontRead bool // the front matter could be read, so that names can be judged against it
}

// Step finds a step by its slug; the index is -1 when there is none.
func (b *Book) Step(slug string) (Step, int) {
	for i := range b.Steps {
		if b.Steps[i].Slug == slug {
			return b.Steps[i], i
		}
	}
	return Step{}, -1
}

// Var finds a variable by name.
func (b *Book) Var(name string) (Var, bool) {
	for _, v := range b.Vars {
		if v.Name == name {
			return v, true
		}
	}
	return Var{}, false
}

// Var is a typed value of a run, filled from the burst or by the operator.
type Var struct {
	Name     string
	Type     string   // string, int, enum, duration, or the name of a dimension
	From     string   // "burst.region": from the burst's scope; "busiest.region": from it, else where most of it fails
	Prompt   string   // what to ask where it cannot be taken
	Default  string   // used where neither the burst nor the operator says
	Values   []string // allowed values; empty: any
	Optional bool     // a check or action may go without it
	Line     int
}

// Limits bound a run.
type Limits struct {
	MaxTTL     time.Duration
	MaxActions int
}

// Role says what a section is for.
type Role string

// The roles of sections and steps. Context and reference are read beside the steps, never walked.
const (
	RoleNone      Role = ""
	RoleContext   Role = "context"
	RolePrereq    Role = "prerequisites"
	RoleDiagnose  Role = "diagnose"
	RoleAct       Role = "act"
	RoleVerify    Role = "verify"
	RoleRollback  Role = "rollback"
	RoleEscalate  Role = "escalate"
	RoleReference Role = "reference"
)

// Section is one heading and the text under it, up to the next heading.
type Section struct {
	Slug, Title string
	Level, Line int
	Parent      int // index of the enclosing section, -1 for none
	Role        Role
	Prose       []Prose

	named bool // its heading is a name in code and nothing else
}

// Step is one thing to do.
type Step struct {
	Slug, Title string
	Role        Role
	Stage       int // 1 to 6 of the playbook, 0 for a step outside of it
	Line        int
	Section     int  // index of the section it came from
	Conditional bool // the text begins with "if": it may not apply
	Prose       []Prose
	Blocks      []Block
}

// Commands lists the commands that can be copied, in the order of the text.
func (s Step) Commands() []Command {
	var all []Command
	walkProse(s.Prose, func(p *Prose) { all = append(all, p.Commands...) })
	return all
}

// Placeholders lists the fields that the commands of the step leave open, each once.
func (s Step) Placeholders() []Placeholder {
	var all []Placeholder
	seen := map[string]bool{}
	for _, c := range s.Commands() {
		for _, p := range c.Placeholders {
			if !seen[p.Name] {
				seen[p.Name] = true
				all = append(all, p)
			}
		}
	}
	return all
}

// ProseKind is the kind of a node of prose.
type ProseKind string

// The kinds of prose.
const (
	Para     ProseKind = "para"
	Heading  ProseKind = "heading" // a heading inside a step
	List     ProseKind = "list"
	Item     ProseKind = "item"
	Code     ProseKind = "code"
	Quote    ProseKind = "quote"
	Table    ProseKind = "table"
	RuleLine ProseKind = "rule"
)

// Prose is a node of text. All its strings are free of control characters except newlines in code,
// and may go to a screen.
type Prose struct {
	Kind     ProseKind
	Line     int
	Text     string // of Para, Heading, Code, and Table as aligned text
	Spans    []Span // of Para and Heading: the same text with its emphasis and links
	Lang     string // of Code
	Level    int    // of Heading
	Ordered  bool   // of List
	Number   int    // of an Item in an ordered list
	Task     Task   // of Item
	Commands []Command
	Kids     []Prose

	table *tableCells // of Table
}

// Task says whether an item has a box.
type Task uint8

// The states of a task box.
const (
	NoTask Task = iota
	TaskOpen
	TaskTicked
)

// SpanStyle is the emphasis of a span.
type SpanStyle uint8

// The styles of a span.
const (
	Plain SpanStyle = iota
	Emphasis
	Strong
	CodeSpan
	LinkSpan
)

// Span is a run of text of one style.
type Span struct {
	Text  string
	Style SpanStyle
	Href  string // of LinkSpan; relative ones to Markdown files open inside
}

// Command is one command of a fence or an inline code: shown and copied, never run.
type Command struct {
	Text         string
	Line         int
	Placeholders []Placeholder
}

// Placeholder is a part of a command that the operator fills in.
type Placeholder struct {
	Name string // "pod"
	Text string // "<pod>", as it stands in the command
}

// Severity of a finding.
type Severity string

// The severities. A plain book has warnings only: it can always be walked.
const (
	SevError   Severity = "error"
	SevWarning Severity = "warning"
)

// Finding is something that the author should mend.
type Finding struct {
	File     string
	Line     int
	Severity Severity
	What     string // what is wrong
	Try      string // what to write instead
}

// String gives "file:line: what, what to write instead".
func (f Finding) String() string {
	s := f.What
	if f.Try != "" {
		s += "; " + f.Try
	}
	return located(f.File, f.Line, s)
}

func walkProse(ps []Prose, f func(*Prose)) {
	for i := range ps {
		f(&ps[i])
		walkProse(ps[i].Kids, f)
	}
}

// oneLine joins the lines of a text.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

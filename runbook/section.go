package runbook

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// sectionsOf cuts top-level prose at its headings. Text before the first heading is a section without a title.
// In a plain file a paragraph that is nothing but bold text is a heading too, below the real one above it.
func sectionsOf(doc []Prose, plain bool) []Section {
	var all []Section
	slugs := slugger{}
	var stack []int // indexes of the open headings
	var bold []int
	for _, p := range doc {
		if plain {
			p = lineHeading(p)
		}
		if p.Kind != Heading {
			if len(all) == 0 {
				all = append(all, Section{Slug: slugs.take("top"), Level: 0, Line: p.Line, Parent: -1})
			}
			last := &all[len(all)-1]
			last.Prose = append(last.Prose, p)
			continue
		}
		s := Section{Title: strings.TrimRight(oneLine(p.Text), "# "), Level: p.Level, Line: p.Line, Parent: -1, named: plain && (inCode(p) || methodPath.MatchString(p.Text))}
		if p.Level == boldLevel {
			bold = append(bold, len(all)) // named last, so that real headings keep the anchors that GitHub gives them
			s.Prose = p.Kids
		} else {
			s.Slug = slugs.take(p.Text)
		}
		for len(stack) > 0 && all[stack[len(stack)-1]].Level >= s.Level {
			stack = stack[:len(stack)-1]
		}
		if len(stack) > 0 {
			s.Parent = stack[len(stack)-1]
		}
		stack = append(stack, len(all))
		all = append(all, s)
	}
	for _, i := range bold {
		all[i].Slug = slugs.take(all[i].Title)
	}
	assignRoles(all)
	return all
}

// methodPath is a heading that names a call of an interface.
var methodPath = regexp.MustCompile(`^\W*(GET|POST|PUT|PATCH|DELETE|HEAD)\W+/\S*\W*$`)

// inCode tells a heading that is nothing but a name in code, of a function or a field: what follows says what that is.
func inCode(p Prose) bool {
	return len(p.Spans) == 1 && p.Spans[0].Style == CodeSpan && !looksLikeCommand(p.Spans[0].Text)
}

// aside tells a section that is read beside the steps.
func (s Section) aside() bool { return s.Role == RoleContext || s.Role == RoleReference }

// boldLevel is the level of a heading that is no real one: below all of those.
const boldLevel = 7

var boldLabel = regexp.MustCompile(`^[^.!?]{1,79}[:?]?$`)

// lineHeading makes a heading of a paragraph that stands for one: bold text alone, or "Step 3: ...".
func lineHeading(p Prose) Prose {
	if p.Kind != Para || len(p.Spans) == 0 {
		return p
	}
	h := Prose{Kind: Heading, Level: boldLevel, Line: p.Line}
	text := oneLine(p.Text)
	first := p.Spans[0]
	switch {
	case len(p.Spans) == 1 && first.Style == Strong && boldLabel.MatchString(text),
		len(p.Spans) == 2 && first.Style == Strong && strings.TrimSpace(p.Spans[1].Text) == ":" && boldLabel.MatchString(text):
		h.Text = strings.TrimRight(text, ": ")
		return h
	case stepHead.MatchString(text) && (first.Style == Strong || strings.IndexAny(text, ":.–—-") > 0):
		h.Text, h.Kids = firstSentence(text), []Prose{p}
		return h
	}
	return p
}

// assignRoles gives each section the role that its heading names, else that of the section it stands in. The
// title of the whole file names a subject, not a role.
func assignRoles(all []Section) {
	top := topHeading(all)
	for i := range all {
		s := &all[i]
		if i == top {
			continue
		}
		if s.Role = roleOf(s.Title); s.Role == RoleNone && s.named {
			s.Role = RoleReference
		}
		if s.Role == RoleNone && s.Parent >= 0 {
			s.Role = all[s.Parent].Role
			if stepHead.MatchString(s.Title) && s.aside() {
				s.Role = RoleNone
			}
		}
	}
}

// topHeading finds the section whose heading is the title of the file: the first, where everything else stands below
// it. It is -1 where there is none.
func topHeading(all []Section) int {
	first := -1
	for i, s := range all {
		switch {
		case s.Level == 0 || s.Level == boldLevel:
		case first < 0:
			first = i
		case s.Level <= all[first].Level:
			return -1
		}
	}
	if first >= 0 && (len(all) > first+1 || all[first].Level == 1) {
		return first
	}
	return -1
}

// slugger gives headings the anchors that GitHub gives them, so that links and branch targets agree.
type slugger map[string]int

func (s slugger) take(title string) string {
	base := slugOf(title)
	n, taken := s[base]
	s[base] = n + 1
	if !taken {
		return base
	}
	for {
		slug := base + "-" + strconv.Itoa(n)
		if _, taken := s[slug]; !taken {
			s[slug] = 1
			return slug
		}
		n++
		s[base] = n + 1
	}
}

func slugOf(title string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(oneLine(title)) {
		switch {
		case unicode.IsLetter(r) || unicode.IsDigit(r) || r == '-' || r == '_' || unicode.Is(unicode.Mn, r):
			b.WriteRune(r)
		case r == ' ':
			b.WriteByte('-')
		}
	}
	if b.Len() == 0 {
		return "section"
	}
	return b.String()
}

// ruleWords are headings over what always holds, and is no step of a way.
var ruleWords = []string{"guideline", "convention", "principle", "responsibilities", "^duties", "^restrictions", "^persona", "要件", "要求", "anforderungen", "exigences", "^=recommendations", "^=general recommendations", "lessons learned", "entry criteria", "exit criteria", "acceptance criteria", "etiquette", "expected behavior", "expected behaviour", "^policy", "^policies"}

// isRules tells a heading over rules.
func isRules(title string) bool {
	t := strings.TrimLeft(strings.ToLower(title), " 0123456789.:)#")
	return slices.ContainsFunc(ruleWords, func(w string) bool {
		whole, ok := strings.CutPrefix(w, "^=")
		return ok && strings.TrimRight(t, " :#") == whole || !ok && strings.Contains(t, strings.TrimPrefix(w, "^"))
	})
}

// roleWords maps what authors write in headings to roles. The first role with a word in the title wins; ^ is the
// beginning of the title, ^= all of it.
var roleWords = []struct {
	role  Role
	words []string
}{
	{RoleContext, ruleWords},
	{RoleContext, []string{"^symptom", "^what this", "^what it", "^what you will", "^what you'll", "^what happens", "^what and why"}},
	{RoleReference, []string{
		"^=request", "^=requests", "^=headers", "^=request body", "^=response body", "^=input", "^=inputs", "^=input fields", "^=output", "^=outputs", "^=output format", "^=parameters", "^=fields", "^=flags",
		"^=options", "^=exit codes", "^=return codes", "^=result codes", "^=permissions", "^=privileges", "^=schema", "^=json schema", "^=endpoint", "^=endpoints", "^=api", "^=result", "^=returns", "^=usage examples",
		"^=authors", "^=credits", "^=conclusion", "^=goals", "^=aims", "^=non-goals", "^=key takeaways", "^=takeaways", "^=future work", "^=test coverage", "^=compatibility",
		"reference", "further reading", "see also", "related", "additional information", "additional notes", "additional resources", "table of contents", "appendix", "glossary",
		"changelog", "change log", "revision history", "version history", "document history", "post-mortem template", "footnote", "acknowledg", "license", "contributors",
	}},
	{RoleEscalate, []string{"escalat", "who to contact", "getting help", "get help", "on-call contacts", "emergency contacts", "call for help", "contacts", "contact information", "contact us", "communicat", "notify"}},
	{RoleRollback, []string{"rollback", "roll back", "roll-back", "rolling back", "revert", "undo", "back out", "backout"}},
	{RoleVerify, []string{"verify", "verific", "validat", "confirm recovery", "check recovery", "post-check", "after the fix", "confirm resolution", "success criteria", "smoke test", "sanity check", "post-deployment check"}},
	{RolePrereq, []string{"prerequisite", "pre-requisite", "prereq", "before you begin", "before you start", "^requirements", "access requirements", "preparation", "pre-flight", "preflight", "pre-check"}},
	{RoleReference, []string{"links", "resources", "history", "contents", "dashboards", "tips", "tip", "best practice", "faq", "notes"}},
	{RoleContext, []string{
		"root cause", "possible cause", "likely cause", "common cause", "probable cause", "potential cause", "causes", "when to use", "what it does", "how it works", "who is this", "why this", "rationale",
		"severity", "example", "expected output", "expected result", "expected configuration", "^consequence", "^cause", "^error message", "^error text", "^note", "^important", "^warning", "^caution", "contributing factor", "lessons learned from",
	}},
	{RoleDiagnose, []string{
		"diagnos", "triage", "investigat", "troubleshoot", "debug", "analysis", "analyze", "analyse", "how to check", "identif", "confirm scope",
		"what to check", "checks", "telemetry", "find the cause", "first steps", "initial steps", "detection", "collect", "gather", "evidence", "assess",
	}},
	{RoleAct, []string{
		"mitigat", "resolution", "resolv", "remediat", "recover", "how to fix", "fix", "action", "procedure", "steps", "repair", "workaround", "work around", "response",
		"what to do", "instructions", "how to", "restor", "reduce load", "harden", "fall back", "fallback", "release", "document and learn", "containment", "eradicat", "immediate", "post-incident", "post incident",
		"checklist", "usage", "deploy", "install", "upgrad", "maintenance",
	}},
	{RoleContext, []string{
		"meaning", "impact", "overview", "symptom", "background", "summary", "description", "introduction", "about", "purpose", "context", "explanation",
		"architecture", "what is", "what does", "what are", "alert details", "alert rule", "definition", "scope of this", "service level", "who is", "why do", "why is", "why are", "terminology", "metadata",
		"^scope", "objective", "goal", "audience", "assumption", "owner", "status", "design", "limitation", "motivation", "slo", "sla", "environment variables", "key files", "file locations", "schedule",
	}},
}

func roleOf(title string) Role {
	t := " " + strings.ToLower(title) + " "
	for _, r := range roleWords {
		for _, w := range r.words {
			if whole, ok := strings.CutPrefix(w, "^="); ok {
				if strings.Trim(t, " 0123456789.:)#") != whole {
					continue
				}
			} else if start, ok := strings.CutPrefix(w, "^"); ok {
				if !strings.HasPrefix(strings.TrimLeft(t, " 0123456789.:)#"), start) {
					continue
				}
			} else if i := strings.Index(t, w); i <= 0 || unicode.IsLetter(rune(t[i-1])) || (len(w) <= 5 && unicode.IsLetter(rune(t[i+len(w)]))) {
				continue
			}
			if (r.role == RoleContext || r.role == RoleReference) && directs(title) {
				continue // "Check resources" is something to do
			}
			return r.role
		}
	}
	if role := roleAbroad(title); (role != RoleContext && role != RoleReference) || !directs(title) {
		return role
	}
	return RoleNone
}

// stageWords are the six stages of the playbook that every run follows.
var stageWords = [][]string{
	{"confirm scope", "confirm the scope"},
	{"provider status", "status and telemetry"},
	{"reduce load"},
	{"harden retr"},
	{"validate output", "validate the output"},
	{"document and learn"},
}

func stageOf(title string) int {
	t := strings.ToLower(title)
	for i, words := range stageWords {
		for _, w := range words {
			if strings.Contains(t, w) {
				return i + 1
			}
		}
	}
	return 0
}

// stage of a section is that of its heading, or of the nearest heading above it that has one.
func sectionStage(all []Section, i int) int {
	for ; i >= 0; i = all[i].Parent {
		if n := stageOf(all[i].Title); n > 0 {
			return n
		}
	}
	return 0
}

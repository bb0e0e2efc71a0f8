package runbook

import (
	"strconv"
	"strings"
	"unicode"
)

// sectionsOf cuts top-level prose at its headings. Text before the first heading is a section without a title.
func sectionsOf(doc []Prose) []Section {
	var all []Section
	slugs := slugger{}
	var stack []int // indexes of the open headings
	for _, p := range doc {
		if p.Kind != Heading {
			if len(all) == 0 {
				all = append(all, Section{Slug: slugs.take("top"), Level: 0, Line: p.Line, Parent: -1})
			}
			last := &all[len(all)-1]
			last.Prose = append(last.Prose, p)
			continue
		}
		s := Section{Slug: slugs.take(p.Text), Title: oneLine(p.Text), Level: p.Level, Line: p.Line, Parent: -1}
		for len(stack) > 0 && all[stack[len(stack)-1]].Level >= s.Level {
			stack = stack[:len(stack)-1]
		}
		if len(stack) > 0 {
			s.Parent = stack[len(stack)-1]
		}
		s.Role = roleOf(s.Title)
		if s.Role == RoleNone && s.Parent >= 0 {
			s.Role = all[s.Parent].Role
		}
		stack = append(stack, len(all))
		all = append(all, s)
	}
	return all
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

// roleWords maps what authors write in headings to roles. The first role with a word in the title wins.
var roleWords = []struct {
	role  Role
	words []string
}{
	{RoleEscalate, []string{"escalat", "who to contact", "contact", "getting help", "get help", "on-call contacts", "call for help"}},
	{RoleRollback, []string{"rollback", "roll back", "rolling back", "revert", "undo", "back out"}},
	{RoleVerify, []string{"verif", "validat", "confirm recovery", "check recovery", "post-check", "after the fix", "confirm resolution", "success criteria"}},
	{RolePrereq, []string{"prerequisite", "pre-requisite", "before you begin", "before you start", "requirements", "preparation", "pre-flight", "preflight"}},
	{RoleReference, []string{
		"reference", "further reading", "see also", "related", "links", "additional information", "additional notes", "additional resources",
		"resources", "appendix", "glossary", "history", "changelog", "table of contents", "contents", "dashboards",
	}},
	{RoleDiagnose, []string{
		"diagnos", "triage", "investigat", "troubleshoot", "debug", "analysis", "analyze", "analyse", "how to check", "identify", "confirm scope",
		"what to check", "checks", "possible causes", "likely causes", "telemetry", "find the cause", "first steps", "initial steps",
	}},
	{RoleAct, []string{
		"mitigat", "resolution", "resolv", "remediat", "recover", "how to fix", "fix", "action", "procedure", "steps", "repair", "workaround", "response",
		"what to do", "instructions", "how to", "restor", "reduce load", "harden", "fall back", "fallback", "release", "document and learn",
	}},
	{RoleContext, []string{
		"meaning", "impact", "overview", "symptom", "background", "summary", "description", "introduction", "about", "purpose", "severity", "context",
		"architecture", "what is", "what does", "alert details", "alert rule", "definition", "when to use", "scope of this", "service level", "causes",
	}},
}

func roleOf(title string) Role {
	t := " " + strings.ToLower(title) + " "
	for _, r := range roleWords {
		for _, w := range r.words {
			if i := strings.Index(t, w); i > 0 && !unicode.IsLetter(rune(t[i-1])) {
				return r.role
			}
		}
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

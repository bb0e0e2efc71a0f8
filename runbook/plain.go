package runbook

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// plainSteps finds the steps of a file that was not written for this tool. Per section, the first rule
// that fits: ordered items and the rows of a table of steps; task boxes, or bullets of which at least half begin
// with a verb; the section itself. Context and reference are never steps, nor is a section of which nothing says
// what it is for and nothing tells to act. A file without any is one step.
func plainSteps(sections []Section, title string) []Step {
	f := finder{sections: sections, slugs: slugger{}, top: topHeading(sections), titles: map[string]int{}}
	var text strings.Builder
	for i, s := range sections {
		f.slugs[s.Slug] = 1
		f.titles[slugOf(s.Title)] = i
		walkProse(s.Prose, func(p *Prose) {
			if p.Kind != Code && text.Len() < 64<<10 {
				text.WriteString(p.Text + "\n")
			}
		})
	}
	f.english = english(text.String())
	for i := range sections {
		f.section(i)
	}
	for i := range sections {
		if len(f.steps) == 0 && sections[i].aside() {
			f.steps = f.items(sections[i], i) // all that there is
		}
	}
	steps := f.steps
	if len(steps) == 0 {
		steps = wholeBody(sections, title)
	}
	for i := range steps {
		st := &steps[i]
		if st.Title == "" {
			st.Title = title
		}
		st.Stage = sectionStage(sections, st.Section)
		st.Conditional = conditional(st.Title) || conditional(firstText(st.Prose))
	}
	return steps
}

type finder struct {
	sections []Section
	slugs    slugger
	top      int            // the section of the file's title
	titles   map[string]int // slugs of headings
	english  bool
	steps    []Step
}

func (f *finder) section(i int) {
	s := f.sections[i]
	if s.aside() {
		return
	}
	if found := f.items(s, i); len(found) > 0 {
		f.steps = append(f.steps, found...)
		return
	}
	if f.isStep(i) {
		f.steps = append(f.steps, Step{Slug: s.Slug, Title: s.Title, Role: s.Role, Line: s.Line, Section: i, Prose: s.Prose})
	}
}

// isStep tells whether a section without a list of steps is one to read and acknowledge.
func (f *finder) isStep(i int) bool {
	s := f.sections[i]
	if f.isContents(s.Prose) {
		return false
	}
	if len(s.Prose) == 0 {
		// A heading alone says everything, where it tells what to do and nothing stands under it.
		leaf := i+1 == len(f.sections) || f.sections[i+1].Parent != i
		return leaf && s.Level > 1 && f.english && (stepHead.MatchString(s.Title) || imperativeStrict(s.Title))
	}
	if s.Level <= 1 && i <= max(f.top, 0) && len(f.sections) > 1 && !hasCommands(s.Prose) && s.Role == RoleNone {
		return false // an introduction
	}
	switch {
	case s.Role != RoleNone, !f.english, isAlertName(s.Title), directs(s.Title), hasCommands(s.Prose):
		return true
	}
	return acts(s.Prose)
}

// acts looks through running text for a sentence that tells somebody to act.
func acts(prose []Prose) bool {
	found := false
	walkProse(prose, func(p *Prose) {
		if (p.Kind == Para || p.Kind == Quote) && !found && !onlyLinks(p) {
			found = tellsToAct(p.Text)
		}
	})
	return found
}

func onlyLinks(p *Prose) bool {
	for _, s := range p.Spans {
		if s.Style != LinkSpan && strings.Trim(s.Text, " ,;|·-–—()\n") != "" {
			return false
		}
	}
	return len(p.Spans) > 0
}

// wholeBody makes one step of everything, read and acknowledge.
func wholeBody(sections []Section, title string) []Step {
	var all []Prose
	line := 1
	for i, s := range sections {
		if i == 0 {
			line = max(s.Line, 1)
		}
		if s.Title != "" && s.Level > 1 && len(s.Prose) > 0 {
			all = append(all, Prose{Kind: Heading, Level: s.Level, Line: s.Line, Text: s.Title, Spans: []Span{{Text: s.Title}}})
		}
		all = append(all, s.Prose...)
	}
	if len(all) == 0 {
		return nil
	}
	return []Step{{Slug: sections[0].Slug, Title: title, Line: line, Prose: all}}
}

// items makes a step of each item of the section's steps lists. What stands between the items belongs
// to the item before it, what stands before the first one to the first.
func (f *finder) items(s Section, index int) []Step {
	isStep := f.stepLists(s)
	if isStep == nil {
		return nil
	}
	var steps []Step
	var intro []Prose
	for i, p := range s.Prose {
		if !isStep[i] {
			if len(steps) == 0 {
				intro = append(intro, p)
			} else {
				last := &steps[len(steps)-1]
				last.Prose = append(last.Prose, p)
			}
			continue
		}
		for _, item := range p.items() {
			n := len(steps) + 1
			steps = append(steps, Step{
				Slug: f.slugs.take(s.Slug + "-" + strconv.Itoa(n)), Title: itemTitle(item, s.Title, n), Role: s.Role,
				Line: cmp.Or(item.Line, p.Line, s.Line), Section: index, Prose: item.Kids,
			})
		}
	}
	if len(steps) > 0 {
		steps[0].Prose = slices.Concat(intro, steps[0].Prose)
	}
	return steps
}

// stepLists tells which top-level lists of a section hold its steps, nil when none does.
func (f *finder) stepLists(s Section) map[int]bool {
	ordered, boxes, bullets := map[int]bool{}, map[int]bool{}, map[int]bool{}
	lead := ""
	for i, p := range s.Prose {
		switch {
		case p.Kind == Table && isStepTable(p):
			ordered[i] = true
		case p.Kind != List || len(p.Kids) == 0:
			if p.Kind != Code {
				lead = p.Text
			}
			continue
		case f.isContents([]Prose{p}):
		case p.Ordered:
			if f.orderedSteps(s, p, lead) {
				ordered[i] = true
			}
		case slices.ContainsFunc(p.Kids, func(item Prose) bool { return item.Task != NoTask }):
			boxes[i] = true
		case f.bulletSteps(s, p, lead):
			bullets[i] = true
		}
		lead = ""
	}
	for _, found := range []map[int]bool{ordered, boxes, bullets} {
		if len(found) > 0 {
			return found
		}
	}
	return nil
}

var factLead = regexp.MustCompile(`(?i)\b(reasons?|causes?|caused by|because|mean|means|meaning|such as|includes?|consists?|contains?|following (problems|issues|types|fields|values|components|services|errors|conditions|information|metrics|labels|metadata|attributes|permissions)|` +
	`fires? (when|if)|triggered (when|if|by)|assumes?|assuming|supports?|are (used|available|supported|defined)|responsible for|is (used|responsible)|has (the )?following|have (the )?following)\b`)

// orderedSteps tells an ordered list of steps from one of facts: no item tells to act, and the words before it, or the
// lack of any role, say that it explains.
func (f *finder) orderedSteps(s Section, list Prose, lead string) bool {
	if !f.english {
		return true
	}
	acting := 0
	for _, item := range list.Kids {
		if itemActs(item) {
			acting++
		}
	}
	facts := factLead.MatchString(lead)
	aimless := s.Role == RoleNone && !directs(s.Title)
	switch {
	case acting == 0 && (facts || aimless):
		return false
	case aimless || facts:
		return acting*4 >= len(list.Kids)
	}
	return true
}

// bulletSteps tells bullets of steps: at least half of them begin with a verb.
func (f *finder) bulletSteps(s Section, list Prose, lead string) bool {
	acting := 0
	for _, item := range list.Kids {
		if itemActs(item) {
			acting++
		}
	}
	if s.Role == RoleNone && factLead.MatchString(lead) {
		return acting == len(list.Kids)
	}
	return acting*2 >= len(list.Kids)
}

// itemActs tells whether an item tells somebody to do something: in its words, or by a command.
func itemActs(item Prose) bool {
	if len(item.Kids) > 0 && onlyLinks(&item.Kids[0]) && len(item.Kids) == 1 {
		return imperativeStrict(item.Kids[0].Text)
	}
	text := firstText(item.Kids)
	if ordering(text) {
		return true
	}
	for _, k := range item.Kids {
		if k.Kind == Code && len(k.Commands) > 0 {
			return true
		}
	}
	// A command alone, not a name in passing.
	return len(item.Kids) > 0 && len(item.Kids[0].Spans) > 0 && item.Kids[0].Spans[0].Style == CodeSpan && looksLikeCommand(item.Kids[0].Spans[0].Text)
}

// isContents tells a table of contents: a list whose items are links into the same file, or the titles of its headings.
func (f *finder) isContents(prose []Prose) bool {
	links, others := 0, 0
	walkProse(prose, func(p *Prose) {
		switch {
		case p.Kind == Code || p.Kind == Table:
			others++
		case p.Kind != Para:
		case len(p.Spans) == 1 && p.Spans[0].Style == LinkSpan && strings.HasPrefix(p.Spans[0].Href, "#"):
			links++
		case f.isTitle(p.Text):
			links++
		default:
			others++
		}
	})
	return links > 1 && others*3 <= links
}

func (f *finder) isTitle(text string) bool {
	slug := slugOf(strings.TrimRight(oneLine(text), ".,;: "))
	_, ok := f.titles[slug]
	for n := 1; n <= 9 && !ok; n++ {
		_, ok = f.titles[strconv.Itoa(n)+"-"+slug]
	}
	return ok && slug != "section"
}

func hasCommands(prose []Prose) bool {
	found := false
	walkProse(prose, func(p *Prose) { found = found || len(p.Commands) > 0 })
	return found
}

func firstText(prose []Prose) string {
	for _, p := range prose {
		if p.Text != "" {
			return p.Text
		}
		if t := firstText(p.Kids); t != "" {
			return t
		}
	}
	return ""
}

// itemTitle is the first sentence of an item, or the section and a number where it has none.
func itemTitle(item Prose, section string, n int) string {
	if t := firstSentence(oneLine(firstText(item.Kids))); t != "" {
		return t
	}
	return strings.TrimSpace(section + " " + strconv.Itoa(n))
}

func firstSentence(t string) string {
	if len(t) > 12 {
		if i := strings.Index(t[12:], ". "); i >= 0 {
			t = t[:12+i]
		}
	}
	t = strings.TrimRight(t, ":. ")
	if r := []rune(t); len(r) > 90 {
		t = strings.TrimSpace(string(r[:89])) + "…"
	}
	return t
}

package runbook

import (
	"cmp"
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
	f.known = f.english || known(text.String())
	shows := f.english && f.isInterface(title)
	guide := f.english && isGuide(title) || shows
	for i := range sections {
		if guide {
			f.steps = append(f.steps, f.byGuide(i, shows)...)
			continue
		}
		f.section(i)
	}
	for i := range sections {
		if len(f.steps) == 0 && sections[i].aside() && !guide && !isRules(sections[i].Title) {
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
		st.Conditional = st.Conditional || conditional(st.Title) || conditional(firstText(st.Prose))
	}
	return steps
}

type finder struct {
	sections []Section
	slugs    slugger
	top      int            // the section of the file's title
	titles   map[string]int // slugs of headings
	english  bool
	known    bool // its headings and orders can be told, as in English
	steps    []Step
}

func (f *finder) section(i int) {
	s := f.sections[i]
	if s.aside() {
		if s.Role == RoleContext && f.hidesSteps(s) {
			f.steps = append(f.steps, f.items(s, i)...)
		}
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

// hidesSteps tells a section that explains by its heading and lists what to run: each item of an ordered list tells to act,
// and most come with their command.
func (f *finder) hidesSteps(s Section) bool {
	items, armed := 0, 0
	for i := range s.Prose {
		p := &s.Prose[i]
		if p.Kind != List || !p.Ordered {
			continue
		}
		for _, item := range p.Kids {
			if !itemActs(item) {
				return false
			}
			items++
			if hasCommands(item.Kids) {
				armed++
			}
		}
	}
	return armed > 0 && armed*3 >= items*2
}

// isStep tells whether a section without a list of steps is one to read and acknowledge.
func (f *finder) isStep(i int) bool {
	s := f.sections[i]
	if f.isContents(s.Prose) {
		return false
	}
	if len(s.Prose) == 0 {
		return f.headingAlone(i)
	}
	switch {
	case f.isIntroduction(i):
		return false
	case hasCommands(s.Prose) && !justShows(s), !f.known:
		return true
	case !stepHead.MatchString(s.Title) && (f.introduces(i) || silent(s.Prose) && roleOf(s.Title) == RoleNone && !imperativeStrict(s.Title)):
		return false
	case directs(s.Title):
		return strings.Contains(s.Title, " ") || s.Role != RoleNone || acts(s.Prose) // "Send" alone may name a part of a system
	}
	return isAlertName(s.Title) || purpose(s.Title) || acts(s.Prose) || roleOf(s.Title) != RoleNone && lists(s.Prose)
}

// justShows tells a section whose commands stand there for what they print: nothing in it tells to do anything.
func justShows(s Section) bool {
	return s.Role == RoleNone && !directs(s.Title) && demonstrates(s.Prose) && !acts(s.Prose)
}

// isIntroduction tells the words under the title of a file that goes on.
func (f *finder) isIntroduction(i int) bool {
	s := f.sections[i]
	return (s.Level <= 1 || i == f.top && !isAlertName(s.Title)) && i <= max(f.top, 0) && len(f.sections) > 1 && !hasCommands(s.Prose) && s.Role == RoleNone
}

// lists tells prose with a list or a table.
func lists(prose []Prose) bool {
	return slices.ContainsFunc(prose, func(p Prose) bool { return p.Kind == List || p.Kind == Table })
}

// purpose tells a heading that begins with the word for what its section is for: "Mitigation", "Verify", "Escalation path". Where the
// word stands elsewhere ("Partial collection") the text has to tell to act.
func purpose(title string) bool {
	word, _, _ := strings.Cut(plainStart(title), " ")
	return roleOf(word) != RoleNone
}

// headingAlone tells a heading that says everything: it tells what to do, and nothing stands under it.
func (f *finder) headingAlone(i int) bool {
	s := f.sections[i]
	leaf := i+1 == len(f.sections) || f.sections[i+1].Parent != i
	return leaf && s.Level > 1 && f.known && (stepHead.MatchString(s.Title) || imperativeStrict(s.Title))
}

// introduces tells a section that says what those below it are about, and nothing to do: they are the steps.
func (f *finder) introduces(i int) bool {
	s := f.sections[i]
	for k := i + 1; k < len(f.sections) && f.sections[k].Level > s.Level; k++ {
		below := f.sections[k]
		if !below.aside() && below.Level < boldLevel && (f.stepLists(below) != nil || hasCommands(below.Prose)) {
			return !slices.ContainsFunc(s.Prose, func(p Prose) bool { return p.Kind != Quote && acts([]Prose{p}) })
		}
	}
	return i == 0 && s.Level == 1 && len(f.sections) > 1 && !acts(s.Prose)
}

// silent tells prose that says nothing to do by itself: pictures, diagrams, output and remarks.
func silent(prose []Prose) bool {
	for i := range prose {
		switch p := &prose[i]; p.Kind {
		case Code:
			if len(p.Commands) > 0 {
				return false
			}
		case Quote:
		case Para:
			if !isPicture(p) {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// isPicture tells a paragraph that is nothing but a picture or a link.
func isPicture(p *Prose) bool { return len(p.Spans) > 0 && onlyLinks(p) }

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
			inCase := conditional(firstText(item.Kids))
			orders, lead := parted(p, item)
			for k, one := range orders {
				n := len(steps) + 1
				if k > 0 {
					lead = nil
				}
				steps = append(steps, Step{
					Slug: f.slugs.take(s.Slug + "-" + strconv.Itoa(n)), Title: itemTitle(one, s.Title, n), Role: s.Role, Conditional: inCase,
					Line: cmp.Or(one.Line, p.Line, s.Line), Section: index, Prose: slices.Concat(lead, one.Kids),
				})
			}
		}
	}
	if len(steps) > 0 {
		steps[0].Prose = slices.Concat(intro, steps[0].Prose)
	}
	return steps
}

// parted cuts a bullet that sets off numbered orders into these: "If the tokens differ: 1. Stop it, 2. Rotate them". What stands
// before them belongs to the first, what stands behind them to the last.
func parted(list, item Prose) (orders, lead []Prose) {
	if list.Kind != List || list.Ordered || !slices.ContainsFunc(item.Kids, numberedOrders) {
		return []Prose{item}, nil
	}
	for _, k := range item.Kids {
		switch {
		case numberedOrders(k):
			orders = append(orders, k.Kids...)
		case len(orders) == 0:
			lead = append(lead, k)
		default:
			last := &orders[len(orders)-1]
			last.Kids = append(slices.Clone(last.Kids), k)
		}
	}
	return orders, lead
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

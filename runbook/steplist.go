package runbook

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

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

var factLead = regexp.MustCompile(`(?i)\b(reasons?|causes?|caused by|because|mean|means|meaning|such as|includes?|consists?|contains?|(they|it|documents?|files?|playbooks?|guides?|page|repository) (also )?(outlines?|covers?|describes?|explains?)|following (problems|issues|types|fields|values|components|services|errors|conditions|information|metrics|labels|metadata|attributes|permissions)|` +
	`fires? (when|if)|triggered (when|if|by)|assumes?|assuming|supports?|are (used|available|supported|defined)|responsible for|is (used|responsible|expected)|has (the )?following|have (the )?following)\b`)

var (
	// readLead stands before a list of what can be read elsewhere.
	readLead = regexp.MustCompile(`(?i)\b(refer to|see( also)?|more (information|details)|learn more|following (links|pages|documents|topics|articles))\b`)
	// wayLead stands before a way to do something that is told without orders: "can be had by: 1. Logging in".
	wayLead = regexp.MustCompile(`(?i)\b(by( doing)?( the following)?|as follows|(these|following) steps)\s*:\s*$`)
	// ruleLead says how something has to be: "variables should:". Who is told to act is you or we.
	ruleLead = regexp.MustCompile(`(?i)^(.*[.!?]\s+)?[^.!?]*\b(names?|variables?|outputs?|resources?|files?|values?|fields?|labels?|it|they|which|that)\W{0,4}\s(should|must)\s*:?\s*$`)
)

// orderedSteps tells an ordered list of steps from one of facts: no item tells to act, and the words before it, or the
// lack of any role, say that it explains.
func (f *finder) orderedSteps(s Section, list Prose, lead string) bool {
	if !f.english {
		return true
	}
	if wayLead.MatchString(lead) && toldAsWay(list) {
		return true
	}
	acting := 0
	for _, item := range list.Kids {
		if itemActs(item) || holdsOrders(item) {
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

// toldAsWay tells a list of what is done, one after the other: "Logging in to the portal".
func toldAsWay(list Prose) bool {
	doing := 0
	for _, item := range list.Kids {
		word, _, more := strings.Cut(plainStart(firstText(item.Kids)), " ")
		if more && strings.HasSuffix(word, "ing") || itemActs(item) {
			doing++
		}
	}
	return doing*2 > len(list.Kids)
}

// bulletSteps tells bullets of steps: at least half of them begin with a verb.
func (f *finder) bulletSteps(s Section, list Prose, lead string) bool {
	acting := 0
	for _, item := range list.Kids {
		if itemActs(item) {
			acting++
		}
	}
	switch {
	case s.Role == RoleNone && factLead.MatchString(lead):
		return acting == len(list.Kids)
	case (readLead.MatchString(lead) || s.Role == RoleNone && !directs(s.Title)) && !slices.ContainsFunc(list.Kids, func(item Prose) bool { return len(item.Kids) != 1 || !onlyLinks(&item.Kids[0]) }):
		return false // what to read, not what to do
	case ruleLead.MatchString(lead):
		return false
	}
	return acting*2 >= len(list.Kids)
}

// itemActs tells whether an item tells somebody to do something: in its words, or by a command.
func itemActs(item Prose) bool {
	if len(item.Kids) > 0 && onlyLinks(&item.Kids[0]) && len(item.Kids) == 1 {
		return imperativeStrict(item.Kids[0].Text)
	}
	text := firstText(item.Kids)
	if m := nameOf(item); m != "" {
		text = strings.TrimSpace(strings.TrimPrefix(text, m))
		if imperativeStrict(m) || orderBehind(strings.TrimLeft(text, " :.–—-")) {
			return true
		}
	} else if ordering(text) && !namesOption(item) {
		return true
	}
	for _, k := range item.Kids {
		if k.Kind == Code && len(k.Commands) > 0 || numberedOrders(k) {
			return true
		}
	}
	// A command alone, not a name in passing.
	return len(item.Kids) > 0 && len(item.Kids[0].Spans) > 0 && item.Kids[0].Spans[0].Style == CodeSpan && looksLikeCommand(item.Kids[0].Spans[0].Text)
}

// nameOf is the bold text that an item begins with where a dash or a colon sets it off: the name of what is explained, which
// is an order only if it can be nothing else.
func nameOf(item Prose) string {
	if len(item.Kids) == 0 || len(item.Kids[0].Spans) < 2 || item.Kids[0].Spans[0].Style != Strong {
		return ""
	}
	label, next := item.Kids[0].Spans[0].Text, strings.TrimSpace(item.Kids[0].Spans[1].Text)
	if strings.HasPrefix(next, "—") || strings.HasPrefix(next, "–") || strings.HasPrefix(next, "- ") || strings.HasPrefix(next, ":") || strings.HasSuffix(label, ":") {
		return label
	}
	return ""
}

// namesOption tells an item that begins with a paragraph of one word in code: the name of an option, not an order.
func namesOption(item Prose) bool {
	if len(item.Kids) == 0 {
		return false
	}
	p := &item.Kids[0]
	return p.Kind == Para && len(p.Spans) == 1 && p.Spans[0].Style == CodeSpan && !strings.Contains(strings.TrimSpace(p.Text), " ")
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

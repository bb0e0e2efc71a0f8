package runbook

import (
	"slices"
	"strconv"
	"strings"
)

// plainSteps finds the steps of a file that was not written for this tool. Per section, the first rule
// that fits: ordered items; task boxes, or bullets of which at least half begin with a verb; the section
// itself. Context and reference are never steps. A file without any is one step.
func plainSteps(sections []Section, title string) []Step {
	var steps []Step
	slugs := slugger{}
	for _, s := range sections {
		slugs[s.Slug] = 1
	}
	for i, s := range sections {
		if s.Role == RoleContext || s.Role == RoleReference || len(s.Prose) == 0 {
			continue
		}
		if found := itemSteps(s, i, slugs); len(found) > 0 {
			steps = append(steps, found...)
			continue
		}
		if s.Level <= 1 && len(sections) > 1 && !hasCode(s.Prose) && s.Role == RoleNone {
			continue // an introduction
		}
		if isContents(s.Prose) {
			continue
		}
		steps = append(steps, Step{Slug: s.Slug, Title: s.Title, Role: s.Role, Line: s.Line, Section: i, Prose: s.Prose})
	}
	if len(steps) == 0 {
		steps = wholeBody(sections, title)
	}
	for i := range steps {
		st := &steps[i]
		if st.Title == "" {
			st.Title = title
		}
		st.Stage = sectionStage(sections, st.Section)
		st.Conditional = conditional(firstText(st.Prose))
	}
	return steps
}

// wholeBody makes one step of everything, read and acknowledge.
func wholeBody(sections []Section, title string) []Step {
	var all []Prose
	line := 1
	for i, s := range sections {
		if i == 0 {
			line = max(s.Line, 1)
		}
		if s.Title != "" && s.Level > 1 {
			all = append(all, Prose{Kind: Heading, Level: s.Level, Line: s.Line, Text: s.Title, Spans: []Span{{Text: s.Title}}})
		}
		all = append(all, s.Prose...)
	}
	if len(all) == 0 {
		return nil
	}
	return []Step{{Slug: sections[0].Slug, Title: title, Line: line, Prose: all}}
}

// itemSteps makes a step of each item of the section's steps list. What stands between the items belongs
// to the item before it, what stands before the first one to the first.
func itemSteps(s Section, index int, slugs slugger) []Step {
	isStep := stepLists(s.Prose)
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
		for _, item := range p.Kids {
			n := len(steps) + 1
			steps = append(steps, Step{
				Slug: slugs.take(s.Slug + "-" + strconv.Itoa(n)), Title: itemTitle(item, s.Title, n), Role: s.Role,
				Line: item.Line, Section: index, Prose: item.Kids,
			})
		}
	}
	if len(steps) > 0 {
		steps[0].Prose = slices.Concat(intro, steps[0].Prose)
	}
	return steps
}

// stepLists tells which top-level lists of a section hold its steps, nil when none does.
func stepLists(prose []Prose) map[int]bool {
	ordered, boxes, bullets := map[int]bool{}, map[int]bool{}, map[int]bool{}
	for i, p := range prose {
		switch {
		case p.Kind != List || len(p.Kids) == 0:
		case p.Ordered:
			ordered[i] = true
		default:
			verbs := 0
			for _, item := range p.Kids {
				boxes[i] = boxes[i] || item.Task != NoTask
				if imperative(firstText(item.Kids)) {
					verbs++
				}
			}
			if !boxes[i] {
				delete(boxes, i)
			}
			if verbs*2 >= len(p.Kids) {
				bullets[i] = true
			}
		}
	}
	contents := isContents(prose)
	switch {
	case len(ordered) > 0 && !contents:
		return ordered
	case len(boxes) > 0:
		return boxes
	case len(bullets) > 0 && !contents:
		return bullets
	}
	return nil
}

// isContents tells a table of contents: a list whose items are nothing but links into the same file.
func isContents(prose []Prose) bool {
	links, others := 0, 0
	walkProse(prose, func(p *Prose) {
		if p.Kind != Para {
			return
		}
		if len(p.Spans) == 1 && p.Spans[0].Style == LinkSpan && strings.HasPrefix(p.Spans[0].Href, "#") {
			links++
		} else {
			others++
		}
	})
	return links > 1 && others == 0
}

func hasCode(prose []Prose) bool {
	found := false
	walkProse(prose, func(p *Prose) { found = found || p.Kind == Code })
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
	t := oneLine(firstText(item.Kids))
	if len(t) > 12 {
		if i := strings.Index(t[12:], ". "); i >= 0 {
			t = t[:12+i]
		}
	}
	t = strings.TrimRight(t, ":.")
	if r := []rune(t); len(r) > 90 {
		t = strings.TrimSpace(string(r[:89])) + "…"
	}
	if t == "" {
		return strings.TrimSpace(section + " " + strconv.Itoa(n))
	}
	return t
}

func conditional(text string) bool {
	t := strings.ToLower(strings.TrimSpace(text))
	for _, w := range []string{"if ", "when ", "in case ", "in the case ", "in the event ", "only if ", "optional", "(optional"} {
		if strings.HasPrefix(t, w) {
			return true
		}
	}
	return false
}

const verbWords = " access acknowledge act activate add adjust alert allow analyze analyse announce apply approve ask assess assign attach attempt avoid " +
	"back backup block boot build bump call cancel capture change check choose clean clear click clone close collect communicate compare complete " +
	"configure confirm connect consider consult contact continue convert coordinate copy create cut decide declare decrease define delete deploy " +
	"describe destroy detach determine disable discard discuss do document double-check download drain drop edit enable engage ensure enter escalate establish " +
	"estimate evaluate examine execute exit expand export extend extract fail failover fetch file fill filter find fix flip flush follow force " +
	"gather generate get give go grab grant grep halt have help identify ignore implement import increase inform initiate inspect install " +
	"invalidate investigate isolate issue join keep kill label launch leave let limit list load locate lock log login look lower make manage mark " +
	"measure merge migrate mitigate modify monitor mount move navigate never note notify observe obtain open order page pass paste patch pause perform pick ping " +
	"place plan post prepare press prevent print proceed promote provide provision publish pull purge push put query raise re-run read reapply rebalance reboot rebuild " +
	"reconfigure record recover recreate redeploy reduce refer refresh register reload remediate remember remove rename renew repair repeat replace report " +
	"request rerun reset resize resolve restart restore resume retrieve retry return revert review revoke rm roll rollback rotate run save scale " +
	"schedule search see select send set setup shed ship shut shutdown sign silence skip snapshot ssh start stop store submit sudo suspend switch " +
	"sync take talk taint tell temporarily terminate test throttle toggle track transfer trigger try tune turn type unblock uncordon understand undo uninstall unlock unmount unpause " +
	"unset update upgrade upload use validate verify view visit wait watch work write "

// imperative tells whether a text begins with a verb, after what may stand before it.
func imperative(text string) bool {
	t := strings.ToLower(strings.TrimSpace(text))
	for _, lead := range []string{"please ", "first, ", "first ", "then, ", "then ", "next, ", "next ", "finally, ", "finally ", "now ", "manually ", "also "} {
		t = strings.TrimPrefix(t, lead)
	}
	if conditional(t) {
		return true
	}
	word, _, _ := strings.Cut(t, " ")
	word = strings.Trim(word, ".,:;*`'\"")
	return word != "" && strings.Contains(verbWords, " "+word+" ")
}

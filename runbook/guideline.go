package runbook

import (
	"regexp"
	"strings"
)

// guideTitle is the title of a file that says how things are or should be, and is no way to walk: a guideline, a policy, a
// report, a contract. What such a file orders it orders for ever, and not now. The word has to be what the title ends on, but for
// whom or what it is for: "Runbook security guidelines for authors", not "Policy rotation runbook".
var guideTitle = regexp.MustCompile(`(?i)\b(guidelines?|polic(y|ies)|principles|conventions?|standards?|persona|threat model|life ?cycle|specification|design( doc(ument)?)?|proposal|rfc|adr|release notes|` +
	`change ?log|glossary|faq|roadmap|(status|audit|readiness|maturity|annual|quarterly|health) report|code of conduct|knowledge graph|style guide|best practices|charter|manifesto|lesson( \d+)?|architecture|` +
	`contract|contract alignment|api reference)( prompt| template)?( v?[0-9.]+)?$`)

// forWhom is what may stand behind the word.
var forWhom = regexp.MustCompile(`(?i)\s+(for|of|in|at|on|and) .*$|\s*[:(].*$`)

// isGuide tells a file that is read and not walked, by its title.
func isGuide(title string) bool {
	title = strings.TrimSpace(title)
	return !stepHead.MatchString(title) && !imperativeStrict(title) && (guideTitle.MatchString(title) || guideTitle.MatchString(strings.TrimSpace(forWhom.ReplaceAllString(title, ""))))
}

// byGuide tells what is a step in a guide too: numbered orders and boxes under a heading, and a section that says by its heading
// what to do and shows the commands.
func (f *finder) byGuide(i int) []Step {
	s := f.sections[i]
	if s.aside() {
		return nil
	}
	strict := s
	strict.Prose = nil
	for _, p := range s.Prose {
		if p.Kind == List && !numberedOrders(p) && !isBoxes(p) {
			p.Kind = Quote // to be read
		}
		strict.Prose = append(strict.Prose, p)
	}
	if found := f.items(strict, i); len(found) > 0 {
		return found
	}
	if (stepHead.MatchString(s.Title) || directs(s.Title)) && hasCommands(s.Prose) {
		return []Step{{Slug: s.Slug, Title: s.Title, Role: s.Role, Line: s.Line, Section: i, Prose: s.Prose}}
	}
	return nil
}

// numberedOrders tells an ordered list of which most items tell to act.
func numberedOrders(p Prose) bool {
	acting := 0
	for _, item := range p.Kids {
		if itemActs(item) {
			acting++
		}
	}
	return p.Kind == List && p.Ordered && len(p.Kids) > 1 && acting*4 >= len(p.Kids)*3
}

func isBoxes(p Prose) bool {
	for _, item := range p.Kids {
		if item.Task == NoTask {
			return false
		}
	}
	return len(p.Kids) > 0
}

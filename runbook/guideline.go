package runbook

import (
	"regexp"
	"slices"
	"strings"
)

// guideTitle is the title of a file that says how things are or should be, and is no way to walk: a guideline, a policy, a
// report, a contract. What such a file orders it orders for ever, and not now. The word has to be what the title ends on, but for
// whom or what it is for: "Runbook security guidelines for authors", not "Policy rotation runbook".
var guideTitle = regexp.MustCompile(`(?i)\b(guidelines?|polic(y|ies)|principles|conventions?|standards?|persona|threat model|life ?cycle|specification|design( doc(ument)?)?|proposal|rfc|adr|release notes|` +
	`change ?log|glossary|faq|roadmap|strategy|(status|audit|readiness|maturity|annual|quarterly|health) report|code of conduct|knowledge graph|style guide|best practices|charter|manifesto|lesson( \d+)?|architecture|` +
	`contract|contract alignment|api reference)( prompt| template)?( v?[0-9.]+)?$`)

// forWhom is what may stand behind the word.
var forWhom = regexp.MustCompile(`(?i)\s+(for|of|in|at|on|and) .*$|\s*(:\s|\().*$`)

// isGuide tells a file that is read and not walked, by its title.
func isGuide(title string) bool {
	title = strings.TrimSpace(title)
	return !stepHead.MatchString(title) && !imperativeStrict(title) && (guideTitle.MatchString(title) || guideTitle.MatchString(strings.TrimSpace(forWhom.ReplaceAllString(title, ""))))
}

// byGuide tells what is a step in a guide too: numbered orders and boxes under a heading, and a section that says by its heading
// what to do and shows the commands.
func (f *finder) byGuide(i int, shows bool) []Step {
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
	if (stepHead.MatchString(s.Title) || directs(s.Title) && !shows) && hasCommands(s.Prose) {
		return []Step{{Slug: s.Slug, Title: s.Title, Role: s.Role, Line: s.Line, Section: i, Prose: s.Prose}}
	}
	return nil
}

var (
	interfaceTitle = regexp.MustCompile(`(?i)\b(apis?|rest|endpoints?|sdk|webhooks?|graphql|grpc|openapi)\b`)
	walkedTitle    = regexp.MustCompile(`(?i)\b(runbook|playbook|incident|outage|troubleshoot\w*|down|fail\w*|errors?|high|slow|rotat\w+|recover\w*|deploy\w*|rollback|alert|latency)\b`)
	callCommand    = regexp.MustCompile(`^\s*(curl|http|https|wget|grpcurl|xh|httpie)\s`)
)

// isInterface tells a file about what an interface takes and gives, whose commands are examples of calls: "Orders API", not
// "Orders API is down".
func (f *finder) isInterface(title string) bool {
	if !interfaceTitle.MatchString(title) || walkedTitle.MatchString(title) || imperativeStrict(title) {
		return false
	}
	calls, others := 0, 0
	for i := range f.sections {
		walkProse(f.sections[i].Prose, func(p *Prose) {
			for _, c := range p.Commands {
				if callCommand.MatchString(c.Text) {
					calls++
				} else {
					others++
				}
			}
		})
	}
	return calls >= 2 && calls >= 2*others
}

// demonstrates tells prose that shows what a command prints rather than asks for it: most of its commands stand with several
// lines of their output.
func demonstrates(prose []Prose) bool {
	shown, bare := 0, 0
	walkProse(prose, func(p *Prose) {
		if p.Kind != Code || len(p.Commands) == 0 {
			return
		}
		lines, typed, prompts := 0, 0, 0
		for l := range strings.SplitSeq(p.Text, "\n") {
			l = strings.TrimSpace(l)
			if l != "" && !strings.HasPrefix(l, "#") {
				lines++
			}
			if strings.HasPrefix(l, "$ ") {
				prompts++
			}
		}
		for _, c := range p.Commands {
			typed += strings.Count(c.Text, "\n") + 1
		}
		if prompts > 0 && lines >= typed+2 {
			shown++
		} else {
			bare++
		}
	})
	return shown > bare
}

// numberedOrders tells an ordered list of which most items tell to act.
func numberedOrders(p Prose) bool {
	acting := 0
	for _, item := range p.Kids {
		if itemActs(item) || holdsOrders(item) {
			acting++
		}
	}
	return p.Kind == List && p.Ordered && len(p.Kids) > 1 && acting*4 >= len(p.Kids)*3
}

// holdsOrders tells an item that names what its bullets tell to do: "1. First phase", and under it "Run this".
func holdsOrders(item Prose) bool {
	return slices.ContainsFunc(item.Kids, func(k Prose) bool {
		acting := 0
		for _, below := range k.Kids {
			if itemActs(below) {
				acting++
			}
		}
		return k.Kind == List && acting*2 > len(k.Kids)
	})
}

func isBoxes(p Prose) bool {
	for _, item := range p.Kids {
		if item.Task == NoTask {
			return false
		}
	}
	return len(p.Kids) > 0
}

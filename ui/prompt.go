package ui

import (
	"sort"
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"signalbox/internal/desk"
	"signalbox/runbook"
)

// prompt is the line at the bottom: a command after ":", a search after "/". While it is open it has
// the keys, and no letter reaches anything else.
type prompt struct {
	mark   string
	text   editor
	recall string
}

// verb is one word of the command line.
type verb struct {
	name, help string
	need       string // what must follow, empty: nothing
	run        func(m *model, rest string) tea.Cmd
}

func verbs() []verb {
	return []verb{
		{"note", "write a note into the record", "TEXT", func(m *model, s string) tea.Cmd { return m.do("writing the note", desk.AddNote{Text: s}, nil) }},
		{"change", "note what was changed elsewhere just now, such as deploy v12", "TEXT", func(m *model, s string) tea.Cmd {
			return m.do("noting the change", desk.AddNote{Text: s, Kind: "change"}, nil)
		}},
		{"actor", "hand over: who operates from now on", "NAME", func(m *model, s string) tea.Cmd { return m.do("handing over to "+s, desk.SetActor{Name: s}, nil) }},
		{"incident", "open an incident", "TITLE", func(m *model, s string) tea.Cmd {
			return m.do("opening the incident", desk.OpenIncident{Title: s}, nil)
		}},
		{"close", "close the open incident", "REASON", func(m *model, s string) tea.Cmd {
			return m.do("closing the incident", desk.CloseIncident{Reason: s}, nil)
		}},
		{"export", "write the timeline: md or json", "md|json", func(m *model, s string) tea.Cmd { return m.export(s) }},
		{"run", "start a runbook by its id", "BOOK", (*model).runVerb},
		{"jump", "go to a step of the run: its number, its slug or a part of that", "STEP", (*model).jumpVerb},
		{"extend", "move the deadline of the selected lever, or the only one", "15m", (*model).extendVerb},
		{"readback", "read the gateways again now", "", func(m *model, _ string) tea.Cmd { return m.readBackKey() }},
		{"resume", "take up what an earlier console left open", "", func(m *model, _ string) tea.Cmd { return m.resumeKey() }},
		{"help", "the keys", "", func(m *model, _ string) tea.Cmd { return m.helpKey() }},
		{"quit", "leave; asks while a lever is out", "", func(m *model, _ string) tea.Cmd { return m.leave() }},
	}
}

func (m *model) runVerb(id string) tea.Cmd {
	for _, o := range m.snap.Offers {
		if o.ID == id {
			return m.startRun(o)
		}
	}
	m.say(sayRefused, "there is no runbook "+id+"; tab completes, o in the runbook pane lists them")
	return nil
}

// jumpVerb goes to a step by its number, its slug, or what of the slug no other has.
func (m *model) jumpVerb(name string) tea.Cmd {
	r, _ := m.running()
	if r == nil {
		m.say(sayRefused, m.whyNoRun())
		return nil
	}
	hits := stepsNamed(r, name)
	switch len(hits) {
	case 0:
		m.say(sayRefused, "there is no step "+name+"; tab completes, w in the runbook pane lists them")
		return nil
	case 1:
		s := &r.Steps[hits[0]].Step
		return m.do("going to step "+itoa(hits[0]+1)+" "+s.Title, desk.StepJump{Slug: s.Slug}, nil)
	}
	m.say(sayRefused, name+" may mean "+plural(len(hits), "step", "steps")+": "+strings.Join(slugsOf(r, hits), " "))
	return nil
}

// stepsNamed finds the steps that a word means: by the number in a title, by place or by whole slug one, else those whose slug begins with it, else
// those that have it anywhere in slug or title.
func stepsNamed(r *desk.RunView, word string) []int {
	for i := range r.Steps {
		if own := runbook.OwnNumber(r.Steps[i].Step.Title); own != "" && strings.EqualFold(own, word) {
			return []int{i}
		}
	}
	if n, err := strconv.Atoi(word); err == nil && n >= 1 && n <= len(r.Steps) {
		return []int{n - 1}
	}
	word = strings.ToLower(word)
	var begin, within []int
	for i := range r.Steps {
		slug := clean(r.Steps[i].Step.Slug)
		switch {
		case slug == word && word != "":
			return []int{i}
		case strings.HasPrefix(slug, word):
			begin = append(begin, i)
		case strings.Contains(slug, word) || strings.Contains(strings.ToLower(clean(r.Steps[i].Step.Title)), word):
			within = append(within, i)
		}
	}
	if len(begin) > 0 {
		return begin
	}
	return within
}

func slugsOf(r *desk.RunView, steps []int) []string {
	out := make([]string, len(steps))
	for k, i := range steps {
		out[k] = clean(r.Steps[i].Step.Slug)
	}
	return out
}

// extendVerb asks before it sends, like the key.
func (m *model) extendVerb(text string) tea.Cmd {
	ttl, wrong := parseTTL(text)
	if wrong != "" {
		m.say(sayRefused, wrong)
		return nil
	}
	l := m.lever(m.levers.pin.id)
	if l == nil || !l.Out {
		l = nil
		for i := range m.snap.Levers {
			if x := &m.snap.Levers[i]; x.Out && l == nil {
				l = x
			} else if x.Out {
				m.say(sayRefused, "several levers are out: select one in pane 5 first")
				return nil
			}
		}
	}
	if l == nil {
		m.say(sayRefused, "no lever is out")
		return nil
	}
	return m.askExtend(l, ttl)
}

func (m *model) commandKey() tea.Cmd {
	m.prompt = &prompt{mark: ":"}
	return nil
}

// searchKey opens the search with the text of the current one, so that it can be changed.
func (m *model) searchKey() tea.Cmd {
	m.prompt = &prompt{mark: "/", text: newEditor(m.log.text), recall: m.log.recall}
	return nil
}

func (m *model) promptKey(msg tea.KeyPressMsg) tea.Cmd {
	name := msg.String()
	if name == "ctrl+c" {
		m.prompt = nil
		return m.interrupt()
	}
	if b := m.env.keys.find(modePrompt, name); b != nil {
		return m.perform(b)
	}
	if name == "backspace" && m.prompt.text.String() == "" {
		m.prompt = nil
		return nil
	}
	m.prompt.text.key(msg)
	return nil
}

func (m *model) promptLeave() tea.Cmd {
	m.prompt = nil
	return nil
}

func (m *model) promptRecall() tea.Cmd {
	if m.prompt.recall != "" {
		m.prompt.text = newEditor(m.prompt.recall)
	}
	return nil
}

func (m *model) promptEnter() tea.Cmd {
	p := m.prompt
	m.prompt = nil
	text := strings.TrimSpace(p.text.String())
	if p.mark == "/" {
		return m.search(text)
	}
	if text == "" {
		return nil
	}
	name, rest, _ := strings.Cut(text, " ")
	rest = strings.TrimSpace(rest)
	v, wrong := findVerb(name)
	switch {
	case wrong != "":
		m.say(sayRefused, wrong)
		return nil
	case rest == "" && v.need != "":
		m.say(sayRefused, ":"+v.name+" needs "+v.need)
		return nil
	}
	return v.run(m, rest)
}

// findVerb finds a verb by its name or an unambiguous beginning.
func findVerb(name string) (verb, string) {
	var hits []verb
	for _, v := range verbs() {
		if v.name == name {
			return v, ""
		}
		if strings.HasPrefix(v.name, name) {
			hits = append(hits, v)
		}
	}
	switch len(hits) {
	case 1:
		return hits[0], ""
	case 0:
		return verb{}, "no command " + name + "; there are " + strings.Join(verbNames(""), ", ")
	}
	return verb{}, name + " may mean several commands; tab completes"
}

func verbNames(prefix string) []string {
	var out []string
	for _, v := range verbs() {
		if strings.HasPrefix(v.name, prefix) {
			out = append(out, v.name)
		}
	}
	return out
}

// candidates lists what the word under the cursor may become.
func (m *model) candidates() []string {
	p := m.prompt
	if p.mark != ":" {
		return nil
	}
	name, rest, more := strings.Cut(p.text.String(), " ")
	if !more {
		return verbNames(name)
	}
	var all []string
	if v, wrong := findVerb(name); wrong == "" {
		name = v.name
	}
	switch name {
	case "export":
		all = []string{"md", "json"}
	case "run":
		for _, o := range m.snap.Offers {
			all = append(all, clean(o.ID))
		}
	case "jump":
		if r, _ := m.running(); r != nil {
			return slugsOf(r, stepsNamed(r, strings.TrimSpace(rest)))
		}
	}
	var out []string
	for _, a := range all {
		if strings.HasPrefix(a, rest) {
			out = append(out, a)
		}
	}
	return out
}

// promptComplete completes as far as all candidates agree.
func (m *model) promptComplete() tea.Cmd {
	all := m.candidates()
	if len(all) == 0 {
		return nil
	}
	sort.Strings(all)
	first, last := all[0], all[len(all)-1]
	n := 0
	for n < len(first) && n < len(last) && first[n] == last[n] {
		n++
	}
	word := first[:n]
	if _, typed, ok := strings.Cut(m.prompt.text.String(), " "); ok && !strings.HasPrefix(word, strings.TrimSpace(typed)) && len(all) > 1 {
		return nil // several that have it somewhere: the line shows them
	}
	if len(all) == 1 {
		word += " "
	}
	name, _, more := strings.Cut(m.prompt.text.String(), " ")
	if more {
		word = name + " " + strings.TrimSuffix(word, " ")
	}
	m.prompt.text = newEditor(word)
	return nil
}

// promptRow draws the prompt in place of the hints.
func (m *model) promptRow() string {
	p := m.prompt
	r := newRow(m.th, m.lay.w)
	r.put(accent, " "+p.mark)
	p.text.draw(r, m.lay.w/2, true)
	hint := "enter searches, ! in front inverts, esc leaves"
	if p.mark == ":" {
		hint = strings.Join(m.candidates(), " ")
		if v, wrong := findVerb(strings.SplitN(p.text.String(), " ", 2)[0]); wrong == "" && p.text.String() != "" {
			hint = v.name + " " + v.need + ": " + v.help
			if all := m.candidates(); len(all) > 0 && strings.Contains(p.text.String(), " ") {
				hint = strings.Join(all, " ")
			}
		}
	}
	return r.put(plainStyle, "  ").put(dim, hint).line()
}

// paste goes to an input, and nowhere else. A phrase that confirms a lever is typed, not pasted.
func (m *model) paste(text string) {
	text = strings.TrimSpace(strings.ReplaceAll(text, "\n", " "))
	switch d := m.top().(type) {
	case *form:
		if !d.deaf {
			d.fields[d.cur].text.insert(text)
		}
	case *planDialog:
		m.say(sayHint, "a confirmation is typed, not pasted")
	case nil:
		if m.prompt != nil {
			m.prompt.text.insert(text)
		}
	}
	m.touch()
}

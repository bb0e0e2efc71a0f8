package ui

import (
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"signalbox/internal/desk"
	"signalbox/runbook"
)

// reader shows a whole runbook to read: what stands beside the steps too. Links to other runbooks and headings open
// inside, with a way back. Reading moves no walk and throws no lever.
type reader struct {
	sheet
	way   runbook.Reading
	was   []int             // scroll positions of the places before
	vars  map[string]string // of the run whose book it is, for the names in its text
	own   string            // file of that book
	links []textLink        // as last drawn
	at    int               // chosen link, -1: none
	to    string            // heading to scroll to with the next drawing
}

func (d *reader) mode() mode                            { return modeReader }
func (d *reader) input(*model, tea.KeyPressMsg) tea.Cmd { return nil }

// bookOf finds a loaded runbook by the name that links use, or by its id.
func bookOf(s *desk.Snapshot, name string) *runbook.Book {
	for _, b := range s.Library {
		if b.Name == name || b.ID == name {
			return b
		}
	}
	return nil
}

func (d *reader) draw(f frame) (string, []string) {
	place, _ := d.way.At()
	b := bookOf(f.snap, place.File)
	if b == nil {
		return "runbook", []string{f.say(warn, "this runbook is not loaded any more; backspace goes back")}
	}
	walk := runbook.Walk{}
	if b.Name == d.own {
		walk.Vars = d.vars
	}
	d.links = nil
	p := &prose{f: f, links: &d.links, at: d.at}
	heads := bookLines(p, b, walk)
	if d.to != "" {
		d.first, d.to = heads[d.to], ""
	}
	title := "read: " + walk.Fill(b.Title)
	if len(d.was) > 0 {
		title += ", " + plural(len(d.was), "place", "places") + " back"
	}
	return title, d.scroll(f, p.out, f.h)
}

// bookLines draws the sections of a book, and tells in which line each heading stands.
func bookLines(p *prose, b *runbook.Book, walk runbook.Walk) map[string]int {
	heads := map[string]int{}
	for i := range b.Sections {
		s := &b.Sections[i]
		if i > 0 {
			p.blank()
		}
		heads[s.Slug] = len(p.out)
		if s.Title != "" {
			mark := strings.Repeat("#", max(1, min(s.Level, 4))) + " "
			p.text(accent, mark+walk.Fill(s.Title), 0)
		}
		if s.Title != "" && len(s.Prose) > 0 {
			p.blank()
		}
		blocks := blocksOf(b, i)
		for k := range s.Prose {
			n := &s.Prose[k]
			if k > 0 {
				p.blank()
			}
			if b.Armed && n.Kind == runbook.Code && len(blocks) > 0 && n.Lang == string(blocks[0].Kind) {
				p.still(b, &blocks[0], walk)
				blocks = blocks[1:]
				continue
			}
			p.tree(walk.FillProse([]runbook.Prose{*n}), 2)
		}
	}
	return heads
}

// blocksOf gives the armed blocks that stand in a section.
func blocksOf(b *runbook.Book, section int) []runbook.Block {
	for i := range b.Steps {
		if b.Steps[i].Section == section {
			return b.Steps[i].Blocks
		}
	}
	return nil
}

// still draws a block as it is written: what it asks and does, without a number.
func (p *prose) still(book *runbook.Book, b *runbook.Block, walk runbook.Walk) {
	put := func(label, text string) {
		for i, part := range wrap(walk.Fill(text), p.f.w-labelColumns-1) {
			r := p.f.row().to(2)
			if i == 0 {
				r.put(strong, label)
			}
			p.out = append(p.out, r.to(labelColumns).put(plainStyle, part).line())
		}
	}
	switch {
	case b.Check != nil:
		put("CHECK", b.Check.Name+": "+b.Check.That.Source)
	case b.Ask != nil:
		put("ASK", b.Ask.Question+choices(b.Ask.Choices))
	case b.Probe != nil:
		put("PROBE", strings.TrimSpace(b.Probe.Name+" "+b.Probe.Model+" "+b.Probe.Endpoint)+": "+b.Probe.Why)
	case b.Wait != nil:
		put("WAIT", "until "+b.Wait.Until.Source+", at most "+short(b.Wait.AtMost))
	case b.Action != nil:
		put("ACTION", strings.TrimSpace(b.Action.Do+" "+b.Action.Set.String())+": "+b.Action.Why)
		if b.Action.Cost != "" {
			put("  costs", b.Action.Cost)
		}
		if v := b.Action.Verify.Source; v != "" {
			put("  proof", v)
		}
	case b.Evidence != nil:
		put("RECORD", strings.Join(b.Evidence.Capture, ", "))
	case b.Escalate != nil:
		put("TELL", strings.Join(b.Escalate.To, ", ")+": "+b.Escalate.Say)
	case len(b.Branch) > 0:
		for _, a := range b.Branch {
			if a.Else {
				put("BRANCH", "else "+targetWords(book, a.Goto))
				continue
			}
			put("BRANCH", "when "+a.When.Source+": "+targetWords(book, a.Goto))
		}
	default:
		put(strings.ToUpper(string(b.Kind)), "")
	}
}

// targetWords says where a branch leads.
func targetWords(b *runbook.Book, t runbook.Target) string {
	switch t {
	case runbook.ToNext:
		return "on to the next step"
	case runbook.ToAsk:
		return "yours to decide"
	}
	if s, i := b.Step(string(t)); i >= 0 {
		return "goes to " + runbook.StepLabel(i+1, s.Title)
	}
	return string(t)
}

// readKey opens the runbook at the current step, or the selected one at its top.
func (m *model) readKey() tea.Cmd {
	if r, s := m.running(); r != nil {
		return m.read(r.Book, s.Step.Slug)
	}
	if o := m.offer(); o != nil {
		id, slug, _ := strings.Cut(o.ID, "/")
		return m.read(id, slug)
	}
	m.say(sayHint, "no runbook is loaded")
	return nil
}

// read opens a runbook at a heading.
func (m *model) read(id, slug string) tea.Cmd {
	b := bookOf(m.snap, id)
	if whole, _, ok := strings.Cut(id, "/"); b == nil && ok { // a part of a file about many alerts
		b = bookOf(m.snap, whole)
	}
	if b == nil {
		m.say(sayHint, "the text of "+id+" is not loaded any more")
		return nil
	}
	d := &reader{at: -1, to: slug, own: b.Name}
	d.way = d.way.Open(runbook.Place{File: b.Name, Slug: slug})
	if r, _ := m.running(); r != nil && r.Book == b.ID {
		d.vars = map[string]string{}
		for _, x := range r.Fields {
			d.vars[x.Name] = x.Value
		}
	}
	return m.open(d, byKey)
}

func (m *model) reading() *reader {
	d, _ := m.top().(*reader)
	return d
}

// readLink chooses the next or previous link, the first below the top of the screen to begin with, and brings it into view.
func (m *model) readLink(by int) tea.Cmd {
	d := m.reading()
	if d == nil || len(d.links) == 0 {
		m.say(sayHint, "there is no link here")
		return nil
	}
	if d.at < 0 {
		d.at = max(0, slices.IndexFunc(d.links, func(l textLink) bool { return l.row >= d.first }))
	} else {
		d.at = (d.at + by + len(d.links)) % len(d.links)
	}
	l := d.links[d.at]
	if l.row < d.first || l.row >= d.first+d.rows {
		d.first = max(0, l.row-d.rows/2)
	}
	m.say(sayHint, "link "+itoa(d.at+1)+" of "+itoa(len(d.links))+": "+l.href)
	return nil
}

// readOpen follows the chosen link: a runbook or a heading opens inside, what leads elsewhere is copied.
func (m *model) readOpen() tea.Cmd {
	d := m.reading()
	if d == nil {
		return nil
	}
	if d.at < 0 || d.at >= len(d.links) {
		m.say(sayHint, "tab chooses a link, c lists the headings")
		return nil
	}
	place, _ := d.way.At()
	to, inside := runbook.Follow(place.File, d.links[d.at].href)
	if !inside || bookOf(m.snap, to.File) == nil {
		return m.copyText("the link, which does not lead to a runbook that is loaded", clean(d.links[d.at].href))
	}
	d.goTo(to)
	return nil
}

// goTo opens a place and remembers where the one before was scrolled to.
func (d *reader) goTo(to runbook.Place) {
	if at, _ := d.way.At(); at == to {
		d.to = to.Slug
		return
	}
	d.way, d.was = d.way.Open(to), append(d.was, d.first)
	d.first, d.at, d.to = 0, -1, to.Slug
}

// readBack goes to the place before; from the first one it closes.
func (m *model) readBack() tea.Cmd {
	d := m.reading()
	if d == nil {
		return nil
	}
	way, ok := d.way.Back()
	if !ok || len(d.was) == 0 {
		return m.closeTop()
	}
	d.way, d.first, d.at, d.to = way, d.was[len(d.was)-1], -1, ""
	d.was = d.was[:len(d.was)-1]
	return nil
}

// readContents lists the headings to go to.
func (m *model) readContents() tea.Cmd {
	d := m.reading()
	if d == nil {
		return nil
	}
	place, _ := d.way.At()
	b := bookOf(m.snap, place.File)
	if b == nil {
		return nil
	}
	c := &choice{title: "headings of " + b.Title}
	walk := runbook.Walk{Vars: d.vars}
	for i := range b.Sections {
		s := &b.Sections[i]
		if s.Title == "" {
			continue
		}
		label := spaces(2*max(0, s.Level-1)) + walk.Fill(s.Title)
		c.options = append(c.options, option{label: label, take: func(*model) tea.Cmd {
			d.goTo(runbook.Place{File: place.File, Slug: s.Slug})
			return nil
		}})
	}
	return m.open(c, byKey)
}

// readCopy copies the chosen link, else the commands of what is on the screen.
func (m *model) readCopy() tea.Cmd {
	d := m.reading()
	if d == nil {
		return nil
	}
	if d.at >= 0 && d.at < len(d.links) {
		return m.copyText("the link", clean(d.links[d.at].href))
	}
	m.say(sayHint, "tab chooses a link to copy; y in the runbook pane copies the commands of a step")
	return nil
}

// readerKeys are those of the reader.
func readerKeys() []binding {
	md := modeReader
	list := scrollKeys(md)
	list[0].keys = append(list[0].keys, "k")
	list[1].keys = append(list[1].keys, "j")
	list[2].keys = append(list[2].keys, "ctrl+u")
	list[3].keys = append(list[3].keys, "space", "ctrl+d")
	return append(list,
		binding{mode: md, keys: []string{"home", "g"}, help: "the beginning", act: func(m *model) tea.Cmd { m.scrollTop(-1 << 20); return nil }},
		binding{mode: md, keys: []string{"end", "G"}, help: "the end", act: func(m *model) tea.Cmd { m.scrollTop(1 << 20); return nil }},
		binding{mode: md, keys: []string{"tab"}, help: "choose the next link", act: func(m *model) tea.Cmd { return m.readLink(+1) }},
		binding{mode: md, keys: []string{"shift+tab"}, help: "choose the previous link", act: func(m *model) tea.Cmd { return m.readLink(-1) }},
		binding{mode: md, keys: []string{"enter", "right", "l"}, help: "open the chosen link; one that leads outside is copied", act: (*model).readOpen},
		binding{mode: md, keys: []string{"backspace", "left", "h"}, help: "back to the place before", act: (*model).readBack},
		binding{mode: md, keys: []string{"c"}, help: "the headings, to go to one", act: (*model).readContents},
		binding{mode: md, keys: []string{"y"}, help: "copy the chosen link", act: (*model).readCopy},
		binding{mode: md, keys: []string{"esc", "q"}, help: "close", act: (*model).closeTop},
	)
}

package ui

import (
	"strconv"
	"strings"

	tea "charm.land/bubbletea/v2"

	"signalbox/internal/desk"
)

// timelinePane is what happened, oldest first. It follows the end until the operator looks back.
type timelinePane struct {
	pin    pin
	follow bool
}

func (p *timelinePane) draw(f frame) (string, []string) {
	all := f.snap.Timeline
	if len(all) == 0 {
		return "", []string{f.say(dim, "  nothing has happened yet; m writes a note")}
	}
	id := func(i int) string { return strconv.FormatInt(all[i].Seq, 10) }
	title := plural(len(all), "entry", "entries")
	if p.follow {
		p.pin.id, p.pin.at = id(len(all)-1), len(all)-1
	} else {
		title += ", held; G follows"
	}
	lines := f.list(&p.pin, len(all), id, func(i int, sel bool) []string {
		e := &all[i]
		r := f.selected(sel && !p.follow)
		st, mark := groupStyle(e.Group), groupMark(f.th, e.Group)
		if e.Kind == "change" {
			st, mark = warn, f.th.change
		}
		r.put(dim, hms(e.At)+" ").fixed(st, mark, 1).put(plainStyle, " ")
		if f.w >= 50 {
			word := groupWord(e.Group)
			if e.Kind == "change" {
				word = e.Kind
			}
			r.field(st, word, 7)
		}
		text := clean(e.Text)
		if e.Actor != "" {
			text += " (" + clean(e.Actor) + ")"
		}
		parts := []string{text}
		if f.h >= 16 {
			parts = wrap(text, r.room())
		}
		indent := r.used
		out := []string{r.put(plainStyle, parts[0]).line()}
		if len(parts) > 1 {
			out = append(out, f.row().to(indent).put(plainStyle, strings.Join(parts[1:], " ")).line())
		}
		return out
	})
	return title, lines
}

// groupWord is the group in at most six columns.
func groupWord(group string) string {
	switch group {
	case "detection":
		return "detect"
	case "verification":
		return "verify"
	case "decision":
		return "decide"
	case "handover":
		return "handed"
	case "communication":
		return "told"
	case "observation":
		return "seen"
	}
	return group
}

func groupMark(th *theme, group string) string {
	switch group {
	case "detection":
		return "!"
	case "action":
		return "*"
	case "verification":
		return th.ok
	case "decision":
		return ">"
	case "note":
		return "\""
	}
	return th.dot
}

func groupStyle(group string) style {
	switch group {
	case "detection":
		return bad
	case "action":
		return warn
	case "verification":
		return good
	case "decision", "note":
		return accent
	}
	return dim
}

func (p *timelinePane) move(s *desk.Snapshot, d move) {
	if d == moveEnd {
		p.follow = true
		return
	}
	if d == moveDown && p.follow {
		return
	}
	p.follow = false
	all := s.Timeline
	p.pin.move(d, len(all), func(i int) string { return strconv.FormatInt(all[i].Seq, 10) })
}

func (p *timelinePane) entry(s *desk.Snapshot) *desk.TimelineLine {
	i := p.pin.find(len(s.Timeline), func(i int) string { return strconv.FormatInt(s.Timeline[i].Seq, 10) })
	if i < 0 {
		return nil
	}
	return &s.Timeline[i]
}

func (m *model) eventEnter() tea.Cmd {
	e := m.events.entry(m.snap)
	if e == nil {
		return nil
	}
	return m.open(newPage("timeline entry "+strconv.FormatInt(e.Seq, 10), []line{
		{plainStyle, "at     ", stamp(e.At)},
		{plainStyle, "kind   ", e.Kind + " (" + e.Group + ")"},
		{plainStyle, "by     ", e.Actor},
		{plainStyle, "about  ", e.Refers},
		{strong, "what   ", e.Text},
	}), byKey)
}

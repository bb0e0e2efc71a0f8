package ui

import (
	"strings"
	"time"

	"signalbox/internal/desk"
)

// drawLever is the lever, its change, the instances that hold it, the three facts, and the outcome apart from them. Of one that
// is told in brief the change is left out, and what is wrong takes one line.
func drawLever(f frame, l *desk.LeverView, sel, brief bool) []string {
	under := func() *row {
		r := f.row()
		if sel && f.focused {
			r.base = chosen
		}
		return r.put(plainStyle, "    ")
	}
	lines := []string{leverLine(f, l, sel)}
	if brief {
		return append(lines, briefLines(f, l, under)...)
	}
	lines = append(lines, under().put(plainStyle, strings.ReplaceAll(l.Change, "->", f.th.arrow)).put(dim, " "+f.th.dot+" "+l.Gateway+" by "+l.By+" "+hms(l.At)).line())
	if !l.Out {
		return append(lines, endLines(l, under)...)
	}
	if words := l.HeldWords(); words != "" {
		lines = append(lines, tail(heldMark(under(), l), under, heldStyle(l), words)...)
	}
	facts := under()
	fact(facts, "accepted", l.Accepted, l.AcceptedN)
	fact(facts, "reported", l.Reported, "")
	obeyed := under()
	fact(obeyed, "obeyed", l.Obeyed, "")
	lines = append(lines, facts.line())
	lines = append(lines, tail(obeyed, under, dim, l.ObeyedWhy)...)
	if l.Outcome != "" {
		outcome := under().put(dim, "outcome ").put(outcomeStyle(l.Outcome), strings.ToUpper(l.Outcome)).put(plainStyle, " ")
		lines = append(lines, tail(outcome, under, plainStyle, l.OutcomeBy)...)
	}
	if l.Drift != "" {
		lines = append(lines, under().put(bad, "DRIFT ").put(plainStyle, l.Drift).line())
	}
	if l.Err != "" {
		lines = append(lines, under().put(bad, "! ").put(plainStyle, l.Err).line())
	}
	if !l.SelfEnds {
		r := under().put(danger, "NOT self-reverting")
		if len(l.Undo) > 0 {
			r.put(dim, " by hand: "+l.Undo[0])
		}
		lines = append(lines, r.line())
	}
	return lines
}

// lateEnd is how long past its deadline a lever may be read as out: its end shows with the next read.
const lateEnd = 5 * time.Second

// overdue tells a lever whose deadline passed that long ago.
func overdue(l *desk.LeverView, now time.Time) bool {
	return !l.ExpiresAt.IsZero() && now.Sub(l.ExpiresAt) > lateEnd
}

// leverLine is what the lever is, and where it stands.
func leverLine(f frame, l *desk.LeverView, sel bool) string {
	one := f.selected(sel)
	state, ends := " "+stateWord(l), ""
	if l.Out && !l.ExpiresAt.IsZero() {
		left := countdown(l.ExpiresAt.Sub(f.now))
		state, ends = state+" "+left, state+", ends in "+left
		if overdue(l, f.now) { // nobody has seen it end
			state, ends = state+" OVERDUE", state+", its deadline passed at "+hms(l.ExpiresAt)
		}
	}
	if ends != "" && one.room() > width(clean(l.Title))+width(clean(ends))+6 {
		state = ends
	}
	mark, s := "OUT ", strong
	if !l.Out {
		mark, s = "    ", dim
	}
	one.put(warn, mark).spread(s, l.Title, leverStyle(l, f.now), state)
	return one.line()
}

// stateWord is where the lever stands: that a gateway shows something else goes before that it took the lever once.
func stateWord(l *desk.LeverView) string {
	if l.Out && l.Drift != "" && l.State == desk.LeverActive {
		return "DRIFT"
	}
	return l.State
}

// endLines tell of a lever that has ended what is not as it should be, and what came of it.
func endLines(l *desk.LeverView, under func() *row) []string {
	var lines []string
	switch {
	case l.Err != "":
		lines = append(lines, under().put(bad, "! ").put(plainStyle, l.Err).line())
	case l.Drift != "":
		lines = append(lines, under().put(bad, "NOT AS BEFORE ").put(plainStyle, l.Drift).line())
	}
	if l.Outcome != "" {
		lines = append(lines, under().put(outcomeStyle(l.Outcome), l.Outcome).put(dim, " "+l.OutcomeBy).line())
	}
	return lines
}

// briefLines tell of a lever beside others for which there is no room otherwise: who holds it, the facts by their glyphs, and what
// is wrong.
func briefLines(f frame, l *desk.LeverView, under func() *row) []string {
	if !l.Out {
		lines := endLines(l, under)
		return lines[:min(len(lines), 1)]
	}
	var lines []string
	if words := l.HeldWords(); words != "" {
		lines = append(lines, heldMark(under(), l).put(heldStyle(l), words).line())
	}
	facts := under()
	for _, x := range []struct{ name, v string }{{"accepted ", l.Accepted}, {"reported ", l.Reported}, {"obeyed ", l.Obeyed}} {
		glyph, s := factGlyph(f.th, x.v)
		facts.put(dim, x.name).put(s, glyph+" ")
	}
	if l.Outcome != "" {
		facts.put(outcomeStyle(l.Outcome), strings.ToUpper(l.Outcome))
	}
	lines = append(lines, facts.line())
	switch {
	case l.Drift != "":
		lines = append(lines, under().put(bad, "DRIFT ").put(plainStyle, l.Drift).line())
	case l.Err != "":
		lines = append(lines, under().put(bad, "! ").put(plainStyle, l.Err).line())
	}
	if !l.SelfEnds {
		lines = append(lines, under().put(danger, "NOT self-reverting").line())
	}
	return lines
}

func heldStyle(l *desk.LeverView) style {
	if n, of, _ := l.HeldBy(); n < of {
		return warn
	}
	return plainStyle
}

func heldMark(r *row, l *desk.LeverView) *row {
	if n, of, _ := l.HeldBy(); n < of {
		return r.put(bad, r.th.no+" ")
	}
	return r.put(good, r.th.ok+" ")
}

// tail ends a row with a text; what does not fit goes on in one line below.
func tail(r *row, under func() *row, s style, text string) []string {
	text = clean(text)
	if width(text) <= r.room() || r.room() < 12 {
		return []string{r.put(s, text).line()}
	}
	parts := wrap(text, r.room())
	return []string{r.put(s, parts[0]).line(), under().put(plainStyle, "  ").put(s, strings.Join(parts[1:], " ")).line()}
}

// fact draws one of the three facts: a word and a glyph, and only then a colour.
func fact(r *row, name, v, n string) {
	glyph, s := factGlyph(r.th, v)
	r.put(dim, name+" ").put(s, glyph+" "+factWords(v))
	if n != "" {
		r.put(plainStyle, " "+n)
	}
	r.put(plainStyle, "  ")
}

func factGlyph(th *theme, v string) (string, style) {
	switch v {
	case desk.Yes:
		return th.ok, good
	case desk.No:
		return th.no, bad
	case desk.CannotTell:
		return th.what, warn
	}
	return "..", dim
}

func factWords(v string) string {
	switch v {
	case desk.Yes:
		return "yes"
	case desk.No:
		return "NO"
	case desk.CannotTell:
		return "cannot tell"
	}
	return "pending"
}

func leverStyle(l *desk.LeverView, now time.Time) style {
	switch {
	case !l.Out:
		return dim
	case overdue(l, now):
		return bad
	case l.State == desk.LeverActive && l.Drift == "":
		return good
	case l.Drift != "" || l.State == desk.LeverFailed || l.State == desk.LeverPartial:
		return bad
	}
	return warn
}

func outcomeStyle(o string) style {
	switch o {
	case "helped":
		return good
	case "worse":
		return bad
	}
	return warn
}

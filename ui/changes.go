package ui

import (
	"time"

	"signalbox/internal/desk"
	"signalbox/internal/traffic"
)

// marks tells which steps of a chart something was changed in that can have touched the scope.
func marks(s *desk.Snapshot, scope traffic.Scope, points int) []bool {
	g := &s.Grid
	if len(s.Changes) == 0 || g.Step <= 0 || g.From.IsZero() || points <= 0 {
		return nil
	}
	var out []bool
	for i := range s.Changes {
		c := &s.Changes[i]
		at := c.At.Sub(g.From)
		if at < 0 || at >= time.Duration(points)*g.Step || !c.Scope.Overlaps(scope) {
			continue
		}
		if out == nil {
			out = make([]bool, points)
		}
		out[at/g.Step] = true
	}
	return out
}

// touching gives the newest of the changes that can have touched a scope, and how many more there are.
func touching(all []desk.ChangeView, scope traffic.Scope) (newest *desk.ChangeView, more int) {
	for i := range all {
		if !all[i].Scope.Overlaps(scope) {
			continue
		}
		if newest == nil {
			newest = &all[i]
		} else {
			more++
		}
	}
	return newest, more
}

// changeWords says what was changed. A text that begins with its kind does not say it twice.
func changeWords(c *desk.ChangeView) string {
	text := clean(c.Text)
	if c.Kind == traffic.ChangeOther || len(text) >= len(c.Kind) && text[:len(c.Kind)] == c.Kind {
		return text
	}
	return clean(c.Kind) + " " + text
}

// changeSentence is the same with who and where.
func changeSentence(c *desk.ChangeView) string {
	s := changeWords(c)
	if c.Who != "" {
		s += ", by " + clean(c.Who)
	}
	if len(c.Scope) > 0 {
		s += " (" + clean(c.Scope.String()) + ")"
	}
	return s
}

// changeRow names the newest change on one line, with the mark that charts carry at its time.
func changeRow(r *row, c *desk.ChangeView, more int) string {
	r.fixed(warn, r.th.change, 1).put(dim, " "+hms(c.At)+" ")
	tail := ""
	if more > 0 {
		tail = " +" + itoa(more)
	}
	r.field(plainStyle, changeWords(c), max(1, min(width(changeWords(c)), r.room()-width(tail))))
	return r.put(dim, tail).line()
}

// changeTitle names the newest change behind the title of a pane that has no line to spare.
func changeTitle(f frame) string {
	c, more := touching(f.snap.Changes, nil)
	if c == nil {
		return ""
	}
	s := "  " + f.th.change + " " + hms(c.At) + " " + changeWords(c)
	if more > 0 {
		s += " +" + itoa(more)
	}
	return s
}

// changeLines list what was changed before a burst.
func changeLines(b *desk.BurstView) []line {
	out := make([]line, 0, len(b.Changes))
	for i := range b.Changes {
		c := &b.Changes[i]
		out = append(out, line{warn, "changed  ", hms(c.At) + "Z, " + short(b.Onset.Sub(c.At)) + " before: " + changeSentence(c)})
	}
	return out
}

// recentLines list what was changed lately.
func recentLines(s *desk.Snapshot) []line {
	out := make([]line, 0, len(s.Changes))
	for i := range s.Changes {
		c := &s.Changes[i]
		out = append(out, line{plainStyle, "changed ", hms(c.At) + "Z " + changeSentence(c)})
	}
	return out
}

package ui

import (
	"slices"
	"sort"
	"time"

	tea "charm.land/bubbletea/v2"

	"signalbox/internal/desk"
)

// burstPane lists the bursts, live ones first.
type burstPane struct {
	pin  pin
	seen map[string]bool // live ones that have rung
	once bool            // the first snapshot does not ring
}

// meet tells whether a live burst is there that was not seen before. Notes do not ring.
func (p *burstPane) meet(all []desk.BurstView) bool {
	fresh := false
	for i := range all {
		if b := &all[i]; b.Live() && b.Page && !p.seen[b.ID] {
			p.seen[b.ID] = true
			fresh = true
		}
	}
	if len(p.seen) > 4096 {
		p.seen = map[string]bool{}
		p.meet(all)
	}
	ring := fresh && p.once
	p.once = true
	return ring
}

func (p *burstPane) draw(f frame) (string, []string) {
	all := f.snap.Bursts
	live, notes := 0, 0
	for i := range all {
		switch {
		case !all[i].Live():
		case all[i].Page:
			live++
		default:
			notes++
		}
	}
	title := itoa(live) + " live"
	if notes > 0 {
		title += ", " + plural(notes, "note", "notes")
	}
	if n := len(all) - live - notes; n > 0 {
		title += ", " + itoa(n) + " settled"
	}
	if len(all) == 0 {
		return "", noBurst(f)
	}
	lines := f.list(&p.pin, len(all), func(i int) string { return all[i].ID }, func(i int, sel bool) []string {
		return drawBurst(f, &all[i], sel)
	})
	return title, lines
}

// noBurst says that there is none, and how much that is worth: what was wrong before the reading began may look normal.
func noBurst(f frame) []string {
	l := f.snap.Learning
	looked := f.say(dim, "  looked until "+hms(f.snap.Watermark)+"Z")
	switch {
	case !l.Done() && l.Since.IsZero():
		return []string{f.say(warn, "  ? "+learningWords(l)), f.say(dim, "  no burst can be told yet")}
	case !l.Done():
		return []string{
			f.say(warn, "  ? no burst yet, "+learningWords(l)), looked,
			f.say(dim, "  reading began "+hms(l.Since)+"Z: what was wrong"), f.say(dim, "  before may look normal"),
		}
	}
	lines := []string{f.say(good, "  "+f.th.ok+" no burst"), looked}
	if recent(l) {
		lines = append(lines, f.say(dim, "  "+normalWords(l, f.snap.At)))
	}
	return lines
}

// learningWords says how far what is normal is known.
func learningWords(l desk.Learning) string {
	if l.Since.IsZero() {
		return "nothing to learn from yet"
	}
	return "learning: " + itoa(int(l.Seen/time.Second)) + " of " + itoa(int(l.Needs/time.Second)) + " s"
}

// recent tells whether reading has just begun, and what is normal is what an earlier console knew.
func recent(l desk.Learning) bool { return !l.Known.IsZero() && l.Read < l.Needs }

// normalWords says how old what is normal was when reading began with it.
func normalWords(l desk.Learning, now time.Time) string {
	return "normal of " + short(max(0, now.Sub(l.Known))) + " ago"
}

// began is when a burst began, as far as that was read.
func began(b *desk.BurstView) string {
	if b.Earlier {
		return "before " + stamp(b.Onset) + ", when reading began"
	}
	return stamp(b.Onset)
}

// earlierMark stands before the onset of a burst that may have begun earlier.
func earlierMark(b *desk.BurstView) string {
	if b.Earlier {
		return "<"
	}
	return ""
}

// drawBurst is two lines, and where there is room what moves beside it, what it is made of, what was changed before it
// and what the class means. A note is dim.
func drawBurst(f frame, b *desk.BurstView, sel bool) []string {
	one := f.selected(sel)
	name, size := strong, plainStyle
	switch {
	case !b.Live():
		one.put(dim, f.th.ok+" ")
	case b.Page:
		one.put(bad, "! ")
	default:
		name, size = dim, dim
		one.put(dim, "i ")
	}
	state := b.State
	if b.Provisional {
		state += "?"
	}
	one.spread(name, b.Name+" "+burstWords(b), stateStyle(b), percent(b.Rate)+" "+state)
	two := f.under(sel)
	two.put(plainStyle, "    ").put(size, earlierMark(b)+hms(b.Onset)+" ").put(dim, short(endOf(b, f).Sub(b.Onset))+" ")
	two.put(size, sizeWords(b))
	if b.Episodes > 1 {
		two.maybe(warn, ", x"+itoa(b.Episodes))
	}
	if b.Runbook != "" && b.Live() {
		two.maybe(accent, " "+f.th.dot+" r "+b.Runbook)
	}
	two.maybe(dim, ", peak "+percent(b.Peak))
	out := []string{one.line(), two.line()}
	if !b.Live() || !b.Page {
		return out
	}
	if f.h >= 5 {
		for i := range f.snap.Moving {
			if m := &f.snap.Moving[i]; m.Live() && m.Burst == b.ID {
				out = append(out, f.under(sel).put(plainStyle, "    ").put(warn, movingWords(m)+": ").put(plainStyle, m.Text).line())
			}
		}
	}
	if f.h >= 10 {
		out = append(out, f.under(sel).put(plainStyle, "    ").put(dim, shareWords(b)).line())
	}
	if c, more := touching(b.Changes, nil); c != nil && f.h >= 6 {
		out = append(out, changeRow(f.under(sel).put(plainStyle, "    "), c, more))
	}
	if f.h < 7 || b.Meaning == "" {
		return out
	}
	room := 2
	if len(f.snap.Bursts) == 1 {
		room = max(room, f.h-1-len(out)) // below the title
	}
	for _, part := range atMost(room, wrap(b.Meaning, f.w-5)) {
		out = append(out, f.under(sel).put(plainStyle, "    ").put(dim, part).line())
	}
	return out
}

// atMost gives the first n lines; what else there is follows in the last one, for the row to cut where it can be seen.
func atMost(n int, lines []string) []string {
	if len(lines) <= n {
		return lines
	}
	return append(slices.Clone(lines[:n-1]), lines[n-1]+" "+lines[n])
}

// under gives a row below the first of a thing that may be chosen.
func (f frame) under(sel bool) *row {
	r := f.row()
	if sel && f.focused {
		r.base = chosen
	}
	return r
}

func endOf(b *desk.BurstView, f frame) time.Time {
	if b.Live() {
		return f.now
	}
	return b.Ended
}

func stateStyle(b *desk.BurstView) style {
	switch {
	case !b.Live() || !b.Page:
		return dim
	case b.State == "falling":
		return warn
	}
	return bad
}

// burstKey goes to the next or previous burst and makes it what everything follows.
func (m *model) burstKey(by int) tea.Cmd {
	if len(m.snap.Bursts) == 0 {
		m.say(sayHint, "no burst: nothing stands out from its own recent past")
		return nil
	}
	d := moveDown
	if by < 0 {
		d = moveUp
	}
	m.bursts.pin.move(d, len(m.snap.Bursts), m.burstID)
	return m.aboutBurst()
}

func (m *model) burstID(i int) string { return m.snap.Bursts[i].ID }

func (m *model) aboutBurst() tea.Cmd {
	if b := m.burst(m.bursts.pin.id); b != nil {
		return m.about(burstSubject(*b))
	}
	return nil
}

// burstEnter shows everything about the selected burst.
func (m *model) burstEnter() tea.Cmd {
	b := m.burst(m.bursts.pin.id)
	if b == nil {
		return m.burstKey(+1)
	}
	id := b.ID
	return m.open(newLivePage("burst", func() []line { return m.burstLines(id) }), byKey)
}

// burstLines say everything about a burst as it stands now.
func (m *model) burstLines(id string) []line {
	b := m.burst(id)
	if b == nil {
		return nil
	}
	t := []line{
		{strong, "where    ", b.Name + " (" + b.Scope.String() + ")"},
		{stateStyle(b), "state    ", b.State + ", " + noteWords(b) + " on the " + b.Side + " side"},
		{plainStyle, "since    ", began(b) + ", seen " + short(b.Detected.Sub(b.Onset)) + " later"},
		{plainStyle, "size     ", sizeWords(b) + "; now " + percent(b.Rate) + ", peak " + percent(b.Peak) + ", " + percent(b.Share) + " of what is beyond the ordinary"},
		{plainStyle, "classes  ", mix(b.Classes)},
		{plainStyle, "codes    ", codeMix(b.Codes)},
		{strong, "means    ", b.Meaning},
		{plainStyle, "why here ", b.Reason},
	}
	if b.Now.P50 > 0 {
		t = append(t, line{strong, "took     ", "median " + latency(b.Before.P50) + " -> " + latency(b.Now.P50) + ", a tenth more than " + latency(b.Before.P90) + " -> " + latency(b.Now.P90)})
	}
	t = append(t, answerLines(b)...)
	t = append(t, spreadLine(b))
	t = append(t, movingLines(m.snap.Moving, b)...)
	t = append(t, changeLines(b)...)
	if !b.Live() {
		t = append(t, line{plainStyle, "ended    ", stamp(b.Ended)})
	}
	if b.Episodes > 1 {
		t = append(t, line{plainStyle, "episodes ", itoa(b.Episodes) + ": it settled and came back"})
	}
	if b.Provisional {
		t = append(t, line{warn, "mind     ", "provisional: there is not enough traffic yet to be sure of its scope"})
	}
	if b.Incident != "" {
		t = append(t, line{plainStyle, "incident ", b.Incident})
	}
	if b.Runbook != "" {
		t = append(t, line{accent, "runbook  ", b.Runbook + " (r starts it)"})
	}
	return append(t, line{dim, "id       ", b.ID})
}

// spreadLine says whether one request fails again and again, or many.
func spreadLine(b *desk.BurstView) line {
	if b.OneShape {
		return line{warn, "requests ", "ONE SHAPE OF REQUEST, look at the request first: " + b.Spread}
	}
	return line{plainStyle, "requests ", b.Spread}
}

// mix prints counts, the most first.
func mix(counts map[string]int64) string {
	names := make([]string, 0, len(counts))
	for n := range counts {
		names = append(names, n)
	}
	sort.Slice(names, func(i, j int) bool {
		a, b := names[i], names[j]
		if counts[a] != counts[b] {
			return counts[a] > counts[b]
		}
		return a < b
	})
	s := ""
	for i, n := range names {
		if i > 0 {
			s += ", "
		}
		s += classWords(n) + " " + count(counts[n])
	}
	return s
}

func codeMix(codes map[int]int64) string {
	named := make(map[string]int64, len(codes))
	for c, n := range codes {
		name := itoa(c)
		if c == 0 {
			name = "no status"
		}
		named[name] = n
	}
	return mix(named)
}

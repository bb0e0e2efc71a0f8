package ui

import (
	"slices"
	"strings"
	"time"

	"signalbox/internal/desk"
	"signalbox/runbook"
)

// bookPane shows the current step of the run, or the runbooks that can be started.
type bookPane struct {
	offers pin
	chosen bool   // the operator moved among the offers; before that the best one is selected
	step   string // run and slug that first and block belong to
	first  int    // first line of prose drawn
	lines  int    // of prose, as last drawn
	rows   int
	block  int       // chosen block, -1: the obvious one
	began  time.Time // when a run was asked for last
}

var stageNames = [7]string{"", "confirm scope", "provider and telemetry", "reduce load", "harden retries", "validate outputs", "document"}

func (p *bookPane) draw(f frame) (string, []string) {
	r := f.snap.Run
	if r == nil || r.Finished || len(r.Steps) == 0 {
		return p.drawOffers(f, r)
	}
	cur := max(0, min(r.Current, len(r.Steps)-1))
	s := &r.Steps[cur]
	if key := r.ID + " " + s.Step.Slug; key != p.step {
		p.step, p.first, p.block = key, 0, -1
	}
	head := p.head(f, r, s, cur)
	room := f.h - len(head)
	prose := proseLines(f, s.Step.Prose, 2)
	blocks := p.blocks(f, r, s, max(3, room-min(len(prose), max(3, room*2/5))))
	p.rows = room - len(blocks)
	out := append(head, p.scroll(f, prose)...)
	if len(out) < f.h-len(blocks) && len(blocks) > 0 {
		out = append(out, f.say(plainStyle, ""))
	}
	return r.Title, append(out, blocks...)
}

func (p *bookPane) scroll(f frame, prose []string) []string {
	p.lines = len(prose)
	if p.rows <= 0 {
		return nil
	}
	if len(prose) <= p.rows {
		p.first = 0
		return prose
	}
	rows := p.rows - 1
	p.first = max(0, min(p.first, len(prose)-rows))
	out := append([]string(nil), prose[p.first:p.first+rows]...)
	below := len(prose) - p.first - rows
	if below == 0 {
		return append(out, f.say(dim, "  (end of the text; k goes up)"))
	}
	return append(out, f.say(dim, "  ("+plural(below, "more line", "more lines")+"; j scrolls)"))
}

// head says where we are, how it got here and what comes next.
func (p *bookPane) head(f frame, r *desk.RunView, s *desk.StepView, cur int) []string {
	one := f.row().put(accent, " step "+itoa(cur+1)+" of "+itoa(len(r.Steps)))
	if n := len(f.snap.Runs); n > 1 {
		one.put(warn, ", "+itoa(n)+" runbooks open").put(dim, " (W)")
	}
	if n := r.Stage; n > 0 && n < len(stageNames) {
		one.put(dim, ", stage "+itoa(n)+" of 6 "+stageNames[n])
	}
	if s.Step.Role != "" {
		one.put(dim, " ["+string(s.Step.Role)+"]")
	}
	two := f.row().put(strong, " "+s.Step.Title)
	lines := []string{one.line(), two.line()}
	if r.Changed != "" {
		for i, part := range wrap(r.Changed, f.w-3) {
			mark := " ! "
			if i > 0 {
				mark = "   "
			}
			lines = append(lines, f.row().put(warn, mark).put(plainStyle, part).line())
		}
	}
	if f.h >= 10 {
		lines = append(lines, p.trail(f, r, cur))
	}
	if x := openField(r); x != nil && f.h >= 12 {
		lines = append(lines, f.row().put(warn, " ? open field ").put(strong, x.Name).put(plainStyle, " "+x.Prompt).put(dim, " (v fills it)").line())
	}
	if f.h >= 14 {
		lines = append(lines, f.say(plainStyle, ""))
	}
	return lines
}

// trail is one line of how earlier steps ended and what is next.
func (p *bookPane) trail(f frame, r *desk.RunView, cur int) string {
	done, skipped := 0, 0
	reason := ""
	for i := range r.Steps {
		switch r.Steps[i].State {
		case "done":
			done++
		case "skipped":
			skipped++
			reason = r.Steps[i].Step.Title + ": " + r.Steps[i].Reason
		}
	}
	row := f.row().put(plainStyle, " ").put(good, f.th.ok+" "+itoa(done)+" done")
	if skipped > 0 {
		row.put(warn, ", "+itoa(skipped)+" skipped")
		if f.w >= 100 {
			row.put(dim, " ("+reason+")")
		}
	}
	if n := r.Next; n > cur && n < len(r.Steps) {
		row.put(dim, "  next: "+r.Steps[n].Step.Title)
	} else {
		row.put(dim, "  the last step")
	}
	return row.line()
}

// blocks draws the armed blocks with their live state, in at most so many rows; the one that enter acts
// on is marked. Where there is little room, every block keeps one line and the details go.
func (p *bookPane) blocks(f frame, r *desk.RunView, s *desk.StepView, limit int) []string {
	next, _ := obviousBlock(r, s, p.block)
	all := make([]blockText, len(s.Step.Blocks))
	lines := make([][]string, len(all))
	total := 0
	for i := range all {
		var v desk.BlockView
		if i < len(s.Blocks) {
			v = s.Blocks[i]
		}
		all[i] = blockWords(f.th, &s.Step.Blocks[i], &v)
		lines[i] = all[i].full(f, i == next)
		total += len(lines[i])
	}
	// The block that enter acts on is the last to lose its details.
	for k := len(all) - 1; k >= -1 && total > limit; k-- {
		i := k
		if k == next {
			continue
		}
		if k < 0 {
			if i = next; i < 0 {
				break
			}
		}
		total -= len(lines[i]) - 1
		lines[i] = []string{all[i].brief(f, i == next)}
	}
	if total <= limit {
		return slices.Concat(lines...)
	}
	var out []string
	first := window(len(lines), next, 0, limit-1, func(i int) int { return len(lines[i]) })
	for i := first; i < len(lines); i++ {
		if len(out)+len(lines[i]) > limit-1 {
			out = append(out, f.say(warn, "    "+plural(len(lines)-i, "more block", "more blocks")+": z full screen"))
			break
		}
		out = append(out, lines[i]...)
	}
	return out
}

// blockText is what a block says: a word and its tone, a name, the text with its numbers, why it cannot
// act, and details.
type blockText struct {
	label   string
	style   style
	name    string
	text    string
	short   string // instead of the text where there is one line only
	cannot  string
	details []string
}

// probe says what a probe would send, or what came back.
func (b *blockText) probe(th *theme, p *runbook.Probe, v *desk.BlockView) {
	b.label, b.style, b.text = "* PROBE", accent, v.Action
	if b.text == "" {
		b.text = p.Name
	}
	switch {
	case v.State == "sent":
		b.label, b.style = ". SENT", warn
	case v.Text != "":
		b.label, b.style = truthWord(th, v.Truth)
		b.label = strings.Fields(b.label)[0] + " PROBE"
		b.name, b.text, b.cannot = p.Name, v.Text, ""
	case p.Why != "":
		b.details = append(b.details, p.Why)
	}
}

// branch says where a branch goes, or that it asks.
func (b *blockText) branch(v *desk.BlockView) {
	b.label, b.style, b.name, b.details = "> BRANCH", accent, "on to the next step", nil
	switch {
	case v.Goto != "":
		b.name = "goes to " + leads(v)
	case v.Asks && v.Truth == desk.CheckUnknown:
		b.name, b.style, b.details, b.short = "not known yet", warn, []string{v.Why}, v.Why
	case v.Asks:
		b.name, b.style = "it is yours to decide", warn
	}
}

// wait says how long a wait goes on, or how it ended.
func (b *blockText) wait(th *theme, v *desk.BlockView) {
	b.label, b.style = th.dot+" WAIT", dim
	switch {
	case v.Open:
		b.label, b.style = ". WAITING", warn
	case v.State == "timeout":
		b.label, b.style, b.text = th.no+" WAIT", warn, "TIMED OUT, it was "+b.text
	case v.State == "met":
		b.label, b.style, b.text = th.ok+" WAIT", good, "met"
	}
}

const labelColumns = 12

// full draws a block with everything.
func (b *blockText) full(f frame, next bool) []string {
	row := f.selected(next).put(b.style, b.label).to(labelColumns)
	text := b.text
	if b.name != "" {
		text = b.name + ": " + text
	}
	var out []string
	for i, part := range wrap(text, f.w-labelColumns) {
		if i > 0 {
			row = f.row().to(labelColumns)
		}
		out = append(out, row.put(plainStyle, part).line())
	}
	if b.cannot != "" {
		for _, part := range wrap(b.cannot, f.w-labelColumns) {
			out = append(out, f.row().to(labelColumns).put(warn, part).line())
		}
	}
	for _, t := range b.details {
		if t == "" {
			continue
		}
		for _, part := range wrap(t, f.w-labelColumns) {
			out = append(out, f.row().to(labelColumns).put(dim, part).line())
		}
	}
	return out
}

// brief draws a block in one line: of a long name the beginning, so that the numbers stay.
func (b *blockText) brief(f frame, next bool) string {
	row := f.selected(next).put(b.style, b.label).to(labelColumns)
	if b.name != "" {
		row.put(dim, shorten(f.th, b.name, (f.w-labelColumns)*2/5)+": ")
	}
	if b.cannot != "" {
		return row.put(plainStyle, shorten(f.th, b.text, row.room()/2)).put(warn, " "+b.cannot).line()
	}
	if b.short != "" {
		return row.put(plainStyle, b.short).line()
	}
	return row.put(plainStyle, b.text).line()
}

func shorten(th *theme, s string, n int) string {
	s = clean(s)
	if width(s) <= n {
		return s
	}
	return cut(s, n-1) + th.more
}

// blockWords says what a block is and how it stands.
func blockWords(th *theme, b *runbook.Block, v *desk.BlockView) blockText {
	t := blockText{text: v.Text, cannot: cannotWords(v), details: []string{v.Why}}
	switch {
	case len(b.Branch) > 0:
		t.branch(v)
	case b.Check != nil:
		t.label, t.style = truthWord(th, v.Truth)
		t.name = b.Check.Name
		if v.Truth != desk.CheckTrue && v.Truth != desk.CheckFalse {
			t.short = v.Why
		}
		if v.Truth == desk.CheckFalse && b.Check.OnFalse == runbook.ToNext {
			t.style = warn
		}
	case b.Ask != nil:
		t.label, t.style, t.text = "? ASK", warn, b.Ask.Question+choices(b.Ask.Choices)
		if v.Answer != "" {
			t.label, t.style, t.text = th.ok+" ANSWER", good, b.Ask.Question+" = "+v.Answer
		}
	case b.Action != nil:
		t.action(th, b.Action, v)
	case b.Probe != nil:
		t.probe(th, b.Probe, v)
	case b.Wait != nil:
		t.wait(th, v)
		if src := b.Wait.Until.Source; src != "" {
			t.name = "until " + src
		}
	case b.Evidence != nil:
		t.label, t.style = th.dot+" RECORD", dim
		if t.text = v.Text; t.text == "" {
			t.text = strings.Join(b.Evidence.Capture, ", ")
		}
	case b.Escalate != nil:
		t.label, t.style, t.name, t.text = "^ TELL", warn, "to "+strings.Join(b.Escalate.To, ", "), b.Escalate.Say
	default:
		t.label, t.style = strings.ToUpper(string(b.Kind)), dim
	}
	return t
}

func choices(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return " (" + strings.Join(list, ", ") + ")"
}

func truthWord(th *theme, truth string) (string, style) {
	switch truth {
	case desk.CheckTrue:
		return th.ok + " TRUE", good
	case desk.CheckFalse:
		return th.no + " FALSE", bad
	}
	return th.what + " UNKNOWN", warn
}

// drawOffers lists the runbooks; those that fit the newest burst come first.
func (p *bookPane) drawOffers(f frame, r *desk.RunView) (string, []string) {
	all := f.snap.Offers
	head := []string{}
	if r != nil && r.Finished {
		head = append(head, endedLines(f, r)...)
	}
	head = append(head, stillOpen(f)...)
	if len(all) == 0 {
		return "", append(head, f.say(dim, "  no runbook is loaded"))
	}
	if !p.chosen || p.offers.find(len(all), func(i int) string { return all[i].ID }) < 0 {
		p.offers.id = all[0].ID
	}
	sub := f
	sub.h -= len(head)
	lines := sub.list(&p.offers, len(all), func(i int) string { return all[i].ID }, func(i int, sel bool) []string {
		o := &all[i]
		one := sub.selected(sel)
		if o.Fits {
			one.put(accent, "FITS ")
		} else {
			one.put(dim, "     ")
		}
		one.put(strong, o.Title)
		if !o.Armed {
			one.put(dim, " (to read and copy)")
		}
		out := []string{one.line()}
		if o.Why != "" {
			out = append(out, sub.row().put(plainStyle, "       ").put(dim, o.Why).line())
		}
		return out
	})
	return "choose one", append(head, lines...)
}

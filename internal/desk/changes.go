package desk

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"time"

	"signalbox/internal/incident"
	"signalbox/internal/traffic"
)

const (
	// changesBefore is how far before its onset a burst lists what was changed.
	changesBefore = 30 * time.Minute
	// maxChanges bounds the changes of one view; the newest stay.
	maxChanges = 20
	// maxLinked bounds the changes that an incident is linked to when it is opened.
	maxLinked = 50
	// changeMemory is how old a change of the journal may be to be shown.
	changeMemory = 24 * time.Hour
	// maxKnown bounds the changes that are remembered as recorded.
	maxKnown = 5000
)

// ChangeView is one change for a client, safe for a screen.
type ChangeView struct {
	At, Until time.Time // Until is zero where nobody said
	Kind      string    // deploy, config, flag, other; of a burst also lever
	Text      string
	Who       string
	Scope     traffic.Scope // empty: it may be about everything
}

// changeViews gives changes for a client, newest first.
func changeViews(facts []traffic.Fact) []ChangeView {
	if len(facts) == 0 {
		return nil
	}
	out := make([]ChangeView, 0, min(len(facts), maxChanges))
	for _, f := range slices.Backward(facts) {
		if len(out) == maxChanges {
			break
		}
		out = append(out, ChangeView{At: f.From, Until: f.Until, Kind: f.Kind, Text: f.Text, Who: f.Who, Scope: f.Scope})
	}
	return out
}

// suspects are the changes shortly before a burst that can have touched it.
func (s *signals) suspects(scope traffic.Scope, onset time.Time) []ChangeView {
	return changeViews(s.board.Changes(scope, onset.Add(-changesBefore), onset))
}

// changeLever is the kind of change that levers are: what was thrown or taken back here can have moved traffic, made it wait,
// or refused it.
const changeLever = "lever"

// moves are the levers that were thrown or taken back here shortly before a burst and reach where it is.
func (d *Desk) moves(scope traffic.Scope, onset time.Time) (out []ChangeView) {
	before := func(at time.Time) bool { return !at.IsZero() && !at.After(onset) && onset.Sub(at) <= changesBefore }
	for _, l := range d.levers {
		thrown, ended := before(l.acceptAt), !l.acceptAt.IsZero() && before(l.endedAt)
		if !thrown && !ended { // of most bursts all levers came later
			continue
		}
		where := d.leverWhere(l)
		if !where.Overlaps(scope) {
			continue
		}
		c := ChangeView{Kind: changeLever, Text: safe(leverTitle(l.plan.Change), maxLine), Who: l.by, Scope: where}
		if thrown {
			c.At = l.acceptAt
			out = append(out, c)
		}
		if ended {
			c.At, c.Text = l.endedAt, c.Text+" ended"
			out = append(out, c)
		}
	}
	return out
}

// before is what was changed shortly before a burst, by whomever, the newest first.
func (d *Desk) before(b *burstState) []ChangeView {
	all := append(d.sig.suspects(b.Scope, b.Onset), d.moves(b.Scope, b.Onset)...)
	slices.SortStableFunc(all, func(x, y ChangeView) int { return y.At.Compare(x.At) })
	return all[:min(len(all), maxChanges)]
}

// cleanFacts makes what sources tell fit for screen and journal. The batch is the desk's by now.
func cleanFacts(facts []traffic.Fact) {
	for i := range facts {
		f := &facts[i]
		f.Text, f.Who = safe(f.Text, maxLine), safe(f.Who, 200)
		scope := make(traffic.Scope, len(f.Scope))
		for k, v := range f.Scope {
			if _, ok := traffic.ParseDim(k); ok {
				scope[k] = safe(v, 200)
			}
		}
		f.Scope = scope
	}
}

// recordChanges writes changes into the journal: those of the half hour before now, or before the incident that is open.
// A file of changes is read anew by each console, so that what is recorded already is passed over.
func (d *Desk) recordChanges(facts []traffic.Fact, source string) {
	if len(facts) == 0 {
		return
	}
	since := d.now()
	if i := d.record.incidentView(); i != nil && i.Opened.Before(since) {
		since = i.Opened
	}
	for _, f := range facts {
		if !f.IsChange() || f.From.Before(since.Add(-linkBack)) || d.record.changes[changeKey(f)] {
			continue
		}
		_ = d.write(entryDraft{kind: incident.Change, incident: d.record.open, at: f.From, data: changeData(f, source), actor: byDesk})
	}
}

func changeData(f traffic.Fact, source string) incident.FactData {
	data := incident.FactData{Source: source, Kind: f.Kind, Title: f.Text, Who: f.Who, Scope: f.Scope, From: f.From}
	if !f.Until.IsZero() {
		data.To = &f.Until
	}
	return data
}

var pseudonym = regexp.MustCompile(`<[a-z_-]+:[^<>]*>`)

// changeKey tells changes apart. Secrets in their texts have other pseudonyms in each process.
func changeKey(f traffic.Fact) string {
	return f.Kind + "\x00" + pseudonym.ReplaceAllString(f.Text, "<>") + "\x00" + f.From.UTC().Format(time.RFC3339Nano) + "\x00" + f.Scope.String()
}

// learnChange takes a change from the journal: as recorded, and where another process wrote it also onto the board.
func (d *Desk) learnChange(e incident.Entry) {
	var data incident.FactData
	if e.Kind != incident.Change || e.Decode(&data) != nil || data.Title == "" {
		return
	}
	f := traffic.Fact{Kind: data.Kind, Text: data.Title, Who: cmp.Or(data.Who, e.Actor.ID), Scope: data.Scope, From: data.From}
	if data.Who == "" && e.Actor == *byDesk {
		f.Who = ""
	}
	if f.From.IsZero() {
		f.From = e.At
	}
	if data.To != nil {
		f.Until = *data.To
	}
	if !f.IsChange() {
		f.Kind = traffic.ChangeOther
	}
	if d.record.changes == nil || len(d.record.changes) > maxKnown {
		d.record.changes = map[string]bool{}
	}
	d.record.changes[changeKey(f)] = true
	if !d.record.mine[e.Seq] && d.now().Sub(f.From) < changeMemory {
		one := []traffic.Fact{f}
		cleanFacts(one)
		d.sig.board.Apply(traffic.Batch{Source: "journal", Kind: traffic.ChangeSource, Facts: one}, d.now())
	}
}

// addChange records a change that the operator tells.
func (d *Desk) addChange(text string) (Result, error) {
	now := d.now()
	first, _, _ := strings.Cut(text, " ")
	kind := strings.ToLower(strings.TrimRight(first, ":,"))
	if !slices.Contains(traffic.ChangeKinds(), kind) {
		kind = traffic.ChangeOther
	}
	one := []traffic.Fact{{Kind: kind, Text: text, Who: d.actor, From: now}}
	cleanFacts(one)
	err := d.write(entryDraft{kind: incident.Change, incident: d.record.open, run: d.current, data: changeData(one[0], "")})
	if err == nil || d.o.Unjournaled {
		d.sig.board.Apply(traffic.Batch{Source: "operator", Kind: traffic.ChangeSource, Facts: one}, now)
	}
	return Result{Text: "change noted", Incident: d.record.open}, err
}

// loneChanges finds the changes of the half hour before an incident that stand in the journal outside any and outside
// the range that is linked: those before it, and those of other processes.
func (l *ledger) loneChanges(from int64, now time.Time) []int64 {
	var out []int64
	for _, e := range slices.Backward(l.entries) {
		inside := from > 0 && e.Seq >= from
		if e.Kind == incident.Change && e.Incident == "" && !inside && now.Sub(e.At) <= linkBack && len(out) < maxLinked {
			out = append(out, e.Seq)
		}
	}
	slices.Reverse(out)
	return out
}

package desk

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"signalbox/internal/incident"
	"signalbox/internal/redact"
	"signalbox/internal/traffic"
)

// timeline gives the lines of the open incident, or of this console where none is open.
func (l *ledger) timeline() []TimelineLine {
	if !l.stale && l.lines != nil {
		return l.lines
	}
	l.stale = false
	var src []incident.Line
	if l.open != "" {
		src = incident.Timeline(l.entries, l.open)
	} else {
		src = incident.Lines(slices.DeleteFunc(slices.Clone(l.entries), func(e incident.Entry) bool {
			return !l.mine[e.Seq] && (e.Kind != incident.Change || e.Seq <= l.since) // changes are everybody's
		}))
	}
	if len(src) > maxTimeline {
		src = src[len(src)-maxTimeline:]
	}
	lines := make([]TimelineLine, 0, len(src))
	for _, s := range src {
		lines = append(lines, TimelineLine{
			At: s.At, Seq: s.Seq, Kind: string(s.Kind), Group: string(s.Group), Actor: redact.Terminal(s.Actor), Text: redact.Terminal(s.Text),
		})
	}
	l.lines = lines
	return lines
}

// incidentView gives the open incident.
func (l *ledger) incidentView() *IncidentView {
	if l.open == "" {
		return nil
	}
	for _, e := range l.entries {
		if e.Incident != l.open || e.Kind != incident.IncidentOpened {
			continue
		}
		var data incident.IncidentData
		if e.Decode(&data) != nil {
			break
		}
		return &IncidentView{ID: l.open, Title: data.Title, Severity: data.Severity, Opened: e.At, Drill: data.Drill}
	}
	for _, i := range l.all {
		if i.ID == l.open {
			return &IncidentView{ID: i.ID, Title: i.Title, Severity: i.Severity, Opened: i.Opened, Drill: i.Drill}
		}
	}
	return &IncidentView{ID: l.open, Title: l.open}
}

// findings lists what is wrong or odd, each a sentence with what to try; what blinds or binds the operator comes first.
func (d *Desk) findings(now time.Time, sources []SourceView, gateways []GatewayView) []string {
	var out []string
	for i := range gateways {
		g := &gateways[i]
		if text := d.wires[g.Name].trouble(); text != "" {
			out = append(out, redact.Terminal(text))
		}
		if g.Astray != "" {
			out = append(out, redact.Terminal("gateway "+g.Name+": "+g.Astray))
		}
	}
	if i, ok := d.beside(); ok {
		out = append(out, redact.Terminal("incident "+i.Title+" was opened by "+i.OpenedBy.ID+" in another console: R takes it up here"))
	}
	for _, l := range d.levers {
		if text := l.alarm(); text != "" {
			out = append(out, redact.Terminal(text))
		}
	}
	for _, text := range d.unproven() {
		out = append(out, redact.Terminal(text))
	}
	for _, s := range d.moving {
		if s.Live() {
			out = append(out, redact.Terminal(strings.ReplaceAll(string(s.Kind), "_", " ")+": "+s.Text+d.heldBy(s)+"; look: "+s.Look))
		}
	}
	for _, s := range sources {
		switch {
		case s.Health == string(traffic.Silent):
			out = append(out, redact.Terminal("source "+s.Name+": nothing new from "+s.Where+" since "+s.LastRead.UTC().Format(time.TimeOnly)+" UTC: is it still written to?"))
		case s.Detail != "" && s.Health != string(traffic.Ended):
			out = append(out, redact.Terminal("source "+s.Name+": "+s.Detail))
		}
	}
	keys := make([]string, 0, len(d.warnings))
	for k := range d.warnings {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		out = append(out, redact.Terminal(k+": "+d.warnings[k]))
	}
	for _, x := range d.sig.board.Crosscheck(now) {
		out = append(out, redact.Terminal(x.String()))
	}
	if s := d.sig.board.Stats(); s.Folded > 0 {
		out = append(out, fmt.Sprintf("%d keys beyond the bound are counted as other", s.Folded))
	}
	if n := d.syms.Refused(); n > 0 {
		out = append(out, fmt.Sprintf("%d names beyond the bound are counted as other", n))
	}
	return out
}

// sourceSays takes what a source says about itself; a change of health goes into the journal.
func (d *Desk) sourceSays(s *sourceState, st traffic.SourceState) {
	before := s.Health
	s.SourceState = st
	if before != st.Health && (st.Health == traffic.Failing || before == traffic.Failing) {
		data := incident.SourceData{Name: st.Name, State: string(st.Health), Reason: st.Detail, Drops: st.Dropped}
		_ = d.write(entryDraft{kind: incident.SourceState, incident: d.record.open, data: data, actor: byDesk})
	}
}

package ui

import (
	"strconv"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"signalbox/internal/desk"
	"signalbox/internal/traffic"
)

// whyNoLever says why no lever may be thrown at all.
func (m *model) whyNoLever() string {
	if m.snap.WhyNot != "" {
		return "no lever: " + m.snap.WhyNot
	}
	if m.snap.ReadOnly {
		return "no lever: this console is read-only"
	}
	why := "no gateway is configured"
	for i := range m.snap.Gateways {
		g := &m.snap.Gateways[i]
		if g.Levers {
			return ""
		}
		why = "gateway " + g.Name + " has no levers: " + g.WhyNot
	}
	return why
}

func (m *model) whyNoUndo() string {
	if _, out, _ := m.tally(); out == 0 {
		return "no lever is out"
	}
	if m.snap.WhyNot != "" {
		return "no undo: " + m.snap.WhyNot
	}
	return ""
}

// target is what a lever form starts from: what the operator looks at, else the newest live burst. It is
// copied into the form, so that a refresh cannot change what is planned.
func (m *model) target() (traffic.Scope, string) {
	if m.subject.scope != nil {
		return m.subject.scope, m.subject.name
	}
	for i := range m.snap.Bursts {
		if b := &m.snap.Bursts[i]; b.Live() && b.Page {
			return b.Scope, b.Name
		}
	}
	return nil, ""
}

// fails tells whether anything failed in the scope just now, as far as the grid shows it.
func (m *model) fails(scope traffic.Scope) bool {
	for _, row := range m.snap.Grid.Cells {
		for i := range row {
			if row[i].Scope.Equal(scope) {
				return row[i].Err > 0
			}
		}
	}
	return true
}

// scopeWords writes a scope as the form's text: the dimensions that a lever can name.
func scopeWords(s traffic.Scope, gateway string) string {
	var b strings.Builder
	for _, d := range traffic.Dims() {
		name := d.String()
		v := s[name]
		if name == "gateway" && v == "" {
			v = gateway
		}
		if v == "" || name == "side" || name == "env" || name == "stream" || name == "caller" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(name + "=" + v)
	}
	return b.String()
}

// parseScope reads "gateway=edge model=gpt-4o".
func parseScope(text string) (traffic.Scope, string) {
	s := traffic.Scope{}
	for _, w := range strings.Fields(text) {
		name, v, ok := strings.Cut(w, "=")
		if _, known := traffic.ParseDim(name); !ok || !known || v == "" {
			return nil, strconv.Quote(w) + " is no dimension=value; try gateway, provider, model, region, deployment or workload"
		}
		s[strings.ToLower(name)] = v
	}
	if len(s) == 0 {
		return nil, "a lever needs a scope: dimension=value, as in model=gpt-4o region=eu-west"
	}
	return s, ""
}

func (m *model) capKey() tea.Cmd {
	scope, name := m.target()
	value := field{label: "at most", text: newEditor("50%"), need: true, hint: "requests at once, or a share of the cap in force, as 50%"}
	return m.leverForm("cap concurrency", "cap.set", scope, name, &value)
}

func (m *model) pauseKey() tea.Cmd {
	return m.leverForm("pause batch", "workload.pause", traffic.Scope{"workload": traffic.WorkloadBatch}, "batch", nil)
}

func (m *model) fallbackKey() tea.Cmd {
	scope, name := m.target()
	only := traffic.Scope{}
	for _, d := range []string{"gateway", "model"} {
		if v := scope[d]; v != "" {
			only[d] = v
		}
	}
	if only["model"] == "" {
		only = scope
	}
	value := field{label: "to", text: newEditor(""), hint: "a target, or empty: the gateway's own chain"}
	return m.leverForm("fallback on", "fallback.on", only, name, &value)
}

// leverForm asks for what a lever needs. What comes out is a question for a plan, never a change.
func (m *model) leverForm(title, verb string, scope traffic.Scope, name string, value *field) tea.Cmd {
	gateway, hint := "", "dimension=value; the plan names the exact target before anything is sent"
	gws := m.leverGateways(verb)
	if len(gws) == 0 {
		m.say(sayRefused, "no gateway here can do "+verb+"; the levers pane says what each can")
		return nil
	}
	gateway = gws[0].Name
	if len(gws) > 1 {
		var names []string
		for _, g := range gws {
			names = append(names, g.Name)
		}
		hint = "gateways with this lever: " + strings.Join(names, ", ") + ". " + hint
	}
	if d := gws[0].Deployments; len(d) > 0 && verb == "cap.set" {
		hint += ". Deployments: " + strings.Join(d[:min(len(d), 12)], ", ")
	}
	why := ""
	if b := m.burst(m.subject.burst); b != nil {
		why = classWords(b.Leading) + " burst on " + b.Name
	} else if at := m.subject.scope; name != "" && verb != "workload.pause" && m.fails(scope) && (at == nil || m.fails(at)) {
		why = "errors on " + name
	}
	d := &form{title: title + ": plan it", label: "plan it (nothing is sent yet)"}
	d.fields = []field{{label: "scope", hint: hint, need: true, text: newEditor(scopeWords(scope, gateway)), check: func(text string) string {
		_, wrong := parseScope(text)
		return wrong
	}}}
	if value != nil {
		value.whole, value.check = true, func(text string) string {
			_, wrong := leverValue(verb, text)
			return wrong
		}
		d.fields = append(d.fields, *value)
	}
	d.fields = append(d.fields,
		timeField("for", "how long at most: 5m, 15m, 1h; then it ends"),
		textField("reason", why, "it goes into the record and to the gateway"))
	if scope != nil && value != nil {
		d.cur = 1
	}
	d.submit = func(m *model, v []string) (tea.Cmd, string) {
		c := desk.PlanLever{Verb: verb, Reason: v[len(v)-1], Exact: true}
		c.Scope, _ = parseScope(v[0]) // each field has been looked at
		if value != nil {
			c.Value, _ = leverValue(verb, v[1])
		}
		c.TTL, _ = parseTTL(v[len(v)-2])
		cmd := m.askPlan("planning "+verb+" "+c.Scope.Short(), c)
		m.jobs.running[len(m.jobs.running)-1].back = d
		return cmd, ""
	}
	return m.open(d, byKey)
}

// undoKey plans taking back a lever: the selected one, or the only one, or it asks which.
func (m *model) undoKey() tea.Cmd {
	if why := m.whyNoUndo(); why != "" {
		m.say(sayHint, why)
		return nil
	}
	if l := m.lever(m.levers.pin.id); l != nil && l.Out && m.focus == leversID {
		return m.planUndo(l)
	}
	var out []*desk.LeverView
	for i := range m.snap.Levers {
		if m.snap.Levers[i].Out {
			out = append(out, &m.snap.Levers[i])
		}
	}
	if len(out) == 1 {
		return m.planUndo(out[0])
	}
	d := &choice{title: "undo which lever? (a plan comes first)"}
	for _, l := range out {
		d.options = append(d.options, option{l.Title, l.Change + ", " + l.State, func(m *model) tea.Cmd { return m.planUndo(l) }})
	}
	return m.open(d, byKey)
}

func (m *model) planUndo(l *desk.LeverView) tea.Cmd {
	return m.askPlan("planning the undo of "+l.Title, desk.PlanRevert{Lever: l.ID})
}

// extendKey moves a deadline: the lever is frozen by id, and it takes a y.
func (m *model) extendKey() tea.Cmd {
	l := m.lever(m.levers.pin.id)
	if l == nil || !l.Out {
		m.say(sayHint, "select a lever that is out")
		return nil
	}
	return m.open(&form{
		title: "extend " + l.Title, label: "ask", fields: []field{timeField("ends in", "from now")},
		submit: func(m *model, v []string) (tea.Cmd, string) {
			ttl, _ := parseTTL(v[0])
			return m.askExtend(l, ttl), ""
		},
	}, byKey)
}

func (m *model) askExtend(l *desk.LeverView, ttl time.Duration) tea.Cmd {
	return m.open(&sure{
		title: "extend " + l.Title,
		text: []line{
			{strong, "now ends  ", stamp(l.ExpiresAt)},
			{strong, "then      ", stamp(m.now().Add(ttl)) + ", " + short(ttl) + " from now"},
			{plainStyle, "on        ", l.Gateway + ": " + l.Change},
		},
		foot: "moves the deadline",
		yes: func(m *model) tea.Cmd {
			return m.do("extending "+l.Title, desk.Extend{Lever: l.ID, TTL: ttl}, nil)
		},
	}, byKey)
}

func (m *model) readBackKey() tea.Cmd { return m.do("reading the gateways", desk.ReadBack{}, nil) }

// incidentKey opens an incident, or closes the open one.
func (m *model) incidentKey() tea.Cmd {
	if i := m.snap.Incident; i != nil {
		return m.closeIncident(i)
	}
	title := ""
	for i := range m.snap.Bursts {
		if b := &m.snap.Bursts[i]; b.Live() && b.Page {
			title = burstWords(b) + " on " + b.Name
			break
		}
	}
	return m.open(&form{
		title: "open an incident", label: "open it",
		fields: []field{
			textField("title", title, "what is broken, for whom"),
			choiceField("severity", "sev2", []string{"sev1", "sev2", "sev3", "sev4"}),
		},
		submit: func(m *model, v []string) (tea.Cmd, string) {
			return m.do("opening the incident", desk.OpenIncident{Title: v[0], Severity: v[1]}, nil), ""
		},
	}, byKey)
}

func (m *model) closeIncident(i *desk.IncidentView) tea.Cmd {
	head := []line{{strong, "", i.Title + ", open for " + short(m.now().Sub(i.Opened))}}
	for k := range m.snap.Levers {
		if l := &m.snap.Levers[k]; l.Out {
			head = append(head, line{warn, "out", l.Title + ": it stays out"})
		}
	}
	fields := []field{textField("reason", "", "how it ended, in a sentence")}
	if len(head) > 1 {
		fields = append(fields, choiceField("levers", "take them back first", []string{"take them back first", "leave them out"}))
	}
	return m.open(&form{
		title: "close the incident", label: "close it", head: head, fields: fields,
		submit: func(m *model, v []string) (tea.Cmd, string) {
			force := len(v) > 1 && v[1] == "leave them out"
			return m.do("closing the incident", desk.CloseIncident{Reason: v[0], Force: force}, nil), ""
		},
	}, byKey)
}

func (m *model) noteKey() tea.Cmd {
	return m.open(&form{
		title: "note", label: "write it", fields: []field{textField("note", "", "one line for the record")},
		submit: func(m *model, v []string) (tea.Cmd, string) {
			return m.do("writing the note", desk.AddNote{Text: v[0]}, nil), ""
		},
	}, byKey)
}

func (m *model) exportKey() tea.Cmd {
	d := &choice{title: "export the timeline as"}
	for _, x := range []struct{ format, what string }{{"md", "Markdown, to read and paste"}, {"json", "JSON, for programs"}} {
		d.options = append(d.options, option{x.format, x.what, func(m *model) tea.Cmd { return m.export(x.format) }})
	}
	return m.open(d, byKey)
}

func (m *model) export(format string) tea.Cmd {
	return m.do("exporting as "+format, desk.Export{Format: format}, nil)
}

// offerResume shows what an earlier console left open.
func (m *model) offerResume(how opening) tea.Cmd {
	d := &choice{title: "an earlier console left this open; resume?"}
	for _, v := range m.snap.Resumable {
		d.options = append(d.options, option{v.Text, "", func(m *model) tea.Cmd { return m.resume(v) }})
	}
	d.options = append(d.options, option{"not now", "R offers it again", func(*model) tea.Cmd { return nil }})
	return m.open(d, how)
}

func (m *model) resume(v desk.ResumeView) tea.Cmd {
	switch {
	case v.Run != "":
		return tea.Batch(m.look(bookID), m.do("resuming the run", desk.ResumeRun{ID: v.Run}, nil))
	case v.Incident != "":
		return m.do("resuming the incident", desk.ResumeIncident{ID: v.Incident}, nil)
	}
	m.levers.pin.id = v.Lever
	return m.look(leversID)
}

func (m *model) resumeKey() tea.Cmd {
	if len(m.snap.Resumable) == 0 {
		m.say(sayHint, "nothing was left open")
		return nil
	}
	return m.offerResume(byKey)
}

package incident

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"signalbox/internal/redact"
)

const stamp = "2006-01-02 15:04:05"

// WriteMarkdown writes the incident as a document for people: what happened, when, and what was done about it. Every text in it is
// redacted once more, safe for a terminal, and cannot break out of its cell.
func WriteMarkdown(w io.Writer, entries []Entry, id string, o ExportOptions) error {
	a, err := gather(entries, id, o)
	if err != nil {
		return err
	}
	m := &markdown{account: a}
	for _, section := range []func(){m.head, m.summary, m.burstTable, m.leverTable, m.runList, m.chart, m.timeline, m.noteList, m.appendix, m.foot} {
		section()
	}
	if _, err := w.Write(m.Bytes()); err != nil {
		return fmt.Errorf("writing the export: %w", err)
	}
	return nil
}

type markdown struct {
	*account
	bytes.Buffer
}

func (m *markdown) printf(format string, args ...any) { fmt.Fprintf(&m.Buffer, format, args...) }

var markdownEscapes = strings.NewReplacer(`\`, `\\`, "`", "\\`", "|", `\|`, "*", `\*`, "<", `\<`, "[", `\[`, "~", `\~`, "\n", "<br>")

// safe makes a text fit for one cell or line of Markdown.
func (m *markdown) safe(s string) string {
	return markdownEscapes.Replace(redact.TerminalLines(m.opts.Redactor.Secrets(s)))
}

// row writes a row of a table; an empty cell shows a dash.
func (m *markdown) row(cells ...string) {
	m.WriteString("|")
	for _, c := range cells {
		m.WriteString(" " + cmp.Or(m.safe(c), "–") + " |")
	}
	m.WriteString("\n")
}

func (m *markdown) table(heads ...string) {
	m.WriteString("| " + strings.Join(heads, " | ") + " |\n|" + strings.Repeat("---|", len(heads)) + "\n")
}

// when writes an instant in UTC, and in local time with its offset where a place was given.
func (m *markdown) when(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	text := t.UTC().Format(stamp) + " UTC"
	if m.opts.Location != nil {
		text += " (" + t.In(m.opts.Location).Format("15:04:05 -07:00") + ")"
	}
	return text
}

func (m *markdown) whenPtr(t *time.Time) string {
	if t == nil {
		return ""
	}
	return m.when(*t)
}

func (m *markdown) head() {
	title := cmp.Or(m.Title, "incident without a title")
	if m.Drill {
		title += " (drill)"
	}
	m.printf("# %s\n\n", m.safe(title))
	m.table("", "")
	m.row("Incident", m.ID)
	status := m.Status
	if m.Severity != "" {
		status += ", " + m.Severity
	}
	m.row("Status", status)
	if m.Env != "" {
		m.row("Environment", m.Env)
	}
	m.row("Opened", m.when(m.Opened)+" by "+cmp.Or(m.OpenedBy.ID, "?"))
	if m.Incident.Closed != nil {
		m.row("Closed", m.whenPtr(m.Incident.Closed)+" by "+cmp.Or(m.ClosedBy.ID, "?")+after(m.Reason))
		m.row("Duration", durationWords(m.Duration(*m.Incident.Closed)))
	}
	m.row("People", strings.Join(m.People, ", "))
	m.printf("\n")
}

func (m *markdown) summary() {
	m.printf("## Summary\n\n")
	m.table("Moment", "When", "After the onset")
	for _, t := range m.Times.list() {
		took := ""
		if t.at != nil && m.Times.Onset != nil {
			took = durationWords(t.at.Sub(*m.Times.Onset))
		}
		m.row(t.label, cmp.Or(m.whenPtr(t.at), "not known"), took)
	}
	m.printf("\n")
	if live := m.Live(); len(live) > 0 {
		m.printf("**%d lever(s) still out:**\n\n", len(live))
		for _, l := range live {
			m.printf("- %s: %s, ends %s\n", m.safe(leverWords(&l.LeverData)), m.safe(l.State), cmp.Or(m.safe(m.whenPtr(l.ExpiresAt)), "by hand only"))
		}
		m.printf("\n")
	}
}

func (m *markdown) burstTable() {
	m.printf("## Bursts\n\n")
	if len(m.Bursts) == 0 {
		m.printf("None.\n\n")
		return
	}
	m.table("Burst", "Scope", "Classes", "Onset", "Detected", "Settled", "Size", "Peak", "State")
	for i := range m.Bursts {
		b := &m.Bursts[i]
		state := b.State
		if b.Into != "" {
			state += " into " + b.Into
		}
		if b.Episodes > 1 {
			state += ", " + strconv.Itoa(b.Episodes) + " episodes"
		}
		m.row(b.ID, scopeWords(b.Scope), cmp.Or(classWords(b.Classes), b.Class), m.when(b.Onset), m.when(b.Detected), m.whenPtr(b.Settled),
			sizeWords(b.Failed, b.Total), percent(b.Peak), state)
	}
	m.printf("\n")
}

func (m *markdown) leverTable() {
	m.printf("## Levers\n\n")
	thrown := slices.DeleteFunc(slices.Clone(m.Levers), func(l Lever) bool { return l.RequestedAt.IsZero() })
	if len(thrown) == 0 {
		m.printf("None was thrown.\n\n")
		return
	}
	m.table("Lever", "Change", "Set", "Why", "Accepted", "Reported back", "Obeyed", "Outcome", "End")
	for i := range thrown {
		l := &thrown[i]
		end := l.State
		switch {
		case l.EndedAt != nil:
			end += " " + m.whenPtr(l.EndedAt) + " by " + cmp.Or(l.EndedBy.ID, "?") + after(l.EndReason)
		case l.ExpiresAt != nil:
			end += ", ends " + m.whenPtr(l.ExpiresAt)
		}
		if l.Drift != "" {
			end += "; drift: " + l.Drift
		}
		m.row(strings.TrimSpace(l.Verb+" "+scopeWords(l.Scope)), diffWords(&l.LeverData), m.when(l.RequestedAt)+" by "+cmp.Or(l.By.ID, "?"), l.Reason,
			l.Accepted, l.Reported, strings.ReplaceAll(l.Obeyed, "_", " "), strings.ReplaceAll(l.Outcome, "_", " "), end)
	}
	m.printf("\n")
}

func (m *markdown) runList() {
	m.printf("## Runbooks\n\n")
	if len(m.Runs) == 0 {
		m.printf("None was walked.\n\n")
	}
	for i := range m.Runs {
		r := &m.Runs[i]
		m.printf("### %s\n\nBegun %s by %s, %s. Run %s", m.safe(cmp.Or(r.Title, r.Book, r.ID)), m.safe(m.when(r.Opened)), m.safe(cmp.Or(r.By.ID, "?")),
			m.safe(m.runEnd(r)), m.safe(r.ID))
		if r.BookSHA != "" {
			m.printf(", text sha256 %s", m.safe(r.BookSHA))
		}
		m.printf(".\n\n")
		m.table("Step", "State", "When", "Who", "Checks")
		for _, s := range r.Steps {
			checks := make([]string, len(s.Checks))
			for n, c := range s.Checks {
				checks[n] = cmp.Or(c.Check, "check") + ": " + c.Truth + bracket(strings.TrimSpace(c.Value+" "+c.Why))
			}
			m.row(cmp.Or(s.Title, s.Slug), s.State+after(s.Reason), m.when(s.At), s.By.ID, strings.Join(checks, "\n"))
		}
		m.printf("\n")
	}
}

// runEnd says how a run stands: open, finished, or given up, by whom, where and why.
func (m *markdown) runEnd(r *Run) string {
	if r.Closed == nil {
		return cmp.Or(r.State, "open") + after(r.Reason)
	}
	return cmp.Or(runStates[r.State], r.State) + " " + m.when(*r.Closed) + " by " + cmp.Or(r.ClosedBy.ID, "?") + lastStep(&r.RunData) + after(r.Reason)
}

func (m *markdown) chart() {
	ps := points(m.Samples, nil)
	if len(ps) == 0 {
		return
	}
	var rates, p95s, asked []float64
	worst := ps[0]
	for _, p := range ps {
		rates, p95s, asked = append(rates, p.rate()), append(p95s, p.p95), append(asked, float64(p.req))
		if p.rate() > worst.rate() {
			worst = p
		}
	}
	m.printf("## Traffic\n\nFrom %s to %s, one sample a minute.\n\n```text\n", ps[0].at.UTC().Format(stamp), ps[len(ps)-1].at.UTC().Format(stamp))
	m.printf("failed    %s  at most %s at %s\n", sparkline(rates), percent(worst.rate()), worst.at.UTC().Format("15:04:05"))
	m.printf("p95       %s  at most %.0f ms\n", sparkline(p95s), slices.Max(p95s))
	m.printf("requests  %s  at most %.0f\n", sparkline(asked), slices.Max(asked))
	var changed []time.Time
	for _, l := range m.lines {
		if l.Kind == Change {
			changed = append(changed, l.At)
		}
	}
	if marks := markline(ps, changed); marks != "" {
		m.printf("changed   %s  what it was stands in the timeline\n", marks)
	}
	m.printf("```\n\n")
}

func (m *markdown) timeline() {
	m.printf("## Timeline\n\n")
	heads := []string{"UTC"}
	if m.opts.Location != nil {
		heads = append(heads, "Local")
	}
	m.table(append(heads, "What", "Who", "Event")...)
	for _, l := range m.lines {
		cells := []string{l.At.UTC().Format(stamp)}
		if m.opts.Location != nil {
			cells = append(cells, l.At.In(m.opts.Location).Format(stamp+" -07:00"))
		}
		m.row(append(cells, string(l.Group), l.Actor, l.Text)...)
	}
	m.printf("\n")
}

func (m *markdown) noteList() {
	if len(m.Notes) == 0 {
		return
	}
	m.printf("## Notes\n\n")
	for _, n := range m.Notes {
		m.printf("- %s, %s%s: %s\n", m.safe(m.when(n.At)), m.safe(n.By.ID), m.safe(bracket(n.Kind)), m.safe(n.Text))
	}
	m.printf("\n")
}

func (m *markdown) foot() {
	i := m.integrity
	m.printf("## Integrity\n\nEntries %d to %d, %d of this incident. Journal up to entry %d, head `%s`, chain %s.\n", i.FirstSeq, i.LastSeq, i.Entries,
		i.HeadSeq, i.HeadHash, m.safe(i.Chain))
	if m.opts.Tool != "" {
		m.printf("Written by %s.\n", m.safe(m.opts.Tool))
	}
}

// moment is one of the times, with its name in JSON and its words.
type moment struct {
	name, label, source string
	at                  *time.Time
	evidence            string
}

func (t *Times) list() []moment {
	return []moment{
		{"impact_start", "Onset", "auto", t.Onset, "the earliest onset of its bursts"},
		{"detected", "Detected", "auto", t.Detected, "the first burst was raised"},
		{"first_action", "First lever", "auto", t.FirstAction, "the first lever was requested"},
		{"mitigated", "Mitigated", "auto", t.Mitigated, "the last burst settled"},
		{"resolved", "Closed", "human", t.Resolved, "somebody closed it"},
	}
}

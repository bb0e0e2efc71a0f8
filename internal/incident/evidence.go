package incident

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"signalbox/internal/redact"
)

// Frozen is what a step of a runbook froze as evidence, as the journal has it.
type Frozen struct {
	Seq    int64           `json:"seq"`
	At     time.Time       `json:"at"`
	Run    string          `json:"run,omitempty"`
	Step   string          `json:"step,omitempty"`
	Title  string          `json:"title,omitempty"`
	What   string          `json:"what,omitempty"` // what of it there was, in words
	Frozen json.RawMessage `json:"frozen"`
}

func (f *folder) addEvidence(e *Entry) {
	var d struct {
		StepData
		Evidence json.RawMessage `json:"evidence"`
	}
	if e.Decode(&d) != nil || len(d.Evidence) == 0 || string(d.Evidence) == "null" {
		return
	}
	f.Evidence = append(f.Evidence, Frozen{
		Seq: e.Seq, At: e.At, Run: e.Run, Step: cmp.Or(d.Slug, e.Step), Title: d.Title, What: cmp.Or(d.Reason, d.Value), Frozen: d.Evidence,
	})
}

// frozenData is what an export for people reads of frozen evidence; what it does not know stays in the export for programs.
type frozenData struct {
	Burst      *BurstData     `json:"burst"`
	Records    []frozenRecord `json:"records"`
	RequestIDs []string       `json:"request_ids"`
	Levers     []string       `json:"levers"`
	Controls   []string       `json:"controls"`
	Charts     []frozenChart  `json:"charts"`
	SHA256     string         `json:"sha256"`
}

type frozenRecord struct {
	Time         time.Time `json:"time"`
	Side         string    `json:"side"`
	Provider     string    `json:"provider"`
	Model        string    `json:"model"`
	Region       string    `json:"region"`
	Deployment   string    `json:"deployment"`
	Endpoint     string    `json:"endpoint"`
	Class        string    `json:"class"`
	Status       int       `json:"status"`
	ErrorCode    string    `json:"error_code"`
	ErrorMessage string    `json:"error_message"`
	Latency      *float64  `json:"latency_ms"`
	Attempt      int       `json:"attempt"`
	RequestID    string    `json:"request_id"`
	Raw          string    `json:"raw"`
	At           time.Time `json:"At"` // this and the following stand in journals of before
	ID, Text     string
}

type frozenChart struct {
	Metric string     `json:"metric"`
	From   time.Time  `json:"from"`
	Step   string     `json:"step"`
	Points []*float64 `json:"points"`
}

// Bounds of the appendix: a reader wants samples, a program reads the JSON.
const (
	maxAppendix = 20  // pieces of evidence
	maxFrozen   = 20  // records, ids or lines of each
	maxCell     = 400 // bytes of a message
)

// appendix shows what was frozen, bounded; how much of it was left out is said.
func (m *markdown) appendix() {
	if len(m.Evidence) == 0 {
		return
	}
	m.printf("## Appendix: evidence\n\nFrozen while the runbooks were walked; the timeline quotes the hashes. The JSON export has all of it, whole.\n\n")
	for i, f := range m.Evidence {
		if i == maxAppendix {
			m.printf("%d more pieces are in the JSON export.\n\n", len(m.Evidence)-i)
			break
		}
		m.piece(&f)
	}
}

func (m *markdown) piece(f *Frozen) {
	m.printf("### %s: %s\n\n", m.safe(m.when(f.At)), m.safe(cmp.Or(f.Title, f.Step, "evidence")))
	var d frozenData
	if err := json.Unmarshal(f.Frozen, &d); err != nil {
		m.printf("Entry %d cannot be read as evidence; the JSON export has it as it is.\n\n", f.Seq)
		return
	}
	m.printf("Entry %d", f.Seq)
	if d.SHA256 != "" {
		m.printf(", sha256 %s", m.cell(d.SHA256))
	}
	m.printf(".\n\n")
	if b := d.Burst; b != nil {
		m.printf("Burst %s, %s: %s, %s at most, since %s.\n\n", m.cell(scopeWords(b.Scope)), m.cell(cmp.Or(classWords(b.Classes), b.Class)),
			m.cell(sizeWords(b.Failed, b.Total)), percent(b.Peak), m.cell(m.when(b.Onset)))
	}
	m.charts(d.Charts)
	m.records(d.Records)
	m.listed("Request ids", d.RequestIDs, true)
	m.listed("Levers that were out", d.Levers, false)
	m.listed("Controls away from their base", d.Controls, false)
}

func (m *markdown) cell(s string) string {
	return m.safe(redact.Clip(m.opts.Redactor.Secrets(s), maxCell))
}

func (m *markdown) records(all []frozenRecord) {
	if len(all) == 0 {
		return
	}
	m.table("UTC", "Where", "What", "Took", "Message", "Request id")
	for i := range all[:min(len(all), maxFrozen)] {
		r := &all[i]
		var took string
		if r.Latency != nil {
			took = strconv.FormatFloat(*r.Latency, 'f', 0, 64) + " ms"
		}
		at := r.Time
		if at.IsZero() {
			at = r.At
		}
		where := slices.DeleteFunc([]string{r.Side, r.Provider, r.Model, r.Region, r.Deployment, r.Endpoint}, func(s string) bool { return s == "" })
		what := slices.DeleteFunc([]string{statusWord(r.Status), r.Class, r.ErrorCode}, func(s string) bool { return s == "" })
		if r.Attempt > 1 {
			what = append(what, "attempt "+strconv.Itoa(r.Attempt))
		}
		text := redact.Clip(m.opts.Redactor.Secrets(cmp.Or(r.ErrorMessage, r.Text, r.Raw)), maxCell)
		m.row(at.UTC().Format(stamp), strings.Join(where, " "), strings.Join(what, " "), took, text, cmp.Or(r.RequestID, r.ID))
	}
	m.left(len(all), "records")
}

func statusWord(status int) string {
	if status == 0 {
		return ""
	}
	return strconv.Itoa(status)
}

// left ends a bounded list and says what it leaves out.
func (m *markdown) left(n int, what string) {
	if n > maxFrozen {
		m.printf("\n%d more %s are in the JSON export.\n", n-maxFrozen, what)
	}
	m.printf("\n")
}

// listed writes lines, or short things in one.
func (m *markdown) listed(title string, all []string, one bool) {
	if len(all) == 0 {
		return
	}
	m.printf("%s:", title)
	for i, s := range all[:min(len(all), maxFrozen)] {
		switch {
		case !one:
			m.printf("\n- %s", m.cell(s))
		case i > 0:
			m.printf(", %s", m.cell(s))
		default:
			m.printf(" %s", m.cell(s))
		}
	}
	m.printf("\n")
	m.left(len(all), strings.ToLower(title[:1])+title[1:])
}

// charts draws the measures, oldest first; a dot is a point that was not known.
func (m *markdown) charts(all []frozenChart) {
	if len(all) == 0 {
		return
	}
	m.printf("```text\n")
	for _, c := range all[:min(len(all), maxFrozen)] {
		m.printf("%s\n", strings.ReplaceAll(redact.Terminal(m.opts.Redactor.Secrets(chartLine(&c))), "`", "'"))
	}
	m.printf("```\n\n")
}

func chartLine(c *frozenChart) string {
	points := c.Points[max(0, len(c.Points)-maxSpark):]
	values := make([]float64, len(points))
	known := 0
	top, last := 0.0, 0.0
	for i, p := range points {
		if p != nil {
			values[i], top, last = *p, max(top, *p), *p
			known++
		}
	}
	bars := []rune(sparkline(values))
	for i, p := range points {
		if p == nil && i < len(bars) {
			bars[i] = '.'
		}
	}
	line := fmt.Sprintf("%-12s %s  from %s, a point each %s", redact.Clip(c.Metric, 40), string(bars), c.From.UTC().Format(stamp), redact.Clip(c.Step, 20))
	if known == 0 {
		return line + ", none known"
	}
	return line + ", at most " + short(top) + ", last " + short(last)
}

func short(v float64) string { return strconv.FormatFloat(v, 'g', 3, 64) }

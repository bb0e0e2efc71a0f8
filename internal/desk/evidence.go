package desk

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"signalbox/internal/traffic"
	"signalbox/runbook"
)

// evidence is what an evidence block froze. SHA256 is the hash of the rest as JSON, so that what was quoted elsewhere can be
// held against the journal, whose chain covers it too.
type evidence struct {
	At         time.Time        `json:"at"`
	Burst      *burstEntry      `json:"burst,omitempty"`
	Records    []evidenceRecord `json:"records,omitempty"`
	RequestIDs []string         `json:"request_ids,omitempty"`
	Levers     []string         `json:"levers,omitempty"`
	Controls   []string         `json:"controls,omitempty"`
	Charts     []evidenceChart  `json:"charts,omitempty"`
	SHA256     string           `json:"sha256,omitempty"`
}

// evidenceChart is how a measure went, oldest first; nil is not known.
type evidenceChart struct {
	Metric string     `json:"metric"`
	From   time.Time  `json:"from"`
	Step   string     `json:"step"`
	Points []*float64 `json:"points"`
}

const (
	// chartPoints is the most that one chart keeps, chartStep the least time between two.
	chartPoints = 24
	chartStep   = 10 * time.Second
	// idSearch is how many records are looked at for one request id.
	idSearch = 4
)

// capture freezes the evidence that a block names into the journal.
func (d *Desk) capture(r *run, f runbook.Effect) {
	s, _ := r.book.Step(f.Step)
	var ev evidence
	var kept []string
	if f.Block >= 0 && f.Block < len(s.Blocks) && s.Blocks[f.Block].Evidence != nil {
		ev, kept = d.evidence(r, s.Blocks[f.Block].Evidence.Capture)
	}
	ev.SHA256 = ev.hash()
	ref := fmt.Sprintf("%s; sha256 %.12s", strings.Join(kept, ", "), ev.SHA256)
	_ = d.stepWith(r, runbook.Entry{Kind: runbook.EntryEvidence, Step: f.Step, Block: f.Block, Data: map[string]string{"ref": ref}}, &ev)
}

func (ev evidence) hash() string {
	ev.SHA256 = ""
	raw, err := json.Marshal(ev)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

// evidence gathers what a block names, and says what there was of it.
func (d *Desk) evidence(r *run, capture []string) (evidence, []string) {
	ev := evidence{At: d.now().UTC()}
	var kept []string
	keep := func(n int, one, many string) {
		if n != 1 {
			one = many
		}
		kept = append(kept, strconv.Itoa(n)+" "+one)
	}
	scope := traffic.Scope{}
	b := d.burstByID(r.walk.Burst)
	if b != nil {
		scope = b.Scope
	}
	for _, c := range capture {
		words := strings.Fields(c)
		switch {
		case len(words) == 1 && words[0] == "burst" && b != nil:
			data := burstData(b)
			ev.Burst = &data
			kept = append(kept, fmt.Sprintf("the burst with %d of %d failed", data.Failed, data.Total))
		case len(words) == 1 && words[0] == "burst":
			kept = append(kept, "no burst")
		case len(words) == 2 && words[0] == "error-samples":
			n, _ := strconv.Atoi(words[1])
			ev.Records = d.failures(scope.Selector(d.syms), n)
			keep(len(ev.Records), "failing record", "failing records")
		case len(words) == 2 && words[0] == "request-ids":
			n, _ := strconv.Atoi(words[1])
			ev.RequestIDs = requestIDs(d.failures(scope.Selector(d.syms), idSearch*n), n)
			keep(len(ev.RequestIDs), "request id", "request ids")
		case words[0] == "levers":
			ev.Levers = d.liveLevers("")
			keep(len(ev.Levers), "lever out", "levers out")
		case words[0] == "controls":
			ev.Controls = d.controlLines()
			keep(len(ev.Controls), "control away from its base", "controls away from their base")
		case len(words) == 3 && words[0] == "chart":
			chart, known := d.evidenceChart(r, scope, words[1], words[2])
			ev.Charts = append(ev.Charts, chart)
			kept = append(kept, fmt.Sprintf("%s over %s (%d of %d points known)", words[1], words[2], known, len(chart.Points)))
		}
	}
	return ev, kept
}

// requestIDs are those of records, each once: a request is told by both sides of a gateway, and by each attempt.
func requestIDs(records []evidenceRecord, n int) []string {
	var out []string
	for i := range records {
		if id := records[i].RequestID; id != "" && len(out) < n && !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out
}

func (d *Desk) controlLines() []string {
	var out []string
	for _, name := range d.order {
		for _, c := range d.controlViews(d.wires[name]) {
			out = append(out, c.Instance+" "+c.ID+": "+c.Base+" -> "+c.Value)
		}
	}
	return out
}

// evidenceChart asks for a measure step by step, in the scope of the burst. A state as of now has one point.
func (d *Desk) evidenceChart(r *run, scope traffic.Scope, metric, span string) (chart evidenceChart, known int) {
	over, err := time.ParseDuration(span)
	if err != nil {
		return evidenceChart{Metric: metric}, 0
	}
	now := d.now()
	step := max(chartStep, (over / chartPoints).Round(time.Second))
	n := max(1, int(over/step))
	q := runbook.Query{Metric: metric, Over: step}
	for _, m := range runbook.Vocabulary().Metrics {
		switch {
		case m.Name != metric:
		case m.Quantile:
			q.Quantile = 0.95
		case m.Gauge:
			n = 1
		}
	}
	for _, label := range runbook.Vocabulary().Labels {
		if v := scope[label]; v != "" {
			q.Where = append(q.Where, runbook.Match{Label: label, Op: "=", Values: []string{v}, Implied: true})
		}
	}
	from := d.sig.edge(now).Add(-time.Duration(n) * step)
	chart = evidenceChart{Metric: metric, From: from.UTC(), Step: step.String(), Points: make([]*float64, n)}
	asks := facts{d: d, now: now, run: r}
	for i := range chart.Points {
		q.Offset = time.Duration(n-1-i) * step
		if a := asks.Ask(q); a.Known {
			v := a.Value
			chart.Points[i] = &v
			known++
		}
	}
	return chart, known
}

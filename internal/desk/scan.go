package desk

import (
	"cmp"
	"slices"
	"time"

	"signalbox/internal/board"
	"signalbox/internal/burst"
	"signalbox/internal/traffic"
)

// Scan runs the same board and detector as the live desk over finished logs, in event time: what it
// reports is what the console would have raised. It is owned by one goroutine and asks nobody.
type Scan struct {
	sig    *signals
	order  []string
	bursts map[string]burst.Burst
	totals ScanTotals
}

// ScanTotals are the sums of a scan over all that counts: clients' requests, or attempts where a log has only those.
type ScanTotals struct {
	Requests, Failures int64
	Classes            map[string]int64
}

// ScanCell is one cell of a scan.
type ScanCell struct {
	Side     string           `json:"side"`
	Env      string           `json:"env"`
	Provider string           `json:"provider"`
	Model    string           `json:"model"`
	Region   string           `json:"region"`
	Endpoint string           `json:"endpoint"`
	Requests int64            `json:"requests"`
	Failures int64            `json:"failures"`
	Classes  map[string]int64 `json:"classes"`
}

// ScanBurst is one burst of a scan.
type ScanBurst struct {
	ID       string           `json:"id"`
	Start    time.Time        `json:"start"`
	Detected time.Time        `json:"detected"`
	End      *time.Time       `json:"end"`
	PeakRate float64          `json:"peak_rate"`
	Excess   float64          `json:"excess"`
	Classes  map[string]int64 `json:"classes"`
	Kind     string           `json:"kind"`
	Scope    traffic.Scope    `json:"scope"`
	Share    float64          `json:"share"`
	Cells    []traffic.Scope  `json:"cells"`
	Reason   string           `json:"reason"`
	Failed   int64            `json:"failed"`
	Total    int64            `json:"total"`
	Changes  []ScanChange     `json:"changes,omitempty"` // of the 30 minutes before it, newest first; where changes were told
}

// ScanChange is one change beside a burst of a scan.
type ScanChange struct {
	Time  time.Time     `json:"time"`
	Kind  string        `json:"kind"`
	Text  string        `json:"text"`
	Who   string        `json:"who,omitempty"`
	Scope traffic.Scope `json:"scope,omitempty"`
}

// NewScan begins a scan. falsePerMonth is the detector's sensitivity, 0 its default.
func NewScan(syms *traffic.Symbols, falsePerMonth float64) *Scan {
	s := &Scan{
		sig: newSignals(syms, falsePerMonth, time.Unix(0, 0)), bursts: map[string]burst.Burst{},
		totals: ScanTotals{Classes: map[string]int64{}},
	}
	s.sig.board = board.New(board.Options{Symbols: syms, MaxRecords: -1}) // a scan shows no record
	return s
}

// Add takes records, in event time order as far as the files had one.
func (s *Scan) Add(records []traffic.Record) {
	s.add(traffic.Batch{Source: "scan", Kind: traffic.LogSource, Records: records})
}

// Tell takes changes, in any order: each burst lists those shortly before it.
func (s *Scan) Tell(facts []traffic.Fact) {
	facts = slices.Clone(facts)
	cleanFacts(facts)
	s.sig.board.Apply(traffic.Batch{Source: "changes", Kind: traffic.ChangeSource, Facts: facts}, time.Time{})
}

func (s *Scan) add(b traffic.Batch) {
	s.sig.apply(b, time.Time{})
	for i := range b.Records {
		s.count(&b.Records[i])
	}
	s.take(s.sig.advance(s.sig.board.Watermark(time.Time{}, false)))
}

func (s *Scan) count(r *traffic.Record) {
	if r.Explains || (r.Key[traffic.Side] == s.sig.upstreamSym) {
		return
	}
	s.totals.Requests++
	if r.Outcome.Failed() {
		s.totals.Failures++
		s.totals.Classes[r.Outcome.Class().String()]++
	}
}

func (s *Scan) take(events []burst.Event) {
	for _, e := range events {
		if _, known := s.bursts[e.Burst.ID]; !known {
			s.order = append(s.order, e.Burst.ID)
		}
		s.bursts[e.Burst.ID] = e.Burst
		if e.Kind == burst.Withdrawn || e.Kind == burst.Merged {
			delete(s.bursts, e.Burst.ID)
			s.order = slices.DeleteFunc(s.order, func(id string) bool { return id == e.Burst.ID })
		}
	}
}

// Finish closes the last seconds.
func (s *Scan) Finish() {
	if n := s.sig.board.Newest(); !n.IsZero() {
		s.take(s.sig.advance(n.Add(2 * time.Second)))
	}
	for _, b := range s.sig.det.Bursts() {
		if _, known := s.bursts[b.ID]; known {
			s.bursts[b.ID] = b // with its numbers of now
		}
	}
}

// Totals gives the sums. A log that tells only of attempts is summed over those.
func (s *Scan) Totals() ScanTotals {
	if s.totals.Requests > 0 {
		return s.totals
	}
	t := ScanTotals{Classes: map[string]int64{}}
	for _, c := range s.Cells() {
		t.Requests += c.Requests
		t.Failures += c.Failures
		for k, n := range c.Classes {
			t.Classes[k] += n
		}
	}
	return t
}

// Cells gives all cells, busiest first. The board keeps a day: of a longer log, the last day.
func (s *Scan) Cells() []ScanCell {
	by := map[cellName]*ScanCell{}
	newest := s.sig.board.Newest()
	for _, k := range s.sig.board.Keys(traffic.Selector{}) {
		id := cellName{s.name(k, traffic.Side), s.name(k, traffic.Env), s.name(k, traffic.Provider), s.name(k, traffic.Model), s.name(k, traffic.Region), s.name(k, traffic.Endpoint)}
		if by[id] != nil {
			continue
		}
		by[id] = &ScanCell{Side: id[0], Env: id[1], Provider: id[2], Model: id[3], Region: id[4], Endpoint: id[5], Classes: map[string]int64{}}
		var sel traffic.Selector
		for i, dim := range cellDims {
			sel = sel.Is(dim, s.sig.syms.Intern(id[i]))
		}
		by[id].fill(s.sig.count(sel, newest.Add(-24*time.Hour), newest.Add(time.Second)))
	}
	out := make([]ScanCell, 0, len(by))
	for _, c := range by {
		out = append(out, *c)
	}
	slices.SortFunc(out, func(a, b ScanCell) int {
		return cmp.Or(cmp.Compare(b.Requests, a.Requests), cmp.Compare(a.Side+a.Model+a.Region+a.Provider+a.Env+a.Endpoint, b.Side+b.Model+b.Region+b.Provider+b.Env+b.Endpoint))
	})
	return out
}

// cellName names a cell: side, env, provider, model, region, endpoint.
type cellName [6]string

var cellDims = [6]traffic.Dim{traffic.Side, traffic.Env, traffic.Provider, traffic.Model, traffic.Region, traffic.Endpoint}

func (s *Scan) name(k traffic.Key, d traffic.Dim) string { return s.sig.syms.Name(k[d]) }

func (c *ScanCell) fill(w board.Window) {
	c.Requests = w.Req
	for o, n := range w.ByOutcome {
		if o.Failed() {
			c.Failures += n
			c.Classes[o.Class().String()] += n
		}
	}
}

// Bursts gives the bursts in the order in which they were detected.
func (s *Scan) Bursts() []ScanBurst {
	out := make([]ScanBurst, 0, len(s.order))
	for _, id := range s.order {
		b := s.bursts[id]
		v := ScanBurst{
			ID: b.ID, Start: b.Onset.UTC(), Detected: b.Detected.UTC(), PeakRate: b.Peak, Excess: b.Excess, Classes: b.Classes, Kind: b.Kind,
			Scope: b.Scope, Share: b.Share, Reason: b.Reason, Failed: b.Failed, Total: b.Total, Cells: []traffic.Scope{},
		}
		if !b.Ended.IsZero() {
			end := b.Ended.UTC()
			v.End = &end
		}
		for _, c := range b.Cells {
			v.Cells = append(v.Cells, c.Scope)
		}
		for _, c := range s.sig.suspects(b.Scope, b.Onset) {
			v.Changes = append(v.Changes, ScanChange{Time: c.At.UTC(), Kind: c.Kind, Text: c.Text, Who: c.Who, Scope: c.Scope})
		}
		out = append(out, v)
	}
	return out
}

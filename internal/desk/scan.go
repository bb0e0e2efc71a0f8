package desk

import (
	"cmp"
	"slices"
	"time"

	"signalbox/internal/board"
	"signalbox/internal/burst"
	"signalbox/internal/fault"
	"signalbox/internal/traffic"
)

// Scan runs the detector of the live desk over finished logs, in event time, on counts like those of its board: what
// it reports is what the console would have raised. It is owned by one goroutine and asks nobody.
type Scan struct {
	sig    *signals // its detector, and its board for what was changed; traffic is counted by the digest
	places *traffic.Places
	digest *board.Digest
	order  []string
	bursts map[string]burst.Burst
	found  []burst.Finding

	requests, failures int64
	classes            []int64
	upstream           []bool // by place: it tells of attempts
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

// NewScan begins a scan of briefs whose places the table numbers. falsePerMonth is the detector's sensitivity, 0 its
// default.
func NewScan(syms *traffic.Symbols, places *traffic.Places, falsePerMonth float64) *Scan {
	s := &Scan{
		sig: newSignals(syms, falsePerMonth, time.Unix(0, 0)), places: places, digest: board.NewDigest(places),
		bursts: map[string]burst.Burst{}, classes: make([]int64, len(fault.Classes())),
	}
	s.sig.board = board.New(board.Options{Symbols: syms, MaxRecords: -1}) // a scan shows no record
	return s
}

// Tell takes changes, in any order: each burst lists those shortly before it.
func (s *Scan) Tell(facts []traffic.Fact) {
	facts = slices.Clone(facts)
	cleanFacts(facts)
	s.sig.board.Apply(traffic.Batch{Source: "changes", Kind: traffic.ChangeSource, Facts: facts}, time.Time{})
}

// Add takes briefs, in event time order as far as the files had one. It keeps none of them.
func (s *Scan) Add(briefs []traffic.Brief) {
	for _, k := range s.places.Keys()[len(s.upstream):] {
		s.upstream = append(s.upstream, k[traffic.Side] == s.sig.upstreamSym)
	}
	for len(briefs) > 0 {
		n, looked := s.digest.Take(briefs)
		for i := range briefs[:n] {
			s.count(&briefs[i])
		}
		briefs = briefs[n:]
		if looked {
			s.step(s.digest.Watermark())
		}
	}
}

// step closes the seconds before a time.
func (s *Scan) step(to time.Time) {
	if to.IsZero() {
		return
	}
	looked := s.sig.looked
	s.take(s.sig.stepTo(s.digest, to, func() []traffic.Gauge { return nil }))
	if s.sig.looked != looked {
		s.find()
	}
	s.digest.Close(to.Unix())
}

func (s *Scan) count(b *traffic.Brief) {
	if b.Marks&traffic.Explains != 0 || s.upstream[b.Place] {
		return
	}
	s.requests++
	if b.Outcome.Failed() {
		s.failures++
		s.classes[b.Outcome.Class()]++
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

// find takes in what moves beside the bursts.
func (s *Scan) find() {
	for _, f := range s.sig.look.Findings() {
		if i := slices.IndexFunc(s.found, func(o burst.Finding) bool { return o.ID == f.ID }); i >= 0 {
			s.found[i] = f
		} else {
			s.found = append(s.found, f)
		}
	}
}

// Finish closes the last seconds.
func (s *Scan) Finish() {
	s.digest.Pause()
	if n := s.digest.Newest(); !n.IsZero() {
		s.step(s.digest.Watermark())
		s.step(n.Add(time.Second)) // its own second is the last: what comes after the end of a log is no lost traffic
	}
	for _, b := range s.sig.det.Bursts() {
		if _, known := s.bursts[b.ID]; known {
			s.bursts[b.ID] = b // with its numbers of now
		}
	}
}

// Totals gives the sums. A log that tells only of attempts is summed over those.
func (s *Scan) Totals() ScanTotals {
	t := ScanTotals{Requests: s.requests, Failures: s.failures, Classes: map[string]int64{}}
	for c, n := range s.classes {
		if n > 0 {
			t.Classes[fault.Class(c).String()] = n //nolint:gosec // one of the classes
		}
	}
	if t.Requests > 0 {
		return t
	}
	for _, c := range s.Cells() {
		t.Requests += c.Requests
		t.Failures += c.Failures
		for k, n := range c.Classes {
			t.Classes[k] += n
		}
	}
	return t
}

// Cells gives all cells, busiest first. The digest keeps a day: of a longer log, the last day.
func (s *Scan) Cells() []ScanCell {
	by := map[cellName]*ScanCell{}
	for _, sum := range s.digest.Sums() {
		var id cellName
		for i, dim := range cellDims {
			id[i] = s.sig.syms.Name(sum.Key[dim])
		}
		c := by[id]
		if c == nil {
			c = &ScanCell{Side: id[0], Env: id[1], Provider: id[2], Model: id[3], Region: id[4], Endpoint: id[5], Classes: map[string]int64{}}
			by[id] = c
		}
		c.add(sum)
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

func (c *ScanCell) add(sum board.Sum) {
	c.Requests += sum.Req
	for _, o := range sum.ByOutcome {
		if o.Outcome.Failed() {
			c.Failures += o.N
			c.Classes[o.Outcome.Class().String()] += o.N
		}
	}
}

// Bursts gives the bursts in the order in which they were detected.
func (s *Scan) Bursts() []BurstReport {
	out := make([]BurstReport, 0, len(s.order))
	for _, id := range s.order {
		v := viewBurst(s.bursts[id])
		v.Changes = s.sig.suspects(v.Scope, v.Onset)
		out = append(out, v.Report())
	}
	return out
}

// Findings gives what moved beside the bursts, in the order in which it began.
func (s *Scan) Findings() []FindingReport {
	out := make([]FindingReport, 0, len(s.found))
	for _, f := range s.found {
		v := viewFinding(f)
		out = append(out, v.Report())
	}
	slices.SortStableFunc(out, func(a, b FindingReport) int { return a.Start.Compare(b.Start) })
	return out
}

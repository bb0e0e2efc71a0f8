package desk

import (
	"cmp"
	"slices"
	"time"

	"signalbox/internal/board"
	"signalbox/internal/traffic"
)

const (
	gridSpan   = time.Minute
	sparkStep  = 10 * time.Second
	sparkCount = 18 // three minutes
	maxModels  = 40
	maxRegions = 12
)

// grid counts models by regions, on the side that carries blame.
func (d *Desk) grid(now time.Time) Grid {
	edge := d.sig.edge(now)
	g := Grid{Side: traffic.SideUpstream, Span: gridSpan, Step: sparkStep}
	if len(d.sig.upstream) == 0 {
		g.Side = traffic.SideClient
	}
	models, regions := d.axes(edge)
	g.Models, g.Regions = models, regions
	for _, m := range models {
		row := make([]Cell, 0, len(regions))
		for _, r := range regions {
			row = append(row, d.cell(m, r, edge))
		}
		g.Cells = append(g.Cells, row)
	}
	return g
}

// axes lists models and regions with traffic in the last quarter of an hour, busiest first; unknown ones last.
func (d *Desk) axes(edge time.Time) (models, regions []string) {
	byModel, byRegion := map[string]int64{}, map[string]int64{}
	for _, sel := range d.sig.blameSelectors(traffic.Selector{}) {
		for _, k := range d.sig.board.Keys(sel) {
			m, r := d.syms.Name(k[traffic.Model]), d.syms.Name(k[traffic.Region])
			byModel[m] += 0
			byRegion[r] += 0
		}
	}
	from := edge.Add(-15 * time.Minute)
	for m := range byModel {
		byModel[m] = d.sig.countSide(pin(d.syms, traffic.Model, m), from, edge).Req
	}
	for r := range byRegion {
		byRegion[r] = d.sig.countSide(pin(d.syms, traffic.Region, r), from, edge).Req
	}
	return busiest(byModel, maxModels), busiest(byRegion, maxRegions)
}

// pin selects one value of a dimension; "" is the unknown one.
func pin(syms *traffic.Symbols, dim traffic.Dim, name string) traffic.Selector {
	return traffic.Selector{}.Is(dim, syms.Intern(name))
}

// busiest orders by the name, so that rows do not jump about while the operator looks, after cutting
// the list to the busiest.
func busiest(counts map[string]int64, limit int) []string {
	var names []string
	for n, c := range counts {
		if c > 0 {
			names = append(names, n)
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
	if len(names) > limit {
		names = names[:limit]
	}
	slices.SortFunc(names, func(a, b string) int {
		if (a == "") != (b == "") {
			return cmp.Compare(b, a)
		}
		return cmp.Compare(a, b)
	})
	return names
}

func (d *Desk) cell(model, region string, edge time.Time) Cell {
	sel := pin(d.syms, traffic.Model, model).Is(traffic.Region, d.syms.Intern(region))
	c := Cell{Scope: traffic.Scope{}}
	if model != "" {
		c.Scope["model"] = model
	}
	if region != "" {
		c.Scope["region"] = region
	}
	w := d.sig.countSide(sel, edge.Add(-gridSpan), edge)
	c.Req, c.Err = w.Req, w.Err
	if c.Req > 0 {
		c.Rate = float64(c.Err) / float64(c.Req)
	}
	c.Leading = leading(w)
	if p, ok := w.Lat.Quantile(0.95); ok {
		c.P95 = p
	}
	c.Spark = d.spark(sel, edge)
	for _, b := range d.bursts {
		if b.Ended.IsZero() && b.pages() && len(b.Scope) > 0 && b.Scope.Overlaps(c.Scope) && d.burstHolds(b.Scope, c) {
			c.Burst = b.ID
			break
		}
	}
	return c
}

// burstHolds tells whether a burst's scope really covers traffic of the cell: a provider's burst only
// marks cells which that provider serves.
func (d *Desk) burstHolds(scope traffic.Scope, c Cell) bool {
	both := scope.Clone()
	for k, v := range c.Scope {
		both[k] = v
	}
	edge := d.sig.edge(d.now())
	return d.sig.countSide(both.Selector(d.syms), edge.Add(-gridSpan), edge).Req > 0
}

func (d *Desk) spark(sel traffic.Selector, edge time.Time) []Point {
	from := edge.Truncate(sparkStep).Add(sparkStep - sparkCount*sparkStep)
	out := make([]Point, sparkCount)
	for _, part := range d.sig.blameSelectors(sel) {
		for i, p := range d.sig.board.Series(part, from, sparkStep, sparkCount) {
			out[i].Req += p.Req
			out[i].Err += p.Err
		}
	}
	return out
}

// leading names the class with the most failures that are not the callers' own; with none of those, the
// callers' leading one.
func leading(w board.Window) string {
	best, bestN := "", int64(0)
	for _, own := range []bool{false, true} {
		for _, cn := range classCounts(w, own) {
			if cn.n > bestN {
				best, bestN = cn.class, cn.n
			}
		}
		if best != "" {
			return best
		}
	}
	return ""
}

type classCount struct {
	class string
	n     int64
}

// classCounts gives failures by class in a fixed order; caller selects the callers' own or all others.
func classCounts(w board.Window, caller bool) []classCount {
	by := map[string]int64{}
	for o, n := range w.ByOutcome {
		if o.Failed() && o.Class().Caller() == caller {
			by[o.Class().String()] += n
		}
	}
	out := make([]classCount, 0, len(by))
	for c, n := range by {
		out = append(out, classCount{c, n})
	}
	slices.SortFunc(out, func(a, b classCount) int {
		return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(a.class, b.class))
	})
	return out
}

// totals counts the last minute on both sides.
func (d *Desk) totals(now time.Time) Totals {
	edge := d.sig.edge(now)
	from := edge.Add(-gridSpan)
	all := traffic.Selector{}
	client := d.sig.count(d.sig.side(all, traffic.SideClient), from, edge)
	up := d.sig.count(d.sig.side(all, traffic.SideUpstream), from, edge)
	t := Totals{
		Span: gridSpan, ClientReq: client.Req, ClientErr: client.Err, UpstreamReq: up.Req, UpstreamErr: up.Err,
		TokensIn: client.TokIn, TokensOut: client.TokOut, Spark: d.spark(all, edge),
	}
	if client.Req > 0 && up.Req > 0 {
		t.Amplification = float64(up.Req) / float64(client.Req)
	}
	t.P50, _ = client.Lat.Quantile(0.5)
	t.P95, _ = client.Lat.Quantile(0.95)
	for name, p := range map[string]*Point{traffic.WorkloadInteractive: &t.Interactive, traffic.WorkloadBatch: &t.Batch} {
		w := d.sig.count(d.sig.side(pin(d.syms, traffic.Workload, name), traffic.SideClient), from, edge)
		*p = Point{w.Req, w.Err}
	}
	return t
}

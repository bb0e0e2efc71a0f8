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

// spot is a row and a column of the grid.
type spot struct{ model, region traffic.Sym }

// mosaic is what the grid is laid from: one pass over the board for each number, however many cells.
type mosaic struct {
	now    map[spot]board.Window // the span
	recent map[spot]int64        // requests of the last quarter of an hour
	sparks map[spot][]Point
	bursts map[spot]string
}

// recentSpan is how long a model or region stays on the grid after its last request.
const recentSpan = 15 * time.Minute

func (d *Desk) mosaic(edge time.Time) mosaic {
	m := mosaic{now: map[spot]board.Window{}, recent: map[spot]int64{}, sparks: map[spot][]Point{}, bursts: map[spot]string{}}
	all := traffic.Selector{}
	d.spots(all, edge.Add(-gridSpan), edge, func(at spot, w board.Window) {
		if old, seen := m.now[at]; seen {
			w = add(old, w)
		}
		m.now[at] = w
	})
	d.spots(all, edge.Add(-recentSpan), edge, func(at spot, w board.Window) { m.recent[at] += w.Req })
	for _, part := range d.sig.blameSelectors(all) {
		for k, points := range d.sig.board.SeriesBy(part, sparkFrom(edge), sparkStep, sparkCount, traffic.Model, traffic.Region) {
			at := spot{k[traffic.Model], k[traffic.Region]}
			m.sparks[at] = addPoints(m.sparks[at], points)
		}
	}
	for _, b := range slices.Backward(d.bursts) { // newest last: it marks the cell
		if !b.Live() || !b.pages() {
			continue
		}
		d.spots(b.Scope.Selector(d.syms), edge.Add(-gridSpan), edge, func(at spot, w board.Window) {
			if w.Req > 0 {
				m.bursts[at] = b.ID
			}
		})
	}
	return m
}

// spots visits what providers were asked, by model and region.
func (d *Desk) spots(sel traffic.Selector, from, to time.Time, visit func(spot, board.Window)) {
	for _, part := range d.sig.blameSelectors(sel) {
		for _, p := range d.sig.board.Split(board.Query{Sel: part, From: from, To: to}, traffic.Model, traffic.Region) {
			visit(spot{p.Key[traffic.Model], p.Key[traffic.Region]}, p.Window)
		}
	}
}

// grid counts models by regions, on the side that carries blame.
func (d *Desk) grid(now time.Time) Grid {
	edge := d.sig.edge(now)
	g := Grid{Side: traffic.SideUpstream, Span: gridSpan, Step: sparkStep, From: sparkFrom(edge)}
	if len(d.sig.upstream) == 0 {
		g.Side = traffic.SideClient
	}
	m := d.mosaic(edge)
	g.Models, g.Regions = d.axes(m)
	for _, model := range g.Models {
		row := make([]Cell, 0, len(g.Regions))
		for _, region := range g.Regions {
			row = append(row, m.cell(model, region, spot{d.syms.Intern(model), d.syms.Intern(region)}))
		}
		g.Cells = append(g.Cells, row)
	}
	return g
}

// axes lists models and regions with traffic lately; the busiest stay where there are too many.
func (d *Desk) axes(m mosaic) (models, regions []string) {
	byModel, byRegion := map[string]int64{}, map[string]int64{}
	for at, n := range m.recent {
		byModel[d.syms.Name(at.model)] += n
		byRegion[d.syms.Name(at.region)] += n
	}
	return busiest(byModel, maxModels), busiest(byRegion, maxRegions)
}

// pin selects one value of a dimension; "" is the unknown one.
func pin(syms *traffic.Symbols, dim traffic.Dim, name string) traffic.Selector {
	return traffic.Selector{}.Is(dim, syms.Intern(name))
}

// busiest orders by the name, so that rows do not jump about while the operator looks, after cutting
// the list to the busiest. The unknown one comes last.
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

func (m mosaic) cell(model, region string, at spot) Cell {
	c := Cell{Scope: traffic.Scope{}, Burst: m.bursts[at], Spark: m.sparks[at]}
	if model != "" {
		c.Scope["model"] = model
	}
	if region != "" {
		c.Scope["region"] = region
	}
	w := m.now[at]
	c.Req, c.Err, c.Rate = w.Req, w.Err, w.Rate()
	c.Leading = leading(w)
	if p, ok := w.Lat.Quantile(0.95); ok {
		c.P95 = p
	}
	if c.Spark == nil {
		c.Spark = make([]Point, sparkCount)
	}
	return c
}

func sparkFrom(edge time.Time) time.Time {
	return edge.Truncate(sparkStep).Add(sparkStep - sparkCount*sparkStep)
}

// spark gives the course of everything.
func (d *Desk) spark(sel traffic.Selector, edge time.Time) []Point {
	out := make([]Point, sparkCount)
	for _, part := range d.sig.blameSelectors(sel) {
		out = addPoints(out, d.sig.board.Series(part, sparkFrom(edge), sparkStep, sparkCount))
	}
	return out
}

// addPoints adds the points of one selector to those of others; sum may be nil.
func addPoints(sum []Point, points []board.Point) []Point {
	if sum == nil {
		sum = make([]Point, len(points))
	}
	for i, p := range points {
		sum[i].Req += p.Req
		sum[i].Err += p.Err
	}
	return sum
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

package desk

import (
	"cmp"
	"maps"
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
	bursts map[spot]*burstState
	sights map[spot]string
	ways   map[spot]*ways
}

// recentSpan is how long a model or region stays on the grid after its last request.
const recentSpan = 15 * time.Minute

// laid is what of the grid is not counted anew each second, because it reaches far back and changes at its end.
type laid struct {
	recentAt time.Time
	recent   map[spot]int64
	from     time.Time // of sparks
	sparks   map[spot][]Point
	told     int // how many gateways told of upstream attempts then
	waysAt   time.Time
	ways     map[spot]*ways
}

// What is laid is counted anew after recentPace, and the course of all steps but the newest ones when the next step
// begins: late records count there only then.
const (
	recentPace  = time.Minute
	newestSteps = 2
)

// blindFrom is how long a fault must be invisible for a cell to say so.
const blindFrom = 30 * time.Second

func (d *Desk) mosaic(edge time.Time) mosaic {
	m := mosaic{now: map[spot]board.Window{}, bursts: map[spot]*burstState{}}
	all := traffic.Selector{}
	d.spots(board.Query{Sel: all, From: edge.Add(-gridSpan), To: edge, Skip: board.FirstTokens}, func(at spot, w board.Window) {
		if old, seen := m.now[at]; seen {
			w = add(old, w)
		}
		m.now[at] = w
	})
	if told := len(d.sig.upstream); told != d.laid.told {
		d.laid = laid{told: told}
	}
	m.recent, m.sparks, m.ways = d.recently(edge, m.now), d.courses(edge), d.through(edge, m.now)
	m.sights = map[spot]string{}
	for _, s := range d.sig.det.Sights(traffic.Model, traffic.Region) {
		if s.Blind >= blindFrom {
			m.sights[spot{s.Key[traffic.Model], s.Key[traffic.Region]}] = s.String()
		}
	}
	for _, b := range slices.Backward(d.bursts) { // newest last: it marks the cell
		if !b.Live() || !b.Pages() {
			continue
		}
		d.spots(board.Query{Sel: b.Scope.Selector(d.syms), From: edge.Add(-gridSpan), To: edge, Skip: board.NoSketch}, func(at spot, w board.Window) {
			if w.Req > 0 {
				m.bursts[at] = b
			}
		})
	}
	return m
}

// recently counts the requests of each cell lately, at least those of the span.
func (d *Desk) recently(edge time.Time, now map[spot]board.Window) map[spot]int64 {
	l := &d.laid
	if gone := edge.Sub(l.recentAt); l.recent == nil || gone < 0 || gone >= recentPace {
		l.recentAt, l.recent = edge, map[spot]int64{}
		d.spots(board.Query{From: edge.Add(-recentSpan), To: edge, Skip: board.NoSketch}, func(at spot, w board.Window) { l.recent[at] += w.Req })
	}
	out := maps.Clone(l.recent)
	for at, w := range now {
		out[at] = max(out[at], w.Req)
	}
	return out
}

// courses gives the course of each cell. Snapshots have the points: what changes is made anew.
func (d *Desk) courses(edge time.Time) map[spot][]Point {
	l, from, known := &d.laid, sparkFrom(edge), 0
	if l.sparks != nil && l.from.Equal(from) {
		known = sparkCount - newestSteps
	}
	sparks := map[spot][]Point{}
	for at, points := range l.sparks {
		if known > 0 {
			sparks[at] = append(points[:known:known], make([]Point, sparkCount-known)...)
		}
	}
	for _, part := range d.sig.blameSelectors(traffic.Selector{}) {
		for k, points := range d.sig.board.SeriesBy(part, from.Add(time.Duration(known)*sparkStep), sparkStep, sparkCount-known, traffic.Model, traffic.Region) {
			at := spot{k[traffic.Model], k[traffic.Region]}
			if sparks[at] == nil {
				sparks[at] = make([]Point, sparkCount)
			}
			for i, p := range points {
				sparks[at][known+i].Req += p.Req
				sparks[at][known+i].Err += p.Err
			}
		}
	}
	l.from, l.sparks = from, sparks
	return sparks
}

// spots visits what providers were asked, by model and region.
func (d *Desk) spots(q board.Query, visit func(spot, board.Window)) {
	for _, part := range d.sig.blameSelectors(q.Sel) {
		q.Sel = part
		for _, p := range d.sig.board.Split(q, traffic.Model, traffic.Region) {
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
	c := Cell{Scope: traffic.Scope{}, Spark: m.sparks[at], Sight: m.sights[at]}
	if b := m.bursts[at]; b != nil {
		c.Burst, c.Kind = b.ID, b.Kind
	}
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
	m.ways[at].tell(&c)
	return c
}

func sparkFrom(edge time.Time) time.Time {
	return edge.Truncate(sparkStep).Add(sparkStep - sparkCount*sparkStep)
}

// spark gives the course of everything that the grid was laid from.
func (d *Desk) spark() []Point {
	out := make([]Point, sparkCount)
	for _, points := range d.laid.sparks {
		for i, p := range points {
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

// totals counts the last minute on both sides, once the grid is laid.
func (d *Desk) totals(now time.Time) Totals {
	edge := d.sig.edge(now)
	from := edge.Add(-gridSpan)
	all := traffic.Selector{}
	count := func(sel traffic.Selector, skip board.Sketches) board.Window {
		return d.sig.board.Window(board.Query{Sel: sel, From: from, To: edge, Skip: skip})
	}
	client := count(d.sig.side(all, traffic.SideClient), board.FirstTokens)
	up := count(d.sig.side(all, traffic.SideUpstream), board.NoSketch)
	t := Totals{
		Span: gridSpan, ClientReq: client.Req, ClientErr: client.Err, UpstreamReq: up.Req, UpstreamErr: up.Err,
		TokensIn: client.TokIn, TokensOut: client.TokOut, Spark: d.spark(),
	}
	if client.Req > 0 && up.Req > 0 {
		t.Amplification = float64(up.Req) / float64(client.Req)
	}
	t.P50, _ = client.Lat.Quantile(0.5)
	t.P95, _ = client.Lat.Quantile(0.95)
	for name, p := range map[string]*Point{traffic.WorkloadInteractive: &t.Interactive, traffic.WorkloadBatch: &t.Batch} {
		w := count(d.sig.side(pin(d.syms, traffic.Workload, name), traffic.SideClient), board.NoSketch)
		*p = Point{w.Req, w.Err}
	}
	return t
}

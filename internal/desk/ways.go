package desk

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"signalbox/internal/board"
	"signalbox/internal/traffic"
)

// Serving is one way that the requests of a cell take: through a gateway, to a deployment. What no source tells is empty.
type Serving struct{ Gateway, Deployment, Provider string }

// waysPace is how often it is looked which ways requests take now. A way that is not taken any more is forgotten with
// recentSpan, as the cell itself.
const waysPace = 5 * time.Second

// ways is what a cell's requests go through, each with the time when it was last so.
type ways struct {
	servings  map[Serving]time.Time
	workloads map[string]time.Time
	mapped    []string // deployments that the inventory names for it, where no source does
}

// through looks which ways the requests of each cell take: at its pace, and at once where a cell has come.
func (d *Desk) through(edge time.Time, now map[spot]board.Window) map[spot]*ways {
	l := &d.laid
	fresh := l.ways != nil
	for at, w := range now {
		fresh = fresh && (w.Req == 0 || l.ways[at] != nil)
	}
	if gone := edge.Sub(l.waysAt); fresh && gone >= 0 && gone < waysPace {
		return l.ways
	}
	if l.ways == nil {
		l.ways = map[spot]*ways{}
	}
	l.waysAt = edge
	minute := board.Query{From: edge.Add(-gridSpan), To: edge, Skip: board.NoSketch}
	for _, part := range d.sig.blameSelectors(traffic.Selector{}) {
		minute.Sel = part
		for _, p := range d.sig.board.Split(minute, traffic.Model, traffic.Region, traffic.Gateway, traffic.Deployment, traffic.Provider, traffic.Workload) {
			if p.Req > 0 {
				d.way(spot{p.Key[traffic.Model], p.Key[traffic.Region]}).take(d, p.Key, edge)
			}
		}
	}
	d.askedWorkloads(minute, edge)
	for at, w := range l.ways {
		forget(w.servings, edge)
		forget(w.workloads, edge)
		if len(w.servings) == 0 {
			delete(l.ways, at)
		} else if w.mapped = nil; !w.named() && d.o.Inventory != nil {
			w.mapped = d.o.Inventory(d.placeScope(at))
		}
	}
	return l.ways
}

func (d *Desk) way(at spot) *ways {
	w := d.laid.ways[at]
	if w == nil {
		w = &ways{map[Serving]time.Time{}, map[string]time.Time{}, nil}
		d.laid.ways[at] = w
	}
	return w
}

func (w *ways) take(d *Desk, k traffic.Key, at time.Time) {
	name := func(dim traffic.Dim) string {
		if k[dim] == traffic.Other {
			return ""
		}
		return d.syms.Name(k[dim])
	}
	w.servings[Serving{name(traffic.Gateway), name(traffic.Deployment), name(traffic.Provider)}] = at
	if load := name(traffic.Workload); load != "" {
		w.workloads[load] = at
	}
}

// askedWorkloads takes the workloads from what was asked of the gateways, for the cells whose attempts do not tell any.
func (d *Desk) askedWorkloads(q board.Query, edge time.Time) {
	q.Sel = d.sig.side(traffic.Selector{}, traffic.SideClient)
	type asked struct{ model, gateway string }
	of := map[asked][]string{}
	for _, p := range d.sig.board.Split(q, traffic.Model, traffic.Gateway, traffic.Workload) {
		if load := p.Key[traffic.Workload]; p.Req > 0 && load > traffic.Other {
			a := asked{d.syms.Name(p.Key[traffic.Model]), d.syms.Name(p.Key[traffic.Gateway])}
			of[a] = append(of[a], d.syms.Name(load))
		}
	}
	for at, w := range d.laid.ways {
		if len(w.workloads) > 0 {
			continue
		}
		for s := range w.servings {
			for _, load := range of[asked{d.syms.Name(at.model), s.Gateway}] {
				w.workloads[load] = edge
			}
		}
	}
}

// named tells whether some way names its deployment.
func (w *ways) named() bool {
	for s := range w.servings {
		if s.Deployment != "" {
			return true
		}
	}
	return false
}

func (d *Desk) placeScope(at spot) traffic.Scope {
	s := traffic.Scope{}
	for dim, sym := range map[string]traffic.Sym{"model": at.model, "region": at.region} {
		if v := d.syms.Name(sym); v != "" {
			s[dim] = v
		}
	}
	return s
}

func forget[K comparable](seen map[K]time.Time, now time.Time) {
	maps.DeleteFunc(seen, func(_ K, at time.Time) bool { return now.Sub(at) > recentSpan })
}

// tell puts the ways into a cell of the grid.
func (w *ways) tell(c *Cell) {
	if w == nil {
		return
	}
	c.Servings = slices.SortedFunc(maps.Keys(w.servings), func(a, b Serving) int {
		return cmp.Or(cmp.Compare(a.Gateway, b.Gateway), cmp.Compare(a.Deployment, b.Deployment), cmp.Compare(a.Provider, b.Provider))
	})
	c.Workloads, c.Mapped = slices.Sorted(maps.Keys(w.workloads)), w.mapped
}

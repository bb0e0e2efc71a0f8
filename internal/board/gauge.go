package board

import (
	"slices"
	"time"

	"signalbox/internal/traffic"
)

// gaugeKeep is how long a state counts that nobody has told again: an instance that is gone must not hold requests
// for ever.
const gaugeKeep = 2 * time.Minute

type gaugeID struct {
	key  traffic.Key
	name traffic.GaugeName
}

// gauges holds the latest value of each state.
type gauges struct {
	byID    map[gaugeID]traffic.Gauge
	order   []gaugeID
	max     int
	refused int64
}

func newGauges(limit int) gauges {
	return gauges{byID: make(map[gaugeID]traffic.Gauge), max: limit}
}

func (g *gauges) set(v traffic.Gauge) {
	id := gaugeID{v.Key, v.Name}
	was, known := g.byID[id]
	if known && was.At.After(v.At) {
		return
	}
	if !known {
		if len(g.byID) >= g.max {
			g.forget(v.At)
		}
		if len(g.byID) >= g.max {
			g.refused++
			return
		}
		g.order = append(g.order, id)
	}
	g.byID[id] = v
}

// forget makes room by dropping states that nobody has told for long.
func (g *gauges) forget(now time.Time) {
	g.order = slices.DeleteFunc(g.order, func(id gaugeID) bool {
		old := now.Sub(g.byID[id].At) > gaugeKeep
		if old {
			delete(g.byID, id)
		}
		return old
	})
}

// Gauges lists the current states of one name, in order of appearance. States older than two minutes are left out.
func (b *Board) Gauges(sel traffic.Selector, name traffic.GaugeName, now time.Time) []traffic.Gauge {
	var out []traffic.Gauge
	for _, id := range b.states.order {
		if id.name != name || !sel.Match(id.key) {
			continue
		}
		if v := b.states.byID[id]; now.Sub(v.At) <= gaugeKeep {
			out = append(out, v)
		}
	}
	return out
}

// Gauge adds up the current states of one name: their sum, how many they are, and the age of the oldest. A limit
// below zero means "none" and is not added; where all are, the sum is -1. ok is false where there is no state, or
// none younger than two minutes: unknown is not zero.
func (b *Board) Gauge(sel traffic.Selector, name traffic.GaugeName, now time.Time) (sum float64, n int, oldest time.Duration, ok bool) {
	none := 0
	for _, v := range b.Gauges(sel, name, now) {
		n++
		oldest = max(oldest, now.Sub(v.At))
		if name == traffic.Limit && v.Value < 0 {
			none++
			continue
		}
		sum += v.Value
	}
	if n > 0 && none == n {
		sum = -1
	}
	return sum, n, oldest, n > 0
}

package burst

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"signalbox/internal/traffic"
)

// burst is what is told of a live one.
func (w *watch) burst(b *live, sec int64) Burst {
	out := Burst{
		ID: b.id, Kind: b.kind, Side: w.side(b), Scope: b.place.scope(w.syms),
		Onset: at(b.onset), Detected: at(b.detected), State: b.state(sec),
		Failed: b.sums.failed, Total: b.sums.total, Excess: max(float64(b.sums.failed)-b.sums.expected, 0),
		Peak: b.sums.peak, Share: b.share, Episodes: b.episodes, Clean: b.clean,
		Classes: make(map[string]int64), Codes: make(map[int]int64),
		Provisional: !b.firm, Confidence: Firm,
	}
	if b.sums.total > 0 {
		out.Baseline = b.sums.expected / float64(b.sums.total)
	}
	if n, k, _ := b.sums.recent(sec, pointSecs/2); n > 0 {
		out.Rate = k / n
	}
	switch {
	case !b.open():
		out.Ended = at(b.ended)
	case !b.firm:
		out.Confidence = Provisional
	}
	if !b.separable && b.firm {
		out.Confidence = NotSeparable
	}
	for o, n := range b.sums.outcomes {
		out.Classes[o.Class().String()] += n
		if o.Status() != 0 {
			out.Codes[o.Status()] += n
		}
	}
	out.Leading, _ = b.leading()
	for _, p := range b.aliases {
		out.Aliases = append(out.Aliases, p.scope(w.syms))
	}
	for _, c := range b.sums.cells {
		out.Cells = append(out.Cells, Cell{Scope: c.Scope.Clone(), Req: c.Req, Err: c.Err})
	}
	slices.SortFunc(out.Cells, func(x, y Cell) int {
		return cmp.Or(cmp.Compare(y.Err, x.Err), cmp.Compare(x.Scope.String(), y.Scope.String()))
	})
	out.Reason = b.reason(out)
	return out
}

// side is where most of the burst's leaves are.
func (w *watch) side(b *live) string {
	most, side := 0, ""
	count := make(map[traffic.Sym]int)
	for _, l := range w.leaves {
		if b.place.covers(l.key) {
			v := l.key[traffic.Side]
			if count[v]++; count[v] > most {
				most, side = count[v], w.syms.Name(v)
			}
		}
	}
	return side
}

// leading is the most frequent class, and the outcome words of what leads: "502 bad_gateway, 524 timeout".
func (b *live) leading() (class, outcomes string) {
	byClass := make(map[string]int64)
	type part struct {
		text string
		n    int64
	}
	var parts []part
	for o, n := range b.sums.outcomes {
		byClass[o.Class().String()] += n
		text := o.Class().String()
		if o.Status() != 0 {
			text = fmt.Sprintf("%d %s", o.Status(), text)
		}
		parts = append(parts, part{text, n})
	}
	var most int64
	for c, n := range byClass {
		if n > most || (n == most && c < class) {
			class, most = c, n
		}
	}
	slices.SortFunc(parts, func(x, y part) int { return cmp.Or(cmp.Compare(y.n, x.n), cmp.Compare(x.text, y.text)) })
	var words []string
	for i, p := range parts {
		if i < 2 && p.n*5 >= b.sums.failed {
			words = append(words, p.text)
		}
	}
	return class, strings.Join(words, ", ")
}

// reason is the sentence that an operator reads.
func (b *live) reason(o Burst) string {
	_, outcomes := b.leading()
	if outcomes == "" {
		outcomes = "failures"
	}
	rate := 0.0
	if o.Total > 0 {
		rate = float64(o.Failed) / float64(o.Total)
	}
	text := fmt.Sprintf("%s %s (%d/%d) since %s, was %s; %s", outcomes, percent(rate), o.Failed, o.Total,
		o.Onset.Format("15:04:05"), percent(o.Baseline), o.Scope)
	if o.Clean != "" {
		text += "; " + o.Clean
	}
	if o.Confidence == NotSeparable {
		text += "; the scope cannot be told from others yet"
	}
	if o.Episodes > 1 {
		text += fmt.Sprintf("; episode %d", o.Episodes)
	}
	switch {
	case b.open():
	case b.quietEnd:
		text += fmt.Sprintf("; no traffic for %d s: whether it is over cannot be seen", endQuiet)
	default:
		text += "; settled " + o.Ended.Format("15:04:05")
	}
	return text
}

// siblings are the dimensions beside which something can be clean, in the order in which an operator asks.
var siblings = []struct {
	dim  traffic.Dim
	name string
}{
	{traffic.Region, "regions"},
	{traffic.Model, "models"},
	{traffic.Provider, "providers"},
	{traffic.Deployment, "deployments"},
	{traffic.Workload, "workloads"},
	{traffic.Endpoint, "endpoints"},
	{traffic.Stream, "kinds of answer"},
	{traffic.Gateway, "gateways"},
	{traffic.Env, "environments"},
}

// clean looks beside the scope: the same but for one dimension, the first that has traffic.
func (w *watch) clean(b *live, sec int64) {
	b.clean = ""
	counted := b.counted()
	from := max(b.onset, sec-histSecs)
	for _, sib := range siblings {
		if !b.place.has(sib.dim) {
			continue
		}
		wide := b.place.without(sib.dim)
		if sib.dim == traffic.Region {
			wide = wide.without(traffic.Provider).without(traffic.Deployment) // another region is often another provider's
		}
		n, k, e := int64(0), int64(0), 0.0
		for _, l := range w.leaves {
			if b.place.covers(l.key) || !wide.covers(l.key) || l.key[sib.dim] == b.place.key[sib.dim] || w.burning(l, b) {
				continue
			}
			l.slots(from, sec, func(x *slot) {
				n += int64(x.all)
				for _, o := range x.fails {
					if counted[w.table.of(o.Outcome)] {
						k += o.N
					}
				}
				for s := range signals {
					if counted[s] {
						e += float64(x.all) * l.base[s].p
					}
				}
			})
		}
		switch {
		case n == 0:
			continue
		case float64(k) > 2*e+5:
			b.clean = fmt.Sprintf("other %s fail too: %d of %d", sib.name, k, n)
		default:
			b.clean = fmt.Sprintf("other %s clean: %d of %d", sib.name, k, n)
		}
		return
	}
}

// burning tells whether another burst lasts on the leaf: it is neither clean nor part of this one.
func (w *watch) burning(l *leaf, but *live) bool {
	return slices.ContainsFunc(w.lives, func(o *live) bool { return o != but && o.open() && o.place.covers(l.key) })
}

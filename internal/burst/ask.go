package burst

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"signalbox/internal/traffic"
)

// askedDims are the dimensions of the first questions, in the order in which they are answered. Classes come last.
var askedDims = []traffic.Dim{
	traffic.Env, traffic.Gateway, traffic.Provider, traffic.Model, traffic.Region, traffic.Deployment, traffic.Endpoint,
	traffic.Workload, traffic.Stream, traffic.Caller,
}

const classDim = "class"

// askEvery is after how many seconds answers are worked out again for who looks at a burst.
const askEvery = 10

// usualSecs is how long before the onset tells which classes of failures are usual.
const usualSecs = 300

// asked is what is known about where a burst is, beside its scope.
type asked struct {
	at      int64
	answers []Answer
	what    string // fails: "502s", "failures"
	clean   string
	blame   Blame
}

// seenLeaf is what a leaf counted since the onset of a burst.
type seenLeaf struct {
	leaf    *leaf
	inside  bool
	another bool // another burst was there: it is neither clean nor part of this one
	Tally
}

// ask answers for a burst whether it keeps to one environment, one gateway, ..., one class of failure, and whose
// fault it seems.
func (w *watch) ask(b *live, sec int64) {
	from := max(b.onset, sec-histSecs)
	seen := w.seen(b, from, sec)
	out := asked{at: sec, what: "failures"}
	for _, d := range askedDims {
		out.answers = append(out.answers, quizOf(b.place, d, seen, w.syms).Answer())
	}
	now := w.classes(b, from, sec)
	out.answers = append(out.answers, now.answer(w.usual(b, sec), seen))
	switch {
	case b.sig >= firstMeasured:
		out.what = beyondNames[b.sig-firstMeasured]
	case b.kind == KindErrors:
		out.what = now.plural()
	}
	out.blame = suggest(b.place, now.domains(), out.answers)
	for _, sib := range siblings {
		if a := answerTo(out.answers, sib); out.clean == "" && b.place.has(sib) && a.Beside.Req > 0 {
			out.clean = a.Text
		}
	}
	b.asked = out
}

// siblings are the dimensions beside which something can be clean, in the order in which an operator asks.
var siblings = []traffic.Dim{
	traffic.Region, traffic.Model, traffic.Provider, traffic.Deployment, traffic.Workload, traffic.Endpoint, traffic.Stream,
	traffic.Gateway, traffic.Env,
}

func answerTo(list []Answer, d traffic.Dim) Answer { return answerOf(list, d.String()) }

func answerOf(list []Answer, dim string) Answer {
	for _, a := range list {
		if a.Dim == dim {
			return a
		}
	}
	return Answer{}
}

// seen sums up what each leaf with traffic counted.
func (w *watch) seen(b *live, from, to int64) []seenLeaf {
	counted := b.counted()
	var out []seenLeaf
	for _, l := range w.leaves {
		if l.last < from {
			continue
		}
		t := l.past.total(from, to)
		x := seenLeaf{leaf: l, Tally: Tally{Req: int64(t.seen(b.sig))}}
		if x.Req == 0 {
			continue
		}
		for s := range signals {
			if counted.has(s) {
				x.Err += int64(t.k[s])
				x.Expected += float64(x.Req) * l.base.p[s]
			}
		}
		x.Err = min(x.Err, x.Req)
		x.inside = b.place.covers(l.key)
		x.another = !x.inside && w.burning(l, b, from)
		out = append(out, x)
	}
	return out
}

// burning tells whether another burst was on the leaf at some time since.
func (w *watch) burning(l *leaf, but *live, since int64) bool {
	return slices.ContainsFunc(w.lives, func(o *live) bool {
		return o != but && (o.open() || o.ended > since) && o.place.covers(l.key)
	})
}

// quizOf puts the question of one dimension.
func quizOf(p place, d traffic.Dim, seen []seenLeaf, syms *traffic.Symbols) Quiz {
	q := Quiz{Dim: d.String(), Only: true}
	parts := make(map[traffic.Sym]*Tally)
	var values []traffic.Sym
	for i := range seen {
		x := &seen[i]
		v := x.leaf.key[d]
		if !x.inside || v == traffic.Unknown {
			continue
		}
		if parts[v] == nil {
			parts[v] = &Tally{}
			values = append(values, v)
		}
		parts[v].add(x.Tally)
	}
	for _, v := range values {
		q.Parts = append(q.Parts, Part{Value: syms.Name(v), Tally: *parts[v]})
	}
	slices.SortFunc(q.Parts, func(x, y Part) int { return cmp.Compare(x.Value, y.Value) })
	if len(values) != 1 {
		return q
	}
	wide := p.without(d)
	if d == traffic.Region {
		wide = wide.without(traffic.Provider).without(traffic.Deployment) // another region is often another provider's
	}
	var near, far Tally
	for i := range seen {
		x := &seen[i]
		if v := x.leaf.key[d]; x.inside || v == traffic.Unknown || v == values[0] {
			continue
		}
		q.Only = false
		if !x.another {
			far.add(x.Tally)
			if wide.covers(x.leaf.key) {
				near.add(x.Tally)
			}
		}
	}
	// Where the other dimensions of the scope leave no other value, as a model that one provider serves alone does,
	// all other traffic is what there is to compare with.
	if q.Beside = near; near.Req == 0 {
		q.Beside = far
	}
	return q
}

// usual counts the failures in the scope of a burst before its onset. It counts anew where the onset or the scope is another
// one, as long as all of that time is remembered: later only a part of it would be, and after a quarter of an hour it would
// be the burst itself.
func (w *watch) usual(b *live, sec int64) classCounts {
	from, u := b.onset-usualSecs, &b.before
	if u.counts == nil || (u.onset != b.onset || u.place != b.place) && from > sec-histSecs {
		*u = before{b.onset, b.place, w.classes(b, max(from, sec-histSecs), b.onset-1)}
	}
	return u.counts
}

// before are the failures in a place before an onset.
type before struct {
	onset  int64
	place  place
	counts classCounts
}

// classCounts are first failures by outcome.
type classCounts map[traffic.Outcome]int64

// classes counts the failures of a burst's kind in its scope.
func (w *watch) classes(b *live, from, to int64) classCounts {
	out, counted := make(classCounts), b.counted()
	for _, l := range w.leaves {
		if l.last < from || !b.place.covers(l.key) {
			continue
		}
		l.slots(from, to, func(t *slot) {
			for _, o := range t.fails {
				if counted.has(w.table.of(o.Outcome)) {
					out[o.Outcome] += o.First
				}
			}
		})
	}
	return out
}

func (c classCounts) byClass() (out map[string]int64, all int64) {
	out = make(map[string]int64)
	for o, n := range c {
		out[o.Class().String()] += n
		all += n
	}
	return out, all
}

// answer tells whether one class carries the excess. What is normal is shared out among the classes as it was before
// the onset.
func (c classCounts) answer(usual classCounts, seen []seenLeaf) Answer {
	var inside Tally
	for i := range seen {
		if seen[i].inside {
			inside.add(seen[i].Tally)
		}
	}
	now, _ := c.byClass()
	before, all := usual.byClass()
	for class := range before {
		now[class] += 0
	}
	q := Quiz{Dim: classDim, Only: true}
	for class, n := range now {
		share := (float64(before[class]) + 1/float64(len(now))) / float64(all+1)
		q.Parts = append(q.Parts, Part{class, Tally{Req: inside.Req, Err: n, Expected: inside.Expected * share}})
	}
	slices.SortFunc(q.Parts, func(x, y Part) int {
		return cmp.Or(cmp.Compare(y.Tally.Err, x.Tally.Err), cmp.Compare(x.Value, y.Value))
	})
	a := q.Answer()
	switch {
	case len(q.Parts) == 1:
		a.Extent, a.Failing, a.Inside, a.Bound, a.Text = Isolated, 1, q.Parts[0].Tally, 0, "only "+a.Value
	case a.Extent == Isolated:
		a.Text = fmt.Sprintf("only %s, other classes as usual", a.Value)
	case a.Extent == Widespread:
		var names []string
		for _, p := range q.Parts {
			if low, _ := p.Tally.excess(); low > 0 && len(names) < a.Failing {
				names = append(names, p.Value)
			}
		}
		a.Text = strings.Join(names, ", ")
	default:
		a.Text = "too few failures to tell classes apart"
	}
	return a
}

// plural is what most of the failures are: "502s".
func (c classCounts) plural() string {
	var top traffic.Outcome
	all := int64(0)
	for o, n := range c {
		all += n
		if n > c[top] || (n == c[top] && o < top) {
			top = o
		}
	}
	if s := top.Status(); s != 0 && s != 200 && c[top]*5 >= all*3 {
		return fmt.Sprintf("%ds", s)
	}
	return "failures"
}

// domains adds the failures up by whose fault their classes mostly are.
func (c classCounts) domains() map[string]int64 {
	out := make(map[string]int64)
	for o, n := range c {
		out[string(o.Class().Domain())] += n
	}
	return out
}

package board

import (
	"slices"
	"time"

	"signalbox/internal/traffic"
)

// maxFacts bounds the facts held; the oldest go first.
const maxFacts = 1000

// factList holds the latest facts, each told thing once.
type factList struct{ all []traffic.Fact }

func (f *factList) add(facts []traffic.Fact) {
	for _, x := range facts {
		i := slices.IndexFunc(f.all, func(y traffic.Fact) bool {
			return x.Kind == y.Kind && x.Text == y.Text && x.From.Equal(y.From) && x.Scope.Equal(y.Scope)
		})
		if i >= 0 {
			f.all[i].Until = x.Until // told again: what can have changed is its end
			continue
		}
		f.all = append(f.all, x)
	}
	if over := len(f.all) - maxFacts; over > 0 {
		f.all = slices.Delete(f.all, 0, over)
	}
}

// Facts gives what was told about a scope and held at some time in [from, to), oldest first. A fact without an end
// holds until further notice.
func (b *Board) Facts(scope traffic.Scope, from, to time.Time) []traffic.Fact {
	var out []traffic.Fact
	for _, x := range b.facts.all {
		if !x.From.Before(to) || (!x.Until.IsZero() && !x.Until.After(from)) || !x.Scope.Overlaps(scope) {
			continue
		}
		out = append(out, x)
	}
	slices.SortStableFunc(out, func(x, y traffic.Fact) int { return x.From.Compare(y.From) })
	return out
}

// Changes gives what was done to a scope from one instant to another, both included, oldest first. A change of which
// nobody said what it is about may be about anything.
func (b *Board) Changes(scope traffic.Scope, from, to time.Time) []traffic.Fact {
	var out []traffic.Fact
	for _, x := range b.facts.all {
		if x.From.Before(from) || x.From.After(to) || !x.IsChange() || !x.Scope.Overlaps(scope) {
			continue
		}
		out = append(out, x)
	}
	slices.SortStableFunc(out, func(x, y traffic.Fact) int { return x.From.Compare(y.From) })
	return out
}

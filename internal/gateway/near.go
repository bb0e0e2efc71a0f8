package gateway

import (
	"cmp"
	"slices"
	"strings"

	"signalbox/internal/traffic"
)

// NoTarget refuses a change whose scope names nothing that the gateway has.
func (c Change) NoTarget(why, try string) error {
	return &Refusal{Verb: c.Verb, Scope: c.Scope, Why: why, Try: try, NoTarget: true}
}

// maxNear bounds how much of a word is compared.
const maxNear = 80

// Near puts the names that are most like a word first: what was meant is among the few that a refusal lists.
func Near(word string, names []string) []string {
	far := make(map[string]int, len(names))
	for _, n := range names {
		far[n] = distance(strings.ToLower(word), strings.ToLower(n))
	}
	out := slices.Clone(names)
	slices.SortStableFunc(out, func(a, b string) int { return cmp.Compare(far[a], far[b]) })
	return out
}

// OneNear words a choice of what has a scope, each scope once, those that are most like the wanted one first.
func OneNear[K any](want traffic.Scope, have []K, scope func(K) traffic.Scope) string {
	var all []string
	for _, k := range have {
		all = append(all, scope(k).String())
	}
	slices.Sort(all)
	return OneOf(Near(want.String(), slices.Compact(all)))
}

// distance counts the letters that have to be put in, left out or replaced to make one word of another.
func distance(a, b string) int {
	a, b = a[:min(len(a), maxNear)], b[:min(len(b), maxNear)]
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0] // of the row above, one place to the left
		row[0] = i + 1
		for j := range len(b) {
			above := row[j+1]
			change := before
			if a[i] != b[j] {
				change++
			}
			before, row[j+1] = above, min(change, above+1, row[j]+1)
		}
	}
	return row[len(b)]
}

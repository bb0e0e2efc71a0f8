package runbook

import (
	"slices"
	"strings"
)

// suggest names the nearest known word, or all of them where none is near.
func suggest(word string, known []string) string {
	if near := nearest(word, known); near != "" {
		return "did you mean " + near + "?"
	}
	var once []string
	for _, k := range known {
		if !slices.Contains(once, k) {
			once = append(once, k)
		}
	}
	return "write one of " + strings.Join(once, ", ")
}

// nearest finds the known word with the fewest edits, "" where none is close enough to be meant.
func nearest(word string, known []string) string {
	word = strings.ToLower(word)
	if len(word) == 0 || len(word) > 40 {
		return ""
	}
	best, least := "", max(1, len(word)/3)+1
	for _, k := range known {
		if d := edits(word, k); d < least {
			best, least = k, d
		}
	}
	return best
}

// edits counts insertions, deletions, substitutions and swaps of neighbours between a and b.
func edits(a, b string) int {
	before, prev, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(prev[j]+1, row[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, prev, row = prev, row, before
	}
	return prev[len(b)]
}

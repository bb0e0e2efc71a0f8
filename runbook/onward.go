package runbook

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// After gives the index of the step that follows the one at index i when that is done or skipped, -1 at the end. A step that tells
// others (`escalate`) and that something leads to is passed over: it is walked when a branch, a failed check, a lever that did not
// help or the operator goes there, and not because it stands there.
func (b *Book) After(i int) int {
	for i++; i < len(b.Steps); i++ {
		if !b.ledTo(i) {
			return i
		}
	}
	return -1
}

// StepLabel names a step to people: by its title where that begins with a number of its own, else by its place among the steps too.
func StepLabel(n int, title string) string {
	if OwnNumber(title) != "" {
		return title
	}
	return strings.TrimSuffix("step "+strconv.Itoa(n)+", "+title, ", ")
}

// OwnNumber gives the number that a title begins with, as people say it: "5" of "5. Validate", "3c" of "3c) Look". Empty: it has none.
func OwnNumber(title string) string {
	if m := numbered.FindStringSubmatch(title); m != nil {
		return m[1]
	}
	return ""
}

// numbered is a title that counts for itself.
var numbered = regexp.MustCompile(`^(?i:step\s+)?(\d{1,3}(?:\.\d+)*[a-z]?)(?:[.):]|\s*$|\s+-\s)`)

// ledTo tells whether a step is walked only by those who are led there.
func (b *Book) ledTo(i int) bool {
	st := b.Steps[i]
	if i == 0 || !slices.ContainsFunc(st.Blocks, func(bl Block) bool { return bl.Escalate != nil }) {
		return false
	}
	for n, other := range b.Steps {
		if n != i && slices.ContainsFunc(other.Blocks, func(bl Block) bool { return slices.Contains(targets(bl), Target(st.Slug)) }) {
			return true
		}
	}
	return false
}

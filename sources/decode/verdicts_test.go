package decode

import (
	"fmt"
	"testing"

	"signalbox/internal/traffic"
)

// Each of the failures that come in a burst is classified once, whatever others come between.
func TestVerdictsOfABurstAreRemembered(t *testing.T) {
	r := newRecorder(Options{Kit: testKit()})
	judge := func(i int) *judged {
		var d draft
		d.reset(nil)
		d.set(fMessage, 2, 0, value{kind: stringValue, bytes: fmt.Appendf(nil, "the engine is overloaded (%d)", i%100)})
		return r.classify(&d, traffic.Sym(1+i/100%3), i >= 300, 529) //nolint:gosec // small
	}
	const many = 600
	var first [many]*judged
	for i := range many {
		first[i] = judge(i)
	}
	again := 0
	for i := range many {
		if judge(i) != first[i] {
			again++
		}
	}
	if again > many/100 {
		t.Errorf("%d of %d failures were classified again", again, many)
	}
}

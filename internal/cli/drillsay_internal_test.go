package cli

import (
	"bytes"
	"strings"
	"sync"
	"testing"
)

// The autopilot speaks beside the lines of the timeline: each line is whole, and nobody writes at the same time.
func TestDrillSaysOneLineAtATime(t *testing.T) {
	const each = 200
	var out bytes.Buffer
	g := &game{app: &app{Streams: Streams{Out: &out}}}
	var all sync.WaitGroup
	for _, who := range []string{"autopilot", "timeline"} {
		all.Go(func() {
			for range each {
				g.say("%s speaks", who)
			}
		})
	}
	all.Wait()
	if n := strings.Count(out.String(), " speaks\n"); n != 2*each {
		t.Errorf("of %d lines %d are whole", 2*each, n)
	}
}

package incident

import (
	"strings"
	"testing"
	"time"
)

func TestMarksOfChangesStandUnderTheirBars(t *testing.T) {
	t.Parallel()
	at := func(minute int) time.Time { return time.Date(2026, 11, 21, 12, minute, 0, 0, time.UTC) }
	var few, many []point
	for i := range 5 {
		few = append(few, point{at: at(i)})
	}
	for i := range 2 * maxSpark {
		many = append(many, point{at: at(i)})
	}
	for _, c := range []struct {
		name string
		ps   []point
		when []time.Time
		want string
	}{
		{"nothing", few, nil, ""},
		{"in a minute, on its end, before and after all", few, []time.Time{at(2).Add(-time.Second), at(4), at(-2), at(5)}, "  ▲ ▲"},
		{"in the first sample's minute", few, []time.Time{at(0).Add(-30 * time.Second)}, "▲    "},
		{"bars of two minutes", many, []time.Time{at(1), at(3)}, "▲▲" + strings.Repeat(" ", maxSpark-2)},
	} {
		if got := markline(c.ps, c.when); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

package burst

import (
	"strings"
	"testing"
)

func TestByShape(t *testing.T) {
	tests := []struct {
		name   string
		counts []Shaped
		want   SpreadKind
		shape  uint64
		why    string
	}{
		{"nothing", nil, SpreadUnknown, 0, "too few"},
		{"no shapes", []Shaped{{0, 100, 50}}, SpreadUnknown, 0, "too few"},
		{"few failures", []Shaped{{1, 4, 4}, {2, 100, 0}}, SpreadUnknown, 1, "too few"},
		{"nothing to compare with", []Shaped{{1, 100, 90}, {2, 3, 0}}, SpreadUnknown, 1, "one shape"},
		{"one poisonous request", []Shaped{{7, 20, 20}, {1, 200, 1}, {2, 300, 0}}, OneShape, 7, "20 of 21"},
		{"all shapes alike", []Shaped{{1, 100, 30}, {2, 100, 28}, {3, 100, 33}}, Spreads, 3, "over 3 shapes"},
		{"a busy shape in an outage", []Shaped{{1, 1000, 300}, {2, 100, 30}}, Spreads, 1, "over 2 shapes"},
		{"two poisonous ones", []Shaped{{1, 20, 20}, {2, 20, 20}, {3, 500, 0}}, Spreads, 1, "over 3 shapes"},
		{"a busy shape that alone fails", []Shaped{{1, 1000, 300}, {2, 400, 1}}, OneShape, 1, "300 of 301"},
	}
	for _, tt := range tests {
		s := ByShape(tt.counts)
		if s.Kind != tt.want || s.Shape != tt.shape || !strings.Contains(s.Reason, tt.why) {
			t.Errorf("%s: %+v, want %q of %d because of %q", tt.name, s, tt.want, tt.shape, tt.why)
		}
		for i := range tt.counts { // the order of the counts changes nothing
			turned := append(append([]Shaped{}, tt.counts[i:]...), tt.counts[:i]...)
			if got := ByShape(turned); got != s {
				t.Errorf("%s, turned by %d: %+v, not %+v", tt.name, i, got, s)
			}
		}
	}
}

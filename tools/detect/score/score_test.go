package score

import (
	"math"
	"slices"
	"testing"
)

// four leaves: models a and b in regions x and y; b is not streamed.
var fleet = &Fleet{
	Dims:   []string{"model", "region", "stream"},
	Values: [][]string{{"a", "b"}, {"x", "y"}, {"true", "false"}},
	Leaves: []Leaf{{[]int{0, 0, 0}, 10}, {[]int{0, 1, 0}, 10}, {[]int{1, 0, 1}, 10}, {[]int{1, 1, 1}, 0.001}},
}

func scope(words ...string) map[string]string {
	out := map[string]string{}
	for i := 0; i < len(words); i += 2 {
		out[words[i]] = words[i+1]
	}
	return out
}

func fault(class string, start, end float64, words ...string) *Fault {
	return &Fault{Kind: "series", Class: class, Start: start, End: end, Oracle: 5, Limit: 10, Hits: 100, In: fleet.Cover(scope(words...))}
}

func burst(kind string, at, end float64, words ...string) *Burst {
	return &Burst{
		Kind: kind, Onset: at, Detected: at, End: end, Gone: math.NaN(), Episodes: 1,
		Sights: []Sight{{at, fleet.Cover(scope(words...))}},
	}
}

func TestCover(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		scope map[string]string
		want  []bool
	}{
		{scope(), []bool{true, true, true, true}},
		{scope("model", "a"), []bool{true, true, false, false}},
		{scope("model", "A", "region", "y", "env", "prod"), []bool{false, true, false, false}},
		{scope("model", "c"), []bool{false, false, false, false}},
		{scope("stream", "false"), []bool{false, false, true, true}},
	} {
		if got := fleet.Cover(c.scope); !slices.Equal(got, c.want) {
			t.Errorf("%v covers %v", c.scope, got)
		}
	}
}

func TestMatch(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name           string
		burst          *Burst
		delay          float64
		false_, echoes int
	}{
		{"found", burst("errors", 107, 300, "model", "a"), 7, 0, 0},
		{"found after the end", burst("errors", 255, 300, "model", "a"), 155, 0, 0},
		{"an echo", burst("errors", 270, 300, "model", "a"), math.Inf(1), 0, 1},
		{"too late", burst("errors", 501, 600, "model", "a"), math.Inf(1), 1, 0},
		{"before it began", burst("errors", 99, 300, "model", "a"), math.Inf(1), 1, 0},
		{"elsewhere", burst("errors", 107, 300, "model", "b"), math.Inf(1), 1, 0},
		{"another kind", burst("latency", 107, 300, "model", "a"), math.Inf(1), 1, 0},
		{"a note", burst("caller", 107, 300, "model", "b"), math.Inf(1), 0, 0},
		{"wider", burst("errors", 107, 300), 7, 0, 0},
	} {
		found, wrong, echoes := Match([]*Fault{fault("unavailable", 100, 200, "model", "a")}, []*Burst{c.burst})
		if found[0].Delay != c.delay || len(wrong) != c.false_ || len(echoes) != c.echoes {
			t.Errorf("%s: delay %g, false %d, echoes %d", c.name, found[0].Delay, len(wrong), len(echoes))
		}
	}
}

func TestASecondCauseIsToldApart(t *testing.T) {
	t.Parallel()
	first, second := fault("timeout", 100, 300, "model", "a", "region", "x"), fault("timeout", 110, 300, "model", "b", "region", "x")
	moved := burst("errors", 103, 350, "region", "x")
	moved.Sights = append(moved.Sights, Sight{130, fleet.Cover(scope("model", "a", "region", "x"))})
	own := burst("errors", 131, 350, "model", "b", "region", "x")
	found, wrong, _ := Match([]*Fault{first, second}, []*Burst{moved, own})
	if len(wrong) != 0 || found[0].Delay != 3 || found[1].Apart != 21 {
		t.Errorf("first after %g s, second apart after %g s, false %d", found[0].Delay, found[1].Apart, len(wrong))
	}
	found, _, _ = Match([]*Fault{first, second}, []*Burst{burst("errors", 112, 350, "region", "x")})
	if found[1].Delay != 2 || !math.IsInf(found[1].Apart, 1) {
		t.Errorf("one burst over both: found after %g s, apart after %g s", found[1].Delay, found[1].Apart)
	}
}

func TestSameCoversWhatHadTraffic(t *testing.T) {
	t.Parallel()
	f := fault("unavailable", 100, 200, "model", "a")
	cut := fault("truncated", 100, 200, "region", "x")
	for _, c := range []struct {
		name     string
		fault    *Fault
		scope    map[string]string
		requests []int64
		want     bool
	}{
		{"the same", f, scope("model", "a"), []int64{5, 5, 5, 5}, true},
		{"too narrow", f, scope("model", "a", "region", "x"), []int64{5, 5, 5, 5}, false},
		{"too narrow where nothing came", f, scope("model", "a", "region", "x"), []int64{5, 0, 5, 5}, true},
		{"too wide", f, scope(), []int64{5, 5, 5, 0}, false},
		{"another name", f, scope("stream", "true"), []int64{5, 5, 5, 5}, true},
		{"nothing came at all", f, scope("model", "a"), []int64{0, 0, 0, 0}, false},
		{"what is not streamed cannot be cut", cut, scope("model", "a", "region", "x"), []int64{5, 5, 5, 5}, true},
	} {
		if got := fleet.Same(c.fault, fleet.Cover(c.scope), c.requests); got != c.want {
			t.Errorf("%s: %t", c.name, got)
		}
	}
}

func TestTotals(t *testing.T) {
	t.Parallel()
	var tot Totals
	hard := fault("unavailable", 100, 200, "model", "b")
	hard.Limit = 60 // more than half of its length
	faults := []*Fault{fault("unavailable", 100, 200, "model", "a"), hard, fault("latency", 1000, 1100, "model", "a")}
	tot.Add(fleet, faults, []*Burst{
		burst("errors", 120, 260, "model", "a"), burst("errors", 130, 260, "model", "a", "region", "y"), // two of one cause
		burst("caller", 150, 160), burst("errors", 5000, 5100), burst("errors", 250, 260, "model", "b"),
	}, 10)
	if tot.Able != 2 || tot.Found != 1 || tot.Right != 1 || tot.False != 1 || tot.Notes != 1 || tot.Alarms != 4 || tot.Said != 2 {
		t.Errorf("%+v", tot)
	}
	if tot.Ratios[0] != 2 || !math.IsInf(tot.Delays[1], 1) || tot.Ends[0] != 60 {
		t.Errorf("%+v", tot)
	}
	p, r, f1 := tot.Scopes().Rates()
	if p != 0.5 || r != 0.5 || f1 != 0.5 {
		t.Errorf("precision %g, recall %g, F1 %g", p, r, f1)
	}
}

func TestNearForgivesWhatCouldNotShow(t *testing.T) {
	t.Parallel()
	f := fault("unavailable", 100, 200, "model", "b") // leaf 3 has one request in 1,000 s
	if !fleet.Near(f, fleet.Cover(scope("model", "b", "region", "x"))) {
		t.Error("a leaf that the fault would hit a tenth of a time decides")
	}
	if fleet.Near(f, fleet.Cover(scope("region", "x"))) {
		t.Error("a leaf that is hit a thousand times does not decide")
	}
}

func TestQuantiles(t *testing.T) {
	t.Parallel()
	x := []float64{5, 1, math.Inf(1), 2, 3}
	if Quantile(x, 0.5) != 3 || !math.IsInf(Quantile(x, 0.9), 1) || !math.IsNaN(Quantile(nil, 0.5)) {
		t.Errorf("%g %g", Quantile(x, 0.5), Quantile(x, 0.9))
	}
	for _, c := range []struct {
		k         int
		low, high float64
	}{{0, 0, 3.689}, {2, 0.242, 7.225}, {10, 4.795, 18.390}} {
		if low, high := PoissonInterval(c.k); math.Abs(low-c.low) > 0.001 || math.Abs(high-c.high) > 0.001 {
			t.Errorf("%d: %.3f to %.3f, want %.3f to %.3f", c.k, low, high, c.low, c.high)
		}
	}
}

package burst

import (
	"fmt"
	"testing"

	"signalbox/internal/traffic"
)

// placed puts leaves with given counts into a watch, as if they had been seen for a minute.
func placed(t *testing.T, rows map[string][2]int64, labels func(name string) traffic.Scope) (*Detector, *traffic.Symbols) {
	t.Helper()
	syms := traffic.NewSymbols(0)
	d := New(Options{Symbols: syms})
	var leaves []Leaf
	for name, c := range rows {
		var k traffic.Key
		for dim := range traffic.NumDims {
			k[dim] = syms.Intern(labels(name)[dim.String()])
		}
		leaves = append(leaves, leafOf(k, map[traffic.Outcome]int64{gw502: c[1], outcome("none", 200): c[0] - c[1]}))
	}
	for i := range leaves {
		d.blame.take(begin, &leaves[i])
	}
	d.blame.record(begin)
	d.blame.expectAll()
	return d, syms
}

// cell reads "provider model region deployment".
func cellLabels(name string) traffic.Scope {
	var p, m, r, dep string
	if _, err := fmt.Sscan(name, &p, &m, &r, &dep); err != nil {
		panic(err)
	}
	return traffic.Scope{"provider": p, "model": m, "region": r, "deployment": dep}
}

func TestNames(t *testing.T) {
	for _, c := range []struct {
		name string
		rows map[string][2]int64
		want []string
	}{
		{"a cell by its three names", map[string][2]int64{
			"azure gpt eu d1": {100, 60}, "azure gpt us d2": {100, 1}, "azure mini eu d3": {100, 0}, "openai gpt us d4": {100, 1},
		}, []string{"provider=azure model=gpt region=eu"}},
		{"one of two deployments in a cell", map[string][2]int64{
			"azure gpt eu d1": {100, 60}, "azure gpt eu d2": {100, 1}, "azure mini eu d3": {100, 0}, "openai gpt us d4": {100, 1},
		}, []string{"provider=azure model=gpt region=eu deployment=d1"}},
		{"a provider", map[string][2]int64{
			"azure gpt eu d1": {100, 60}, "azure gpt us d2": {100, 70}, "azure mini eu d3": {100, 66}, "openai gpt us d4": {100, 1}, "openai mini us d5": {100, 1},
		}, []string{"provider=azure"}},
		{"a model over providers", map[string][2]int64{
			"azure gpt eu d1": {100, 60}, "openai gpt us d2": {100, 70}, "azure mini eu d3": {100, 1}, "openai mini us d4": {100, 1},
		}, []string{"model=gpt"}},
		{"everything", map[string][2]int64{
			"azure gpt eu d1": {100, 60}, "openai gpt us d2": {100, 70}, "azure mini eu d3": {100, 66}, "openai mini us d4": {100, 50},
		}, []string{"everything"}},
		{"the only cell there is", map[string][2]int64{"azure gpt eu d1": {100, 60}}, []string{"provider=azure model=gpt region=eu"}},
		{"two cells", map[string][2]int64{
			"azure gpt eu d1": {400, 300}, "azure gpt us d2": {400, 1}, "azure mini eu d3": {400, 2}, "openai gpt us d4": {400, 1},
			"azure mini us d5": {400, 3}, "openai mini eu d6": {400, 240},
		}, []string{"provider=azure model=gpt region=eu", "provider=openai model=mini region=eu"}},
		{"nothing", map[string][2]int64{"azure gpt eu d1": {100, 1}, "azure gpt us d2": {100, 0}}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, syms := placed(t, c.rows, cellLabels)
			got := map[string]bool{}
			for _, f := range d.blame.localise(fail, begin, begin, false) {
				got[d.blame.name(f.place, d.blame.leaves).place.scope(syms).String()] = true
			}
			if len(got) != len(c.want) {
				t.Fatalf("%v, want %v", got, c.want)
			}
			for _, w := range c.want {
				if !got[w] {
					t.Errorf("%v, want %v", got, c.want)
				}
			}
		})
	}
}

func TestAliases(t *testing.T) {
	d, syms := placed(t, map[string][2]int64{
		"anthropic claude eu d1": {100, 60}, "anthropic claude us d2": {100, 70}, "azure gpt eu d3": {100, 1}, "openai gpt us d4": {100, 1},
	}, cellLabels)
	list := d.blame.localise(fail, begin, begin, false)
	if len(list) != 1 || list[0].share < 0.9 {
		t.Fatalf("%+v", list)
	}
	n := d.blame.name(list[0].place, d.blame.leaves)
	names := []string{n.place.scope(syms).String()}
	for _, a := range n.aliases {
		names = append(names, a.scope(syms).String())
	}
	want := map[string]bool{"provider=anthropic": true, "model=claude": true, "provider=anthropic model=claude": true}
	for _, name := range names {
		if !want[name] {
			t.Errorf("%q names other leaves", name)
		}
	}
	if len(names) != 3 {
		t.Errorf("%v, want three names", names)
	}
}

func BenchmarkLocalise10000(b *testing.B) {
	syms := traffic.NewSymbols(0)
	d := New(Options{Symbols: syms})
	for i := range 10_000 {
		var k traffic.Key
		for dim, v := range map[traffic.Dim]int{
			traffic.Model: i % 20, traffic.Region: i / 20 % 6, traffic.Provider: i / 120 % 10, traffic.Endpoint: i / 1200 % 6,
			traffic.Env: i / 7200 % 2, traffic.Workload: i % 2, traffic.Deployment: i,
		} {
			k[dim] = syms.Intern(fmt.Sprint(dim, v))
		}
		failed := int64(0)
		if i%20 == 3 {
			failed = 30
		}
		l := leafOf(k, map[traffic.Outcome]int64{gw502: failed, outcome("none", 200): 100 - failed})
		d.blame.take(begin, &l)
	}
	d.blame.record(begin)
	d.blame.expectAll()
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		if len(d.blame.localise(fail, begin, begin, false)) == 0 {
			b.Fatal("nothing found")
		}
	}
}

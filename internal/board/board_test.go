package board

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"signalbox/internal/traffic"
)

var epoch = time.Unix(1_767_600_000, 0).UTC()

// outcome finds an outcome by its class's name, because only traffic may know the classes by more than that.
func outcome(class string, status int) traffic.Outcome {
	for i := range uint32(256) {
		if c := traffic.Outcome(i << 16).Class(); c.String() == class {
			return traffic.NewOutcome(c, status)
		}
	}
	panic("no class " + class)
}

var (
	ok200  = outcome("none", 200)
	gw502  = outcome("bad_gateway", 502)
	bad400 = outcome("bad_request", 400)
)

func at(d time.Duration) time.Time { return epoch.Add(d) }

func keyOf(s *traffic.Symbols, labels ...string) traffic.Key {
	var k traffic.Key
	for i := 0; i+1 < len(labels); i += 2 {
		d, ok := traffic.ParseDim(labels[i])
		if !ok {
			panic(labels[i])
		}
		k[d] = s.Intern(labels[i+1])
	}
	return k
}

func logs(source string, records ...traffic.Record) traffic.Batch {
	return traffic.Batch{Source: source, Kind: traffic.LogSource, Records: records}
}

func drawRecords(t *rapid.T, syms *traffic.Symbols) []traffic.Record {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) traffic.Record {
		return traffic.Record{
			Time: at(time.Duration(rapid.Int64Range(0, 80_000_000).Draw(t, "ms")) * time.Millisecond),
			Key: keyOf(syms, "side", "client", "model", rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "model"),
				"region", rapid.SampledFrom([]string{"x", "y"}).Draw(t, "region")),
			Outcome: rapid.SampledFrom([]traffic.Outcome{ok200, gw502, bad400}).Draw(t, "outcome"),
			Known:   traffic.HasLatency, Latency: time.Duration(rapid.Int64Range(1, 60_000).Draw(t, "lat")) * time.Millisecond,
		}
	}), 1, 300).Draw(t, "records")
}

// same tells what two windows differ in.
func same(a, b Window) string {
	for _, x := range []struct {
		what string
		a, b int64
	}{
		{"req", a.Req, b.Req},
		{"err", a.Err, b.Err},
		{"caller", a.CallerErr, b.CallerErr},
		{"match", a.Match, b.Match},
		{"lat", a.Lat.Count(), b.Lat.Count()},
		{"tok", a.TokIn, b.TokIn},
		{"502", a.ByOutcome[gw502], b.ByOutcome[gw502]},
	} {
		if x.a != x.b {
			return fmt.Sprintf("%s: %d and %d", x.what, x.a, x.b)
		}
	}
	return ""
}

func (w Window) plus(o Window) Window {
	w.Req, w.Err, w.CallerErr, w.Match = w.Req+o.Req, w.Err+o.Err, w.CallerErr+o.CallerErr, w.Match+o.Match
	by := map[traffic.Outcome]int64{}
	for _, m := range []map[traffic.Outcome]int64{w.ByOutcome, o.ByOutcome} {
		for k, n := range m {
			by[k] += n
		}
	}
	w.ByOutcome = by
	w.Lat.Merge(o.Lat)
	return w
}

func TestPartsOfAWindowAddUpToTheWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		syms := traffic.NewSymbols(0)
		b := New(Options{Symbols: syms})
		records := drawRecords(t, syms)
		for chunk := range slices.Chunk(records, 17) {
			b.Apply(logs("l", chunk...), at(30*time.Hour))
			b.Watermark(at(30*time.Hour), false)
		}
		cuts := rapid.SliceOfN(rapid.Int64Range(-10, 90_000), 1, 6).Draw(t, "cuts")
		slices.Sort(cuts)
		q := Query{Codes: []int{502}, From: at(time.Duration(cuts[0]) * time.Second), To: at(time.Duration(cuts[len(cuts)-1]) * time.Second)}
		whole, parts := b.Window(q), Window{}
		for i := 1; i < len(cuts); i++ {
			p := q
			p.From, p.To = at(time.Duration(cuts[i-1])*time.Second), at(time.Duration(cuts[i])*time.Second)
			parts = parts.plus(b.Window(p))
		}
		if len(cuts) > 1 {
			if diff := same(whole, parts); diff != "" {
				t.Fatalf("whole and parts differ: %s", diff)
			}
		}
		everything := b.Window(Query{Codes: []int{502}, From: at(-time.Hour), To: at(40 * time.Hour)})
		split := Window{}
		for _, p := range b.Split(Query{Codes: []int{502}, From: at(-time.Hour), To: at(40 * time.Hour)}, traffic.Model) {
			split = split.plus(p.Window)
		}
		if diff := same(everything, split); diff != "" {
			t.Fatalf("split: %s", diff)
		}
		if everything.Req != int64(len(records)) {
			t.Fatalf("%d counted of %d", everything.Req, len(records))
		}
	})
}

func TestOrderOfBatchesChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		syms := traffic.NewSymbols(0)
		records := drawRecords(t, syms)
		for i := range records { // within what the board keeps, so that none is too old in one order only
			records[i].Time = epoch.Add(records[i].Time.Sub(epoch) % (20 * time.Hour))
		}
		shuffled := slices.Clone(records)
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		rng.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		counts := traffic.Batch{Source: "m", Kind: traffic.ScrapeSource, Counts: []traffic.Count{{
			Key: keyOf(syms, "side", "client", "model", "a"), Outcome: gw502, N: 77, From: at(time.Minute), To: at(2 * time.Minute),
		}}}
		var windows []Window
		for i, list := range [][]traffic.Record{records, shuffled} {
			b := New(Options{Symbols: syms})
			if i == 0 {
				b.Apply(counts, at(25*time.Hour))
			}
			for chunk := range slices.Chunk(list, 1+7*i) {
				b.Apply(logs("l", chunk...), at(25*time.Hour))
				b.Watermark(at(25*time.Hour), false)
			}
			if i == 1 {
				b.Apply(counts, at(25*time.Hour))
			}
			windows = append(windows, b.Window(Query{From: at(-time.Hour), To: at(30 * time.Hour)}))
		}
		if diff := same(windows[0], windows[1]); diff != "" {
			t.Fatal(diff)
		}
		if windows[0].Req != int64(len(records)) {
			t.Fatalf("%d of %d: the scrape of a side that has a log must not count", windows[0].Req, len(records))
		}
	})
}

func TestWindowAnswers(t *testing.T) {
	syms := traffic.NewSymbols(0)
	b := New(Options{Symbols: syms})
	k := keyOf(syms, "side", "client", "model", "gpt-4o")
	other := k.With(traffic.Model, syms.Intern("claude"))
	rec := func(sec int, o traffic.Outcome, k traffic.Key) traffic.Record {
		return traffic.Record{Time: at(time.Duration(sec) * time.Second), Key: k, Outcome: o}
	}
	first := rec(0, gw502, k)
	first.Known = traffic.HasLatency | traffic.HasTokensIn | traffic.HasTokensOut | traffic.HasAttempt
	first.Latency, first.TokensIn, first.TokensOut, first.Attempt = 2*time.Second, 100, 7, 2
	fell := rec(1, ok200, k)
	fell.FallbackFrom = syms.Intern("azure")
	b.Apply(logs("l", first, fell, rec(2, bad400, k), rec(9, ok200, other)), at(10*time.Second))
	w := b.Window(Query{
		Sel: traffic.Selector{}.Is(traffic.Model, syms.Intern("gpt-4o")), From: epoch, To: at(10 * time.Second),
		Codes: []int{502, 524}, Classes: []string{"bad_request"},
	})
	if w.Req != 3 || w.Err != 1 || w.CallerErr != 1 || w.Match != 2 || w.Retry != 1 || w.Fallback != 1 ||
		w.TokIn != 100 || w.TokOut != 7 || w.Samples != 3 || w.ByOutcome[gw502] != 1 {
		t.Errorf("window %+v", w)
	}
	if p, ok := w.Lat.Quantile(0.5); !ok || p < 1960*time.Millisecond || p > 2040*time.Millisecond {
		t.Errorf("median %v %v", p, ok)
	}
	if _, ok := w.TTFT.Quantile(0.5); ok {
		t.Error("a time to first token from records that had none")
	}
	if w.Covered != 10*time.Second || !w.Newest.Equal(at(2*time.Second)) || w.Rate() != 1.0/3 {
		t.Errorf("covered %v, newest %v, rate %v", w.Covered, w.Newest, w.Rate())
	}
	if w := b.Window(Query{From: at(-time.Hour), To: at(time.Hour)}); w.Covered != 10*time.Second {
		t.Errorf("covered %v of two hours", w.Covered)
	}
	points := b.Series(traffic.Selector{}, epoch, 5*time.Second, 3)
	if want := []Point{{3, 1}, {1, 0}, {0, 0}}; !slices.Equal(points, want) {
		t.Errorf("series %v, want %v", points, want)
	}
	if keys := b.Keys(traffic.Selector{}); len(keys) != 2 {
		t.Errorf("keys %v", keys)
	}
	leaves := b.Leaves(epoch.Unix())
	if len(leaves) != 1 || leaves[0].Req != 1 || leaves[0].Err != 1 || leaves[0].FirstReq != 0 || leaves[0].Retries != 1 || leaves[0].Width != time.Second {
		t.Errorf("leaves %+v", leaves)
	}
	if next, ok := b.NextSecond(epoch.Unix() + 3); !ok || next != epoch.Unix()+9 {
		t.Errorf("next second %d %v", next-epoch.Unix(), ok)
	}
	if _, ok := b.NextSecond(epoch.Unix() + 10); ok {
		t.Error("a second after the last")
	}
}

func TestSpread(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		from := at(time.Duration(rapid.Int64Range(0, 10_000).Draw(t, "from")) * time.Millisecond)
		to := from.Add(time.Duration(rapid.Int64Range(0, 90_000).Draw(t, "wide")) * time.Millisecond)
		n := rapid.Int64Range(1, 5000).Draw(t, "n")
		phase := rapid.Float64Range(0, 0.999).Draw(t, "phase")
		sum := int64(0)
		last := int64(-1)
		spread(from, to, n, phase, func(sec, k int64) {
			sum += k
			if sec <= last || k <= 0 {
				t.Fatalf("second %d has %d after second %d", sec, k, last)
			}
			last = sec
			begin, end := time.Unix(sec, 0), time.Unix(sec+1, 0)
			if begin.Before(from) {
				begin = from
			}
			if end.After(to) {
				end = to
			}
			if to.After(from) {
				share := float64(n) * float64(end.Sub(begin)) / float64(to.Sub(from))
				if off := float64(k) - share; off > 1 || off < -1 {
					t.Fatalf("second %d has %d, its share is %.2f", sec, k, share)
				}
			}
		})
		if sum != n {
			t.Fatalf("%d of %d", sum, n)
		}
	})
	total := int64(0)
	spread(epoch.Add(-100*time.Hour), epoch, 1_000_000, 0.5, func(_, k int64) { total += k })
	if total != 1_000_000 {
		t.Errorf("%d of a million after a gap of 100 h", total)
	}
}

// Rare failures of many series in one scrape must not meet in one second.
func TestCountsOfOneScrapeSpreadApart(t *testing.T) {
	syms := traffic.NewSymbols(0)
	b := New(Options{Symbols: syms})
	batch := traffic.Batch{Source: "scrape", Kind: traffic.ScrapeSource}
	const series = 600
	for i := range series {
		k := traffic.Key{}.With(traffic.Model, syms.Intern(fmt.Sprintf("m%d", i)))
		batch.Counts = append(batch.Counts, traffic.Count{Key: k, Outcome: gw502, N: 1, From: epoch, To: epoch.Add(15 * time.Second)})
	}
	b.Apply(batch, epoch.Add(15*time.Second))
	for sec := range int64(15) {
		if n := len(b.Leaves(epoch.Unix() + sec)); n < series/15/2 || n > series/15*2 {
			t.Errorf("second %d has %d of %d", sec, n, series)
		}
	}
}

func TestResolutions(t *testing.T) {
	syms := traffic.NewSymbols(0)
	b := New(Options{Symbols: syms})
	k := keyOf(syms, "model", "m")
	const hours = 26
	for sec := 0; sec < hours*3600; sec += 7 {
		now := at(time.Duration(sec) * time.Second)
		b.Apply(logs("l", traffic.Record{Time: now, Key: k, Outcome: ok200}), now)
		b.Watermark(now, true)
	}
	end := at(hours * time.Hour)
	s := b.Stats()
	if most := 15*60 + 2*360 + 24*60 + 100; s.Buckets > most || s.Buckets < 2000 {
		t.Errorf("%d buckets, want at most %d", s.Buckets, most)
	}
	for _, c := range []struct {
		ago, wide, step time.Duration
	}{{10 * time.Minute, 7 * time.Second * 10, time.Second}, {time.Hour, 70 * time.Second, 10 * time.Second}, {20 * time.Hour, 7 * time.Minute, time.Minute}} {
		w := b.Window(Query{From: end.Add(-c.ago), To: end.Add(-c.ago + c.wide)})
		want := int64(c.wide / (7 * time.Second))
		if w.Step != c.step || w.Req < want-10 || w.Req > want+10 || w.Covered != c.wide {
			t.Errorf("%v ago: %d requests at %v, covered %v, want about %d at %v", c.ago, w.Req, w.Step, w.Covered, want, c.step)
		}
	}
	// A jump of a year costs nothing and leaves nothing behind.
	far := end.AddDate(1, 0, 0)
	b.Apply(logs("l", traffic.Record{Time: far, Key: k, Outcome: ok200}), far)
	b.Watermark(far, true)
	b.Apply(logs("l", traffic.Record{Time: far.Add(time.Minute), Key: k, Outcome: ok200}), far.Add(time.Minute))
	if s := b.Stats(); s.Buckets > 3 {
		t.Errorf("%d buckets after a year", s.Buckets)
	}
	old := b.Stats().TooOld
	b.Apply(logs("l", traffic.Record{Time: end, Key: k, Outcome: ok200}), far.Add(time.Minute))
	b.Window(Query{From: end, To: far})
	if s := b.Stats(); s.TooOld != old+1 {
		t.Errorf("a record of last year: %d too old", s.TooOld)
	}
}

func TestSecondsStayUntilTheyAreClosed(t *testing.T) {
	b := New(Options{})
	var recs []traffic.Record
	for i := range 400 {
		recs = append(recs, traffic.Record{Time: at(time.Duration(i) * time.Minute), Outcome: ok200})
	}
	b.Apply(logs("l", recs...), time.Time{})
	b.Watermark(time.Time{}, false)
	seen := 0
	for sec, ok := b.NextSecond(0); ok; sec, ok = b.NextSecond(sec + 1) {
		seen += len(b.Leaves(sec))
	}
	if seen != 400 {
		t.Errorf("detection would see %d of 400 records of a finished log", seen)
	}
	b.Apply(logs("l", traffic.Record{Time: at(401 * time.Minute), Outcome: ok200}), time.Time{})
	if n := len(b.Leaves(epoch.Unix())); n != 0 {
		t.Error("a closed second of six hours ago is still fine")
	}
}

func TestTooManyBucketsShortenTheFinest(t *testing.T) {
	syms := traffic.NewSymbols(0)
	b := New(Options{Symbols: syms, MaxBuckets: 2000})
	for sec := range 1200 {
		now := at(time.Duration(sec) * time.Second)
		var recs []traffic.Record
		for i := range 5 {
			recs = append(recs, traffic.Record{Time: now, Key: keyOf(syms, "model", fmt.Sprint(i)), Outcome: ok200})
		}
		b.Apply(logs("l", recs...), now)
		b.Watermark(now, true)
	}
	s := b.Stats()
	if s.Buckets > 2100 || s.Fine >= 15*time.Minute {
		t.Errorf("%d buckets, seconds for %v", s.Buckets, s.Fine)
	}
	if w := b.Window(Query{From: epoch, To: at(time.Hour)}); w.Req != 6000 {
		t.Errorf("%d of 6000", w.Req)
	}
}

func TestFolding(t *testing.T) {
	syms := traffic.NewSymbols(0)
	b := New(Options{Symbols: syms, MaxKeys: 3})
	for i := range 10 {
		b.Apply(logs("l", traffic.Record{
			Time: at(0), Outcome: ok200,
			Key: keyOf(syms, "gateway", "edge", "side", "client", "model", fmt.Sprint("m", i), "caller", "c"),
		}), at(0))
	}
	if w := b.Window(Query{From: at(0), To: at(time.Second)}); w.Req != 10 {
		t.Errorf("%d of 10 counted", w.Req)
	}
	rest := b.Window(Query{Sel: traffic.Selector{}.Is(traffic.Model, traffic.Other).Is(traffic.Gateway, syms.Intern("edge")), From: at(0), To: at(time.Second)})
	if s := b.Stats(); rest.Req != 7 || s.Folded != 7 || s.FoldedN != 7 || s.Keys != 4 {
		t.Errorf("%d in other, stats %+v", rest.Req, s)
	}
}

func TestSkewAndUnknownTimes(t *testing.T) {
	b := New(Options{})
	now := at(0)
	a := b.Apply(logs("l",
		traffic.Record{Time: now.Add(2 * time.Minute), Outcome: ok200},
		traffic.Record{Outcome: ok200},
		traffic.Record{Time: now.Add(30 * time.Second), Outcome: ok200}), now)
	if a.Skewed != 1 || a.Counted != 3 || !a.Newest.Equal(now.Add(30*time.Second)) {
		t.Errorf("%+v", a)
	}
	recs := b.Records()
	for i, want := range []bool{true, true, false} {
		if recs.At(i).Received != want {
			t.Errorf("record %d: received %v", i, recs.At(i).Received)
		}
	}
	a = b.Apply(traffic.Batch{Source: "m", Kind: traffic.ScrapeSource, Counts: []traffic.Count{{Outcome: ok200, N: 5, From: now.Add(time.Hour), To: now.Add(time.Hour + 15*time.Second)}}}, now)
	if a.Skewed != 1 || !a.Newest.Equal(now) {
		t.Errorf("a count of the future: %+v", a)
	}
}

func TestGaugesAndFacts(t *testing.T) {
	syms := traffic.NewSymbols(0)
	b := New(Options{Symbols: syms, MaxKeys: 4})
	k := keyOf(syms, "gateway", "edge", "deployment", "a")
	k2 := k.With(traffic.Deployment, syms.Intern("b"))
	b.Apply(traffic.Batch{Source: "m", Kind: traffic.ScrapeSource, Gauges: []traffic.Gauge{
		{Key: k, Name: traffic.Inflight, Value: 3, At: at(0)},
		{Key: k2, Name: traffic.Inflight, Value: 4, At: at(5 * time.Second)},
		{Key: k, Name: traffic.Inflight, Value: 9, At: at(-time.Second)},
		{Key: k, Name: traffic.Limit, Value: -1, At: at(0)},
	}, Facts: []traffic.Fact{
		{Kind: "deploy", Text: "v2", From: at(0), Until: at(time.Minute), Scope: traffic.Scope{"model": "m"}},
		{Kind: "status", Text: "down", From: at(time.Hour)},
		{Kind: "status", Text: "down", From: at(time.Hour), Until: at(2 * time.Hour)},
	}}, at(5*time.Second))
	if sum, n, oldest, ok := b.Gauge(traffic.Selector{}, traffic.Inflight, at(10*time.Second)); !ok || sum != 7 || n != 2 || oldest != 10*time.Second {
		t.Errorf("inflight %v %d %v %v", sum, n, oldest, ok)
	}
	if sum, _, _, ok := b.Gauge(traffic.Selector{}, traffic.Limit, at(time.Second)); !ok || sum != -1 {
		t.Errorf("limit %v %v", sum, ok)
	}
	if _, _, _, ok := b.Gauge(traffic.Selector{}, traffic.Queue, at(time.Second)); ok {
		t.Error("a queue that nobody told of")
	}
	if _, _, _, ok := b.Gauge(traffic.Selector{}, traffic.Inflight, at(10*time.Minute)); ok {
		t.Error("a state ten minutes old still counts")
	}
	if f := b.Facts(traffic.Scope{"model": "m", "region": "x"}, at(0), at(30*time.Second)); len(f) != 1 || f[0].Text != "v2" {
		t.Errorf("facts %v", f)
	}
	if f := b.Facts(traffic.Scope{"model": "n"}, at(0), at(3*time.Hour)); len(f) != 1 || f[0].Until.IsZero() {
		t.Errorf("facts %v", f)
	}
}

func TestChangesAreWhatBegan(t *testing.T) {
	b := New(Options{})
	b.Apply(traffic.Batch{Source: "deploys", Kind: traffic.ChangeSource, Facts: []traffic.Fact{
		{Kind: traffic.ChangeConfig, Text: "retries 5", From: at(20 * time.Minute), Scope: traffic.Scope{"model": "m"}},
		{Kind: traffic.ChangeDeploy, Text: "v1", From: at(0)},
		{Kind: traffic.ChangeDeploy, Text: "v2", From: at(10 * time.Minute)},
		{Kind: traffic.ChangeFlag, Text: "elsewhere", From: at(15 * time.Minute), Scope: traffic.Scope{"model": "n"}},
		{Kind: traffic.FactStatus, Text: "down", From: at(12 * time.Minute)},
	}}, at(time.Hour))
	var got []string
	for _, f := range b.Changes(traffic.Scope{"model": "m", "region": "x"}, at(10*time.Minute), at(20*time.Minute)) {
		got = append(got, f.Text)
	}
	if !slices.Equal(got, []string{"v2", "retries 5"}) {
		t.Errorf("changes %q", got)
	}
	if w := b.Watermark(at(time.Hour), true); !w.IsZero() {
		t.Errorf("a change moved the watermark to %v", w)
	}
}

func TestSketch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Int64Range(1, 36_000_000), 1, 3*mostFew).Draw(t, "values")
		var all, one, two Sketch
		for i, v := range values {
			d := time.Duration(v) * time.Millisecond
			all.Add(d)
			if i%3 == 0 {
				one.Add(d)
			} else {
				two.Add(d)
			}
		}
		one.Merge(two)
		slices.Sort(values)
		for _, q := range []float64{0, 0.1, 0.5, 0.9, 0.99, 1} {
			exact := time.Duration(values[int(q*float64(len(values)-1))]) * time.Millisecond
			got, ok := all.Quantile(q)
			if off := float64(got-exact) / float64(exact); !ok || off > traffic.Accuracy+1e-9 || off < -traffic.Accuracy-1e-9 {
				t.Fatalf("q%v: %v, exact %v", q, got, exact)
			}
			if merged, _ := one.Quantile(q); merged != got {
				t.Fatalf("q%v: merged %v, whole %v", q, merged, got)
			}
		}
		if all.Count() != int64(len(values)) || one.Count() != all.Count() || all.Above(0) != all.Count() || all.Above(11*time.Hour) != 0 {
			t.Fatalf("counts %d %d", all.Count(), one.Count())
		}
	})
	var many Sketch
	counted := map[int]int64{}
	for i := range 20 * mostFew {
		d := time.Duration(i*i%7919) * time.Millisecond
		many.Add(d)
		counted[binOf(d)]++
	}
	many.settle()
	for i, b := range many.bins {
		if b.count() != counted[b.index()] || i > 0 && b.index() <= many.bins[i-1].index() {
			t.Errorf("bin %d has %d, want %d", b.index(), b.count(), counted[b.index()])
		}
	}
	if len(many.bins) != len(counted) {
		t.Errorf("%d bins, want %d", len(many.bins), len(counted))
	}
	var hostile Sketch
	for _, d := range []time.Duration{-time.Hour, 0, 1 << 62} {
		hostile.Add(d)
	}
	if hostile.settle(); hostile.Count() != 3 || len(hostile.bins) != 2 {
		t.Errorf("%d in %d bins", hostile.Count(), len(hostile.bins))
	}
}

func TestLeavesAreSorted(t *testing.T) {
	syms := traffic.NewSymbols(0)
	b := New(Options{Symbols: syms})
	for _, m := range []string{"z", "a", "m"} {
		syms.Intern(m)
	}
	for _, m := range []string{"m", "z", "a"} {
		for _, o := range []traffic.Outcome{gw502, ok200, bad400} {
			b.Apply(logs("l", traffic.Record{Time: at(0), Key: keyOf(syms, "model", m), Outcome: o}), at(0))
		}
	}
	leaves := b.Leaves(epoch.Unix())
	if len(leaves) != 3 || !slices.IsSortedFunc(leaves, func(x, y Leaf) int { return compareKeys(x.Key, y.Key) }) {
		t.Errorf("%d leaves", len(leaves))
	}
	for _, l := range leaves {
		if l.Req != 3 || l.FirstReq != 3 || l.FirstErr != 1 || l.CallerErr != 1 ||
			!slices.IsSortedFunc(l.ByOutcome, func(x, y OutcomeN) int { return cmp.Compare(x.Outcome, y.Outcome) }) {
			t.Errorf("%+v", l)
		}
	}
}

func benchRecords(syms *traffic.Symbols, keys, n int) []traffic.Record {
	rng := rand.New(rand.NewPCG(1, 2))
	var ks []traffic.Key
	for i := range keys {
		ks = append(ks, keyOf(syms, "gateway", "edge", "side", "upstream", "model", fmt.Sprint("m", i%12), "region", fmt.Sprint("r", i%7), "caller", fmt.Sprint(i)))
	}
	recs := make([]traffic.Record, n)
	for i := range recs {
		recs[i] = traffic.Record{
			Key: ks[rng.IntN(keys)], Outcome: ok200, Known: traffic.HasLatency | traffic.HasTTFT | traffic.HasTokensOut,
			Latency: time.Duration(rng.ExpFloat64() * float64(time.Second)), TTFT: time.Duration(rng.ExpFloat64() * float64(300*time.Millisecond)),
			TokensOut: 300, RequestID: fmt.Sprint("req-", i),
		}
		if rng.IntN(100) == 0 {
			recs[i].Outcome = gw502
		}
	}
	return recs
}

func BenchmarkApplyRecord(b *testing.B) {
	syms := traffic.NewSymbols(0)
	board := New(Options{Symbols: syms})
	recs := benchRecords(syms, 100, 4096)
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; i < b.N; i += len(recs) {
		for j := range recs { // 2,000 requests a second
			recs[j].Time = epoch.Add(time.Duration(i+j) * 500 * time.Microsecond)
		}
		board.Apply(logs("l", recs...), recs[len(recs)-1].Time)
		board.Watermark(recs[len(recs)-1].Time, true)
	}
}

func BenchmarkWindow1000Keys(b *testing.B) {
	syms := traffic.NewSymbols(0)
	board := New(Options{Symbols: syms})
	recs := benchRecords(syms, 1000, 200_000)
	for j := range recs {
		recs[j].Time = epoch.Add(time.Duration(j) * time.Millisecond)
	}
	board.Apply(logs("l", recs...), at(200*time.Second))
	q := Query{From: at(140 * time.Second), To: at(200 * time.Second)}
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		if w := board.Window(q); w.Req == 0 {
			b.Fatal("nothing")
		}
	}
}

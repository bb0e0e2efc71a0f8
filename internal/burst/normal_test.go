package burst

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"signalbox/internal/traffic"
)

// learned is what a detector has learned of a calm world by its end, as the next program reads it, and that program's world.
func learned(t *testing.T, seed uint64, rate float64, secs int64, gap int64) (*world, *Normal) {
	t.Helper()
	w := newWorld(seed, rate, 0.006)
	d := New(Options{Symbols: w.syms})
	w.run(d, begin-gap-secs, begin-gap)
	n := d.Normal()
	if n == nil {
		t.Fatal("nothing was learned")
	}
	return handedOn(t, w, n)
}

// handedOn gives the same world to another program: its symbols have other numbers.
func handedOn(t *testing.T, w *world, n *Normal) (*world, *Normal) {
	t.Helper()
	next := *w
	next.syms = traffic.NewSymbols(0)
	next.syms.Intern("something else")
	next.series = nil
	for _, m := range w.series {
		next.add(m.labels, m.rate, m.base)
	}
	back, err := DecodeNormal(n.Encode(nil), next.syms)
	if err != nil {
		t.Fatal(err)
	}
	return &next, back
}

func TestNormalRoundTrip(t *testing.T) {
	w := newWorld(3, 40, 0.006)
	d := New(Options{Symbols: w.syms})
	w.run(d, begin-1200, begin)
	n := d.Normal()
	raw := n.Encode(nil)
	back, err := DecodeNormal(raw, w.syms)
	if err != nil {
		t.Fatal(err)
	}
	if again := back.Encode(nil); !bytes.Equal(raw, again) {
		t.Errorf("what was read is written otherwise:\n%s\n%s", raw, again)
	}
	if !back.At.Equal(time.Unix(begin-1, 0)) || back.Known != 1199*time.Second || len(back.watches[0].leaves) != len(w.series) {
		t.Errorf("%v for %v, %d leaves", back.At, back.Known, len(back.watches[0].leaves))
	}
	t.Logf("%d bytes for %d leaves and %d cuts", len(raw), len(back.watches[0].leaves), len(back.watches[0].cuts))
}

// What is adopted is what was known: the next detector expects what the last one did.
func TestNormalIsAdopted(t *testing.T) {
	w := newWorld(3, 200, 0.006)
	w.series[0].base = 0.08
	d := New(Options{Symbols: w.syms})
	w.run(d, begin-4000, begin)
	next, n := handedOn(t, w, d.Normal())
	e := New(Options{Symbols: next.syms, Normal: n})
	next.run(e, begin, begin+1)
	d.blame.expectAll()
	e.blame.expectAll()
	for i, l := range d.blame.leaves {
		x := e.blame.leafOf(next.series[i].key)
		name := l.key.Labels(w.syms)
		for s := range signals {
			if p, q := l.base.p[s], x.base.p[s]; math.Abs(p-q) > 0.02*p {
				t.Errorf("%v: signal %d was expected at %v, and is at %v", name, s, p, q)
			}
		}
		if r, q := l.rate(begin-1), x.rate(begin-1); math.Abs(r-q) > 0.1*r+0.1 {
			t.Errorf("%v: %v requests a second were known, and now %v", name, r, q)
		}
	}
	if l := e.Learning(); !l.Done() || !l.Known.Equal(time.Unix(begin-1, 0)) || l.Since.Unix() != begin {
		t.Errorf("%+v", l)
	}
	if e.blame.keys != d.blame.keys || len(e.blame.cuts) != len(d.blame.cuts) {
		t.Errorf("%d places in %d cuts, were %d in %d", e.blame.keys, len(e.blame.cuts), d.blame.keys, len(d.blame.cuts))
	}
}

// The same starts inside a fault as without a past: what a tenth of a provider fails is seen, too.
func TestStartInsideAFaultWithANormal(t *testing.T) {
	const starts, within = 8, 45
	for _, c := range []struct {
		name  string
		scope traffic.Scope
		share float64
		rate  float64
		gap   int64
		least int
	}{
		{"a third of one cell", traffic.Scope{"provider": "azure", "model": "gpt-4o", "region": "eu-west"}, 0.33, 40, 60, 8},
		{"a fifth of one cell", traffic.Scope{"provider": "azure", "model": "gpt-4o", "region": "eu-west"}, 0.2, 40, 60, 8},
		{"a seventh of a provider", traffic.Scope{"provider": "azure"}, 0.15, 40, 60, 8},
		{"a seventh of a provider after three hours", traffic.Scope{"provider": "azure"}, 0.15, 40, 3 * 3600, 7},
		{"a seventh of a provider after three days", traffic.Scope{"provider": "azure"}, 0.15, 40, 3 * 86400, 6},
		{"a twentieth of all", traffic.Scope{}, 0.05, 100, 60, 7},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			found, right := 0, 0
			for seed := range uint64(starts) {
				w, n := learned(t, seed, c.rate, 1000, c.gap)
				w.faults = []trouble{{scope: c.scope, share: c.share, outcome: gw502, from: begin - 300, to: begin + 3600}}
				d := New(Options{Symbols: w.syms, Normal: n})
				if open := kinds(w.run(d, begin, begin+within), Opened); len(open) == 0 {
					continue
				}
				found++
				if b := d.Bursts()[0]; b.Earlier && sameTraffic(w, b.Scope, c.scope) {
					right++
				}
			}
			t.Logf("found %d within %d s, %d right", found, within, right)
			if found < c.least || right < found*8/10 {
				t.Errorf("of %d starts %d found within %d s and %d right; want %d and nearly all", starts, found, within, right, c.least)
			}
		})
	}
}

// A start into a calm stays calm whatever the gap, and says nothing of traffic that has become another amount in between.
func TestCalmStartsWithANormal(t *testing.T) {
	for _, gap := range []int64{0, 60, 1700, 4 * 3600, 3 * 86400} {
		t.Run(fmt.Sprint(time.Duration(gap)*time.Second), func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(3) {
				w, n := learned(t, seed, 40, 4500, gap)
				for i := range w.series {
					if gap >= 4*3600 { // another time of day
						w.series[i].rate *= 0.4
						w.series[i].base *= 2
					}
				}
				d := New(Options{Symbols: w.syms, Normal: n})
				for _, e := range kinds(w.run(d, begin, begin+900), Opened) {
					t.Errorf("seed %d after %d s: %s", seed, e.Detected.Unix()-begin, e.Reason)
				}
			}
		})
	}
}

// Traffic that is gone when the console starts again is told, which without a past it never is.
func TestLossAtAStartWithANormal(t *testing.T) {
	w, n := learned(t, 1, 60, 4500, 120)
	for i := range w.series {
		if w.series[i].labels["region"] == "eu-west" {
			w.series[i].rate = 0
		}
	}
	d := New(Options{Symbols: w.syms, Normal: n})
	open := kinds(w.run(d, begin, begin+300), Opened)
	if len(open) == 0 || open[0].Leading != LeadingLoss || open[0].Scope["region"] != "eu-west" {
		t.Fatalf("%+v", open)
	}
	if at := open[0].Detected.Unix() - begin; at < volSettles || at > volSettles+60 {
		t.Errorf("told after %d s: %s", at, open[0].Reason)
	}
	if on := open[0].Onset.Unix(); on < begin {
		t.Errorf("it began %d s before reading did", begin-on)
	}
}

// What is read again is not learned again, and what fails in it is told.
func TestNormalIsNotLearnedTwice(t *testing.T) {
	w := newWorld(5, 40, 0.006)
	d := New(Options{Symbols: w.syms})
	w.run(d, begin-3600, begin)
	next, n := handedOn(t, w, d.Normal())
	e := New(Options{Symbols: next.syms, Normal: n})
	before := knownOf(n)
	next.run(e, begin-1800, begin-guardWarm)
	if after := knownOf(e.Normal()); math.Abs(after-before) > 1 {
		t.Errorf("%.1f requests were known, and %.1f after half an hour of them was read again", before, after)
	}
	next.run(e, begin-guardWarm, begin+600)
	if after := knownOf(e.Normal()); after <= before {
		t.Errorf("%.1f requests were known, and %.1f after ten more minutes", before, after)
	}
	if l := e.Learning(); l.Since.Unix() != begin-1800 {
		t.Errorf("%+v", l)
	}
}

func knownOf(n *Normal) (all float64) {
	for _, l := range n.watches[0].leaves {
		all += l.n[fail]
	}
	return all
}

// What is too old, or of another time, is not gone by.
func TestNormalThatDoesNotFit(t *testing.T) {
	for name, first := range map[string]int64{"too old": begin + normalKeeps + 10, "another past": begin - normalBefore - 10} {
		w, n := learned(t, 2, 20, 1200, 0)
		d := New(Options{Symbols: w.syms, Normal: n})
		w.run(d, first, first+2)
		if l := d.Learning(); l.Done() || !l.Known.IsZero() {
			t.Errorf("%s: %+v", name, l)
		}
	}
	w, n := learned(t, 2, 20, 1200, 0)
	stray := New(Options{Symbols: w.syms, Normal: n})
	w.run(stray, begin-86400, begin-86398)
	if w.run(stray, begin, begin+2); !stray.Learning().Done() || stray.Learning().Since.Unix() != begin {
		t.Errorf("after a line of another day: %+v", stray.Learning())
	}
	w, n = learned(t, 2, 20, 1200, 0)
	w.syms = traffic.NewSymbols(0)
	d := New(Options{Symbols: w.syms, Normal: n})
	w.run(d, begin, begin+2)
	if !d.Learning().Known.IsZero() {
		t.Error("what is normal of another table of symbols was taken")
	}
}

// A start of a minute knows nothing that is worth keeping; nothing at all is none.
func TestNormalOfTooLittle(t *testing.T) {
	w := newWorld(1, 20, 0.006)
	d := New(Options{Symbols: w.syms})
	if d.Normal() != nil {
		t.Error("a detector that was given nothing knows something")
	}
	w.run(d, begin, begin+60)
	if d.Normal() != nil {
		t.Error("a minute is worth keeping")
	}
}

// Leaves that may not be named are left out; so are those that nobody could read.
func TestNormalLeavesOutNames(t *testing.T) {
	w := newWorld(1, 40, 0.006)
	w.add(traffic.Scope{"side": "upstream", "provider": "azure", "model": "sk-secret", "region": "eu-west"}, 5, 0.01)
	w.add(traffic.Scope{"side": "upstream", "provider": "azure", "model": "\x1b[2J", "region": "eu-west"}, 5, 0.01)
	d := New(Options{Symbols: w.syms})
	w.run(d, begin, begin+400)
	raw := d.Normal().Encode(func(name string) bool { return !strings.HasPrefix(name, "sk-") })
	if bytes.Contains(raw, []byte("sk-")) || bytes.Contains(raw, []byte("[2J")) {
		t.Errorf("%s", raw)
	}
	n, err := DecodeNormal(raw, w.syms)
	if err != nil || len(n.watches[0].leaves) != len(w.series)-2 {
		t.Errorf("%v", err)
	}
}

func sealedNormal(body string) []byte {
	sum := sha256.Sum256([]byte(body))
	return []byte(normalMagic + hex.EncodeToString(sum[:]) + "\n" + body)
}

const normalHeader = `{"at":"2026-01-02T03:04:05Z","seconds":[3600,3600]}` + "\n"

func TestDecodeNormalRefuses(t *testing.T) {
	for name, raw := range map[string][]byte{
		"nothing":             nil,
		"another version":     []byte("signalbox-normal 2 00\n"),
		"a wrong sum":         append(sealedNormal(normalHeader), '\n'),
		"no head":             sealedNormal(""),
		"no time":             sealedNormal(`{"seconds":[1,1]}`),
		"neither":             sealedNormal(normalHeader + `{"watch":"blame"}`),
		"another watch":       sealedNormal(normalHeader + `{"watch":"x","leaf":{"model":"a"}}`),
		"no dimension":        sealedNormal(normalHeader + `{"watch":"blame","leaf":{"colour":"a"}}`),
		"signs":               sealedNormal(normalHeader + `{"watch":"blame","leaf":{"model":"a\u001b"}}`),
		"more than all fail":  sealedNormal(normalHeader + `{"watch":"blame","leaf":{"model":"a"},"signals":{"fail":[10,20]}}`),
		"less than none":      sealedNormal(normalHeader + `{"watch":"blame","leaf":{"model":"a"},"signals":{"fail":[-1,0]}}`),
		"too many":            sealedNormal(normalHeader + `{"watch":"blame","leaf":{"model":"a"},"seen":1e13}`),
		"a mark upside down":  sealedNormal(normalHeader + `{"watch":"blame","leaf":{"model":"a"},"marks":{"latency":[30,9,5]}}`),
		"a weight over one":   sealedNormal(normalHeader + `{"watch":"blame","cut":[{}],"scatter":{"fail":[1,2]}}`),
		"a cut of many names": sealedNormal(normalHeader + `{"watch":"blame","cut":[` + strings.Repeat(`{},`, 20) + `{}]}`),
	} {
		syms := traffic.NewSymbols(0)
		if n, err := DecodeNormal(raw, syms); err == nil {
			t.Errorf("%s: %+v", name, n)
		}
		if _, known := syms.Lookup("a"); known {
			t.Errorf("%s: its names were taken", name)
		}
	}
	if _, err := DecodeNormal(make([]byte, MaxNormal+1), traffic.NewSymbols(0)); err == nil {
		t.Error("a text without end was read")
	}
}

// Whatever stands in the file, a detector that begins with it works, and can write down what it knows.
func FuzzDecodeNormal(f *testing.F) {
	w := newWorld(1, 40, 0.006)
	d := New(Options{Symbols: w.syms})
	w.run(d, begin-400, begin)
	raw := d.Normal().Encode(nil)
	_, body, _ := bytes.Cut(raw, []byte("\n"))
	f.Add(body)
	f.Add([]byte(normalHeader))
	f.Add([]byte(normalHeader + `{"watch":"blame","cut":[{}],"volume":{"age":9000,"blocks":3,"usual":[1e9,0,0],"scatter":[1e12,1]}}`))
	f.Add([]byte(normalHeader + `{"watch":"impact","leaf":{"side":"client"},"last":0,"learned":99,"signals":{"slow":[1e12,1e12]},"marks":{"tokens":[1e12,0,1e4]}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		v := newWorld(2, 40, 0.006)
		n, err := DecodeNormal(sealedNormal(string(body)), v.syms)
		if err != nil {
			return
		}
		n.At = time.Unix(begin-60, 0) // else most of what is made up would be too old
		d := New(Options{Symbols: v.syms, Normal: n})
		v.run(d, begin, begin+190)
		d.Bursts()
		d.Sights(traffic.Provider)
		for _, l := range d.blame.leaves {
			for s, p := range l.base.p {
				if math.IsNaN(p) || p < 0 || p > 1.001 {
					t.Fatalf("signal %d is expected at %v", s, p)
				}
			}
		}
		if k := d.Normal(); k != nil {
			if m, err := DecodeNormal(k.Encode(nil), v.syms); err != nil || !reflect.DeepEqual(m.At, k.At) {
				t.Fatalf("what was written cannot be read: %v", err)
			}
		}
	})
}

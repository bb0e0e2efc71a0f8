package traffic

import (
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"signalbox/internal/fault"
)

func TestSymbolsAreStableAndBounded(t *testing.T) {
	s := NewSymbols(4)
	a, b := s.Intern("a"), s.Intern("b")
	if a == b || a <= Other || s.Intern("a") != a || s.Name(a) != "a" {
		t.Errorf("a is %d (%q), b is %d", a, s.Name(a), b)
	}
	if got := s.Intern("c"); got != Other {
		t.Errorf("beyond the bound: %d, want Other", got)
	}
	if s.Refused() != 1 {
		t.Errorf("refused %d", s.Refused())
	}
	if s.Intern("") != Unknown || s.InternBytes(nil) != Unknown || s.Name(99) != "" {
		t.Error("the unknown is not 0")
	}
	if _, known := s.Lookup("c"); known {
		t.Error("a refused name is known")
	}
}

func TestLongNamesAreCutTheSameWay(t *testing.T) {
	s := NewSymbols(0)
	long := strings.Repeat("x", 3*maxSymbolLen)
	if s.Intern(long) != s.InternBytes([]byte(long)) || len(s.Name(s.Intern(long))) != maxSymbolLen {
		t.Error("a long name has two symbols, or is not cut")
	}
}

func TestSymbolsFromManyGoroutines(t *testing.T) {
	s := NewSymbols(0)
	names := strings.Fields("a b c d e f g h i j")
	var wg sync.WaitGroup
	got := make([][]Sym, 8)
	for g := range got {
		wg.Go(func() {
			for _, n := range names {
				got[g] = append(got[g], s.Intern(n))
			}
		})
	}
	wg.Wait()
	for g := range got {
		for i, n := range names {
			if s.Name(got[g][i]) != n || got[g][i] != got[0][i] {
				t.Fatalf("goroutine %d: %q is %d", g, n, got[g][i])
			}
		}
	}
}

func TestScopeWords(t *testing.T) {
	for _, c := range []struct {
		scope         Scope
		string, short string
	}{
		{nil, "everything", "everything"},
		{Scope{"region": "eu-west", "model": "gpt-4o", "provider": "azure"}, "provider=azure model=gpt-4o region=eu-west", "gpt-4o@eu-west"},
		{Scope{"provider": "azure"}, "provider=azure", "azure"},
		{Scope{"provider": "azure", "region": "eu-west"}, "provider=azure region=eu-west", "azure@eu-west"},
		{Scope{"region": "eu-west"}, "region=eu-west", "region eu-west"},
		{Scope{"deployment": "az-1", "region": "eu-west"}, "region=eu-west deployment=az-1", "az-1"},
		{Scope{"stream": "true"}, "stream=true", "stream=true"},
	} {
		if got := c.scope.String(); got != c.string {
			t.Errorf("%v prints %q, want %q", c.scope, got, c.string)
		}
		if got := c.scope.Short(); got != c.short {
			t.Errorf("%v is called %q, want %q", c.scope, got, c.short)
		}
	}
}

// genScope draws scopes over few dimensions and values, so that they meet.
func genScope(t *rapid.T, name string) Scope {
	s := Scope{}
	for _, d := range []string{"model", "region", "provider"} {
		if v := rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, name+d); v != "" {
			s[d] = v
		}
	}
	return s
}

func TestScopesAndSelectorsAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		syms := NewSymbols(0)
		a, b := genScope(t, "a"), genScope(t, "b")
		var k Key
		for _, d := range []Dim{Model, Region, Provider} {
			k[d] = syms.Intern(rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "key"+d.String()))
		}
		inA, inB := a.Selector(syms).Match(k), b.Selector(syms).Match(k)
		if inA != a.Covers(k.Labels(syms)) {
			t.Fatalf("%v: selector says %v, Covers %v", a, inA, !inA)
		}
		if inA && inB && !a.Overlaps(b) {
			t.Fatalf("%v is in %v and %v, which do not overlap", k.Labels(syms), a, b)
		}
		if a.Covers(b) && inB && !inA {
			t.Fatalf("%v covers %v, but not %v", a, b, k.Labels(syms))
		}
		if a.Overlaps(b) != b.Overlaps(a) || (a.Covers(b) && b.Covers(a)) != a.Equal(b) {
			t.Fatalf("%v and %v are not symmetric", a, b)
		}
	})
}

func TestSelectorTerms(t *testing.T) {
	syms := NewSymbols(0)
	var k Key
	k[Model] = syms.Intern("m")
	for name, c := range map[string]struct {
		term Term
		want bool
	}{
		"is":             {Term{Dim: Model, Any: []Sym{k[Model]}}, true},
		"is not":         {Term{Dim: Model, Not: true, Any: []Sym{k[Model]}}, false},
		"nothing":        {Term{Dim: Model}, false},
		"not nothing":    {Term{Dim: Model, Not: true}, true},
		"unknown region": {Term{Dim: Region, Any: []Sym{Unknown}}, true},
	} {
		if got := (Selector{}).And(c.term).Match(k); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if sel := (Scope{"model": "never seen"}).Selector(syms); sel.Match(k) {
		t.Error("a value that nobody has seen selects something")
	}
	base := Selector{}.Is(Model, k[Model])
	_ = base.Is(Region, Other)
	if !base.Match(k) {
		t.Error("a longer selector changed the one that it was made from")
	}
}

func TestOutcome(t *testing.T) {
	for _, c := range fault.Classes() {
		for _, status := range []int{0, 200, 524, 999} {
			o := NewOutcome(c, status)
			if o.Class() != c || o.Status() != status || o.Failed() != (c != fault.None) {
				t.Errorf("%s %d comes back as %s %d", c, status, o.Class(), o.Status())
			}
		}
	}
	if NewOutcome(fault.Timeout, -1).Status() != 0 || NewOutcome(fault.Timeout, 70000).Status() != 0 {
		t.Error("a status out of range is kept")
	}
}

func TestInventory(t *testing.T) {
	inv := NewInventory([]Mapping{
		{Match: map[string]string{"deployment": "az-eu-1"}, Set: map[string]string{"region": "eu-west", "provider": "azure"}},
		{Match: map[string]string{"deployment": "az-*"}, Set: map[string]string{"provider": "azure", "region": "unknown-az"}},
		{Match: map[string]string{}, Set: map[string]string{"env": "never"}},
	})
	for _, c := range []struct{ in, want map[string]string }{
		{map[string]string{"deployment": "az-eu-1"}, map[string]string{"deployment": "az-eu-1", "region": "eu-west", "provider": "azure"}},
		{map[string]string{"deployment": "az-us-9", "region": "us"}, map[string]string{"deployment": "az-us-9", "region": "us", "provider": "azure"}},
		{map[string]string{"deployment": "other"}, map[string]string{"deployment": "other"}},
	} {
		if hit := inv.Fill(c.in); hit != (c.in["deployment"] != "other") {
			t.Errorf("%v: hit %v", c.in, hit)
		}
		if !Scope(c.in).Equal(c.want) {
			t.Errorf("filled to %v, want %v", c.in, c.want)
		}
	}
	var none *Inventory
	if none.Fill(map[string]string{"deployment": "x"}) {
		t.Error("no inventory fills something")
	}
}

func TestNamesComeBack(t *testing.T) {
	for _, d := range Dims() {
		if got, ok := ParseDim(strings.ToUpper(d.String())); !ok || got != d {
			t.Errorf("dimension %s comes back as %v", d, got)
		}
	}
	for g := range gaugeNames {
		if got, ok := ParseGauge(g.String()); !ok || got != g {
			t.Errorf("gauge %s comes back as %v", g, got)
		}
	}
	if _, ok := ParseDim("nonsense"); ok || NumDims.String() != "unknown" {
		t.Error("nonsense is a dimension")
	}
}

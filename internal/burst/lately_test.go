package burst

import (
	"testing"

	"signalbox/internal/traffic"
)

// A number that two keys share, or that a key loses to another, never leads to what was kept for the other.
func TestLatelyIsRightWhateverTheNumbers(t *testing.T) {
	var l lately[int]
	kept := map[traffic.Key]*int{}
	for i := range 2000 {
		in := &Leaf{Key: traffic.Key{traffic.Model: traffic.Sym(i * 7 % 13)}, Place: uint32(i * 5 % 11)}
		if i%100 == 99 {
			in.Place = mostLately + uint32(i)
		}
		was := kept[in.Key]
		if got := l.find(in); got != nil && got != was {
			t.Fatalf("key %v, number %d: another's", in.Key, in.Place)
		}
		if was == nil {
			was = new(int)
			kept[in.Key] = was
		}
		l.keep(in, was)
		if got := l.find(in); in.Place > 0 && in.Place < mostLately && got != was {
			t.Fatalf("key %v, number %d: not what was just kept", in.Key, in.Place)
		}
	}
	if len(l) > 11 {
		t.Errorf("%d numbers held", len(l))
	}
}

// The detector says the same of leaves whose numbers change as of those without.
func TestNumbersOfLeavesChangeNothing(t *testing.T) {
	var said [3]int
	for way := range said {
		syms := traffic.NewSymbols(0)
		d := New(Options{Symbols: syms})
		for sec := range int64(900) {
			var leaves []Leaf
			for m := range 4 {
				n, bad := int64(20), int64(0)
				if m == 2 && sec > 600 && sec < 700 {
					bad = 12
				}
				l := Leaf{Key: traffic.Key{traffic.Side: syms.Intern(traffic.SideClient), traffic.Model: syms.Intern(string(rune('a' + m)))}, Req: n, FirstReq: n, Err: bad, FirstErr: bad}
				l.ByOutcome = []OutcomeN{{Outcome: traffic.NewOutcome(0, 200), N: n - bad, First: n - bad}}
				if bad > 0 {
					l.ByOutcome = append(l.ByOutcome, OutcomeN{Outcome: traffic.NewOutcome(5, 500), N: bad, First: bad})
				}
				switch way {
				case 1:
					l.Place = uint32(m) + 1
				case 2:
					l.Place = uint32((int64(m)+sec/7)%4) + 1
				}
				leaves = append(leaves, l)
			}
			for _, e := range d.Step(1_000_000+sec, leaves) {
				said[way] = said[way]*31 + len(e.Burst.Scope) + int(e.Burst.Onset.Unix())
			}
		}
	}
	if said[0] == 0 || said[1] != said[0] || said[2] != said[0] {
		t.Errorf("what was said: %v", said)
	}
}

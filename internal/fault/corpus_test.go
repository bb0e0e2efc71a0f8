package fault

import (
	"bufio"
	"encoding/json"
	"os"
	"slices"
	"testing"
)

type labelled struct {
	ID     string `json:"id"`
	Text   string `json:"text"`
	Class  string `json:"class"`
	Status *int   `json:"status"`
	Source string `json:"source"`
}

func corpus(t testing.TB) []labelled {
	t.Helper()
	path := os.Getenv("SIGNALBOX_CORPUS")
	if path == "" {
		t.Skip("set SIGNALBOX_CORPUS to a file of labelled error texts")
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []labelled
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var l labelled
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			t.Fatal(err)
		}
		all = append(all, l)
	}
	if err := lines.Err(); err != nil || len(all) == 0 {
		t.Fatalf("%d texts read: %v", len(all), err)
	}
	return all
}

// score is how good a set of verdicts is.
type score struct {
	accuracy, macroF1, precision float64
	hit, said, meant             map[string]int
	confused                     map[[2]string]int
}

// judge compares verdicts with labels.
func judge(all []labelled, verdict func(labelled) Verdict) score {
	s := score{hit: map[string]int{}, said: map[string]int{}, meant: map[string]int{}, confused: map[[2]string]int{}}
	right, failures, justly := 0, 0, 0
	for _, l := range all {
		got := verdict(l).Class.String()
		s.said[got]++
		s.meant[l.Class]++
		if got == l.Class {
			s.hit[got]++
			right++
		} else {
			s.confused[[2]string{l.Class, got}]++
		}
		if got != None.String() {
			failures++
			if l.Class != None.String() {
				justly++
			}
		}
	}
	sum := 0.0
	for c := range s.meant {
		sum += s.f1(c)
	}
	s.accuracy, s.macroF1, s.precision = float64(right)/float64(len(all)), sum/float64(len(s.meant)), float64(justly)/float64(max(failures, 1))
	return s
}

func (s score) f1(class string) float64 {
	return 2 * float64(s.hit[class]) / float64(max(s.said[class]+s.meant[class], 1))
}

func (s score) log(t testing.TB, name string, whole bool) {
	t.Helper()
	t.Logf("%-10s accuracy %.3f  macro-F1 %.3f  precision of \"is a failure\" %.3f", name, s.accuracy, s.macroF1, s.precision)
	if !whole {
		return
	}
	for _, c := range Classes() {
		n := c.String()
		t.Logf("  %-20s precision %.2f  recall %.2f  F1 %.2f  of %d", n,
			float64(s.hit[n])/float64(max(s.said[n], 1)), float64(s.hit[n])/float64(max(s.meant[n], 1)), s.f1(n), s.meant[n])
	}
	var pairs [][2]string
	for p := range s.confused {
		pairs = append(pairs, p)
	}
	slices.SortFunc(pairs, func(a, b [2]string) int {
		return 2*(s.confused[b]-s.confused[a]) + slices.Compare(a[:], b[:])
	})
	for _, p := range pairs {
		t.Logf("  %s taken for %s: %d", p[0], p[1], s.confused[p])
	}
}

// suspects finds the words and pairs that only one source of the corpus holds, by source. What a provider or a
// program documents is no suspect unless all is asked for: its source is not the corpus.
func suspects(set *ruleSet, all []labelled, every bool) map[string][]bool {
	only := make([]string, set.size) // "": nowhere yet; "*": in several
	for _, l := range all {
		for id := range set.hits(l.Text) {
			switch only[id] {
			case "":
				only[id] = l.Source
			case l.Source:
			default:
				only[id] = "*"
			}
		}
	}
	documented := map[uint16]bool{}
	for i := range rules {
		for _, id := range set.number(rules[i].doc) {
			documented[id] = true
		}
	}
	out := map[string][]bool{}
	for id, source := range only {
		if source == "" || source == "*" || !every && documented[uint16(id)] {
			continue
		}
		if out[source] == nil {
			out[source] = make([]bool, set.size)
		}
		out[source][id] = true
	}
	return out
}

// hits are the words and pairs that a text holds.
func (s *ruleSet) hits(raw string) map[int]bool {
	var t text
	t.reset(s)
	t.read(Input{Text: raw}, s)
	out := map[int]bool{}
	for id := range s.size {
		if t.seen.has(uint16(id)) {
			out[id] = true
		}
	}
	return out
}

// heldOut judges each text with the words switched off that no other source holds.
func heldOut(set *ruleSet, all []labelled, every bool) func(labelled) Verdict {
	off := suspects(set, all, every)
	return func(l labelled) Verdict {
		part := *set
		if mask := off[l.Source]; mask != nil {
			part.without = mask
		}
		return part.classify(Input{Text: l.Text})
	}
}

// The bounds that the meaning of an error text must keep. The rules were written with these texts in sight, so
// the held-out figure is the one to steer by: there each text is judged without the words that only its own
// source holds, unless a provider or a program documents them. The strict one switches those off, too.
func TestMeaning(t *testing.T) {
	all := corpus(t)
	set := compiledRules()
	in := judge(all, func(l labelled) Verdict { return Classify(Input{Text: l.Text}) })
	out := judge(all, heldOut(set, all, false))
	strict := judge(all, heldOut(set, all, true))
	for _, l := range all {
		if v := Classify(Input{Text: l.Text}); v.Class.String() != l.Class && testing.Verbose() {
			t.Logf("%s: want %s, got %s (%s)\n\t%.300q", l.ID, l.Class, v.Class, v.Why, l.Text)
		}
	}
	n := 0
	for _, mask := range suspects(set, all, false) {
		for _, off := range mask {
			if off {
				n++
			}
		}
	}
	in.log(t, "in-sample", true)
	t.Logf("%d of %d words and pairs are held by one source only and documented by nobody", n, set.size)
	out.log(t, "held-out", true)
	strict.log(t, "strict", false)
	if in.macroF1 < 0.95 || in.accuracy < 0.95 || in.precision < 0.98 {
		t.Errorf("in-sample macro-F1 %.3f, accuracy %.3f, precision %.3f: below 0.95, 0.95, 0.98", in.macroF1, in.accuracy, in.precision)
	}
	if out.macroF1 < 0.88 || out.precision < 0.97 {
		t.Errorf("held-out macro-F1 %.3f, precision %.3f: below 0.88, 0.97", out.macroF1, out.precision)
	}
}

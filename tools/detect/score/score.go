// Package score holds what a detector said against what was wrong. It is pure.
//
// The rules:
//
//   - Alarms are bursts of kind errors, latency and truncation, also those that were withdrawn or merged later: somebody
//     was called. Bursts of another kind are notes: they find the faults of their own kind and are never false.
//   - A burst finds a fault when its kind fits the fault's class, and, between the fault's start and 60 s after its end,
//     it was opened with, or moved to, a scope that shares a leaf with the fault's.
//   - An alarm that finds no fault is false, unless it echoes one that ended less than 300 s before.
//   - A scope is right when it covers the same leaves as the fault's, of those that had traffic which could show the
//     fault since its start: a model that lives on one provider has two names.
package score

import (
	"math"
	"slices"
	"strings"
)

// Leaf is one combination of dimensions of a fleet.
type Leaf struct {
	V    []int
	Rate float64
}

// Fleet is what the scorer knows of a fleet; fleet.json of trafficgen decodes into it.
type Fleet struct {
	Dims   []string
	Values [][]string
	Leaves []Leaf
}

// Cover marks the leaves inside a scope; dimensions that the fleet does not have say nothing.
func (f *Fleet) Cover(scope map[string]string) []bool {
	in := make([]bool, len(f.Leaves))
	for i := range in {
		in[i] = true
	}
	for d, name := range f.Dims {
		v := strings.ToLower(scope[name])
		if v == "" || v == "*" {
			continue
		}
		want := slices.Index(f.Values[d], v)
		for i := range in {
			in[i] = in[i] && f.Leaves[i].V[d] == want
		}
	}
	return in
}

// Shows tells whether a leaf could show a fault of a class at all: only a stream can be cut.
func (f *Fleet) Shows(leaf int, class string) bool {
	d := slices.Index(f.Dims, "stream")
	return class != "truncated" || d < 0 || f.Values[d][f.Leaves[leaf].V[d]] == "true"
}

// Meet tells whether two sets of leaves share one.
func Meet(a, b []bool) bool {
	for i := range a {
		if a[i] && b[i] {
			return true
		}
	}
	return false
}

// Fault is one labelled disturbance, in seconds since the start.
type Fault struct {
	Kind, Class   string
	Start, End    float64
	Oracle, Limit float64 // delays; 0: not to be seen while it lasted
	Rate          float64 // requests a second in scope
	Hits          float64 // requests that it hits at a leaf of one request a second
	In            []bool  // leaves
	Second        bool    // began while another fault was on
	Text          string  // for whoever looks into a miss
}

// Sight is the scope of a burst from a moment on.
type Sight struct {
	T   float64
	Cov []bool
}

// Burst is what the detector said of one burst.
type Burst struct {
	ID, Kind        string
	Onset, Detected float64
	End             float64 // NaN while it lasts
	Gone            float64 // merged or withdrawn then; NaN: not
	Into            string
	Episodes        int
	Sights          []Sight
	Text            string // for whoever looks into a miss
}

// Alarm tells whether somebody is called for it.
func (b *Burst) Alarm() bool {
	return b.Kind == "errors" || b.Kind == "latency" || b.Kind == "truncation"
}

// At is the scope that the burst had at a time, nil before it was seen.
func (b *Burst) At(t float64) []bool {
	var cov []bool
	for _, s := range b.Sights {
		if s.T <= t {
			cov = s.Cov
		}
	}
	return cov
}

// Fits tells whether a burst of a kind may come from a fault of a class. The kind traffic says of what: traffic:loss.
func Fits(class, kind string) bool {
	switch class {
	case "latency", "ttft":
		return kind == "latency"
	case "truncated":
		return kind == "truncation" || kind == "errors"
	case "loss", "surge", "tokens":
		return kind == "traffic:"+class
	case "retries":
		return kind == "retries"
	}
	return kind == "errors"
}

// How long after its end a fault explains an alarm.
const (
	foundAfter = 60
	echoAfter  = 300
)

// Finds gives the time at which a burst found a fault, NaN where it did not.
func (b *Burst) Finds(f *Fault) float64 {
	if !Fits(f.Class, b.Kind) {
		return math.NaN()
	}
	for _, s := range b.Sights {
		if s.T >= f.Start && s.T <= f.End+foundAfter && Meet(s.Cov, f.In) {
			return s.T
		}
	}
	return math.NaN()
}

// echoes tells whether a burst is what is left of a fault.
func (b *Burst) echoes(f *Fault) bool {
	return Fits(f.Class, b.Kind) && slices.ContainsFunc(b.Sights, func(s Sight) bool {
		return s.T > f.End && s.T <= f.End+echoAfter && Meet(s.Cov, f.In)
	})
}

// Found is what became of a fault.
type Found struct {
	Fault  *Fault
	Bursts []*Burst // that found it, the first to do so first
	Delay  float64  // infinite where it was missed
	Apart  float64  // seconds from its start until a burst of its own, that touches no other fault; infinite: never
}

// Match holds bursts against faults: what became of each fault, and the alarms that no fault explains.
func Match(faults []*Fault, bursts []*Burst) (found []Found, false_, echoes []*Burst) {
	for _, f := range faults {
		x := Found{Fault: f, Delay: math.Inf(1), Apart: math.Inf(1)}
		for _, b := range bursts {
			t := b.Finds(f)
			if math.IsNaN(t) {
				continue
			}
			if t-f.Start < x.Delay {
				x.Delay = t - f.Start
				x.Bursts = slices.Insert(x.Bursts, 0, b)
			} else {
				x.Bursts = append(x.Bursts, b)
			}
			x.Apart = min(x.Apart, apart(f, b, faults))
		}
		found = append(found, x)
	}
	for _, b := range bursts {
		hits := func(f *Fault) bool { return !math.IsNaN(b.Finds(f)) }
		switch {
		case !b.Alarm() || slices.ContainsFunc(faults, hits):
		case slices.ContainsFunc(faults, b.echoes):
			echoes = append(echoes, b)
		default:
			false_ = append(false_, b)
		}
	}
	return found, false_, echoes
}

// apart is when a burst first had a scope that touches this fault and no other that was on.
func apart(f *Fault, b *Burst, faults []*Fault) float64 {
	for _, s := range b.Sights {
		if s.T < f.Start || s.T > f.End+foundAfter || !Meet(s.Cov, f.In) {
			continue
		}
		alone := !slices.ContainsFunc(faults, func(o *Fault) bool {
			return o != f && o.Start <= s.T && s.T <= o.End+foundAfter && Meet(s.Cov, o.In)
		})
		if alone {
			return s.T - f.Start
		}
	}
	return math.Inf(1)
}

// Same tells whether a scope covers what the fault covers, of the leaves that had requests which could show it.
func (f *Fleet) Same(ft *Fault, cov []bool, requests []int64) bool {
	some := false
	for i, n := range requests {
		if n == 0 || !f.Shows(i, ft.Class) {
			continue
		}
		if cov[i] != ft.In[i] {
			return false
		}
		some = some || cov[i]
	}
	return some
}

// PR counts scopes.
type PR struct{ Right, Said, There int }

// Add adds another count.
func (p *PR) Add(o PR) {
	p.Right += o.Right
	p.Said += o.Said
	p.There += o.There
}

// Rates gives precision, recall and their harmonic mean.
func (p PR) Rates() (precision, recall, f1 float64) {
	precision = float64(p.Right) / math.Max(1, float64(p.Said))
	recall = float64(p.Right) / math.Max(1, float64(p.There))
	return precision, recall, 2 * precision * recall / math.Max(1e-9, precision+recall)
}

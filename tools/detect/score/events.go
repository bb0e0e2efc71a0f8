package score

import "math"

// Totals are what the bursts of finished logs came to. Only faults whose limit is at most half of their length count;
// precision counts every burst of such a fault, so that forty bursts for one cause cost thirty-nine.
type Totals struct {
	Hours                        float64
	Able, Found, Right           int // faults
	Alarms, False, Echoes, Notes int
	Said                         int // bursts of faults that count, and echoes
	Delays, Ratios, Limits       []float64
	Onsets, Ends                 []float64
	Misses                       []string
}

// able tells whether a fault must be found.
func (f *Fault) able() bool { return f.Limit > 0 && f.Limit <= (f.End-f.Start)/2 }

// Near tells whether a scope covers the leaves of the fault's, except leaves in which the fault would have hit fewer
// than four requests in all, or 2%.
func (f *Fleet) Near(ft *Fault, cov []bool) bool {
	diff, union := 0.0, 0.0
	for i, l := range f.Leaves {
		if !f.Shows(i, ft.Class) || (!ft.In[i] && !cov[i]) {
			continue
		}
		union += l.Rate * ft.Hits
		if ft.In[i] != cov[i] {
			diff += l.Rate * ft.Hits
		}
	}
	return diff <= math.Max(4, 0.02*union)
}

// Add counts one log: its faults and the bursts that were said of it, each with its last scope.
func (t *Totals) Add(fleet *Fleet, faults []*Fault, bursts []*Burst, hours float64) {
	t.Hours += hours
	found, wrong, echoes := Match(faults, bursts)
	t.False, t.Echoes = t.False+len(wrong), t.Echoes+len(echoes)
	t.Said += len(echoes)
	for _, b := range wrong {
		t.Misses = append(t.Misses, "false: "+b.Text)
	}
	counted := make(map[*Burst]bool)
	for i := range found {
		if f := &found[i]; f.Fault.able() {
			t.fault(fleet, f)
			for _, b := range f.Bursts {
				counted[b] = true
			}
		}
	}
	for _, b := range bursts {
		if !b.Alarm() {
			t.Notes++
			continue
		}
		t.Alarms++
		if counted[b] {
			t.Said++
		}
	}
}

func (t *Totals) fault(fleet *Fleet, f *Found) {
	t.Able++
	t.Delays = append(t.Delays, f.Delay)
	t.Limits = append(t.Limits, f.Fault.Limit)
	t.Ratios = append(t.Ratios, math.Max(f.Delay, 1)/f.Fault.Limit)
	if len(f.Bursts) == 0 {
		t.Misses = append(t.Misses, "missed: "+f.Fault.Text)
		return
	}
	t.Found++
	b := f.Bursts[0]
	t.Onsets = append(t.Onsets, math.Abs(b.Onset-f.Fault.Start))
	if !math.IsNaN(b.End) && f.Fault.Kind != "flapping" {
		t.Ends = append(t.Ends, b.End-f.Fault.End)
	}
	said := ""
	for _, b := range f.Bursts {
		if fleet.Near(f.Fault, b.Sights[len(b.Sights)-1].Cov) {
			t.Right++
			return
		}
		said += " | " + b.Text
	}
	t.Misses = append(t.Misses, "scope: "+f.Fault.Text+said)
}

// Scopes gives the count of scopes.
func (t *Totals) Scopes() PR { return PR{Right: t.Right, Said: t.Said, There: t.Able} }

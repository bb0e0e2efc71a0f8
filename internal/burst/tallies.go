package burst

// tallies are the numbers of a burst in its scope since its onset.
type tallies struct {
	failed, total int64
	expected      float64
	peak          float64
	outcomes      []OutcomeN // failures of all attempts, by outcome
	cells         [][2]int64 // requests and failures, by cell
	counted       bool
	last          []point // the last half minute
}

// point is one second in scope: requests, failures, expected ones.
type point struct {
	sec     int64
	n, k, e float64
}

// count adds requests of a leaf, and failures among them where a rate was expected.
func (t *tallies) count(l *leaf, all int32, failed int64, rate float64, p *point) {
	p.n += float64(all)
	p.k += float64(failed)
	p.e += float64(all) * rate
	t.total += int64(all)
	t.failed += failed
	t.expected += float64(all) * rate
	if l.cell >= len(t.cells) {
		t.cells = append(t.cells, make([][2]int64, l.cell+1-len(t.cells))...)
	}
	t.cells[l.cell][0] += int64(all)
	t.cells[l.cell][1] += failed
}

// point is the last half minute's point of a second, or one that nobody will look at.
func (t *tallies) point(sec int64) *point {
	for i := range t.last {
		if t.last[i].sec == sec {
			return &t.last[i]
		}
	}
	return &point{}
}

func (t *tallies) outcome(o OutcomeN) {
	for i := range t.outcomes {
		if t.outcomes[i].Outcome == o.Outcome {
			t.outcomes[i].N += o.N
			return
		}
	}
	t.outcomes = append(t.outcomes, o)
}

func (t *tallies) add(p point) {
	t.last = append(t.last, p)
	for t.last[0].sec <= p.sec-pointSecs {
		t.last = t.last[1:]
	}
	if n, k, _ := t.recent(p.sec, peakSecs); n >= peakLeast {
		t.peak = max(t.peak, k/n)
	}
}

// recent sums up the last seconds.
func (t *tallies) recent(sec, wide int64) (n, k, e float64) {
	for _, p := range t.last {
		if p.sec > sec-wide && p.sec <= sec {
			n, k, e = n+p.n, k+p.k, e+p.e
		}
	}
	return n, k, e
}

package burst

// total adds up what was counted in [from, to], which is what the scan wants of ten thousand leaves at once: it does
// not unpack the seconds.
func (p *past) total(from, to int64) (t counts) {
	if len(p.words) == 0 || p.last < from {
		return t
	}
	a, b := p.find(from), cursor{len(p.words), len(p.odds)}
	if p.last > to {
		b = p.find(to + 1)
	}
	for _, word := range p.words[a.word:b.word] {
		t.n += int32(word & low16) //nolint:gosec // 16 bits
	}
	t.ok = t.n
	for i := a.odd; i < b.odd; i++ {
		o := &p.odds[i]
		switch {
		case o.sig == good:
		case o.sig >= firstMeasured:
			t.k[o.sig] += int32(o.first) | int32(o.again)<<16
			t.measured[o.sig-firstMeasured] += int32(o.out) //nolint:gosec // was one
		default:
			t.ok -= int32(o.first)
			t.k[o.sig] += int32(o.first)
		}
	}
	return t
}

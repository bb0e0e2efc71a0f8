package burst

// total adds up what was counted in [from, to], which is what the scan wants of ten thousand leaves at once: it does
// not unpack the seconds.
func (p *past) total(from, to int64) (t counts) {
	if len(p.words) == 0 || p.last < from {
		return t
	}
	end := cursor{len(p.words), len(p.odds)}
	if p.last > to {
		end = p.find(to + 1)
	}
	t, all := p.sum(p.find(from), end)
	for s := firstMeasured; s < signals; s++ {
		switch since := p.since[s-firstMeasured]; {
		case since == 0 || since > to:
			continue
		case since > from:
			part, of := p.sum(p.find(since), end)
			t.measured[s-firstMeasured] += usually(s, part.ok, of)
		default:
			t.measured[s-firstMeasured] += usually(s, t.ok, all)
		}
	}
	return t
}

// count adds up the second after a cursor, which is known: what learning it takes. It gives the cursor behind it.
func (p *past) count(from cursor, sec int64, t *counts) cursor {
	to := from
	low := uint16(sec)                                                  //nolint:gosec // 16 bits
	for to.word < len(p.words) && uint16(p.words[to.word]>>16) == low { //nolint:gosec // 16 bits
		t.n += int32(p.words[to.word] & low16) //nolint:gosec // 16 bits
		to.word++
	}
	t.ok = t.n
	all := t.n
	for ; to.odd < len(p.odds) && p.odds[to.odd].sec == low; to.odd++ {
		all += p.odds[to.odd].into(t)
	}
	for i, since := range p.since {
		if since != 0 && sec >= since {
			t.measured[i] += usually(firstMeasured+signal(i), t.ok, all) //nolint:gosec // a small index
		}
	}
	return to
}

// usually is how many are measured for a signal if nothing is odd: of all attempts, or of those that ended well.
func usually(s signal, ok, all int32) int32 {
	if s == again {
		return all
	}
	return ok
}

// sum adds up what stands between two cursors; of what is measured, how much more it is than usual. all are the
// attempts.
func (p *past) sum(from, to cursor) (t counts, all int32) {
	for _, word := range p.words[from.word:to.word] {
		t.n += int32(word & low16) //nolint:gosec // 16 bits
	}
	t.ok, all = t.n, t.n
	for i := from.odd; i < to.odd; i++ {
		all += p.odds[i].into(&t)
	}
	return t, all
}

// into adds to counts what did not go well at the first attempt, and gives how many more attempts there were. What was
// measured and what failed come by turns, so there is no branch for them.
func (o *odd) into(t *counts) (more int32) {
	if o.sig == good {
		return int32(o.again)
	}
	i := int32(o.sig) - int32(firstMeasured)
	failed := i >> 31 // all bits, or none
	t.k[o.sig] += int32(o.first) | int32(o.again)<<16&^failed
	t.ok -= int32(o.first) & failed
	t.measured[i&^failed] += int32(o.out) &^ failed //nolint:gosec // was one
	return int32(o.again) & failed
}

package tail

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// keepPlaces tells the offsets how far each file was read in lines that were taken. It is called when
// everything that was read has been emitted, except by streams that still hold lines back.
func (t *Tail) keepPlaces() {
	if t.opt.Offsets == nil || len(t.out)+len(t.aside) > 0 {
		return
	}
	for _, p := range t.order {
		f := t.follow[p]
		if f.pending() {
			continue
		}
		var places []place
		for _, g := range slices.Backward(f.files()) {
			if g.z == nil && g.size > 0 {
				places = append(places, g.resumable())
			}
		}
		if len(places) == 0 {
			continue
		}
		for _, past := range t.ledger.under(p) {
			if !slices.ContainsFunc(places, func(q place) bool { return q.id == past.id }) {
				places = append(places, past)
			}
		}
		t.opt.Offsets.put(t.opt.Name, p, places, t.opt.Kit.Now())
	}
}

// resume has a follower go on where an earlier program stopped, if the offsets know its path: as if that had
// only looked away for long.
func (t *Tail) resume(f *follower) {
	if t.opt.Offsets == nil || t.opt.Afresh || t.opt.Once {
		return
	}
	places, at := t.opt.Offsets.of(t.opt.Name, f.path)
	if len(places) == 0 {
		return
	}
	for i := len(places) - 1; i >= 0; i-- { // the first is the newest
		places[i].path = f.path
		t.ledger.note(places[i])
	}
	f.opened, f.seen, f.resumed = true, at, &places[0]
}

// resumes says so when nothing that is there now goes on where the earlier program had read last.
func (f *follower) resumes(t *Tail) {
	was, at := f.resumed, f.seen
	f.resumed = nil
	if was.off == 0 {
		return
	}
	for _, s := range append([]sibling{{path: f.path}}, f.siblings()...) {
		g, err := t.open(s.path)
		if g == nil {
			continue
		}
		found := err == nil && was.proves(g.f, g.size)
		if errors.Is(err, errGzip) {
			i, _ := matchPacked(g.f, []place{*was}, 1, t.halted)
			found = i >= 0
		}
		g.close()
		if found {
			return
		}
	}
	t.say(fmt.Sprintf("the file that %s was at %s is gone or was written anew: lines that came after may be missing", f.path, at.UTC().Format(time.RFC3339)))
}

func (t *Tail) save(end bool) error {
	if t.opt.Offsets == nil {
		return nil
	}
	return t.opt.Offsets.save(t.opt.Kit.Now(), end)
}

package tail

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"
)

// settleMargin is for how much longer than it says a stream may hold lines back, because nobody has looked.
const settleMargin = time.Second

// keepPlaces tells the offsets how far each file was read in lines that were taken. It is called when
// everything that was read has been emitted, but for what streams hold back: how far files were read by then
// counts once that must have come out too.
func (t *Tail) keepPlaces() {
	if t.opt.Offsets == nil || len(t.out)+t.lines.Len()+len(t.aside) > 0 || t.holds() {
		return
	}
	now := t.opt.Kit.Now()
	for _, p := range t.order {
		f := t.follow[p]
		if f.reached != nil && !now.Before(f.reachedDue) {
			t.opt.Offsets.put(t.opt.Name, absolute(p), f.reached, now)
			f.reached = nil
		}
		held := f.lines.HeldFor()
		switch {
		case held == 0:
			f.reached = nil
			if places := t.places(f); len(places) > 0 {
				t.opt.Offsets.put(t.opt.Name, absolute(p), places, now)
			}
		case f.reached == nil:
			f.reached, f.reachedDue = t.places(f), now.Add(held+settleMargin)
		}
	}
}

// absolute is a path that means the same wherever the next program is started.
func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// places are how far the files of a path were read, the newest first.
func (t *Tail) places(f *follower) []place {
	var out []place
	for _, g := range slices.Backward(f.files()) {
		if g.z == nil && g.size > 0 {
			out = append(out, g.resumable())
		}
	}
	if len(out) == 0 {
		return nil
	}
	for _, past := range t.ledger.under(f.path) {
		if !slices.ContainsFunc(out, func(q place) bool { return q.id == past.id }) {
			out = append(out, past)
		}
	}
	return out
}

// resume has a follower go on where an earlier program stopped, if the offsets know its path: as if that had
// only looked away for long.
func (t *Tail) resume(f *follower) {
	if t.opt.Offsets == nil || t.opt.Afresh || t.opt.Once {
		return
	}
	places, at := t.opt.Offsets.of(t.opt.Name, absolute(f.path))
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

// save writes the offsets when they are due. A full disk must not blind the console: that they are not kept is said,
// and the log is followed on.
func (t *Tail) save(end bool) {
	t.unkept = ""
	if t.opt.Offsets == nil {
		return
	}
	if err := t.opt.Offsets.save(t.opt.Kit.Now(), end); err != nil {
		t.unkept = err.Error()
	}
}

package desk

import (
	"cmp"
	"hash/maphash"
	"slices"
	"time"

	"signalbox/internal/board"
	"signalbox/internal/fault"
	"signalbox/internal/traffic"
)

// kindLook is how many of the newest failures one answer tells apart by kind.
const kindLook = 2000

// FailureKind is how often failures of one kind are among those looked at. Of one kind are failures with the same class, status
// and side whose texts differ only in ids and numbers.
type FailureKind struct {
	ID     uint64 // the same for one kind in all answers of a search
	N      int
	First  time.Time // the oldest of them
	Places int       // deployments, or models in regions, that they come from
}

// kindSeed makes the ids of kinds.
var kindSeed = maphash.MakeSeed()

// kindKey tells kinds apart.
type kindKey struct {
	outcome traffic.Outcome
	side    traffic.Sym
	gist    string
}

// kind is one kind while it is counted.
type kind struct {
	FailureKind
	newest traffic.Record
	places map[[4]traffic.Sym]bool
}

// kinds fills a page with each kind of failure once, by its newest record, the most frequent first. Only the newest failures are
// sorted, so that what an operator reads is what happens.
func (s *RecordSearch) kinds(view board.Records, p *RecordPage) {
	p.Sorted = len(s.hits)
	at, all := map[kindKey]int{}, []*kind{}
	reader := view.Reader()
	var gist []byte
	for _, h := range s.hits {
		rec, ok := reader.Seq(h.Seq)
		if !ok {
			continue
		}
		gist = fault.AppendGist(gist[:0], cmp.Or(rec.Message, rec.Type))
		gist = fault.AppendGist(append(gist, ' '), rec.Code)
		key := kindKey{rec.Outcome, rec.Key[traffic.Side], string(gist)}
		i, known := at[key]
		if !known {
			i = len(all)
			at[key] = i
			id := maphash.Comparable(kindSeed, key)
			all = append(all, &kind{FailureKind: FailureKind{ID: id, First: rec.Time}, newest: rec, places: map[[4]traffic.Sym]bool{}})
		}
		all[i].add(rec)
		if p.Since.IsZero() || rec.Time.Before(p.Since) {
			p.Since = rec.Time
		}
	}
	slices.SortStableFunc(all, func(a, b *kind) int { return cmp.Compare(b.N, a.N) })
	for _, k := range all[:min(len(all), s.limit)] {
		k.Places = len(k.places)
		p.Lines = append(p.Lines, s.desk.recordLine(k.newest, s.label(k.newest.Key)))
		p.Kinds = append(p.Kinds, k.FailureKind)
	}
	p.Made = len(p.Lines)
}

func (k *kind) add(rec traffic.Record) {
	k.N++
	if rec.Time.Before(k.First) {
		k.First = rec.Time
	}
	key := rec.Key
	k.places[[4]traffic.Sym{key[traffic.Provider], key[traffic.Model], key[traffic.Region], key[traffic.Deployment]}] = true
}

package board

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"signalbox/internal/traffic"
)

// where is what one source has authority over: the requests on one side of one gateway.
type where struct{ gateway, side traffic.Sym }

// authority decides which kind of source counts. Where a log tells of a gateway's side its lines count, and a scrape
// of the same is only compared with it; where there is none, the scrape counts. Gauges come from scrapes alone.
// Both are kept, so that the order in which sources start changes nothing.
type authority struct {
	kinds  map[where]map[traffic.SourceKind]bool
	prefer map[where]traffic.SourceKind
	lately [2]told // by side, most logs tell of one or two: a look into the maps for each record is saved
}

// told is who told of what.
type told struct {
	where
	kind traffic.SourceKind
}

func newAuthority() authority {
	return authority{kinds: make(map[where]map[traffic.SourceKind]bool), prefer: make(map[where]traffic.SourceKind)}
}

func (a *authority) saw(gateway, side traffic.Sym, kind traffic.SourceKind) {
	w := where{gateway, side}
	t := told{w, kind}
	if t == a.lately[0] || t == a.lately[1] {
		return
	}
	if a.kinds[w] == nil {
		a.kinds[w] = make(map[traffic.SourceKind]bool)
	}
	a.kinds[w][kind] = true
	a.lately[0], a.lately[1] = t, a.lately[0]
}

// counts tells whether sources of this kind count there.
func (a *authority) counts(id ident) bool {
	w := where{id.key[traffic.Gateway], id.key[traffic.Side]}
	want, ok := a.prefer[w]
	if !ok || !a.kinds[w][want] {
		want = traffic.LogSource
		if !a.kinds[w][want] {
			want = traffic.ScrapeSource
		}
	}
	return id.kind == want
}

// Prefer makes one kind of source count for the requests on one side of a gateway, where it tells anything.
func (b *Board) Prefer(gateway, side traffic.Sym, kind traffic.SourceKind) {
	b.kept.forget()
	b.rights.prefer[where{gateway, side}] = kind
}

// The measures that are compared.
const (
	MeasureRequests = "requests"
	MeasureFailures = "failures"
)

// Disagreement is a log and a scrape that told different numbers for five minutes.
type Disagreement struct {
	Gateway, Side string
	Measure       string // requests or failures
	Log, Scrape   int64  // what either counted in the span
	Apart         float64
	From, To      time.Time
}

// String says the finding in one sentence.
func (d Disagreement) String() string {
	return fmt.Sprintf("gateway %s, %s side: the log tells %d %s, the scrape %d (%.0f%% apart) since %s; the configured authority counts",
		orUnnamed(d.Gateway), orUnnamed(d.Side), d.Log, d.Measure, d.Scrape, 100*d.Apart, d.From.UTC().Format("15:04:05"))
}

func orUnnamed(s string) string {
	if s == "" {
		return "(unnamed)"
	}
	return s
}

// What makes two sources disagree: in each of five minutes more than 5 percent apart, and by more than a few lines
// that fell on the other side of the minute.
const (
	crossMinutes = 5
	crossApart   = 0.05
	crossLeast   = 3
)

// Crosscheck compares logs with scrapes of the same gateway and side over the last five minutes that both have told
// about.
func (b *Board) Crosscheck(now time.Time) []Disagreement {
	var out []Disagreement
	for w, kinds := range b.rights.kinds {
		if !kinds[traffic.LogSource] || !kinds[traffic.ScrapeSource] {
			continue
		}
		out = append(out, b.compare(w, now)...)
	}
	slices.SortFunc(out, func(x, y Disagreement) int {
		return cmp.Or(cmp.Compare(x.Gateway, y.Gateway), cmp.Compare(x.Side, y.Side), cmp.Compare(y.Measure, x.Measure))
	})
	return out
}

// minutes are the requests and failures of the compared minutes, of one kind of source.
type minutes struct {
	req, failed   [crossMinutes]int64
	first, newest int64 // second of the oldest and newest bucket
}

func (b *Board) tell(w where, kind traffic.SourceKind, from int64) minutes {
	m := minutes{first: 1 << 62, newest: minSecond}
	for _, s := range b.series.counted() {
		if s.kind != kind || (where{s.key[traffic.Gateway], s.key[traffic.Side]}) != w {
			continue
		}
		for l := range levels {
			if list := s.levels[l]; len(list) > 0 {
				m.first = min(m.first, list[0].start)
				m.newest = max(m.newest, list[len(list)-1].start)
			}
		}
		s.scan(from, from+60*crossMinutes, func(k *bucket) {
			i := (k.start - from) / 60
			req, failed, caller := k.sums()
			m.req[i] += req
			m.failed[i] += failed + caller
		})
	}
	return m
}

func (b *Board) compare(w where, now time.Time) []Disagreement {
	end := min(b.tell(w, traffic.LogSource, 0).newest, b.tell(w, traffic.ScrapeSource, 0).newest)
	if !now.IsZero() {
		end = min(end, now.Unix())
	}
	from := end - 60*crossMinutes
	log, scrape := b.tell(w, traffic.LogSource, from), b.tell(w, traffic.ScrapeSource, from)
	if max(log.first, scrape.first) > from {
		return nil // one of them has not told for five minutes yet
	}
	var out []Disagreement
	for _, m := range []struct {
		name        string
		log, scrape [crossMinutes]int64
	}{{MeasureRequests, log.req, scrape.req}, {MeasureFailures, log.failed, scrape.failed}} {
		d, apart := Disagreement{Measure: m.name}, true
		for i := range crossMinutes {
			most, diff := max(m.log[i], m.scrape[i]), m.log[i]-m.scrape[i]
			if diff = max(diff, -diff); diff < crossLeast || float64(diff) <= crossApart*float64(most) {
				apart = false
			}
			d.Log += m.log[i]
			d.Scrape += m.scrape[i]
		}
		if !apart {
			continue
		}
		d.Gateway, d.Side = b.opts.Symbols.Name(w.gateway), b.opts.Symbols.Name(w.side)
		d.Apart = 1 - float64(min(d.Log, d.Scrape))/float64(max(d.Log, d.Scrape))
		d.From, d.To = time.Unix(from, 0).UTC(), time.Unix(end, 0).UTC()
		out = append(out, d)
	}
	return out
}

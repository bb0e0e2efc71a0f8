package desk

import (
	"time"

	"signalbox/internal/burst"
	"signalbox/internal/traffic"
	"signalbox/runbook"
)

// Logs answers checks from finished logs, with the board, the detector and the answers of the live console: their end
// is now. It is owned by one goroutine and asks nobody.
type Logs struct{ d *Desk }

// NewLogs begins with nothing. falsePerMonth is the detector's sensitivity, 0 its default.
func NewLogs(syms *traffic.Symbols, falsePerMonth float64) *Logs {
	return &Logs{&Desk{syms: syms, now: time.Now, sig: newSignals(syms, falsePerMonth, time.Unix(0, 0))}}
}

// Take counts a batch. Bursts are found in files that are taken in the order of their times.
func (l *Logs) Take(b traffic.Batch) {
	cleanFacts(b.Facts)
	b.State = nil // a file that was read to its end is not down
	l.d.sig.apply(b, time.Time{})
	l.advance(l.d.sig.board.Watermark(time.Time{}, false))
}

func (l *Logs) advance(to time.Time) {
	for _, e := range l.d.sig.advance(to, to) {
		b := l.d.burstByID(e.Burst.ID)
		if b == nil {
			b = &burstState{}
			l.d.bursts = append(l.d.bursts, b)
		}
		b.Burst = e.Burst
		if e.Kind == burst.Withdrawn || e.Kind == burst.Merged {
			b.Ended = e.Burst.Onset
			if b.Ended.IsZero() {
				b.Ended = to
			}
		}
	}
}

// Newest is the time of the newest event, zero where there is none.
func (l *Logs) Newest() time.Time { return l.d.sig.board.Newest() }

// Facts answers as of the end of what was taken.
func (l *Logs) Facts() runbook.Facts {
	if n := l.Newest(); !n.IsZero() {
		l.advance(n.Add(2 * time.Second))
	}
	return facts{d: l.d, now: l.Newest(), finished: true}
}

package cli

import (
	"context"
	"time"

	"signalbox/internal/desk"
)

// plainLines is the client without a terminal: one line an event of the timeline, as it happens.
type plainLines struct {
	desk *desk.Client
	say  func(format string, args ...any)
	lost func() error // why the lines cannot be said any more; nil: it does not matter
	seq  int64
}

// follow prints until ctx ends, done is closed or nobody takes the lines; look sees each snapshot.
func (p *plainLines) follow(ctx context.Context, done <-chan struct{}, look func(*desk.Snapshot)) error {
	for {
		s := p.desk.Snapshot()
		look(s)
		p.print(s)
		if p.lost != nil {
			if err := p.lost(); err != nil {
				return err
			}
		}
		select {
		case <-p.desk.Changed():
		case <-done:
			return nil
		case <-ctx.Done():
			return nil
		}
	}
}

func (p *plainLines) print(s *desk.Snapshot) {
	for _, l := range s.Timeline {
		if l.Seq <= p.seq {
			continue
		}
		p.seq = l.Seq
		who := ""
		if l.Actor != "" && l.Actor != "signalbox" {
			who = " (" + l.Actor + ")"
		}
		p.say("%s  %-12s %s%s", l.At.UTC().Format(time.TimeOnly), l.Group, safe(l.Text), safe(who))
	}
}

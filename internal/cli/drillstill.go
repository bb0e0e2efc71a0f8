package cli

import (
	"context"
	"fmt"
	"slices"
	"time"

	"signalbox/internal/desk"
	"signalbox/internal/drill"
)

// stillTold is the standstill of a drill's machine that its operator is told of while playing; what is told again is twice as much.
const stillTold = 2 * time.Second

// standstillWords say what the machine has done to a drill, "" for nothing.
func standstillWords(s drill.Standstill) string {
	if s.Total <= 0 && s.Away == 0 {
		return ""
	}
	text := fmt.Sprintf("the machine stood still for %.1f s in all, %.1f s at once", s.Total.Seconds(), s.Longest.Seconds())
	if s.Away > 0 {
		text += fmt.Sprintf(", and %d users stayed away for it", s.Away)
	}
	return text + ": what was slow, late, failed or missed then may be its doing; try --users 25"
}

func (g *game) sayStandstill() {
	if text := standstillWords(g.fleet.Standstill()); text != "" {
		g.say("%s", text)
	}
}

// tellStandstill tells the operator at the screen, until ctx ends.
func (g *game) tellStandstill(ctx context.Context) {
	client := g.station.desk.Connect()
	defer client.Close()
	look := time.NewTicker(time.Second)
	defer look.Stop()
	for next := stillTold; ; {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
		if still := g.fleet.Standstill(); still.Total >= next {
			next = 2 * still.Total
			told := desk.LoadBooks{Books: g.books.Books, Problems: append(slices.Clone(g.books.Problems), standstillWords(still))}
			_, _ = client.Do(ctx, told) // refused only by a desk that ends
		}
	}
}

package cli

import (
	"context"
	"fmt"
	"slices"
	"time"

	"signalbox/internal/desk"
	"signalbox/internal/drill"
)

// What an operator is told of while playing: a standstill of the machine, or users who stayed away. What is told again is twice as much.
const (
	stillTold = 2 * time.Second
	awayTold  = 50
)

// standstillWords say what the machine has done to a drill, "" for nothing.
func standstillWords(s drill.Standstill) string {
	if s.Total <= 0 && s.Away == 0 {
		return ""
	}
	text := "the machine runs late"
	if s.Total > 0 {
		text = fmt.Sprintf("the machine stood still for %.1f s in all, %.1f s at once", s.Total.Seconds(), s.Longest.Seconds())
	}
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
	for next := (drill.Standstill{Total: stillTold, Away: awayTold}); ; {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
		if still := g.fleet.Standstill(); still.Total >= next.Total || still.Away >= next.Away {
			next = drill.Standstill{Total: max(stillTold, 2*still.Total), Away: max(awayTold, 2*still.Away)}
			told := desk.LoadBooks{Books: g.books.Books, Problems: append(slices.Clone(g.books.Problems), standstillWords(still))}
			_, _ = client.Do(ctx, told) // refused only by a desk that ends
		}
	}
}

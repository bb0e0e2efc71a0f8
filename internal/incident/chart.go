package incident

import (
	"math"
	"slices"
	"strings"
	"time"
)

// point is all cells of one sample together. Where the cells have sides, only the client's count: impact is what was asked of the
// gateway, and the sides are never added up.
type point struct {
	at       time.Time
	req, err int
	p95      float64 // of the worst cell
	tokens   int64
}

func (p point) rate() float64 {
	if p.req == 0 {
		return 0
	}
	return float64(p.err) / float64(p.req)
}

// points returns one point a sample. keep chooses cells; nil takes all.
func points(samples []WrittenSample, keep func(scope map[string]string) bool) []point {
	sided := slices.ContainsFunc(samples, func(s WrittenSample) bool {
		return slices.ContainsFunc(s.Cells, func(c CellSample) bool { return c.Scope["side"] == "client" })
	})
	out := make([]point, 0, len(samples))
	for _, s := range samples {
		p := point{at: s.At}
		for _, c := range s.Cells {
			if sided && c.Scope["side"] != "client" || keep != nil && !keep(c.Scope) {
				continue
			}
			p.req += c.Req
			p.err += c.Err
			p.p95 = max(p.p95, c.P95)
			p.tokens += c.TokIn + c.TokOut
		}
		out = append(out, p)
	}
	return out
}

const maxSpark = 60

var sparks = []rune("▁▂▃▄▅▆▇█")

// markline draws a mark under each bar in whose time something was changed, "" where nothing was.
func markline(ps []point, at []time.Time) string {
	per := perBar(len(ps))
	marks := make([]bool, (len(ps)+per-1)/per)
	some := false
	for _, t := range at {
		i := slices.IndexFunc(ps, func(p point) bool { return !p.at.Before(t) })
		if i < 0 || i == 0 && ps[0].at.Sub(t) > time.Minute {
			continue
		}
		marks[i/per], some = true, true
	}
	if !some {
		return ""
	}
	var b strings.Builder
	for _, m := range marks {
		b.WriteString(map[bool]string{true: "▲", false: " "}[m])
	}
	return b.String()
}

// perBar is how many values share a bar.
func perBar(values int) int { return max(1, (values+maxSpark-1)/maxSpark) }

// sparkline draws values from 0 to their highest. Of more than maxSpark values neighbours share a bar, and the highest counts.
func sparkline(values []float64) string {
	per := perBar(len(values))
	top := 0.0
	var bars []float64
	for part := range slices.Chunk(values, per) {
		bar := 0.0
		for _, v := range part {
			if !math.IsNaN(v) && !math.IsInf(v, 0) {
				bar = max(bar, v)
			}
		}
		bars, top = append(bars, bar), max(top, bar)
	}
	var b strings.Builder
	for _, v := range bars {
		level := 0
		if top > 0 {
			level = int(math.Round(v / top * float64(len(sparks)-1)))
		}
		b.WriteRune(sparks[level])
	}
	return b.String()
}

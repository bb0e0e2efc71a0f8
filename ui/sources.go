package ui

import (
	"fmt"
	"time"

	"signalbox/internal/desk"
)

// sourceLines say everything about one source: how it is, what it has read, how far behind it is, and what it could
// not read or had to let go.
func sourceLines(v *desk.SourceView, now time.Time) []line {
	st := plainStyle
	if sick(v) {
		st = bad
	}
	head := v.Name + "  " + v.Health
	if v.Health == "silent" && !v.LastRead.IsZero() {
		head += " for " + short(now.Sub(v.LastRead))
	}
	if v.Format != "" {
		head += ", read as " + v.Format
	}
	read := count(v.Lines) + " lines, " + volume(v.Bytes) + fmt.Sprintf(", %.3g/s", v.PerSecond)
	switch {
	case v.Lag < 0:
		read += "; nothing with a time yet"
	default:
		read += "; newest line " + lag(v.Lag) + " behind"
	}
	if !v.LastRead.IsZero() {
		read += ", last read " + short(now.Sub(v.LastRead)) + " ago"
	}
	lost := count(v.Unparsed) + " unparsed, " + count(v.Dropped) + " dropped, " + count(v.Late) + " late"
	stLost := plainStyle
	if v.Unparsed+v.Dropped > 0 {
		stLost = warn
	}
	return []line{
		{st, "source  ", head},
		{plainStyle, "        ", read},
		{stLost, "        ", lost},
		{dim, "        ", v.Where},
		{bad, "        ", v.Detail},
	}
}

// volume says a number of bytes as people read it.
func volume(n int64) string {
	units := []string{"B", "kB", "MB", "GB", "TB"}
	v, i := float64(n), 0
	for ; v >= 1000 && i < len(units)-1; i++ {
		v /= 1000
	}
	return fmt.Sprintf("%.3g %s", v, units[i])
}

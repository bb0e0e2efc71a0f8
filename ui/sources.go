package ui

import (
	"fmt"
	"time"

	"signalbox/internal/desk"
	"signalbox/internal/traffic"
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
	unit := " lines, "
	if v.Lines == 1 {
		unit = " line, "
	}
	read := count(v.Lines) + unit + volume(v.Bytes) + fmt.Sprintf(", %.3g/s", v.PerSecond)
	switch {
	case v.Kind == "changes":
		read = plural(int(v.Lines), "change", "changes") + ", " + volume(v.Bytes)
	case v.Lag < 0:
		read += "; nothing with a time yet"
	default:
		read += "; newest line " + lag(v.Lag) + " behind"
	}
	if !v.LastRead.IsZero() {
		read += ", last read " + short(now.Sub(v.LastRead)) + " ago"
	}
	lost := count(v.Unparsed) + " unparsed, " + count(v.Dropped) + " dropped, " + count(v.Late) + " late"
	if v.Missed > 0 {
		lost += ", may lack lines " + plural(int(v.Missed), "time", "times")
	}
	stLost := plainStyle
	if v.Unparsed+v.Dropped+v.Missed > 0 {
		stLost = warn
	}
	lines := []line{
		{st, "source  ", head},
		{plainStyle, "        ", read},
		{stLost, "        ", lost},
		{dim, "        ", v.Where},
		{bad, "        ", v.Detail},
	}
	return append(lines, unknownLines(v.UnknownPlaces)...)
}

// maxUnknown is how many values that the inventory does not know are shown of one source.
const maxUnknown = 8

// unknownLines list what the inventory does not know, the most frequent first: of these records no region or
// no provider is told.
func unknownLines(places []traffic.UnknownPlace) []line {
	if len(places) == 0 {
		return nil
	}
	out := []line{{warn, "        ", "not in the inventory (config check prints lines for it):"}}
	var more, records int64
	for i, p := range places {
		if p.By == "" || i >= maxUnknown {
			more, records = more+1, records+p.N
			continue
		}
		out = append(out, line{warn, "          ", p.By + " " + p.Value + ": " + count(p.N) + " records"})
	}
	if more > 0 {
		out = append(out, line{dim, "          ", "and others: " + count(records) + " records"})
	}
	return out
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

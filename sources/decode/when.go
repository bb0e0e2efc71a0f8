package decode

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// layouts of times that are neither RFC 3339 nor a number. Those without a zone are read in the configured one.
var layouts = []string{
	"2006-01-02T15:04:05.999999999Z0700",
	"2006-01-02 15:04:05.999999999Z07:00",
	"2006-01-02 15:04:05.999999999 -0700",
	"2006-01-02 15:04:05.999999999 -0700 MST",
	"2006-01-02T15:04:05.999999999",
	"2006-01-02 15:04:05.999999999",
	"2006/01/02 15:04:05.999999999",
	"2006/01/02 - 15:04:05",
	"02/Jan/2006:15:04:05 -0700",
	"02/Jan/2006:15:04:05.000",
	time.RFC1123Z, time.RFC1123, time.ANSIC,
}

// parseTime reads a time: RFC 3339, one of the layouts, or seconds, milliseconds, microseconds or
// nanoseconds since 1970 by their size.
func parseTime(v value, zone *time.Location) (time.Time, bool) {
	switch {
	case len(v.bytes) == 0 || len(v.bytes) > 64:
		return time.Time{}, false
	case v.kind == numberValue:
		return epoch(v.bytes)
	case v.kind != stringValue:
		return time.Time{}, false
	}
	if t, err := time.Parse(time.RFC3339Nano, string(v.bytes)); err == nil {
		return t, sane(t)
	}
	if t, ok := epoch(v.bytes); ok {
		return t, true
	}
	text := string(v.bytes)
	if i := strings.IndexByte(text, ','); i > 0 && i+1 < len(text) && text[i+1] != ' ' { // Python writes milliseconds after a comma
		text = text[:i] + "." + text[i+1:]
	}
	text, _, _ = strings.Cut(text, " m=") // Go's monotonic clock
	for _, layout := range layouts {
		if t, err := time.ParseInLocation(layout, text, zone); err == nil {
			return t, sane(t)
		}
	}
	return time.Time{}, false
}

// sane refuses times that are surely not those of a request; a zero time would hold back every watermark.
func sane(t time.Time) bool { return t.Year() >= 2000 && t.Year() < 2200 }

// epoch reads a number of seconds, or of smaller units when it is too large for seconds.
func epoch(b []byte) (time.Time, bool) {
	if whole, err := strconv.ParseInt(string(b), 10, 64); err == nil {
		var t time.Time
		switch {
		case whole < 1e11:
			t = time.Unix(whole, 0)
		case whole < 1e14:
			t = time.UnixMilli(whole)
		case whole < 1e17:
			t = time.UnixMicro(whole)
		default:
			t = time.Unix(0, whole)
		}
		return t, sane(t)
	}
	n, err := strconv.ParseFloat(string(b), 64)
	if err != nil || math.IsNaN(n) || n <= 0 || n >= 1e18 {
		return time.Time{}, false
	}
	for n >= 1e11 {
		n /= 1000
	}
	sec, frac := math.Modf(n)
	t := time.Unix(int64(sec), int64(math.Round(frac*1e6))*1000) // a float of seconds holds no more than microseconds
	return t, sane(t)
}

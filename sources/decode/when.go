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
	"2006-01-02T15:04:05.999999999Z07", "2006-01-02 15:04:05.999999999Z07",
	"20060102T150405.999999999Z0700", "20060102T150405.999999999", "20060102150405", "20060102 15:04:05",
	"02.01.2006 15:04:05", "02 Jan 2006 15:04:05", "1/2/2006 3:04:05 PM", "1/2/2006, 3:04:05 PM", "Jan 2, 2006 3:04:05 PM", "Jan 2, 2006, 3:04:05 PM",
	time.RFC1123Z, "Mon, 02 Jan 2006 15:04:05", time.ANSIC,
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
	if i := strings.IndexByte(text, '['); i > 0 && strings.HasSuffix(text, "]") {
		text = text[:i] // Java's name of the zone, behind its offset
	}
	for _, name := range []string{" UTC", " GMT"} {
		if cut, ok := strings.CutSuffix(text, name); ok {
			text, zone = cut, time.UTC
		}
	}
	for _, layout := range layouts {
		if t, err := time.ParseInLocation(layout, text, zone); err == nil {
			return t, sane(t)
		}
	}
	return time.Time{}, false
}

// undated reads a time that names no year, or no day: the latest one that is not in the future.
func undated(v value, zone *time.Location, received time.Time) time.Time {
	if v.kind != stringValue || len(v.bytes) > 32 {
		return time.Time{}
	}
	if at, ok := syslogTime(v.bytes, zone, received); ok {
		return at
	}
	if clock, ok := clockIn(v.bytes); ok {
		return (&stamps{zone: zone}).onDay(clock, received)
	}
	return time.Time{}
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

// minute reads times of one shape, "2026-08-22T14:00:00.002339Z", and works the day out only when the minute is
// another than in the line before.
type minute struct {
	text [len("2026-08-22T14:00")]byte
	unix int64
}

// read gives the seconds and nanoseconds since 1970; false for what parseTime has to read.
func (m *minute) read(v value) (sec, nsec int64, ok bool) {
	b, n := v.bytes, len(m.text)
	if v.kind != stringValue || len(b) < n+len(":00Z") || len(b) > n+len(":00.000000000Z") || b[len(b)-1] != 'Z' || b[n] != ':' {
		return 0, 0, false
	}
	if (m.unix == 0 || m.text != [len(m.text)]byte(b)) && !m.turn(b[:n]) {
		return 0, 0, false
	}
	ten, one := b[n+1]-'0', b[n+2]-'0'
	if ten > 5 || one > 9 {
		return 0, 0, false
	}
	sec = m.unix + int64(ten)*10 + int64(one)
	rest := b[n+len(":00") : len(b)-1]
	if len(rest) == 0 {
		return sec, 0, true
	}
	if rest[0] != '.' || len(rest) == 1 {
		return 0, 0, false
	}
	for _, c := range rest[1:] {
		if c < '0' || c > '9' {
			return 0, 0, false
		}
		nsec = nsec*10 + int64(c-'0')
	}
	return sec, nsec * int64(tens[len(".000000000")-len(rest)]), true
}

// turn takes up another minute.
func (m *minute) turn(text []byte) bool {
	t, err := time.Parse(time.RFC3339, string(text)+":00Z")
	if err != nil || !sane(t) {
		return false
	}
	m.text, m.unix = [len(m.text)]byte(text), t.Unix()
	return true
}

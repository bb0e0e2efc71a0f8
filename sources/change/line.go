package change

import (
	"bytes"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"signalbox/internal/traffic"
)

// layouts of times besides RFC 3339. Those without a zone are read in the configured one.
var layouts = []string{
	"2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05", "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05 -0700", "2006-01-02 15:04:05",
	"2006-01-02T15:04", "2006-01-02 15:04", "2006/01/02 15:04:05",
}

var (
	errNoTime = errors.New("no time: begin the line with one such as 2026-11-21T12:00:00Z, or give a JSON object its time")
	errEmpty  = errors.New("an empty line")
)

// Line reads one line of a file: a JSON object, or a time and a text.
func (r *reader) line(line []byte, now time.Time) (traffic.Fact, bool, error) {
	line = bytes.TrimSpace(bytes.TrimPrefix(line, []byte("\xef\xbb\xbf")))
	switch {
	case len(line) == 0 || line[0] == '#':
		return traffic.Fact{}, false, errEmpty
	case line[0] == '{':
		o, err := parse(line)
		if err != nil {
			return traffic.Fact{}, false, err
		}
		d := r.own(o)
		if d.at.IsZero() {
			return traffic.Fact{}, false, errNoTime
		}
		return r.fact(d, now)
	}
	d, err := r.words(string(line))
	if err != nil {
		return traffic.Fact{}, false, err
	}
	return r.fact(d, now)
}

// words reads "TIME TEXT". A first word of the text that names a kind is the kind, and words such as model=gpt-4o say
// what the change is about; the text stays whole.
func (r *reader) words(line string) (draft, error) {
	var d draft
	rest := line
	for n := 3; n >= 1; n-- { // a time of several words first
		head, tail := firstWords(line, n)
		if at, ok := parseTime(strings.Trim(head, "[]"), r.zone); ok {
			d.at, rest = at, tail
			break
		}
	}
	if d.at.IsZero() {
		return d, errNoTime
	}
	d.text = strings.TrimLeft(rest, " \t:-–|,;")
	d.scope = make(map[string]string)
	for i, w := range strings.Fields(d.text) {
		if i == 0 {
			d.kind = strings.TrimRight(w, ":,")
		}
		if dim, value, ok := dimOf(w); ok && strings.Contains(w, "=") {
			d.scope[dim] = strings.Trim(value, `"',;`)
		}
	}
	return d, nil
}

// firstWords cuts a line behind its first n words.
func firstWords(line string, n int) (head, tail string) {
	at := 0
	for range n {
		for at < len(line) && (line[at] == ' ' || line[at] == '\t') {
			at++
		}
		for at < len(line) && line[at] != ' ' && line[at] != '\t' {
			at++
		}
	}
	return strings.TrimSpace(line[:at]), line[at:]
}

// parseTime reads a time: one of the layouts, or seconds, milliseconds, microseconds or nanoseconds since 1970 by their size.
func parseTime(s string, zone *time.Location) (time.Time, bool) {
	if len(s) < 9 || len(s) > 64 {
		return time.Time{}, false
	}
	if n, err := strconv.ParseFloat(s, 64); err == nil {
		return epoch(n)
	}
	if t, err := time.Parse(time.RFC3339Nano, s); err == nil {
		return t, sane(t)
	}
	if zone == nil {
		zone = time.UTC
	}
	for _, layout := range layouts {
		if t, err := time.ParseInLocation(layout, s, zone); err == nil {
			return t, sane(t)
		}
	}
	return time.Time{}, false
}

func epoch(n float64) (time.Time, bool) {
	if math.IsNaN(n) || n < 1e8 || n > 1e19 {
		return time.Time{}, false
	}
	for n >= 1e11 {
		n /= 1000
	}
	sec, frac := math.Modf(n)
	t := time.Unix(int64(sec), int64(math.Round(frac*1e6))*1000) // a float of seconds holds no more than microseconds
	return t, sane(t)
}

func sane(t time.Time) bool { return t.Year() >= 2000 && t.Year() < 2200 }

package ui

import (
	"strconv"
	"strings"
	"time"

	"signalbox/internal/traffic"
)

func itoa(n int) string { return strconv.Itoa(n) }

// count prints a number as it is up to 9999, and then in thousands or millions.
func count(n int64) string {
	switch {
	case n < 10_000:
		return strconv.FormatInt(n, 10)
	case n < 1_000_000:
		return strconv.FormatInt(n/1000, 10) + "k"
	}
	return strconv.FormatFloat(float64(n)/1e6, 'f', 1, 64) + "M"
}

// percent prints a share in at most four columns: "0%", "0.4%", "38%", "100%".
func percent(f float64) string {
	p := 100 * f
	switch {
	case p <= 0:
		return "0%"
	case p < 0.1:
		return "<.1%"
	case p < 9.95:
		return strconv.FormatFloat(p, 'f', 1, 64) + "%"
	case p > 99.5 && p < 100:
		return "99%"
	}
	return strconv.FormatFloat(p, 'f', 0, 64) + "%"
}

// short prints a duration as ages are said: "8s", "12m", "3h05m", "2d".
func short(d time.Duration) string {
	if d < 0 {
		d = 0
	}
	s := int(d / time.Second)
	switch {
	case s < 60:
		return itoa(s) + "s"
	case s < 3600:
		return itoa(s/60) + "m"
	case s < 48*3600:
		return itoa(s/3600) + "h" + two(s/60%60) + "m"
	}
	return itoa(s/86400) + "d"
}

// clock prints a countdown: "14:59", "1:02:03".
func countdown(d time.Duration) string {
	if d < 0 {
		d = 0
	}
	s := int((d + time.Second - 1) / time.Second)
	if s >= 3600 {
		return itoa(s/3600) + ":" + two(s/60%60) + ":" + two(s%60)
	}
	return two(s/60) + ":" + two(s%60)
}

// ratio prints a ratio with one digit after the point.
func ratio(f float64) string { return strconv.FormatFloat(f, 'f', 1, 64) }

func two(n int) string {
	if n < 10 {
		return "0" + itoa(n)
	}
	return itoa(n)
}

// latency prints a duration in at most five columns.
func latency(d time.Duration) string {
	switch {
	case d <= 0:
		return "-"
	case d < time.Second:
		return itoa(int(d/time.Millisecond)) + "ms"
	case d < 100*time.Second:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + "s"
	}
	return short(d)
}

// lag prints how far behind a source is.
func lag(d time.Duration) string {
	if d < 10*time.Second {
		return strconv.FormatFloat(max(d, 0).Seconds(), 'f', 1, 64) + "s"
	}
	return short(d)
}

// Times are UTC everywhere: a timeline that several people read has one clock.
func hms(t time.Time) string {
	if t.IsZero() {
		return "--:--:--"
	}
	return t.UTC().Format("15:04:05")
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return itoa(n) + " " + many
}

// unknownName is what a dimension without a value is called.
func named(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

// classWords makes a class readable: "bad gateway".
func classWords(c string) string { return strings.ReplaceAll(c, "_", " ") }

// modelAt names a record's model and region; without a model, what else is known.
func modelAt(s traffic.Scope) string {
	if s["model"] == "" {
		return s.Short()
	}
	if s["region"] == "" {
		return s["model"]
	}
	return s["model"] + "@" + s["region"]
}

// place names where a record belongs, in the order an operator asks: model@region, provider, deployment.
func place(s traffic.Scope) string {
	var b strings.Builder
	add := func(v string) {
		if v == "" {
			return
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(v)
	}
	mr := s["model"]
	if r := s["region"]; r != "" {
		mr += "@" + r
	}
	add(mr)
	add(s["provider"])
	if s["deployment"] != "" && s["deployment"] != s["model"] {
		add(s["deployment"])
	}
	return b.String()
}

package decode

import (
	"bytes"
	"time"
)

// stamps reads the times at the heads of the lines of one log. It remembers the latest one, because some
// lines have a time of day and no date, as those of LiteLLM: "14:31:15 - LiteLLM Proxy:ERROR: ...".
type stamps struct {
	zone *time.Location
	last time.Time
	past bool // the latest one was read late: what is read is history, and now is not the time of a line without one
	old  bool // the latest one lay far before its receipt: a finished log is read, and now is not its day
}

// oldFrom is how far before its receipt a time lies in a log that is not followed.
const oldFrom = 12 * time.Hour

// pastFrom is how far before its receipt a time lies in what was written before it was followed.
const pastFrom = time.Minute

// of gives the time of a line. One without any has that of the line before it where history is read, else zero.
func (s *stamps) of(line []byte, received time.Time) time.Time {
	at := stampOf(line, s.zone, received)
	if at.IsZero() {
		clock, ok := clockOf(line)
		switch {
		case !ok && s.past:
			return s.last
		case !ok:
			return at
		}
		at = s.onDay(clock, received)
	}
	s.saw(at, received)
	return at
}

// saw remembers a time that a line or its wrapper has told.
func (s *stamps) saw(at, received time.Time) {
	s.last, s.past, s.old = at, received.Sub(at) > pastFrom, received.Sub(at) > oldFrom
}

// onDay gives a time of day its day: in a log that is followed the latest on which it does not lie in the
// future, in a finished one that which brings it next to the time before it. So both go over midnight.
func (s *stamps) onDay(clock time.Duration, received time.Time) time.Time {
	base := received.In(s.zone)
	if s.old {
		base = s.last.In(s.zone)
	}
	sec := int(clock / time.Second)
	on := func(days int) time.Time {
		return time.Date(base.Year(), base.Month(), base.Day()+days, sec/3600, sec/60%60, sec%60, int(clock%time.Second), s.zone)
	}
	var best time.Time
	for days := -1; days <= 1; days++ {
		at := on(days)
		switch {
		case at.Sub(received) > MaxSkew:
		case best.IsZero(), !s.old, at.Sub(s.last).Abs() < best.Sub(s.last).Abs():
			best = at
		}
	}
	return best
}

// clockOf finds a time of day among the first words of a line, alone or in brackets: "14:31:15", "[14:31:15,123]".
func clockOf(line []byte) (time.Duration, bool) {
	head := line[:min(len(line), 72)]
	for from, word := 0, 0; word < maxStampWords && from < len(head); word++ {
		end := wordEnd(head, from, 0)
		if clock, ok := clockIn(bytes.Trim(head[from:end], "[]()<>|,;")); ok {
			return clock, true
		}
		from = end + 1
	}
	return 0, false
}

// clockIn reads "14:31:15" with a fraction of a second or without.
func clockIn(b []byte) (time.Duration, bool) {
	const size = len("15:04:05")
	if len(b) < size || len(b) > size+10 || b[2] != ':' || b[5] != ':' {
		return 0, false
	}
	var parts [3]int64
	for i, most := range []int64{23, 59, 60} {
		n, ok := smallInt(b[3*i : 3*i+2])
		if !ok || n > most {
			return 0, false
		}
		parts[i] = n
	}
	clock := time.Duration(parts[0])*time.Hour + time.Duration(parts[1])*time.Minute + time.Duration(min(parts[2], 59))*time.Second
	if len(b) == size {
		return clock, true
	}
	if b[size] != '.' && b[size] != ',' || len(b) == size+1 {
		return 0, false
	}
	unit := time.Second
	for _, c := range b[size+1:] {
		if c < '0' || c > '9' {
			return 0, false
		}
		unit /= 10
		clock += time.Duration(c-'0') * unit
	}
	return clock, true
}

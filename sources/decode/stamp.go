package decode

import (
	"bytes"
	"strconv"
	"time"
)

// maxStampWords is how many words of a line's head may come before its time.
const maxStampWords = 3

// stampOf finds the time at the start of a line, alone, bracketed or after a level: RFC 3339 and the other
// layouts, seconds since 1970 as the first word, and the forms of syslog and klog, which name no year.
func stampOf(line []byte, zone *time.Location, received time.Time) time.Time {
	head := line[:min(len(line), 72)]
	if at, ok := syslogTime(head, zone, received); ok {
		return at
	}
	if at, ok := klogTime(head, zone, received); ok {
		return at
	}
	for from, word := 0, 0; word < maxStampWords && from < len(head); word++ {
		for _, more := range stampWords {
			text := bytes.Trim(head[from:wordEnd(head, from, more)], "[]()<>|,; ")
			if !timeLike(text, more) || word > 0 && !bytes.ContainsAny(text, ":/-") {
				continue // a bare number is a time only where a line begins with it
			}
			if at, ok := parseTime(value{kind: stringValue, bytes: text}, zone); ok {
				return at
			}
			if at, ok := monthTime(text, zone, received); ok {
				return at
			}
		}
		from = wordEnd(head, from, 0) + 1
	}
	return time.Time{}
}

// stampWords are how many words of a time may follow its first: "2026-11-21T12:00:00Z", "2026-11-21 12:00:00,123",
// "2026/11/21 - 12:00:00" and "Sat Nov 21 12:00:00.123456 2026", as Apache's error log has it.
var stampWords = []int{0, 1, 2, 4}

// timeLike tells whether it is worth while to try the layouts on a text: times begin with a digit, or with a
// weekday where they have so many words.
func timeLike(text []byte, more int) bool {
	if len(text) < 10 {
		return false
	}
	if c := text[0]; more == 4 {
		return len(text) > 18 && c >= 'F' && c <= 'W' && text[3] == ' '
	}
	return text[0] >= '0' && text[0] <= '9'
}

// syslogTime reads "Nov 21 10:00:00", with a priority before it or without. The version that syslog's later
// format has after the priority leaves its RFC 3339 time to be the second word.
func syslogTime(head []byte, zone *time.Location, received time.Time) (time.Time, bool) {
	if len(head) > 0 && head[0] == '<' {
		if end := bytes.IndexByte(head, '>'); end > 0 && end <= 4 {
			head = head[end+1:]
		}
	}
	if len(head) < len(time.Stamp) {
		return time.Time{}, false
	}
	if head[0] < 'A' || head[0] > 'Z' || head[3] != ' ' {
		return time.Time{}, false
	}
	at, err := time.ParseInLocation(time.Stamp, string(head[:len(time.Stamp)]), zone)
	return inYear(at, received), err == nil
}

// monthTime reads "11-21 10:00:00", as vLLM begins its lines after their level.
func monthTime(text []byte, zone *time.Location, received time.Time) (time.Time, bool) {
	if len(text) < len("11-21 10:00:00") || text[2] != '-' || text[5] != ' ' {
		return time.Time{}, false
	}
	at, err := time.ParseInLocation("01-02 15:04:05", string(text), zone)
	return inYear(at, received), err == nil
}

// klogTime reads "E1121 10:00:00.123456", as Kubernetes' programs begin their lines.
func klogTime(head []byte, zone *time.Location, received time.Time) (time.Time, bool) {
	if len(head) < 14 || bytes.IndexByte([]byte("IWEF"), head[0]) < 0 || head[5] != ' ' {
		return time.Time{}, false
	}
	if _, err := strconv.Atoi(string(head[1:5])); err != nil {
		return time.Time{}, false
	}
	at, err := time.ParseInLocation("0102 15:04:05", string(head[1:wordEnd(head, 0, 1)]), zone)
	return inYear(at, received), err == nil
}

// inYear gives a time without a year the one in which it lies last before the line was received.
func inYear(at, received time.Time) time.Time {
	full := func(year int) time.Time {
		return time.Date(year, at.Month(), at.Day(), at.Hour(), at.Minute(), at.Second(), at.Nanosecond(), at.Location())
	}
	if now := full(received.Year()); now.Sub(received) < 24*time.Hour {
		return now
	}
	return full(received.Year() - 1)
}

// wordEnd gives the end of the word that begins at from, and of so many more.
func wordEnd(b []byte, from, more int) int {
	for i := from; i < len(b); i++ {
		if b[i] == ' ' || b[i] == '\t' {
			if more == 0 {
				return i
			}
			more--
		}
	}
	return len(b)
}

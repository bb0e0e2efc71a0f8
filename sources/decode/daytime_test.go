package decode

import (
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the machine may have none

	"signalbox/internal/traffic"
)

func mustZone(t *testing.T, name string) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// A time of day without a date is of the latest day on which it does not lie in the future. It is the line's
// own time: the record is not one of receive time.
func TestTimeWithoutDate(t *testing.T) {
	berlin := mustZone(t, "Europe/Berlin")
	noon := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	midnight := time.Date(2026, 11, 22, 0, 0, 5, 0, time.UTC)
	for _, tt := range []struct {
		line     string
		zone     *time.Location
		received time.Time
		want     string
	}{
		{"11:59:58 - LiteLLM Proxy:ERROR: x.py:1 - Connection error.", time.UTC, noon, "2026-11-21T11:59:58Z"},
		{"11:59:58.250 ERROR Connection error.", time.UTC, noon, "2026-11-21T11:59:58.25Z"},
		{"[11:59:58,250] ERROR Connection error.", time.UTC, noon, "2026-11-21T11:59:58.25Z"},
		{"ERROR 11:59:58 Connection error.", time.UTC, noon, "2026-11-21T11:59:58Z"},
		{"12:00:59 ERROR Connection error.", time.UTC, noon, "2026-11-21T12:00:59Z"}, // a clock a little ahead
		{"12:01:01 ERROR Connection error.", time.UTC, noon, "2026-11-20T12:01:01Z"}, // not in the future: yesterday's
		{"23:59:59 ERROR Connection error.", time.UTC, midnight, "2026-11-21T23:59:59Z"},
		{"00:00:04 ERROR Connection error.", time.UTC, midnight, "2026-11-22T00:00:04Z"},
		{"00:00:04 ERROR Connection error.", time.UTC, midnight.Add(-10 * time.Second), "2026-11-22T00:00:04Z"}, // a clock ahead over midnight
		{"12:59:58 ERROR Connection error.", berlin, noon, "2026-11-21T11:59:58Z"},
		{"00:59:58 ERROR Connection error.", berlin, midnight, "2026-11-21T23:59:58Z"},
	} {
		rec, res := func() (traffic.Record, Result) {
			d, err := New(Text, Options{Zone: tt.zone})
			if err != nil {
				t.Fatal(err)
			}
			return d.Decode([]byte(tt.line), tt.received)
		}()
		if got := rec.Time.UTC().Format(time.RFC3339Nano); res.Kind != Request || rec.Received || got != tt.want {
			t.Errorf("%s at %v: %+v %s received=%v, want %s", tt.line, tt.received, res, got, rec.Received, tt.want)
		}
	}
	for _, line := range []string{"25:00:00 x", "12:60:00 x", "12:00 x", "12:00:00. x", "12:00:00.x x", "a report of 12:00:00 x", "127.0.0.1:50:00 x", "12:00:00.1234567890123 x"} {
		if clock, ok := clockOf([]byte(line)); ok {
			t.Errorf("%s: %v", line, clock)
		}
	}
}

// A finished log goes over midnight by the lines before it, and not by the day on which it is read.
func TestTimeWithoutDateOverMidnight(t *testing.T) {
	s := newTestStream(t, Text)
	giveAll(s, strings.Split("2026-11-10 23:59:57,000 - INFO - started\n23:59:58 ERROR Connection error.\n00:00:01 ERROR Connection error.\n"+
		"23:59:59 ERROR Connection error.\n11:00:00 ERROR Connection error.\n22:00:00 ERROR Connection error.\n08:00:00 ERROR Connection error.", "\n"), received)
	s.Settle(received)
	want := []string{"10 23:59:58", "11 00:00:01", "10 23:59:59", "11 11:00:00", "11 22:00:00", "12 08:00:00"}
	for i, rec := range s.Records() {
		if got := rec.Time.UTC().Format("02 15:04:05"); i >= len(want) || got != want[i] || rec.Received {
			t.Errorf("line %d: %s received=%v, want %v", i, got, rec.Received, want)
		}
	}
	if len(s.Records()) != len(want) {
		t.Errorf("%d records", len(s.Records()))
	}
}

// A wrapper that knows the day tells it.
func TestWrapperTellsTheDay(t *testing.T) {
	s := newTestStream(t, "cri+text")
	giveAll(s, []string{"2026-11-03T00:00:01Z stderr F 23:59:59 ERROR Connection error.", "2026-11-03T00:00:02Z stderr F ERROR Connection error."}, received)
	s.Settle(received)
	for i, want := range []string{"2026-11-02T23:59:59Z", "2026-11-03T00:00:02Z"} {
		if rec := s.Records()[i]; rec.Received || rec.Time.UTC().Format(time.RFC3339) != want {
			t.Errorf("%v, want %s", rec.Time.UTC(), want)
		}
	}
}

// Twice a year local time has an hour that is not, and one that is twice. The first is read with the offset from
// before the change, the second as its second pass: during the first pass such a time lies an hour in the future,
// and gives way to the time of receipt.
func TestTimesAtDaylightSaving(t *testing.T) {
	berlin := mustZone(t, "Europe/Berlin")
	for text, want := range map[string]string{
		"2026-03-29 01:59:59": "2026-03-29T00:59:59Z", // the last second of winter
		"2026-03-29 02:30:00": "2026-03-29T01:30:00Z", // the gap
		"2026-03-29 03:00:00": "2026-03-29T01:00:00Z", // the first second of summer
		"2026-10-25 01:59:59": "2026-10-24T23:59:59Z",
		"2026-10-25 02:30:00": "2026-10-25T01:30:00Z", // twice: also 00:30Z
		"2026-10-25 03:00:00": "2026-10-25T02:00:00Z",
	} {
		got, ok := parseTime(value{kind: stringValue, bytes: []byte(text)}, berlin)
		if !ok || got.UTC().Format(time.RFC3339) != want {
			t.Errorf("%s: %v, want %s", text, got.UTC(), want)
		}
	}
	firstPass := time.Date(2026, 10, 25, 0, 30, 1, 0, time.UTC)
	d, err := New(JSON, Options{Zone: berlin})
	if err != nil {
		t.Fatal(err)
	}
	rec, res := d.Decode([]byte(`{"time":"2026-10-25 02:30:00","model":"m","status":200}`), firstPass)
	if !res.Skewed || !rec.Received || !rec.Time.Equal(firstPass) {
		t.Errorf("in the first pass: %v received=%v skewed=%v", rec.Time.UTC(), rec.Received, res.Skewed)
	}
}

// The forms in which common writers put a time at a line's head or into a field.
func TestTimeForms(t *testing.T) {
	for form, text := range map[string]string{
		"Apache's error log":    "[Sat Nov 21 12:00:00.250000 2026] [proxy:error] [pid 7] failed",
		"asctime":               "Sat Nov 21 12:00:00.25 2026 failed",
		"gin":                   "2026/11/21 - 12:00:00.25 | 200",
		"Go's log":              "2026/11/21 12:00:00.250000 main.go:3: failed",
		"Python's logging":      "2026-11-21 12:00:00,250 - ERROR - failed",
		"loguru":                "2026-11-21 12:00:00.250 | ERROR    | failed",
		"Python's uvicorn":      "INFO 2026-11-21 12:00:00,250 failed",
		"Spring Boot":           "2026-11-21T12:00:00.250Z ERROR 1 --- [main] failed",
		"nginx's msec":          "1795262400.250 failed",
		"a bracketed time":      "[2026-11-21 12:00:00.250] failed",
		"syslog 5424":           "<131>1 2026-11-21T12:00:00.25Z gw app 7 - - failed",
		"a container's runtime": "2026-11-21T12:00:00.25Z stderr F failed",
	} {
		if at := stampOf([]byte(text), time.UTC, received); at.UTC().Format(time.RFC3339Nano) != "2026-11-21T12:00:00.25Z" {
			t.Errorf("%s: %v of %s", form, at, text)
		}
	}
	for form, text := range map[string]string{
		"RFC 1123":     "Sat, 21 Nov 2026 12:00:00 GMT",
		"RFC 1123 Z":   "Sat, 21 Nov 2026 13:00:00 +0100",
		"Go's String":  "2026-11-21 12:00:00 +0000 UTC m=+0.250000001",
		"nginx local":  "21/Nov/2026:12:00:00 +0000",
		"seconds":      "1795262400",
		"milliseconds": "1795262400000",
		"microseconds": "1795262400000000",
		"nanoseconds":  "1795262400000000000",
	} {
		at, ok := parseTime(value{kind: stringValue, bytes: []byte(text)}, time.UTC)
		if !ok || at.UTC().Format(time.RFC3339Nano) != "2026-11-21T12:00:00Z" {
			t.Errorf("%s: %v of %s", form, at, text)
		}
	}
}

func FuzzStamp(f *testing.F) {
	for _, s := range []string{"14:31:15 - LiteLLM Proxy:ERROR: x", "[11:59:58,250] x", "2026-11-21 12:00:00,123 x", "Nov 21 12:00:00 x", "E1121 12:00:00.250000 1 x.go:1] x", "[Sat Nov 21 12:00:00.25 2026] x"} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		s := stamps{zone: time.UTC}
		for _, line := range []string{a, b, a} {
			at := s.of([]byte(line), received)
			if _, isClock := clockOf([]byte(line)); isClock && stampOf([]byte(line), time.UTC, received).IsZero() && at.Sub(received) > MaxSkew {
				t.Fatalf("%q lies in the future: %v", line, at)
			}
		}
	})
}

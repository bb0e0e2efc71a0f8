package decode

import (
	"fmt"
	"testing"
	"time"
)

// Many programs log a JSON object behind the head that their logger gives each line.
func TestJSONBehindALoggersTextIsRead(t *testing.T) {
	for name, line := range map[string]string{
		"Python":        `2026-11-21 12:00:00,250 %s [gateway] request done: {"model": "gpt-4o", "status": %d, "latency_ms": 100, "request_id": "r"}`,
		"Monolog":       `[2026-11-21T12:00:00.250Z] gateway.%s: {"model":"gpt-4o","status":%d,"latency_ms":100} []`,
		"a time of day": `12:00:00.250 | %s | {"model":"gpt-4o","status":%d,"latency_ms":100}`,
	} {
		t.Run(name, func(t *testing.T) {
			s := newTestStream(t, Auto)
			var lines []string
			for i, status := range []int{200, 429, 200, 503, 200} {
				lines = append(lines, fmt.Sprintf(line, []string{"INFO", "ERROR"}[i%2], status))
			}
			giveAll(s, lines, received)
			s.Settle(received)
			failed := 0
			for _, rec := range s.Records() {
				if rec.Outcome.Failed() {
					failed++
				}
				if want := time.Date(2026, 11, 21, 12, 0, 0, 250e6, time.UTC); !rec.Time.Equal(want) || rec.Received || rec.Latency != 100*time.Millisecond {
					t.Errorf("%s received=%v, %s", rec.Time, rec.Received, rec.Latency)
				}
			}
			if s.Format() != "prefix+json" || len(s.Records()) != len(lines) || failed != 2 {
				t.Errorf("taken for %s: %d records, %d failed", s.Format(), len(s.Records()), failed)
			}
		})
	}
}

// An object at the end of a line is no reason to leave out what stands before it.
func TestLinesThatEndInAnObjectAreNotAllPrefixed(t *testing.T) {
	for want, line := range map[string]string{
		Text:   `2026-11-21 12:00:00,123 ERROR openai answered 429 Too Many Requests: {"error":{"message":"Rate limit reached","code":"rate_limit_exceeded"}}`,
		Logfmt: `time=2026-11-21T12:00:00Z level=info model=gpt-4o status=200 meta={"status":500}`,
	} {
		s := newTestStream(t, Auto)
		giveAll(s, []string{line, line, line}, received)
		s.Settle(received)
		if s.Format() != want {
			t.Errorf("%s was taken for %s", line, s.Format())
		}
	}
}

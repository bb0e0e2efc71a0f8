package decode

import (
	"fmt"
	"strings"
	"testing"
)

// What a logger writes for a terminal is in colours, whether it stands alone, as JSON or in a wrapper.
func TestColouredLinesAreReadAsPlainOnes(t *testing.T) {
	for format, line := range map[string]string{
		"timestamps+logfmt": "\x1b[90m2026-11-21T12:00:00Z\x1b[0m \x1b[31mERR\x1b[0m request done \x1b[36mmodel=\x1b[0mgpt-4o \x1b[36mstatus=\x1b[0m%d",
		JSON:                "\x1b[32m{\"time\":\"2026-11-21T12:00:00Z\",\"model\":\"gpt-4o\",\"status\":%d}\x1b[0m",
		"docker+json":       `{"log":"\u001b[32m{\"time\":\"2026-11-21T12:00:00Z\",\"model\":\"gpt-4o\",\"status\":%d}\u001b[0m\n","stream":"stdout","time":"2026-11-21T12:00:00Z"}`,
		Access:              "\x1b[32mINFO\x1b[0m:     10.0.1.5:44112 - \"\x1b[1mPOST /v1/chat/completions HTTP/1.1\x1b[0m\" \x1b[32m%d OK\x1b[0m",
	} {
		t.Run(format, func(t *testing.T) {
			var lines []string
			for _, status := range []int{200, 429, 200, 503, 200} {
				lines = append(lines, fmt.Sprintf(line, status))
			}
			s := newTestStream(t, Auto)
			giveAll(s, lines, received)
			s.Settle(received)
			failed := 0
			for _, rec := range s.Records() {
				if rec.Outcome.Failed() {
					failed++
				}
				if strings.Contains(rec.Raw, "\x1b") {
					t.Errorf("colours in the raw text %q", rec.Raw)
				}
			}
			if s.Format() != format || len(s.Records()) != len(lines) || failed != 2 {
				t.Errorf("taken for %s: %d records, %d failed", s.Format(), len(s.Records()), failed)
			}
		})
	}
}

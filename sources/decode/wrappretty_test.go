package decode

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// Objects that stand over several lines are read as those of one line are, alone or in a list.
func TestJSONOverSeveralLinesIsRead(t *testing.T) {
	var plain, pretty, list, lines []string
	for i, status := range []int{200, 429, 200, 503, 200} {
		plain = append(plain, fmt.Sprintf(`{"time":"2026-11-21T12:00:0%dZ","model":"gpt-4o","status":%d,"error":{"message":"a } in \"quotes\" {","list":[1,{"a":[]}]}}`, i, status))
		var b bytes.Buffer
		if err := json.Indent(&b, []byte(plain[i]), "", "  "); err != nil {
			t.Fatal(err)
		}
		pretty = append(pretty, b.String())
		b.Reset()
		_ = json.Indent(&b, []byte(plain[i]), "    ", "    ") // it was one above
		list = append(list, "    "+b.String()+",")
		lines = append(lines, "  "+plain[i]+",")
	}
	for name, text := range map[string]string{
		"alone":             strings.Join(pretty, "\n"),
		"CRLF":              strings.Join(pretty, "\r\n"),
		"one has no end":    strings.Join(pretty, "\n") + "\n{\n  \"model\": \"m\",\n",
		"a list":            "[\n" + strings.Join(list, "\n") + "\n]",
		"a list of lines":   "[\n" + strings.Join(lines, "\n") + "\n]",
		"text between them": strings.Join(pretty[:2], "\nlistening on :8080\n") + "\n" + strings.Join(pretty[2:], "\nGET /healthz\n"),
	} {
		t.Run(name, func(t *testing.T) {
			s := newTestStream(t, Auto)
			giveAll(s, strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n"), received)
			s.Settle(received)
			failed := 0
			for _, rec := range s.Records() {
				if rec.Outcome.Failed() {
					failed++
				}
			}
			if s.Format() != "pretty+json" || len(s.Records()) != len(plain) || failed != 2 {
				t.Errorf("taken for %s: %d records, %d failed: %v", s.Format(), len(s.Records()), failed, s.Examples())
			}
		})
	}
}

package incident

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// frozenStory is an incident with so many pieces of evidence, each with so many records.
func frozenStory(pieces, records int, record string) []Entry {
	entries := []Entry{{Seq: 1, At: min0(0), Incident: "i", Kind: IncidentOpened, Data: json.RawMessage(`{"title":"x"}`)}}
	for n := range pieces {
		all := strings.TrimSuffix(strings.Repeat(record+",", records), ",")
		data := fmt.Sprintf(`{"slug":"look","evidence":{"records":[%s],"sha256":"ab%d"}}`, all, n)
		entries = append(entries, Entry{Seq: int64(n + 2), At: min0(float64(n)), Incident: "i", Run: "r", Kind: StepEvidence, Data: json.RawMessage(data)})
	}
	return entries
}

func exported(t *testing.T, format string, entries []Entry) string {
	t.Helper()
	var b bytes.Buffer
	if err := Export(&b, format, entries, "i"); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// The appendix for people is bounded and says what it leaves out; the export for programs has all of it.
func TestTheAppendixIsBounded(t *testing.T) {
	entries := frozenStory(maxAppendix+3, maxFrozen+5, `{"time":"2026-03-02T02:13:59Z","class":"timeout","raw":"`+strings.Repeat("long ", 800)+`","request_id":"req-1"}`)
	text := exported(t, "md", entries)
	if n := strings.Count(text, "| timeout |"); n != maxAppendix*maxFrozen {
		t.Errorf("%d records, want %d", n, maxAppendix*maxFrozen)
	}
	for _, want := range []string{"3 more pieces are in the JSON export", "5 more records are in the JSON export", "sha256 ab0"} {
		if !strings.Contains(text, want) {
			t.Errorf("the appendix does not say %q", want)
		}
	}
	if limit := maxAppendix * maxFrozen * (maxCell + 200); len(text) > limit {
		t.Errorf("%d bytes, want at most %d", len(text), limit)
	}
	var x struct {
		Evidence []struct {
			Seq    int64
			Step   string
			Frozen struct {
				Records []struct{ Raw string }
				SHA256  string `json:"sha256"`
			}
		}
	}
	if err := json.Unmarshal([]byte(exported(t, "json", entries)), &x); err != nil {
		t.Fatal(err)
	}
	if len(x.Evidence) != maxAppendix+3 || len(x.Evidence[0].Frozen.Records) != maxFrozen+5 || len(x.Evidence[0].Frozen.Records[0].Raw) != 4000 ||
		x.Evidence[1].Frozen.SHA256 != "ab1" || x.Evidence[0].Step != "look" {
		t.Errorf("%d pieces, the first %d records", len(x.Evidence), len(x.Evidence[0].Frozen.Records))
	}
}

// What a journal of before, or a hostile one, holds as evidence breaks no export.
func TestEvidenceOfOthersIsRead(t *testing.T) {
	old := exported(t, "md", frozenStory(1, 1, `{"At":"2026-03-02T02:13:59Z","Labels":{"model":"m"},"Latency":12,"ID":"req-9","Text":"broken pipe"}`))
	if !strings.Contains(old, "2026-03-02 02:13:59") || !strings.Contains(old, "broken pipe") || !strings.Contains(old, "req-9") {
		t.Errorf("a record of before:\n%s", old)
	}
	for _, data := range []string{
		`{"slug":"x","evidence":"text"}`, `{"slug":"x","evidence":[1]}`, `{"slug":"x","evidence":{"records":{"a":1}}}`,
		`{"slug":"x","evidence":{"charts":[{"metric":"` + "```" + `\u001b[2J","points":[1e308,null,-5]}],"request_ids":["| x |","\n# y"]}}`,
	} {
		entries := frozenStory(1, 0, "")
		entries[1].Data = json.RawMessage(data)
		text := exported(t, "md", entries)
		if strings.Contains(text, "\x1b") || strings.Contains(text, "\n# y") || strings.Count(text, "```")%2 != 0 {
			t.Errorf("%s makes\n%s", data, text)
		}
		if !json.Valid([]byte(exported(t, "json", entries))) {
			t.Errorf("%s makes no JSON", data)
		}
	}
}

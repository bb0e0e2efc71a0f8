package decode

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"signalbox/internal/fault"
	"signalbox/internal/traffic"
)

const (
	wentWell   = `{"time":"2026-11-21T12:00:00Z","level":"info","msg":"done","model":"gpt-4o","status":200}`
	noAnswer   = `{"time":"2026-11-21T12:00:01Z","level":"error","msg":"call failed","model":"gpt-4o","error":"context deadline exceeded (Client.Timeout exceeded while awaiting headers)"}`
	tooMany    = `{"time":"2026-11-21T12:00:02Z","level":"error","msg":"call failed","model":"gpt-4o","status":429,"error":"Rate limit reached for requests per min"}`
	badAccess  = `{"time":"2026-11-21T12:00:03Z","level":"info","msg":"request","model":"gpt-4o","status":504}`
	noModel    = `{"time":"2026-11-21T12:00:01Z","level":"error","msg":"call failed","error":"context deadline exceeded"}`
	willRetry  = `{"time":"2026-11-21T12:00:01Z","level":"error","msg":"call failed, will retry","model":"gpt-4o","error":"context deadline exceeded"}`
	oneAttempt = `{"time":"2026-11-21T12:00:01Z","level":"error","msg":"call failed","attempt":1,"model":"gpt-4o","error":"context deadline exceeded"}`
)

func withID(line string, id int) string {
	return strings.Replace(line, `"level"`, fmt.Sprintf(`"request_id":"q%d","level"`, id), 1)
}

// A call that got no answer has no status to log. In a log whose other lines have one it was lost.
func TestErrorLinesBesideLinesWithAStatusCountOnce(t *testing.T) {
	for name, c := range map[string]struct {
		lines            []string
		requests, failed int
	}{
		"failures have no status":            {[]string{wentWell, noAnswer, wentWell, noAnswer, noAnswer}, 5, 3},
		"only those that got no answer":      {[]string{wentWell, tooMany, noAnswer, wentWell, noAnswer}, 5, 3},
		"each is told again with a status":   {[]string{wentWell, noAnswer, badAccess, wentWell, noAnswer, badAccess}, 4, 2},
		"and has been before":                {[]string{wentWell, badAccess, noAnswer, badAccess, noAnswer}, 3, 2},
		"two are under way":                  {[]string{wentWell, noAnswer, noAnswer, badAccess, badAccess, noAnswer, badAccess}, 4, 3},
		"the calls say no model":             {[]string{wentWell, noModel, noModel}, 1, 0},
		"other attempts follow":              {[]string{wentWell, willRetry, oneAttempt}, 1, 0},
		"with ids, no status":                {[]string{withID(wentWell, 1), withID(noAnswer, 2), withID(noAnswer, 3)}, 3, 2},
		"with ids, told again with the same": {[]string{withID(wentWell, 1), withID(noAnswer, 2), withID(tooMany, 2), withID(noAnswer, 3), withID(tooMany, 3)}, 3, 2},
		"with ids, it went well after all":   {[]string{withID(wentWell, 1), withID(noAnswer, 2), withID(wentWell, 2), withID(noAnswer, 3), withID(wentWell, 3)}, 4, 1},
		"with ids, two lines of each":        {[]string{withID(wentWell, 1), withID(noAnswer, 2), withID(noAnswer, 2)}, 2, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s := newTestStream(t, JSON)
			giveAll(s, c.lines, received)
			s.Settle(received)
			requests, failed := 0, 0
			for _, rec := range s.Records() {
				if rec.Explains {
					continue
				}
				requests++
				if rec.Outcome.Class() != fault.None {
					failed++
				}
			}
			if requests != c.requests || failed != c.failed {
				t.Errorf("%d requests, %d failed, want %d and %d", requests, failed, c.requests, c.failed)
			}
		})
	}
}

// What such lines say of later ones is the same for those who decode block by block, side by side.
func TestErrorLinesCountTheSameInBlocks(t *testing.T) {
	var text bytes.Buffer
	for i := range 400 {
		for _, line := range []string{withID(wentWell, 10*i), withID(tooMany, 10*i+1), withID(noAnswer, 10*i+2), noAnswer}[:1+i%4] {
			fmt.Fprintln(&text, line)
		}
		if i > 300 {
			fmt.Fprintln(&text, badAccess)
		}
	}
	all := text.Bytes()
	s := newTestStream(t, JSON)
	giveAll(s, strings.Split(strings.TrimSpace(text.String()), "\n"), received)
	s.Settle(received)
	want := make(map[string]int)
	for _, rec := range s.Records() {
		want[fmt.Sprint(rec.Outcome, rec.Explains)]++
	}
	head := bytes.IndexByte(all, '\n') + 1
	bulk := bulkOf(t, all[:head])
	got := make(map[string]int)
	take := func(k *Block) {
		for _, b := range k.Briefs {
			got[fmt.Sprint(b.Outcome, b.Marks&traffic.Explains != 0)]++
		}
	}
	var blocks []*Block
	for rest := all[head:]; len(rest) > 0; {
		cut := min(len(rest), 9000)
		cut += bytes.IndexByte(rest[cut-1:], '\n')
		k := blockOf(rest[:cut])
		rest = rest[cut:]
		bulk.Begin(k) // all begin before any is joined
		bulk.Worker().Decode(k)
		blocks = append(blocks, k)
	}
	for _, k := range blocks {
		bulk.Join(k, take)
	}
	bulk.Rest(received, take)
	if len(blocks) < 5 || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%d blocks gave %v, one by one %v", len(blocks), got, want)
	}
}

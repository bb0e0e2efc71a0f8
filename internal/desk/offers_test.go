package desk

import (
	"testing"

	"signalbox/internal/burst"
	"signalbox/runbook"
)

// A note has its runbook too, after those of what pages; a settled one has none.
func TestNotesHaveTheirRunbook(t *testing.T) {
	books := map[string]*runbook.Book{}
	for _, id := range []string{"too-large", "bad-gateway", "over"} {
		b, err := runbook.Parse(id+".md", []byte("# "+id+" 502\n\n1. Look.\n"))
		if err != nil {
			t.Fatal(err)
		}
		books[id] = b
	}
	d := sighted()
	d.o.Books = []*runbook.Book{books["bad-gateway"], books["over"], books["too-large"]}
	note := &burstState{Burst: burst.Burst{ID: "b1", Kind: burst.KindCaller}, matched: true, match: runbook.Offer{Book: books["too-large"], Why: "because"}}
	over := &burstState{Burst: burst.Burst{ID: "b2", Kind: burst.KindCaller, Ended: d.now()}, matched: true, match: runbook.Offer{Book: books["over"]}}
	d.bursts = []*burstState{note, over}
	got := d.offers()
	if len(got) != 3 || got[0].ID != "too-large" || !got[0].Fits || got[0].Burst != "b1" || got[0].Why != "because" || got[1].Fits || got[2].Fits {
		t.Errorf("offered %+v", got)
	}
	page := &burstState{Burst: burst.Burst{ID: "b3", Kind: burst.KindErrors, Classes: map[string]int64{"bad_gateway": 9}, Codes: map[int]int64{502: 9}}}
	d.bursts = append(d.bursts, page)
	if got = d.offers(); got[0].Burst != "b3" || got[len(got)-1].Burst == "b1" {
		t.Errorf("offered %+v", got)
	}
}

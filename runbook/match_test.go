package runbook

import (
	"strings"
	"testing"
)

// A book for when it is over is told by what its match means, however it is written.
func TestAftermath(t *testing.T) {
	for match, want := range map[string]bool{
		"not burst":                                   true,
		"not (burst)":                                 true,
		"not burst and errors over 5m < 3":            true,
		"errors over 5m < 3 and not burst":            true,
		"burst":                                       false,
		"not burst or errors over 5m > 3":             false,
		"not lever":                                   false,
		"count{class=timeout} over 2m > 10":           false,
		"not burst{model=m} and not burst{region=eu}": true,
	} {
		b, err := Parse("a.md", []byte("---\nrunbook: v1\nmatch: >-\n  "+match+"\n---\n## A\ntext\n"))
		if err != nil || b.match.Zero() {
			t.Fatalf("%s: %v", match, err)
		}
		if got := b.Aftermath(); got != want {
			t.Errorf("%q: %v, want %v", match, got, want)
		}
	}
	if (&Book{}).Aftermath() {
		t.Error("a book that is matched by words is for after a burst")
	}
}

// A busy log has more of each class at any time than a match asks for. A book about what hardly any failure of the burst is does
// not fit it, and one that asks for something else besides fits by that alone.
func TestOffersAreAboutTheBurst(t *testing.T) {
	var books []*Book
	for id, match := range map[string]string{
		"overload": "count{class=overloaded} over 2m > 10",
		"keys":     "count{class in (auth, account_suspended)} over 5m > 3",
		"gateway":  "count{code in (502, 504)} over 2m > 10",
		"storm":    "count{class=rate_limited} over 2m > 10 or amplification over 2m > 3",
		"repeats":  "count{class=rate_limited} over 2m > 10 or amplification over 2m > 1",
		"any":      "errors over 2m > 10",
	} {
		b, err := Parse(id+".md", []byte("---\nrunbook: v1\nmatch: "+match+"\n---\n## A\ntext\n"))
		if err != nil {
			t.Fatal(err)
		}
		books = append(books, b)
	}
	f := &board{answer: func(q Query) (Answer, bool) {
		if q.Metric == "amplification" {
			return Answer{Known: true, Value: 2, Samples: 9000}, true
		}
		return Answer{Known: true, Value: 500, Samples: 9000}, true
	}}
	burst := BurstView{Kind: "errors", Classes: map[string]int64{"none": 9000, "overloaded": 960, "auth": 10, "rate_limited": 40}, Codes: map[int]int64{200: 9000, 529: 960, 502: 1}}
	ids := func() string {
		var all []string
		for _, o := range Offers(books, burst, f) {
			all = append(all, o.Book.ID)
		}
		return strings.Join(all, " ")
	}
	if got := ids(); got != "overload repeats any" {
		t.Errorf("of a burst of overloads: %s", got)
	}
	burst.Classes["rate_limited"] = 300
	if got := ids(); got != "overload repeats storm any" {
		t.Errorf("a quarter is rate limits: %s", got)
	}
	burst.Classes, burst.Codes = nil, nil // an alert does not tell what failed
	if got := ids(); len(strings.Fields(got)) != len(books) {
		t.Errorf("of a burst without classes: %s", got)
	}
}

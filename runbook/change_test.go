package runbook

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
)

func mustParse(t *testing.T, src string) *Book {
	t.Helper()
	b, err := Parse("t.md", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestChanges(t *testing.T) {
	from := mustParse(t, rehearsed)
	if all := Changes(from, mustParse(t, "---\nowner: me\n"+strings.TrimPrefix(rehearsed, "---\n"))); len(all) != 0 {
		t.Errorf("only lines moved: %+v", all)
	}
	to := strings.Replace(rehearsed, "that: $backup", "that: not $backup\nmax-age: 1m", 1)
	to = strings.Replace(to, "## Fall back\n\nGo.\n", "## Fall back\n\nGo slowly.\n\n## Watch\n\nLook.\n", 1)
	to = strings.ReplaceAll(strings.Replace(to, "## Escalate\n\nCall.\n", "", 1), "escalate", "watch")
	got := ""
	for _, c := range Changes(from, mustParse(t, to)) {
		got += c.Kind + " " + c.Slug + "\n" + strings.Join(c.Lines, "\n") + "\n"
	}
	for _, want := range []string{
		"changed judge\n- check that: $backup\n", "+ check that: not $backup (max-age 1m)\n", "- branch when $rehearsal in (no, \"not tried\"): escalate\n",
		"changed fall-back\n- Go.\n+ Go slowly.\n", "added watch\n", "removed escalate\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
}

// A walk that moves to another version keeps what is finished and goes on where it stood; its JSON is the walk.
func TestRebase(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	from := mustParse(t, rehearsed)
	w := Fold(from, []Entry{
		{At: at, Kind: EntryStart, Data: data{"run": "r", "var.model": "m", "var.backup": "b"}},
		{At: at, Kind: EntryChoose, Data: data{"var": "rehearsal", "value": "yes"}},
		{At: at, Kind: EntryDone, Data: data{"note": "asked"}},
		{At: at, Kind: EntryCheckResult, Block: 0, Data: data{"truth": "true", "text": "$backup (b)"}},
		{At: at, Kind: EntryCheckResult, Block: 1, Data: data{"truth": "true", "text": "x", "to": "fall-back"}},
	})
	to := mustParse(t, strings.Replace(rehearsed, "that: $backup", "that: not $backup", 1))
	moved := Rebase(w, from, to)
	if moved.Current != "judge" || moved.Step("ask").State != Done || moved.Step("ask").Reason != "asked" || moved.Vars["rehearsal"] != "yes" || moved.SHA256 != to.SHA256 {
		t.Errorf("%+v", moved)
	}
	if blocks := moved.Step("judge").Blocks; len(blocks) != 1 || blocks[1].Text != "x" {
		t.Errorf("blocks %+v", blocks)
	}
	gone := mustParse(t, strings.Replace(rehearsed, "## Judge", "## Weigh", 1))
	if moved = Rebase(w, from, gone); moved.Current != "weigh" || moved.Step("weigh").State != Current || len(moved.Trail) != 1 {
		t.Errorf("%+v", moved)
	}
	raw, err := json.Marshal(moved)
	if err != nil {
		t.Fatal(err)
	}
	var back Walk
	if err := json.Unmarshal(raw, &back); err != nil || !reflect.DeepEqual(back, moved) {
		t.Errorf("%v\n%+v\n%+v", err, back, moved)
	}
	on := FoldFrom(back, gone, []Entry{{At: at, Kind: EntryDone}, {At: at, Kind: EntryDone}, {At: at, Kind: EntryDone}})
	if on.State != Done {
		t.Errorf("it goes on to %+v", on)
	}
}

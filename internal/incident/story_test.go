package incident

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"signalbox/internal/redact"
)

var update = flag.Bool("update", false, "write the golden files anew")

func min0(minutes float64) time.Time { return t0.Add(time.Duration(minutes * float64(time.Minute))) }

// story is one incident from the first failure to the last note, as a desk would write it, with another's entries in between.
func story(t *testing.T) (*Journal, []Entry) {
	t.Helper()
	j := open(t, t.TempDir())
	ana, desk := Actor{ID: "ana", Via: "claimed"}, Actor{ID: "signalbox", Via: "desk"}
	const inc, run = "inc-01", "run-01"
	scope := map[string]string{"region": "eu-west", "model": "gpt-4o", "provider": "azure"}
	burst := BurstData{
		ID: "b-1", Scope: scope, Kind: "errors", Class: "bad_gateway", Classes: map[string]int{"bad_gateway": 30, "timeout": 4},
		Onset: min0(-3), Detected: min0(-2.5), Failed: 34, Total: 120, Excess: 32.5, Peak: 0.41, Episodes: 1, State: "live",
	}
	wider, settled := burst, burst
	wider.Scope = map[string]string{"region": "eu-west", "provider": "azure"}
	settled.State, settled.Failed, settled.Total = "settled", 210, 900
	ends, until := min0(16), min0(9)
	settledAt := min0(8)
	settled.Settled = &settledAt
	lever := LeverData{ID: "lev-1", Verb: "cap.set", Scope: scope, Value: 48, TTL: "15m", Reason: "shed | load `now`", Before: "80", After: "48", Plan: json.RawMessage(`{"calls":["PUT /controls/x"]}`)}
	sample := func(at time.Time, req, bad int) Draft {
		return Draft{At: at, Actor: desk, Incident: inc, Kind: Sample, Data: SampleData{From: at.Add(-time.Minute), Cells: []CellSample{
			{Scope: map[string]string{"side": "client", "model": "gpt-4o"}, Req: req, Err: bad, P95: float64(req * 10), TokIn: 100},
			{Scope: map[string]string{"side": "upstream", "model": "gpt-4o"}, Req: 2 * req, Err: bad},
		}}}
	}
	step := func(at float64, k Kind, d StepData) Draft {
		return Draft{At: min0(at), Actor: ana, Incident: inc, Run: run, Step: d.Slug, Kind: k, Data: d}
	}
	leverAt := func(at float64, who Actor, k Kind, d LeverData) Draft {
		d.ID = "lev-1"
		return Draft{At: min0(at), Actor: who, Incident: inc, Run: run, Step: "3-reduce-load", Kind: k, Data: d}
	}
	entries := add(t, j,
		Draft{At: min0(-20), Actor: desk, Kind: DeskStarted, Data: DeskData{Version: "1.0"}},
		Draft{At: min0(-2.5), Actor: desk, Kind: BurstOpened, Data: burst},
		Draft{At: min0(-2), Actor: desk, Kind: BurstRevised, Data: burst},
		Draft{At: min0(-1), Actor: desk, Kind: BurstRevised, Data: wider},
		Draft{At: min0(0), Actor: ana, Incident: inc, Kind: IncidentOpened, Data: IncidentData{Title: "502s in eu-west", Severity: "sev2", Env: "production", Drill: true}},
		Draft{At: min0(0), Actor: desk, Incident: inc, Kind: IncidentLinked, Data: IncidentData{FromSeq: 2, ToSeq: 4}},
		Draft{At: min0(0.2), Actor: Actor{ID: "bo"}, Incident: "inc-02", Kind: IncidentOpened, Data: IncidentData{Title: "another"}},
		Draft{At: min0(0.5), Actor: ana, Incident: inc, Run: run, Kind: RunOpened, Data: RunData{Book: "azure-502", BookSHA: "ab12", Title: "502/524 burst", Owner: "ana", Epoch: 1}},
		step(0.5, StepEntered, StepData{Slug: "1-confirm-scope", Title: "Confirm scope"}),
		step(0.6, StepCheck, StepData{Slug: "1-confirm-scope", Check: "error_rate over 2m > 5%", Truth: "true", Value: "28.3%", Why: "34 of 120"}),
		step(0.7, StepCheck, StepData{Slug: "1-confirm-scope", Check: "error_rate over 2m > 5%", Truth: "true", Value: "29%"}),
		Draft{At: min0(0.7), Actor: desk, Incident: inc, Run: run, Step: "1-confirm-scope", Kind: StepEvidence, Data: frozenStep()},
		step(0.8, StepDone, StepData{Slug: "1-confirm-scope"}),
		step(0.9, StepSkipped, StepData{Slug: "2-status", Title: "Provider status", Reason: "page is down"}),
		sample(min0(1), 100, 30),
		leverAt(1, ana, LeverPlanned, lever),
		leverAt(1.1, ana, LeverRequested, lever),
		leverAt(1.12, desk, LeverApplied, LeverData{Accepted: "yes", ExpiresAt: &ends, Holder: "gateway", Receipt: json.RawMessage(`{"ok":true}`)}),
		leverAt(1.2, desk, LeverReadBack, LeverData{Reported: "yes"}),
		leverAt(1.3, desk, LeverReadBack, LeverData{Reported: "yes"}),
		sample(min0(2), 80, 8),
		leverAt(2, desk, LeverObeyed, LeverData{Obeyed: "yes", Why: "in flight at most 47"}),
		leverAt(3, desk, LeverVerified, LeverData{Outcome: "helped", Why: "28.3% -> 4.1%"}),
		Draft{At: min0(3.5), Actor: ana, Incident: inc, Kind: Note, Data: NoteData{Text: "told <b>support</b>, key sk-proj-Aa1Bb2Cc3Dd4Ee5Ff6\nsecond line \x1b[31m", Kind: "communication"}},
		Draft{At: min0(4), Actor: desk, Incident: inc, Run: run, Step: "7-recover", Kind: StepWaiting, Data: StepData{Slug: "7-recover", Title: "Recover", Check: "error_rate over 2m < 5%", Until: &until}},
		sample(min0(5), 90, 0),
		Draft{At: min0(8), Actor: desk, Incident: inc, Kind: BurstSettled, Data: settled},
		Draft{At: min0(8.2), Actor: desk, Incident: inc, Run: run, Step: "7-recover", Kind: StepMet, Data: StepData{Slug: "7-recover", Check: "error_rate 1.2% over 2m < 5%", Reason: "what it waited for is so"}},
		step(8.4, StepChosen, StepData{Slug: "7-recover", To: "9-learn", ToTitle: "9. Learn"}),
		leverAt(9, ana, LeverRevertRequested, LeverData{Why: "it is over"}),
		leverAt(9.1, desk, LeverReverted, LeverData{Reported: "pending"}),
		Draft{At: min0(9.5), Actor: ana, Incident: inc, Run: run, Kind: RunClosed, Data: RunData{State: "done"}},
		Draft{At: min0(10), Actor: ana, Incident: inc, Kind: IncidentClosed, Data: IncidentData{Reason: "provider mended it"}},
		Draft{At: min0(60), Actor: Actor{ID: "bo", Via: "token"}, Incident: inc, Kind: Note, Data: NoteData{Text: "ticket filed"}},
		Draft{At: min0(61), Actor: ana, Incident: inc, Kind: "of.the.future", Data: json.RawMessage(`[1]`)},
	)
	return j, entries
}

// frozenStep is evidence as a desk freezes it.
func frozenStep() any {
	return json.RawMessage(`{"slug":"1-confirm-scope","title":"Confirm scope","reason":"the burst with 34 of 120 failed, 2 failing records; sha256 0123456789ab","evidence":{` +
		`"at":"2026-03-02T02:14:00Z","burst":{"id":"b-1","scope":{"region":"eu-west","model":"gpt-4o"},"class":"bad_gateway","classes":{"bad_gateway":30,"timeout":4},"onset":"2026-03-02T02:11:00Z","failed":34,"total":120,"peak":0.41},` +
		`"records":[{"time":"2026-03-02T02:13:58.5Z","side":"client","model":"gpt-4o","region":"eu-west","class":"bad_gateway","status":502,"error_message":"upstream | closed \u0060early\u0060\u001b[31m","latency_ms":1204.7,"attempt":2,"request_id":"req-1"},` +
		`{"time":"2026-03-02T02:13:59Z","class":"timeout","raw":"key sk-proj-Aa1Bb2Cc3Dd4Ee5Ff6 in a line","later":{"x":[1,2]}}],` +
		`"request_ids":["req-1","req-2"],"levers":["cap.set gpt-4o 48 until 02:30:00 UTC"],"controls":["edge-1: cap 48 (base 80)"],` +
		`"charts":[{"metric":"error_rate","from":"2026-03-02T01:44:00Z","step":"1m15s","points":[0.01,null,0.2,0.41]},{"metric":"queue","from":"2026-03-02T01:44:00Z","step":"10s","points":[null,null]}],` +
		`"sha256":"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"}}`)
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; look at it and run with -update:\n%s", path, got)
	}
}

func TestExportsAreGolden(t *testing.T) {
	j, entries := story(t)
	read, err := ReadAll(j.Path())
	if err != nil {
		t.Fatal(err)
	}
	place := time.FixedZone("somewhere", 5*3600+1800)
	for _, format := range []string{"md", "json"} {
		var fromMemory, fromDisk bytes.Buffer
		o := ExportOptions{Location: place, Tool: "signalbox test"}
		if err := ExportWith(&fromMemory, format, entries, "inc-01", o); err != nil {
			t.Fatal(err)
		}
		if err := ExportWith(&fromDisk, format, read, "inc-01", o); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(fromMemory.Bytes(), fromDisk.Bytes()) {
			t.Errorf("%s differs between memory and disk", format)
		}
		golden(t, "story."+format, fromDisk.Bytes())
		for _, bad := range []string{"sk-proj", "\x1b", "another"} {
			if strings.Contains(fromDisk.String(), bad) {
				t.Errorf("%s contains %q", format, bad)
			}
		}
	}
}

func TestExportsRedactForeignJournals(t *testing.T) {
	_, entries := story(t)
	i := slices.IndexFunc(entries, func(e Entry) bool { return e.Kind == Note })
	entries[i].Data = json.RawMessage(`{"text":"key sk-proj-Zz9Yy8Xx7Ww6Vv5Uu4 | \u001b[2J \u202e x"}`)
	for _, format := range []string{"md", "json"} {
		var b bytes.Buffer
		if err := Export(&b, format, entries, "inc-01"); err != nil {
			t.Fatal(err)
		}
		text := b.String()
		if strings.Contains(text, "sk-proj-Zz9") || redact.TerminalLines(text) != text {
			t.Errorf("%s lets a key or a control character through", format)
		}
		if !strings.Contains(text, "NOT intact") {
			t.Errorf("%s does not say that an entry was changed", format)
		}
		if format == "json" && (!json.Valid(b.Bytes()) || !strings.Contains(text, `"openai": `)) {
			t.Errorf("no report of what was taken out, or no JSON: %s", text)
		}
	}
}

func TestExportJSONLIsTheJournalsLines(t *testing.T) {
	j, entries := story(t)
	// A line of a later version, with a member that this one does not know.
	last := entries[len(entries)-1]
	body := `{"v":2,"seq":` + "36" + `,"at":"2026-03-02T05:00:00Z","recorded_at":"2026-03-02T05:00:00Z","actor":{"id":"x","team":"y"},"incident":"inc-01","new":1,"kind":"z.z","prev":"` + last.Hash + `"`
	appendTo(t, j.Path(), body+hashOpen+sum([]byte(body))+"\"}\n")
	intact(t, j.Path(), 36)
	read, err := ReadAll(j.Path())
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := Export(&b, "jsonl", read, "inc-01"); err != nil {
		t.Fatal(err)
	}
	text, _ := os.ReadFile(j.Path())
	lines := strings.SplitAfter(b.String(), "\n")
	if len(lines) != 36-2+1 { // all but the console's start and the other incident, and the empty end
		t.Errorf("%d lines", len(lines))
	}
	for _, l := range lines {
		if !bytes.Contains(text, []byte(l)) {
			t.Errorf("not a line of the journal: %s", l)
		}
	}
	if got := chainWords(read); got != "intact" {
		t.Error(got)
	}
}

func TestExportErrorsSayWhatThereIs(t *testing.T) {
	_, entries := story(t)
	if err := Export(&bytes.Buffer{}, "doc", entries, "inc-01"); !errors.Is(err, ErrFormat) || !strings.Contains(err.Error(), "md, json, jsonl") {
		t.Error(err)
	}
	for _, format := range ExportFormats() {
		if err := Export(&bytes.Buffer{}, format, entries, "inc-x"); !errors.Is(err, ErrNoIncident) || !strings.Contains(err.Error(), "inc-02") {
			t.Error(err)
		}
		if err := Export(&bytes.Buffer{}, format, nil, "inc-x"); !errors.Is(err, ErrNoIncident) {
			t.Error(err)
		}
	}
}

func TestFold(t *testing.T) {
	j, _ := story(t)
	all, err := List(filepath.Dir(j.Path()))
	if err != nil || len(all) != 2 || all[0].ID != "inc-02" || all[0].Status != StatusOpen {
		t.Fatalf("%d incidents, %v: the newest first", len(all), err)
	}
	i := all[1]
	if i.Status != StatusClosed || !i.Drill || i.Severity != "sev2" || i.Duration(min0(99)) != 10*time.Minute || !slices.Equal(i.People, []string{"ana", "bo"}) {
		t.Errorf("%+v", i)
	}
	for _, m := range i.Times.list() {
		want := map[string]float64{"impact_start": -3, "detected": -2.5, "first_action": 1.1, "mitigated": 8, "resolved": 10}[m.name]
		if m.at == nil || !m.at.Equal(min0(want)) {
			t.Errorf("%s is %v, want %v", m.name, m.at, min0(want))
		}
	}
	if len(i.Bursts) != 1 || i.Bursts[0].Failed != 210 || i.Bursts[0].Revisions != 4 || !i.Bursts[0].Over() {
		t.Errorf("%+v", i.Bursts)
	}
	l := i.Levers[0]
	if l.State != LeverIsReverted || l.Live() || l.By.ID != "ana" || l.Outcome != "helped" || l.Plan == nil || l.Receipt == nil || l.EndedBy.ID != "ana" || l.EndReason != "it is over" {
		t.Errorf("%+v", l)
	}
	if len(i.Runs) != 1 || len(i.Runs[0].Steps) != 3 || i.Runs[0].Steps[1].Reason != "page is down" || i.Runs[0].State != "done" || len(i.Runs[0].Steps[0].Checks) != 1 {
		t.Errorf("%+v", i.Runs)
	}
	if none, err := List(t.TempDir()); err != nil || len(none) != 0 {
		t.Errorf("a journal that is not there yet: %v, %v", none, err)
	}
}

func TestLeverStates(t *testing.T) {
	req := []Kind{LeverPlanned, LeverRequested}
	for _, c := range []struct {
		name        string
		kinds       []Kind
		reported    string // in the last entry
		state       string
		live, doubt bool
	}{
		{"planned", req[:1], "", LeverIsPlanned, false, false},
		{"declined", []Kind{LeverPlanned, LeverDeclined}, "", LeverIsDeclined, false, false},
		{"crash before the answer", req, "", LeverIsRequested, true, true},
		{"applied", append(req, LeverApplied), "", LeverIsApplied, true, false},
		{"partial", append(req, LeverPartial), "", LeverIsPartial, true, false},
		{"failed", append(req, LeverFailed), "", LeverIsFailed, false, false},
		{"timeout", append(req, LeverInDoubt), "", LeverIsInDoubt, true, true},
		{"timeout, found", append(req, LeverInDoubt, LeverReadBack), "yes", LeverIsApplied, true, false},
		{"timeout, not found", append(req, LeverInDoubt, LeverReadBack), "no", LeverIsFailed, false, false},
		{"timeout, not readable", append(req, LeverInDoubt, LeverReadBack), "cannot_tell", LeverIsInDoubt, true, true},
		{"crash in the undo", append(req, LeverApplied, LeverRevertRequested), "", LeverIsReverting, true, true},
		{"undo failed", append(req, LeverApplied, LeverRevertRequested, LeverFailed), "", LeverIsApplied, true, false},
		{"undo in doubt, gone", append(req, LeverApplied, LeverRevertRequested, LeverInDoubt, LeverReadBack), "no", LeverIsReverted, false, false},
		{"undo in doubt, still out", append(req, LeverApplied, LeverRevertRequested, LeverInDoubt, LeverReadBack), "yes", LeverIsApplied, true, false},
		{"expired", append(req, LeverApplied, LeverExtended, LeverExpired), "", LeverIsExpired, false, false},
		{"drift", append(req, LeverApplied, LeverDrift), "no", LeverIsApplied, true, false},
	} {
		var entries []Entry
		for n, k := range c.kinds {
			d := LeverData{ID: "l"}
			if n == len(c.kinds)-1 {
				d.Reported = c.reported
			}
			raw, _ := json.Marshal(d)
			entries = append(entries, Entry{Seq: int64(n + 1), At: min0(float64(n)), Incident: "i", Kind: k, Data: raw})
		}
		i := Fold(entries)[0]
		if l := i.Levers[0]; l.State != c.state || len(i.Live()) == 1 != c.live || len(i.InDoubt()) == 1 != c.doubt {
			t.Errorf("%s: %q live %v in doubt %v", c.name, l.State, l.Live(), l.InDoubt())
		}
	}
}

func TestTimelineIsInOrderOfInstants(t *testing.T) {
	east := time.FixedZone("", 3*3600)
	entries := []Entry{
		{Seq: 1, At: min0(2), Incident: "i", Kind: Note, Data: json.RawMessage(`{"text":"third"}`)},
		{Seq: 2, At: min0(1).In(east), Incident: "i", Kind: Note, Data: json.RawMessage(`{"text":"second"}`)},
		{Seq: 3, At: min0(0), Incident: "i", Kind: Note, Data: json.RawMessage(`{"text":"first \u001b[0m"}`)},
		{Seq: 4, At: min0(2), Incident: "i", Kind: Note, Data: json.RawMessage(`"broken"`)},
	}
	var got []string
	for _, l := range Timeline(entries, "i") {
		got = append(got, l.Text)
	}
	if want := []string{`first \x1b[0m`, "second", "third", "note"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func TestSparkline(t *testing.T) {
	for _, c := range []struct {
		in   []float64
		want string
	}{{nil, ""}, {[]float64{0, 0}, "▁▁"}, {[]float64{0, 1, 2, 7}, "▁▂▃█"}} {
		if got := sparkline(c.in); got != c.want {
			t.Errorf("%v: %q, want %q", c.in, got, c.want)
		}
	}
	if n := len([]rune(sparkline(make([]float64, 1000)))); n > maxSpark {
		t.Errorf("%d bars", n)
	}
}

func TestNewID(t *testing.T) {
	entropy := bytes.Repeat([]byte{7}, 10)
	got := NewID("inc", t0, bytes.NewReader(entropy))
	id, err := ulid.ParseStrict(strings.ToUpper(strings.TrimPrefix(got, "inc-")))
	if err != nil || ulid.Time(id.Time()).UTC() != t0 || !bytes.Equal(id.Entropy(), entropy) || got != strings.ToLower(got) {
		t.Errorf("%s is %v, %v", got, id, err)
	}
	if a, b := NewID("inc", t0, nil), NewID("inc", t0, bytes.NewReader(nil)); a == b || len(a) != len(got) || len(b) != len(got) {
		t.Errorf("%s and %s", a, b)
	}
	if a, b := NewID("x", t0, nil), NewID("x", t0.Add(time.Millisecond), nil); a >= b {
		t.Errorf("%s does not come before %s", a, b)
	}
	if got := redact.Secrets(NewID("inc", time.Time{}, nil)); !strings.HasPrefix(got, "inc-0000000000") {
		t.Error(got)
	}
}

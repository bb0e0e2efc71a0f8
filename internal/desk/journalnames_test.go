package desk

import (
	"encoding/json"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"signalbox/internal/gateway"
	"signalbox/internal/incident"
	"signalbox/runbook"
)

var journalName = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// TestJournalNames: a journal is read by people and by scripts, long after the program that wrote it has changed. Whatever this desk
// writes has names of its own, in small letters, and not those of the program's variables.
func TestJournalNames(t *testing.T) {
	for _, v := range []any{
		incident.Entry{},
		incident.IncidentData{},
		incident.BurstData{},
		incident.FindingData{},
		incident.LeverData{},
		incident.RunData{},
		incident.StepData{},
		incident.NoteData{},
		incident.SampleData{},
		incident.SourceData{},
		incident.FactData{},
		incident.DeskData{},
		incident.DrillData{},
		incident.TornData{},
		incident.ProbeData{},
		incident.RehearsalData{},
		stepEntry{},
		rebased{},
		burstEntry{},
		evidence{},
		gateway.Plan{},
		gateway.Receipt{},
		gateway.ProbeAnswer{},
	} {
		checkNames(t, reflect.TypeOf(v), reflect.TypeOf(v).String(), map[reflect.Type]bool{})
	}
}

func checkNames(t *testing.T, typ reflect.Type, where string, seen map[reflect.Type]bool) {
	t.Helper()
	for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice || typ.Kind() == reflect.Map || typ.Kind() == reflect.Array {
		typ = typ.Elem()
	}
	if typ.Kind() != reflect.Struct || typ == reflect.TypeFor[time.Time]() || seen[typ] {
		return
	}
	seen[typ] = true
	for i := range typ.NumField() {
		f := typ.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case !f.IsExported() || name == "-":
			continue
		case f.Anonymous && name == "":
		case !journalName.MatchString(name):
			t.Errorf("%s.%s is journaled as %q", where, f.Name, name)
		}
		checkNames(t, f.Type, where+"."+f.Name, seen)
	}
}

// TestOlderEvidenceIsRead: journals hold records of evidence under the names that the program before had for them.
func TestOlderEvidenceIsRead(t *testing.T) {
	const older = `{"at":"2026-03-02T03:14:07Z","records":[{"At":"2026-03-02T03:14:06.5Z","Labels":{"model":"gpt-4o","side":"client","stream":"true"},` +
		`"Status":502,"Class":"bad_gateway","Latency":1500000,"Attempt":2,"ID":"req-1","Text":"bad_gateway upstream broke off","Raw":"{...}","Late":true}]}`
	var ev evidence
	if err := json.Unmarshal([]byte(older), &ev); err != nil {
		t.Fatal(err)
	}
	r := ev.Records[0]
	if r.Time.UTC().Format(time.RFC3339Nano) != "2026-03-02T03:14:06.5Z" || r.Model != "gpt-4o" || r.Side != "client" || r.Stream == nil || !*r.Stream ||
		r.Status != 502 || r.Class != "bad_gateway" || r.Latency == nil || *r.Latency != 1.5 || r.Attempt != 2 || r.RequestID != "req-1" ||
		r.ErrorMessage != "bad_gateway upstream broke off" || r.Raw != "{...}" || !r.Late {
		t.Errorf("read %+v", r)
	}
	raw, err := json.Marshal(ev)
	if err != nil {
		t.Fatal(err)
	}
	const newer = `{"time":"2026-03-02T03:14:06.5Z","side":"client","model":"gpt-4o","stream":true,"class":"bad_gateway","status":502,` +
		`"error_message":"bad_gateway upstream broke off","latency_ms":1.5,"attempt":2,"request_id":"req-1","late":true,"raw":"{...}"}`
	if !strings.Contains(string(raw), newer) {
		t.Errorf("written again as %s", raw)
	}
}

// TestOlderWalkIsRead: so do the walks of runs that went over to another version of their runbook.
func TestOlderWalkIsRead(t *testing.T) {
	const older = `{"book":"b","book_sha256":"f00","owner":"ana","walk":{"Run":"run-1","Book":"b","SHA256":"f00","Burst":"x","Vars":{"model":"gpt-4o"},` +
		`"Current":"2-wait","Steps":{"1-look":{"State":"done","Reason":"seen","At":"2026-03-02T03:14:07Z","Visits":1,"Blocks":{"0":{"At":"2026-03-02T03:14:07Z",` +
		`"Truth":1,"Text":"error_rate 9% > 5%","Why":"","Lever":"","State":"","Outcome":"","Until":"0001-01-01T00:00:00Z"}}}},"Trail":["1-look"],` +
		`"Pending":{"Kind":"wait","Step":"2-wait","Block":1,"Until":"2026-03-02T03:30:00Z"},"Probes":[{"Name":"again","At":"2026-03-02T03:14:00Z","OK":false,` +
		`"Class":"timeout","Status":0,"Latency":30000000000,"FirstToken":2000000000}],"Levers":["l1"],"State":"current","Reason":"","Last":"","By":"",` +
		`"Started":"2026-03-02T03:10:00Z","Ended":"0001-01-01T00:00:00Z"}}`
	var old rebased
	if err := json.Unmarshal([]byte(older), &old); err != nil {
		t.Fatal(err)
	}
	w := old.Walk
	if w.Run != "run-1" || w.SHA256 != "f00" || w.Vars["model"] != "gpt-4o" || !w.Live() || w.Step("1-look").Blocks[0].Truth != runbook.True ||
		w.Pending == nil || w.Pending.Until.IsZero() || w.Probes[0].FirstToken != 2*time.Second || w.Levers[0] != "l1" || w.Started.IsZero() || !w.Ended.IsZero() {
		t.Errorf("read %+v", w)
	}
	raw, err := json.Marshal(old)
	if err != nil {
		t.Fatal(err)
	}
	if s := string(raw); !strings.Contains(s, `"truth":"true"`) || !strings.Contains(s, `"ttft":2000000000`) {
		t.Errorf("written again as %s", s)
	}
	var again rebased
	if err := json.Unmarshal(raw, &again); err != nil || !reflect.DeepEqual(old, again) {
		t.Errorf("read again: %v\n%+v\n%+v", err, old, again)
	}
}

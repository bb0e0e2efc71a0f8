package runbook

import (
	"strings"
	"testing"
	"time"
)

const probing = `---
runbook: v1
vars:
  model: {type: model, from: burst.model}
  backup: {type: model, optional: true}
scope: {model: $model}
---
# T

## Ask once more

` + "```probe\nstream: true\n```\n\n```probe\nname: neighbour\nmodel: $backup\nendpoint: eu\nsmall: false\nfields: {response_format: {type: json_object}, temperature: 0}\n```\n\n" +
	"```branch\n- when: probe.ok{probe=ask-once-more}\n  goto: end\n- when: probe.class{probe=neighbour} in (auth, quota_exhausted)\n  goto: keys\n- when: probe.ok and probe.latency < 2s and probe.status == 200\n  goto: move\n- else: ask\n```\n\n" +
	"## Keys\n\nLook.\n\n```wait\nat-most: 1m\non-timeout: end\n```\n\n## Move\n\nMove.\n\n## End\n\nDone.\n"

func TestProbesAreWalked(t *testing.T) {
	b, err := Parse("t.md", []byte(probing))
	if err != nil {
		t.Fatal(err)
	}
	if found := Lint(b); len(found) > 1 { // no match
		t.Errorf("lint: %v", found)
	}
	for name, c := range map[string]struct{ probes, path, asked string }{
		"it is well again":     {"{ask-once-more: {ttft: 200ms}, neighbour: ok}", "ask-once-more end", ""},
		"the neighbour's key":  {"{ask-once-more: timeout, neighbour: auth}", "ask-once-more keys end", ""},
		"the neighbour works":  {"{ask-once-more: {class: bad_gateway, status: 502}, neighbour: {latency: 1s}}", "ask-once-more move end", ""},
		"the neighbour is ill": {"{ask-once-more: timeout, neighbour: timeout}", "ask-once-more keys end", "ask-once-more"},
		"nothing configured":   {"{}", "ask-once-more keys end", "ask-once-more"},
		"said to be off":       {"{ask-once-more: off, neighbour: off}", "ask-once-more keys end", "ask-once-more"},
	} {
		ran := trialOf(t, b, "burst: {model: m}\nfields: {backup: n}\nprobes: "+c.probes)
		if got := strings.Join(ran.Path, " "); got != c.path || strings.Join(ran.Asked, " ") != c.asked || len(ran.Failures) > 0 {
			t.Errorf("%s: %s asked %v, want %s %v\n%s", name, got, ran.Asked, c.path, ran.Failures, strings.Join(ran.Log, "\n"))
		}
		if c.probes != "{}" && !strings.Contains(c.probes, "off") && strings.Join(ran.Probes, "; ") != "ask-once-more: m, streamed; neighbour: n at eu, large, with response_format and temperature" {
			t.Errorf("sent %q", ran.Probes)
		}
	}
	ran := trialOf(t, b, "burst: {model: m}\nprobes: {neighbour: ok}")
	if len(ran.Probes) != 0 || !strings.Contains(strings.Join(ran.Log, "\n"), "$backup is not filled; fill it before this probe") {
		t.Errorf("%v", ran.Log)
	}
}

// What a probe said survives a restart, grows old, and is known of the run's last one where no name is given.
func TestProbeFacts(t *testing.T) {
	b, err := Parse("t.md", []byte(probing))
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	w := Fold(b, []Entry{
		{At: at, Kind: EntryStart, Data: data{"var.model": "m"}},
		{At: at, Kind: EntryProbe, Block: 0, Data: data{"ok": "true", "class": "none", "status": "200", "latency": "812ms", "ttft": "300ms", "text": "well"}},
		{At: at.Add(time.Minute), Kind: EntryProbe, Block: 1, Data: data{"ok": "false", "class": "timeout", "latency": "30s"}},
	})
	if st := w.Step("ask-once-more").Blocks[0]; st.Text != "well" || st.Truth != True || st.Outcome != "none" {
		t.Errorf("block %+v", st)
	}
	for src, want := range map[string]struct {
		truth Truth
		why   string
	}{
		"probe.ok":                                          {False, ""},
		"probe.ok{probe=ask-once-more}":                     {True, ""},
		"probe.class == timeout":                            {True, ""},
		"probe.class != timeout":                            {False, ""},
		"probe.class in (auth, timeout)":                    {True, ""},
		"probe.class not in (auth, none) and not probe.ok":  {True, ""},
		"probe.status == 0":                                 {True, ""},
		"probe.latency{probe=ask-once-more} < 1s":           {True, ""},
		"probe.ttft{probe=ask-once-more} < 400ms":           {True, ""},
		"probe.latency < 1s":                                {Unknown, "the probe failed (timeout)"},
		"probe.ok{probe=never}":                             {Unknown, "no probe never was sent"},
		"(not probe.ok) for 1m":                             {Unknown, "tells of one moment"},
		"probe.class{probe=ask-once-more} == none or burst": {True, ""},
	} {
		e, err := ParseExpr("b.md", 1, src)
		if err != nil {
			t.Errorf("%s: %v", src, err)
			continue
		}
		ask := func(now time.Time) Result {
			f := &board{answer: func(q Query) (Answer, bool) { return w.AskProbe(q, now), true }}
			return e.Eval(f, map[string]string{"model": "m"})
		}
		if r := ask(at.Add(2 * time.Minute)); r.Truth != want.truth || !strings.Contains(r.Why, want.why) {
			t.Errorf("%s: %+v", src, r)
		}
		if r := ask(at.Add(time.Hour)); r.Truth != Unknown {
			t.Errorf("%s an hour later: %+v", src, r)
		}
	}
}

func TestProbeMistakesAreLocated(t *testing.T) {
	for from, c := range map[string]struct{ to, want string }{
		"name: neighbour":            {"name: two words", "no name of a probe"},
		"model: $backup":             {"model: $bakup", "did you mean backup?"},
		"endpoint: eu":               {"endpoint: $", "no variable"},
		"temperature: 0":             {"user: me", "field user is the probe's own"},
		"stream: true":               {"strem: true", "did you mean stream?"},
		"probe=ask-once-more}\n":     {"probe=other}\n", `the book has no probe "other"`},
		"in (auth, quota_exhausted)": {"in (auth, quota)", "unknown class"},
		"probe.latency < 2s":         {"probe.latency < 2", "write the time with its unit"},
		"probe.status == 200":        {"probe.status over 2m == 200", "takes no further `over`"},
		"scope: {model: $model}":     {"scope: {model: $model}\nmatch: probe.ok", "a probe belongs to a run"},
	} {
		_, err := Parse("t.md", []byte(strings.Replace(probing, from, c.to, 1)))
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "t.md:") {
			t.Errorf("%s: %v, want %q", c.to, err, c.want)
		}
	}
	none := strings.ReplaceAll(rehearsed, "that: $backup", "that: probe.ok")
	if _, err := Parse("t.md", []byte(none)); err == nil || !strings.Contains(err.Error(), "the book sends no probe") {
		t.Errorf("%v", err)
	}
	for src, want := range map[string]string{"probe.class": "compared with nothing", "probe.class == *": "any class", "probe.ok{model=m}": "has no label model", "error_rate{probe=x} > 5%": "has no label probe"} {
		if _, err := ParseExpr("b.md", 1, src); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", src, err, want)
		}
	}
	b, err := Parse("t.md", []byte(probing))
	if err != nil {
		t.Fatal(err)
	}
	for src, want := range map[string]string{"probes: {neighbor: ok}": "did you mean neighbour?", "probes: {neighbour: slow}": `cannot say "slow"`, "probes: {neighbour: {latence: 1s}}": "did you mean latency?"} {
		if _, err := ParseTrial("t.yaml", []byte(src), b); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", src, err, want)
		}
	}
}

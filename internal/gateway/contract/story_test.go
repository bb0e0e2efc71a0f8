package contract

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"signalbox/internal/gateway"
)

func readStory(t *testing.T, name string) story {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "..", "testdata", "contract", name))
	if err != nil {
		t.Fatal(err)
	}
	var s story
	if err := json.Unmarshal(b, &s); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return s
}

// The fake that the other tests use has to answer every story.
func TestFakeIsJudged(t *testing.T) {
	files, err := filepath.Glob("../../../testdata/contract/*.json")
	if err != nil || len(files) < 2 {
		t.Fatalf("stories: %v, %v", files, err)
	}
	for _, f := range files {
		t.Run(filepath.Base(f), func(t *testing.T) {
			gw := newFake(t, "gw-1")
			replay(t, gw.URL, gw.token, readStory(t, filepath.Base(f)))
		})
	}
}

// The driver has to send the requests of the story, in its order and with its fields.
func TestDriverSpeaksTheStory(t *testing.T) {
	s := readStory(t, "set-and-revert.json")
	gw := newFake(t, "gw-1")
	d := driver(gw)
	now := time.Now()
	c := capTo(4)
	c.Reason, c.Actor, c.Incident = "502 burst", "ana", "inc-1"

	p, err := d.Plan(t.Context(), c, now)
	if err != nil {
		t.Fatal(err)
	}
	first := mustApply(t, d, p, "key-1")
	again := mustApply(t, d, p, "key-1")
	if first.Instances[0].RevAfter != again.Instances[0].RevAfter {
		t.Errorf("the same key gave version %s, then %s", first.Instances[0].RevAfter, again.Instances[0].RevAfter)
	}
	longer, err := d.Extend(t.Context(), p, again, 30*time.Minute, "key-2")
	if err != nil || !longer.Instances[0].OK {
		t.Fatalf("extend: %+v, %v", longer, err)
	}
	back, err := d.Revert(t.Context(), p, longer, "key-3")
	if err != nil || !back.Instances[0].OK {
		t.Fatalf("revert: %+v, %v", back, err)
	}

	var told []seenRequest // what the driver changes; it may read in between as it likes
	for _, r := range gw.requests("") {
		if r.method != "GET" {
			told = append(told, r)
		}
	}
	var wanted []exchange
	for _, e := range s.Exchanges {
		if e.Request.Method != "GET" {
			wanted = append(wanted, e)
		}
	}
	if len(told) != len(wanted) {
		t.Fatalf("%d requests, the story has %d", len(told), len(wanted))
	}
	keys := make(map[string]any) // story key -> our key
	for i, e := range wanted {
		r := told[i]
		if r.method != e.Request.Method || r.path != e.Request.Path {
			t.Errorf("request %d is %s %s, the story says %s %s", i+1, r.method, r.path, e.Request.Method, e.Request.Path)
		}
		if r.header.Get("If-Match") == "" || r.header.Get("Authorization") != "Bearer "+gw.token {
			t.Errorf("request %d: headers %v", i+1, r.header)
		}
		if err := match("key", "$"+e.Request.Headers["Idempotency-Key"], r.header.Get("Idempotency-Key"), keys); err != nil {
			t.Errorf("request %d: %v", i+1, err)
		}
		want := e.Request.Body
		want["reason"] = "*" // words are ours
		if err := match("body", want, r.body, nil); err != nil {
			t.Errorf("request %d: %v", i+1, err)
		}
		for k := range r.body {
			if _, ok := want[k]; !ok {
				t.Errorf("request %d sends %q, which the story does not", i+1, k)
			}
		}
	}
	if len(keys) != 4 || keys["$"] != "" { // three keys, and none for the dry run
		t.Errorf("keys: %v", keys)
	}
	if gw.get("cap.azure-eu-west-gpt-4o", "value") != 50.0 {
		t.Errorf("after the undo: %v", gw.get("cap.azure-eu-west-gpt-4o", "value"))
	}
}

// What the story of refusals lets a gateway say has to come out as words that help.
func TestDriverUnderstandsRefusals(t *testing.T) {
	for _, e := range readStory(t, "refusals.json").Exchanges {
		if e.Response.Status < 400 {
			continue
		}
		b, err := json.Marshal(e.Response.Body)
		if err != nil {
			t.Fatal(err)
		}
		got := peer{name: "gw-1", base: "http://gw"}.refused(answer{status: e.Response.Status, body: b}).Error()
		code := e.Response.Body.(map[string]any)["error"].(map[string]any)["code"].(string)
		if !strings.Contains(got, code) || !strings.Contains(got, "gw-1") {
			t.Errorf("%d %s: %q", e.Response.Status, code, got)
		}
	}
}

func capTo(n int) gateway.Change {
	b, _ := json.Marshal(n)
	return gateway.Change{
		Verb: gateway.CapSet, Scope: map[string]string{"gateway": "edge", "deployment": "azure-eu-west-gpt-4o"},
		Value: b, TTL: 15 * time.Minute, Reason: "r", Actor: "ana",
	}
}

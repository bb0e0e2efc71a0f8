package litellm

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"signalbox/internal/gateway"
	"signalbox/internal/traffic"
)

// answers are what LiteLLM 1.106.2 was seen to say.
var answers = map[string]string{
	"bare":  `{"status":"healthy","db":"Not connected"}`,
	"other": `{"ok":true}`,
}

const models = `{"data":[{"model_name":"gpt-4o","litellm_params":{"model":"openai/gpt-4o","api_base":"http://127.0.0.1:9101/eu/v1"},"model_info":{"id":"gpt-4o.azure.eu-west","db_model":false,"region":"eu-west"}}]}`

// control is one control of a companion.
const control = `{"id":"target.eu","kind":"target","scope":{"deployment":"eu"},"value":"in","base":"in","version":"a-1","set_by":"","reason":"","incident":"","expires_at":null,"instances":[{"name":"vm","applied":true}]}`

// proxy answers as LiteLLM; "companion" as one that has it.
func proxy(t *testing.T, kind string) (*httptest.Server, *[]string) {
	t.Helper()
	var asked []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Method+" "+r.URL.Path)
		body, status := `{"detail":"Not Found"}`, http.StatusNotFound
		switch {
		case r.Header.Get("Authorization") != "Bearer sk-0123456789":
			body, status = `{"error":{"message":"No api key passed in.","type":"auth_error","code":"401"}}`, http.StatusUnauthorized
		case kind == "companion" && r.URL.Path == "/signalbox/controls":
			body, status = `{"gateway":"litellm","instance":"vm","now":"2026-11-22T00:00:00Z","controls":[`+control+`]}`, 200
		case kind == "companion" && r.URL.Query().Get("dry_run") == "1":
			body, status = `{"dry_run":true,"control":`+strings.Replace(control, `"value":"in"`, `"value":"out"`, 1)+`,"affected":{},"conflicts":[]}`, 200
		case r.URL.Path == "/health/readiness":
			body, status = answers[kind], 200
		case r.URL.Path == "/model/info":
			body, status = models, 200
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(s.Close)
	return s, &asked
}

func driver(urls ...string) *Driver {
	o := Options{Gateway: "llm", Env: "production", Timeout: 2 * time.Second, Token: func(context.Context) (string, error) { return "sk-0123456789", nil }}
	for _, u := range urls {
		o.Instances = append(o.Instances, Instance{Name: "pod", URL: u})
	}
	return New(o)
}

var out = gateway.Change{Verb: gateway.TargetOut, Scope: traffic.Scope{"gateway": "llm", "deployment": "eu"}, TTL: time.Minute, Reason: "r", Actor: "ana"}

func TestWithoutTheCompanionItSaysSo(t *testing.T) {
	for kind, word := range map[string]string{"bare": "without a database"} {
		s, asked := proxy(t, kind)
		d := driver(s.URL)
		state, err := d.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		one := state.Instances[0]
		if one.Reachable || !strings.Contains(one.Err, "not controllable") || !strings.Contains(one.Err, word) || !strings.Contains(one.Err, `callbacks: ["signalbox_companion.control"]`) {
			t.Errorf("%s reads %+v", kind, one)
		}
		if len(one.Notes) != 1 || !strings.Contains(one.Notes[0], "gpt-4o by gpt-4o.azure.eu-west") {
			t.Errorf("%s: notes %v", kind, one.Notes)
		}
		_, err = d.Plan(t.Context(), out, time.Now())
		var no *gateway.Refusal
		if !errors.As(err, &no) || !strings.Contains(no.Why, word) || no.Try != Load {
			t.Errorf("%s: %v", kind, err)
		}
		for _, a := range *asked {
			if !strings.HasPrefix(a, "GET ") || a == "GET /health" {
				t.Errorf("%s: it asked %s", kind, a)
			}
		}
	}
}

// What is no LiteLLM, or is not there, is not taken for one.
func TestAnotherServerIsNotExplained(t *testing.T) {
	s, _ := proxy(t, "other")
	for _, u := range []string{s.URL, "http://127.0.0.1:1", "http://ana:geheim@127.0.0.1:1"} {
		d := driver(u)
		state, err := d.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if one := state.Instances[0]; one.Reachable || strings.Contains(one.Err, "not controllable") || strings.Contains(one.Err, "geheim") {
			t.Errorf("%+v", one)
		}
		if _, err := d.Plan(t.Context(), out, time.Now()); err == nil || strings.Contains(err.Error(), "companion") {
			t.Errorf("%v", err)
		}
	}
}

func TestWithTheCompanionItIsTheContract(t *testing.T) {
	s, _ := proxy(t, "companion")
	for _, u := range []string{s.URL, s.URL + "/", s.URL + "/signalbox", s.URL + "/signalbox/controls"} {
		d := driver(u)
		p, err := d.Plan(t.Context(), out, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if p.Deadline.Holder != gateway.HeldByGateway || len(p.Calls) != 1 || !strings.HasSuffix(p.Calls[0].Path, "/controls/target.eu") {
			b, _ := json.Marshal(p)
			t.Errorf("%s", b)
		}
		state, err := d.Read(t.Context())
		if err != nil || !state.Instances[0].Reachable || state.Instances[0].Controls[0].Verb != gateway.TargetOut {
			t.Errorf("%+v, %v", state, err)
		}
	}
}

func TestDescribe(t *testing.T) {
	d := New(Options{}).Describe()
	if d.Kind != Kind || d.Ability(gateway.BreakerOpen).Fitness != gateway.Impossible || d.Ability(gateway.CapSet).Excess != gateway.ExcessOverflow {
		t.Errorf("%+v", d)
	}
}

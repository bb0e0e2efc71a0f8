package rehearse

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"signalbox/internal/gateway"
)

// target plays a model that refuses some parameters, and answers badly to others.
func target(refuses, garbles string, sent *[]gateway.Probe) Sender {
	return func(_ context.Context, p gateway.Probe) (gateway.ProbeAnswer, error) {
		*sent = append(*sent, p)
		a := gateway.ProbeAnswer{Endpoint: "eu", Model: p.Model, Status: 200, Complete: true}
		if _, there := p.Fields[refuses]; there {
			a.Status, a.Complete, a.Code, a.Text = 400, false, "unknown_parameter", "Unrecognized request argument supplied: "+refuses
		} else if _, there := p.Fields[garbles]; there {
			a.Complete, a.Lacks = false, "the answer is not the JSON that was asked for"
		}
		return a, nil
	}
}

func TestARefusedParameterIsFound(t *testing.T) {
	var sent []gateway.Probe
	r, err := Run(t.Context(), target("parallel_tool_calls", "response_format", &sent), "llama-3", Usual())
	if err != nil || r.OK() || r.Endpoint != "eu" {
		t.Fatalf("%+v, %v", r, err)
	}
	if got := r.Of(Refused); !slices.Equal(got, []string{"parallel_tool_calls"}) {
		t.Errorf("refused: %v", got)
	}
	if got := r.Of(Broken); !slices.Equal(got, []string{"response_format"}) {
		t.Errorf("broken: %v", got)
	}
	if got := r.Of(Accepted); len(got) != len(Usual())-2+3 { // plain, stream and all together
		t.Errorf("accepted: %v", got)
	}
	if text := r.Text(); text != "refused: parallel_tool_calls; broken: response_format" {
		t.Error(text)
	}
	for _, p := range sent {
		if p.Fields["parallel_tool_calls"] != nil && p.Fields["tools"] == nil {
			t.Error("parallel_tool_calls was tried without tools")
		}
	}
	if all := sent[len(sent)-1].Fields; len(all) != len(Usual())-2 {
		t.Errorf("all together has %d", len(all))
	}
}

func TestWithoutAnAnswerNothingIsTried(t *testing.T) {
	for status, want := range map[int]string{0: Unknown, 503: Unknown, 429: Unknown, 404: Refused, 401: Refused, 200: Broken} {
		n := 0
		r, err := Run(t.Context(), func(context.Context, gateway.Probe) (gateway.ProbeAnswer, error) {
			n++
			return gateway.ProbeAnswer{Status: status, Failed: "it hung up"}, nil
		}, "m", Usual())
		if err != nil || n != 1 || len(r.Trials) != 1 || r.Trials[0].Verdict != want || r.OK() {
			t.Errorf("%d: %+v, %v, %d requests", status, r, err, n)
		}
	}
	if _, err := Run(t.Context(), nil, "", nil); err == nil {
		t.Error("a rehearsal without a model")
	}
	_, err := Run(t.Context(), func(context.Context, gateway.Probe) (gateway.ProbeAnswer, error) {
		return gateway.ProbeAnswer{}, errors.New("no key")
	}, "m", nil)
	if err == nil || !strings.Contains(err.Error(), "no key") {
		t.Errorf("%v", err)
	}
}

// Of a recorded request only its parameters are taken.
func TestLike(t *testing.T) {
	got, err := Like([]byte(`{"model":"gpt-4o","messages":[{"role":"user","content":"private"}],"user":"u","metadata":{"a":"private"},"temperature":0.2,"tools":[],"logit_bias":{}}`), []string{"model", "messages", "user"})
	if err != nil || len(got) != 3 {
		t.Fatalf("%v, %v", got, err)
	}
	if b, _ := json.Marshal(got); strings.Contains(string(b), "private") {
		t.Errorf("%s", b)
	}
	for _, bad := range []string{`[]`, `{`, ``} {
		if _, err := Like([]byte(bad), nil); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func FuzzLike(f *testing.F) {
	f.Add([]byte(`{"model":"m","temperature":1}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := Like(b, []string{"model"})
		if err == nil && (got["model"] != nil || got["input"] != nil || len(got) > mostParameters) {
			t.Errorf("%v", got)
		}
	})
}

package desk

import (
	"errors"
	"maps"
	"strings"
	"testing"
	"testing/synctest"

	"signalbox/internal/gateway"
	"signalbox/internal/traffic"
)

// mapped is a gateway whose caps are of deployments, of workloads and of models.
type mapped struct{ *fakeGateway }

func (m mapped) Describe() gateway.Description {
	return gateway.Description{Kind: "fake", Gateway: "edge", Instances: []string{"a", "b"}, Abilities: []gateway.Ability{
		{Verb: gateway.CapSet, Fitness: gateway.Native, Dims: []string{"deployment", "model", "workload"}},
		{Verb: gateway.TargetOut, Fitness: gateway.Native, Dims: []string{"deployment"}},
		{Verb: gateway.WorkloadPause, Fitness: gateway.Native, Dims: []string{"workload"}},
		{Verb: gateway.RouteForce, Fitness: gateway.Native, Dims: []string{"model"}},
		{Verb: gateway.RetrySet, Fitness: gateway.Nearest},
		{Verb: gateway.BreakerOpen, Fitness: gateway.Impossible, Why: "it has no breaker"},
	}}
}

func scopeIn(text string) traffic.Scope {
	s := traffic.Scope{}
	for word := range strings.FieldsSeq(text) {
		dim, value, _ := strings.Cut(word, "=")
		s[dim] = value
	}
	return s
}

// A scope that was written for a lever is hit as it stands or refused; that of a cell gives what the lever is made of.
func TestAimNeverWidens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStageWith(t, t.TempDir(), nil, func(o *Options) {
			o.Gateways[0].Driver = mapped{newFake(o.Journal.Path())}
			o.Inventory = func(s traffic.Scope) []string {
				if s.Covers(traffic.Scope{"model": "llama", "region": "eu-west", "deployment": "az-eu"}) {
					return []string{"az-eu", "elsewhere"}
				}
				return nil
			}
		})
		s.run(2, 0)
		s.stop()
		d := s.desk
		for _, c := range []struct {
			verb     gateway.Verb
			scope    string
			loose    string // what it gives for a cell; - for a refusal
			exact    string // what it gives as it was written
			noTarget bool   // the refusal of an exact one says that nothing is there
			try      string
		}{
			{gateway.CapSet, "deployment=az-eu", "deployment=az-eu", "deployment=az-eu", false, ""},
			{gateway.CapSet, "workload=batch", "workload=batch", "workload=batch", false, ""},
			{gateway.CapSet, "deployment=az-eu workload=batch", "deployment=az-eu workload=batch", "deployment=az-eu workload=batch", false, ""},
			{gateway.CapSet, "model=gpt-4o region=eu-west", "deployment=az-eu", "deployment=az-eu", false, ""},
			{gateway.CapSet, "model=gpt-4o", "model=gpt-4o", "model=gpt-4o", false, ""}, // two deployments serve it
			{gateway.CapSet, "model=llama", "deployment=az-eu", "deployment=az-eu", false, ""},
			{gateway.CapSet, "model=llama region=eu-west", "deployment=az-eu", "deployment=az-eu", false, ""},
			{gateway.CapSet, "region=nowhere", "-", "-", true, "name one: az-eu"},
			{gateway.CapSet, "deployment=az-eu region=eu-west", "deployment=az-eu", "deployment=az-eu", false, ""},
			{gateway.CapSet, "deployment=az-eu region=us-east", "deployment=az-eu", "-", true, "deployment=az-eu alone"},
			{gateway.CapSet, "deployment=az-eu stream=1", "deployment=az-eu", "-", true, "gateway=edge deployment=az-eu, if all"},
			{gateway.TargetOut, "model=gpt-4o", "-", "-", false, "choose one"},
			{gateway.TargetOut, "model=gpt-4o region=us-east instance=a", "deployment=az-us instance=a", "deployment=az-us instance=a", false, ""},
			{gateway.WorkloadPause, "model=gpt-4o region=eu-west", "workload=batch", "-", true, "gateway=edge workload=batch, if all"},
			{gateway.WorkloadPause, "", "workload=batch", "workload=batch", false, ""},
			{gateway.RouteForce, "model=gpt-4o region=eu-west", "model=gpt-4o", "-", true, "gateway=edge model=gpt-4o, if all"},
			{gateway.RetrySet, "", "", "", false, ""},
			{gateway.RetrySet, "deployment=az-eu", "", "-", true, "gateway=edge, if all"},
			{gateway.BreakerOpen, "deployment=az-eu", "-", "-", false, "choose a lever"},
		} {
			for exact, want := range map[bool]string{false: c.loose, true: c.exact} {
				got, err := d.aim(d.wires["edge"], c.verb, scopeIn(c.scope), exact)
				var r *Refused
				if want == "-" {
					if !errors.As(err, &r) || exact && (r.NoTarget != c.noTarget || !strings.Contains(r.Try, c.try)) {
						t.Errorf("%s %s, exact %v: %v, %+v", c.verb, c.scope, exact, got, err)
					}
					continue
				}
				wanted := scopeIn(want)
				maps.Copy(wanted, traffic.Scope{"gateway": "edge"})
				if err != nil || !got.Equal(wanted) {
					t.Errorf("%s %s, exact %v: %v, want %v (%v)", c.verb, c.scope, exact, got, wanted, err)
				}
			}
		}
	})
}

// A gateway that is not there, or is in another environment than the one that was named, is no target.
func TestGatewayOfAScope(t *testing.T) {
	edge := &wire{spec: Gateway{Name: "edge", Env: "staging", Driver: newFake("")}}
	far := &wire{spec: Gateway{Name: "far", Env: "production", Driver: newFake("")}}
	d := &Desk{wires: map[string]*wire{"edge": edge, "far": far}, order: []string{"edge", "far"}}
	for _, c := range []struct {
		scope    string
		exact    bool
		is       *wire
		noTarget bool
		try      string
	}{
		{"gateway=edge", true, edge, false, ""},
		{"gateway=edge env=production", true, nil, true, "env=staging"},
		{"gateway=edge env=prod", false, edge, false, ""}, // a log calls it so
		{"env=production", true, far, false, ""},
		{"env=prodution", true, nil, true, "env=production or env=staging"},
		{"gateway=fare", true, nil, true, "choose one of far, edge"},
		{"", true, nil, false, "name one as gateway=edge"},
	} {
		w, err := d.wireFor(scopeIn(c.scope), c.exact)
		var r *Refused
		if w != c.is || w == nil && (!errors.As(err, &r) || r.NoTarget != c.noTarget || r.Try != c.try) {
			t.Errorf("%s, exact %v: %v, %+v", c.scope, c.exact, w, err)
		}
	}
}

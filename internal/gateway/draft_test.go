package gateway

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"signalbox/internal/traffic"
)

// parts are those of a made-up gateway of two instances; they note the order in which they are asked.
func parts(d *Draft, asked *[]string, values map[string]string) Parts[string, string] {
	note := func(what string) { *asked = append(*asked, what) }
	return Parts[string, string]{
		Kind: "made-up", Gateway: "edge", Env: "prod", Ability: Ability{Verb: CapSet, Fitness: Native}, Instead: "something else",
		Peers: []string{"a", "b"}, Name: func(p string) string { return p }, Missing: "name some",
		Judge: func() error { note("judge"); return nil },
		Read: func(_ context.Context, peers []string) []string {
			note("read " + strings.Join(peers, " "))
			return peers
		},
		Failed: func(p string) error {
			if values[p] == "" {
				return errors.New(p + " is away")
			}
			return nil
		},
		Add: func(p string) error {
			note("add " + p)
			ip := InstancePlan{Name: p, Control: "cap", Before: Value(values[p]), After: d.Change.Value, Rev: "1"}
			switch {
			case values[p] == "":
				d.Skip(InstancePlan{Name: p}, "could not be read")
			case Same(ip.Before, ip.After):
				d.Skip(ip, "is so already")
			default:
				d.Send(ip, Call{Instance: p, Text: "do"}, Call{Instance: p, Text: "undo"})
			}
			return nil
		},
		Caveats: func(all []string) { note("caveats of " + strings.Join(all, " ")); d.Plan.Caveat("mind the gap") },
	}
}

func TestMakingAPlan(t *testing.T) {
	now := time.Date(2026, 3, 14, 2, 0, 0, 0, time.UTC)
	change := Change{Verb: CapSet, Scope: traffic.Scope{"gateway": "edge", "deployment": "x"}, Value: Value("4"), TTL: time.Minute, Reason: "token=" + strings.Repeat("s3cr3t", 8)}
	all := []string{"judge", "read a b", "add a", "add b", "caveats of a b"}
	for name, c := range map[string]struct {
		values map[string]string
		alter  func(*Change, *Parts[string, string])
		asked  []string
		err    string
		calls  int
		caveat string
	}{
		"both":           {values: map[string]string{"a": "8", "b": "8"}, asked: all, calls: 2, caveat: "mind the gap"},
		"one is so":      {values: map[string]string{"a": "8", "b": "4"}, asked: all, calls: 1, caveat: "b: cap is so already"},
		"one is away":    {values: map[string]string{"a": "8"}, asked: all, calls: 1, caveat: "b is left out, so this will be PARTIAL: could not be read"},
		"both are so":    {values: map[string]string{"a": "4", "b": "4"}, asked: all[:4], err: "there is nothing to change: a cap is so already; b cap is so already"},
		"both are away":  {asked: all[:2], err: "nothing was planned, no instance of gateway \"edge\" could be read: a is away"},
		"one instance":   {values: map[string]string{"a": "8", "b": "8"}, alter: func(c *Change, _ *Parts[string, string]) { c.Scope["instance"] = "b" }, asked: []string{"judge", "read b", "add b", "caveats of b"}, calls: 1},
		"no such":        {alter: func(c *Change, _ *Parts[string, string]) { c.Scope["instance"] = "z" }, err: "has no instance z"},
		"impossible":     {alter: func(_ *Change, p *Parts[string, string]) { p.Ability = Ability{Fitness: Impossible, Why: "it cannot"} }, err: "it cannot; try something else"},
		"a wrong value":  {alter: func(_ *Change, p *Parts[string, string]) { p.Judge = func() error { return errors.New("no number") } }, err: "no number"},
		"none to ask":    {alter: func(_ *Change, p *Parts[string, string]) { p.Peers = nil }, asked: []string{"judge", "read "}, err: "has no instances; name some"},
		"one that fails": {values: map[string]string{"a": "8", "b": "8"}, alter: func(_ *Change, p *Parts[string, string]) { p.Add = func(string) error { return errors.New("odd") } }, asked: all[:2], err: "odd"},
	} {
		t.Run(name, func(t *testing.T) {
			var d Draft
			var asked []string
			ch, p := change, parts(&d, &asked, c.values)
			ch.Scope = change.Scope.Clone()
			if c.alter != nil {
				c.alter(&ch, &p)
			}
			plan, err := p.Make(t.Context(), &d, ch, now)
			if !slices.Equal(asked, c.asked) {
				t.Errorf("asked %q, want %q", asked, c.asked)
			}
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) || plan.ID != "" {
					t.Errorf("%v, want %q; %+v", err, c.err, plan)
				}
				return
			}
			if err != nil || plan.Intact() != nil || len(plan.Calls) != c.calls || len(plan.Undo.Calls) != c.calls || !plan.ReadAt.Equal(now) || plan.Undo.Verb != CapLift || plan.Deadline.Holder != HeldByConsole {
				t.Fatalf("%v, %+v", err, plan)
			}
			if c.caveat != "" && !slices.Contains(plan.Caveats, c.caveat) {
				t.Errorf("caveats %q", plan.Caveats)
			}
			if strings.Contains(plan.Change.Reason, "s3cr3t") {
				t.Errorf("the reason is %q", plan.Change.Reason)
			}
		})
	}
}

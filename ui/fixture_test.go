package ui

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"signalbox/internal/desk"
	"signalbox/internal/traffic"
	"signalbox/runbook"
)

// at is the instant of the fixtures.
var at = time.Date(2026, 3, 14, 2, 17, 30, 0, time.UTC)

// fakeDesk plays the desk: it records commands and answers as told.
type fakeDesk struct {
	mu       sync.Mutex
	snap     *desk.Snapshot
	changed  chan struct{}
	commands []desk.Command
	answer   func(desk.Command) (desk.Result, error)
	records  []desk.RecordLine
	queries  []desk.RecordQuery
}

func newFakeDesk(s *desk.Snapshot) *fakeDesk {
	return &fakeDesk{snap: s, changed: make(chan struct{}, 1), records: someRecords()}
}

func (d *fakeDesk) Snapshot() *desk.Snapshot {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.snap
}

func (d *fakeDesk) publish(s *desk.Snapshot) {
	d.mu.Lock()
	d.snap = s
	d.mu.Unlock()
	select {
	case d.changed <- struct{}{}:
	default:
	}
}

func (d *fakeDesk) Changed() <-chan struct{} { return d.changed }

func (d *fakeDesk) Do(ctx context.Context, c desk.Command) (desk.Result, error) {
	if ctx.Err() != nil {
		return desk.Result{}, context.Cause(ctx)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.commands = append(d.commands, c)
	if d.answer != nil {
		return d.answer(c)
	}
	return planner(c)
}

// planner answers plans with a plan and everything else with a word.
func planner(c desk.Command) (desk.Result, error) {
	switch c.(type) {
	case desk.PlanLever, desk.PlanStep:
		p := somePlan()
		return desk.Result{Text: "planned", Plan: &p}, nil
	case desk.PlanRevert:
		p := somePlan()
		p.ID, p.Revert, p.Lever, p.Title = "plan-undo", true, "lev-1", "undo cap.set azure-eu-west-gpt-4o 4"
		return desk.Result{Text: "planned", Plan: &p}, nil
	case desk.Throw:
		return desk.Result{Text: "sent", Lever: "lev-1"}, nil
	}
	return desk.Result{}, nil
}

func (d *fakeDesk) Records(_ context.Context, q desk.RecordQuery) (desk.RecordPage, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.queries = append(d.queries, q)
	return desk.RecordPage{Lines: d.records, Looked: len(d.records), Of: len(d.records)}, nil
}

func (d *fakeDesk) sent() []desk.Command {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]desk.Command(nil), d.commands...)
}

// someRecords are what the log shows, failures first.
func someRecords() []desk.RecordLine {
	var out []desk.RecordLine
	texts := []string{
		"upstream returned 502: bad gateway from az-eu-1 (request timed out at edge)",
		"read tcp 10.0.0.4:443: i/o timeout while waiting for first token",
		"upstream returned 502: bad gateway from az-eu-1",
	}
	for i := range 12 {
		l := desk.RecordLine{
			At: at.Add(-time.Duration(i*1700) * time.Millisecond), Status: 502, Class: "bad_gateway", Attempt: i%3 + 1,
			Labels:  traffic.Scope{"model": "gpt-4o", "region": "eu-west", "provider": "azure", "deployment": "az-eu-1", "side": "upstream"},
			Latency: time.Duration(1200+i*900) * time.Millisecond, ID: fmt.Sprintf("req-%04d", 4711+i), Text: texts[i%3],
		}
		if i%3 == 1 {
			l.Status, l.Class = 524, "timeout"
		}
		l.Raw = `{"ts":"` + l.At.Format(time.RFC3339Nano) + `","status":502,"request_id":"` + l.ID + `"}`
		out = append(out, l)
	}
	for i := range 30 {
		out = append(out, desk.RecordLine{
			At: at.Add(-time.Duration(i*310) * time.Millisecond), Status: 200, Class: "none", Attempt: 1,
			Labels:  traffic.Scope{"model": "gpt-4o-mini", "region": "us-east", "provider": "openai", "side": "client"},
			Latency: 800 * time.Millisecond, ID: fmt.Sprintf("req-%04d", 5000+i), Text: "ok 812 tokens", Raw: "GET / 200",
		})
	}
	return out
}

func somePlan() desk.PlanView {
	return desk.PlanView{
		ID: "plan-1", Title: "cap.set azure-eu-west-gpt-4o 4", Env: "production", Gateway: "edge",
		Diff: []desk.DiffLine{
			{Instance: "edge-1", Control: "cap/az-eu-1", Before: "12", After: "4"},
			{Instance: "edge-2", Control: "cap/az-eu-1", Before: "12", After: "4"},
		},
		Blast: "412 of 1930 requests of the last minute (21%), 9 in flight now", Share: 0.21,
		Excess:   "excess requests wait in the gateway's queue, and fail when it is full or they waited too long",
		Deadline: "02:32:30 UTC, the gateway ends it by itself", SelfEnds: true,
		Undo:    []string{"curl -X DELETE http://127.0.0.1:9801/controls/cap%2Faz-eu-1"},
		Calls:   []string{"curl -X PUT http://127.0.0.1:9801/controls/cap%2Faz-eu-1 -d '{\"value\":4,\"ttl\":\"15m\"}'", "curl -X PUT http://127.0.0.1:9802/controls/cap%2Faz-eu-1 -d '{\"value\":4,\"ttl\":\"15m\"}'"},
		Caveats: []string{"batch traffic of the same deployment is held back too"},
		Reason:  "bad gateway burst on gpt-4o@eu-west", Confirm: desk.ConfirmPlain, StaleAt: at.Add(time.Minute),
	}
}

func typedPlan() desk.PlanView {
	p := somePlan()
	p.Confirm, p.Phrase = desk.ConfirmTyped, "gpt-4o@eu-west"
	return p
}

func sparkOf(errs ...int64) []desk.Point {
	out := make([]desk.Point, len(errs))
	for i, e := range errs {
		out[i] = desk.Point{Req: 40, Err: e}
	}
	return out
}

// calm is a console at rest.
func calm() *desk.Snapshot {
	s := &desk.Snapshot{
		Seq: 1, At: at, Watermark: at.Add(-2 * time.Second), Env: "staging", Actor: "ana",
		Grid: grid(), Journal: desk.JournalView{Path: "/var/lib/signalbox/journal.jsonl", Seq: 12},
		Gateways: gateways(), Sources: sources(),
		Offers: []desk.OfferView{{ID: "llm-5xx", Title: "502/524 on one model in one region", Armed: true}},
	}
	for r := range s.Grid.Cells {
		for c := range s.Grid.Cells[r] {
			x := &s.Grid.Cells[r][c]
			x.Burst, x.Err, x.Rate, x.Leading = "", 0, 0, ""
			x.Spark = sparkOf(0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
		}
	}
	return s
}

func gateways() []desk.GatewayView {
	return []desk.GatewayView{{
		Name: "edge", Kind: "contract", Env: "production", Levers: true, ReadAt: at,
		Instances: []desk.InstanceView{{Name: "edge-1", Reachable: true}, {Name: "edge-2", Reachable: true}},
		Abilities: []desk.AbilityView{
			{Verb: "cap.set", Fitness: "native", Dims: []string{"deployment"}, SelfEnds: true},
			{Verb: "workload.pause", Fitness: "native", Dims: []string{"workload"}},
			{Verb: "fallback.on", Fitness: "native", Dims: []string{"model"}, SelfEnds: true},
			{Verb: "target.out", Fitness: "native", Dims: []string{"deployment"}, SelfEnds: true},
			{Verb: "retry.set", Fitness: "nearest", Why: "for every request at once, also those of other models", SelfEnds: true},
			{Verb: "breaker.open", Fitness: "impossible", Why: "it has no breaker to open. Nearest: target.out"},
		},
		Deployments: []string{"az-eu-1", "az-us-1", "oai-1"},
		Knobs: []desk.KnobView{
			{Verb: "cap.set", Scope: traffic.Scope{"deployment": "az-eu-1"}, Values: []string{"4"}, Base: "12", Engaged: true, SetBy: "ana"},
			{Verb: "target.out", Scope: traffic.Scope{"deployment": "az-eu-1"}, Values: []string{"in"}, Base: "in"},
			{Verb: "target.out", Scope: traffic.Scope{"deployment": "az-us-1"}, Values: []string{"in"}, Base: "in"},
		},
	}}
}

func sources() []desk.SourceView {
	return []desk.SourceView{
		{Name: "edge-log", Kind: "log", Where: "/var/log/edge/edge.log", Format: "json", Health: "live", Lines: 91822, PerSecond: 42, Lag: 1200 * time.Millisecond},
		{Name: "edge-metrics", Kind: "metrics", Where: "http://127.0.0.1:9801/metrics", Health: "live", Lag: 4 * time.Second},
	}
}

func grid() desk.Grid {
	models := []string{"gpt-4o", "gpt-4o-mini", "claude-sonnet", "llama-70b"}
	regions := []string{"eu-west", "us-east", "ap-south"}
	g := desk.Grid{Side: "upstream", Span: 5 * time.Minute, Step: 10 * time.Second, From: at.Add(-100 * time.Second), Models: models, Regions: regions}
	for r, m := range models {
		var row []desk.Cell
		for c, reg := range regions {
			x := desk.Cell{
				Scope: traffic.Scope{"model": m, "region": reg}, Req: int64(900 - 200*r - 90*c), P95: 2300 * time.Millisecond,
				Spark: sparkOf(0, 0, 1, 0, 0, 0, 0, 1, 0, 0),
			}
			if r == 0 {
				x.Servings = []desk.Serving{{Gateway: "edge", Deployment: []string{"az-eu-1", "az-us-1", "az-us-1"}[c], Provider: "azure"}}
				x.Workloads = []string{"batch", "interactive"}
			}
			switch {
			case r == 0 && c == 0:
				x.Err, x.Leading, x.Burst, x.Kind, x.P95 = 343, "bad_gateway", "b-1", "errors", 31*time.Second
				x.Spark = sparkOf(0, 0, 0, 2, 8, 19, 24, 31, 30, 29)
			case r == 1 && c == 0:
				x.Err, x.Leading = 41, "timeout"
				x.Spark = sparkOf(0, 1, 3, 2, 4, 6, 3, 5, 4, 3)
			case r == 3 && c == 2:
				x.Req = 0
			case r == 3 && c == 1:
				x.Req, x.Sight = 12, "blind for 4 min"
			case (r+c)%2 == 1:
				x.Err, x.Leading = 3, "rate_limited"
			}
			if x.Req > 0 {
				x.Rate = float64(x.Err) / float64(x.Req)
			}
			row = append(row, x)
		}
		g.Cells = append(g.Cells, row)
	}
	return g
}

// rich is a console in the middle of an incident.
func rich() *desk.Snapshot {
	s := calm()
	s.Seq, s.Env, s.Danger = 42, "production", true
	s.Grid = grid()
	s.Incident = &desk.IncidentView{ID: "inc-01", Title: "502 on gpt-4o in eu-west", Severity: "sev2", Opened: at.Add(-12 * time.Minute)}
	s.Bursts = []desk.BurstView{
		{
			ID: "b-1", Kind: "errors", Page: true, Side: "upstream", Scope: traffic.Scope{"provider": "azure", "model": "gpt-4o", "region": "eu-west"},
			Name: "gpt-4o@eu-west", State: "growing", Leading: "bad_gateway", Onset: at.Add(-4 * time.Minute), Detected: at.Add(-4*time.Minute + 9*time.Second),
			Failed: 812, Total: 2130, Rate: 0.38, Peak: 0.44, Excess: 790, Share: 0.91,
			Classes: map[string]int64{"bad_gateway": 600, "timeout": 212}, Codes: map[int]int64{502: 600, 524: 212},
			Clean: "gpt-4o@us-east 0.2%, gpt-4o-mini@eu-west 4.6%", Confidence: "firm", Blame: "provider", BlameWhy: "the same gateway serves others well",
			Answers: []desk.AnswerReport{
				{Dim: "env", Extent: "cannot tell", Value: "production", Text: "only production has traffic"},
				{Dim: "provider", Extent: "isolated", Value: "azure", Text: "other providers clean: 3 of 8214"},
				{Dim: "region", Extent: "isolated", Value: "eu-west", Text: "other regions clean: 2 of 1730"},
				{Dim: "stream", Extent: "cannot tell", Text: "no traffic tells its stream"},
				{Dim: "class", Extent: "spread", Text: "bad_gateway, timeout"},
			}, Reason: "38% failed against 0.3% in the ten minutes before",
			Episodes: 1, Incident: "inc-01", Runbook: "llm-5xx", MeaningClass: "bad_gateway",
			Meaning: "the gateway got no valid answer from upstream: try the neighbouring model or region first",
		},
		{
			ID: "b-0", Kind: "errors", Page: true, Side: "upstream", Scope: traffic.Scope{"provider": "openai"}, Name: "openai", State: "settled", Leading: "rate_limited",
			Onset: at.Add(-26 * time.Minute), Detected: at.Add(-25 * time.Minute), Ended: at.Add(-21 * time.Minute), Failed: 77, Total: 1450, Peak: 0.11,
		},
	}
	s.Bursts = slices.Insert(s.Bursts, 1, desk.BurstView{
		ID: "b-2", Kind: "caller", Side: "client", Scope: traffic.Scope{"model": "claude-sonnet"}, Name: "claude-sonnet", State: "steady", Leading: "context_overflow",
		Onset: at.Add(-2 * time.Minute), Detected: at.Add(-time.Minute), Failed: 61, Total: 402, Rate: 0.15, Peak: 0.2, Episodes: 3,
	})
	s.Moving = []desk.FindingView{{
		ID: "f-1", Kind: "cascade", Where: traffic.Scope{"provider": "anthropic", "model": "claude-sonnet"}, Name: "claude-sonnet", Burst: "b-1", Since: at.Add(-3 * time.Minute),
		Text: "34% of what claude-sonnet gets fell from gpt-4o@eu-west (212 of 620 requests in 60 s): it now refuses 18% for lack of capacity, 0.2% before",
		Look: "shed or pause what can wait, or cap what falls there",
	}}
	s.Changes = []desk.ChangeView{
		{At: at.Add(-80 * time.Second), Kind: "flag", Text: "flag router-v2 off", Who: "ana", Scope: traffic.Scope{"model": "claude-sonnet"}},
		{At: at.Add(-50 * time.Second), Kind: "config", Text: "retries 2 -> 5", Scope: traffic.Scope{"region": "eu-west"}},
		{At: at.Add(-9 * time.Minute), Kind: "deploy", Text: "deploy gateway v12", Who: "ben"},
	}
	s.Bursts[0].Changes = s.Changes[2:]
	s.Totals = desk.Totals{
		Span: time.Minute, ClientReq: 1930, ClientErr: 301, UpstreamReq: 2702, UpstreamErr: 960, Amplification: 1.4,
		TokensIn: 812_000, TokensOut: 91_000, P50: 1900 * time.Millisecond, P95: 31 * time.Second,
	}
	s.Levers = levers()
	s.Controls = []desk.ControlView{{
		Gateway: "edge", Instance: "edge-2", ID: "shed/batch", Verb: "shed.set", Scope: traffic.Scope{"workload": "batch"}, Value: "20", Base: "0",
		SetBy: "curl", ExpiresAt: at.Add(7 * time.Minute), Drift: "nobody here set it",
	}}
	s.Sources = append(s.Sources, desk.SourceView{Name: "haproxy-log", Kind: "log", Health: "silent", Lag: 44 * time.Second, Dropped: 12, Unparsed: 3})
	s.Offers = []desk.OfferView{
		{ID: "llm-5xx", Title: "502/524 on one model in one region", Fits: true, Why: "class in (bad_gateway, timeout) and one region", Burst: "b-1", Armed: true},
		{ID: "rate-limits", Title: "429 storms", Why: "", Armed: true},
		{ID: "house-rules", Title: "Who to call", Armed: false},
	}
	s.Run, s.Library = run(), library()
	s.Timeline = timeline()
	return s
}

func levers() []desk.LeverView {
	return []desk.LeverView{
		{
			ID: "lev-1", Gateway: "edge", Verb: "cap.set", Scope: traffic.Scope{"gateway": "edge", "deployment": "az-eu-1"}, Title: "cap.set azure-eu-west-gpt-4o 4", Change: "12 -> 4", State: desk.LeverActive, Out: true,
			By: "ana", At: at.Add(-150 * time.Second), ExpiresAt: at.Add(12*time.Minute + 30*time.Second), SelfEnds: true,
			Accepted: desk.Yes, AcceptedN: "2/2", Reported: desk.Yes, Obeyed: desk.Yes, ObeyedWhy: "4 in flight at most over 60s, 11 before",
			Outcome: "helped", OutcomeBy: "38% -> 6% failed in 2m", Undo: []string{"curl -X DELETE http://127.0.0.1:9801/controls/cap%2Faz-eu-1"}, Incident: "inc-01",
			Held: []desk.InstanceHold{{Instance: "edge-1", Control: "cap/az-eu-1", Holds: desk.Yes, Is: "4"}, {Instance: "edge-2", Control: "cap/az-eu-1", Holds: desk.Yes, Is: "4"}},
		},
		{
			ID: "lev-2", Gateway: "edge", Verb: "workload.pause", Scope: traffic.Scope{"gateway": "edge", "workload": "batch"}, Unsettled: true, Title: "workload.pause batch", Change: "running -> paused", State: desk.LeverInDoubt, Out: true,
			By: "ana", At: at.Add(-20 * time.Second), ExpiresAt: at.Add(9*time.Minute + 40*time.Second),
			Accepted: desk.CannotTell, AcceptedN: "1/2", Reported: desk.Pending, Obeyed: desk.CannotTell, ObeyedWhy: "cannot be seen here: no in-flight signal",
			Err: "edge-2 gave no answer within 5s; v reads it again", Undo: []string{"echo 'enable server' | socat /run/haproxy.sock -"}, Incident: "inc-01",
			Held: []desk.InstanceHold{
				{Instance: "edge-1", Control: "pause/batch", Holds: desk.Yes, Is: "paused"},
				{Instance: "edge-2", Control: "pause/batch", Holds: desk.CannotTell, Why: "does not answer"},
				{Instance: "edge-3", Control: "pause/batch", Holds: desk.No, Is: "running", Why: "is running by curl"},
			},
		},
		{
			ID: "lev-0", Gateway: "edge", Verb: "fallback.on", Scope: traffic.Scope{"gateway": "edge", "model": "gpt-4o"}, Title: "fallback.on gpt-4o", Change: "off -> on", State: desk.LeverReverted, By: "ana",
			At: at.Add(-9 * time.Minute), SelfEnds: true, Accepted: desk.Yes, Reported: desk.Yes, Obeyed: desk.No, Outcome: "worse", OutcomeBy: "0.2% -> 14% on us-east",
		},
	}
}

func run() *desk.RunView {
	step := func(slug, title, role string, stage int, prose []runbook.Prose, blocks ...runbook.Block) runbook.Step {
		return runbook.Step{Slug: slug, Title: title, Role: runbook.Role(role), Stage: stage, Prose: prose, Blocks: blocks}
	}
	para := func(t string) runbook.Prose { return runbook.Prose{Kind: runbook.Para, Text: t} }
	capStep := step("cap", "Cap the failing deployment", "act", 3,
		[]runbook.Prose{
			para("A cap keeps retries from eating the queue. Set it to a third of what is in force, and watch the neighbours: what waits here does not go there."),
			{Kind: runbook.List, Kids: []runbook.Prose{
				{Kind: runbook.Item, Text: "interactive goes before batch in the queue"},
				{Kind: runbook.Item, Text: "a cap under 2 starves the health probe"},
			}},
			{Kind: runbook.Code, Text: "curl -s $GATEWAY/controls | jq .", Commands: []runbook.Command{{Text: "curl -s $GATEWAY/controls | jq ."}}},
		},
		runbook.Block{Kind: runbook.KindCheck, Check: &runbook.Check{Name: "still failing"}},
		runbook.Block{Kind: runbook.KindAction, Action: &runbook.Action{Do: "cap.set", Cost: "interactive waits up to 4s"}},
		runbook.Block{Kind: runbook.KindAsk, Ask: &runbook.Ask{Var: "told", Question: "Has the provider been told?", Choices: []string{"yes", "no"}}},
	)
	return &desk.RunView{
		ID: "run-1", Book: "llm-5xx", Title: "502/524 on one model in one region", Burst: "b-1", Stage: 3, Current: 2, Next: 3,
		Fields: []desk.FieldView{{Name: "deployment", Value: "az-eu-1", Prompt: "which deployment?"}, {Name: "ticket", Prompt: "provider ticket"}},
		Steps: []desk.StepView{
			{Step: step("scope", "Confirm the scope", "diagnose", 1, nil), State: "done", At: at.Add(-3 * time.Minute)},
			{Step: step("status", "Look at the provider's status page", "diagnose", 2, nil), State: "skipped", Reason: "page is down", At: at.Add(-2 * time.Minute)},
			{
				Step: capStep, State: "current",
				Blocks: []desk.BlockView{
					{Truth: desk.CheckTrue, Text: "error_rate 38% (812/2130) over 2m > 5%"},
					{Action: "cap.set azure-eu-west-gpt-4o to 4 for 15m", Aim: traffic.Scope{"gateway": "edge", "deployment": "az-eu-1"}},
					{},
				},
			},
			{Step: step("verify", "See that it helps", "verify", 3, nil)},
			{Step: step("retries", "Stop blind retries", "act", 4, nil)},
		},
	}
}

func timeline() []desk.TimelineLine {
	lines := []desk.TimelineLine{
		{Kind: "burst.opened", Group: "detection", Text: "burst gpt-4o@eu-west: 38% bad gateway (98/257)", Refers: "b-1"},
		{Kind: "incident.opened", Group: "decision", Actor: "ana", Text: "incident opened: 502 on gpt-4o in eu-west"},
		{Kind: "step.done", Group: "decision", Actor: "ana", Text: "step done: Confirm the scope"},
		{Kind: "lever.requested", Group: "action", Actor: "ana", Text: "cap.set azure-eu-west-gpt-4o 4 requested, ends 02:30:00"},
		{Kind: "lever.applied", Group: "action", Actor: "ana", Text: "cap.set azure-eu-west-gpt-4o 4 accepted by 2 of 2 instances"},
		{Kind: "lever.verified", Group: "verification", Text: "obeyed: 4 in flight at most over 60s, 11 before"},
		{Kind: "note", Group: "note", Actor: "ana", Text: "provider told by phone, ticket 4711"},
	}
	for i := range lines {
		lines[i].Seq = int64(i + 1)
		lines[i].At = at.Add(time.Duration(i-8) * 30 * time.Second)
	}
	return lines
}

// console is a model without a program: a test plays the loop by hand and runs the commands it wants.
func console(t testing.TB, d *fakeDesk, w, h int, o Options) *model {
	t.Helper()
	o.Width, o.Height = w, h
	if o.Now == nil {
		o.Now = func() time.Time { return at }
	}
	if o.Theme == "" {
		o.Theme = "dark"
	}
	ctx, cancel := context.WithCancel(context.Background())
	cr := new(crew)
	t.Cleanup(func() { cancel(); cr.dismiss() })
	m := newModel(ctx, cr, d, o)
	m.Init()
	return m
}

// press sends keys by name; single runes are text.
func press(m *model, keys ...string) []tea.Cmd {
	var cmds []tea.Cmd
	for _, k := range keys {
		_, c := m.Update(keyMsg(k))
		cmds = append(cmds, c)
	}
	return cmds
}

// write types text, rune by rune.
func write(m *model, text string) {
	for _, r := range text {
		m.Update(tea.KeyPressMsg{Code: r, Text: string(r)})
	}
}

var named3 = map[string]rune{
	"enter": tea.KeyEnter, "esc": tea.KeyEscape, "tab": tea.KeyTab, "up": tea.KeyUp, "down": tea.KeyDown, "left": tea.KeyLeft,
	"right": tea.KeyRight, "pgup": tea.KeyPgUp, "pgdown": tea.KeyPgDown, "home": tea.KeyHome, "end": tea.KeyEnd,
	"backspace": tea.KeyBackspace, "delete": tea.KeyDelete,
}

func keyMsg(name string) tea.KeyPressMsg {
	switch {
	case name == "space":
		return tea.KeyPressMsg{Code: ' ', Text: " "}
	case name == "shift+tab":
		return tea.KeyPressMsg{Code: tea.KeyTab, Mod: tea.ModShift}
	case len(name) > 5 && name[:5] == "ctrl+":
		return tea.KeyPressMsg{Code: rune(name[5]), Mod: tea.ModCtrl}
	}
	if code, ok := named3[name]; ok {
		return tea.KeyPressMsg{Code: code}
	}
	r := []rune(name)[0]
	return tea.KeyPressMsg{Code: r, Text: name}
}

// settle runs a command and feeds what it gives back, as the program would, but only answers of the
// desk: waits and timers are left out.
func settle(m *model, d *fakeDesk, cmds ...tea.Cmd) {
	_ = d
	for _, msg := range m.pendingAnswers() {
		m.Update(msg)
	}
	_ = cmds
}

// pendingAnswers asks the desk for every command that runs and gives the answers.
func (m *model) pendingAnswers() []tea.Msg {
	var out []tea.Msg
	for _, j := range m.jobs.running {
		r, err := m.env.desk.Do(context.Background(), j.cmd)
		out = append(out, doneMsg{j.id, r, err})
	}
	return out
}

// armTop ends the grace period of the dialog on top.
func armTop(m *model) {
	if d := m.top(); d != nil {
		m.Update(armMsg{d.base().id, d.base().turn})
	}
}

// loadLog gives the log its records.
func loadLog(m *model, d *fakeDesk) {
	fails, i, newer := survey(d.records, nil, time.Time{})
	m.Update(recordsMsg{gen: m.log.gen, page: desk.RecordPage{Lines: d.records}, fails: fails, at: i, newer: newer})
}

// loadKinds gives the log its failures, each as a kind of its own.
func loadKinds(m *model, d *fakeDesk) {
	page := desk.RecordPage{Sorted: 1290, Since: at.Add(-4 * time.Minute)}
	for i := range d.records {
		if l := &d.records[i]; failed(l) {
			n := 1200 / (1 + 3*len(page.Lines))
			page.Lines = append(page.Lines, *l)
			page.Kinds = append(page.Kinds, desk.FailureKind{ID: uint64(i), N: n, First: at.Add(-3 * time.Minute), Places: 1 + i%3}) //nolint:gosec // few
		}
	}
	m.Update(recordsMsg{gen: m.log.gen, page: page, at: -1})
}

func jsonOf(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func planResult(p desk.PlanView) desk.Result { return desk.Result{Text: "planned", Plan: &p} }

func (d *fakeDesk) asked() []desk.RecordQuery {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]desk.RecordQuery(nil), d.queries...)
}

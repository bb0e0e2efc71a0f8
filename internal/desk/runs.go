package desk

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"signalbox/internal/board"
	"signalbox/internal/incident"
	"signalbox/internal/traffic"
	"signalbox/runbook"
)

// run is one walk through a runbook. Its state is the fold of the entries in the journal.
type run struct {
	id       string
	incident string
	owner    string // who walks it: who began it, or took it up last
	here     bool   // it was begun or taken up in this console
	epoch    int    // how often it was taken over, from 1
	book     *runbook.Book
	walk     runbook.Walk
	results  map[int]runbook.Result // of the current step's checks, by block; for an arm of a branch the winning one
	arms     map[int]string         // of the current step's branches: where they would go
	asks     map[int]bool           // and which of them leave it to the operator
	stops    map[string]int         // by lever: how often in a row its stop-if was true
	fresh    *runbook.Book          // the version on disk, where it is another; nil: the same
	verified map[string]verdict     // by lever: what the action's verify says
	waited   string                 // what the wait that goes on was last judged by
	proposed map[string]string      // what a burst says of open fields
	askedAt  time.Time              // when it was asked
}

func (d *Desk) run() *run {
	for _, r := range d.runs {
		if r.id == d.current {
			return r
		}
	}
	return nil
}

func (d *Desk) book(id string) *runbook.Book {
	for _, b := range d.o.Books {
		if b.ID == id {
			return b
		}
	}
	if whole, slug, ok := strings.Cut(id, "/"); ok { // a part of a file of many alerts
		if b := d.book(whole); b != nil {
			part, _ := b.Part(slug)
			return part
		}
	}
	return nil
}

// startRun begins a walk, in the open incident or in a new one.
func (d *Desk) startRun(c StartRun) (Result, error) {
	b := d.book(c.Book)
	if b == nil {
		return Result{}, &Refused{What: "runbook " + c.Book, Why: "there is no such runbook", Try: "choose one of the list"}
	}
	known := map[string]string{}
	if bs := d.burstByID(c.Burst); bs != nil {
		known = d.burstWords(bs)
	}
	vars := runbook.Bind(b, known)
	maps.Copy(vars, c.Vars)
	title := titleOf(b, vars)
	if err := d.ensureIncident(title); err != nil {
		return Result{}, err
	}
	r := &run{id: d.newID("run"), incident: d.incidentID(), owner: d.actor, here: true, epoch: 1, book: b, stops: map[string]int{}}
	data := map[string]string{"run": r.id, "burst": c.Burst}
	for k, v := range vars {
		data["var."+k] = v
	}
	opened := incident.RunData{Book: b.ID, BookSHA: b.SHA256, Title: title, Owner: d.actor, Epoch: 1, Vars: vars}
	if err := d.write(entryDraft{kind: incident.RunOpened, incident: r.incident, run: r.id, data: opened}); err != nil {
		return Result{}, err
	}
	d.runs = append(d.runs, r)
	d.current = r.id
	if err := d.step(r, runbook.Entry{Kind: runbook.EntryStart, Data: data}); err != nil {
		return Result{}, err
	}
	return Result{Text: "runbook " + title, Run: r.id, Incident: r.incident}, nil
}

// titleOf is a book's title with what is known filled in; where nothing is, the name of the field stands for it.
func titleOf(b *runbook.Book, vars map[string]string) string {
	return strings.NewReplacer("{{", "", "}}", "").Replace(runbook.Walk{Vars: vars}.Fill(b.Title))
}

// burstDims are the dimensions that a runbook may take from a burst.
var burstDims = []traffic.Dim{traffic.Env, traffic.Gateway, traffic.Provider, traffic.Model, traffic.Region, traffic.Deployment, traffic.Endpoint}

// burstWords gives what a runbook may take from a burst: its scope, what all traffic in it has in common,
// and as busiest.DIM the value with the most requests, which is a proposal only.
func (d *Desk) burstWords(b *burstState) map[string]string {
	words := map[string]string{"id": b.ID, "class": b.Leading}
	maps.Copy(words, b.Scope)
	edge := d.sig.edge(d.now())
	for _, dim := range burstDims {
		requests := map[string]int64{}
		for _, sel := range d.sig.blameSelectors(b.Scope.Selector(d.syms)) {
			for _, p := range d.sig.board.Split(board.Query{Sel: sel, From: edge.Add(-recentSpan), To: edge, Skip: board.NoSketch}, dim) {
				if name := d.syms.Name(p.Key[dim]); name != "" && p.Req > 0 {
					requests[name] += p.Req
				}
			}
		}
		busy := ""
		for _, name := range slices.Sorted(maps.Keys(requests)) {
			if busy == "" || requests[name] > requests[busy] {
				busy = name
			}
		}
		if len(requests) == 1 && words[dim.String()] == "" {
			words[dim.String()] = busy
		}
		if busy != "" {
			words["busiest."+dim.String()] = busy
		}
	}
	return words
}

// step takes one entry into the walk: journal first, then the fold.
func (d *Desk) step(r *run, e runbook.Entry) error { return d.stepWith(r, e, nil) }

func (d *Desk) stepWith(r *run, e runbook.Entry, ev *evidence) error {
	e.At, e.Actor = d.now(), d.actor
	var actor *incident.Actor
	if ofDesk(e.Kind) {
		e.Actor, actor = byDesk.ID, byDesk
	}
	if e.Step == "" {
		e.Step = r.walk.Current
	}
	next, effects := runbook.Next(r.walk, r.book, e)
	for _, f := range effects {
		if f.Kind == runbook.Refuse {
			return &Refused{What: "step " + string(e.Kind), Why: f.Why}
		}
	}
	data := stepData(r, next, e)
	data.Evidence = ev
	kind := stepKinds[e.Kind]
	if e.Kind == runbook.EntryWaitOver && e.Data["outcome"] == "met" {
		kind = incident.StepMet
	}
	if err := d.write(entryDraft{kind: kind, incident: r.incident, run: r.id, step: e.Step, data: data, actor: actor}); err != nil {
		return err
	}
	moved := next.Current != r.walk.Current
	r.walk = next
	if e.Kind == runbook.EntryWaitStarted {
		r.waited = ""
	}
	if moved {
		r.results, r.arms, r.asks = nil, nil, nil
		if next.Live() {
			d.entered(r, effects)
		}
	}
	if !next.Live() {
		d.runEnded(r)
	}
	d.judgeChecks(r)
	return nil
}

// stepKinds name the journal's entry for an entry of a walk.
var stepKinds = map[runbook.EntryKind]incident.Kind{
	runbook.EntryStart: incident.StepEntered, runbook.EntryDone: incident.StepDone, runbook.EntrySkip: incident.StepSkipped,
	runbook.EntryBack: incident.StepBack, runbook.EntryJump: incident.StepChosen, runbook.EntryChoose: incident.StepAnswered,
	runbook.EntryBind: incident.StepAnswered, runbook.EntryWaitStarted: incident.StepWaiting, runbook.EntryWaitOver: incident.StepTimedOut,
	runbook.EntryActionPlanned: incident.StepAction, runbook.EntryActionResult: incident.StepAction, runbook.EntryCheckResult: incident.StepCheck,
	runbook.EntryProbe: incident.StepProbed, runbook.EntryEvidence: incident.StepEvidence, runbook.EntryNote: incident.Note, runbook.EntryAbort: incident.StepAborted,
}

// stepEntry is an entry of a walk as the journal keeps it: what the timeline reads, and the entry itself, whose fold is the walk.
type stepEntry struct {
	incident.StepData
	Entry    runbook.Entry `json:"entry"`
	Evidence *evidence     `json:"evidence,omitempty"`
}

// ofDesk tells whether entries of a kind are the console's own: nobody ends a wait, answers a check or freezes evidence.
func ofDesk(k runbook.EntryKind) bool {
	switch k {
	case runbook.EntryWaitStarted, runbook.EntryWaitOver, runbook.EntryCheckResult, runbook.EntryEvidence, runbook.EntryActionResult, runbook.EntryProbe:
		return true
	}
	return false
}

// waitEnds say how a wait ended.
var waitEnds = map[string]string{"met": "what it waited for is so", "timeout": "its time is up, and what it waited for is not so"}

// stepData is an entry as the timeline reads it. next is the walk after it.
func stepData(r *run, next runbook.Walk, e runbook.Entry) stepEntry {
	s, _ := r.book.Step(cmp.Or(e.Step, next.Current))
	data := incident.StepData{Book: r.book.ID, BookSHA: r.book.SHA256, Slug: s.Slug, Title: next.Fill(s.Title), State: string(e.Kind), Block: e.Block}
	data.Reason = cmp.Or(e.Data["reason"], e.Data["note"], e.Data["text"], e.Data["ref"])
	data.To = e.Data["to"]
	switch e.Kind {
	case runbook.EntryCheckResult:
		data.Truth, data.Check, data.Why, data.Reason = e.Data["truth"], e.Data["text"], e.Data["why"], ""
		if i := e.Block; i >= 0 && i < len(s.Blocks) && len(s.Blocks[i].Branch) > 0 {
			data.Check = "of the branch, " + cmp.Or(data.Check, "what it asks")
		}
	case runbook.EntryChoose, runbook.EntryBind:
		data.Var, data.Answer = e.Data["var"], e.Data["value"]
	case runbook.EntryBack:
		data.To = next.Current
	case runbook.EntryWaitStarted:
		data.Check = s.Blocks[e.Block].Wait.Until.Source
		if until, err := time.Parse(time.RFC3339, e.Data["until"]); err == nil {
			data.Until = &until
		}
	case runbook.EntryWaitOver:
		data.Reason, data.Check = waitEnds[e.Data["outcome"]], e.Data["text"]
		if s.Blocks[e.Block].Wait.Until.Zero() {
			data.Reason = "its time is up"
		}
	case runbook.EntryActionPlanned, runbook.EntryActionResult:
		data.Value = e.Data["lever"]
	}
	if to, i := r.book.Step(data.To); i >= 0 {
		data.ToTitle = next.Fill(to.Title)
	}
	return stepEntry{StepData: data, Entry: e}
}

// entered acts on what the new current step wants: deadlines of waits and evidence are written at once.
func (d *Desk) entered(r *run, effects []runbook.Effect) {
	for _, f := range effects {
		switch f.Kind {
		case runbook.StartWait:
			_ = d.step(r, runbook.Entry{Kind: runbook.EntryWaitStarted, Step: f.Step, Block: f.Block, Data: map[string]string{"until": f.Until.UTC().Format(time.RFC3339)}})
		case runbook.Capture:
			d.capture(r, f)
		}
	}
}

func (d *Desk) withRun(f func(*run) (Result, error)) (Result, error) {
	r := d.run()
	if r == nil || !r.walk.Live() {
		return Result{}, &Refused{What: "this step", Why: "no runbook is being walked", Try: "start one (r)"}
	}
	return f(r)
}

// seen refuses what was meant for a step that the run has left: a key pressed twice must not pass a step unread.
func (r *run) seen(step string) error {
	if step == "" || step == r.walk.Current {
		return nil
	}
	s, _ := r.book.Step(r.walk.Current)
	return &Refused{What: "this step", Why: "the run has gone on to " + s.Title, Try: "read it first, then press again"}
}

func (d *Desk) stepDone(c StepDone) (Result, error) {
	return d.withRun(func(r *run) (Result, error) {
		if err := r.seen(c.Step); err != nil {
			return d.where(r), err
		}
		d.freezeChecks(r)
		err := d.step(r, runbook.Entry{Kind: runbook.EntryDone, Data: map[string]string{"note": c.Note}})
		return d.where(r), err
	})
}

func (d *Desk) stepSkip(c StepSkip) (Result, error) {
	return d.withRun(func(r *run) (Result, error) {
		if err := r.seen(c.Step); err != nil {
			return d.where(r), err
		}
		err := d.step(r, runbook.Entry{Kind: runbook.EntrySkip, Data: map[string]string{"reason": c.Reason}})
		return d.where(r), err
	})
}

func (d *Desk) stepBack() (Result, error) {
	return d.withRun(func(r *run) (Result, error) {
		err := d.step(r, runbook.Entry{Kind: runbook.EntryBack})
		return d.where(r), err
	})
}

func (d *Desk) stepJump(c StepJump) (Result, error) {
	return d.withRun(func(r *run) (Result, error) {
		err := d.step(r, runbook.Entry{Kind: runbook.EntryJump, Data: map[string]string{"to": c.Slug}})
		return d.where(r), err
	})
}

func (d *Desk) choose(c Choose) (Result, error) {
	return d.withRun(func(r *run) (Result, error) {
		e := runbook.Entry{Kind: runbook.EntryBind, Data: map[string]string{"var": c.Var, "value": c.Value}}
		s, _ := r.book.Step(r.walk.Current)
		for i, b := range s.Blocks {
			if b.Kind == runbook.KindAsk && b.Ask.Var == c.Var {
				e.Kind, e.Block = runbook.EntryChoose, i
			}
		}
		err := d.step(r, e)
		return d.where(r), err
	})
}

func (d *Desk) abortRun(c AbortRun) (Result, error) {
	return d.withRun(func(r *run) (Result, error) {
		err := d.step(r, runbook.Entry{Kind: runbook.EntryAbort, Data: map[string]string{"reason": c.Reason}})
		return Result{Text: "runbook given up", Run: r.id, Live: d.liveLevers(r.id)}, err
	})
}

func (d *Desk) where(r *run) Result {
	if !r.walk.Live() {
		return Result{Text: "runbook finished", Run: r.id, Live: d.liveLevers(r.id)}
	}
	s, _ := r.book.Step(r.walk.Current)
	return Result{Text: "step " + s.Title, Run: r.id}
}

func (d *Desk) runEnded(r *run) {
	s, _ := r.book.Step(r.walk.Last)
	data := incident.RunData{
		Book: r.book.ID, BookSHA: r.book.SHA256, Title: r.walk.Fill(r.book.Title), State: string(r.walk.State), Reason: r.walk.Reason,
		Last: r.walk.Last, LastWas: r.walk.Fill(s.Title),
	}
	_ = d.write(entryDraft{kind: incident.RunClosed, incident: r.incident, run: r.id, data: data})
}

func (d *Desk) liveLevers(runID string) []string {
	var out []string
	for _, l := range d.levers {
		if l.out() && (runID == "" || l.plan.Change.Run == runID) {
			out = append(out, leverTitle(l.plan.Change)+" until "+l.ends.UTC().Format("15:04:05")+" UTC")
		}
	}
	return out
}

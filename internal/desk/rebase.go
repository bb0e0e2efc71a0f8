package desk

import (
	"fmt"
	"strings"

	"signalbox/internal/incident"
	"signalbox/runbook"
)

// LoadBooks gives the desk the runbooks as they are on disk now. The next run takes them; a run that has begun keeps the
// version that it began with until TakeBook.
type LoadBooks struct {
	Books    []*runbook.Book
	Problems []string
}

// TakeBook moves the current run to the version of its runbook that is on disk now. SHA256 is that of the version whose
// difference the operator has seen: another one is refused.
type TakeBook struct{ SHA256 string }

func (LoadBooks) command() {}
func (TakeBook) command()  {}

// rebased is what the journal keeps of a run that went over to another version: the walk as it stood then.
type rebased struct {
	incident.RunData
	Walk runbook.Walk `json:"walk"`
}

// loadBooks takes new versions of the runbooks.
func (d *Desk) loadBooks(c LoadBooks) (Result, error) {
	d.o.Books = c.Books
	for what := range d.warnings {
		if strings.HasPrefix(what, "problem ") {
			delete(d.warnings, what)
		}
	}
	for i, text := range c.Problems {
		d.finding(fmt.Sprintf("problem %d", i+1), text)
	}
	changed := 0
	for _, r := range d.runs {
		r.fresh = nil
		if b := d.book(r.book.ID); b != nil && b.SHA256 != r.book.SHA256 && r.walk.Live() {
			r.fresh = b
			changed++
		}
	}
	d.dirty = true
	return Result{Text: fmt.Sprintf("%d runbooks read again, %d of them changed under a run", len(c.Books), changed)}, nil
}

// cannotTake says why a run stays with the version that it began with.
func (r *run) cannotTake() string {
	switch {
	case r.fresh == nil:
		return "its runbook has not changed"
	case len(r.fresh.Steps) == 0:
		return "the new version has no steps"
	case r.book.Armed && !r.fresh.Armed:
		return "the new version has mistakes, or is not armed any more: signalbox runbook lint " + r.fresh.Name
	}
	return ""
}

// changedWords says on the screen that a run is of another version than the file.
func (r *run) changedWords() string {
	if r.fresh == nil {
		return ""
	}
	if why := r.cannotTake(); why != "" {
		return "the runbook was changed since this run began; " + why
	}
	counts := map[string]int{}
	for _, c := range runbook.Changes(r.book, r.fresh) {
		counts[c.Kind]++
	}
	var parts []string
	for _, kind := range []string{runbook.StepChanged, runbook.StepAdded, runbook.StepRemoved} {
		if n := counts[kind]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, kind))
		}
	}
	if len(parts) == 0 {
		parts = []string{"none of them is another"}
	}
	return "the runbook was changed since this run began: of its steps " + strings.Join(parts, ", ") + " (T shows what)"
}

// changeView gives the difference that the operator has to see before the run goes over.
func (r *run) changeView() *NewerBook {
	if r.fresh == nil {
		return nil
	}
	return &NewerBook{SHA256: r.fresh.SHA256, Steps: runbook.Changes(r.book, r.fresh), Disabled: r.cannotTake()}
}

// takeBook moves the current run to the version on disk: journal first, then the walk.
func (d *Desk) takeBook(c TakeBook) (Result, error) {
	return d.withRun(func(r *run) (Result, error) {
		what := "the new version of " + r.book.Title
		switch why := r.cannotTake(); {
		case why != "":
			return Result{}, &Refused{What: what, Why: why}
		case c.SHA256 != r.fresh.SHA256:
			return Result{}, &Refused{What: what, Why: "the file was changed again since its difference was shown", Try: "look at it once more"}
		}
		walk := runbook.Rebase(r.walk, r.book, r.fresh)
		data := rebased{incident.RunData{Book: r.fresh.ID, BookSHA: r.fresh.SHA256, Title: walk.Fill(r.fresh.Title), Owner: d.actor}, walk}
		if err := d.write(entryDraft{kind: incident.RunRebased, incident: r.incident, run: r.id, step: walk.Current, data: data}); err != nil {
			return Result{}, err
		}
		r.book, r.walk, r.fresh = r.fresh, walk, nil
		r.results, r.arms, r.asks = nil, nil, nil
		d.entered(r, r.unheld())
		d.judgeChecks(r)
		return d.where(r), nil
	})
}

// unheld lists what the current step of a moved walk still wants: deadlines and evidence that were not written yet.
func (r *run) unheld() []runbook.Effect {
	var all []runbook.Effect
	for _, e := range r.walk.Enter(r.book) {
		if e.Kind != runbook.StartWait || r.walk.Step(e.Step).Blocks[e.Block].Until.IsZero() {
			all = append(all, e)
		}
	}
	return all
}

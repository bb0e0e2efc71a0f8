package desk

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"signalbox/runbook"
)

// promFake answers by text, after a while.
type promFake struct {
	mu    sync.Mutex
	took  time.Duration
	value map[string]float64
	asked []string
	at    []time.Time
}

func (p *promFake) Ask(ctx context.Context, text string, at time.Time) (float64, error) {
	p.mu.Lock()
	p.asked, p.at = append(p.asked, text), append(p.at, at)
	v, ok := p.value[text]
	took := p.took
	p.mu.Unlock()
	select {
	case <-time.After(took):
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
	if !ok {
		return 0, errors.New("prometheus is out of reach")
	}
	return v, nil
}

func (p *promFake) set(text string, v float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.value[text] = v
}

const promBook = "---\nrunbook: v1\nvars: {model: {type: model, from: burst.model}}\nscope: {model: $model}\n---\n# P\n\n## Look\n\n" +
	"```check\nname: queue\nthat: promql('max(queue{model=\"$model\"})') < 5\n```\n\n```check\nname: away\npromql: gone > bool 0\n```\n\n## End\n\nDone.\n"

// TestPromQLInChecks: asked beside the desk, again when it has grown old, unknown with its reason when out of reach.
func TestPromQLInChecks(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		book, err := runbook.Parse("p.md", []byte(promBook))
		if err != nil {
			t.Fatal(err)
		}
		p := &promFake{took: 2 * time.Second, value: map[string]float64{`max(queue{model="gpt-4o"})`: 3}}
		s := newStageWith(t, dir, nil, func(o *Options) { o.Books, o.Prometheus, o.PromEvery = []*runbook.Book{book}, p, 5*time.Second })
		s.do(StartRun{Book: "p", Vars: map[string]string{"model": "gpt-4o"}})
		block := func(n int) BlockView { return s.desk.Snapshot().Run.Steps[0].Blocks[n] }
		if b := block(0); b.Truth != CheckUnknown || !strings.Contains(b.Why, "Prometheus is being asked") {
			t.Errorf("at first: %+v", b)
		}
		time.Sleep(3 * time.Second)
		if b := block(0); b.Truth != CheckTrue || !strings.Contains(b.Text, ` 3 < 5`) {
			t.Errorf("answered: %+v", b)
		}
		if b := block(1); b.Truth != CheckUnknown || !strings.Contains(b.Why, "out of reach") {
			t.Errorf("away: %+v", b)
		}
		p.set(`max(queue{model="gpt-4o"})`, 9)
		time.Sleep(10 * time.Second)
		if b := block(0); b.Truth != CheckFalse {
			t.Errorf("asked again: %+v", b)
		}
		if n := len(p.asked); n < 4 || n > 8 {
			t.Errorf("asked %d times in 13 s: %v", n, p.asked)
		}
		p.mu.Lock()
		p.took = time.Hour // it hangs: what was answered grows old
		p.mu.Unlock()
		time.Sleep(time.Minute)
		if b := block(0); b.Truth != CheckUnknown || !strings.Contains(b.Why, "stale") {
			t.Errorf("hanging: %+v", b)
		}
		s.stop()
	})
}

func TestPromQLWithoutPrometheus(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		book, err := runbook.Parse("p.md", []byte(promBook))
		if err != nil {
			t.Fatal(err)
		}
		s := newStageWith(t, dir, nil, func(o *Options) { o.Books = []*runbook.Book{book} })
		defer s.stop()
		s.do(StartRun{Book: "p", Vars: map[string]string{"model": "gpt-4o"}})
		if b := s.desk.Snapshot().Run.Steps[0].Blocks[0]; b.Truth != CheckUnknown || !strings.Contains(b.Why, "no Prometheus is configured") {
			t.Errorf("%+v", b)
		}
	})
}

// Questions at other times than now are asked for those times, and the number of questions is bounded.
func TestPromQLIsBounded(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		p := &promFake{value: map[string]float64{}}
		s := newStageWith(t, dir, nil, func(o *Options) { o.Prometheus = p })
		time.Sleep(time.Second)
		synctest.Wait()
		d := s.desk
		s.stop() // its goroutine has ended: the desk's state is the test's
		now := time.Now()
		f := facts{d: d, now: now}
		for i := range promKept + 5 {
			a := f.Ask(runbook.Query{Metric: "promql", Text: strings.Repeat("x", i+1)})
			if a.Known || (i >= promKept) != strings.Contains(a.Why, "at one time") {
				t.Fatalf("question %d: %+v", i, a)
			}
		}
		f.now = now.Add(time.Hour)
		if a := f.Ask(runbook.Query{Metric: "promql", Text: "late"}); strings.Contains(a.Why, "at one time") {
			t.Errorf("an hour later: %+v", a)
		}
	})
}

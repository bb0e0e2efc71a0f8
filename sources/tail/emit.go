package tail

import (
	"context"
	"fmt"
	"strings"
	"time"

	"signalbox/internal/traffic"
	"signalbox/sources"
	"signalbox/sources/decode"
)

// emitter keeps when the last batch and the last state went out.
type emitter struct {
	emit  sources.Emit
	first time.Time // when the oldest record that waits was read
	told  time.Time
	state traffic.SourceState
}

// flush emits what has gathered: in batches of maxBatch, the rest when it has waited long enough or nothing
// more is to be read, and the state at least once a second.
func (t *Tail) flush(ctx context.Context, e *emitter, idle bool) error {
	for _, p := range t.order {
		s := t.follow[p].lines
		t.out = append(t.out, s.Records()...)
		s.Clear() // the strings belong to the batch now
	}
	now := t.opt.Kit.Now()
	if len(t.out) > 0 && e.first.IsZero() {
		e.first = now
	}
	for len(t.out) >= maxBatch {
		if err := t.send(ctx, e, maxBatch); err != nil {
			return err
		}
	}
	due := len(t.out) > 0 && (idle || now.Sub(e.first) >= batchWait)
	state := t.state()
	if !due && (now.Sub(e.told) < stateEvery && state.Health == e.state.Health && state.Detail == e.state.Detail) {
		return nil
	}
	return t.send(ctx, e, len(t.out))
}

// last emits the rest and says that the source has ended.
func (t *Tail) last(ctx context.Context, e *emitter) error {
	if err := t.flush(ctx, e, true); err != nil {
		return err
	}
	state := t.state()
	state.Health, state.Detail = traffic.Ended, ""
	return t.deliver(ctx, e, nil, state)
}

func (t *Tail) send(ctx context.Context, e *emitter, n int) error {
	records := make([]traffic.Record, n)
	copy(records, t.out)
	rest := copy(t.out, t.out[n:])
	clear(t.out[rest:])
	t.out = t.out[:rest]
	e.first = time.Time{}
	return t.deliver(ctx, e, records, t.state())
}

func (t *Tail) deliver(ctx context.Context, e *emitter, records []traffic.Record, state traffic.SourceState) error {
	e.told, e.state = t.opt.Kit.Now(), state
	b := traffic.Batch{Source: t.opt.Name, Kind: traffic.LogSource, Records: records, State: &state}
	if err := e.emit(ctx, b); err != nil {
		return fmt.Errorf("handing over lines of %s: %w", t.opt.Name, err)
	}
	return nil
}

// state sums up all files of the source.
func (t *Tail) state() traffic.SourceState {
	s := traffic.SourceState{
		Name: t.opt.Name, Kind: traffic.LogSource, Gateway: t.opt.Labels.Gateway, Where: t.opt.Path, Format: t.opt.Format,
		Health: traffic.Waiting, Bytes: t.bytes, Dropped: t.dropped, LastRead: t.read,
	}
	var formats, examples []string
	var sample [][]byte
	failing := ""
	for _, p := range t.order {
		f := t.follow[p]
		n := f.lines.Tally()
		s.Lines += n.Lines
		s.Unparsed += n.Unparsed
		s.Skewed += n.Skewed
		s.Unmapped += n.Unmapped
		s.Dropped += n.Lost
		if n.Newest.After(s.Newest) {
			s.Newest = n.Newest
		}
		for _, g := range f.files() {
			s.Behind += g.behind()
			s.Dropped += g.split.Lost
		}
		switch f.health {
		case traffic.Live:
			s.Health = traffic.Live
		case traffic.Failing:
			failing = f.detail
		default:
			s.Detail = f.detail
		}
		if format := f.lines.Format(); format != "" {
			formats = append(formats, format)
		}
		examples = append(examples, f.lines.Examples()...)
		sample = append(sample, f.lines.Sample()...)
	}
	switch {
	case failing != "":
		s.Health, s.Detail = traffic.Failing, failing
	case s.Health == traffic.Live:
		s.Detail = ""
	case len(t.order) == 0:
		s.Detail = fmt.Sprintf("no file is called %s yet: waiting for one", t.opt.Path)
	}
	s.Format, s.UnknownPlaces = oneOf(formats, s.Format), t.unknown.List()
	t.publish(examples, sample)
	return s
}

// oneOf names the formats that were met.
func oneOf(formats []string, otherwise string) string {
	var names []string
	for _, f := range formats {
		if !strings.Contains(" "+strings.Join(names, " ")+" ", " "+f+" ") {
			names = append(names, f)
		}
	}
	if len(names) == 0 {
		return otherwise
	}
	return strings.Join(names, "+")
}

func (t *Tail) publish(examples []string, sample [][]byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.examples = examples[:min(len(examples), decode.MaxExamples)]
	t.sample = sample
}

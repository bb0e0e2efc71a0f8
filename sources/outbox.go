package sources

import (
	"context"
	"fmt"
	"time"

	"signalbox/internal/traffic"
)

// When an Outbox hands over: a full batch at once, the rest when it has waited or nothing more comes, and the
// source's state at least once a second and whenever it changes in kind.
const (
	FullBatch  = 512
	batchWait  = 100 * time.Millisecond
	stateEvery = time.Second
)

// Outbox gathers the records of one source into batches. It belongs to the goroutine that runs the source, and
// hands over in the order of Put.
type Outbox struct {
	name  string
	emit  Emit
	out   []traffic.Record
	first time.Time // when the oldest record that waits was put in
	told  time.Time
	state traffic.SourceState
}

// NewOutbox makes the outbox of the source of that name.
func NewOutbox(name string, emit Emit) *Outbox { return &Outbox{name: name, emit: emit} }

// Put takes records; their strings belong to the batch from now on.
func (o *Outbox) Put(records []traffic.Record, now time.Time) {
	if len(records) > 0 && len(o.out) == 0 {
		o.first = now
	}
	o.out = append(o.out, records...)
}

// Flush hands over what is due. idle says that nothing more is to be read just now. It blocks as long as the
// receiver does.
func (o *Outbox) Flush(ctx context.Context, now time.Time, idle bool, state traffic.SourceState) error {
	for len(o.out) >= FullBatch {
		if err := o.send(ctx, FullBatch, now, state); err != nil {
			return err
		}
	}
	due := len(o.out) > 0 && (idle || now.Sub(o.first) >= batchWait)
	changed := state.Health != o.state.Health || state.Detail != o.state.Detail || now.Sub(o.told) >= stateEvery
	if !due && !changed {
		return nil
	}
	return o.send(ctx, len(o.out), now, state)
}

// Close hands over the rest, and the state in which the source ends.
func (o *Outbox) Close(ctx context.Context, now time.Time, state traffic.SourceState) error {
	if err := o.Flush(ctx, now, true, state); err != nil {
		return err
	}
	return o.send(ctx, 0, now, state)
}

func (o *Outbox) send(ctx context.Context, n int, now time.Time, state traffic.SourceState) error {
	records := make([]traffic.Record, n)
	copy(records, o.out)
	rest := copy(o.out, o.out[n:])
	clear(o.out[rest:])
	o.out = o.out[:rest]
	o.first, o.told, o.state = now, now, state
	err := o.emit(ctx, traffic.Batch{Source: o.name, Kind: traffic.LogSource, Records: records, State: &state})
	if err != nil {
		return fmt.Errorf("handing over lines of %s: %w", o.name, err)
	}
	return nil
}

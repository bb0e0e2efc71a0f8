package tail

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"signalbox/internal/traffic"
	"signalbox/sources"
	"signalbox/sources/decode"
)

// Bounds of what a source says of itself beside its health.
const (
	maxNotes  = 4
	noteFor   = 10 * time.Minute
	waitsLong = 3 * time.Second // after which a line without an end is mentioned
)

// emitter keeps when the last batch and the last state went out.
type emitter struct {
	emit  sources.Emit
	first time.Time // when the oldest record that waits was read
	told  time.Time
	state traffic.SourceState
}

// misread is a line that could not be read.
type misread struct {
	at   int // the record that comes after it
	line []byte
	why  string
}

// note is something that happened and cannot be mended, such as a loss.
type note struct {
	text string
	at   time.Time
}

// say has the source mention something for a while.
func (t *Tail) say(text string) {
	t.notes = slices.DeleteFunc(t.notes, func(n note) bool { return n.text == text })
	t.notes = append(t.notes, note{text, t.opt.Kit.Now()})
	if over := len(t.notes) - maxNotes; over > 0 {
		t.notes = slices.Delete(t.notes, 0, over)
	}
}

// misreads is what a follower's stream tells of lines that it cannot read, nil where nobody asks.
func (t *Tail) misreads(f *follower) func([]byte, string) {
	if t.opt.Misread == nil {
		return nil
	}
	return func(line []byte, why string) {
		f.aside = append(f.aside, misread{len(f.lines.Records()), bytes.Clone(line), why})
	}
}

// pending tells whether lines were read that have not become records yet.
func (f *follower) pending() bool {
	return len(f.lines.Records()) > 0 || f.lines.Lines().Len() > 0 || f.lines.HeldFor() > 0
}

// collect takes the records that a follower's stream has made, and between them the lines it could not read.
func (t *Tail) collect(f *follower) {
	t.lines.Join(f.lines.Lines(), len(t.out))
	made, next := f.lines.Records(), 0
	if t.opt.Pace != nil && (f.fill != nil || len(f.held) > 0) {
		f.hold(made, t.opt.Kit.Now())
		made = nil
	}
	for i := range made {
		for ; next < len(f.aside) && f.aside[next].at <= i; next++ {
			t.aside = append(t.aside, misread{len(t.out), f.aside[next].line, f.aside[next].why})
		}
		if f.fill == nil || f.fill.keep(&made[i]) {
			t.out = append(t.out, made[i])
		}
	}
	for ; next < len(f.aside); next++ {
		t.aside = append(t.aside, misread{len(t.out), f.aside[next].line, f.aside[next].why})
	}
	f.aside = nil
	f.lines.Clear() // the strings belong to the batch now
	if f.fill != nil && f.live != nil && f.live.off >= f.fill.until && !f.pending() {
		f.fill = nil
	}
}

// flush emits what has gathered: in batches of maxBatch, the rest when it has waited long enough or nothing
// more is to be read, and the state at least once a second.
func (t *Tail) flush(ctx context.Context, e *emitter, idle bool) (wait <-chan struct{}, err error) {
	for _, p := range t.order {
		t.collect(t.follow[p])
	}
	now := t.opt.Kit.Now()
	wait = t.merge(now, idle)
	idle = idle || !t.opt.Pace.done() // what others wait for does not wait
	waits := len(t.out)+t.lines.Len()+len(t.aside) > 0
	if waits && e.first.IsZero() {
		e.first = now
	}
	if t.lines.Len() > 0 && (t.lines.Len()+len(t.out) >= maxBatch || len(t.lines.Text) >= blockSize) {
		idle = true // all at once: records and lines stand between each other
	}
	for t.lines.Len() == 0 && len(t.out) >= maxBatch {
		if err := t.send(ctx, e, maxBatch); err != nil {
			return nil, err
		}
	}
	due := waits && (idle || now.Sub(e.first) >= batchWait)
	if !due && now.Sub(e.told) < stateEvery {
		if health, detail := t.condition(now); health == e.state.Health && detail == e.state.Detail {
			return wait, nil
		}
	}
	if err := t.send(ctx, e, len(t.out)); err != nil {
		return nil, err
	}
	t.reached(t.opt.Kit.Now())
	t.keepPlaces()
	return wait, nil
}

// last emits the rest and says that the source has ended.
func (t *Tail) last(ctx context.Context, e *emitter) error {
	if _, err := t.flush(ctx, e, true); err != nil {
		return err
	}
	state := t.state()
	state.Health, state.Detail = traffic.Ended, ""
	return t.deliver(ctx, e, nil, state)
}

// send emits the first n records, and tells of the lines that could not be read where they stood.
func (t *Tail) send(ctx context.Context, e *emitter, n int) error {
	e.first = time.Time{}
	for len(t.aside) > 0 && t.aside[0].at <= n {
		m := t.aside[0]
		if m.at > 0 {
			if err := t.deliver(ctx, e, t.cutOff(m.at), t.state()); err != nil {
				return err
			}
			n -= m.at
		}
		t.aside = t.aside[1:]
		t.opt.Misread(m.line, m.why)
	}
	return t.deliver(ctx, e, t.cutOff(n), t.state())
}

// cutOff takes the first n records, as a batch of their own.
func (t *Tail) cutOff(n int) []traffic.Record {
	records := make([]traffic.Record, n)
	copy(records, t.out)
	rest := copy(t.out, t.out[n:])
	clear(t.out[rest:])
	t.out = t.out[:rest]
	for i := range t.aside {
		t.aside[i].at -= n
	}
	return records
}

func (t *Tail) deliver(ctx context.Context, e *emitter, records []traffic.Record, state traffic.SourceState) error {
	e.told, e.state = t.opt.Kit.Now(), state
	b := traffic.Batch{Source: t.opt.Name, Kind: traffic.LogSource, Records: records, State: &state}
	if t.lines.Len() > 0 {
		b.Lines = &t.lines
	}
	err := e.emit(ctx, b)
	t.lines.Reset()
	if err != nil {
		return fmt.Errorf("handing over lines of %s: %w", t.opt.Name, err)
	}
	return nil
}

// condition is how all files of the source are, and what is to be said of them.
func (t *Tail) condition(now time.Time) (traffic.Health, string) {
	health, detail, failing, half := traffic.Waiting, "", "", ""
	for _, p := range t.order {
		f := t.follow[p]
		switch f.health {
		case traffic.Live:
			health = traffic.Live
		case traffic.Failing:
			failing = f.detail
		default:
			detail = f.detail
		}
		if g := f.live; g != nil && g.unfinished() > 0 && g.behind() == 0 && now.Sub(g.grew) >= waitsLong {
			half = fmt.Sprintf("the last line of %s has no end yet (%d bytes): it is read when it ends", p, g.unfinished())
		}
	}
	var said []string
	switch {
	case failing != "":
		health, said = traffic.Failing, append(said, failing)
	case health == traffic.Live:
	case len(t.order) == 0:
		said = append(said, fmt.Sprintf("no file is called %s yet: waiting for one", t.opt.Path))
	default:
		said = append(said, detail)
	}
	t.notes = slices.DeleteFunc(t.notes, func(n note) bool { return now.Sub(n.at) > noteFor })
	for _, n := range t.notes {
		said = append(said, n.text)
	}
	said = append(said, half, t.unkept)
	if n := t.cuts(); n > 0 {
		said = append(said, fmt.Sprintf("%d lines are longer than %d bytes and were cut", n, decode.MaxLine))
	}
	return health, strings.Join(slices.DeleteFunc(said, func(s string) bool { return s == "" }), "; ")
}

// cuts is how many lines were cut.
func (t *Tail) cuts() int64 {
	n := t.cut
	for _, p := range t.order {
		for _, g := range t.follow[p].files() {
			n += g.split.Cuts
		}
	}
	return n
}

// state sums up all files of the source.
func (t *Tail) state() traffic.SourceState {
	s := traffic.SourceState{
		Name: t.opt.Name, Kind: traffic.LogSource, Gateway: t.opt.Labels.Gateway, Where: t.opt.Path, Format: t.opt.Format,
		Lines: t.gone.Lines, Unparsed: t.gone.Unparsed, Skewed: t.gone.Skewed, Unmapped: t.gone.Unmapped,
		Bytes: t.bytes, Dropped: t.dropped + t.gone.Lost, Missed: t.missed, LastRead: t.read,
	}
	s.Health, s.Detail = t.condition(t.opt.Kit.Now())
	var formats, examples []string
	var sample [][]byte
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
		if format := f.lines.Format(); format != "" {
			formats = append(formats, format)
		}
		examples = append(examples, f.lines.Examples()...)
		sample = append(sample, f.lines.Sample()...)
	}
	s.Format, s.UnknownPlaces = oneOf(formats, s.Format), t.unknown.List()
	t.publish(examples, sample)
	return s
}

// oneOf names the formats that were met.
func oneOf(formats []string, otherwise string) string {
	var names []string
	for _, f := range formats {
		if !slices.Contains(names, f) {
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

// Package command follows what a command prints: kubectl logs, journalctl, docker logs, or tail over ssh. It
// starts the command again when it ends, without telling a line twice where the command lets it.
package command

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"signalbox/internal/redact"
	"signalbox/internal/traffic"
	"signalbox/sources"
	"signalbox/sources/decode"
)

const (
	tick       = 100 * time.Millisecond
	renewEvery = time.Minute      // when kubectl looks for new pods
	together   = 5 * time.Second  // how long an old run goes on beside the new one
	lasted     = 60 * time.Second // a run that lasted so long was no failure to start
)

// Options say what to run and how to read it.
type Options struct {
	Name    string
	Command []string      // the program and its arguments; no shell is involved
	Env     []string      // the environment of the command, without the console's secrets
	Once    bool          // run it once and end with it
	Renew   time.Duration // how often kubectl looks for pods that are new; 0: each minute
	Format  string
	Fields  map[string]string
	Formats []*decode.Mapping // the mapping files of the configuration
	Zone    *time.Location
	Labels  sources.Labels
	Kit     sources.Kit
}

// Command is a source that follows a command. It implements sources.Source.
type Command struct {
	opt    Options
	how    Resume
	lines  *decode.Stream
	places *traffic.UnknownPlaces
	once   *stamped
	last   *last
	newest time.Time // the newest time that the command has put before a line
	cursor string

	runs    []*process // the newest last
	failed  int        // runs in a row that did not last
	starts  int
	due     time.Time // when to start again
	why     string    // why it does not run
	bytes   int64
	dropped int64
	again   int64 // lines that were told before
	read    time.Time
}

// New makes a source. A mistake in the options is an error here; a command that cannot be started is a state.
func New(opt Options) (*Command, error) {
	opt.Kit = opt.Kit.Complete()
	if len(opt.Command) == 0 || opt.Command[0] == "" {
		return nil, fmt.Errorf("source %s names no command: give the program and its arguments as a list", opt.Name)
	}
	if opt.Renew <= 0 {
		opt.Renew = renewEvery
	}
	places := new(traffic.UnknownPlaces)
	lines, err := decode.NewStream(opt.Format, decode.Options{
		Kit: opt.Kit, Source: opt.Name, Labels: opt.Labels, Fields: opt.Fields, Formats: opt.Formats, Zone: opt.Zone,
		Unknown: places,
	})
	if err != nil {
		return nil, err
	}
	return &Command{opt: opt, how: ResumeOf(opt.Command), lines: lines, places: places, once: newStamped(), last: &last{}}, nil
}

// Name implements sources.Source.
func (c *Command) Name() string { return c.opt.Name }

// Run implements sources.Source. All that it started has ended when it returns.
func (c *Command) Run(ctx context.Context, emit sources.Emit) error {
	chunks, stop := make(chan chunk), make(chan struct{})
	var readers, enders sync.WaitGroup
	out := sources.NewOutbox(c.opt.Name, emit)
	poll := time.NewTicker(tick)
	defer func() {
		poll.Stop()
		close(stop)
		gone := make(chan struct{})
		for _, p := range c.runs {
			p.halt(&enders, gone)
		}
		readers.Wait()
		close(gone)
		enders.Wait()
	}()
	for ctx.Err() == nil {
		if now := c.opt.Kit.Now(); c.wants(now) {
			c.begin(now, func(p *process) { readers.Go(func() { p.read(chunks, stop) }) })
		}
		c.retire(&enders, stop)
		idle := true
		select {
		case <-ctx.Done():
			return nil
		case <-poll.C:
		case k := <-chunks:
			idle = c.take(k)
		}
		now := c.opt.Kit.Now()
		if c.how == Overlap {
			fresh, repeated := c.last.due(now)
			c.hand(fresh, repeated, now)
		}
		c.lines.SettleDue(now)
		if c.opt.Once && c.starts > 0 && len(c.runs) == 0 {
			return ended(ctx, c.finish(ctx, out, now))
		}
		out.Put(c.lines.Records(), now)
		c.lines.Clear()
		if err := out.Flush(ctx, now, idle, c.state()); err != nil {
			return ended(ctx, err)
		}
	}
	return nil
}

// ended makes of the end of ctx the ordinary end that it is.
func ended(ctx context.Context, err error) error {
	if err != nil && (ctx.Err() != nil || errors.Is(err, context.Canceled)) {
		return nil
	}
	return err
}

// wants tells whether the command is to be started now: when it does not run, or, for kubectl with a selector,
// when it is time to look for new pods.
func (c *Command) wants(now time.Time) bool {
	if len(c.runs) == 0 {
		return !now.Before(c.due) && !(c.opt.Once && c.starts > 0)
	}
	p := c.runs[len(c.runs)-1]
	return !c.opt.Once && len(c.runs) == 1 && c.how == Stamped && selects(c.opt.Command) && now.Sub(p.began) >= c.opt.Renew
}

// begin starts the command, and its reader by read.
func (c *Command) begin(now time.Time, read func(*process)) {
	argv := first(c.opt.Command, c.how)
	if c.starts > 0 {
		argv = again(c.opt.Command, c.how, c.newest, c.cursor)
	}
	p, err := start(argv, c.opt.Env)
	if err != nil {
		c.rest(now, redact.Terminal(err.Error()))
		return
	}
	if c.how == Overlap {
		c.hand(c.last.begin(), 0, now)
	}
	p.began = now
	c.starts++
	c.runs = append(c.runs, p)
	c.why = ""
	read(p)
}

// retire ends a run that has had a newer one beside it for long enough: all it has said, the newer one has said.
func (c *Command) retire(enders *sync.WaitGroup, stop <-chan struct{}) {
	if len(c.runs) > 1 && c.opt.Kit.Now().Sub(c.runs[1].began) >= together {
		c.runs[0].halt(enders, stop)
	}
}

// take takes one chunk in. It tells whether the source is idle behind it.
func (c *Command) take(k chunk) (idle bool) {
	now := c.opt.Kit.Now()
	if k.ended {
		c.gone(k.p, k.err, now)
		return true
	}
	c.bytes += int64(len(k.data))
	c.read = now
	lost := k.p.split.Lost
	k.p.split.Feed(k.data, func(l decode.Line) { c.line(k.p, l, now) })
	c.dropped += k.p.split.Lost - lost
	k.p.taken <- struct{}{}
	return false
}

// gone takes note of the end of a run. A last line without an end is told if the run ended well; if it was
// torn off, a command that resumes tells it again and whole.
func (c *Command) gone(p *process, err error, now time.Time) {
	if err == nil || c.how == Overlap {
		p.split.Flush(func(l decode.Line) { c.line(p, l, now) })
	}
	c.runs = slices.DeleteFunc(c.runs, func(o *process) bool { return o == p })
	if p.asked || len(c.runs) > 0 {
		return // its successor runs
	}
	if now.Sub(p.began) >= lasted {
		c.failed = 0
	}
	c.rest(now, p.said(err))
}

// rest says when the command is started again, and why it does not run until then.
func (c *Command) rest(now time.Time, why string) {
	wait := pause(c.failed)
	c.failed++
	c.due = now.Add(wait)
	c.why = fmt.Sprintf("%s; %s is started again in %s", why, redact.Terminal(c.opt.Command[0]), wait)
	if c.how == Overlap && c.starts > 0 {
		c.why += ", and what was logged until then may be missing"
	}
}

// line takes one line of a run, unless it was told before.
func (c *Command) line(p *process, l decode.Line, now time.Time) {
	switch c.how {
	case Stamped:
		at, ok := stampOf(l.Text)
		if ok && !c.once.fresh(p.seen, l.Text) {
			c.again++
			return
		}
		if at.After(c.newest) {
			c.newest = at
		}
	case Cursor:
		if cursor := cursorOf(l.Text); cursor != "" {
			c.cursor = cursor
		}
	case Overlap:
		fresh, repeated := c.last.take(l.Text, now)
		c.hand(fresh, repeated, now)
		return
	}
	c.lines.Take(l, now)
}

func (c *Command) hand(fresh [][]byte, repeated int, now time.Time) {
	c.again += int64(repeated)
	for _, text := range fresh {
		c.lines.Take(decode.Line{Text: text}, now)
	}
}

func (c *Command) finish(ctx context.Context, out *sources.Outbox, now time.Time) error {
	c.lines.Settle(now)
	out.Put(c.lines.Records(), now)
	c.lines.Clear()
	state := c.state()
	state.Health = traffic.Ended
	return out.Close(ctx, now, state)
}

func (c *Command) state() traffic.SourceState {
	n := c.lines.Tally()
	s := traffic.SourceState{
		Name: c.opt.Name, Kind: traffic.LogSource, Gateway: c.opt.Labels.Gateway, Where: redact.Secrets(strings.Join(c.opt.Command, " ")),
		Format: c.lines.Format(), Health: traffic.Live, Lines: n.Lines, Bytes: c.bytes, Unparsed: n.Unparsed, Dropped: c.dropped + n.Lost,
		Skewed: n.Skewed, Unmapped: n.Unmapped, UnknownPlaces: c.places.List(), Newest: n.Newest, LastRead: c.read,
	}
	if s.Format == "" {
		s.Format = c.opt.Format
	}
	switch {
	case c.why != "":
		s.Health, s.Detail = traffic.Failing, c.why
	case c.starts == 0:
		s.Health = traffic.Starting
	}
	return s
}

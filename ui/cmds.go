package ui

import (
	"context"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"

	"signalbox/internal/desk"
)

// Messages. A fact is named after what happened and carries the id of what asked for it.
type (
	snapMsg struct{ snap *desk.Snapshot }
	doneMsg struct {
		job    uint64
		result desk.Result
		err    error
	}
	tickMsg struct{}
	endMsg  struct{ exit Exit }
	armMsg  struct{ dialog, turn uint64 }
)

// The bounds of one question to the desk. A lever waits for its gateways, so it may take longer.
const (
	commandTimeout = 20 * time.Second
	recordsTimeout = 5 * time.Second
	defaultFPS     = 10
	maxFPS         = 30
)

// crew counts the commands that run, so that Run can wait for them. Bubble Tea starts commands and does
// not wait; one that it starts after the end is sent away.
type crew struct {
	mu   sync.Mutex
	gone bool
	wg   sync.WaitGroup
}

func (c *crew) join() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.gone {
		return false
	}
	c.wg.Add(1)
	return true
}

func (c *crew) dismiss() {
	c.mu.Lock()
	c.gone = true
	c.mu.Unlock()
	c.wg.Wait()
}

// command runs f off the screen's goroutine, under the console's context; Run waits for it.
func (m *model) command(f func(ctx context.Context) tea.Msg) tea.Cmd {
	e := m.env
	return func() tea.Msg {
		if !e.crew.join() {
			return nil
		}
		defer e.crew.wg.Done()
		return f(e.ctx)
	}
}

// after sends msg once the time has passed; with the console's end it sends nothing.
func (m *model) after(d time.Duration, msg tea.Msg) tea.Cmd {
	return m.command(func(ctx context.Context) tea.Msg {
		if !m.env.opt.pause(ctx, d) {
			return nil
		}
		return msg
	})
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// awaitChange waits for the next snapshot, and then out the rest of the pace: notices that come in
// between are one notice.
func (m *model) awaitChange() tea.Cmd {
	fps := m.env.opt.FPS
	if fps <= 0 {
		fps = defaultFPS
	}
	pace := time.Second / time.Duration(min(fps, maxFPS))
	d := m.env.desk
	return m.command(func(ctx context.Context) tea.Msg {
		if !m.env.opt.pause(ctx, pace) {
			return nil
		}
		select {
		case <-d.Changed():
			if s := d.Snapshot(); s != nil {
				return snapMsg{s}
			}
		case <-ctx.Done():
		}
		return nil
	})
}

func (m *model) awaitEnd() tea.Cmd {
	return m.command(func(ctx context.Context) tea.Msg {
		select {
		case <-ctx.Done():
			return endMsg{Terminated}
		case <-m.env.gone:
			return endMsg{HungUp}
		}
	})
}

// tick asks for one redraw a second, while something on the screen ages.
func (m *model) tick() tea.Cmd {
	if m.drawn.ticking || !m.ages() {
		return nil
	}
	m.drawn.ticking = true
	return m.after(time.Second, tickMsg{})
}

// job is one command that the desk has not answered.
type job struct {
	id    uint64
	what  string
	since time.Time
	cmd   desk.Command
	then  func(*model, desk.Result) tea.Cmd // nil: the answer goes to the status line
	below func(*model) tea.Cmd              // opens what waits below the plan that comes, and comes also where none does
	back  *form                             // asked for it, and comes back with what was refused
}

// jobs are what runs. An answer is matched by id; one that nobody waits for is ignored.
type jobs struct {
	next    uint64
	running []job
	plan    uint64 // the job whose plan is awaited; another plan is declined
}

// do sends a command to the desk.
func (m *model) do(what string, c desk.Command, then func(*model, desk.Result) tea.Cmd) tea.Cmd {
	m.jobs.next++
	id := m.jobs.next
	m.jobs.running = append(m.jobs.running, job{id: id, what: what, since: m.now(), cmd: c, then: then})
	m.say(sayWorking, what)
	d, patience := m.env.desk, commandTimeout
	if _, many := c.(desk.RunRehearsal); many {
		patience += desk.RehearsalTimeout
	}
	return m.command(func(ctx context.Context) tea.Msg {
		ctx, cancel := context.WithTimeoutCause(ctx, patience, errNoAnswer)
		defer cancel()
		r, err := d.Do(ctx, c)
		return doneMsg{id, r, err}
	})
}

// done takes an answer.
func (m *model) done(msg doneMsg) tea.Cmd {
	var j job
	for i := range m.jobs.running {
		if m.jobs.running[i].id == msg.job {
			j = m.jobs.running[i]
			m.jobs.running = append(m.jobs.running[:i:i], m.jobs.running[i+1:]...)
			break
		}
	}
	if j.id == 0 {
		return nil
	}
	m.touch()
	m.triedEnds(j.id)
	var below tea.Cmd
	if j.below != nil {
		below = j.below(m)
	}
	if p := msg.result.Plan; p != nil && msg.err == nil {
		return tea.Batch(below, m.planned(j, *p))
	}
	if m.jobs.plan == j.id {
		m.jobs.plan = 0
	} else {
		j.back = nil // another plan is awaited by now
	}
	if msg.err != nil && j.back != nil {
		return tea.Batch(below, m.backTo(j, msg.err))
	}
	if msg.err != nil {
		m.fail(j.what, msg.err)
		return below
	}
	text := msg.result.Text
	if text == "" {
		text = j.what + ": done"
	}
	if msg.result.Path != "" {
		text += " " + msg.result.Path
	}
	m.say(sayDone, text)
	var cmds []tea.Cmd
	if r := msg.result; j.then == nil && r.Run != "" && len(r.Live) > 0 { // the last step is done
		return m.askEach(m.leversOf(r.Run), "finished", "")
	}
	if live := msg.result.Live; len(live) > 0 && j.then == nil { // what comes next tells them otherwise
		t := []line{{plainStyle, "", text + ". Still out (u undoes):"}}
		for _, l := range live {
			t = append(t, line{warn, m.th.mark, l})
		}
		cmds = append(cmds, m.open(newPage("levers are still out", t), byItself))
	}
	if j.then != nil {
		cmds = append(cmds, j.then(m, msg.result))
	}
	return tea.Batch(cmds...)
}

// quietly sends a command whose answer nobody needs: a decline, at the end of a dialog.
func (m *model) quietly(c desk.Command) tea.Cmd {
	d := m.env.desk
	return m.command(func(ctx context.Context) tea.Msg {
		ctx, cancel := context.WithTimeoutCause(ctx, commandTimeout, errNoAnswer)
		defer cancel()
		_, _ = d.Do(ctx, c) // the desk has the record; there is nothing to show
		return nil
	})
}

package ui

import (
	"context"
	"time"

	tea "charm.land/bubbletea/v2"

	"signalbox/internal/desk"
	"signalbox/internal/traffic"
)

// env is what a console is given at its start and never changes.
type env struct {
	desk Desk
	ctx  context.Context
	crew *crew // every command that runs
	now  func() time.Time
	opt  Options
	keys *keymap
	auto bool            // the theme follows the terminal's background
	gone <-chan struct{} // closed when the terminal has gone
}

// subject is what the operator looks at: what the log follows and what a lever form starts from. It is
// named by id or scope, never by a row.
type subject struct {
	name  string
	scope traffic.Scope // nil: everything
	burst string        // id, of a burst
}

// model is the root: it routes messages and keeps what is drawn. Decisions about panes are the panes',
// decisions about levers the desk's.
type model struct {
	env     *env
	th      *theme
	snap    *desk.Snapshot
	lay     layout
	focus   paneID
	big     paneID
	zoom    bool
	grid    gridPane
	bursts  burstPane
	log     logPane
	book    bookPane
	levers  leverPane
	events  timelinePane
	subject subject
	stack   []dialog
	prompt  *prompt
	jobs    jobs
	drawn   drawn
	exit    Exit
}

// drawn is what View returns; it is rebuilt by Update, and only those panes that changed.
type drawn struct {
	dirty   [paneCount]bool
	pane    [paneCount][]string
	screen  string
	title   string
	ticking bool
	status  status
}

func newModel(ctx context.Context, cr *crew, d Desk, o Options) *model {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.pause == nil {
		o.pause = sleep
	}
	name, auto := o.Theme, o.Theme == ""
	if o.NoColor {
		name, auto = "mono", false
	}
	m := &model{
		env:   &env{desk: d, ctx: ctx, crew: cr, now: o.Now, opt: o, keys: newKeymap(), auto: auto},
		th:    newTheme(name, o.ASCII),
		snap:  d.Snapshot(),
		focus: gridID,
		big:   logID,
	}
	if m.snap == nil {
		m.snap = &desk.Snapshot{}
	}
	m.log.follow, m.book.block = true, -1
	m.events.follow = true
	m.bursts.seen = map[string]bool{}
	m.resize(o.Width, o.Height)
	return m
}

// Init starts what waits for the desk and for the end.
func (m *model) Init() tea.Cmd {
	cmds := []tea.Cmd{m.awaitChange(), m.awaitEnd(), m.adopt(m.snap), m.tick()}
	if len(m.snap.Resumable) > 0 {
		cmds = append(cmds, m.offerResume(byItself))
	}
	if m.env.auto {
		cmds = append(cmds, tea.RequestBackgroundColor)
	}
	m.paint()
	return tea.Batch(cmds...)
}

// Update routes one message. It does no I/O; everything slow is a command.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	var cmd tea.Cmd
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.resize(msg.Width, msg.Height)
		cmd = m.fillLog()
	case tea.KeyPressMsg:
		cmd = m.key(msg)
	case tea.PasteMsg:
		m.paste(msg.Content)
	case tea.BackgroundColorMsg:
		if m.env.auto && !msg.IsDark() {
			m.th = newTheme("light", m.env.opt.ASCII)
			m.touch()
		}
	case snapMsg:
		cmd = tea.Batch(m.adopt(msg.snap), m.awaitChange())
	case recordsMsg:
		cmd = m.log.take(m, msg)
	case doneMsg:
		cmd = m.done(msg)
	case armMsg:
		m.arm(msg)
	case tickMsg:
		m.drawn.ticking = false
		if m.drawn.status.old(m.now()) {
			m.drawn.status = status{}
		}
		m.touch()
	case endMsg:
		m.exit = msg.exit
		return m, tea.Quit
	default:
		return m, nil
	}
	m.paint()
	return m, tea.Batch(cmd, m.tick())
}

// View returns the stored screen.
func (m *model) View() tea.View {
	v := tea.NewView(m.drawn.screen)
	v.AltScreen = true
	v.WindowTitle = m.drawn.title
	return v
}

// adopt takes a new snapshot. Nothing that the operator selected moves.
func (m *model) adopt(s *desk.Snapshot) tea.Cmd {
	if s == nil {
		return nil
	}
	m.snap = s
	m.touch()
	var ring tea.Cmd
	if m.bursts.meet(s.Bursts) && !m.env.opt.Quiet {
		ring = tea.Raw("\a")
	}
	m.followBurst()
	return tea.Batch(ring, m.fillLog())
}

// followBurst keeps the subject's scope that of its burst, which may grow.
func (m *model) followBurst() {
	if m.subject.burst == "" {
		return
	}
	if b := m.burst(m.subject.burst); b != nil && !b.Scope.Equal(m.subject.scope) {
		m.subject = burstSubject(*b)
	}
}

// burst finds a burst by id.
func (m *model) burst(id string) *desk.BurstView {
	for i := range m.snap.Bursts {
		if m.snap.Bursts[i].ID == id {
			return &m.snap.Bursts[i]
		}
	}
	return nil
}

func burstSubject(b desk.BurstView) subject {
	return subject{name: b.Name, scope: b.Scope, burst: b.ID}
}

// about changes what the operator looks at.
func (m *model) about(s subject) tea.Cmd {
	m.subject = s
	m.log.reset()
	m.touch()
	return m.fillLog()
}

func (m *model) resize(w, h int) {
	m.lay = arrange(w, h, m.focus, m.big, m.zoom)
	m.touch()
}

// look focuses a pane.
func (m *model) look(p paneID) tea.Cmd {
	if p <= noPane || p >= paneCount {
		return nil
	}
	m.focus, m.big = p, bigPane(p, m.big)
	m.resize(m.lay.w, m.lay.h)
	return m.fillLog()
}

// touch marks everything for drawing.
func (m *model) touch() {
	for p := range m.drawn.dirty {
		m.drawn.dirty[p] = true
	}
}

func (m *model) now() time.Time { return m.env.now() }

// ages tells whether something on the screen changes with the clock alone.
func (m *model) ages() bool {
	if m.lay.small {
		return false
	}
	if m.snap.Incident != nil || len(m.jobs.running) > 0 || m.drawn.status.kind != sayNothing {
		return true
	}
	for i := range m.snap.Levers {
		if m.snap.Levers[i].Out {
			return true
		}
	}
	for i := range m.snap.Bursts {
		if m.snap.Bursts[i].Live() {
			return true
		}
	}
	for i := range m.snap.Controls {
		if !m.snap.Controls[i].ExpiresAt.IsZero() {
			return true
		}
	}
	_, plan := m.top().(*planDialog)
	return plan
}

package ui

import (
	"errors"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"signalbox/internal/desk"
)

// grown is the records with n newer ones before them.
func grown(lines []desk.RecordLine, n int) []desk.RecordLine {
	out := make([]desk.RecordLine, 0, len(lines)+n)
	for i := range n {
		l := lines[0]
		l.At, l.ID = at.Add(time.Duration(n-i)*time.Second), "new-"+itoa(i)
		out = append(out, l)
	}
	return append(out, lines...)
}

// answer plays what the log's command does with the desk's records.
func answer(m *model, lines []desk.RecordLine) {
	p := &m.log
	var sel *desk.RecordLine
	if !p.follow && p.cur < len(p.lines) {
		sel = &p.lines[p.cur]
	}
	var top time.Time
	if p.frozen {
		top = newest(p.lines)
	}
	msg := recordsMsg{gen: p.gen, page: desk.RecordPage{Lines: lines}}
	msg.fails, msg.at, msg.newer = survey(lines, sel, top)
	m.Update(msg)
}

func TestLogKeepsTheSelectedRecord(t *testing.T) {
	d := newFakeDesk(rich())
	m := console(t, d, 80, 24, Options{})
	answer(m, d.records)
	press(m, "3", "down", "down", "down")
	id := m.log.lines[m.log.cur].ID
	answer(m, grown(d.records, 5))
	if got := m.log.lines[m.log.cur].ID; got != id {
		t.Errorf("new records moved the cursor from %s to %s", id, got)
	}
	press(m, "home")
	answer(m, grown(d.records, 9))
	if m.log.cur != 0 || !m.log.follow {
		t.Errorf("home does not follow the newest: %d", m.log.cur)
	}
}

func TestLogFreezes(t *testing.T) {
	d := newFakeDesk(rich())
	m := console(t, d, 80, 24, Options{})
	answer(m, d.records)
	press(m, "3", "space")
	answer(m, grown(d.records, 7))
	if m.log.newer != 7 || len(m.log.lines) != len(d.records) {
		t.Errorf("%d new, %d shown", m.log.newer, len(m.log.lines))
	}
	if !strings.Contains(m.View().Content, "FROZEN 7 new") {
		t.Error("the title does not say so")
	}
	press(m, "space")
	answer(m, grown(d.records, 7))
	if len(m.log.lines) != len(d.records)+7 {
		t.Error("the log does not go on")
	}
}

func TestLogIgnoresLateAnswers(t *testing.T) {
	d := newFakeDesk(rich())
	m := console(t, d, 80, 24, Options{})
	answer(m, d.records)
	old := m.log.gen
	press(m, "2", "b") // another question
	m.Update(recordsMsg{gen: old, page: desk.RecordPage{Lines: grown(d.records, 1)}})
	if m.log.loaded {
		t.Error("an answer to an older question is shown")
	}
	m.Update(recordsMsg{gen: m.log.gen, err: errors.New("the desk has stopped")})
	if !strings.Contains(m.View().Content, "the desk has stopped") {
		t.Error("a failed question is not shown")
	}
}

func TestSearchAsksTheDesk(t *testing.T) {
	d := newFakeDesk(rich())
	m := console(t, d, 80, 24, Options{pause: atOnce})
	answer(m, d.records)
	press(m, "/")
	write(m, "!timeout")
	press(m, "enter")
	m.log.asking = false
	runAll(append(press(m, "3"), m.fillLog()))
	asked := d.asked()
	if len(asked) == 0 || asked[len(asked)-1].Text != "!timeout" || !asked[len(asked)-1].First {
		t.Fatalf("asked %+v", asked)
	}
	press(m, "/")
	if m.prompt.text.String() != "!timeout" {
		t.Error("the search does not recall its text")
	}
	press(m, "esc", "esc")
	if m.log.text != "" {
		t.Error("esc does not end the search")
	}
}

func TestErrorKeysJump(t *testing.T) {
	d := newFakeDesk(rich())
	lines := grown(d.records, 1)
	lines[0].Class = "none"
	m := console(t, d, 80, 24, Options{})
	answer(m, lines)
	press(m, "e")
	if m.focus != logID || m.log.cur != 1 {
		t.Errorf("e went to record %d in pane %d", m.log.cur, m.focus)
	}
	press(m, "e", "e", "E")
	if m.log.cur != 2 {
		t.Errorf("E went to record %d", m.log.cur)
	}
	press(m, "end", "e")
	if m.log.cur != len(lines)-1 {
		t.Error("e without a further error moved the cursor")
	}
}

// Kinds change places as they are counted: the selected one stays selected. A frozen log keeps the numbers that it shows.
func TestKindsOfFailure(t *testing.T) {
	d := newFakeDesk(rich())
	m := console(t, d, 120, 40, Options{})
	press(m, "3", "t", "t")
	runAll([]tea.Cmd{m.fillLog()})
	m.log.asking = false
	runAll([]tea.Cmd{m.fillLog()})
	if asked := d.asked(); len(asked) == 0 || !asked[len(asked)-1].Kinds {
		t.Fatalf("asked %+v", asked)
	}
	reset, refused := d.records[0], d.records[0]
	reset.Text, refused.Text = "upstream reset", "connection refused"
	load := func(n int, lines []desk.RecordLine, kinds ...desk.FailureKind) {
		msg := recordsMsg{gen: m.log.gen, page: desk.RecordPage{Lines: lines, Kinds: kinds, Sorted: n, Since: at}, at: -1}
		for i, k := range kinds {
			if m.log.cur < len(m.log.sorted.kinds) && m.log.sorted.kinds[m.log.cur].ID == k.ID {
				msg.at = i
			}
		}
		m.Update(msg)
	}
	load(70, []desk.RecordLine{reset, refused}, desk.FailureKind{ID: 1, N: 40, First: at, Places: 1}, desk.FailureKind{ID: 2, N: 30, First: at, Places: 3})
	press(m, "down")
	load(95, []desk.RecordLine{refused, reset}, desk.FailureKind{ID: 2, N: 54, First: at, Places: 3}, desk.FailureKind{ID: 1, N: 41, First: at, Places: 1})
	screen := shown(m)
	if got := m.log.lines[m.log.cur].Text; got != "connection refused" || !strings.Contains(screen, "54x ") || !strings.Contains(screen, "kinds of failure, 95 since") {
		t.Errorf("%s is selected on\n%s", got, screen)
	}
	press(m, "space")
	load(190, []desk.RecordLine{reset}, desk.FailureKind{ID: 1, N: 190, First: at, Places: 1})
	if screen := shown(m); !strings.Contains(screen, "54x ") || strings.Contains(screen, "190") {
		t.Errorf("the frozen log has gone on:\n%s", screen)
	}
	press(m, "enter")
	if screen := shown(m); !strings.Contains(screen, "54 of the newest 95 failures") || !strings.Contains(screen, "3 places") {
		t.Errorf("the page of a kind:\n%s", screen)
	}
}

func TestResumeIsOffered(t *testing.T) {
	s := calm()
	s.Resumable = []desk.ResumeView{{Run: "run-7", Text: "runbook 502/524 at step 3"}}
	d := newFakeDesk(s)
	m := console(t, d, 80, 24, Options{})
	press(m, "enter") // typed before it was drawn
	if len(m.jobs.running) != 0 {
		t.Fatal("a key that was typed before the question answered it")
	}
	armTop(m) // the grace period that the key began again
	if !strings.Contains(m.View().Content, "resume?") {
		t.Fatal("nothing is offered")
	}
	press(m, "enter")
	if len(m.jobs.running) != 1 || m.jobs.running[0].cmd != (desk.ResumeRun{ID: "run-7"}) {
		t.Errorf("sent %v", m.jobs.running)
	}
}

func TestCommandLine(t *testing.T) {
	for _, c := range []struct {
		text string
		want desk.Command
	}{
		{"note hello there", desk.AddNote{Text: "hello there"}},
		{"actor ben", desk.SetActor{Name: "ben"}},
		{"incident it burns", desk.OpenIncident{Title: "it burns"}},
		{"close it is over", desk.CloseIncident{Reason: "it is over"}},
		{"export md", desk.Export{Format: "md"}},
		{"run llm-5xx", desk.StartRun{Book: "llm-5xx", Burst: "b-1"}},
		{"jump verify", desk.StepJump{Slug: "verify"}},
		{"readback", desk.ReadBack{}},
		{"j verify", desk.StepJump{Slug: "verify"}},
		{"note", nil},
		{"ex md", nil},
		{"nonsense", nil},
		{"run nothing", nil},
		{"extend forever", nil},
	} {
		m := console(t, newFakeDesk(rich()), 80, 24, Options{})
		press(m, ":")
		write(m, c.text)
		press(m, "enter")
		switch {
		case c.want == nil && len(m.jobs.running) != 0:
			t.Errorf("%q sent %v", c.text, m.jobs.running[0].cmd)
		case c.want == nil && m.drawn.status.text == "":
			t.Errorf("%q says nothing", c.text)
		case c.want != nil && (len(m.jobs.running) != 1 || jsonOf(m.jobs.running[0].cmd) != jsonOf(c.want)):
			t.Errorf("%q sent %v", c.text, m.jobs.running)
		}
	}
	m := console(t, newFakeDesk(rich()), 80, 24, Options{})
	press(m, ":")
	write(m, "ju")
	press(m, "tab")
	write(m, "ver")
	press(m, "tab")
	if got := m.prompt.text.String(); got != "jump verify" {
		t.Errorf("completed to %q", got)
	}
}

func TestWrap(t *testing.T) {
	for _, c := range []struct {
		text string
		n    int
		want string
	}{
		{"one two three", 7, "one two|three"},
		{"", 5, ""},
		{"abcdefghij", 4, "abcd|efgh|ij"},
		{"a\nb", 9, "a|b"},
		{"  indented words go on", 12, "  indented|  words go|  on"},
		{"表示表示", 4, "表示|表示"},
		{"x\x1b[31my", 20, `x\x1b[31my`},
	} {
		if got := strings.Join(wrap(c.text, c.n), "|"); got != c.want {
			t.Errorf("wrap(%q, %d) = %q", c.text, c.n, got)
		}
	}
}

func TestGist(t *testing.T) {
	for text, want := range map[string]string{
		"<html> <head><title>502 Bad Gateway</title></head><body>nginx</body>": "502 Bad Gateway nginx",
		"plain text < 5":       "plain text < 5",
		"<unfinished":          "<unfinished",
		"<b>a <i>b</i> c <cut": "a b c",
	} {
		if got := gist(text); got != want {
			t.Errorf("gist(%q) = %q", text, got)
		}
	}
}

func TestWords(t *testing.T) {
	for got, want := range map[string]string{
		percent(0): "0%", percent(0.0004): "<.1%", percent(0.004): "0.4%", percent(0.381): "38%", percent(0.9999): "99%", percent(1): "100%",
		short(0): "0s", short(61 * time.Second): "1m", short(3*time.Hour + 5*time.Minute): "3h05m", short(72 * time.Hour): "3d",
		countdown(0): "00:00", countdown(14*time.Minute + 59*time.Second): "14:59", countdown(time.Hour + 62*time.Second): "1:01:02",
		count(812): "812", count(91822): "91k", count(2_500_000): "2.5M",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestSearchShowsHowFarItIs(t *testing.T) {
	d := newFakeDesk(rich())
	m := console(t, d, 200, 60, Options{})
	answer(m, d.records)
	press(m, "3", "z", "/")
	write(m, "reset")
	press(m, "enter")
	next := new(desk.RecordSearch)
	m.Update(recordsMsg{gen: m.log.gen, page: desk.RecordPage{Looked: 400_000, Of: 1_000_000, More: true, Next: next}})
	if !strings.Contains(m.View().Content, "so far: searched 400k of 1.0M") {
		t.Error("an answer in part does not say so")
	}
	if !m.log.asking {
		t.Fatal("nothing asks for the rest")
	}
	m.Update(recordsMsg{gen: m.log.gen, page: desk.RecordPage{Lines: d.records, Looked: 600_000, Of: 1_000_000, More: true, LetGo: 12_345, Next: next}})
	if c := m.View().Content; !strings.Contains(c, "searched 600k of 1.0M") || !strings.Contains(c, "raw lines of 12k successes let go") {
		t.Errorf("the title tells of one at most:\n%s", c)
	}
	m.Update(recordsMsg{gen: m.log.gen, page: desk.RecordPage{Lines: d.records, Looked: 1_000_000, Of: 1_000_000, Next: next}})
	if strings.Contains(m.View().Content, "searched") {
		t.Error("a search that has ended still says how far it is")
	}
}

func TestAnotherSearchEndsTheOneUnderWay(t *testing.T) {
	d := newFakeDesk(rich())
	m := console(t, d, 80, 24, Options{})
	answer(m, d.records)
	press(m, "3")
	m.log.asking = false
	m.search("one")
	if m.log.cancel == nil || !m.log.asking {
		t.Fatal("nothing is asked")
	}
	old, stop, ended := m.log.gen, m.log.cancel, false
	m.log.cancel = func() { stop(); ended = true }
	m.search("two")
	if !ended {
		t.Fatal("the first search goes on")
	}
	m.Update(recordsMsg{gen: old, page: desk.RecordPage{Lines: d.records, Next: new(desk.RecordSearch)}})
	if m.log.found.Next != nil {
		t.Error("the second search goes on where the first one ended")
	}
}

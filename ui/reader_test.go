package ui

import (
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"signalbox/internal/desk"
	"signalbox/runbook"
)

// library is what the fixture's runbooks say.
func library() []*runbook.Book {
	armed := `---
runbook: v1
id: llm-5xx
title: 502/524 on one model in one region
match: count{code in (502, 524)} over 2m > 10
vars:
  deployment: {type: deployment, from: burst.deployment, prompt: "which deployment?"}
scope: {deployment: $deployment}
---
# 502/524 on one model in one region

## Meaning

One model fails while its **neighbours** are well. What it is not: see [who to call](house-rules.md#at-night), or
[the page of the provider](https://status.example.com/a/very/long/path/that/does/not/fit/on/a/line/of/eighty/columns/at/all).

| Code | What happened | What it tells you |
| --- | --- | --- |
| 502 | no valid answer | the front door is up, and the model behind it is not: try the neighbouring region before anything else |
| 524 | silence | slow |

## 1. Confirm scope

### Scope

Look at {{deployment}}: one red cell?

` + "```check\nname: it fails\nthat: error_rate over 2m > 5%\n```\n\n```branch\n- when: error_rate{deployment!=$deployment} over 5m > 5%\n  goto: cap\n- else: next\n```" + `

## Cap

A cap keeps retries from eating the queue.

` + "```action\ndo: cap.set\nset: 4\nttl: 15m\nwhy: room to drain\ncost: users wait\nverify: error_rate over 1m < 5% within 5m\n```" + `

1. Read the ` + "`Retry-After`" + ` header.
2. Go back [to the scope](#scope).

` + "```sh\ncurl -s <gateway>/controls | jq .\n```\n"
	plainText := "# Who to call\n\n## By day\n\nThe team's channel.\n\n## At night\n\n- [ ] Page the owner, then [go on](llm-5xx.md#cap).\n"
	var all []*runbook.Book
	for name, src := range map[string]string{"llm-5xx.md": armed, "house-rules.md": plainText} {
		b, err := runbook.Parse(name, []byte(src))
		if err != nil {
			panic(err)
		}
		all = append(all, b)
	}
	return all
}

func readerText(m *model) string { return ansi.Strip(m.View().Content) }

// Links and headings open inside, with a way back to where one was; the run does not move.
func TestReaderFollowsLinksAndComesBack(t *testing.T) {
	for _, size := range []struct{ w, h int }{{60, 15}, {80, 24}, {120, 40}} {
		d := newFakeDesk(rich())
		m := console(t, d, size.w, size.h, Options{})
		see := func(after, want string) {
			t.Helper()
			checkScreen(t, m)
			if text := readerText(m); !strings.Contains(text, want) {
				t.Fatalf("%dx%d: after %s there is no %q:\n%s", size.w, size.h, after, want, text)
			}
		}
		press(m, "4", "t")
		see("t", "## Cap")
		press(m, "g", "tab")
		see("tab", "link 1 of 3: house-rules.md#at-night")
		press(m, "enter")
		see("enter", "1 place back")
		see("enter", "## At night")
		press(m, "tab", "enter")
		see("a link of the other book", "2 places back")
		see("a link of the other book", "## Cap")
		press(m, "backspace", "backspace")
		see("back", "One model fails")
		press(m, "tab", "tab", "enter")
		see("a link to the web", "copied the link")
		press(m, "c", "down", "down", "enter")
		see("a heading", "1 place back")
		press(m, "esc")
		if m.top() != nil || len(d.sent()) > 0 {
			t.Errorf("%dx%d: %v is open, %v was sent", size.w, size.h, m.top(), d.sent())
		}
	}
}

// A book that is not loaded any more, and a run whose book is not there, end in words.
func TestReaderWithoutABook(t *testing.T) {
	s := rich()
	d := newFakeDesk(s)
	m := console(t, d, 80, 24, Options{})
	press(m, "4", "t")
	gone := *s
	gone.Library = nil
	m.adopt(&gone)
	m.paint()
	if text := readerText(m); !strings.Contains(text, "not loaded any more") {
		t.Errorf("no word of it:\n%s", text)
	}
	press(m, "tab", "enter", "c", "backspace", "t")
	checkScreen(t, m)
	if m.top() != nil || m.drawn.status.kind != sayHint {
		t.Errorf("open %v, said %v", m.top(), m.drawn.status)
	}
}

// What a link or a heading says is drawn safely, however long and whatever is in it.
func TestProseIsAsWideAsItsFrame(t *testing.T) {
	src := "# T\n\n- a **" + strings.Repeat("wide", 60) + "** b [" + strings.Repeat("x", 200) + "](y.md), `c`.\n\n" +
		"| a | b |\n| --- | --- |\n| " + strings.Repeat("cell ", 60) + " | " + strings.Repeat("数", 90) + " |\n\nline one<br>line &#27;[31mtwo\n"
	b, err := runbook.Parse("t.md", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range []int{20, 41, 80} {
		var links []textLink
		p := &prose{f: frame{th: newTheme("mono", false), snap: &desk.Snapshot{}, w: w, h: 20}, links: &links, at: 0}
		bookLines(p, b, runbook.Walk{})
		for _, l := range p.out {
			if got := ansi.StringWidth(l); got != w {
				t.Errorf("width %d instead of %d: %q", got, w, l)
			}
			if strings.Contains(ansi.Strip(l), "\x1b") || strings.Contains(l, "\x1b[31m") {
				t.Errorf("an escape reached the screen: %q", l)
			}
		}
		if len(links) != 1 || links[0].href != "y.md" || links[0].row == 0 {
			t.Errorf("links %+v", links)
		}
	}
}

// Optional fields are asked for where a step names them, and nowhere else.
func TestOpenFieldsOfTheStep(t *testing.T) {
	r := run()
	r.Fields = []desk.FieldView{{Name: "gateway", Prompt: "which?", Optional: true}}
	if x := openField(r); x != nil {
		t.Errorf("asks for %s, which the step does not name", x.Name)
	}
	r.Steps[r.Current].Step.Prose[2].Commands[0].Placeholders = []runbook.Placeholder{{Name: "gateway", Text: "<gateway>"}}
	if x := openField(r); x == nil || x.Name != "gateway" {
		t.Error("a command of the step wants the gateway, and nobody asks for it")
	}
}

// Several commands are copied one at a time.
func TestCopyOneOfSeveralCommands(t *testing.T) {
	s := rich()
	code := &s.Run.Steps[s.Run.Current].Step.Prose[2]
	code.Commands = append(code.Commands, runbook.Command{Text: "jq . <<EOF\nx\nEOF"})
	m := console(t, newFakeDesk(s), 80, 24, Options{})
	press(m, "4", "y", "down")
	cmds := press(m, "enter")
	if len(cmds) != 1 || cmds[0] == nil || !strings.Contains(readerText(m), "copied the command") {
		t.Errorf("nothing was copied:\n%s", readerText(m))
	}
}

// The list of steps says how earlier ones ended, and reads one.
func TestStepsSayHowTheyEnded(t *testing.T) {
	m := console(t, newFakeDesk(rich()), 80, 24, Options{})
	press(m, "4", "w")
	if text := readerText(m); !strings.Contains(text, "page is down") || !strings.Contains(text, "skipped") {
		t.Errorf("the list:\n%s", text)
	}
	press(m, "enter")
	if m.reading() == nil {
		t.Errorf("enter does not read the step:\n%s", readerText(m))
	}
}

// A probe is sent after one y, for the step that is on the screen; one that cannot be sent says why and is passed.
func TestProbeOfAStep(t *testing.T) {
	s := rich()
	s.Run.Fields = nil
	now := &s.Run.Steps[s.Run.Current]
	now.Step.Blocks = []runbook.Block{{Kind: runbook.KindProbe, Probe: &runbook.Probe{Name: "rehearsal", Why: "the fallback must know our parameters"}}}
	now.Blocks = []desk.BlockView{{Action: "probe of claude-sonnet at eu", Truth: desk.CheckUnknown}}
	d := newFakeDesk(s)
	m := console(t, d, 80, 24, Options{})
	press(m, "4")
	if text := readerText(m); !strings.Contains(text, "* PROBE") || !strings.Contains(text, "send the probe of claude-sonnet") {
		t.Errorf("the pane:\n%s", text)
	}
	press(m, "enter", "x")
	m.pendingAnswers()
	if len(d.sent()) > 0 {
		t.Errorf("sent without a yes: %v", d.sent())
	}
	press(m, "enter", "y")
	m.pendingAnswers()
	if sent := d.sent(); len(sent) != 1 || sent[0] != (desk.ProbeStep{Step: now.Step.Slug}) {
		t.Errorf("sent %v", sent)
	}
	now.Step.Blocks[0].Probe.Model = "$fallback"
	s.Run.Fields = []desk.FieldView{{Name: "fallback", Prompt: "which?", Optional: true}}
	m.touch()
	m.paint()
	if text := readerText(m); !strings.Contains(text, "fill fallback") {
		t.Errorf("nobody asks for the model of the probe:\n%s", text)
	}
	s.Run.Fields[0].Value = "claude-sonnet"
	now.Blocks[0].State, now.Blocks[0].Truth, now.Blocks[0].Text = "answered", desk.CheckFalse, "auth: 401 in 80ms"
	m.touch()
	m.paint()
	if text := readerText(m); !strings.Contains(text, "rehearsal: auth: 401 in 80ms") || !strings.Contains(text, "mark the step done") {
		t.Errorf("after the answer:\n%s", text)
	}
	now.Blocks[0] = desk.BlockView{Action: "probe of claude-sonnet", Disabled: "no endpoint is configured", Truth: desk.CheckUnknown}
	m.touch()
	m.paint()
	if text := readerText(m); !strings.Contains(text, "no endpoint is configured") || !strings.Contains(text, "mark the step done") {
		t.Errorf("without an endpoint:\n%s", text)
	}
}

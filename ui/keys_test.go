package ui

import (
	"strings"
	"testing"

	"signalbox/internal/desk"
)

func TestBindingsAreUnambiguous(t *testing.T) {
	seen := map[string]bool{}
	for _, b := range bindings() {
		if b.help == "" {
			t.Errorf("%s %v has no help", b.mode, b.keys)
		}
		if b.act == nil || len(b.keys) == 0 {
			t.Errorf("%s %q does nothing", b.mode, b.help)
		}
		for _, k := range b.keys {
			if seen[string(b.mode)+" "+k] {
				t.Errorf("%s: %q is bound twice", b.mode, k)
			}
			seen[string(b.mode)+" "+k] = true
		}
	}
	for _, md := range paneModes[1:] { // a pane takes no key away from everywhere
		for key := range newKeymap().index[md] {
			if seen[string(modeAnywhere)+" "+key] {
				t.Errorf("%s takes %q away from everywhere", md, key)
			}
		}
	}
}

func TestDangerIsNeverOnEnterAlone(t *testing.T) {
	for _, b := range bindings() {
		for _, k := range b.keys {
			if b.danger && k == "enter" && b.mode != modeTyped {
				t.Errorf("%s: enter acts on a gateway", b.mode)
			}
		}
	}
	d := newFakeDesk(rich())
	m := console(t, d, 80, 24, Options{})
	press(m, "4", "enter")
	p := typedPlan()
	m.Update(doneMsg{m.jobs.next, planResult(p), nil})
	armTop(m)
	press(m, "enter")
	write(m, "gpt-4o@eu-wes")
	press(m, "enter")
	if n := len(m.jobs.running); n != 0 {
		t.Fatalf("enter sent %v before the phrase was typed", m.jobs.running)
	}
	write(m, "t")
	press(m, "enter")
	if n := len(m.jobs.running); n != 1 {
		t.Fatalf("%d commands after the phrase", n)
	}
	if c := m.jobs.running[0].cmd; c != (desk.Throw{Plan: "plan-1", Typed: "gpt-4o@eu-west"}) {
		t.Errorf("sent %#v", c)
	}
}

// TestDesignKeys keeps the keys that the documentation promises.
func TestDesignKeys(t *testing.T) {
	k := newKeymap()
	for _, key := range strings.Fields("tab 1 2 3 4 5 6 up down left right h j k l esc r c p f u i m x e E b B / n N space z y Y : ? q ctrl+c ctrl+z") {
		if k.find(modeAnywhere, key) == nil {
			t.Errorf("%q is not bound", key)
		}
	}
	for _, md := range paneModes[1:] {
		if k.find(md, "enter") == nil {
			t.Errorf("enter does nothing in %s", md)
		}
	}
}

// TestHintsAreKeys plays all screens: every key that a hint names does something there.
func TestHintsAreKeys(t *testing.T) {
	for _, s := range screens {
		for _, focus := range []string{"", "1", "2", "3", "4", "5", "6"} {
			m, d := playScreen(t, s.calm, 120, 40, s.opt)
			if focus != "" {
				press(m, focus)
			}
			if s.play != nil {
				s.play(m, d)
			}
			if m.prompt != nil {
				continue
			}
			hs := m.hints()
			if len(hs) == 0 {
				t.Errorf("%s, focus %s: no hint", s.name, focus)
			}
			for _, h := range hs {
				b := m.env.keys.find(paneModes[m.focus], h.key)
				if b == nil {
					b = m.env.keys.find(modeAnywhere, h.key)
				}
				if top := m.top(); top != nil {
					b = m.env.keys.find(top.mode(), h.key)
				}
				if b == nil {
					t.Errorf("%s, focus %s: the hint %q is no key", s.name, focus, h.key)
					continue
				}
				if b.why != nil {
					if why := b.why(m); why != "" && b.mode != modePlan && b.mode != modeTyped {
						t.Errorf("%s, focus %s: the hint %q is disabled: %s", s.name, focus, h.key, why)
					}
				}
			}
		}
	}
}

func TestKeysMarkdownNamesEveryKey(t *testing.T) {
	doc := KeysMarkdown()
	for _, k := range Keys() {
		for _, key := range strings.Fields(k.Keys) {
			if !strings.Contains(doc, "`"+key+"`") {
				t.Errorf("%q is missing", key)
			}
		}
		if !strings.Contains(doc, k.Help) {
			t.Errorf("%q is missing", k.Help)
		}
	}
}

// TestInputBlocksKeys types text full of commands into inputs: nothing but the input changes.
func TestInputBlocksKeys(t *testing.T) {
	for _, open := range [][]string{{"m"}, {":"}, {"/"}, {"b", "c"}, {"i"}} {
		d := newFakeDesk(calmWithBurst())
		m := console(t, d, 80, 24, Options{})
		press(m, open...)
		focus, zoom := m.focus, m.zoom
		write(m, "qucpfrxyYzi123")
		if m.focus != focus || m.zoom != zoom || len(m.jobs.running) != 0 {
			t.Errorf("%v: a letter reached the console: focus %d, jobs %v", open, m.focus, m.jobs.running)
		}
		if m.prompt == nil && m.top() == nil {
			t.Errorf("%v: the input is gone", open)
		}
	}
}

func calmWithBurst() *desk.Snapshot {
	s := rich()
	s.Incident, s.Levers = nil, nil
	return s
}

package ui

import tea "charm.land/bubbletea/v2"

// bindings is the table. A key stands once in a mode; what acts on a gateway is never on enter.
func bindings() []binding {
	var all []binding
	for _, part := range [][]binding{
		anywhereKeys(), moveKeys(), paneKeys(), planKeys(), dialogKeys(), readerKeys(),
	} {
		all = append(all, part...)
	}
	return all
}

func anywhereKeys() []binding {
	a := modeAnywhere
	list := []binding{
		{mode: a, keys: []string{"tab"}, help: "next pane", act: func(m *model) tea.Cmd { return m.look(m.focus%(paneCount-1) + 1) }},
		{mode: a, keys: []string{"shift+tab"}, help: "previous pane", act: func(m *model) tea.Cmd { return m.look((m.focus+paneCount-3)%(paneCount-1) + 1) }},
	}
	for p := gridID; p < paneCount; p++ {
		list = append(list, binding{
			mode: a, keys: []string{itoa(int(p))}, help: "the " + paneNames[p] + " pane",
			act: func(m *model) tea.Cmd { return m.look(p) },
		})
	}
	return append(list,
		binding{mode: a, keys: []string{"r"}, help: "start a runbook, or go to the one that runs", act: (*model).runbookKey},
		binding{mode: a, keys: []string{"c"}, help: "cap concurrency: a form, then the plan, then a confirmation", why: (*model).whyNoLever, act: (*model).capKey},
		binding{mode: a, keys: []string{"p"}, help: "pause batch: a form, then the plan, then a confirmation", why: (*model).whyNoLever, act: (*model).pauseKey},
		binding{mode: a, keys: []string{"f"}, help: "switch fallback on: a form, then the plan, then a confirmation", why: (*model).whyNoLever, act: (*model).fallbackKey},
		binding{mode: a, keys: []string{"u"}, help: "undo a lever: the plan, then a confirmation", why: (*model).whyNoUndo, act: (*model).undoKey},
		binding{mode: a, keys: []string{"i"}, help: "open an incident, or close the open one", act: (*model).incidentKey},
		binding{mode: a, keys: []string{"m"}, help: "write a note into the record", act: (*model).noteKey},
		binding{mode: a, keys: []string{"x"}, help: "export the incident's timeline", act: (*model).exportKey},
		binding{mode: a, keys: []string{"e"}, help: "next error in the log", act: func(m *model) tea.Cmd { return m.errorKey(+1) }},
		binding{mode: a, keys: []string{"E"}, help: "previous error in the log", act: func(m *model) tea.Cmd { return m.errorKey(-1) }},
		binding{mode: a, keys: []string{"b"}, help: "next burst", act: func(m *model) tea.Cmd { return m.burstKey(+1) }},
		binding{mode: a, keys: []string{"B"}, help: "previous burst", act: func(m *model) tea.Cmd { return m.burstKey(-1) }},
		binding{mode: a, keys: []string{"a"}, help: "look at all traffic: let go of the selected cell or burst", act: func(m *model) tea.Cmd { return m.about(subject{}) }},
		binding{mode: a, keys: []string{"/"}, help: "search the log; `!` in front inverts", act: (*model).searchKey},
		binding{mode: a, keys: []string{"n"}, help: "next match, or next record", act: func(m *model) tea.Cmd { return m.matchKey(+1) }},
		binding{mode: a, keys: []string{"N"}, help: "previous match, or previous record", act: func(m *model) tea.Cmd { return m.matchKey(-1) }},
		binding{mode: a, keys: []string{"space"}, help: "freeze the log; what comes in is counted and kept", act: (*model).freezeKey},
		binding{mode: a, keys: []string{"R"}, help: "resume what an earlier console left open", act: (*model).resumeKey},
		binding{mode: a, keys: []string{"z"}, help: "full screen for the pane, and back", act: (*model).zoomKey},
		binding{mode: a, keys: []string{"y"}, help: "copy what is selected", act: (*model).copyKey},
		binding{mode: a, keys: []string{"Y"}, help: "copy a status line for chat", act: (*model).copyStatusKey},
		binding{mode: a, keys: []string{":"}, help: "command line", act: (*model).commandKey},
		binding{mode: a, keys: []string{"?"}, help: "this help", act: (*model).helpKey},
		binding{mode: a, keys: []string{"!"}, help: "all that is wrong or odd, and how each source is", act: (*model).findingsKey},
		binding{mode: a, keys: []string{"esc"}, help: "back: end the search, leave full screen, let go of the selection", act: (*model).backKey},
		binding{mode: a, keys: []string{"q"}, help: "quit; asks while a lever is out", act: (*model).leave},
		binding{mode: a, keys: []string{"ctrl+c"}, help: "quit the same way; a second time quits at once", act: (*model).interrupt},
		binding{mode: a, keys: []string{"ctrl+z"}, help: "suspend; fg comes back", act: func(*model) tea.Cmd { return tea.Suspend }},
	)
}

// moveKeys are the same in every pane; the pane decides what moves.
func moveKeys() []binding {
	a := modeAnywhere
	by := func(d move) func(*model) tea.Cmd { return func(m *model) tea.Cmd { return m.moveKey(d) } }
	return []binding{
		{mode: a, keys: []string{"up", "k"}, help: "up", act: by(moveUp)},
		{mode: a, keys: []string{"down", "j"}, help: "down", act: by(moveDown)},
		{mode: a, keys: []string{"left", "h"}, help: "left", act: by(moveLeft)},
		{mode: a, keys: []string{"right", "l"}, help: "right", act: by(moveRight)},
		{mode: a, keys: []string{"pgup", "ctrl+u"}, help: "a page up", act: by(movePageUp)},
		{mode: a, keys: []string{"pgdown", "ctrl+d"}, help: "a page down", act: by(movePageDown)},
		{mode: a, keys: []string{"home", "g"}, help: "the first", act: by(moveHome)},
		{mode: a, keys: []string{"end", "G"}, help: "the last; log and timeline follow again", act: by(moveEnd)},
	}
}

func paneKeys() []binding {
	return []binding{
		{mode: modeGrid, keys: []string{"enter"}, help: "show the cell's records", act: (*model).cellEnter},
		{mode: modeGrid, keys: []string{"w"}, help: "what could be thrown for it: every lever that reaches it, and why others cannot be thrown", act: (*model).reachKey},
		{mode: modeBursts, keys: []string{"enter"}, help: "everything about the burst", act: (*model).burstEnter},
		{mode: modeBursts, keys: []string{"w"}, help: "what could be thrown for it: every lever that reaches it, and why others cannot be thrown", act: (*model).reachKey},
		{mode: modeLog, keys: []string{"enter"}, help: "everything about the record", act: (*model).recordEnter},
		{mode: modeLog, keys: []string{"t"}, help: "order: failures first, failures only, each kind of failure once with its count, by time", act: (*model).logOrderKey},
		{mode: modeBook, keys: []string{"enter"}, help: "the obvious next thing: fill a field, answer, plan the action, mark the step done, or start the offered runbook", act: (*model).stepEnter},
		{mode: modeBook, keys: []string{"d"}, help: "mark the step done", why: (*model).whyNoRun, act: (*model).stepDone},
		{mode: modeBook, keys: []string{"s"}, help: "skip the step; asks for a reason", why: (*model).whyNoRun, act: (*model).stepSkip},
		{mode: modeBook, keys: []string{"backspace"}, help: "one step back", why: (*model).whyNoRun, act: (*model).stepBack},
		{mode: modeBook, keys: []string{"]"}, help: "next block of the step", why: (*model).whyNoRun, act: func(m *model) tea.Cmd { return m.blockKey(+1) }},
		{mode: modeBook, keys: []string{"["}, help: "previous block of the step", why: (*model).whyNoRun, act: func(m *model) tea.Cmd { return m.blockKey(-1) }},
		{mode: modeBook, keys: []string{"v"}, help: "fill or change a field of the run", why: (*model).whyNoRun, act: (*model).fieldKey},
		{mode: modeBook, keys: []string{"w"}, help: "all steps of the run: how they ended, what is next; enter reads one", why: (*model).whyNoRun, act: (*model).stepsKey},
		{mode: modeBook, keys: []string{"t"}, help: "read the whole runbook, with its headings and links", act: (*model).readKey},
		{mode: modeBook, keys: []string{"T"}, help: "what changed in the runbook's file; takes it for this run", why: (*model).whyNotNewer, act: (*model).newerKey},
		{mode: modeBook, keys: []string{"o"}, help: "choose another runbook", act: (*model).offersKey},
		{mode: modeBook, keys: []string{"W"}, help: "the open runbooks of this incident; goes to another one", why: (*model).whyNoRuns, act: (*model).runsKey},
		{mode: modeBook, keys: []string{"A"}, help: "end the run; asks for each of its levers that is still out: take it back, or keep it", why: (*model).whyNoRun, act: (*model).abortKey},
		{mode: modeLevers, keys: []string{"enter"}, help: "everything about the lever; of what could be thrown: plan it, or why not", act: (*model).leverEnter},
		{mode: modeLevers, keys: []string{"w"}, help: "what could be thrown for the selected cell or burst, and back to what was thrown", act: (*model).reachKey},
		{mode: modeLevers, keys: []string{"+"}, help: "move the deadline of the lever", danger: true, why: (*model).whyNoUndo, act: (*model).extendKey},
		{mode: modeLevers, keys: []string{"t"}, help: "rehearse a fallback: a form, then small requests, and what its target refuses", why: (*model).whyNoRehearsal, act: (*model).rehearseKey},
		{mode: modeLevers, keys: []string{"v"}, help: "read the gateways again now", act: (*model).readBackKey},
		{mode: modeTimeline, keys: []string{"enter"}, help: "the whole entry", act: (*model).eventEnter},
	}
}

// planKeys are those of the confirmation. Any other key declines a plain one.
func planKeys() []binding {
	list := []binding{
		{mode: modePlan, keys: []string{"y"}, help: "confirm: send exactly what is shown", danger: true, why: (*model).whyNotThrow, act: (*model).throwPlain},
		{mode: modePlan, keys: []string{"p"}, help: "plan again, from a fresh read", act: (*model).replan},
		{mode: modePlan, keys: []string{"t"}, help: "rehearse what would get the requests: small requests, and the dialog stays", why: (*model).whyNotTry, act: (*model).tryKey},
		{mode: modePlan, keys: []string{"n", "esc"}, help: "decline; so does every other key", act: (*model).declineTop},
		{mode: modeTyped, keys: []string{"enter"}, help: "confirm, once the phrase is typed; before that it does nothing", danger: true, why: (*model).whyNotThrow, act: (*model).throwTyped},
		{mode: modeTyped, keys: []string{"ctrl+p"}, help: "plan again, from a fresh read", act: (*model).replan},
		{mode: modeTyped, keys: []string{"ctrl+t"}, help: "rehearse what would get the requests: small requests, and the dialog stays", why: (*model).whyNotTry, act: (*model).tryKey},
		{mode: modeTyped, keys: []string{"esc"}, help: "decline", act: (*model).declineTop},
	}
	for _, md := range []mode{modePlan, modeTyped} {
		list = append(list, scrollKeys(md)...)
	}
	return list
}

// scrollKeys move the text of a dialog. A dialog with an input gets no letters.
func scrollKeys(md mode) []binding {
	by := func(n int) func(*model) tea.Cmd { return func(m *model) tea.Cmd { m.scrollTop(n); return nil } }
	list := []binding{
		{mode: md, keys: []string{"up"}, help: "scroll up", act: by(-1)},
		{mode: md, keys: []string{"down"}, help: "scroll down", act: by(1)},
		{mode: md, keys: []string{"pgup"}, help: "scroll a page up", act: by(-10)},
		{mode: md, keys: []string{"pgdown"}, help: "scroll a page down", act: by(10)},
	}
	if md == modePage {
		list[0].keys = append(list[0].keys, "k")
		list[1].keys = append(list[1].keys, "j")
		list[3].keys = append(list[3].keys, "space")
	}
	return list
}

func dialogKeys() []binding {
	list := scrollKeys(modePage)
	list = append(list,
		binding{mode: modePage, keys: []string{"y"}, help: "copy the text", act: (*model).copyPage},
		binding{mode: modePage, keys: []string{"esc", "enter", "q", "?"}, help: "close", act: (*model).closeTop},

		binding{mode: modeForm, keys: []string{"tab", "down"}, help: "next field", act: func(m *model) tea.Cmd { return m.formMove(+1) }},
		binding{mode: modeForm, keys: []string{"shift+tab", "up"}, help: "previous field", act: func(m *model) tea.Cmd { return m.formMove(-1) }},
		binding{mode: modeForm, keys: []string{"ctrl+n"}, help: "next allowed value", act: func(m *model) tea.Cmd { return m.formCycle(+1) }},
		binding{mode: modeForm, keys: []string{"ctrl+p"}, help: "previous allowed value", act: func(m *model) tea.Cmd { return m.formCycle(-1) }},
		binding{mode: modeForm, keys: []string{"enter"}, help: "next field, and from the last one: done", act: (*model).formEnter},
		binding{mode: modeForm, keys: []string{"esc"}, help: "leave the form", act: (*model).closeTop},

		binding{mode: modeChoice, keys: []string{"up", "k"}, help: "up", act: func(m *model) tea.Cmd { return m.choiceMove(-1) }},
		binding{mode: modeChoice, keys: []string{"down", "j"}, help: "down", act: func(m *model) tea.Cmd { return m.choiceMove(+1) }},
		binding{mode: modeChoice, keys: []string{"enter"}, help: "take the selected one", act: (*model).choiceEnter},
		binding{mode: modeChoice, keys: []string{"esc", "q"}, help: "leave", act: (*model).closeTop},

		binding{mode: modeSure, keys: []string{"y"}, help: "yes", danger: true, act: (*model).sureYes},
		binding{mode: modeSure, keys: []string{"esc", "n"}, help: "no; so does every other key", act: (*model).closeTop},

		binding{mode: modeLeave, keys: []string{"y"}, help: "leave; what is out stays out", act: (*model).leaveNow},
		binding{mode: modeLeave, keys: []string{"u"}, help: "stay, and undo a lever", act: (*model).leaveUndo},
		binding{mode: modeLeave, keys: []string{"esc", "n"}, help: "stay; so does every other key", act: (*model).closeTop},

		binding{mode: modePrompt, keys: []string{"enter"}, help: "do it", act: (*model).promptEnter},
		binding{mode: modePrompt, keys: []string{"esc"}, help: "leave", act: (*model).promptLeave},
		binding{mode: modePrompt, keys: []string{"tab"}, help: "complete the word", act: (*model).promptComplete},
		binding{mode: modePrompt, keys: []string{"up"}, help: "what was typed here before", act: (*model).promptRecall},
	)
	return list
}

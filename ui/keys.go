package ui

import (
	"strings"

	tea "charm.land/bubbletea/v2"
)

// mode says who gets the keys.
type mode string

// The modes. The first six are the panes; a pane's keys go before those of everywhere.
const (
	modeAnywhere mode = "anywhere"
	modeGrid     mode = "grid"
	modeBursts   mode = "bursts"
	modeLog      mode = "log"
	modeBook     mode = "runbook"
	modeLevers   mode = "levers"
	modeTimeline mode = "timeline"
	modePlan     mode = "plan"
	modeTyped    mode = "plan, typed"
	modeForm     mode = "form"
	modeChoice   mode = "choice"
	modePage     mode = "page"
	modeReader   mode = "reader"
	modeSure     mode = "question"
	modeLeave    mode = "leave"
	modePrompt   mode = "prompt"
)

var paneModes = [paneCount]mode{"", modeGrid, modeBursts, modeLog, modeBook, modeLevers, modeTimeline}

// binding is one entry of the table that feeds dispatch, help and documentation.
type binding struct {
	mode   mode
	keys   []string
	help   string
	danger bool                 // it sends something to a gateway
	why    func(*model) string  // why it cannot act now; empty: it can
	act    func(*model) tea.Cmd // what it does
}

// keymap finds the binding of a key in a mode.
type keymap struct {
	table []binding
	index map[mode]map[string]*binding
}

func newKeymap() *keymap {
	k := &keymap{table: bindings(), index: map[mode]map[string]*binding{}}
	for i := range k.table {
		b := &k.table[i]
		if k.index[b.mode] == nil {
			k.index[b.mode] = map[string]*binding{}
		}
		for _, key := range b.keys {
			k.index[b.mode][key] = b
		}
	}
	return k
}

func (k *keymap) find(md mode, key string) *binding { return k.index[md][key] }

// key routes one key: the top dialog first, then the prompt, then the focused pane, then everywhere.
func (m *model) key(msg tea.KeyPressMsg) tea.Cmd {
	name := msg.String()
	if m.lay.small && name != "ctrl+c" && name != "ctrl+z" {
		if name == "q" {
			return m.leave()
		}
		return nil
	}
	if d := m.top(); d != nil {
		return m.dialogKey(d, msg)
	}
	if m.prompt != nil {
		return m.promptKey(msg)
	}
	b := m.env.keys.find(paneModes[m.focus], name)
	if b == nil {
		b = m.env.keys.find(modeAnywhere, name)
	}
	if b == nil {
		return nil
	}
	return m.perform(b)
}

// perform does what a binding says, or says why not.
func (m *model) perform(b *binding) tea.Cmd {
	if b.why != nil {
		if why := b.why(m); why != "" {
			m.say(sayRefused, why)
			return nil
		}
	}
	m.touch()
	return b.act(m)
}

// KeyHelp is one binding for a reader.
type KeyHelp struct {
	Mode, Keys, Help string
	Danger           bool // it sends something to a gateway, after a confirmation
}

// Keys lists all bindings in the order of the table.
func Keys() []KeyHelp {
	table := bindings()
	out := make([]KeyHelp, 0, len(table))
	for _, b := range table {
		out = append(out, KeyHelp{Mode: string(b.mode), Keys: keyNames(b.keys), Help: b.help, Danger: b.danger})
	}
	return out
}

func keyNames(keys []string) string { return strings.Join(keys, " ") }

// KeysMarkdown writes the bindings as Markdown, for the documentation.
func KeysMarkdown() string {
	var b strings.Builder
	b.WriteString("# Keys\n")
	last := ""
	for _, k := range Keys() {
		if k.Mode != last {
			last = k.Mode
			b.WriteString("\n## " + strings.ToUpper(last[:1]) + last[1:] + "\n\n| Key | What it does |\n|---|---|\n")
		}
		var keys []string
		for _, key := range strings.Fields(k.Keys) {
			keys = append(keys, "`"+strings.ReplaceAll(key, "|", `\|`)+"`")
		}
		help := k.Help
		if k.Danger {
			help += " **(acts on the gateway)**"
		}
		b.WriteString("| " + strings.Join(keys, " ") + " | " + help + " |\n")
	}
	return b.String()
}

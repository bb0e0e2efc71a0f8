package ui

import "strings"

// keyedWords are words of the desk for what an operator can do, with where the key for it stands. The desk names no keys: a
// shell reads the same words.
var keyedWords = []struct {
	words string
	mode  mode
	help  string
	does  string
}{
	{"take it back", modeAnywhere, "undo a lever", ""},
	{"move its deadline", modeLevers, "move the deadline", ""},
	{"read it again", modeLevers, "read the gateways", ""},
	{"never rehearsed", modeLevers, "rehearse a fallback", " rehearses it"},
}

// keyed puts the keys behind what a text of the desk tells an operator to do.
func keyed(text string) string {
	for _, k := range keyedWords {
		if strings.Contains(text, k.words) {
			text = strings.ReplaceAll(text, k.words, k.words+" ("+keyIn(k.mode, k.help)+k.does+")")
		}
	}
	return text
}

// keyIn names the key of what a mode's help begins with.
func keyIn(md mode, what string) string {
	for _, b := range bindings() {
		if b.mode == md && strings.HasPrefix(b.help, what) {
			return b.keys[0]
		}
	}
	return "?"
}

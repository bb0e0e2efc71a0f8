package ui

import (
	"strings"

	"signalbox/internal/desk"
	"signalbox/runbook"
)

// cannotWords say why a block cannot be acted on, for good or for now.
func cannotWords(v *desk.BlockView) string {
	switch {
	case v.Disabled == "":
		return ""
	case v.Soon:
		return "not yet: " + v.Disabled
	}
	return "cannot: " + v.Disabled
}

// action says what a lever would do and cost, how it stands, or that a release has nothing left to take back.
func (b *blockText) action(th *theme, a *runbook.Action, v *desk.BlockView) {
	b.label, b.style, b.text = "* ACTION", warn, v.Action
	switch {
	case v.State != "" && v.State != "planned":
		b.label, b.style = "* THROWN", accent
		b.text += " " + th.dot + " " + strings.ReplaceAll(v.State, "_", " ")
	case v.Moot:
		b.label, b.style, b.cannot, b.text = th.ok+" RELEASE", good, "", "no lever of this run is out: nothing is left to take back"
	case a.Cost != "":
		b.details = append(b.details, "costs: "+a.Cost)
	}
}

package desk

import (
	"slices"

	"signalbox/internal/gateway"
)

// astray says why no request of late is known to go through a gateway, though requests are seen: what its levers move is then not
// connected with the traffic. Empty where one is, where nothing is seen, and where all go through the others.
func (d *Desk) astray(w *wire) string {
	var strangers []string
	unnamed := false
	for _, way := range d.laid.ways {
		for v := range way.servings {
			switch {
			case v.Gateway == w.spec.Name:
				return ""
			case v.Gateway == "":
				unnamed = true
			case d.wires[v.Gateway] == nil:
				strangers = addOnce(strangers, v.Gateway)
			}
		}
	}
	name := w.spec.Name
	switch {
	case len(strangers) > 0:
		slices.Sort(strangers)
		return "no request names gateway " + name + "; they name " + gateway.OneOf(strangers) + ", which is not configured: if they go through " + name + ", give their source gateway: " + name
	case unnamed:
		return "no source says which gateway its requests go through: give the source of those through " + name + " gateway: " + name
	}
	return ""
}

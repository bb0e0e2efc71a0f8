package cli

import (
	"cmp"
	"slices"

	"signalbox/internal/traffic"
)

// maxUnknown is how many values are listed to be pasted.
const maxUnknown = 20

// addUnknown adds up what several sources found missing in the inventory.
func addUnknown(sum, more []traffic.UnknownPlace) []traffic.UnknownPlace {
	for _, p := range more {
		i := slices.IndexFunc(sum, func(o traffic.UnknownPlace) bool { return o.By == p.By && o.Value == p.Value })
		if i < 0 {
			sum = append(sum, p)
			continue
		}
		sum[i].N += p.N
	}
	slices.SortStableFunc(sum, func(a, b traffic.UnknownPlace) int { return cmp.Compare(b.N, a.N) })
	return sum
}

// printUnknown says which deployments, hosts and so on stand for nobody knows what, and how to say it.
func printUnknown(p *printer, places []traffic.UnknownPlace) {
	if len(places) == 0 {
		return
	}
	p.line("not in the inventory, and without a region or a provider: %s; to say what they are, complete this and put it into the configuration:",
		counted(int64(len(places)), "value"))
	p.line("      inventory:")
	var rest int64
	for i, u := range places {
		if u.By == "" || i >= maxUnknown {
			rest += u.N
			continue
		}
		p.line("        - {match: {%s: %q}, set: {provider: , model: , region: }}  # %s", u.By, safe(u.Value), counted(u.N, "record"))
	}
	if rest > 0 {
		p.line("      and others, with %s", counted(rest, "record"))
	}
}

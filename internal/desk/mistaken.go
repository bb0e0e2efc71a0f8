package desk

import (
	"encoding/json"
	"fmt"
	"strings"

	"signalbox/internal/gateway"
	"signalbox/internal/traffic"
)

const (
	// mistakenLeast is how many attempts a target must have had before its failures are held against it.
	mistakenLeast = 5
	// mistakenFails is the share of failures from which a target counts as the one that fails, mistakenWell that up to which
	// another counts as well.
	mistakenFails, mistakenWell = 0.5, 0.1
)

// mistaken says what speaks for another target than the plan's: that a neighbour is the one that fails, or that requests would
// be sent to where they fail. It goes by the attempts of the last minute.
func (d *Desk) mistaken(w *wire, c gateway.Change) []string {
	dep := c.Scope["deployment"]
	switch c.Verb {
	case gateway.RouteForce:
		var to string
		if json.Unmarshal(c.Value, &to) != nil || to == "" {
			return nil
		}
		if bad, failed, all := d.failing(w, to); bad {
			return []string{fmt.Sprintf("%s, where all of it would go, fails: %d of %d attempts of the last minute", to, failed, all)}
		}
	case gateway.CapSet, gateway.TargetOut, gateway.BreakerOpen:
		model := d.sig.placeOf(dep).model
		if dep == "" || model == "" {
			return nil
		}
		_, failed, all := d.failing(w, dep)
		if float64(failed) > mistakenWell*float64(all) {
			return nil
		}
		var others []string
		for _, o := range d.deploymentsAt(w, traffic.Scope{"model": model}) {
			if bad, failed, all := d.failing(w, o); bad && o != dep {
				others = append(others, fmt.Sprintf("%d of %d at %s", failed, all, o))
			}
		}
		if len(others) > 0 {
			return []string{fmt.Sprintf("is this the right one? Of the attempts of the last minute %d of %d failed here, %s",
				failed, all, strings.Join(others[:min(len(others), 3)], ", "))}
		}
	default:
	}
	return nil
}

// failing counts the attempts at a deployment in the last minute, and tells whether most of them failed.
func (d *Desk) failing(w *wire, dep string) (bad bool, failed, all int64) {
	now := d.sig.edge(d.now())
	scope := traffic.Scope{"gateway": w.spec.Name, "deployment": dep}
	n := d.sig.countSide(scope.Selector(d.syms), now.Add(-blastSpan), now)
	return n.Req >= mistakenLeast && float64(n.Err) >= mistakenFails*float64(n.Req), n.Err, n.Req
}

// looseCap says of a cap that it holds nothing back as things are: a share of a gateway's greatest number is no cap, and looks like one.
func looseCap(p gateway.Plan) string {
	if p.Change.Verb != gateway.CapSet || p.Blast.OfAll == 0 {
		return ""
	}
	var room float64 // of all instances
	for _, i := range p.Instances {
		var n float64
		if i.Skip == "" && json.Unmarshal(i.After, &n) == nil {
			room += n
		}
	}
	switch {
	case p.Blast.Inflight >= 0 && room > 4*max(p.Blast.Inflight, 1):
		return fmt.Sprintf("room for %.0f at a time, and %.0f are in flight now: it holds nothing back until there are far more", room, p.Blast.Inflight)
	case p.Blast.Inflight < 0 && p.Blast.Requests > 0 && room > float64(p.Blast.Requests):
		return fmt.Sprintf("room for %.0f at a time, and all of the last minute were %d: it holds nothing back", room, p.Blast.Requests)
	}
	return ""
}

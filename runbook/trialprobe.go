package runbook

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"go.yaml.in/yaml/v3"
)

// ProbeSays is what a probe of a trial comes back with.
type ProbeSays struct {
	Off        bool // no endpoint is configured
	Class      string
	Status     int
	Latency    time.Duration
	FirstToken time.Duration
}

const probeOff = "off"

// probeAnswers reads what the probes of a trial say, by name: `ok`, a class, `off`, or a mapping; a list gives one after
// the other, the last of them again and again.
func (s *strict) probeAnswers(f fields, b *Book) map[string][]ProbeSays {
	n := f.keys["probes"]
	if n == nil {
		return nil
	}
	all := map[string][]ProbeSays{}
	m := s.fields(n, "probes")
	for name, node := range m.keys {
		if known := b.probes(); !slices.Contains(known, name) {
			s.fail(m.at(name), fmt.Sprintf("the book has no probe %q", name), suggest(name, append(known, probeOff)))
		}
		nodes := []*yaml.Node{node}
		if node.Kind == yaml.SequenceNode {
			nodes = node.Content
		}
		for _, one := range nodes {
			all[name] = append(all[name], s.probeSays(one))
		}
	}
	return all
}

func (s *strict) probeSays(n *yaml.Node) ProbeSays {
	says := ProbeSays{Class: "none", Status: 200, Latency: 800 * time.Millisecond}
	class := ""
	if n.Kind == yaml.MappingNode {
		f := s.fields(n, "probe", "class", "status", "latency", "ttft")
		class, says.Latency, says.FirstToken = f.text("class"), cmp.Or(f.duration("latency"), says.Latency), f.duration("ttft")
		if f.has("status") {
			says.Status = f.number("status", 599)
		}
	} else {
		class = s.scalar(n, "probe")
	}
	switch {
	case class == probeOff:
		says.Off = true
	case class == "ok" || class == "":
	case !slices.Contains(classes(), class):
		s.fail(s.line(n), fmt.Sprintf("a probe cannot say %q", class), suggest(class, append(classes(), "ok", probeOff)))
	default:
		says.Class = class
	}
	return says
}

// probe sends one as the trial says; where it says nothing, no endpoint is configured.
func (r *runner) probe(e Entry, p *Probe) {
	req, err := ResolveProbe(r.book, p, r.walk)
	if err != nil {
		r.log("probe %s cannot be sent: %v", p.Name, err)
		return
	}
	says := r.trial.Probes[p.Name]
	if len(says) == 0 || says[0].Off {
		r.log("probe %s is not sent: no endpoint is configured", p.Name)
		return
	}
	sent := 0
	for _, before := range r.walk.Probes {
		if before.Name == p.Name {
			sent++
		}
	}
	now := says[min(sent, len(says)-1)]
	r.now = r.now.Add(now.Latency)
	r.ran.Probes = append(r.ran.Probes, p.Name+": "+req.String())
	r.log("probe %s (%s): %s", p.Name, req, now.Class)
	e.Kind = EntryProbe
	e.Data = map[string]string{
		"ok": fmt.Sprint(now.Class == "none"), "class": now.Class, "status": fmt.Sprint(now.Status),
		"latency": now.Latency.String(), "ttft": now.FirstToken.String(), "text": now.Class,
	}
	r.enter(e)
}

package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"signalbox/internal/desk"
	"signalbox/internal/gateway"
	"signalbox/internal/redact"
)

type jsonState struct {
	V        int         `json:"v"`
	Gateways []gateState `json:"gateways"`
	Levers   []leverLine `json:"levers"`
}

// gateState is one gateway as just read.
type gateState struct {
	Name      string         `json:"name"`
	Kind      string         `json:"kind"`
	Env       string         `json:"env"`
	Levers    bool           `json:"levers"`
	Why       string         `json:"why,omitempty"` // why there are none, or why it could not be read
	Instances []instanceLine `json:"instances"`
	Controls  []controlLine  `json:"controls"`
}

type instanceLine struct {
	Name      string `json:"name"`
	Reachable bool   `json:"reachable"`
	Err       string `json:"err,omitempty"`
}

// controlLine is one control of one instance.
type controlLine struct {
	ID        string            `json:"id"`
	Instance  string            `json:"instance"`
	Verb      string            `json:"verb"`
	Scope     map[string]string `json:"scope"`
	Value     json.RawMessage   `json:"value"`
	Base      json.RawMessage   `json:"base"`
	SetBy     string            `json:"set_by"`
	ExpiresAt *time.Time        `json:"expires_at"`
	Holder    string            `json:"holder"`
	Drift     string            `json:"drift"`
	Lever     string            `json:"lever,omitempty"`

	changed bool
}

// leverLine is one lever of the journal that is out, or has just ended.
type leverLine struct {
	ID        string            `json:"id"`
	Gateway   string            `json:"gateway"`
	Verb      string            `json:"verb"`
	Scope     map[string]string `json:"scope"`
	Title     string            `json:"title"`
	Change    string            `json:"change"`
	State     string            `json:"state"`
	Out       bool              `json:"out"`
	By        string            `json:"by"`
	At        time.Time         `json:"at"`
	ExpiresAt *time.Time        `json:"expires_at"`
	Holder    string            `json:"holder"`
	Accepted  string            `json:"accepted"`
	Reported  string            `json:"reported"`
	Obeyed    string            `json:"obeyed"`
	Outcome   string            `json:"outcome"`
	Drift     string            `json:"drift"`
	Err       string            `json:"err,omitempty"`
	Undo      []string          `json:"undo"`
	Held      []heldLine        `json:"held"`
	Incident  string            `json:"incident,omitempty"`

	heldWords string
}

// heldLine is how it stands with a lever on one control of one instance, as just read.
type heldLine struct {
	Instance string `json:"instance"`
	Control  string `json:"control"`
	Holds    string `json:"holds"` // yes, no, cannot_tell
	Is       string `json:"is"`    // what it shows; empty where that is not known
	Why      string `json:"why,omitempty"`
}

func (a *app) controlStateCommand() *cobra.Command {
	var output string
	var all bool
	c := &cobra.Command{
		Use: "state [GATEWAY]...", Short: "What is set on the gateways now, by whom, until when, and what is not as we set it", Args: wantArgs(0, -1),
		Long: "Reads every gateway that has levers. Exit code 3 when an instance does not answer; what could be read is printed all\nthe same.",
		RunE: func(c *cobra.Command, args []string) error {
			return a.control(c.Context(), 0, func(ctx context.Context, d *controls) error { return d.state(ctx, args, all, output) })
		},
	}
	outputFlag(c, &output)
	c.Flags().BoolVar(&all, "all", false, "in text: controls at their base too")
	return c
}

func (c *controls) state(ctx context.Context, names []string, all bool, output string) error {
	r, err := c.Do(ctx, desk.Look{})
	if err != nil {
		return err
	}
	gates, err := chosen("gateway", r.Gateways, names, func(g desk.GatewayState) string { return g.Name })
	if err != nil {
		return err
	}
	out := jsonState{V: 1, Gateways: []gateState{}, Levers: []leverLine{}}
	var away *unreachable
	for _, g := range gates {
		s := stateOf(g)
		out.Gateways = append(out.Gateways, s)
		if away == nil {
			away = s.away()
		}
	}
	for _, l := range r.Levers {
		out.Levers = append(out.Levers, lineOfLever(l))
	}
	if output == "json" {
		err = c.app.json(out)
	} else {
		err = c.app.printState(out, all)
	}
	if err == nil && away != nil {
		err = away
	}
	return err
}

// away tells what of a gateway with levers could not be read; nil where all of it was.
func (s gateState) away() *unreachable {
	if s.Levers && strings.HasPrefix(s.Why, unsteered) {
		return &unreachable{what: "gateway " + s.Name, err: errors.New(s.Why), try: "signalbox check --live tells of every gateway"}
	}
	for _, i := range s.Instances {
		if !i.Reachable && s.Levers {
			return &unreachable{what: "instance " + i.Name + " of gateway " + s.Name, err: errors.New("it does not answer"), try: "look at the address in the configuration, and at the gateway itself"}
		}
	}
	return nil
}

func stateOf(g desk.GatewayState) gateState {
	s := gateState{Name: safe(g.Name), Kind: g.Kind, Env: safe(g.Env), Levers: g.Levers, Instances: []instanceLine{}, Controls: []controlLine{}}
	s.Why = safe(g.WhyNot)
	if s.Why == "" {
		s.Why = safe(g.Err)
	}
	for _, i := range g.Instances {
		line := instanceLine{Name: safe(i.Name), Reachable: i.Reachable, Err: safe(i.Err)}
		if line.Err == s.Why {
			line.Err = "" // said of the gateway as a whole
		}
		s.Instances = append(s.Instances, line)
	}
	for _, c := range g.Controls {
		l := controlLine{
			ID: safe(c.ID), Instance: safe(c.Instance), Verb: string(c.Verb), Scope: scopeOf(c.Scope), Value: rawValue(c.Value), Base: rawValue(c.Base),
			SetBy: safe(c.SetBy), Holder: c.Holder, Drift: safe(c.Drift), Lever: c.Lever, changed: c.Changed,
		}
		if c.ExpiresAt != nil {
			at := c.ExpiresAt.UTC()
			l.ExpiresAt = &at
		}
		s.Controls = append(s.Controls, l)
	}
	return s
}

// rawValue gives a value of a gateway as JSON of ours: what is no JSON is a text.
func rawValue(v gateway.Value) json.RawMessage {
	clean, err := gateway.Canonical(v)
	if err != nil {
		clean, _ = json.Marshal(redact.Terminal(string(v))) // a string always has a JSON form
	}
	return json.RawMessage(redact.Secrets(string(clean)))
}

func lineOfLever(l desk.LeverView) leverLine {
	out := leverLine{
		ID: l.ID, Gateway: safe(l.Gateway), Verb: l.Verb, Scope: scopeOf(l.Scope), Title: safe(l.Title), Change: safe(l.Change), State: l.State, Out: l.Out,
		By: safe(l.By), At: l.At.UTC(), Holder: holderOf(l), Accepted: l.Accepted, Reported: l.Reported, Obeyed: l.Obeyed, Outcome: l.Outcome,
		Drift: safe(l.Drift), Err: safe(l.Err), Undo: []string{}, Held: []heldLine{}, Incident: l.Incident, heldWords: safe(l.HeldWords()),
	}
	for _, h := range l.Held {
		out.Held = append(out.Held, heldLine{Instance: safe(h.Instance), Control: safe(h.Control), Holds: h.Holds, Is: safe(h.Is), Why: safe(h.Why)})
	}
	if !l.ExpiresAt.IsZero() {
		at := l.ExpiresAt.UTC()
		out.ExpiresAt = &at
	}
	for _, u := range l.Undo {
		out.Undo = append(out.Undo, safe(u))
	}
	return out
}

func holderOf(l desk.LeverView) string {
	if l.SelfEnds {
		return gateway.HeldByGateway
	}
	return gateway.HeldByConsole
}

func (a *app) printState(s jsonState, all bool) error {
	p := printer{w: a.Out}
	for _, g := range s.Gateways {
		p.line("%s  %s  %s", g.Name, g.Kind, g.Env)
		if g.Why != "" {
			p.line("  %s", g.Why)
		}
		for _, i := range g.Instances {
			p.line("%s", i.words())
		}
		base := int64(0)
		for _, c := range g.Controls {
			if !c.changed && !all {
				base++
				continue
			}
			p.line("  %s", controlWords(c))
		}
		if base > 0 {
			p.line("  %s at base", counted(base, "control"))
		}
	}
	if len(s.Levers) == 0 {
		p.line("no lever is out")
	}
	for _, l := range s.Levers {
		p.line("OUT  %s  %s  %s", l.ID, l.Title, leverWords(l))
		if l.heldWords != "" {
			p.line("     %s", l.heldWords)
		}
		if l.Holder == gateway.HeldByConsole {
			p.line("     NOT self-reverting: signalbox control revert --due ends it on time; by hand:")
			for _, u := range l.Undo {
				p.line("     %s", u)
			}
		}
	}
	return p.err
}

// words is the line of an instance in text.
func (i instanceLine) words() string {
	if i.Reachable {
		return fmt.Sprintf("  %-20s answers", i.Name)
	}
	return strings.TrimRight(fmt.Sprintf("  %-20s OUT OF REACH  %s", i.Name, i.Err), " ")
}

func controlWords(c controlLine) string {
	mark := "base   "
	switch {
	case c.changed && c.Drift != "":
		mark = "DRIFT  "
	case c.changed:
		mark = "CHANGED"
	}
	t := fmt.Sprintf("%s %s on %s: %s (base %s)", mark, c.ID, c.Instance, c.Value, c.Base)
	if c.SetBy != "" {
		t += " set by " + c.SetBy
	}
	if c.ExpiresAt != nil {
		t += " until " + stamp(*c.ExpiresAt)
	}
	if c.Drift != "" {
		t += "; " + c.Drift
	}
	return t
}

// spoken gives a word of the JSON as people read it.
func spoken(word string) string { return strings.ReplaceAll(word, "_", " ") }

// leverWords says where a lever stands: its three facts, who threw it and when it ends.
func leverWords(l leverLine) string {
	t := fmt.Sprintf("%s; accepted %s, reported %s, obeyed %s", l.State, spoken(l.Accepted), spoken(l.Reported), spoken(l.Obeyed))
	if l.Outcome != "" {
		t += ", outcome " + l.Outcome
	}
	t += "; by " + l.By
	if l.ExpiresAt != nil {
		t += "; until " + stamp(*l.ExpiresAt) + ", held by the " + l.Holder
	}
	if l.Drift != "" {
		t += "; DRIFT: " + l.Drift
	}
	if l.Err != "" {
		t += "; " + l.Err
	}
	return t
}

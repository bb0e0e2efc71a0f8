package config

import (
	"fmt"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// Command is one lever of a gateway of kind command: what reads it, throws it and takes it back.
type Command struct {
	Verb                string            // cap.set, workload.pause, ...; the opposite verb follows from it
	Scope               map[string]string // what it hits, without gateway, env and instance
	Read, Apply, Revert []string
	On, Off             string // what Read prints while it is out, and while it is not
	Least, Most         int64  // of a number; 0 where nothing is said
	Excess              string // ExcessWaits, ExcessRejected or ExcessOverflow
	At                  Pos
}

// What happens to requests over a cap.
const (
	ExcessWaits    = "wait"
	ExcessRejected = "reject"
	ExcessOverflow = "overflow"
)

// thrown lists the verbs that throw a lever of kind command; internal/gateway/command judges the rest.
var thrown = []string{
	"cap.set", "workload.pause", "shed.set", "target.out", "fallback.on", "route.force", "breaker.open", "degrade.on",
}

// scopeKeys lists the dimensions that a lever's scope can name.
var scopeKeys = []string{"provider", "model", "region", "deployment", "endpoint", "workload"}

func command() object[Command] {
	words := some("words", text("a word", nil))
	return object[Command]{
		what: "the command",
		done: func(r *report, n *yaml.Node, _ map[string]Pos, c *Command) { c.At = r.at(n) },
		fields: []field[Command]{
			key("verb", "What throws the lever; the verb that takes it back follows from it.",
				choice(thrown...), func(c *Command, v string) { c.Verb = v }).required(),
			key("scope", "What the lever hits; a change has to name exactly this.",
				byName("scope", scopeKeys, text("a value", nil)), func(c *Command, v map[string]string) { c.Scope = v }),
			key("read", "The command that prints the present state in one word, and its arguments; no shell is involved. {instance} stands for the instance.",
				words, func(c *Command, v []string) { c.Read = v }).required(),
			key("apply", "The command that throws the lever. {instance}, {value} and {ttl} (seconds) are put in.",
				words, func(c *Command, v []string) { c.Apply = v }).required(),
			key("revert", "The command that takes the lever back altogether.",
				words, func(c *Command, v []string) { c.Revert = v }).required(),
			key("on", "What read prints while a lever without a value is out.",
				text("a word", nil), func(c *Command, v string) { c.On = v }),
			key("off", "What read prints while the lever is not out.",
				text("a word", nil), func(c *Command, v string) { c.Off = v }).required(),
			key("least", "The least number that it may be set to.",
				howMany(), func(c *Command, v int64) { c.Least = v }),
			key("most", "The largest number that it may be set to.",
				howMany(), func(c *Command, v int64) { c.Most = v }),
			key("excess", "What happens to requests over a cap: wait, reject, or overflow to another target.",
				choice(ExcessWaits, ExcessRejected, ExcessOverflow), func(c *Command, v string) { c.Excess = v }),
		},
	}
}

// howMany is a whole number that is not negative.
func howMany() shape[int64] {
	const most = 1_000_000_000
	return shape[int64]{
		schema: map[string]any{"type": "integer", "minimum": 0, "maximum": most},
		read: func(r *report, n *yaml.Node) (int64, bool) {
			s, ok := scalar(r, n, "a whole number", "!!int")
			if !ok {
				return 0, false
			}
			v, err := strconv.ParseInt(s, 10, 64)
			if err != nil || v < 0 || v > most {
				r.fail(n, quote(clip(s))+" is out of bounds", fmt.Sprintf("a whole number from 0 to %d", most))
				return 0, false
			}
			return v, true
		},
	}
}

func checkCommands(r *report, g *Gateway) {
	at, there := g.keys["commands"]
	switch {
	case g.Kind == GatewayCommand && !there:
		r.add(g.At, "the gateway of kind command has no commands", "add commands:")
	case g.Kind != GatewayCommand && there:
		r.add(at, "commands belong to kind command, not "+g.Kind, "")
	}
	seen := make(map[string]Pos)
	for _, c := range g.Commands {
		id := c.Verb + " " + fmt.Sprint(c.Scope) // maps print with their keys sorted
		if first, twice := seen[id]; twice && c.Verb != "" {
			r.add(c.At, c.Verb+" of this scope stands here twice", fmt.Sprintf("the first is on line %d", first.Line))
		}
		seen[id] = c.At
	}
}

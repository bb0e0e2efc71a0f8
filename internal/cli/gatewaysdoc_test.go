package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"signalbox/internal/gateway"
	"signalbox/internal/gateway/command"
	"signalbox/internal/gateway/contract"
	"signalbox/internal/gateway/envoy"
	"signalbox/internal/gateway/haproxy"
	"signalbox/internal/gateway/litellm"
	"signalbox/internal/gateway/nginx"
)

// described are the drivers as they describe themselves, and what they were tried on.
func described() []struct {
	gateway.Description
	tried string
} {
	return []struct {
		gateway.Description
		tried string
	}{
		{contract.New(contract.Options{}).Describe(), "the drill's gateway, a real HTTP server on loopback; and servers that fail on cue"},
		{litellm.New(litellm.Options{}).Describe(), "LiteLLM 1.106.2 with two workers and the companion, each lever under requests, with its end and its undo; without the companion, on the same one"},
		{litellm.Database(), "LiteLLM 1.106.2 with PostgreSQL 15 and a second process on the same database, by hand under requests; what it answered was recorded " +
			"([testdata](../internal/gateway/litellm/testdata/README.md)) and is what the tests in CI run against"},
		{haproxy.New(haproxy.Options{Maps: true}).Describe(), "HAProxy 2.6 with the configuration of [examples/haproxy](../examples/haproxy/README.md), each lever under requests, with its undo"},
		{envoy.New(envoy.Options{}).Describe(), "Envoy 1.40, each lever under requests, with its undo, in the admin layer and with Signalbox as its runtime source: there Envoy itself holds the deadline, and a restart forgets nothing. What follows is of the admin layer"},
		{nginx.New(nginx.Options{}).Describe(), "nginx 1.22, each lever under requests, with its undo"},
	}
}

// TestGatewaysPage keeps the tables of docs/gateways.md what the drivers say of themselves. UPDATE_GOLDEN=1 rewrites them.
func TestGatewaysPage(t *testing.T) {
	file := filepath.Join("..", "..", "docs", "gateways.md")
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	const mark = "## What each can do\n"
	head, _, found := strings.Cut(string(page), mark)
	if !found {
		t.Fatalf("docs/gateways.md has no line %q", mark)
	}
	want := head + mark + gatewayTables()
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want != string(page) {
		t.Error("docs/gateways.md is not what the drivers say of themselves; UPDATE_GOLDEN=1 rewrites it")
	}
}

func gatewayTables() string {
	var b strings.Builder
	all := described()
	b.WriteString("\nEach verb with the one that takes it back. Of `command` the configuration decides: it can do what commands are given for.\n\n| Lever |")
	for _, d := range all {
		b.WriteString(" `" + d.Kind + "` |")
	}
	b.WriteString("\n| --- |" + strings.Repeat(" --- |", len(all)) + "\n")
	verbs := gateway.Verbs()
	for i := 0; i < len(verbs); i += 2 {
		fmt.Fprintf(&b, "| `%s`, `%s` |", verbs[i], verbs[i+1])
		for _, d := range all {
			a := d.Ability(verbs[i])
			b.WriteString(" " + string(a.Fitness))
			if a.Fitness != gateway.Impossible {
				if len(a.Dims) > 0 {
					b.WriteString(": " + strings.Join(a.Dims, ", "))
				}
				if a.Excess != "" {
					b.WriteString("; excess: " + string(a.Excess))
				}
			}
			b.WriteString(" |")
		}
		b.WriteString("\n")
	}
	for _, d := range all {
		fmt.Fprintf(&b, "\n### %s\n\nTried on %s.", d.Kind, d.tried)
		for i := 0; i < len(verbs); i += 2 {
			a := d.Ability(verbs[i])
			if i == 0 {
				fmt.Fprintf(&b, " The deadline is held by the %s; lock: %s; until it is in force: %s.\n\n", a.Holder, a.Lock, a.Delay)
			}
			if a.Why != "" {
				held := ""
				if first := d.Ability(verbs[0]).Holder; a.Holder != "" && a.Holder != first {
					held = "; its deadline is held by the " + a.Holder
				}
				fmt.Fprintf(&b, "- `%s` (%s): %s%s.\n", verbs[i], a.Fitness, strings.TrimRight(a.Why, "."), held)
			}
		}
	}
	can := command.Engaging()
	fmt.Fprintf(&b, "\n### command\n\nTried on real processes, not on the gateways of the recipes in [examples/commands](../examples/commands/README.md). "+
		"The deadline is held by the console; lock: none. %d levers can have commands:\n\n", len(can))
	for _, v := range can {
		fmt.Fprintf(&b, "- `%s`, taken back by `%s`\n", v, v.Opposite())
	}
	return b.String()
}

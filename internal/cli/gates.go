package cli

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"

	"signalbox/internal/config"
	"signalbox/internal/desk"
	"signalbox/internal/gateway"
	"signalbox/internal/gateway/command"
	"signalbox/internal/gateway/contract"
	"signalbox/internal/gateway/envoy"
	"signalbox/internal/gateway/haproxy"
	"signalbox/internal/gateway/jump"
	"signalbox/internal/gateway/litellm"
	"signalbox/internal/gateway/nginx"
	"signalbox/internal/traffic"
)

// gateways makes the drivers of the configuration and fetches their tokens. Each secret that a driver comes to hold is
// handed to learn, so that it can be redacted wherever it might appear.
func (a *app) gateways(ctx context.Context, cfg *config.Config, ways ways, learn func(secret string)) (all []desk.Gateway, err error) {
	for _, g := range cfg.Gateways {
		env := cfg.Environment(g.Env)
		spec := desk.Gateway{Name: g.Name, Kind: g.Kind, Env: g.Env, Typed: env.Confirm == config.ConfirmTyped, ReadOnly: env.ReadOnly, LeastCap: g.LeastCap, Timeout: g.Timeout}
		switch {
		case !g.Levers:
			spec.WhyNot = "gateway " + g.Name + " is configured without levers (levers: on)"
		case a.g.env != "" && g.Env != a.g.env:
			spec.WhyNot = "this console acts in environment " + a.g.env + " only"
		default:
			if spec.Driver, err = driver(cfg, g, ways[g.Name], learn); err != nil {
				return nil, err
			}
		}
		all = append(all, spec)
	}
	fetchTokens(ctx, all)
	return all, nil
}

func driver(cfg *config.Config, g config.Gateway, w *jump.Way, learn func(secret string)) (gateway.Driver, error) {
	switch g.Kind {
	case config.GatewayContract, config.GatewayLiteLLM:
		build := contractDriver
		if g.Kind == config.GatewayLiteLLM {
			build = litellmDriver
		}
		k := &keyed{tls: g.TLS}
		if !g.Token.IsZero() {
			k.token = &token{from: g.Token, at: g.At, learn: learn}
		}
		if k.steered = build(g, w, k.token); k.token == nil && g.TLS.IsZero() {
			return k.steered, nil
		}
		return k, nil
	case config.GatewayHAProxy:
		o := haproxy.Options{Gateway: g.Name, Instances: haproxyInstances(g), Timeout: g.Timeout, Resolve: deploymentsOf(cfg), Maps: g.Maps}
		if w != nil {
			o.Dial, o.Through = w.Dial, w.Line
		}
		return haproxy.New(o), nil
	case config.GatewayEnvoy:
		return envoyDriver(cfg, g, w), nil
	case config.GatewayNginx:
		return nginxDriver(cfg, g), nil
	case config.GatewayCommand:
		levers, err := commandLevers(cfg.File, g)
		if err != nil {
			return nil, err
		}
		return command.New(command.Options{
			Gateway: g.Name, Env: g.Env, Instances: g.Instances, Levers: levers, Timeout: g.Timeout,
			Environment: config.ChildEnvironment(cfg.SecretVariables()),
		}), nil
	}
	return nil, &usageError{err: fmt.Errorf("gateway %s is of the unknown kind %q", g.Name, g.Kind)}
}

// commandLevers takes the commands of a gateway over, and says where one cannot work.
func commandLevers(file string, g config.Gateway) ([]command.Lever, error) {
	var out []command.Lever
	for _, c := range g.Commands {
		l := command.Lever{
			Verb: gateway.Verb(c.Verb), Scope: c.Scope, Read: c.Read, Apply: c.Apply, Revert: c.Revert, On: c.On, Off: c.Off,
			Least: c.Least, Most: c.Most, Excess: gateway.Excess(c.Excess),
		}
		if wrong, hint := l.Check(); wrong != "" {
			return nil, &usageError{err: fmt.Errorf("%s:%d:%d: gateway %s: %s; %s", file, c.At.Line, c.At.Col, g.Name, wrong, hint)}
		}
		out = append(out, l)
	}
	return out, nil
}

// bearer gives the token of a gateway; nil: it wants none.
type bearer func(context.Context) (string, error)

func contractDriver(g config.Gateway, w *jump.Way, t *token) steered {
	o := contract.Options{Gateway: g.Name, Timeout: g.Timeout}
	client, through := clientOf(w, g.TLS)
	o.Through = through
	o.Token, o.Client = t.asked(client)
	for i, raw := range g.Instances {
		o.Instances = append(o.Instances, contract.Instance{Name: cmp.Or(g.Names[i], hostOf(raw)), URL: raw})
	}
	return contract.New(o)
}

func litellmDriver(g config.Gateway, w *jump.Way, t *token) steered {
	o := litellm.Options{Gateway: g.Name, Env: g.Env, Timeout: g.Timeout}
	client, through := clientOf(w, g.TLS)
	o.Through = through
	o.Token, o.Client = t.asked(client)
	for i, raw := range g.Instances {
		o.Instances = append(o.Instances, litellm.Instance{Name: cmp.Or(g.Names[i], hostOf(raw)), URL: raw})
	}
	return litellm.New(o)
}

func envoyDriver(cfg *config.Config, g config.Gateway, w *jump.Way) gateway.Driver {
	o := envoy.Options{Gateway: g.Name, Env: g.Env, Timeout: g.Timeout, Resolve: deploymentsOf(cfg)}
	if w != nil {
		o.Client, o.Through = gateway.Straight(w.Client()), w.Line
	}
	if g.Runtime.Listen != "" {
		o.Source = "http://" + g.Runtime.Listen
	}
	for i, raw := range g.Instances {
		o.Instances = append(o.Instances, envoy.Instance{Name: cmp.Or(g.Names[i], hostOf(raw)), URL: raw})
	}
	return envoy.New(o)
}

func nginxDriver(cfg *config.Config, g config.Gateway) gateway.Driver {
	o := nginx.Options{
		Gateway: g.Name, Env: g.Env, Timeout: g.Timeout, Resolve: deploymentsOf(cfg), Dir: filepath.Dir(cfg.File),
		File: g.Nginx.File, Base: g.Nginx.Base, Test: g.Nginx.Test, Reload: g.Nginx.Reload, Through: g.Nginx.Through,
		Environment: config.ChildEnvironment(cfg.SecretVariables()),
	}
	for i, raw := range g.Instances {
		o.Instances = append(o.Instances, nginx.Instance{Name: cmp.Or(g.Names[i], hostOf(raw)), Status: raw})
	}
	return nginx.New(o)
}

func haproxyInstances(g config.Gateway) []haproxy.Instance {
	var out []haproxy.Instance
	for i, addr := range g.Instances {
		name := g.Name
		if len(g.Instances) > 1 {
			name = fmt.Sprintf("%s-%d", g.Name, i+1)
		}
		out = append(out, haproxy.Instance{Name: cmp.Or(g.Names[i], name), Addr: addr})
	}
	return out
}

func hostOf(raw string) string {
	if u, err := url.Parse(raw); err == nil && u.Host != "" {
		return u.Host
	}
	return raw
}

// deploymentsOf finds the deployments that a scope covers exactly, by the inventory.
func deploymentsOf(cfg *config.Config) func(traffic.Scope) []string {
	return func(want traffic.Scope) []string {
		var out []string
		for _, m := range cfg.Inventory {
			dep := m.Match["deployment"]
			if dep == "" || strings.ContainsAny(dep, "*?[") {
				continue
			}
			has := traffic.Scope{"deployment": dep}
			for k, v := range m.Set {
				has[k] = v
			}
			if want.Covers(has) {
				out = append(out, dep)
			}
		}
		return out
	}
}

package cli

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"signalbox/internal/config"
	"signalbox/internal/desk"
	"signalbox/internal/gateway"
	"signalbox/internal/gateway/command"
	"signalbox/internal/gateway/contract"
	"signalbox/internal/gateway/envoy"
	"signalbox/internal/gateway/haproxy"
	"signalbox/internal/gateway/litellm"
	"signalbox/internal/gateway/nginx"
	"signalbox/internal/traffic"
)

// gateways makes the drivers of the configuration. It also gives the secrets that they hold, so that
// these can be redacted wherever they might appear.
func (a *app) gateways(ctx context.Context, cfg *config.Config) (all []desk.Gateway, secrets []string, err error) {
	for _, g := range cfg.Gateways {
		env := cfg.Environment(g.Env)
		spec := desk.Gateway{Name: g.Name, Kind: g.Kind, Env: g.Env, Typed: env.Confirm == config.ConfirmTyped, ReadOnly: env.ReadOnly, LeastCap: g.LeastCap}
		switch {
		case !g.Levers:
			spec.WhyNot = "gateway " + g.Name + " is configured without levers (levers: on)"
		case a.g.env != "" && g.Env != a.g.env:
			spec.WhyNot = "this console acts in environment " + a.g.env + " only"
		default:
			secret, derr := a.driver(ctx, cfg, g, &spec)
			if derr != nil {
				return nil, nil, derr
			}
			if secret != "" {
				secrets = append(secrets, secret)
			}
		}
		all = append(all, spec)
	}
	return all, secrets, nil
}

func (a *app) driver(ctx context.Context, cfg *config.Config, g config.Gateway, spec *desk.Gateway) (secret string, err error) {
	switch g.Kind {
	case config.GatewayContract, config.GatewayLiteLLM:
		if !g.Token.IsZero() {
			if secret, err = g.Token.Resolve(ctx, os.Getenv); err != nil {
				return "", &usageError{err: fmt.Errorf("token of gateway %s: %w", g.Name, err)}
			}
		}
		if spec.Driver = contractDriver(g, secret); g.Kind == config.GatewayLiteLLM {
			spec.Driver = litellmDriver(g, secret)
		}
	case config.GatewayHAProxy:
		spec.Driver = haproxy.New(haproxy.Options{
			Gateway: g.Name, Instances: haproxyInstances(g), Timeout: g.Timeout, Resolve: deploymentsOf(cfg), Maps: g.Maps,
		})
	case config.GatewayEnvoy:
		spec.Driver = envoyDriver(cfg, g)
	case config.GatewayNginx:
		spec.Driver = nginxDriver(cfg, g)
	case config.GatewayCommand:
		levers, lerr := commandLevers(cfg.File, g)
		if lerr != nil {
			return "", lerr
		}
		spec.Driver = command.New(command.Options{
			Gateway: g.Name, Env: g.Env, Instances: g.Instances, Levers: levers, Timeout: g.Timeout,
			Environment: config.ChildEnvironment(cfg.SecretVariables()),
		})
	default:
		return "", &usageError{err: fmt.Errorf("gateway %s is of the unknown kind %q", g.Name, g.Kind)}
	}
	return secret, nil
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

func contractDriver(g config.Gateway, token string) gateway.Driver {
	o := contract.Options{Gateway: g.Name, Timeout: g.Timeout, Client: &http.Client{}}
	for i, raw := range g.Instances {
		o.Instances = append(o.Instances, contract.Instance{Name: cmp.Or(g.Names[i], hostOf(raw)), URL: raw})
	}
	if token != "" {
		o.Token = func(context.Context) (string, error) { return token, nil }
	}
	return contract.New(o)
}

func litellmDriver(g config.Gateway, token string) gateway.Driver {
	o := litellm.Options{Gateway: g.Name, Env: g.Env, Timeout: g.Timeout, Client: &http.Client{}}
	for i, raw := range g.Instances {
		o.Instances = append(o.Instances, litellm.Instance{Name: cmp.Or(g.Names[i], hostOf(raw)), URL: raw})
	}
	if token != "" {
		o.Token = func(context.Context) (string, error) { return token, nil }
	}
	return litellm.New(o)
}

func envoyDriver(cfg *config.Config, g config.Gateway) gateway.Driver {
	o := envoy.Options{Gateway: g.Name, Env: g.Env, Timeout: g.Timeout, Resolve: deploymentsOf(cfg)}
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

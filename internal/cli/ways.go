package cli

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"signalbox/internal/config"
	"signalbox/internal/gateway/jump"
)

// ways are the commands that lead to gateways, by the gateway's name. Whoever asks for them closes them.
type ways map[string]*jump.Way

// waysOf makes the ways of a configuration; nothing is started before somebody goes one.
func waysOf(cfg *config.Config) ways {
	out := make(ways)
	for _, g := range cfg.Gateways {
		if len(g.Through) > 0 {
			out[g.Name] = jump.New(jump.Options{
				Command: g.Through, Env: config.ChildEnvironment(cfg.SecretVariables()), Dir: filepath.Dir(cfg.File),
			})
		}
	}
	return out
}

// close ends all connections and their processes, and waits for them.
func (w ways) close() {
	for _, one := range w {
		_ = one.Close()
	}
}

// clientOf gives the HTTP client for a gateway, and the words of the command that it goes through.
func clientOf(w *jump.Way, files config.TLS) (*http.Client, func(network, address string) string) {
	if w == nil && files.IsZero() {
		return &http.Client{}, nil
	}
	if w == nil {
		t := &http.Transport{DialContext: new(net.Dialer).DialContext, IdleConnTimeout: time.Minute}
		t.DialTLSContext = secured(files, t.DialContext)
		return &http.Client{Transport: t}, nil
	}
	if !files.IsZero() {
		w.Transport().DialTLSContext = secured(files, w.Dial)
	}
	return w.Client(), w.Line
}

type dialer func(ctx context.Context, network, address string) (net.Conn, error)

// secured dials with the certificates as they are in their files then: one that was renewed is used without a restart.
func secured(files config.TLS, dial dialer) dialer {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		c, _, err := files.Load(time.Now())
		if err != nil {
			return nil, fmt.Errorf("tls: %w", err)
		}
		if c.ServerName, _, err = net.SplitHostPort(address); err != nil {
			return nil, fmt.Errorf("tls: %w", err)
		}
		raw, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		conn := tls.Client(raw, c)
		if err := conn.HandshakeContext(ctx); err != nil {
			_ = raw.Close()
			return nil, err //nolint:wrapcheck // the driver says of which instance
		}
		return conn, nil
	}
}

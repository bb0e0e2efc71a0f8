package jump

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

// forward is a command that forwards a local port; it lives until the way is closed, or until it ends by itself.
type forward struct {
	*pipe
	address string // on this machine
}

// knock is the pause between two tries of a port that is not open yet.
const knock = 20 * time.Millisecond

// dialForwarded starts the command that forwards a port to the address, unless it runs, and connects as soon as it listens.
func (w *Way) dialForwarded(ctx context.Context, network, address string) (net.Conn, error) {
	f, err := w.forward(ctx, network, address)
	if err != nil {
		return nil, err
	}
	again := time.NewTicker(knock)
	defer again.Stop()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", f.address)
		select {
		case <-f.ended: // who listens there now is somebody else
			if conn != nil {
				_ = conn.Close()
			}
			return nil, f.broken()
		default:
		}
		if err == nil {
			return conn, nil
		}
		select {
		case <-f.ended:
		case <-again.C:
		case <-ctx.Done():
			return nil, fmt.Errorf("the command does not listen on %s: %w", f.address, context.Cause(ctx))
		}
	}
}

// forward gives the running command for an address, or starts one.
func (w *Way) forward(ctx context.Context, network, address string) (*forward, error) {
	w.starting.Lock() // two that ask at once are to share one
	defer w.starting.Unlock()
	if f := w.forwards[address]; f != nil {
		select {
		case <-f.ended:
		default:
			return f, nil
		}
	}
	free, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	p, err := w.start(w.argv(network, address, strconv.Itoa(free)), false)
	if err != nil {
		return nil, err
	}
	f := &forward{pipe: p, address: net.JoinHostPort("127.0.0.1", strconv.Itoa(free))}
	w.forwards[address] = f
	return f, nil
}

// freePort finds a port of this machine that nobody listens on now.
func freePort(ctx context.Context) (int, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("finding a free port: %w", err)
	}
	defer l.Close()
	at, _ := l.Addr().(*net.TCPAddr)
	return at.Port, nil
}

// lastLines joins the last n lines that are not empty.
func lastLines(text string, n int) string {
	var lines []string
	for l := range strings.Lines(text) {
		if l = strings.TrimSpace(l); l != "" {
			lines = append(lines, l)
		}
	}
	return strings.Join(lines[max(0, len(lines)-n):], "; ")
}

// Package jump reaches the instances of a gateway through a command of the operator's: one whose standard input and output are
// the connection, as `ssh -W host:port jump`, or one that forwards a local port, as `kubectl port-forward`. Every connection
// has a process of its own, in a session of its own, which ends with it; no shell is involved.
package jump

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"signalbox/internal/gateway"
	"signalbox/internal/redact"
)

// What stands for what in the words of a command.
const (
	host  = "{host}"
	port  = "{port}"
	path  = "{path}"  // of a unix socket
	local = "{local}" // a free port on this machine: the command forwards it, and the connection goes there
)

// idle is how long a connection that nobody uses is kept: a handshake over a jump host takes a second, a gateway is read every few.
const idle = 30 * time.Second

// Options say how a gateway is reached.
type Options struct {
	Command []string // with {host} and {port}, or {path}; with {local} it forwards a port
	Env     []string // of the command: without the console's secrets
	Dir     string   // that it runs in; "" is the console's own folder
}

// Way is the way to all instances of one gateway. Whoever made it closes it: then no process of it is left.
type Way struct {
	o      Options
	client *http.Client

	mu     sync.Mutex
	closed bool
	open   map[*pipe]struct{}

	starting sync.Mutex
	forwards map[string]*forward // by address; under starting
}

// New makes a way; it starts nothing.
func New(o Options) *Way {
	w := &Way{o: o, open: make(map[*pipe]struct{}), forwards: make(map[string]*forward)}
	w.client = &http.Client{Transport: &carrier{&http.Transport{
		DialContext: w.Dial, IdleConnTimeout: idle, MaxIdleConnsPerHost: 1, MaxResponseHeaderBytes: 64 << 10,
	}}}
	return w
}

// Client sends HTTP this way. With an https URL the certificate has to be that of the URL's host, wherever the way leads.
func (w *Way) Client() *http.Client { return w.client }

// Transport gives the transport of Client, for those who have TLS settings of their own to put into it before its first use.
func (w *Way) Transport() *http.Transport {
	c, _ := w.client.Transport.(*carrier)
	return c.Transport
}

// errClosed is a way that was closed: the console is leaving.
var errClosed = errors.New("the way to it was closed")

// Dial starts the command and gives the connection through it. That the command could be started says nothing of the
// other end: what is wrong there comes with the first read.
func (w *Way) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	if forwards(w.o.Command) {
		return w.dialForwarded(ctx, network, address)
	}
	p, err := w.start(w.argv(network, address, ""), true)
	if err != nil {
		return nil, err
	}
	if ctx.Err() != nil { // nobody waits for it any more
		_ = p.Close()
		return nil, context.Cause(ctx)
	}
	return p, nil
}

// Line is the command to an address, as an operator could type it; what it is given on standard input comes out there.
func (w *Way) Line(network, address string) string {
	return gateway.Line(w.argv(network, address, local))
}

func forwards(argv []string) bool {
	for _, word := range argv {
		if strings.Contains(word, local) {
			return true
		}
	}
	return false
}

// argv fills in where the connection is to go.
func (w *Way) argv(network, address, localPort string) []string {
	h, p, socket := "", "", address
	if network != "unix" {
		var err error
		if h, p, err = net.SplitHostPort(address); err != nil {
			h = address
		}
		socket = ""
	}
	fill := strings.NewReplacer(host, h, port, p, path, socket, local, localPort)
	out := make([]string, len(w.o.Command))
	for i, word := range w.o.Command {
		out[i] = fill.Replace(word)
	}
	return out
}

// Close ends every connection and every process, and waits for them.
func (w *Way) Close() error {
	w.Transport().CloseIdleConnections()
	w.mu.Lock()
	w.closed = true
	var left []*pipe
	for p := range w.open {
		left = append(left, p)
	}
	w.mu.Unlock()
	var ends sync.WaitGroup
	for _, p := range left {
		ends.Go(func() { _ = p.Close() })
	}
	ends.Wait()
	return nil
}

// carrier is a transport whose errors say what became of the command rather than of the pipe.
type carrier struct{ *http.Transport }

// RoundTrip implements http.RoundTripper.
func (c *carrier) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := c.Transport.RoundTrip(r)
	if err == nil {
		return resp, nil
	}
	var broken *Broken
	if errors.As(err, &broken) {
		return nil, broken
	}
	if text := err.Error(); len(text) > maxSaid { // it quotes what came instead of HTTP
		return nil, errors.New(redact.Outside(text, maxSaid))
	}
	return nil, err //nolint:wrapcheck // the transport's own: whoever asked says of whom
}

// Broken is a command that ended before its connection did. Which command, whoever asked says beside the address.
type Broken struct {
	Why string // with what it said on standard error, redacted
}

// Error says what became of the command.
func (b *Broken) Error() string { return "the command " + b.Why }

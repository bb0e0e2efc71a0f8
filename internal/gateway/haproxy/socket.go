package haproxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"strings"
	"syscall"
	"time"

	"signalbox/internal/redact"
)

// maxAnswer bounds one answer; a server takes about 500 bytes of it.
const maxAnswer = 8 << 20

// peer is one process as the driver talks to it.
type peer struct {
	name, network, address string
	through                string // the command that leads there; "" where none is needed
	bad                    error  // why the address cannot be used
	dial                   func(ctx context.Context, network, address string) (net.Conn, error)
	timeout                time.Duration
	session                *session // nil: every command has a connection of its own
}

// where names the peer in messages.
func (p peer) where() string {
	if p.through != "" {
		return fmt.Sprintf("%s (%s:%s through `%s`)", p.name, p.network, p.address, p.through)
	}
	return fmt.Sprintf("%s (%s:%s)", p.name, p.network, p.address)
}

// lostError is a command whose answer did not come: it may have been done.
type lostError struct{ err error }

func (e *lostError) Error() string { return e.err.Error() }
func (e *lostError) Unwrap() error { return e.err }

// ask sends one command and reads the answer to its end. Where nothing leads to the socket but the socket itself, HAProxy closes
// the connection after it, so that an answer of several lines cannot be taken for the next.
func (p peer) ask(ctx context.Context, command string) (string, error) {
	if p.bad != nil {
		return "", fmt.Errorf("%s: %w", p.name, p.bad)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, p.timeout, fmt.Errorf("no answer within %s", p.timeout))
	defer cancel()
	if err := context.Cause(ctx); err != nil {
		return "", p.unreachable(ctx, err) // who is leaving sends nothing any more
	}
	talk := p.once
	if p.session != nil {
		talk = func(ctx context.Context, command string) ([]byte, error) { return p.session.ask(ctx, p, command) }
	}
	b, err := talk(ctx, command)
	if err != nil {
		return "", err
	}
	answer := string(b)
	switch head := strings.TrimSpace(answer); {
	case strings.HasPrefix(head, "Permission denied"):
		return "", fmt.Errorf("%s: permission denied for %q: the socket is read-only; give `level admin` on its `stats socket` line, or use another socket", p.where(), command)
	case strings.HasPrefix(head, "Unknown command"):
		return "", fmt.Errorf("%s: HAProxy does not know %q; is this the runtime socket of a worker (not the master's), version 2.4 or later?", p.where(), command)
	case strings.HasPrefix(head, "HTTP/"):
		return "", fmt.Errorf("%s: an HTTP server answers here, no runtime socket", p.where())
	}
	return answer, nil
}

// once sends one command over a connection of its own.
func (p peer) once(ctx context.Context, command string) ([]byte, error) {
	conn, err := p.dial(ctx, p.network, p.address)
	if err != nil {
		return nil, p.unreachable(ctx, err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if _, err := io.WriteString(conn, command+"\n"); err != nil {
		return nil, &lostError{fmt.Errorf("%s: sending %q: %w; is HAProxy running?", p.where(), command, cause(ctx, err))}
	}
	b, err := io.ReadAll(io.LimitReader(conn, maxAnswer+1))
	switch {
	case err != nil:
		return nil, &lostError{fmt.Errorf("%s: waiting for the answer to %q: %w; HAProxy may be busy or be reloading", p.where(), command, cause(ctx, err))}
	case len(b) > maxAnswer:
		return nil, &lostError{fmt.Errorf("%s: the answer to %q is longer than %d MiB", p.where(), command, maxAnswer>>20)}
	case len(b) == 0:
		return nil, &lostError{fmt.Errorf("%s: the connection ended without an answer to %q", p.where(), command)}
	}
	return b, nil
}

// cause prefers the reason of a timeout over what the connection made of it.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	return err
}

func (p peer) unreachable(ctx context.Context, err error) error {
	try := "is HAProxy running, and does the address fit?"
	switch {
	case ctx.Err() != nil || p.through != "":
	case errors.Is(err, fs.ErrNotExist):
		try = fmt.Sprintf("is HAProxy running, with `stats socket %s mode 660 level admin` in its global section?", p.address)
	case errors.Is(err, fs.ErrPermission):
		try = "this user may not open the socket: join its group (often haproxy), or widen its `mode`"
	case errors.Is(err, syscall.ECONNREFUSED) && p.network == "unix":
		try = "the file is there but nobody listens: HAProxy has ended"
	}
	return fmt.Errorf("%s: %w; %s", p.where(), cause(ctx, err), try)
}

// write sends a command that answers nothing but a blank line when it was done; any text is a refusal.
func (p peer) write(ctx context.Context, command string) error {
	answer, err := p.ask(ctx, command)
	if err != nil {
		return err
	}
	if text := strings.TrimSpace(answer); text != "" {
		return fmt.Errorf("%s: %q was answered %q", p.where(), command, redact.Outside(text, 300))
	}
	return nil
}

// line is a command as an operator would type it.
func (p peer) line(command string) string {
	to := "unix-connect:" + p.address
	if p.network == "tcp" {
		to = "tcp-connect:" + p.address
	}
	if strings.ContainsAny(to, " '\"$`\\(){}<>|&;*?!~#") {
		to = "'" + strings.ReplaceAll(to, "'", `'\''`) + "'"
	}
	switch {
	case strings.Contains(p.through, "{local}"): // a command that forwards a port beside it
		return fmt.Sprintf("echo %q | socat stdio 'tcp-connect:127.0.0.1:{local}'  # beside %s", command, p.through)
	case p.through != "":
		return fmt.Sprintf("echo %q | %s", command, p.through)
	}
	return fmt.Sprintf("echo %q | socat stdio %s", command, to)
}

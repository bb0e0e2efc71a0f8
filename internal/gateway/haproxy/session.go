package haproxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// session is one connection that is kept for several commands, with HAProxy's prompt between their answers. It is for
// sockets that are reached through a command: there each connection costs a handshake, and a read takes a dozen commands.
type session struct {
	mu   sync.Mutex
	conn net.Conn // nil: none
	last time.Time
}

const (
	// prompted is what HAProxy writes after each answer once it was asked for its prompt. No line of an answer begins so:
	// those of tables begin with names and addresses.
	prompted = "\n> "
	// sessionIdle is how long a connection is trusted: HAProxy closes one after `stats timeout`, 10 s by default.
	sessionIdle = 5 * time.Second
)

// ask sends a command and reads the answer up to the prompt. What goes wrong ends the connection; nothing is sent again.
func (s *session) ask(ctx context.Context, p peer, command string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.last) > sessionIdle {
		s.end()
	}
	if s.conn == nil {
		if err := s.begin(ctx, p); err != nil {
			return nil, err
		}
	}
	answer, err := s.exchange(ctx, command)
	if err != nil {
		s.end()
		return nil, &lostError{fmt.Errorf("%s: %q: %w; HAProxy may be busy or be reloading", p.where(), command, cause(ctx, err))}
	}
	s.last = time.Now()
	return answer, nil
}

// begin connects and asks for the prompt; until that has come, no command was sent.
func (s *session) begin(ctx context.Context, p peer) error {
	conn, err := p.dial(ctx, p.network, p.address)
	if err != nil {
		return p.unreachable(ctx, err)
	}
	s.conn = conn
	if _, err := s.exchange(ctx, "prompt"); err != nil {
		s.end()
		return p.unreachable(ctx, err)
	}
	return nil
}

// end gives the connection up, where there is one.
func (s *session) end() {
	if s.conn != nil {
		_ = s.conn.Close()
		s.conn = nil
	}
}

// errNoSocket is something at the other end that is no runtime socket.
var errNoSocket = errors.New("what answers is no runtime socket")

func (s *session) exchange(ctx context.Context, command string) ([]byte, error) {
	if err := s.conn.SetDeadline(time.Time{}); err != nil {
		return nil, err //nolint:wrapcheck // ask says of what
	}
	late := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(late)
		_ = s.conn.SetDeadline(time.Unix(1, 0))
	})
	defer func() {
		if !stop() {
			<-late // its deadline must not meet the next command
		}
	}()
	if _, err := io.WriteString(s.conn, command+"\n"); err != nil {
		return nil, err //nolint:wrapcheck // ask says of what
	}
	var got []byte
	piece := make([]byte, 32<<10)
	for {
		n, err := s.conn.Read(piece)
		from := max(0, len(got)-len(prompted))
		got = append(got, piece[:n]...)
		switch at := bytes.Index(got[from:], []byte(prompted)); {
		case at >= 0 && from+at+len(prompted) == len(got):
			return got[:from+at+1], nil // with the line's end, as it comes without a prompt
		case at >= 0:
			return nil, fmt.Errorf("%w: more came than was asked for", errNoSocket)
		case len(got) > maxAnswer:
			return nil, fmt.Errorf("the answer is longer than %d MiB", maxAnswer>>20)
		case bytes.HasPrefix(got, []byte("HTTP/")):
			return nil, fmt.Errorf("%w, but an HTTP server", errNoSocket)
		case errors.Is(err, io.EOF) && len(got) == 0:
			return nil, errors.New("the connection ended without an answer")
		case errors.Is(err, io.EOF):
			return nil, errors.New("the answer broke off")
		case err != nil:
			return nil, err //nolint:wrapcheck // ask says of what
		}
	}
}

package drill

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"
)

// server is an HTTP server on loopback, at a port of the kernel's choice.
type server struct {
	http   http.Server
	url    string
	conns  sync.WaitGroup // connections being served; only the accept loop adds
	served chan struct{}  // closed when the accept loop has ended
}

func startServer(ctx context.Context, h http.Handler) (*server, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listening on loopback: %w", err)
	}
	s := &server{url: "http://" + l.Addr().String(), served: make(chan struct{})}
	s.http = http.Server{
		Handler: h,
		ConnState: func(_ net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				s.conns.Add(1)
			case http.StateClosed, http.StateHijacked:
				s.conns.Done()
			case http.StateActive, http.StateIdle:
			}
		},
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          log.New(io.Discard, "", 0), // aborted answers are part of the play
	}
	go func() {
		defer close(s.served)
		_ = s.http.Serve(l) // ends with ErrServerClosed
	}()
	return s, nil
}

// stop lets requests finish for a moment, then cuts them, and waits for all.
func (s *server) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.http.Close()
	}
	<-s.served
	s.conns.Wait()
	if err != nil {
		return fmt.Errorf("stopping server: %w", err)
	}
	return nil
}

package source

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// maxStreams bounds the Envoys' connections: each layer of each Envoy has one.
const maxStreams = 1000

// Path is where a console asks what is set (GET) and changes it (POST).
const Path = "/levers"

// Serve answers Envoys and consoles until the context ends. What was sent stays in force in the Envoys until its deadline.
func (s *Source) Serve(ctx context.Context, l net.Listener) error {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+runtimePath, s.stream)
	mux.HandleFunc("GET "+Path, s.show)
	mux.HandleFunc("POST "+Path, s.change)
	srv := &http.Server{
		Handler: local(mux), ReadHeaderTimeout: 10 * time.Second, Protocols: new(http.Protocols),
		HTTP2:       &http.HTTP2Config{MaxConcurrentStreams: maxStreams, SendPingTimeout: 15 * time.Second},
		BaseContext: func(net.Listener) context.Context { return ctx }, // a stream ends with it
	}
	srv.Protocols.SetHTTP1(true)
	srv.Protocols.SetUnencryptedHTTP2(true)
	var wg sync.WaitGroup
	wg.Go(func() { s.keepTime(ctx) })
	wg.Go(func() {
		<-ctx.Done()
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		if srv.Shutdown(end) != nil {
			_ = srv.Close()
		}
	})
	err := srv.Serve(l)
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	if ctx.Err() == nil && err != nil {
		return fmt.Errorf("serving Envoy's runtime on %s: %w", l.Addr(), err)
	}
	wg.Wait()
	return err
}

// keepTime ends what has reached its deadline.
func (s *Source) keepTime(ctx context.Context) {
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		timer := time.NewTimer(s.expire())
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-changed:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// local refuses what a web page of this machine's browser might send.
func local(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		ip := net.ParseIP(strings.Trim(host, "[]"))
		ours := host == "localhost" || ip != nil && ip.IsLoopback() || r.URL.Path == runtimePath // Envoy says its cluster's name
		if r.Header.Get("Origin") != "" || !ours {
			http.Error(w, "not for browsers", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Source) show(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, s.Status()) }

func (s *Source) change(w http.ResponseWriter, r *http.Request) {
	var c Change
	d := json.NewDecoder(io.LimitReader(r.Body, maxFrame))
	d.DisallowUnknownFields()
	if err := d.Decode(&c); err != nil {
		answer(w, http.StatusBadRequest, failure{"reading the change: " + err.Error()})
		return
	}
	st, err := s.Set(c)
	var refused *Refused
	switch {
	case errors.As(err, &refused) && refused.Moved:
		answer(w, http.StatusPreconditionFailed, failure{err.Error()})
	case errors.As(err, &refused):
		answer(w, http.StatusUnprocessableEntity, failure{err.Error()})
	case err != nil:
		answer(w, http.StatusInternalServerError, failure{err.Error()})
	default:
		answer(w, http.StatusOK, st)
	}
}

type failure struct {
	Error string `json:"error"`
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // a client that hung up hears nothing
}

// stream is one Envoy's question for its layers, open as long as both live.
type stream struct {
	source *Source

	// Guarded by the source's mutex.
	node   string
	layers map[string]*sent
}

// sent is what a stream has been told of one layer.
type sent struct {
	version, acked uint64
	nonce, err     string
}

func (n *stream) seen() []Node {
	out := make([]Node, 0, len(n.layers))
	for _, name := range slices.Sorted(maps.Keys(n.layers)) {
		l := n.layers[name]
		out = append(out, Node{ID: n.node, Layer: name, Acked: l.acked, Err: l.err})
	}
	return out
}

func compareNodes(a, b Node) int {
	return cmp.Or(strings.Compare(a.ID, b.ID), strings.Compare(a.Layer, b.Layer))
}

func sortedKeys(m map[string]uint32) []string { return slices.Sorted(maps.Keys(m)) }

// stream answers one Envoy. The goroutine that reads ends with the body, which is closed here.
func (s *Source) stream(w http.ResponseWriter, r *http.Request) {
	if r.ProtoMajor != 2 || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/grpc") {
		http.Error(w, "this is gRPC over HTTP/2", http.StatusUnsupportedMediaType)
		return
	}
	n := &stream{source: s, layers: make(map[string]*sent)}
	if !s.join(n) {
		http.Error(w, "too many streams", http.StatusServiceUnavailable)
		return
	}
	defer s.leave(n)
	w.Header().Set("Content-Type", "application/grpc")
	w.Header().Set("Trailer", "Grpc-Status, Grpc-Message")
	w.WriteHeader(http.StatusOK)
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	requests, done := make(chan request), make(chan struct{})
	var why error
	go func() {
		defer close(done)
		why = read(ctx, r.Body, requests)
	}()
	n.answer(ctx, w, requests, done)
	cancel()
	_ = r.Body.Close()
	<-done
	w.Header().Set("Grpc-Status", "0")
	if why != nil && !errors.Is(why, io.EOF) && r.Context().Err() == nil {
		w.Header().Set("Grpc-Status", "3")
		w.Header().Set("Grpc-Message", why.Error())
	}
}

// read hands requests on, until the stream or its handler ends.
func read(ctx context.Context, body io.Reader, requests chan<- request) error {
	for {
		b, err := readFrame(body)
		if err != nil {
			return err
		}
		q, err := parseRequest(b)
		if err != nil {
			return err
		}
		select {
		case requests <- q:
		case <-ctx.Done():
			return nil
		}
	}
}

// answer sends each layer when it is asked for and whenever it changes.
func (n *stream) answer(ctx context.Context, w http.ResponseWriter, requests <-chan request, done <-chan struct{}) {
	rc := http.NewResponseController(w)
	for {
		b, changed := n.news()
		if len(b) > 0 {
			if _, err := w.Write(frame(b)); err != nil {
				return
			}
		}
		if rc.Flush() != nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-done:
			return
		case <-changed:
		case q := <-requests:
			n.take(q)
		}
	}
}

// news is what the stream has not been told yet, nil for nothing, and what will be closed when there is more.
func (n *stream) news() ([]byte, <-chan struct{}) {
	s := n.source
	s.mu.Lock()
	defer s.mu.Unlock()
	stale := false
	for name, l := range n.layers {
		stale = stale || l.nonce == "" || l.version != s.layers[name]
	}
	if !stale {
		return nil, s.changed
	}
	now := s.now()
	nonce := fmt.Sprintf("%d-%d", s.version, now.UnixNano())
	var all []layer
	for _, name := range slices.Sorted(maps.Keys(n.layers)) {
		l := layer{name: name, version: s.layers[name], values: make(map[string]uint32)}
		for k, e := range s.entries {
			left := e.Until.Sub(now)
			if e.Layer != name || left <= 0 {
				continue
			}
			l.values[k] = e.Value
			if l.ttl == 0 || left < l.ttl {
				l.ttl = left
			}
		}
		all = append(all, l)
		n.layers[name].version, n.layers[name].nonce = l.version, nonce
	}
	return response(s.version, nonce, all), s.changed
}

// take notes what an Envoy says.
func (n *stream) take(q request) {
	s := n.source
	s.mu.Lock()
	defer s.mu.Unlock()
	if q.node != "" {
		n.node = q.node
	}
	for _, name := range q.names {
		if n.layers[name] == nil && len(n.layers) < maxNames {
			n.layers[name] = &sent{}
		}
	}
	for _, l := range n.layers {
		if q.nonce == "" || l.nonce != q.nonce {
			continue // to what was sent before
		}
		if l.err = q.failed; q.failed == "" {
			l.acked = l.version
		}
	}
}

func (s *Source) join(n *stream) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.nodes) >= maxStreams {
		return false
	}
	s.nodes[n] = true
	return true
}

func (s *Source) leave(n *stream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.nodes, n)
}

// Package push is the door for what is sent to the console: one HTTP server on a loopback address, with a token, bounded
// bodies and an end. What comes through it the sources read.
package push

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	defaultBody  = 8 << 20
	defaultPlain = 32 << 20
	retryListen  = 5 * time.Second // between two tries at an address that is taken
	grace        = 2 * time.Second // for requests under way when the door closes
	slots        = 4               // requests whose body is in memory at once
	slotWait     = 5 * time.Second
)

// Options say where to listen and who may come in.
type Options struct {
	Listen string // a loopback address with a port
	Token  string // asked for as a bearer token; "": whoever is on this machine may send
	// Signature is a header that may hold a signature of the body in place of the token ("sha256=" and the HMAC with
	// the token in hex), for senders that cannot send headers of one's own. "": none.
	Signature string
	Handler   http.Handler
	Refuse    func(w http.ResponseWriter, r *http.Request, why Refusal) // answers in the sender's form; nil: plain text
	MaxBody   int64                                                     // of a request as sent; 0: 8 MiB
	MaxPlain  int64                                                     // of a request unpacked; 0: 32 MiB
}

// Refusal is why a request is not taken.
type Refusal struct {
	Status int
	Text   string
	Later  time.Duration // when to try again; 0: not at all
}

// Door is the server. It owns its connections: they are gone when Run returns.
type Door struct {
	opt    Options
	listen string
	token  [sha256.Size]byte
	slots  chan struct{}
}

// New makes a door. An address beyond this machine is an error.
func New(opt Options) (*Door, error) {
	listen, err := Address(opt.Listen)
	if err != nil {
		return nil, err
	}
	if opt.MaxBody <= 0 {
		opt.MaxBody = defaultBody
	}
	if opt.MaxPlain <= 0 {
		opt.MaxPlain = defaultPlain
	}
	if opt.Refuse == nil {
		opt.Refuse = func(w http.ResponseWriter, _ *http.Request, why Refusal) {
			why.Answer(w, "text/plain; charset=utf-8", []byte(why.Text+"\n"))
		}
	}
	return &Door{opt: opt, listen: listen, token: sha256.Sum256([]byte(opt.Token)), slots: make(chan struct{}, slots)}, nil
}

// Address gives the address to bind for one that was asked for, and refuses any that another machine could reach.
func Address(listen string) (string, error) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "", fmt.Errorf("%q is not an address with a port: write it like 127.0.0.1:4318", listen)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n > 65535 {
		return "", fmt.Errorf("%q has no port number: write it like 127.0.0.1:4318", listen)
	}
	if host == "localhost" {
		host = "127.0.0.1"
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return "", fmt.Errorf("%q is not a loopback address: write 127.0.0.1 or [::1]; what is sent from elsewhere comes through a tunnel or a collector on this machine", listen)
	}
	return net.JoinHostPort(host, port), nil
}

// Run listens until ctx ends, and returns when no handler runs any more. tell is called on Run's goroutine with the
// address once it listens, and with the reason while it cannot; an address that is taken is tried again.
func (d *Door) Run(ctx context.Context, tell func(addr string, err error)) {
	for ctx.Err() == nil {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", d.listen)
		if err == nil {
			tell(l.Addr().String(), nil)
			err = d.serve(ctx, l)
		}
		if ctx.Err() != nil {
			return
		}
		tell("", fmt.Errorf("listening on %s: %w: does another console or collector have it? It is tried again by itself", d.listen, err))
		select {
		case <-ctx.Done():
		case <-time.After(retryListen):
		}
	}
}

// serve answers on a listener until ctx ends or the listener breaks.
func (d *Door) serve(ctx context.Context, l net.Listener) error {
	s := &http.Server{
		Handler: d.guard(d.opt.Handler), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 45 * time.Second,
		IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10, ErrorLog: log.New(io.Discard, "", 0), // the screen belongs to the console
		BaseContext: func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
	}
	broken := make(chan error, 1)
	go func() { broken <- s.Serve(l) }()
	select {
	case err := <-broken:
		_ = s.Close()
		return err
	case <-ctx.Done():
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	err := s.Shutdown(end)
	if err != nil {
		_ = s.Close()
	}
	if closed := <-broken; err == nil && !errors.Is(closed, http.ErrServerClosed) {
		err = closed
	}
	for range slots { // a handler that outlives its connection is waited for too
		d.slots <- struct{}{}
	}
	return err
}

// guard lets in who may come in, and no more of them at once than bodies may be in memory.
func (d *Door) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if why, bad := d.stranger(r); bad {
			if why.Status == http.StatusUnauthorized {
				w.Header().Set("WWW-Authenticate", "Bearer")
			}
			d.opt.Refuse(w, r, why)
			return
		}
		select {
		case d.slots <- struct{}{}:
		default:
			wait := time.NewTimer(slotWait)
			defer wait.Stop()
			select {
			case d.slots <- struct{}{}:
			case <-r.Context().Done():
				return
			case <-wait.C:
				d.opt.Refuse(w, r, Refusal{http.StatusServiceUnavailable, "too many requests at once", time.Second})
				return
			}
		}
		defer func() { <-d.slots }()
		next.ServeHTTP(w, r)
	})
}

// stranger tells who may not send. Hashes of one length are compared, so that neither the token's bytes nor its length
// show in the time that it takes. Without a token, a web page in a browser of this machine is kept out by the name under
// which it thinks to reach the door.
func (d *Door) stranger(r *http.Request) (Refusal, bool) {
	if d.opt.Token == "" {
		host := r.Host
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		ip := net.ParseIP(strings.Trim(host, "[]"))
		if r.Header.Get("Origin") != "" {
			return Refusal{Status: http.StatusForbidden, Text: "web pages may not send here; with a token in the configuration they may"}, true
		}
		if host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return Refusal{Status: http.StatusForbidden, Text: "this door is asked for as localhost or by its loopback address; with a token in the configuration, under any name"}, true
		}
		return Refusal{}, false
	}
	if d.signature(r) != "" {
		return Refusal{}, false // Read looks at it: it takes the body
	}
	kind, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	sum := sha256.Sum256([]byte(token))
	if !strings.EqualFold(kind, "Bearer") || subtle.ConstantTimeCompare(sum[:], d.token[:]) != 1 {
		return Refusal{Status: http.StatusUnauthorized, Text: "the token is missing or wrong: send that of the source as a bearer token, in the header Authorization"}, true
	}
	return Refusal{}, false
}

// Answer writes the refusal with a body in the sender's form.
func (why Refusal) Answer(w http.ResponseWriter, kind string, body []byte) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if why.Later > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(max(1, (why.Later+time.Second-1)/time.Second))))
	}
	w.WriteHeader(why.Status)
	_, _ = w.Write(body)
}

// Error makes a refusal an error.
func (why Refusal) Error() string { return why.Text }

// AsRefusal gives the refusal that an error is; any other error is bad data.
func AsRefusal(err error) Refusal {
	var why Refusal
	if errors.As(err, &why) {
		return why
	}
	return Refusal{Status: http.StatusBadRequest, Text: err.Error()}
}

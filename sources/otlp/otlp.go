// Package otlp takes logs that are pushed in OpenTelemetry's protocol over HTTP, in JSON and in protocol buffers. What is
// sent waits in a bounded queue for the desk; when that is full the sender is told to come back, and what it was refused
// is counted.
package otlp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"signalbox/internal/traffic"
	"signalbox/sources"
	"signalbox/sources/decode"
	"signalbox/sources/push"
)

// Path is where logs are sent to.
const Path = "/v1/logs"

// Bounds of what waits and of what is remembered.
const (
	maxQueue   = 32       // requests
	maxQueued  = 64 << 20 // bytes of their records
	maxBatch   = 512
	maxSenders = 256
	idleSender = 5 * time.Minute // after which a sender gives up its place to a new one
	tickEvery  = 250 * time.Millisecond
	stateEvery = time.Second
	drainFor   = 5 * time.Second // at the end, for what has been accepted
	noticeFor  = time.Minute     // how long a refusal stays in the state's detail
)

// Options say where to listen and how to read.
type Options struct {
	Name     string
	Listen   string // a loopback address such as 127.0.0.1:4318
	Token    string // asked for as a bearer token; "": none
	Fields   map[string]string
	Formats  []*decode.Mapping // the mapping files of the configuration, for bodies that are log lines
	Zone     *time.Location
	Labels   sources.Labels
	Kit      sources.Kit
	MaxBody  int64 // of a request as sent; 0: 8 MiB
	MaxPlain int64 // of a request unpacked; 0: 32 MiB
	MaxQueue int   // requests that wait for the desk; 0: 32
}

// Source is the push source. It implements sources.Source.
type Source struct {
	opt   Options
	door  *push.Door
	queue chan delivery

	senders map[string]*sender // owned by Run's goroutine
	others  *sender            // of senders beyond the bound
	swept   time.Time
	past    decode.Tally // of senders that gave up their place
	out     []traffic.Record
	places  traffic.UnknownPlaces

	mu       sync.Mutex // guards what follows: handlers count too
	listens  string
	listenEr error
	queued   int64
	lines    int64
	bytes    int64
	bad      int64 // requests that could not be read
	dropped  int64
	read     time.Time
	notice   string
	noticed  time.Time
}

// delivery is what one request brought.
type delivery struct {
	items []item
	size  int64
}

// New makes a source. A mistake in the options is an error here, not later; the address is bound by Run.
func New(opt Options) (*Source, error) {
	opt.Kit = opt.Kit.Complete()
	if opt.MaxQueue <= 0 {
		opt.MaxQueue = maxQueue
	}
	s := &Source{opt: opt, queue: make(chan delivery, opt.MaxQueue), senders: make(map[string]*sender)}
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+Path, s.receive)
	mux.HandleFunc("/", s.elsewhere)
	door, err := push.New(push.Options{
		Listen: opt.Listen, Token: opt.Token, Handler: mux, Refuse: s.refuse, MaxBody: opt.MaxBody, MaxPlain: opt.MaxPlain,
	})
	if err != nil {
		return nil, fmt.Errorf("listen of source %s: %w", opt.Name, err)
	}
	s.door = door
	if s.others, err = newSender(s.decoding()); err != nil {
		return nil, fmt.Errorf("source %s: %w", opt.Name, err)
	}
	return s, nil
}

func (s *Source) decoding() decode.Options {
	return decode.Options{
		Kit: s.opt.Kit, Source: s.opt.Name, Labels: s.opt.Labels, Fields: s.opt.Fields, Formats: s.opt.Formats, Zone: s.opt.Zone, Unknown: &s.places,
	}
}

// Name implements sources.Source.
func (s *Source) Name() string { return s.opt.Name }

// Run implements sources.Source: it listens until ctx ends, and then hands over what has been accepted.
func (s *Source) Run(ctx context.Context, emit sources.Emit) error {
	inside, leave := context.WithCancel(ctx)
	defer leave()
	var door sync.WaitGroup
	door.Go(func() { s.door.Run(inside, s.told) })
	e := &emitter{emit: emit}
	err := s.pump(inside, e)
	leave()
	door.Wait() // nobody puts anything into the queue any more
	if err == nil {
		err = s.drain(ctx, e)
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("handing over what was sent to %s: %w", s.opt.Name, err)
	}
	return nil
}

// pump makes records of what comes in until ctx ends.
func (s *Source) pump(ctx context.Context, e *emitter) error {
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	for {
		if err := s.flush(ctx, e); err != nil {
			if ctx.Err() != nil {
				return nil // what was not taken is in s.out still
			}
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case d := <-s.queue:
			s.take(d)
		case <-tick.C:
			now := s.opt.Kit.Now()
			for _, from := range s.all() {
				from.settleDue(now)
				s.collect(from)
			}
		}
	}
}

// drain hands over what was accepted before the door closed: its senders have been told that it is here.
func (s *Source) drain(ctx context.Context, e *emitter) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainFor)
	defer cancel()
	for len(s.queue) > 0 {
		s.take(<-s.queue)
	}
	now := s.opt.Kit.Now()
	for _, from := range s.all() {
		from.settle(now)
		s.collect(from)
	}
	e.ended = true
	return s.flush(ctx, e)
}

// take makes records of one delivery.
func (s *Source) take(d delivery) {
	now := s.opt.Kit.Now()
	for i := range d.items {
		from := s.from(d.items[i].sender, now)
		from.take(d.items[i], now)
		s.collect(from)
	}
	s.mu.Lock()
	s.queued -= d.size
	s.mu.Unlock()
}

func (s *Source) collect(from *sender) {
	s.out = append(s.out, from.out...)
	from.out = from.out[:0]
}

// from finds the sender's own stream. When there are too many senders, one that has been quiet for long gives up its
// place; where none has, the new ones share a stream.
func (s *Source) from(name string, now time.Time) *sender {
	if own := s.senders[name]; own != nil {
		return own
	}
	if len(s.senders) >= maxSenders && now.Sub(s.swept) >= time.Second {
		s.swept = now
		for n, old := range s.senders {
			if now.Sub(old.used) < idleSender {
				continue
			}
			old.settle(now)
			s.collect(old)
			t := old.tally()
			s.past = addTally(s.past, t)
			delete(s.senders, n)
		}
	}
	if len(s.senders) >= maxSenders {
		return s.others
	}
	own, err := newSender(s.decoding())
	if err != nil {
		return s.others // the options were tried in New
	}
	s.senders[name] = own
	return own
}

func (s *Source) all() []*sender {
	out := make([]*sender, 0, len(s.senders)+1)
	for _, own := range s.senders {
		out = append(out, own)
	}
	return append(out, s.others)
}

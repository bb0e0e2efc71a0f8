package change

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"signalbox/internal/redact"
	"signalbox/internal/traffic"
	"signalbox/sources"
	"signalbox/sources/push"
)

const (
	maxBody  = 256 << 10
	maxQueue = 64 // requests that wait for the desk
	noticed  = time.Minute
)

// WebhookOptions say where to listen.
type WebhookOptions struct {
	Name   string
	Listen string // a loopback address such as 127.0.0.1:4319
	Token  string // asked for as a bearer token, or as the key of GitHub's signature; "": none
	Zone   *time.Location
	Envs   []string // the environments of the configuration
	Labels sources.Labels
	Kit    sources.Kit
}

// Webhook is a source that takes changes as they are posted. It implements sources.Source.
type Webhook struct {
	opt   WebhookOptions
	door  *push.Door
	read  reader
	queue chan []traffic.Fact
	woken chan struct{}  // something to tell: a slot, so that nobody waits
	held  []traffic.Fact // taken from the queue and not handed over

	mu     sync.Mutex
	state  traffic.SourceState
	notice string
	at     time.Time
}

// NewWebhook makes a source. A mistake in the options is an error here, not later; the address is bound by Run.
func NewWebhook(opt WebhookOptions) (*Webhook, error) {
	opt.Kit = opt.Kit.Complete()
	s := &Webhook{
		opt: opt, read: reader{zone: opt.Zone, labels: opt.Labels, envs: opt.Envs}, queue: make(chan []traffic.Fact, maxQueue), woken: make(chan struct{}, 1),
		state: traffic.SourceState{
			Name: opt.Name, Kind: traffic.ChangeSource, Gateway: opt.Labels.Gateway, Where: opt.Listen, Format: "changes", Health: traffic.Starting,
		},
	}
	door, err := push.New(push.Options{
		Listen: opt.Listen, Token: opt.Token, Signature: "X-Hub-Signature-256", Handler: http.HandlerFunc(s.receive), Refuse: s.refuse,
		MaxBody: maxBody, MaxPlain: 4 * maxBody,
	})
	if err != nil {
		return nil, fmt.Errorf("listen of source %s: %w", opt.Name, err)
	}
	s.door = door
	return s, nil
}

// Name implements sources.Source.
func (s *Webhook) Name() string { return s.opt.Name }

// Run implements sources.Source: it listens until ctx ends, and then hands over what was accepted.
func (s *Webhook) Run(ctx context.Context, emit sources.Emit) error {
	inside, leave := context.WithCancel(ctx)
	defer leave()
	var door sync.WaitGroup
	door.Go(func() { s.door.Run(inside, s.told) })
	err := s.pump(inside, emit)
	leave()
	door.Wait()
	if err == nil {
		err = s.drain(ctx, emit)
	}
	if err != nil {
		return ended(ctx, s.opt.Name, err)
	}
	return nil
}

func (s *Webhook) pump(ctx context.Context, emit sources.Emit) error {
	tick := time.NewTicker(tellEvery)
	defer tick.Stop()
	for {
		var facts []traffic.Fact
		select {
		case <-ctx.Done():
			return nil
		case facts = <-s.queue:
		case <-s.woken:
		case <-tick.C:
		}
		if err := emit(ctx, s.batch(facts)); err != nil {
			if ctx.Err() == nil {
				return err
			}
			s.held = facts
			return nil
		}
	}
}

func (s *Webhook) drain(ctx context.Context, emit sources.Emit) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	facts := s.held
	for len(s.queue) > 0 {
		facts = append(facts, <-s.queue...)
	}
	b := s.batch(facts)
	b.State.Health, b.State.Detail = traffic.Ended, ""
	return emit(ctx, b)
}

func (s *Webhook) batch(facts []traffic.Fact) traffic.Batch {
	s.mu.Lock()
	defer s.mu.Unlock()
	state := s.state
	if state.Health != traffic.Failing && s.notice != "" && s.opt.Kit.Now().Sub(s.at) < noticed {
		state.Detail = s.notice
	}
	return traffic.Batch{Source: s.opt.Name, Kind: traffic.ChangeSource, Facts: facts, State: &state}
}

// told is what the door says about listening.
func (s *Webhook) told(addr string, err error) {
	s.mu.Lock()
	s.state.Health, s.state.Detail = traffic.Live, ""
	if err != nil {
		s.state.Health, s.state.Detail = traffic.Failing, err.Error()
	} else {
		s.state.Where = "http://" + addr + "/"
	}
	s.mu.Unlock()
	s.wake()
}

func (s *Webhook) wake() {
	select {
	case s.woken <- struct{}{}:
	default:
	}
}

// receive takes one request: a change or a list of them, at any path.
func (s *Webhook) receive(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		s.refuse(w, r, push.Refusal{Status: http.StatusMethodNotAllowed, Text: "changes are sent with POST"})
		return
	}
	body, err := s.door.Read(w, r)
	if err != nil {
		s.refuse(w, r, push.AsRefusal(err))
		return
	}
	if r.Header.Get("X-GitHub-Event") == "ping" {
		s.thank(w, 0)
		return
	}
	facts, skewed, err := s.read.payload(body, s.opt.Kit.Now())
	if err != nil {
		s.refuse(w, r, push.AsRefusal(err))
		return
	}
	s.mu.Lock()
	full := false
	if len(facts) > 0 {
		select {
		case s.queue <- facts:
			s.state.Lines += int64(len(facts))
			s.state.Bytes += int64(len(body))
			s.state.Skewed += int64(skewed)
			s.state.LastRead = s.opt.Kit.Now()
		default:
			full = true
			s.state.Dropped += int64(len(facts))
		}
	}
	s.mu.Unlock()
	if full {
		s.refuse(w, r, push.Refusal{Status: http.StatusServiceUnavailable, Text: "too many changes at once", Later: time.Second})
		return
	}
	s.thank(w, len(facts))
}

// thank answers as Grafana does, so that its clients are content.
func (s *Webhook) thank(w http.ResponseWriter, n int) {
	body, _ := json.Marshal(struct { // plain fields: it cannot fail
		Message string `json:"message"`
		Taken   int    `json:"taken"`
	}{"taken", n})
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body)
}

func (s *Webhook) refuse(w http.ResponseWriter, _ *http.Request, why push.Refusal) {
	s.mu.Lock()
	if why.Status == http.StatusBadRequest {
		s.state.Unparsed++
	}
	text := redact.Outside(why.Text, 240)
	s.notice, s.at = "a sender was refused: "+text, s.opt.Kit.Now()
	s.mu.Unlock()
	s.wake()
	body, _ := json.Marshal(struct { // one plain field: it cannot fail
		Message string `json:"message"`
	}{text})
	why.Answer(w, "application/json", body)
}

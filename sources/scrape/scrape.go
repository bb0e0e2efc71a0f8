// Package scrape reads Prometheus text pages of gateways at intervals: states that no log shows become
// gauges, and what counters have grown by becomes counts with which logs are cross-checked.
package scrape

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"signalbox/internal/fault"
	"signalbox/internal/traffic"
	"signalbox/sources"
)

const (
	defaultEvery = 5 * time.Second
	leastEvery   = 100 * time.Millisecond
	maxTimeout   = 10 * time.Second
)

// Options say what to scrape and how.
type Options struct {
	Name    string
	URL     string
	Every   time.Duration                             // 0: 5 s
	Timeout time.Duration                             // of one reading; 0: the interval, but 1 s at least and 10 s at most
	Map     string                                    // how to read the page: auto, haproxy or gateway; empty is auto
	Token   func(ctx context.Context) (string, error) // a bearer token, asked for at each scrape; nil: none
	Client  *http.Client                              // its timeout and redirects are replaced; nil: the default transport
	Labels  sources.Labels                            // an empty Instance is the URL's host
	Kit     sources.Kit
}

// Scrape is a source that reads one page. It implements sources.Source.
type Scrape struct {
	opt    Options
	client *http.Client
	where  string // the URL without credentials and query
	reader *reader
	state  traffic.SourceState
}

// New makes a source. A mistake in the options is an error here, not later.
func New(opt Options) (*Scrape, error) {
	opt.Kit = opt.Kit.Complete()
	u, err := url.Parse(opt.URL)
	switch {
	case err != nil:
		return nil, fmt.Errorf("source %s: its url cannot be read: write it like http://127.0.0.1:8404/metrics", opt.Name)
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return nil, fmt.Errorf("source %s: its url has no http or https host: write it like http://127.0.0.1:8404/metrics", opt.Name)
	}
	where := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	if opt.Name == "" {
		opt.Name = where.String()
	}
	if opt.Every == 0 {
		opt.Every = defaultEvery
	}
	if opt.Every < leastEvery {
		return nil, fmt.Errorf("source %s: every %v is too often: %v at least", opt.Name, opt.Every, leastEvery)
	}
	if opt.Timeout <= 0 {
		opt.Timeout = min(max(opt.Every, time.Second), maxTimeout)
	}
	if opt.Labels.Instance == "" {
		opt.Labels.Instance = u.Host
	}
	r, err := newReader(opt.Map, opt.Kit, opt.Labels)
	if err != nil {
		return nil, fmt.Errorf("source %s: %w", opt.Name, err)
	}
	s := &Scrape{opt: opt, where: where.String(), reader: r}
	s.client = client(opt.Client, opt.Timeout)
	s.state = traffic.SourceState{
		Name: opt.Name, Kind: traffic.ScrapeSource, Gateway: opt.Labels.Gateway, Where: s.where, Format: "prometheus", Health: traffic.Starting,
	}
	return s, nil
}

// Name implements sources.Source.
func (s *Scrape) Name() string { return s.opt.Name }

// Run implements sources.Source: it scrapes at once and then at each interval until ctx ends. A page that
// cannot be read is told in the state and tried again at the next interval.
func (s *Scrape) Run(ctx context.Context, emit sources.Emit) error {
	tick := time.NewTicker(s.opt.Every)
	defer tick.Stop()
	for {
		if err := emit(ctx, s.once(ctx)); err != nil {
			if ctx.Err() != nil || errors.Is(err, context.Canceled) {
				return nil
			}
			return fmt.Errorf("handing over what %s showed: %w", s.opt.Name, err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// once scrapes the page and makes a batch of it.
func (s *Scrape) once(ctx context.Context) traffic.Batch {
	b := traffic.Batch{Source: s.opt.Name, Kind: traffic.ScrapeSource}
	p, err := s.fetch(ctx)
	now := s.opt.Kit.Now()
	if err == nil {
		if b.Gauges, b.Counts, err = s.read(p, now); err != nil {
			s.state.Unparsed++
		}
	}
	s.state.Health, s.state.Detail = traffic.Live, s.reader.remark()
	if err != nil {
		s.state.Health, s.state.Detail = traffic.Failing, bounded(err.Error())
	}
	state := s.state
	b.State = &state
	return b
}

func (s *Scrape) read(p page, now time.Time) ([]traffic.Gauge, []traffic.Count, error) {
	gauges, counts, rows, err := s.reader.read(p.body, now)
	if err != nil {
		return nil, nil, fmt.Errorf("%s answered with something that is not a Prometheus page (%s): %w: check the path", s.where, p.kind, err)
	}
	s.state.Lines += int64(rows)
	s.state.Bytes += int64(p.size)
	s.state.Newest, s.state.LastRead = now, now
	s.state.Format = "prometheus/" + s.reader.name()
	return gauges, counts, nil
}

const maxDetail = 400

// bounded keeps an error that may quote a stranger's answer short and on one line.
func bounded(text string) string {
	text = strings.ToValidUTF8(strings.Join(strings.Fields(text), " "), "�")
	if len(text) > maxDetail {
		text = strings.ToValidUTF8(text[:maxDetail], "") + "…"
	}
	return text
}

// outcomeOf gives the outcome that a status code alone tells of.
func outcomeOf(status int) traffic.Outcome {
	if status == 0 {
		return traffic.NewOutcome(fault.Connection, 0)
	}
	return traffic.NewOutcome(fault.StatusClass(status), status)
}

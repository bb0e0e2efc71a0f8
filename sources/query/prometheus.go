// Package query asks systems that keep numbers of their own, one question at a time.
package query

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/api"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

	"signalbox/internal/redact"
)

// Options say where a Prometheus is.
type Options struct {
	URL       string                                    // without /api/v1
	Token     func(ctx context.Context) (string, error) // nil: none is sent
	Timeout   time.Duration
	Transport http.RoundTripper // nil: http.DefaultTransport
}

// Prometheus asks one server. Its methods may be called from any goroutine.
type Prometheus struct {
	api     v1.API
	timeout time.Duration
}

const (
	mostReply = 1 << 20
	mostWords = 300
)

// NewPrometheus makes a client; it asks nothing yet.
func NewPrometheus(o Options) (*Prometheus, error) {
	if o.Transport == nil {
		o.Transport = http.DefaultTransport
	}
	client, err := api.NewClient(api.Config{Address: o.URL, RoundTripper: guard{o}})
	if err != nil {
		return nil, fmt.Errorf("the address of Prometheus: %w", err)
	}
	return &Prometheus{api: v1.NewAPI(client), timeout: o.Timeout}, nil
}

// guard adds the token and bounds what is read.
type guard struct{ o Options }

// RoundTrip sends one request.
func (g guard) RoundTrip(r *http.Request) (*http.Response, error) {
	if g.o.Token != nil {
		token, err := g.o.Token(r.Context())
		if err != nil {
			return nil, err
		}
		r = r.Clone(r.Context())
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := g.o.Transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Body = bounded{io.LimitReader(resp.Body, mostReply), resp.Body}
	return resp, nil
}

type bounded struct {
	io.Reader
	io.Closer
}

// Ask gives the one number that a query has at an instant. No series, several series and what is no number are errors
// that say what to write instead.
func (p *Prometheus) Ask(ctx context.Context, text string, at time.Time) (float64, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, p.timeout, fmt.Errorf("prometheus did not answer within %s", p.timeout))
	defer cancel()
	value, _, _, err := p.api.Query(ctx, text, at, v1.WithTimeout(p.timeout))
	if err != nil {
		return 0, fault(ctx, err)
	}
	var v float64
	switch value := value.(type) {
	case *model.Scalar:
		v = float64(value.Value)
	case model.Vector:
		switch {
		case len(value) == 0:
			return 0, errors.New("prometheus has no series for it now; where no series means no, write `> bool 5`, or add `or vector(0)`")
		case len(value) > 1:
			return 0, fmt.Errorf("prometheus answers with %d series, and one number is wanted; write sum(...) or max(...)", len(value))
		case value[0].Histogram != nil:
			return 0, errors.New("prometheus answers with a histogram, and one number is wanted; write histogram_quantile(...)")
		}
		v = float64(value[0].Value)
	default:
		return 0, fmt.Errorf("prometheus answers with a %s, and one number is wanted; leave the range out, or write rate(...)", value.Type())
	}
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, fmt.Errorf("prometheus answers %v, as a division by nothing does", v)
	}
	return v, nil
}

// fault words an error of the client.
func fault(ctx context.Context, err error) error {
	var answer *v1.Error
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.As(err, &answer) && (answer.Type == v1.ErrBadData || answer.Type == v1.ErrExec):
		return fmt.Errorf("prometheus refuses the query: %s", redact.Outside(answer.Msg, mostWords))
	case errors.As(err, &answer):
		return fmt.Errorf("prometheus answers %s: %s", answer.Type, redact.Outside(strings.TrimSpace(answer.Msg), mostWords))
	}
	return fmt.Errorf("prometheus is out of reach: %s", redact.Outside(err.Error(), mostWords))
}

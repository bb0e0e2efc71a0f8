package envoy

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"signalbox/internal/gateway"
	"signalbox/internal/redact"
)

// maxPage bounds one page of the admin interface: a configuration dump may be long.
const maxPage = 32 << 20

// peer is the admin interface of one Envoy.
type peer struct {
	name, base string
	through    string // the command that leads there; "" where none is needed
	sourced    bool   // it takes its runtime from Signalbox
	client     *http.Client
	timeout    time.Duration
}

// lostError is a request whose answer did not come: it may have been done.
type lostError struct{ err error }

func (e *lostError) Error() string { return e.err.Error() }
func (e *lostError) Unwrap() error { return e.err }

// page reads one page as JSON.
func (p peer) page(ctx context.Context, path string, into any) error {
	b, err := p.do(ctx, http.MethodGet, path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, into); err != nil {
		return fmt.Errorf("%s: %s%s is not what Envoy's admin interface gives: %w", p.name, p.base, path, err)
	}
	return nil
}

// modify sets one key of the admin layer; an empty value removes it. Envoy's OK says only that it was heard.
func (p peer) modify(ctx context.Context, key, value string) error {
	_, err := p.do(ctx, http.MethodPost, "/runtime_modify?"+url.Values{key: {value}}.Encode())
	return err
}

// by says which command leads there, where one does.
func (p peer) by() string {
	if p.through == "" {
		return ""
	}
	return " through " + p.through
}

func (p peer) do(ctx context.Context, method, path string) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, p.timeout, fmt.Errorf("no answer within %s", p.timeout))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, p.base+path, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.name, err)
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return nil, &lostError{fmt.Errorf("%s: %s %s%s: %w; is this Envoy running, and is this its admin address?", p.name, method, p.base, path+p.by(), gateway.Cause(ctx, err))}
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxPage+1))
	switch {
	case err != nil:
		return nil, &lostError{fmt.Errorf("%s: %s %s%s: reading the answer: %w", p.name, method, p.base, path, err)}
	case len(b) > maxPage:
		return nil, fmt.Errorf("%s: %s%s is longer than %d MiB", p.name, p.base, path, maxPage>>20)
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%s: %s %s%s: status %d: %s", p.name, method, p.base, path, resp.StatusCode, redact.Outside(string(b), 200))
	}
	return b, nil
}

package litellm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"signalbox/internal/gateway"
	"signalbox/internal/redact"
)

// lostError is a request that may have been heard although no answer came.
type lostError struct{ err error }

func (e *lostError) Error() string { return e.err.Error() }
func (e *lostError) Unwrap() error { return e.err }

// refusedError is an answer other than 2xx.
type refusedError struct {
	where  string
	status int
	said   string
	detail bool // {"detail":{"error":…}}: the handler itself says it, not a missing route
}

func (e *refusedError) Error() string {
	s := fmt.Sprintf("%s: LiteLLM answered %d (%s)", e.where, e.status, e.said)
	switch {
	case e.status == http.StatusUnauthorized || e.status == http.StatusForbidden:
		s += "; it takes the master key or the key of a proxy admin"
	case strings.Contains(e.said, "STORE_MODEL_IN_DB") || strings.Contains(e.said, "DB-stored models"):
		s += "; set store_model_in_db: true in its general_settings, or load the companion"
	}
	return s
}

// get asks one thing that changes nothing. /health itself is never asked: it sends a request to every deployment.
func (d *Driver) get(ctx context.Context, i Instance, path string) (int, []byte, error) {
	return d.do(ctx, i, http.MethodGet, path, "", "")
}

// fetch reads one thing into a value.
func (d *Driver) fetch(ctx context.Context, i Instance, path string, into any) error {
	status, body, err := d.get(ctx, i, path)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return refused(i, "GET "+path, status, body)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("%s: GET %s: the answer is not what LiteLLM 1.106 gives: %w", i.Name, path, err)
	}
	return nil
}

// send does one call that changes something; actor is who LiteLLM writes into its audit log.
func (d *Driver) send(ctx context.Context, i Instance, c gateway.Call, actor string) error {
	status, body, err := d.do(ctx, i, c.Method, c.Path, c.Body, actor)
	if err != nil {
		return err
	}
	if status < 200 || status > 299 {
		return refused(i, c.Method+" "+c.Path, status, body)
	}
	return nil
}

func (d *Driver) do(ctx context.Context, i Instance, method, path, body, actor string) (int, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, d.opts.Timeout)
	defer cancel()
	if u, err := url.Parse(i.URL); err != nil || u.Host == "" || u.User != nil {
		return 0, nil, errors.New("no URL of a proxy")
	}
	req, err := http.NewRequestWithContext(ctx, method, i.URL+path, bytes.NewReader([]byte(body)))
	if err != nil {
		return 0, nil, fmt.Errorf("asking %s: %w", i.Name, err)
	}
	if d.opts.Token != nil {
		token, err := d.opts.Token(ctx)
		if err != nil {
			return 0, nil, fmt.Errorf("getting the token: %w", err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if actor != "" {
		req.Header.Set("Litellm-Changed-By", redact.Outside(actor, 80))
	}
	resp, err := d.client.Do(req)
	if err != nil {
		err = fmt.Errorf("asking %s: %w", i.Name, err)
		var op *net.OpError
		if errors.As(err, &op) && op.Op == "dial" {
			return 0, nil, err // nothing was sent
		}
		return 0, nil, &lostError{err}
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	switch {
	case err != nil:
		return 0, nil, &lostError{fmt.Errorf("asking %s: %w", i.Name, err)}
	case len(answer) > maxBody:
		return 0, nil, fmt.Errorf("asking %s: %s answers more than %d MiB", i.Name, path, maxBody>>20)
	}
	return resp.StatusCode, answer, nil
}

// refused words an answer that is not 2xx: LiteLLM has three shapes for it.
func refused(i Instance, what string, status int, body []byte) error {
	var said struct {
		Error struct {
			Message string `json:"message"`
		} `json:"error"`
		Detail json.RawMessage `json:"detail"`
	}
	var inner struct {
		Error string `json:"error"`
	}
	_ = json.Unmarshal(body, &said)
	own := json.Unmarshal(said.Detail, &inner) == nil && inner.Error != ""
	text := said.Error.Message
	switch {
	case text != "":
	case own:
		text = inner.Error
	case len(said.Detail) > 0:
		text = string(said.Detail)
	default:
		text = strings.TrimSpace(string(body))
	}
	return &refusedError{where: i.Name + ": " + what, status: status, said: redact.Outside(text, 200), detail: own}
}

package conform

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"signalbox/internal/gateway"
	"signalbox/internal/redact"
	"signalbox/internal/traffic"
)

// Bounds on what a server may say.
const (
	maxBody   = 4 << 20
	maxText   = 500
	maxShown  = 300 // of one answer in a report
	maxLog    = 40  // exchanges of one check
	minSecret = 4
)

// How a call shows who it is.
const (
	asOurselves = iota
	asNobody
	asStranger
)

// call is one request.
type call struct {
	method, path, body string
	rev, key           string
	who                int
}

// reply is what came back, or why nothing did.
type reply struct {
	status int
	header http.Header
	body   []byte
	err    error
}

// hide takes the token out of a text and makes it fit for a screen and a file.
func (t *trial) hide(s string, limit int) string {
	if len(t.token) >= minSecret {
		s = redact.New([]byte(rand.Text()), t.token).Secrets(s)
	}
	return redact.Outside(s, limit)
}

// do sends one request, reads the whole answer and writes both down.
func (t *trial) do(ctx context.Context, c call) reply {
	r := t.send(ctx, c)
	sent := c.method + " " + c.path
	if c.rev != "" {
		sent += ` If-Match: "` + c.rev + `"`
	}
	if c.key != "" {
		sent += " Idempotency-Key: " + c.key
	}
	if c.who != asOurselves {
		sent += map[int]string{asNobody: " (no token)", asStranger: " (a wrong token)"}[c.who]
	}
	got := fmt.Sprintf("%d %s", r.status, bytes.TrimSpace(r.body))
	if r.err != nil {
		got = r.err.Error()
	}
	if len(t.log) < maxLog {
		t.log = append(t.log, Exchange{Sent: t.hide(strings.TrimSpace(sent+" "+c.body), maxShown), Got: t.hide(got, maxShown)})
	}
	return r
}

// send is do without the writing down, for requests that run beside each other.
func (t *trial) send(ctx context.Context, c call) reply {
	ctx, cancel := context.WithTimeoutCause(ctx, t.opts.Timeout, fmt.Errorf("no answer within %s", t.opts.Timeout))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, c.method, t.base+c.path, strings.NewReader(c.body))
	if err != nil {
		return reply{err: fmt.Errorf("building %s %s: %w", c.method, c.path, err)}
	}
	t.head(req.Header, c)
	resp, err := t.client.Do(req)
	if err != nil {
		return reply{err: errors.New(t.hide(gateway.Cause(ctx, err).Error(), maxText))}
	}
	defer resp.Body.Close()
	r := reply{status: resp.StatusCode, header: resp.Header}
	r.body, err = io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	switch {
	case err != nil:
		r.err = fmt.Errorf("the answer broke off: %s", t.hide(gateway.Cause(ctx, err).Error(), maxText))
	case len(r.body) > maxBody:
		t.tell(&t.fat, c)
		r.err, r.body = fmt.Errorf("the answer is longer than %d MiB", maxBody>>20), nil
	}
	if len(t.token) >= minSecret && (bytes.Contains(r.body, []byte(t.token)) || headerHolds(r.header, t.token)) {
		t.tell(&t.leaks, c)
	}
	return r
}

// tell remembers which request was answered badly.
func (t *trial) tell(list *[]string, c call) {
	t.mu.Lock()
	defer t.mu.Unlock()
	path, _, _ := strings.Cut(c.path, "?")
	*list = append(*list, c.method+" "+path)
}

func headerHolds(h http.Header, token string) bool {
	for _, values := range h {
		for _, v := range values {
			if strings.Contains(v, token) {
				return true
			}
		}
	}
	return false
}

func (t *trial) head(h http.Header, c call) {
	h.Set("Accept", "application/json")
	if c.body != "" {
		h.Set("Content-Type", "application/json")
	}
	switch {
	case c.who == asStranger:
		h.Set("Authorization", "Bearer "+rand.Text())
	case c.who == asOurselves && t.token != "":
		h.Set("Authorization", "Bearer "+t.token)
	}
	if c.rev != "" {
		h.Set("If-Match", `"`+c.rev+`"`)
	}
	if c.key != "" {
		h.Set("Idempotency-Key", c.key)
	}
}

// body is what a change carries.
type body struct {
	Value    gateway.Value `json:"value,omitempty"`
	TTL      string        `json:"ttl,omitempty"`
	OnExpiry string        `json:"on_expiry,omitempty"`
	Reason   string        `json:"reason,omitempty"`
	Actor    string        `json:"actor,omitempty"`
	Incident string        `json:"incident"`
}

func (b body) text() string {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(b); err != nil {
		return "{}" // a --value that is no JSON is refused before
	}
	return strings.TrimSpace(buf.String())
}

func (t *trial) body(value gateway.Value, ttl string) body {
	return body{Value: value, TTL: ttl, OnExpiry: "restore", Reason: t.opts.Reason, Actor: t.opts.Actor}
}

// control is one control on the wire.
type control struct {
	ID        string          `json:"id"`
	Kind      string          `json:"kind"`
	Scope     traffic.Scope   `json:"scope"`
	Value     json.RawMessage `json:"value"`
	Base      json.RawMessage `json:"base"`
	Min       json.RawMessage `json:"min"`
	Max       json.RawMessage `json:"max"`
	Version   string          `json:"version"`
	SetBy     string          `json:"set_by"`
	Reason    string          `json:"reason"`
	Incident  string          `json:"incident"`
	ExpiresAt *time.Time      `json:"expires_at"`
	OnExcess  string          `json:"on_excess"`
	Instances []struct {
		Name    string `json:"name"`
		Applied bool   `json:"applied"`
	} `json:"instances"`
	fields map[string]json.RawMessage
}

func (c control) engaged() bool { return !gateway.Same(c.Value, c.Base) }

func (c control) applied() bool {
	for _, i := range c.Instances {
		if !i.Applied {
			return false
		}
	}
	return true
}

func (c control) path() string { return "/controls/" + url.PathEscape(c.ID) }

func parseControl(b []byte) (control, error) {
	var c control
	if err := json.Unmarshal(b, &c); err != nil {
		return c, fmt.Errorf("the answer is no control: %w", err)
	}
	if err := json.Unmarshal(b, &c.fields); err != nil {
		return c, fmt.Errorf("the answer is no control: %w", err)
	}
	return c, nil
}

type listing struct {
	Gateway  string
	Instance string
	Now      time.Time
	Controls []control
}

func parseListing(b []byte) (listing, error) {
	var l struct {
		Gateway  string             `json:"gateway"`
		Instance string             `json:"instance"`
		Now      time.Time          `json:"now"`
		Controls *[]json.RawMessage `json:"controls"`
	}
	if err := json.Unmarshal(b, &l); err != nil {
		return listing{}, fmt.Errorf("GET /controls gave no JSON of the contract: %w", err)
	}
	if l.Controls == nil {
		return listing{}, errors.New(`GET /controls gave no "controls"; is this the address of the contract?`)
	}
	out := listing{Gateway: l.Gateway, Instance: l.Instance, Now: l.Now}
	for i, raw := range *l.Controls {
		c, err := parseControl(raw)
		if err != nil {
			return listing{}, fmt.Errorf("control %d of GET /controls: %w", i+1, err)
		}
		out.Controls = append(out.Controls, c)
	}
	return out, nil
}

// read gives one control as it is now, and the server's clock.
func (t *trial) read(ctx context.Context, id string) (control, time.Time, error) {
	r := t.do(ctx, call{method: http.MethodGet, path: "/controls"})
	if err := r.want(http.StatusOK, ""); err != nil {
		return control{}, time.Time{}, fmt.Errorf("GET /controls: %w", err)
	}
	l, err := parseListing(r.body)
	if err != nil {
		return control{}, time.Time{}, err
	}
	// The listing itself would drown what matters in the report.
	for _, c := range l.Controls {
		if c.ID == id {
			if n := len(t.log); n > 0 {
				t.log[n-1].Got = t.hide(fmt.Sprintf("200 ... %s: version %s, value %s, expires_at %s", id, c.Version, c.Value, c.fields["expires_at"]), maxShown)
			}
			return c, l.Now, nil
		}
	}
	return control{}, time.Time{}, fmt.Errorf("GET /controls lists no %s any more", id)
}

// want checks status and error code of an answer; "" stands for any code.
func (r reply) want(status int, code string) error {
	if r.err != nil {
		return r.err
	}
	if r.status != status {
		return fmt.Errorf("status %d, the contract says %d %s", r.status, status, code)
	}
	if status < 400 {
		return nil
	}
	said, err := r.code()
	if err != nil {
		return err
	}
	if code != "" && said != code {
		return fmt.Errorf("%d with code %q, the contract says %q", status, said, code)
	}
	return nil
}

// code gives the code of an error answer.
func (r reply) code() (string, error) {
	var e struct {
		Error *struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}
	if err := json.Unmarshal(r.body, &e); err != nil || e.Error == nil || e.Error.Code == "" || e.Error.Message == "" {
		return "", fmt.Errorf(`%d without {"error": {"code", "message"}}`, r.status)
	}
	if kind, _, err := mime.ParseMediaType(r.header.Get("Content-Type")); err != nil || kind != "application/json" {
		return "", fmt.Errorf("%d of type %q, not application/json", r.status, r.header.Get("Content-Type"))
	}
	return e.Error.Code, nil
}

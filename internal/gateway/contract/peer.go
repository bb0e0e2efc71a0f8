package contract

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"time"

	"signalbox/internal/gateway"
	"signalbox/internal/redact"
)

// peer is one instance as the driver talks to it.
type peer struct {
	name    string
	base    string
	through string // the command that leads there; "" where none is needed
	bad     error  // why the URL cannot be used
	client  *http.Client
	token   func(context.Context) (string, error)
	timeout time.Duration
	ahead   *atomic.Int64 // by how much its clock was ahead of ours at the last look, in nanoseconds
}

// clockSlack is how far two clocks may be apart without anybody being told.
const clockSlack = 2 * time.Second

// compare takes in what a listing says of the gateway's clock, by which its deadlines run, and words a difference.
func (p peer) compare(now, asked, heard time.Time) (odd []string) {
	if p.ahead == nil || now.IsZero() {
		return nil
	}
	ahead := now.Sub(asked.Add(heard.Sub(asked) / 2))
	if ahead.Abs() <= clockSlack+heard.Sub(asked)/2 {
		ahead = 0
	}
	p.ahead.Store(int64(ahead))
	switch {
	case ahead > 0:
		return []string{fmt.Sprintf("its clock is %s ahead of ours; ends are told by ours", ahead.Round(time.Second))}
	case ahead < 0:
		return []string{fmt.Sprintf("its clock is %s behind ours; ends are told by ours", -ahead.Round(time.Second))}
	}
	return nil
}

// ours gives an end of the gateway's by our clock: a countdown here must not outlast the lever there, nor end it early.
func (p peer) ours(end *time.Time) *time.Time {
	if end == nil || p.ahead == nil || p.ahead.Load() == 0 {
		return end
	}
	at := end.Add(-time.Duration(p.ahead.Load()))
	return &at
}

// request is one request of the contract. An empty key or rev is not sent.
type request struct {
	method, path, body string
	rev, key           string
}

// answer is what came back, or why nothing did.
type answer struct {
	status int
	body   []byte
	secret string // the token that was sent; never to be told
	err    error
	doubt  bool // the request was sent, and what became of it is not known
}

// hide takes the token, also in its encodings, out of a text and makes it fit for a screen.
func (a answer) hide(s string, limit int) string {
	if a.secret != "" {
		s = redact.New([]byte(rand.Text()), a.secret).Secrets(s)
	}
	return redact.Outside(s, limit)
}

// minSecret is the shortest token that is searched for in answers: a shorter one would blot out half of every text.
const minSecret = 4

// where names the peer's address in messages.
func (p peer) where() string {
	if p.through == "" {
		return p.base
	}
	return p.base + " through `" + p.through + "`"
}

func (p peer) failed(format string, args ...any) answer {
	return answer{err: fmt.Errorf("%s (%s): "+format, append([]any{p.name, p.where()}, args...)...)}
}

// do sends one request and reads the whole answer. It never repeats it.
func (p peer) do(ctx context.Context, r request) answer {
	if p.bad != nil {
		return answer{err: fmt.Errorf("%s: %w", p.name, p.bad)}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, p.timeout, fmt.Errorf("no answer within %s", p.timeout))
	defer cancel()
	secret := ""
	if p.token != nil {
		var err error
		if secret, err = p.token(ctx); err != nil {
			return p.failed("getting the token: %s; see what the configuration says about it", redact.Outside(err.Error(), maxText))
		}
	}
	var sent atomic.Bool
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { sent.Store(true) }})
	req, err := http.NewRequestWithContext(traced, r.method, p.base+r.path, strings.NewReader(r.body))
	if err != nil {
		return p.failed("building %s %s failed", r.method, r.path)
	}
	r.head(req.Header, secret)
	resp, err := p.client.Do(req)
	if err != nil {
		a := p.failed("%s; %s", answer{secret: secret}.hide(gateway.Cause(ctx, err).Error(), maxText), awayTry(err))
		a.doubt = sent.Load()
		return a
	}
	defer resp.Body.Close()
	a := answer{status: resp.StatusCode, secret: secret}
	a.body, err = io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	switch {
	case err != nil:
		a.err, a.doubt = fmt.Errorf("%s (%s): the answer broke off: %s", p.name, p.where(), a.hide(gateway.Cause(ctx, err).Error(), maxText)), true
	case len(a.body) > maxBody:
		a.err, a.doubt = fmt.Errorf("%s (%s): the answer is longer than %d MiB", p.name, p.where(), maxBody>>20), true
	case len(secret) >= minSecret: // a gateway that echoes its headers must not bring the token into a control
		a.body = bytes.ReplaceAll(a.body, []byte(secret), []byte("<token>"))
	}
	return a
}

// awayTry says what to try where no answer came.
func awayTry(err error) string {
	var untrusted *tls.CertificateVerificationError
	switch {
	case errors.As(err, &untrusted):
		return "name the authority of its certificate as ca in the gateway's tls:, and the instance by a name that stands in it"
	case strings.Contains(err.Error(), "remote error: tls: "): // an alert has no type of its own
		return "it did not take our client certificate: see cert and key in the gateway's tls:"
	}
	return "is it running, and does the address fit?"
}

func (r request) head(h http.Header, secret string) {
	h.Set("Accept", "application/json")
	if r.body != "" {
		h.Set("Content-Type", "application/json")
	}
	if secret != "" {
		h.Set("Authorization", "Bearer "+secret)
	}
	if r.rev != "" {
		h.Set("If-Match", `"`+r.rev+`"`)
	}
	if r.key != "" {
		h.Set("Idempotency-Key", r.key)
	}
}

// controls asks for all controls.
func (p peer) controls(ctx context.Context) ([]control, []string, error) {
	asked := time.Now()
	a := p.do(ctx, request{method: http.MethodGet, path: "/controls"})
	if a.err != nil {
		return nil, nil, a.err
	}
	if a.status != http.StatusOK {
		return nil, nil, p.refused(a)
	}
	l, odd, err := parseListing(a.body)
	if err != nil {
		return nil, nil, fmt.Errorf("%s (%s): %s", p.name, p.where(), a.hide(err.Error(), maxText))
	}
	odd = append(odd, p.compare(l.Now, asked, time.Now())...)
	for i := range l.Controls {
		l.Controls[i].ExpiresAt = p.ours(l.Controls[i].ExpiresAt)
	}
	return l.Controls, odd, nil
}

// refused turns an answer that is no success into an error: what, where, and what to try.
func (p peer) refused(a answer) error {
	var r refusal
	code, said := "", ""
	if err := json.Unmarshal(a.body, &r); err == nil {
		code, said = a.hide(r.Error.Code, maxName), a.hide(r.Error.Message, maxText)
	}
	if said == "" {
		said = a.hide(strings.TrimSpace(string(a.body)), 200)
	}
	text := fmt.Sprintf("%s (%s): %d", p.name, p.where(), a.status)
	for _, part := range []string{code, said} {
		if part != "" {
			text += " " + part
		}
	}
	if r.Current != nil {
		if c, err := parseControl(r.Current); err == nil {
			text += fmt.Sprintf("; %s is now version %s, %s", c.ID, c.Version, a.hide(c.held(), maxText))
		}
	}
	if hint := tryNext(a.status); hint != "" {
		text += "; " + hint
	}
	return errors.New(text)
}

func tryNext(status int) string {
	switch {
	case status >= 300 && status < 400:
		return "redirects are not followed: give the address that answers itself"
	case status == http.StatusUnauthorized:
		return "the token is missing, wrong or expired"
	case status == http.StatusForbidden:
		return "this token may not do that; ask who owns the gateway"
	case status == http.StatusNotFound, status == http.StatusMethodNotAllowed:
		return "the control is gone or this is not the address of the contract; read again"
	case status == http.StatusConflict:
		return "another request with this key is in flight; read back before sending anything"
	case status == http.StatusPreconditionFailed, status == http.StatusPreconditionRequired:
		return "somebody changed it since it was read: plan again"
	case status == http.StatusTooManyRequests:
		return "too many toggles: wait before the next"
	case status >= 500:
		return "it may or may not have been applied: read back"
	}
	return ""
}

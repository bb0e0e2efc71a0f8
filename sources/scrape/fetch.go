package scrape

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"signalbox/internal/redact"
)

const (
	maxBody      = 32 << 20
	maxRedirects = 5
	maxQuoted    = 120
)

var errElsewhere = errors.New("it redirects to another host, which is not followed: give that url if it is meant")

// client makes a client that stays on its host and ends in time.
func client(base *http.Client, timeout time.Duration) *http.Client {
	c := &http.Client{Timeout: timeout}
	if base != nil {
		c.Transport, c.Jar = base.Transport, base.Jar
	}
	c.CheckRedirect = func(req *http.Request, via []*http.Request) error {
		if req.URL.Host != via[0].URL.Host || via[0].URL.Scheme == "https" && req.URL.Scheme != "https" {
			return errElsewhere
		}
		if len(via) > maxRedirects {
			return fmt.Errorf("it redirects more than %d times", maxRedirects)
		}
		return nil
	}
	return c
}

// page is an answer.
type page struct {
	body io.Reader
	size int
	kind string // content type
}

func (s *Scrape) fetch(ctx context.Context) (page, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.opt.URL, http.NoBody)
	if err != nil {
		return page{}, fmt.Errorf("asking %s: %w", s.where, err)
	}
	req.Header.Set("Accept", "text/plain; version=0.0.4; charset=utf-8, text/plain; q=0.5")
	if s.opt.Token != nil {
		token, err := s.opt.Token(ctx)
		if err != nil {
			return page{}, fmt.Errorf("the token for %s: %w", s.where, err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return page{}, fmt.Errorf("%s cannot be reached: %w: is the gateway running, and is this its address?", s.where, hideURL(err))
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	switch {
	case resp.StatusCode != http.StatusOK:
		return page{}, fmt.Errorf("%s answered %d %s: %s", s.where, resp.StatusCode, quoted(body), advice(resp.StatusCode))
	case err != nil:
		return page{}, fmt.Errorf("%s broke off after %d bytes: %w: it is tried again", s.where, len(body), err)
	case len(body) > maxBody:
		return page{}, fmt.Errorf("%s is larger than %d MiB: let the exporter show less, such as one scope", s.where, maxBody>>20)
	}
	return page{bytes.NewReader(body), len(body), quoted([]byte(resp.Header.Get("Content-Type")))}, nil
}

// hideURL takes the URL, which may hold credentials, out of a client's error.
func hideURL(err error) error {
	if e := (*url.Error)(nil); errors.As(err, &e) {
		return e.Err
	}
	return err
}

func quoted(b []byte) string {
	return redact.Outside(string(b[:min(len(b), 4*maxQuoted)]), maxQuoted)
}

func advice(status int) string {
	switch {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return "check the source's token"
	case status == http.StatusNotFound:
		return "check the path"
	case status >= http.StatusInternalServerError:
		return "it is tried again by itself"
	}
	return "check the url"
}

package cli

import (
	"net/http"
	"strings"
)

// watched gives a client that tells the token when it is refused: one that ends with its hour, or that was exchanged beside a
// running console, is fetched again for the next request. base may be nil; it is not changed.
func (t *token) watched(base *http.Client) *http.Client {
	c := http.Client{}
	if base != nil {
		c = *base
	}
	next := c.Transport
	if next == nil {
		next = http.DefaultTransport
	}
	c.Transport = &doorkeeper{next: next, token: t}
	return &c
}

// doorkeeper is a transport that looks for refused tokens. The request that was refused stays refused: sending a lever twice is
// nobody's decision here, and whoever reads asks again anyway.
type doorkeeper struct {
	next  http.RoundTripper
	token *token
}

// RoundTrip implements http.RoundTripper.
func (d *doorkeeper) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := d.next.RoundTrip(r)
	if err == nil && resp.StatusCode == http.StatusUnauthorized {
		if sent, is := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); is {
			d.token.refused(sent)
		}
	}
	return resp, err //nolint:wrapcheck // the transport's own: whoever asked says of whom
}

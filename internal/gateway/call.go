package gateway

import (
	"context"
	"errors"
	"net/http"
	"net/url"
)

// Straight gives a client of its own that follows no redirect: one would carry a token elsewhere, and an answer from
// elsewhere is none of the gateway's. base may be nil; it is not changed.
func Straight(base *http.Client) *http.Client {
	c := http.Client{}
	if base != nil {
		c = *base
	}
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &c
}

// Cause gives the reason why a call brought no answer: what ended its context, else the error without the method and
// the address that an *url.Error repeats, which the caller names in its own words and without secrets.
func Cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		if why := context.Cause(ctx); why != nil {
			return why
		}
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

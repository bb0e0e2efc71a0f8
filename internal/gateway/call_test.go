package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"signalbox/internal/gateway"
)

func TestStraightStaysWhereItIs(t *testing.T) {
	elsewhere := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/elsewhere" {
			elsewhere++
			return
		}
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	}))
	defer srv.Close()
	base := &http.Client{Transport: srv.Client().Transport}
	for _, c := range []*http.Client{gateway.Straight(nil), gateway.Straight(base)} {
		resp, err := c.Get(srv.URL)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusTemporaryRedirect || elsewhere != 0 {
			t.Errorf("status %d, asked elsewhere %d times", resp.StatusCode, elsewhere)
		}
	}
	if base.CheckRedirect != nil {
		t.Error("the client that was given was changed")
	}
}

func TestCause(t *testing.T) {
	refused, late := errors.New("connection refused"), errors.New("no answer within 2s")
	ended, cancel := context.WithCancelCause(t.Context())
	cancel(late)
	outside := &url.Error{Op: "Get", URL: "http://user:secret@host/", Err: refused}
	for _, tc := range []struct {
		name string
		ctx  context.Context
		err  error
		want error
	}{
		{"the address is left out", t.Context(), outside, refused},
		{"also from inside", t.Context(), fmt.Errorf("asking: %w", outside), refused},
		{"anything else stays", t.Context(), refused, refused},
		{"what ended the context comes first", ended, outside, late},
	} {
		if got := gateway.Cause(tc.ctx, tc.err); !errors.Is(got, tc.want) || errors.Is(got, outside) {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
}

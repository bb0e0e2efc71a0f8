package cli

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"signalbox/internal/config"
	"signalbox/internal/traffic"
	"signalbox/sources"
)

// lateSource stands for a source whose token cannot be had: it says so, as a source that fails does, and becomes the source
// as soon as the token is there. Without it nothing is asked, and nobody is listened to.
type lateSource struct {
	of    config.Source
	token *token
	build func(*token) (sources.Source, error)
}

// withToken makes a source that needs a token; one that cannot be had costs this source and no other. build gets nil where
// none is wanted.
func withToken(ctx context.Context, st *station, s config.Source, build func(*token) (sources.Source, error)) (sources.Source, error) {
	if s.Token.IsZero() {
		return build(nil)
	}
	t := &token{from: s.Token, at: s.At, learn: st.secrets.Learn}
	if _, err := t.get(ctx, true); err != nil {
		return &lateSource{of: s, token: t, build: build}, nil
	}
	return build(t)
}

// Name implements sources.Source.
func (l *lateSource) Name() string { return l.of.Name }

// Run implements sources.Source: it waits for the token, and then is the source itself.
func (l *lateSource) Run(ctx context.Context, emit sources.Emit) error {
	for {
		_, err := l.token.get(ctx, false)
		if err == nil {
			src, err := l.build(l.token)
			if err != nil {
				return err
			}
			return src.Run(ctx, emit) //nolint:wrapcheck // the source's own
		}
		if ctx.Err() != nil {
			return nil
		}
		if err := emit(ctx, l.failing(err)); err != nil {
			return nil //nolint:nilerr // ctx ended first
		}
		again := time.NewTimer(tokenAgain)
		select {
		case <-ctx.Done():
			again.Stop()
			return nil
		case <-again.C:
		}
	}
}

// failing is the state of a source without its token.
func (l *lateSource) failing(err error) traffic.Batch {
	kind := traffic.ScrapeSource
	switch l.of.Kind {
	case config.SourceOTLP:
		kind = traffic.LogSource
	case config.SourceWebhook:
		kind = traffic.ChangeSource
	}
	return traffic.Batch{Source: l.of.Name, Kind: kind, State: &traffic.SourceState{
		Name: l.of.Name, Kind: kind, Gateway: l.of.Gateway, Where: cmp.Or(l.of.URL, l.of.Listen), Health: traffic.Failing,
		Detail: fmt.Sprintf("token: %v", err),
	}}
}

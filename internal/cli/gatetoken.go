package cli

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"

	"signalbox/internal/config"
	"signalbox/internal/desk"
	"signalbox/internal/gateway"
)

// tokenAgain is how long after a token was last fetched, or could not be, a read tries again; a plan tries at once.
const tokenAgain = 30 * time.Second

// tokenSame is the same for one that was refused, fetched again, and had not changed.
const tokenSame = 5 * time.Minute

// unsteered begins what is said of a gateway that cannot be asked at all.
const unsteered = "cannot be steered"

// token is the token of one gateway or source: fetched once, and again only while it cannot be had or is refused, so that
// logging in, or mending the rights of a file, beside a running console is enough. It is not fetched by the clock: a command
// that gives one may ask the operator for a finger.
type token struct {
	from  config.Secret
	at    config.Pos
	learn func(secret string) // what is held is redacted everywhere

	mu    sync.Mutex
	value string
	stale bool // value was refused since it was fetched
	err   error
	again time.Time
}

// get gives the token. What failed or was refused before is tried again when it is due, or when it is wanted now. One that
// was refused is given until there is another.
func (t *token) get(ctx context.Context, now bool) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	held, failed := t.value != "", t.err != nil
	if held && !t.stale || (held || failed) && !now && time.Now().Before(t.again) {
		return t.value, t.err
	}
	value, err := t.from.Resolve(ctx, os.Getenv)
	t.again = time.Now().Add(tokenAgain)
	if err != nil {
		t.value, t.stale, t.err = "", false, fmt.Errorf("%s: %w", t.at, err)
		return "", t.err
	}
	if t.err = nil; value == t.value { // it would be refused again: that is not for the command to mend
		t.again = time.Now().Add(tokenSame)
		return value, nil
	}
	t.value, t.stale = value, false
	t.learn(value)
	return value, nil
}

// refused tells that a gateway would not have the token that was sent; one that was replaced since is no matter.
func (t *token) refused(sent string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stale = t.stale || sent == t.value
}

// bearer gives the token as drivers and sources ask for it.
func (t *token) bearer(ctx context.Context) (string, error) { return t.get(ctx, false) }

// held gives the token as it was fetched, for a door that others have to show it at; "" where t is nil.
func (t *token) held() string {
	if t == nil {
		return ""
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.value
}

// asked gives what a driver needs of a token that may be nil: how to have it, and a client that tells when it is refused.
func (t *token) asked(base *http.Client) (bearer, *http.Client) {
	if t == nil {
		return nil, base
	}
	return t.bearer, t.watched(base)
}

// steered is what a driver behind a token can do.
type steered interface {
	gateway.Driver
	gateway.Extender
}

// keyed is a driver that needs a token, or a client certificate, first. One that cannot be had costs this gateway its levers, and
// no other gateway anything; what it could do is described all the same, and nothing is sent without it.
type keyed struct {
	steered
	token *token // nil: it wants none
	tls   config.TLS
}

var (
	_ gateway.Driver   = (*keyed)(nil)
	_ gateway.Extender = (*keyed)(nil)
)

func (k *keyed) ready(ctx context.Context, now bool) error {
	if k.token != nil {
		if _, err := k.token.get(ctx, now); err != nil {
			return fmt.Errorf(unsteered+": token: %w", err)
		}
	}
	if _, _, err := k.tls.Load(time.Now()); err != nil {
		return fmt.Errorf(unsteered+": tls: %w", err)
	}
	return nil
}

// unsent is a refusal: without a token nothing leaves the console, so that nothing is in doubt.
func (k *keyed) unsent(ctx context.Context, c gateway.Change) error {
	if err := k.ready(ctx, true); err != nil {
		return &gateway.Refusal{Verb: c.Verb, Scope: c.Scope, Why: err.Error()}
	}
	return nil
}

// Read implements gateway.Driver.
func (k *keyed) Read(ctx context.Context) (gateway.State, error) {
	if err := k.ready(ctx, false); err != nil {
		return gateway.State{}, err
	}
	return k.steered.Read(ctx) //nolint:wrapcheck // the driver's own
}

// Plan implements gateway.Driver.
func (k *keyed) Plan(ctx context.Context, c gateway.Change, now time.Time) (gateway.Plan, error) {
	if err := k.ready(ctx, true); err != nil {
		return gateway.Plan{}, err
	}
	return k.steered.Plan(ctx, c, now) //nolint:wrapcheck // the driver's own
}

// Apply implements gateway.Driver.
func (k *keyed) Apply(ctx context.Context, p gateway.Plan, idemKey string) (gateway.Receipt, error) {
	if err := k.unsent(ctx, p.Change); err != nil {
		return gateway.Receipt{}, err
	}
	return k.steered.Apply(ctx, p, idemKey) //nolint:wrapcheck // the driver's own
}

// Revert implements gateway.Driver.
func (k *keyed) Revert(ctx context.Context, p gateway.Plan, r gateway.Receipt, idemKey string) (gateway.Receipt, error) {
	if err := k.unsent(ctx, p.Change); err != nil {
		return gateway.Receipt{}, err
	}
	return k.steered.Revert(ctx, p, r, idemKey) //nolint:wrapcheck // the driver's own
}

// Extend implements gateway.Extender.
func (k *keyed) Extend(ctx context.Context, p gateway.Plan, r gateway.Receipt, ttl time.Duration, idemKey string) (gateway.Receipt, error) {
	if err := k.unsent(ctx, p.Change); err != nil {
		return gateway.Receipt{}, err
	}
	return k.steered.Extend(ctx, p, r, ttl, idemKey) //nolint:wrapcheck // the driver's own
}

// tokenTrouble says why a gateway cannot be steered for want of its token or certificate; nil: it can, or needs none.
func tokenTrouble(g desk.Gateway) error {
	if k, ok := g.Driver.(*keyed); ok {
		return k.ready(context.Background(), false)
	}
	return nil
}

// fetchTokens asks for all tokens at once: a command that gives one may take its time.
func fetchTokens(ctx context.Context, gates []desk.Gateway) {
	var wg sync.WaitGroup
	for _, g := range gates {
		if k, ok := g.Driver.(*keyed); ok && k.token != nil {
			wg.Go(func() { _, _ = k.token.get(ctx, true) }) // why it cannot be had is told where the gateway is
		}
	}
	wg.Wait()
}

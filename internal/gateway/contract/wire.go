package contract

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"signalbox/internal/gateway"
	"signalbox/internal/redact"
	"signalbox/internal/traffic"
)

// Bounds on what a gateway may say: everything it answers is untrusted.
const (
	maxBody     = 4 << 20
	maxControls = 5000
	maxName     = 200 // ids, versions, kinds
	maxText     = 500 // reasons, messages
	maxValue    = 4 << 10
)

// control is one control on the wire.
type control struct {
	ID        string          `json:"id"`
	Kind      string          `json:"kind"`
	Scope     traffic.Scope   `json:"scope"`
	Value     json.RawMessage `json:"value"`
	Base      json.RawMessage `json:"base"`
	Min       json.RawMessage `json:"min,omitempty"`
	Max       json.RawMessage `json:"max,omitempty"`
	Version   string          `json:"version"`
	SetBy     string          `json:"set_by"`
	Reason    string          `json:"reason"`
	Incident  string          `json:"incident"`
	ExpiresAt *time.Time      `json:"expires_at"`
	OnExcess  string          `json:"on_excess"`
	Instances []replica       `json:"instances"`
}

type replica struct {
	Name    string `json:"name"`
	Applied bool   `json:"applied"`
}

// check makes a control's fields safe to use in paths, headers and on screens, or says why it cannot be used.
func (c *control) check() error {
	for what, s := range map[string]string{"id": c.ID, "kind": c.Kind, "version": c.Version} {
		if err := plainName(s); err != nil {
			return fmt.Errorf("%s %w", what, err)
		}
	}
	var err error
	if c.Value, err = bounded(c.Value); err != nil {
		return fmt.Errorf("value of %s: %w", c.ID, err)
	}
	if c.Base, err = bounded(c.Base); err != nil {
		return fmt.Errorf("base of %s: %w", c.ID, err)
	}
	c.SetBy, c.Incident = redact.Outside(c.SetBy, maxName), redact.Outside(c.Incident, maxName)
	c.Reason, c.OnExcess = redact.Outside(c.Reason, maxText), redact.Outside(c.OnExcess, maxName)
	return nil
}

// plainName accepts what can stand in a header and on a command line without harm.
func plainName(s string) error {
	if s == "" || len(s) > maxName {
		return fmt.Errorf("is empty or longer than %d bytes", maxName)
	}
	if i := strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }); i >= 0 {
		return fmt.Errorf("%q has a character that cannot be used", redact.Outside(s, 40))
	}
	return nil
}

func bounded(v json.RawMessage) (json.RawMessage, error) {
	if len(v) > maxValue {
		return nil, fmt.Errorf("longer than %d bytes", maxValue)
	}
	return gateway.Canonical(v)
}

func (c control) engaged() bool { return !gateway.Same(c.Value, c.Base) }

func (c control) asControl(gw string) gateway.Control {
	scope := maps.Clone(c.Scope)
	if scope == nil {
		scope = make(traffic.Scope)
	}
	scope["gateway"] = gw
	out := gateway.Control{
		ID: c.ID, Verb: setter(c.Kind, c.Value, c.Base), Scope: scope, Value: c.Value, Base: c.Base,
		Version: c.Version, SetBy: c.SetBy, Reason: c.Reason, Incident: c.Incident, ExpiresAt: c.ExpiresAt,
	}
	for _, r := range c.Instances {
		if !r.Applied {
			out.Pending = append(out.Pending, redact.Outside(r.Name, maxName))
		}
	}
	return out
}

// held says who holds a control and until when, for a message.
func (c control) held() string {
	s := "value " + string(c.Value)
	if c.SetBy != "" {
		s += ", set by " + c.SetBy
	}
	if c.ExpiresAt != nil {
		s += " until " + c.ExpiresAt.UTC().Format(time.RFC3339)
	}
	return s
}

// excess translates the control's on_excess; a word of its own says nothing.
func (c control) excess() gateway.Excess {
	switch e := gateway.Excess(c.OnExcess); e {
	case gateway.ExcessWaits, gateway.ExcessRejected, gateway.ExcessOverflow:
		return e
	default:
		return gateway.ExcessNone
	}
}

// listing is the answer to GET /controls.
type listing struct {
	Gateway  string    `json:"gateway"`
	Instance string    `json:"instance"`
	Now      time.Time `json:"now"`
	Controls []control `json:"controls"`
}

// parseListing reads GET /controls. Controls that cannot be used are left out and told in odd.
func parseListing(b []byte) (l listing, odd []string, err error) {
	var raw struct {
		listing
		Controls *[]json.RawMessage `json:"controls"`
	}
	if err := json.Unmarshal(b, &raw); err != nil {
		return listing{}, nil, fmt.Errorf("the answer is no JSON of the contract: %w", err)
	}
	if raw.Controls == nil {
		return listing{}, nil, errors.New(`the answer has no "controls"; is this the address of the control contract?`)
	}
	if len(*raw.Controls) > maxControls {
		return listing{}, nil, fmt.Errorf("the answer lists %d controls, more than %d", len(*raw.Controls), maxControls)
	}
	l = raw.listing
	seen := make(map[string]bool)
	for _, one := range *raw.Controls {
		c, err := parseControl(one)
		switch {
		case err != nil && len(odd) < 5:
			odd = append(odd, "a control was left out: "+redact.Outside(err.Error(), maxText))
		case err == nil && seen[c.ID]:
			odd = append(odd, "control "+c.ID+" is listed twice; the first is used")
		case err == nil:
			seen[c.ID] = true
			l.Controls = append(l.Controls, c)
		}
	}
	return l, odd, nil
}

func parseControl(b []byte) (control, error) {
	var c control
	if err := json.Unmarshal(b, &c); err != nil {
		return control{}, fmt.Errorf("reading a control: %w", err)
	}
	if err := c.check(); err != nil {
		return control{}, err
	}
	return c, nil
}

// body is what PUT, POST and DELETE carry.
type body struct {
	Value    gateway.Value `json:"value,omitempty"`
	TTL      string        `json:"ttl,omitempty"`
	OnExpiry string        `json:"on_expiry,omitempty"`
	Reason   string        `json:"reason"`
	Actor    string        `json:"actor"`
	Incident string        `json:"incident"`
}

func (b body) text() string {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(b); err != nil {
		return "{}" // only a value that is no JSON gets here, and the gateway refuses an empty body
	}
	return strings.TrimSpace(buf.String())
}

// span writes a duration as the contract does, 15m rather than 15m0s.
func span(d time.Duration) string {
	s := d.Round(time.Second).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// refusal is an error answer on the wire.
type refusal struct {
	Error struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
	Current json.RawMessage `json:"current"`
}

// trial is the answer to a dry run.
type trial struct {
	DryRun    bool              `json:"dry_run"`
	Control   control           `json:"control"`
	Affected  map[string]any    `json:"affected"`
	Conflicts []json.RawMessage `json:"conflicts"`
}

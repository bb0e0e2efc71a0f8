package gateway

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"

	"signalbox/internal/traffic"
)

// ErrAltered is a plan whose digest does not fit its content: it is not what was confirmed.
var ErrAltered = errors.New("the plan is not the one that was confirmed: its digest does not fit; plan again")

// NewPlanID gives a fresh, random name for a plan.
func NewPlanID() string { return "plan-" + strings.ToLower(rand.Text()[:16]) }

// Opposite gives the verb that takes a verb back, "" for a verb of nobody's.
func (v Verb) Opposite() Verb {
	all := Verbs()
	for i, w := range all {
		if w == v {
			return all[i^1] // Verbs lists them in pairs
		}
	}
	return ""
}

// Engages tells whether the verb puts something out that has to end, and not one that gives something back.
func (v Verb) Engages() bool {
	i := slices.Index(Verbs(), v)
	return i >= 0 && i%2 == 0 // Verbs lists them in pairs
}

// Address takes the gateway's own dimensions (gateway, env, instance) out of a change's scope: which of its
// instances are meant, and what of them. It refuses a scope that is another gateway's.
func (c Change) Address(gateway, env string, instances []string) (names []string, what traffic.Scope, err error) {
	what = make(traffic.Scope, len(c.Scope))
	maps.Copy(what, c.Scope)
	if gw, ok := what["gateway"]; ok && gw != gateway {
		return nil, nil, c.NoTarget("this is gateway "+gateway, "gateway="+gateway)
	}
	if e, ok := what["env"]; ok && e != env {
		return nil, nil, c.NoTarget(fmt.Sprintf("gateway %s is configured for environment %q", gateway, env), "the scope without env=")
	}
	names = instances
	if one, ok := what["instance"]; ok {
		if !slices.Contains(instances, one) {
			return nil, nil, c.NoTarget("gateway "+gateway+" has no instance "+one, "instance="+strings.Join(Near(one, instances), " or instance="))
		}
		names = []string{one}
	}
	for _, own := range []string{"gateway", "env", "instance"} {
		delete(what, own)
	}
	return names, what, nil
}

// Sum is the digest of what an operator confirms: the change, what was read, the calls and the undo.
// It leaves out what is measured or worded around them (times, blast radius, caveats), and it survives a
// trip through a journal: JSON of the same content gives the same sum.
func (p Plan) Sum() string {
	b, err := json.Marshal(struct {
		Gateway   string         `json:"gateway"`
		Kind      string         `json:"kind"`
		Change    Change         `json:"change"`
		Instances []InstancePlan `json:"instances"`
		Calls     []Call         `json:"calls"`
		Undo      Undo           `json:"undo"`
	}{p.Gateway, p.Kind, p.Change, p.Instances, p.Calls, p.Undo})
	if err != nil {
		return "" // a value that is no JSON: Intact refuses the plan
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// Intact tells whether the plan still is what its digest says; drivers ask it before they send anything.
func (p Plan) Intact() error {
	if sum := p.Sum(); sum == "" || sum != p.Digest {
		return fmt.Errorf("%s of gateway %q: %w", p.ID, p.Gateway, ErrAltered)
	}
	return nil
}

// Canonical gives a value in the one form in which values are compared: no spaces, keys sorted, whole
// numbers without a fraction. An absent value is null.
func Canonical(v Value) (Value, error) {
	if len(bytes.TrimSpace(v)) == 0 {
		return Value("null"), nil
	}
	dec := json.NewDecoder(bytes.NewReader(v))
	dec.UseNumber()
	var decoded any
	if err := dec.Decode(&decoded); err != nil {
		return nil, fmt.Errorf("reading value: %w", err)
	}
	if dec.More() {
		return nil, errors.New("reading value: more than one JSON value")
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(plainNumbers(decoded)); err != nil {
		return nil, fmt.Errorf("writing value: %w", err)
	}
	return Value(bytes.TrimSpace(b.Bytes())), nil
}

// maxExponent bounds how long a number may become when it is written out.
const maxExponent = 40

func plainNumbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		if len(v) > maxExponent {
			return v
		}
		if i := strings.IndexAny(string(v), "eE"); i >= 0 && len(v)-i > 3 {
			return v // 1e400 and the like stay as they are: writing them out serves nobody
		}
		if r, ok := new(big.Rat).SetString(string(v)); ok && r.IsInt() {
			return json.Number(r.Num().String())
		}
		return v
	case []any:
		for i := range v {
			v[i] = plainNumbers(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = plainNumbers(v[k])
		}
	}
	return v
}

// Same tells whether two values are equal as JSON, not as text.
func Same(a, b Value) bool {
	ca, errA := Canonical(a)
	cb, errB := Canonical(b)
	return errA == nil && errB == nil && bytes.Equal(ca, cb)
}

// Package change tells what was done elsewhere: deploys, configuration changes, switched flags. It reads them from a file
// that is appended to, and takes them as they are posted to a loopback address. A change is a traffic.Fact: when, of what
// kind, what, by whom and, where that was said, to which part of the traffic.
package change

import (
	"errors"
	"slices"
	"strings"
	"time"

	"signalbox/internal/redact"
	"signalbox/internal/traffic"
	"signalbox/sources"
)

// Bounds of one change.
const (
	maxText  = 500
	maxWho   = 80
	maxValue = 200
	// maxSkew is how far in the future a change may lie before it is taken for a wrong clock.
	maxSkew = time.Minute
)

// ScopeDims are the dimensions that a change may name.
var ScopeDims = []string{"env", "gateway", "provider", "model", "region", "deployment"}

var errNoText = errors.New("it does not say what was done: give text, title or message")

// draft is a change as it was told, before it is bounded and safe.
type draft struct {
	at, until time.Time
	kind      string
	title     string
	text      string
	who       string
	scope     map[string]string
}

// reader turns drafts into facts.
type reader struct {
	zone   *time.Location
	labels sources.Labels // what the configuration says of every change of this source
	envs   []string       // the environments that the configuration knows
}

// fact makes a fact of a draft. skewed: its time lay in the future, and the time of receipt was taken.
func (r *reader) fact(d draft, now time.Time) (f traffic.Fact, skewed bool, err error) {
	text := strings.TrimSpace(d.title)
	if more := strings.TrimSpace(d.text); text == "" {
		text = more
	} else if more != "" && more != text {
		text += ": " + more
	}
	f = traffic.Fact{Kind: kindOf(d.kind), Text: safe(text, maxText), Who: safe(d.who, maxWho), From: d.at, Until: d.until, Scope: traffic.Scope{}}
	if f.Text == "" {
		return f, false, errNoText
	}
	for _, dim := range ScopeDims {
		if v := strings.TrimSpace(d.scope[dim]); v != "" {
			f.Scope[dim] = safe(v, maxValue)
		}
	}
	for dim, v := range map[string]string{"env": r.labels.Env, "gateway": r.labels.Gateway} {
		if f.Scope[dim] == "" && v != "" {
			f.Scope[dim] = v
		}
	}
	switch {
	case f.From.IsZero():
		f.From = now
	case f.From.Sub(now) > maxSkew:
		f.From, skewed = now, true
	}
	if f.Until.Before(f.From) {
		f.Until = time.Time{}
	}
	return f, skewed, nil
}

// safe bounds a text from outside, without secrets and harmless on a screen.
func safe(s string, most int) string {
	const wide = 8 << 10 // what is looked at for secrets
	s = strings.Join(strings.Fields(strings.ToValidUTF8(s[:min(len(s), wide)], "")), " ")
	return redact.Outside(s, most)
}

// kindWords are what deploys, configuration changes and flags are called.
var kindWords = map[string][]string{
	traffic.ChangeDeploy: {"deploy", "deployed", "deployment", "deployment_status", "release", "released", "rollout", "rollback", "sync", "upgrade"},
	traffic.ChangeConfig: {"config", "configuration", "configmap", "setting", "settings", "terraform", "migration"},
	traffic.ChangeFlag:   {"flag", "feature_flag", "feature-flag", "feature", "toggle", "experiment"},
}

// kindOf finds the kind by its name or by what it is called elsewhere; what is called otherwise is other.
func kindOf(word string) string {
	word = strings.ToLower(strings.TrimSpace(word))
	for kind, words := range kindWords {
		if slices.Contains(words, word) {
			return kind
		}
	}
	return traffic.ChangeOther
}

// env gives the configured environment that a stranger's word means, "" for none: the word of another system would set
// the change apart from all traffic.
func (r *reader) env(word string) string {
	for _, e := range r.envs {
		if strings.EqualFold(e, strings.TrimSpace(word)) {
			return e
		}
	}
	return ""
}

// dimOf splits "model:gpt-4o" or "model=gpt-4o".
func dimOf(word string) (dim, value string, ok bool) {
	i := strings.IndexAny(word, ":=")
	if i <= 0 || i == len(word)-1 {
		return "", "", false
	}
	dim, value = strings.ToLower(word[:i]), word[i+1:]
	if dim == "environment" {
		dim = "env"
	}
	return dim, value, slices.Contains(ScopeDims, dim)
}

package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"signalbox/internal/incident"
	"signalbox/internal/redact"
	"signalbox/internal/traffic"
	"signalbox/sources/change"
)

// changeOptions are the flags of a note that is a change.
type changeOptions struct {
	at, what string
	scope    []string
	standing bool // of no incident
}

// changeFlags are the flags that belong to --kind change alone.
var changeFlags = []string{"at", "what", "scope", "no-incident"}

func (o *changeOptions) flags(c *cobra.Command) {
	c.Flags().StringVar(&o.at, "at", "", "of a change: when it was made, as 2026-11-21T12:00:00Z, 12:00 (UTC) or 10m (ago); now without it")
	c.Flags().StringVar(&o.what, "what", traffic.ChangeOther, "of a change: "+strings.Join(traffic.ChangeKinds(), ", "))
	c.Flags().StringArrayVar(&o.scope, "scope", nil, "of a change: what it touched, as model=gpt-4o; may be repeated")
	c.Flags().BoolVar(&o.standing, "no-incident", false, "of a change: it belongs to no incident (all arguments are TEXT); one that opens soon takes it in")
}

// check refuses the flags of a change for other notes.
func (o *changeOptions) check(c *cobra.Command, kind string) error {
	if kind == string(incident.Change) {
		return oneOf("what", o.what, traffic.ChangeKinds()...)
	}
	for _, f := range changeFlags {
		if c.Flags().Changed(f) {
			return &usageError{err: fmt.Errorf("--%s belongs to a change", f), try: "--kind change"}
		}
	}
	return nil
}

// draft makes the journal entry of a change.
func (o *changeOptions) draft(text, who string, now time.Time) (incident.Draft, error) {
	at, err := instant(o.at, now)
	if err != nil {
		return incident.Draft{}, err
	}
	data := incident.FactData{Kind: o.what, Title: redact.Clip(redact.Secrets(text), maxNote), Who: who, From: at}
	for _, s := range o.scope {
		dim, value, ok := strings.Cut(s, "=")
		if !ok || value == "" || !slices.Contains(change.ScopeDims, dim) {
			return incident.Draft{}, &usageError{err: fmt.Errorf("--scope %q is not one of %s with a value", s, strings.Join(change.ScopeDims, ", ")), try: "--scope model=gpt-4o"}
		}
		if data.Scope == nil {
			data.Scope = map[string]string{}
		}
		data.Scope[dim] = value
	}
	return incident.Draft{At: at, Kind: incident.Change, Data: data}, nil
}

// instant reads when something was: a whole time, a time of the last 24 hours, or how long ago.
func instant(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return now, nil
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, future(t, now)
	}
	for _, layout := range []string{"15:04:05", "15:04"} {
		if t, err := time.Parse(layout, s); err == nil {
			day := now.UTC().Truncate(24 * time.Hour)
			t = day.Add(time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute + time.Duration(t.Second())*time.Second)
			if t.After(now) {
				t = t.Add(-24 * time.Hour)
			}
			return t, nil
		}
	}
	if ago, err := time.ParseDuration(s); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	return now, &usageError{err: fmt.Errorf("--at %q is no time", s), try: "--at 2026-11-21T12:00:00Z, --at 12:00 (UTC) or --at 10m (ago)"}
}

func future(t, now time.Time) error {
	if t.Sub(now) > time.Minute {
		return &usageError{err: errors.New("--at lies in the future"), try: "note the change when it is made"}
	}
	return nil
}

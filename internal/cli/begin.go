package cli

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"signalbox/internal/config"
	"signalbox/sources/tail"
)

// beginOptions are the flags that say where a log begins to be read.
type beginOptions struct {
	fromStart bool
	since     string
	lines     int

	from time.Time // what since means
}

func (b *beginOptions) flags(c *cobra.Command) {
	f := c.Flags()
	f.BoolVar(&b.fromStart, "from-start", false, "read the files from their beginning")
	f.StringVar(&b.since, "since", "", "begin with the lines of this `TIME` on, in rotated files too: 30m, 2026-01-31T10:00:00Z or \"2026-01-31 10:00\"")
	f.IntVar(&b.lines, "lines", 0, "begin with the last `N` lines of each file")
}

// given tells whether the operator said where to begin.
func (b *beginOptions) given() bool { return b.fromStart || b.since != "" || b.lines > 0 }

// settle reads the time of --since, which may leave its zone to --zone.
func (b *beginOptions) settle(zone *time.Location, now time.Time) error {
	if b.fromStart && (b.since != "" || b.lines != 0) || b.since != "" && b.lines != 0 {
		return &usageError{err: errors.New("--from-start, --since and --lines each say where to begin"), try: "give one of them"}
	}
	if b.lines < 0 {
		return &usageError{err: fmt.Errorf("--lines %d is less than none", b.lines), try: "--lines 100"}
	}
	if b.since == "" {
		return nil
	}
	if d, err := time.ParseDuration(b.since); err == nil && d > 0 {
		b.from = now.Add(-d)
		return nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04", time.DateOnly} {
		if at, err := time.ParseInLocation(layout, b.since, zone); err == nil {
			b.from = at
			return nil
		}
	}
	return &usageError{err: fmt.Errorf("--since %q is no time", b.since), try: "30m, 2h, 2026-01-31T10:00:00Z or \"2026-01-31 10:00\""}
}

// apply says where a log begins. What the operator asks for overrules what an earlier console left.
func (b *beginOptions) apply(o *tail.Options, once bool) {
	o.FromStart, o.Since, o.Backfill, o.Once = b.fromStart || once && !b.given(), b.from, b.lines, once
	o.Afresh = b.given()
}

// offsets opens what an earlier console has left of how far it had read. Without a folder to keep it in, the
// station says what is wrong.
func (a *app) offsets(cfg *config.Config) (*tail.Offsets, error) {
	dir, err := a.stateFolder(cfg)
	if err != nil {
		return nil, err
	}
	o, err := tail.OpenOffsets(filepath.Join(dir, "offsets"), time.Now())
	if err != nil {
		return nil, &unreachable{what: "keeping how far logs were read", err: err, try: "name another folder with --state-dir"}
	}
	return o, nil
}

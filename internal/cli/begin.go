package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
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
	most int64     // how much to read of what was there, 0: all
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

// How much of what was there before the start a console reads of its own accord, so that it knows what is normal. The
// memory of traffic lost takes an hour, the charts go back for two.
const (
	backFor  = 2 * time.Hour
	backMost = 64 << 20
)

// lookBack has the only log of a console be read from some time before the start. Where there are several sources it is
// not done: what one has told long ago is too late beside what another tells now.
func (b *beginOptions) lookBack(cfg *config.Config, files []string, now time.Time) {
	if b.given() {
		return
	}
	if len(files) == 0 {
		for _, s := range cfg.Sources {
			switch s.Kind {
			case config.SourceFile:
				files = append(files, s.Path)
			case config.SourceChanges, config.SourceWebhook:
			default:
				return
			}
		}
	}
	if len(files) != 1 || files[0] == "-" || strings.ContainsAny(files[0], "*?[") {
		return
	}
	if info, err := os.Stat(files[0]); err == nil && !info.Mode().IsRegular() {
		return
	}
	b.from, b.most = now.Add(-backFor), backMost
}

// apply says where a log begins. What the operator asks for overrules what an earlier console left.
func (b *beginOptions) apply(o *tail.Options, once bool) {
	o.FromStart, o.Since, o.Most, o.Backfill, o.Once = b.fromStart || once && !b.given(), b.from, b.most, b.lines, once
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

package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"signalbox/internal/config"
	"signalbox/sources"
	"signalbox/sources/tail"
)

// beginOptions are the flags that say where a log begins to be read.
type beginOptions struct {
	fromStart bool
	since     string
	lines     int

	from time.Time  // what since means
	most int64      // how much to read of what was there, 0: all
	pace *tail.Pace // of several logs that are read back; nil: one alone
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

// lookBack has the logs of a console be read from some time before the start, together where there are several of them.
// What has no past, such as a page of metrics or standard input, begins after them.
func (b *beginOptions) lookBack(cfg *config.Config, paths []string, now time.Time) {
	alone := len(paths) == 1
	if len(paths) == 0 {
		for _, s := range cfg.Sources {
			if s.Kind == config.SourceFile {
				paths = append(paths, s.Path)
			}
		}
		alone = len(paths) == 1 && !slices.ContainsFunc(cfg.Sources, hasNoPast)
	}
	files, regular := 0, false
	for _, path := range paths {
		n, one := logsOf(path, now.Add(-backFor))
		files, regular = files+n, one
	}
	if len(paths) > 0 && (!alone || !regular) {
		b.pace = tail.NewPace(len(paths))
	}
	if !b.given() {
		b.from, b.most = now.Add(-backFor), backMost/int64(max(1, files))
	}
}

// tellsOfTraffic tells a source of requests from one of deploys and the like.
func tellsOfTraffic(s config.Source) bool {
	return s.Kind != config.SourceChanges && s.Kind != config.SourceWebhook
}

// hasNoPast tells whether a source tells of traffic, and only of what comes.
func hasNoPast(s config.Source) bool { return s.Kind != config.SourceFile && tellsOfTraffic(s) }

// logsOf counts the files of a path that have anything to tell since a time. regular tells that it is the name of one log.
func logsOf(path string, since time.Time) (n int, regular bool) {
	if path == "-" {
		return 0, false
	}
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		path = filepath.Join(path, "*")
	} else if err == nil || !strings.ContainsAny(path, "*?[") {
		return 1, err != nil || info.Mode().IsRegular()
	}
	all, _ := filepath.Glob(path) // the pattern is checked where the source is made
	for _, name := range all {
		if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() && info.ModTime().After(since) {
			n++
		}
	}
	return n, false
}

// afterThePast begins a source when the logs beside it have been read back.
type afterThePast struct {
	sources.Source
	pace *tail.Pace
}

// Run implements sources.Source.
func (a *afterThePast) Run(ctx context.Context, emit sources.Emit) error {
	a.pace.Wait(ctx)
	return a.Source.Run(ctx, emit) //nolint:wrapcheck // the source's own
}

// apply says where a log begins. What the operator asks for overrules what an earlier console left.
func (b *beginOptions) apply(o *tail.Options, once bool) {
	o.FromStart, o.Since, o.Most, o.Backfill, o.Once = b.fromStart || once && !b.given(), b.from, b.most, b.lines, once
	o.Afresh, o.Pace = b.given(), b.pace
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

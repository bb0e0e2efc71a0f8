package cli

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"signalbox/internal/config"
	"signalbox/internal/traffic"
	"signalbox/sources/tail"
)

type tailOptions struct {
	logOptions
	beginOptions
	once bool
}

func (a *app) tailCommand() *cobra.Command {
	var o tailOptions
	c := &cobra.Command{
		Use: "tail [FILE|GLOB|-]...", Short: "Follow logs and write one normalised record a line",
		Long: "Follows files over rotations and truncations, from their ends unless told otherwise. Every line is redacted and safe\n" +
			"for a terminal. With -c the configuration's inventory and fields apply, and without a name its files are followed.",
		Example: "  signalbox tail /var/log/gateway.log\n  signalbox tail --since 30m /var/log/gateway.log\n  signalbox tail --once --output json gateway.log | jq 'select(.class != \"none\")'",
		RunE:    func(c *cobra.Command, args []string) error { return a.tail(c.Context(), args, o) },
	}
	o.logOptions.flags(c)
	o.beginOptions.flags(c)
	c.Flags().BoolVar(&o.once, "once", false, "read to the end of the files and stop; exit 3 when one cannot be read")
	return c
}

func (a *app) tail(ctx context.Context, args []string, o tailOptions) error {
	cfg, _, err := a.loadConfig()
	if err != nil {
		return err
	}
	if o.once && !o.given() {
		return a.tailOnce(ctx, cfg, args, o)
	}
	return a.tailFollow(ctx, cfg, args, o)
}

// tailOnce writes the lines of each file in the order in which they stand, those that could not be read too.
func (a *app) tailOnce(ctx context.Context, cfg *config.Config, args []string, o tailOptions) error {
	groups, failed, err := a.logs(cfg, args, o.logOptions)
	if err != nil {
		return err
	}
	if len(groups) == 0 {
		return unopened(failed)
	}
	w := newRecordWriter(a.Out, o.output, groups[0].opt.Kit.Symbols)
	for _, g := range groups {
		for _, path := range g.paths {
			err := w.file(ctx, path, g.opt)
			switch {
			case w.err != nil:
				return w.err
			case ctx.Err() != nil:
				return context.Cause(ctx)
			case err != nil:
				failed = append(failed, fmt.Errorf("%s: %w", path, err))
			}
		}
	}
	if err := w.flush(); err != nil {
		return err
	}
	return unopened(failed)
}

// tailFollow follows until the operator has enough, or the reader of the output, or standard input ends.
func (a *app) tailFollow(ctx context.Context, cfg *config.Config, args []string, o tailOptions) error {
	f := &following{app: a, told: map[string]string{}}
	all, symbols, err := a.followed(cfg, args, o, f.misread)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	f.w = newRecordWriter(a.Out, o.output, symbols)
	var running sync.WaitGroup
	errs := make([]error, len(all))
	for i, src := range all {
		running.Go(func() {
			if errs[i] = src.Run(ctx, f.take); errs[i] != nil {
				cancel() // a reader that has gone, or something hopeless, ends all
			}
		})
	}
	running.Wait()
	if err := f.w.flush(); err != nil {
		return err
	}
	if err := errors.Join(errs...); err != nil {
		return &unreachable{what: "following a log", err: err, try: "look at the path and who may read it"}
	}
	return nil
}

// followed makes the sources; unlike finished files they need not be there yet.
func (a *app) followed(cfg *config.Config, args []string, o tailOptions, misread func([]byte, string)) (all []*tail.Tail, symbols *traffic.Symbols, err error) {
	base, err := a.readOptions(cfg, o.logOptions)
	if err != nil {
		return nil, nil, err
	}
	names, err := a.logNames(cfg, args)
	if err != nil {
		return nil, nil, err
	}
	var groups []logGroup
	for _, name := range names {
		groups = addLog(groups, name, cfg, base, o.logOptions)
	}
	if err := o.settle(base.Zone, time.Now()); err != nil {
		return nil, nil, err
	}
	ledger := tail.NewLedger()
	for _, g := range groups {
		for _, path := range g.paths {
			opt := tail.Options{
				Name: path, Path: path, Reader: g.opt.Reader, Format: g.opt.Format, Fields: g.opt.Fields, Formats: g.opt.Formats,
				Zone: g.opt.Zone, Labels: g.opt.Labels, Kit: g.opt.Kit, Ledger: ledger, Misread: misread,
			}
			o.apply(&opt, o.once)
			t, err := tail.New(opt)
			if err != nil {
				return nil, nil, &usageError{err: err}
			}
			all = append(all, t)
		}
	}
	return all, base.Kit.Symbols, nil
}

// following takes what all sources read.
type following struct {
	app *app

	mu   sync.Mutex // guards what follows: each source runs on its own
	w    *recordWriter
	told map[string]string
}

func (f *following) take(_ context.Context, b traffic.Batch) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if b.State != nil {
		f.tell(b.State)
	}
	for i := range b.Records {
		f.w.record(&b.Records[i])
	}
	return f.w.flush() // a reader of the output waits for each line
}

// misread takes a line that could not be read, in its place among the records of its file.
func (f *following) misread(line []byte, _ string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.w.unparsed(line)
}

// tell says on standard error what is wrong with a file, once until it changes.
func (f *following) tell(s *traffic.SourceState) {
	if s.Detail != f.told[s.Name] {
		f.told[s.Name] = s.Detail
		if s.Detail != "" {
			f.app.complain(errors.New(s.Detail), "")
		}
	}
}

package cli

import (
	"context"
	"errors"
	"time"

	"signalbox/internal/desk"
	"signalbox/runbook"
)

const (
	// livePatience is how long sources may take to tell what they know before an answer that is unknown is given as it is.
	livePatience = 15 * time.Second
	liveLook     = 500 * time.Millisecond
	// mostReach bounds how much of a log is read for one answer.
	mostReach = 24 * time.Hour
	// liveLag is how old the newest event of a source may be that has been read to its end.
	liveLag = 5 * time.Second
)

// evalLive answers an expression as a console on the configuration would, which it begins for it.
func (a *app) evalLive(ctx context.Context, e runbook.Expr, scope map[string]string, output string) error {
	cfg, found, err := a.loadConfig()
	if err != nil {
		return err
	}
	if !found || len(cfg.Sources)+len(cfg.Gateways) == 0 && cfg.Prometheus.URL == "" {
		return &usageError{err: errors.New("no configuration with sources, gateways or a Prometheus was found"), try: "name one with -c, or a file to read"}
	}
	st, err := a.openStation(ctx, plan{cfg: cfg, brief: true, sensitivity: sensitivity(cfg)})
	if err != nil {
		return err
	}
	span := min(max(heardSpan, e.Reach()+10*time.Second), mostReach)
	if st.sources, err = a.trafficSources(ctx, st, cfg, span); err != nil {
		return errors.Join(err, st.close())
	}
	var r runbook.Result
	err = st.run(ctx, func(ctx context.Context) error {
		c := &controls{Client: st.desk.Connect(), app: a, station: st}
		defer c.Close()
		r, err = c.evaluate(ctx, desk.Evaluate{Expr: e, Scope: scope})
		return err
	})
	if err = errors.Join(err, st.close()); err != nil {
		return err
	}
	if err := a.printEval(e, r, time.Now(), "live", output); err != nil {
		return err
	}
	if r.Truth != runbook.True {
		return errFindings
	}
	return nil
}

// evaluate asks until the sources have been read to their ends and the answer is known, or nobody waits any longer.
func (c *controls) evaluate(ctx context.Context, ask desk.Evaluate) (runbook.Result, error) {
	end := time.Now().Add(livePatience)
	lines := int64(-1)
	for {
		before := lines
		var behind bool
		lines, behind = 0, false
		c.hear(ctx)
		for _, s := range c.Snapshot().Sources {
			lines += s.Lines
			behind = behind || s.Lag > liveLag
		}
		r, err := c.Do(ctx, ask)
		if err != nil {
			return runbook.Result{}, err
		}
		read := !behind || lines == before
		if (read && r.Eval.Truth != runbook.Unknown) || !time.Now().Before(end) {
			return *r.Eval, nil
		}
		select {
		case <-time.After(liveLook):
		case <-ctx.Done():
			return runbook.Result{}, context.Cause(ctx)
		}
	}
}

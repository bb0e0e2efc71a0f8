package desk

import (
	"context"
	"fmt"
	"strings"
	"time"

	"signalbox/internal/redact"
	"signalbox/internal/traffic"
)

const (
	// maxScan bounds the records that one question looks at: newest first, so what is cut is the oldest.
	maxScan = 200_000
	// maxLine bounds one line of the log pane.
	maxLine = 2048
)

// Records answers the log pane: newest first. It reads a published view and never holds the desk up;
// it may be called from any goroutine and stops when ctx ends.
func (d *Desk) Records(ctx context.Context, q RecordQuery) ([]RecordLine, error) {
	view := d.records.Load()
	if view == nil {
		return nil, nil
	}
	limit := q.Limit
	if limit <= 0 {
		limit = 200
	}
	keep := d.filter(ctx, q)
	var out []RecordLine
	if q.First && !q.Failures {
		failed := view.Last(limit/2, func(r traffic.Record) bool { return r.Outcome.Failed() && keep(r) })
		for _, r := range failed {
			out = append(out, d.recordLine(r))
		}
		keep0 := keep
		keep = func(r traffic.Record) bool { return !r.Outcome.Failed() && keep0(r) }
		limit -= len(out)
	}
	for _, r := range view.Last(limit, keep) {
		out = append(out, d.recordLine(r))
	}
	return out, context.Cause(ctx)
}

func (d *Desk) filter(ctx context.Context, q RecordQuery) func(traffic.Record) bool {
	sel := q.Scope.Selector(d.syms)
	text, invert := strings.ToLower(q.Text), false
	if rest, ok := strings.CutPrefix(text, "!"); ok {
		text, invert = rest, true
	}
	looked := 0
	return func(r traffic.Record) bool {
		if looked++; looked > maxScan || (looked%1024 == 0 && ctx.Err() != nil) {
			return false
		}
		if !sel.Match(r.Key) || (q.Failures && !r.Outcome.Failed()) {
			return false
		}
		return text == "" || d.contains(r, text) != invert
	}
}

func (d *Desk) contains(r traffic.Record, text string) bool {
	for _, s := range []string{r.Raw, r.Message, r.Code, r.Type, r.RequestID, r.Outcome.Class().String()} {
		if strings.Contains(strings.ToLower(s), text) {
			return true
		}
	}
	for dim := traffic.Dim(0); dim < traffic.NumDims; dim++ {
		if r.Key[dim] != traffic.Unknown && strings.Contains(strings.ToLower(d.syms.Name(r.Key[dim])), text) {
			return true
		}
	}
	return false
}

// recordLine makes a record safe for a screen: bounded, without secrets, without control characters.
func (d *Desk) recordLine(r traffic.Record) RecordLine {
	l := RecordLine{
		At: r.Time, Labels: traffic.Scope{}, Status: r.Outcome.Status(), Class: r.Outcome.Class().String(), Latency: r.Latency,
		Attempt: r.Attempt, ID: safe(r.RequestID, 200), Late: r.Late, Raw: safe(r.Raw, maxLine),
	}
	for k, v := range r.Key.Labels(d.syms) {
		l.Labels[k] = safe(v, 200)
	}
	switch {
	case r.Message != "":
		l.Text = safe(strings.TrimSpace(r.Code+" "+r.Message), maxLine)
	case r.Code != "" || r.Type != "":
		l.Text = safe(strings.TrimSpace(r.Code+" "+r.Type), maxLine)
	case r.Known&traffic.HasTokensOut != 0:
		l.Text = fmt.Sprintf("%d tokens in, %d out", r.TokensIn, r.TokensOut)
	}
	if r.Known&traffic.HasRetryAfter != 0 {
		l.Text += " (retry after " + r.RetryAfter.Round(time.Millisecond).String() + ")"
	}
	return l
}

func safe(s string, limit int) string {
	return redact.Terminal(redact.Secrets(redact.Clip(s, limit)))
}

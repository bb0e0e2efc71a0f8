package desk

import (
	"context"
	"fmt"
	"strings"
	"time"

	"signalbox/internal/board"
	"signalbox/internal/redact"
	"signalbox/internal/traffic"
)

// maxLine bounds one line of the log pane.
const maxLine = 2048

// failures gives the newest n failures of a selection.
func (d *Desk) failures(sel traffic.Selector, n int) []evidenceRecord {
	view := d.sig.board.Records()
	hits, _ := view.Finder(board.Find{Sel: sel, Failures: n}).Look(context.Background(), view.First(), view.First()+int64(view.Len()))
	out := make([]evidenceRecord, 0, len(hits))
	r := view.Reader()
	for _, h := range hits {
		if rec, ok := r.Seq(h.Seq); ok {
			out = append(out, d.evidenceRecord(rec))
		}
	}
	return out
}

// labels gives the labels of a key, safe for a screen.
func (d *Desk) labels(k traffic.Key) traffic.Scope {
	out := k.Labels(d.syms)
	for dim, v := range out {
		out[dim] = safe(v, 200)
	}
	return out
}

// recordLine makes a record safe for a screen: bounded, without secrets, without control characters.
func (d *Desk) recordLine(r traffic.Record, labels traffic.Scope) RecordLine {
	l := RecordLine{
		At: r.Time, Labels: labels, Status: r.Outcome.Status(), Class: r.Outcome.Class().String(), Latency: r.Latency,
		Attempt: r.Attempt, ID: safe(r.RequestID, 200), Late: r.Late, Raw: safe(r.Raw, maxLine),
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

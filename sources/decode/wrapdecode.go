package decode

import (
	"bytes"
	"time"

	"signalbox/internal/traffic"
)

// leveled is a decoder that asks a wrapper for the level of a line that names none.
type leveled interface{ around(level string) }

// inside gives the options of a decoder whose lines are wrapped: the configured instance comes last, after
// what the line and its wrapper say.
func (o Options) inside() Options {
	o.Labels.Instance = ""
	return o
}

func (e *enclosed) Decode(line []byte, received time.Time) (traffic.Record, Result) {
	w := e.chain.unwrap(line, received)
	if w == nil {
		return traffic.Record{}, Result{Kind: Ignored, Why: "a part of a line; the rest follows"}
	}
	return decodeInside(e.dec, w, e.opt, received)
}

// decodeInside decodes what is inside of wrappers, and fills in what they say. For the decoder the line was
// received when the wrapper saw it, which tells the day and the year of times that do not name them.
func decodeInside(dec Decoder, w *wrapped, opt Options, received time.Time) (traffic.Record, Result) {
	if w.skip != "" {
		return traffic.Record{}, Result{Kind: Ignored, Why: w.skip}
	}
	if len(bytes.TrimSpace(w.text)) == 0 {
		return traffic.Record{}, Result{Kind: Ignored, Why: "blank"}
	}
	if l, ok := dec.(leveled); ok {
		l.around(w.level)
	}
	at := received
	if !w.at.IsZero() {
		at = w.at
	}
	rec, res := dec.Decode(w.text, at)
	return fillInside(rec, res, w, opt)
}

// fillInside fills in what the wrappers say and the line does not.
func fillInside(rec traffic.Record, res Result, w *wrapped, opt Options) (traffic.Record, Result) {
	if res.Kind == Request || res.Kind == Explains {
		w.fill(&rec, opt)
	}
	return rec, res
}

// fill adds what the wrapper knows to the record of a line.
func (w *wrapped) fill(rec *traffic.Record, opt Options) {
	if rec.Received && !w.at.IsZero() {
		rec.Received = false // it is the time at which the wrapper got the line
	}
	if rec.Key[traffic.Instance] == 0 {
		name := w.instance
		if len(name) == 0 {
			name = []byte(opt.Labels.Instance)
		}
		rec.Key[traffic.Instance] = opt.Kit.Symbols.InternBytes(name[:min(len(name), maxWord)])
	}
}

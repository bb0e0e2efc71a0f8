package decode

import (
	"bytes"
	"time"

	"signalbox/internal/fault"
	"signalbox/internal/traffic"
)

// textLines is the decoder of last resort: a line that tells of a failure is a failed request of which
// nothing else is known. What succeeded leaves no line that could be counted, so rates are not to be had.
type textLines struct {
	rec *recorder
	d   draft
}

func newText(opt Options) (Decoder, error) {
	return &textLines{rec: newRecorder(opt), d: draft{zone: zoneOf(opt)}}, nil
}

func (t *textLines) Format() string { return Text }

// maxStampWords is how many words of a line's head may hold its time.
const maxStampWords = 3

func (t *textLines) Decode(line []byte, received time.Time) (traffic.Record, Result) {
	t.d.reset(line)
	trimmed := bytes.TrimSpace(line)
	if len(trimmed) == 0 {
		return traffic.Record{}, Result{Kind: Ignored, Why: "blank"}
	}
	if line[0] == ' ' || line[0] == '\t' {
		return traffic.Record{}, Result{Kind: Ignored, Why: "goes on from the line before"}
	}
	t.stamp(trimmed)
	t.d.set(fMessage, 1, 0, value{kind: stringValue, bytes: trimmed})
	v := fault.Classify(fault.Input{Text: string(trimmed[:min(len(trimmed), 8<<10)])})
	if v.Class == fault.None || v.Confidence < countsFrom {
		return traffic.Record{}, Result{Kind: Ignored, Why: "tells of no failure"}
	}
	if v.Provider != "" {
		t.d.set(fProvider, 1, 0, value{kind: stringValue, bytes: []byte(v.Provider)})
	}
	rec, res := t.rec.record(&t.d, traffic.SideClient, received)
	rec.Message = t.d.text(fMessage, MaxMessage)
	rec.Outcome = traffic.NewOutcome(v.Class, v.Status)
	if v.Status > 0 {
		rec.Known |= traffic.HasStatus
	}
	return rec, res
}

// stamp finds a time among the first words of the line, alone or bracketed.
func (t *textLines) stamp(line []byte) {
	head := line[:min(len(line), 64)]
	for from, word := 0, 0; word < maxStampWords && from < len(head); word++ {
		for ends := 0; ends < 2; ends++ { // "2026-11-21T12:00:00Z", then "2026-11-21 12:00:00,123"
			end := wordEnd(head, from, ends)
			text := bytes.Trim(head[from:end], "[]()<>|,; ")
			if at, ok := parseTime(value{kind: stringValue, bytes: text}, t.d.zone); ok && len(text) >= 10 {
				t.d.at = at
				return
			}
		}
		from = wordEnd(head, from, 0) + 1
	}
}

// wordEnd gives the end of the word that begins at from, and of so many more.
func wordEnd(b []byte, from, more int) int {
	for i := from; i < len(b); i++ {
		if b[i] == ' ' || b[i] == '\t' {
			if more == 0 {
				return i
			}
			more--
		}
	}
	return len(b)
}

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
	rec   *recorder
	d     draft
	times stamps
	level string // of the wrapper
}

// around implements leveled.
func (t *textLines) around(level string) { t.level = level }

func newText(opt Options) (Decoder, error) {
	return plainText(opt), nil
}

func plainText(opt Options) *textLines {
	return &textLines{rec: newRecorder(opt), d: draft{zone: zoneOf(opt)}, times: stamps{zone: zoneOf(opt)}}
}

func (t *textLines) Format() string { return Text }

func (t *textLines) Decode(line []byte, received time.Time) (traffic.Record, Result) {
	t.d.reset(line)
	trimmed := bytes.TrimSpace(line)
	if len(trimmed) == 0 {
		return traffic.Record{}, Result{Kind: Ignored, Why: "blank"}
	}
	if line[0] == ' ' || line[0] == '\t' {
		return traffic.Record{}, Result{Kind: Ignored, Why: "goes on from the line before"}
	}
	t.d.at = t.times.of(trimmed, received)
	t.d.set(fMessage, 1, 0, value{kind: stringValue, bytes: trimmed})
	v := fault.Classify(fault.Input{Text: string(trimmed[:min(len(trimmed), 8<<10)])})
	if v.Class == fault.None || v.Confidence < countsFrom || !cries(trimmed, v) && (!failing(t.level) || calm(trimmed)) {
		return traffic.Record{}, Result{Kind: Ignored, Why: "tells of no failure"}
	}
	rec, res := t.rec.record(&t.d, traffic.SideClient, received)
	rec.Message = t.d.text(fMessage, MaxMessage)
	rec.Outcome = traffic.NewOutcome(v.Class, v.Status)
	if v.Status > 0 {
		rec.Known |= traffic.HasStatus
	}
	return rec, res
}

// cries tells whether a line is about a failure, and does not just hold a word that can be part of one.
func cries(line []byte, v fault.Verdict) bool {
	if v.Status >= 400 || v.Confidence > surely {
		return true
	}
	head := bytes.ToLower(line[:min(len(line), 2<<10)])
	for _, word := range []string{"error", "exception", "fail", "fatal", "critical"} {
		if bytes.Contains(head, []byte(word)) {
			return true
		}
	}
	return false
}

// calm tells whether a line names a level of its own that is no error: what Docker's and systemd's journals
// take for errors is everything that a program writes to its standard error.
func calm(line []byte) bool {
	head := bytes.ToLower(line[:min(len(line), 100)])
	for _, word := range []string{"info", "debug", "notice", "trace"} {
		if bytes.Contains(head, []byte(word)) {
			return true
		}
	}
	return false
}

// surely is the confidence that only a documented code or a proxy's flag gives.
const surely = 0.9

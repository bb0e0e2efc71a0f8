package ui

import (
	"fmt"
	"strings"

	"signalbox/internal/desk"
)

// The kinds of bursts that are said in other words than their class.
const (
	kindErrors  = "errors"
	kindLatency = "latency"
	kindTraffic = "traffic"
	kindRetries = "retries"
)

// burstWords says what a burst is in two or three words.
func burstWords(b *desk.BurstView) string {
	if b.Leading != "" {
		return classWords(b.Leading)
	}
	if b.Kind == kindLatency {
		return "slow"
	}
	return b.Kind
}

// kindMark is the mark of a burst's kind in a cell of the grid.
func kindMark(kind string) string {
	switch kind {
	case "", kindErrors:
		return "!"
	}
	return strings.ToUpper(kind[:1])
}

// kindWords makes the kind of a finding readable.
func kindWords(kind string) string { return strings.ReplaceAll(kind, "_", " ") }

// movingWords names a finding: what it is and, where there are several, how many suffer.
func movingWords(f *desk.FindingView) string {
	if n := int(f.Numbers["targets"]); n > 1 {
		return fmt.Sprintf("%s over %d targets", kindWords(f.Kind), n)
	}
	return kindWords(f.Kind)
}

// sizeWords says how many of how many.
func sizeWords(b *desk.BurstView) string {
	what := " failed"
	switch b.Kind {
	case kindLatency:
		what = " slow"
	case kindRetries:
		what = " repeats"
	case kindTraffic:
		what = " requests"
	}
	return count(b.Failed) + "/" + count(b.Total) + what
}

// shareWords says what a burst is made of, how much it explains, and how sure its scope is.
func shareWords(b *desk.BurstView) string {
	var parts []string
	if b.Confidence != "" && b.Confidence != "firm" {
		parts = append(parts, b.Confidence)
	}
	if b.Blame != "" {
		parts = append(parts, b.Blame)
	}
	if b.Share > 0 {
		parts = append(parts, percent(b.Share)+" of the excess")
	}
	if m := mix(b.Classes); m != "" {
		parts = append(parts, m)
	}
	return strings.Join(parts, ", ")
}

// noteWords is the kind of a burst, and whether it wakes nobody.
func noteWords(b *desk.BurstView) string {
	if b.Page {
		return b.Kind
	}
	return "a note that does not page: " + b.Kind
}

// answerLines are the answers to the first questions of every runbook: what is it confined to, and whose is it?
// What no traffic tells is left out.
func answerLines(b *desk.BurstView) []line {
	var out []line
	label := "confined "
	for _, a := range b.Answers {
		s, text := plainStyle, a.Dim+": "+a.Text
		switch {
		case a.Extent == "isolated":
			s, text = strong, a.Dim+" "+a.Value+": "+a.Text
		case a.Extent == "cannot tell" && a.Value == "":
			continue
		case a.Extent == "cannot tell":
			s = dim
		}
		out = append(out, line{s, label, text})
		label = "         "
	}
	if len(out) == 0 && b.Clean != "" {
		out = append(out, line{plainStyle, "clean    ", b.Clean})
	}
	if b.Blame != "" {
		out = append(out, line{strong, "whose    ", b.Blame + ": " + b.BlameWhy})
	}
	return out
}

// movingLines tell what moves beside a burst: what comes of it, and what touches its scope.
func movingLines(all []desk.FindingView, b *desk.BurstView) []line {
	var out []line
	for i := range all {
		f := &all[i]
		if f.Burst != b.ID && (f.Burst != "" || !f.Where.Overlaps(b.Scope)) {
			continue
		}
		text, s := movingWords(f)+" since "+hms(f.Since)+": "+f.Text, warn
		if !f.Live() {
			text, s = movingWords(f)+" from "+hms(f.Since)+" to "+hms(f.Until)+": "+f.Text, dim
		}
		out = append(out, line{s, "beside   ", text})
		if len(f.Targets) > 1 {
			out = append(out, targetLines(f.Targets)...)
		}
		out = append(out, line{dim, "         ", "look: " + f.Look})
	}
	return out
}

// mostTargets bounds the targets of a cascade that are told one by one.
const mostTargets = 8

// targetLines tell what is wrong at each target of a cascade, the worst first.
func targetLines(all []desk.TargetView) []line {
	var out []line
	for i := range all {
		if i == mostTargets {
			return append(out, line{dim, "         ", "and " + itoa(len(all)-i) + " more"})
		}
		x := &all[i]
		s, text := plainStyle, x.Name+": "+x.Text
		if !x.Until.IsZero() {
			s, text = dim, text+" (until "+hms(x.Until)+")"
		}
		out = append(out, line{s, "         ", text})
	}
	return out
}

// sightBrief says in at most four columns for how long a cell is blind: "?4m".
func sightBrief(sight string) string {
	for _, word := range strings.Fields(sight) {
		if c := word[0]; c >= '0' && c <= '9' && len(word) <= 2 {
			_, unit, _ := strings.Cut(sight, word+" ")
			return "?" + word + unit[:min(len(unit), 1)]
		}
	}
	return "?"
}

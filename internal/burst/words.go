package burst

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"signalbox/internal/traffic"
)

// burst is what is told of a live one.
func (w *watch) burst(b *live, sec int64) Burst {
	out := Burst{
		ID: b.id, Kind: b.kind, Side: w.sideOf(b.place), Scope: b.place.scope(w.syms),
		Onset: at(b.onset), Detected: at(b.detected), State: b.state(sec), Earlier: b.earlier,
		Failed: b.sums.failed, Total: b.sums.total, Excess: max(float64(b.sums.failed)-b.sums.expected, 0),
		Peak: b.sums.peak, Share: b.share, Episodes: b.episodes, Clean: b.asked.clean,
		Answers: slices.Clone(b.asked.answers), Blame: b.asked.blame,
		Classes: make(map[string]int64), Codes: make(map[int]int64),
		Provisional: !b.firm, Confidence: Firm,
	}
	if b.within != nil {
		out.Within = b.within.id
	}
	if b.sums.total > 0 {
		out.Baseline = b.sums.expected / float64(b.sums.total)
	}
	if n, k, _ := b.sums.recent(sec, pointSecs/2); n > 0 {
		out.Rate = k / n
	}
	switch {
	case !b.open():
		out.Ended = at(b.ended)
	case !b.firm:
		out.Confidence = Provisional
	}
	if !b.separable && b.firm {
		out.Confidence = NotSeparable
	}
	for _, o := range b.sums.outcomes {
		out.Classes[o.Outcome.Class().String()] += o.N
		if o.Outcome.Status() != 0 {
			out.Codes[o.Outcome.Status()] += o.N
		}
	}
	out.Leading = b.leading()
	out.Before, out.Now = b.quantiles()
	for _, p := range b.aliases {
		out.Aliases = append(out.Aliases, p.scope(w.syms))
	}
	for i, c := range b.sums.cells {
		if c[0] > 0 {
			out.Cells = append(out.Cells, Cell{Scope: w.cells[i].Clone(), Req: c[0], Err: c[1]})
		}
	}
	slices.SortFunc(out.Cells, func(x, y Cell) int {
		return cmp.Or(cmp.Compare(y.Err, x.Err), cmp.Compare(x.Scope.String(), y.Scope.String()))
	})
	out.Reason = b.reason(out, w.besides(b))
	return out
}

// sideOf is where most of the leaves of a place are.
func (w *watch) sideOf(p place) string {
	most, side := 0, ""
	count := make(map[traffic.Sym]int)
	for _, l := range w.leaves {
		if p.covers(l.key) {
			v := l.key[traffic.Side]
			if count[v]++; count[v] > most {
				most, side = count[v], w.syms.Name(v)
			}
		}
	}
	return side
}

// leadClear is how many times as frequent a class has to be to take the lead from the one that was told: two that
// fail in turns would rename a burst with every second.
const leadClear = 1.25

// leading is the most frequent class, or the one that was told before where no other is clearly more frequent.
func (t *tallies) leading(was string) string {
	var byClass [256]int64
	for _, o := range t.outcomes {
		byClass[uint8(o.Outcome.Class())] += o.N
	}
	class, most, still := "", int64(0), int64(0)
	for _, o := range t.outcomes {
		name, n := o.Outcome.Class().String(), byClass[uint8(o.Outcome.Class())]
		if name == was {
			still = n
		}
		if n > most || (n == most && name < class) {
			class, most = name, n
		}
	}
	if still > 0 && float64(most) <= leadClear*float64(still) {
		return was
	}
	return class
}

// words are the outcomes that lead: "502 bad_gateway, 524 timeout".
func (t *tallies) words() string {
	parts := slices.Clone(t.outcomes)
	text := func(o traffic.Outcome) string {
		if o.Status() == 0 {
			return o.Class().String()
		}
		return fmt.Sprintf("%d %s", o.Status(), o.Class())
	}
	slices.SortFunc(parts, func(x, y OutcomeN) int {
		return cmp.Or(cmp.Compare(y.N, x.N), cmp.Compare(text(x.Outcome), text(y.Outcome)))
	})
	var words []string
	for i, p := range parts {
		if i < 2 && p.N*5 >= t.failed {
			words = append(words, text(p.Outcome))
		}
	}
	return strings.Join(words, ", ")
}

// reason is the sentence that an operator reads.
func (b *live) reason(o Burst, besides string) string {
	outcomes := b.sums.words()
	switch {
	case b.sig >= firstMeasured:
		outcomes = b.head()
	case outcomes == "":
		outcomes = "failures"
	}
	rate := 0.0
	if o.Total > 0 {
		rate = float64(o.Failed) / float64(o.Total)
	}
	since := "since " + o.Onset.Format("15:04:05") + ", was " + percent(o.Baseline)
	if o.Earlier {
		since = "since before " + o.Onset.Format("15:04:05") + ", when reading began"
	}
	text := fmt.Sprintf("%s %s (%d/%d) %s; %s", outcomes, percent(rate), o.Failed, o.Total, since, b.where(o))
	text += besides
	if o.Confidence == NotSeparable {
		text += "; the scope cannot be told from others yet"
	}
	if o.Episodes > 1 {
		text += fmt.Sprintf("; episode %d", o.Episodes)
	}
	switch {
	case b.open():
	case b.quietEnd:
		text += fmt.Sprintf("; no traffic for %d s: whether it is over cannot be seen", endQuiet)
	default:
		text += "; settled " + o.Ended.Format("15:04:05")
	}
	return text
}

// where is the part of the sentence that says where: the share of the excess in scope, what fails there, what is
// clean beside it, and what cannot be told because there is nothing to compare with.
func (b *live) where(o Burst) string {
	text := o.Scope.String()
	switch {
	case b.place.mask == 0 || o.Share == 0:
	case o.Share >= 0.995:
		text = fmt.Sprintf("all excess %s are %s", b.asked.what, text)
	case o.Share >= 0.9:
		text = fmt.Sprintf("%s of the excess %s are %s", percent(o.Share), b.asked.what, text)
	default: // other causes have others
		text = fmt.Sprintf("%s of all excess failures are %s", percent(o.Share), text)
	}
	var spread, clean []string
	for _, d := range siblings {
		switch a := answerTo(o.Answers, d); {
		case b.place.has(d) && a.Beside.Req > 0 && len(clean) < 2:
			clean = append(clean, a.Text)
		case !b.place.has(d) && a.Extent == Widespread && a.Failing > 1 && len(spread) < 2:
			spread = append(spread, a.Text+" there")
		}
	}
	if a := answerOf(o.Answers, classDim); a.Extent == Isolated && a.Values > 1 {
		clean = append(clean, a.Text)
	}
	return strings.Join(slices.Concat([]string{text}, spread, clean, b.untold(o)), "; ")
}

// untold says of the first two dimensions that nothing can be compared in.
func (b *live) untold(o Burst) []string {
	var out []string
	for _, d := range askedDims {
		a := answerTo(o.Answers, d)
		if !b.place.has(d) && a.Extent == Untold && a.Values == 1 && a.Beside.Req == 0 && len(out) < 2 {
			out = append(out, fmt.Sprintf("%s cannot be told: %s", a.Dim, a.Text))
		}
	}
	return out
}

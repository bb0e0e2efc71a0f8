package runbook

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// BurstView is what a runbook can be matched against.
type BurstView struct {
	ID      string
	Kind    string // errors, latency, truncation, traffic, retries, caller
	Scope   map[string]string
	Classes map[string]int64
	Codes   map[int]int64
	Alerts  []Alert // those that fire for what the burst is about
}

// Offer is a book that fits a burst, and why. Nothing opens by itself.
type Offer struct {
	Book  *Book
	Score float64 // 4 for an alert that names the book, above 1 where the book's match holds, below where only words fit
	Why   string
}

// Offers lists the books that fit a burst, best first. A book's match is asked in the burst's scope; where
// it holds, the score says how much of the burst it explains, whether it speaks of nothing else, and how much of the burst's scope it takes up.
// A book without a match, or whose match cannot be told, is judged by the words of its headings.
func Offers(books []*Book, burst BurstView, f Facts) []Offer {
	var all []Offer
	for _, b := range books {
		o, ok := byAlert(b, burst.Alerts)
		if !ok {
			o, ok = offer(b, burst, f)
		}
		if ok {
			all = append(all, o)
		}
	}
	slices.SortStableFunc(all, func(a, b Offer) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Book.ID, b.Book.ID))
	})
	return all
}

// byAlert offers a book, or the part of it, that says what to do about an alert which fires: whoever wrote the alert
// named it, so it comes before what was guessed from numbers and words.
func byAlert(b *Book, alerts []Alert) (Offer, bool) {
	for _, a := range alerts {
		slug, why, ok := b.about(a)
		if !ok {
			continue
		}
		if part, found := b.Part(slug); found && len(b.Alerts) > 1 {
			return Offer{Book: part, Score: 4, Why: why}, true
		}
		return Offer{Book: b, Score: 4, Why: why}, true
	}
	return Offer{}, false
}

func offer(b *Book, burst BurstView, f Facts) (Offer, bool) {
	if b.match.Zero() {
		return byWords(b, burst, "")
	}
	r := b.match.Eval(f, burst.Scope)
	if r.Truth == True && b.match.Eval(burst.about(f), burst.Scope).Truth == False {
		return Offer{}, false // true of what always fails somewhere, and not of this burst
	}
	switch r.Truth {
	case False:
		return Offer{}, false
	case Unknown:
		return byWords(b, burst, "its match cannot be told: "+r.Why)
	}
	explained, exact := b.match.explains(burst)
	score := 1 + explained + 0.1*exact
	used := 0
	for dim := range burst.Scope {
		if _, ok := b.Scope[dim]; ok {
			used++
		}
	}
	score += 0.2 * float64(used)
	var open []string
	for _, v := range b.Vars {
		if dim, ok := strings.CutPrefix(v.From, "burst."); ok && !v.Optional && v.Default == "" && burst.Scope[dim] == "" {
			open = append(open, v.Name)
		}
	}
	score = max(1, score-0.4*float64(len(open)))
	why := r.Text
	if explained > 0 {
		of := "the failures"
		if len(kindMetrics[burst.Kind]) > 0 {
			of = "the burst"
		}
		why += fmt.Sprintf("; covers %s of %s", format(explained, UnitShare), of)
	}
	if len(open) > 0 {
		why += "; the burst does not name " + strings.Join(open, ", ")
	}
	return Offer{Book: b, Score: score, Why: why}, true
}

// explains is the share of the burst that the expression is about: of its failures, those whose class or code it names;
// of answers that are slow, of repeats and of traffic all of it where it asks for that measure. exact is how much of what it
// names the burst has: of two books that explain the same, the one that speaks of nothing else fits better.
func (e Expr) explains(burst BurstView) (share, exact float64) {
	named, measure := map[string]bool{}, false
	e.queries(func(q *queryNode) {
		measure = measure || slices.Contains(kindMetrics[burst.Kind], q.metric.Name)
		if q.metric.Name == "truncated" {
			named["truncated"] = true
		}
		addNamed(named, q.where)
	})
	if measure {
		return 1, 1
	}
	classes, codes := burst.failures()
	hit := 0
	for name := range named {
		if classes[name]+codes[name] > 0 {
			hit++
		}
	}
	if hit > 0 {
		exact = float64(hit) / float64(len(named))
	}
	return max(namedShare(classes, named), namedShare(codes, named)), exact
}

// addNamed adds the classes and codes that a query asks for.
func addNamed(named map[string]bool, where []Match) {
	for _, m := range where {
		if (m.Label == "code" || m.Label == "class") && (m.Op == "=" || m.Op == "in") {
			for _, v := range m.Values {
				named[v] = true
			}
		}
	}
}

// failures counts what failed in the burst, by class and by code.
func (b *BurstView) failures() (classes, codes map[string]int64) {
	classes, codes = map[string]int64{}, map[string]int64{}
	for class, n := range b.Classes {
		if class != "none" {
			classes[class] = n
		}
	}
	for code, n := range b.Codes {
		if code >= 400 {
			codes[strconv.Itoa(code)] = n
		}
	}
	return classes, codes
}

// leastPart is the share of a burst's failures below which a class or code is not what the burst is about: a busy log has some of
// each at any time, more than any fixed number in a match.
const leastPart = 0.05

// about answers as facts do, but for counts of classes and codes that hardly any failure of the burst has: of those there are none.
type about struct {
	Facts
	classes, codes map[string]int64
}

// about gives the facts as far as they are about the burst. Of one whose classes say nothing, or are not known, all are.
func (b *BurstView) about(f Facts) Facts {
	classes, codes := b.failures()
	if len(classes) == 0 || len(kindMetrics[b.Kind]) > 0 {
		return f
	}
	return about{f, classes, codes}
}

func (a about) Ask(q Query) Answer {
	ans := a.Facts.Ask(q)
	named := map[string]bool{}
	addNamed(named, q.Where)
	if len(named) > 0 && max(namedShare(a.classes, named), namedShare(a.codes, named)) < leastPart {
		ans.Value, ans.Num = 0, 0
	}
	return ans
}

// kindMetrics are the measures that tell of a kind of burst whose classes say nothing.
var kindMetrics = map[string][]string{
	"latency": {"latency", "ttft"},
	"retries": {"amplification", "retries", "retry_ratio"},
	"traffic": {"rate", "requests", "tokens_in", "tokens_out", "token_throughput"},
}

func namedShare(counts map[string]int64, named map[string]bool) float64 {
	var hit, all int64
	for name, n := range counts {
		all += n
		if named[name] {
			hit += n
		}
	}
	if all <= 0 {
		return 0
	}
	return float64(hit) / float64(all)
}

// byWords judges a book by what its title and headings say. A code, class or kind of the burst must be named;
// the provider, model or region named as well makes it fit better.
func byWords(b *Book, burst BurstView, note string) (Offer, bool) {
	title := " " + strings.ToLower(b.Title+" "+b.ID) + " "
	var heads strings.Builder
	for _, s := range b.Sections {
		heads.WriteString(" " + strings.ToLower(s.Title))
	}
	headings := heads.String() + " "
	score := 0.0
	var hits []string
	look := func(word string, weight float64) {
		switch {
		case containsWord(title, word):
			score += weight
		case containsWord(headings, word):
			score += weight / 2
		default:
			return
		}
		hits = append(hits, word)
	}
	for _, code := range slices.Sorted(maps.Keys(burst.Codes)) {
		if code >= 400 {
			look(strconv.Itoa(code), 0.3)
		}
	}
	for _, class := range slices.Sorted(maps.Keys(burst.Classes)) {
		if class != "none" {
			look(strings.ReplaceAll(strings.TrimSuffix(class, "ed"), "_", " "), 0.3)
		}
	}
	switch burst.Kind {
	case "", "errors", "caller": // their classes say more
	default:
		look(burst.Kind, 0.3)
	}
	if len(hits) == 0 {
		return Offer{}, false
	}
	for _, dim := range []string{"provider", "model", "region", "deployment", "endpoint"} {
		if v := burst.Scope[dim]; v != "" {
			look(strings.ToLower(v), 0.2)
		}
	}
	why := "its headings name " + strings.Join(hits, ", ")
	if note != "" {
		why += "; " + note
	}
	return Offer{Book: b, Score: min(score, 0.95), Why: why}, true
}

// containsWord finds a word at the beginning of a word of the text, hyphens read as spaces too.
func containsWord(text, word string) bool {
	return strings.Contains(text, " "+word) || strings.Contains(strings.ReplaceAll(text, "-", " "), " "+strings.ReplaceAll(word, "-", " "))
}

// Aftermath tells whether the book is for when it is over: a burst that is live rules it out, whatever else is true.
func (b *Book) Aftermath() bool {
	return !b.match.Zero() && b.match.Eval(onlyBurst{}, nil).Truth == False
}

// onlyBurst knows that there is a burst, and nothing else.
type onlyBurst struct{}

func (onlyBurst) Ask(q Query) Answer {
	if q.Metric == "burst" {
		return Answer{Known: true, Truth: True}
	}
	return Answer{Why: "not asked"}
}

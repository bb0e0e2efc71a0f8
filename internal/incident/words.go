package incident

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// dimensions in the order in which operators say them; others follow by name.
var dimensions = []string{
	"env", "gateway", "instance", "side", "provider", "model", "region", "deployment", "endpoint", "workload", "stream", "caller",
}

// scopeWords writes a scope as the command line takes it: "model=gpt-4o region=eu-west".
func scopeWords(scope map[string]string) string {
	if len(scope) == 0 {
		return "all traffic"
	}
	keys := slices.SortedFunc(maps.Keys(scope), func(a, b string) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), strings.Compare(a, b))
	})
	for i, k := range keys {
		keys[i] = k + "=" + scope[k]
	}
	return strings.Join(keys, " ")
}

func rank(dim string) int {
	if i := slices.Index(dimensions, dim); i >= 0 {
		return i
	}
	return len(dimensions)
}

func sizeWords(failed, total int) string {
	if total <= 0 {
		return strconv.Itoa(failed) + " failed"
	}
	return fmt.Sprintf("%d of %d failed (%s)", failed, total, percent(float64(failed)/float64(total)))
}

func percent(share float64) string { return strconv.FormatFloat(100*share, 'f', 1, 64) + "%" }

// classWords writes a class mix, the largest first.
func classWords(classes map[string]int) string {
	keys := slices.SortedFunc(maps.Keys(classes), func(a, b string) int {
		return cmp.Or(cmp.Compare(classes[b], classes[a]), strings.Compare(a, b))
	})
	for i, k := range keys {
		keys[i] = k + " " + strconv.Itoa(classes[k])
	}
	return strings.Join(keys, ", ")
}

// span writes a duration as people say it: "2m 05s".
func durationWords(d time.Duration) string {
	d = d.Round(time.Second)
	sign := ""
	if d < 0 {
		sign, d = "-", -d
	}
	h, m, s := int(d/time.Hour), int(d/time.Minute%60), int(d/time.Second%60)
	switch {
	case h > 0:
		return fmt.Sprintf("%s%dh %02dm %02ds", sign, h, m, s)
	case m > 0:
		return fmt.Sprintf("%s%dm %02ds", sign, m, s)
	}
	return fmt.Sprintf("%s%ds", sign, s)
}

// after appends ": text" where there is text.
func after(text string) string {
	if text == "" {
		return ""
	}
	return ": " + text
}

// diffWords writes what a lever changes.
func diffWords(d *LeverData) string {
	switch {
	case d.Before != "" || d.After != "":
		return cmp.Or(d.Before, "?") + " -> " + cmp.Or(d.After, "?")
	case d.Value != nil:
		return fmt.Sprint(d.Value)
	}
	return ""
}

func leverWords(d *LeverData) string {
	text := strings.TrimSpace(d.Verb + " " + scopeWords(d.Scope))
	if d.Verb == "" {
		text = d.ID
	}
	if diff := diffWords(d); diff != "" {
		text += " " + diff
	}
	return text
}

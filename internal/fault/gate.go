package fault

import "strings"

// gate tells whether a text tells of no failure at all: progress, a retry that was answered, a server that
// came up. It comes before the rules, because such lines quote the words of failures.
func gate(t *text) (finding, bool) {
	none := func(rule, evidence string) (finding, bool) {
		return finding{class: None, rule: rule, evidence: evidence, confidence: likely}, true
	}
	head := t.low[:min(len(t.low), 100)]
	switch {
	case t.status >= 100 && t.status < 400 && !t.found && t.low == "":
		return none("a success without a text", "")
	case t.low == "" && t.status == 0:
		return none("nothing was said", "")
	case strings.Contains(head, "debug") && t.status < 400 && !strings.Contains(head, "error:"):
		return none("a line for debugging", "debug")
	case answered(t.low):
		return none("answered in the end", "200 ok")
	case t.has("is up, reason", "is up. ", "health check passed", "marked healthy", "is now healthy"):
		return none("a server came up", "up")
	}
	return finding{}, false
}

// answered tells whether the last that a text says is that a request was answered.
func answered(low string) bool {
	i := strings.LastIndex(low, "200 ok")
	if i < 0 {
		return false
	}
	after := low[i:]
	for _, bad := range []string{"error", "fail", "exception", "traceback", "timeout", "aborted", "panic", "cannot", "closed", "terminated", "\"finish_reason", "invalid", "unable", "filter"} {
		if strings.Contains(after, bad) {
			return false
		}
	}
	return !strings.HasPrefix(low, "error")
}

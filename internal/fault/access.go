package fault

import (
	"regexp"
	"strconv"
	"strings"
)

// haproxyLine finds status and flags of a line of HAProxy's HTTP log, haproxyTCP the flags of its TCP log,
// haproxyField those of a JSON log.
var (
	haproxyLine  = regexp.MustCompile(`/\S+ +-?\d+/-?\d+/-?\d+/-?\d+/\+?-?\d+ +(-?\d+) +\+?\d+ \S+ \S+ ([CScsPLRDUKI-][RQCHDLT-][-A-Za-z]{2}) `)
	haproxyTCP   = regexp.MustCompile(`/\S+ +-?\d+/-?\d+/\+?-?\d+ +\+?\d+ ([CScsPLRDUKI-][RQCHDLT-]) +\d+/\d+/\d+/\d+/\+?\d+ `)
	haproxyField = regexp.MustCompile(`"term(?:ination_state)?" ?: ?"([CScsPLRDUKI-][RQCHDLT-][-A-Za-z]{2})"`)
)

// envoyText finds status, flags and details of a line of Envoy's default access log.
func envoyText(raw string) (status int, flags, details string, ok bool) {
	_, rest, _ := strings.Cut(raw, "HTTP/")
	_, rest, found := strings.Cut(rest, "\" ")
	if !found {
		return 0, "", "", false
	}
	number, rest, _ := strings.Cut(rest, " ")
	flags, rest, _ = strings.Cut(rest, " ")
	details, _, _ = strings.Cut(strings.TrimLeft(rest, " "), " ")
	status, err := strconv.Atoi(number)
	if err != nil || len(number) > 3 || details == "" || !isFlags(flags) {
		return 0, "", "", false
	}
	return status, flags, details, true
}

// envoyTCP is what Envoy's default log has for the request of a connection that is not HTTP.
const envoyTCP = `- - -" 0 `

// byConnectionLine reads a line of a connection that is not HTTP: the flags alone tell, and no status is no trouble.
func byConnectionLine(rest string, t *text) (finding, bool) {
	flags, rest, _ := strings.Cut(rest, " ")
	if !isFlags(flags) {
		return finding{}, false
	}
	if flags == "-" {
		return finding{class: None, rule: "a connection that was served", layer: "proxy", confidence: sure}, true
	}
	t.status = 0
	return envoy(flags, rest, t)
}

// isFlags tells whether a word is Envoy's flags: a dash, or short words of capitals with commas.
func isFlags(s string) bool {
	if s == "-" {
		return true
	}
	for i := range len(s) {
		if c := s[i]; (c < 'A' || c > 'Z') && c != ',' {
			return false
		}
	}
	return len(s) >= 2 && s[0] != ','
}

// envoyField and envoyCode find flags and status in a JSON access log.
var (
	envoyField = regexp.MustCompile(`response_flags\\?" ?: ?\\?"(-|[A-Z]{2,5}(?:,[A-Z]{2,5})*)`)
	envoyCode  = regexp.MustCompile(`response_code\\?" ?: ?\\?"?(\d{1,3})`)
)

const (
	overload = "overload" // what Envoy's overload manager refuses; without a flag before version 1.30
	// elbNoTarget is how an AWS load balancer logs a request that it sent to no target: no address, no times, its own 503.
	elbNoTarget = " - -1 -1 -1 503 "
)

// byAccessLine reads a proxy's access line that came as text: status and flags decide, the words of a path do not.
func byAccessLine(t *text, set *ruleSet) (finding, bool) {
	if f, ok := haproxyText(t, set); ok {
		return f, true
	}
	if _, rest, ok := strings.Cut(t.raw, envoyTCP); ok {
		if f, ok := byConnectionLine(rest, t); ok {
			return f, true
		}
	}
	if t.seen.has(set.asks.http) {
		if status, flags, details, ok := envoyText(t.raw); ok && (flags != "-" || status == 0 || details == overload || strings.Contains(t.raw, "via_upstream")) {
			t.status = status
			return envoy(flags, details, t)
		}
		if strings.Contains(t.raw, elbNoTarget) {
			return finding{class: NoHealthyUpstream, rule: "no target took it", evidence: elbNoTarget, layer: "proxy", confidence: sure}, true
		}
	}
	if t.seen.has(set.asks.flags) {
		if m := envoyField.FindStringSubmatch(t.raw); m != nil {
			if c := envoyCode.FindStringSubmatch(t.raw); c != nil {
				t.status, _ = strconv.Atoi(c[1])
			}
			return envoy(m[1], t.raw, t)
		}
	}
	if t.method >= 0 && t.found && t.status >= 200 && t.status < 400 && !t.failing && !t.trouble {
		return finding{class: None, rule: "a request that was answered", confidence: sure}, true
	}
	return finding{}, false
}

func haproxyText(t *text, set *ruleSet) (finding, bool) {
	if !t.has(set.asks.haproxy) && !strings.Contains(t.raw, "-- ") {
		return finding{}, false
	}
	if hasTimers(t.raw) {
		if m := haproxyLine.FindStringSubmatch(t.raw); m != nil {
			t.status, _ = strconv.Atoi(strings.TrimPrefix(m[1], "-"))
			if f, ok := haproxy(m[2], t); ok {
				return f, true
			}
			return statusOr(t)
		}
		if m := haproxyTCP.FindStringSubmatch(t.raw); m != nil {
			t.status = 0
			return haproxy(m[1]+"--", t)
		}
	}
	if !strings.Contains(t.raw, `"term`) {
		return finding{}, false
	}
	if m := haproxyField.FindStringSubmatch(t.raw); m != nil {
		return haproxy(m[1], t)
	}
	return finding{}, false
}

// hasTimers tells whether a text may hold the timers of HAProxy's text logs: two numbers, each behind a slash. It spares
// other texts the expressions.
func hasTimers(raw string) bool {
	n := 0
	for i := 0; i+1 < len(raw) && n < 2; i++ {
		if raw[i] == '/' && (isDigit(raw[i+1]) || raw[i+1] == '-' || raw[i+1] == '+') {
			n++
		}
	}
	return n == 2
}

// envoy reads Envoy's flags and details.
func envoy(flags, details string, t *text) (finding, bool) {
	if strings.Contains(details, "after_response_started") {
		return finding{class: Truncated, rule: "the upstream broke off", evidence: details, layer: "proxy", confidence: sure}, true
	}
	if details == overload {
		flags = "OM"
	}
	for flag := range strings.SplitSeq(flags, ",") {
		if c, ok := envoyFlags[flag]; ok {
			return finding{class: c, rule: "proxy flag", evidence: flag, layer: "proxy", domain: flagDomain(c), confidence: sure}, true
		}
	}
	if t.status == 0 {
		return finding{class: Cancelled, rule: "no status was sent: the caller had left", layer: "proxy", confidence: likely}, true
	}
	return statusOr(t)
}

// statusOr is the verdict on an access line whose flags say nothing: its status, or none.
func statusOr(t *text) (finding, bool) {
	if f, ok := byStatus(t); ok {
		f.layer = "proxy"
		return f, true
	}
	return finding{class: None, rule: "a request that was answered", confidence: sure}, true
}

package fault

import (
	"regexp"
	"strconv"
	"strings"
)

// haproxyFlags say what the two flags of an HAProxy termination state mean when the server or the proxy
// itself ended the session. The first flag says who ended it, the second in which state it was.
var haproxyFlags = map[string]Class{
	"SQ": Overloaded, "sQ": Overloaded, "SC": Connection, "sC": Timeout, "SH": Connection, "sH": Timeout,
	"SD": Truncated, "sD": Truncated, "SL": Truncated, "sL": Truncated, "PH": BadGateway, "PD": Truncated,
	"PQ": Overloaded, "PC": Connection, "RC": Unavailable, "RQ": Unavailable, "RH": Unavailable, "RD": Truncated,
	"DC": Connection, "DH": Connection, "DD": Truncated, "DQ": Unavailable, "UC": Connection, "UD": Truncated,
	"KD": Truncated, "KH": Connection, "KQ": Cancelled, "IH": ServerError, "ID": ServerError, "IR": ServerError, "IC": ServerError,
}

// envoyFlags are response flags of Envoy; the flag decides, never the status.
var envoyFlags = map[string]Class{
	"UH": NoHealthyUpstream, "UO": NoHealthyUpstream, "NC": NoHealthyUpstream, "UF": Connection, "UC": Connection,
	"UR": Connection, "LR": Connection, "DF": Connection, "UT": Timeout, "SI": Timeout, "DT": Timeout,
	"DC": Cancelled, "NR": ModelNotFound, "RL": RateLimited, "UAEX": Auth, "UPE": BadGateway,
}

// haproxyNone is how HAProxy writes that it had no server.
const haproxyNone = "<nosrv>"

// byFlags reads proxy flags that came as a field of their own.
func byFlags(in Input, t *text) (finding, bool) {
	term := strings.TrimSpace(in.Term)
	if len(term) == 4 && isHAProxy(term) {
		return haproxy(term, t)
	}
	for term != "" {
		var flag string
		flag, term, _ = strings.Cut(term, ",")
		if c, ok := envoyFlags[flag]; ok {
			return finding{class: c, rule: "proxy flag", evidence: flag, layer: "proxy", domain: flagDomain(c), confidence: sure}, true
		}
	}
	return finding{}, false
}

func isHAProxy(term string) bool {
	return strings.IndexByte("CScsPLRDUKI-", term[0]) >= 0 && strings.IndexByte("RQCHDLT-", term[1]) >= 0
}

func haproxy(term string, t *text) (finding, bool) {
	f := finding{rule: "HAProxy ended it with", evidence: term, layer: "proxy", confidence: sure}
	noServer := strings.Contains(t.low, haproxyNone)
	switch c, ok := haproxyFlags[term[:2]]; {
	case term[0] == 'C' || term[0] == 'c':
		f.class = Cancelled
	case term[:2] == "SC" && noServer:
		f.class = NoHealthyUpstream
	case ok:
		f.class = c
	default:
		return statusOr(t) // normal, or the proxy's own answer: the status says what it was
	}
	f.domain = flagDomain(f.class)
	return f, true
}

func flagDomain(c Class) Domain {
	if c == Overloaded {
		return ByGateway // its own queue was full; why, the servers behind it know
	}
	return Advice(c).Domain
}

// finishes are the finish and stop reasons that say that an answer is not what was asked for.
var finishes = map[string]Class{
	"length": Truncated, "max_tokens": Truncated, "model_length": Truncated, "max_output_tokens": Truncated,
	"incomplete": Truncated, "model_context_window_exceeded": Truncated,
	"content_filter": ContentFiltered, "content_filtered": ContentFiltered, "safety": ContentFiltered,
	"refusal": ContentFiltered, "recitation": ContentFiltered, "blocklist": ContentFiltered,
	"prohibited_content": ContentFiltered, "spii": ContentFiltered, "image_safety": ContentFiltered,
	"guardrail_intervened":    ContentFiltered,
	"malformed_function_call": InvalidOutput, "unexpected_tool_call": InvalidOutput,
	"error": ServerError, "cancelled": Cancelled, "abort": Cancelled,
	"insufficient_system_resource": Overloaded,
}

func finishClass(finish string) Class {
	if c, ok := finishes[finish]; ok {
		return c
	}
	return finishes[strings.ToLower(finish)]
}

// byFinish reads a finish reason that came as a field of its own.
func byFinish(in Input, _ *text) (finding, bool) {
	c := finishClass(strings.TrimSpace(in.Finish))
	if c == None {
		return finding{}, false
	}
	f := finding{class: c, rule: "finish reason", evidence: in.Finish, layer: "provider", confidence: sure}
	if c == Truncated {
		f.domain, f.retry = ByCaller, RetryNever // the length limit that the caller set
	}
	return f, true
}

// haproxyLine finds server, status and flags of a line of HAProxy's HTTP log.
var haproxyLine = regexp.MustCompile(`(\S+)/(\S+) -?\d+/-?\d+/-?\d+/-?\d+/\+?-?\d+ +(-?\d+) +\+?\d+ \S+ \S+ ([CScsPLRDUKI-][RQCHDLT-][-A-Za-z]{2}) `)

// envoyLine finds status, flags and details of a line of Envoy's default access log.
var envoyLine = regexp.MustCompile(`HTTP/[\d.]+" (\d{1,3}) (-|[A-Z]{2,5}(?:,[A-Z]{2,5})*) (\S+)`)

// envoyField finds the flags in a JSON access log.
var envoyField = regexp.MustCompile(`response_flags\\?" ?: ?\\?"([A-Z]{2,5}(?:,[A-Z]{2,5})*)`)

// byAccessLine reads a proxy's access line that came as text: status and flags decide, the words of a path do not.
func byAccessLine(t *text) (finding, bool) {
	if strings.Contains(t.raw, "-- ") {
		if m := haproxyLine.FindStringSubmatch(t.raw); m != nil {
			t.status, _ = strconv.Atoi(strings.TrimPrefix(m[3], "-"))
			if f, ok := haproxy(m[4], t); ok {
				return f, true
			}
			return statusOr(t)
		}
	}
	if strings.Contains(t.raw, "HTTP/") {
		m := envoyLine.FindStringSubmatch(t.raw)
		if m != nil && (strings.Contains(t.low, "via_upstream") || m[2] != "-" || m[1] == "0") {
			t.status, _ = strconv.Atoi(m[1])
			return envoy(m[2], m[3], t)
		}
	}
	if strings.Contains(t.raw, "response_flags") {
		if m := envoyField.FindStringSubmatch(t.raw); m != nil {
			return envoy(m[1], t.low, t)
		}
	}
	return finding{}, false
}

// envoy reads Envoy's flags and details.
func envoy(flags, details string, t *text) (finding, bool) {
	if strings.Contains(details, "after_response_started") {
		return finding{class: Truncated, rule: "the upstream broke off", evidence: details, layer: "proxy", confidence: sure}, true
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

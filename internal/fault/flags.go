package fault

import "strings"

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
	"UMSDR": Timeout, "OM": Overloaded, "DO": Overloaded, "IH": BadRequest, "DPE": BadRequest,
}

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
	noServer := strings.Contains(t.raw, "<NOSRV>")
	switch c, ok := haproxyFlags[term[:2]]; {
	case term[0] == 'C' || term[0] == 'c':
		f.class = Cancelled
	case term[:2] == "SC" && noServer:
		f.class = NoHealthyUpstream
	case ok:
		f.class = c
	default: // normal, or the proxy's own answer: the status says what it was
		f, ok := statusOr(t)
		if term[0] == 'P' && f.class == RateLimited {
			f.domain = ByGateway // denied by a rule of its own
		}
		return f, ok
	}
	f.domain = flagDomain(f.class)
	return f, true
}

func flagDomain(c Class) Domain {
	if c == Overloaded || c == RateLimited {
		return ByGateway // its own queue was full; why, the servers behind it know. Or its own limit was met
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
func byFinish(in Input) (finding, bool) {
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

package fault

import (
	"strconv"
	"strings"
)

// maxEvidence bounds what a verdict quotes of a text.
const maxEvidence = 160

// Confidence of a verdict, by what decided.
const (
	sure    = 0.95 // a documented code or flag
	likely  = 0.8  // words
	unsure  = 0.5  // words that can mean something else
	byAlone = 0.35 // nothing but the status
	guess   = 0.2  // nothing but the level of the line
)

// finding is what one stage of the classifier found.
type finding struct {
	class      Class
	rule       string
	evidence   string
	why        string // rule and evidence, where they are known before
	layer      string
	domain     Domain
	retry      Retry
	confidence float64
}

// Classify says what a line or an answer means. It reads from the inside out: the cause that a text names
// decides, then how far the answer got, and the status code is the last resort. Its time is linear in the
// bounded text.
func Classify(in Input) Verdict { return compiledRules().classify(in) }

func (s *ruleSet) classify(in Input) Verdict {
	t, _ := texts.Get().(*text)
	defer texts.Put(t)
	t.reset(s)
	t.read(in, s)
	f, ok := t.decide(in, s)
	if !ok && f.class != None || f.rule == "" {
		f = finding{class: None, rule: "nothing tells of a failure", confidence: unsure}
	}
	return t.verdict(in, f, s)
}

// verdict adds the advice for what was found.
func (t *text) verdict(in Input, f finding, set *ruleSet) Verdict {
	v := Verdict{
		Class: f.class, Layer: f.layer, Confidence: f.confidence,
		Why: why(f), Status: t.status, Provider: in.Provider,
	}
	if v.Provider == "" && t.provider > 0 {
		v.Provider = providers[t.provider-1].name
	}
	g := f.guide()
	v.Retry, v.Domain, v.Do, v.Fix = g.Retry, g.Domain, g.Do, g.Fix
	if f.domain != "" {
		v.Domain = f.domain
	}
	switch {
	case f.retry != "":
		v.Retry = f.retry
	case f.class == RateLimited && !t.has(set.asks.wait):
		v.Retry = RetryBackoff
	}
	return v
}

// decide runs the stages in the order of precedence.
func (t *text) decide(in Input, set *ruleSet) (finding, bool) {
	if f, ok := byFlags(in, t); ok {
		return f, f.class != None
	}
	if len(t.low) == 0 {
		if f, ok := byFinish(in); ok {
			return f, true
		}
	}
	if f, ok := byAccessLine(t, set); ok {
		return f, f.class != None
	}
	if in.Status < 400 && in.Code == "" && in.Type == "" && wholeAnswer(t.raw) {
		return finding{class: None, rule: "an answer that came to its end", evidence: "stop", confidence: likely}, false
	}
	if f, ok := t.gate(set); ok {
		return f, false
	}
	t.plea = t.level == levelUnknown && t.status == 0 && t.has(set.asks.plea)
	if f, ok := t.match(set); ok {
		return f, !t.idle(f)
	}
	if f, ok := byFinish(in); ok {
		return f, true
	}
	if f, ok := byStatus(t); ok {
		return f, true
	}
	if t.status < 100 && (t.level == levelError || t.level == levelUnknown && t.failing) {
		return finding{class: ServerError, rule: "an error that names no cause", layer: "client", confidence: guess}, true
	}
	return finding{}, false
}

// idle tells whether a line at level info only talks about something with a word that a rule knows: a code counts there
// beside a word of trouble, other words beside one of failure.
func (t *text) idle(f finding) bool {
	return (t.level == levelInfo || t.level == levelDebug) && t.status < 400 && !t.failing && (f.confidence < sure || !t.trouble)
}

func why(f finding) string {
	if f.why != "" {
		return f.why
	}
	if f.evidence == "" {
		return f.rule
	}
	return f.rule + ": " + strconv.Quote(clip(f.evidence, maxEvidence))
}

// clip bounds a text without cutting a rune in half.
func clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// byStatus is the last resort.
func byStatus(t *text) (finding, bool) {
	c := StatusClass(t.status)
	if c == None {
		return finding{}, false
	}
	return finding{class: c, rule: "status " + strconv.Itoa(t.status) + " alone", layer: "status", confidence: byAlone}, true
}

var statusClasses = [600]Class{
	400: BadRequest, 401: Auth, 402: QuotaExhausted, 403: Auth, 404: ModelNotFound, 405: BadRequest, 406: BadRequest,
	407: Auth, 408: Timeout, 409: BadRequest, 410: ModelNotFound, 411: BadRequest, 413: ContextOverflow, 415: BadRequest,
	416: BadRequest, 422: BadRequest, 424: ServerError, 425: BadRequest, 429: RateLimited, 431: ContextOverflow,
	451: Auth, 460: Cancelled, 498: ContentFiltered, 499: Cancelled, // 460, 561: AWS load balancers
	500: ServerError, 501: BadRequest, 502: BadGateway, 503: Unavailable, 504: Timeout, 505: BadRequest,
	520: Connection, 521: Connection, 522: Timeout, 523: Connection, 524: Timeout, 525: Connection, 526: Connection,
	527: Connection, 529: Overloaded, 530: Connection, 561: Auth, 598: Timeout, 599: Timeout,
}

// StatusClass gives the class of a status code that nothing else explains, None for a success or an unknown code.
func StatusClass(status int) Class {
	switch {
	case status < 400 || status >= 600:
		return None
	case statusClasses[status] != None:
		return statusClasses[status]
	case status < 500:
		return BadRequest
	}
	return ServerError
}

// BadFinish tells whether a finish reason says that an answer is not what was asked for.
func BadFinish(finish string) bool { return finish != "" && finishClass(finish) != None }

package decode

import (
	"bytes"
	"time"

	"signalbox/internal/fault"
	"signalbox/internal/traffic"
)

// Bounds on how an access line and the error line of the same answer find each other: by status, within so much
// time where both have one to the microsecond, else within so many lines. Ten seconds have been seen between them, of a LiteLLM that had too little CPU.
const (
	maxTwins    = 512
	twinsWithin = 256
	twinsApart  = 30 * time.Second
	maxGoesOn   = 500 // lines of a traceback
)

// litellmTold remembers what of LiteLLM's own log has been counted and may be told again.
type litellmTold struct {
	line       int
	byCallback bool
	errors     []twin // counted by their error line
	accesses   []twin // counted by their access line
}

// twin is one of the two lines of a failed answer.
type twin struct {
	status, line int // or anyStatus, refusedStatus: the error line does not say
	at           time.Time
}

const (
	anyStatus     = 0
	refusedStatus = -1 // 400, 401 or 403
)

func (t twin) agrees(other twin) bool {
	if t.status > 0 && other.status <= 0 {
		t, other = other, t
	}
	switch t.status {
	case anyStatus:
		return true
	case refusedStatus:
		return other.status == 400 || other.status == 401 || other.status == 403
	}
	return t.status == other.status
}

// match takes the oldest twin of a line out, one that names the status before one that does not. before says that
// the twin's time cannot be after that of the line.
func match(list []twin, t twin, before bool) ([]twin, bool) {
	best := -1
	for i, other := range list {
		if !t.agrees(other) || !near(t, other, before) {
			continue
		}
		if t.status == other.status {
			best = i
			break
		}
		if best < 0 {
			best = i
		}
	}
	if best < 0 {
		return list, false
	}
	return append(list[:best:best], list[best+1:]...), true
}

// near compares the times of two lines, where both have one.
func near(t, other twin, before bool) bool {
	if t.at.IsZero() || other.at.IsZero() {
		return t.line-other.line <= twinsWithin
	}
	apart := t.at.Sub(other.at)
	if !before {
		apart = -apart
	}
	return apart >= 0 && apart <= twinsApart
}

func remember(list []twin, t twin) []twin {
	if len(list) >= maxTwins {
		list = list[1:]
	}
	return append(list, t)
}

// logged decodes a JSON line of LiteLLM's own log.
func (l *litellm) logged(received time.Time) (traffic.Record, Result) {
	message := l.l.message
	l.d.reset(l.d.line)
	if at, ok := parseTime(value{kind: stringValue, bytes: l.l.timestamp}, l.d.zone); ok {
		l.d.at = at
	}
	if string(l.l.component) == "uvicorn.access" {
		return l.accessed(message, true, received)
	}
	return l.said(message, l.l.callID, received)
}

// raised stands between the place of an error and its text, spelt as LiteLLM spells it.
const raised = "(): Exception occur" + "ed - "

// said decodes a message of LiteLLM's loggers.
func (l *litellm) said(message, callID []byte, received time.Time) (traffic.Record, Result) {
	l.told.line++
	where, text, ok := bytes.Cut(message, []byte(raised))
	if !ok || !bytes.HasPrefix(where, []byte("litellm.proxy.")) || len(where) > maxWord {
		return traffic.Record{}, Result{Kind: Ignored, Why: "LiteLLM's own message; a failed request has a line of the proxy's"}
	}
	if rest, ok := bytes.CutPrefix(text, []byte("litellm_call_id=")); ok {
		if id, after, ok := bytes.Cut(rest, []byte(" - ")); ok {
			callID, text = id, after
		}
	}
	if before, _, ok := bytes.Cut(text, []byte("\nRequester IP Address:")); ok {
		text, l.d.line = before, message[:len(message)-len(text)+len(before)] // who asked stays out
	}
	l.d.set(fRequestID, 1, 0, value{kind: stringValue, bytes: callID})
	l.d.set(fModel, 1, 0, value{kind: stringValue, bytes: marked(text, groupMarks)})
	l.d.set(fDeployment, 1, 0, value{kind: stringValue, bytes: slotOf(text)})
	l.d.set(fMessage, 1, 0, value{kind: stringValue, bytes: text})
	status, kind := litellmError(text)
	l.d.set(fType, 1, 0, value{kind: stringValue, bytes: kind})
	switch {
	case l.explain || l.told.byCallback:
		return l.explained(received)
	case bytes.HasSuffix(where, []byte("data_generator")):
		return l.cut(status, received)
	}
	t, least := twin{status: status, line: l.told.line, at: l.d.at}, fault.ServerError
	if bytes.HasSuffix(where, []byte("user_api_key_auth")) {
		least = fault.Auth // without a database a wrong key is "No connected db."
		if status == anyStatus {
			t.status = refusedStatus
		}
	}
	var told bool
	if l.told.accesses, told = match(l.told.accesses, t, false); told {
		return traffic.Record{}, Result{Kind: Ignored, Why: "its access line came first and has been counted"}
	}
	l.told.errors = remember(l.told.errors, t)
	rec, res := l.rec.record(&l.d, traffic.SideClient, received)
	l.classed(&rec, status, least)
	return rec, res
}

// explained makes an error line explain the callback's line of the same call.
func (l *litellm) explained(received time.Time) (traffic.Record, Result) {
	if !l.d.has(fRequestID) {
		return traffic.Record{}, Result{Kind: Ignored, Why: "an error line without a call id; the callback's line counts"}
	}
	return l.rec.explain(&l.d, received)
}

// cut makes the record of a stream that broke. Its access line, if there is one, came when the stream began and
// says 200; the two cannot be told to be one, so the failure counts and the request counts twice. A stream that
// broke before it began has an access line that fails.
func (l *litellm) cut(status int, received time.Time) (traffic.Record, Result) {
	l.told.errors = remember(l.told.errors, twin{status: status, line: l.told.line, at: l.d.at})
	l.d.set(fStream, 1, 0, value{kind: boolValue, bytes: []byte("true")})
	rec, res := l.rec.record(&l.d, traffic.SideClient, received)
	l.classed(&rec, 200, fault.Truncated)
	return rec, res
}

// litellmErrors are the statuses with which LiteLLM answers for its exceptions.
var litellmErrors = map[string]int{
	"RateLimitError": 429, "RouterRateLimitError": 429, "BudgetExceededError": 429, "AuthenticationError": 401, "PermissionDeniedError": 403,
	"BadRequestError": 400, "ContextWindowExceededError": 400, "ContentPolicyViolationError": 400, "UnsupportedParamsError": 400, "InvalidRequestError": 400,
	"NotFoundError": 404, "Timeout": 408, "UnprocessableEntityError": 422, "InternalServerError": 500, "APIConnectionError": 500,
	"BadGatewayError": 502, "ServiceUnavailableError": 503, "MidStreamFallbackError": 503,
}

// litellmError reads what an exception's text begins with: "litellm.RateLimitError: ...", "400: {...}". An APIError
// has the status of the provider, which the text does not name.
func litellmError(text []byte) (status int, kind []byte) {
	if n, ok := leadingStatus(text); ok {
		return n, nil
	}
	if bytes.HasPrefix(text, []byte("No deployments available")) {
		return 429, []byte("RouterRateLimitError")
	}
	name, _, ok := bytes.Cut(bytes.TrimPrefix(text, []byte("litellm.")), []byte(":"))
	if !ok || len(name) > 60 || bytes.IndexByte(name, ' ') >= 0 {
		return 0, nil
	}
	return litellmErrors[string(name)], name
}

// mark is what stands around a name in an error's text.
type mark struct{ begin, end string }

var (
	groupMarks      = []mark{{"model group '", "'"}, {"model_group=", ","}, {"passed in model=", ". "}, {"Received Model Group=", "\n"}}
	deploymentMarks = []mark{{"slots in use. Deployment model_group=", " already"}}
)

// marked finds the name within the first of the marks that a text has.
func marked(text []byte, marks []mark) []byte {
	text = text[:min(len(text), 8<<10)]
	for _, m := range marks {
		if _, rest, ok := bytes.Cut(text, []byte(m.begin)); ok {
			if name, _, ok := bytes.Cut(rest, []byte(m.end)); ok && len(name) <= maxWord {
				return name
			}
		}
	}
	return nil
}

// slotOf finds the deployment whose cap was full: "...Deployment model_group=gpt-4o, id=gpt-4o.eu already has...".
func slotOf(text []byte) []byte {
	_, id, _ := bytes.Cut(marked(text, deploymentMarks), []byte(", id="))
	return id
}

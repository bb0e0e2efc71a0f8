package decode

import (
	"bytes"
	"time"

	"signalbox/internal/fault"
	"signalbox/internal/traffic"
)

// litellm decodes what a LiteLLM proxy writes, each alone or mixed in one stream:
//
//   - its own log, as JSON or as plain text: access lines without model and id, error lines with a call id, and
//     the banner that stands around both;
//   - StandardLoggingPayload objects, one a line, or several in an array as generic_api posts them;
//   - the lines of the callback that examples/litellm has, which are those of the reference gateway.
//
// One failure counts once. In LiteLLM's own log it is the proxy's error line that counts, because it says why
// and has the call id, and the access line of the same answer is passed over; a failure without an error line
// counts by its access line. Beside the callback's lines nothing of the log counts: error lines explain.
type litellm struct {
	rec  *recorder
	ref  *reference
	scan scanner
	d    draft
	l    litellmLine
	ends map[string]bool

	times   stamps
	explain bool // the log stands beside the callback's lines, and counts nothing
	told    litellmTold
	more    int // lines that may still go on from the last line of plain text
}

// litellmLine is what a JSON line has at its top, and what a payload has in places of its own.
type litellmLine struct {
	message, level, timestamp, component, callID, kind []byte

	payload  int // marks of a payload that were seen
	outcome  []byte
	dialect  []byte // the kind of interface that is spoken, which often names the provider
	errorAs  []byte // what LiteLLM sorts the error as
	errorStr []byte
	cached   []byte
	from, to time.Time
	first    time.Time
	retries  int64
	falls    int64
}

func newLiteLLM(opt Options) (Decoder, error) { return makeLiteLLM(opt, false) }

// newLiteLLMErrors is for LiteLLM's own log beside the file of the callback, in another source.
func newLiteLLMErrors(opt Options) (Decoder, error) { return makeLiteLLM(opt, true) }

func makeLiteLLM(opt Options, explain bool) (Decoder, error) {
	ref, err := newReference(opt)
	if err != nil {
		return nil, err
	}
	l := &litellm{rec: newRecorder(opt), ref: ref.(*reference), d: draft{zone: zoneOf(opt)}, ends: make(map[string]bool), explain: explain, times: stamps{zone: zoneOf(opt)}}
	l.scan.visit = l.take
	return l, nil
}

func (l *litellm) Format() string {
	if l.explain {
		return LiteLLMErrors
	}
	return LiteLLM
}

func (l *litellm) Decode(line []byte, received time.Time) (traffic.Record, Result) {
	switch body := afterSyslog(line); {
	case len(body) > 0 && body[0] == '{':
		return l.object(line, body, received)
	case len(body) > 0 && body[0] == '[' && bytes.HasPrefix(bytes.TrimLeft(body[1:], " \t"), []byte("{")):
		return l.array(line, received)
	}
	return l.plain(line, received)
}

// Each decodes a line that may be an array of payloads, and hands over each by itself.
func (l *litellm) Each(line []byte, received time.Time, each func(inner []byte, rec traffic.Record, res Result)) {
	parts, ok := elements(line)
	if !ok {
		rec, res := l.Decode(line, received)
		each(line, rec, res)
		return
	}
	for _, part := range parts {
		rec, res := l.object(part, part, received)
		each(part, rec, res)
	}
}

// array gives the first request of an array, for whoever wants one record of a line.
func (l *litellm) array(line []byte, received time.Time) (rec traffic.Record, res Result) {
	res = Result{Why: "not an array of payloads"}
	parts, ok := elements(line)
	if !ok {
		return rec, res
	}
	for _, part := range parts {
		if rec, res = l.object(part, part, received); res.Kind == Request {
			break
		}
	}
	return rec, res
}

// object decodes a JSON line. The keys of a log line come first, because LiteLLM lifts the dictionaries that an
// error quotes to keys of its own: a line that has message, level and timestamp is one of its log, whatever else it has.
func (l *litellm) object(line, body []byte, received time.Time) (traffic.Record, Result) {
	l.d.reset(line)
	l.l = litellmLine{}
	if !l.scan.scan(body) {
		return traffic.Record{}, Result{Why: "not a JSON object"}
	}
	switch {
	case len(l.l.timestamp) > 0 && l.l.level != nil && l.l.message != nil:
		return l.logged(received)
	case len(l.l.kind) > 0:
		l.told.byCallback = true
		return l.ref.Decode(line, received)
	case l.l.payload >= enoughMarks:
		return l.payload(received)
	}
	return traffic.Record{}, Result{Why: "neither a line of LiteLLM's log, nor a payload, nor a line of the callback"}
}

// enoughMarks is how many of the keys that only payloads have tell one.
const enoughMarks = 3

// litellmFields are the keys of a payload that are taken as they are. Prompts, answers and headers are not in here.
var litellmFields = map[string]struct {
	f    field
	rank uint8
	unit time.Duration
}{
	"id": {fRequestID, 2, 0}, "litellm_call_id": {fRequestID, 1, 0}, "model_group": {fModel, 1, 0}, "model": {fServed, 1, 0},
	"model_id": {fDeployment, 1, 0}, "api_base": {fBaseURL, 1, 0}, "stream": {fStream, 1, 0}, "prompt_tokens": {fTokensIn, 1, 0},
	"completion_tokens": {fTokensOut, 1, 0}, "metadata.user_api_key_team_alias": {fCaller, 1, 0}, "metadata.user_api_key_alias": {fCaller, 2, 0},
	"metadata.user_api_key_request_route": {fEndpoint, 1, 0}, "metadata.requester_metadata.workload": {fWorkload, 1, 0},
	"hidden_params.additional_headers.retry-after":              {fRetryAfter, 1, time.Second},
	"hidden_params.additional_headers.llm_provider-retry-after": {fRetryAfter, 2, time.Second},
	"response.choices.0.finish_reason":                          {fFinish, 1, 0},
	"error_information.error_code":                              {fCode, 1, 0}, "error_information.error_class": {fType, 1, 0}, "error_information.error_message": {fMessage, 1, 0},
}

func (l *litellm) take(path []byte, v value) {
	if f, ok := litellmFields[string(path)]; ok && v.kind != nullValue {
		l.d.set(f.f, f.rank, f.unit, v)
	}
	switch string(path) {
	case "message":
		l.l.message = present(v)
	case "level":
		l.l.level = present(v)
	case "timestamp":
		l.l.timestamp = v.bytes
	case "component":
		l.l.component = v.bytes
	case "litellm_call_id":
		l.l.callID = v.bytes
	case "kind":
		l.l.kind = v.bytes
	case "status":
		l.l.outcome = v.bytes
	default:
		l.takePayload(path, v)
	}
}

// takePayload keeps what of a payload needs a thought.
func (l *litellm) takePayload(path []byte, v value) {
	switch string(path) {
	case "startTime":
		l.l.from, l.l.payload = instant(v), l.l.payload+1
	case "endTime":
		l.l.to, l.l.payload = instant(v), l.l.payload+1
	case "completionStartTime":
		l.l.first, l.l.payload = instant(v), l.l.payload+1
	case "response_time", "call_type", "model_map_information.model_map_key", "response_cost", "trace_id":
		l.l.payload++
	case "custom_llm_provider":
		l.l.dialect = v.bytes
	case "cache_hit":
		l.l.cached = v.bytes
	case "error_str":
		l.l.errorStr = v.bytes
	case "error_information.normalized_error":
		l.l.errorAs = v.bytes
	case "hidden_params.additional_headers.x-litellm-attempted-retries":
		l.l.retries, _ = smallInt(v.bytes)
	case "hidden_params.additional_headers.x-litellm-attempted-fallbacks":
		l.l.falls, _ = smallInt(v.bytes)
	case "metadata.usage_object.prompt_tokens_details.cached_tokens":
		l.d.set(fTokensCached, 1, 0, v)
	case "metadata.usage_object.cache_read_input_tokens":
		l.d.set(fTokensCached, 2, 0, v)
	}
}

// present gives a text that is there, be it empty.
func present(v value) []byte {
	if v.bytes == nil {
		return []byte{}
	}
	return v.bytes
}

func instant(v value) time.Time {
	if v.kind != numberValue {
		return time.Time{}
	}
	at, _ := epoch(v.bytes)
	return at
}

// classed classifies a failure whose texts are in the draft. What LiteLLM adds about its own further tries is
// left out: it quotes the failures of others.
func (l *litellm) classed(rec *traffic.Record, status int, least fault.Class) {
	if own, _, cut := bytes.Cut(l.d.vals[fMessage].bytes, []byte("\n\nLiteLLM: model group")); cut && l.d.has(fMessage) {
		l.d.vals[fMessage].bytes = own
	}
	l.rec.fail(&l.d, rec, status)
	settle(rec, least)
}

package decode

import (
	"time"

	"signalbox/internal/fault"
	"signalbox/internal/traffic"
)

// reference is the decoder of the reference gateway's lines. Their kind says what counts: "request" is one
// client request, "attempt" one upstream attempt, "error" explains one of them.
type reference struct {
	rec   *recorder
	lines *objects
	d     draft
}

func newReference(opt Options) (Decoder, error) {
	r := &reference{rec: newRecorder(opt), d: draft{zone: zoneOf(opt)}}
	r.lines = newObjects(referenceName, &r.d, false)
	return r, nil
}

func zoneOf(opt Options) *time.Location {
	if opt.Zone == nil {
		return time.UTC
	}
	return opt.Zone
}

func (r *reference) Format() string { return Signalbox }

// referenceFields are the keys of a line.
var referenceFields = map[string]struct {
	f    field
	unit time.Duration
}{
	"time": {fTime, 0}, "level": {fLevel, 0}, "kind": {fKind, 0}, "gateway": {fGateway, 0}, "instance": {fInstance, 0},
	"request_id": {fRequestID, 0}, "caller": {fCaller, 0}, "workload": {fWorkload, 0}, "model": {fModel, 0},
	"served_model": {fServed, 0}, "deployment": {fDeployment, 0}, "endpoint": {fEndpoint, 0}, "stream": {fStream, 0},
	"status": {fStatus, 0}, "latency_ms": {fLatency, time.Millisecond}, "ttft_ms": {fTTFT, time.Millisecond},
	"tokens_in": {fTokensIn, 0}, "tokens_out": {fTokensOut, 0}, "tokens_cached": {fTokensCached, 0}, "attempt": {fAttempt, 0},
	"fallback_from": {fFallbackFrom, 0}, "finish_reason": {fFinish, 0}, "error_code": {fCode, 0}, "error_type": {fType, 0},
	"error_message": {fMessage, 0}, "retry_after_ms": {fRetryAfter, time.Millisecond}, "shape": {fShape, 0}, "message": {fText, 0},
	"env": {fEnv, 0}, "provider": {fProvider, 0}, "region": {fRegion, 0}, "base_url": {fBaseURL, 0}, "host": {fHost, 0}, "key_alias": {fKeyAlias, 0},
}

func referenceName(path []byte) (target, taking, bool) {
	k, ok := referenceFields[string(path)]
	return target{f: k.f, rank: 1, unit: k.unit}, takeAll, ok
}

func (r *reference) Decode(line []byte, received time.Time) (traffic.Record, Result) {
	if !r.lines.read(line, &r.d) {
		return traffic.Record{}, Result{Why: "not a JSON object"}
	}
	side := traffic.SideClient
	switch string(r.d.word(fKind)) {
	case "request":
	case "attempt":
		side = traffic.SideUpstream
	case "error":
		if !r.d.has(fMessage) && r.d.has(fText) {
			r.d.set(fMessage, 1, 0, r.d.vals[fText])
		}
		return r.rec.explain(&r.d, received)
	case "":
		return traffic.Record{}, Result{Why: "no kind"}
	default:
		return traffic.Record{}, Result{Kind: Ignored, Why: "kind " + r.d.text(fKind, 40)}
	}
	status, known, _, _ := r.d.status()
	if !known {
		return traffic.Record{}, Result{Why: "no status"}
	}
	rec, res := r.rec.record(&r.d, side, received)
	r.rec.outcome(&r.d, &rec, status)
	if status == 0 {
		settle(&rec, fault.Connection) // no answer came
	}
	streamed, _ := r.d.streamed()
	if streamed && status == 200 && !r.d.has(fFinish) {
		settle(&rec, fault.Truncated) // a whole stream ends with a finish reason
	}
	return rec, res
}

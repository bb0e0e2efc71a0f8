package decode

import (
	"bytes"
	"strings"
	"time"

	"signalbox/internal/fault"
	"signalbox/internal/traffic"
)

// envoyLine is what Envoy says of how a request ended, in either of its formats.
type envoyLine struct {
	status  int
	flags   string // "UF,URX"
	details string // %RESPONSE_CODE_DETAILS%
	route   string
	attempt bool // the line is of one attempt, by the router's upstream_log
}

// outcome classifies the record of a line. The flag decides before the status, and the details before the flag
// where it has two meanings: UO with via_upstream is a provider's answer whose retry was refused.
func (e envoyLine) outcome(r *recorder, rec *traffic.Record) {
	if e.status > 0 {
		rec.Known |= traffic.HasStatus
	}
	if e.flags != "" {
		rec.Type = bounded([]byte(e.flags), maxWord)
	}
	if e.details != "" && e.details != "via_upstream" {
		rec.Code = bounded([]byte(e.details), maxWord)
	}
	term := e.flags
	switch {
	case e.brokeOff():
		rec.Outcome = traffic.NewOutcome(fault.Truncated, e.status)
		return
	case e.details == "overload" && e.status >= 500:
		rec.Outcome = traffic.NewOutcome(fault.Overloaded, e.status) // by its own memory
		return
	case e.details == "direct_response" || e.details == "lua_response":
		rec.Message = "answered by route " + e.route + " itself"
		if e.route == "" {
			rec.Message = "answered by Envoy itself"
		}
	case e.details == "via_upstream":
		term = strings.Join(strings.FieldsFunc(term, func(c rune) bool { return c == ',' }), ",")
		term = strings.Trim(strings.ReplaceAll(","+term+",", ",UO,", ","), ",")
	}
	if term == "" && e.status >= 200 && e.status < 400 {
		rec.Outcome = traffic.NewOutcome(fault.None, e.status)
		return
	}
	v := fault.Classify(fault.Input{Status: e.status, Term: term, Provider: r.kit.Symbols.Name(rec.Key[traffic.Provider])})
	rec.Outcome = traffic.NewOutcome(v.Class, e.status)
	e.settle(rec, term)
}

// settle says what a failure is at least.
func (e envoyLine) settle(rec *traffic.Record, term string) {
	switch {
	case e.status >= 400:
		settle(rec, statusClass(e.status))
	case e.status == 0 && e.attempt && term != "":
		settle(rec, fault.Connection) // no answer came
	case e.status == 0: // an attempt without a flag was given up because the client left
		settle(rec, fault.Cancelled) // nobody was there to take one
	}
}

// brokeOff tells whether an answer began and did not end. An attempt's line has no details, so there its flag tells.
func (e envoyLine) brokeOff() bool {
	return strings.Contains(e.details, "after_response_started") || e.attempt && e.status >= 200 && e.status < 400 && brokenOff[e.flags]
}

var brokenOff = map[string]bool{"UPE": true, "UC": true, "UR": true, "LR": true}

// envoyJSON decodes Envoy's access log in JSON, with the keys of the documented format or those that its
// operators are commonly given:
//
//	{"time":"2026-11-21T12:00:00.432Z","id":"8301a275","model":"gpt-4o","cluster":"gpt4o_azure_eu","status":503,"flags":"UO",
//	 "details":"upstream_reset_before_response_started{overflow}","ms":0}
//	{"id":"8301a275","attempt":"2","upstream":"127.0.0.1:17101","status":429,"flags":"-","ms":12}
//
// The second is a line of the router's upstream_log: an attempt. It names no model; its id leads to it.
type envoyJSON struct {
	rec   *recorder
	names *mapping
	known map[string]envoyKey
	scan  scanner
	d     draft
	pages pages
	l     envoyLine
	keys  uint32 // which have been met
	meth  []byte
	path  []byte
}

type envoyKey uint8

const (
	evOther envoyKey = iota
	evTime
	evStatus
	evFlags
	evDetails
	evRoute
	evCluster
	evUpstream
	evTook
	evFirst
	evAttempt
	evAttempts
	evMethod
	evPath
	evReason
	evRetryAfter
	evID
)

var envoyKeys = map[string]envoyKey{
	"time": evTime, "starttime": evTime, "timestamp": evTime, "@timestamp": evTime, "status": evStatus, "responsecode": evStatus,
	"flags": evFlags, "responseflags": evFlags, "details": evDetails, "responsecodedetails": evDetails, "route": evRoute, "routename": evRoute,
	"cluster": evCluster, "upstreamcluster": evCluster, "upstream": evUpstream, "upstreamhost": evUpstream, "ms": evTook, "duration": evTook,
	"durationms": evTook, "ttfbms": evFirst, "responseduration": evFirst, "attempt": evAttempt, "attempts": evAttempts,
	"upstreamrequestattemptcount": evAttempts, "attemptcount": evAttempts, "method": evMethod, "path": evPath, "xenvoyoriginalpath": evPath,
	"requestpath": evPath, "request.path": evPath, "upstreamtransportfailurereason": evReason, "retryafter": evRetryAfter,
	"id": evID, "requestid": evID, "xrequestid": evID,
}

func newEnvoyJSON(opt Options) (Decoder, error) {
	names, err := newMapping(nil)
	if err != nil {
		return nil, err
	}
	e := &envoyJSON{
		rec: newRecorder(opt), names: names, known: make(map[string]envoyKey), d: draft{zone: zoneOf(opt)}, pages: newPages(),
	}
	e.scan.visit = e.take
	return e, nil
}

func (e *envoyJSON) Format() string { return EnvoyJSON }

func (e *envoyJSON) kind(path []byte) envoyKey {
	if k, ok := e.known[string(path)]; ok {
		return k
	}
	k := envoyKeys[fold(path)]
	if len(e.known) < maxPaths {
		e.known[string(path)] = k
	}
	return k
}

func (e *envoyJSON) take(path []byte, v value) {
	k := e.kind(path)
	e.keys |= 1 << k
	none := v.kind == nullValue || string(v.bytes) == "-"
	switch {
	case k == evOther:
		e.other(path, v)
		return
	case none:
		return
	}
	switch k {
	case evTime:
		e.d.set(fTime, 1, 0, v)
	case evStatus:
		e.d.set(fStatus, 1, 0, v)
	case evFlags:
		e.l.flags = bounded(v.bytes, maxWord)
	case evDetails:
		e.l.details = bounded(v.bytes, maxWord)
	case evRoute:
		e.l.route = bounded(v.bytes, maxWord)
	case evCluster:
		e.d.set(fDeployment, 1, 0, v)
	case evUpstream:
		e.d.set(fHost, 1, 0, v)
	case evTook:
		e.d.set(fLatency, 1, time.Millisecond, v)
	case evFirst:
		e.d.set(fTTFT, 1, time.Millisecond, v)
	case evAttempt, evAttempts:
		e.d.set(fAttempt, uint8(k), 0, v)
	case evMethod:
		e.meth = v.bytes
	case evPath:
		e.path = v.bytes
	case evReason:
		e.d.set(fMessage, 1, 0, v)
	case evRetryAfter:
		e.d.set(fRetryAfter, 1, time.Second, v)
	case evID:
		e.d.set(fRequestID, 1, 0, v)
	case evOther:
	}
}

// other takes what a configuration has added by a common name.
func (e *envoyJSON) other(path []byte, v value) {
	switch string(path) {
	case "tok_out":
		e.d.set(fTokensOut, 1, 0, v)
		return
	case "tok_in":
		e.d.set(fTokensIn, 1, 0, v)
		return
	}
	t, ok := e.names.find(path)
	if !ok {
		return
	}
	switch t.f {
	case fEnv, fInstance, fProvider, fModel, fServed, fRegion, fWorkload, fCaller, fStream, fTokensIn, fTokensOut, fTokensCached, fFinish:
		e.d.set(t.f, t.rank, 0, v)
	}
}

// isEnvoy tells whether the keys of a line are those of Envoy's operators.
func (e *envoyJSON) isEnvoy() bool {
	const must = 1<<evStatus | 1<<evFlags
	const one = 1<<evDetails | 1<<evCluster | 1<<evUpstream | 1<<evTook
	return e.keys&must == must && e.keys&one != 0
}

func (e *envoyJSON) Decode(line []byte, received time.Time) (traffic.Record, Result) {
	d := &e.d
	d.reset(line)
	e.l, e.keys, e.meth, e.path = envoyLine{}, 0, nil, nil
	switch {
	case !e.scan.scan(afterSyslog(line)):
		return traffic.Record{}, Result{Why: "not a JSON object"}
	case !e.isEnvoy():
		return traffic.Record{}, Result{Why: "no flags and status, or nothing else of Envoy's"}
	}
	if why := uncounted(e.meth, e.path); why != "" && len(e.path) > 0 {
		return traffic.Record{}, Result{Kind: Ignored, Why: why}
	}
	e.l.status, _, _, _ = d.status()
	e.l.attempt = e.keys&(1<<evAttempt) != 0 && len(d.word(fModel)) == 0
	if e.l.attempt && e.l.status == 0 && e.l.flags == "UO" {
		return traffic.Record{}, Result{Kind: Ignored, Why: "the cluster's cap was full: nothing was sent"}
	}
	if len(e.path) > 0 {
		e.pages.keep(d, e.path)
	}
	if d.has(fTime) {
		if at, ok := parseTime(d.vals[fTime], d.zone); ok {
			took, _ := d.span(fLatency)
			d.at = at.Add(took) // the line names the start; a request counts when it ended
		}
	}
	side := traffic.SideClient
	if e.l.attempt {
		side = traffic.SideUpstream
	}
	rec, res := e.rec.record(d, side, received)
	if d.has(fMessage) {
		rec.Message = d.text(fMessage, MaxMessage)
	}
	e.l.outcome(e.rec, &rec)
	return rec, res
}

// envoyText reads what follows the status in Envoy's default format and in Istio's, which has the details and
// the reason of a failed connection after the flags:
//
//	UH 90 19 2 - "10.0.3.7" "curl/8" "5f0e" "llm" "10.0.0.1:443"
//	UF delayed_connect_error - "Connection refused" 90 19 2 - "10.0.3.7" "curl/8" "5f0e" "llm" "10.0.0.1:443" cluster
//
// Flags and details are words, bytes in and out and milliseconds numbers, and what a client may have sent is quoted.
func (a *access) envoyText(l accessLine) (envoyLine, bool) {
	words := bytes.Fields(l.rest[:min(len(l.rest), 400)])
	if l.from != 0 || len(words) < 5 || numeric(words[0]) {
		return envoyLine{}, false
	}
	e := envoyLine{flags: bounded(words[0], maxWord)}
	numbers := l.rest
	if !numeric(words[1]) {
		e.details = bounded(words[1], maxWord)
		open := bytes.IndexByte(l.rest, '"')
		end := -1
		if open >= 0 {
			end = closing(l.rest, open+1)
		}
		if end < 0 {
			return e, false
		}
		a.d.set(fMessage, 1, 0, value{kind: stringValue, bytes: l.rest[open+1 : end]})
		numbers = l.rest[end+1:]
		words = append([][]byte{words[0]}, bytes.Fields(numbers[:min(len(numbers), 120)])...)
	}
	if len(words) < 5 || !numeric(words[1]) || !numeric(words[2]) || !numeric(words[3]) {
		return e, false
	}
	if e.flags == "-" {
		e.flags = ""
	}
	a.d.set(fLatency, 1, time.Millisecond, value{kind: numberValue, bytes: words[3]})
	a.envoyQuoted(numbers)
	return e, true
}

// envoyQuoted reads the quoted texts at the end: who asked twice, the request id, the host asked for, the
// server that was asked. Behind them Istio names the cluster.
func (a *access) envoyQuoted(rest []byte) {
	for n := 0; n < 5; n++ {
		open := bytes.IndexByte(rest, '"')
		end := -1
		if open >= 0 {
			end = closing(rest, open+1)
		}
		if end < 0 {
			return
		}
		text := value{kind: stringValue, bytes: rest[open+1 : end]}
		switch n {
		case 2:
			a.d.set(fRequestID, 1, 0, text)
		case 4:
			a.d.set(fHost, 1, 0, text)
		}
		rest = rest[end+1:]
	}
	if words := bytes.Fields(rest[:min(len(rest), 300)]); len(words) > 1 { // the cluster and addresses
		a.d.set(fDeployment, 5, 0, value{kind: stringValue, bytes: words[0]})
	}
}

package decode

import (
	"bytes"
	"strconv"
	"time"

	"signalbox/internal/traffic"
)

// nginxJSON decodes the access lines of nginx with a log_format of escape=json, whose keys are called after
// its variables, with or without what people put in front of them:
//
//	{"time":"2026-11-21T12:00:00+00:00","request_id":"5f0e","request":"POST /v1/chat/completions HTTP/1.1","status":502,
//	 "request_time":1.204,"upstream_addr":"10.0.0.1:443, 10.0.0.2:443","upstream_status":"429, 502","upstream_response_time":"0.090, 1.113"}
//
// One line is one client request. The lists have an entry for each server that was tried, and the last one answered.
type nginxJSON struct {
	rec   *recorder
	names *mapping
	known map[string]nginxVar // by the key as it is written
	scan  scanner
	d     draft
	pages pages
	l     nginxLine
}

// nginxLine is what a line tells beside the fields that need no thought.
type nginxLine struct {
	marks            int // keys that only nginx's variables are called
	hasStatus        bool
	method, target   []byte
	tried            int // servers, by the longest list
	listed           bool
	header, response []byte
}

// nginxVar is what a key stands for.
type nginxVar uint8

const (
	nxOther nginxVar = iota
	nxMark
	nxTime
	nxStatus
	nxRequest
	nxMethod
	nxTarget
	nxURI
	nxTotal
	nxResponse
	nxHeader
	nxServers
	nxStatuses
	nxGroup
	nxStreamed
)

var nginxVars = map[string]nginxVar{
	"timeiso8601": nxTime, "timelocal": nxTime, "msec": nxTime, "time": nxTime, "timestamp": nxTime, "@timestamp": nxTime, "ts": nxTime,
	"status": nxStatus, "request": nxRequest, "requestmethod": nxMethod, "method": nxMethod, "requesturi": nxTarget, "uri": nxURI,
	"requesttime": nxTotal, "upstreamresponsetime": nxResponse, "upstreamheadertime": nxHeader, "upstreamconnecttime": nxMark,
	"upstreamaddr": nxServers, "upstream": nxServers, "upstreamstatus": nxStatuses, "proxyupstreamname": nxGroup, "bodybytessent": nxMark,
	"bytessent": nxMark, "requestlength": nxMark, "remoteaddr": nxMark, "remoteuser": nxMark, "httpuseragent": nxMark, "httpreferer": nxMark,
	"requestcompletion": nxMark, "serverprotocol": nxMark, "httphost": nxMark, "httpxforwardedfor": nxMark, "stream": nxStreamed,
}

// leastNginxMarks is how many keys must be called after nginx's variables.
const leastNginxMarks = 2

func newNginxJSON(opt Options) (Decoder, error) {
	names, err := newMapping(nil)
	if err != nil {
		return nil, err
	}
	n := &nginxJSON{
		rec: newRecorder(opt), names: names, known: make(map[string]nginxVar), d: draft{zone: zoneOf(opt)}, pages: newPages(),
	}
	n.scan.visit = n.take
	return n, nil
}

func (n *nginxJSON) Format() string { return NginxJSON }

func (n *nginxJSON) kind(path []byte) nginxVar {
	if k, ok := n.known[string(path)]; ok {
		return k
	}
	k := nginxVars[fold(path)]
	if len(n.known) < maxPaths {
		n.known[string(path)] = k
	}
	return k
}

// nginxMarks are the keys that only nginx's variables are called.
const nginxMarks = 1<<nxMark | 1<<nxTarget | 1<<nxTotal | 1<<nxResponse | 1<<nxHeader | 1<<nxStatuses | 1<<nxGroup

func (n *nginxJSON) take(path []byte, v value) {
	k := n.kind(path)
	if nginxMarks>>k&1 == 1 {
		n.l.marks++
	}
	switch k {
	case nxTime:
		n.time(path, v)
	case nxStatus:
		n.l.hasStatus = true
		n.d.set(fStatus, 1, 0, v)
	case nxRequest:
		if method, target, ok := requestLine(v.bytes); ok {
			n.l.method, n.l.target = method, target
		}
	case nxMethod:
		n.l.method = v.bytes
	case nxTarget:
		n.l.target = v.bytes
	case nxURI:
		if len(n.l.target) == 0 {
			n.l.target = v.bytes
		}
	case nxTotal:
		n.d.set(fLatency, 1, time.Second, v)
	case nxResponse:
		n.l.response = v.bytes
	case nxHeader:
		n.l.header = v.bytes
	case nxServers:
		n.server(path, v)
	case nxStatuses:
		_, entries := lastOf(v.bytes)
		n.l.tried, n.l.listed = max(n.l.tried, entries), true
	case nxGroup:
		n.d.set(fBackend, 1, 0, v)
	case nxStreamed:
		n.d.set(fStream, 1, 0, v)
	case nxOther:
		n.other(path, v)
	case nxMark:
	}
}

// time keeps a time. The names of the variables are better than what others call a time.
func (n *nginxJSON) time(path []byte, v value) {
	rank := uint8(2)
	switch fold(path) {
	case "timeiso8601", "timelocal", "msec":
		rank = 1
		n.l.marks++
	}
	if _, ok := parseTime(v, n.d.zone); ok {
		n.d.set(fTime, rank, 0, v)
	}
}

// server keeps the server that answered.
func (n *nginxJSON) server(path []byte, v value) {
	last, entries := lastOf(v.bytes)
	n.l.tried, n.l.listed = max(n.l.tried, entries), true
	if entries > 0 {
		n.d.set(fHost, 1, 0, value{kind: stringValue, bytes: last})
	}
	if len(path) > len("upstream") {
		n.l.marks++
	}
}

// other takes what a configuration has added by a common name.
func (n *nginxJSON) other(path []byte, v value) {
	t, ok := n.names.find(path)
	if !ok {
		return
	}
	switch t.f {
	case fRequestID, fEnv, fInstance, fProvider, fModel, fServed, fRegion, fDeployment, fWorkload, fCaller, fTokensIn, fTokensOut, fTokensCached, fFinish:
		n.d.set(t.f, t.rank, 0, v)
	case fLatency, fTTFT:
		if t.unit != 0 {
			n.d.set(t.f, t.rank, t.unit, v)
		}
	}
}

func (n *nginxJSON) Decode(line []byte, received time.Time) (traffic.Record, Result) {
	d := &n.d
	d.reset(line)
	n.l = nginxLine{}
	switch {
	case !n.scan.scan(afterSyslog(line)):
		return traffic.Record{}, Result{Why: "not a JSON object"}
	case !n.l.hasStatus || n.l.marks < leastNginxMarks:
		return traffic.Record{}, Result{Why: "not named after nginx's variables"}
	}
	if why := uncounted(n.l.method, n.l.target); why != "" && len(n.l.target) > 0 {
		return traffic.Record{}, Result{Kind: Ignored, Why: why}
	}
	status, known, _, _ := d.status()
	if !known {
		return traffic.Record{}, Result{Why: "no status"}
	}
	n.times()
	if len(n.l.target) > 0 {
		n.pages.keep(d, n.l.target)
	}
	rec, res := n.rec.record(d, traffic.SideClient, received)
	n.rec.outcome(d, &rec, status)
	settlePage(&rec, n.l.target, status)
	if n.l.listed && n.l.tried == 0 && status >= 400 {
		rec.Type = "no upstream was asked" // nginx itself refused
	}
	return rec, res
}

// times fills in the spans and the number of attempts.
func (n *nginxJSON) times() {
	d := &n.d
	if n.l.tried > 0 {
		d.set(fAttempt, 1, 0, value{kind: numberValue, bytes: strconv.AppendInt(nil, int64(n.l.tried), 10)})
	}
	if last, entries := lastOf(n.l.response); entries == 1 {
		d.set(fLatency, 20, time.Second, value{kind: numberValue, bytes: last})
	}
	if streamed, _ := d.streamed(); !streamed {
		return
	}
	if last, entries := lastOf(n.l.header); entries == 1 && n.l.tried < 2 { // after a retry the times before it are not told
		d.set(fTTFT, 1, time.Second, value{kind: numberValue, bytes: last})
	}
}

// after gives the place after a text within another, -1 without it.
func after(line, text []byte) int {
	if i := bytes.Index(line, text); i >= 0 {
		return i + len(text)
	}
	return -1
}

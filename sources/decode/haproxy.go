package decode

import (
	"bytes"
	"strconv"
	"time"

	"signalbox/internal/fault"
	"signalbox/internal/traffic"
)

// What HAProxy writes in place of a server.
const (
	noServer    = "<NOSRV>"
	promService = "<PROMEX>"
	statService = "<STATS>"
)

// haproxyLine is what both of HAProxy's formats tell of one client request.
type haproxyLine struct {
	start           time.Time
	backend, server []byte
	total, first    []byte // Ta or Tt, Tr: milliseconds, -1 unknown
	queued, connect []byte // Tw, Tc
	term            []byte
	retries         []byte
}

// finishHAProxy makes the one record of a line. HAProxy logs a request once, with the last server that it
// tried, so the record is of the client side and its attempts are a number.
func finishHAProxy(r *recorder, d *draft, l haproxyLine, received time.Time) (traffic.Record, Result) {
	switch string(l.server) {
	case promService, statService:
		return traffic.Record{}, Result{Kind: Ignored, Why: "HAProxy's own page"}
	case noServer, "-", "":
		d.set(fBackend, 1, 0, value{kind: stringValue, bytes: l.backend})
		d.noTried = true
	default:
		d.set(fBackend, 1, 0, value{kind: stringValue, bytes: l.backend})
		d.set(fServer, 1, 0, value{kind: stringValue, bytes: l.server})
		d.set(fDeployment, 1, 0, value{kind: stringValue, bytes: join(l.backend, l.server)})
	}
	d.term = string(l.term)
	if d.noTried && (d.term == "CR--" || d.term == "cR--") && len(d.word(fModel)) == 0 && len(d.word(fEndpoint)) == 0 {
		return traffic.Record{}, Result{Kind: Ignored, Why: "a connection that brought no request, such as a health check's"}
	}
	if n, ok := smallInt(bytes.TrimPrefix(l.retries, []byte("+"))); ok && !d.noTried {
		d.set(fAttempt, 1, 0, value{kind: numberValue, bytes: strconv.AppendInt(nil, n+1, 10)})
	}
	took, haveTook := millis(l.total)
	if haveTook {
		d.set(fLatency, 1, time.Millisecond, value{kind: numberValue, bytes: l.total})
	}
	if !l.start.IsZero() {
		d.at = l.start.Add(took) // the line names the start; a request counts when it ended
	}
	if streamed, _ := d.streamed(); streamed {
		d.firstByte(l)
	}
	rec, res := r.record(d, traffic.SideClient, received)
	status, _, _, _ := d.status()
	if status < 100 {
		status = 0
	}
	d.outcomeHAProxy(r, &rec, status)
	return rec, res
}

// firstByte gives a stream's time to the first byte of its answer: queue, connect and response together.
func (d *draft) firstByte(l haproxyLine) {
	var sum time.Duration
	for _, part := range [][]byte{l.queued, l.connect, l.first} {
		took, ok := millis(part)
		if !ok {
			return
		}
		sum += took
	}
	d.set(fTTFT, 1, time.Millisecond, value{kind: numberValue, bytes: strconv.AppendInt(nil, sum.Milliseconds(), 10)})
}

func (d *draft) outcomeHAProxy(r *recorder, rec *traffic.Record, status int) {
	ended := d.term != "" && (d.term[0] != '-' || status == 0)
	if !ended && status >= 200 && status < 400 {
		rec.Outcome, rec.Known = traffic.NewOutcome(fault.None, status), rec.Known|traffic.HasStatus
		return
	}
	text := ""
	if d.noTried {
		text = noServer
	}
	v := fault.Classify(fault.Input{Status: status, Term: d.term, Text: text, Provider: r.kit.Symbols.Name(rec.Key[traffic.Provider])})
	rec.Outcome = traffic.NewOutcome(v.Class, status)
	if status > 0 {
		rec.Known |= traffic.HasStatus
	}
	if ended {
		rec.Type = bounded([]byte(d.term), maxWord) // the only thing that HAProxy says of a failure
	}
}

func join(backend, server []byte) []byte {
	return append(append(append(make([]byte, 0, len(backend)+1+len(server)), backend...), '/'), server...)
}

func millis(b []byte) (time.Duration, bool) {
	n, ok := smallInt(bytes.TrimPrefix(b, []byte("+")))
	if !ok || n > 1e10 {
		return 0, false
	}
	return time.Duration(n) * time.Millisecond, true
}

// haproxyJSON decodes HAProxy lines of the JSON log-format that the guide gives.
type haproxyJSON struct {
	rec  *recorder
	scan scanner
	d    draft
	l    haproxyLine
	seen int // of be, srv, status and term
}

func newHAProxyJSON(opt Options) (Decoder, error) {
	h := &haproxyJSON{rec: newRecorder(opt), d: draft{zone: zoneOf(opt)}}
	h.scan.visit = h.take
	return h, nil
}

func (h *haproxyJSON) Format() string { return HAProxyJSON }

var haproxyFields = map[string]field{
	"id": fRequestID, "model": fModel, "stream": fStream, "status": fStatus, "path": fEndpoint, "caller": fCaller,
	"workload": fWorkload, "host": fHost, "instance": fInstance, "env": fEnv, "key_alias": fKeyAlias, "endpoint": fEndpoint,
}

func (h *haproxyJSON) take(path []byte, v value) {
	switch string(path) {
	case "t":
		h.l.start, _ = epoch(v.bytes)
	case "be":
		h.l.backend, h.seen = v.bytes, h.seen+1
	case "srv":
		h.l.server, h.seen = v.bytes, h.seen+1
	case "term":
		h.l.term, h.seen = v.bytes, h.seen+1
	case "Tw":
		h.l.queued = v.bytes
	case "Tc":
		h.l.connect = v.bytes
	case "Tr":
		h.l.first = v.bytes
	case "Ta":
		h.l.total = v.bytes
	case "retries":
		h.l.retries = v.bytes
	default:
		if f, ok := haproxyFields[string(path)]; ok {
			h.d.set(f, 1, 0, v)
		}
		if string(path) == "status" {
			h.seen++
		}
	}
}

func (h *haproxyJSON) Decode(line []byte, received time.Time) (traffic.Record, Result) {
	h.d.reset(line)
	h.l, h.seen = haproxyLine{}, 0
	switch body := afterSyslog(line); {
	case len(body) == 0 || body[0] != '{':
		return plainHAProxy(line)
	case !h.scan.scan(body):
		return traffic.Record{}, Result{Why: "not a JSON object"}
	case h.seen < 4:
		return traffic.Record{}, Result{Why: "no be, srv, status and term"}
	}
	return finishHAProxy(h.rec, &h.d, h.l, received)
}

// plainHAProxy tells HAProxy's own announcements, which stand between the lines of any log-format, from
// what is not HAProxy's.
func plainHAProxy(line []byte) (traffic.Record, Result) {
	for _, word := range []string{"is UP", "is DOWN", "Proxy ", "Server ", "Backup Server ", "backend ", "[NOTICE]", "[WARNING]", "[ALERT]", "New worker", "Stopping "} {
		if bytes.Contains(line, []byte(word)) {
			return traffic.Record{}, Result{Kind: Ignored, Why: "an announcement of HAProxy"}
		}
	}
	return traffic.Record{}, Result{Why: "not a line of HAProxy's log"}
}

// afterSyslog cuts what a syslog transport puts in front of a JSON line.
func afterSyslog(line []byte) []byte {
	line = bytes.TrimLeft(line, " \t")
	if len(line) > 0 && line[0] == '{' {
		return line
	}
	head := line[:min(len(line), 300)]
	if i := bytes.IndexByte(head, '{'); i > 0 && (line[0] == '<' || bytes.Contains(head[:i], []byte("haproxy"))) {
		return line[i:]
	}
	return line
}

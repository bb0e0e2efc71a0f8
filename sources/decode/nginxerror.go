package decode

import (
	"bytes"
	"time"

	"signalbox/internal/fault"
	"signalbox/internal/traffic"
)

// nginxErrors decodes nginx's error log:
//
//	2026/11/21 12:00:00 [error] 7#7: *12 upstream timed out (110: Connection timed out) while reading response header from upstream,
//	client: 10.0.3.7, server: gw, request: "POST /v1/x HTTP/1.1", upstream: "http://10.0.0.1:443/v1/x", host: "gw"
//
// A line that names an upstream is an attempt that failed: the request has a line of its own in the access
// log. What nginx refused by itself only explains. Who asked is kept nowhere.
type nginxErrors struct {
	rec   *recorder
	d     draft
	pages pages
}

func newNginxErrors(opt Options) (Decoder, error) {
	return &nginxErrors{rec: newRecorder(opt), d: draft{zone: zoneOf(opt)}, pages: newPages()}, nil
}

func (n *nginxErrors) Format() string { return NginxError }

// nginxHead parts "2026/11/21 12:00:00 [error] 7#7: *12 text".
func nginxHead(line []byte) (level string, text []byte, ok bool) {
	const stamp = len("2026/11/21 12:00:00")
	if len(line) < stamp+10 || line[4] != '/' || line[7] != '/' || line[13] != ':' || line[stamp] != ' ' || line[stamp+1] != '[' {
		return "", nil, false
	}
	rest := line[stamp+2:]
	end := bytes.IndexByte(rest[:min(len(rest), 10)], ']')
	if end < 0 {
		return "", nil, false
	}
	process, text, ok := bytes.Cut(bytes.TrimPrefix(rest[end+1:], []byte(" ")), []byte(": "))
	if pid, tid, both := bytes.Cut(process, []byte("#")); !ok || !both || !numeric(pid) || !numeric(tid) {
		return "", nil, false
	}
	if len(text) > 0 && text[0] == '*' {
		_, text, _ = bytes.Cut(text, []byte(" "))
	}
	return string(rest[:end]), text, true
}

// nginxPhrases say what nginx's phrases mean, the first that a message has. "while reading upstream" is said of a
// body that had begun, "while reading response header" of an answer that had not.
var nginxPhrases = []struct {
	text  []byte
	class fault.Class
}{
	{[]byte("no live upstreams"), fault.NoHealthyUpstream},
	{[]byte("limiting requests"), fault.RateLimited},
	{[]byte("limiting connections"), fault.RateLimited},
	{[]byte("client intended to send too large"), fault.BadRequest},
	{[]byte("client prematurely closed"), fault.Cancelled},
	{[]byte("timed out"), fault.Timeout},
	{[]byte("too big header"), fault.BadGateway},
	{[]byte("invalid header"), fault.BadGateway},
	{[]byte("no valid HTTP/1.0 header"), fault.BadGateway},
	{[]byte("while reading upstream"), fault.Truncated},
	{[]byte("prematurely closed connection"), fault.Connection},
	{[]byte("connect() "), fault.Connection},
	{[]byte("recv() failed"), fault.Connection},
	{[]byte("send() failed"), fault.Connection},
	{[]byte("writev() failed"), fault.Connection},
	{[]byte("SSL_do_handshake() failed"), fault.Connection},
	{[]byte("could not be resolved"), fault.Connection},
	{[]byte("host not found"), fault.Connection},
}

// nginxPart reads a named part of a message's tail: request: "POST /x HTTP/1.1".
func nginxPart(tail []byte, name string) []byte {
	from := after(tail, []byte(", "+name+`: "`))
	if from < 0 {
		return nil
	}
	end := closing(tail, from)
	if end < 0 {
		return nil
	}
	return tail[from:end]
}

func (n *nginxErrors) Decode(line []byte, received time.Time) (traffic.Record, Result) {
	level, text, ok := nginxHead(line)
	if !ok {
		return traffic.Record{}, Result{Why: "not a line of nginx's error log"}
	}
	client := bytes.Index(text, []byte(", client: "))
	if client < 0 || !failing(level) {
		return traffic.Record{}, Result{Kind: Ignored, Why: "nginx's own message, not a request's failure"}
	}
	message, tail := text[:client], text[client:]
	d := &n.d
	d.reset(line[:len(line)-len(text)+client]) // without who asked
	d.at = stampOf(line, d.zone, received)
	d.set(fMessage, 1, 0, value{kind: stringValue, bytes: message})
	if method, target, ok := requestLine(nginxPart(tail, "request")); ok {
		if why := uncounted(method, target); why != "" {
			return traffic.Record{}, Result{Kind: Ignored, Why: why}
		}
		n.pages.keep(d, target)
	}
	upstream := nginxPart(tail, "upstream")
	n.upstream(upstream)
	side := traffic.SideUpstream
	if len(upstream) == 0 {
		side = "" // as any line that only explains
	}
	rec, res := n.rec.record(d, side, received)
	n.judge(&rec, message)
	if len(upstream) > 0 {
		settle(&rec, fault.BadGateway)
		return rec, res
	}
	if !rec.Outcome.Failed() {
		return traffic.Record{}, Result{Kind: Ignored, Why: "nginx's own message, not a request's failure"}
	}
	rec.Explains, res.Kind = true, Explains
	return rec, res
}

// upstream keeps the server that was asked: "http://10.0.0.1:443/v1/x".
func (n *nginxErrors) upstream(address []byte) {
	from := after(address, []byte("://"))
	if from < 0 {
		return
	}
	end := len(address)
	if slash := bytes.IndexByte(address[from:], '/'); slash >= 0 {
		end = from + slash
	}
	n.d.set(fHost, 1, 0, value{kind: stringValue, bytes: address[from:end]})
	n.d.set(fBaseURL, 1, 0, value{kind: stringValue, bytes: address[:end]})
}

// judge gives a record its class, by nginx's phrases or else by what the classifier makes of the text.
func (n *nginxErrors) judge(rec *traffic.Record, message []byte) {
	for _, p := range nginxPhrases {
		if bytes.Contains(message, p.text) {
			rec.Message = n.d.text(fMessage, MaxMessage)
			rec.Outcome = traffic.NewOutcome(p.class, 0)
			return
		}
	}
	n.rec.fail(&n.d, rec, 0)
}

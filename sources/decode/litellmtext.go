package decode

import (
	"bytes"
	"time"

	"signalbox/internal/traffic"
)

// accessed decodes an access line of uvicorn's: the client's outcome, without model and id. timed says that the
// draft has the line's own time.
func (l *litellm) accessed(text []byte, timed bool, received time.Time) (traffic.Record, Result) {
	l.told.line++
	a, ok := splitAccess(text)
	if !ok {
		return traffic.Record{}, Result{Why: "an access line that is not as uvicorn writes it"}
	}
	method, target, ok := requestLine(a.request)
	switch {
	case !ok || string(method) != "POST" || selfCheck(target) || !asksModel(target):
		return traffic.Record{}, Result{Kind: Ignored, Why: "asks no model"}
	case l.explain || l.told.byCallback:
		return traffic.Record{}, Result{Kind: Ignored, Why: "the callback's line counts"}
	}
	status, _ := smallInt(a.status)
	t := twin{status: int(status), line: l.told.line}
	if timed {
		t.at = l.d.at
	}
	if status >= 400 {
		var told bool
		if l.told.errors, told = match(l.told.errors, t, true); told {
			return traffic.Record{}, Result{Kind: Ignored, Why: "its error line has been counted"}
		}
		l.told.accesses = remember(l.told.accesses, t)
	}
	at := l.d.at
	l.d.reset(text[a.from:a.to]) // who asked stays out
	l.d.at = at
	if deployment, model := namesInPath(path(target)); len(deployment)+len(model) > 0 {
		l.d.set(fModel, 1, 0, value{kind: stringValue, bytes: append(deployment[:len(deployment):len(deployment)], model...)})
	}
	l.d.set(fEndpoint, 1, 0, value{kind: stringValue, bytes: l.endpoint(path(target))})
	rec, res := l.rec.record(&l.d, traffic.SideClient, received)
	l.rec.outcome(&l.d, &rec, int(status))
	if status >= 400 {
		settle(&rec, statusClass(int(status)))
	}
	return rec, res
}

// endpoint gives one endpoint for the paths that differ in an id, and bounds how many there are.
func (l *litellm) endpoint(p []byte) []byte {
	p = plainEndpoint(p)
	if !l.ends[string(p)] {
		if len(l.ends) >= maxEndpoints {
			return []byte("other")
		}
		l.ends[string(p)] = true
	}
	return p
}

// asksModel tells the paths by which LiteLLM's clients ask models from those of its keepers.
func asksModel(target []byte) bool {
	if callsModel(target) {
		return true
	}
	p := path(target)
	for _, part := range []string{"/images/", "/audio/", "/moderations", ":generateContent", ":streamGenerateContent", ":embedContent", "/invoke", "/converse", "/ocr", "/realtime"} {
		if bytes.Contains(p, []byte(part)) {
			return true
		}
	}
	return false
}

// plain decodes a line that is no JSON: LiteLLM's own lines when json_logs is off, uvicorn's, and the banner.
//
//	14:31:15 - LiteLLM Proxy:ERROR: common_request_processing.py:1687 - litellm.proxy.proxy_server...
//	INFO:     127.0.0.1:34840 - "POST /v1/chat/completions HTTP/1.1" 429 Too Many Requests
func (l *litellm) plain(line []byte, received time.Time) (traffic.Record, Result) {
	text := uncoloured(line)
	l.d.reset(line)
	if at, message, ok := l.plainHead(text, received); ok {
		l.d.at = at
		l.more = maxGoesOn
		return l.said(message, nil, received)
	}
	if level, rest, ok := bytes.Cut(text, []byte(":")); ok && levels[string(level)] && bytes.HasPrefix(rest, []byte(" ")) {
		l.more = 0
		rest = bytes.TrimLeft(rest, " ")
		if _, ok := splitAccess(rest); ok {
			return l.accessed(rest, false, received)
		}
		l.more = maxGoesOn
		return traffic.Record{}, Result{Kind: Ignored, Why: "the server's own message"}
	}
	switch {
	case len(bytes.TrimSpace(text)) == 0:
		return traffic.Record{}, Result{Kind: Ignored, Why: "blank"}
	case l.more > 0:
		l.more--
		return traffic.Record{}, Result{Kind: Ignored, Why: "goes on from the line before"}
	case len(text) < len(line), ofBanner(text):
		return traffic.Record{}, Result{Kind: Ignored, Why: "part of what LiteLLM prints when it starts"}
	}
	return traffic.Record{}, Result{Why: "not a line of LiteLLM's"}
}

// levels are what uvicorn's plain lines begin with.
var levels = map[string]bool{"INFO": true, "WARNING": true, "ERROR": true, "DEBUG": true, "CRITICAL": true}

// plainHead takes "14:31:15 - LiteLLM Proxy:ERROR: file.py:1049 - " off. The time has no date.
func (l *litellm) plainHead(text []byte, received time.Time) (at time.Time, message []byte, ok bool) {
	stamp, rest, ok := bytes.Cut(text[:min(len(text), maxWord)], []byte(" - LiteLLM"))
	if !ok {
		return at, nil, false
	}
	clock, ok := clockIn(stamp)
	if !ok {
		return at, nil, false
	}
	if colon := bytes.IndexByte(rest, ':'); colon < 0 || colon > 40 {
		return at, nil, false
	}
	_, message, ok = bytes.Cut(text[len(stamp)+len(" - LiteLLM"):], []byte(" - "))
	if !ok {
		return at, nil, false
	}
	at = l.times.onDay(clock, received)
	l.times.saw(at, received)
	return at, message, true
}

// ofBanner tells what LiteLLM prints when it starts: drawings, boxes, thanks, and the models that it has.
func ofBanner(text []byte) bool {
	for _, word := range []string{"LiteLLM", "litellm", "Give Feedback", "Thank you", "Warning: "} {
		if bytes.Contains(text, []byte(word)) {
			return true
		}
	}
	switch text[0] {
	case ' ', '\t', '#', '+', '|', '-', '=', '*':
		return true
	}
	return bytes.HasPrefix(text, []byte("\xe2\x94")) || bytes.HasPrefix(text, []byte("\xe2\x95")) || bytes.HasPrefix(text, []byte("\xe2\x96")) // boxes and blocks
}

// uncoloured takes a terminal's colours out of a line.
func uncoloured(line []byte) []byte {
	if bytes.IndexByte(line, 0x1b) < 0 {
		return line
	}
	out := make([]byte, 0, len(line))
	for i := 0; i < len(line); i++ {
		if line[i] != 0x1b {
			out = append(out, line[i])
			continue
		}
		i++
		if i >= len(line) || line[i] != '[' {
			continue
		}
		i++
		for i < len(line) && (line[i] < '@' || line[i] > '~') {
			i++
		}
	}
	return out
}

// litellmSigns are what only LiteLLM writes: uvicorn's lines alone are those of any Python server.
var litellmSigns = []string{
	`"component": "LiteLLM`, `"component":"LiteLLM`, `"component": "uvicorn.access"`, `"component":"uvicorn.access"`,
	" - LiteLLM Proxy:", " - LiteLLM Router:", " - LiteLLM:", "LiteLLM: Proxy initialized", `"completionStartTime"`,
}

// bearsLiteLLM tells whether some line of a sample is LiteLLM's for sure.
func bearsLiteLLM(sample [][]byte) bool {
	for _, line := range sample {
		for _, sign := range litellmSigns {
			if bytes.Contains(line, []byte(sign)) {
				return true
			}
		}
	}
	return false
}

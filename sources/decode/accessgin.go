package decode

import (
	"bytes"
	"time"

	"signalbox/internal/traffic"
)

// ginLine is where the parts of an access line of the Gin framework stand, which Ollama, One API and others write:
//
//	[GIN] 2026/11/21 - 12:00:03 | 200 |  2.345678901s |  10.0.1.5 | POST     "/api/chat"
//	[GIN] 2026/11/21 - 12:00:03 | 2026112112000312345678 | 200 |  1.234567s |  10.0.1.5 |    POST /v1/chat/completions
type ginLine struct{ stamp, id, status, took, method, target []byte }

// maxGinParts bounds what stands between bars before the status.
const maxGinParts = 5

func splitGin(line []byte) (g ginLine, ok bool) {
	rest, ok := bytes.CutPrefix(line, []byte("[GIN] "))
	if !ok {
		return g, false
	}
	for part := range maxGinParts {
		text, after, more := bytes.Cut(rest, []byte("|"))
		if !more {
			return g, false
		}
		text, rest = bytes.TrimSpace(text), after
		switch {
		case part == 0:
			g.stamp = text
		case len(text) == 3 && numeric(text):
			g.status = text
			return g, g.end(after)
		case len(text) >= len("20261121120003") && bytes.IndexByte(text, ' ') < 0:
			g.id = text
		}
	}
	return g, false
}

// end reads what follows the status: the time taken, who asked, the method and the path.
func (g *ginLine) end(rest []byte) bool {
	took, rest, ok := bytes.Cut(rest, []byte("|"))
	bar := bytes.IndexByte(rest, '|')
	if !ok || bar < 0 {
		return false
	}
	g.took = bytes.TrimSpace(took)
	g.method, g.target, _ = bytes.Cut(bytes.TrimSpace(rest[bar+1:]), []byte(" "))
	g.target = bytes.Trim(g.target, " \"")
	return len(g.target) > 0 && g.target[0] == '/'
}

// gin decodes an access line of Gin's.
func (a *access) gin(line []byte, g ginLine, received time.Time) (traffic.Record, Result) {
	a.saw = true
	a.d.reset(line)
	if why := uncounted(g.method, g.target); why != "" {
		return traffic.Record{}, Result{Kind: Ignored, Why: why}
	}
	a.d.at = a.times.of(g.stamp, received)
	a.pages.keep(&a.d, g.target)
	for f, b := range map[field][]byte{fStatus: g.status, fRequestID: g.id, fLatency: g.took} {
		a.d.set(f, 1, 0, value{kind: stringValue, bytes: b})
	}
	if told := a.told[string(g.id)]; told != "" && g.status[0] >= '4' {
		a.d.set(fMessage, 1, 0, value{kind: stringValue, bytes: []byte(told)})
		delete(a.told, string(g.id))
	}
	a.d.line = append(append(append([]byte(nil), g.method...), ' '), g.target...) // who asked stays out
	status, _ := smallInt(g.status)
	rec, res := a.rec.record(&a.d, traffic.SideClient, received)
	a.rec.outcome(&a.d, &rec, int(status))
	settlePage(&rec, g.target, int(status))
	return rec, res
}

// maxTold bounds the errors that wait for the access line of their request.
const maxTold = 256

// talk takes a line of the server's own log. With a request's id, as One API has it, its text is that of the access line
// that follows:
//
//	[ERR] 2026/11/21 - 12:00:02 | 2026112112000212345679 | relay error (channel id 3, user id: 1): Rate limit reached
func (a *access) talk(line []byte, received time.Time) {
	a.times.of(line, received) // an access line without a time may have this one
	if !bytes.HasPrefix(line, []byte("[ERR]")) {
		return
	}
	_, rest, _ := bytes.Cut(line, []byte("|"))
	id, text, ok := bytes.Cut(rest, []byte("|"))
	if id = bytes.TrimSpace(id); !ok || len(id) < len("20261121120003") || !numeric(id[:14]) {
		return
	}
	if len(a.told) >= maxTold {
		clear(a.told)
	}
	a.told[string(id[:min(len(id), maxWord)])] = string(bytes.TrimSpace(text[:min(len(text), MaxMessage)]))
}

// learn looks for access lines among the first ones: what stands before the first of them is the server's talk too.
func (a *access) learn(sample [][]byte) {
	for _, line := range sample {
		_, plain := splitAccess(line)
		_, gin := splitGin(line)
		a.saw = a.saw || plain || gin
	}
}

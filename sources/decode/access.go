package decode

import (
	"bytes"
	"time"

	"signalbox/internal/traffic"
)

// access decodes the access lines that web servers and proxies write: the common and combined formats of
// Apache and nginx with what people append to them, Envoy's default, the lines of uvicorn and werkzeug, and those of Gin:
//
//	10.0.0.1 - - [21/Nov/2026:10:00:00 +0000] "POST /v1/chat/completions HTTP/1.1" 200 512 "-" "curl/8" rt=0.123
//	[2026-11-21T10:00:00.100Z] "POST /v1/chat/completions HTTP/2" 503 UH 90 19 2 - "-" "curl/8" "5f0e" "llm" "-"
//	INFO:     127.0.0.1:5000 - "POST /v1/chat/completions HTTP/1.1" 200 OK
//
// Who asked (address, user, referer, agent) is not kept, neither in a field nor in the raw text.
type access struct {
	rec   *recorder
	names *mapping
	d     draft
	times stamps
	saw   bool // a line of the format was seen: what else stands in the log belongs to the same server
	pages pages
	told  map[string]string // errors, by the id of a request whose access line is to come
}

func newAccess(opt Options) (Decoder, error) {
	names, err := newMapping(nil)
	if err != nil {
		return nil, err
	}
	return &access{rec: newRecorder(opt), names: names, d: draft{zone: zoneOf(opt)}, pages: newPages(), told: make(map[string]string), times: stamps{zone: zoneOf(opt)}}, nil
}

func (a *access) Format() string { return Access }

// accessLine is where the parts of a line stand.
type accessLine struct {
	from, to int // what is kept as the raw text
	stamp    []byte
	request  []byte // between the quotes
	status   []byte
	rest     []byte // after the status
	head     []byte // before the request
}

func (a *access) Decode(line []byte, received time.Time) (traffic.Record, Result) {
	l, ok := splitAccess(line)
	if !ok {
		if g, ok := splitGin(line); ok {
			return a.gin(line, g, received)
		}
		return a.other(line, received)
	}
	a.saw = true
	a.d.reset(line[l.from:l.to])
	a.time(l, received)
	method, target, ok := requestLine(l.request)
	if !ok {
		return traffic.Record{}, Result{Kind: Ignored, Why: "a connection that brought no request"}
	}
	if why := uncounted(method, target); why != "" {
		return traffic.Record{}, Result{Kind: Ignored, Why: why}
	}
	a.pages.keep(&a.d, target)
	a.d.set(fStatus, 1, 0, value{kind: numberValue, bytes: l.status})
	status, _, _, _ := a.d.status()
	envoy, isEnvoy := a.envoyText(l)
	switch {
	case isEnvoy:
		took, _ := a.d.span(fLatency)
		if !a.d.at.IsZero() {
			a.d.at = a.d.at.Add(took) // the line names the start; a request counts when it ended
		}
	case status == 0:
		return traffic.Record{}, Result{Why: "not an access line"}
	default:
		a.extras(l.rest)
	}
	rec, res := a.rec.record(&a.d, traffic.SideClient, received)
	if isEnvoy {
		rec.Message = a.d.text(fMessage, MaxMessage)
		envoy.status = status
		envoy.outcome(a.rec, &rec)
	} else {
		a.rec.outcome(&a.d, &rec, status)
	}
	settlePage(&rec, target, status)
	return rec, res
}

// other says what a line is that is no access line. Beside access lines it is the server's own talk, whose
// failed requests have access lines too; alone it is not of this format.
func (a *access) other(line []byte, received time.Time) (traffic.Record, Result) {
	if a.saw && serverTalk(line) {
		a.talk(line, received)
		return traffic.Record{}, Result{Kind: Ignored, Why: "the server's own message; its requests have lines of their own"}
	}
	return traffic.Record{}, Result{Why: "not an access line"}
}

// serverTalk tells a line of the server's own log: nginx's, Apache's, uvicorn's, or that of a program around them.
func serverTalk(line []byte) bool {
	head := line[:min(len(line), 80)]
	for _, level := range []string{" [error] ", " [warn] ", " [crit] ", " [alert] ", " [emerg] ", " [notice] ", " [info] ", "] [core:", "] [proxy", "] [mpm_"} {
		if bytes.Contains(head, []byte(level)) {
			return true
		}
	}
	return bytes.HasPrefix(head, []byte("[GIN-")) || bytes.HasPrefix(head, []byte("[SYS]")) || bytes.Contains(head, []byte(" level=")) && !bytes.Contains(line, []byte(" status=")) ||
		!bytes.HasPrefix(line, []byte("{")) && levelIn(upperWords(head)) != ""
}

// upperWords leaves of a head what stands in capitals, as levels do that begin a line.
func upperWords(head []byte) []byte {
	return bytes.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' {
			return 'x'
		}
		return r
	}, head)
}

// maxAccessHead bounds where the request of an access line begins.
const maxAccessHead = 600

// splitAccess finds the quoted request and the status after it.
func splitAccess(line []byte) (l accessLine, ok bool) {
	head := line[:min(len(line), maxAccessHead)]
	open := bytes.IndexByte(head, '"')
	if open < 2 {
		return l, false
	}
	l.head = line[:open]
	switch before := bytes.TrimRight(l.head, " "); {
	case bytes.HasSuffix(before, []byte("]")):
		from := bytes.LastIndexByte(before, '[')
		if from < 0 {
			return l, false
		}
		l.from, l.stamp = from, before[from+1:len(before)-1]
	case bytes.HasSuffix(before, []byte(" -")):
		l.from = open
	default:
		return l, false
	}
	end := closing(line, open+1)
	if end < 0 {
		return l, false
	}
	l.request = line[open+1 : end]
	rest := line[end+1:]
	if len(rest) > 2 && string(rest[:3]) == " 0 " && l.from == 0 && len(l.stamp) > 0 { // Envoy: no answer was sent
		l.status, l.rest, l.to = rest[1:2], rest[2:], end+3
		return l, true
	}
	if len(rest) < 4 || rest[0] != ' ' || !numeric(rest[1:4]) || len(rest) > 4 && rest[4] != ' ' || rest[1] < '1' || rest[1] > '5' {
		return l, false
	}
	l.status, l.rest, l.to = rest[1:4], rest[4:], end+5
	return l, true
}

// closing finds the quote that ends a text: Apache writes \" for one inside, nginx \x22.
func closing(line []byte, from int) int {
	for i := from; i < len(line); i++ {
		switch line[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return -1
}

// bracketLayouts are the times that stand in brackets.
var bracketLayouts = []string{"02/Jan/2006:15:04:05 -0700", "02/Jan/2006 15:04:05", "02/Jan/2006:15:04:05"}

// time reads the time in brackets, or one at the start of the line.
func (a *access) time(l accessLine, received time.Time) {
	if len(l.stamp) == 0 {
		a.d.at = a.times.of(bytes.TrimSpace(l.head), received)
		return
	}
	if len(l.stamp) > 64 {
		return
	}
	for _, layout := range bracketLayouts {
		if at, err := time.ParseInLocation(layout, string(l.stamp), a.d.zone); err == nil && sane(at) {
			a.d.at = at
			return
		}
	}
	if at, ok := parseTime(value{kind: stringValue, bytes: l.stamp}, a.d.zone); ok {
		a.d.at = at
	}
}

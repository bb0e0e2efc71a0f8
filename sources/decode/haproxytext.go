package decode

import (
	"bytes"
	"time"

	"signalbox/internal/traffic"
)

// haproxyText decodes HAProxy's default HTTP log, with or without a syslog head:
//
//	haproxy[14389]: 10.0.1.2:33317 [06/Feb/2009:12:14:14.655] http-in static/srv1 10/0/30/69/109 200 2750 - - ---- 1/1/1/1/0 0/0 {..} {..} "GET /index.html HTTP/1.1"
type haproxyText struct {
	rec *recorder
	d   draft
}

func newHAProxyText(opt Options) (Decoder, error) {
	return &haproxyText{rec: newRecorder(opt), d: draft{zone: zoneOf(opt)}}, nil
}

func (h *haproxyText) Format() string { return HAProxyText }

// httpWords are the words between the accept date and the captures of a line of the HTTP log.
const httpWords = 10

func (h *haproxyText) Decode(line []byte, received time.Time) (traffic.Record, Result) {
	h.d.reset(line)
	open := acceptDate(line)
	if open < 0 {
		return plainHAProxy(line)
	}
	date, rest := line[open+1:open+25], line[open+26:]
	start, err := time.ParseInLocation("02/Jan/2006:15:04:05.000", string(date), h.d.zone)
	if err != nil {
		return traffic.Record{}, Result{Why: "the accept date is not a date"}
	}
	var words [httpWords][]byte
	for i := range words {
		rest = bytes.TrimLeft(rest, " ")
		end := bytes.IndexByte(rest, ' ')
		if end < 0 {
			return shortHAProxy(i)
		}
		words[i], rest = rest[:end], rest[end:]
	}
	backend, server, ok := bytes.Cut(words[1], []byte("/"))
	timers := bytes.Split(words[2], []byte("/"))
	counts := bytes.Split(words[8], []byte("/"))
	if _, isStatus := smallInt(bytes.TrimPrefix(words[3], []byte("-"))); !ok || len(timers) != 5 || len(counts) != 5 || !isStatus || len(words[7]) != 4 {
		return traffic.Record{}, Result{Why: "not a line of HAProxy's HTTP log"}
	}
	h.d.set(fStatus, 1, 0, value{kind: numberValue, bytes: words[3]})
	h.request(rest)
	return finishHAProxy(h.rec, &h.d, haproxyLine{
		start: start, backend: backend, server: server, queued: timers[1], connect: timers[2], first: timers[3],
		total: timers[4], term: words[7], retries: counts[4],
	}, received)
}

// shortHAProxy names a line that ends too early: a TCP log has no status.
func shortHAProxy(words int) (traffic.Record, Result) {
	if words >= 5 {
		return traffic.Record{}, Result{Kind: Ignored, Why: "a line of HAProxy's TCP log: no requests"}
	}
	return traffic.Record{}, Result{Why: "not a line of HAProxy's HTTP log"}
}

// acceptDate finds "[06/Feb/2009:12:14:14.655]".
func acceptDate(line []byte) int {
	for from := 0; ; {
		i := bytes.IndexByte(line[from:], '[')
		if i < 0 || from+i+26 > len(line) {
			return -1
		}
		i += from
		if line[i+25] == ']' && line[i+3] == '/' && line[i+7] == '/' && line[i+21] == '.' {
			return i
		}
		from = i + 1
	}
}

// request reads method and path from the quoted request line at the end.
func (h *haproxyText) request(rest []byte) {
	i := bytes.IndexByte(rest, '"')
	if i < 0 {
		return
	}
	parts := bytes.Fields(bytes.Trim(rest[i:], "\""))
	if len(parts) >= 2 && bytes.HasPrefix(parts[1], []byte("/")) {
		h.d.set(fEndpoint, 1, 0, value{kind: stringValue, bytes: parts[1]})
	}
}

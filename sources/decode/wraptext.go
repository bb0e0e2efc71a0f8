package decode

import (
	"bytes"
	"time"
)

// criLine opens the lines that containerd and CRI-O write for Kubernetes:
//
//	2026-11-21T12:00:00.123456789Z stderr F text
//
// P marks a part of a line, F its end or a whole one.
type criLine struct{}

func (criLine) open(w *wrapped, _ frame) bool {
	end := bytes.IndexByte(w.text, ' ')
	at, ok := isoTime(w.text, end)
	if !ok {
		return false
	}
	stream, tag, text, ok := criParts(w.text[end+1:])
	if !ok {
		return false
	}
	w.at, w.text, w.partial = at, text, tag == 'P'
	w.lane = append(append(w.lane, stream...), 0)
	return true
}

// criParts parts "stdout F text".
func criParts(rest []byte) (stream []byte, tag byte, text []byte, ok bool) {
	const size = len("stdout")
	if len(rest) < size+2 || rest[size] != ' ' {
		return nil, 0, nil, false
	}
	if s := string(rest[:size]); s != "stdout" && s != "stderr" {
		return nil, 0, nil, false
	}
	tags, text, _ := bytes.Cut(rest[size+1:], []byte(" "))
	if len(tags) == 0 || tags[0] != 'P' && tags[0] != 'F' || len(tags) > 1 && tags[1] != ':' {
		return nil, 0, nil, false
	}
	return rest[:size], tags[0], text, true
}

// stamp takes an RFC 3339 time off the text's head, unless it belongs to a wrapper further in.
func (w *wrapped) stamp() bool {
	end := bytes.IndexByte(w.text, ' ')
	at, ok := isoTime(w.text, end)
	if !ok {
		return false
	}
	if _, _, _, cri := criParts(w.text[end+1:]); cri {
		return false
	}
	w.at, w.text = at, w.text[end+1:]
	return true
}

// stampedLine opens the lines of kubectl logs --timestamps and docker logs -t: a time, a blank, the line.
type stampedLine struct{}

func (stampedLine) open(w *wrapped, _ frame) bool { return w.stamp() }

// kubectlLine opens the lines of kubectl logs --prefix, with --timestamps or without:
//
//	[pod/gateway-7d9f-x2k/litellm] 2026-11-21T12:00:00.123456789Z text
type kubectlLine struct{}

func (kubectlLine) open(w *wrapped, _ frame) bool {
	rest, ok := bytes.CutPrefix(w.text, []byte("[pod/"))
	if !ok {
		return false
	}
	end := bytes.IndexByte(rest[:min(len(rest), 2*maxWord)], ']')
	if end < 0 || bytes.IndexByte(rest[:end], ' ') >= 0 {
		return false
	}
	name, _, ok := bytes.Cut(rest[:end], []byte("/"))
	if !ok || len(name) == 0 {
		return false
	}
	w.lane = append(append(w.lane, rest[:end]...), 0)
	w.named(name)
	w.text = bytes.TrimPrefix(rest[end+1:], []byte(" "))
	w.stamp()
	return true
}

// composeLine opens the lines of docker compose logs, whose names are padded to one width:
//
//	gateway-1  | text
type composeLine struct{}

func (*composeLine) open(w *wrapped, _ frame) bool {
	line := afterColour(w.text)
	bar := bytes.IndexByte(line[:min(len(line), 80)], '|')
	if bar < 2 || line[bar-1] != ' ' {
		return false
	}
	name := afterColour(bytes.TrimRight(line[:bar], " "))
	if !serviceName(name) {
		return false
	}
	text := afterColour(line[bar+1:])
	w.lane = append(append(w.lane, name...), 0)
	w.named(name)
	w.text = bytes.TrimPrefix(text, []byte(" "))
	w.stamp()
	return true
}

// serviceName tells whether a text can be the name of a container, and is not a level, which some loggers
// pad and bar alike.
func serviceName(b []byte) bool {
	if len(b) == 0 || len(b) > 64 {
		return false
	}
	lower := false
	for i, c := range b {
		switch {
		case c >= 'a' && c <= 'z':
			lower = true
		case c >= '0' && c <= '9', c >= 'A' && c <= 'Z':
		case i > 0 && (c == '-' || c == '_' || c == '.'):
		default:
			return false
		}
	}
	switch string(b) {
	case "info", "error", "warn", "warning", "debug", "critical", "trace", "fatal", "notice":
		return false
	}
	return lower
}

// afterColour cuts a terminal's colour off the head of a text.
func afterColour(b []byte) []byte {
	for len(b) > 2 && b[0] == 0x1b && b[1] == '[' {
		end := bytes.IndexByte(b[:min(len(b), 16)], 'm')
		if end < 0 {
			return b
		}
		b = b[end+1:]
	}
	return b
}

// klogLine opens the lines of Kubernetes' own programs:
//
//	E1121 12:00:00.123456       1 proxy.go:31] text
type klogLine struct{}

var klogLevels = map[byte]string{'I': "info", 'W': "warning", 'E': "error", 'F': "fatal"}

func (klogLine) open(w *wrapped, f frame) bool {
	head := w.text[:min(len(w.text), 160)]
	at, ok := klogTime(head, f.zone, f.received)
	if !ok {
		return false
	}
	end := bytes.Index(head, []byte("] "))
	if end < 0 {
		return false
	}
	words := bytes.Fields(head[:end]) // E1121, the time, the thread, file.go:31
	if len(words) != 4 || !numeric(words[2]) || !codePlace(words[3]) {
		return false
	}
	w.at, w.level, w.text = at, klogLevels[head[0]], w.text[end+2:]
	return true
}

// syslogLine opens the lines of both syslog formats, as they come over a socket or stand in a file:
//
//	<131>Nov 21 12:00:00 gw-a haproxy[812]: text
//	<131>1 2026-11-21T12:00:00.123456Z gw-a haproxy 812 - - text
type syslogLine struct{}

func (syslogLine) open(w *wrapped, f frame) bool {
	text, level, ok := afterPriority(w.text)
	if !ok {
		return false
	}
	found := false
	switch {
	case level != "" && bytes.HasPrefix(text, []byte("1 ")):
		found = w.fromSyslog5424(text[2:])
	default:
		if at, rest, old := syslogHead(text, f); old {
			found = w.fromHost(rest, at, false)
			break
		}
		end := bytes.IndexByte(text, ' ')
		if at, iso := isoTime(text, end); iso && level != "" {
			found = w.fromHost(text[end+1:], at, false)
		}
	}
	if found && level != "" {
		w.level = level
	}
	return found
}

// syslogHead reads "Nov 21 12:00:00 ", or "Nov 21 12:00:00.123456 " as journalctl -o short-precise has it.
func syslogHead(text []byte, f frame) (at time.Time, rest []byte, ok bool) {
	const size = len(time.Stamp)
	at, ok = syslogTime(text[:min(len(text), 72)], f.zone, f.received)
	if !ok || len(text) <= size {
		return at, nil, false
	}
	rest = text[size:]
	if rest[0] == '.' {
		end := bytes.IndexByte(rest[:min(len(rest), 11)], ' ')
		if end < 0 {
			return at, nil, false
		}
		fraction, isClock := clockIn(append([]byte("00:00:00"), rest[:end]...))
		if !isClock {
			return at, nil, false
		}
		at, rest = at.Add(fraction), rest[end:]
	}
	return at, rest[1:], rest[0] == ' '
}

// afterPriority reads "<131>": eight times the facility and the severity. Files have lines without it.
func afterPriority(line []byte) (rest []byte, level string, ok bool) {
	if len(line) == 0 || line[0] != '<' {
		return line, "", true
	}
	end := bytes.IndexByte(line[:min(len(line), 6)], '>')
	if end < 2 {
		return nil, "", false
	}
	n, ok := smallInt(line[1:end])
	if !ok || n > 191 {
		return nil, "", false
	}
	return line[end+1:], severities[n%8], true
}

// fromHost reads "HOST TAG[PID]: text". A program that writes to the local socket names no host.
func (w *wrapped) fromHost(rest []byte, at time.Time, strict bool) bool {
	host, after, ok := bytes.Cut(rest, []byte(" "))
	if !ok || len(host) == 0 || len(host) > maxWord {
		return false
	}
	if tag := host[len(host)-1] == ':'; tag {
		if strict {
			return false
		}
		host, after = nil, rest
	}
	colon := bytes.Index(after[:min(len(after), 120)], []byte(":"))
	if colon < 1 {
		return false
	}
	tag := after[:colon]
	if bytes.ContainsAny(tag, " \"{=") || strict && bytes.IndexByte(tag, '[') < 0 {
		return false
	}
	w.lane = append(append(append(append(w.lane, host...), 0), tag...), 0)
	if len(host) > 0 {
		w.named(host)
	}
	w.at, w.text = at, bytes.TrimPrefix(after[colon+1:], []byte(" "))
	return true
}

// fromSyslog5424 reads what follows the version: time, host, program, process, message id, structured data.
func (w *wrapped) fromSyslog5424(rest []byte) bool {
	var words [5][]byte
	for i := range words {
		word, after, ok := bytes.Cut(rest, []byte(" "))
		if !ok || len(word) == 0 {
			return false
		}
		words[i], rest = word, after
	}
	at, ok := isoTime(rest5424(words[0]), len(words[0]))
	if !ok && string(words[0]) != "-" {
		return false
	}
	if rest, ok = afterData(rest); !ok {
		return false
	}
	w.at = at
	if string(words[1]) != "-" {
		w.named(words[1])
	}
	for _, word := range words[1:4] {
		w.lane = append(append(w.lane, word...), 0)
	}
	w.text = bytes.TrimPrefix(bytes.TrimPrefix(rest, []byte(" ")), bom)
	return true
}

// rest5424 is the time's word; a short one, as "-", is no time.
func rest5424(word []byte) []byte {
	if len(word) < len("2026-11-21T12:00:00Z") {
		return nil
	}
	return word
}

// afterData cuts the structured data off: "-", or elements in brackets whose values may hold "\]".
func afterData(b []byte) ([]byte, bool) {
	if len(b) > 0 && b[0] == '-' {
		return b[1:], true
	}
	if len(b) == 0 || b[0] != '[' {
		return nil, false
	}
	quoted := false
	for i := 0; i < len(b); i++ {
		switch {
		case b[i] == '\\':
			i++
		case b[i] == '"':
			quoted = !quoted
		case b[i] == ']' && !quoted:
			if i+1 >= len(b) || b[i+1] != '[' {
				return b[i+1:], true
			}
		}
	}
	return nil, false
}

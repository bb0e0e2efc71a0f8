package decode

import (
	"bytes"
	"strconv"
	"time"
)

// dockerLine opens the lines of Docker's json-file driver, and those of collectors that keep its shape:
//
//	{"log":"text\n","stream":"stderr","time":"2026-11-21T12:00:00.123456789Z"}
//
// Docker splits lines at 16 KiB: only the last part ends in a line feed.
type dockerLine struct {
	scan                     scanner
	log, stream, time        []byte
	pod, container, logtag   []byte
	hasLog, hasTime, foreign bool
	bare                     bool // a collector has taken all line feeds off
}

func newDockerLine() *dockerLine {
	d := &dockerLine{}
	d.scan.visit = d.take
	return d
}

func (d *dockerLine) take(path []byte, v value) {
	switch string(path) {
	case "log":
		d.log, d.hasLog = v.bytes, v.kind == stringValue
	case "stream":
		d.stream = v.bytes
	case "time":
		d.time, d.hasTime = v.bytes, v.kind == stringValue
	case "_p", "logtag":
		d.logtag = v.bytes
	case "kubernetes.pod_name":
		d.pod = v.bytes
	case "kubernetes.container_name":
		d.container = v.bytes
	case "level", "status", "model", "message", "msg":
		d.foreign = true // a program's own line that happens to have the three names
	}
}

func (d *dockerLine) open(w *wrapped, _ frame) bool {
	if len(w.text) == 0 || w.text[0] != '{' {
		return false
	}
	*d = dockerLine{scan: d.scan, bare: d.bare}
	if !d.scan.scan(w.text) || !d.hasLog || !d.hasTime || d.foreign {
		return false
	}
	if s := string(d.stream); s != "stdout" && s != "stderr" {
		return false
	}
	var at time.Time
	if at.UnmarshalText(d.time) == nil && sane(at) {
		w.at = at
	}
	w.lane = append(append(w.lane, d.stream...), 0)
	if len(d.pod) > 0 {
		w.lane = append(append(append(w.lane, d.pod...), '/'), d.container...)
		w.named(d.pod)
	}
	w.partial = len(d.log) > 0 && d.log[len(d.log)-1] != '\n' && (!d.bare || len(d.log) >= dockerPart)
	if len(d.logtag) > 0 {
		w.partial = d.logtag[0] == 'P'
	}
	w.text = bytes.TrimRight(d.log, "\r\n")
	return true
}

// dockerPart is where Docker splits lines.
const dockerPart = 16 << 10

// learn finds out whether lines end in a line feed at all: a collector may have taken them off.
func (d *dockerLine) learn(sample [][]byte) {
	d.bare = false
	wraps := 0
	for _, line := range sample {
		var w wrapped
		w.text = line
		if !d.open(&w, frame{}) {
			continue
		}
		if len(d.log) > 0 && d.log[len(d.log)-1] == '\n' {
			return
		}
		wraps++
	}
	d.bare = wraps >= leastBare
}

// leastBare is how many lines without a line feed say that there are none.
const leastBare = 3

// named keeps the name of the instance, unless a wrapper further out has given one.
func (w *wrapped) named(instance []byte) {
	if len(w.instance) == 0 {
		w.instance = instance
	}
}

// severities are the levels of syslog by their numbers.
var severities = [8]string{"emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"}

// journalLine opens what journalctl prints, by -o json (one object a line) and by -o short-iso:
//
//	{"__REALTIME_TIMESTAMP":"1795262400000000","PRIORITY":"3","_HOSTNAME":"gw-a","MESSAGE":"text"}
//	2026-11-21T12:00:00+0000 gw-a litellm[812]: text
//
// A message that is no text is an array of bytes.
type journalLine struct {
	scan                       scanner
	message                    []byte
	bytes                      []byte // of a message that came as an array
	host, container, unit, pid []byte
	at, priority               []byte
	journal, told, left        bool
}

func newJournalLine() *journalLine {
	j := &journalLine{}
	j.scan.visit = j.take
	return j
}

var messageByte = []byte("MESSAGE.")

func (j *journalLine) take(path []byte, v value) {
	switch string(path) {
	case "MESSAGE":
		j.message, j.told, j.left = v.bytes, true, v.kind == nullValue
	case "__REALTIME_TIMESTAMP":
		j.at, j.journal = v.bytes, true
	case "__CURSOR":
		j.journal = true
	case "PRIORITY":
		j.priority = v.bytes
	case "_HOSTNAME":
		j.host = v.bytes
	case "CONTAINER_NAME":
		j.container = v.bytes
	case "_SYSTEMD_UNIT":
		j.unit = v.bytes
	case "_PID":
		j.pid = v.bytes
	default:
		if digits, ok := bytes.CutPrefix(path, messageByte); ok && numeric(digits) && len(j.bytes) < MaxLine {
			if n, err := strconv.ParseUint(string(v.bytes), 10, 8); err == nil {
				j.bytes, j.told = append(j.bytes, byte(n)), true
			}
		}
	}
}

func (j *journalLine) open(w *wrapped, f frame) bool {
	if len(w.text) == 0 {
		return false
	}
	if w.text[0] != '{' {
		return j.openText(w, f)
	}
	*j = journalLine{scan: j.scan, bytes: j.bytes[:0]}
	if !j.scan.scan(w.text) || !j.journal || !j.told {
		return false
	}
	if j.left {
		w.skip = "a message that the journal left out for its size: journalctl --all prints it"
		return true
	}
	if at, ok := epoch(j.at); ok {
		w.at = at
	}
	if n, ok := smallInt(j.priority); ok && n < int64(len(severities)) {
		w.level = severities[n]
	}
	unit := bytes.TrimSuffix(j.unit, []byte(".service"))
	switch {
	case len(j.container) > 0:
		w.named(j.container)
	case bytes.IndexByte(unit, '@') >= 0, len(j.host) == 0: // one of several on a host
		w.named(unit)
	default:
		w.named(j.host)
	}
	for _, part := range [][]byte{j.host, j.container, unit, j.pid} {
		w.lane = append(append(w.lane, part...), 0)
	}
	w.text = j.message
	if len(j.bytes) > 0 {
		w.text = j.bytes
	}
	w.text = bytes.TrimRight(w.text, "\r\n")
	return true
}

// openText opens a line of -o short-iso, and one of rsyslog's file format, which is the same without a priority.
func (j *journalLine) openText(w *wrapped, _ frame) bool {
	if bytes.HasPrefix(w.text, []byte("-- ")) && bytes.HasSuffix(w.text, []byte(" --")) {
		w.skip = "the journal's own remark"
		return true
	}
	end := bytes.IndexByte(w.text, ' ')
	at, ok := isoTime(w.text, end)
	return ok && w.fromHost(w.text[end+1:], at, true)
}

// isoTime reads an RFC 3339 time, or one whose zone has no colon.
func isoTime(text []byte, end int) (time.Time, bool) {
	if end < len("2026-11-21T12:00:00Z") || end > len(time.RFC3339Nano)+1 || text[4] != '-' || text[10] != 'T' {
		return time.Time{}, false
	}
	var at time.Time
	if at.UnmarshalText(text[:end]) == nil {
		return at, sane(at)
	}
	at, err := time.Parse("2006-01-02T15:04:05.999999999-0700", string(text[:end]))
	return at, err == nil && sane(at)
}

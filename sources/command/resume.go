package command

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Resume is how a command that ended is started again without a gap and without telling twice.
type Resume uint8

// The ways to resume.
const (
	// Overlap is for a command that we know nothing of, such as ssh HOST tail -F: it is started as before, and
	// lines at its beginning that repeat the end of what it said last are dropped. What was said while it was
	// not running is lost.
	Overlap Resume = iota
	// Stamped is for kubectl logs and docker logs: they are asked for everything since shortly before the newest
	// line, and a line with the same time and text is told once.
	Stamped
	// Cursor is for journalctl -o json, which can begin after the entry that was told last.
	Cursor
)

// overlap is how far before the newest line a resumed command begins: lines of several pods come out of order.
const overlap = 10 * time.Second

// ResumeOf finds how a command can be resumed by its name and arguments.
func ResumeOf(argv []string) Resume {
	if len(argv) == 0 {
		return Overlap
	}
	switch name := filepath.Base(argv[0]); {
	case (name == "kubectl" || name == "oc" || name == "docker" || name == "podman") && slices.Contains(argv[1:], "logs"):
		return Stamped
	case name == "journalctl" && wantsJSON(argv[1:]):
		return Cursor
	}
	return Overlap
}

func wantsJSON(args []string) bool {
	for i, a := range args {
		switch {
		case a == "-ojson", a == "--output=json":
			return true
		case (a == "-o" || a == "--output") && i+1 < len(args) && args[i+1] == "json":
			return true
		}
	}
	return false
}

// isKubectl tells whether the command is kubectl or its twin, whose flags are the same.
func isKubectl(argv []string) bool {
	name := filepath.Base(argv[0])
	return name == "kubectl" || name == "oc"
}

// selects tells whether kubectl follows whatever pods a selector finds. It looks for them once, when it
// starts: pods that come later are found by starting it anew.
func selects(argv []string) bool {
	return isKubectl(argv) && slices.ContainsFunc(argv, func(a string) bool {
		return a == "-l" || a == "--selector" || strings.HasPrefix(a, "-l=") || strings.HasPrefix(a, "--selector=")
	})
}

// first gives the arguments of the first start: as configured, with what resuming needs. Of kubectl that is each
// line's time and, so that a pod can be told as an instance, its name.
func first(argv []string, how Resume) []string {
	out := slices.Clone(argv)
	if how != Stamped {
		return out
	}
	if isKubectl(argv) {
		out = withFlag(out, "--prefix", "--prefix=true")
	}
	return withFlag(out, "--timestamps", "--timestamps=true")
}

// again gives the arguments of a later start, which goes on behind the newest line.
func again(argv []string, how Resume, newest time.Time, cursor string) []string {
	out := first(argv, how)
	switch {
	case how == Stamped && !newest.IsZero() && isKubectl(argv):
		out = without(out, "--since", "--since-time", "--tail")
		since := newest.Add(-overlap).UTC().Truncate(time.Second).Format(time.RFC3339)
		return withFlag(withFlag(out, "--since-time", "--since-time="+since), "--tail", "--tail=-1")
	case how == Stamped && !newest.IsZero():
		out = without(out, "--since", "--tail", "-n")
		return withFlag(out, "--since", "--since="+newest.Add(-overlap).UTC().Format(time.RFC3339Nano))
	case how == Cursor && cursor != "":
		out = without(out, "--since", "-S", "--lines", "-n", "--cursor", "-c", "--after-cursor")
		return withFlag(out, "--after-cursor", "--after-cursor="+cursor)
	}
	return out
}

// withFlag adds a flag unless the arguments have it. It goes before what follows "--", and behind the name of
// the verb, where docker wants it: in front of the container's name.
func withFlag(argv []string, name, flag string) []string {
	has := slices.ContainsFunc(argv, func(a string) bool { return a == name || strings.HasPrefix(a, name+"=") })
	if has {
		return argv
	}
	at := slices.Index(argv, "logs") + 1
	if at == 0 {
		at = 1
	}
	return slices.Insert(argv, at, flag)
}

// without drops flags, with their values where those stand as an argument of their own.
func without(argv []string, names ...string) []string {
	out := argv[:0:0]
	for i := 0; i < len(argv); i++ {
		name, _, joined := strings.Cut(argv[i], "=")
		if !slices.Contains(names, name) {
			out = append(out, argv[i])
			continue
		}
		if !joined && i+1 < len(argv) {
			i++
		}
	}
	return out
}

// stampOf reads the time that kubectl or docker has put before a line, behind kubectl's "[pod/NAME/CONTAINER] ".
func stampOf(line []byte) (time.Time, bool) {
	if len(line) > 0 && line[0] == '[' {
		_, rest, ok := bytes.Cut(line, []byte("] "))
		if !ok {
			return time.Time{}, false
		}
		line = rest
	}
	word, _, _ := bytes.Cut(line[:min(len(line), 40)], []byte(" "))
	if len(word) < len("2006-01-02T15:04:05Z") || word[4] != '-' {
		return time.Time{}, false
	}
	at, err := time.Parse(time.RFC3339Nano, string(word))
	return at, err == nil
}

// maxCursor bounds what is taken for a cursor: it becomes an argument.
const maxCursor = 512

// cursorOf reads the cursor of an entry that journalctl printed as JSON.
func cursorOf(line []byte) string {
	_, rest, ok := bytes.Cut(line, []byte(`"__CURSOR"`))
	if !ok {
		return ""
	}
	rest = bytes.TrimLeft(rest, " :")
	if len(rest) == 0 || rest[0] != '"' {
		return ""
	}
	word, _, ok := bytes.Cut(rest[1:], []byte(`"`))
	if !ok || len(word) > maxCursor || bytes.ContainsFunc(word, func(r rune) bool { return r <= ' ' || r == '\\' || r > '~' }) {
		return ""
	}
	return string(word)
}

package decode

import (
	"bytes"
)

// traceKind is the family of a stack trace of several lines.
type traceKind uint8

const (
	noTrace     traceKind = iota
	pythonTrace           // Traceback (most recent call last): frames, and the exception as its last line
	goTrace               // panic: or fatal error:, and goroutines
	stackTrace            // an exception, and under it lines that begin with "at", as Java and Node write them
)

// Bounds of what is kept of a trace. Its further lines are taken as part of it, and left out.
const (
	maxTraceText  = 8 << 10
	maxTraceLines = 2000
	maxCauses     = 8
	maxCause      = 1 << 10
)

// trace is a stack trace while its lines come in.
type trace struct {
	kind   traceKind
	lines  int
	text   []byte   // its lines, up to a bound
	causes [][]byte // the exceptions that it names, in the order of its lines
	open   bool     // python: the last line was the exception, which ends a traceback
	chain  bool     // python: a sentence says that another traceback follows
}

var (
	tracebackHead = []byte("Traceback (most recent call last):")
	groupHead     = []byte("Exception Group Traceback (most recent call last):")
	threadHead    = []byte("Exception in thread ")
	panicHead     = []byte("panic: ")
	fatalHead     = []byte("fatal error: ")
	goroutineHead = []byte("goroutine ")
	servePanic    = []byte("http: panic serving ")
	causedBy      = []byte("Caused by: ")
	nodeCause     = []byte("[cause]: ")
	uncaught      = []byte("Uncaught ")
)

// traceOf tells which trace a line begins. The first byte of most lines says that it begins none.
func traceOf(line []byte) traceKind {
	if len(line) < 6 || line[0] == '{' || line[0] == '"' || line[0] == '<' {
		return noTrace
	}
	text := bytes.TrimLeft(line, " \t|+-")
	switch {
	case bytes.HasPrefix(text, tracebackHead), bytes.HasPrefix(text, groupHead):
		return pythonTrace
	case bytes.HasPrefix(line, panicHead), bytes.HasPrefix(line, fatalHead), goroutine(line),
		bytes.Contains(line[:min(len(line), 80)], servePanic):
		return goTrace
	case bytes.HasPrefix(line, threadHead), bytes.HasPrefix(line, uncaught), exception(line, true), nodePlace(line):
		return stackTrace
	}
	return noTrace
}

// goroutine tells whether a line heads the stack of one: "goroutine 7 [running]:".
func goroutine(line []byte) bool {
	rest, ok := bytes.CutPrefix(line, goroutineHead)
	return ok && bytes.Contains(rest[:min(len(rest), 40)], []byte(" [")) && rest[0] >= '0' && rest[0] <= '9'
}

// nodePlace tells whether a line is the place that Node prints above an exception that nobody caught.
func nodePlace(line []byte) bool {
	if line[0] != '/' && !bytes.HasPrefix(line, []byte("file://")) && !bytes.HasPrefix(line, []byte("node:")) || bytes.IndexByte(line, ' ') >= 0 {
		return false
	}
	i := bytes.LastIndexByte(line, ':')
	return i > 0 && numeric(line[i+1:])
}

// exceptionEnds are how the names of exceptions end. Within a traceback any name is one.
var exceptionEnds = [][]byte{[]byte("Error"), []byte("Exception"), []byte("Timeout"), []byte("Interrupt"), []byte("Failure"), []byte("ExceptionGroup")}

// exception tells whether a line names an exception: "openai.RateLimitError: Error code: 429". named asks for a
// name that ends as those of exceptions do.
func exception(line []byte, named bool) bool {
	end := 0
	for end < len(line) && nameByte(line[end]) {
		end++
	}
	name, rest := line[:end], line[end:]
	if end == 0 || end > maxWord || name[0] >= '0' && name[0] <= '9' || name[0] == '.' || name[end-1] == '.' {
		return false
	}
	if len(rest) > 0 && string(rest) != ":" && !bytes.HasPrefix(rest, []byte(": ")) && !bytes.HasPrefix(rest, []byte(" [")) {
		return false
	}
	for _, e := range exceptionEnds {
		if bytes.HasSuffix(name, e) {
			return true
		}
	}
	return !named && (len(rest) > 0 || bytes.IndexByte(name, '.') > 0 || name[0] >= 'A' && name[0] <= 'Z')
}

// nameByte tells whether a byte can be part of the name of an exception.
func nameByte(c byte) bool {
	return c == '.' || c == '_' || c == '$' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// goesOn tells whether a line continues whatever stands before it.
func goesOn(line []byte) bool {
	if line[0] == ' ' || line[0] == '\t' {
		text := bytes.TrimLeft(line, " \t")
		return len(text) > 0 && text[0] != '{' // indented JSON is a line of its own
	}
	if line[0] == '{' {
		return false // and so is JSON that quotes what a trace says
	}
	return bytes.HasPrefix(line, causedBy) || bytes.HasPrefix(line, []byte("future: <Task")) ||
		bytes.Contains(line[:min(len(line), 80)], []byte("Exception in ASGI application"))
}

// withoutTraces gives the lines of a sample that belong to no stack trace: these say nothing of the format.
func withoutTraces(sample [][]byte) [][]byte {
	out := make([][]byte, 0, len(sample))
	var t trace
	active := false
	for _, line := range sample {
		if active = active && t.add(line); active {
			continue
		}
		if kind := traceOf(line); kind != noTrace {
			t.begin(kind, line)
			active = true
			continue
		}
		out = append(out, line)
	}
	if len(out) == 0 {
		return sample
	}
	return out
}

// begin takes the first line of a trace; one of no kind goes on from a line before it.
func (t *trace) begin(kind traceKind, line []byte) {
	if kind == noTrace {
		kind = stackTrace
	}
	*t = trace{kind: kind, text: t.text[:0], causes: t.causes[:0]}
	t.keep(line)
	switch kind {
	case goTrace:
		t.goCause(line)
	case stackTrace:
		t.stackCause(line)
	case noTrace, pythonTrace:
	}
}

// add takes a line, if it belongs to the trace.
func (t *trace) add(line []byte) bool {
	if t.lines >= maxTraceLines || len(line) == 0 {
		return false
	}
	ok := false
	switch t.kind {
	case pythonTrace:
		ok = t.addPython(line)
	case goTrace:
		ok = t.addGo(line)
	case stackTrace:
		ok = t.addStack(line)
	case noTrace:
	}
	if ok {
		t.keep(line)
	}
	return ok
}

func (t *trace) keep(line []byte) {
	t.lines++
	if room := maxTraceText - len(t.text); room > len(line) {
		if len(t.text) > 0 {
			t.text = append(t.text, '\n')
		}
		t.text = append(t.text, line...)
	}
}

func (t *trace) cause(text []byte) {
	text = bytes.TrimSpace(text)
	if len(text) > 0 && len(t.causes) < maxCauses {
		t.causes = append(t.causes, bytes.Clone(text[:min(len(text), maxCause)]))
	}
}

// chainSentences join the tracebacks of exceptions that were raised from one another.
var chainSentences = [][]byte{
	[]byte("During handling of the above exception, another exception occurred:"),
	[]byte("The above exception was the direct cause of the following exception:"),
}

// messageLines begin the further lines of messages that are known to have several.
var messageLines = [][]byte{
	[]byte("Received Model Group="), []byte("Available Model Group Fallbacks="), []byte("LiteLLM Retried:"), []byte("Error doing the fallback:"),
	[]byte("Fallbacks="), []byte("For more information"), []byte("For further information"),
}

func (t *trace) addPython(line []byte) bool {
	text := bytes.TrimLeft(line, " \t|+-")
	indented := line[0] == ' ' || line[0] == '\t' || line[0] == '|'
	for _, s := range chainSentences {
		if bytes.HasPrefix(text, s) {
			t.open, t.chain = false, true
			return true
		}
	}
	switch {
	case bytes.HasPrefix(text, tracebackHead), bytes.HasPrefix(text, groupHead):
		again := t.chain || indented || !t.open && len(t.causes) == 0
		t.open, t.chain = false, false
		return again
	case t.open && indented:
		if bytes.Contains(line, []byte("| ")) && exception(text, true) { // within a group of exceptions
			t.cause(text)
			return true
		}
		t.more(text)
		return true
	case indented:
		if bytes.Contains(line, []byte("| ")) && exception(text, true) {
			t.cause(text)
		}
		return true
	case t.open:
		return t.message(line)
	case exception(line, false):
		t.open = true
		t.cause(line)
		return true
	}
	return false
}

// message takes a further line of an exception's message.
func (t *trace) message(line []byte) bool {
	for _, m := range messageLines {
		if bytes.HasPrefix(line, m) {
			t.more(line)
			return true
		}
	}
	if n := len(t.causes); n > 0 && bytes.Contains(t.causes[n-1], []byte("validation error")) && bytes.IndexByte(line, ' ') < 0 {
		t.more(line)
		return true
	}
	return false
}

// more adds a line to the message of the last exception.
func (t *trace) more(text []byte) {
	n := len(t.causes)
	if n == 0 {
		return
	}
	if c := t.causes[n-1]; len(c)+1+len(text) <= maxCause {
		t.causes[n-1] = append(append(c, ' '), bytes.TrimSpace(text)...)
	}
}

func (t *trace) goCause(line []byte) {
	for _, head := range [][]byte{panicHead, fatalHead, servePanic} {
		if i := bytes.Index(line[:min(len(line), 80)], head); i >= 0 {
			t.cause(line[i:])
			return
		}
	}
}

func (t *trace) addGo(line []byte) bool {
	switch {
	case line[0] == '\t', line[0] == ' ':
		if text := bytes.TrimSpace(line); bytes.HasPrefix(text, panicHead) {
			t.cause(text)
		}
		return true
	case goroutine(line), bytes.HasPrefix(line, []byte("[signal ")), bytes.HasPrefix(line, []byte("created by ")),
		bytes.HasPrefix(line, []byte("exit status ")), bytes.HasPrefix(line, []byte("runtime stack:")),
		bytes.HasPrefix(line, []byte("...additional frames elided...")), bytes.HasPrefix(line, []byte("runtime: ")):
		return true
	case bytes.HasPrefix(line, panicHead):
		if t.lines > 2 {
			return false // another one
		}
		t.cause(line)
		return true
	}
	open := bytes.IndexByte(line, '(') // main.handle(0xc000, 0x1)
	return open > 0 && line[len(line)-1] == ')' && bytes.IndexByte(line[:open], ' ') < 0 && bytes.IndexByte(line[:open], '.') > 0
}

// stackCause keeps the exception that a line of a stack names, if it names one.
func (t *trace) stackCause(line []byte) {
	text := bytes.TrimSpace(line)
	for _, head := range [][]byte{causedBy, nodeCause, uncaught, []byte("Suppressed: ")} {
		if rest, ok := bytes.CutPrefix(text, head); ok {
			t.cause(rest)
			return
		}
	}
	if rest, ok := bytes.CutPrefix(text, threadHead); ok { // Exception in thread "main" java.io.IOException: text
		if i := bytes.LastIndexByte(rest[:min(len(rest), maxWord)], '"'); i >= 0 && i+2 < len(rest) {
			t.cause(rest[i+2:])
		}
		return
	}
	if exception(text, true) {
		t.cause(text)
	}
}

func (t *trace) addStack(line []byte) bool {
	text := bytes.TrimSpace(line)
	switch {
	case len(text) == 0:
		return true
	case bytes.HasPrefix(text, tracebackHead): // Python names the thread first
		t.kind = pythonTrace
		return len(t.causes) == 0
	case line[0] == ' ', line[0] == '\t', bytes.HasPrefix(line, causedBy):
		if len(text) > 0 && text[0] == '{' {
			return false
		}
		t.stackCause(line)
		return true
	case len(t.causes) == 0 && exception(line, true), len(t.causes) == 0 && bytes.HasPrefix(line, uncaught):
		t.stackCause(line)
		return true
	case bytes.HasPrefix(line, []byte("Node.js v")), bytes.HasPrefix(line, []byte("Suppressed: ")):
		return true
	}
	switch string(text) {
	case "}", "]", "})", "},", "^":
		return true
	}
	return false
}

// innermost gives the exceptions with the one that came first at the head: Python names it first, Java and
// Node last.
func (t *trace) innermost() [][]byte {
	if t.kind != stackTrace {
		return t.causes
	}
	out := make([][]byte, 0, len(t.causes))
	for i := len(t.causes) - 1; i >= 0; i-- {
		out = append(out, t.causes[i])
	}
	return out
}

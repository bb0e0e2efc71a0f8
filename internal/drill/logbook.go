package drill

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"sync"
	"time"
)

// Rotation of the access log: by rename, as logrotate does by default. The
// oldest of the kept files is deleted.
const (
	rotateAt  = 8 << 20
	keptFiles = 8
)

// logLine is one line of the access log. What is unknown is left out.
type logLine struct {
	Time         string  `json:"time"`
	Level        string  `json:"level"`
	Kind         string  `json:"kind"`
	Gateway      string  `json:"gateway"`
	Instance     string  `json:"instance"`
	RequestID    string  `json:"request_id"`
	Caller       string  `json:"caller,omitempty"`
	Workload     string  `json:"workload"`
	Model        string  `json:"model,omitempty"`
	ServedModel  string  `json:"served_model,omitempty"`
	Deployment   string  `json:"deployment,omitempty"`
	Endpoint     string  `json:"endpoint"`
	Stream       bool    `json:"stream"`
	Status       int     `json:"status"`
	LatencyMS    float64 `json:"latency_ms"`
	TTFTMS       float64 `json:"ttft_ms,omitempty"`
	TokensIn     int     `json:"tokens_in,omitempty"`
	TokensOut    int     `json:"tokens_out,omitempty"`
	TokensCached int     `json:"tokens_cached,omitempty"`
	Attempt      int     `json:"attempt"`
	FallbackFrom string  `json:"fallback_from,omitempty"`
	FinishReason string  `json:"finish_reason,omitempty"`
	ErrorCode    string  `json:"error_code,omitempty"`
	ErrorType    string  `json:"error_type,omitempty"`
	ErrorMessage string  `json:"error_message,omitempty"`
	RetryAfterMS int64   `json:"retry_after_ms,omitempty"`
	Shape        string  `json:"shape,omitempty"`
	QueueMS      float64 `json:"queue_ms,omitempty"`
}

// errorLine explains a line of the access log with the same request id.
type errorLine struct {
	Time      string `json:"time"`
	Level     string `json:"level"`
	Kind      string `json:"kind"`
	Instance  string `json:"instance"`
	RequestID string `json:"request_id"`
	Message   string `json:"message"`
}

const longestMessage = 500

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z07:00") }

func millis(d time.Duration) float64 {
	return math.Round(float64(d)/float64(time.Microsecond)) / 1000
}

// attempted writes down one upstream attempt.
func (g *gateway) attempted(x *exchange, t *target, a *answer, took time.Duration) {
	line := x.line("attempt", a, took)
	line.Model, line.Deployment, line.Status = t.Model, t.Name, a.status
	if !a.ok() { // explained first, so that no failure ever stands without its explanation
		g.log.explain(errorLine{
			Time: line.Time, Level: "error", Kind: "error", Instance: g.name, RequestID: x.id,
			Message: fmt.Sprintf("attempt %d at %s failed after %v: %s",
				x.attempts, t.Name, took.Round(time.Millisecond), bounded(a.failure.Message, 4*longestMessage)),
		})
	}
	g.log.access(line)
	g.meters.count("upstream", line, took, a.ttft)
}

// ended writes down one client request.
func (g *gateway) ended(x *exchange, a *answer) {
	took := time.Since(x.start)
	line := x.line("request", a, took)
	line.Model, line.Status = x.req.Model, a.clientStatus()
	line.QueueMS = millis(x.queued)
	if x.last != nil {
		line.Deployment = x.last.Name
	}
	var ttft time.Duration
	if !a.first.IsZero() { // the user waited from the start, through queue and retries
		ttft = a.first.Sub(x.start)
	}
	line.TTFTMS = millis(ttft)
	g.log.access(line)
	g.meters.count("client", line, took, ttft)
}

func (x *exchange) line(kind string, a *answer, took time.Duration) logLine {
	line := logLine{
		Time: stamp(time.Now()), Level: "info", Kind: kind, Gateway: gatewayName, Instance: x.g.name,
		RequestID: x.id, Caller: x.caller, Workload: x.workload, ServedModel: bounded(a.served, 100),
		Endpoint: "/v1/chat/completions", Stream: x.req.Stream, LatencyMS: millis(took), TTFTMS: millis(a.ttft),
		TokensIn: a.usage.In, TokensOut: a.usage.Out, TokensCached: a.usage.Cached, Attempt: x.attempts,
		FallbackFrom: x.fallbackFrom, FinishReason: bounded(a.finish, 50), Shape: x.req.shape(),
	}
	if !a.ok() {
		line.Level = "error"
		line.ErrorCode, line.ErrorType = bounded(a.failure.Code, 100), bounded(a.failure.Type, 100)
		line.ErrorMessage = bounded(a.failure.Message, longestMessage)
		line.RetryAfterMS = a.failure.RetryAfter.Milliseconds()
	}
	return line
}

// logbook is the fleet's pair of log files. Lines that come after close are
// dropped: only requests that Stop cut off write so late.
type logbook struct {
	accessFile, errorFile *rotatingFile
}

func openLogbook(access, errs string) (*logbook, error) {
	a, err := openRotating(access, rotateAt, keptFiles)
	if err != nil {
		return nil, err
	}
	e, err := openRotating(errs, rotateAt, keptFiles)
	if err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return &logbook{accessFile: a, errorFile: e}, nil
}

func (b *logbook) access(line logLine)    { b.accessFile.line(line) }
func (b *logbook) explain(line errorLine) { b.errorFile.line(line) }

func (b *logbook) close() error { return errors.Join(b.accessFile.Close(), b.errorFile.Close()) }

// rotatingFile appends lines to path; when that would pass limit, path becomes
// path.1, path.1 becomes path.2 and so on, and a new path is begun. A library
// that rotates keeps a goroutine for ever, and a fleet must leave none.
type rotatingFile struct {
	mu    sync.Mutex
	path  string
	limit int64
	keep  int
	file  *os.File
	size  int64
	err   error // the first failure; Close reports it
}

func openRotating(path string, limit int64, keep int) (*rotatingFile, error) {
	r := &rotatingFile{path: path, limit: limit, keep: keep}
	if err := r.open(); err != nil {
		return nil, err
	}
	return r, nil
}

func (r *rotatingFile) open() error {
	f, err := os.OpenFile(r.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("opening log: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		return errors.Join(fmt.Errorf("opening log: %w", err), f.Close())
	}
	r.file, r.size = f, info.Size()
	return nil
}

// line appends v as one line of JSON. A full disk does not stop the traffic:
// the failure is kept for Close.
func (r *rotatingFile) line(v any) {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false) // an error page should be readable in tail -f
	err := enc.Encode(v)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.file == nil {
		return
	}
	if err == nil && r.size > 0 && r.size+int64(text.Len()) > r.limit {
		err = r.rotate()
	}
	if err == nil {
		var n int
		n, err = r.file.Write(text.Bytes())
		r.size += int64(n)
	}
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("writing %s: %w", r.path, err)
	}
}

// rotate moves the files up by one. The caller holds the lock.
func (r *rotatingFile) rotate() error {
	if err := r.file.Close(); err != nil {
		return fmt.Errorf("rotating: %w", err)
	}
	r.file = nil
	for i := r.keep - 1; i >= 0; i-- {
		from := r.path
		if i > 0 {
			from += "." + strconv.Itoa(i)
		}
		err := os.Rename(from, r.path+"."+strconv.Itoa(i+1))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return errors.Join(fmt.Errorf("rotating: %w", err), r.open())
		}
	}
	return r.open()
}

// Close closes the file and reports the first write that failed.
func (r *rotatingFile) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	err := r.err
	if r.file != nil {
		err = errors.Join(err, r.file.Close())
		r.file = nil
	}
	return err
}

package cli

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"signalbox/internal/redact"
	"signalbox/internal/traffic"
	"signalbox/sources/decode"
	"signalbox/sources/tail"
)

// recordLine is one line of tail --output json: what a record says, absent where it says nothing.
type recordLine struct {
	Time         string   `json:"time"`
	Received     bool     `json:"received,omitempty"` // the line had no time: it is when it was read
	Side         string   `json:"side,omitempty"`
	Env          string   `json:"env,omitempty"`
	Gateway      string   `json:"gateway,omitempty"`
	Instance     string   `json:"instance,omitempty"`
	Provider     string   `json:"provider,omitempty"`
	Model        string   `json:"model,omitempty"`
	Served       string   `json:"served_model,omitempty"`
	Region       string   `json:"region,omitempty"`
	Deployment   string   `json:"deployment,omitempty"`
	Endpoint     string   `json:"endpoint,omitempty"`
	Workload     string   `json:"workload,omitempty"`
	Stream       *bool    `json:"stream,omitempty"`
	Caller       string   `json:"caller,omitempty"`
	Class        string   `json:"class"`
	Status       *int     `json:"status,omitempty"`
	ErrorCode    string   `json:"error_code,omitempty"`
	ErrorType    string   `json:"error_type,omitempty"`
	ErrorMessage string   `json:"error_message,omitempty"`
	Latency      *float64 `json:"latency_ms,omitempty"`
	TTFT         *float64 `json:"ttft_ms,omitempty"`
	RetryAfter   *float64 `json:"retry_after_ms,omitempty"`
	TokensIn     *int64   `json:"tokens_in,omitempty"`
	TokensOut    *int64   `json:"tokens_out,omitempty"`
	TokensCached *int64   `json:"tokens_cached,omitempty"`
	Attempt      *int     `json:"attempt,omitempty"`
	FallbackFrom string   `json:"fallback_from,omitempty"`
	RequestID    string   `json:"request_id,omitempty"`
	Shape        string   `json:"shape,omitempty"`
	Finish       string   `json:"finish_reason,omitempty"`
	Source       string   `json:"source,omitempty"`
	Explains     bool     `json:"explains,omitempty"` // adds text to another line with its request id; is no request of its own
}

// unparsedLine is a line that could not be read.
type unparsedLine struct {
	Unparsed bool   `json:"unparsed"`
	Raw      string `json:"raw"`
}

// maxRaw bounds what is shown of a line that could not be read.
const maxRaw = 2 << 10

// recordWriter writes records as lines. It remembers the first error of its output.
type recordWriter struct {
	out     *bufio.Writer
	json    bool
	symbols *traffic.Symbols
	err     error
}

func newRecordWriter(w io.Writer, output string, symbols *traffic.Symbols) *recordWriter {
	return &recordWriter{out: bufio.NewWriterSize(w, 64<<10), json: output == "json", symbols: symbols}
}

func (w *recordWriter) flush() error {
	if w.err == nil {
		w.err = w.out.Flush()
	}
	return w.err
}

func (w *recordWriter) line(v any) {
	if w.err != nil {
		return
	}
	raw, err := json.Marshal(v)
	if err != nil {
		w.err = fmt.Errorf("encoding a record: %w", err)
		return
	}
	_, w.err = w.out.Write(append(raw, '\n'))
}

func (w *recordWriter) record(r *traffic.Record) {
	v := w.view(r)
	if w.json {
		w.line(v)
		return
	}
	if w.err == nil {
		_, w.err = w.out.WriteString(v.text() + "\n")
	}
}

func (w *recordWriter) unparsed(line []byte) {
	raw := redact.Clip(safe(string(line[:min(len(line), 4*maxRaw)])), maxRaw)
	if w.json {
		w.line(unparsedLine{true, raw})
		return
	}
	if w.err == nil {
		_, w.err = w.out.WriteString("unread: " + raw + "\n")
	}
}

// view gives a record by the names of the vocabulary, every text redacted and safe for a terminal.
func (w *recordWriter) view(r *traffic.Record) recordLine {
	name := func(d traffic.Dim) string { return safe(w.symbols.Name(r.Key[d])) }
	v := recordLine{
		Time: r.Time.UTC().Format(time.RFC3339Nano), Received: r.Received, Side: name(traffic.Side), Env: name(traffic.Env),
		Gateway: name(traffic.Gateway), Instance: name(traffic.Instance), Provider: name(traffic.Provider), Model: name(traffic.Model),
		Served: safe(w.symbols.Name(r.Served)), Region: name(traffic.Region), Deployment: name(traffic.Deployment), Endpoint: name(traffic.Endpoint),
		Workload: name(traffic.Workload), Caller: name(traffic.Caller), Class: r.Outcome.Class().String(),
		ErrorCode: safe(r.Code), ErrorType: safe(r.Type), ErrorMessage: safe(r.Message),
		FallbackFrom: safe(w.symbols.Name(r.FallbackFrom)), RequestID: safe(r.RequestID), Finish: safe(w.symbols.Name(r.Finish)),
		Source: safe(w.symbols.Name(r.Source)), Explains: r.Explains,
	}
	if yes, err := strconv.ParseBool(w.symbols.Name(r.Key[traffic.Stream])); err == nil {
		v.Stream = &yes
	}
	if r.Shape != 0 {
		v.Shape = fmt.Sprintf("%016x", r.Shape)
	}
	if r.Known&traffic.HasStatus != 0 {
		status := r.Outcome.Status()
		v.Status = &status
	}
	if r.Known&traffic.HasAttempt != 0 {
		v.Attempt = &r.Attempt
	}
	for _, n := range []struct {
		has traffic.Field
		to  **int64
		n   *int64
	}{{traffic.HasTokensIn, &v.TokensIn, &r.TokensIn}, {traffic.HasTokensOut, &v.TokensOut, &r.TokensOut}, {traffic.HasTokensCached, &v.TokensCached, &r.TokensCached}} {
		if r.Known&n.has != 0 {
			*n.to = n.n
		}
	}
	for _, s := range []struct {
		has traffic.Field
		to  **float64
		d   time.Duration
	}{{traffic.HasLatency, &v.Latency, r.Latency}, {traffic.HasTTFT, &v.TTFT, r.TTFT}, {traffic.HasRetryAfter, &v.RetryAfter, r.RetryAfter}} {
		if r.Known&s.has != 0 {
			ms := float64(s.d) / float64(time.Millisecond)
			*s.to = &ms
		}
	}
	return v
}

// text is the record as one line for eyes.
func (v *recordLine) text() string {
	where := []string{v.Provider, v.Model, v.Region}
	if v.Provider == "" && v.Region == "" && v.Deployment != "" {
		where = append(where, v.Deployment)
	}
	parts := []string{v.Time, orDash(v.Side), orDash(strings.Trim(strings.Join(where, " "), " "))}
	if v.Status != nil {
		parts = append(parts, strconv.Itoa(*v.Status))
	}
	parts = append(parts, v.Class)
	if v.Latency != nil {
		parts = append(parts, strconv.FormatFloat(*v.Latency, 'f', 0, 64)+"ms")
	}
	for _, s := range []struct{ label, text string }{
		{"workload=", v.Workload}, {"caller=", v.Caller}, {"fallback_from=", v.FallbackFrom}, {"id=", v.RequestID}, {"", v.ErrorCode}, {"", v.ErrorMessage},
	} {
		if s.text != "" {
			parts = append(parts, s.label+s.text)
		}
	}
	if v.Explains {
		parts = append(parts, "(explains)")
	}
	return strings.Join(parts, "  ")
}

// file reads one file, or standard input, to its end.
func (w *recordWriter) file(ctx context.Context, path string, opt tail.ReadOptions) error {
	in, at := opt.Reader, time.Now()
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return unwrapPath(err)
		}
		defer func() { _ = f.Close() }() // opened for reading
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			at = info.ModTime()
		}
		in = f
	}
	in, err := unpacked(in)
	if err != nil {
		return err
	}
	l := &onceLines{w: w, at: at}
	l.lines, err = decode.NewStream(opt.Format, decode.Options{
		Kit: opt.Kit, Source: path, Labels: opt.Labels, Fields: opt.Fields, Formats: opt.Formats, Zone: opt.Zone, Misread: l.misread,
	})
	if err != nil {
		return &usageError{err: err}
	}
	return l.read(ctx, in)
}

func unpacked(r io.Reader) (io.Reader, error) {
	b := bufio.NewReaderSize(r, 64<<10)
	if head, _ := b.Peek(2); !bytes.Equal(head, []byte{0x1f, 0x8b}) {
		return b, nil
	}
	z, err := gzip.NewReader(b)
	if err != nil {
		return nil, fmt.Errorf("unpacking: %w", err)
	}
	return z, nil
}

// onceLines writes the records of one finished file in the order of its lines.
type onceLines struct {
	w     *recordWriter
	at    time.Time // of lines that have none: of the line before, at first of the file
	lines *decode.Stream
}

func (l *onceLines) read(ctx context.Context, r io.Reader) error {
	var split decode.Splitter
	take := func(line decode.Line) {
		l.lines.Take(line, time.Now())
		l.write()
	}
	buf := make([]byte, 64<<10)
	for l.w.err == nil && ctx.Err() == nil {
		n, err := r.Read(buf)
		split.Feed(buf[:n], take)
		if err == nil {
			continue
		}
		split.Flush(take)
		l.lines.Settle(time.Now())
		l.write()
		if errors.Is(err, io.EOF) {
			return l.w.err
		}
		return fmt.Errorf("reading: %w", err)
	}
	return errors.Join(l.w.err, ctx.Err())
}

// write writes the records that are ready.
func (l *onceLines) write() {
	for i := range l.lines.Records() {
		rec := &l.lines.Records()[i]
		if rec.Received {
			rec.Time = l.at
		}
		l.at = rec.Time
		l.w.record(rec)
	}
	l.lines.Clear()
}

// misread writes a line that could not be read, after the records before it.
func (l *onceLines) misread(line []byte, _ string) {
	l.write()
	l.w.unparsed(line)
}

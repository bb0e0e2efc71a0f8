package drill

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// longestEvent bounds one event of a stream, which comes from a stranger.
const longestEvent = 1 << 20

// errClient marks a failure to write to the client, not to read from upstream.
var errClient = errors.New("the client is gone")

// readEvents calls each with the data of every server-sent event until it
// returns false or the stream ends. Comments and event names are skipped: the
// data says what it is.
func readEvents(body io.Reader, each func(data []byte) (bool, error)) error {
	lines := bufio.NewScanner(body)
	lines.Buffer(make([]byte, 0, 4096), longestEvent)
	var data []byte
	for lines.Scan() {
		line := lines.Bytes()
		if rest, ok := bytes.CutPrefix(line, []byte("data:")); ok {
			data = append(data, bytes.TrimPrefix(rest, []byte(" "))...)
			continue
		}
		if len(line) > 0 || len(data) == 0 {
			continue
		}
		more, err := each(data)
		if err != nil || !more {
			return err
		}
		data = data[:0]
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("reading stream: %w", err)
	}
	return io.ErrUnexpectedEOF // no event said that it was the last
}

// streamWriter sends chunks to a client in OpenAI's shape. Nothing is sent, no
// header either, before the first piece: until then another target may answer.
type streamWriter struct {
	w       http.ResponseWriter
	id      string
	model   string
	created int64
	begun   bool
}

func (s *streamWriter) begin(served string) {
	if s.begun {
		return
	}
	s.begun = true
	s.model, s.created = served, time.Now().Unix()
	h := s.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-cache")
	h.Set("X-Served-Model", served)
	s.w.WriteHeader(http.StatusOK)
}

func (s *streamWriter) send(p piece) error {
	chunk := openaiAnswer{
		ID: s.id, Object: "chat.completion.chunk", Created: s.created, Model: s.model,
		Choices: []openaiChoice{{Delta: &openaiText{Content: p.Text}}},
	}
	if p.Finish != "" {
		chunk.Choices[0].Finish = &p.Finish
	}
	if p.Usage.Out > 0 {
		chunk.Usage = newOpenAIUsage(p.Usage)
	}
	return s.event(chunk)
}

// fail tells the client in the stream what went wrong; its headers said 200.
func (s *streamWriter) fail(f *failure) error {
	return s.event(map[string]any{"error": errorBody(f)})
}

func (s *streamWriter) done() error { return s.raw([]byte("[DONE]")) }

func (s *streamWriter) event(v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encoding event: %w", err)
	}
	return s.raw(data)
}

func (s *streamWriter) raw(data []byte) error {
	if _, err := fmt.Fprintf(s.w, "data: %s\n\n", data); err != nil {
		return fmt.Errorf("%w: %w", errClient, err)
	}
	err := http.NewResponseController(s.w).Flush()
	if err != nil && !errors.Is(err, http.ErrNotSupported) {
		return fmt.Errorf("%w: %w", errClient, err)
	}
	return nil
}

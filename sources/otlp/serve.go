package otlp

import (
	"encoding/json"
	"mime"
	"net/http"
	"time"

	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/protobuf/encoding/protowire"

	"signalbox/internal/redact"
	"signalbox/sources/push"
)

// The two forms of the protocol.
const (
	kindJSON     = "application/json"
	kindProtobuf = "application/x-protobuf"
)

func kindOf(r *http.Request) string {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return kind
}

// receive takes one request. It is answered as soon as its records are in the queue.
func (s *Source) receive(w http.ResponseWriter, r *http.Request) {
	kind := kindOf(r)
	read := map[string]func([]byte) (*logspb.LogsData, error){kindJSON: readJSON, kindProtobuf: readProtobuf}[kind]
	if read == nil {
		s.refuse(w, r, push.Refusal{Status: http.StatusUnsupportedMediaType, Text: "logs are sent as " + kindProtobuf + " or " + kindJSON})
		return
	}
	body, err := s.door.Read(w, r)
	if err != nil {
		s.refuse(w, r, push.AsRefusal(err))
		return
	}
	data, err := read(body)
	if err != nil {
		s.refuse(w, r, push.AsRefusal(err))
		return
	}
	if items := itemsOf(data); len(items) > 0 && !s.accept(items, len(body)) {
		s.answer(w, r, push.Refusal{Status: http.StatusServiceUnavailable, Text: "the queue is full", Later: time.Second})
		return
	}
	w.Header().Set("Content-Type", kind)
	if kind == kindJSON { // an empty answer; in protocol buffers it has no bytes
		_, _ = w.Write([]byte("{}"))
	}
}

// elsewhere answers what is not about logs.
func (s *Source) elsewhere(w http.ResponseWriter, r *http.Request) {
	why := push.Refusal{Status: http.StatusNotFound, Text: "only logs are taken here, at " + Path}
	if r.URL.Path == Path {
		w.Header().Set("Allow", http.MethodPost)
		why = push.Refusal{Status: http.StatusMethodNotAllowed, Text: "logs are sent with POST"}
	}
	s.refuse(w, r, why)
}

// refuse answers a request that cannot be taken however often it is sent, and tells the operator.
func (s *Source) refuse(w http.ResponseWriter, r *http.Request, why push.Refusal) {
	s.mu.Lock()
	if why.Status == http.StatusBadRequest {
		s.bad++
	}
	s.note("a sender was refused: " + why.Text)
	s.mu.Unlock()
	s.answer(w, r, why)
}

// answer writes a refusal as the protocol wants it: a Status (of google.rpc) in the sender's form.
func (s *Source) answer(w http.ResponseWriter, r *http.Request, why push.Refusal) {
	text := redact.Clip(redact.Terminal(why.Text), 400)
	code := grpcCodes[why.Status]
	if kindOf(r) == kindProtobuf {
		body := protowire.AppendTag(nil, 1, protowire.VarintType)
		body = protowire.AppendVarint(body, uint64(code))
		body = protowire.AppendTag(body, 2, protowire.BytesType)
		why.Answer(w, kindProtobuf, protowire.AppendString(body, text))
		return
	}
	body, _ := json.Marshal(struct { // two plain fields: it cannot fail
		Code    int    `json:"code"`
		Message string `json:"message"`
	}{code, text})
	why.Answer(w, kindJSON, body)
}

// grpcCodes are the codes of a Status by the HTTP status that they go with.
var grpcCodes = map[int]int{
	http.StatusBadRequest: 3, http.StatusUnsupportedMediaType: 3, http.StatusRequestEntityTooLarge: 3, http.StatusUnauthorized: 16,
	http.StatusForbidden: 7, http.StatusNotFound: 12, http.StatusMethodNotAllowed: 12, http.StatusServiceUnavailable: 14,
}

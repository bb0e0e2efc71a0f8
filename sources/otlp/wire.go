package otlp

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"

	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"signalbox/sources/push"
)

const (
	// maxMessages bounds the messages of one request (a record, an attribute and a value are one each): a body of
	// two bytes a message would take a hundred times its size in memory.
	maxMessages = 600_000
	maxNesting  = 64
)

var errTooMany = push.Refusal{Status: http.StatusRequestEntityTooLarge, Text: fmt.Sprintf("more than %d records, attributes and values in one request: send smaller batches", maxMessages)}

// readProtobuf reads the binary form. On the wire an export request and LogsData are the same.
func readProtobuf(body []byte) (*logspb.LogsData, error) {
	data := &logspb.LogsData{}
	if n := messages(body, data.ProtoReflect().Descriptor(), maxNesting, maxMessages); n < 0 {
		return nil, errTooMany
	}
	if err := (proto.UnmarshalOptions{DiscardUnknown: true, RecursionLimit: 2 * maxNesting}).Unmarshal(body, data); err != nil {
		return nil, fmt.Errorf("this is not an OTLP logs request: %w", err)
	}
	return data, nil
}

// messages counts what a body holds before anything is made of it, and gives what is left of the budget; below 0 there
// was too much. What is not well-formed is left to the decoder to refuse.
func messages(body []byte, of protoreflect.MessageDescriptor, depth, budget int) int {
	for len(body) > 0 && budget >= 0 && depth > 0 {
		num, kind, n := protowire.ConsumeTag(body)
		if n < 0 {
			return budget
		}
		body = body[n:]
		if n = protowire.ConsumeFieldValue(num, kind, body); n < 0 {
			return budget
		}
		if f := of.Fields().ByNumber(num); f != nil && kind == protowire.BytesType {
			budget--
			if f.Kind() == protoreflect.MessageKind {
				inner, _ := protowire.ConsumeBytes(body)
				budget = messages(inner, f.Message(), depth-1, budget)
			}
		}
		body = body[n:]
	}
	return budget
}

// readJSON reads the JSON form.
func readJSON(body []byte) (*logspb.LogsData, error) {
	if bytes.Count(body, []byte("{")) > maxMessages {
		return nil, errTooMany
	}
	data := &logspb.LogsData{}
	if len(bytes.TrimSpace(body)) == 0 {
		return nil, errors.New("the body is empty: an empty request is {}")
	}
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true, RecursionLimit: 2 * maxNesting}).Unmarshal(body, data); err != nil {
		return nil, fmt.Errorf("this is not an OTLP logs request: %w", err)
	}
	for _, rl := range data.GetResourceLogs() {
		for _, sl := range rl.GetScopeLogs() {
			for _, r := range sl.GetLogRecords() {
				r.TraceId, r.SpanId = unhex(r.TraceId, 16), unhex(r.SpanId, 8)
			}
		}
	}
	return data, nil
}

// unhex gives the bytes of an id. OTLP's JSON writes ids in hex where JSON of protocol buffers is read as base64; hex
// of these lengths is also base64, of which nothing was lost: written as base64 again it is the text that was sent.
func unhex(id []byte, size int) []byte {
	if len(id) == size || len(id) == 0 {
		return id
	}
	out := make([]byte, size)
	text := base64.StdEncoding.EncodeToString(id)
	if len(text) != 2*size {
		return nil
	}
	if _, err := hex.Decode(out, []byte(text)); err != nil {
		return nil
	}
	return out
}

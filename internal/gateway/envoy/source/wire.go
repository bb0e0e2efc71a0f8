package source

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"signalbox/internal/redact"
)

// The few messages of Envoy's discovery protocol that are needed (envoy.service.discovery.v3, envoy.service.runtime.v3),
// by their field numbers, and gRPC's framing of them.
const (
	runtimeType  = "type.googleapis.com/envoy.service.runtime.v3.Runtime"
	resourceType = "type.googleapis.com/envoy.service.discovery.v3.Resource"
	runtimePath  = "/envoy.service.runtime.v3.RuntimeDiscoveryService/StreamRuntime"

	maxFrame = 1 << 20
	maxNames = 16
)

// request is what an Envoy says: who it is (only in its first message), which layers it wants, and which answer it took.
type request struct {
	node   string
	names  []string
	nonce  string
	failed string // why it has refused the answer with that nonce
}

// readFrame reads one message of a gRPC stream.
func readFrame(r io.Reader) ([]byte, error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[1:])
	if head[0] != 0 || n > maxFrame {
		return nil, fmt.Errorf("a message that is compressed, or of %d bytes", n)
	}
	b := make([]byte, n)
	_, err := io.ReadFull(r, b)
	return b, err
}

func frame(message []byte) []byte {
	b := make([]byte, 5, 5+len(message))
	binary.BigEndian.PutUint32(b[1:], uint32(len(message))) //nolint:gosec // a few kilobytes
	return append(b, message...)
}

var errWire = errors.New("not a discovery request")

// parseRequest reads a DiscoveryRequest.
func parseRequest(b []byte) (request, error) {
	var q request
	err := fields(b, func(num protowire.Number, v []byte) error {
		switch num {
		case 2: // node
			return fields(v, func(num protowire.Number, v []byte) error {
				if num == 1 {
					q.node = redact.Outside(string(v), 100)
				}
				return nil
			})
		case 3: // resource_names
			if len(q.names) == maxNames || !plainKey.Match(v) {
				return fmt.Errorf("%w: too many or odd names of layers", errWire)
			}
			q.names = append(q.names, string(v))
		case 4: // type_url
			if string(v) != runtimeType {
				return fmt.Errorf("%w of runtime layers: %s", errWire, redact.Outside(string(v), 100))
			}
		case 5: // response_nonce
			q.nonce = string(v)
		case 6: // error_detail
			q.failed = "refused"
			return fields(v, func(num protowire.Number, v []byte) error {
				if num == 2 {
					q.failed = redact.Outside(string(v), 200)
				}
				return nil
			})
		}
		return nil
	})
	return q, err
}

// fields visits the fields that have bytes, and passes over the others.
func fields(b []byte, visit func(protowire.Number, []byte) error) error {
	for len(b) > 0 {
		num, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return errWire
		}
		b = b[n:]
		if n = protowire.ConsumeFieldValue(num, kind, b); n < 0 {
			return errWire
		}
		if kind == protowire.BytesType {
			v, _ := protowire.ConsumeBytes(b)
			if err := visit(num, v); err != nil {
				return err
			}
		}
		b = b[n:]
	}
	return nil
}

// layer is one of Envoy's runtime layers as it is sent.
type layer struct {
	name    string
	version uint64
	values  map[string]uint32
	ttl     time.Duration // 0: nothing is set, so nothing ends
}

// response is a DiscoveryResponse.
func response(version uint64, nonce string, layers []layer) []byte {
	var b []byte
	b = text(b, 1, fmt.Sprint(version))
	for _, l := range layers {
		b = message(b, 2, l.resource())
	}
	b = text(b, 4, runtimeType)
	return text(b, 5, nonce)
}

// resource is an Any with a Resource, which has an Any with a Runtime.
func (l *layer) resource() []byte {
	var values []byte
	for _, k := range sortedKeys(l.values) {
		number := protowire.AppendTag(nil, 2, protowire.Fixed64Type)
		number = protowire.AppendFixed64(number, math.Float64bits(float64(l.values[k])))
		values = message(values, 1, message(text(nil, 1, k), 2, number))
	}
	runtime := message(text(nil, 1, l.name), 2, values)
	resource := text(nil, 1, fmt.Sprint(l.version))
	resource = message(resource, 2, anyOf(runtimeType, runtime))
	resource = text(resource, 3, l.name)
	if l.ttl > 0 {
		d := protowire.AppendTag(nil, 1, protowire.VarintType)
		d = protowire.AppendVarint(d, uint64(l.ttl/time.Second))
		d = protowire.AppendTag(d, 2, protowire.VarintType)
		d = protowire.AppendVarint(d, uint64(l.ttl%time.Second))
		resource = message(resource, 6, d)
	}
	return anyOf(resourceType, resource)
}

func anyOf(url string, value []byte) []byte { return message(text(nil, 1, url), 2, value) }

func text(b []byte, num protowire.Number, s string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, num, protowire.BytesType), s)
}

func message(b []byte, num protowire.Number, m []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, num, protowire.BytesType), m)
}

package otlp

import (
	"bytes"
	"encoding/hex"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
)

// Bounds of what is kept of one record.
const (
	maxOwn    = 256 << 10 // of its attributes and body together
	maxShared = 16 << 10  // of resource and scope
	maxValue  = 16 << 10
	maxKey    = 256
	maxDeep   = 12
	maxSender = 200
)

// item is one log record on its way to a decoder. Its parts are members of one JSON object without the braces, in the
// order in which the later overrules the earlier: resource and scope, then the record's own.
type item struct {
	sender   string
	shared   []byte // of resource and scope; shared between records
	own      []byte
	text     []byte // of a body that is a string: it may be a log line itself
	tail     []byte // time and level: what OTLP says of them counts
	at       time.Time
	observed time.Time
}

// line gives the record as one JSON line. inner are more members, after the record's own.
func (it *item) line(inner []byte) []byte {
	b := make([]byte, 0, len(it.shared)+len(it.own)+len(inner)+len(it.tail)+8)
	b = append(b, '{')
	for _, part := range [][]byte{it.shared, it.own, inner, it.tail} {
		if len(part) == 0 {
			continue
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(b, part...)
	}
	return append(b, '}')
}

// whole is the line with a body that is text.
func (it *item) whole() []byte {
	if it.text == nil {
		return it.line(nil)
	}
	return it.line(appendText([]byte(`"body":`), string(it.text), maxValue))
}

func (it *item) size() int { return len(it.own) + len(it.text) + len(it.tail) + 64 }

// noise are attributes of a resource that say nothing about a request.
var noise = []string{"telemetry.", "process.", "os."}

// itemsOf takes a request apart. The resource is written once for all its records.
func itemsOf(data *logspb.LogsData) []item {
	var out []item
	for _, rl := range data.GetResourceLogs() {
		var res members
		res.max = maxShared
		for _, kv := range rl.GetResource().GetAttributes() {
			if !startsWith(kv.GetKey(), noise) {
				res.add(kv.GetKey(), kv.GetValue())
			}
		}
		sender := identity(rl.GetResource())
		for _, sl := range rl.GetScopeLogs() {
			shared := members{b: bytes.Clone(res.b), max: maxShared}
			for _, kv := range sl.GetScope().GetAttributes() {
				shared.add(kv.GetKey(), kv.GetValue())
			}
			for _, r := range sl.GetLogRecords() {
				it := itemOf(r)
				it.sender, it.shared = sender, shared.b
				out = append(out, it)
			}
		}
	}
	return out
}

// identity names the sender of a resource: the service and which of its instances.
func identity(r *resourcepb.Resource) string {
	var service, instance string
	rank := len(instanceKeys)
	for _, kv := range r.GetAttributes() {
		if kv.GetKey() == "service.name" {
			service = kv.GetValue().GetStringValue()
		}
		for i, k := range instanceKeys[:rank] {
			if v := kv.GetValue().GetStringValue(); k == kv.GetKey() && v != "" {
				instance, rank = v, i
				break
			}
		}
	}
	name := service + "/" + instance
	return strings.ToValidUTF8(name[:min(len(name), maxSender)], "")
}

// instanceKeys are the attributes that tell instances of a service apart, the best first.
var instanceKeys = []string{"service.instance.id", "k8s.pod.uid", "k8s.pod.name", "container.id", "host.name", "host.id"}

func itemOf(r *logspb.LogRecord) item {
	it := item{at: nanos(r.GetTimeUnixNano()), observed: nanos(r.GetObservedTimeUnixNano())}
	own := members{max: maxOwn}
	if !it.observed.IsZero() {
		own.number("timeUnixNano", r.GetObservedTimeUnixNano()) // the weakest name of a time: any other counts more
	}
	if id := r.GetTraceId(); len(id) > 0 && len(id) <= 32 {
		own.text("trace_id", hex.EncodeToString(id))
	}
	name := r.GetEventName()
	if name != "" {
		own.text("event_name", name)
	}
	for _, kv := range r.GetAttributes() {
		own.add(kv.GetKey(), kv.GetValue())
		if name == "" && kv.GetKey() == "event.name" {
			name = kv.GetValue().GetStringValue()
		}
	}
	own.inContent = strings.HasPrefix(name, "gen_ai.")
	switch body := r.GetBody().GetValue().(type) {
	case nil:
	case *commonpb.AnyValue_StringValue:
		if own.inContent {
			own.text("body", left(len(body.StringValue)))
			break
		}
		text := body.StringValue
		it.text = []byte(strings.TrimRight(text[:min(len(text), maxOwn)], "\r\n"))
	case *commonpb.AnyValue_KvlistValue:
		for _, kv := range body.KvlistValue.GetValues() {
			own.add(kv.GetKey(), kv.GetValue())
		}
	default:
		own.add("body", r.GetBody())
	}
	it.own = own.b
	tail := members{max: maxValue}
	if !it.at.IsZero() {
		tail.number("time", r.GetTimeUnixNano())
	}
	if level := levelOf(r); level != "" {
		tail.text("level", level)
	}
	it.tail = tail.b
	return it
}

func nanos(n uint64) time.Time {
	if n == 0 || n > math.MaxInt64 {
		return time.Time{}
	}
	return time.Unix(0, int64(n))
}

var levels = [...]string{"trace", "debug", "info", "warn", "error", "fatal"}

// levelOf gives the level in a word that decoders know. The number is the standard's; the text is the sender's own.
func levelOf(r *logspb.LogRecord) string {
	if n := int(r.GetSeverityNumber()); n >= 1 && n <= 24 {
		return levels[(n-1)/4]
	}
	return r.GetSeverityText()
}

// members writes members of a JSON object.
type members struct {
	b         []byte
	max       int
	inContent bool // what follows may hold what people and models said to each other
}

// content are names of what people and models said to each other. It is no business of a console and is left out.
var content = []string{
	"gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions", "gen_ai.prompt", "gen_ai.completion", "gen_ai.tool.",
	"gen_ai.request.messages", "gen_ai.response.messages", "gen_ai.content.", "llm.prompts", "llm.completions", "llm.input_messages", "llm.output_messages",
}

// contentKeys are names of the same inside the body of an event of a conversation.
var contentKeys = []string{"content", "message", "messages", "tool_calls", "arguments", "prompt", "completion", "input", "output", "parts"}

func startsWith(s string, heads []string) bool {
	for _, p := range heads {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

// left says that something was left out.
func left(n int) string { return "(" + strconv.Itoa(n) + " bytes left out)" }

func (m *members) key(key string) bool {
	if key == "" || len(key) > maxKey || len(m.b)+len(key) > m.max {
		return false
	}
	if len(m.b) > 0 {
		m.b = append(m.b, ',')
	}
	m.b = append(appendText(m.b, key, maxKey), ':')
	return true
}

func (m *members) text(key, value string) {
	if m.key(key) {
		m.b = appendText(m.b, value, min(maxValue, max(0, m.max-len(m.b))))
	}
}

func (m *members) number(key string, n uint64) {
	if m.key(key) {
		m.b = strconv.AppendUint(m.b, n, 10)
	}
}

func (m *members) add(key string, v *commonpb.AnyValue) {
	if m.key(key) {
		m.value(key, v, 0)
	}
}

func (m *members) value(key string, v *commonpb.AnyValue, depth int) {
	room := m.max - len(m.b)
	if startsWith(key, content) || m.inContent && slices.Contains(contentKeys, key) {
		m.b = appendText(m.b, "(left out)", maxKey)
		return
	}
	if room <= 0 || depth > maxDeep {
		m.b = append(m.b, "null"...)
		return
	}
	switch x := v.GetValue().(type) {
	case *commonpb.AnyValue_StringValue:
		m.b = appendText(m.b, x.StringValue, min(maxValue, room))
	case *commonpb.AnyValue_BoolValue:
		m.b = strconv.AppendBool(m.b, x.BoolValue)
	case *commonpb.AnyValue_IntValue:
		m.b = strconv.AppendInt(m.b, x.IntValue, 10)
	case *commonpb.AnyValue_DoubleValue:
		if math.IsNaN(x.DoubleValue) || math.IsInf(x.DoubleValue, 0) {
			m.b = append(m.b, "null"...)
			return
		}
		m.b = strconv.AppendFloat(m.b, x.DoubleValue, 'g', -1, 64)
	case *commonpb.AnyValue_BytesValue:
		m.b = appendText(m.b, left(len(x.BytesValue)), maxKey)
	case *commonpb.AnyValue_ArrayValue:
		m.array(x.ArrayValue.GetValues(), depth)
	case *commonpb.AnyValue_KvlistValue:
		m.list(x.KvlistValue.GetValues(), depth)
	default:
		m.b = append(m.b, "null"...)
	}
}

func (m *members) array(values []*commonpb.AnyValue, depth int) {
	m.b = append(m.b, '[')
	for i, v := range values {
		if len(m.b) > m.max {
			break
		}
		if i > 0 {
			m.b = append(m.b, ',')
		}
		m.value("", v, depth+1)
	}
	m.b = append(m.b, ']')
}

func (m *members) list(values []*commonpb.KeyValue, depth int) {
	m.b = append(m.b, '{')
	first := true
	for _, kv := range values {
		key := kv.GetKey()
		if key == "" || len(key) > maxKey || len(m.b) > m.max {
			continue
		}
		if !first {
			m.b = append(m.b, ',')
		}
		first = false
		m.b = append(appendText(m.b, key, maxKey), ':')
		m.value(key, kv.GetValue(), depth+1)
	}
	m.b = append(m.b, '}')
}

// appendText writes a JSON string of at most so many bytes of the text.
func appendText(b []byte, s string, most int) []byte {
	if len(s) > most {
		for most > 0 && !utf8.RuneStart(s[most]) {
			most--
		}
		s = s[:most]
	}
	b = append(b, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\n':
			b = append(b, `\n`...)
		case c == '\t':
			b = append(b, `\t`...)
		case c == '\r':
			b = append(b, `\r`...)
		case c < 0x20:
			b = append(b, `\u00`...)
			b = append(b, "0123456789abcdef"[c>>4], "0123456789abcdef"[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

// Package decode turns one line of a log into one traffic.Record: it detects a log's format, splits
// blocks into lines, and decodes lines. It is pure: no I/O and no clock.
package decode

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"signalbox/internal/traffic"
	"signalbox/sources"
)

// Kind says what a line was.
type Kind uint8

// The kinds of lines. Request and Explains come with a record, the others without.
const (
	Unparsed Kind = iota // could not be read; Result.Why says why
	Request              // counts: one request, or one attempt
	Explains             // adds text to the record with the same request id; is not counted
	Ignored              // understood, and not about a request
)

// Result is what decoding a line gave beside the record.
type Result struct {
	Kind     Kind
	Why      string // for Unparsed and Ignored
	Skewed   bool   // the line's time lay more than MaxSkew in the future: the record has the receive time
	Unmapped bool   // the inventory does not know the record's deployment
}

// Decoder turns lines of one format into records. It may learn from the lines it has seen, so each
// stream of lines has its own; it is not safe for concurrent use. line is not kept.
type Decoder interface {
	Format() string
	Decode(line []byte, received time.Time) (traffic.Record, Result)
}

// Bounds on what a record keeps of a line.
const (
	MaxRaw     = 2 << 10
	MaxMessage = 1 << 10
	maxWord    = 200 // codes, types, ids
	// MaxSkew is how far in the future a line's time may lie.
	MaxSkew = time.Minute
)

// The formats.
const (
	Auto        = "auto"
	Signalbox   = "signalbox"    // the reference gateway's JSON lines
	HAProxyJSON = "haproxy-json" // HAProxy with the documented JSON log-format
	HAProxyText = "haproxy"      // HAProxy's default HTTP log
	LiteLLM     = "litellm"      // LiteLLM: its log, its payloads, and the callback's lines
	NginxJSON   = "nginx-json"   // nginx with a log_format of escape=json
	NginxError  = "nginx-error"  // nginx's error log
	EnvoyJSON   = "envoy-json"   // Envoy's access log and its router's upstream_log in JSON
	Access      = "access"       // access lines of nginx, Apache, Envoy and uvicorn
	JSON        = "json"         // any JSON lines, by common names or a field mapping
	Logfmt      = "logfmt"       // key=value lines, by common names or a field mapping
	Text        = "text"         // any text: a line that tells of a failure is a failure

	// LiteLLMErrors is LiteLLM's log beside the callback's file: its error lines explain, and nothing counts.
	LiteLLMErrors = "litellm-errors"
)

// Options say how to decode.
type Options struct {
	Kit    sources.Kit
	Source string // the source's name, put into every record
	Labels sources.Labels
	Fields map[string]string // field name -> dotted path, for json and logfmt
	Zone   *time.Location    // of times that name none; nil: UTC
	// Formats are the mapping files of the configuration. Their names are formats like the others, and Auto tries them.
	Formats []*Mapping
	// Misread is told of each line that could not be read, where it is set. line is not to be kept, and is untrusted.
	Misread func(line []byte, why string)
	// Skipped is told in the same way of each line that is understood and not about a request.
	Skipped func(line []byte, why string)
	// Unknown counts the values that the inventory does not know; nil counts none.
	Unknown *traffic.UnknownPlaces
	// Places lets a stream make traffic.Lines of plain successes, where the format has them, and number their keys; nil: it
	// makes records of all. Streams of one goroutine may share it.
	Places *traffic.Places

	outer  *draft // what the envelope of the lines says, for records that lack it
	nested int    // in how many envelopes the lines are
}

// builders make the decoders, in the order in which detection prefers them.
var builders = []struct {
	format string
	make   func(Options) (Decoder, error)
}{
	{Signalbox, newReference},
	{HAProxyJSON, newHAProxyJSON},
	{HAProxyText, newHAProxyText},
	{LiteLLM, newLiteLLM},
	{LiteLLMErrors, newLiteLLMErrors},
	{NginxJSON, newNginxJSON},
	{EnvoyJSON, newEnvoyJSON},
	{Access, newAccess},
	{NginxError, newNginxErrors},
	{JSON, newJSON},
	{Logfmt, newLogfmt},
	{Text, newText},
}

// Formats lists the formats by name: the built-in ones, then those of the shipped mapping files.
func Formats() []string {
	var out []string
	for _, b := range builders {
		out = append(out, b.format)
	}
	for _, m := range shipped() {
		out = append(out, m.Name)
	}
	return out
}

func isBuiltIn(format string) bool {
	for _, b := range builders {
		if b.format == format {
			return true
		}
	}
	return false
}

// New makes a decoder for a format, inside of wrappers or alone. It joins the parts of lines that a
// wrapper has split; the lines of one failure only a Stream joins.
func New(format string, opt Options) (Decoder, error) {
	if strings.Contains(format, between) {
		around, inner, err := splitFormat(format, opt.Formats...)
		if err != nil {
			return nil, err
		}
		if len(around) > 0 && inner != Auto {
			return newEnclosed(around, inner, opt)
		}
	}
	for _, b := range builders {
		if b.format == format {
			return b.make(opt)
		}
	}
	if m := mappingOf(format, opt.Formats); m != nil {
		return m.decoder(opt)
	}
	known := Formats()
	slices.Sort(known)
	return nil, fmt.Errorf("log format %q is not known: try auto, one of %s, or the path of a mapping file", format, strings.Join(known, ", "))
}

package decode

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// field is what a value of a line can mean.
type field uint8

const (
	fTime field = iota
	fRequestID
	fEnv
	fGateway
	fInstance
	fSide
	fProvider
	fModel
	fServed
	fRegion
	fDeployment
	fEndpoint
	fWorkload
	fStream
	fCaller
	fBackend
	fServer
	fHost
	fBaseURL
	fKeyAlias
	fStatus
	fLatency
	fTTFT
	fRetryAfter
	fTokensIn
	fTokensOut
	fTokensCached
	fAttempt
	fFallbackFrom
	fFinish
	fCode
	fType
	fMessage
	fShape
	fKind
	fLevel
	fText // what a line says, where nothing says that it is an error
	numFields
	noField field = 255
)

var fieldNames = [numFields]string{
	"time", "request_id", "env", "gateway", "instance", "side", "provider", "model", "served_model", "region", "deployment",
	"endpoint", "workload", "stream", "caller", "backend", "server", "host", "base_url", "key_alias", "status", "latency",
	"ttft", "retry_after", "tokens_in", "tokens_out", "tokens_cached", "attempt", "fallback_from", "finish_reason",
	"error_code", "error_type", "error_message", "shape", "kind", "level", "message",
}

func (f field) isSpan() bool { return f == fLatency || f == fTTFT || f == fRetryAfter }

// spanUnits are the endings of a field's name that say in what a number counts time.
var spanUnits = []struct {
	suffix string
	unit   time.Duration
}{
	{"_ms", time.Millisecond}, {"_us", time.Microsecond}, {"_ns", time.Nanosecond}, {"_s", time.Second},
}

// parseField finds a field by its name in a configuration, with the unit of a time span.
func parseField(name string) (field, time.Duration, error) {
	base, unit := name, time.Duration(0)
	for _, u := range spanUnits {
		if cut, ok := strings.CutSuffix(name, u.suffix); ok && slices.Contains([]string{"latency", "ttft", "retry_after"}, cut) {
			base, unit = cut, u.unit
			break
		}
	}
	for f, n := range fieldNames {
		if n != base {
			continue
		}
		if field(f).isSpan() && unit == 0 {
			return noField, 0, fmt.Errorf("field %q has no unit: write %s_ms, %s_s, %s_us or %s_ns", name, name, name, name, name)
		}
		return field(f), unit, nil
	}
	return noField, 0, fmt.Errorf("field %q is not known: try one of %s", name, strings.Join(FieldNames(), ", "))
}

// FieldNames lists the names that a field mapping may use.
func FieldNames() []string {
	var out []string
	for f, n := range fieldNames {
		if field(f).isSpan() {
			for _, u := range spanUnits {
				out = append(out, n+u.suffix)
			}
			continue
		}
		out = append(out, n)
	}
	return out
}

// span makes a duration of a number, bounded to what a duration can hold.
func span(n float64, unit time.Duration) (time.Duration, bool) {
	d := n * float64(unit)
	if math.IsNaN(d) || d < 0 || d > float64(math.MaxInt64/2) {
		return 0, false
	}
	return time.Duration(d), true
}

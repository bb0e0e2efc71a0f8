package decode

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"signalbox/internal/redact"
	"signalbox/internal/traffic"
)

// Trial is what a format made of a sample of lines: first what it could not read, then what it read of each field.
type Trial struct {
	Format  string
	Why     string // it was taken for that
	Lines   int64
	Misread []TrialReason // lines that could not be read
	Skipped []TrialReason // lines that are not about a request
	Tally   Tally

	Requests, Failures int64
	Explaining         int64 // records that only add a text to a request
	Fields             []TrialField
	Unread             []string // fields that no record has
	Unknown            []traffic.UnknownPlace
	Sample             [][]byte // lines without their wrappers
}

// TrialReason is one reason with the lines that it was given for.
type TrialReason struct {
	Why      string
	N        int64
	Examples []string // redacted, harmless on a screen
}

// TrialField is how many records have a field, of those that could.
type TrialField struct {
	Name     string
	N, Of    int64
	Examples []string // different values, redacted, harmless on a screen
	More     bool     // there are others
}

// Bounds of what a trial remembers.
const (
	maxReasons       = 8
	maxReasonLines   = 3
	maxFieldExamples = 3
	maxTrialText     = 60
)

// Try reads a sample with a format, or with the one that it is taken for.
func Try(sample [][]byte, format string, opt Options, now time.Time) (Trial, error) {
	opt.Kit = opt.Kit.Complete()
	var unknown traffic.UnknownPlaces
	var t Trial
	opt.Unknown = &unknown
	opt.Misread = func(line []byte, why string) { t.Misread = addReason(t.Misread, line, why) }
	opt.Skipped = func(line []byte, why string) { t.Skipped = addReason(t.Skipped, line, why) }
	s, err := NewStream(format, opt)
	if err != nil {
		return t, err
	}
	c := coverage{of: make(map[string]*TrialField), syms: opt.Kit.Symbols}
	take := func() {
		for i := range s.Records() {
			t.record(&s.Records()[i], &c)
		}
		s.Clear()
	}
	for _, line := range sample {
		s.Take(Line{Text: line}, now)
		take()
	}
	s.Settle(now)
	take()
	t.Tally, t.Format, t.Why, t.Unknown, t.Sample = s.Tally(), s.Format(), s.Found().Why, unknown.List(), s.Sample()
	t.Lines = t.Tally.Lines
	t.Fields, t.Unread = c.result(t.Requests, t.Failures)
	return t, nil
}

func addReason(all []TrialReason, line []byte, why string) []TrialReason {
	i := slices.IndexFunc(all, func(r TrialReason) bool { return r.Why == why })
	if i < 0 {
		if i = len(all); i == maxReasons {
			i, why = i-1, "and other reasons"
			all[i].Why = why
		} else {
			all = append(all, TrialReason{Why: why})
		}
	}
	all[i].N++
	if len(all[i].Examples) < maxReasonLines {
		text := redact.Secrets(string(line[:min(len(line), 8*maxExample)]))
		all[i].Examples = append(all[i].Examples, redact.Clip(redact.Terminal(text), maxExample))
	}
	return all
}

// record takes one record into account.
func (t *Trial) record(r *traffic.Record, c *coverage) {
	if r.Explains {
		t.Explaining++
		return
	}
	t.Requests++
	if r.Outcome.Failed() {
		t.Failures++
		for name, text := range map[string]string{"error_code": r.Code, "error_type": r.Type, "error_message": r.Message} {
			c.add(name, text)
		}
		c.add("(class)", r.Outcome.Class().String())
	}
	if !r.Received {
		c.add("time", r.Time.UTC().Format("2006-01-02 15:04:05.000 MST"))
	}
	c.add("request_id", r.RequestID)
	for d := range traffic.NumDims {
		if r.Key[d] != traffic.Unknown {
			c.add(d.String(), c.syms.Name(r.Key[d]))
		}
	}
	for name, sym := range map[string]traffic.Sym{"served_model": r.Served, "finish_reason": r.Finish, "fallback_from": r.FallbackFrom} {
		if sym != traffic.Unknown {
			c.add(name, c.syms.Name(sym))
		}
	}
	for _, f := range []struct {
		name string
		has  traffic.Field
		text string
	}{
		{"status", traffic.HasStatus, strconv.Itoa(r.Outcome.Status())},
		{"latency", traffic.HasLatency, r.Latency.String()},
		{"ttft", traffic.HasTTFT, r.TTFT.String()},
		{"retry_after", traffic.HasRetryAfter, r.RetryAfter.String()},
		{"tokens_in", traffic.HasTokensIn, strconv.FormatInt(r.TokensIn, 10)},
		{"tokens_out", traffic.HasTokensOut, strconv.FormatInt(r.TokensOut, 10)},
		{"tokens_cached", traffic.HasTokensCached, strconv.FormatInt(r.TokensCached, 10)},
		{"attempt", traffic.HasAttempt, strconv.Itoa(r.Attempt)},
	} {
		if r.Known&f.has != 0 {
			c.add(f.name, f.text)
		}
	}
}

// coverage counts the values of fields.
type coverage struct {
	of   map[string]*TrialField
	syms *traffic.Symbols
}

func (c *coverage) add(name, text string) {
	if text == "" {
		return
	}
	f := c.of[name]
	if f == nil {
		f = &TrialField{Name: name}
		c.of[name] = f
	}
	f.N++
	if f.More {
		return
	}
	text = redact.Outside(text, maxTrialText)
	switch {
	case slices.Contains(f.Examples, text):
	case len(f.Examples) == maxFieldExamples:
		f.More = true
	default:
		f.Examples = append(f.Examples, text)
	}
}

// wanted are the fields that a trial tells of in this order, whether a record has them or not.
var wanted = []string{
	"time", "request_id", "side", "status", "(class)", "model", "served_model", "provider", "region", "deployment", "endpoint", "env", "gateway", "instance",
	"caller", "workload", "stream", "latency", "ttft", "tokens_in", "tokens_out", "tokens_cached", "finish_reason", "attempt", "retry_after",
	"fallback_from", "error_code", "error_type", "error_message",
}

// result lists the fields that some record has, and names those that none has. What only failures have is
// measured by the failures.
func (c *coverage) result(requests, failures int64) (fields []TrialField, none []string) {
	for _, name := range slices.SortedFunc(maps.Keys(c.of), func(a, b string) int {
		return cmp.Compare(slices.Index(wanted, a), slices.Index(wanted, b))
	}) {
		f := *c.of[name]
		f.Of = requests
		if name == "(class)" || len(name) > 6 && name[:6] == "error_" {
			f.Of = failures
		}
		fields = append(fields, f)
	}
	for _, name := range wanted {
		if c.of[name] == nil && name != "(class)" && (failures > 0 || len(name) < 7 || name[:6] != "error_") {
			none = append(none, name)
		}
	}
	return fields, none
}

// Percent says a share in words that do not round to what is not so.
func (f TrialField) Percent() string {
	switch {
	case f.N >= f.Of:
		return "100%"
	case 100*f.N < f.Of:
		return "<1%"
	}
	return fmt.Sprintf("%d%%", 100*f.N/f.Of)
}

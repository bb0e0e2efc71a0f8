package decode

import (
	"bytes"
	"encoding/json"
	"math"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"signalbox/internal/traffic"
)

// messyLine is what encoding/json makes of a line of the generator. Of repeated keys its last one counts too.
type messyLine struct {
	TS         *string  `json:"ts"`
	Model      *string  `json:"model"`
	Provider   *string  `json:"provider"`
	Region     *string  `json:"region"`
	Endpoint   *string  `json:"endpoint"`
	Env        *string  `json:"env"`
	Team       *string  `json:"team"`
	RequestID  *string  `json:"request_id"`
	Status     any      `json:"status"`
	Latency    *float64 `json:"latency_ms"`
	TTFT       *float64 `json:"ttft_ms"`
	Stream     *bool    `json:"stream"`
	Prompt     *int64   `json:"prompt_tokens"`
	Completion *int64   `json:"completion_tokens"`
	Attempt    *int     `json:"attempt"`
	Error      *struct{ Type, Code, Message string }
}

// messyLog is a log with every kind of odd line, by the generator.
func messyLog(t *testing.T, args ...string) []byte {
	t.Helper()
	c := exec.Command("go", append([]string{"run", ".", "-messy", "0.3"}, args...)...)
	c.Dir = "../../tools/loggen"
	var errs bytes.Buffer
	c.Stderr = &errs
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, errs.Bytes())
	}
	return out
}

// Line by line, each field of the generator's odd lines is what encoding/json says it is, along the template as well as
// by the scanner alone, and a line is refused where encoding/json refuses it.
func TestMessyLinesAsEncodingJSONReadsThem(t *testing.T) {
	text := messyLog(t, "-n", "6000", "-messy-kinds", "shuffled,crlf,extra,spaced,escaped,dup,badutf8,half,text,empty,nul,array,wrongtype")
	text = append(text, messyLog(t, "-n", "60", "-seed", "9", "-messy-kinds", "long")...)
	kit := testKit()
	d, err := New(JSON, Options{Kit: kit})
	if err != nil {
		t.Fatal(err)
	}
	n, refused := 0, 0
	var split Splitter
	split.Feed(text, func(l Line) {
		rec, res := d.Decode(l.Text, received)
		var want messyLine
		if ok := json.Unmarshal(l.Text, &want) == nil; ok != (res.Kind != Unparsed) {
			t.Fatalf("kind %d (%s), encoding/json says %v: %q", res.Kind, res.Why, ok, l.Text)
		} else if !ok {
			refused++
			return
		}
		if _, isNumber := want.Status.(float64); !isNumber {
			return
		}
		n++
		if got, want := recordText(kit.Symbols.Name, rec), want.text(t); got != want {
			t.Fatalf("%s\nwant %s\nof %q", got, want, l.Text)
		}
	})
	if n < 4000 || refused < 300 {
		t.Errorf("%d lines compared, %d refused", n, refused)
	}
}

func (m *messyLine) text(t *testing.T) string {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, *m.TS)
	if err != nil {
		t.Fatal(err)
	}
	f := []any{
		at.UnixNano(), *m.Model, *m.Provider, *m.Region, *m.Endpoint, *m.Env, *m.Team, *m.RequestID, m.Status, ms(m.Latency), ms(m.TTFT),
		strconv.FormatBool(*m.Stream), *m.Prompt, *m.Completion, *m.Attempt,
	}
	if m.Error != nil {
		f = append(f, m.Error.Type, m.Error.Code, m.Error.Message)
	} else {
		f = append(f, "", "", "")
	}
	return asJSON(f)
}

func ms(n *float64) int64 {
	if n == nil {
		return 0
	}
	return int64(*n * float64(time.Millisecond))
}

func recordText(name func(traffic.Sym) string, r traffic.Record) string {
	k := r.Key
	return asJSON([]any{
		r.Time.UnixNano(), name(k[traffic.Model]), name(k[traffic.Provider]), name(k[traffic.Region]), name(k[traffic.Endpoint]), name(k[traffic.Env]),
		name(k[traffic.Caller]), r.RequestID, r.Outcome.Status(), int64(r.Latency), int64(r.TTFT), name(k[traffic.Stream]), r.TokensIn, r.TokensOut,
		r.Attempt, r.Type, r.Code, r.Message,
	})
}

func asJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// decimal reads what strconv reads.
func TestDecimalLikeStrconv(t *testing.T) {
	for _, text := range []string{"0.5", "1895.08", "123456789.123456", "0.000001", "99999999999.9999", "1.", ".5", "1..2", "-1.5", "1e3", "", "1234567890123456.7"} {
		got, ok := decimal([]byte(text))
		want, err := strconv.ParseFloat(text, 64)
		if ok && (err != nil || math.Float64bits(got) != math.Float64bits(want)) {
			t.Errorf("%q is %v, want %v (%v)", text, got, want, err)
		}
	}
	if n, ok := decimal([]byte("1895.08")); !ok || n != 1895.08 {
		t.Errorf("%v %v", n, ok)
	}
}

// Times of the one shape are those of time.Parse, whatever minute stood before.
func TestMinuteLikeTimeParse(t *testing.T) {
	var m minute
	for _, text := range []string{
		"2026-08-22T14:00:00.002339Z", "2026-08-22T14:00:59Z", "2026-08-22T14:00:60Z", "2026-08-22T14:01:01.123456789Z", "2026-02-29T14:00:00Z",
		"2026-08-22T14:00:0.5Z", "2026-08-22T14:00:00.Z", "2026-08-22T24:00:00Z", "2026-08-22T14:00:00.5+02:00", "1970-01-01T00:00:00Z",
		"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00:00Z", "2026-08-22T14:00:00,5Z", "2026-08-22 14:00:00Z", "2026-08-22T14:00:00.0000000001Z",
	} {
		sec, nsec, ok := m.read(value{kind: stringValue, bytes: []byte(text)})
		want, err := time.Parse(time.RFC3339Nano, text)
		if ok && (err != nil || !time.Unix(sec, nsec).Equal(want)) {
			t.Errorf("%q is %v, want %v (%v)", text, time.Unix(sec, nsec).UTC(), want, err)
		}
		if !ok && err == nil && text[len(text)-1] == 'Z' && want.Year() > 1999 && len(text) <= len("2026-08-22T14:01:01.123456789Z") && text[19] != ',' {
			t.Errorf("%q is left to time.Parse", text)
		}
	}
}

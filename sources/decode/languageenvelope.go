package decode

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"signalbox/internal/traffic"
)

// maxNested is how many envelopes may hold each other.
const maxNested = 3

// envelope decodes lines that carry other lines: exports of log stores. Each of these is decoded in its own
// format; what it lacks, such as the time or the pod, the envelope says. An envelope may carry many.
type envelope struct {
	*mapped // reads the envelope's own fields
	opt     Options
	outer   draft // what the envelope says of the line that is decoded now

	inner  Decoder  // nil until the format is told
	sample [][]byte // first lines within, for detection
	tried  int      // how many of them detection has seen
}

// carried is one line within an envelope, and what it gave.
type carried struct {
	line []byte
	rec  traffic.Record
	res  Result
}

// several is a decoder of lines that hold any number of lines: each is handed over as if it stood alone.
type several interface {
	Each(line []byte, received time.Time, each func(inner []byte, rec traffic.Record, res Result))
}

// Each decodes a line, and where it is an envelope all the lines within.
func Each(d Decoder, line []byte, received time.Time, each func(inner []byte, rec traffic.Record, res Result)) {
	if s, ok := d.(several); ok {
		s.Each(line, received, each)
		return
	}
	rec, res := d.Decode(line, received)
	each(line, rec, res)
}

// Each implements several.
func (e *enclosed) Each(line []byte, received time.Time, each func(inner []byte, rec traffic.Record, res Result)) {
	many, ok := e.dec.(several)
	if !ok {
		rec, res := e.Decode(line, received)
		each(line, rec, res)
		return
	}
	if w := e.chain.unwrap(line, received); w != nil {
		eachInside(many, w, e.opt, received, each)
	}
}

// eachInside decodes an envelope inside of wrappers. Where there are none, they say nothing.
func eachInside(dec several, w *wrapped, opt Options, received time.Time, each func(inner []byte, rec traffic.Record, res Result)) {
	if w.skip != "" {
		each(w.text, traffic.Record{}, Result{Kind: Ignored, Why: w.skip})
		return
	}
	dec.Each(w.text, received, func(inner []byte, rec traffic.Record, res Result) {
		rec, res = fillInside(rec, res, w, opt)
		each(inner, rec, res)
	})
}

func newEnvelope(m *Mapping, opt Options) (*envelope, error) {
	d, err := newMapped(m, opt)
	if err != nil {
		return nil, err
	}
	e := &envelope{mapped: d, opt: opt}
	e.opt.outer = &e.outer
	e.opt.nested++
	if m.unwrap.format != Auto {
		if e.inner, err = New(m.unwrap.format, e.opt); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// Decode implements Decoder for whoever wants one record of a line: the first. Each gives all.
func (e *envelope) Decode(line []byte, received time.Time) (traffic.Record, Result) {
	var first *carried
	e.Each(line, received, func(inner []byte, rec traffic.Record, res Result) {
		if first == nil || first.res.Kind != Request && res.Kind == Request {
			first = &carried{inner, rec, res}
		}
	})
	if first == nil {
		return traffic.Record{}, Result{Kind: Ignored, Why: "an envelope without a line"}
	}
	return first.rec, first.res
}

// Each implements several.
func (e *envelope) Each(line []byte, received time.Time, each func(inner []byte, rec traffic.Record, res Result)) {
	var doc any
	dec := json.NewDecoder(bytes.NewReader(afterSyslog(line)))
	dec.UseNumber()
	if err := dec.Decode(&doc); err != nil {
		each(line, traffic.Record{}, Result{Why: "not a JSON object"})
		return
	}
	if _, ok := doc.(map[string]any); !ok || dec.More() {
		each(line, traffic.Record{}, Result{Why: "not a JSON object"})
		return
	}
	if len(e.m.ignore) > 0 && e.read(line) == "" && anyHolds(e.m.ignore, e.seen, e.m.conds, line) {
		each(line, traffic.Record{}, Result{Kind: Ignored, Why: ignoredWhy})
		return
	}
	found := false
	for _, p := range e.m.unwrap.paths {
		walk(doc, p.steps, nil, func(v any, stars []string) {
			if inner := lineOf(v); len(inner) > 0 {
				found = true
				e.one(doc, inner, stars, received, each)
			}
		})
		if found {
			return
		}
	}
	each(line, traffic.Record{}, Result{Kind: Ignored, Why: "an envelope without a line"})
}

// one decodes one line within.
func (e *envelope) one(doc any, inner []byte, stars []string, received time.Time, each func([]byte, traffic.Record, Result)) {
	e.describe(doc, stars)
	d := e.told(inner)
	if d == nil {
		each(inner, traffic.Record{}, Result{Why: "too many envelopes within each other"})
		return
	}
	Each(d, inner, received, each)
}

// told gives the decoder of the lines within. With auto it is told by the first line, and told again by more of
// them as they come, until the sample is full.
func (e *envelope) told(inner []byte) Decoder {
	if e.m.unwrap.format != Auto {
		return e.inner
	}
	if e.opt.nested > maxNested {
		return nil
	}
	if len(e.sample) < SampleLines {
		e.sample = append(e.sample, bytes.Clone(inner[:min(len(inner), maxSampleLine)]))
	}
	if n := len(e.sample); e.inner == nil || n != e.tried && n >= 2*e.tried || n != e.tried && n == SampleLines {
		e.tried = n
		found := detect(e.sample, Options{Zone: e.opt.Zone, Formats: e.opt.Formats, nested: e.opt.nested})
		if e.inner == nil || e.inner.Format() != found.Format {
			if d, err := New(found.Format, e.opt); err == nil {
				e.inner = d
			}
		}
	}
	return e.inner
}

// learn tells the format of the lines within by a sample of envelopes.
func (e *envelope) learn(sample [][]byte) {
	if e.m.unwrap.format != Auto {
		return
	}
	for _, line := range sample {
		var doc any
		if len(e.sample) >= SampleLines || json.Unmarshal(afterSyslog(line), &doc) != nil {
			continue
		}
		for _, p := range e.m.unwrap.paths {
			walk(doc, p.steps, nil, func(v any, _ []string) {
				if inner := lineOf(v); len(inner) > 0 && len(e.sample) < SampleLines {
					e.sample = append(e.sample, inner[:min(len(inner), maxSampleLine)])
				}
			})
		}
	}
}

// describe reads what the envelope says of one of its lines: a * in a path of a field is the same element as the
// * in the path of the line.
func (e *envelope) describe(doc any, stars []string) {
	e.d.reset(nil)
	e.from = [numFields]*spot{}
	for i := range e.m.places {
		s := &e.m.places[i]
		walk(doc, bind(s.path.steps, stars), nil, func(v any, _ []string) {
			if scalar, ok := scalarOf(v); ok {
				e.put(s, scalar)
			}
		})
	}
	e.settleValues()
	if up := e.rec.outer; up != nil {
		e.d.complete(up)
	}
	e.outer = e.d
	if e.outer.at.IsZero() && e.outer.has(fTime) {
		e.outer.at, _ = parseTime(e.outer.vals[fTime], e.outer.zone)
	}
}

func bind(steps, stars []string) []string {
	if len(stars) == 0 {
		return steps
	}
	out := make([]string, len(steps))
	n := 0
	for i, s := range steps {
		if s == "*" && n < len(stars) {
			s = stars[n]
			n++
		}
		out[i] = s
	}
	return out
}

// walk visits what stands at a path, with the keys that its * stand for. As everywhere, a dot in a path may
// be part of a key.
func walk(v any, steps, stars []string, visit func(v any, stars []string)) {
	if len(steps) == 0 {
		visit(v, stars)
		return
	}
	switch v := v.(type) {
	case []any:
		if steps[0] == "*" {
			for i, item := range v {
				walk(item, steps[1:], append(stars[:len(stars):len(stars)], strconv.Itoa(i)), visit)
			}
			return
		}
		if i, err := strconv.Atoi(steps[0]); err == nil && i >= 0 && i < len(v) {
			walk(v[i], steps[1:], stars, visit)
		}
	case map[string]any:
		if steps[0] == "*" {
			return // the order of keys says nothing
		}
		for n := 1; n <= len(steps); n++ {
			if item, ok := v[strings.Join(steps[:n], ".")]; ok {
				walk(item, steps[n:], stars, visit)
				return
			}
		}
	}
}

// lineOf gives the text of a line within: a text as it stands, an object written out.
func lineOf(v any) []byte {
	switch v := v.(type) {
	case string:
		return bytes.TrimRight([]byte(v), "\r\n")
	case map[string]any:
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		if enc.Encode(v) != nil {
			return nil
		}
		return bytes.TrimRight(b.Bytes(), "\n")
	}
	return nil
}

func scalarOf(v any) (value, bool) {
	switch v := v.(type) {
	case string:
		return value{kind: stringValue, bytes: []byte(v)}, true
	case json.Number:
		return value{kind: numberValue, bytes: []byte(v)}, true
	case bool:
		return value{kind: boolValue, bytes: strconv.AppendBool(nil, v)}, true
	}
	return value{}, false
}

package decode

import (
	"bytes"
	"strings"
	"time"

	"signalbox/internal/traffic"
)

// Ranks of values that no path of the line has: those of an envelope, and constants.
const (
	outerRank    = 253
	constantRank = 254
)

const ignoredWhy = "the format says to ignore it"

// mapped decodes lines as a mapping file says.
type mapped struct {
	m *Mapping
	*generic
	aims  map[string]*aim // what a path of a line stands for, as far as the paths were met
	from  [numFields]*spot
	seen  []bool // by condition: whether a value of the line met it
	scan  scanner
	inner scanner // of a text that holds JSON
	base  []byte  // the path of that text
	both  []byte  // base and a path within
}

// aim is what one path of a line is for. nil is for nothing.
type aim struct {
	spots    []*spot
	conds    []int
	passes   []int // conditions that only ask whether something is here, of which the path is a part
	embedded bool
}

// decoder makes a decoder of the format.
func (m *Mapping) decoder(opt Options) (Decoder, error) {
	if m.unwrap != nil {
		return newEnvelope(m, opt)
	}
	return newMapped(m, opt)
}

func newMapped(m *Mapping, opt Options) (*mapped, error) {
	opt.Fields = nil // a mapping file says all
	g, err := newGeneric(opt)
	if err != nil {
		return nil, err
	}
	d := &mapped{m: m, generic: g, aims: make(map[string]*aim), seen: make([]bool, len(m.conds))}
	d.scan.visit = d.take
	d.inner.visit = d.takeInner
	return d, nil
}

// Format implements Decoder.
func (d *mapped) Format() string { return d.m.Name }

// Decode implements Decoder.
func (d *mapped) Decode(line []byte, received time.Time) (traffic.Record, Result) {
	if why := d.read(line); why != "" {
		return traffic.Record{}, Result{Why: why}
	}
	switch m := d.m; {
	case anyHolds(m.ignore, d.seen, m.conds, line):
		return traffic.Record{}, Result{Kind: Ignored, Why: ignoredWhy}
	case anyHolds(m.explain, d.seen, m.conds, line):
		if !d.d.has(fMessage) && d.d.has(fText) {
			d.d.set(fMessage, 1, 0, d.d.vals[fText])
		}
		return d.rec.explain(&d.d, received)
	case len(m.count) > 0 && !anyHolds(m.count, d.seen, m.conds, line):
		return traffic.Record{}, Result{Kind: Ignored, Why: "the format does not count such a line"}
	case len(m.count) > 0:
		return d.counted(received)
	}
	return d.finish(received)
}

// counted makes the record of a line that counts because the format says so, whatever it lacks.
func (d *mapped) counted(received time.Time) (traffic.Record, Result) {
	t := d.end()
	side := d.side()
	d.finishes()
	failed := t.failed || t.known && t.status == 0 || t.fuller && !t.known && !t.succeeded
	return d.request(side, t.status, failed, received)
}

// read finds the values of a line, and says why it could not.
func (d *mapped) read(line []byte) (why string) {
	d.d.reset(line)
	clear(d.seen)
	d.from = [numFields]*spot{}
	switch d.m.lines {
	case JSON:
		if !d.scan.scan(afterSyslog(line)) {
			why = "not a JSON object"
		}
	case Logfmt:
		if pairs(line, d.take) < 2 {
			why = "no key=value pairs"
		}
	case regexLines:
		why = "no pattern matches"
		for _, re := range d.m.patterns {
			at := re.FindSubmatchIndex(line)
			if at == nil {
				continue
			}
			for i, name := range re.SubexpNames() {
				if name != "" && at[2*i] >= 0 {
					d.take([]byte(name), value{kind: stringValue, bytes: line[at[2*i]:at[2*i+1]:at[2*i+1]]})
				}
			}
			why = ""
			break
		}
	}
	if why == "" {
		d.settleValues()
	}
	return why
}

// take is told of each value of a line.
func (d *mapped) take(path []byte, v value) {
	a, known := d.aims[string(path)]
	if !known {
		a = d.aim(string(path))
		if len(d.aims) < maxPaths {
			d.aims[string(path)] = a
		}
	}
	if a == nil {
		return
	}
	for _, c := range a.conds {
		d.seen[c] = d.seen[c] || d.m.conds[c].met(v)
	}
	for _, c := range a.passes {
		d.seen[c] = true
	}
	if a.embedded && v.kind == stringValue && len(v.bytes) > 1 && len(d.base) == 0 {
		d.base = append(d.base[:0], path...)
		d.inner.scan(v.bytes) // what is no JSON says nothing
		d.base = d.base[:0]
	}
	for _, s := range a.spots {
		d.put(s, v)
	}
}

// takeInner is told of the values of a JSON text within the line.
func (d *mapped) takeInner(path []byte, v value) {
	d.both = append(append(append(d.both[:0], d.base...), '.'), path...)
	d.take(d.both, v)
}

// aim finds what a path is for.
func (d *mapped) aim(path string) *aim {
	var a aim
	for i := range d.m.places {
		if d.m.places[i].path.matches(path) {
			a.spots = append(a.spots, &d.m.places[i])
		}
	}
	for i, c := range d.m.conds {
		switch {
		case c.path.matches(path):
			a.conds = append(a.conds, i)
		case len(c.values) == 0 && c.path.above(path):
			a.passes = append(a.passes, i)
		}
	}
	for _, e := range d.m.embedded {
		a.embedded = a.embedded || e.matches(path)
	}
	if len(a.spots) == 0 && len(a.conds) == 0 && len(a.passes) == 0 && !a.embedded {
		return nil
	}
	return &a
}

// put keeps a value for a field. A value that says that nothing is known leaves the next path its chance.
func (d *mapped) put(s *spot, v value) {
	if v.kind == nullValue || v.kind == stringValue && len(wordOf(v.bytes)) == 0 {
		return
	}
	if s.pattern != nil {
		at := s.pattern.FindSubmatchIndex(v.bytes)
		if at == nil || at[2] < 0 {
			return
		}
		v = value{kind: stringValue, bytes: v.bytes[at[2]:at[3]:at[3]]}
	}
	if !d.d.has(s.f) || d.d.rank[s.f] <= 255-s.rank {
		d.from[s.f] = s
	}
	d.d.set(s.f, s.rank, s.unit, v)
}

// settleValues says what the values of the line mean, once all are known.
func (d *mapped) settleValues() {
	for f := range numFields {
		table := d.m.values[f]
		if table == nil || !d.d.has(f) {
			continue
		}
		to, ok := table[strings.ToLower(string(d.d.word(f)))]
		if !ok {
			if to, ok = table["*"]; !ok {
				continue
			}
		}
		d.d.vals[f] = value{kind: stringValue, bytes: []byte(to)}
		if to == "" {
			d.d.rank[f] = 0
		}
	}
	for _, c := range d.m.consts {
		d.d.set(c.f, constantRank, c.unit, c.v)
	}
	if s := d.from[fTime]; s != nil && d.d.has(fTime) {
		d.d.at = s.time(d.d.vals[fTime], d.d.zone)
	}
}

// time reads a time as the mapping says; the zero time leaves it to the common forms.
func (s *spot) time(v value, zone *time.Location) time.Time {
	if s.zone != nil {
		zone = s.zone
	}
	switch {
	case s.layout != "":
		text := string(bytes.TrimSpace(v.bytes[:min(len(v.bytes), 100)]))
		if t, err := time.ParseInLocation(s.layout, text, zone); err == nil && sane(t) {
			return t
		}
	case s.epoch != 0:
		d := draft{vals: [numFields]value{fTime: v}, rank: [numFields]uint8{fTime: 1}}
		if n, ok := d.number(fTime); ok && n > 0 {
			if t := epochIn(v.bytes, n, s.epoch); sane(t) {
				return t
			}
		}
	case s.zone != nil:
		if t, ok := parseTime(v, zone); ok {
			return t
		}
	}
	return time.Time{}
}

// epochIn makes a time of a number of units since 1970, exact where the number is whole.
func epochIn(text []byte, n float64, unit time.Duration) time.Time {
	if whole, ok := smallInt(bytes.TrimSpace(text)); ok {
		per := int64(time.Second / max(unit, 1))
		if per == 0 {
			return time.Time{}
		}
		return time.Unix(whole/per, whole%per*int64(unit))
	}
	sec := n * unit.Seconds()
	if sec >= 1e11 {
		return time.Time{}
	}
	return time.UnixMicro(int64(sec * 1e6))
}

// complete takes from another draft what this one lacks.
func (d *draft) complete(o *draft) {
	for f := range numFields {
		if o.rank[f] != 0 && (!d.has(f) || len(d.word(f)) == 0 && d.vals[f].kind == stringValue) {
			d.rank[f] = 0
			d.set(f, outerRank, o.units[f], o.vals[f])
		}
	}
	if d.at.IsZero() && d.rank[fTime] == 255-outerRank {
		d.at = o.at
	}
}

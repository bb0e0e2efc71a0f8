package decode

// objects is how a decoder reads lines of JSON: along the template, else exactly.
type objects struct {
	scan scanner
	road *template
	buf  []byte // a copy of the line with room behind it
	head bool   // something may stand before the object: see afterSyslog
}

func newObjects(names naming, d *draft, head bool) *objects {
	o := &objects{road: newTemplate(names), head: head}
	o.scan.visit = func(path []byte, v value) {
		if to, how, ok := names(path); ok && how.takes(v.kind, v.bytes) {
			d.set(to.f, to.rank, to.unit, v)
		}
	}
	return o
}

// read fills a draft with the values of a line and tells whether the line is one JSON object.
func (o *objects) read(line []byte, d *draft) bool {
	if len(line) > 0 && line[0] == '{' && len(line) <= maxLearnt {
		o.buf = append(append(o.buf[:0], line...), "\n               "...)
		d.reset(o.buf[:len(line)])
		if end, ok := o.road.follow(o.buf, 0, d); ok && end == len(line) {
			o.road.missed = max(o.road.missed-1, 0)
			return true
		}
	}
	return o.exactly(line, d)
}

// exactly reads a line by the scanner, and lets the template learn.
func (o *objects) exactly(line []byte, d *draft) bool {
	d.reset(line)
	body := line
	if o.head {
		body = afterSyslog(line)
	}
	if !o.scan.scan(body) {
		return false
	}
	o.road.learn(body)
	return true
}

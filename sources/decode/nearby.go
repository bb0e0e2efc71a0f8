package decode

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// nearby finds the place of a line by the bytes of its fields as they stand: a gateway has few places, and the
// lines name them again and again. What is not found is worked out anew, so that it may forget at any time.
type nearby struct {
	fields []field
	parts  [len(placeFields)]nearPart // of the line that hash has looked at
	slots  []*nearPlace
	held   int
}

// nearPlace is one place as the lines write it.
type nearPlace struct {
	hash uint64
	raw  []byte // the fields one after the other
	ends []int32
	filled
}

// The bounds of a nearby: slots, how many of them may be full, and how many are looked at for one place.
const (
	nearSlots  = 8192
	nearHeld   = 4096
	nearProbes = 8
	maxNear    = 4 << 10 // bytes of one place; longer ones are not held
)

// placeFields are the fields that a place is made of, as the inventory calls them.
var placeFields = [...]struct {
	f    field
	name string
}{
	{fEnv, "env"},
	{fGateway, "gateway"},
	{fInstance, "instance"},
	{fProvider, "provider"},
	{fModel, "model"},
	{fRegion, "region"},
	{fDeployment, "deployment"},
	{fEndpoint, "endpoint"},
	{fWorkload, "workload"},
	{fCaller, "caller"},
	{fBackend, "backend"},
	{fServer, "server"},
	{fHost, "host"},
	{fBaseURL, "base_url"},
	{fKeyAlias, "key_alias"},
}

func newNearby() nearby {
	n := nearby{fields: make([]field, 0, len(placeFields))}
	for _, p := range placeFields {
		n.fields = append(n.fields, p.f)
	}
	return n
}

// without leaves fields out that change nothing of what is asked.
func (n *nearby) without(fields ...field) {
	n.fields = slices.DeleteFunc(n.fields, func(f field) bool { return slices.Contains(fields, f) })
}

// nearPart is what counts of one field. Of an endpoint that is what comes before its query; cut tells that there was one.
type nearPart struct {
	text []byte
	cut  bool
}

// hash looks at a line. find and add are about the line that it has looked at.
func (n *nearby) hash(d *draft) uint64 {
	h := uint64(0x9e3779b97f4a7c15)
	for i, f := range n.fields {
		p := &n.parts[i]
		if d.rank[f] == 0 {
			*p = nearPart{}
			h = mix(h^uint64(f), 0xa0761d6478bd642f)
			continue
		}
		p.text, p.cut = d.vals[f].bytes, false
		if f == fEndpoint && len(p.text) > 0 && !edge(p.text[0]) {
			whole := len(p.text)
			p.text = path(p.text)
			p.cut = len(p.text) < whole
		}
		h = hashed(h, p.text)
	}
	return h
}

// hashed adds a text to a hash that only guides a look-up: whoever builds texts with equal ones makes it slower, by a
// bounded number of steps, and not wrong.
func hashed(h uint64, b []byte) uint64 {
	h ^= uint64(len(b))
	for ; len(b) > 8; b = b[8:] {
		h = mix(h^binary.LittleEndian.Uint64(b), 0xe7037ed1a0b428db)
	}
	return mix(h^upToEight(b), 0x8ebc6af09c88c6e3)
}

func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// upToEight makes a number of one to eight bytes, so that texts of one length that differ make different numbers.
func upToEight(b []byte) uint64 {
	switch n := len(b); {
	case n >= 4:
		return uint64(binary.LittleEndian.Uint32(b)) | uint64(binary.LittleEndian.Uint32(b[n-4:]))<<32
	case n > 0:
		return uint64(b[0]) | uint64(b[n/2])<<8 | uint64(b[n-1])<<16
	}
	return 0
}

func (n *nearby) find(hash uint64) *filled {
	if n.slots == nil {
		return nil
	}
	for i := range uint64(nearProbes) {
		p := n.slots[(hash+i)%nearSlots]
		if p == nil {
			return nil
		}
		if p.hash == hash && n.is(p) {
			return &p.filled
		}
	}
	return nil
}

func (n *nearby) is(p *nearPlace) bool {
	from := int32(0)
	for i := range n.fields {
		part := &n.parts[i]
		end := p.ends[i]
		if part.cut {
			end = -end
		}
		if end < from || string(part.text) != string(p.raw[from:end]) {
			return false
		}
		from = end
	}
	return true
}

// add holds a place, and makes room where there is none.
func (n *nearby) add(hash uint64, f filled) *filled {
	p := &nearPlace{hash: hash, filled: f, ends: make([]int32, len(n.fields))}
	for i := range n.fields {
		b, cut := n.parts[i].text, n.parts[i].cut
		if len(p.raw)+len(b) > maxNear {
			return &p.filled
		}
		p.raw = append(p.raw, b...)
		p.ends[i] = int32(len(p.raw)) //nolint:gosec // bounded
		if cut {
			p.ends[i] = -p.ends[i]
		}
	}
	if n.slots == nil || n.held >= nearHeld {
		n.slots, n.held = make([]*nearPlace, nearSlots), 0
	}
	for i := range uint64(nearProbes) {
		if at := (hash + i) % nearSlots; n.slots[at] == nil || i == nearProbes-1 {
			n.slots[at] = p
			break
		}
	}
	n.held++
	return &p.filled
}

package board

import (
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"

	"signalbox/internal/traffic"
)

// The bounds of a block of text: what is unpacked to read one line, and what two copies of a line may lie apart to be told as one.
const (
	blockText    = 128 << 10
	blockRecords = 1024
)

// texts are the strings of one record.
type texts struct{ id, code, kind, message, raw string }

func textsOf(rec *traffic.Record) texts {
	return texts{rec.RequestID, rec.Code, rec.Type, rec.Message, rec.Raw}
}

func (t *texts) size() int {
	return len(t.id) + len(t.code) + len(t.kind) + len(t.message) + len(t.raw)
}

// block is the text of a run of records, packed. It never changes: one that is packed tighter, or has let raw lines go, is another.
// data begins with the directory, which says how long each record's texts are; what follows is packed as how says.
type block struct {
	first int64 // sequence number of the first record
	n     int32
	dir   int32
	size  int32 // of the text, unpacked
	how   packing
	thin  bool  // all successes have lost their raw lines
	gone  int32 // how many have
	data  []byte
}

// blockOverhead is the memory of a block besides its data.
const blockOverhead = 80

func (b *block) end() int64 { return b.first + int64(b.n) }

func (b *block) bytes() int { return cap(b.data) + blockOverhead }

// packing is how a block is packed.
type packing uint8

const (
	plainPacking packing = iota // no smaller packed
	fastPacking                 // s2: one pass while lines come in
	tightPacking                // zstd: half as large again, at a third of the pace
)

// tight is the slow packing's two ends. They are shared: EncodeAll and DecodeAll may be called from several goroutines.
type tight struct {
	in  *zstd.Encoder
	out *zstd.Decoder
}

var zstandard = sync.OnceValues(func() (tight, error) {
	in, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false))
	if err != nil {
		return tight{}, fmt.Errorf("preparing zstd: %w", err)
	}
	out, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderMaxMemory(1<<30))
	if err != nil {
		return tight{}, fmt.Errorf("preparing zstd: %w", err)
	}
	return tight{in, out}, nil
})

// draft is a block that is being written. A view may read what is there while the owner adds to it: neither buffer moves what
// it holds.
type draft struct {
	first int64
	n     int
	dir   []byte
	text  []byte
	gone  int32 // how many successes came without their raw lines
	seen  bool  // by a view: the buffers may not be used again
}

// fits tells whether a record's text belongs into this block.
func (d *draft) fits(size int) bool {
	return d.n == 0 || d.n < blockRecords && len(d.text)+size <= blockText
}

// What a directory entry says besides.
const (
	errorText = 1 << iota // code, type and message follow
	idInRaw               // the request id is a part of the raw line, and where that is follows
	entryBits = iota
)

func (d *draft) add(t texts) {
	d.text = append(d.text, t.id...)
	if t.code != "" || t.kind != "" || t.message != "" {
		d.text = append(append(append(d.text, t.code...), t.kind...), t.message...)
	}
	d.text = append(d.text, t.raw...)
	d.enter(len(t.id), len(t.code), len(t.kind), len(t.message), len(t.raw))
}

// enter writes a directory entry.
func (d *draft) enter(id, code, kind, message, raw int) {
	head := uint64(raw) << entryBits //nolint:gosec // a length
	bad := code+kind+message > 0
	if bad {
		head |= errorText
	}
	d.dir = binary.AppendUvarint(binary.AppendUvarint(d.dir, head), uint64(id)) //nolint:gosec // a length
	if bad {
		for _, n := range [...]int{code, kind, message} {
			d.dir = binary.AppendUvarint(d.dir, uint64(n)) //nolint:gosec // a length
		}
	}
	d.n++
}

// enterLine writes a directory entry of a line that has its request id in it.
func (d *draft) enterLine(raw, at, id int) {
	head := uint64(raw)<<entryBits | idInRaw                                    //nolint:gosec // a length
	d.dir = binary.AppendUvarint(binary.AppendUvarint(d.dir, head), uint64(id)) //nolint:gosec // a length
	d.dir = binary.AppendUvarint(d.dir, uint64(at))                             //nolint:gosec // within the line
	d.n++
}

// reset makes room for the next block.
func (d *draft) reset(first int64) {
	d.first, d.n, d.gone = first, 0, 0
	if d.seen || d.text == nil || cap(d.text) > 2*blockText {
		d.text, d.dir = make([]byte, 0, blockText), make([]byte, 0, 4*blockRecords)
		d.seen = false
		return
	}
	d.text, d.dir = d.text[:0], d.dir[:0]
}

// pack gives the draft as a block. scratch is kept between calls.
func (d *draft) pack(how packing, scratch *[]byte) *block {
	b := &block{first: d.first, n: int32(d.n), dir: int32(len(d.dir)), size: int32(len(d.text)), how: how, gone: d.gone} //nolint:gosec // bounded
	var packed []byte
	switch how {
	case fastPacking:
		packed = s2.Encode((*scratch)[:cap(*scratch)], d.text)
	case tightPacking:
		z, err := zstandard()
		if err != nil {
			return d.pack(fastPacking, scratch)
		}
		packed = z.in.EncodeAll(d.text, (*scratch)[:0])
	case plainPacking:
	}
	if cap(packed) > cap(*scratch) {
		*scratch = packed
	}
	if how == plainPacking || len(packed) >= len(d.text) {
		b.how, packed = plainPacking, d.text
	}
	b.data = make([]byte, 0, len(d.dir)+len(packed))
	b.data = append(append(b.data, d.dir...), packed...)
	return b
}

// entry is where one record's texts are in an unpacked block; they follow each other in the order of texts. Of a line,
// the request id is a part of the raw text instead: inside, of a length, from a place on.
type entry struct{ at, id, code, kind, message, raw, inside, from int }

func (e entry) end() int { return e.at + e.id + e.code + e.kind + e.message + e.raw }

// unpacked is a block as a reader sees it. It is used again for the next one.
type unpacked struct {
	first   int64
	entries []entry
	text    []byte
	buf     []byte // of the reader
	err     error
}

// open reads a block.
func (u *unpacked) open(b *block) {
	u.first = b.first
	u.text, u.err = nil, nil
	if b.how == plainPacking {
		u.text = b.data[b.dir:]
	} else if cap(u.buf) < int(b.size) {
		u.buf = make([]byte, max(int(b.size), blockText))
	}
	switch b.how {
	case fastPacking:
		u.text, u.err = s2.Decode(u.buf[:cap(u.buf)], b.data[b.dir:])
	case tightPacking:
		z, err := zstandard()
		if err == nil {
			u.text, err = z.out.DecodeAll(b.data[b.dir:], u.buf[:0])
		}
		u.err = err
	case plainPacking:
	}
	u.lay(b.data[:b.dir], int(b.n))
}

// openDraft reads what a view has seen of a draft.
func (u *unpacked) openDraft(d *draft) {
	u.first, u.text, u.err = d.first, d.text, nil
	u.lay(d.dir, d.n)
}

// lay reads a directory.
func (u *unpacked) lay(dir []byte, n int) {
	u.entries = u.entries[:0]
	at := 0
	next := func() int {
		v, k := binary.Uvarint(dir)
		dir = dir[max(k, 0):]
		return int(v) //nolint:gosec // written by add
	}
	for range n {
		head := next()
		e := entry{at: at, raw: head >> entryBits, id: next()}
		if head&idInRaw != 0 {
			e.id, e.inside, e.from = 0, e.id, next()
		}
		if head&errorText != 0 {
			e.code, e.kind, e.message = next(), next(), next()
		}
		at = e.end()
		u.entries = append(u.entries, e)
	}
	if u.err != nil || at > len(u.text) {
		u.text = make([]byte, at) // cannot be: what was packed here is unpacked here
	}
}

// texts copies out the texts of one record.
func (u *unpacked) texts(seq int64) texts {
	e := u.entries[seq-u.first]
	at := e.at
	next := func(n int) string {
		at += n
		return string(u.text[at-n : at])
	}
	t := texts{id: next(e.id), code: next(e.code), kind: next(e.kind), message: next(e.message), raw: next(e.raw)}
	if e.inside > 0 {
		t.id = t.raw[e.from : e.from+e.inside]
	}
	return t
}

// thinned gives the block without the raw lines that drop names. The draft is used for it.
func (b *block) thinned(u *unpacked, d *draft, scratch *[]byte, drop func(seq int64) bool) *block {
	u.open(b)
	d.reset(b.first)
	gone := b.gone
	for i := range u.entries {
		e := &u.entries[i]
		switch {
		case e.raw == 0 || !drop(b.first+int64(i)):
		case e.inside > 0: // a line has no other text
			e.at, e.id, e.inside, e.raw = e.at+e.from, e.inside, 0, 0
			gone++
		default:
			e.raw = 0
			gone++
		}
		d.text = append(d.text, u.text[e.at:e.end()]...)
		if e.inside > 0 {
			d.enterLine(e.raw, e.from, e.inside)
		} else {
			d.enter(e.id, e.code, e.kind, e.message, e.raw)
		}
	}
	n := d.pack(max(b.how, fastPacking), scratch)
	n.thin, n.gone = true, gone
	return n
}

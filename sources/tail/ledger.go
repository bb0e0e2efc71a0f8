package tail

import (
	"io"
	"os"
	"slices"
	"sync"
)

// maxPlaces bounds how many files a ledger remembers that are not open any more.
const maxPlaces = 4096

// Ledger says which files are being read and how far others were read, so that a file is read once whatever
// names it has or gets, and whichever source meets it. The sources of one program share it.
type Ledger struct {
	mu     sync.Mutex
	held   map[identity]string // by which source
	places map[identity]place
	order  []identity // of places, oldest first
	ended  uint64     // files that were noted without a number of their own
}

// NewLedger makes an empty ledger.
func NewLedger() *Ledger {
	return &Ledger{held: make(map[identity]string), places: make(map[identity]place)}
}

// claim gives a file to a source, unless some source has it.
func (l *Ledger) claim(id identity, source string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, taken := l.held[id]; taken {
		return false
	}
	l.held[id] = source
	return true
}

func (l *Ledger) release(id identity) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.held, id)
}

func (l *Ledger) holds(info os.FileInfo) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, taken := l.held[identify(info)]
	return taken
}

// note remembers how far a file was read.
func (l *Ledger) note(p place) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, known := l.places[p.id]; known {
		l.order = slices.DeleteFunc(l.order, func(id identity) bool { return id == p.id })
	}
	l.places[p.id] = p
	l.order = append(l.order, p.id)
	if over := len(l.order) - maxPlaces; over > 0 {
		for _, id := range l.order[:over] {
			delete(l.places, id)
		}
		l.order = slices.Delete(l.order, 0, over)
	}
}

// noteGone remembers how far a file was read that no name leads to any more: by what it held, since its number is
// given to another file.
func (l *Ledger) noteGone(p place) {
	if p.packed || p.off == 0 {
		return
	}
	l.mu.Lock()
	l.ended++
	p.id = identity{^uint64(0), l.ended}
	l.mu.Unlock()
	l.note(p)
}

// of gives how far a file was read before, if it was: the same inode and the same bytes.
func (l *Ledger) of(id identity, r io.ReaderAt, size int64) (place, bool) {
	l.mu.Lock()
	p, known := l.places[id]
	l.mu.Unlock()
	return p, known && !p.packed && !p.empty() && p.proves(r, size)
}

// knows tells whether a compressed file was seen before as it is now, or any file under its number.
func (l *Ledger) knows(info os.FileInfo) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	p, known := l.places[identify(info)]
	return known && p.packed && p.packedSize == info.Size() && p.packedTime == info.ModTime().UnixNano()
}

// under gives the places of the files that a path named, newest first.
func (l *Ledger) under(path string) []place {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []place
	for _, id := range slices.Backward(l.order) {
		if p := l.places[id]; p.path == path && !p.packed {
			out = append(out, p)
		}
	}
	return out
}

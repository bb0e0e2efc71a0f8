package command

import (
	"bytes"
	"hash/maphash"
	"time"
)

// Bounds of what is remembered to tell a repeated line.
const (
	maxStamped = 200_000 // lines with a time; at 20,000 lines a second that is the overlap of 10 s
	maxLast    = 2_000   // last lines of a command that stamps nothing
	maxHeld    = 4 << 20 // bytes of lines that may be repeated, held until that is known
	holdWithin = 2 * time.Second
)

var seed = maphash.MakeSeed()

// stamped tells each line once that several runs of a command tell. A line is its text and its time, and a line that
// one run tells twice is told twice: each run is counted for itself.
type stamped struct {
	told  map[uint64]int // how often each line was handed on
	order []uint64       // oldest first, to forget by
}

func newStamped() *stamped { return &stamped{told: make(map[uint64]int)} }

// fresh tells whether a line of a run is to be handed on. run counts the lines of that run.
func (s *stamped) fresh(run map[uint64]int, line []byte) bool {
	h := maphash.Bytes(seed, line)
	run[h]++
	if run[h] <= s.told[h] {
		return false
	}
	s.told[h]++
	s.order = append(s.order, h)
	if over := len(s.order) - maxStamped; over > maxStamped/10 {
		for _, old := range s.order[:over] {
			if s.told[old]--; s.told[old] <= 0 {
				delete(s.told, old)
				delete(run, old)
			}
		}
		s.order = append(s.order[:0], s.order[over:]...)
	}
	return true
}

// last remembers the end of what a command said, and finds it again at the beginning of its next run. Of several
// ways in which the beginning can repeat the end, the longest is believed.
type last struct {
	lines []uint64 // hashes, oldest first

	starts  []int // places in lines from which on the new run has repeated them so far
	held    [][]byte
	bytes   int
	matched int // of the lines held, how many repeat the end
	since   time.Time
	done    bool // the beginning of this run is over
}

// begin says that a new run starts. It gives what was still held of the run before.
func (l *last) begin() [][]byte {
	out, _ := l.release()
	l.starts, l.done = l.starts[:0], len(l.lines) == 0
	for i := range l.lines {
		l.starts = append(l.starts, i)
	}
	return out
}

// take gives the lines that are to be handed on now, and how many were found to be repeated.
func (l *last) take(line []byte, now time.Time) (fresh [][]byte, repeated int) {
	if l.done {
		l.remember(line)
		return [][]byte{line}, 0
	}
	h, n := maphash.Bytes(seed, line), len(l.held)
	alive := l.starts[:0]
	for _, at := range l.starts {
		switch {
		case l.lines[at+n] != h:
		case at+n+1 == len(l.lines):
			l.matched = n + 1
		default:
			alive = append(alive, at)
		}
	}
	l.starts = alive
	if n == 0 {
		l.since = now
	}
	l.held, l.bytes = append(l.held, bytes.Clone(line)), l.bytes+len(line)
	if len(l.starts) == 0 || l.bytes > maxHeld {
		return l.release()
	}
	return nil, 0
}

// due gives what was held, when it has waited long enough for a line that settles it.
func (l *last) due(now time.Time) (fresh [][]byte, repeated int) {
	if l.done || len(l.held) == 0 || now.Sub(l.since) < holdWithin {
		return nil, 0
	}
	return l.release()
}

func (l *last) release() (fresh [][]byte, repeated int) {
	fresh, repeated = l.held[l.matched:], l.matched
	l.held, l.bytes, l.matched, l.done = nil, 0, 0, true
	for _, line := range fresh {
		l.remember(line)
	}
	return fresh, repeated
}

func (l *last) remember(line []byte) {
	l.lines = append(l.lines, maphash.Bytes(seed, line))
	if over := len(l.lines) - maxLast; over > maxLast/10 {
		l.lines = append(l.lines[:0], l.lines[over:]...)
	}
}

package incident

import (
	"errors"
	"fmt"
	"os"
)

// Report is what Verify found.
type Report struct {
	Path    string
	Entries int    // good entries from the beginning
	First   int64  // seq of the first
	Last    int64  // seq of the last good one
	Head    string // its hash
	Bad     *Fault // the first bad line; nil: intact
}

// OK says whether every line is there and unchanged. A cut tail or a rewrite of the whole file cannot be seen from the file alone;
// compare Last and Head with what an export printed.
func (r *Report) OK() bool { return r.Bad == nil }

// Fault is the first bad line of a journal.
type Fault struct {
	Line int
	Seq  int64 // of the entry, 0 where it cannot be read
	Torn bool  // the file ends in the middle of it
	Why  string
}

func (f *Fault) String() string { return fmt.Sprintf("line %d: %s", f.Line, f.Why) }

// Verify checks the chain of the journal at path line by line, up to the first bad one. The error is for a file that cannot be read;
// what is wrong in it is in the report.
func Verify(path string) (Report, error) {
	r := Report{Path: path, Head: genesis}
	f, err := os.Open(path)
	if err != nil {
		return r, fmt.Errorf("opening the journal: %w", err)
	}
	defer func() { _ = f.Close() }() // opened for reading
	for l, err := range lines(f, path) {
		var bad *LineError
		switch {
		case errors.As(err, &bad):
			r.Bad = &Fault{Line: bad.Line, Torn: errors.Is(err, ErrTorn), Why: bad.Err.Error()}
			return r, nil
		case err != nil:
			return r, err
		}
		e, why := check(l.text, r.Last, r.Head)
		if why != "" {
			r.Bad = &Fault{Line: l.number, Seq: e.Seq, Why: why}
			return r, nil
		}
		if r.Entries++; r.First == 0 {
			r.First = e.Seq
		}
		r.Last, r.Head = e.Seq, e.Hash
	}
	return r, nil
}

// check says what is wrong with a line that follows the entry of that seq and hash; "" if nothing.
func check(line []byte, seq int64, head string) (Entry, string) {
	e, err := parse(line)
	if err != nil {
		return e, err.Error()
	}
	hashed, hash, _ := split(line) // parse has done so
	switch {
	case e.Prev != head && seq == 0:
		return e, "the chain does not begin here: prev is not 64 zeros, so earlier lines are missing"
	case e.Seq != seq+1:
		return e, fmt.Sprintf("seq is %d where %d was due: lines are missing, doubled or out of order", e.Seq, seq+1)
	case e.Prev != head:
		return e, fmt.Sprintf("the chain is broken: prev is %.12s…, the line before has %.12s…", e.Prev, head)
	case e.Hash != hash || sum(hashed) != hash:
		return e, "the hash does not match: the line was changed"
	}
	return e, ""
}

package tail

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Bounds of the offsets file.
const (
	maxOffsets     = 16 << 20
	maxSaved       = 20_000 // paths
	maxSavedPlaces = 24     // of one path
	maxSavedName   = 8 << 10
)

// offsetsMagic begins the file; the sum of the rest follows it on the first line.
const offsetsMagic = "signalbox-offsets 1 "

// savedLine is one path in the file.
type savedLine struct {
	Source string       `json:"source"`
	Path   string       `json:"path"`
	At     time.Time    `json:"at"`
	Files  []savedPlace `json:"files"`
}

// savedPlace is how far one file was read.
type savedPlace struct {
	Dev   uint64 `json:"dev"`
	Inode uint64 `json:"inode"`
	Off   int64  `json:"offset"`
	Head  []byte `json:"head,omitempty"`
	Mark  []byte `json:"mark,omitempty"`
	Sum   uint32 `json:"sum,omitempty"` // of all that was read, where that was from the start
	Whole bool   `json:"whole,omitempty"`
}

func formatOffsets(files map[logName]saved) []byte {
	var body bytes.Buffer
	names := make([]logName, 0, len(files))
	for n := range files {
		names = append(names, n)
	}
	slices.SortFunc(names, func(a, b logName) int {
		return cmp.Or(files[b].at.Compare(files[a].at), cmp.Compare(a.source, b.source), cmp.Compare(a.path, b.path))
	})
	for _, n := range names[:min(len(names), maxSaved)] {
		l := savedLine{Source: n.source, Path: n.path, At: files[n].at.UTC()}
		for _, p := range files[n].places {
			l.Files = append(l.Files, savedPlace{p.id.dev, p.id.ino, p.off, p.head, p.mark, p.sum, p.whole})
		}
		raw, err := json.Marshal(l)
		if err != nil || body.Len()+len(raw) > maxOffsets-1024 {
			break // the oldest are left out
		}
		body.Write(append(raw, '\n'))
	}
	return sealed(body.Bytes())
}

// sealed puts the first line before the others.
func sealed(body []byte) []byte {
	sum := sha256.Sum256(body)
	return append([]byte(offsetsMagic+hex.EncodeToString(sum[:])+"\n"), body...)
}

// parseOffsets reads the file, all of it or nothing.
func parseOffsets(raw []byte) (map[logName]saved, error) {
	if len(raw) > maxOffsets {
		return nil, fmt.Errorf("it is longer than %d bytes", maxOffsets)
	}
	first, body, _ := bytes.Cut(raw, []byte("\n"))
	want, ok := bytes.CutPrefix(first, []byte(offsetsMagic))
	sum := sha256.Sum256(body)
	switch {
	case !ok:
		return nil, errors.New("line 1: it does not begin like a file of offsets")
	case string(want) != hex.EncodeToString(sum[:]):
		return nil, errors.New("line 1: the sum is not that of the lines below, so it was damaged or changed")
	}
	files := make(map[logName]saved)
	for n, line := range bytes.Split(body, []byte("\n")) {
		if len(line) == 0 {
			continue
		}
		var l savedLine
		if err := json.Unmarshal(line, &l); err != nil {
			return nil, fmt.Errorf("line %d: %w", n+2, err)
		}
		s, err := l.check()
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n+2, err)
		}
		if len(files) >= maxSaved {
			return nil, fmt.Errorf("line %d: more than %d logs", n+2, maxSaved)
		}
		files[logName{l.Source, l.Path}] = s
	}
	return files, nil
}

func (l *savedLine) check() (saved, error) {
	if l.Path == "" || len(l.Path) > maxSavedName || len(l.Source) > maxSavedName || len(l.Files) > maxSavedPlaces {
		return saved{}, errors.New("a name is empty or too long, or there are too many files")
	}
	s := saved{at: l.At}
	for _, f := range l.Files {
		p := place{
			path: l.Path, id: identity{f.Dev, f.Inode}, off: f.Off, head: f.Head, mark: f.Mark, sum: f.Sum, whole: f.Whole,
		}
		if f.Off < 0 || len(f.Head) > headSize || len(f.Mark) > markSize || int64(len(f.Mark)) > f.Off || p.empty() && p.off > 0 {
			return saved{}, fmt.Errorf("the place of a file cannot be: offset %d, %d bytes before it, %d of its head", f.Off, len(f.Mark), len(f.Head))
		}
		s.places = append(s.places, p)
	}
	return s, nil
}

package main

import (
	"crypto/sha256"
	"encoding/gob"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"

	"signalbox/internal/burst"
	"signalbox/tools/detect/score"
)

// shelf keeps simulated days in a folder, so that a long run may be cut short and taken up again. A day is found only by
// the same program and the same plan: whatever changes the detector makes another shelf.
type shelf struct {
	dir     string
	program hash.Hash
}

func newShelf(dir string) (*shelf, error) {
	if dir == "" {
		return nil, nil //nolint:nilnil // nobody asked for one
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("-keep: %w", err)
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("-keep: %w", err)
	}
	f, err := os.Open(filepath.Clean(self))
	if err != nil {
		return nil, fmt.Errorf("-keep: %w", err)
	}
	defer func() { _ = f.Close() }()
	s := &shelf{dir: dir, program: sha256.New()}
	if _, err := io.Copy(s.program, f); err != nil {
		return nil, fmt.Errorf("-keep: %w", err)
	}
	return s, nil
}

// kept is a day as it lies on the shelf.
type kept struct {
	Leaves int
	Fleet  *score.Fleet
	Faults []*score.Fault
	Bursts []*score.Burst
	Scopes [len(looks)]score.PR
	ByKind map[string]*score.PR
	Wrong  []string
	Found  map[string]keptFinding
}

type keptFinding struct {
	Kind burst.FindingKind
	At   float64
	Cov  []bool
	Text string
}

func (s *shelf) path(seed uint64, p plan) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%x %d %+v", s.program.Sum(nil), seed, p))
	return filepath.Join(s.dir, fmt.Sprintf("%d-%x.day", seed, sum[:8]))
}

// get takes a day from the shelf, nil where it is not there.
func (s *shelf) get(seed uint64, p plan) *day {
	if s == nil || p.rivals { // what other alarms said is not kept
		return nil
	}
	f, err := os.Open(s.path(seed, p))
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }()
	var k kept
	if gob.NewDecoder(f).Decode(&k) != nil {
		return nil
	}
	d := &day{
		seed: seed, hours: p.hours, leaves: k.Leaves, fleet: k.Fleet, faults: k.Faults, bursts: k.Bursts, scopes: k.Scopes,
		byKind: k.ByKind, wrong: k.Wrong, found: map[string]*finding{},
	}
	for id, x := range k.Found {
		d.found[id] = &finding{kind: x.Kind, at: x.At, cov: x.Cov, text: x.Text}
	}
	return d
}

// put lays a day on the shelf, whole or not at all.
func (s *shelf) put(d *day, p plan) error {
	if s == nil || p.rivals {
		return nil
	}
	k := kept{
		Leaves: d.leaves, Fleet: d.fleet, Faults: d.faults, Bursts: d.bursts, Scopes: d.scopes, ByKind: d.byKind, Wrong: d.wrong,
		Found: map[string]keptFinding{},
	}
	for id, x := range d.found {
		k.Found[id] = keptFinding{Kind: x.kind, At: x.at, Cov: x.cov, Text: x.text}
	}
	f, err := os.CreateTemp(s.dir, "day")
	if err != nil {
		return fmt.Errorf("-keep: %w", err)
	}
	err = gob.NewEncoder(f).Encode(&k)
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), s.path(d.seed, p))
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("-keep: %w", err)
	}
	return nil
}

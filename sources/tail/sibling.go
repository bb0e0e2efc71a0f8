package tail

import (
	"cmp"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// sibling is a file beside a followed one whose name says that it was rotated out of its place.
type sibling struct {
	path string
	info os.FileInfo
}

// rotatedName is what rotation puts behind a name, or between a name and its ending: .1, -20260131,
// -2026-01-31T10-00-00.000, .old.
var rotatedName = regexp.MustCompile(`^[.\-_](\d[\d.\-_T:+Z]*|old|bak|prev)$`)

// isRotated tells whether name is what rotation makes of base.
func isRotated(base, name string) bool {
	if rest, ok := strings.CutPrefix(name, base); ok && rotatedName.MatchString(rest) {
		return true
	}
	ext := filepath.Ext(base)
	stem := strings.TrimSuffix(base, ext)
	rest, ok := strings.CutPrefix(name, stem)
	if !ok || stem == "" || ext == "" {
		return false
	}
	rest, ok = strings.CutSuffix(rest, ext)
	return ok && rotatedName.MatchString(rest)
}

// siblings lists the rotated files beside a path, oldest first.
func siblings(path string) []sibling {
	dir, base := filepath.Split(path)
	if dir == "" {
		dir = "."
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var out []sibling
	for _, e := range entries {
		if e.IsDir() || !isRotated(base, e.Name()) {
			continue
		}
		if info, err := os.Stat(filepath.Join(dir, e.Name())); err == nil && info.Mode().IsRegular() {
			out = append(out, sibling{filepath.Join(dir, e.Name()), info})
		}
	}
	slices.SortFunc(out, func(a, b sibling) int {
		return cmp.Or(a.info.ModTime().Compare(b.info.ModTime()), cmp.Compare(a.path, b.path))
	})
	return out
}

// isKnown tells whether a sibling was there before. Its time counts too: an inode number is used again.
func (f *follower) isKnown(s sibling) bool {
	return slices.ContainsFunc(f.known, func(k sibling) bool {
		return os.SameFile(k.info, s.info) && k.info.ModTime().Equal(s.info.ModTime())
	})
}

// missed takes in files that lived and were rotated away between two looks at the path, called when the
// path is found to name a file that is not open yet. A copy of what was read is not one of them.
func (f *follower) missed(t *Tail, now time.Time) {
	present := siblings(f.path)
	for _, s := range present {
		f.takeIn(t, s, now)
	}
	f.known = present
}

// slippedBy takes in what was rotated away after missed had looked and before the live file was opened.
// What was written to after that file is of a rotation to come: the next look finds it.
func (f *follower) slippedBy(t *Tail, now time.Time) {
	for _, s := range siblings(f.path) {
		if s.info.ModTime().After(f.live.info.ModTime()) || f.isKnown(s) || t.holds(s.info) {
			continue
		}
		f.takeIn(t, s, now)
		f.known = append(f.known, s)
	}
}

// takeIn opens a rotated file to read it whole, unless it has been read, or is a copy of what was.
func (f *follower) takeIn(t *Tail, s sibling, now time.Time) {
	if f.isKnown(s) || t.holds(s.info) {
		return
	}
	g, err := open(s.path)
	if err != nil {
		return // compressed, or gone again
	}
	if _, known := t.readBefore(g); known || f.copied(g) {
		g.close()
		return
	}
	f.old = append(f.old, &retired{generation: g, grew: now})
}

// copied tells whether a file begins with what was read of the file that was retired last.
func (f *follower) copied(g *generation) bool {
	if len(f.old) == 0 {
		return false
	}
	last := f.old[len(f.old)-1].generation
	return last.off > 0 && g.size >= last.off && last.matches(g.f)
}

// copyOf finds the copy that was made of a file before it was truncated: what was not read yet stands in it.
func (f *follower) copyOf(t *Tail, g *generation) *generation {
	all := siblings(f.path)
	defer func() { f.known = all }()
	if g.off == 0 {
		return nil
	}
	for _, s := range slices.Backward(all) {
		if f.isKnown(s) || t.holds(s.info) || s.info.Size() < g.off {
			continue
		}
		c, err := open(s.path)
		if err != nil {
			continue
		}
		if g.matches(c.f) && c.seek(g.off) == nil {
			return c
		}
		c.close()
	}
	return nil
}

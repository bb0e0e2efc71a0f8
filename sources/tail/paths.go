package tail

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"signalbox/internal/traffic"
)

// expand finds the files that the path names now.
func (t *Tail) expand() {
	paths, many := t.named()
	t.wake.watch(t.opt.Path)
	for _, p := range paths {
		if t.follow[p] != nil || t.isRotation(p) || many && !t.running && !t.opt.Once && !t.opt.FromStart && packedName(p) {
			continue
		}
		if len(t.follow) >= maxPaths {
			t.say(fmt.Sprintf("%s names more than %d files: the others are not read; give a narrower pattern", t.opt.Path, maxPaths))
			break
		}
		f := &follower{path: p, disk: t.disk, health: traffic.Starting}
		lines, err := t.newStream(t.misreads(f))
		if err != nil {
			continue // the options were tried in New
		}
		f.lines = lines
		t.resume(f)
		t.follow[p] = f
		t.order = append(t.order, p)
	}
	for _, p := range t.order {
		t.wake.watch(p)
		t.wake.expect(p)
	}
}

// named lists the files of the path; many tells whether it is one that may name several.
func (t *Tail) named() (paths []string, many bool) {
	path := t.opt.Path
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return t.folder(path), true
	case err != nil && strings.ContainsAny(path, "*?["):
		if _, err := os.Lstat(path); err == nil {
			return []string{path}, false // a link that leads nowhere is called so
		}
		found, _ := filepath.Glob(path) // the pattern was tried in New
		return slices.DeleteFunc(found, func(p string) bool {
			info, err := os.Stat(p)
			return err == nil && !info.Mode().IsRegular()
		}), true
	}
	return []string{path}, false
}

// folder lists the regular files with text in a folder, not those in folders below. What is hidden is left
// out, and so is what rotation has made, unless all is to be read from the start.
func (t *Tail) folder(dir string) []string {
	t.wake.folder(dir)
	entries, err := t.disk.list(dir)
	if err != nil {
		t.say(fmt.Sprintf("%s cannot be listed: %v", dir, err))
		return nil
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, e.Name())
	}
	var out []string
	for _, name := range names {
		path := filepath.Join(dir, name)
		if t.follow[path] != nil {
			out = append(out, path)
			continue
		}
		rotated := slices.ContainsFunc(names, func(base string) bool { return base != name && isRotated(base, name) })
		if strings.HasPrefix(name, ".") || rotated && !t.opt.FromStart && !t.opt.Once || !t.isText(path) {
			continue
		}
		out = append(out, path)
	}
	return out
}

// isText tells whether a file is one to look into. What cannot be opened is: the follower says why it cannot.
func (t *Tail) isText(path string) bool {
	info, err := t.disk.stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return false
	}
	f, err := t.disk.open(path)
	if err != nil {
		return true
	}
	defer func() { _ = f.Close() }() // opened for reading
	head := make([]byte, 512)
	n, _ := f.ReadAt(head, 0)
	head = head[:n]
	if bytes.HasPrefix(head, gzipMagic) {
		return t.opt.FromStart || t.opt.Once
	}
	// A truncated file begins with NUL bytes when its writer does not append.
	return bytes.IndexByte(bytes.TrimLeft(head, "\x00"), 0) < 0
}

func packedName(path string) bool {
	_, packed := beforePacking(path)
	return packed
}

// isRotation tells whether a file that a glob has found anew is a rotation of one that is followed; its
// follower sees to it. At the start all that is there is followed.
func (t *Tail) isRotation(path string) bool {
	if !t.running {
		return false
	}
	dir, name := filepath.Split(path)
	return slices.ContainsFunc(t.order, func(other string) bool {
		d, base := filepath.Split(other)
		return d == dir && isRotated(base, name)
	})
}

// forget ends the followers of files that a glob or folder names no more, once nothing of them is open.
func (t *Tail) forget() {
	if len(t.order) < 2 {
		return
	}
	t.order = slices.DeleteFunc(t.order, func(p string) bool {
		f := t.follow[p]
		if p == t.opt.Path || f.live != nil || f.ahead != nil || len(f.old) > 0 || f.health != traffic.Waiting || !f.opened || f.pending() {
			return false
		}
		n := f.lines.Tally()
		t.gone.Lines += n.Lines
		t.gone.Unparsed += n.Unparsed
		t.gone.Skewed += n.Skewed
		t.gone.Lost += n.Lost
		t.gone.Unmapped += n.Unmapped
		delete(t.follow, p)
		t.wake.unexpect(p)
		return true
	})
}

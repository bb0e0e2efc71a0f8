package desk

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"signalbox/internal/burst"
	"signalbox/internal/filing"
	"signalbox/internal/redact"
	"signalbox/internal/traffic"
)

const (
	// normalEvery is how often what is normal is written down: what a killed console forgets is no more than this.
	normalEvery = time.Minute
	// normalFiles bounds the files of one folder, one for each set of sources, and normalAge their age.
	normalFiles = 32
	normalAge   = 8 * 24 * time.Hour
)

// NormalFile keeps what the detector has learned of what is normal, so that the next console on the same sources begins with
// it. The file is written whole and put in place at once: who reads it, and a start after a crash, sees the old or the new
// one. Of several consoles on the same sources the last to write wins, which has seen what the others have.
type NormalFile struct {
	path string
	keep func(string) bool
	anew bool
	at   time.Time // until when what stands in it was learned
}

// OpenNormal gives the file of a folder for some sources, told by everything that makes their traffic what it is: what was
// learned from others is never taken. With anew what stands there is not gone by. Names that the redactor would change
// are not kept. It takes away what is too old to be gone by.
func OpenNormal(dir, sources string, secrets *redact.Redactor, anew bool, now time.Time) (*NormalFile, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("keeping what is normal: %w", err)
	}
	sum := sha256.Sum256([]byte(sources))
	f := &NormalFile{path: filepath.Join(dir, hex.EncodeToString(sum[:12])), anew: anew}
	f.keep = func(name string) bool { return secrets == nil || secrets.Secrets(name) == name }
	filing.Tidy(dir, now)
	tidyNormals(dir, now)
	return f, nil
}

// tidyNormals takes away what nobody will go by any more. What cannot be taken away harms nobody.
func tidyNormals(dir string, now time.Time) {
	list, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	var kept []fs.FileInfo
	for _, e := range list {
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		age := now.Sub(info.ModTime())
		switch {
		case age > normalAge:
			_ = os.Remove(filepath.Join(dir, e.Name()))
		case !filing.Torn(e.Name()):
			kept = append(kept, info)
		}
	}
	slices.SortFunc(kept, func(a, b fs.FileInfo) int { return b.ModTime().Compare(a.ModTime()) })
	for _, info := range kept[min(len(kept), normalFiles):] {
		_ = os.Remove(filepath.Join(dir, info.Name()))
	}
}

// load reads the file; nil without an error where there is none. A damaged one is set aside.
func (f *NormalFile) load(syms *traffic.Symbols) (*burst.Normal, error) {
	if f.anew {
		return nil, nil //nolint:nilnil // nothing is to be gone by
	}
	raw, err := f.read()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // nothing was learned yet
	}
	var n *burst.Normal
	if err == nil {
		n, err = burst.DecodeNormal(raw, syms)
	}
	if err != nil {
		aside := ""
		if os.Rename(f.path, f.path+".damaged") == nil {
			aside = " (it is kept as " + f.path + ".damaged)"
		}
		return nil, fmt.Errorf("what was normal in %s cannot be used: %w; it is learned anew%s", f.path, err, aside)
	}
	f.at = n.At
	return n, nil
}

func (f *NormalFile) read() ([]byte, error) {
	in, err := os.Open(f.path)
	if err != nil {
		return nil, fmt.Errorf("opening it: %w", err)
	}
	defer func() { _ = in.Close() }() // opened for reading
	raw, err := io.ReadAll(io.LimitReader(in, burst.MaxNormal+1))
	if err != nil {
		return nil, fmt.Errorf("reading it: %w", err)
	}
	return raw, nil
}

// save puts what is normal in place. sync waits for the disk.
func (f *NormalFile) save(n *burst.Normal, sync bool) error {
	if err := filing.Put(f.path, n.Encode(f.keep), filing.Options{Lazy: !sync}); err != nil {
		return fmt.Errorf("what is normal cannot be kept in %s, and after a restart it is learned anew: %w", f.path, err)
	}
	return nil
}

// recall has the detector begin with what an earlier console has learned.
func (d *Desk) recall() {
	if d.o.Normal == nil {
		return
	}
	n, err := d.o.Normal.load(d.syms)
	if err != nil {
		d.finding(normalFinding, err.Error())
	}
	if n != nil {
		d.sig.det = newDetector(d.syms, d.o.Sensitivity, d.o.Now(), n)
	}
	d.normal.at = d.now()
}

const normalFinding = "what is normal"

// keeping is the writing of what is normal.
type keeping struct {
	at   time.Time // when it was last begun
	busy bool
}

// keepNormal writes what is normal beside everything else, when it is time.
func (d *Desk) keepNormal(now time.Time) {
	if d.o.Normal == nil || d.normal.busy || now.Sub(d.normal.at) < normalEvery && !now.Before(d.normal.at) {
		return
	}
	d.normal.at = now
	n := d.newNormal()
	if n == nil {
		return
	}
	d.normal.busy = true
	d.away.Go(func() {
		err := d.o.Normal.save(n, false)
		d.results <- func() { d.normal.busy = false; d.keptNormal(n, err) }
	})
}

// newNormal takes what was learned, if it is of a later time than what is kept.
func (d *Desk) newNormal() *burst.Normal {
	if n := d.sig.det.Normal(); n != nil && n.At.After(d.o.Normal.at) {
		return n
	}
	return nil
}

func (d *Desk) keptNormal(n *burst.Normal, err error) {
	if err != nil {
		d.finding(normalFinding, err.Error())
		return
	}
	d.o.Normal.at = n.At
	delete(d.warnings, normalFinding)
}

// leaveNormal writes it at the end, when nobody reads any more.
func (d *Desk) leaveNormal() {
	if d.o.Normal == nil {
		return
	}
	if n := d.newNormal(); n != nil {
		d.keptNormal(n, d.o.Normal.save(n, true))
	}
}

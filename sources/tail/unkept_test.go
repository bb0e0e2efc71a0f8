package tail

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A full disk must not blind the console: that offsets cannot be kept is said, the log is followed on, and once
// there is room again they are kept.
func TestOffsetsThatCannotBeKeptEndNothing(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "state")
	must(t, os.Mkdir(folder, 0o700))
	o := offsets(t, filepath.Join(folder, "offsets"))
	l := inFolder(t)
	h := byHand(t, Options{Path: l.path, Offsets: o})
	l.write(10)
	h.look()
	must(t, os.RemoveAll(folder))
	l.write(10)
	h.after(2 * time.Second)
	h.look()
	h.exactly(20, 0)
	if !strings.Contains(h.state.Detail, "how far logs were read cannot be kept in "+filepath.Join(folder, "offsets")) {
		t.Errorf("detail %q", h.state.Detail)
	}
	must(t, os.Mkdir(folder, 0o700))
	l.write(10)
	h.after(2 * time.Second)
	h.look()
	h.exactly(30, 0)
	if h.state.Detail != "" {
		t.Errorf("there is room again, and it says %q", h.state.Detail)
	}
	h.end()
	if err := o.Close(); err != nil {
		t.Errorf("in the end: %v", err)
	}
}

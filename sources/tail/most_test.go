package tail

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// What was there before is read from a time on, but no more of it than asked for: of the file, and of the one that was
// rotated away before it.
func TestSinceBoundsWhatIsRead(t *testing.T) {
	start := time.Now().Add(-time.Hour).Truncate(time.Second)
	var old, live strings.Builder
	for i := range 100 {
		old.WriteString(at(i, start.Add(time.Duration(i)*time.Second)))
	}
	for i := 100; i < 200; i++ {
		live.WriteString(at(i, start.Add(time.Duration(i)*time.Second)))
	}
	one := int64(live.Len()) / 100
	for _, c := range []struct {
		lines int64 // so many fit into the bound
		since int   // the first line that is new enough
		first int   // the first line that comes
	}{{1000, 0, 0}, {150, 0, 50}, {150, 80, 80}, {100, 0, 100}, {30, 0, 170}, {30, 190, 190}} {
		l := inFolder(t)
		if err := os.WriteFile(l.path+".1", []byte(old.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		l.raw(live.String())
		h := byHand(t, Options{Path: l.path, Since: start.Add(time.Duration(c.since) * time.Second), Most: c.lines*one + one/2})
		h.after(time.Second)
		h.after(time.Second)
		if len(h.ids) == 0 || len(h.ids) < 195-c.first || len(h.ids) > 205-c.first || h.ids[len(h.ids)-1] != "n199" {
			t.Errorf("%+v: %d lines, first %v", c, len(h.ids), h.ids[:min(1, len(h.ids))])
			continue
		}
		for i, id := range h.ids {
			if id != fmt.Sprint("n", 200-len(h.ids)+i) {
				t.Fatalf("%+v: line %d is %s", c, i, id)
			}
		}
	}
}

package tail

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"signalbox/sources/decode"
)

// at is a numbered line with a time.
func at(n int, when time.Time) string {
	return fmt.Sprintf(`{"time":%q,"request_id":"n%d","status":200,"model":"gpt-4o"}`+"\n", when.UTC().Format(time.RFC3339Nano), n)
}

// The lines from a time on, found in a file of any length, with lines that have no time and some out of order.
func TestSince(t *testing.T) {
	start := time.Now().Add(-5 * time.Hour).Truncate(time.Second)
	for _, lines := range []int{0, 1, 2, 50, 5000} {
		if underRace && lines > 50 {
			continue
		}
		for _, format := range []string{decode.JSON, decode.Auto} {
			for _, part := range []float64{-0.1, 0, 0.01, 0.5, 0.97, 1.1} {
				l := inFolder(t)
				var b strings.Builder
				for i := range lines {
					b.WriteString(at(i, start.Add(time.Duration(i)*time.Second)))
				}
				l.raw(b.String())
				first := max(0, min(lines, int(part*float64(lines))))
				since := start.Add(time.Duration(part * float64(lines) * float64(time.Second)).Truncate(time.Second))
				if part > 1 {
					first = lines
				}
				h := byHand(t, Options{Path: l.path, Since: since, Format: format})
				h.after(time.Second)
				if len(h.ids) != lines-first || len(h.ids) > 0 && h.ids[0] != fmt.Sprint("n", first) {
					t.Fatalf("%d lines, %s, from %.2f: %d came, want %d; first %v", lines, format, part, len(h.ids), lines-first, h.ids[:min(2, len(h.ids))])
				}
				l.raw(at(lines, since.Add(-time.Hour))) // what comes later is not measured by the time
				h.after(time.Second)
				h.after(time.Second) // a format that is not told yet holds a line back
				if len(h.ids) != lines-first+1 {
					t.Fatalf("%d lines, %s, from %.2f: the new line did not come", lines, format, part)
				}
			}
		}
	}
}

// What is older among the newer is left out, and lines without a time go with the one before.
func TestSinceFilters(t *testing.T) {
	start := time.Now().Add(-time.Hour).Truncate(time.Second)
	l := inFolder(t)
	l.raw(at(0, start) + at(1, start.Add(10*time.Second)) + at(2, start.Add(-time.Second)) + line(3) + at(4, start.Add(11*time.Second)) + line(5))
	h := byHand(t, Options{Path: l.path, Since: start.Add(5 * time.Second)})
	if got := strings.Join(h.ids, " "); got != "n1 n4 n5" {
		t.Error(got)
	}
	// A log without any times begins at its end, and that is said.
	none := inFolder(t)
	none.write(10)
	h = byHand(t, Options{Path: none.path, Since: start})
	h.after(stateEvery)
	detailHas(t, h.state, "has no times to begin by")
	if len(h.ids) != 0 {
		t.Error(h.ids)
	}
}

// A time before the last rotation is looked for in what was rotated away, compressed or not.
func TestSinceInRotatedFiles(t *testing.T) {
	start := time.Now().Add(-4 * time.Hour).Truncate(time.Second)
	l := inFolder(t)
	for g := range 4 { // hours
		text := ""
		for i := range 60 {
			text += at(60*g+i, start.Add(time.Duration(g)*time.Hour+time.Duration(i)*time.Minute))
		}
		path := fmt.Sprintf("%s.%d", l.path, 4-g)
		if g == 3 {
			path = l.path
		}
		must(t, os.WriteFile(path, []byte(text), 0o600))
		end := start.Add(time.Duration(g+1)*time.Hour - time.Minute)
		must(t, os.Chtimes(path, end, end))
		if g == 1 {
			pack(t, path)
		}
	}
	h := byHand(t, Options{Path: l.path, Since: start.Add(90 * time.Minute)})
	if len(h.ids) != 150 || h.ids[0] != "n90" || h.ids[149] != "n239" {
		t.Errorf("%d lines, %v", len(h.ids), h.ids[:min(3, len(h.ids))])
	}
	h.after(time.Hour)
	if len(h.ids) != 150 {
		t.Errorf("%d lines later", len(h.ids))
	}
}

// A named pipe is read over its writers, and ends with its context whether or not there is one.
func TestFifo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	must(t, syscall.Mkfifo(path, 0o600))
	r := follow(t, Options{Path: path})
	for i := range 3 {
		w, err := os.OpenFile(path, os.O_WRONLY, 0)
		must(t, err)
		_, err = w.WriteString(line(3*i) + line(3*i+1) + strings.TrimSuffix(line(3*i+2), "\n")) // the writer leaves in mid-line
		must(t, err)
		must(t, w.Close())
		r.exactly(3*i + 3)
	}
	// Another pipe takes its name.
	must(t, os.Remove(path))
	must(t, syscall.Mkfifo(path, 0o600))
	w, err := os.OpenFile(path, os.O_WRONLY, 0)
	must(t, err)
	_, err = w.WriteString(line(9))
	must(t, err)
	r.exactly(10)
	must(t, r.stop()) // with a writer that says nothing
	must(t, w.Close())
	alone := follow(t, Options{Path: path})
	must(t, alone.stop())
}

func TestFifoOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	must(t, syscall.Mkfifo(path, 0o600))
	r := follow(t, Options{Path: path, Once: true})
	w, err := os.OpenFile(path, os.O_WRONLY, 0)
	must(t, err)
	_, err = w.WriteString(line(0))
	must(t, err)
	must(t, w.Close())
	must(t, <-r.done)
	r.done <- nil
	r.exactly(1)
}

// What is held back for what may belong to it is not saved as read before it has come out.
func TestOffsetsWaitForHeldLines(t *testing.T) {
	state := filepath.Join(t.TempDir(), "offsets")
	l := inFolder(t)
	o := offsets(t, state)
	h := byHand(t, Options{Path: l.path, Format: decode.Auto, FromStart: true, Offsets: o})
	l.write(3) // the format is not told yet
	h.look()
	h.tail.save(true)
	if got, _ := o.of("test", l.path); len(h.ids) == 0 && len(got) > 0 && got[0].off > 0 {
		t.Fatalf("%v", got)
	}
	h.after(settleMargin)
	h.after(settleMargin)
	if got, _ := o.of("test", l.path); len(h.ids) != 3 || len(got) == 0 || got[0].off != int64(len(numbered(0, 3))) {
		t.Fatalf("%d lines, %v", len(h.ids), got)
	}
}

// At an orderly end nothing is left behind but half a line, and the offsets are exact.
func TestEndHandsOverWhatIsHeld(t *testing.T) {
	state := filepath.Join(t.TempDir(), "offsets")
	l := inFolder(t)
	o := offsets(t, state)
	h := byHand(t, Options{Path: l.path, Format: decode.Auto, FromStart: true, Offsets: o})
	l.write(3)
	l.raw(line(3)[:10])
	h.look()
	if len(h.ids) != 0 {
		t.Fatalf("%v came before the format was told: the case is not tested", h.ids)
	}
	h.tail.part(t.Context(), h.e)
	if got, _ := o.of("test", l.path); len(h.ids) != 3 || len(got) == 0 || got[0].off != int64(len(numbered(0, 3))) {
		t.Fatalf("%v, %v", h.ids, got)
	}
}

// Looking for where to begin reads lines that are read again: what the inventory does not know is counted once for each.
func TestSinceCountsUnknownPlacesOnce(t *testing.T) {
	start := time.Now().Add(-time.Hour).Truncate(time.Second)
	l := inFolder(t)
	for i := range 300 {
		l.raw(strings.Replace(at(i, start.Add(time.Duration(i)*time.Second)), `"status"`, `"deployment":"az-eu-1","status"`, 1))
	}
	h := byHand(t, Options{Path: l.path, Since: start, Format: decode.Auto})
	h.after(stateEvery)
	if u := h.state.UnknownPlaces; len(h.ids) != 300 || len(u) != 1 || u[0].N != 300 {
		t.Errorf("%d lines, unknown places %+v", len(h.ids), u)
	}
}

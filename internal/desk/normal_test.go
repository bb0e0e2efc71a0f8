package desk

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"signalbox/internal/burst"
	"signalbox/internal/fault"
	"signalbox/internal/redact"
	"signalbox/internal/traffic"
)

// normalAfter is what a detector has learned of one cell in so many seconds.
func normalAfter(syms *traffic.Symbols, model string, until time.Time, secs int64) *burst.Normal {
	d := burst.New(burst.Options{Symbols: syms})
	var k traffic.Key
	k[traffic.Side], k[traffic.Model] = syms.Intern(traffic.SideClient), syms.Intern(model)
	leaf := burst.Leaf{Key: k, Req: 5, FirstReq: 5, ByOutcome: []burst.OutcomeN{{Outcome: traffic.NewOutcome(fault.None, 200), N: 5, First: 5}}}
	for s := until.Unix() - secs; s <= until.Unix(); s++ {
		d.Step(s, []burst.Leaf{leaf})
	}
	return d.Normal()
}

func openNormal(t *testing.T, dir, sources string, anew bool, now time.Time) *NormalFile {
	t.Helper()
	f, err := OpenNormal(dir, sources, redact.New(nil), anew, now)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestNormalFile(t *testing.T) {
	dir, now := filepath.Join(t.TempDir(), "normal"), time.Now().Truncate(time.Second)
	syms := traffic.NewSymbols(0)
	f := openNormal(t, dir, "this gateway", false, now)
	if n, err := f.load(syms); n != nil || err != nil {
		t.Fatalf("nothing was kept, and it gives %v, %v", n, err)
	}
	if err := f.save(normalAfter(syms, "gpt-4o", now, 400), true); err != nil {
		t.Fatal(err)
	}
	if n, err := openNormal(t, dir, "this gateway", false, now).load(traffic.NewSymbols(0)); err != nil || n == nil || !n.At.Equal(now) {
		t.Fatalf("%+v, %v", n, err)
	}
	if info, err := os.Stat(f.path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if n, err := openNormal(t, dir, "another gateway", false, now).load(syms); n != nil || err != nil {
		t.Errorf("what another gateway does is taken for normal: %v, %v", n, err)
	}
	if n, err := openNormal(t, dir, "this gateway", true, now).load(syms); n != nil || err != nil {
		t.Errorf("it was to be learned anew: %v, %v", n, err)
	}
}

func TestNormalFileDamaged(t *testing.T) {
	dir, now := t.TempDir(), time.Now()
	f := openNormal(t, dir, "x", false, now)
	if err := f.save(normalAfter(traffic.NewSymbols(0), "gpt-4o", now, 400), false); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(f.path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(f.path, raw[:len(raw)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	if n, err := f.load(traffic.NewSymbols(0)); n != nil || err == nil || !strings.Contains(err.Error(), ".damaged") {
		t.Errorf("%v, %v", n, err)
	}
	if _, err := os.Stat(f.path); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the damaged file stands where the next console looks")
	}
}

// Names that look like secrets are not kept; the folder does not grow.
func TestNormalFileKeepsLittle(t *testing.T) {
	dir, now := t.TempDir(), time.Now()
	syms := traffic.NewSymbols(0)
	secrets := redact.New(nil, "hunter2-hunter2")
	f, err := OpenNormal(dir, "x", secrets, false, now)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.save(normalAfter(syms, "hunter2-hunter2", now, 400), false); err != nil {
		t.Fatal(err)
	}
	if raw, err := os.ReadFile(f.path); err != nil || strings.Contains(string(raw), "hunter2") {
		t.Errorf("%s, %v", raw, err)
	}
	for i := range normalFiles + 10 {
		path := filepath.Join(dir, fmt.Sprint("other", i))
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, now, now.Add(-time.Duration(i)*time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	torn := filepath.Join(dir, ".x.1.new")
	if err := os.WriteFile(torn, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(torn, now, now.Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	openNormal(t, dir, "x", false, now)
	if list, err := os.ReadDir(dir); err != nil || len(list) != normalFiles {
		t.Errorf("%d files, %v", len(list), err)
	}
	if _, err := os.Stat(torn); err == nil {
		t.Error("what a killed console left is there for ever")
	}
}

// A console that is killed while it writes leaves what was there, or what it wrote.
func TestNormalFileSurvivesAKill(t *testing.T) {
	const env = "SIGNALBOX_TEST_NORMAL_DIR"
	if dir := os.Getenv(env); dir != "" { // the one that is killed
		f := openNormal(t, dir, "x", false, time.Now())
		syms := traffic.NewSymbols(0)
		for i := int64(0); ; i++ {
			n := normalAfter(syms, "gpt-4o", time.Unix(1_800_000_000+i, 0), 200)
			if err := f.save(n, false); err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				fmt.Println("writing")
			}
		}
	}
	dir := t.TempDir()
	for round := range 6 {
		c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestNormalFileSurvivesAKill$") //nolint:gosec // this test
		c.Env = append(os.Environ(), env+"="+dir)
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := out.Read(make([]byte, 8)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(round*7) * time.Millisecond) // anywhere between two writes
		_ = c.Process.Kill()
		_ = c.Wait()
		if n, err := openNormal(t, dir, "x", false, time.Now()).load(traffic.NewSymbols(0)); err != nil || n == nil {
			t.Fatalf("round %d: %v, %v", round, n, err)
		}
	}
}

// A console that starts again inside a fault knows what was normal before, and says how old that is.
func TestDeskBeginsWithWhatWasNormal(t *testing.T) {
	dir := t.TempDir()
	learned := 0
	for _, keep := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			state := filepath.Join(dir, fmt.Sprint(keep))
			if err := os.Mkdir(state, 0o700); err != nil {
				t.Fatal(err)
			}
			with := func(o *Options) {
				if keep {
					o.Normal = openNormal(t, filepath.Join(state, "normal"), "the log", false, time.Now())
				}
			}
			first := newStageWith(t, state, nil, with)
			first.run(600, 0)
			if l := first.desk.Snapshot().Learning; !l.Known.IsZero() {
				t.Errorf("%+v", l)
			}
			first.stop()
			time.Sleep(14 * time.Minute)
			next := newStageWith(t, state, nil, with)
			defer next.stop()
			next.run(1, 0.1)
			l := next.desk.Snapshot().Learning
			if l.Done() != keep || keep && time.Since(l.Known).Round(time.Minute) != 14*time.Minute {
				t.Errorf("kept %v: %+v, %v ago", keep, l, time.Since(l.Known))
			}
			next.run(60, 0.1)
			found := 0
			for _, b := range next.desk.Snapshot().Bursts {
				if b.Page && b.Scope["deployment"] == "az-eu" || b.Scope["region"] == "eu-west" && b.Scope["model"] == "gpt-4o" {
					found++
				}
			}
			if (found > 0) != keep {
				t.Errorf("kept %v: %+v", keep, next.desk.Snapshot().Bursts)
			}
			learned += found
		})
	}
	if learned == 0 {
		t.Error("nothing was found")
	}
}

// What is normal is written every minute, so that a console that is killed has left it, and a disk that is full is told.
func TestNormalIsKeptEveryMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		folder := filepath.Join(dir, "normal")
		f := openNormal(t, folder, "the log", false, time.Now())
		s := newStageWith(t, dir, nil, func(o *Options) { o.Normal = f })
		defer s.stop()
		s.run(100, 0)
		if _, err := os.Stat(f.path); err == nil {
			t.Error("what is hardly known is kept")
		}
		s.run(200, 0)
		info, err := os.Stat(f.path)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := os.ReadFile(f.path)
		if err != nil {
			t.Fatal(err)
		}
		s.run(61, 0)
		if now, err := os.ReadFile(f.path); err != nil || string(now) == string(raw) {
			t.Errorf("a minute later it is the same, %d bytes, %v", info.Size(), err)
		}
		if err := os.RemoveAll(folder); err != nil {
			t.Fatal(err)
		}
		s.run(61, 0)
		if said := strings.Join(s.desk.Snapshot().Findings, "\n"); !strings.Contains(said, "what is normal cannot be kept in") {
			t.Errorf("%q", said)
		}
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		s.run(61, 0)
		if said := strings.Join(s.desk.Snapshot().Findings, "\n"); strings.Contains(said, "cannot be kept") {
			t.Errorf("%q", said)
		}
	})
}

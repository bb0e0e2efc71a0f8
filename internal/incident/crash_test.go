package incident

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"signalbox/internal/redact"
)

// childEnv makes the test binary a writer of its own: what it is to do, and in which directory.
const childEnv, childDir = "SIGNALBOX_TEST_WRITER", "SIGNALBOX_TEST_DIR"

func TestMain(m *testing.M) {
	switch what := os.Getenv(childEnv); what {
	case "":
		os.Exit(m.Run())
	case "limited":
		os.Exit(writeLimited(os.Getenv(childDir)))
	default:
		os.Exit(writeMany(os.Getenv(childDir), what))
	}
}

// writeMany appends notes, tells the seq of each on its standard output once it is written, and ends after the count given, or never.
func writeMany(dir, count string) int {
	j, err := Open(dir, Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = j.Close() }()
	limit, err := strconv.Atoi(count)
	for i := 0; err != nil || i < limit; i++ {
		drafts := []Draft{note(fmt.Sprintf("%d of %d %s", i, os.Getpid(), strings.Repeat("x", i%2000)))}
		if i%5 == 0 {
			drafts = append(drafts, note("a second in the same write"))
		}
		entries, err := j.AppendAll(context.Background(), drafts)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		for _, e := range entries {
			fmt.Println(e.Seq, e.Hash)
		}
	}
	return 0
}

// writeLimited fills the journal up to a file size limit, which works without root as a full disk does not.
func writeLimited(dir string) int {
	signal.Ignore(syscall.SIGXFSZ)
	limit := syscall.Rlimit{Cur: 20000, Max: 20000}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	j, err := Open(dir, Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for range 1000 {
		e, err := j.Append(context.Background(), note(strings.Repeat("word ", 100)))
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			if errors.Is(err, ErrUnwritable) && errors.Is(err, syscall.EFBIG) {
				return 3
			}
			return 1
		}
		fmt.Println(e.Seq, e.Hash)
	}
	return 0
}

type writer struct {
	*exec.Cmd
	out    *bufio.Reader
	stderr bytes.Buffer
}

func startWriter(t *testing.T, dir, what string) *writer {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	w := &writer{Cmd: exec.CommandContext(t.Context(), exe)}
	w.Env = append(os.Environ(), childEnv+"="+what, childDir+"="+dir)
	w.Stderr = &w.stderr
	out, err := w.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	w.out = bufio.NewReader(out)
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	return w
}

// told reads up to n lines of what the writer says it has written; n < 0 reads to the end. A line cut off by a kill does not count.
func (w *writer) told(t *testing.T, n int) []string {
	t.Helper()
	var lines []string
	for n < 0 || len(lines) < n {
		line, err := w.out.ReadString('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, strings.TrimSpace(line))
	}
	return lines
}

// holds checks that the journal is whole and has every entry that a writer was told of.
func holds(t *testing.T, dir string, told []string) []Entry {
	t.Helper()
	path := filepath.Join(dir, FileName)
	entries, err := ReadAll(path)
	if err != nil {
		t.Fatal(err)
	}
	intact(t, path, len(entries))
	have := map[string]bool{}
	for _, e := range entries {
		have[fmt.Sprint(e.Seq, " ", e.Hash)] = true
	}
	for _, line := range told {
		if !have[line] {
			t.Fatalf("entry %s was told to be written and is not there", line)
		}
	}
	return entries
}

func TestKilledWriterLosesNothing(t *testing.T) {
	dir := t.TempDir()
	var told []string
	for range 8 {
		w := startWriter(t, dir, "forever")
		told = append(told, w.told(t, 1+rand.IntN(40))...)
		if err := w.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		told = append(told, w.told(t, -1)...) // what it had told before it died
		if err := w.Wait(); err == nil {
			t.Fatal("it ended by itself")
		}
		j := open(t, dir)
		add(t, j, note("after the crash"))
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		holds(t, dir, told)
	}
	if len(told) < 8 {
		t.Errorf("only %d entries written in all", len(told))
	}
}

func TestTwoProcessesAppendAtOnce(t *testing.T) {
	dir := t.TempDir()
	a, b := startWriter(t, dir, "60"), startWriter(t, dir, "60")
	told := append(a.told(t, -1), b.told(t, -1)...)
	for _, w := range []*writer{a, b} {
		if err := w.Wait(); err != nil {
			t.Fatalf("%v: %s", err, &w.stderr)
		}
	}
	entries := holds(t, dir, told)
	if want := 2 * (60 + 60/5); len(entries) != want || len(told) != want {
		t.Errorf("%d entries, %d told, want %d", len(entries), len(told), want)
	}
	pids := map[string]int{}
	for _, e := range entries {
		var d NoteData
		if e.Decode(&d) == nil && strings.Contains(d.Text, " of ") {
			pids[strings.Fields(d.Text)[2]]++
		}
	}
	if len(pids) != 2 {
		t.Errorf("written by %v", pids)
	}
}

func TestFullDiskLeavesTheJournalWhole(t *testing.T) {
	dir := t.TempDir()
	w := startWriter(t, dir, "limited")
	told := w.told(t, -1)
	var exit *exec.ExitError
	if err := w.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 3 {
		t.Fatalf("%v: %s", err, &w.stderr)
	}
	for _, want := range []string{filepath.Join(dir, FileName), "ulimit -f"} {
		if !strings.Contains(w.stderr.String(), want) {
			t.Errorf("the error does not say %q: %s", want, &w.stderr)
		}
	}
	entries := holds(t, dir, told)
	if len(entries) != len(told) || len(told) < 10 {
		t.Errorf("%d entries, %d told", len(entries), len(told))
	}
	j := open(t, dir) // without the limit it goes on
	add(t, j, note("room again"))
	intact(t, j.Path(), len(entries)+1)
	if torn, _ := filepath.Glob(filepath.Join(dir, "*.torn-*")); len(torn) > 0 {
		t.Errorf("set aside %v, though the write was cut back", torn)
	}
}

func TestConcurrentAppendsInOneProcess(t *testing.T) {
	j := open(t, t.TempDir())
	j.opts.Now = t0.UTC // the test clock is not for several goroutines
	done := make(chan error)
	for range 8 {
		go func() {
			var err error
			for range 10 {
				_, e := j.Append(context.Background(), note("x"))
				_, f := j.Tail(0)
				err = errors.Join(err, e, f)
			}
			done <- err
		}()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	intact(t, j.Path(), 80)
}

// damaged returns the lines of a whole journal for a test to damage.
func damaged(t testing.TB) [][]byte {
	t.Helper()
	var lines [][]byte
	prev := genesis
	for n := range int64(6) {
		e := Entry{V: 1, Seq: n + 1, At: t0, RecordedAt: t0, Kind: Note, Data: []byte(`{"text":"hello"}`), Prev: prev}
		line, err := e.line()
		if err != nil {
			t.Fatal(err)
		}
		prev = e.Hash
		lines = append(lines, line)
	}
	return lines
}

func verifyBytes(t testing.TB, text []byte) Report {
	t.Helper()
	path := filepath.Join(t.TempDir(), "j")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := Verify(path)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestVerifyNamesTheFirstBadLine(t *testing.T) {
	lines := damaged(t)
	whole := bytes.Join(lines, nil)
	if r := verifyBytes(t, whole); !r.OK() || r.Entries != 6 {
		t.Fatalf("%+v", r)
	}
	edited := slices.Clone(lines)
	edited[2] = bytes.Replace(lines[2], []byte("hello"), []byte("hullo"), 1)
	rehashed := slices.Clone(lines)
	hashed, _, _ := split(bytes.TrimSpace(edited[2]))
	rehashed[2] = append(append(bytes.Clone(hashed), hashOpen+sum(hashed)...), "\"}\n"...)
	for name, c := range map[string]struct {
		lines [][]byte
		line  int
		why   string
	}{
		"edited":          {edited, 3, "hash does not match"},
		"edited, hashed":  {rehashed, 4, "chain is broken"},
		"a line missing":  {slices.Delete(slices.Clone(lines), 2, 3), 3, "seq is 4 where 3"},
		"a line doubled":  {slices.Insert(slices.Clone(lines), 2, lines[1]), 3, "seq is 2 where 3"},
		"reordered":       {[][]byte{lines[0], lines[2], lines[1]}, 2, "seq is 3 where 2"},
		"beginning gone":  {lines[2:], 1, "does not begin here"},
		"not JSON":        {[][]byte{lines[0], []byte("hello\n")}, 2, "does not end in"},
		"torn":            {[][]byte{lines[0], lines[1][:40]}, 2, "torn"},
		"an empty line":   {[][]byte{lines[0], []byte("\n"), lines[1]}, 2, "does not end in"},
		"two on one line": {[][]byte{lines[0], bytes.TrimSpace(lines[1]), lines[2]}, 2, "not a line"},
	} {
		r := verifyBytes(t, bytes.Join(c.lines, nil))
		if r.OK() || r.Bad.Line != c.line || !strings.Contains(r.Bad.Why, c.why) {
			t.Errorf("%s: %v, want line %d: %s", name, r.Bad, c.line, c.why)
		}
	}
}

func TestVerifyFindsEveryFlippedBit(t *testing.T) {
	whole := bytes.Join(damaged(t)[:2], nil)
	path := filepath.Join(t.TempDir(), "j")
	for n := range len(whole) * 8 {
		bad := bytes.Clone(whole)
		bad[n/8] ^= 1 << (n % 8)
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if r, err := Verify(path); err != nil || r.OK() {
			t.Fatalf("bit %d of byte %d (%q) goes unnoticed", n%8, n/8, whole[n/8])
		}
	}
}

func FuzzReader(f *testing.F) {
	f.Add(bytes.Join(damaged(f), nil))
	f.Add([]byte("{}\n\n\x00"))
	f.Fuzz(func(t *testing.T, text []byte) {
		dir := t.TempDir()
		path := filepath.Join(dir, FileName)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		entries, _ := ReadAll(path)
		for _, i := range Fold(entries) {
			for _, format := range ExportFormats() {
				if err := Export(io.Discard, format, entries, i.ID); err != nil {
					t.Fatal(err)
				}
			}
		}
		before, err := Verify(path)
		if err != nil {
			t.Fatal(err)
		}
		j, err := Open(dir, Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = j.Close() }()
		if _, err := j.Append(t.Context(), note("x")); err != nil {
			t.Fatal(err)
		}
		after, err := Verify(path)
		if err != nil || after.Entries < before.Entries {
			t.Fatalf("opening it lost entries: %d, then %d, %v", before.Entries, after.Entries, err)
		}
	})
}

func FuzzViews(f *testing.F) {
	for _, k := range []Kind{IncidentOpened, IncidentLinked, BurstOpened, LeverRequested, LeverReadBack, StepCheck, RunClosed, Note, Sample, FactNoted, DeskStarted} {
		f.Add(string(k), `{"id":"x","title":"t|`+"`"+`","from_seq":1,"to_seq":9,"until":"2026-03-02T03:14:07Z","text":"a\nb\u001b","cells":[{"scope":{"side":"client"},"req":1,"err":2}]}`, "sk-proj-Aa1Bb2Cc3")
	}
	f.Fuzz(func(t *testing.T, kind, data, who string) {
		if !json.Valid([]byte(data)) {
			data = `{}`
		}
		var entries []Entry
		for n, inc := range []string{"", "i", "i"} {
			entries = append(entries, Entry{
				V: 1, Seq: int64(n) + 1, At: t0, RecordedAt: t0, Incident: inc, Actor: Actor{ID: who}, Kind: Kind(kind), Data: json.RawMessage(data), Run: "r", Step: who,
			})
		}
		for _, l := range Lines(entries) {
			if redact.Terminal(l.Text+l.Actor) != l.Text+l.Actor || len(l.Text) > maxLineText {
				t.Fatalf("unsafe line %q", l.Text)
			}
		}
		var md, js bytes.Buffer
		if err := errors.Join(Export(&md, "md", entries, "i"), Export(&js, "json", entries, "i")); err != nil {
			t.Fatal(err)
		}
		if text := md.String(); redact.TerminalLines(text) != text {
			t.Fatalf("unsafe Markdown %q", text)
		}
		if !json.Valid(js.Bytes()) || redact.TerminalLines(js.String()) != js.String() {
			t.Fatalf("unsafe JSON %q", js.String())
		}
	})
}

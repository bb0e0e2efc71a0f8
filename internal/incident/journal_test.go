package incident

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"signalbox/internal/redact"
)

var t0 = time.Date(2026, 3, 2, 3, 14, 7, 120e6, time.UTC)

// clock returns a clock that advances by a second each time it is looked at.
func clock() func() time.Time {
	n := 0
	return func() time.Time { n++; return t0.Add(time.Duration(n) * time.Second) }
}

func open(t *testing.T, dir string) *Journal {
	t.Helper()
	j, err := Open(dir, Options{Now: clock(), Redactor: redact.New([]byte("salt"), "own-token-1234")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j
}

func add(t *testing.T, j *Journal, drafts ...Draft) []Entry {
	t.Helper()
	entries, err := j.AppendAll(context.Background(), drafts)
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

func note(text string) Draft {
	return Draft{Kind: Note, Actor: Actor{ID: "ana", Via: "claimed"}, Incident: "inc-1", Data: NoteData{Text: text}}
}

func intact(t *testing.T, path string, want int) Report {
	t.Helper()
	r, err := Verify(path)
	if err != nil {
		t.Fatal(err)
	}
	if !r.OK() || r.Entries != want {
		t.Fatalf("%d entries, want %d; first bad: %v", r.Entries, want, r.Bad)
	}
	return r
}

func TestAppendReadVerify(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	j := open(t, dir)
	first := add(t, j, note("one"))
	rest := add(t, j, note("two"), note("three"))
	if first[0].Prev != genesis || rest[0].Prev != first[0].Hash || rest[1].Seq != 3 {
		t.Errorf("not a chain: %+v %+v", first, rest)
	}
	got, err := ReadAll(j.Path())
	if err != nil || len(got) != 3 {
		t.Fatalf("read %d entries, %v", len(got), err)
	}
	for i, want := range append(first, rest...) {
		a, _ := json.Marshal(got[i])
		b, _ := json.Marshal(want)
		if string(a) != string(b) {
			t.Errorf("read\n%s\nwrote\n%s", a, b)
		}
	}
	r := intact(t, j.Path(), 3)
	if seq, head := j.Head(); seq != r.Last || head != r.Head {
		t.Errorf("head %d %s, verified %d %s", seq, head, r.Last, r.Head)
	}
	for name, want := range map[string]os.FileMode{dir: 0o700, j.Path(): 0o600} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s has mode %v, want %v", name, info.Mode().Perm(), want)
		}
	}
}

func TestLineIsAsDocumented(t *testing.T) {
	j := open(t, t.TempDir())
	add(t, j, note("a <b> & c"), Draft{Kind: "of.the.future", Data: json.RawMessage(`{"hash":"x","n":1.50}`)})
	text, err := os.ReadFile(j.Path())
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	want := `{"v":1,"seq":1,"at":"2026-03-02T03:14:08.12Z","recorded_at":"2026-03-02T03:14:08.12Z","actor":{"id":"ana","via":"claimed"},` +
		`"incident":"inc-1","kind":"note","data":{"text":"a <b> & c"},"prev":"` + genesis + `","hash":"`
	if !strings.HasPrefix(lines[0], want) {
		t.Errorf("got  %s\nwant %s", lines[0], want)
	}
	for i := range lines {
		script := `sed -n ` + strconv.Itoa(i+1) + `p "$1" | sed 's/,"hash":"[0-9a-f]*"}$//' | tr -d '\n' | sha256sum`
		out, err := exec.CommandContext(t.Context(), "sh", "-c", script, "sh", j.Path()).Output()
		if err != nil {
			t.Skip("wants sed, tr and sha256sum (coreutils):", err)
		}
		if _, hash, _ := split([]byte(lines[i])); !strings.HasPrefix(string(out), hash) {
			t.Errorf("line %d: sha256sum says %s, the line %s", i+1, out, hash)
		}
	}
}

func TestNothingSecretIsWritten(t *testing.T) {
	j := open(t, t.TempDir())
	const key = "sk-proj-Aa1Bb2Cc3Dd4Ee5Ff6"
	add(t, j, Draft{
		Kind: LeverRequested, Actor: Actor{ID: "ana own-token-1234", Via: "a\x1b[31mb"}, Incident: "inc-1", Step: key,
		Data: LeverData{ID: "lev-1", Err: "401 for " + key + " \x1b[2J\u202e", Plan: json.RawMessage(`{"calls":[{"authorization":"Bearer own-token-1234"}]}`)},
	})
	text, err := os.ReadFile(j.Path())
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{key, "own-token", "\x1b", "\u202e"} {
		if strings.Contains(string(text), bad) {
			t.Errorf("%q stands in %s", bad, text)
		}
	}
	intact(t, j.Path(), 1)
}

func TestEntriesAreBounded(t *testing.T) {
	j, err := Open(t.TempDir(), Options{MaxEntry: 4096})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = j.Close() }()
	e := add(t, j, Draft{Kind: Note, Data: NoteData{Text: strings.Repeat("long ", 10000), Kind: "learned"}})[0]
	var n NoteData
	if err := e.Decode(&n); err != nil || len(e.Data) > 4096 || n.Kind != "learned" || !strings.HasSuffix(n.Text, " bytes)") {
		t.Errorf("%d bytes of data, %v: %.80q", len(e.Data), err, n)
	}
	if _, err := j.Append(t.Context(), Draft{Kind: Note, Data: make([]int, 5000)}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("numbers beyond the bound: %v", err)
	}
	if _, err := j.Append(t.Context(), Draft{}); err == nil {
		t.Error("an entry without a kind is taken")
	}
	intact(t, j.Path(), 1)
}

func TestTail(t *testing.T) {
	dir := t.TempDir()
	a, b := open(t, dir), open(t, dir)
	add(t, a, note("1"), note("2"))
	seen := func(after int64, want ...int64) {
		t.Helper()
		entries, err := b.Tail(after)
		if err != nil {
			t.Fatal(err)
		}
		var got []int64
		for _, e := range entries {
			got = append(got, e.Seq)
		}
		if len(got) != len(want) {
			t.Fatalf("after %d: %v, want %v", after, got, want)
		}
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("after %d: %v, want %v", after, got, want)
			}
		}
	}
	seen(0, 1, 2)
	seen(2)
	add(t, a, note("3"))
	add(t, b, note("4"))
	seen(2, 3, 4)
	seen(4)
	seen(1, 2, 3, 4)
}

func TestTornTailIsSetAside(t *testing.T) {
	for name, torn := range map[string]string{
		"half a line":      `{"v":1,"seq":3,"at":"2026-`,
		"zeros":            strings.Repeat("\x00", 512),
		"a bad whole line": "{\"v\":1,\"seq\":3}\n",
		"no newline":       "complete",
		"several":          "x\n\ny",
		"long":             strings.Repeat("x", 200<<10),
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			j := open(t, dir)
			add(t, j, note("1"), note("2"))
			if torn == "complete" {
				text, _ := os.ReadFile(j.Path())
				lines := strings.SplitAfter(string(text), "\n")
				torn = strings.TrimSuffix(lines[1], "\n")
				if err := os.Truncate(j.Path(), int64(len(lines[0]))); err != nil {
					t.Fatal(err)
				}
				j = open(t, dir) // the first has seen two entries
			}
			appendTo(t, j.Path(), torn)
			if r, _ := Verify(j.Path()); r.OK() {
				t.Error("a torn tail verifies")
			}
			before, _ := Verify(j.Path())
			again := open(t, dir)
			entries, err := ReadAll(again.Path())
			if err != nil {
				t.Fatal(err)
			}
			last := entries[len(entries)-1]
			var d TornData
			if err := last.Decode(&d); err != nil || last.Kind != JournalTorn || d.Line != before.Last {
				t.Fatalf("the last entry is %s %+v, %v", last.Kind, d, err)
			}
			kept, err := os.ReadFile(filepath.Join(dir, d.File))
			if err != nil || !strings.HasSuffix(string(kept), torn) || d.SHA256 != sum([]byte(torn)) {
				t.Errorf("set aside %.60q (%v), want %.60q", kept, err, torn)
			}
			add(t, again, note("after"))
			intact(t, again.Path(), before.Entries+2)
		})
	}
}

func appendTo(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestVanishedJournalIsAnError(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir)
	add(t, j, note("1"))
	aside := filepath.Join(dir, "aside")
	if err := os.Rename(j.Path(), aside); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Append(t.Context(), note("2")); !errors.Is(err, ErrUnwritable) || !strings.Contains(err.Error(), "put it back") {
		t.Errorf("appending to a journal that is gone: %v", err)
	}
	if err := os.Rename(aside, j.Path()); err != nil {
		t.Fatal(err)
	}
	add(t, j, note("2"))
	intact(t, j.Path(), 2)
}

func TestLockIsWaitedForAndNamed(t *testing.T) {
	dir := t.TempDir()
	j, err := Open(dir, Options{LockWait: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = j.Close() }()
	other := open(t, dir)
	unlock, err := other.acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := j.Append(t.Context(), note("1")); !errors.Is(err, ErrUnwritable) || !strings.Contains(err.Error(), "journal.lock") {
		t.Errorf("appending under another's lock: %v", err)
	}
	unlock()
	add(t, j, note("1"))
}

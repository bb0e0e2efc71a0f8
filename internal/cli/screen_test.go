package cli_test

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
)

// resize makes the window another size, as a person who drags its corner.
func (x *terminal) resize(t *testing.T, width, height uint16) {
	t.Helper()
	x.mu.Lock()
	x.em.Resize(int(width), int(height))
	x.mu.Unlock()
	if err := pty.Setsize(x.tty, &pty.Winsize{Cols: width, Rows: height}); err != nil {
		t.Fatal(err)
	}
}

// wrote counts the bytes that the program has written to the terminal.
func (x *terminal) wrote() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.sent
}

// agrees confirms the plan on the screen as its dialog asks for it: with the phrase, or with y once keys count.
// Where the screen is so slow that the plan is too old by then, it is planned again, as a person would.
func (x *terminal) agrees(t *testing.T) {
	t.Helper()
	for {
		s := x.offers(t)
		switch {
		case strings.Contains(s, tooOld):
			x.press(t, planAgain)
			x.seesNot(t, tooOld)
			continue
		case strings.Contains(s, "y SENDS it"):
			x.press(t, "y")
			return
		}
		_, rest, _ := strings.Cut(s, "type  ")
		word, _, _ := strings.Cut(rest, "  to confirm:")
		x.press(t, word)
		s = x.until(t, "the phrase stands there", func(s string) bool {
			return strings.Contains(s, "enter SENDS it") || strings.Contains(s, tooOld)
		})
		if strings.Contains(s, "enter SENDS it") {
			x.press(t, enter)
			return
		}
	}
}

const (
	tooOld    = "read too long ago" // a plan
	planAgain = "\x10"              // ctrl+p
)

// offers waits until the plan on the screen can be confirmed or declined: from then on keys count.
func (x *terminal) offers(t *testing.T) string {
	t.Helper()
	return x.until(t, "the plan can be confirmed", func(s string) bool {
		return strings.Contains(s, "nothing is sent before that") || strings.Contains(s, "y SENDS it") || strings.Contains(s, tooOld)
	})
}

// ended waits for the end of the program. It kills one that goes on, and tells so.
func (x *terminal) ended() bool {
	done := make(chan struct{})
	go func() { _ = x.cmd.Wait(); close(done) }()
	select {
	case <-done:
		return true
	case <-time.After(patience):
		_ = x.cmd.Process.Kill()
		<-done
		return false
	}
}

// exits waits for the end of the program, and checks that it left the terminal as it found it. It gives the exit
// code and what stands on the screen.
func (x *terminal) exits(t *testing.T) (int, string) {
	t.Helper()
	if !x.ended() {
		t.Fatalf("it did not leave; the screen:\n%s", x.text())
	}
	checkLineDiscipline(t, x.tty)
	x.hangUp()
	if x.em.IsAltScreen() {
		t.Error("the terminal was left on the alternate screen")
	}
	checkModes(t, string(x.last))
	return x.cmd.ProcessState.ExitCode(), x.text()
}

// checkLineDiscipline asks stty whether the terminal echoes and edits lines again.
func checkLineDiscipline(t *testing.T, tty *os.File) {
	t.Helper()
	stty, err := exec.LookPath("stty")
	if err != nil {
		return
	}
	cmd := exec.CommandContext(t.Context(), stty, "-a")
	cmd.Stdin = tty
	out, err := cmd.Output()
	if err != nil {
		return // not every system lets the other end of a terminal be asked
	}
	for _, f := range strings.Fields(strings.ReplaceAll(string(out), ";", " ")) {
		switch f {
		case "-icanon", "-echo", "-isig", "-opost":
			t.Errorf("the terminal was left with %s", f)
		}
	}
}

var modeSwitch = regexp.MustCompile("\x1b\\[\\?([0-9;]+)([hl])")

// checkModes reads what the terminal was told last: the cursor and the wrapping of lines on, all else off.
func checkModes(t *testing.T, written string) {
	t.Helper()
	now := map[string]string{}
	for _, m := range modeSwitch.FindAllStringSubmatch(written, -1) {
		for mode := range strings.SplitSeq(m[1], ";") {
			now[mode] = m[2]
		}
	}
	const cursor, wrap = "25", "7"
	if len(now) == 0 {
		t.Error("the program never switched a mode of the terminal: this is no console")
	}
	for mode, state := range now {
		want := "l"
		if mode == cursor || mode == wrap {
			want = "h"
		}
		if state != want {
			t.Errorf("the terminal was left with mode ?%s%s", mode, state)
		}
	}
	if pushed, popped := strings.Count(written, "\x1b[>1u"), strings.Count(written, "\x1b[<"); pushed > popped {
		t.Errorf("the keyboard was switched %d times and back %d times", pushed, popped)
	}
}

// journalLine is what the tests need of a line of the journal.
type journalLine struct {
	Seq      int64           `json:"seq"`
	Kind     string          `json:"kind"`
	Incident string          `json:"incident"`
	Data     json.RawMessage `json:"data"`
}

// readJournal reads the journal of a state folder.
func readJournal(t *testing.T, dir string) []journalLine {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, "journal.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var all []journalLine
	in := bufio.NewScanner(f)
	in.Buffer(nil, 4<<20)
	for in.Scan() {
		var l journalLine
		if err := json.Unmarshal(in.Bytes(), &l); err != nil {
			t.Fatalf("journal line %d: %v", len(all)+1, err)
		}
		all = append(all, l)
	}
	if err := in.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

func kindsOf(all []journalLine) map[string]int {
	n := map[string]int{}
	for _, l := range all {
		n[l.Kind]++
	}
	return n
}

// checkWhole checks that the chain of a journal holds and that its console said goodbye.
func checkWhole(t *testing.T, state string) {
	t.Helper()
	all := readJournal(t, state)
	if len(all) == 0 || all[len(all)-1].Kind != "desk.stopped" {
		t.Errorf("the journal does not end with the console's end: %d entries, %v", len(all), kindsOf(all))
	}
	cmd := signalbox(t, "--state-dir", state, "incident", "verify")
	cmd.Env = append(os.Environ(), "HOME="+filepath.Dir(state))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("the journal is not intact: %v\n%s", err, out)
	}
}

// number finds the first number that a pattern captures on the screen.
func number(screen string, pattern *regexp.Regexp) (float64, bool) {
	m := pattern.FindStringSubmatch(screen)
	if m == nil {
		return 0, false
	}
	n, err := strconv.ParseFloat(m[1], 64)
	return n, err == nil
}

package cli_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"signalbox/internal/drill"
)

// site is a fleet in the test's own process, and a configuration that watches it as a stranger's.
type site struct {
	*drill.Fleet
	dir string
}

// newSite starts a fleet with few users; more is put into the configuration.
func newSite(t *testing.T, more string) *site {
	t.Helper()
	return newSiteOf(t, more, 20)
}

// newSiteOf starts a fleet with so many percent of its users. It takes all of them for its fault to come.
func newSiteOf(t *testing.T, more string, users int) *site {
	t.Helper()
	s := &site{dir: t.TempDir()}
	var err error
	s.Fleet, err = drill.Start(t.Context(), drill.Options{Scenario: "azure-eu-502", Seed: 1, Dir: s.dir, Calm: 4 * time.Second, Longer: longDrill, Users: users})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop() })
	var b strings.Builder
	fmt.Fprintf(&b, "version: 1\nenvironments:\n  practice: {confirm: plain}\ngateways:\n  - {name: drill, kind: contract, env: practice, levers: on, timeout: 30s, token: %q, instances: [", "file:"+s.path("token"))
	for i, in := range s.Instances() {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%q", in.URL)
	}
	fmt.Fprintf(&b, "]}\nsources:\n  - {name: access, kind: file, path: %q, gateway: drill, format: signalbox}\n%s", s.AccessLog(), more)
	s.write(t, "token", s.Token())
	s.write(t, "signalbox.yaml", b.String())
	return s
}

func (s *site) path(name string) string { return filepath.Join(s.dir, filepath.FromSlash(name)) }

func (s *site) write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(s.path(name)), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.path(name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (s *site) watch(t *testing.T) *terminal {
	t.Helper()
	return openTerminal(t, s.dir, "watch", "-c", "signalbox.yaml", "--state-dir", "state")
}

// The gateway is killed and its log deleted under a running console: it says what, where and what to try, refuses
// levers with the reason, and goes on.
func TestConsoleGatewayAndLogGone(t *testing.T) {
	t.Parallel()
	s := newSite(t, "")
	x := s.watch(t)
	x.sees(t, "PRACTICE", "access", "drill contract can cap.set", "req/")
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	x.sees(t, "gateway drill 2/2 OUT OF REACH", "? gateway drill: 0 of 2 instances answer: ", "!")
	if err := os.Remove(s.AccessLog()); err != nil {
		t.Fatal(err)
	}
	x.sees(t, "access WAITING")
	x.press(t, "!")
	x.sees(t, "what is wrong or odd", "refused", strings.TrimPrefix(s.Instances()[0].URL, "http://"), s.AccessLog()+" is gone")
	x.dismiss(t, "what is wrong or odd")

	x.press(t, "p")
	x.sees(t, "pause batch: plan it")
	x.press(t, enter, enter, "nobody answers", enter)
	x.until(t, "the plan is refused with a reason, and the form is back", func(s string) bool {
		return strings.Contains(s, "planning workload.pause batch was refused") && strings.Contains(s, "no instance of gateway") && strings.Contains(s, "nobody answers")
	})
	x.dismiss(t, "pause batch: plan it")
	x.press(t, "q")
	if code, left := x.exits(t); code != 0 {
		t.Errorf("exit code %d; it says\n%s", code, left)
	}
	checkWhole(t, s.path("state"))
	if n := kindsOf(readJournal(t, s.path("state"))); n["lever.requested"] != 0 {
		t.Errorf("a lever was requested of a gateway that was gone: %v", n)
	}
}

// longDrill keeps the faults of a fleet going for as long as a test may take.
const longDrill = 10 * time.Minute

// A full disk: the band says so, levers are refused with the reason, notes are not lost silently; once there is
// room again all of it ends.
func TestConsoleDiskFull(t *testing.T) {
	t.Parallel()
	prlimit, err := exec.LookPath("prlimit")
	if err != nil {
		t.Skip("a limit on file sizes plays the full disk: install Debian's package util-linux for prlimit")
	}
	s := newSite(t, "")
	x := s.watch(t)
	x.sees(t, "drill contract can cap.set", "no lever is out")
	limit := func(bytes string) {
		cmd := exec.CommandContext(t.Context(), prlimit, "--pid", strconv.Itoa(x.cmd.Process.Pid), "--fsize="+bytes)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	limit("10:unlimited")
	x.note(t, "this cannot be written")
	x.sees(t, "JOURNAL: the journal cannot be written", "not done", "writing the note", "see ulimit -f")
	x.dismiss(t, "not done")
	x.press(t, "p")
	x.sees(t, "! no lever: the journal cannot be written")
	x.press(t, "!")
	x.sees(t, "what is wrong or odd", "journal  the journal cannot be written")
	x.dismiss(t, "what is wrong or odd")

	limit("unlimited:unlimited")
	x.seesNot(t, "JOURNAL: ")
	x.note(t, "there is room again")
	x.press(t, "6")
	x.sees(t, "there is room again")
	x.press(t, "p")
	x.sees(t, "pause batch: plan it")
	x.dismiss(t, "pause batch: plan it")
	x.press(t, "q")
	if code, left := x.exits(t); code != 0 {
		t.Errorf("exit code %d; it says\n%s", code, left)
	}
	checkWhole(t, s.path("state"))
	n := kindsOf(readJournal(t, s.path("state")))
	if n["lever.requested"] != 0 {
		t.Errorf("a lever was requested without a journal: %v", n)
	}
}

// dismiss closes what is on top. What opened by itself a moment ago takes no keys yet, so it is pressed again, as a person would.
func (x *terminal) dismiss(t *testing.T, title string) {
	t.Helper()
	pressed := time.Time{}
	x.until(t, title+" is closed", func(s string) bool {
		if !strings.Contains(s, title) {
			return true
		}
		if time.Since(pressed) > time.Second {
			x.press(t, plainEscape)
			pressed = time.Now()
		}
		return false
	})
}

// note writes a note by keyboard.
func (x *terminal) note(t *testing.T, text string) {
	t.Helper()
	x.press(t, "m")
	x.sees(t, "one line for the record")
	x.press(t, text, enter)
	x.seesNot(t, "one line for the record")
}

// The window is made smaller than the console can use, and large again.
func TestConsoleResized(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	x := openTerminal(t, dir, "watch", quietLog(t, dir), "--state-dir", "state")
	x.sees(t, "[1 GRID]", "4 runbook", "? keys")
	x.resize(t, 60, 15)
	x.until(t, "one pane fills the small screen", func(s string) bool {
		return strings.Contains(s, "[1 GRID]") && !strings.Contains(s, "4 runbook") && strings.Contains(s, "? keys")
	})
	x.press(t, "4")
	x.sees(t, "[4 RUNBOOK]", "502/524 burst")
	x.press(t, "?")
	x.sees(t, "keys; the pane's own come first", "esc close")
	x.dismiss(t, "keys; the pane's own come first")
	x.resize(t, 30, 6)
	x.sees(t, "too small", "It has 30x6; the console needs", "60x15")
	x.resize(t, 120, 40)
	x.sees(t, "1 grid", "[4 RUNBOOK]", "5 levers", "? keys")
	x.press(t, "q")
	if code, _ := x.exits(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// quietLog is a log that nobody writes to any more.
func quietLog(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "quiet.log")
	line := `{"time":"` + time.Now().UTC().Format(time.RFC3339) + `","model":"gpt-4o","region":"eu-west","status":200,"latency_ms":100}` + "\n"
	if err := os.WriteFile(path, []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A broken runbook file does not keep the console from opening; it says which line is wrong.
func TestConsoleBrokenRunbook(t *testing.T) {
	t.Parallel()
	s := newSite(t, "runbooks: [./books]\n")
	s.write(t, "books/broken.md", "---\nrunbook: v1\nid: broken\ntitle: broken\n---\n# Broken\n\n## 1. Confirm scope\n\n```action\ndo: cap.everything\n```\n")
	x := s.watch(t)
	x.sees(t, "PRACTICE", "502/524 burst", "books/broken.md:11: do", "cap.everything")
	x.press(t, "!")
	x.sees(t, "what is wrong or odd", "books/broken.md:11:", "write one of cap.set")
	x.dismiss(t, "what is wrong or odd")
	x.press(t, "q")
	if code, _ := x.exits(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// A signal ends the console as the shell expects: its code, the terminal as it was, the record complete.
func TestConsoleSignals(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		end  func(*terminal) error
		code int
	}{
		"SIGTERM": {func(x *terminal) error { return x.cmd.Process.Signal(syscall.SIGTERM) }, 143},
		"SIGHUP":  {func(x *terminal) error { return x.cmd.Process.Signal(syscall.SIGHUP) }, 129},
		"ctrl+c":  {func(x *terminal) error { _, err := x.tty.WriteString("\x03"); return err }, 130},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			x := openTerminal(t, dir, "watch", quietLog(t, dir), "--state-dir", "state")
			x.sees(t, "[1 GRID]", "? keys")
			if err := tc.end(x); err != nil {
				t.Fatal(err)
			}
			code, left := x.exits(t)
			if code != tc.code {
				t.Errorf("exit code %d, want %d", code, tc.code)
			}
			if !strings.Contains(left, "journal.jsonl") {
				t.Errorf("it does not say where the record lies:\n%s", left)
			}
			checkWhole(t, filepath.Join(dir, "state"))
		})
	}
}

// Two processes append notes while a console is open: all of it is in one unbroken journal, and on the screen.
func TestConsoleBesideOtherWriters(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	x := openTerminal(t, dir, "watch", quietLog(t, dir), "--state-dir", "state")
	x.sees(t, "[1 GRID]", "? keys")
	x.press(t, "i")
	x.sees(t, "open an incident")
	x.press(t, "many hands", enter, enter)
	x.seesNot(t, "open an incident")
	id := openIncident(t, filepath.Join(dir, "state"))
	const each = 4
	var both sync.WaitGroup
	for _, who := range []string{"ana", "ben"} {
		both.Go(func() {
			for n := range each {
				cmd := signalbox(t, "--state-dir", "state", "--as", who, "incident", "note", id, fmt.Sprintf("%s says %d", who, n))
				cmd.Dir, cmd.Env = dir, append(os.Environ(), "HOME="+dir)
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("%s: %v\n%s", who, err, out)
				}
			}
		})
	}
	x.note(t, "the console says it too")
	both.Wait()
	x.press(t, "6")
	x.sees(t, "[6 TIMELINE]", "ana says 3", "ben says 3", "the console says it too")
	x.press(t, "q")
	if code, _ := x.exits(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	checkWhole(t, filepath.Join(dir, "state"))
	if n := kindsOf(readJournal(t, filepath.Join(dir, "state"))); n["note"] != 2*each+1 {
		t.Errorf("the journal has %v", n)
	}
}

// openIncident finds the id of the incident that a journal opens.
func openIncident(t *testing.T, state string) string {
	t.Helper()
	for _, l := range readJournal(t, state) {
		if l.Kind == "incident.opened" {
			return l.Incident
		}
	}
	t.Fatal("the journal opens no incident")
	return ""
}

// randomKeys are the keys of a cat on the keyboard, without those that are left out.
func randomKeys(without string) []string {
	keys := []string{
		enter, enter, escape, "\t", "\x1b[Z", erase, "\x1b[A", "\x1b[B", right, "\x1b[D", "\x1b[5~", "\x1b[6~", "\x1b[H", "\x1b[F", "\x1bOP", "\x1b[3~",
		"\x01", "\x04", "\x05", "\x0e", "\x10", "\x15", "\x17", "ä", "漢", "\x1b[200~pasted\ntext\x1b[201~", "\x1b[<0;10;10M", "\x1b[I", "\x1b[O", "\x1b[9999u", "\xff",
	}
	for c := ' '; c < 0x7f; c++ {
		if !strings.ContainsRune(without, c) {
			keys = append(keys, string(c))
		}
	}
	return keys
}

// A cat does not get far into a dialog: these go where something can be broken, and leave the cat there.
var inroads = [][]string{
	{"p", enter, enter, "why", enter},
	{"c", enter, enter, enter},
	{"f", enter, enter, enter, enter},
	{"r", enter},
	{"4", "d"},
	{"4", enter},
	{"4", "s", "why", enter},
	{"u"},
	{"5", "j", "+", enter},
	{"x", enter},
	{"i", enter, enter},
	{"m", "note", enter},
	{"R", enter},
	{":", "extend 15m", enter},
}

// Random keys, seeded: no panic, the console still answers, and nothing reaches the gateway that was not confirmed.
// Without the key that confirms nothing may reach it at all.
func TestConsoleRandomKeys(t *testing.T) {
	t.Parallel()
	for name, confirm := range map[string]bool{"without confirming": false, "confirming too": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ways := 8 // some six seconds
			if underRace {
				ways = 4
			}
			if os.Getenv("SIGNALBOX_DRILL") != "" {
				ways = 80
			} else if confirm {
				t.Skip("six seconds confirm next to nothing; SIGNALBOX_DRILL=1 takes a minute")
			}
			s := newSiteOf(t, "", 100)
			x := s.watch(t)
			x.sees(t, "! 1 burst", "drill contract can cap.set")
			agreed := x.walkTheCat(t, s, ways, confirm)
			var pressed time.Time
			x.until(t, "it shows its keys", func(s string) bool {
				if strings.Contains(s, "keys; the pane's own come first") {
					return true
				}
				if time.Since(pressed) > 2*time.Second { // the cat's last keys may come later than the calm that was seen, and open another form
					x.calmDown(t)
					x.press(t, "?")
					pressed = time.Now()
				}
				return false
			})
			x.dismiss(t, "keys; the pane's own come first")
			x.interrupt(t)
			if code, left := x.exits(t); code != 130 || strings.Contains(left, "panic") {
				t.Errorf("exit code %d; it says\n%s", code, left)
			}
			checkWhole(t, s.path("state"))
			s.judgeConfirmed(t, agreed)
		})
	}
}

// interrupt presses ctrl+c, and again where the console asks. Not twice at once: a terminal that has its old modes back by then throws
// away what it was sent and has not shown yet, as it does for any program.
func (x *terminal) interrupt(t *testing.T) {
	t.Helper()
	x.press(t, "\x03")
	x.until(t, "it has left or asks", func(s string) bool {
		select {
		case <-x.read:
			return true
		default:
		}
		if strings.Contains(s, "leave? ") {
			x.press(t, "\x03")
			return true
		}
		return false
	})
}

// walkTheCat presses keys until it has been led into so many dialogs and forms, and the journal has a plan that it left. It
// counts the dialogs that it confirmed.
func (x *terminal) walkTheCat(t *testing.T, s *site, ways int, confirm bool) (agreed int) {
	t.Helper()
	keys, chance := randomKeys("qy"), rand.New(rand.NewPCG(3, 1)) //nolint:gosec // the same keys each time
	way := 0
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		for range 1 + chance.IntN(3) {
			x.press(t, keys[chance.IntN(len(keys))])
		}
		if chance.IntN(10) > 0 {
			continue
		}
		x.calmDown(t)
		if n := kindsOf(readJournal(t, s.path("state"))); way >= ways && (n["lever.declined"]+n["lever.requested"] > 0 || time.Now().After(end)) {
			return agreed
		}
		x.press(t, inroads[way%len(inroads)]...)
		way++
		time.Sleep(600 * time.Millisecond) // a dialog that opens by itself takes no keys at first
		if s := x.text(); confirm && (strings.Contains(s, "┌─ plan") || strings.Contains(s, "┌─ extend")) {
			x.press(t, "y")
			agreed++
		}
	}
}

// calmDown leaves whatever dialog, form or prompt is open.
func (x *terminal) calmDown(t *testing.T) {
	t.Helper()
	pressed := time.Time{}
	x.until(t, "nothing is open any more", func(s string) bool {
		rows := strings.Split(s, "\n")
		hints := rows[len(rows)-1]
		if !strings.Contains(s, "┌─") && strings.HasPrefix(hints, "  ") {
			return true
		}
		if time.Since(pressed) > 500*time.Millisecond {
			x.press(t, plainEscape)
			pressed = time.Now()
		}
		return false
	})
}

// judgeConfirmed compares journal and gateway with what was confirmed: no more than that was asked for, and what the
// gateway did is what it was asked.
func (s *site) judgeConfirmed(t *testing.T, agreed int) {
	t.Helper()
	n, set := kindsOf(readJournal(t, s.path("state"))), 0
	for _, in := range s.Instances() {
		code, body := fetch(t, http.MethodGet, in.ControlsURL+"/events?after=0", s.Token(), "")
		var v struct{ Events []struct{ Kind string } }
		if err := json.Unmarshal([]byte(body), &v); err != nil || code != http.StatusOK {
			t.Fatalf("events: %d, %v, %s", code, err, body)
		}
		set += len(v.Events)
	}
	asked := n["lever.requested"] + n["lever.revert_requested"] + n["lever.extended"]
	t.Logf("%d dialogs were confirmed; the gateway has %d changes; the journal %v", agreed, set, n)
	if asked > agreed {
		t.Errorf("%d changes were asked for, and only %d dialogs confirmed", asked, agreed)
	}
	if most := asked * len(s.Instances()); set > most {
		t.Errorf("the gateway has %d changes, the journal accounts for %d", set, most)
	}
	if asked+n["lever.declined"] == 0 {
		t.Error("no plan was ever shown: these keys prove nothing")
	}
}

var clock = regexp.MustCompile(`(\d\d:\d\d:\d\d)Z`)

// At rest the console draws a clock and nothing else.
func TestConsoleAtRest(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	x := openTerminal(t, dir, "watch", quietLog(t, dir), "--from-start", "--state-dir", "state")
	x.sees(t, "gpt-4o", "? keys")
	tick := func() int {
		old := clock.FindString(x.text())
		x.until(t, "the clock goes on", func(s string) bool { return clock.FindString(s) != old })
		return x.wrote()
	}
	// When it has come to rest nobody can tell from outside: two seconds may still have something of the start, or of what
	// a machine that is slow today draws late.
	const over, most = 2, 400
	per := most + 1
	for round := 0; per > most && round < 10; round++ {
		first, began, cpu := tick(), time.Now(), cpuTime(x.cmd.Process.Pid)
		last := 0
		for range over {
			last = tick()
		}
		per = (last - first) / over
		t.Logf("%d bytes a second; CPU %.1f%%", per, 100*(cpuTime(x.cmd.Process.Pid)-cpu).Seconds()/time.Since(began).Seconds())
	}
	if per > most {
		t.Errorf("%d bytes a second at rest: something redraws the screen", per)
	}
}

// cpuTime is what a process has used, as Linux tells it; elsewhere 0.
func cpuTime(pid int) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	f := strings.Fields(rest)
	if len(f) < 13 {
		return 0
	}
	var used time.Duration
	for _, ticks := range f[11:13] {
		n, err := strconv.Atoi(ticks)
		if err != nil {
			return 0
		}
		used += time.Duration(n) * 10 * time.Millisecond
	}
	return used
}

// One gateway and one source without their tokens do not keep the console from opening: it says what is wrong with them,
// and the levers of the other gateway work.
func TestConsoleWithoutOneToken(t *testing.T) {
	t.Parallel()
	s := newSite(t, "  - {name: page, kind: scrape, url: \"http://127.0.0.1:1/metrics\", token: file:gone}\n")
	b, err := os.ReadFile(s.path("signalbox.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	s.write(t, "signalbox.yaml", strings.Replace(string(b), "gateways:\n",
		"gateways:\n  - {name: edge, kind: contract, env: practice, levers: on, instances: [\"http://127.0.0.1:1\"], token: env:NOT_SET_ANYWHERE}\n", 1))
	x := s.watch(t)
	x.sees(t, "gateway edge: cannot be steered: token", "page FAILING", "gpt-4o")
	x.press(t, "5")
	x.sees(t, "drill contract can cap.", "edge cannot be steered: token: ")
	x.press(t, "p")
	x.sees(t, "scope  gateway=drill workload=batch")
	x.press(t, enter, enter, "batch can wait", enter)
	x.sees(t, "plan: workload.pause batch")
	x.offers(t)
	x.press(t, escape)
	x.sees(t, "declined: workload.pause")
	x.press(t, "q")
	if code, left := x.leaves(t); code != 0 {
		t.Errorf("exit code %d\n%s", code, left)
	}
}

package command_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"signalbox/internal/traffic"
	"signalbox/sources/command"
)

// patience is how long something may take that must happen; it is no measure of speed.
const patience = time.Minute

// run is a source that is followed by a test.
type run struct {
	cancel context.CancelFunc
	ended  chan struct{}
	err    error

	symbols *traffic.Symbols

	mu    sync.Mutex
	ids   []string
	from  map[string]string // request id -> instance
	state traffic.SourceState
	broke traffic.SourceState // the first that tells of a failure
	slow  time.Duration       // how long each batch takes to be taken
}

func follow(t *testing.T, opt command.Options, slow time.Duration) *run {
	t.Helper()
	if opt.Name == "" {
		opt.Name = "feed"
	}
	symbols := traffic.NewSymbols(0)
	opt.Kit.Symbols = symbols
	src, err := command.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r := &run{cancel: cancel, ended: make(chan struct{}), slow: slow, symbols: symbols, from: map[string]string{}}
	go func() {
		defer close(r.ended)
		r.err = src.Run(ctx, r.take)
	}()
	t.Cleanup(func() { r.stop(t) })
	return r
}

func (r *run) take(ctx context.Context, b traffic.Batch) error {
	if r.slow > 0 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(r.slow):
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range b.Records {
		rec := &b.Records[i]
		r.ids = append(r.ids, rec.RequestID)
		r.from[rec.RequestID] = r.symbols.Name(rec.Key[traffic.Instance])
	}
	r.state = *b.State
	if r.state.Health == traffic.Failing && r.broke.Health != traffic.Failing {
		r.broke = r.state
	}
	return nil
}

// firstFailure waits for the state that told of the first failure. A command that fails again and again may have gone
// further before anybody looks.
func (r *run) firstFailure(t *testing.T) traffic.SourceState {
	t.Helper()
	var first traffic.SourceState
	r.until(t, "it has failed for the first time", func([]string, traffic.SourceState) bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		first = r.broke
		return first.Health == traffic.Failing
	})
	return first
}

func (r *run) now() ([]string, traffic.SourceState) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.ids...), r.state
}

func (r *run) stop(t *testing.T) {
	t.Helper()
	r.cancel()
	select {
	case <-r.ended:
	case <-time.After(patience):
		t.Fatal("the source did not end")
	}
	if r.err != nil {
		t.Errorf("the source ended with %v", r.err)
	}
}

func (r *run) until(t *testing.T, what string, ok func([]string, traffic.SourceState) bool) ([]string, traffic.SourceState) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		ids, state := r.now()
		if ok(ids, state) {
			return ids, state
		}
		if time.Now().After(end) {
			t.Fatalf("waited in vain until %s; %d lines, state %+v", what, len(ids), state)
		}
	}
}

// script writes a program for the shell and gives the command that runs it.
func script(t *testing.T, name, text string) []string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o700); err != nil { //nolint:gosec // a program must be executable
		t.Fatal(err)
	}
	return []string{path}
}

// say is shell that prints a line with the number in $i, each a tenth of a second after the one before.
const say = `printf '{"time":"2026-11-21T12:00:%02d.%d00Z","model":"m","status":200,"latency_ms":5,"request_id":"%d"}\n' $((i/10)) $((i%10)) $i` + "\n"

// TestTellsOnceOverRestarts: a command that ends again and again and repeats the end of what it said.
func TestTellsOnceOverRestarts(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	argv := script(t, "feed", `n=$(cat '`+dir+`/n' 2>/dev/null || echo 0); echo $((n+1)) >'`+dir+`/n'
i=$((n*10 - 3)); [ $i -lt 0 ] && i=0
while [ $i -lt $((n*10+10)) ]; do `+say+`i=$((i+1)); done; echo "connection lost" >&2; exit 7`)
	r := follow(t, command.Options{Command: argv}, 0)
	state := r.firstFailure(t)
	for _, want := range []string{"exit status 7", "connection lost", "is started again in 1s", "may be missing"} {
		if !strings.Contains(state.Detail, want) {
			t.Errorf("the state does not say %q: %s", want, state.Detail)
		}
	}
	ids, _ := r.until(t, "three runs are over", func(ids []string, _ traffic.SourceState) bool { return len(ids) >= 30 })
	wantCounted(t, ids[:30])
}

func wantCounted(t *testing.T, ids []string) {
	t.Helper()
	for i, id := range ids {
		if id != strconv.Itoa(i) {
			t.Fatalf("line %d is %q: %v", i, id, ids)
		}
	}
}

// TestNothingIsDroppedWhenTheReceiverIsSlow: the command waits on its pipe.
func TestNothingIsDroppedWhenTheReceiverIsSlow(t *testing.T) {
	t.Parallel()
	const lines = 20_000
	argv := script(t, "flood", `awk 'BEGIN { for (i = 0; i < `+strconv.Itoa(lines)+`; i++) printf "{\"time\":%d,\"model\":\"m\",\"status\":200,\"request_id\":\"%d\"}\n", 1795262400 + i/100, i }'`)
	r := follow(t, command.Options{Command: argv, Once: true}, time.Millisecond)
	ids, state := r.until(t, "it has ended", func(_ []string, s traffic.SourceState) bool { return s.Health == traffic.Ended })
	if len(ids) != lines || state.Lines != lines || state.Dropped != 0 {
		t.Fatalf("%d of %d lines, state %+v", len(ids), lines, state)
	}
	wantCounted(t, ids)
}

// TestAskingForAPasswordFails: there is neither input nor a terminal to ask at.
func TestAskingForAPasswordFails(t *testing.T) {
	t.Parallel()
	argv := script(t, "login", `printf 'Password: \\n' >&2
if read -r answer; then echo "got an answer" >&2; exit 1; fi
if (: </dev/tty) 2>/dev/null; then echo "has a terminal" >&2; exit 1; fi
echo "login expired, token sk-proj-abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGH" >&2; exit 1`)
	r := follow(t, command.Options{Command: argv}, 0)
	state := r.firstFailure(t)
	if !strings.Contains(state.Detail, "login expired") || strings.Contains(state.Detail, "abcdefghijkl") {
		t.Errorf("detail %q", state.Detail)
	}
}

// TestNothingIsLeftBehind: what the command has started ends with the source, also if it does not listen.
func TestNothingIsLeftBehind(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	argv := script(t, "stubborn", `trap '' TERM
sleep 600 & echo $! >'`+dir+`/child'; echo $$ >'`+dir+`/self'
i=0; `+say+`wait; wait`)
	r := follow(t, command.Options{Command: argv}, 0)
	r.until(t, "it runs", func(ids []string, _ traffic.SourceState) bool { return len(ids) == 1 })
	r.stop(t)
	for _, name := range []string{"self", "child"} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
		if err != nil {
			t.Fatal(err)
		}
		wantGone(t, pid)
	}
}

func wantGone(t *testing.T, pid int) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil && errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) || err == nil && strings.Contains(string(b), ") Z ") {
			return // gone, or waiting for whoever adopted it to notice
		}
		if time.Now().After(end) {
			t.Fatalf("process %d is still there: %s", pid, b)
		}
	}
}

// TestAProgramThatIsNotThere is a state that says so, since it may be installed at any time.
func TestAProgramThatIsNotThere(t *testing.T) {
	t.Parallel()
	r := follow(t, command.Options{Command: []string{"signalbox-no-such-program"}}, 0)
	state := r.firstFailure(t)
	if !strings.Contains(state.Detail, "not found") || !strings.Contains(state.Detail, "again in 1s") {
		t.Errorf("detail %q", state.Detail)
	}
}

// TestJournalGoesOnBehindTheLastEntry: journalctl is asked for what follows the cursor.
func TestJournalGoesOnBehindTheLastEntry(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	argv := script(t, "journalctl", `echo "$*" >>'`+dir+`/calls'
n=$(wc -l <'`+dir+`/calls'); i=$((n-1))
printf '{"__CURSOR":"s=x;i=%d","__REALTIME_TIMESTAMP":"17952624%02d000000","MESSAGE":"{\\"model\\":\\"m\\",\\"status\\":200,\\"request_id\\":\\"%d\\"}"}\n' $i $i $i
[ $n -ge 2 ] && sleep 600`)
	r := follow(t, command.Options{Command: append(argv, "-f", "-o", "json", "-n", "0")}, 0)
	r.until(t, "two entries have come", func(_ []string, s traffic.SourceState) bool { return s.Lines >= 2 })
	b, err := os.ReadFile(filepath.Join(dir, "calls"))
	if err != nil {
		t.Fatal(err)
	}
	if want := "-f -o json -n 0\n--after-cursor=s=x;i=0 -f -o json\n"; string(b) != want {
		t.Errorf("journalctl was called with\n%swant\n%s", b, want)
	}
}

func TestNewWantsACommand(t *testing.T) {
	for _, argv := range [][]string{nil, {""}} {
		if _, err := command.New(command.Options{Name: "x", Command: argv}); err == nil || !strings.Contains(err.Error(), "source x names no command") {
			t.Errorf("%q: %v", argv, err)
		}
	}
	if _, err := command.New(command.Options{Name: "x", Command: []string{"true"}, Format: "no-such"}); err == nil {
		t.Error("a format that is not known is no error")
	}
}

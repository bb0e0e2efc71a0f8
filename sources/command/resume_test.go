package command

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestResumeOf(t *testing.T) {
	for _, tt := range []struct {
		argv string
		want Resume
	}{
		{"kubectl logs -f -l app=gateway", Stamped},
		{"/usr/bin/kubectl -n llm logs -f deploy/gateway", Stamped},
		{"oc logs -f pod", Stamped},
		{"docker logs -f gateway", Stamped},
		{"docker ps", Overlap},
		{"journalctl -f -o json -u gateway", Cursor},
		{"journalctl -f --output=json", Cursor},
		{"journalctl -f -u gateway", Overlap},
		{"ssh host tail -F /var/log/gateway.log", Overlap},
		{"ssh host kubectl logs -f pod", Overlap}, // what stands behind ssh is another machine's shell
	} {
		if got := ResumeOf(strings.Fields(tt.argv)); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.argv, got, tt.want)
		}
	}
}

func TestArguments(t *testing.T) {
	newest := time.Date(2026, 11, 21, 12, 0, 30, 500e6, time.UTC)
	for _, tt := range []struct{ argv, first, again string }{
		{
			"kubectl -n llm logs -f -l app=gateway --tail 10",
			"kubectl -n llm logs --timestamps=true --prefix=true -f -l app=gateway --tail 10",
			"kubectl -n llm logs --tail=-1 --since-time=2026-11-21T12:00:20Z --timestamps=true --prefix=true -f -l app=gateway",
		},
		{
			"kubectl logs --prefix --since=5m -f pod",
			"kubectl logs --timestamps=true --prefix --since=5m -f pod",
			"kubectl logs --tail=-1 --since-time=2026-11-21T12:00:20Z --timestamps=true --prefix -f pod",
		},
		{
			"docker logs -f -n 100 gateway",
			"docker logs --timestamps=true -f -n 100 gateway",
			"docker logs --since=2026-11-21T12:00:20.5Z --timestamps=true -f gateway",
		},
		{
			"journalctl -f -o json -n 0 -u gateway",
			"journalctl -f -o json -n 0 -u gateway",
			"journalctl --after-cursor=s=1;i=2 -f -o json -u gateway",
		},
		{"ssh host tail -F log", "ssh host tail -F log", "ssh host tail -F log"},
	} {
		argv := strings.Fields(tt.argv)
		how := ResumeOf(argv)
		if got := strings.Join(first(argv, how), " "); got != tt.first {
			t.Errorf("first\n got %s\nwant %s", got, tt.first)
		}
		if got := strings.Join(again(argv, how, newest, "s=1;i=2"), " "); got != tt.again {
			t.Errorf("again\n got %s\nwant %s", got, tt.again)
		}
		if strings.Join(argv, " ") != tt.argv {
			t.Errorf("the configured arguments were changed: %s", argv)
		}
	}
}

func TestStampAndCursor(t *testing.T) {
	at := time.Date(2026, 11, 21, 12, 0, 0, 123456789, time.UTC)
	for _, line := range []string{
		"2026-11-21T12:00:00.123456789Z text", "[pod/gw-0/proxy] 2026-11-21T12:00:00.123456789Z {}",
	} {
		if got, ok := stampOf([]byte(line)); !ok || !got.Equal(at) {
			t.Errorf("%s: %v, %v", line, got, ok)
		}
	}
	for _, line := range []string{"", "[pod/gw-0", "text 2026-11-21T12:00:00Z", "[x] no time", `{"time":"2026-11-21T12:00:00Z"}`} {
		if got, ok := stampOf([]byte(line)); ok {
			t.Errorf("%s: %v", line, got)
		}
	}
	if got := cursorOf([]byte(`{"MESSAGE":"x","__CURSOR" : "s=ab;i=1f;b=0;m=2;t=3;x=4"}`)); got != "s=ab;i=1f;b=0;m=2;t=3;x=4" {
		t.Errorf("cursor %q", got)
	}
	for _, line := range []string{`{"__CURSOR":"a b"}`, `{"__CURSOR":5}`, `{"__CURSOR":"open`, `{"__CURSOR":"` + strings.Repeat("x", 600) + `"}`} {
		if got := cursorOf([]byte(line)); got != "" {
			t.Errorf("%s: %q would become an argument", line, got)
		}
	}
}

// TestLastFindsTheLongestOverlap plays two runs of a command that repeats the end of what it said.
func TestLastFindsTheLongestOverlap(t *testing.T) {
	now := time.Unix(0, 0)
	for _, tt := range []struct {
		name, before, after, fresh string
		repeated                   int
	}{
		{"all repeated, then new", "a b c", "b c d e", "d e", 2},
		{"everything again", "a b c", "a b c d", "d", 3},
		{"nothing in common", "a b c", "x y", "x y", 0},
		{"begins alike, then differs", "a b c", "b x y", "b x y", 0},
		{"the same line over and over", "a a a", "a a a b", "b", 3},
		{"the first run said nothing", "", "a b", "a b", 0},
	} {
		var l last
		l.begin()
		for _, w := range strings.Fields(tt.before) {
			l.take([]byte(w), now)
		}
		l.begin()
		var fresh []string
		repeated := 0
		add := func(lines [][]byte, n int) {
			for _, b := range lines {
				fresh = append(fresh, string(b))
			}
			repeated += n
		}
		for _, w := range strings.Fields(tt.after) {
			add(l.take([]byte(w), now))
		}
		add(l.due(now.Add(holdWithin)))
		if got := strings.Join(fresh, " "); got != tt.fresh || repeated != tt.repeated {
			t.Errorf("%s: fresh %q, repeated %d", tt.name, got, repeated)
		}
	}
}

// TestLastHoldsUntilItIsKnown: a run that so far only repeats is held, and handed on when nothing settles it.
func TestLastHoldsUntilItIsKnown(t *testing.T) {
	now := time.Unix(0, 0)
	var l last
	l.begin()
	for _, w := range []string{"a", "b", "c"} {
		l.take([]byte(w), now)
	}
	l.begin()
	if fresh, n := l.take([]byte("a"), now); len(fresh) != 0 || n != 0 {
		t.Fatalf("handed on %q before it is known to be new", fresh)
	}
	if fresh, _ := l.due(now.Add(holdWithin / 2)); len(fresh) != 0 {
		t.Fatalf("handed on %q too early", fresh)
	}
	fresh, _ := l.due(now.Add(holdWithin))
	if len(fresh) != 1 || string(fresh[0]) != "a" {
		t.Fatalf("after the wait: %q", fresh)
	}
}

// TestStampedCountsEachRun: two runs that overlap tell each line once, and a line that one run tells twice twice.
func TestStampedCountsEachRun(t *testing.T) {
	s := newStamped()
	one, two := map[uint64]int{}, map[uint64]int{}
	var told []string
	take := func(run map[uint64]int, lines ...string) {
		for _, l := range lines {
			if s.fresh(run, []byte(l)) {
				told = append(told, l)
			}
		}
	}
	take(one, "1 a", "2 b", "2 b")
	take(two, "2 b", "2 b", "3 c")
	take(one, "3 c", "4 d")
	take(two, "4 d", "5 e")
	if want := []string{"1 a", "2 b", "2 b", "3 c", "4 d", "5 e"}; !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}

func TestStampedForgets(t *testing.T) {
	s := newStamped()
	run := map[uint64]int{}
	for i := range 3 * maxStamped {
		if !s.fresh(run, []byte{byte(i), byte(i >> 8), byte(i >> 16)}) {
			t.Fatalf("line %d was taken for a repeated one", i)
		}
	}
	if len(s.told) > maxStamped*12/10 || len(run) > maxStamped*12/10 || len(s.order) > maxStamped*12/10 {
		t.Errorf("%d, %d, %d remembered", len(s.told), len(run), len(s.order))
	}
}

func TestPauseGrowsAndIsBounded(t *testing.T) {
	var before time.Duration
	for n := range 100 {
		d := pause(n)
		if d < before || d <= 0 || d > 30*time.Second {
			t.Fatalf("pause %d is %s after %s", n, d, before)
		}
		before = d
	}
}

func FuzzLine(f *testing.F) {
	f.Add([]byte("[pod/gw-0/proxy] 2026-11-21T12:00:00Z {}"))
	f.Add([]byte(`{"__CURSOR":"s=1"}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		if at, ok := stampOf(line); ok && at.IsZero() && at.Year() != 1 {
			t.Errorf("a time that is none: %v", at)
		}
		if c := cursorOf(line); strings.ContainsAny(c, " \n\x00\"\\") || len(c) > maxCursor {
			t.Errorf("cursor %q", c)
		}
	})
}

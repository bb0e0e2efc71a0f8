package haproxy

import (
	"bufio"
	"context"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestSession: a connection that is kept serves command after command, and one that says anything but an answer and a prompt is
// given up, with what it did; the next command has a new one.
func TestSession(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(t.TempDir(), "s")
	l, err := new(net.ListenConfig).Listen(t.Context(), "unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var say map[string]string // by command; what is not in it is not answered
	connections := 0
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			connections++
			mu.Unlock()
			serving.Go(func() {
				defer c.Close()
				for in := bufio.NewScanner(c); in.Scan(); {
					mu.Lock()
					answer := say[in.Text()]
					mu.Unlock()
					answer, cut := strings.CutSuffix(answer, "<cut>")
					if _, err := c.Write([]byte(answer)); err != nil || cut {
						return
					}
				}
			})
		}
	})
	d := New(Options{
		Gateway: "edge", Instances: []Instance{{Name: "a", Addr: "unix:" + socket}}, Timeout: 200 * time.Millisecond,
		Through: func(string, string) string { return "ssh edge" },
	})
	p := d.peers[0]
	defer func() { _ = l.Close(); p.session.end(); serving.Wait() }()
	answers := func(m map[string]string) {
		mu.Lock()
		defer mu.Unlock()
		say, connections = m, 0
	}
	answers(map[string]string{"prompt": "\n> ", "show info": "Name: HAProxy\n> of course\n\n> ", "show stat": "\n> ", "no": "Unknown command\n\n> "})
	for range 3 {
		if got, err := p.ask(t.Context(), "show stat"); err != nil || got != "\n" {
			t.Errorf("%q, %v", got, err)
		}
	}
	if _, err := p.ask(t.Context(), "no"); err == nil || !strings.Contains(err.Error(), "does not know") {
		t.Error(err)
	}
	if connections != 1 {
		t.Errorf("%d connections", connections)
	}
	for _, c := range []struct {
		why   string
		say   map[string]string
		lost  bool // the command may have been done
		wants string
	}{
		{"an answer that breaks off", map[string]string{"prompt": "\n> ", "show stat": "a\nb<cut>"}, true, "the answer broke off"},
		{"an end without an answer", map[string]string{"prompt": "\n> ", "show stat": "<cut>"}, true, "ended without an answer"},
		{"more than an answer", map[string]string{"prompt": "\n> ", "show stat": "a\n> \nb"}, true, "more came than was asked for"},
		{"no answer", map[string]string{"prompt": "\n> "}, true, "no answer within 200ms"},
		{"no prompt", map[string]string{}, false, "no answer within 200ms"},
		{"a web server", map[string]string{"prompt": "HTTP/1.0 400 Bad request\r\n\r\n<cut>"}, false, "an HTTP server"},
	} {
		p.session.mu.Lock()
		p.session.end()
		p.session.mu.Unlock()
		answers(c.say)
		_, err := p.ask(t.Context(), "show stat")
		var lost *lostError
		if err == nil || errors.As(err, &lost) != c.lost || !strings.Contains(err.Error(), c.wants) || !strings.Contains(err.Error(), "a (unix:"+socket+" through `ssh edge`): ") {
			t.Errorf("%s: %v", c.why, err)
		}
		answers(map[string]string{"prompt": "\n> ", "show stat": "fine\n\n> "})
		if got, err := p.ask(t.Context(), "show stat"); err != nil || got != "fine\n\n" || connections != 1 {
			t.Errorf("after %s: %q, %v, %d connections", c.why, got, err, connections)
		}
	}
	if line := p.line("show info"); line != `echo "show info" | ssh edge` {
		t.Error(line)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("leaving"))
	for range 200 { // an answer could be quicker than the notice that nobody waits for it
		var lost *lostError
		if _, err := p.ask(ctx, "show stat"); err == nil || errors.As(err, &lost) || !strings.Contains(err.Error(), "leaving") {
			t.Fatalf("who was leaving has asked: %v", err)
		}
	}
}

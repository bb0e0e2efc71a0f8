package push

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestTheDoorClosesBehindTheLastHandler ends the door while a handler runs: it is waited for, and the address is free then.
func TestTheDoorClosesBehindTheLastHandler(t *testing.T) {
	t.Parallel()
	began, goOn := make(chan struct{}), make(chan struct{})
	over := false
	d, err := New(Options{Listen: "127.0.0.1:0", Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(began)
		<-goOn
		over = true
		_, _ = w.Write([]byte("ok"))
	})})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	addr := make(chan string, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.Run(ctx, func(a string, err error) {
			if err != nil {
				t.Error(err)
			}
			addr <- a
		})
	}()
	at := <-addr
	answer := make(chan string, 1)
	go func() {
		resp, err := http.Post("http://"+at+"/", "text/plain", strings.NewReader("x"))
		if err != nil {
			answer <- err.Error()
			return
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		answer <- string(b)
	}()
	<-began
	cancel()
	select {
	case <-done:
		t.Error("the door closed on a handler that was running")
	case <-time.After(50 * time.Millisecond):
	}
	close(goOn)
	<-done
	if got := <-answer; got != "ok" || !over {
		t.Errorf("the sender was answered %q", got)
	}
	l, err := net.Listen("tcp", at)
	if err != nil {
		t.Fatalf("the address is not free: %v", err)
	}
	l.Close()
}

func FuzzAddress(f *testing.F) {
	for _, s := range []string{"127.0.0.1:80", "[::1]:0", "localhost:1", ":1", "[::ffff:1.2.3.4]:1", "127.1:80"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		addr, err := Address(s)
		if err != nil {
			return
		}
		host, _, err := net.SplitHostPort(addr)
		if err != nil || !net.ParseIP(host).IsLoopback() {
			t.Errorf("%q was taken as %q", s, addr)
		}
	})
}

// TestReadIsBounded lets a body through only up to what was allowed, however it is packed.
func TestReadIsBounded(t *testing.T) {
	t.Parallel()
	d, err := New(Options{Listen: "127.0.0.1:0", MaxBody: 100, MaxPlain: 200})
	if err != nil {
		t.Fatal(err)
	}
	for n, want := range map[int]int{0: 0, 100: 0, 101: http.StatusRequestEntityTooLarge} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/", bytes.NewReader(make([]byte, n)))
		if err != nil {
			t.Fatal(err)
		}
		body, err := d.Read(nil, r)
		switch {
		case want == 0 && (err != nil || len(body) != n):
			t.Errorf("%d bytes: %d, %v", n, len(body), err)
		case want != 0 && AsRefusal(err).Status != want:
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

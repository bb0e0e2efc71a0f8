package jump

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// as makes this binary a command that leads to somewhere, well or badly: TestMain reads it.
const as = "SIGNALBOX_JUMP_TEST_AS"

func TestMain(m *testing.M) {
	mode := os.Getenv(as)
	if mode == "" {
		os.Exit(m.Run())
	}
	os.Exit(command(mode, os.Args[1:]))
}

// command is what this binary does in place of ssh. The first argument is a file for its process id.
func command(mode string, args []string) int {
	if f, err := os.OpenFile(args[0], os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600); err == nil {
		fmt.Fprintln(f, os.Getpid())
		_ = f.Close()
	}
	switch mode {
	case "relay", "dies midway":
		conn, err := new(net.Dialer).DialContext(context.Background(), args[1], args[2])
		if err != nil {
			fmt.Fprintln(os.Stderr, "cannot connect:", err)
			return 255
		}
		if mode == "dies midway" {
			go func() { _, _ = io.Copy(conn, os.Stdin) }()
			_, _ = io.CopyN(os.Stdout, conn, 20)
			fmt.Fprintln(os.Stderr, "the line was cut")
			return 3
		}
		return relay(conn)
	case "forward":
		return forwardPort(args[1], args[2])
	case "refuses":
		fmt.Fprint(os.Stderr, "\x1b[31mPermission denied (publickey).\x1b[0m\nbearer sk-ant-api03-Aa1Bb2Cc3Dd4Ee5Ff6Gg7Hh8Ii9Jj0-AAAA\n", strings.Repeat("x", 100_000), "\nlast words\n")
		return 255
	case "hangs":
		signal.Ignore(syscall.SIGTERM)
		child := exec.CommandContext(context.Background(), os.Args[0], args[0]) // it has to go too
		child.Env = append(os.Environ(), as+"=sleeps")
		if err := child.Start(); err != nil {
			return 9
		}
		time.Sleep(time.Hour)
	case "sleeps":
		signal.Ignore(syscall.SIGTERM)
		time.Sleep(time.Hour)
	case "garbage":
		fmt.Print(strings.Repeat("\x1b]0;this is no answer\x07", 3000))
		_, _ = io.Copy(io.Discard, os.Stdin)
	case "environment":
		fmt.Printf("secret=%s dir=%s", os.Getenv("JUMP_TEST_SECRET"), filepath.Base(must(os.Getwd())))
	}
	return 0
}

func must(s string, err error) string {
	if err != nil {
		return err.Error()
	}
	return s
}

// relay is what ssh -W and socat do.
func relay(conn net.Conn) int {
	go func() {
		_, _ = io.Copy(conn, os.Stdin)
		if c, ok := conn.(interface{ CloseWrite() error }); ok {
			_ = c.CloseWrite()
		}
	}()
	_, _ = io.Copy(os.Stdout, conn)
	return 0
}

// forwardPort is what kubectl port-forward does.
func forwardPort(port, to string) int {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:"+port)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for {
		in, err := l.Accept()
		if err != nil {
			return 1
		}
		go func() {
			defer in.Close()
			out, err := new(net.Dialer).DialContext(context.Background(), "tcp", to)
			if err != nil {
				return
			}
			defer out.Close()
			var both sync.WaitGroup
			both.Go(func() { _, _ = io.Copy(out, in); _ = out.(*net.TCPConn).CloseWrite() })
			both.Go(func() { _, _ = io.Copy(in, out); _ = in.(*net.TCPConn).CloseWrite() })
			both.Wait()
		}()
	}
}

// through is a way by this binary, and the file with the ids of its processes.
func through(t *testing.T, mode string, args ...string) (*Way, string) {
	t.Helper()
	pids := filepath.Join(t.TempDir(), "pids")
	w := New(Options{Command: append([]string{os.Args[0], pids}, args...), Env: append(os.Environ(), as+"="+mode), Dir: t.TempDir()})
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		gone(t, pids)
	})
	return w, pids
}

// gone wants all processes of a file to have ended. What was killed may need a moment for that.
func gone(t *testing.T, pids string) {
	t.Helper()
	var left []int
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if left = alive(t, pids); len(left) == 0 {
			return
		}
	}
	t.Errorf("processes are left: %v", left)
}

// alive are the processes of a file that have not ended. One that nobody has waited for yet is dead all the same.
func alive(t *testing.T, pids string) []int {
	t.Helper()
	b, err := os.ReadFile(pids)
	if err != nil {
		return nil
	}
	var out []int
	for _, f := range strings.Fields(string(b)) {
		pid, err := strconv.Atoi(f)
		if err != nil {
			t.Fatal(err)
		}
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil || strings.Contains(string(stat), ") Z ") || strings.Contains(string(stat), ") X ") {
			continue
		}
		out = append(out, pid)
	}
	return out
}

// answering serves one line a connection on a unix socket, as HAProxy does, and gives its path.
func answering(t *testing.T, answer string) string {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	l, err := new(net.ListenConfig).Listen(t.Context(), "unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			line, _ := bufio.NewReader(c).ReadString('\n')
			_, _ = io.WriteString(c, answer+line)
			_ = c.Close()
		}
	})
	t.Cleanup(func() { _ = l.Close(); serving.Wait() })
	return socket
}

func TestAConnectionThroughACommand(t *testing.T) {
	t.Parallel()
	socket := answering(t, "you said ")
	w, _ := through(t, "relay", "unix", "{path}")
	for range 3 {
		c, err := w.Dial(t.Context(), "unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, "show info\n"); err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(c)
		if err != nil || string(b) != "you said show info\n" {
			t.Errorf("%q, %v", b, err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("read after close: %v", err)
		}
	}
}

// What is wrong with the command is the error: which, what became of it, and what it said, in bounds and without secrets.
func TestACommandThatFails(t *testing.T) {
	t.Parallel()
	socket := answering(t, strings.Repeat("a long answer ", 100))
	for _, c := range []struct {
		mode    string
		to      string
		want    []string
		through int // bytes that come before it
	}{
		{"refuses", socket, []string{"ended with 255 (", "last words"}, 0},
		{"relay", "/nobody/listens", []string{"ended with 255 (cannot connect: dial unix /nobody/listens"}, 0},
		{"dies midway", socket, []string{"ended with 3 (the line was cut)"}, 20},
		{"", "", []string{"could not be started", "no such file"}, 0},
	} {
		w, pids := through(t, c.mode, "unix", "{path}")
		if c.mode == "" {
			w = New(Options{Command: []string{"/no/such/command"}})
		}
		conn, err := w.Dial(t.Context(), "unix", c.to)
		var b []byte
		if err == nil {
			_, _ = io.WriteString(conn, "show info\n") // what is wrong is told at the read
			b, err = io.ReadAll(conn)
			_ = conn.Close()
		}
		if err == nil || len(b) != c.through {
			t.Errorf("%s: read %d bytes, %v", c.mode, len(b), err)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q does not say %q", c.mode, err, want)
			}
		}
		if len(err.Error()) > 1000 || strings.ContainsAny(err.Error(), "\x1b\n") || strings.Contains(err.Error(), "Aa1Bb2") {
			t.Errorf("%s: %q", c.mode, err)
		}
		gone(t, pids)
	}
}

// A command that neither answers nor ends when it is asked to keeps nobody longer than a deadline, and does not outlive the
// connection; nor does its child.
func TestACommandThatHangs(t *testing.T) {
	t.Parallel()
	w, pids := through(t, "hangs")
	c, err := w.Dial(t.Context(), "tcp", "127.0.0.1:1")
	if err != nil {
		t.Fatal(err)
	}
	for len(alive(t, pids)) < 2 {
		time.Sleep(5 * time.Millisecond)
	}
	if err := c.SetDeadline(time.Now().Add(30 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	var timeout net.Error
	if _, err := c.Read(make([]byte, 1)); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("read: %v", err)
	}
	big := make([]byte, 1<<20) // more than a pipe takes
	if _, err := c.Write(big); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("write: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	gone(t, pids)
}

// HTTP goes through it with its connections kept; https wants the certificate of the real host.
func TestHTTPThroughACommand(t *testing.T) {
	t.Parallel()
	hello := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { fmt.Fprint(rw, "hello "+r.Host) })
	plain, secure := httptest.NewServer(hello), httptest.NewTLSServer(hello)
	t.Cleanup(plain.Close)
	t.Cleanup(secure.Close)
	known := x509.NewCertPool()
	known.AddCert(secure.Certificate())

	get := func(t *testing.T, w *Way, url string) (string, error) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := w.Client().Do(req)
		if err != nil {
			return "", err
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		return string(b), err
	}
	w, pids := through(t, "relay", "tcp", plain.Listener.Addr().String())
	for range 3 {
		if got, err := get(t, w, "http://llm.internal:8080/"); err != nil || got != "hello llm.internal:8080" {
			t.Errorf("%q, %v", got, err)
		}
	}
	if n := len(alive(t, pids)); n != 1 {
		t.Errorf("%d processes for one connection that is kept", n)
	}
	// The certificate of httptest is for example.com: it is asked for by that name, wherever the way leads.
	w, _ = through(t, "relay", "tcp", secure.Listener.Addr().String())
	w.Transport().TLSClientConfig = &tls.Config{RootCAs: known}
	if got, err := get(t, w, "https://example.com/"); err != nil || got != "hello example.com" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := get(t, w, "https://llm.internal/"); err == nil || !strings.Contains(err.Error(), "not llm.internal") {
		t.Errorf("a certificate for another host was taken: %v", err)
	}
	w, _ = through(t, "refuses")
	if _, err := get(t, w, "http://llm.internal/"); err == nil || !strings.Contains(err.Error(), "ended with 255 (") || strings.Contains(err.Error(), "transport connection broken") {
		t.Errorf("%v", err)
	}
	w, _ = through(t, "garbage")
	if _, err := get(t, w, "http://llm.internal/"); err == nil || len(err.Error()) > 600 || strings.Contains(err.Error(), "\x1b") {
		t.Errorf("%v", err)
	}
}

// A command that forwards a port is started once, started again when it has ended, and told of when it cannot.
func TestAForwardedPort(t *testing.T) {
	t.Parallel()
	page := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) { fmt.Fprint(rw, "here") }))
	t.Cleanup(page.Close)
	w, pids := through(t, "forward", "{local}", page.Listener.Addr().String())
	talk := func() error {
		c, err := w.Dial(t.Context(), "tcp", "pod:80")
		if err != nil {
			return err
		}
		defer c.Close()
		_, _ = io.WriteString(c, "GET / HTTP/1.0\r\n\r\n")
		b, err := io.ReadAll(c)
		if !strings.HasSuffix(string(b), "here") {
			return fmt.Errorf("%q, %w", b, err)
		}
		return nil
	}
	var both sync.WaitGroup
	for range 4 {
		both.Go(func() {
			if err := talk(); err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
	first := alive(t, pids)
	if len(first) != 1 {
		t.Fatalf("processes %v for one port", first)
	}
	if err := syscall.Kill(first[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	f := w.forwards["pod:80"]
	<-f.ended
	if err := talk(); err != nil {
		t.Error(err)
	}
	if again := alive(t, pids); len(again) != 1 || slices.Equal(first, again) {
		t.Errorf("processes %v, then %v", first, again)
	}
	w, _ = through(t, "refuses", "{local}")
	if _, err := w.Dial(t.Context(), "tcp", "pod:80"); err == nil || !strings.Contains(err.Error(), "ended with 255 (") {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	w, pids = through(t, "sleeps", "{local}")
	both.Go(func() { // it is asked for until the command runs, and a while longer
		for len(alive(t, pids)) == 0 && t.Context().Err() == nil {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(2 * knock)
		cancel(errors.New("no answer in time"))
	})
	if _, err := w.Dial(ctx, "tcp", "pod:80"); err == nil || !strings.Contains(err.Error(), "does not listen on 127.0.0.1:") || !strings.Contains(err.Error(), "no answer in time") {
		t.Errorf("%v", err)
	}
	both.Wait()
}

// A command gets the environment and the folder that it was given, and the addresses in its words.
func TestWhatACommandIsGiven(t *testing.T) {
	t.Setenv("JUMP_TEST_SECRET", "hush")
	clean := slices.DeleteFunc(os.Environ(), func(kv string) bool { return strings.HasPrefix(kv, "JUMP_TEST_SECRET=") })
	dir := t.TempDir()
	w := New(Options{Command: []string{os.Args[0], filepath.Join(dir, "pids")}, Env: append(clean, as+"=environment"), Dir: dir})
	c, err := w.Dial(t.Context(), "tcp", "10.0.0.5:80")
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(c)
	if want := "secret= dir=" + filepath.Base(dir); err != nil || string(b) != want {
		t.Errorf("%q, %v; want %q", b, err, want)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if _, err := w.Dial(t.Context(), "tcp", "10.0.0.5:80"); err == nil {
		t.Error("a way that was closed starts a process")
	}
	for _, c := range []struct {
		words            []string
		network, address string
		want             string
	}{
		{[]string{"ssh", "-W", "{host}:{port}", "jump"}, "tcp", "10.0.0.5:9901", "ssh -W 10.0.0.5:9901 jump"},
		{[]string{"ssh", "-W", "[{host}]:{port}", "jump"}, "tcp", "[fd00::5]:9901", "ssh -W '[fd00::5]:9901' jump"},
		{[]string{"ssh", "-T", "edge", "socat", "-", "UNIX-CONNECT:{path}"}, "unix", "/run/haproxy.sock", "ssh -T edge socat - UNIX-CONNECT:/run/haproxy.sock"},
		{[]string{"kubectl", "port-forward", "{host}", "{local}:{port}"}, "tcp", "pod/llm-0:9901", "kubectl port-forward pod/llm-0 '{local}:9901'"},
	} {
		if got := New(Options{Command: c.words}).Line(c.network, c.address); got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
}

package source

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func open(t *testing.T, file string, c *clock) *Source {
	t.Helper()
	s, err := Open(file, c.now)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func num(n uint32) *uint32 { return &n }

func one(key string, have, value *uint32, until time.Time) Change {
	return Change{Keys: []KeyChange{{Key: key, If: have, Value: value}}, Until: until, Layers: []string{"a", "b"}, By: "ana"}
}

func TestSet(t *testing.T) {
	c := &clock{at: time.Date(2026, 3, 2, 3, 0, 0, 0, time.UTC)}
	file := filepath.Join(t.TempDir(), "runtime.json")
	s := open(t, file, c)
	soon, later, last := c.at.Add(time.Minute), c.at.Add(time.Hour), c.at.Add(2*time.Hour)
	for _, step := range []struct {
		name  string
		c     Change
		says  string // part of the refusal
		moved bool
		layer string
	}{
		{"first", one("cap", nil, num(3), soon), "", false, "a"},
		{"said twice", one("cap", nil, num(3), soon), "", false, "a"},
		{"of another deadline", one("pause", nil, num(100), later), "", false, "b"},
		{"of the same deadline", one("weight", nil, num(0), later), "", false, "b"},
		{"no layer is left: with the farther deadline", one("force", nil, num(100), last), "", false, "b"},
		{"somebody was faster", one("cap", nil, num(4), soon), "cap is set to 3", true, ""},
		{"somebody took it back", one("gone", num(4), num(5), soon), "gone is not set any more", true, ""},
		{"extended", one("cap", num(3), num(3), later), "", false, "b"},
		{"taken back", one("cap", num(3), nil, time.Time{}), "", false, ""},
		{"taken back twice", one("cap", nil, nil, time.Time{}), "", false, ""},
		{"in the past", one("cap", nil, num(3), c.at), "does not lie", false, ""},
		{"for ever", one("cap", nil, num(3), c.at.Add(maxTTL+time.Second)), "does not lie", false, ""},
		{"an odd key", one("a b", nil, num(3), soon), "no runtime key", false, ""},
		{"no key", Change{Until: soon}, "no key", false, ""},
		{"no layer", Change{Keys: []KeyChange{{Key: "x", Value: num(1)}}, Until: soon}, "no layer", false, ""},
	} {
		st, err := s.Set(step.c)
		var r *Refused
		if step.says != "" {
			if !errors.As(err, &r) || !strings.Contains(r.Why, step.says) || r.Moved != step.moved {
				t.Errorf("%s: %v", step.name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", step.name, err)
			continue
		}
		layer := ""
		for _, e := range st.Entries {
			if e.Key == step.c.Keys[0].Key {
				layer = e.Layer
			}
		}
		if layer != step.layer {
			t.Errorf("%s: in layer %q, want %q", step.name, layer, step.layer)
		}
	}
	again := open(t, file, c)
	if got, want := again.Status(), s.Status(); len(got.Entries) != 3 || len(want.Entries) != 3 || got.Version <= want.Version {
		t.Errorf("read again: %+v\nwas %+v", got, want)
	}
	c.at = later
	again.expire()
	if got := again.Status().Entries; len(got) != 1 || got[0].Key != "force" {
		t.Errorf("after the deadlines %+v", got)
	}
	if got := open(t, file, c).Status().Entries; len(got) != 1 {
		t.Errorf("the file still has %+v", got)
	}
}

// All keys of a change, or none.
func TestAllOrNone(t *testing.T) {
	c := &clock{at: time.Now()}
	s := open(t, filepath.Join(t.TempDir(), "runtime.json"), c)
	if _, err := s.Set(one("b", nil, num(1), c.at.Add(time.Hour))); err != nil {
		t.Fatal(err)
	}
	_, err := s.Set(Change{Keys: []KeyChange{{Key: "a", Value: num(1)}, {Key: "b", Value: num(2)}}, Until: c.at.Add(time.Minute), Layers: []string{"a"}})
	if st := s.Status(); err == nil || len(st.Entries) != 1 || st.Version != 1 {
		t.Errorf("%v %+v", err, st)
	}
}

// What cannot be kept is not sent: a new process would end it.
func TestWhatCannotBeKept(t *testing.T) {
	c := &clock{at: time.Now()}
	dir := filepath.Join(t.TempDir(), "gone")
	s := open(t, filepath.Join(dir, "runtime.json"), c)
	if _, err := s.Set(one("a", nil, num(1), c.at.Add(time.Hour))); err == nil || len(s.Status().Entries) != 0 {
		t.Errorf("%v %+v", err, s.Status())
	}
	for _, text := range []string{"{", `{"v":2}`, ""} {
		file := filepath.Join(t.TempDir(), "runtime.json")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(file, c.now); err == nil || !strings.Contains(err.Error(), "mend or remove") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// serve runs a source on a port of its own, and gives its address.
func serve(t *testing.T, s *Source) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serving: %v", err)
		}
	})
	return l.Addr().String()
}

func TestWhoMayAsk(t *testing.T) {
	c := &clock{at: time.Now()}
	addr := serve(t, open(t, filepath.Join(t.TempDir(), "runtime.json"), c))
	for _, tc := range []struct {
		method, path, body, host, origin string
		status                           int
	}{
		{http.MethodGet, Path, "", "", "", 200},
		{http.MethodGet, Path, "", "localhost:1", "", 200},
		{http.MethodGet, Path, "", "", "http://evil.example", 403},
		{http.MethodGet, Path, "", "evil.example", "", 403},
		{http.MethodPost, Path, "{}", "", "http://127.0.0.1", 403},
		{http.MethodPost, Path, "{}", "", "", 422},
		{http.MethodPost, Path, "{", "", "", 400},
		{http.MethodPost, Path, `{"nonsense":1}`, "", "", 400},
		{http.MethodPost, Path, `{"keys":[{"key":"a","if":1,"value":2}],"until":"2999-01-01T00:00:00Z"}`, "", "", 412},
		{http.MethodPost, runtimePath, "", "", "", 415},
		{http.MethodGet, "/", "", "", "", 404},
	} {
		req, err := http.NewRequest(tc.method, "http://"+addr+tc.path, strings.NewReader(tc.body))
		if err != nil {
			t.Fatal(err)
		}
		if tc.host != "" {
			req.Host = tc.host
		}
		if tc.origin != "" {
			req.Header.Set("Origin", tc.origin)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != tc.status {
			t.Errorf("%+v: %d", tc, resp.StatusCode)
		}
	}
}

// envoy is a client of the discovery protocol.
type envoy struct {
	t    *testing.T
	out  *io.PipeWriter
	resp *http.Response
}

func dial(t *testing.T, addr string, first []byte) *envoy {
	t.Helper()
	p := new(http.Protocols)
	p.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: p}
	t.Cleanup(transport.CloseIdleConnections)
	in, out := io.Pipe()
	req, err := http.NewRequest(http.MethodPost, "http://"+addr+runtimePath, in)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "signalbox"
	req.Header.Set("Content-Type", "application/grpc")
	go func() { _, _ = out.Write(frame(first)) }()
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { out.Close(); resp.Body.Close() })
	return &envoy{t: t, out: out, resp: resp}
}

func asks(node, layer, nonce string) []byte {
	b := message(nil, 2, text(nil, 1, node))
	b = text(b, 3, layer)
	b = text(b, 4, runtimeType)
	return text(b, 5, nonce)
}

func (e *envoy) send(b []byte) {
	e.t.Helper()
	if _, err := e.out.Write(frame(b)); err != nil {
		e.t.Fatal(err)
	}
}

// next reads an answer: its nonce, and whether it holds a text.
func (e *envoy) next(holds string) (nonce string, held bool) {
	e.t.Helper()
	b, err := readFrame(e.resp.Body)
	if err != nil {
		e.t.Fatal(err)
	}
	if err := fields(b, func(n protowire.Number, v []byte) error {
		if n == 5 {
			nonce = string(v)
		}
		return nil
	}); err != nil {
		e.t.Fatal(err)
	}
	return nonce, bytes.Contains(b, []byte(holds))
}

func TestStream(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "runtime.json"), &clock{at: time.Now()})
	addr := serve(t, s)
	e := dial(t, addr, asks("edge-1", "a", ""))
	nonce, held := e.next("cap")
	if held || nonce == "" {
		t.Errorf("before anything is set it was told of it, nonce %q", nonce)
	}
	e.send(asks("", "a", nonce))
	if _, err := s.Set(one("cap", nil, num(3), s.now().Add(time.Hour))); err != nil {
		t.Fatal(err)
	}
	if nonce, held = e.next("cap"); !held {
		t.Error("it was not told what was set")
	}
	e.send(append(asks("", "a", nonce), message(nil, 6, text(nil, 2, "no such\x1b[31mthing"))...))
	eventually(t, func() bool {
		st := s.Status()
		return len(st.Nodes) == 1 && st.Nodes[0].ID == "edge-1" && strings.HasPrefix(st.Nodes[0].Err, "no such") && st.Nodes[0].Acked == 0
	})
	e.send(asks("", "a", nonce))
	eventually(t, func() bool { n := s.Status().Nodes[0]; return n.Err == "" && n.Acked == 1 })
	_ = e.out.Close()
	_, _ = io.Copy(io.Discard, e.resp.Body)
	if got := e.resp.Trailer.Get("Grpc-Status"); got != "0" {
		t.Errorf("it ended with %q", got)
	}
	eventually(t, func() bool { return len(s.Status().Nodes) == 0 })

	bad := dial(t, addr, text(nil, 4, "type.googleapis.com/envoy.config.cluster.v3.Cluster"))
	_, _ = io.Copy(io.Discard, bad.resp.Body)
	if got := bad.resp.Trailer; got.Get("Grpc-Status") != "3" || !strings.Contains(got.Get("Grpc-Message"), "not a discovery request") {
		t.Errorf("%v", got)
	}
}

func eventually(t *testing.T, is func() bool) {
	t.Helper()
	for until := time.Now().Add(time.Minute); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("still not so after 10 s")
		}
	}
}

func FuzzRequest(f *testing.F) {
	f.Add(asks("edge-1", "signalbox-1", "7-1"))
	f.Add(message(nil, 6, text(nil, 2, "refused")))
	f.Add([]byte{0x12, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, b []byte) {
		q, err := parseRequest(b)
		if err == nil && (len(q.names) > maxNames || strings.ContainsAny(q.node+q.failed, "\x1b\n")) {
			t.Fatalf("%+v", q)
		}
		_, _ = readFrame(bytes.NewReader(b))
	})
}

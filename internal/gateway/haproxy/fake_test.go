package haproxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// fakeSocket answers like HAProxy 2.6.12 does, in its words, with switches for what a real one cannot be made to do.
// The real one is tested in real_test.go.
type fakeSocket struct {
	addr string

	mu      sync.Mutex
	pid     int
	uptime  int
	dropped int // log lines
	level   string
	servers []*fakeServer
	asked   []string
	// fault may answer in the socket's place; it returns false to let it answer.
	fault func(command string, conn net.Conn, do func() string) bool
}

type fakeServer struct {
	be, name                           string
	limit                              uint32
	admin, op, weight, initial, in, qu int
}

func newFakeSocket(t *testing.T) *fakeSocket {
	t.Helper()
	f := &fakeSocket{pid: 100, uptime: 500, level: "admin", servers: []*fakeServer{
		{be: "gpt-4o", name: "azure-eu-west", limit: 50, op: 2, weight: 1, initial: 1, in: 12},
		{be: "gpt-4o", name: "azure-us-east", limit: 50, op: 2, weight: 1, initial: 1},
		{be: "mini", name: "openai", op: 2, weight: 1, initial: 1},
	}}
	path := filepath.Join(t.TempDir(), "s.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	f.addr = "unix:" + path
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer conn.Close()
				f.serve(conn)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		wg.Wait()
	})
	return f
}

func (f *fakeSocket) serve(conn net.Conn) {
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return
	}
	command := strings.TrimSpace(line)
	f.mu.Lock()
	f.asked = append(f.asked, command)
	fault := f.fault
	f.mu.Unlock()
	do := func() string { return f.do(command) }
	if fault != nil && fault(command, conn, do) {
		return
	}
	_, _ = io.WriteString(conn, do())
}

// with changes the fake's state under its lock.
func (f *fakeSocket) with(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *fakeSocket) setFault(fault func(string, net.Conn, func() string) bool) {
	f.with(func() { f.fault = fault })
}

// writes lists the commands that change something.
func (f *fakeSocket) writes() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []string
	for _, c := range f.asked {
		if strings.HasPrefix(c, "set ") {
			out = append(out, c)
		}
	}
	return out
}

func (f *fakeSocket) do(command string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	w := strings.Fields(command)
	switch {
	case command == "show info":
		return fmt.Sprintf("Name: HAProxy\nVersion: 2.6.12-1+deb12u4\nPid: %d\nUptime: 0d 0h08m20s\nUptime_sec: %d\nDroppedLogs: %d\nnode: vm\n\n", f.pid, f.uptime, f.dropped)
	case command == "show cli level":
		return f.level + "\n\n"
	case command == "show servers state":
		return f.states()
	case command == "show stat -1 4 -1":
		return f.stats()
	case w[0] == "set" && f.level != "admin":
		return "Permission denied\n\n"
	case len(w) == 5 && w[1] == "maxconn":
		s := f.find(w[3])
		n, err := strconv.ParseInt(w[4], 10, 64)
		switch {
		case s == nil:
			return "No such server.\n\n"
		case err != nil:
			return "maxconn string empty or preceded by garbage\n"
		}
		s.limit = uint32(n) // -1 becomes 4294967295 without a word, as in the real one
		return "\n"
	case len(w) == 5 && w[1] == "server" && w[3] == "state":
		s := f.find(w[2])
		if s == nil {
			return "No such server.\n\n"
		}
		bits, ok := map[string]int{"ready": 0, "drain": forcedDrain, "maint": forcedMaint}[w[4]]
		if !ok {
			return "'set server <srv> state' expects 'ready', 'drain' and 'maint'.\n\n"
		}
		s.admin = s.admin&^(forcedDrain|forcedMaint) | bits
		return "\n"
	}
	return "Unknown command, but maybe one of the following ones is a better match:\n  help\n\n"
}

func (f *fakeSocket) find(id string) *fakeServer {
	for _, s := range f.servers {
		if s.be+"/"+s.name == id {
			return s
		}
	}
	return nil
}

func (f *fakeSocket) states() string {
	var b strings.Builder
	b.WriteString("1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_time_since_last_change srv_check_status\n")
	for i, s := range f.servers {
		fmt.Fprintf(&b, "3 %s %d %s 127.0.0.1 %d %d %d %d 2 1\n", s.be, i+1, s.name, s.op, s.admin, s.weight, s.initial)
	}
	return b.String() + "\n"
}

func (f *fakeSocket) stats() string {
	var b strings.Builder
	b.WriteString("# pxname,svname,qcur,qmax,scur,smax,slim,stot,status,weight,\n")
	for _, s := range f.servers {
		slim := ""
		if s.limit > 0 {
			slim = fmt.Sprint(s.limit)
		}
		fmt.Fprintf(&b, "%s,%s,%d,0,%d,0,%s,0,no check,%d,\n", s.be, s.name, s.qu, s.in, slim, s.weight)
	}
	return b.String() + "\n"
}

func fakeDriver(socks ...*fakeSocket) *Driver {
	o := Options{Gateway: "edge", Env: "production", Timeout: 2 * time.Second}
	for i, s := range socks {
		o.Instances = append(o.Instances, Instance{Name: fmt.Sprintf("h%d", i+1), Addr: s.addr})
	}
	return New(o)
}

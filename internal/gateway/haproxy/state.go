package haproxy

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"sort"
	"strconv"
	"strings"
	"time"

	"signalbox/internal/gateway"
	"signalbox/internal/redact"
	"signalbox/internal/traffic"
)

// sameClock is how far another machine's clock may seem to be off.
const sameClock = 3 * time.Second

// maxServers bounds what is read of one process.
const maxServers = 10000

// minusOne is what HAProxy makes of a maxconn of -1, which it takes without a word.
const minusOne = 4294967295

// Bits of srv_admin_state.
const (
	forcedMaint    = 0x01
	inheritedMaint = 0x02
	configMaint    = 0x04
	forcedDrain    = 0x08
	inheritedDrain = 0x10
	resolveMaint   = 0x20
)

// The states in which a server can be put.
const (
	stateReady = "ready"
	stateDrain = "drain"
	stateMaint = "maint"
)

// process is one HAProxy worker with its servers, in HAProxy's order.
type process struct {
	pid     string
	version string
	uptime  time.Duration
	clock   time.Time // of its machine
	servers []server
	maps    []mapEntry
	odd     []string
}

// server is one line of a backend.
type server struct {
	backend, name string
	limit         int64 // maxconn; 0: none
	admin         int   // bits of srv_admin_state
	op            int   // 0 stopped, 1 starting, 2 running, 3 stopping
	weight        int
	initial       int // weight of the configuration
	inUse, queued int64
	status        string // as show stat words it: UP, DOWN, DRAIN, MAINT, no check
}

func (s server) id() string { return s.backend + "/" + s.name }

// state is the state in which somebody put the server.
func (s server) state() string {
	switch {
	case s.admin&forcedMaint != 0:
		return stateMaint
	case s.admin&forcedDrain != 0:
		return stateDrain
	}
	return stateReady
}

// configured is the state that the configuration gives it.
func (s server) configured() string {
	if s.admin&configMaint != 0 {
		return stateMaint
	}
	return stateReady
}

// serves tells whether new requests can come to the server.
func (s server) serves() bool {
	const out = forcedMaint | inheritedMaint | forcedDrain | inheritedDrain | resolveMaint
	return s.admin&out == 0 && (s.op == 1 || s.op == 2) && s.weight > 0
}

// held tells whether something other than a forced state keeps the server out.
func (s server) held() string {
	switch {
	case s.admin&(inheritedMaint|inheritedDrain) != 0:
		return "it follows another server that is out"
	case s.admin&resolveMaint != 0:
		return "its name does not resolve"
	case s.weight == 0:
		return "its weight is 0"
	case s.admin == 0 && s.op == 0:
		return "its health check fails"
	}
	return ""
}

func (p process) find(id string) (server, bool) {
	for _, s := range p.servers {
		if s.id() == id {
			return s, true
		}
	}
	return server{}, false
}

// process reads a worker: who it is, and the state and numbers of all servers.
func (p peer) process(ctx context.Context) (process, error) {
	info, err := p.ask(ctx, "show info")
	if err != nil {
		return process{}, err
	}
	states, err := p.ask(ctx, "show servers state")
	if err != nil {
		return process{}, err
	}
	stats, err := p.ask(ctx, "show stat -1 4 -1")
	if err != nil {
		return process{}, err
	}
	proc, err := parseProcess(info, states, stats)
	if err != nil {
		return process{}, fmt.Errorf("%s: %w; is this HAProxy's runtime socket?", p.where(), err)
	}
	return proc, nil
}

func parseProcess(info, states, stats string) (process, error) {
	proc, err := parseInfo(info)
	if err != nil {
		return process{}, err
	}
	byID, err := parseStates(states, &proc)
	if err != nil {
		return process{}, err
	}
	return proc, proc.addStats(stats, byID)
}

func parseInfo(text string) (process, error) {
	var p process
	var up string
	var began int64
	for line := range strings.Lines(text) {
		k, v, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch k {
		case "Pid":
			p.pid = redact.Outside(v, 20)
		case "Version":
			p.version = redact.Outside(v, 60)
		case "Uptime_sec":
			up = v
		case "Start_time_sec":
			began = count(v)
		case "DroppedLogs":
			if n := count(v); n > 0 {
				p.remark("HAProxy has dropped %d lines of its log since it started: what is counted from the log is too low; `nbthread 1` or a log target over UDP ends that", n)
			}
		}
	}
	secs, err := strconv.Atoi(up)
	if p.pid == "" || err != nil || secs < 0 || secs > 1<<31 {
		return process{}, errors.New("the answer to \"show info\" has no Pid and Uptime_sec")
	}
	p.uptime = time.Duration(secs) * time.Second
	// Both numbers are cut to the second, so that their sum is up to two seconds late: where it says nothing else, our
	// own clock is the better one. Older versions do not say when they began.
	p.clock = time.Now()
	if theirs := time.Unix(began, 0).Add(p.uptime + time.Second); began > 0 && theirs.Sub(p.clock).Abs() > sameClock {
		p.clock = theirs
	}
	return p, nil
}

// parseStates reads `show servers state`, version 1: a header names the columns.
func parseStates(text string, p *process) (map[string]int, error) {
	column := make(map[string]int)
	byID := make(map[string]int)
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if head, ok := strings.CutPrefix(line, "# "); ok {
			for i, name := range strings.Fields(head) {
				column[name] = i
			}
			continue
		}
		f := strings.Fields(line)
		if len(column) == 0 || len(f) < 8 {
			continue
		}
		at := func(name string) string {
			if i, ok := column[name]; ok && i < len(f) {
				return f[i]
			}
			return ""
		}
		s := server{backend: at("be_name"), name: at("srv_name")}
		var errs [4]error
		s.op, errs[0] = strconv.Atoi(at("srv_op_state"))
		s.admin, errs[1] = strconv.Atoi(at("srv_admin_state"))
		s.weight, errs[2] = strconv.Atoi(at("srv_uweight"))
		s.initial, errs[3] = strconv.Atoi(at("srv_iweight"))
		if err := errors.Join(errs[:]...); err != nil {
			return nil, fmt.Errorf("the answer to \"show servers state\" has a line that cannot be read: %q", redact.Outside(line, 120))
		}
		if !plainName(s.backend) || !plainName(s.name) {
			p.remark("a server is left out because of its name: %q", redact.Outside(s.id(), 80))
			continue
		}
		if _, twice := byID[s.id()]; twice || len(p.servers) >= maxServers {
			continue
		}
		byID[s.id()] = len(p.servers)
		p.servers = append(p.servers, s)
	}
	if len(column) == 0 {
		return nil, errors.New("the answer to \"show servers state\" has no header")
	}
	return byID, nil
}

// plainName accepts the names that HAProxy itself accepts; anything else could end a command and begin another.
func plainName(s string) bool {
	return s != "" && len(s) <= 200 && strings.IndexFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.:", r))
	}) < 0
}

const maxRemarks = 20

func (p *process) remark(format string, args ...any) {
	if len(p.odd) < maxRemarks {
		p.odd = append(p.odd, fmt.Sprintf(format, args...))
	}
}

// addStats takes limit, sessions and queue from `show stat`.
func (p *process) addStats(text string, byID map[string]int) error {
	r := csv.NewReader(strings.NewReader(strings.TrimPrefix(strings.TrimSpace(text), "# ")))
	r.FieldsPerRecord = -1
	r.LazyQuotes = true
	rows, err := r.ReadAll()
	if err != nil || len(rows) == 0 {
		return errors.New("the answer to \"show stat\" is no CSV")
	}
	column := make(map[string]int)
	for i, name := range rows[0] {
		column[name] = i
	}
	for _, need := range []string{"pxname", "svname", "slim", "scur", "qcur"} {
		if _, ok := column[need]; !ok {
			return fmt.Errorf("the answer to \"show stat\" has no column %s", need)
		}
	}
	found := make(map[string]bool)
	for _, row := range rows[1:] {
		at := func(name string) string {
			if i, ok := column[name]; ok && i < len(row) {
				return row[i]
			}
			return ""
		}
		id := at("pxname") + "/" + at("svname")
		i, ok := byID[id]
		if !ok {
			continue
		}
		found[id] = true
		s := &p.servers[i]
		s.limit, s.inUse, s.queued, s.status = count(at("slim")), count(at("scur")), count(at("qcur")), redact.Outside(at("status"), 40)
	}
	for _, s := range p.servers {
		if !found[s.id()] {
			return fmt.Errorf("the answer to \"show stat\" lacks server %s: a maxconn that cannot be read back cannot be set", s.id())
		}
		p.inspect(s)
	}
	return nil
}

func (p *process) inspect(s server) {
	if s.limit == minusOne {
		p.remark("maxconn of %s reads %d: somebody sent -1", s.id(), s.limit)
	}
	if s.weight != s.initial {
		p.remark("weight of %s is %d, configured is %d", s.id(), s.weight, s.initial)
	}
	if why := s.held(); why != "" && s.state() == stateReady {
		p.remark("%s takes no requests: %s", s.id(), why)
	}
}

func count(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// limitValue is a maxconn as a value: null is no limit.
func limitValue(n int64) gateway.Value {
	if n == 0 {
		return gateway.Value("null")
	}
	return gateway.Value(strconv.FormatInt(n, 10))
}

func stateValue(s string) gateway.Value { return gateway.Value(`"` + s + `"`) }

// The controls of a server, by HAProxy's own words.
func limitID(server string) string { return "maxconn " + server }
func stateID(server string) string { return "state " + server }

func (r reading) state(gw string) gateway.InstanceState {
	out := gateway.InstanceState{Name: r.peer.name, Reachable: r.err == nil}
	if r.err != nil {
		out.Err = r.err.Error()
		return out
	}
	out.Notes = r.proc.odd
	if r.note != "" {
		out.Notes = append([]string{r.note}, out.Notes...)
	}
	for _, s := range r.proc.servers {
		scope := func() traffic.Scope { return traffic.Scope{"gateway": gw, "deployment": s.id()} }
		stateVerb := gateway.TargetOut
		if s.state() == stateReady && s.configured() == stateMaint {
			stateVerb = gateway.TargetIn
		}
		out.Controls = append(out.Controls,
			gateway.Control{ID: limitID(s.id()), Verb: gateway.CapSet, Scope: scope(), Value: limitValue(s.limit), Base: limitValue(r.bases[s.id()])},
			gateway.Control{ID: stateID(s.id()), Verb: stateVerb, Scope: scope(), Value: stateValue(s.state()), Base: stateValue(s.configured())},
		)
	}
	for _, e := range r.proc.maps {
		out.Controls = append(out.Controls, e.control(gw))
	}
	sort.Slice(out.Controls, func(i, j int) bool { return out.Controls[i].ID < out.Controls[j].ID })
	return out
}

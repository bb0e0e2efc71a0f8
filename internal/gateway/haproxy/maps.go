package haproxy

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"signalbox/internal/gateway"
	"signalbox/internal/redact"
	"signalbox/internal/traffic"
)

// A lever that HAProxy ends by itself is an entry of a map, whose value is "until:what": the rules of the configuration
// compare until, in seconds since 1970, with date(). The socket does not tell which rules there are, so that the
// configuration of Signalbox has to say that those of examples/haproxy are.

// mapKind is one map with what its entries steer, known by the name of its file.
type mapKind struct {
	name string // of the file, without its folder
	verb gateway.Verb
	dim  string // what its keys are
}

var mapKinds = []mapKind{
	{"signalbox-refuse-workload.map", gateway.WorkloadPause, "workload"},
	{"signalbox-cap-model.map", gateway.CapSet, "model"},
	{"signalbox-cap-workload.map", gateway.CapSet, "workload"},
	{"signalbox-force-model.map", gateway.RouteForce, "model"},
}

// mapEntry is one key of a map.
type mapEntry struct {
	mapKind
	file, key, raw string
	until          time.Time // zero where it was never set, or cannot be read
	what           string
	clock          time.Time // of HAProxy, when it was read
}

func (e mapEntry) id() string { return "map " + e.file + " " + e.key }

// out tells whether the lever is out by HAProxy's clock.
func (e mapEntry) out() bool { return e.until.After(e.clock) && e.what != "" }

// base is what it is while the lever is not out.
func (e mapEntry) base() gateway.Value {
	if e.verb == gateway.WorkloadPause {
		return gateway.Value("0")
	}
	return gateway.Value("null")
}

func (e mapEntry) value() gateway.Value {
	if !e.out() {
		return e.base()
	}
	return e.valueOf(e.what)
}

func (e mapEntry) valueOf(what string) gateway.Value {
	if e.verb != gateway.RouteForce {
		return gateway.Value(what)
	}
	b, _ := json.Marshal(what) //nolint:errchkjson // a plain name
	return b
}

var (
	plainFile = regexp.MustCompile(`^[A-Za-z0-9_./][A-Za-z0-9_./@%+=,-]{0,299}$`)
	mapValue  = regexp.MustCompile(`^([0-9]{1,12}):([A-Za-z0-9_.:-]{1,200})$`)
)

// readMaps reads the maps of levers, all their keys.
func (p peer) readMaps(ctx context.Context, proc *process) error {
	list, err := p.ask(ctx, "show map")
	if err != nil {
		return err
	}
	for line := range strings.Lines(list) {
		_, rest, _ := strings.Cut(line, " (")
		file, _, ok := strings.Cut(rest, ")")
		at := slices.IndexFunc(mapKinds, func(k mapKind) bool { return k.name == path.Base(file) })
		if !ok || at < 0 {
			continue
		}
		if !plainFile.MatchString(file) {
			proc.remark("a map is left out because of its name: %q", redact.Outside(file, 100))
			continue
		}
		if slices.ContainsFunc(proc.maps, func(e mapEntry) bool { return e.file == file }) {
			continue
		}
		text, err := p.ask(ctx, "show map "+file)
		if err != nil {
			return err
		}
		proc.addMap(mapKinds[at], file, text)
	}
	if len(proc.maps) == 0 {
		proc.remark("the configuration says maps: on, but HAProxy has no map of levers: see examples/haproxy")
	}
	return nil
}

// addMap takes the lines of `show map FILE`: an address, a key and a value.
func (p *process) addMap(kind mapKind, file, text string) {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) != 3 || len(p.maps) >= maxServers {
			continue
		}
		e := mapEntry{mapKind: kind, file: file, key: f[1], raw: f[2], clock: p.clock}
		if !plainName(e.key) {
			p.remark("an entry of %s is left out because of its key: %q", file, redact.Outside(e.key, 80))
			continue
		}
		m := mapValue.FindStringSubmatch(e.raw)
		if m == nil {
			p.remark("%s of %s is %q, which is not until:what and has no effect", e.key, file, redact.Outside(e.raw, 60))
		} else if n, err := strconv.ParseInt(m[1], 10, 64); err == nil && n > 0 {
			e.until, e.what = time.Unix(n, 0).UTC(), m[2]
		}
		if n, err := strconv.ParseInt(e.what, 10, 64); e.what != "" && kind.verb != gateway.RouteForce {
			if e.what = strconv.FormatInt(n, 10); err != nil || n < 0 {
				p.remark("%s of %s is %q: what follows the colon is no number, so it has no effect", e.key, file, redact.Outside(e.raw, 60))
				e.what = ""
			}
		}
		p.maps = append(p.maps, e)
	}
}

func (p *process) entry(id string) (mapEntry, bool) {
	i := slices.IndexFunc(p.maps, func(e mapEntry) bool { return e.id() == id })
	if i < 0 {
		return mapEntry{}, false
	}
	return p.maps[i], true
}

// control is an entry as a state shows it.
func (e mapEntry) control(gw string) gateway.Control {
	c := gateway.Control{ID: e.id(), Verb: e.verb, Scope: traffic.Scope{"gateway": gw, e.dim: e.key}, Value: e.value(), Base: e.base()}
	if e.out() {
		until := e.until
		c.ExpiresAt = &until
	}
	return c
}

// mapCommand sets an entry.
func mapCommand(file, key, raw string) string { return fmt.Sprintf("set map %s %s %s", file, key, raw) }

// mapText is the value of an entry: until then, this.
func mapText(until time.Time, v gateway.Value) string {
	return fmt.Sprintf("%d:%s", until.Unix(), strings.Trim(string(v), `"`))
}

// off is the text of an entry that is not set.
const off = "0:0"

// fitsMap tells whether a command sets this control to a value, until whenever, and does nothing else.
func fitsMap(command, control string, values ...gateway.Value) bool {
	file, key, _ := strings.Cut(strings.TrimPrefix(control, "map "), " ")
	raw, ok := strings.CutPrefix(command, mapCommand(file, key, ""))
	known := slices.ContainsFunc(mapKinds, func(k mapKind) bool { return k.name == path.Base(file) })
	if !ok || !known || !plainFile.MatchString(file) || !plainName(key) {
		return false
	}
	if raw == off {
		return true
	}
	m := mapValue.FindStringSubmatch(raw)
	return m != nil && slices.ContainsFunc(values, func(v gateway.Value) bool { return strings.Trim(string(v), `"`) == m[2] })
}

package nginx

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"signalbox/internal/gateway"
	"signalbox/internal/traffic"
)

// generationVar is the variable that tells which file the workers run.
const generationVar = "$signalbox_generation"

type kind uint8

const (
	connKnob  kind = iota // max_conns of a server
	downKnob              // down of a server
	limitKnob             // limit_conn of a workload or a model
	shareKnob             // split_clients: the share of a workload that is refused
	mapKnob               // where a map sends a model
	triesKnob             // proxy_next_upstream_tries
)

// knob is one place of the file that Signalbox knows how to write.
type knob struct {
	id       string
	kind     kind
	server   string // of conn and down: upstream/address
	group    string // its upstream
	backup   bool
	zone     bool   // its upstream counts for all workers together
	workload string // of limit and share
	model    string // of limit and map
	where    directive
	value    gateway.Value
}

// levers is a file of levers, read.
type levers struct {
	text       string
	generation word
	knobs      []knob
	targets    []string // upstreams
}

// readLevers finds what can be turned in a file, and what it is turned to.
func readLevers(text string) (levers, error) {
	all, err := parse(text)
	if err != nil {
		return levers{}, err
	}
	l := levers{text: text}
	for _, d := range all {
		switch {
		case d.name.text == "upstream" && len(d.args) == 1:
			l.targets = append(l.targets, d.args[0].text)
		case d.name.text == "map" && len(d.args) == 2 && d.args[1].text == generationVar:
			for _, e := range d.block {
				if e.name.text == "default" && len(e.args) == 1 && generationShape.MatchString(e.args[0].text) {
					l.generation = e.args[0]
				}
			}
		}
	}
	if l.generation.end == 0 {
		return levers{}, fmt.Errorf("it has no `map \"\" %s { default 0; }`, which tells what the workers run", generationVar)
	}
	for _, d := range all {
		l.find(d, all)
	}
	seen := make(map[string]bool)
	for _, k := range l.knobs {
		if seen[k.id] {
			return levers{}, fmt.Errorf("line %d: a second %s", k.where.line, k.id)
		}
		seen[k.id] = true
	}
	return l, nil
}

// generationShape is 0 in the file that the operator writes, a count and a sum in what Signalbox writes.
var generationShape = regexp.MustCompile(`^(0|[1-9][0-9]{0,17}-[0-9a-f]{12})$`)

func (l *levers) find(d directive, all []directive) {
	switch {
	case d.name.text == "upstream" && len(d.args) == 1:
		l.servers(d)
	case d.name.text == "limit_conn" && len(d.args) == 2:
		l.limit(d, all)
	case d.name.text == "split_clients" && len(d.args) == 2:
		l.share(d, all)
	case d.name.text == "map" && len(d.args) == 2 && names(d.args[0].text, "model"):
		l.route(d)
	case d.name.text == "proxy_next_upstream_tries" && len(d.args) == 1:
		if n, ok := whole(d.args[0].text); ok {
			v := number(n)
			if n == 0 {
				v = null
			}
			l.knobs = append(l.knobs, knob{id: d.name.text, kind: triesKnob, where: d, value: v})
		}
	}
}

// names tells whether a variable is about a dimension.
func names(variable string, words ...string) bool {
	v := strings.ToLower(variable)
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(v, w) })
}

func (l *levers) servers(d directive) {
	zone := slices.ContainsFunc(d.block, func(e directive) bool { return e.name.text == "zone" })
	for _, s := range d.block {
		if s.name.text != "server" || len(s.args) == 0 || !plainWord.MatchString(s.args[0].text) {
			continue
		}
		k := knob{group: d.args[0].text, server: d.args[0].text + "/" + s.args[0].text, zone: zone, where: s, value: null}
		out := k
		out.id, out.kind, out.value = "down "+k.server, downKnob, upValue
		k.id, k.kind = "max_conns "+k.server, connKnob
		for _, a := range s.args[1:] {
			n, ok := strings.CutPrefix(a.text, "max_conns=")
			limit, good := whole(n)
			switch {
			case ok && good && limit > 0:
				k.value = number(limit)
			case a.text == "down":
				out.value = downValue
			case a.text == "backup":
				k.backup, out.backup = true, true
			}
		}
		l.knobs = append(l.knobs, k, out)
	}
}

// plainWord is what names an upstream or a server: it becomes part of a scope, a screen and a command.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9\[][A-Za-z0-9_.:/\[\]-]{0,199}$`)

// limit finds the workload or the model that a zone counts: its key is a map with one entry that is not empty.
func (l *levers) limit(d directive, all []directive) {
	n, ok := whole(d.args[1].text)
	if !ok {
		return
	}
	k := knob{id: "limit_conn " + d.args[0].text, kind: limitKnob, where: d, value: number(n)}
	for _, z := range all {
		if z.name.text != "limit_conn_zone" || len(z.args) != 2 || !strings.HasPrefix(z.args[1].text, "zone="+d.args[0].text+":") {
			continue
		}
		for _, m := range all {
			if m.name.text == "map" && len(m.args) == 2 && m.args[1].text == z.args[0].text {
				k.counted(m)
			}
		}
	}
	if k.workload != "" || k.model != "" {
		l.knobs = append(l.knobs, k)
	}
}

func (k *knob) counted(m directive) {
	var keys []string
	for _, e := range m.block {
		switch {
		case len(e.args) != 1:
			return
		case e.name.text == "default" && e.args[0].text != "":
			return // it counts the others too
		case e.name.text != "default" && e.args[0].text != "":
			keys = append(keys, e.name.text)
		}
	}
	if len(keys) != 1 || !plainWord.MatchString(keys[0]) {
		return
	}
	if names(m.args[0].text, "workload", "traffic_class") {
		k.workload = keys[0]
	} else if names(m.args[0].text, "model") {
		k.model = keys[0]
	}
}

// share finds the workload whose requests ask a split_clients variable whether they are refused.
func (l *levers) share(d directive, all []directive) {
	k := knob{id: "split_clients " + d.args[1].text, kind: shareKnob, where: d, value: number(0)}
	for _, e := range d.block {
		percent, ok := strings.CutSuffix(e.name.text, "%")
		if !ok || len(e.args) != 1 {
			continue
		}
		n, good := whole(strings.TrimSuffix(percent, ".00"))
		if !good || n > 100 || e.args[0].text != "1" {
			return // it splits into something else
		}
		k.value = number(n)
	}
	for _, m := range all {
		if m.name.text != "map" || len(m.args) != 2 || !names(m.args[0].text, "workload", "traffic_class") {
			continue
		}
		for _, e := range m.block {
			if len(e.args) == 1 && e.args[0].text == d.args[1].text && e.name.text != "default" && plainWord.MatchString(e.name.text) {
				if k.workload != "" {
					return // two workloads share it
				}
				k.workload = e.name.text
			}
		}
	}
	if k.workload != "" {
		l.knobs = append(l.knobs, k)
	}
}

// route finds the models that a map sends to upstreams of this file.
func (l *levers) route(d directive) {
	for _, e := range d.block {
		if len(e.args) != 1 || e.name.text == "default" || !plainWord.MatchString(e.name.text) || !slices.Contains(l.targets, e.args[0].text) {
			continue
		}
		l.knobs = append(l.knobs, knob{
			id: "map " + d.args[1].text + " " + e.name.text, kind: mapKnob, model: e.name.text, where: e, value: quoted(e.args[0].text),
		})
	}
}

var (
	null      = gateway.Value("null")
	upValue   = gateway.Value(`"up"`)
	downValue = gateway.Value(`"down"`)
)

func number(n int64) gateway.Value { return gateway.Value(strconv.FormatInt(n, 10)) }

func quoted(s string) gateway.Value {
	b, _ := json.Marshal(s) //nolint:errchkjson // a plain word
	return b
}

func whole(s string) (int64, bool) {
	n, err := strconv.ParseUint(s, 10, 31)
	return int64(n), err == nil && strconv.FormatUint(n, 10) == s //nolint:gosec // 31 bits
}

func (l *levers) lookup(id string) (knob, bool) {
	i := slices.IndexFunc(l.knobs, func(k knob) bool { return k.id == id })
	if i < 0 {
		return knob{}, false
	}
	return l.knobs[i], true
}

// values is what each knob is turned to.
func (l *levers) values() map[string]gateway.Value {
	out := make(map[string]gateway.Value, len(l.knobs))
	for _, k := range l.knobs {
		out[k.id] = k.value
	}
	return out
}

// scope is what the knob hits.
func (k *knob) scope() traffic.Scope {
	s := traffic.Scope{}
	for dim, v := range map[string]string{"deployment": k.server, "workload": k.workload, "model": k.model} {
		if v != "" {
			s[dim] = v
		}
	}
	return s
}

// turn is the text of the part of a file that holds the knob, turned to a value. Both knobs of a server are in one part.
func (l *levers) turn(k knob, values map[string]gateway.Value) edit {
	d, v := k.where, values[k.id]
	switch k.kind {
	case connKnob, downKnob:
		words := []string{"server", d.args[0].text}
		for _, a := range d.args[1:] {
			if a.text != "down" && !strings.HasPrefix(a.text, "max_conns=") {
				words = append(words, l.text[a.start:a.end])
			}
		}
		if n := values["max_conns "+k.server]; !gateway.Same(n, null) {
			words = append(words, "max_conns="+string(n))
		}
		if gateway.Same(values["down "+k.server], downValue) {
			words = append(words, "down")
		}
		return edit{d.start, d.end, strings.Join(words, " ") + ";"}
	case limitKnob:
		return edit{d.args[1].start, d.args[1].end, string(v)}
	case shareKnob:
		text := "split_clients " + l.text[d.args[0].start:d.args[0].end] + " " + d.args[1].text + " { "
		if string(v) != "0" {
			text += string(v) + "% 1; "
		}
		return edit{d.start, d.end, text + `* ""; }`}
	case mapKnob:
		var to string
		_ = json.Unmarshal(v, &to) // Plan and Apply have judged it
		return edit{d.args[0].start, d.args[0].end, to}
	}
	if gateway.Same(v, null) {
		v = number(0)
	}
	return edit{d.args[0].start, d.args[0].end, string(v)}
}

// edit is a piece of a text and what it becomes.
type edit struct {
	start, end int
	text       string
}

// render gives the base with these values and this generation. What has its base value stays byte for byte as it is.
func (l *levers) render(values map[string]gateway.Value, generation string) string {
	edits := []edit{{l.generation.start, l.generation.end, generation}}
	for _, k := range l.knobs {
		if v, ok := values[k.id]; !ok || gateway.Same(v, k.value) {
			continue
		}
		if e := l.turn(k, values); !slices.Contains(edits, e) {
			edits = append(edits, e)
		}
	}
	slices.SortFunc(edits, func(a, b edit) int { return cmp.Compare(a.start, b.start) })
	var b strings.Builder
	at := 0
	for _, e := range edits {
		b.WriteString(l.text[at:e.start])
		b.WriteString(e.text)
		at = e.end
	}
	b.WriteString(l.text[at:])
	return b.String()
}

// next gives the text with these values as the generation after the one before, and that generation: a count, and a sum
// of the text, so that it cannot stand for another.
func (l *levers) next(values map[string]gateway.Value, before string) (text, generation string) {
	count, _, _ := strings.Cut(before, "-")
	n, _ := strconv.ParseUint(count, 10, 64)
	generation = fmt.Sprintf("%d-%s", n+1, l.sum(values))
	return l.render(values, generation), generation
}

func (l *levers) sum(values map[string]gateway.Value) string {
	sum := sha256.Sum256([]byte(l.render(values, "")))
	return hex.EncodeToString(sum[:6])
}

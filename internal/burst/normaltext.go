package burst

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"
	"unicode"
	"unicode/utf8"

	"signalbox/internal/traffic"
)

// What is normal as a text: a line that names the format and has the sum of all that follows, a line about all of it, and
// one for each leaf and each cut. Names are written out, since numbers of symbols mean nothing to the next program, and so
// are the names of signals: one that a later version adds is a signal that nothing is known of.

// Bounds of the text.
const (
	// MaxNormal is how long it may be.
	MaxNormal      = 8 << 20
	maxKnownLeaves = 20_000
	maxKnownCuts   = 20_000
	maxKnownNames  = 20_000
	maxKnownName   = 200
	maxKnown       = 1e12 // of a count, or of seconds
	maxKnownBin    = 1e4  // of a value
)

const normalMagic = "signalbox-normal 1 "

var (
	signalNames = [signals]string{"fail", "limit", "auth", "trunc", "caller", "slow", "first", "heavy", "again"}
	valueWords  = [values]string{"latency", "first_token", "tokens"}
	watchNames  = [2]string{"blame", "impact"}
)

// normalHead is the line about all of it.
type normalHead struct {
	At       time.Time              `json:"at"`
	Attempts []string               `json:"attempts_of,omitempty"` // gateways
	Seconds  [len(watchNames)]int64 `json:"seconds"`               // for which it was learned
}

// normalLine is a leaf or a cut. Seconds are counted back from the last.
type normalLine struct {
	Watch   string                `json:"watch"`
	Leaf    traffic.Scope         `json:"leaf,omitempty"`
	Seen    float32               `json:"seen,omitempty"`
	Span    float32               `json:"span,omitempty"`
	Last    int64                 `json:"last,omitempty"`
	Learned *int64                `json:"learned,omitempty"` // absent: nothing yet
	Wide    bool                  `json:"wide,omitempty"`
	Signals map[string][2]float32 `json:"signals,omitempty"` // requests and failures
	Marks   map[string][3]float32 `json:"marks,omitempty"`   // values, their median, and what a tenth exceeds

	Cut     []traffic.Scope       `json:"cut,omitempty"`
	Scatter map[string][2]float32 `json:"scatter,omitempty"`
	Volume  *volumeLine           `json:"volume,omitempty"`
}

type volumeLine struct {
	Age     int        `json:"age"`
	Blocks  int        `json:"blocks"`
	Usual   [3]float32 `json:"usual"` // requests a second: of a quarter of an hour, of two hours, of now
	Scatter [2]float32 `json:"scatter"`
}

// Encode writes it down. Leaves and cuts with a name that keep does not allow are left out, and so is what finds no room:
// the leaves that had no traffic for longest. keep may be nil.
func (n *Normal) Encode(keep func(name string) bool) []byte {
	e := &normalWriter{n: n, keep: keep, names: map[traffic.Sym]string{}}
	head := normalHead{At: n.At.UTC()}
	for _, g := range n.upstream {
		if name, ok := e.name(g); ok {
			head.Attempts = append(head.Attempts, name)
		}
	}
	for i := range n.watches {
		head.Seconds[i] = max(0, n.At.Unix()-n.watches[i].born)
	}
	e.line(head)
	for i := range n.watches {
		for _, l := range n.watches[i].newestFirst() {
			e.leaf(watchNames[i], l)
		}
	}
	for i := range n.watches {
		for j := range n.watches[i].cuts {
			e.cut(watchNames[i], &n.watches[i].cuts[j])
		}
	}
	body := e.body.Bytes()
	sum := sha256.Sum256(body)
	return append([]byte(normalMagic+hex.EncodeToString(sum[:])+"\n"), body...)
}

// normalWriter writes lines as long as there is room.
type normalWriter struct {
	n            *Normal
	keep         func(string) bool
	names        map[traffic.Sym]string // "" for those that may not be written
	body         bytes.Buffer
	leaves, cuts int
}

func (e *normalWriter) line(v any) {
	raw, err := json.Marshal(v)
	if err == nil && e.body.Len()+len(raw) < MaxNormal-1024 {
		e.body.Write(append(raw, '\n'))
	}
}

// name gives the name of a symbol where it may be written.
func (e *normalWriter) name(s traffic.Sym) (string, bool) {
	name, known := e.names[s]
	if !known {
		if name = e.n.syms.Name(s); !plainName(name) || (e.keep != nil && !e.keep(name)) || len(e.names) >= maxKnownNames {
			name = ""
		}
		e.names[s] = name
	}
	return name, name != ""
}

func (e *normalWriter) scope(k traffic.Key) (traffic.Scope, bool) {
	out := make(traffic.Scope)
	for d := range traffic.NumDims {
		if k[d] == traffic.Unknown {
			continue
		}
		name, ok := e.name(k[d])
		if !ok {
			return nil, false
		}
		out[d.String()] = name
	}
	return out, true
}

func (e *normalWriter) leaf(watch string, k *knownLeaf) {
	scope, ok := e.scope(k.key)
	if !ok || len(scope) == 0 || e.leaves >= maxKnownLeaves {
		return
	}
	e.leaves++
	until := e.n.At.Unix()
	x := normalLine{
		Watch: watch, Leaf: scope, Seen: float32(k.seen), Span: float32(k.span), Last: max(0, until-k.last), Wide: k.wide,
		Signals: map[string][2]float32{}, Marks: map[string][3]float32{},
	}
	if k.learned != 0 {
		back := max(0, until-k.learned)
		x.Learned = &back
	}
	for s, name := range signalNames {
		if k.n[s] > 0 {
			x.Signals[name] = [2]float32{float32(k.n[s]), float32(k.k[s])}
		}
	}
	for v, name := range valueWords {
		if m := k.marks[v]; m.n > 0 {
			x.Marks[name] = [3]float32{m.n, m.half, m.high}
		}
	}
	e.line(x)
}

func (e *normalWriter) cut(watch string, k *knownCut) {
	if e.cuts >= maxKnownCuts {
		return
	}
	v := &k.volume
	x := normalLine{
		Watch: watch, Scatter: map[string][2]float32{},
		Volume: &volumeLine{v.age, v.known, [3]float32{float32(v.fast), float32(v.slow), float32(v.near)}, v.line()},
	}
	for _, p := range k.places {
		scope, ok := e.scope(p.key)
		if !ok {
			return
		}
		x.Cut = append(x.Cut, scope)
	}
	e.cuts++
	for s, name := range signalNames {
		if k.scatter[s].w > 0 {
			x.Scatter[name] = k.scatter[s].line()
		}
	}
	e.line(x)
}

func (k knownScatter) line() [2]float32 { return [2]float32{float32(k.v), float32(k.w)} }

// plainName tells whether a name can stand in a file and on a screen.
func plainName(name string) bool {
	if name == "" || len(name) > maxKnownName || !utf8.ValidString(name) {
		return false
	}
	for _, r := range name {
		if !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}

// DecodeNormal reads what Encode wrote, all of it or nothing. What it says is not trusted: it is within bounds, and its
// names come into the table of symbols only where all of it is right.
func DecodeNormal(raw []byte, syms *traffic.Symbols) (*Normal, error) {
	if len(raw) > MaxNormal {
		return nil, fmt.Errorf("it is longer than %d bytes", MaxNormal)
	}
	first, body, _ := bytes.Cut(raw, []byte("\n"))
	want, ok := bytes.CutPrefix(first, []byte(normalMagic))
	sum := sha256.Sum256(body)
	switch {
	case !ok:
		return nil, errors.New("line 1: it does not begin like what is normal, or is of another version")
	case string(want) != hex.EncodeToString(sum[:]):
		return nil, errors.New("line 1: the sum is not that of the lines below, so it was damaged or changed")
	}
	return parseNormal(body, syms)
}

func parseNormal(body []byte, syms *traffic.Symbols) (*Normal, error) {
	head, rest, _ := bytes.Cut(body, []byte("\n"))
	r := &normalReader{syms: syms, names: map[string]bool{}}
	if err := r.head(head); err != nil {
		return nil, fmt.Errorf("line 2: %w", err)
	}
	var lines []normalLine
	for n := 3; len(rest) > 0; n++ {
		var line []byte
		line, rest, _ = bytes.Cut(rest, []byte("\n"))
		var x normalLine
		if err := json.Unmarshal(line, &x); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		if err := r.check(&x); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		lines = append(lines, x)
	}
	return r.normal(lines), nil
}

// finite tells whether numbers lie between nothing and a bound.
func finite(most float64, list ...float32) bool {
	for _, x := range list {
		if v := float64(x); math.IsNaN(v) || v < 0 || v > most {
			return false
		}
	}
	return true
}

package decode

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// tokenVisits is what encoding/json's tokens say of one object: each scalar with its path, in order.
func tokenVisits(data []byte) []string {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var out []string
	var walk func(path string) bool
	join := func(path, key string) string {
		if path == "" {
			return key
		}
		return path + "." + key
	}
	walk = func(path string) bool {
		t, err := d.Token()
		if err != nil {
			return false
		}
		switch v := t.(type) {
		case json.Delim:
			for n := 0; d.More(); n++ {
				key := fmt.Sprint(n)
				if v == '{' {
					k, err := d.Token()
					if err != nil {
						return false
					}
					key = k.(string)
				}
				if !walk(join(path, key)) {
					return false
				}
			}
			_, err := d.Token()
			return err == nil
		case string:
			out = append(out, path+"=s"+v)
		case json.Number:
			out = append(out, path+"=n"+v.String())
		case bool:
			out = append(out, fmt.Sprintf("%s=b%v", path, v))
		case nil:
			out = append(out, path+"=null")
		}
		return true
	}
	if !walk("") {
		return nil
	}
	return out
}

func scannerVisits(data []byte) ([]string, bool) {
	var out []string
	s := scanner{visit: func(path []byte, v value) {
		out = append(out, string(path)+"="+kindLetter(v)+string(v.bytes))
	}}
	ok := s.scan(data)
	return out, ok
}

func kindLetter(v value) string { return [...]string{"?", "s", "n", "b", ""}[v.kind] }

// isObject is the verdict of encoding/json.
func isObject(data []byte) bool {
	trimmed := bytes.TrimLeft(data, " \t\r\n")
	return len(trimmed) > 0 && trimmed[0] == '{' && json.Valid(data)
}

// Each value as encoding/json has it, in order, and the same verdict on the whole.
func sameVisits(data []byte) error {
	got, ok := scannerVisits(data)
	if ok != isObject(data) {
		return fmt.Errorf("the scanner says %v, encoding/json %v", ok, !ok)
	}
	if !ok || depthOf(data) > maxSeen {
		return nil
	}
	if want := tokenVisits(data); strings.Join(got, "\n") != strings.Join(want, "\n") {
		return fmt.Errorf("the scanner sees %q, encoding/json %q", got, want)
	}
	return nil
}

func depthOf(data []byte) int {
	return bytes.Count(data, []byte("[")) + bytes.Count(data, []byte("{"))
}

// fieldsByPath gives each path a field of its own, as far as they go.
func fieldsByPath() naming {
	known := map[string]field{}
	return func(path []byte) (target, taking, bool) {
		f, ok := known[string(path)]
		if !ok {
			f = field(len(known))
			known[string(path)] = f
		}
		return target{f: f, rank: 1}, taking(len(path) % 3), f < numFields
	}
}

// follows holds what the template makes of a line against what the scanner makes of it. It tells whether the
// template could follow.
func follows(tm *template, names naming, data []byte) (bool, error) {
	buf := append(append(bytes.Clone(data), '\n'), make([]byte, pad)...)
	var fast, exact draft
	fast.reset(data)
	end, ok := tm.follow(buf, 0, &fast)
	if !ok {
		return false, nil
	}
	if line := bytes.TrimSuffix(data, []byte("\r")); end != len(data) && end != len(line) {
		return false, fmt.Errorf("it ends at %d", end)
	}
	exact.reset(data)
	s := scanner{visit: func(path []byte, v value) {
		if to, how, ok := names(path); ok && how.takes(v.kind, v.bytes) {
			exact.set(to.f, to.rank, to.unit, v)
		}
	}}
	if !s.scan(data[:end]) || !json.Valid(data[:end]) {
		return false, fmt.Errorf("the template accepts what is no object")
	}
	for f := range numFields {
		if fast.has(f) != exact.has(f) || fast.has(f) && (fast.vals[f].kind != exact.vals[f].kind || !bytes.Equal(fast.vals[f].bytes, exact.vals[f].bytes)) {
			return false, fmt.Errorf("field %d is %q along the template, %q exactly", f, fast.vals[f].bytes, exact.vals[f].bytes)
		}
	}
	return true, nil
}

// strangeObjects are lines that a template must not be misled by.
var strangeObjects = []string{
	`{"a":1,"b":"x","c":{"d":null,"e":[1,2]},"f":true}`,
	`{"a":-0.5e-7,"b":"","c":{"d":"y","e":[3,4]},"f":false}`,
	`{"a":1,"b":"x\"y","c":{"d":null,"e":[1,2]},"f":true}`,
	`{"a":1,"b":"` + "\xff\xc3\x28" + `","c":{"d":null,"e":[1,2]},"f":true}`,
	`{"a":1,"b":"\ud800\u0041 größe","c":{"d":null,"e":[1,2]},"f":true}`,
	`{"a":1,"b":"x` + "\x01" + `","c":{"d":null,"e":[1,2]},"f":true}`,
	`{"a":01,"b":"x","c":{"d":null,"e":[1,2]},"f":true}`, `{"a":1.,"b":"x","c":{"d":null,"e":[1,2]},"f":true}`,
	`{"a":1,"b":"x\q","c":{"d":null,"e":[1,2]},"f":true}`, `{"a":1,"b":"x\u12g4","c":{"d":null,"e":[1,2]},"f":true}`,
	`{"a":1,"b":"x","c":{"d":nulL,"e":[1,2]},"f":true}`, `{"a":1,"b":"x","c":{"d":null,"e":[1,2]},"f":truE}`,
	`{"a":1,"b":"x","c":{"d":null,"e":[1,2]},"f":true} x`, `{"a":1,"b":"x","c":{"d":null,"e":[1,2]},"f":true`, `{"a":1,"b":"x`,
	`{"a":1,"b":"x","a":2,"c":{"d":null,"e":[1,2]},"f":true,"b":null}`, `{"a.b":1,"a":{"b":2}}`, `{"a":{"b":2},"a.b":1,"c":3}`, `{"a":{"b":2,"c":3}}`,
	`{"a":1,"b":"a rather long text of more than sixteen bytes","c":{"d":null,"e":[1,2]},"f":true}`,
	`{"a\u0001b":1,"":{"x":2},"a":{"":3}}`, `{"a":[],"b":{},"c":[[],{}],"d":1}`, ` { "a" : 1 , "b" : "x" } `, `{}`, `{"a":1e999}`, `{"a":"` + strings.Repeat("x", 300) + `"}`,
}

func TestScannerSeesWhatEncodingJSONSees(t *testing.T) {
	for _, line := range append(strangeObjects, jsonSeeds...) {
		if err := sameVisits([]byte(line)); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
}

// Depth is bounded where encoding/json bounds it.
func TestScannerDepthLikeEncodingJSON(t *testing.T) {
	for _, depth := range []int{9_998, 9_999, 10_000, 10_001} {
		deep := []byte(`{"a":` + strings.Repeat("[", depth) + strings.Repeat("]", depth) + `}`)
		if _, ok := scannerVisits(deep); ok != json.Valid(deep) {
			t.Errorf("depth %d: the scanner says %v", depth, ok)
		}
	}
}

// Whatever a template has learnt, it sees a line as the scanner does, or leaves it.
func TestTemplateSeesWhatTheScannerSees(t *testing.T) {
	for _, first := range strangeObjects {
		for _, line := range strangeObjects {
			names := fieldsByPath()
			tm := newTemplate(names)
			tm.learn([]byte(first))
			for _, end := range []string{"", "\r"} {
				ok, err := follows(tm, names, []byte(line+end))
				if err != nil {
					t.Fatalf("%q after %q: %v", line, first, err)
				}
				if line == first && !ok && isObject([]byte(line)) && dottable(line) {
					t.Errorf("%q is not followed after itself", line)
				}
			}
		}
	}
}

// dottable tells lines that a template can learn: with values, keys that a dotted path can name, and nothing after.
func dottable(line string) bool {
	return strings.TrimSpace(line) == line && line != "{}" && !strings.Contains(line, `"":`) && !strings.Contains(line, `\u0001`)
}

// A key that is absent at times, or holds now an object and now null, is followed once both were met, in any mix.
func TestTemplateFollowsWhatComesAndGoes(t *testing.T) {
	names := fieldsByPath()
	tm := newTemplate(names)
	line := func(bits int) []byte {
		b := []byte(`{"t":1`)
		for i := range 8 {
			switch {
			case bits>>i&1 == 0:
			case i%2 == 0:
				b = fmt.Appendf(b, `,"k%d":null`, i)
			default:
				b = fmt.Appendf(b, `,"k%d":{"x":%d}`, i, i)
			}
		}
		return append(b, `,"end":"x"}`...)
	}
	missed := 0
	for pass := range 2 {
		for bits := range 256 {
			ok, err := follows(tm, names, line(bits))
			if err != nil {
				t.Fatal(err)
			}
			if !ok {
				missed++
				tm.learn(line(bits))
			}
			if pass == 1 && !ok {
				t.Fatalf("%s is not followed", line(bits))
			}
		}
	}
	if missed > 60 {
		t.Errorf("%d of 256 mixes had to be learnt one by one", missed)
	}
}

// A key whose value is now nothing, now an object or an array, leads on to each of them.
func TestTemplateFollowsIntoWhatWasEmpty(t *testing.T) {
	names := fieldsByPath()
	tm := newTemplate(names)
	lines := []string{`{"a":1,"error":null,"b":2}`, `{"a":1,"error":{"code":"x"},"b":2}`, `{"a":1,"error":["x",3],"b":2}`, `{"a":1,"error":"x","b":2}`}
	for _, line := range lines {
		tm.learn([]byte(line))
	}
	for _, line := range lines {
		if ok, err := follows(tm, names, []byte(line)); !ok || err != nil {
			t.Errorf("%s: followed %v, %v", line, ok, err)
		}
	}
}

// A log whose keys never come twice in the same order costs a bounded memory and a bounded effort.
func TestTemplateIsBounded(t *testing.T) {
	tm := newTemplate(fieldsByPath())
	for i := range 20_000 {
		tm.learn(fmt.Appendf(nil, `{"k%d":1,"l%d":{"m":2},"n":[%d]}`, i, i*7%1000, i))
		if len(tm.states) > maxJunctions || tm.learnt > 2*maxLearnt {
			t.Fatalf("%d junctions, %d bytes after %d lines", len(tm.states), tm.learnt, i)
		}
	}
}

func FuzzTemplate(f *testing.F) {
	for i, line := range strangeObjects {
		f.Add([]byte(strangeObjects[0]), []byte(line))
		f.Add([]byte(line), []byte(strangeObjects[(i+1)%len(strangeObjects)]))
	}
	f.Fuzz(func(t *testing.T, first, data []byte) {
		if bytes.IndexByte(data, '\n') >= 0 || bytes.IndexByte(first, '\n') >= 0 {
			return
		}
		if err := sameVisits(data); err != nil {
			t.Fatalf("%q: %v", data, err)
		}
		for _, learnt := range [][]byte{first, data} {
			names := fieldsByPath()
			tm := newTemplate(names)
			tm.learn(learnt)
			if _, err := follows(tm, names, data); err != nil {
				t.Fatalf("%q after %q: %v", data, learnt, err)
			}
		}
	})
}

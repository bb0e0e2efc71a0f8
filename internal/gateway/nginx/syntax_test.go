package nginx

import (
	"os"
	"strings"
	"testing"

	"signalbox/internal/gateway"
)

func exampleBase(t testing.TB) string {
	t.Helper()
	b, err := os.ReadFile("../../../examples/nginx/levers.base.conf")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestKnobsOfTheExample(t *testing.T) {
	l, err := readLevers(exampleBase(t))
	if err != nil {
		t.Fatal(err)
	}
	want := []struct{ id, scope, value string }{
		{"max_conns gpt-4o/127.0.0.1:9101", "deployment=gpt-4o/127.0.0.1:9101", "50"},
		{"down gpt-4o/127.0.0.1:9101", "deployment=gpt-4o/127.0.0.1:9101", `"up"`},
		{"max_conns gpt-4o/127.0.0.1:9102", "deployment=gpt-4o/127.0.0.1:9102", "50"},
		{"down gpt-4o/127.0.0.1:9102", "deployment=gpt-4o/127.0.0.1:9102", `"up"`},
		{"max_conns gpt-4o-mini/127.0.0.1:9103", "deployment=gpt-4o-mini/127.0.0.1:9103", "null"},
		{"down gpt-4o-mini/127.0.0.1:9103", "deployment=gpt-4o-mini/127.0.0.1:9103", `"up"`},
		{"max_conns gpt-4o-mini/127.0.0.1:9102", "deployment=gpt-4o-mini/127.0.0.1:9102", "null"},
		{"down gpt-4o-mini/127.0.0.1:9102", "deployment=gpt-4o-mini/127.0.0.1:9102", `"up"`},
		{"map $signalbox_upstream gpt-4o", "model=gpt-4o", `"gpt-4o"`},
		{"map $signalbox_upstream gpt-4o-mini", "model=gpt-4o-mini", `"gpt-4o-mini"`},
		{"split_clients $signalbox_refuse_batch", "workload=batch", "0"},
		{"limit_conn batch", "workload=batch", "1000"},
		{"proxy_next_upstream_tries", "", "2"},
	}
	if len(l.knobs) != len(want) {
		t.Fatalf("%d knobs: %+v", len(l.knobs), l.knobs)
	}
	for i, w := range want {
		k := l.knobs[i]
		if k.id != w.id || string(k.value) != w.value || (w.scope != "" && k.scope().String() != w.scope) {
			t.Errorf("%d: %s of %s is %s, want %+v", i, k.id, k.scope(), k.value, w)
		}
	}
}

// What is turned has to read as it was turned, everything else as before, and turned back it is the base, byte for byte.
func TestEachKnobTurnsAlone(t *testing.T) {
	l, err := readLevers(exampleBase(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range l.knobs {
		to := map[kind]gateway.Value{connKnob: number(3), downKnob: downValue, limitKnob: number(4), shareKnob: number(30), mapKnob: quoted("gpt-4o-mini"), triesKnob: number(1)}[k.kind]
		if k.id == "map $signalbox_upstream gpt-4o-mini" {
			to = quoted("gpt-4o")
		}
		checkTurn(t, &l, k, to)
	}
}

func checkTurn(t *testing.T, l *levers, k knob, to gateway.Value) {
	t.Helper()
	values := l.values()
	values[k.id] = to
	text, gen := l.next(values, l.generation.text)
	got, err := readLevers(text)
	if err != nil {
		t.Fatalf("%s to %s: %v in\n%s", k.id, to, err, text)
	}
	if got.generation.text != gen || len(got.knobs) != len(l.knobs) {
		t.Fatalf("%s to %s: generation %s, %d knobs in\n%s", k.id, to, got.generation.text, len(got.knobs), text)
	}
	for id, v := range got.values() {
		if !gateway.Same(v, values[id]) {
			t.Fatalf("%s to %s: %s reads %s, not %s in\n%s", k.id, to, id, v, values[id], text)
		}
	}
	if l.render(got.values(), gen) != text {
		t.Fatalf("%s to %s: the file is not the base with its values\n%s", k.id, to, text)
	}
	if back := l.render(l.values(), l.generation.text); back != l.text {
		t.Fatalf("turned back it is\n%s", back)
	}
}

func TestWhatIsNotRead(t *testing.T) {
	const gen = "map \"\" $signalbox_generation { default 0; }\n"
	for text, says := range map[string]string{
		"":                                 "has no `map",
		"upstream a { server x:1; }":       "has no `map",
		gen + "upstream a { server x:1;":   "never closed",
		gen + "}":                          "closes nothing",
		gen + "a b":                        "ends within",
		gen + "a \"b;":                     "never closed",
		gen + "a b\\;":                     "is not read here",
		gen + "; ":                         "where a directive",
		gen + "a { b { c { d { e; } } } }": "",
		gen + "a{a{a{a{a{}}}}}":            "deeper",
		gen + "upstream a { server x:1; server x:1; }":         "a second max_conns a/x:1",
		"map \"\" $signalbox_generation { default later; }":    "has no `map",
		gen + strings.Repeat("#", maxFile):                     "longer",
		gen + "proxy_next_upstream_tries 2\n\n{}":              "",
		gen + "a b;\nlimit_conn z 5 6;\nlimit_conn_zone $a;\n": "",
	} {
		_, err := readLevers(text)
		if says == "" && err != nil || says != "" && (err == nil || !strings.Contains(err.Error(), says)) {
			t.Errorf("%.60q: %v, want %q", text, err, says)
		}
	}
}

// What cannot be hit exactly is no lever.
func TestWhatIsNoKnob(t *testing.T) {
	const gen = "map \"\" $signalbox_generation { default 0; }\n"
	for _, text := range []string{
		"split_clients $request_id $v { 10% a; * b; }\nmap $http_x_workload $r { batch $v; }",
		"split_clients $request_id $v { * \"\"; }\nmap $http_x_workload $r { batch $v; other $v; }",
		"split_clients $request_id $v { * \"\"; }\nmap $host $r { batch $v; }",
		"split_clients $request_id $v { * \"\"; }\nmap $http_x_workload $r { default $v; }",
		"map $http_x_workload $k { default x; batch batch; }\nlimit_conn_zone $k zone=z:1m;\nlimit_conn z 5;",
		"map $http_x_workload $k { a a; b b; }\nlimit_conn_zone $k zone=z:1m;\nlimit_conn z 5;",
		"limit_conn_zone $binary_remote_addr zone=z:1m;\nlimit_conn z 5;",
		"map $http_x_model $u { gpt-4o elsewhere; }",
		"upstream a { server \"a b\" down; }",
	} {
		if l, err := readLevers(gen + text); err != nil || len(l.knobs) != 0 {
			t.Errorf("%s: %v %+v", text, err, l.knobs)
		}
	}
}

func FuzzLevers(f *testing.F) {
	f.Add(exampleBase(f))
	f.Add("map \"\" $signalbox_generation { default 3-0123456789ab; }\nupstream a{server 'x:1' down max_conns=2 down;zone a 1m;}split_clients \"$a\" $v{0.5% 1;30.00% 1;* \"\";}map $workload $r{b $v;}")
	f.Add("map \"\" $signalbox_generation { default 0; default 0; } proxy_next_upstream_tries 0; map $model $u { x \"a\"; } upstream a {}")
	f.Fuzz(func(t *testing.T, text string) {
		l, err := readLevers(text)
		if err != nil {
			return
		}
		if got := l.render(l.values(), l.generation.text); got != text {
			t.Fatalf("nothing was turned, yet %q became %q", text, got)
		}
		for _, k := range l.knobs {
			to := map[kind]gateway.Value{connKnob: number(3), downKnob: downValue, limitKnob: number(4), shareKnob: number(30), triesKnob: number(1)}[k.kind]
			if k.kind == mapKnob {
				if to = quoted(l.targets[0]); !plainWord.MatchString(l.targets[0]) {
					continue
				}
			}
			checkTurn(t, &l, k, to)
		}
	})
}

package cli_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"signalbox/internal/cli"
)

// TestMain lets the test binary be signalbox itself when a script calls it.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"signalbox": func() {
			os.Exit(cli.Main(os.Args[1:], cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
		},
		"relay": func() { os.Exit(relay(os.Args[1], os.Args[2], os.Args[3])) },
	})
}

// TestScripts runs testdata/script: one file a behaviour. Everything that signalbox may write to lies in
// the script's own folder. Under the race detector a story that has nothing to race, or that other tests tell with less
// around it, skips: each of its commands is a process that starts slowly there.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(e *testscript.Env) error {
			for name, dir := range map[string]string{
				"HOME": "home", "XDG_CONFIG_HOME": "home/config", "XDG_STATE_HOME": "home/state", "XDG_CONFIG_DIRS": "home/etc", "XDG_CACHE_HOME": "home/cache",
			} {
				path := filepath.Join(e.WorkDir, filepath.FromSlash(dir))
				if err := os.MkdirAll(path, 0o700); err != nil {
					return fmt.Errorf("preparing %s: %w", name, err)
				}
				e.Setenv(name, path)
			}
			e.Setenv("GORACE", os.Getenv("GORACE")) // a script's environment is not ours
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits": exits, "gatewaylog": gatewayLog, "keep": keep, "keepat": keepAt, "jsonkeys": jsonKeys, "jsonhas": jsonHas, "jsonis": jsonIs, "clean": clean, "eventually": eventually,
		},
		Condition: func(cond string) (bool, error) {
			if cond != "race" {
				return false, fmt.Errorf("unknown condition %q; race is known", cond)
			}
			return underRace, nil
		},
	})
}

// exits CODE COMMAND...: the command ends with exactly this exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND [ARG]...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	code := 0
	err = ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		code = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if code != want {
		ts.Fatalf("exit code %d, want %d", code, want)
	}
}

// gatewayLog FILE FROM TO [MODEL REGION]: ten minutes of a gateway's JSON lines at six requests a second
// over three models and two regions; seven of ten requests of MODEL in REGION fail from second FROM to second TO.
func gatewayLog(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 && len(args) != 5 {
		ts.Fatalf("usage: gatewaylog FILE FROM TO [MODEL REGION]")
	}
	from, err := strconv.Atoi(args[1])
	ts.Check(err)
	to, err := strconv.Atoi(args[2])
	ts.Check(err)
	sick := [2]string{"gpt-4o", "eu-west"}
	if len(args) == 5 {
		sick = [2]string{args[3], args[4]}
	}
	models, regions := []string{"gpt-4o", "gpt-4o-mini", "claude-sonnet"}, []string{"eu-west", "us-east"}
	start := time.Date(2026, 3, 4, 10, 0, 0, 0, time.UTC)
	var b bytes.Buffer
	for n := range 3600 {
		second := n / 6
		at := start.Add(time.Duration(second)*time.Second + time.Duration(n%6)*150*time.Millisecond)
		model, region := models[n%3], regions[n/3%2]
		status, more := 200, ""
		switch {
		case second >= from && second < to && model == sick[0] && region == sick[1] && second*7%10 < 7:
			status, more = 502, `,"error":{"message":"502 Bad Gateway: upstream sent no valid answer"}`
		case n%397 == 0:
			status, more = 500, `,"error":{"message":"The server had an error while processing your request"}`
		}
		fmt.Fprintf(&b, `{"time":%q,"request_id":"req-%05d","model":%q,"region":%q,"status":%d,"latency_ms":%d%s}`+"\n",
			at.Format("2006-01-02T15:04:05.000Z"), n, model, region, status, 300+n*37%1700, more)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), b.Bytes(), 0o600))
}

// keep NAME: the last command's output becomes an environment variable.
func keep(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: keep NAME")
	}
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile("stdout")))
}

// keepAt NAME FILE PATH: the text at that place of a JSON file becomes an environment variable.
func keepAt(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: keepat NAME FILE PATH")
	}
	ts.Setenv(args[0], fmt.Sprint(at(ts, args[1], args[2])))
}

// at finds a value by a dotted path; "." is the whole, a number an index.
func at(ts *testscript.TestScript, file, path string) any {
	var v any
	if err := json.Unmarshal([]byte(ts.ReadFile(file)), &v); err != nil {
		ts.Fatalf("%s is not JSON: %v", file, err)
	}
	for key := range strings.SplitSeq(strings.Trim(path, "."), ".") {
		if key == "" {
			continue
		}
		switch in := v.(type) {
		case map[string]any:
			v = in[key]
		case []any:
			n, err := strconv.Atoi(key)
			if err != nil || n >= len(in) {
				ts.Fatalf("%s: no %s in a list of %d", path, key, len(in))
			}
			v = in[n]
		default:
			ts.Fatalf("%s: %T has no %s", path, v, key)
		}
	}
	return v
}

func keysAt(ts *testscript.TestScript, file, path string) []string {
	o, ok := at(ts, file, path).(map[string]any)
	if !ok {
		ts.Fatalf("%s is no object", path)
	}
	return slices.Sorted(maps.Keys(o))
}

// jsonKeys FILE PATH KEY...: the object there has exactly these keys.
func jsonKeys(ts *testscript.TestScript, neg bool, args []string) {
	want := slices.Sorted(slices.Values(args[2:]))
	if have := keysAt(ts, args[0], args[1]); slices.Equal(have, want) == neg {
		ts.Fatalf("%s has the keys %v, want %v", args[1], have, want)
	}
}

// jsonHas FILE PATH KEY...: the object there has at least these keys.
func jsonHas(ts *testscript.TestScript, neg bool, args []string) {
	have := keysAt(ts, args[0], args[1])
	for _, k := range args[2:] {
		if slices.Contains(have, k) == neg {
			ts.Fatalf("%s has the keys %v; %s", args[1], have, k)
		}
	}
}

// jsonIs FILE PATH VALUE: the value there is this one, written as JSON.
func jsonIs(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: jsonis FILE PATH VALUE")
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	ts.Check(enc.Encode(at(ts, args[0], args[1])))
	if have := strings.TrimSpace(b.String()); (have == args[2]) == neg {
		ts.Fatalf("%s is %s, want %s", args[1], have, args[2])
	}
}

// clean FILE...: no control character but the newline is in it.
func clean(ts *testscript.TestScript, _ bool, args []string) {
	for _, f := range args {
		for i, c := range []byte(ts.ReadFile(f)) {
			if c < ' ' && c != '\n' || c == 0x7f {
				ts.Fatalf("%s has the control character %#x at %d", f, c, i)
			}
		}
	}
}

// scriptPatience is how long a script waits for something to appear; it is never waited out when all is well.
const scriptPatience = 4 * time.Minute

// eventually FILE TEXT: the text appears in a file that another process writes.
func eventually(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: eventually FILE TEXT")
	}
	for end := time.Now().Add(scriptPatience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		raw, err := os.ReadFile(ts.MkAbs(args[0]))
		if err == nil && strings.Contains(string(raw), args[1]) {
			return
		}
	}
	said := ""
	errs, _ := filepath.Glob(filepath.Join(ts.MkAbs("."), "*.err")) // of the programs beside the script, by the scripts' habit
	for _, f := range errs {
		raw, err := os.ReadFile(f)
		said += fmt.Sprintf("\n%s: %s%v", filepath.Base(f), raw, err)
	}
	ts.Fatalf("%q did not appear in %s within %s%s", args[1], args[0], scriptPatience, said)
}

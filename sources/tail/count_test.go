package tail

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"signalbox/internal/traffic"
	"signalbox/sources"
	"signalbox/sources/decode"
)

// oddLine writes lines as they are met in the field: whole, broken, strange.
func oddLine(r *rand.Rand, i int) string {
	at := noon.Add(time.Duration(i*7-r.IntN(2000)) * time.Millisecond).Format("2006-01-02T15:04:05.000000Z07:00")
	status, more := 200, ""
	if r.IntN(10) == 0 {
		status = []int{429, 500, 503, 400}[r.IntN(4)]
		more = fmt.Sprintf(`,"error":{"type":"t","code":"c%d","message":"upstream \"said\" n\u00f6 %d"}`, r.IntN(3), r.IntN(4))
	}
	id, attempt := i, 1
	if r.IntN(8) == 0 {
		id, attempt = i-r.IntN(20), 2
	}
	plain := fmt.Sprintf(`{"ts":%q,"request_id":"n%d","model":"m%d","region":"r%d","deployment":"d%d","stream":%v,"status":%d%s,"latency_ms":%.2f,"tokens_in":%d,"attempt":%d,"team":"t%d"}`,
		at, id, r.IntN(3), r.IntN(3), r.IntN(2), r.IntN(2) == 0, status, more, r.Float64()*1000, r.IntN(5000), attempt, r.IntN(50))
	switch r.IntN(60) {
	case 0:
		return plain + "\r"
	case 1:
		return strings.ReplaceAll(plain, ",", ", ")
	case 2:
		return plain[:r.IntN(len(plain))]
	case 3:
		return ""
	case 4:
		return strings.Repeat("\x00", 40) + plain
	case 5:
		return `{"model":"stale","status":100,` + plain[1:]
	case 6:
		return `{"user":"` + "\xff\xc3\x28" + `",` + plain[1:]
	case 7:
		return "Traceback (most recent call last):"
	case 8:
		return fmt.Sprintf(`{"ts":%q,"level":"error","request_id":"n%d","error":"connection reset by peer"}`, at, id)
	case 9:
		return `{"level":"info","msg":"started"}`
	case 10:
		return fmt.Sprintf(`{"status":%d,"model":"untimed"}`, status)
	case 11:
		return fmt.Sprintf(`{"pad":%q,%s`, strings.Repeat("x", r.IntN(20_000)), plain[1:])
	case 12:
		return fmt.Sprintf(`{"ts":%q,"model":"m\u0030","finish_reason":%q,"stream":true,"status":200,"endpoint":"/v1/x?k=%d"}`, at, []string{"stop", "length", "content_filter"}[r.IntN(3)], i)
	case 13:
		return fmt.Sprintf(`{"ts":%q,"model":"m","status":200,"side":"upstream","attempt":2,"original_model":"m9"}`, at)
	case 15:
		return "Traceback (most recent call last):\n  File \"a.py\", line 1, in f\n    g()\nopenai.RateLimitError: Error code: 429"
	case 16:
		return strings.Repeat(" ", r.IntN(3)+1)
	case 17:
		return strings.Replace(plain, `"status":200`, `"status":500`, 1) + "\njava.net.SocketTimeoutException: timeout\n\tat okio.Okio$4.newTimeoutException(Okio.java:227)\n"
	case 18:
		return fmt.Sprintf(`{"level":"error","msg":"Exception in ASGI application","status":500,"ts":%q}`, at) + "\n  File \"a.py\", line 1, in f"
	case 14:
		return fmt.Sprintf(`{"ts":"2031-01-02T12:00:00Z","model":"m","status":%d}`, status)
	}
	return plain
}

// oddLog is a log of such lines. In some the middle is of no format; finish reasons, which change what other lines
// mean, come from one line on.
func oddLog(seed uint64, n int, garbage bool, finishes int) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	var b bytes.Buffer
	for i := range n {
		l := oddLine(r, i)
		if i < finishes && strings.Contains(l, "finish_reason") {
			continue
		}
		if garbage && i > n/2 && i < n/2+600 {
			l = "=== what is this ==="
		}
		b.WriteString(l)
		if i < n-1 {
			b.WriteByte('\n')
		}
	}
	return b.Bytes()
}

// told is a brief without what tells of the process.
func told(b traffic.Brief, k traffic.Key, syms *traffic.Symbols, ids map[uint64]int) string {
	request := 0
	if b.Request != 0 && (b.Attempt > 1 || b.Outcome.Failed()) { // nobody asks else
		if ids[b.Request] == 0 {
			ids[b.Request] = len(ids) + 1
		}
		request = ids[b.Request]
	}
	known := b.Known &^ traffic.HasRetryAfter
	return fmt.Sprint(b.At, " ", request, " ", b.Latency, b.TTFT, b.TokensIn, b.TokensOut, b.TokensCached, " ", b.Outcome, " ", b.Attempt, known, b.Marks, " ", k.Labels(syms), syms.Name(b.Caller), syms.Name(b.From))
}

// asRecords is what the records of ReadAll come to.
func asRecords(t *testing.T, paths []string, opt ReadOptions) ([]string, Report) {
	t.Helper()
	opt.Kit = (sources.Kit{Now: opt.Kit.Now, Inventory: opt.Kit.Inventory}).Complete()
	places, ids := traffic.NewPlaces(1000), map[uint64]int{}
	var out []string
	report, err := ReadAll(context.Background(), paths, opt, func(rs []traffic.Record) error {
		for i := range rs {
			b := rs[i].Brief(places.Of(rs[i].Key.Cell()))
			switch opt.Kit.Symbols.Name(rs[i].Key[traffic.Stream]) {
			case "true":
				b.Marks |= traffic.Streams
			case "false":
				b.Marks |= traffic.Whole
			}
			out = append(out, told(b, places.Key(b.Place), opt.Kit.Symbols, ids))
		}
		return nil
	})
	must(t, err)
	return out, report
}

// asBriefs is what Count gives, and the numbers of its places in the order of their appearance.
func asBriefs(t *testing.T, span int, paths []string, opt ReadOptions) (out []string, places []uint32, report Report) {
	t.Helper()
	opt.Kit = (sources.Kit{Now: opt.Kit.Now, Inventory: opt.Kit.Inventory}).Complete()
	table, ids := traffic.NewPlaces(1000), map[uint64]int{}
	report, err := countBy(context.Background(), span, []Reading{{paths, opt}}, table, func(bs []traffic.Brief) error {
		for _, b := range bs {
			places = append(places, b.Place)
			out = append(out, told(b, table.Key(b.Place), opt.Kit.Symbols, ids))
		}
		return nil
	})
	must(t, err)
	return out, places, report
}

// Whatever the blocks and the workers, the briefs are those of the records, line by line, and so is the report.
func TestCountGivesWhatReadAllGives(t *testing.T) {
	dir := t.TempDir()
	inv := traffic.NewInventory([]traffic.Mapping{{Match: map[string]string{"deployment": "d0", "caller": "t7"}, Set: map[string]string{"provider": "p"}}})
	for name, text := range map[string][]byte{
		"plain":    oddLog(1, 4000, false, 4000),
		"finishes": oddLog(2, 4000, false, 0),
		"late":     oddLog(8, 4000, false, 2500),
		"garbage":  oddLog(3, 6000, true, 6000),
		"traces":   oddLog(9, 4000, false, 4000),
		"crlf":     bytes.ReplaceAll(oddLog(4, 2000, false, 2000), []byte("\n"), []byte("\r\n")),
		"long":     slices.Concat(oddLog(5, 700, false, 700), []byte("\n{\"pad\":\""+strings.Repeat("y", decode.MaxLine+70_000)+"\"}\n"), oddLog(6, 700, false, 700)),
		"short":    []byte(`{"status":200,"model":"m"}`),
		"none":     nil,
		"words":    []byte(strings.Repeat("ERROR: upstream timed out\nall is well\n", 500)),
		"logfmt":   []byte(strings.Repeat("ts=2026-01-02T12:00:00Z status=503 model=m stream=true error=\"no healthy upstream\"\n", 500)),
		"bom":      append([]byte("\xef\xbb\xbf"), oddLog(7, 500, false, 0)...),
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(dir, name+".log")
			must(t, os.WriteFile(path, text, 0o600))
			var packed bytes.Buffer
			z := gzip.NewWriter(&packed)
			_, _ = z.Write(text)
			must(t, z.Close())
			must(t, os.WriteFile(path+".gz", packed.Bytes(), 0o600))
			must(t, os.Chtimes(path, noon, noon))
			must(t, os.Chtimes(path+".gz", noon, noon))
			opt := ReadOptions{Kit: sources.Kit{Now: func() time.Time { return noon.Add(time.Hour) }, Inventory: inv}}
			files, spans := []string{path, path + ".gz"}, []int{4 << 10, 64 << 10, blockSize}
			if underRace && name != "plain" {
				files, spans = files[:1], spans[:1] // the same goroutines, with the most to hand over
			}
			for _, p := range files {
				want, report := asRecords(t, []string{p}, opt)
				for _, span := range spans {
					got, _, rep := asBriefs(t, span, []string{p}, opt)
					sameLines(t, got, want)
					sameReport(t, rep.Files[0], report.Files[0])
				}
			}
		})
	}
}

func sameLines(t *testing.T, got, want []string) {
	t.Helper()
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Fatalf("brief %d is %s, the record %s", i, got[i], want[i])
		}
	}
	if len(got) != len(want) {
		t.Fatalf("%d briefs of %d records", len(got), len(want))
	}
}

func sameReport(t *testing.T, got, want FileReport) {
	t.Helper()
	got.Lack, want.Lack = decode.Lack{}, decode.Lack{}
	g, w := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want)
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			t.Fatalf("the report says %.200q, want %.200q", g[max(i-60, 0):], w[max(i-60, 0):])
		}
	}
}

// Several files are merged as ReadAll merges them, in any order of their names, and the places have the same numbers
// whatever the number of processors.
func TestCountMergesAndNumbersTheSame(t *testing.T) {
	dir := t.TempDir()
	var paths []string
	for i := range 3 {
		paths = append(paths, filepath.Join(dir, fmt.Sprintf("%d.log", i)))
		must(t, os.WriteFile(paths[i], oddLog(uint64(10+i), 3000, false, 1000*i), 0o600))
		must(t, os.Chtimes(paths[i], noon, noon))
	}
	opt := ReadOptions{Kit: sources.Kit{Now: func() time.Time { return noon.Add(time.Hour) }}}
	want, _ := asRecords(t, paths, opt)
	var numbers []uint32
	for i, procs := range []int{1, 2, 7} {
		before := runtime.GOMAXPROCS(procs)
		slices.Reverse(paths)
		got, places, _ := asBriefs(t, 16<<10, paths, opt)
		runtime.GOMAXPROCS(before)
		sameLines(t, got, want)
		if i > 0 && !slices.Equal(places, numbers) {
			t.Errorf("with %d processors the places have other numbers", procs)
		}
		numbers = places
	}
}

// A reader that wants no more, or is told to end, leaves nothing running.
func TestCountEndsEarly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.log")
	must(t, os.WriteFile(path, oddLog(20, 6000, false, 6000), 0o600))
	full := errors.New("full")
	places := traffic.NewPlaces(100)
	_, err := countBy(context.Background(), 4<<10, []Reading{{Paths: []string{path}}}, places, func([]traffic.Brief) error { return full })
	if !errors.Is(err, full) {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	n := 0
	_, err = countBy(ctx, 4<<10, []Reading{{Paths: []string{path}}}, places, func([]traffic.Brief) error {
		if n++; n == 5 {
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if _, err := Count(context.Background(), []Reading{{Paths: []string{path, filepath.Join(path, "none")}}}, places, func([]traffic.Brief) error { return nil }); err == nil {
		t.Error("a file that is not there is no error")
	}
}

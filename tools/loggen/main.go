// Command loggen writes the request log of a made-up LLM gateway.
//
// The same flags give the same bytes, and -truth writes down what a right reader must count, so that a reader can be
// held against it for lines lost and lines counted twice.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"time"
)

// options are the flags.
type options struct {
	n, rotEvery                  int
	maxBytes                     int64
	seed                         uint64
	rate, eps, base, messy       float64
	format, start, bursts, kinds string
	out, truth, rotMode          string
	withSeq, split, appendTo     bool
}

func parseFlags() *options {
	o := &options{}
	flag.IntVar(&o.n, "n", 1000, "lines to write (0: no limit)")
	flag.Int64Var(&o.maxBytes, "bytes", 0, "stop after this many bytes (0: no limit)")
	flag.Uint64Var(&o.seed, "seed", 1, "seed")
	flag.StringVar(&o.format, "format", "json", "json, logfmt, nginx or haproxy")
	flag.Float64Var(&o.rate, "rate", 0, "lines a second in real time (0: as fast as it goes)")
	flag.Float64Var(&o.eps, "eps", 500, "events a second in log time")
	flag.StringVar(&o.start, "start", "2026-08-22T14:00:00Z", "log time of the first line, or \"now\"")
	flag.Float64Var(&o.base, "errors", 0.03, "share of requests that fail outside a burst")
	flag.StringVar(&o.bursts, "burst", "", "error bursts: from=60s,for=30s,match=openai,status=529,frac=0.6,slow=4;...")
	flag.Float64Var(&o.messy, "messy", 0, "share of lines that are odd or broken (json only)")
	flag.StringVar(&o.kinds, "messy-kinds", "", "only these kinds, comma separated")
	flag.BoolVar(&o.withSeq, "seq", false, "add a sequence number to each record")
	flag.StringVar(&o.out, "o", "-", "output file")
	flag.StringVar(&o.truth, "truth", "", "write the expected counts to this JSON file")
	flag.IntVar(&o.rotEvery, "rotate-every", 0, "rotate the output after this many lines")
	flag.StringVar(&o.rotMode, "rotate-mode", "rename", "rename or copytruncate")
	flag.BoolVar(&o.split, "split-writes", false, "write each line in two writes, cut at a random byte")
	flag.BoolVar(&o.appendTo, "append", false, "append to the output file")
	flag.Parse()
	return o
}

func main() {
	if err := run(parseFlags()); err != nil {
		fmt.Fprintln(os.Stderr, "loggen:", err)
		os.Exit(1)
	}
}

func run(o *options) error {
	l, err := newLogger(o)
	if err != nil {
		return err
	}
	began := time.Now()
	for i := 0; (o.n == 0 || i < o.n) && (o.maxBytes == 0 || l.truth.Bytes < o.maxBytes); i++ {
		if err := l.line(i); err != nil {
			return err
		}
		if err := l.pace(began, i+1); err != nil {
			return err
		}
	}
	if err := l.w.Flush(); err != nil {
		return err
	}
	if o.truth == "" {
		return nil
	}
	return l.truth.write(o.truth)
}

// truth is what a right reader counts.
type truth struct {
	Lines            int            `json:"lines"`
	Bytes            int64          `json:"bytes"`
	Records          int            `json:"records"`
	Broken           int            `json:"broken"`
	PromptTokens     int            `json:"prompt_tokens"`
	CompletionTokens int            `json:"completion_tokens"`
	Counts           map[string]int `json:"by_model_region_status"`
}

func (t *truth) write(path string) error {
	text, err := json.MarshalIndent(t, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}

// logger writes lines and keeps the truth of them.
type logger struct {
	o     *options
	g     *gen
	kinds []messyKind
	out   *rotator
	w     *bufio.Writer
	truth truth
	rec   record
	buf   []byte
}

func newLogger(o *options) (*logger, error) {
	start, err := startTime(o.start)
	if err != nil {
		return nil, err
	}
	bursts, err := parseBursts(o.bursts)
	if err != nil {
		return nil, err
	}
	kinds, err := chooseKinds(o.kinds)
	if err != nil {
		return nil, err
	}
	switch o.format {
	case "json", "logfmt", "nginx", "haproxy":
	default:
		return nil, fmt.Errorf("unknown format %q", o.format)
	}
	g := &gen{r: rand.New(rand.NewPCG(o.seed, 0x6c6f6767656e)), bursts: bursts, base: o.base, start: start, at: start, eps: o.eps}
	for _, m := range models {
		g.total += m.weight
	}
	for _, f := range failures {
		g.ftotal += f.weight
	}
	out, err := newRotator(o)
	if err != nil {
		return nil, err
	}
	return &logger{o: o, g: g, kinds: kinds, out: out, w: bufio.NewWriterSize(out, 1<<20), truth: truth{Counts: map[string]int{}}}, nil
}

func startTime(s string) (time.Time, error) {
	if s == "now" {
		return time.Now().UTC(), nil
	}
	return time.Parse(time.RFC3339, s)
}

// chooseKinds finds the kinds of odd lines by their names; none means all.
func chooseKinds(names string) ([]messyKind, error) {
	if names == "" {
		return messyKinds, nil
	}
	var kinds []messyKind
	for _, want := range strings.Split(names, ",") {
		for _, k := range messyKinds {
			if k.name == want {
				kinds = append(kinds, k)
			}
		}
	}
	if len(kinds) == 0 {
		return nil, fmt.Errorf("no kind of odd line in %q", names)
	}
	return kinds, nil
}

// line writes one line and counts it.
func (l *logger) line(i int) error {
	l.g.next(&l.rec, i)
	whole := l.put()
	l.truth.Lines++
	l.truth.Bytes += int64(len(l.buf))
	if whole {
		l.truth.Records++
		l.truth.PromptTokens += l.rec.prompt
		l.truth.CompletionTokens += l.rec.completion
		if l.o.truth != "" {
			l.truth.Counts[l.rec.m.name+"|"+l.rec.region+"|"+strconv.Itoa(l.rec.status)]++
		}
	} else {
		l.truth.Broken++
	}
	if err := l.write(); err != nil {
		return err
	}
	if l.o.rotEvery > 0 && l.o.out != "-" && l.truth.Lines%l.o.rotEvery == 0 {
		if err := l.w.Flush(); err != nil {
			return err
		}
		return l.out.rotate()
	}
	return nil
}

// put makes the line, and tells whether it holds one whole request.
func (l *logger) put() bool {
	b, r := l.buf[:0], &l.rec
	whole := true
	switch l.o.format {
	case "logfmt":
		b = logfmtLine(b, r, l.o.withSeq)
	case "nginx":
		b = nginxLine(b, r, l.o.withSeq)
	case "haproxy":
		b = haproxyLine(b, r, l.o.withSeq)
	default:
		if l.o.messy > 0 && l.g.r.Float64() < l.o.messy {
			k := l.kinds[l.g.r.IntN(len(l.kinds))]
			whole = k.whole
			b = messy(b, k.name, r, l.g, l.o.withSeq)
		} else {
			b = jsonLine(b, r, ordered, l.o.withSeq)
		}
	}
	l.buf = b
	return whole
}

func (l *logger) write() error {
	if !l.o.split || len(l.buf) <= 2 {
		_, err := l.w.Write(l.buf)
		return err
	}
	cut := 1 + l.g.r.IntN(len(l.buf)-1)
	for _, part := range [][]byte{l.buf[:cut], l.buf[cut:]} {
		if _, err := l.w.Write(part); err != nil {
			return err
		}
		if err := l.w.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// pace waits until the next line is due.
func (l *logger) pace(began time.Time, done int) error {
	if l.o.rate <= 0 {
		return nil
	}
	due := began.Add(time.Duration(float64(done) / l.o.rate * float64(time.Second)))
	d := time.Until(due)
	if d <= 2*time.Millisecond {
		return nil
	}
	if err := l.w.Flush(); err != nil {
		return err
	}
	time.Sleep(d)
	return nil
}

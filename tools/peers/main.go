// Command peers counts one log with signalbox scan and with the tools that one would take instead, side by side.
//
// It writes a log of 1 GB with the generator beside it, which also says what a right reader counts, and prints for each
// tool how many bytes it reads in a second of processor time (user and system), the time on the clock, its memory, and
// whether its counts are right. A tool that is not there is named with its package, and left out.
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// What the log of the table in docs/benchmarks.md begins with.
const (
	wholeLines = 2_000_000
	partLines  = 200_000 // for tools that take minutes for all
	wholeHash  = "cf2d6b181034"
	bursts     = "from=600s,for=300s,match=openai,status=529,frac=0.5,slow=3"
)

func main() {
	box := flag.String("signalbox", "../../bin/signalbox", "the program to measure")
	python := flag.String("python", "", "Python with the package duckdb; empty: a virtual environment is made for it")
	lines := flag.Int("n", wholeLines, "lines of the log")
	runs := flag.Int("runs", 3, "how often each is run; the median counts")
	flag.Parse()
	if err := run(*box, *python, *lines, *runs); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

func run(box, python string, lines, runs int) error {
	box, err := filepath.Abs(box)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "signalbox-peers-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	b := &bench{dir: dir, runs: runs}
	if err := b.write(lines); err != nil {
		return err
	}
	fmt.Printf("%d lines, %.0f MB; %s, %d processors, load %s before\n\n", b.whole.truth.Lines, float64(b.whole.truth.Bytes)/1e6, cpuName(), runtime.NumCPU(), load())
	fmt.Printf("%-44s %10s %12s %8s %8s %9s  %s\n", "", "MB/cpu-s", "lines/cpu-s", "cpu s", "wall s", "peak MB", "counts")
	for _, p := range b.peers(box, python) {
		b.measure(p)
	}
	fmt.Printf("\nload %s after\n", load())
	return nil
}

// bench is the logs and how they are read.
type bench struct {
	dir               string
	runs              int
	whole, part, edge log
}

// log is one log and what a right reader counts in it.
type log struct {
	path  string
	truth truth
}

type truth struct {
	Lines   int64            `json:"lines"`
	Bytes   int64            `json:"bytes"`
	Records int64            `json:"records"`
	Counts  map[string]int64 `json:"by_model_region_status"`
}

// write makes the logs: all of it, its first lines, and those as an access log.
func (b *bench) write(lines int) error {
	gen := filepath.Join(b.dir, "loggen")
	build := exec.Command("go", "build", "-o", gen, ".")
	build.Dir = "../loggen"
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building the generator: %w: %s", err, out)
	}
	for _, l := range []struct {
		to     *log
		name   string
		lines  int
		format string
	}{{&b.whole, "whole.jsonl", lines, "json"}, {&b.part, "part.jsonl", min(lines, partLines), "json"}, {&b.edge, "part.log", min(lines, partLines), "nginx"}} {
		l.to.path = filepath.Join(b.dir, l.name)
		told := l.to.path + ".truth"
		out, err := exec.Command(gen, "-n", fmt.Sprint(l.lines), "-seed", "1", "-eps", "500", "-burst", bursts, "-format", l.format, "-o", l.to.path, "-truth", told).CombinedOutput()
		if err != nil {
			return fmt.Errorf("writing %s: %w: %s", l.name, err, out)
		}
		text, err := os.ReadFile(told)
		if err != nil {
			return err
		}
		if err := json.Unmarshal(text, &l.to.truth); err != nil {
			return err
		}
	}
	if lines != wholeLines {
		return nil
	}
	hash, err := hashOf(b.whole.path)
	if err == nil && !strings.HasPrefix(hash, wholeHash) {
		err = fmt.Errorf("the log is another one than that of the table: its SHA-256 begins %s, not %s", hash[:len(wholeHash)], wholeHash)
	}
	return err
}

func hashOf(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Join(strings.Fields(string(text))[:3], " ")
}

func cpuName() string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	for _, l := range strings.Split(string(text), "\n") {
		if name, ok := strings.CutPrefix(l, "model name"); ok {
			return strings.TrimLeft(name, "\t :")
		}
	}
	return runtime.GOARCH
}

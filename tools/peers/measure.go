package main

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"syscall"
	"time"
)

// peer is one way to count a log.
type peer struct {
	name    string
	of      *log
	argv    []string
	env     []string
	pack    string                 // where to get it
	missing string                 // why it is left out
	finds   int                    // an exit code that is no failure beside 0
	check   func(out []byte) error // whether it counted right
}

// spent is what a run took.
type spent struct {
	cpu, wall time.Duration
	memory    int64 // bytes
}

func (b *bench) measure(p peer) {
	if p.missing != "" {
		fmt.Printf("%-44s left out: %s\n", p.name, p.missing)
		return
	}
	var all []spent
	var out []byte
	for range b.runs {
		s, text, err := p.run()
		if err != nil {
			fmt.Printf("%-44s failed: %v\n", p.name, err)
			return
		}
		all, out = append(all, s), text
	}
	slices.SortFunc(all, func(a, b spent) int { return int(a.cpu - b.cpu) })
	s := all[len(all)/2]
	verdict := "right"
	if err := p.check(out); err != nil {
		verdict = "WRONG: " + err.Error()
	}
	fmt.Printf("%-44s %10.1f %12.0f %8.2f %8.2f %9.1f  %s\n", p.name, float64(p.of.truth.Bytes)/1e6/s.cpu.Seconds(),
		float64(p.of.truth.Lines)/s.cpu.Seconds(), s.cpu.Seconds(), s.wall.Seconds(), float64(s.memory)/1e6, verdict)
}

func (p *peer) run() (spent, []byte, error) {
	var out, errs bytes.Buffer
	c := exec.Command(p.argv[0], p.argv[1:]...)
	c.Stdout, c.Stderr = &out, &errs
	c.Env = append(c.Environ(), p.env...)
	began := time.Now()
	err := c.Run()
	s := spent{wall: time.Since(began)}
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || p.finds == 0 || exit.ExitCode() != p.finds) {
		return s, nil, fmt.Errorf("%w: %.300s", err, errs.Bytes())
	}
	s.cpu = c.ProcessState.UserTime() + c.ProcessState.SystemTime()
	if u, ok := c.ProcessState.SysUsage().(*syscall.Rusage); ok {
		s.memory = u.Maxrss * 1024
	}
	return s, out.Bytes(), nil
}

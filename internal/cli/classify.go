package cli

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"signalbox/internal/fault"
	"signalbox/internal/redact"
)

// What is read of one line. Of a text, what is beyond the bound says nothing more about the fault; an object
// that is cut is none any more, so it may be longer.
const (
	maxText   = 1 << 20
	maxObject = 16 << 20
)

func (a *app) classifyCommand() *cobra.Command {
	var input, output string
	c := &cobra.Command{
		Use: "classify", Short: "Say what error texts on standard input mean, one verdict a line", Args: noArgs,
		Example: "  echo 'Error code: 429 - insufficient_quota' | signalbox classify",
		RunE:    func(*cobra.Command, []string) error { return a.classify(input, output) },
	}
	outputFlag(c, &output)
	c.Flags().StringVar(&input, "input", "lines", "lines or json (one object a line: text, status)")
	check := c.PreRunE
	c.PreRunE = func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return err
		}
		return oneOf("input", input, "lines", "json")
	}
	return c
}

// verdictLine is one line of --output json.
type verdictLine struct {
	V        int     `json:"v"`
	Class    string  `json:"class"`
	Retry    string  `json:"retry"`
	Domain   string  `json:"domain"`
	Status   *int    `json:"status"`
	Provider *string `json:"provider"`
	Why      string  `json:"why"`
	Do       string  `json:"do"`
	Fix      string  `json:"fix"`
}

func (a *app) classify(input, output string) error {
	in := bufio.NewReaderSize(a.In, 64<<10)
	p := &printer{w: a.Out} // unbuffered: whoever pipes a log in sees each verdict as its line comes
	bound := maxText
	if input == "json" {
		bound = maxObject
	}
	for n := 1; p.err == nil; n++ {
		line, err := readBounded(in, bound)
		if errors.Is(err, io.EOF) && line == "" {
			break
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("reading line %d of standard input: %w", n, err)
		}
		in := fault.Input{Text: line}
		if input == "json" {
			if strings.TrimSpace(line) == "" {
				continue
			}
			if in, err = jsonInput(line, n); err != nil {
				return err
			}
		}
		a.printVerdict(p, fault.Classify(in), output)
	}
	return p.err
}

func jsonInput(line string, n int) (fault.Input, error) {
	var o struct {
		Text   string `json:"text"`
		Status *int   `json:"status"`
	}
	if err := json.Unmarshal([]byte(line), &o); err != nil {
		return fault.Input{}, &usageError{err: fmt.Errorf("line %d of standard input is no object: %w", n, err), try: `{"text":"...","status":429}`}
	}
	in := fault.Input{Text: o.Text}
	if o.Status != nil {
		in.Status = *o.Status
	}
	return in, nil
}

// readBounded reads a line, and skips what is beyond the bound.
func readBounded(r *bufio.Reader, bound int) (string, error) {
	var line []byte
	for {
		part, more, err := r.ReadLine()
		if room := bound - len(line); room > 0 {
			line = append(line, part[:min(len(part), room)]...)
		}
		if err != nil || !more {
			return string(line), err
		}
	}
}

func (a *app) printVerdict(p *printer, v fault.Verdict, output string) {
	why, do, fix := safe(v.Why), safe(v.Do), safe(v.Fix)
	if output != "json" {
		if v.Class == fault.None {
			p.line("%-20s %s", v.Class, why)
			return
		}
		p.line("%-20s retry: %-8s fault: %-9s %s. %s", v.Class, v.Retry, v.Domain, why, do)
		return
	}
	l := verdictLine{V: 1, Class: v.Class.String(), Retry: string(v.Retry), Domain: string(v.Domain), Why: why, Do: do, Fix: fix}
	if v.Status != 0 {
		l.Status = &v.Status
	}
	if v.Provider != "" {
		name := safe(v.Provider)
		l.Provider = &name
	}
	raw, err := json.Marshal(l)
	if err != nil {
		p.err = fmt.Errorf("encoding the verdict: %w", err)
		return
	}
	p.line("%s", raw)
}

// safe makes one outside text fit for a line of output.
func safe(s string) string { return redact.Secrets(redact.Terminal(s)) }

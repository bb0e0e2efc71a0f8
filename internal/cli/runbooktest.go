package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"signalbox/runbook"
	"signalbox/runbooks"
)

// testSuffix ends the name of the file that tests a runbook: name.test.yaml beside name.md.
const testSuffix = ".test.yaml"

func (a *app) runbookTestCommand() *cobra.Command {
	var output string
	var verbose bool
	c := &cobra.Command{
		Use: "test [FILE|FOLDER]...", Short: "Walk runbooks in simulated time, as their tests say; exit 1 when one goes another way",
		Long: "A test stands beside its runbook: name" + testSuffix + " beside name.md. It says what the numbers are, what the operator\n" +
			"answers and what the gateway does, and which way the walk should take. Nothing is asked and nothing is sent.\n" +
			"Without a name it runs the tests of the shipped runbooks.",
		RunE: func(_ *cobra.Command, args []string) error { return a.runbookTest(args, output, verbose) },
	}
	outputFlag(c, &output)
	c.Flags().BoolVar(&verbose, "verbose", false, "say what happened in each case, line by line")
	return c
}

// bookTests are the cases of one runbook.
type bookTests struct {
	file string
	book *runbook.Book
	all  []runbook.Trial
}

// trialJSON is one case of runbook test --output json.
type trialJSON struct {
	File     string            `json:"file"`
	Line     int               `json:"line"`
	Runbook  string            `json:"runbook"`
	Name     string            `json:"name"`
	Passed   bool              `json:"passed"`
	Path     []string          `json:"path"`
	Levers   []string          `json:"levers"`
	Probes   []string          `json:"probes,omitempty"`
	Outcomes map[string]string `json:"outcomes,omitempty"`
	Waits    map[string]string `json:"waits,omitempty"`
	Unknown  []string          `json:"unknown,omitempty"`
	Asked    []string          `json:"asked,omitempty"`
	End      string            `json:"end"`
	Offered  bool              `json:"offered"`
	TookS    float64           `json:"took_s"` // of simulated time
	Failures []string          `json:"failures,omitempty"`
}

func trialView(file string, b *runbook.Book, r *runbook.Ran) trialJSON {
	v := trialJSON{
		File: safe(file), Line: r.Trial.Line, Runbook: safe(b.ID), Name: safe(r.Trial.Name), Passed: len(r.Failures) == 0, Path: r.Path, Levers: safeAll(r.Levers), Probes: safeAll(r.Probes),
		Outcomes: r.Outcomes, Waits: r.Waits, Unknown: r.Unknown, Asked: r.Asked, End: r.End, Offered: r.Offered, TookS: r.Took.Seconds(),
	}
	for _, f := range r.Failures {
		v.Failures = append(v.Failures, safe(f.String()))
	}
	return v
}

func (a *app) runbookTest(args []string, output string, verbose bool) error {
	tests, err := trialsOf(args)
	if err != nil {
		return err
	}
	var views []trialJSON
	p := printer{w: a.Out}
	failed := 0
	for _, t := range tests {
		for _, trial := range t.all {
			ran := trial.Run(t.book)
			v := trialView(t.file, t.book, &ran)
			if views = append(views, v); !v.Passed {
				failed++
			}
			if output != "json" {
				printTrial(&p, v, ran.Log, verbose)
			}
		}
	}
	if output == "json" {
		err = a.json(struct {
			V      int         `json:"v"`
			Cases  []trialJSON `json:"cases"`
			Failed int         `json:"failed"`
		}{1, views, failed})
	} else {
		p.line("%s, %d failed", counted(int64(len(views)), "case"), failed)
		err = p.err
	}
	if err == nil && failed > 0 {
		return errFindings
	}
	return err
}

func printTrial(p *printer, v trialJSON, log []string, verbose bool) {
	word := "ok  "
	if !v.Passed {
		word = "FAIL"
	}
	p.line("%s %s: %s", word, v.Runbook, v.Name)
	for _, f := range v.Failures {
		p.line("       %s", f)
	}
	if verbose || !v.Passed {
		for _, l := range log {
			p.line("       %s", safe(l))
		}
	}
}

// trialsOf reads the tests of the shipped runbooks, or of the files and folders that are named.
func trialsOf(args []string) ([]bookTests, error) {
	if len(args) == 0 {
		return trialsIn(runbooks.Files)
	}
	var all []bookTests
	var errs []error
	for _, name := range args {
		files := []string{name}
		if info, err := os.Stat(name); err != nil {
			return nil, &unreachable{what: "a runbook's test", err: fmt.Errorf("%s: %w", name, unwrapPath(err)), try: "look at the path"}
		} else if info.IsDir() {
			if files, err = testsBelow(name); err != nil {
				return nil, err
			}
		}
		for _, f := range files {
			t, err := trialFile(f)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			all = append(all, t)
		}
	}
	if len(errs) > 0 {
		return nil, &usageError{err: errors.Join(errs...), try: "signalbox runbook lint says more of a runbook"}
	}
	return all, nil
}

func testsBelow(dir string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && strings.HasSuffix(path, testSuffix) {
			files = append(files, path)
		}
		return err
	})
	switch {
	case err != nil:
		return nil, &unreachable{what: "looking for tests", err: err, try: "look at the path and who may read it"}
	case len(files) == 0:
		return nil, &usageError{err: fmt.Errorf("%s: there is no *%s in it", dir, testSuffix), try: "write name" + testSuffix + " beside name.md"}
	}
	return files, nil
}

// trialFile reads a test and the runbook beside it; a runbook may be named as well as its test.
func trialFile(path string) (bookTests, error) {
	base := strings.TrimSuffix(strings.TrimSuffix(path, testSuffix), ".md")
	b, err := bookFile(base + ".md")
	if err != nil {
		return bookTests{}, err
	}
	src, err := readSome(base + testSuffix)
	if err != nil {
		return bookTests{}, err
	}
	all, err := runbook.ParseTrials(base+testSuffix, src, b)
	return bookTests{base + testSuffix, b, all}, err
}

// readSome reads a file that goes with a runbook, bounded like it.
func readSome(path string) ([]byte, error) {
	f, err := os.Open(path) //nolint:gosec // it stands beside a file that the operator named
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, unwrapPath(err))
	}
	defer f.Close()
	src, err := io.ReadAll(io.LimitReader(f, maxBook+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, unwrapPath(err))
	}
	return src, nil
}

func trialsIn(dir fs.FS) ([]bookTests, error) {
	names, err := fs.Glob(dir, "*"+testSuffix)
	if err != nil {
		return nil, fmt.Errorf("listing the shipped tests: %w", err)
	}
	var all []bookTests
	for _, name := range names {
		book := strings.TrimSuffix(name, testSuffix) + ".md"
		src, err := fs.ReadFile(dir, book)
		if err != nil {
			return nil, fmt.Errorf("the runbook of %s: %w", name, err)
		}
		b, err := runbook.Parse(book, src)
		if err != nil {
			return nil, fmt.Errorf("runbook %s: %w", book, err)
		}
		test, err := fs.ReadFile(dir, name)
		if err != nil {
			return nil, fmt.Errorf("test %s: %w", name, err)
		}
		trials, err := runbook.ParseTrials(name, test, b)
		if err != nil {
			return nil, fmt.Errorf("test of %s: %w", book, err)
		}
		all = append(all, bookTests{name, b, trials})
	}
	return all, nil
}

func (a *app) runbookWalkCommand() *cobra.Command {
	var output, answers, only string
	c := &cobra.Command{
		Use: "walk FILE|ID", Short: "Walk a runbook without a console, in simulated time; exit 1 where it does not reach its end", Args: wantArgs(1, 1),
		Long: "The file of --answers (with --case: the test file beside a runbook) says what the burst, the numbers, the operator and the gateway do: one case of a test, without\n" +
			"`expect` if you only want to see. Nothing is asked and nothing is sent. A plain runbook needs no answers.",
		RunE: func(_ *cobra.Command, args []string) error { return a.runbookWalk(args[0], answers, only, output) },
	}
	outputFlag(c, &output)
	c.Flags().StringVar(&answers, "answers", "", "file with burst, fields, numbers, answers, at and gateway, or a test file")
	c.Flags().StringVar(&only, "case", "", "which case of a test file, without --answers of the one beside the runbook")
	return c
}

// trialOf reads one case: the file itself, or one of a test file.
func trialOf(name string, src []byte, b *runbook.Book, only string) (runbook.Trial, error) {
	if !runbook.HoldsTrials(src) {
		trial, err := runbook.ParseTrial(name, src, b)
		if err != nil {
			return trial, &usageError{err: err}
		}
		return trial, nil
	}
	trials, err := runbook.ParseTrials(name, src, b)
	if err != nil {
		return runbook.Trial{}, &usageError{err: err}
	}
	var names []string
	for _, t := range trials {
		if t.Name == only || only == "" && len(trials) == 1 {
			return t, nil
		}
		names = append(names, t.Name)
	}
	return runbook.Trial{}, &usageError{err: fmt.Errorf("%s is a test of %d cases, and %q is none of them", safe(name), len(trials), only), try: "--case with one of: " + safe(strings.Join(names, "; "))}
}

func (a *app) runbookWalk(name, answers, only, output string) error {
	b, err := a.bookNamed(name)
	if err != nil {
		return err
	}
	var trial runbook.Trial
	if answers == "" && only != "" {
		beside, isFile := strings.CutSuffix(name, ".md")
		if answers = beside + ".test.yaml"; !isFile {
			return &usageError{err: fmt.Errorf("--case %q names a case of no file", only), try: "name the test file with --answers"}
		}
	}
	if answers != "" {
		src, err := readSome(answers)
		if err != nil {
			return &unreachable{what: "the answers", err: err, try: "look at the path"}
		}
		if trial, err = trialOf(answers, src, b, only); err != nil {
			return err
		}
	}
	ran := trial.Run(b)
	v := trialView(answers, b, &ran)
	if output == "json" {
		err = a.json(struct {
			V int `json:"v"`
			trialJSON
		}{1, v})
	} else {
		p := printer{w: a.Out}
		for _, l := range ran.Log {
			p.line("%s", safe(l))
		}
		for _, f := range v.Failures {
			p.line("%s", f)
		}
		p.line("ends: %s", v.End)
		err = p.err
	}
	if err == nil && (!v.Passed || v.End != "done") {
		return errFindings
	}
	return err
}

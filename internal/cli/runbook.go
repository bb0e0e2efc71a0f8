package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"signalbox/runbook"
)

func (a *app) runbookCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "runbook", Short: "List, show and check runbooks", Args: noArgs, RunE: showHelp,
		Long: "Runbooks are Markdown files. Any file can be walked; one whose front matter says `runbook: v1` is armed: its\n" +
			"blocks ask live numbers and throw levers, after a preview and a confirmation.",
	}
	c.AddCommand(a.runbookListCommand(), a.runbookShowCommand(), a.runbookLintCommand(), a.runbookEvalCommand(), a.runbookTestCommand(), a.runbookWalkCommand())
	return c
}

// bookLine is one runbook of runbook list --output json.
type bookLine struct {
	ID       string `json:"id"`
	Title    string `json:"title"`
	Armed    bool   `json:"armed"`
	Steps    int    `json:"steps"`
	From     string `json:"from"` // shipped, or the file
	Owner    string `json:"owner,omitempty"`
	Reviewed string `json:"reviewed,omitempty"`
	Match    string `json:"match,omitempty"`
	SHA256   string `json:"sha256"`
}

func (a *app) runbookListCommand() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use: "list", Short: "The shipped runbooks and those of the configuration", Args: noArgs,
		RunE: func(*cobra.Command, []string) error { return a.runbookList(output) },
	}
	outputFlag(c, &output)
	return c
}

func (a *app) runbookList(output string) error {
	books, problems, err := a.allBooks()
	if err != nil {
		return err
	}
	lines := make([]bookLine, 0, len(books))
	origin := a.origins()
	for _, b := range books {
		lines = append(lines, bookLine{safe(b.ID), safe(b.Title), b.Armed, len(b.Steps), safe(origin(b)), safe(b.Owner), safe(b.Reviewed), safe(b.Match), b.SHA256})
	}
	if output == "json" {
		err = a.json(struct {
			V        int        `json:"v"`
			Runbooks []bookLine `json:"runbooks"`
		}{1, lines})
	} else {
		p := printer{w: a.Out}
		for _, l := range lines {
			armed := "plain"
			if l.Armed {
				armed = "armed"
			}
			p.line("%-40s %s  %2d steps  %s  (%s)", l.ID, armed, l.Steps, l.Title, l.From)
		}
		err = p.err
	}
	if err != nil {
		return err
	}
	return a.tellProblems(problems)
}

// tellProblems says which files of the configuration could not be read as they should.
func (a *app) tellProblems(problems []string) error {
	p := printer{w: a.Err}
	for _, b := range problems {
		p.line("signalbox: %s", safeLines(b))
	}
	if p.err == nil && len(problems) > 0 {
		return errFindings
	}
	return p.err
}

func (a *app) allBooks() (all []*runbook.Book, problems []string, err error) {
	cfg, _, err := a.loadConfig()
	if err != nil {
		return nil, nil, err
	}
	return a.books(cfg)
}

// origins says where books are from: the shipped ones, read once, are told by their exact bytes.
func (a *app) origins() func(*runbook.Book) string {
	shipped, _, err := a.books(nil)
	return func(b *runbook.Book) string {
		if err == nil && slices.ContainsFunc(shipped, func(s *runbook.Book) bool { return s.SHA256 == b.SHA256 }) {
			return "shipped"
		}
		return b.Name
	}
}

func (a *app) runbookShowCommand() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use: "show FILE[#HEADING]|ID|-", Short: "A runbook as it would be walked: its steps, checks, levers and commands", Args: wantArgs(1, 1),
		RunE: func(_ *cobra.Command, args []string) error { return a.runbookShow(args[0], output) },
	}
	outputFlag(c, &output)
	return c
}

// runbookShow shows a file, also one with mistakes: it is text then, and the mistakes are told beside it.
func (a *app) runbookShow(name, output string) error {
	b, err := a.bookNamed(name)
	if b == nil {
		return err
	}
	var printErr error
	if output == "json" {
		printErr = a.json(bookView(b))
	} else {
		printErr = a.printBook(b)
	}
	if printErr != nil {
		return printErr
	}
	if err != nil {
		return a.tellProblems(strings.Split(err.Error(), "\n"))
	}
	return nil
}

// bookNamed finds a file, standard input, or a book by its id. A book beside an error is the file as plain text.
func (a *app) bookNamed(name string) (*runbook.Book, error) {
	if name == "-" {
		src, err := io.ReadAll(io.LimitReader(a.In, maxBook))
		if err != nil {
			return nil, fmt.Errorf("reading the runbook from standard input: %w", err)
		}
		return runbook.Parse("standard input", src)
	}
	if info, err := os.Stat(name); err == nil && !info.IsDir() {
		return readBook(name)
	}
	if file, slug, ok := strings.Cut(name, "#"); ok {
		if info, err := os.Stat(file); err == nil && !info.IsDir() {
			return partNamed(file, slug)
		}
	}
	all, _, err := a.allBooks()
	if err != nil {
		return nil, err
	}
	id := strings.TrimSuffix(name, ".md")
	for _, b := range all {
		if b.ID == id || filepath.Base(b.Name) == id+".md" {
			return b, nil
		}
	}
	if strings.ContainsAny(name, `/\`) || strings.HasSuffix(name, ".md") {
		_, err := os.Stat(name)
		return nil, &unreachable{what: "runbook " + name, err: unwrapPath(err), try: "signalbox runbook list"}
	}
	ids := make([]string, 0, len(all))
	for _, b := range all {
		ids = append(ids, b.ID)
	}
	return nil, &usageError{err: fmt.Errorf("no file and no runbook is called %q; there are %s", name, strings.Join(ids, ", ")), try: "signalbox runbook list"}
}

// partNamed reads one heading of a file.
func partNamed(file, slug string) (*runbook.Book, error) {
	b, err := readBook(file)
	if b == nil {
		return nil, err
	}
	part, ok := b.Part(slug)
	if !ok {
		return nil, &usageError{err: fmt.Errorf("%s has no heading %q", file, slug), try: "signalbox runbook show " + file}
	}
	return part, err
}

// readBook reads a file that the operator named. Parse gives the plain book beside its mistakes; an
// unreadable file gives no book.
func readBook(path string) (*runbook.Book, error) {
	b, err := bookFile(path)
	if err != nil && len(runbook.Errors(err)) == 0 {
		return nil, &unreachable{what: "reading a runbook", err: err, try: "look at the path and who may read it"}
	}
	return b, err
}

func (a *app) runbookLintCommand() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use: "lint [FILE|FOLDER|-]...", Short: "Say what the author of a runbook should mend, with file and line; exit 1 when there is something",
		Long: "Without a name it checks the shipped runbooks and those of the configuration. Exit 1 on a mistake, and on any\n" +
			"finding in an armed runbook; what is noted about a plain file never fails, because it can be walked all the same.",
		RunE: func(_ *cobra.Command, args []string) error { return a.runbookLint(args, output) },
	}
	outputFlag(c, &output)
	return c
}

// findingLine is one finding of runbook lint --output json.
type findingLine struct {
	File     string `json:"file"`
	Line     int    `json:"line"`
	Severity string `json:"severity"`
	What     string `json:"what"`
	Try      string `json:"try,omitempty"`
}

// linted is what lint made of some files.
type linted struct {
	files    int
	findings []runbook.Finding
	failed   bool // by an error, or by a finding in an armed book
}

func (a *app) runbookLint(args []string, output string) error {
	var l linted
	var unread []error
	if len(args) == 0 {
		cfg, _, err := a.loadConfig()
		if err != nil {
			return err
		}
		shipped, _, err := a.books(nil)
		if err != nil {
			return err
		}
		for _, b := range shipped {
			l.take(b, time.Now())
		}
		args = cfg.Runbooks
	}
	for _, name := range args {
		if err := l.lint(a.In, name); err != nil {
			unread = append(unread, err)
		}
	}
	if err := a.printLint(l, output); err != nil {
		return err
	}
	switch {
	case len(unread) > 0:
		return &unreachable{what: "a runbook could not be read", err: errors.Join(unread...), try: "look at the path and who may read it"}
	case l.failed:
		return errFindings
	}
	return nil
}

// lint checks a file, standard input, or all Markdown files below a folder.
func (l *linted) lint(in io.Reader, name string) error {
	if name == "-" {
		src, err := io.ReadAll(io.LimitReader(in, maxBook))
		if err != nil {
			return fmt.Errorf("standard input: %w", err)
		}
		b, _ := runbook.Parse("standard input", src) // its mistakes are findings of the plain book
		l.take(b, time.Now())
		return nil
	}
	info, err := os.Stat(name)
	if err != nil {
		return fmt.Errorf("%s: %w", name, unwrapPath(err))
	}
	files := []string{name}
	if info.IsDir() {
		if files, err = markdownIn(name); err != nil {
			return err
		}
	}
	var errs []error
	for _, f := range files {
		b, err := bookFile(f)
		if b == nil {
			errs = append(errs, err)
			continue
		}
		l.take(b, time.Now())
	}
	return errors.Join(errs...)
}

// isMarkdown tells by the name; templates of Markdown count, like x.md.erb.
func isMarkdown(path string) bool {
	name := strings.ToLower(filepath.Base(path))
	for _, ext := range []string{".md", ".markdown", ".mdx", ".md.erb"} {
		if strings.HasSuffix(name, ext) {
			return true
		}
	}
	return false
}

// markdownIn lists the Markdown files below a folder, hidden folders left out.
func markdownIn(dir string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != dir && strings.HasPrefix(d.Name(), "."):
			return filepath.SkipDir
		case !d.IsDir() && isMarkdown(path):
			files = append(files, path)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("looking into %s: %w", dir, err)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s: no Markdown file is in it", dir)
	}
	return files, nil
}

func (l *linted) take(b *runbook.Book, now time.Time) {
	l.files++
	found := runbook.Lint(b)
	if due, is := runbook.ReviewDue(b, now); is {
		found = append(found, due)
	}
	l.findings = append(l.findings, found...)
	l.failed = l.failed || b.Armed && len(found) > 0 || slices.ContainsFunc(found, func(f runbook.Finding) bool { return f.Severity == runbook.SevError })
}

func (a *app) printLint(l linted, output string) error {
	if output == "json" {
		lines := make([]findingLine, 0, len(l.findings))
		for _, f := range l.findings {
			lines = append(lines, findingLine{safe(f.File), f.Line, string(f.Severity), safe(f.What), safe(f.Try)})
		}
		return a.json(struct {
			V        int           `json:"v"`
			Files    int           `json:"files"`
			Findings []findingLine `json:"findings"`
		}{1, l.files, lines})
	}
	p := printer{w: a.Out}
	for _, f := range l.findings {
		var b bytes.Buffer
		fmt.Fprintf(&b, "%s:%d: %s: %s", f.File, max(f.Line, 1), f.Severity, f.What)
		if f.Try != "" {
			fmt.Fprintf(&b, "; %s", f.Try)
		}
		p.line("%s", safe(b.String()))
	}
	p.line("%s, %s", counted(int64(l.files), "runbook"), counted(int64(len(l.findings)), "finding"))
	return p.err
}

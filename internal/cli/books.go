package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"signalbox/internal/config"
	"signalbox/runbook"
	"signalbox/runbooks"
)

// maxBook bounds what is read of one runbook file.
const maxBook = 1 << 20

// books reads the shipped runbooks and those of the configuration. A broken file of the configuration
// does not keep the console from opening: it is left out and named in problems.
func (a *app) books(cfg *config.Config) (all []*runbook.Book, problems []string, err error) {
	shipped, err := booksIn(runbooks.Files, "runbooks")
	if err != nil {
		return nil, nil, err
	}
	all = shipped
	if cfg == nil {
		return all, nil, nil
	}
	for _, path := range cfg.Runbooks {
		own, bad := bookFiles(path)
		problems = append(problems, bad...)
		for _, b := range own {
			same := func(o *runbook.Book) bool { return o.ID == b.ID }
			if broken(b) && slices.ContainsFunc(all, same) {
				continue // the shipped one still works
			}
			all = slices.DeleteFunc(all, same) // one's own replaces the shipped one
			all = append(all, b)
		}
	}
	return all, problems, nil
}

// broken tells an armed file with mistakes, which is text until they are mended.
func broken(b *runbook.Book) bool {
	return slices.ContainsFunc(b.Findings, func(f runbook.Finding) bool { return f.Severity == runbook.SevError })
}

func booksIn(dir fs.FS, name string) ([]*runbook.Book, error) {
	names, err := fs.Glob(dir, "*.md")
	if err != nil {
		return nil, fmt.Errorf("listing %s: %w", name, err)
	}
	var all []*runbook.Book
	for _, n := range names {
		src, err := fs.ReadFile(dir, n)
		if err != nil {
			return nil, fmt.Errorf("reading %s/%s: %w", name, n, err)
		}
		b, err := runbook.Parse(n, src)
		if err != nil {
			return nil, fmt.Errorf("runbook %s/%s: %w", name, n, err)
		}
		all = append(all, b)
	}
	return all, nil
}

// bookFiles reads one file, or all Markdown files below a folder. A broken armed file is named in problems and read as
// text all the same: no file is refused.
func bookFiles(path string) (all []*runbook.Book, problems []string) {
	files := []string{path}
	if info, err := os.Stat(path); err != nil {
		return nil, []string{fmt.Sprintf("runbooks %s: %v", path, unwrapPath(err))}
	} else if info.IsDir() {
		if files, err = markdownIn(path); err != nil {
			return nil, []string{err.Error()}
		}
	}
	ids := map[string]bool{}
	for _, f := range files {
		b, err := bookFile(f)
		if err != nil {
			problems = append(problems, strings.Split(err.Error(), "\n")...)
		}
		if b == nil {
			continue
		}
		for dir := filepath.Dir(f); ids[b.ID] && dir != "." && dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
			b.ID = strings.ToLower(filepath.Base(dir)) + "-" + b.ID // two files of one name in different folders
		}
		ids[b.ID] = true
		all = append(all, b)
	}
	return all, problems
}

// bookFile reads a file; Parse says what it leaves out of one that is too long.
func bookFile(path string) (*runbook.Book, error) {
	src, err := readSome(path)
	if err != nil {
		return nil, fmt.Errorf("runbook %w", err)
	}
	b, err := runbook.Parse(path, src)
	if err != nil {
		return b, err
	}
	return overlaid(b, strings.TrimSuffix(path, filepath.Ext(path))+".overlay.yaml")
}

// overlaid arms a book by the overlay beside it, where there is one.
func overlaid(b *runbook.Book, path string) (*runbook.Book, error) {
	if _, err := os.Stat(path); err != nil {
		return b, nil //nolint:nilerr // most books have none
	}
	src, err := readSome(path)
	if err != nil {
		return nil, err
	}
	return runbook.ParseOverlay(path, src, b)
}

// unwrapPath gives the cause of a path error: the path is named beside it already.
func unwrapPath(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

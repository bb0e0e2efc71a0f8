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

// maxBook bounds one runbook file.
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
			all = slices.DeleteFunc(all, func(o *runbook.Book) bool { return o.ID == b.ID }) // one's own replaces the shipped one
			all = append(all, b)
		}
	}
	return all, problems, nil
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

// bookFiles reads one file, or all Markdown files of a folder.
func bookFiles(path string) (all []*runbook.Book, problems []string) {
	files := []string{path}
	if info, err := os.Stat(path); err != nil {
		return nil, []string{fmt.Sprintf("runbooks %s: %v", path, unwrapPath(err))}
	} else if info.IsDir() {
		files, err = filepath.Glob(filepath.Join(path, "*.md"))
		if err != nil {
			return nil, []string{fmt.Sprintf("runbooks %s: %v", path, err)}
		}
	}
	for _, f := range files {
		b, err := bookFile(f)
		if err != nil {
			problems = append(problems, strings.Split(err.Error(), "\n")...)
			continue
		}
		all = append(all, b)
	}
	return all, problems
}

func bookFile(path string) (*runbook.Book, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("runbook %s: %w", path, unwrapPath(err))
	}
	if info.Size() > maxBook {
		return nil, fmt.Errorf("runbook %s: %d bytes, at most %d are read", path, info.Size(), maxBook)
	}
	src, err := os.ReadFile(path) //nolint:gosec // the operator named it
	if err != nil {
		return nil, fmt.Errorf("runbook %s: %w", path, unwrapPath(err))
	}
	return runbook.Parse(path, src)
}

// unwrapPath gives the cause of a path error: the path is named beside it already.
func unwrapPath(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

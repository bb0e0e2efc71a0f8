package cli

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"

	"signalbox/internal/config"
	"signalbox/internal/desk"
)

// bookRest is how long the folders must be quiet before they are read again: an editor writes in several steps.
const bookRest = 300 * time.Millisecond

// withBooks is a client beside which the desk gets the runbooks anew whenever their files change. notices are what else
// the desk shows as problems.
func (a *app) withBooks(cfg *config.Config, d *desk.Desk, notices []string, client func(context.Context) error) func(context.Context) error {
	if len(cfg.Runbooks) == 0 {
		return client
	}
	return func(ctx context.Context) error {
		watching, stop := context.WithCancel(ctx)
		var done sync.WaitGroup
		done.Go(func() { a.watchBooks(watching, cfg, d, notices) })
		defer done.Wait()
		defer stop()
		return client(ctx)
	}
}

// watchBooks reads the runbooks again when their files change, until ctx ends. The next run takes them; a run that has
// begun shows that it is of another version. Where folders cannot be watched, nothing is read again.
func (a *app) watchBooks(ctx context.Context, cfg *config.Config, d *desk.Desk, notices []string) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return // no more watches on this machine: runbooks are those of the start
	}
	defer func() { _ = w.Close() }()
	watchFolders(w, cfg.Runbooks)
	rest := time.NewTimer(time.Hour)
	rest.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case _, open := <-w.Errors: // events were lost: read all
			if !open {
				return
			}
			rest.Reset(bookRest)
		case e := <-w.Events:
			if e.Op != fsnotify.Chmod {
				rest.Reset(bookRest)
			}
		case <-rest.C:
			watchFolders(w, cfg.Runbooks) // new folders too
			if books, problems, err := a.books(cfg); err == nil {
				_, _ = d.Do(ctx, desk.LoadBooks{Books: books, Problems: slices.Concat(problems, notices)}) // a desk that has stopped needs none
			}
		}
	}
}

// watchFolders watches the folders of runbooks with all below, and those in which single files stand: an editor puts
// another file in the place of the old one. What is watched already stays so.
func watchFolders(w *fsnotify.Watcher, paths []string) {
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil || !info.IsDir() {
			_ = w.Add(filepath.Dir(path))
			continue
		}
		_ = filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
			switch {
			case err != nil || !d.IsDir():
				return nil
			case p != path && strings.HasPrefix(d.Name(), "."):
				return filepath.SkipDir
			}
			_ = w.Add(p) // one that cannot be watched is read again with the others
			return nil
		})
	}
}

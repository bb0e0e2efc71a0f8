package incident

import (
	"fmt"
	"os"
	"path/filepath"
)

// ExportFile writes an export to a file, 0600: to one beside it first, so that a reader never sees half of it.
func ExportFile(path, format string, entries []Entry, id string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("making room for the export: %w", err)
	}
	tmp := path + ".part"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600) //nolint:gosec // the operator chose the path
	if err != nil {
		return fmt.Errorf("writing the export: %w", err)
	}
	err = Export(f, format, entries, id)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		_ = os.Remove(tmp) // the first error is the one to tell
		return fmt.Errorf("writing the export %s: %w", path, err)
	}
	return nil
}

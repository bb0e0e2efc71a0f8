package incident

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"signalbox/internal/filing"
)

// ExportFile writes an export to a file, whole, and makes its folder.
func ExportFile(path, format string, entries []Entry, id string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("making room for the export: %w", err)
	}
	err := filing.Write(path, filing.Options{}, func(w io.Writer) error { return Export(w, format, entries, id) })
	if err != nil {
		return fmt.Errorf("writing the export %s: %w", path, err)
	}
	return nil
}

package tail

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"signalbox/internal/traffic"
	"signalbox/sources"
	"signalbox/sources/decode"
)

// ReadOptions say how to read finished logs.
type ReadOptions struct {
	Reader io.Reader // for the path "-"; nil: standard input
	Format string
	Fields map[string]string
	// Formats are the mapping files of the configuration.
	Formats []*decode.Mapping
	Zone    *time.Location
	Labels  sources.Labels
	Kit     sources.Kit
}

// Report is what was read.
type Report struct {
	Files                                            []FileReport
	Lines, Bytes, Records, Unparsed, Skewed, Dropped int64
}

// FileReport is what was read of one file.
type FileReport struct {
	Path     string
	Format   string
	Why      string // why it was taken for that
	Lines    int64
	Bytes    int64 // as unpacked
	Records  int64
	Unparsed int64
	Skewed   int64
	Dropped  int64 // bytes of lines that were too long
	First    time.Time
	Last     time.Time
	Unknown  []traffic.UnknownPlace
	Examples []string        // lines that could not be read, redacted, each with the reason
	Proposal decode.Proposal // for a format that is not one of ours
	Lack     decode.Lack     // what its records do not say; of Count alone
}

func (r *Report) add(f FileReport) {
	r.Files = append(r.Files, f)
	r.Lines += f.Lines
	r.Bytes += f.Bytes
	r.Records += f.Records
	r.Unparsed += f.Unparsed
	r.Skewed += f.Skewed
	r.Dropped += f.Dropped
}

// openAll opens the files that the paths name, each once, in an order of its own.
func openAll(paths []string, opt ReadOptions) ([]*whole, error) {
	var files []*whole
	var infos []os.FileInfo
	for _, path := range slices.Compact(slices.Sorted(slices.Values(paths))) {
		names, err := expandGlob(path)
		if err != nil {
			return files, err
		}
		for _, name := range names {
			w, info, err := openWhole(name, opt)
			if err != nil {
				return files, err
			}
			if info != nil && slices.ContainsFunc(infos, func(o os.FileInfo) bool { return os.SameFile(o, info) }) {
				w.close()
				continue
			}
			files, infos = append(files, w), append(infos, infoOr(info)...)
		}
	}
	slices.SortStableFunc(files, func(a, b *whole) int { return cmp.Compare(a.path, b.path) })
	return files, nil
}

func infoOr(info os.FileInfo) []os.FileInfo {
	if info == nil {
		return nil
	}
	return []os.FileInfo{info}
}

func expandGlob(path string) ([]string, error) {
	if path == "-" || !strings.ContainsAny(path, "*?[") {
		return []string{path}, nil
	}
	if _, err := os.Lstat(path); err == nil {
		return []string{path}, nil
	}
	names, err := filepath.Glob(path)
	if err != nil {
		return nil, fmt.Errorf("%q is not a pattern: %w", path, err)
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("no file is called %s: look at the folder, or quote the pattern so that the shell leaves it alone", path)
	}
	return names, nil
}

package tail

import (
	"cmp"
	"context"
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

// ReadAll reads files, globs and "-" to their ends and hands over their records in order of event time, in
// batches that fn may keep. Each file is merged as it stands; the order of paths changes nothing. Files may
// be compressed with gzip. An error names the file that could not be read.
func ReadAll(ctx context.Context, paths []string, opt ReadOptions, fn func([]traffic.Record) error) (Report, error) {
	opt.Kit = opt.Kit.Complete()
	files, err := openAll(paths, opt)
	defer func() {
		for _, f := range files {
			f.close()
		}
	}()
	if err != nil {
		return Report{}, err
	}
	err = merge(ctx, files, fn)
	report := Report{}
	for _, f := range files {
		report.add(f.report())
	}
	return report, err
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

// merge takes the earliest of the files' next records until all files are at their ends.
func merge(ctx context.Context, files []*whole, fn func([]traffic.Record) error) error {
	open := make([]*whole, 0, len(files))
	for _, f := range files {
		ok, err := f.next(ctx)
		if err != nil {
			return err
		}
		if ok {
			open = append(open, f)
		}
	}
	batch := make([]traffic.Record, 0, maxBatch)
	for len(open) > 0 {
		f := slices.MinFunc(open, func(a, b *whole) int { return a.head().Time.Compare(b.head().Time) })
		batch = append(batch, *f.head())
		if len(batch) == maxBatch {
			if err := fn(batch); err != nil {
				return err
			}
			batch = make([]traffic.Record, 0, maxBatch)
		}
		f.at++
		ok, err := f.next(ctx)
		if err != nil {
			return err
		}
		if !ok {
			open = slices.DeleteFunc(open, func(o *whole) bool { return o == f })
		}
	}
	if len(batch) == 0 {
		return nil
	}
	return fn(batch)
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

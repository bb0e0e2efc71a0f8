package tail

import (
	"context"
	"slices"

	"signalbox/internal/traffic"
)

// This is the plain way to read finished logs: line after line, record after record. Nothing but the tests reads so;
// what Count does on all processors is held against it.

// inRecords is one finished file and the next of its records.
type inRecords struct {
	*whole
	at int // of lines.Records
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
	plain := make([]*inRecords, len(files))
	for i, f := range files {
		plain[i] = &inRecords{whole: f}
	}
	err = merge(ctx, plain, fn)
	report := Report{}
	for _, f := range files {
		report.add(f.report())
	}
	return report, err
}

// merge takes the earliest of the files' next records until all files are at their ends.
func merge(ctx context.Context, files []*inRecords, fn func([]traffic.Record) error) error {
	open := make([]*inRecords, 0, len(files))
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
		f := slices.MinFunc(open, func(a, b *inRecords) int { return a.head().Time.Compare(b.head().Time) })
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
			open = slices.DeleteFunc(open, func(o *inRecords) bool { return o == f })
		}
	}
	if len(batch) == 0 {
		return nil
	}
	return fn(batch)
}

// next makes sure that head has a record, and tells whether it has.
func (w *inRecords) next(ctx context.Context) (bool, error) {
	if w.at < len(w.lines.Records()) {
		return true, nil
	}
	w.lines.Clear()
	w.at = 0
	for !w.ended && len(w.lines.Records()) == 0 {
		if err := ctx.Err(); err != nil {
			return false, errReading(w.path, err)
		}
		if err := w.block(); err != nil {
			return false, err
		}
	}
	w.stamp()
	return len(w.lines.Records()) > 0, nil
}

func (w *inRecords) block() error {
	_, err := w.begin(nil)
	return err
}

// stamp gives lines without a time that of the line before them: the file is finished, now is not its time.
func (w *inRecords) stamp() {
	for i := range w.lines.Records() {
		rec := &w.lines.Records()[i]
		if rec.Received {
			rec.Time = w.clock
			continue
		}
		w.clock = rec.Time
		if w.first.IsZero() || rec.Time.Before(w.first) {
			w.first = rec.Time
		}
	}
}

func (w *inRecords) head() *traffic.Record { return &w.lines.Records()[w.at] }

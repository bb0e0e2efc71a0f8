package change

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"reflect"
	"slices"
	"time"

	"signalbox/internal/traffic"
	"signalbox/sources"
)

const (
	pollEvery = time.Second
	// maxRead is how much of the end of a file is read: people and pipelines write a few lines a day.
	maxRead   = 1 << 20
	maxSeen   = 5000
	maxFacts  = 1000 // of one read: the newest
	tellEvery = 10 * time.Second
)

// FileOptions say which file to follow.
type FileOptions struct {
	Name   string
	Path   string
	Zone   *time.Location
	Labels sources.Labels
	Kit    sources.Kit
	Poll   time.Duration // 0: a second
	Once   bool          // read it and end
}

// File is a source that follows a file of changes. It implements sources.Source.
//
// Whenever the file differs from what was read, its end is read anew and what was not told yet is told. So a line that is
// corrected by hand, a file that is written afresh and one that was rotated are all the same case, and nothing is told twice.
type File struct {
	opt    FileOptions
	read   reader
	f      *os.File
	info   os.FileInfo // of what was read last
	seen   map[string]bool
	state  traffic.SourceState
	toldAt time.Time
}

// NewFile makes a source. A mistake in the options is an error here, not later.
func NewFile(opt FileOptions) (*File, error) {
	opt.Kit = opt.Kit.Complete()
	if opt.Path == "" || opt.Path == "-" {
		return nil, fmt.Errorf("source %s names no file of changes: give a path", opt.Name)
	}
	if opt.Poll <= 0 {
		opt.Poll = pollEvery
	}
	return &File{
		opt: opt, read: reader{zone: opt.Zone, labels: opt.Labels}, seen: make(map[string]bool),
		state: traffic.SourceState{
			Name: opt.Name, Kind: traffic.ChangeSource, Gateway: opt.Labels.Gateway, Where: opt.Path, Format: "changes", Health: traffic.Starting,
		},
	}, nil
}

// Name implements sources.Source.
func (s *File) Name() string { return s.opt.Name }

// Run implements sources.Source.
func (s *File) Run(ctx context.Context, emit sources.Emit) error {
	defer s.close()
	tick := time.NewTicker(s.opt.Poll)
	defer tick.Stop()
	for {
		before := s.state
		facts, err := s.look()
		s.explain(err)
		if s.opt.Once && err == nil {
			s.state.Health = traffic.Ended
		}
		now := s.opt.Kit.Now()
		if len(facts) > 0 || !reflect.DeepEqual(s.state, before) || now.Sub(s.toldAt) >= tellEvery {
			s.toldAt = now
			state := s.state
			if err := emit(ctx, traffic.Batch{Source: s.opt.Name, Kind: traffic.ChangeSource, Facts: facts, State: &state}); err != nil {
				return ended(ctx, s.opt.Name, err)
			}
		}
		if s.opt.Once && err != nil {
			return fmt.Errorf("changes of %s: %w", s.opt.Path, err)
		}
		if s.opt.Once {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// ended makes of the end of ctx the ordinary end that it is.
func ended(ctx context.Context, name string, err error) error {
	if ctx.Err() != nil || errors.Is(err, context.Canceled) {
		return nil
	}
	return fmt.Errorf("handing over the changes of %s: %w", name, err)
}

// look reads the file if it differs from what was read. Of a file that was replaced, the old one is read to its end first.
func (s *File) look() ([]traffic.Fact, error) {
	info, err := os.Stat(s.opt.Path)
	if s.f != nil && (err != nil || !os.SameFile(info, s.info)) {
		rest, _ := s.again()
		s.close()
		if len(rest) > 0 {
			return rest, err // the new one comes with the next look
		}
	}
	if err != nil {
		return nil, fmt.Errorf("looking at it: %w", err)
	}
	if info.IsDir() {
		return nil, errors.New("it is a folder: name the file in it")
	}
	if s.f == nil {
		if !info.Mode().IsRegular() {
			return nil, errors.New("it is no file that can be read again: pipes are for kind: file")
		}
		if s.f, err = os.Open(s.opt.Path); err != nil {
			return nil, fmt.Errorf("opening it: %w", err)
		}
		s.info = nil
	}
	return s.again()
}

// again reads the end of the open file if it has changed, and gives what was not told yet.
func (s *File) again() ([]traffic.Fact, error) {
	info, err := s.f.Stat()
	if err != nil {
		return nil, fmt.Errorf("looking at it: %w", err)
	}
	if s.info != nil && info.Size() == s.info.Size() && info.ModTime().Equal(s.info.ModTime()) {
		return nil, nil
	}
	from := max(0, info.Size()-maxRead)
	body, err := io.ReadAll(io.NewSectionReader(s.f, from, maxRead))
	if err != nil {
		return nil, fmt.Errorf("reading it: %w", err)
	}
	s.info = info
	if from > 0 { // it begins somewhere in a line
		_, body, _ = bytes.Cut(body, []byte("\n"))
	}
	end := bytes.LastIndexByte(body, '\n') + 1
	if s.opt.Once {
		end = len(body)
	}
	return s.lines(body[:end]), nil
}

// lines reads whole lines; one that has no end yet is read when it has.
func (s *File) lines(body []byte) []traffic.Fact {
	now := s.opt.Kit.Now()
	if len(s.seen) > maxSeen {
		s.seen = make(map[string]bool) // the board knows what it was told
	}
	var out []traffic.Fact
	for line := range bytes.Lines(body) {
		key := string(line[:min(len(line), 4<<10)])
		if s.seen[key] {
			continue
		}
		s.seen[key] = true
		f, skewed, err := s.read.line(line, now)
		if errors.Is(err, errEmpty) {
			continue
		}
		s.state.Lines++
		s.state.Bytes += int64(len(line))
		s.state.LastRead = now
		if err != nil {
			s.state.Unparsed++
			continue
		}
		if skewed {
			s.state.Skewed++
		}
		out = append(out, f)
	}
	slices.SortStableFunc(out, func(a, b traffic.Fact) int { return a.From.Compare(b.From) })
	return out[max(0, len(out)-maxFacts):]
}

// explain says why the file cannot be read, if it cannot.
func (s *File) explain(err error) {
	switch {
	case err == nil:
		s.state.Health, s.state.Detail = traffic.Live, ""
	case errors.Is(err, fs.ErrNotExist):
		s.state.Health, s.state.Detail = traffic.Waiting, s.opt.Path+" is not there yet: waiting for it"
	case errors.Is(err, fs.ErrPermission):
		s.state.Health, s.state.Detail = traffic.Failing, s.opt.Path+" may not be read: give read permission to this user; it is tried again by itself"
	default:
		s.state.Health, s.state.Detail = traffic.Failing, s.opt.Path+": "+err.Error()
	}
}

func (s *File) close() {
	if s.f != nil {
		_ = s.f.Close() // opened for reading: nothing can be lost
	}
	s.f, s.info = nil, nil
}

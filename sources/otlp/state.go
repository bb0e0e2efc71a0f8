package otlp

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"signalbox/internal/redact"
	"signalbox/internal/traffic"
	"signalbox/sources"
)

// emitter keeps when the last state went out.
type emitter struct {
	emit  sources.Emit
	told  time.Time
	state traffic.SourceState
	ended bool
}

// flush hands over what has gathered, and the state once a second or when it changes.
func (s *Source) flush(ctx context.Context, e *emitter) error {
	for {
		n := min(len(s.out), maxBatch)
		state := s.state()
		if e.ended && n == len(s.out) {
			state.Health, state.Detail = traffic.Ended, ""
		}
		now := s.opt.Kit.Now()
		if n == 0 && now.Sub(e.told) < stateEvery && state.Health == e.state.Health && state.Detail == e.state.Detail {
			return nil
		}
		b := traffic.Batch{Source: s.opt.Name, Kind: traffic.LogSource, Records: slices.Clone(s.out[:n]), State: &state}
		if err := e.emit(ctx, b); err != nil {
			return err
		}
		rest := copy(s.out, s.out[n:])
		clear(s.out[rest:])
		s.out = s.out[:rest]
		e.told, e.state = now, state
		if rest == 0 {
			return nil
		}
	}
}

// state says how the source is.
func (s *Source) state() traffic.SourceState {
	st := traffic.SourceState{Name: s.opt.Name, Kind: traffic.LogSource, Gateway: s.opt.Labels.Gateway, Where: s.opt.Listen, Format: s.formats()}
	t := s.past
	for _, from := range s.all() {
		t = addTally(t, from.tally())
	}
	st.Unparsed, st.Skewed, st.Unmapped, st.Newest = t.Unparsed, t.Skewed, t.Unmapped, t.Newest
	st.UnknownPlaces = s.places.List()
	now := s.opt.Kit.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	st.Lines, st.Bytes, st.Dropped, st.LastRead = s.lines, s.bytes, s.dropped, s.read
	st.Unparsed += s.bad
	switch {
	case s.listenEr != nil:
		st.Health, st.Detail = traffic.Failing, s.listenEr.Error()
	case s.listens == "":
		st.Health = traffic.Starting
	default:
		st.Where, st.Health = "http://"+s.listens+Path, traffic.Live
		if s.read.IsZero() {
			st.Health, st.Detail = traffic.Waiting, "nothing has been sent to http://"+s.listens+Path+" yet: is an exporter set to it?"
		}
	}
	if s.listenEr == nil && s.notice != "" && now.Sub(s.noticed) < noticeFor {
		st.Detail = s.notice
	}
	return st
}

// formats names the protocol, and the formats of bodies that are log lines.
func (s *Source) formats() string {
	var names []string
	for _, from := range s.all() {
		if from.format != "" && !slices.Contains(names, from.format) {
			names = append(names, from.format)
		}
	}
	slices.Sort(names)
	return strings.Join(append([]string{"otlp"}, names...), "+")
}

// told is what the door says about listening.
func (s *Source) told(addr string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listens, s.listenEr = addr, err
}

// note keeps what was refused last, for the state's detail.
func (s *Source) note(text string) {
	s.notice, s.noticed = redact.Outside(text, 240), s.opt.Kit.Now()
}

// accept puts a request's records into the queue. false: it is full; they are counted as dropped, because whether the
// sender comes back with them cannot be known here.
func (s *Source) accept(items []item, plain int) bool {
	d := delivery{items: items, size: int64(len(items)) * 128}
	for i := range items {
		d.size += int64(items[i].size())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.queued == 0 || s.queued+d.size <= maxQueued {
		select {
		case s.queue <- d:
			s.queued += d.size
			s.lines += int64(len(items))
			s.bytes += int64(plain)
			s.read = s.opt.Kit.Now()
			return true
		default:
		}
	}
	s.dropped += int64(len(items))
	s.note(fmt.Sprintf("%d log records were refused because more is sent than can be taken; a sender that tries again sends them again", len(items)))
	return false
}

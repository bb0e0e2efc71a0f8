package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"signalbox/internal/config"
	"signalbox/internal/desk"
	"signalbox/internal/incident"
	"signalbox/internal/traffic"
	"signalbox/runbook"
	"signalbox/sources"
	"signalbox/sources/tail"
)

const (
	// tightDisk and lowDisk bound the room in the state folder: below the first a record may end in an incident.
	tightDisk = 100 << 20
	lowDisk   = 1 << 30
	// skewed and skewedBadly bound how far two clocks may be apart: a deadline is the gateway's, its log lines are the source's.
	skewed      = 2 * time.Second
	skewedBadly = 30 * time.Second
	// staleLine is the age of the newest line above which a source is called stale.
	staleLine = 10 * time.Minute
	// sampleLines is how much of a log is read for its age.
	sampleLines = 200
)

// runbooks lints the runbooks of the configuration.
func (i *inspection) runbooks() {
	books, problems, err := i.app.books(i.cfg)
	if err != nil {
		problems = append(problems, err.Error())
	}
	for _, b := range books {
		for _, f := range b.Findings {
			if f.Severity == runbook.SevError {
				problems = append(problems, b.ID+": "+f.String())
			}
		}
	}
	if len(problems) == 0 {
		i.add("runbooks", "all", checkOK, "", "%d read, none with an error", len(books))
		return
	}
	slices.Sort(problems)
	problems = slices.Compact(problems)
	i.add("runbooks", "all", checkBad, "signalbox runbook lint", "%d read, %d problems; first: %s", len(books), len(problems), problems[0])
}

// disk tells whether the record can be kept; without that there is nothing to open a journal in.
func (i *inspection) disk(dir string) bool {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		i.add("disk", dir, checkBad, "name another folder with --state-dir", "%v", unwrapPath(err))
		return false
	}
	if err := writable(dir); err != nil {
		i.add("disk", dir, checkBad, "see who owns it, or name another folder with --state-dir", "cannot be written: %v", err)
		return false
	}
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		i.add("disk", dir, checkNote, "", "can be written; how much room there is cannot be told: %v", err)
		return true
	}
	free := uint64(fs.Bavail) * uint64(fs.Bsize) //nolint:unconvert // the types differ between systems
	text := fmt.Sprintf("can be written, %d MiB free", free>>20)
	switch {
	case free < tightDisk:
		i.add("disk", dir, checkBad, "free space there, or name another folder with --state-dir", "%s", text)
	case free < lowDisk:
		i.add("disk", dir, checkNote, "", "%s", text)
	default:
		i.add("disk", dir, checkOK, "", "%s", text)
	}
	return true
}

// writable writes, syncs and removes a small file.
func writable(dir string) error {
	f, err := os.CreateTemp(dir, "check-*")
	if err != nil {
		return unwrapPath(err)
	}
	_, err = f.WriteString("signalbox check\n")
	err = errors.Join(err, f.Sync(), f.Close(), os.Remove(f.Name()))
	return err
}

// journal verifies the record and says what was left open in it.
func (i *inspection) journal(dir string) {
	path := filepath.Join(dir, incident.FileName)
	rep, err := incident.Verify(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		i.add("journal", path, checkOK, "", "is not there yet; it begins with the first console")
		return
	case err != nil:
		i.add("journal", path, checkBad, "see who owns it", "%v", err)
		return
	case !rep.OK():
		i.add("journal", path, checkBad, "signalbox incident verify", "%s", rep.Bad)
		return
	}
	entries, err := incident.ReadAll(path)
	if err != nil {
		i.add("journal", path, checkBad, "signalbox incident verify", "%v", err)
		return
	}
	open := 0
	for _, in := range incident.Fold(entries) {
		if in.Status == incident.StatusOpen && !in.Drill {
			open++
		}
	}
	i.add("journal", path, checkOK, "", "%d entries, unbroken; %d incidents open", rep.Entries, open)
}

// sources makes those that two processes may read at once, from their newest lines; the others are looked at here.
func (i *inspection) sources(ctx context.Context, st *station) []sources.Source {
	o := watchOptions{format: "auto", zone: "UTC", ledger: tail.NewLedger(), in: time.UTC}
	o.lines = sampleLines
	var all []sources.Source
	for _, s := range i.cfg.Sources {
		switch {
		case s.Listen != "":
			if src, err := i.app.source(ctx, st, i.cfg, s, o); err == nil {
				if late, ok := src.(*lateSource); ok {
					i.lacks(late)
				}
			}
			i.listens(ctx, s)
			continue
		case s.Path == "-":
			i.add("source", s.Name, checkNote, "", "reads the standard input: not looked at")
			continue
		}
		src, err := i.app.source(ctx, st, i.cfg, s, o)
		if err != nil {
			i.add("source", s.Name, checkBad, "see the source in the configuration", "%v", err)
			continue
		}
		if late, ok := src.(*lateSource); ok {
			i.lacks(late)
			continue
		}
		all = append(all, src)
	}
	return all
}

// lacks tells of a source whose token cannot be had.
func (i *inspection) lacks(l *lateSource) {
	i.add("token", l.Name(), checkBad, "see the source's token in the configuration", "%v", l.token.err)
}

// listens tells whether a source can take its address, or a console has it already.
func (i *inspection) listens(ctx context.Context, s config.Source) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.Listen)
	if err != nil {
		i.add("source", s.Name, checkNote, "a console that runs has it; else see who listens there", "%s is taken: %v", s.Listen, err)
		return
	}
	if err := l.Close(); err != nil {
		i.add("source", s.Name, checkBad, "", "%s: %v", s.Listen, err)
		return
	}
	i.add("source", s.Name, checkOK, "", "%s is free to listen on", s.Listen)
}

// heard waits for the sources and tells of each how it is and how old its newest line is. One that fails may come to itself
// meanwhile, as a page that was slow to answer once.
func (i *inspection) heard(ctx context.Context, c *controls) {
	named := map[string]bool{}
	s := c.until(ctx, i.wait, func(s *desk.Snapshot) bool {
		told := 0
		for _, src := range s.Sources {
			if src.Health != "" && src.Health != string(traffic.Starting) && src.Health != string(traffic.Failing) && (src.Lag >= 0 || src.Kind != "log") {
				told++
			}
		}
		return told >= len(c.station.sources)
	})
	fresh := map[string]bool{} // gateways of which some source tells something new
	of := map[string]string{}
	for _, src := range i.cfg.Sources {
		of[src.Name] = src.Gateway
	}
	for _, src := range s.Sources {
		fresh[of[src.Name]] = fresh[of[src.Name]] || src.Kind == "log" && src.Lag >= 0 && src.Lag <= staleLine
	}
	for _, src := range s.Sources {
		named[src.Name] = true
		i.source(src, fresh[of[src.Name]])
	}
	for _, g := range s.Gateways {
		if g.Astray != "" {
			i.add("gateway", g.Name, checkBad, "the gateway: key of the source in the configuration", "%s", g.Astray)
		}
	}
	for _, src := range c.station.sources {
		if !named[src.Name()] {
			i.add("source", src.Name(), checkAway, "look at its address", "has told nothing within %s", i.wait)
		}
	}
}

// source tells of one source. An error log may be still for days: beside one of its gateway that is fresh, that is no fault.
func (i *inspection) source(v desk.SourceView, besideFresh bool) {
	text := fmt.Sprintf("%s %s", v.Kind, orWords(v.Health, string(traffic.Starting)))
	if v.Format != "" {
		text += ", format " + v.Format
	}
	if v.Lines > 0 {
		text += fmt.Sprintf(", %d lines read, %d not understood", v.Lines, v.Unparsed)
	}
	if v.Lag >= 0 {
		text += ", newest " + v.Lag.Round(time.Second).String() + " old"
	}
	if v.Detail != "" {
		text += "; " + v.Detail
	}
	switch {
	case v.Health == string(traffic.Failing) || v.Health == string(traffic.Waiting):
		i.add("source", v.Name, checkAway, "look at "+v.Where+" and who may read it", "%s", text)
	case v.Lines > 0 && 2*v.Unparsed > v.Lines:
		i.add("source", v.Name, checkBad, "signalbox config check tries the format on the log", "%s", text)
	case v.Kind != "changes" && v.Lag > staleLine && besideFresh:
		i.add("source", v.Name, checkNote, "", "%s; another source of its gateway is fresh", text)
	case v.Kind != "changes" && v.Lag > staleLine:
		i.add("source", v.Name, checkBad, "is it still written to, and is its zone right?", "%s", text)
	case v.Kind != "changes" && v.Lag < 0:
		i.add("source", v.Name, checkNote, "", "%s; nothing tells how old it is", text)
	default:
		i.add("source", v.Name, checkOK, "", "%s", text)
	}
}

// clocks compares this machine's clock with those of everything that is asked over HTTP.
func (i *inspection) clocks(ctx context.Context) {
	seen := map[string]bool{}
	look := func(raw string, over http.RoundTripper) {
		u, err := url.Parse(raw)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || seen[u.Host] {
			return
		}
		seen[u.Host] = true
		i.clock(ctx, raw, u.Host, over)
	}
	lead := waysOf(i.cfg)
	defer lead.close()
	for _, g := range i.cfg.Gateways {
		over := http.DefaultTransport
		if client, _ := clientOf(lead[g.Name], g.TLS); client.Transport != nil {
			over = client.Transport
		}
		for _, raw := range g.Instances {
			look(raw, over)
		}
	}
	for _, s := range i.cfg.Sources {
		look(s.URL, http.DefaultTransport)
	}
	if len(seen) == 0 {
		i.add("clock", "here", checkNote, "see that this machine and the gateways keep time (NTP)", "nothing that is asked over HTTP tells its time")
	}
}

func (i *inspection) clock(ctx context.Context, raw, host string, over http.RoundTripper) {
	ctx, cancel := context.WithTimeout(ctx, config.DefaultTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, raw, nil)
	if err != nil {
		return
	}
	req.Close = true // Envoy's admin answers HEAD with a body, which must not wait for the next request
	before := time.Now()
	resp, err := over.RoundTrip(req) // no redirect is followed, and no token is sent
	if err != nil {
		return // that it is out of reach is told where it is asked
	}
	_ = resp.Body.Close()
	after := time.Now()
	there, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		i.add("clock", host, checkNote, "", "does not tell its time")
		return
	}
	there = there.Add(500 * time.Millisecond) // the header has whole seconds
	apart := there.Sub(before.Add(after.Sub(before) / 2)).Round(100 * time.Millisecond)
	switch {
	case apart.Abs() > skewedBadly:
		i.add("clock", host, checkBad, "see that both machines keep time (NTP): deadlines and log lines are off by that much", "is %s off ours", apart)
	case apart.Abs() > skewed:
		i.add("clock", host, checkNote, "see that both machines keep time (NTP)", "is %s off ours", apart)
	default:
		i.add("clock", host, checkOK, "", "agrees with ours to a second or two")
	}
}

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"signalbox/internal/config"
	"signalbox/internal/desk"
	"signalbox/internal/incident"
	"signalbox/internal/traffic"
)

// linkBack is how far back facts outside any incident become part of a new one, as in the console.
const linkBack = 30 * time.Minute

// maxNote bounds a note that is read from standard input.
const maxNote = 64 << 10

func (a *app) incidentCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "incident", Short: "The record: list, show, open, close, annotate, export and verify incidents", Args: noArgs, RunE: showHelp,
		Long: "The record of incidents. These verbs work on the journal alone: no console need be running, and one may be.\n" +
			"An ID may be shortened to any unambiguous beginning, with or without inc-.",
	}
	c.AddCommand(a.incidentListCommand(), a.incidentShowCommand(), a.incidentOpenCommand(), a.incidentCloseCommand(),
		a.incidentNoteCommand(), a.incidentExportCommand(), a.incidentVerifyCommand())
	return c
}

// record is the journal as a verb without a desk sees it.
type record struct {
	app     *app
	dir     string
	actor   incident.Actor
	entries []incident.Entry
	all     []incident.Incident // newest first
}

// openRecord reads the journal. One with unreadable lines is used as far as it can be read, and what is
// wrong with it is told: notes must be possible on the worst day.
func (a *app) openRecord() (*record, error) {
	cfg, _, err := a.loadConfig()
	if err != nil {
		if a.g.stateDir == "" {
			return nil, err
		}
		cfg = config.Empty() // where the journal lies is known without it
	}
	dir, err := a.stateFolder(cfg)
	if err != nil {
		return nil, err
	}
	r := &record{app: a, dir: dir, actor: incident.Actor{ID: a.who(cfg), Via: "claimed"}}
	r.entries, err = incident.ReadAll(r.path())
	var line *incident.LineError
	switch {
	case errors.As(err, &line):
		a.complain(err, "signalbox incident verify")
	case err != nil:
		return nil, &unreachable{what: "reading the journal", err: err, try: "see who owns " + dir + ", or name another folder with --state-dir"}
	}
	r.all = incident.Fold(r.entries)
	return r, nil
}

func (r *record) path() string { return filepath.Join(r.dir, incident.FileName) }

// find resolves an id or its beginning; "" is the newest incident.
func (r *record) find(id string) (incident.Incident, error) {
	if len(r.all) == 0 {
		return incident.Incident{}, &usageError{
			err: fmt.Errorf("there is no incident in %s", r.path()),
			try: "signalbox incident open --title TEXT, or name another folder with --state-dir",
		}
	}
	if id == "" {
		return r.all[0], nil
	}
	var hits []incident.Incident
	for _, i := range r.all {
		switch {
		case strings.EqualFold(i.ID, id):
			return i, nil
		case hasPrefixFold(i.ID, id), hasPrefixFold(strings.TrimPrefix(i.ID, "inc-"), id):
			hits = append(hits, i)
		}
	}
	switch len(hits) {
	case 1:
		return hits[0], nil
	case 0:
		return incident.Incident{}, &usageError{err: fmt.Errorf("no incident %q; the nearest: %s", id, nearest(r.all, id)), try: "signalbox incident list"}
	}
	return incident.Incident{}, &usageError{err: fmt.Errorf("%q is the beginning of %d incidents: %s", id, len(hits), named(hits)), try: "write one more character"}
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// maxNamed is how many incidents a message lists.
const maxNamed = 3

func named(all []incident.Incident) string {
	var parts []string
	for _, i := range all[:min(len(all), maxNamed)] {
		parts = append(parts, fmt.Sprintf("%s (%s)", i.ID, orDash(i.Title)))
	}
	if more := len(all) - maxNamed; more > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(parts, ", ")
}

// write appends entries under the journal's lock, whoever else has it open.
func (r *record) write(ctx context.Context, drafts ...incident.Draft) (err error) {
	j, err := incident.Open(r.dir, incident.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.Close()) }()
	for i := range drafts {
		drafts[i].Actor = r.actor
	}
	_, err = j.AppendAll(ctx, drafts)
	return err
}

func (a *app) incidentOpenCommand() *cobra.Command {
	var title, severity, output string
	c := &cobra.Command{
		Use: "open --title TEXT", Short: "Open an incident; what was recorded in the half hour before becomes part of it", Args: noArgs,
		Example: `  signalbox incident open --title "502s on gpt-4o in eu-west" --severity sev2`,
		RunE: func(c *cobra.Command, _ []string) error {
			if strings.TrimSpace(title) == "" {
				return &usageError{err: errors.New("an incident needs a title"), try: `signalbox incident open --title "502s on gpt-4o in eu-west"`}
			}
			return a.incidentOpen(c.Context(), incident.IncidentData{Title: title, Severity: severity, Env: a.g.env}, output)
		},
	}
	outputFlag(c, &output)
	c.Flags().StringVar(&title, "title", "", "what it is about, in a few words")
	c.Flags().StringVar(&severity, "severity", "", "as your team calls it")
	return c
}

func (a *app) incidentOpen(ctx context.Context, data incident.IncidentData, output string) error {
	r, err := a.openRecord()
	if err != nil {
		return err
	}
	now := time.Now()
	id := incident.NewID("inc", now, nil)
	drafts := []incident.Draft{{At: now, Incident: id, Kind: incident.IncidentOpened, Data: data}}
	if link, ok := r.linkTo(now); ok {
		drafts = append(drafts, incident.Draft{At: now, Incident: id, Kind: incident.IncidentLinked, Data: link})
	}
	if err := r.write(ctx, drafts...); err != nil {
		return err
	}
	if output == "json" {
		return a.json(struct {
			V  int    `json:"v"`
			ID string `json:"id"`
		}{1, id})
	}
	p := printer{w: a.Out}
	p.line("%s", id)
	return p.err
}

// linkTo finds what was recorded outside any incident in the time before one is opened.
func (r *record) linkTo(now time.Time) (incident.IncidentData, bool) {
	d := incident.IncidentData{Since: now.Add(-linkBack)}
	for _, e := range r.entries {
		if e.Incident != "" || e.At.Before(d.Since) {
			continue
		}
		if d.FromSeq == 0 {
			d.FromSeq = e.Seq
		}
		d.ToSeq = e.Seq
	}
	return d, d.FromSeq > 0
}

func (a *app) incidentCloseCommand() *cobra.Command {
	var reason, output string
	var force bool
	c := &cobra.Command{
		Use: "close ID --reason TEXT", Short: "Close an incident", Args: wantArgs(1, 1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.incidentClose(c.Context(), args[0], reason, output, force)
		},
	}
	outputFlag(c, &output)
	c.Flags().StringVar(&reason, "reason", "", "why it is over")
	c.Flags().BoolVar(&force, "force", false, "although levers are out")
	return c
}

func (a *app) incidentClose(ctx context.Context, id, reason, output string, force bool) error {
	if strings.TrimSpace(reason) == "" {
		return &usageError{err: errors.New("closing needs a reason: it is what the next reader looks for"), try: `--reason "region drained, provider confirms the fix"`}
	}
	r, err := a.openRecord()
	if err != nil {
		return err
	}
	i, err := r.find(id)
	if err != nil {
		return err
	}
	if i.Closed != nil {
		return &usageError{err: fmt.Errorf("incident %s was closed at %s", i.ID, stamp(*i.Closed)), try: "signalbox incident note " + i.ID + " TEXT: notes can be added after closing"}
	}
	if live := i.Live(); len(live) > 0 && !force {
		return &desk.Refused{
			What: "closing " + i.ID, Why: fmt.Sprintf("%d levers are out or in doubt, first %s %s", len(live), live[0].Verb, traffic.Scope(live[0].Scope)),
			Try: "take them back in the console, or close it all the same with --force",
		}
	}
	err = r.write(ctx, incident.Draft{Incident: i.ID, Kind: incident.IncidentClosed, Data: incident.IncidentData{Reason: reason}})
	if err != nil {
		return err
	}
	return a.acknowledge(i.ID, "closed", output)
}

// acknowledge says what was written.
func (a *app) acknowledge(id, what, output string) error {
	if output == "json" {
		return a.json(struct {
			V    int    `json:"v"`
			ID   string `json:"id"`
			Done string `json:"done"`
		}{1, id, what})
	}
	p := printer{w: a.Out}
	p.line("%s", strings.TrimSpace(id+" "+what))
	return p.err
}

func (a *app) incidentNoteCommand() *cobra.Command {
	var kind, output string
	var o changeOptions
	c := &cobra.Command{
		Use: "note ID TEXT", Short: "Add a note, also after closing; - reads it from standard input", Args: wantArgs(1, -1),
		Example: "  signalbox incident note inc-01 \"provider told by phone\"\n" +
			"  signalbox incident note inc-01 \"retries raised to 5\" --kind change --what config --at 12:00 --scope model=gpt-4o\n" +
			"  signalbox incident note --no-incident \"gateway v12\" --kind change --what deploy",
		RunE: func(c *cobra.Command, args []string) error {
			if err := oneOf("kind", kind, "", "decision", "handover", "communication", "learned", string(incident.Change)); err != nil {
				return err
			}
			if err := o.check(c, kind); err != nil {
				return err
			}
			if o.standing {
				return a.incidentNote(c.Context(), "", args, kind, output, o)
			}
			if len(args) < 2 {
				return &usageError{err: errors.New("a note needs an ID and a TEXT"), try: "signalbox incident note ID TEXT"}
			}
			return a.incidentNote(c.Context(), args[0], args[1:], kind, output, o)
		},
	}
	outputFlag(c, &output)
	c.Flags().StringVar(&kind, "kind", "", "decision, handover, communication or learned; change for what was changed elsewhere; without it a plain note")
	o.flags(c)
	return c
}

func (a *app) incidentNote(ctx context.Context, id string, words []string, kind, output string, o changeOptions) error {
	text := strings.Join(words, " ")
	if text == "-" {
		raw, err := io.ReadAll(io.LimitReader(a.In, maxNote))
		if err != nil {
			return fmt.Errorf("reading the note from standard input: %w", err)
		}
		text = string(raw)
	}
	if text = strings.TrimSpace(text); text == "" {
		return &usageError{err: errors.New("the note is empty"), try: "signalbox incident note ID TEXT"}
	}
	r, err := a.openRecord()
	if err != nil {
		return err
	}
	var i incident.Incident
	if !o.standing {
		if i, err = r.find(id); err != nil {
			return err
		}
	}
	d := incident.Draft{Kind: incident.Note, Data: incident.NoteData{Text: text, Kind: kind}}
	if kind == string(incident.Change) {
		if d, err = o.draft(text, r.actor.ID, time.Now()); err != nil {
			return err
		}
	}
	d.Incident = i.ID
	if err := r.write(ctx, d); err != nil {
		return err
	}
	return a.acknowledge(i.ID, "noted", output)
}

func missing(err error) bool { return errors.Is(err, fs.ErrNotExist) }

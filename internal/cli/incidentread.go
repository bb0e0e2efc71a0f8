package cli

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"signalbox/internal/filing"
	"signalbox/internal/incident"
	"signalbox/internal/traffic"
)

// incidentLine is one incident of incident list --output json.
type incidentLine struct {
	ID       string     `json:"id"`
	Title    string     `json:"title"`
	Status   string     `json:"status"`
	Severity string     `json:"severity"`
	Opened   time.Time  `json:"opened"`
	Closed   *time.Time `json:"closed"`
	Env      string     `json:"env,omitempty"`
	Drill    bool       `json:"drill"`
	OpenedBy string     `json:"opened_by,omitempty"`
	Reason   string     `json:"reason,omitempty"`
	Bursts   int        `json:"bursts"`
	Levers   int        `json:"levers"`
	Live     int        `json:"levers_out"`
	Notes    int        `json:"notes"`
	Entries  int        `json:"entries"`
}

func lineOf(i *incident.Incident) incidentLine {
	l := incidentLine{
		ID: i.ID, Title: safe(i.Title), Status: i.Status, Severity: safe(i.Severity), Opened: i.Opened.UTC(), Env: safe(i.Env), Drill: i.Drill,
		OpenedBy: safe(i.OpenedBy.ID), Reason: safe(i.Reason), Bursts: len(i.Bursts), Levers: len(i.Levers), Live: len(i.Live()), Notes: len(i.Notes),
		Entries: i.Entries,
	}
	if i.Closed != nil {
		at := i.Closed.UTC()
		l.Closed = &at
	}
	return l
}

// stamp is how instants are written for humans: with the day and the zone.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }

func (a *app) incidentListCommand() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use: "list", Short: "All incidents of the journal, newest first", Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			r, err := a.openRecord()
			if err != nil {
				return err
			}
			return r.list(output)
		},
	}
	outputFlag(c, &output)
	return c
}

func (r *record) list(output string) error {
	if output == "json" {
		lines := make([]incidentLine, 0, len(r.all))
		for i := range r.all {
			lines = append(lines, lineOf(&r.all[i]))
		}
		return r.app.json(struct {
			V         int            `json:"v"`
			Incidents []incidentLine `json:"incidents"`
		}{1, lines})
	}
	p := printer{w: r.app.Out}
	if len(r.all) == 0 {
		p.line("no incident in %s", r.path())
		return p.err
	}
	for i := range r.all {
		in := &r.all[i]
		marks := ""
		if in.Drill {
			marks += "  drill"
		}
		if n := len(in.Live()); n > 0 {
			marks += fmt.Sprintf("  %d levers out or in doubt", n)
		}
		p.line("%s  %-6s  %-6s  %s  %-8s  %s%s", in.ID, in.Status, orDash(safe(in.Severity)), stamp(in.Opened), lasted(in), safe(in.Title), marks)
	}
	return p.err
}

// lasted is how long an incident took, or has taken so far.
func lasted(i *incident.Incident) string {
	return i.Duration(time.Now()).Round(time.Second).String()
}

func (a *app) incidentShowCommand() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use: "show [ID]", Short: "The timeline of an incident; without an ID, of the newest", Args: wantArgs(0, 1),
		RunE: func(_ *cobra.Command, args []string) error {
			r, err := a.openRecord()
			if err != nil {
				return err
			}
			i, err := r.find(first(args))
			if err != nil {
				return err
			}
			if output == "json" {
				return r.showJSON(&i)
			}
			return r.show(&i)
		},
	}
	outputFlag(c, &output)
	return c
}

func first(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

func (r *record) show(i *incident.Incident) error {
	p := printer{w: r.app.Out}
	p.line("%s  %s", i.ID, safe(i.Title))
	p.line("opened     %s by %s", stamp(i.Opened), orDash(safe(i.OpenedBy.ID)))
	if i.Closed != nil {
		p.line("closed     %s by %s after %s: %s", stamp(*i.Closed), orDash(safe(i.ClosedBy.ID)), lasted(i), orDash(safe(i.Reason)))
	} else {
		p.line("status     open")
	}
	for _, f := range []struct{ name, value string }{{"severity", i.Severity}, {"env", i.Env}, {"people", strings.Join(i.People, ", ")}} {
		if f.value != "" {
			p.line("%-10s %s", f.name, safe(f.value))
		}
	}
	if i.Drill {
		p.line("drill      yes")
	}
	for _, l := range i.Live() {
		p.line("STILL OUT  %s %s (%s)", safe(l.Verb), safe(traffic.Scope(l.Scope).String()), l.State)
	}
	p.line("")
	day := ""
	for _, l := range incident.Timeline(r.entries, i.ID) {
		if d := l.At.UTC().Format(time.DateOnly); d != day {
			p.line("%s", d)
			day = d
		}
		who := ""
		if l.Actor != "" {
			who = " (" + safe(l.Actor) + ")"
		}
		p.line("%sZ  %-13s %s%s", l.At.UTC().Format(time.TimeOnly), l.Group, safe(l.Text), who)
	}
	return p.err
}

// timelineLine is one line of incident show --output json.
type timelineLine struct {
	Seq   int64     `json:"seq"`
	At    time.Time `json:"at"`
	Kind  string    `json:"kind"`
	Group string    `json:"group"`
	Actor string    `json:"actor,omitempty"`
	Text  string    `json:"text"`
	Step  string    `json:"step,omitempty"`
	Burst string    `json:"burst,omitempty"`
	Lever string    `json:"lever,omitempty"`
}

func (r *record) showJSON(i *incident.Incident) error {
	lines := []timelineLine{}
	for _, l := range incident.Timeline(r.entries, i.ID) {
		lines = append(lines, timelineLine{l.Seq, l.At.UTC(), safe(string(l.Kind)), string(l.Group), safe(l.Actor), safe(l.Text), safe(l.Step), safe(l.Burst), safe(l.Lever)})
	}
	return r.app.json(struct {
		V int `json:"v"`
		incidentLine
		Timeline []timelineLine `json:"timeline"`
	}{1, lineOf(i), lines})
}

func (a *app) incidentExportCommand() *cobra.Command {
	var format, file, zone string
	c := &cobra.Command{
		Use: "export [ID]", Short: "Write the timeline of an incident; without an ID, of the newest", Args: wantArgs(0, 1),
		Example: "  signalbox incident export --format md -o timeline.md\n  signalbox incident export inc-01k --format json | jq .",
		RunE: func(_ *cobra.Command, args []string) error {
			if err := oneOf("format", format, incident.ExportFormats()...); err != nil {
				return err
			}
			o, err := exportOptions(zone)
			if err != nil {
				return err
			}
			r, err := a.openRecord()
			if err != nil {
				return err
			}
			i, err := r.find(first(args))
			if err != nil {
				return err
			}
			return r.export(i.ID, format, file, o)
		},
	}
	c.Flags().StringVar(&format, "format", "md", strings.Join(incident.ExportFormats(), ", "))
	c.Flags().StringVar(&zone, "zone", "", "add a column of local times, such as Europe/Berlin")
	c.Flags().StringVarP(&file, "output", "o", "-", "`FILE` to write; - is standard output")
	return c
}

func exportOptions(zone string) (o incident.ExportOptions, err error) {
	o.Tool = "signalbox " + version
	if zone == "" {
		return o, nil
	}
	if o.Location, err = time.LoadLocation(zone); err != nil {
		return o, &usageError{err: fmt.Errorf("--zone %q is not known", zone), try: "a name such as UTC or Europe/Berlin"}
	}
	return o, nil
}

// export writes to standard output, or to a file whole.
func (r *record) export(id, format, file string, o incident.ExportOptions) error {
	if file == "-" || file == "" {
		return r.exportTo(r.app.Out, format, id, o)
	}
	err := filing.Write(file, filing.Options{}, func(w io.Writer) error { return r.exportTo(w, format, id, o) })
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &unreachable{what: "writing the export " + file, err: err, try: "name a folder that exists with -o, or leave -o out"}
	case err != nil:
		return fmt.Errorf("writing the export %s: %w", file, err)
	}
	p := printer{w: r.app.Err}
	p.line("timeline of %s written to %s", id, file)
	return p.err
}

func (r *record) exportTo(w io.Writer, format, id string, o incident.ExportOptions) error {
	b := bufio.NewWriter(w)
	if err := incident.ExportWith(b, format, r.entries, id, o); err != nil {
		return fmt.Errorf("exporting %s: %w", id, err)
	}
	return b.Flush()
}

func (a *app) incidentVerifyCommand() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use: "verify [ID]", Short: "Check that no line of the journal was changed, cut or left out; exit 1 with the first bad line", Args: wantArgs(0, 1),
		RunE: func(c *cobra.Command, args []string) error { return a.incidentVerify(c.Context(), first(args), output) },
	}
	outputFlag(c, &output)
	return c
}

// verifyLine is what incident verify --output json prints.
type verifyLine struct {
	V       int      `json:"v"`
	ID      string   `json:"id,omitempty"`
	Intact  bool     `json:"intact"`
	Path    string   `json:"path"`
	Entries int      `json:"entries"`
	Last    int64    `json:"last"`
	Head    string   `json:"head"`
	Bad     *badLine `json:"bad"`
}

type badLine struct {
	Line int    `json:"line"`
	Seq  int64  `json:"seq,omitempty"`
	Torn bool   `json:"torn,omitempty"`
	Why  string `json:"why"`
}

// incidentVerify checks the whole chain: an incident's entries are proven by all lines before them. The
// chain comes before the id, because the line that would tell of the id may be the bad one.
func (a *app) incidentVerify(ctx context.Context, id, output string) error {
	cfg, _, err := a.loadConfig()
	if err != nil && a.g.stateDir == "" {
		return err
	}
	dir, err := a.stateFolder(cfg)
	if err != nil {
		return err
	}
	rep, err := verifySettled(ctx, filepath.Join(dir, incident.FileName))
	switch {
	case missing(err):
		return &usageError{err: fmt.Errorf("there is no journal in %s", dir), try: "name its folder with --state-dir"}
	case err != nil:
		return &unreachable{what: "verifying the journal", err: err, try: "see who owns " + dir}
	}
	out := verifyLine{V: 1, ID: id, Intact: rep.OK(), Path: rep.Path, Entries: rep.Entries, Last: rep.Last, Head: rep.Head}
	if rep.OK() && id != "" {
		r, err := a.openRecord()
		if err != nil {
			return err
		}
		i, err := r.find(id)
		if err != nil {
			return err
		}
		out.ID = i.ID
	}
	if rep.Bad != nil {
		out.Bad = &badLine{rep.Bad.Line, rep.Bad.Seq, rep.Bad.Torn, safe(rep.Bad.Why)}
	}
	if err := a.printVerified(out, output); err != nil {
		return err
	}
	if !rep.OK() {
		return errFindings
	}
	return nil
}

func (a *app) printVerified(v verifyLine, output string) error {
	if output == "json" {
		return a.json(v)
	}
	p := printer{w: a.Out}
	if v.Bad == nil {
		p.line("%s: intact, %d entries; the last is %d, its hash %s", v.Path, v.Entries, v.Last, v.Head)
		return p.err
	}
	p.line("%s:%d: %s", v.Path, v.Bad.Line, v.Bad.Why)
	p.line("  %d entries before it are intact; the last is %d, its hash %s", v.Entries, v.Last, v.Head)
	return p.err
}

// verifySettled verifies, and looks again where the last line is torn: another process may be writing it.
func verifySettled(ctx context.Context, path string) (rep incident.Report, err error) {
	for range 4 {
		rep, err = incident.Verify(path)
		if err != nil || rep.Bad == nil || !rep.Bad.Torn {
			return rep, err
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return rep, context.Cause(ctx)
		}
	}
	return rep, err
}

// nearest names the incidents whose id or title is most like what was asked for.
func nearest(all []incident.Incident, id string) string {
	want := strings.ToLower(strings.TrimPrefix(id, "inc-"))
	ranked := slices.Clone(all)
	slices.SortStableFunc(ranked, func(a, b incident.Incident) int { return cmp.Compare(likeness(&b, want), likeness(&a, want)) })
	return named(ranked)
}

// likeness counts how much of an id's beginning is the wanted one; a word of the title counts as much as a long beginning.
func likeness(i *incident.Incident, want string) int {
	id, n := strings.TrimPrefix(i.ID, "inc-"), 0
	for n < len(id) && n < len(want) && id[n] == want[n] {
		n++
	}
	if want != "" && strings.Contains(strings.ToLower(i.Title), want) {
		n += len(id)
	}
	return n
}

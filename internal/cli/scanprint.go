package cli

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"signalbox/internal/desk"
	"signalbox/internal/fault"
	"signalbox/internal/traffic"
	"signalbox/sources/decode"
)

// maxCells is how many rows the table of cells has.
const maxCells = 20

// printScan tells of a scan in words: the files, the sums, the failures, the cells, the bursts.
func (a *app) printScan(s scanned) error {
	p := &printer{w: a.Out}
	for i := range s.files {
		printFile(p, &s.files[i])
	}
	printUnknown(p, s.unknown)
	p.line("")
	r := &s.report
	if r.Requests == 0 {
		p.line("no requests were found")
		return p.err
	}
	p.line("%s, %d failed (%s)", counted(r.Requests, "request"), r.Failures, percent(r.Failures, r.Requests))
	a.printClasses(p, r)
	a.printCells(p, r.Cells)
	printBursts(p, r.Bursts)
	printFindings(p, r.Findings)
	return p.err
}

func printFile(p *printer, f *scannedFile) {
	name := f.Path
	if name == "-" {
		name = "standard input"
	}
	if f.Lines == 0 && len(f.Examples) == 0 {
		p.line("%s: empty, no line to read", safe(name))
		return
	}
	p.line("%s: %s, taken for %s", safe(name), counted(f.Lines, "line"), f.Format)
	p.line("  %s", safe(f.Why))
	other := f.Lines - f.Records - f.Unparsed
	parts := []string{counted(f.Records, "record")}
	if !f.First.IsZero() && !f.Last.IsZero() {
		parts[0] += fmt.Sprintf(" from %s to %s", stamp(f.First), stamp(f.Last))
	}
	for _, x := range []struct {
		n    int64
		what string
	}{{other, "not about a request"}, {f.Unparsed, "could not be read"}} {
		if x.n > 0 {
			parts = append(parts, counted(x.n, "line")+" "+x.what)
		}
	}
	p.line("  %s", strings.Join(parts, ", "))
	if f.Skewed > 0 {
		p.line("  %s more than %s in the future, counted at the time of reading: is the zone right (--zone)?", counted(f.Skewed, "line"), decode.MaxSkew)
	}
	if f.Dropped > 0 {
		p.line("  %s beyond the end of lines over %d bytes left out", counted(f.Dropped, "byte"), decode.MaxLine)
	}
	for _, e := range f.Examples {
		p.line("  unread: %s", safe(e))
	}
	printProposal(p, f)
}

// printProposal says what the records lack, and how to say where it stands in the lines.
func printProposal(p *printer, f *scannedFile) {
	lacks := f.lack.names()
	poor := f.Lines > 0 && 2*f.Records < f.Lines
	format := decode.Inner(f.Format)
	if format == decode.Access {
		printAccess(p, f)
		return
	}
	switch {
	case format != decode.JSON && format != decode.Logfmt && format != decode.Text, len(lacks) == 0 && !poor:
		return
	case format == decode.Text && f.Records == 0:
		p.line("  no line tells of a failure in words that are known. A log of requests is one of: %s", strings.Join(decode.Formats(), ", "))
	case format == decode.Text:
		p.line("  free text: a line counts where it tells of a failure, so shares of all requests are not known")
	case len(lacks) > 0:
		p.line("  most records do not say their %s", strings.Join(lacks, ", "))
	}
	switch {
	case f.Proposal.File != "":
		printProposedFile(p, &f.Proposal)
	case f.Proposal.YAML != "":
		printProposedFields(p, f)
	}
}

// printProposedFile prints a mapping file for text lines.
func printProposedFile(p *printer, m *decode.Proposal) {
	p.line("  to say which word is which, correct this, save it as my-format.yaml and scan again with --format ./my-format.yaml:")
	for l := range strings.Lines(m.File) {
		p.line("      %s", safe(strings.TrimRight(l, "\n")))
	}
	p.line("  with this format %d of the first %s are about requests", m.Requests, counted(int64(m.Lines), "line"))
}

// printProposedFields prints what to put under a source.
func printProposedFields(p *printer, f *scannedFile) {
	indent := "      "
	if f.Path == "-" {
		p.line("  to say which field is which, correct this and put it under a source in the configuration:")
	} else {
		p.line("  to say which field is which, correct this, save it as signalbox.yaml and scan again with -c signalbox.yaml")
		p.line("  (or put its fields under the source that a configuration has already):")
		for _, l := range []string{"version: 1", "sources:", "  - name: log", "    kind: file", fmt.Sprintf("    path: %q", f.Path)} {
			p.line("%s%s", indent, safe(l))
		}
		indent += "    "
	}
	for l := range strings.Lines(f.Proposal.YAML) {
		p.line("%s%s", indent, safe(strings.TrimRight(l, "\n")))
	}
	switch m := &f.Proposal; {
	case m.Lines > 0 && m.Requests == 0:
		p.line("  even so none of the first %s is about a request, which says a status, tokens or an error: add the path of one,", counted(int64(m.Lines), "line"))
		p.line("  or it is a log of something else")
	case m.Lines > 0:
		p.line("  with this mapping %d of the first %s are about requests", m.Requests, counted(int64(m.Lines), "line"))
	}
	if rest := f.Proposal.Unmapped; len(rest) > 0 {
		shown := rest[:min(len(rest), 12)]
		p.line("  not used: %s", safe(strings.Join(shown, ", ")))
	}
}

// printAccess says what access lines cannot tell.
func printAccess(p *printer, f *scannedFile) {
	if f.lack.Records == 0 {
		return
	}
	if 2*f.lack.Time > f.lack.Records {
		p.line("  its lines bear no time: they count at the time of reading, so a burst's start and end here say nothing")
	}
	if 2*f.lack.Model > f.lack.Records {
		p.line("  access lines name no model: bursts are told by endpoint; a log of the gateway itself says more")
	}
}

// warnUnread says beside JSON output what was not understood, because the object has no place for it.
func (a *app) warnUnread(files []scannedFile) {
	p := &printer{w: a.Err}
	for i := range files {
		f := &files[i]
		if f.Unparsed > 0 || f.Lines > 0 && f.Records == 0 || len(f.lack.names()) > 0 {
			printFile(p, f)
		}
	}
}

func counted(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func percent(n, of int64) string {
	if of == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f%%", 100*float64(n)/float64(of))
}

// ranked lists the names of counts, the largest first.
func ranked(counts map[string]int64) []string {
	return slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
}

// printClasses says of each kind of failure what it means and what to do first.
func (a *app) printClasses(p *printer, r *scanReport) {
	if len(r.Classes) == 0 {
		return
	}
	p.line("")
	p.line("FAILURES")
	for _, name := range ranked(r.Classes) {
		class, _ := fault.ParseClass(name)
		advice := fault.Advice(class)
		p.line("  %-20s %6d  %s", name, r.Classes[name], advice.Means)
		p.line("  %-20s %6s  do: %s", "", "", advice.Do)
	}
}

// printCells draws models by regions, those that fail most first.
func (a *app) printCells(p *printer, cells []desk.ScanCell) {
	rows := joinCells(cells)
	p.line("")
	p.line("CELLS")
	w := tabwriter.NewWriter(a.Out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "  side\tprovider\tmodel\tregion\trequests\tfailed\tshare\tmostly") // a tabwriter keeps its error for Flush
	for _, c := range rows[:min(len(rows), maxCells)] {
		mostly := ""
		if top := ranked(c.Classes); len(top) > 0 {
			mostly = top[0]
		}
		_, _ = fmt.Fprintf(w, "  %s\t%s\t%s\t%s\t%d\t%d\t%s\t%s\n",
			c.Side, orDash(c.Provider), orDash(c.Model), orDash(c.Region), c.Requests, c.Failures, percent(c.Failures, c.Requests), orDash(mostly))
	}
	if p.err == nil {
		p.err = w.Flush()
	}
	if more := len(rows) - maxCells; more > 0 {
		p.line("  and %d more (--output json has all)", more)
	}
}

// joinCells adds up what differs in environment and endpoint only.
func joinCells(cells []desk.ScanCell) []desk.ScanCell {
	var rows []desk.ScanCell
	at := map[[4]string]int{}
	for _, c := range cells {
		id := [4]string{c.Side, c.Provider, c.Model, c.Region}
		n, known := at[id]
		if !known {
			at[id] = len(rows)
			c.Classes = maps.Clone(c.Classes)
			rows = append(rows, c)
			continue
		}
		rows[n].Requests += c.Requests
		rows[n].Failures += c.Failures
		for k, v := range c.Classes {
			rows[n].Classes[k] += v
		}
	}
	slices.SortStableFunc(rows, func(a, b desk.ScanCell) int {
		return cmp.Or(cmp.Compare(b.Failures, a.Failures), cmp.Compare(b.Requests, a.Requests))
	})
	return rows
}

// printBursts tells of the bursts, and apart from them of what would not have woken anybody.
func printBursts(p *printer, bursts []desk.BurstReport) {
	var pages, notes []desk.BurstReport
	for _, b := range bursts {
		if b.Page {
			pages = append(pages, b)
		} else {
			notes = append(notes, b)
		}
	}
	p.line("")
	if len(pages) == 0 {
		p.line("BURSTS  none")
	} else {
		p.line("BURSTS")
	}
	for i := range pages {
		printBurst(p, &pages[i])
	}
	if len(notes) > 0 {
		p.line("")
		p.line("NOTES  (they would not page)")
	}
	for i := range notes {
		printBurst(p, &notes[i])
	}
}

func printBurst(p *printer, b *desk.BurstReport) {
	p.line("  %s  %s in %s", b.ID, b.Kind, b.Scope)
	p.line("      since %s, raised %s later, %s%s", stamp(b.Start), b.Detected.Sub(b.Start).Round(time.Second), untilWords(b.Start, b.End), episodeWords(b.Episodes))
	p.line("      %d of %d failed, %.0f%% at the worst, %.0f beyond the ordinary: %s", b.Failed, b.Total, 100*b.PeakRate, b.Excess, classWords(b.Classes))
	if len(b.Aliases) > 0 {
		p.line("      the same traffic: %s", aliasWords(b.Aliases))
	}
	if b.Reason != "" {
		p.line("      why: %s", b.Reason)
	}
	if b.Blame != "" {
		p.line("      whose: %s; %s", b.Blame, b.BlameWhy)
	}
	for _, c := range b.Changes {
		p.line("      changed before: %s %s%s%s", stamp(c.Time), kindBefore(c.Kind, c.Text), c.Text, scopeNote(c.Scope))
	}
	if top := ranked(b.Classes); len(top) > 0 {
		class, _ := fault.ParseClass(top[0])
		p.line("      do: %s", fault.Advice(class).Do)
	}
}

func aliasWords(all []traffic.Scope) string {
	names := make([]string, 0, len(all))
	for _, a := range all {
		names = append(names, a.String())
	}
	return strings.Join(names, ", or ")
}

// kindBefore names the kind of a change whose text does not begin with it.
func kindBefore(kind, text string) string {
	if kind == traffic.ChangeOther || strings.HasPrefix(strings.ToLower(text), kind) {
		return ""
	}
	return kind + " "
}

// printFindings tells what moved beside the bursts.
func printFindings(p *printer, found []desk.FindingReport) {
	if len(found) == 0 {
		return
	}
	p.line("")
	p.line("BESIDE THE BURSTS")
	for i := range found {
		f := &found[i]
		more := ""
		if n := len(f.Targets); n > 1 {
			more = fmt.Sprintf(" and %d more", n-1)
		}
		p.line("  %s  %s in %s%s", f.ID, strings.ReplaceAll(f.Kind, "_", " "), f.Where, more)
		by := ""
		if f.Burst != "" {
			by = ", comes of " + f.Burst
		}
		p.line("      since %s, %s%s", stamp(f.Start), untilWords(f.Start, f.End), by)
		p.line("      %s", f.Text)
		if len(f.Targets) > 1 {
			for _, t := range f.Targets {
				until := ""
				if t.End != nil {
					until = " until " + t.End.Format(time.TimeOnly)
				}
				p.line("      %s since %s%s: %s", t.Where.Short(), t.Start.Format(time.TimeOnly), until, t.Text)
			}
		}
		p.line("      look: %s", f.Look)
	}
}

func untilWords(start time.Time, end *time.Time) string {
	if end == nil {
		return "still on at the end of the logs"
	}
	return fmt.Sprintf("until %s (%s)", end.Format(time.TimeOnly), end.Sub(start).Round(time.Second))
}

func episodeWords(n int) string {
	if n < 2 {
		return ""
	}
	return fmt.Sprintf(", %d episodes", n)
}

// scopeNote says what a change was about, where that was told.
func scopeNote(s traffic.Scope) string {
	if len(s) == 0 {
		return ""
	}
	return " (" + s.String() + ")"
}

func classWords(classes map[string]int64) string {
	var parts []string
	for _, name := range ranked(classes) {
		parts = append(parts, fmt.Sprintf("%s %d", name, classes[name]))
	}
	return orDash(strings.Join(parts, ", "))
}

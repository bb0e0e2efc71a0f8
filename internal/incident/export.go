package incident

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"signalbox/internal/redact"
)

// ErrNoIncident means that the journal has no incident of that id.
var ErrNoIncident = errors.New("no such incident")

// ErrFormat means that there is no export of that name.
var ErrFormat = errors.New("no such export format")

// ExportOptions are what an export may be given; the zero value works.
type ExportOptions struct {
	Location *time.Location   // adds a column of local times; nil: UTC alone
	Redactor *redact.Redactor // goes over everything once more; nil: one whose salt is the incident's id
	Tool     string           // name and version of the program, for the record
}

// exporter writes one incident in one format.
type exporter func(w io.Writer, entries []Entry, id string, o ExportOptions) error

var exporters = []struct {
	name  string
	write exporter
}{
	{"md", WriteMarkdown},
	{"json", WriteJSON},
	{"jsonl", WriteJSONL},
}

// ExportFormats lists the names that Export takes.
func ExportFormats() []string {
	names := make([]string, len(exporters))
	for i, e := range exporters {
		names[i] = e.name
	}
	return names
}

// Export writes the incident of that id in the format of that name. entries are the whole journal: the integrity that an export
// states is the journal's. The same entries give the same bytes.
func Export(w io.Writer, format string, entries []Entry, id string) error {
	return ExportWith(w, format, entries, id, ExportOptions{})
}

// ExportWith is Export with options.
func ExportWith(w io.Writer, format string, entries []Entry, id string, o ExportOptions) error {
	i := slices.IndexFunc(exporters, func(e struct {
		name  string
		write exporter
	},
	) bool {
		return e.name == format
	})
	if i < 0 {
		return fmt.Errorf("%w: %q; there are %s", ErrFormat, format, strings.Join(ExportFormats(), ", "))
	}
	return exporters[i].write(w, entries, id, o)
}

// WriteJSONL writes the incident's lines of the journal byte for byte, so that each can be checked against its hash. They were
// redacted when they were written.
func WriteJSONL(w io.Writer, entries []Entry, id string, _ ExportOptions) error {
	own := Of(entries, id)
	if len(own) == 0 {
		return noIncident(entries, id)
	}
	for i := range own {
		line, err := own[i].written()
		if err != nil {
			return err
		}
		if _, err := w.Write(line); err != nil {
			return fmt.Errorf("writing the export: %w", err)
		}
	}
	return nil
}

// account is one incident, gathered for an export.
type account struct {
	Incident
	lines []Line
	integrity
	opts ExportOptions
}

// integrity says how far the account can be trusted.
type integrity struct {
	FirstSeq int64  `json:"first_seq"` // of the incident's entries
	LastSeq  int64  `json:"last_seq"`
	Entries  int    `json:"entries"`
	HeadSeq  int64  `json:"head_seq"` // of the whole journal
	HeadHash string `json:"head_hash"`
	Chain    string `json:"chain"` // intact, or what is wrong with it
}

func gather(entries []Entry, id string, o ExportOptions) (*account, error) {
	own := Of(entries, id)
	if len(own) == 0 {
		return nil, noIncident(entries, id)
	}
	if o.Redactor == nil {
		o.Redactor = redact.New([]byte(id))
	}
	a := &account{Incident: fold(id, own), lines: Lines(own), opts: o}
	last := entries[len(entries)-1]
	a.integrity = integrity{
		FirstSeq: a.Incident.FirstSeq, LastSeq: a.Incident.LastSeq, Entries: len(own), HeadSeq: last.Seq, HeadHash: last.Hash, Chain: chainWords(entries),
	}
	return a, nil
}

func noIncident(entries []Entry, id string) error {
	ids := chronicle(entries).ids
	if len(ids) == 0 {
		return fmt.Errorf("%w: %q; the journal has none yet", ErrNoIncident, id)
	}
	return fmt.Errorf("%w: %q; the latest is %s, see signalbox incident list", ErrNoIncident, id, ids[len(ids)-1])
}

// chainWords checks the chain of entries in memory.
func chainWords(entries []Entry) string {
	for i := range entries {
		line, err := entries[i].written()
		if err != nil {
			return err.Error()
		}
		seq, head := entries[i].Seq-1, entries[i].Prev
		if i > 0 {
			seq, head = entries[i-1].Seq, entries[i-1].Hash
		}
		if _, why := check(line[:len(line)-1], seq, head); why != "" {
			return fmt.Sprintf("NOT intact at entry %d: %s", entries[i].Seq, why)
		}
	}
	return "intact"
}

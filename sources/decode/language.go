package decode

import (
	"embed"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// Mapping is a format of a log that a file in the format language describes: where a line has which field,
// what the values mean, and which lines count. docs/sources.md explains the language. A Mapping does not
// change once it was parsed, so streams may share it.
type Mapping struct {
	Name        string
	Description string
	File        string // where it was read from, for messages

	lines    string // JSON, Logfmt or regexLines
	patterns []*regexp.Regexp
	places   []spot
	embedded []linePath // texts that hold a JSON object
	consts   []constant
	values   [numFields]map[string]string
	count    []rule
	explain  []rule
	ignore   []rule
	conds    []condition // of all rules, by number
	detect   []marks     // one is enough
	unwrap   *unwrapping
}

// regexLines is the kind of lines that regular expressions read.
const regexLines = "regex"

// lineKinds are the words that lines: knows.
var lineKinds = []string{JSON, Logfmt, regexLines}

// spot says where one field stands: at a path, of which a part may be meant.
type spot struct {
	f       field
	rank    uint8 // smaller is better
	path    linePath
	unit    time.Duration  // of a time span
	epoch   time.Duration  // of a time that is a number
	layout  string         // of a time
	zone    *time.Location // of a time that names none; nil: the source's
	pattern *regexp.Regexp // the part that is meant, as its one group
}

// constant is what a field is where the line does not say it.
type constant struct {
	f    field
	unit time.Duration
	v    value
}

// marks tell the lines of a format from those of others.
type marks struct {
	has  rule
	text []byte // in the line as it stands
}

// unwrapping says where an envelope keeps the lines that it carries.
type unwrapping struct {
	paths  []linePath // the first that is there
	format string
}

//go:embed formats/*.yaml
var shippedFiles embed.FS

// shipped parses the shipped mapping files once. They are tested, so that a mistake in one is a programming error.
var shipped = sync.OnceValue(func() []*Mapping {
	entries, err := shippedFiles.ReadDir("formats")
	if err != nil {
		panic(err)
	}
	all := make([]*Mapping, 0, len(entries))
	for _, e := range entries { // sorted by name
		src, err := shippedFiles.ReadFile("formats/" + e.Name())
		if err != nil {
			panic(err)
		}
		m, err := ParseFormat("formats/"+e.Name(), src)
		if err != nil {
			panic(err)
		}
		all = append(all, m)
	}
	return all
})

// Shipped lists the mapping files that come with the program.
func Shipped() []*Mapping { return slices.Clone(shipped()) }

// ShippedSource gives the text of a shipped mapping file, as an example to begin with.
func ShippedSource(name string) ([]byte, error) {
	for _, m := range shipped() {
		if m.Name == name {
			src, err := shippedFiles.ReadFile(m.File)
			if err != nil {
				return nil, fmt.Errorf("reading the mapping of %s: %w", name, err)
			}
			return src, nil
		}
	}
	return nil, fmt.Errorf("no mapping file called %q is shipped", name)
}

// Lines says what kind of lines the format reads: json, logfmt or regex.
func (m *Mapping) Lines() string { return m.lines }

// Envelope tells whether its lines carry the lines of other formats.
func (m *Mapping) Envelope() bool { return m.unwrap != nil }

// Reads lists the fields that the format maps, in the order of the file.
func (m *Mapping) Reads() []string {
	var out []string
	for i := range m.places {
		if name := fieldNames[m.places[i].f]; !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// mappingOf finds a mapping by name: those of the configuration come before the shipped ones.
func mappingOf(format string, configured []*Mapping) *Mapping {
	for _, m := range slices.Concat(configured, shipped()) {
		if m.Name == format {
			return m
		}
	}
	return nil
}

// strftime are the letters of strftime as Go's layouts write them.
var strftime = map[byte]string{
	'Y': "2006", 'm': "01", 'd': "02", 'H': "15", 'M': "04", 'S': "05", 'y': "06", 'b': "Jan", 'B': "January", 'a': "Mon", 'A': "Monday",
	'I': "03", 'p': "PM", 'z': "-0700", 'Z': "MST", 'f': "000000", 'L': "000", 'e': "_2", 'j': "002", 'T': "15:04:05", 'F': "2006-01-02", '%': "%",
}

// timeLayout reads a layout in either way of writing: Go's reference time, or the letters of strftime.
func timeLayout(s string) (string, error) {
	if !strings.Contains(s, "%") {
		at := time.Date(2031, 11, 24, 17, 28, 39, 123456789, time.UTC)
		if at.Format(s) == s {
			return "", fmt.Errorf("layout %s names no part of a time: write it as 2006-01-02 15:04:05 or %%Y-%%m-%%d %%H:%%M:%%S", said(s))
		}
		return s, nil
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b.WriteByte(s[i])
			continue
		}
		i++
		if i == len(s) {
			return "", fmt.Errorf("layout %s ends with a %%", said(s))
		}
		letter, ok := strftime[s[i]]
		if !ok {
			return "", fmt.Errorf("layout %s: %%%c is not known", said(s), s[i])
		}
		b.WriteString(letter)
	}
	return b.String(), nil
}

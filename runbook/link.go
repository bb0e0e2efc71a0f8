package runbook

import (
	"net/url"
	"path"
	"strings"
)

// Link is a link in the text of a step.
type Link struct {
	Text, Href string
	Line       int
}

// Links lists the links of a step, in the order of the text.
func (s Step) Links() []Link {
	var all []Link
	walkProse(s.Prose, func(p *Prose) {
		for _, sp := range p.Spans {
			if sp.Style == LinkSpan && sp.Href != "" && len(all) < 1000 {
				all = append(all, Link{Text: sp.Text, Href: sp.Href, Line: p.Line})
			}
		}
	})
	return all
}

// Place is a heading of a runbook: File as it would be named to Parse, Slug empty for the whole.
type Place struct {
	File string
	Slug string
}

// Follow says where a link in a file leads, if that is a runbook: another Markdown file beside it, or a heading. What
// leads to the web or to anything else is not opened inside. Which folders may be read is the caller's to say.
func Follow(file, href string) (Place, bool) {
	u, err := url.Parse(strings.TrimSpace(href))
	if err != nil || u.Scheme != "" || u.Host != "" || u.RawQuery != "" || (u.Path == "" && u.Fragment == "") {
		return Place{}, false
	}
	at := Place{File: file, Slug: u.Fragment}
	if u.Path == "" {
		return at, true
	}
	dir := path.Dir(strings.ReplaceAll(file, `\`, "/"))
	to := path.Clean(u.Path)
	switch ext := strings.ToLower(path.Ext(to)); {
	case path.IsAbs(to) || strings.ContainsAny(u.Path, "\\\x00"):
		return Place{}, false
	case ext != ".md" && ext != ".markdown" && ext != ".mdx":
		return Place{}, false
	}
	at.File = path.Join(dir, to)
	return at, true
}

// Reading is the way that somebody took through linked runbooks; the zero Reading stands nowhere. It is a value:
// Open and Back give the next one.
type Reading struct{ places []Place }

// maxReading bounds how far back a reading remembers.
const maxReading = 100

// Open goes to a place, with a way back to the one before.
func (r Reading) Open(p Place) Reading {
	if at, ok := r.At(); ok && at == p {
		return r
	}
	from := max(0, len(r.places)+1-maxReading)
	return Reading{append(r.places[from:len(r.places):len(r.places)], p)}
}

// Back goes to the place before; ok is false where there is none.
func (r Reading) Back() (back Reading, ok bool) {
	if len(r.places) < 2 {
		return r, false
	}
	return Reading{r.places[:len(r.places)-1]}, true
}

// At tells where the reading stands.
func (r Reading) At() (Place, bool) {
	if len(r.places) == 0 {
		return Place{}, false
	}
	return r.places[len(r.places)-1], true
}

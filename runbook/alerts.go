package runbook

import (
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Alert is one that fires, as its sender names it.
type Alert struct {
	Name       string
	RunbookURL string // its runbook_url annotation
}

// AlertEntry is a heading that says what to do about an alert.
type AlertEntry struct {
	Name    string
	Slug    string // of the heading
	Line    int
	section int
}

var (
	alertName  = regexp.MustCompile(`^[A-Z][a-z0-9]+(?:[A-Z]+[a-z0-9]*)+(?:_[A-Za-z0-9]+)*$`)
	alertLabel = regexp.MustCompile(`(?i)\balert(?:s|name| name| names)?:\s*(.{3,200})`)
	alertWord  = regexp.MustCompile(`[A-Z][a-z0-9]+(?:[A-Z]+[a-z0-9]*)+(?:_[A-Za-z0-9]+)*`)
)

// isAlertName tells a heading that is the name of an alert: one word of several capitals.
func isAlertName(title string) bool { return len(title) >= 5 && alertName.MatchString(title) }

// alertsOf finds the alerts that a book names: in its headings, and in lines like "Alert: HighErrorRate".
func alertsOf(b *Book) []AlertEntry {
	var all []AlertEntry
	add := func(name string, i int) {
		if len(all) < 1000 && !slices.ContainsFunc(all, func(e AlertEntry) bool { return e.Name == name }) {
			all = append(all, AlertEntry{Name: name, Slug: b.Sections[i].Slug, Line: b.Sections[i].Line, section: i})
		}
	}
	for i, s := range b.Sections {
		for _, word := range strings.FieldsFunc(s.Title, func(r rune) bool { return r == ' ' || r == ',' || r == ':' || r == '(' || r == ')' }) {
			if len(strings.Fields(s.Title)) <= 4 && isAlertName(word) {
				add(word, i)
			}
		}
		if len(s.Prose) > 0 && s.Prose[0].Kind == Para {
			for _, m := range alertLabel.FindAllStringSubmatch(s.Prose[0].Text, 4) {
				for _, word := range alertWord.FindAllString(m[1], 20) {
					add(word, i)
				}
			}
		}
	}
	return all
}

// about finds the entry of a firing alert: by its name, or by where its runbook_url points.
func (b *Book) about(a Alert) (slug, why string, ok bool) {
	for _, e := range b.Alerts {
		if e.Name == a.Name {
			return e.Slug, "it is about the alert " + e.Name, true
		}
	}
	base := bookBase(b.Name)
	if u, err := url.Parse(a.RunbookURL); err == nil && a.RunbookURL != "" && base != "" && bookBase(u.Path) == base {
		for _, s := range b.Sections {
			if s.Slug == strings.ToLower(u.Fragment) {
				return s.Slug, "the runbook_url of " + clean(a.Name) + " points to it", true
			}
		}
		return "", "the runbook_url of " + clean(a.Name) + " points to it", true
	}
	if base != "" && strings.EqualFold(base, a.Name) {
		return "", "it is named like the alert " + clean(a.Name), true
	}
	return "", "", false
}

// bookBase is the name of a file without folder and extensions; an index is named by its folder.
func bookBase(name string) string {
	name = strings.TrimRight(strings.ReplaceAll(name, `\`, "/"), "/")
	base, _, _ := strings.Cut(path.Base(name), ".")
	if base = strings.ToLower(base); base == "index" || base == "_index" || base == "readme" {
		return bookBase(path.Dir(name))
	}
	return strings.Trim(base, "/")
}

// Part gives the part of a plain book below one heading, as a book of its own with the same file: for a file that
// holds what to do about many alerts. It is the book itself where it is armed, or where the heading is its title.
func (b *Book) Part(slug string) (*Book, bool) {
	i := slices.IndexFunc(b.Sections, func(s Section) bool { return s.Slug == slug && s.Title != "" })
	if i < 0 {
		return nil, false
	}
	if b.Armed || i == topHeading(b.Sections) {
		return b, true
	}
	end := i + 1
	for end < len(b.Sections) && b.Sections[end].Level > b.Sections[i].Level {
		end++
	}
	p := *b
	p.ID, p.Title = b.ID+"/"+slug, b.Sections[i].Title
	p.Sections = slices.Clone(b.Sections[i:end])
	for j := range p.Sections {
		p.Sections[j].Parent = max(-1, p.Sections[j].Parent-i)
	}
	p.plainBody()
	return &p, true
}

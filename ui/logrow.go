package ui

import (
	"strings"

	"signalbox/internal/desk"
	"signalbox/internal/traffic"
)

func (p *logPane) title(s subject) string {
	t := s.name
	if t == "" {
		t = "all traffic"
	}
	if s.burst != "" {
		t = "burst " + t
	}
	t += ", " + orderNames[p.order]
	if p.order == byKind && len(p.lines) > 0 {
		t += ", " + count(int64(p.sorted.of)) + " since " + hms(p.sorted.since) + "Z"
	}
	if p.text != "" {
		t += ", search " + p.text
		if p.found.More {
			t += ", " + p.progress()
		}
	}
	if p.frozen {
		t += ", FROZEN " + count(int64(p.newer)) + " new"
		if p.newer >= recordLimit {
			t += "+"
		}
	}
	if n := p.found.LetGo; n > 0 {
		t += ", raw lines of " + count(n) + " successes let go"
	}
	return t
}

// progress says how far a search that goes on has come.
func (p *logPane) progress() string {
	return "searched " + count(int64(p.found.Looked)) + " of " + count(int64(p.found.Of))
}

func (p *logPane) draw(f frame, s subject) (string, []string) {
	p.page = f.h
	switch {
	case p.err != "":
		return p.title(s), f.lines([]line{{bad, "!", "the records could not be read: " + p.err}})
	case !p.loaded:
		return p.title(s), []string{f.say(dim, "  reading the records")}
	case len(p.lines) == 0:
		return p.title(s), []string{f.say(dim, "  "+p.empty(s))}
	}
	p.first = max(0, min(p.first, len(p.lines)-1))
	if p.cur < p.first {
		p.first = p.cur
	}
	if p.cur >= p.first+f.h {
		p.first = p.cur - f.h + 1
	}
	out := make([]string, 0, f.h)
	for i := p.first; i < len(p.lines) && len(out) < f.h; i++ {
		if p.order == byKind && i < len(p.sorted.kinds) {
			out = append(out, p.kindRow(f, i, s))
			continue
		}
		out = append(out, p.row(f, &p.lines[i], i == p.cur, s))
	}
	return p.title(s), out
}

func (p *logPane) empty(s subject) string {
	switch {
	case p.text != "" && p.found.More:
		return "no record matches " + p.text + " so far: " + p.progress()
	case p.text != "":
		return "no record matches " + p.text + "; esc ends the search"
	case p.order == failuresOnly || p.order == byKind:
		return "no failure is kept here; t shows the rest"
	case s.scope != nil:
		return "no record of this is kept any more, or its source counts only; a shows all traffic"
	}
	return "no record read yet"
}

func (p *logPane) row(f frame, l *desk.RecordLine, sel bool, s subject) string {
	r := f.selected(sel)
	r.put(dim, hms(l.At)+" ")
	st := dim
	if failed(l) {
		st = bad
		r.put(bad, "! ")
	} else {
		r.put(dim, "  ")
	}
	word := classWords(l.Class)
	if !failed(l) {
		word = "ok"
	}
	class := 12
	if f.w >= 100 {
		class = 16
	}
	r.put(st, statusWord(l)+" ").field(st, word, class).put(plainStyle, " ")
	side := sideWord(l)
	if f.w >= 100 {
		r.field(dim, side, 7)
	} else {
		r.field(dim, cut(side, 1), 2)
	}
	r.right(plainStyle, latency(l.Latency), 5)
	attempt := ""
	if l.Attempt > 1 {
		attempt = " #" + itoa(l.Attempt)
	}
	r.field(warn, attempt, 4)
	if l.Late {
		r.put(warn, "late ")
	}
	switch {
	case f.w >= 100:
		r.field(plainStyle, place(l.Labels), min(36, f.w/4)).put(plainStyle, " ")
	case s.scope == nil:
		r.field(plainStyle, modelAt(l.Labels), min(24, f.w/4)).put(plainStyle, " ")
	}
	return p.say(r, f, l)
}

// statusWord is the status of a record in three columns.
func statusWord(l *desk.RecordLine) string {
	if l.Status > 0 {
		return itoa(l.Status)
	}
	return "---"
}

// say ends a row with the words of its record.
func (p *logPane) say(r *row, f frame, l *desk.RecordLine) string {
	text := l.Text
	if text == "" {
		text = l.Raw
	}
	text = gist(bound(text, 2*f.w))
	if at := find(text, p.text); at >= 0 {
		n := len(p.text)
		return r.put(plainStyle, text[:at]).put(danger, text[at:at+n]).put(plainStyle, text[at+n:]).line()
	}
	return r.put(plainStyle, text).line()
}

// gist takes the tags out of an error page, so that the row shows its words. The record's page shows it whole.
func gist(text string) string {
	if !strings.HasPrefix(text, "<") {
		return text
	}
	var b strings.Builder
	for rest := text; rest != ""; {
		open := strings.IndexByte(rest, '<')
		if open < 0 {
			b.WriteString(rest)
			break
		}
		b.WriteString(rest[:open])
		b.WriteByte(' ')
		end := strings.IndexByte(rest[open:], '>')
		if end < 0 {
			break
		}
		rest = rest[open+end+1:]
	}
	if words := strings.Join(strings.Fields(b.String()), " "); words != "" {
		return words
	}
	return text
}

// find gives where a search hits in ASCII text, for the highlight; elsewhere it gives -1.
func find(text, search string) int {
	if search == "" || search[0] == '!' || !plain(text) || !plain(search) {
		return -1
	}
	return strings.Index(strings.ToLower(text), strings.ToLower(search))
}

// sideWord tells apart what was asked of the gateway and what it asked of a provider: one failure is two
// records where both sides are seen.
func sideWord(l *desk.RecordLine) string {
	switch l.Labels["side"] {
	case traffic.SideClient:
		return "client"
	case traffic.SideUpstream:
		return "upstr."
	}
	return ""
}

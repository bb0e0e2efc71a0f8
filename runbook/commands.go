package runbook

import (
	"regexp"
	"slices"
	"strings"
)

// shells are the fence words whose lines are commands.
func shells() []string {
	return []string{"sh", "bash", "zsh", "shell", "console", "terminal", "shell-session", "shellsession", "shell script", "ksh", "powershell", "cmd"}
}

// queries are the fence words whose whole text is one thing to copy.
func queryLangs() []string {
	return []string{"promql", "sql", "logql", "kql", "lucene", "jq", "graphql", "ruby", "python"}
}

const knownCommands = " aws az awk base64 bash bundle cat cd chef-client chmod chown consul cp curl date dd df dig docker docker-compose du echo env etcdctl " +
	"export find gcloud gh git gitlab-ctl gitlab-rails gitlab-rake grep gsutil haproxyctl helm hostname htop ip iptables istioctl jobs journalctl jq kill " +
	"knife kubectl less ln ls lsof make mkdir mount mv mysql nc netstat nslookup oc ping podman promtool psql ps python python3 rake redis-cli rm rsync " +
	"scp screen sed service socat sort ssh ss strace su sudo systemctl tail tar tcpdump tee telnet terraform tmux top touch traceroute truncate uptime vault " +
	"vi vim watch wget xargs yum apt apt-get amtool calicoctl ceph crictl cqlsh kafka-topics.sh logcli mongo nodetool nomad opensearch pgrep pkill pg_ctl signalbox "

// looksLikeCommand tells a command in running text from a name: it has a known first word and more than one.
func looksLikeCommand(s string) bool {
	first, rest, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(s), "$ "), " ")
	return strings.TrimSpace(rest) != "" && strings.Contains(knownCommands, " "+first+" ")
}

// commandsOf finds the commands of a fence, one at a time: prompts stripped, output and comments dropped,
// continuations, here-documents, loops and open quotes kept together.
func commandsOf(lang, body string, line int) []Command {
	switch {
	case slices.Contains(queryLangs(), lang):
		return []Command{{Text: body, Line: line, Placeholders: placeholders(body)}}
	case !slices.Contains(shells(), lang) && (lang != "" || !hasCommand(body)):
		return nil
	}
	prompt := promptOf(body)
	var all []Command
	lines := strings.Split(body, "\n")
	for i := 0; i < len(lines); {
		text, isCommand := strings.TrimSpace(lines[i]), true
		if prompt != nil {
			text, isCommand = prompt.cut(text)
		}
		if text = strings.TrimSpace(text); !isCommand || text == "" || strings.HasPrefix(text, "#") {
			i++
			continue
		}
		start := i
		for i++; i < len(lines) && unfinished(text); i++ {
			next := lines[i]
			if t := strings.TrimSpace(next); prompt != nil && strings.HasPrefix(t, "> ") {
				next = t[2:]
			}
			text += "\n" + next
		}
		all = append(all, Command{Text: text, Line: line + start})
	}
	assigned := assignedNames(body)
	for i := range all {
		all[i].Placeholders = slices.DeleteFunc(placeholders(all[i].Text), func(p Placeholder) bool {
			return strings.HasPrefix(p.Text, "$") && assigned[p.Name]
		})
	}
	return all
}

// flagged is a line that begins with a small word and has an option: "gds aws tools --login".
var flagged = regexp.MustCompile(`^[a-z][a-z0-9_./-]*( [^\s|:]+)* --?[a-z][a-z0-9-]*( |=|$)`)

// hasCommand tells whether a fence without a language holds commands rather than output or a file.
func hasCommand(body string) bool {
	for l := range strings.SplitSeq(body, "\n") {
		l = strings.TrimSpace(l)
		first, _, _ := strings.Cut(l[len(maybe.FindString(l)):], " ")
		if _, ok := sure.cut(l); ok || flagged.MatchString(l) || (first != "" && strings.Contains(knownCommands, " "+first+" ")) {
			return true
		}
	}
	return false
}

// A prompt is what stands before a command in a copy of a terminal.
type prompt []*regexp.Regexp

func (p prompt) cut(line string) (rest string, ok bool) {
	for _, re := range p {
		if m := re.FindString(line); m != "" {
			return line[len(m):], true
		}
	}
	return line, false
}

// sure are prompts whatever stands behind them; maybe are prompts before a known command only, where no command of
// the fence goes without one: # begins a comment elsewhere, and > and % mean other things.
var (
	sure = prompt{
		regexp.MustCompile(`^\$ `),
		regexp.MustCompile(`^[$#%] ?\[?[\w.-]+@[\w.-]+[^$#%]{0,60}[$#%] `),
		regexp.MustCompile(`^(\([\w./-]+\) )?\[?[a-z_][\w.-]*@[\w.-]+[^$#%>]{0,60}[$#%>] `),
		regexp.MustCompile(`^(PS )?[A-Z]:\\[^>\n]{0,80}>\s*`),
		regexp.MustCompile(`^(mysql|MariaDB \[[^\]]*\]|sqlite|mongo|>>|irb\([^)]*\):[0-9:]+|\[[0-9]+\] pry\([^)]*\)|127\.0\.0\.1:[0-9]+|redis [^>\n]{1,40}|[\w.-]+=)[>#] `),
		regexp.MustCompile(`^(➜|❯|λ)\s+(~?\S*\s+)??`),
	}
	maybe = regexp.MustCompile(`^(?:# |% |> |~ |[a-z]+# |bash-[0-9.]+[$#] |root# )`)
)

// promptOf finds the prompt that marks commands in a fence, nil where there is none.
func promptOf(body string) prompt {
	marked, bare := false, false
	for l := range strings.SplitSeq(body, "\n") {
		l = strings.TrimSpace(l)
		if _, ok := sure.cut(l); ok {
			return sure
		}
		rest := l
		m := maybe.FindString(l)
		rest = rest[len(m):]
		first, _, _ := strings.Cut(rest, " ")
		known := first != "" && strings.Contains(knownCommands, " "+first+" ")
		marked = marked || (m != "" && known)
		bare = bare || (m == "" && known)
	}
	if marked && !bare {
		return prompt{maybe}
	}
	return nil
}

var (
	hereDoc = regexp.MustCompile(`<<-?\s*['"]?([A-Za-z_]\w*)['"]?`)
	opens   = regexp.MustCompile(`(?m)(^|[;|&(]\s*|\bdo\s+|\bthen\s+)\s*(?:(?:for|while|until|if|case)\s|select\s+\w+\s+in\s)`)
	closes  = regexp.MustCompile(`(?m)(^|[;\s])(done|fi|esac)\b`)
)

// unfinished tells whether a command goes on in the next line.
func unfinished(text string) bool {
	if len(text) > 8<<10 {
		return false
	}
	last := text[strings.LastIndexByte(text, '\n')+1:]
	if m := hereDoc.FindStringSubmatch(text); m != nil {
		return strings.TrimSpace(last) != m[1]
	}
	trimmed := strings.TrimRight(last, " \t")
	if strings.HasSuffix(trimmed, `\`) || strings.HasSuffix(trimmed, "|") || strings.HasSuffix(trimmed, "&&") {
		return true
	}
	return openQuote(text) || len(opens.FindAllString(text, -1)) > len(closes.FindAllString(text, -1))
}

func openQuote(text string) bool {
	var quote rune
	escaped := false
	for _, r := range text {
		switch {
		case escaped:
			escaped = false
		case r == '\\' && quote != '\'':
			escaped = true
		case quote != 0:
			if r == quote {
				quote = 0
			}
		case r == '\'' || r == '"':
			quote = r
		}
	}
	return quote != 0
}

package runbook

import (
	"regexp"
	"slices"
	"strings"
)

// What the operator must fill in: <pod>, $NAMESPACE, {{ pod }}, {{ $labels.pod }}, [temp-username], {cluster}, %HOST%,
// YOUR_API_KEY, your-bucket, POD_NAME.
var (
	angle     = regexp.MustCompile(`<([A-Za-z][A-Za-z0-9 _./:-]{0,38}[A-Za-z0-9]|[A-Za-z])>`)
	shellVar  = regexp.MustCompile(`\$\{?([A-Z][A-Z0-9_]+)\}?`)
	braces    = regexp.MustCompile(`\{\{\s*([A-Za-z][A-Za-z0-9_-]{0,38})\s*\}\}`)
	labelRef  = regexp.MustCompile(`\{\{\s*(?:\$labels|\.Labels)\.([A-Za-z][A-Za-z0-9_]{0,38})\s*\}\}`)
	bracketed = regexp.MustCompile(`(?:^|[\s=:/,'"])(\[[a-z]+(?:[-_][a-z]+)+\])`)
	braced    = regexp.MustCompile(`(?:^|[\s=:/,'"-])(\{[a-z]+(?:[-_][a-z]+)*\})(?:$|[\s/,:;'"-])`)
	percents  = regexp.MustCompile(`%([A-Z][A-Z_]{2,30})%`)
	yours     = regexp.MustCompile(`\b((?:YOUR|your)[_-][A-Za-z][A-Za-z0-9_-]{1,30})\b`)
	capitals  = regexp.MustCompile(`(?:^|[\s/:@,'"])((?:[A-Z]+[_-]){0,3}(?:NAME|ID|HOST|HOSTNAME|IP|NAMESPACE|POD|REGION|USERNAME|DOMAIN|BUCKET|CLUSTER|INSTANCE|PROJECT|SERVICE))(?:$|[\s/:,;'"])`)
	assigns   = regexp.MustCompile(`(?m)(?:^|[\s;])(?:export\s+|read\s+(?:-\w+\s+)*)?([A-Z][A-Z0-9_]+)=`)
)

// environment are variables that a shell has by itself.
const environment = " HOME PATH PWD USER SHELL EDITOR HOSTNAME IFS OLDPWD RANDOM SECONDS TERM LANG UID "

// placeholders finds the parts of a command that the operator fills in. Each name once.
func placeholders(cmd string) []Placeholder {
	var all []Placeholder
	add := func(name, text string) {
		name = strings.ToLower(strings.NewReplacer("-", "_", " ", "_", ".", "_", "/", "_", ":", "_").Replace(strings.Trim(name, "[]{}")))
		if len(all) < 64 && !slices.ContainsFunc(all, func(p Placeholder) bool { return p.Name == name || strings.Contains(p.Text, text) }) {
			all = append(all, Placeholder{Name: name, Text: text})
		}
	}
	for _, re := range []*regexp.Regexp{angle, shellVar, braces, labelRef, percents} {
		for _, m := range re.FindAllStringSubmatch(cmd, 64) {
			if m[0][0] != '$' || !strings.Contains(environment, " "+m[1]+" ") {
				add(m[1], m[0])
			}
		}
	}
	for _, re := range []*regexp.Regexp{bracketed, braced, yours, capitals} {
		for _, m := range re.FindAllStringSubmatch(cmd, 64) {
			add(m[1], m[1])
		}
	}
	return all
}

func assignedNames(body string) map[string]bool {
	names := map[string]bool{}
	for _, m := range assigns.FindAllStringSubmatch(body, 64) {
		names[strings.ToLower(m[1])] = true
	}
	return names
}

// burstNames are the names of placeholders that a burst can fill, and with which of its dimensions.
var burstNames = map[string]string{
	"region": "region", "aws_region": "region", "azure_region": "region", "gcp_region": "region", "cloud_region": "region", "location": "region", "region_name": "region",
	"model": "model", "model_name": "model", "model_id": "model", "llm_model": "model",
	"provider": "provider", "provider_name": "provider", "llm_provider": "provider", "vendor": "provider",
	"deployment": "deployment", "deployment_name": "deployment", "deployment_id": "deployment",
	"endpoint": "endpoint", "endpoint_name": "endpoint", "env": "env", "environment": "env", "gateway": "gateway", "gateway_name": "gateway",
}

// fieldsOf makes a variable of each placeholder in the commands of a plain book: optional, because a command can be
// copied with it open.
func fieldsOf(steps []Step) []Var {
	var vars []Var
	seen := map[string]bool{}
	for _, st := range steps {
		for _, c := range st.Commands() {
			for _, p := range c.Placeholders {
				if seen[p.Name] || !isName(p.Name) || len(vars) >= maxFields {
					continue
				}
				seen[p.Name] = true
				v := Var{Name: p.Name, Type: "string", Optional: true, Line: c.Line}
				if dim := burstNames[p.Name]; dim != "" {
					v.From = "burst." + dim
				}
				vars = append(vars, v)
			}
		}
	}
	return vars
}

// maxFields bounds the fields of a plain book.
const maxFields = 200

var harmless = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_./:@%+,=-]*$`)

// fillCommand puts values in place of placeholders. A value that a shell could read as more than a word stays out: it
// may come from a log, and the command will be pasted into a terminal.
func fillCommand(text string, open []Placeholder, vars map[string]string) string {
	for _, p := range open {
		v := vars[p.Name]
		if !harmless.MatchString(v) {
			continue
		}
		if m := shellVar.FindStringSubmatch(p.Text); m != nil && p.Text[0] == '$' {
			text = shellVar.ReplaceAllStringFunc(text, func(s string) string {
				if shellVar.FindStringSubmatch(s)[1] == m[1] {
					return v
				}
				return s
			})
			continue
		}
		text = strings.ReplaceAll(text, p.Text, v)
	}
	return text
}

package runbook

import (
	"strings"
	"testing"
	"time"
)

func titles(b *Book) string {
	var all []string
	for _, s := range b.Steps {
		all = append(all, s.Title)
	}
	return strings.Join(all, " | ")
}

func commandTexts(s Step) string {
	var all []string
	for _, c := range s.Commands() {
		all = append(all, c.Text)
	}
	return strings.Join(all, " | ")
}

func TestPlainSteps(t *testing.T) {
	tests := []struct{ name, src, title, steps string }{
		{
			"ordered items, context aside", "# Alert\n\n## Meaning\n\n1. Not a step\n\n## Diagnosis\n\n1. Look at it.\n2. Think. Then act.\n\n## Mitigation\n\nRestart it.\n",
			"Alert", "Look at it | Think. Then act | Mitigation",
		},
		{"a list broken by text goes on", "# A\n## Steps\n1. one\n\ntext\n\n2. two\n", "A", "one | two"},
		{"task boxes", "# A\n## Procedure\n- [ ] the pager\n- [x] the phone\n", "A", "the pager | the phone"},
		{"bullets that begin with verbs", "# A\n## Resolution\n- Check the pod\n- Restart it\n- pods\n", "A", "Check the pod | Restart it | pods"},
		{"bullets that do not", "# A\n## Resolution\n- a pod\n- a node\n- Check it\n", "A", "Resolution"},
		{"if-bullets are steps", "# A\n## Resolution\n- If it is full, drain it\n- If not, wait\n", "A", "If it is full, drain it | If not, wait"},
		{"a section is one step", "# A\n## Mitigation\nDo what you can.\n", "A", "Mitigation"},
		{"children inherit the role", "# A\n## Meaning\n### Details\nmuch text\n## Fix\nit\n", "A", "Fix"},
		{"no heading at all", "Restart the box.\n", "x", "x"},
		{"nothing but context", "# A\n## Meaning\ntext\n", "A", "A"},
		{"no first-level heading", "## Fix it\nnow\n", "Fix it", "Fix it"},
		{"title from the front matter", "---\ntitle: Etcd\nweight: 20\n---\n## Diagnosis\ntext\n", "Etcd", "Diagnosis"},
		{"broken front matter", "---\ntitle: [\n---\n# A\n## Fix\ntext\n", "A", "Fix"},
		{"an armed-looking fence is prose", "# A\n## Fix\n```action\ndo: cap.set\n```\n", "A", "Fix"},
		{"contents are not steps", "# A\n1. [One](#one)\n2. [Two](#two)\n\n## One\nDo it.\n## Two\nYou should rest.\n", "A", "One | Two"},
		{"an introduction is not a step", "# A\nwelcome\n## Fix\ntext\n", "A", "Fix"},
		{"BOM, CRLF, tabs, unclosed fence", "\ufeff# A\r\n## Fix\r\n1.\tone\r\n2.\ttwo\r\n```\nrest\r\n", "A", "one | two"},
		{"many alerts in one file", "# Product\n## Alerts\n### AlertOne\nGo there.\n### AlertTwo\nStay here.\n", "Product", "AlertOne | AlertTwo"},
		{"empty", "", "x", ""},
	}
	for _, tt := range tests {
		b, err := Parse("dir/x.md", []byte(tt.src))
		if err != nil || b.Armed {
			t.Errorf("%s: armed %v, error %v", tt.name, b.Armed, err)
		}
		if b.Title != tt.title || titles(b) != tt.steps {
			t.Errorf("%s\n got %q: %s\nwant %q: %s", tt.name, b.Title, titles(b), tt.title, tt.steps)
		}
		seen := map[string]bool{}
		for _, s := range b.Steps {
			if seen[s.Slug] || s.Slug == "" || s.Line < 1 {
				t.Errorf("%s: step %q slug %q line %d", tt.name, s.Title, s.Slug, s.Line)
			}
			seen[s.Slug] = true
		}
		Lint(b)
	}
}

func TestFencesBelongToTheirStep(t *testing.T) {
	src := "# A\n## Diagnosis\nBefore.\n\n1. one\n   ```bash\n   $ kubectl get pod <pod-name> -n $NS\n   NAME READY\n   $ echo \"a\n   b\"\n   ```\n2. two\n\n```\ncurl https://x/{{id}} \\\n  -H a\n```\n\n## Next\nRun `kubectl get nodes` and look at `nodes`.\n"
	b, err := Parse("x.md", []byte(src))
	if err != nil || titles(b) != "one | two | Next" {
		t.Fatal(titles(b), err)
	}
	for i, want := range []string{"kubectl get pod <pod-name> -n $NS | echo \"a\nb\"", "curl https://x/{{id}} \\\n  -H a", "kubectl get nodes"} {
		if got := commandTexts(b.Steps[i]); got != want {
			t.Errorf("step %d copies %q, want %q", i, got, want)
		}
	}
	var names []string
	for _, p := range append(b.Steps[0].Placeholders(), b.Steps[1].Placeholders()...) {
		names = append(names, p.Name+" "+p.Text)
	}
	if got := strings.Join(names, ", "); got != "pod_name <pod-name>, ns $NS, id {{id}}" {
		t.Errorf("placeholders %s", got)
	}
	if b.Steps[0].Prose[0].Text != "Before." || b.Steps[0].Commands()[0].Line != 7 || b.Steps[1].Line != 12 {
		t.Errorf("intro %q, command line %d, step line %d", b.Steps[0].Prose[0].Text, b.Steps[0].Commands()[0].Line, b.Steps[1].Line)
	}
}

func TestCommands(t *testing.T) {
	tests := []struct{ lang, body, want string }{
		{"sh", "# comment\nls -l\n\ncat x | \\\n  wc", "ls -l / cat x | \\\n  wc"},
		{"console", "$ ls\nout\n# not a comment here\n$ cat <<EOF\n> a\n> EOF\nmore", "ls / cat <<EOF\na\nEOF"},
		{"bash", "# systemctl restart x\n# journalctl -u x", "systemctl restart x / journalctl -u x"},
		{"bash", "# restart it\nsystemctl restart x", "systemctl restart x"},
		{"bash", "for p in a b; do\n  echo $p\ndone\nls", "for p in a b; do\n  echo $p\ndone / ls"},
		{"", "NAME READY\nx 1/1", ""},
		{"", "$ oc get pods\nNAME", "oc get pods"},
		{"yaml", "kubectl: x", ""},
		{"", "user@web-01:~$ uptime\n 10:00 up\n[root@db ~]# df -h\nSize", "uptime / df -h"},
		{"", "(prod) ana@bastion:/srv$ ls", "ls"},
		{"powershell", "PS C:\\Users\\a> Get-Process x\nout", "Get-Process x"},
		{"", "mysql> show processlist;\n+--+", "show processlist;"},
		{"", "gitlab_production=# select 1;\n 1", "select 1;"},
		{"sh", "% kubectl get pods\nNAME", "kubectl get pods"},
		{"", "~ knife vault show x\n_default", "knife vault show x"},
		{"", "gds aws tools --login\n# wait\ngds aws tools git push", "gds aws tools --login / gds aws tools git push"},
		{"promql", "up\n  == 0", "up\n  == 0"},
		{"sh", "echo \"never closed\nls", "echo \"never closed\nls"},
	}
	for _, tt := range tests {
		var got []string
		for _, c := range commandsOf(tt.lang, tt.body, 1) {
			got = append(got, c.Text)
		}
		if strings.Join(got, " / ") != tt.want {
			t.Errorf("%s %q: %q, want %q", tt.lang, tt.body, got, tt.want)
		}
	}
	if got := commandsOf("sh", "NS=prod\nkubectl get pod $POD -n $NS", 1); len(got) != 2 || len(got[1].Placeholders) != 1 || got[1].Placeholders[0].Name != "pod" {
		t.Errorf("a name that the fence sets itself is no field: %+v", got)
	}
}

func TestNoControlCharacterSurvives(t *testing.T) {
	src := "# A \x1b[31m&#27;]0;x&#7;\n## Fix &#x1b;[2J\n- Check \x9b31m `\x1b[1m` [l](http://x/&#27;y) &#x202e;evil \x00\n\n```sh\necho \x1b[0m\n```\n\n" +
		"| a&#27; | b |\n| --- | --- |\n| \x1bc | d |\n\n<details><summary>s&#27;[1m</summary></details>\n\n<br>&#155;x\n\n![i&#27;](http://i)\n"
	b, err := Parse("x\x1b.md", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	check := func(s string) {
		if s != clean(s) {
			t.Errorf("not clean: %q", s)
		}
	}
	check(b.Name + b.Title + b.ID)
	for _, s := range b.Sections {
		check(s.Title + s.Slug)
		walkProse(s.Prose, func(p *Prose) {
			check(p.Text + p.Lang)
			for _, sp := range p.Spans {
				check(sp.Text + sp.Href)
			}
			for _, c := range p.Commands {
				check(c.Text)
			}
		})
	}
	if len(b.Findings) == 0 {
		t.Error("no finding says that characters were removed")
	}
}

func TestProse(t *testing.T) {
	src := "# A\n## Fix\nDelete **now** the pod <pod> with `rm`, see [the *page*](other.md#x)<!-- hidden --><br>next.\n\n> [!WARNING]\n> careful\n\n| Code | Meaning |\n| --- | --- |\n| 502 | bad |\n"
	b, _ := Parse("x.md", []byte(src))
	p := b.Steps[0].Prose
	if len(p) != 3 || p[0].Text != "Delete now the pod <pod> with rm, see the page\nnext." {
		t.Fatalf("%+v", p)
	}
	var spans []string
	for _, s := range p[0].Spans {
		if s.Style != Plain {
			spans = append(spans, s.Text+" "+s.Href)
		}
	}
	if got := strings.Join(spans, ","); got != "now ,rm ,the page other.md#x" {
		t.Errorf("spans %q", got)
	}
	if p[1].Kind != Quote || !strings.Contains(p[1].Kids[0].Text, "careful") {
		t.Errorf("quote %+v", p[1])
	}
	if want := "Code  Meaning\n-------------\n502   bad"; p[2].Text != want {
		t.Errorf("table\n%s\nwant\n%s", p[2].Text, want)
	}
}

func TestSlugs(t *testing.T) {
	s := slugger{}
	for _, tt := range []struct{ title, want string }{
		{"1. Confirm scope", "1-confirm-scope"},
		{"502/524 burst: `x` & y", "502524-burst-x--y"},
		{"Fix", "fix"},
		{"Fix", "fix-1"},
		{"Fix-1", "fix-1-1"},
		{"Fix", "fix-2"},
		{"Überlast", "überlast"},
		{"!!!", "section"},
	} {
		if got := s.take(tt.title); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.title, got, tt.want)
		}
	}
}

// Nothing that a file can hold may make the parser slow or deep: a runbook is opened in an outage.
func TestHostileShapes(t *testing.T) {
	shapes := map[string]string{
		"quotes on a line": strings.Repeat(">", 1<<12),
		"quotes":           strings.Repeat(strings.Repeat("> ", 500)+"x\n", 100),
		"lists on a line":  strings.Repeat("- ", 1<<12),
		"nested lists": func() string {
			var b strings.Builder
			for i := range 300 {
				b.WriteString(strings.Repeat("  ", i) + "- x\n")
			}
			return b.String()
		}(),
		"brackets":       strings.Repeat("[", 1<<12),
		"bracket lines":  strings.Repeat("[a](", 1<<12),
		"brackets lines": strings.Repeat("[[[[[[[[\n", 1<<12),
		"stars":          strings.Repeat("*a_", 1<<12),
		"star lines":     strings.Repeat("*a_ **b\n", 1<<12),
		"backticks":      strings.Repeat("`a``b", 1<<12),
		"html":           strings.Repeat("<a ", 1<<12),
		"entities":       strings.Repeat("&#27;", 1<<12),
		"headings":       strings.Repeat("# Fix\n", 1<<12),
		"fences":         strings.Repeat("```sh\nls\n```\n", 1<<12),
		"here-documents": "```sh\n" + strings.Repeat("cat <<EOF\n", 1<<12),
		"items":          "# A\n## Steps\n" + strings.Repeat("1. Check it\n", 1<<12),
		"tables":         strings.Repeat("|a|b|\n|-|-|\n", 1<<12),
		"wide table":     strings.Repeat("|a", 1<<12) + "\n" + strings.Repeat("|-", 1<<12) + "\n" + strings.Repeat("|b|\n", 1<<8),
		"references":     strings.Repeat("[a]: b\n", 1<<12) + strings.Repeat("[a]", 1000),
	}
	for name, src := range shapes {
		began := time.Now()
		b, err := Parse("x.md", []byte(src))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		Lint(b)
		deepest := 0
		for _, s := range b.Sections {
			deepest = max(deepest, depthOf(s.Prose))
		}
		if deepest > maxDepth+2 || len(b.Steps) > maxSteps {
			t.Errorf("%s: %d deep, %d steps", name, deepest, len(b.Steps))
		}
		t.Logf("%s took %v", name, time.Since(began))
	}
}

func depthOf(prose []Prose) int {
	deepest := 0
	for _, p := range prose {
		deepest = max(deepest, 1+depthOf(p.Kids))
	}
	return deepest
}

package runbook

import (
	"reflect"
	"strings"
	"testing"
)

func lines(b *Book) []int {
	var all []int
	for _, s := range b.Steps {
		all = append(all, s.Line)
	}
	return all
}

// What authors elsewhere write as steps, each under the line where a reader would put the finger.
func TestForeignShapes(t *testing.T) {
	tests := []struct {
		name, src, steps string
		at               []int
	}{
		{
			"bold lines that stand for headings",
			"# R\n## Issue: slow\n**Symptoms:**\n- it is slow\n\n**Diagnosis:**\n```bash\ncurl -s x\n```\n\n**Resolution:**\n1. Scale it up\n2. Check the queries\n",
			"Diagnosis | Scale it up | Check the queries",
			[]int{6, 12, 13},
		},
		{"paragraphs that are steps", "# R\n## Doing it\n\n**Step 1: stop it**\n\nNow.\n\nStep 2: Start it.\n\nLater.\n", "Step 1: stop it | Step 2: Start it", []int{4, 8}},
		{
			"a table of numbered steps", "# R\n## Recovery\n\n| Step | Action | Owner |\n| --- | --- | --- |\n| 1 | Stop `x` | ana |\n| 2 | Call the owner | |\n",
			"Stop x | Call the owner",
			[]int{6, 7},
		},
		{"a table of facts", "# R\n## Recovery\n\n| Problem | Fix |\n| --- | --- |\n| a | Restart |\n| b | Wait |\n", "Recovery", []int{2}},
		{"a list in a fence", "# R\n### Playbook\n\n```\n(P) Preparation\n\n1. Patch the hosts\n2. Log the traffic\n```\n", "Patch the hosts | Log the traffic", []int{7, 8}},
		{"output in a fence", "# R\n### Recovery\n\n```\n1. 40 ms\n2. 41 ms\n```\n", "Recovery", []int{2}},
		{
			"admonitions of MkDocs", "# R\n## Step 1 — do\n\nRun `ls -l x`.\n\n!!! warning \"Mind\"\n    1. This is no step\n\n        kubectl get x\n\n## Step 2 — check\n\nLook.\n",
			"Step 1 — do | Step 2 — check",
			[]int{2, 11},
		},
		{"tabs of MkDocs", "# R\n## Fix\n\n=== \"AWS\"\n\n    1. Open the console\n    2. Press it\n", "Open the console | Press it", []int{6, 7}},
		{"directives of MyST", "# R\n## Fix\n\n```{note}\nMind.\n```\n\n1. Do it\n2. `````{tab-set}\n   ````{tab-item} A\n   Log in.\n   ````\n   `````\n3. Leave\n", "Do it | One of these A Log in | Leave", []int{8, 9, 14}},
		{"containers of Docusaurus", "# R\n## Fix\n\n:::tip\n- Check nothing\n:::\n\n1. Do it\n", "Do it", []int{8}},
		{"TOML front matter", "+++\ntitle = \"Disk full\"\n+++\n\n## Fix\n\n1. Do it\n", "Do it", []int{7}},
		{"rules are no front matter", "---\n# R\n\n> Kept.\n\n---\n\n## Fix\n\n1. Do it\n", "Do it", []int{10}},
		{"a heading in HTML", "<h1>R</h1>\n\n<h2 id=\"x\">Fix</h2>\n\n1. Do it\n", "Do it", []int{5}},
		{"a list that explains", "# R\n## Diagnosis\n\nThis fires for the following reasons:\n\n1. the disk is full\n2. the network is gone\n\n## Mitigation\n\nFree some space.\n", "Diagnosis | Mitigation", []int{2, 9}},
		{"the contents of the file", "# R\n\n1. Check the pods\n2. Restart them\n\n## Check the pods\n\nLook.\n\n## 2. Restart them\n\nNow.\n", "Check the pods | 2. Restart them", []int{6, 10}},
		{"sections that only inform", "# R\n## Tech stack\n\nPython.\n\n## Restart\n\n```sh\nsystemctl restart x\n```\n\n## Who is this for?\n\nFor you.\n", "Restart", []int{6}},
		{"a heading alone", "# R\n## 1. Drain the node\n## 2. Reboot the node\n", "1. Drain the node | 2. Reboot the node", []int{2, 3}},
		{"bullets behind labels", "# R\n## Restore order\n\n- **One.** Pull the dump\n- **Two.** Provision the base\n", "One. Pull the dump | Two. Provision the base", []int{4, 5}},
		{"bullets of facts", "# R\n## Restore order\n\n- **Owner:** ana\n- **Label**: x\n", "Restore order", []int{2}},
		{"a title that names a role", "# Impact of a full disk\n\n## Check\n\n1. Look at it\n", "Look at it", []int{5}},
		{"steps in context only", "# R\n## Overview\n\n1. Do this\n2. Do that\n", "Do this | Do that", []int{4, 5}},
		{"an introduction to steps below", "# R\n## Mitigation\n\nThis can pass by itself, so there are two parts.\n\n### 1. Look again\n\n```sh\ncat x\n```\n\n### 2. Set it\n\nSet it by hand.\n", "1. Look again | 2. Set it", []int{6, 12}},
		{"an introduction that tells to act", "# R\n## Mitigation\n\nUse an elevated shell for all of this.\n\n### Part one\n\n```sh\ncat x\n```\n", "Mitigation | Part one", []int{2, 6}},
		{"a title among its equals", "# Workaround for lost volumes\n\nThis page is about lost volumes.\n\n# Cause\n\nA part must have failed.\n\n# Mitigation\n\n1. Create it anew\n", "Create it anew", []int{11}},
		{"what explains by its label", "# R\n## Diagnosis\n\n**What this step validates**:\n- cables\n- ports\n\n**Error Message:**\n\n```text\nno link\n```\n\n### The cables\n\n- Look for both ends\n\n### When to use this guide\n\nUse this guide when all is well.\n", "Look for both ends", []int{16}},
		{"a diagram alone", "# R\n## Diagnosis\n\n1. Look at it\n\n### Drawing\n\n```mermaid\ngraph LR\n```\n\n### Remarks\n\n> **Note** take care\n", "Look at it", []int{4}},
		{"an overview with its commands", "# R\n## Backups overview\n\n1. List the jobs\n\n   ```sh\n   kubectl get jobs\n   ```\n\n2. View one\n\n   ```sh\n   kubectl get job x\n   ```\n\n## Create a backup\n\n1. Do it\n", "List the jobs | View one | Do it", []int{4, 10, 18}},
		{"names of options", "# R\n## Import\n\nThere are two kinds:\n\n- `add`\n\n  Nothing is deleted.\n\n- `update`\n\n  What differs is changed.\n\nRun it:\n\n```sh\nimport.sh x\n```\n", "Import", []int{2}},
		{"a list to read", "# R\n\nOne system stores all.\n\nRefer to the following:\n\n- [The documentation](https://x.example/)\n- [Manage the stores](stores.md)\n", "R", []int{1}},
		{"pages and nothing else", "# R\n\n* [Add node fails](a.md)\n* [Repair it](b.md)\n", "R", []int{1}},
		{"what is expected", "# R\n\nThe following is expected here:\n\n* After that all must be gone\n* It goes on\n\n## Consequences if you do not fix this\n\nYou must wait.\n\n## Restart it\n\nNow.\n", "Restart it", []int{12}},
		{"rules for names", "# R\n## Naming of things\n\nHere variables should:\n\n- end with their type\n- be singular\n\n## Restart it\n\nNow.\n", "Naming of things | Restart it", []int{2, 9}},
		{"a part of a system named like an order", "# R\n## Send\n\nThe queue feeds it.\n\n## Restart\n\n```sh\nsystemctl restart x\n```\n", "Restart", []int{6}},
		{"what a command shows", "# R\n## Simple keys\n\n```\n$ cat a.yml\na: 1\nb: 2\n$ merge a.yml b.yml\na: 1\nb: 3\n```\n\n## Restart it\n\nNow.\n", "Restart it", []int{13}},
		{"what is looked for in an output", "# R\n## Diagnosis\n\n```\n$ kubectl get x\nNAME READY\na 1\nb 2\n```\n", "Diagnosis", []int{2}},
		{"calls of an interface", "# Orders API\n\n## Create an order\n\n```sh\ncurl -X POST http://x/orders\n```\n\n### GET /orders\n\n```sh\ncurl http://x/orders\n```\n\n## Set up\n\n1. Get a key\n2. Export it\n", "Get a key | Export it", []int{17, 18}},
		{"an interface that is ill", "# Orders API is down\n\n## Look at it\n\n```sh\ncurl http://x/health\ncurl http://x/ready\n```\n", "Look at it", []int{3}},
		{"recommendations", "# R\n## Recommendations\n\n- Use labels\n- Keep it short\n\n## Remediation recommendations\n\n- Restart it\n", "Restart it", []int{9}},
		{"a title below the first level", "## R\n\n**Do all of this at once!**\n\nAssign the steps to people.\n\n### Contain\n\n- Cut the link\n", "Cut the link", []int{9}},
		{"phases of bullets", "# R\n## The way\n\n1. First phase\n   - Run this\n   - Stop that\n2. Second phase\n   - Open it\n", "First phase | Second phase", []int{4, 7}},
		{"where to read more", "# R\n## Storage\n\nSee [the page](x.md) for more information.\n\n## Restart it\n\nNow.\n", "Restart it", []int{6}},
		{
			"Chinese", "# 故障排查\n\n## 概述\n\n本文介绍生产环境的常见问题以及处理方法，适用于所有集群和节点的运维人员。\n\n## 常见问题\n\n| 问题 | 原因 |\n| --- | --- |\n| a | b |\n\n## 排查步骤\n\n- 检查 CoreDNS 日志\n- 查看 Pod 状态\n\n## 网络\n\n集群的网络由插件提供。\n\n## 回滚\n\n```sh\nkubectl rollout undo deploy/x\n```\n",
			"检查 CoreDNS 日志 | 查看 Pod 状态 | 回滚",
			[]int{15, 16, 22},
		},
		{
			"Japanese", "# 障害対応\n\n## 目的\n\nこの文書は障害が発生したときの対応について説明します。対象は運用チームのメンバーです。\n\n## 手順\n\n1. ログを確認する\n2. サービスを再起動してください\n\n## 一覧\n\n| 名前 | 値 |\n| --- | --- |\n| a | b |\n\n## 関連リンク\n\n- [x](x.md)\n",
			"ログを確認する | サービスを再起動してください",
			[]int{9, 10},
		},
		{
			"German", "# Neustart\n\n## Übersicht\n\nDer Dienst ist auf dem Knoten und wird von der Leitstelle mit einem Befehl für die Wartung angehalten.\n\n## Auslöser\n\n- [ ] Der Dienst ist nicht da\n\n## Vorgehen\n\n- Prüfe den Knoten und die Platte\n- Starte den Dienst neu\n\n### Schritt 3\n\nDas ist nicht zu vergessen.\n\n## Ansprechpartner\n\n- Bitte die Leitstelle anrufen\n",
			"Prüfe den Knoten und die Platte | Starte den Dienst neu | Schritt 3 | Bitte die Leitstelle anrufen",
			[]int{13, 14, 16, 22},
		},
		{
			"French", "# Incident\n\n## Contexte\n\nLe service est dans la salle et les sondes sont avec une alarme pour le superviseur sur la ligne.\n\n## Procédure\n\n- Vérifier les journaux du service\n- Redémarrez le nœud\n\n## Les sondes\n\nLa sonde est dans la salle avec le service.\n",
			"Vérifier les journaux du service | Redémarrez le nœud",
			[]int{9, 10},
		},
		{
			"another language", "# R\n## Schritte\n\n1. Der Knoten ist voll und das ist nicht gut\n2. Die Platte mit der Bürste und auf den Tisch, sie ist für den Nutzer\n\n## Wiederherstellung\n\nDer Dienst ist auf dem Knoten und nicht im Netz.\n",
			"Der Knoten ist voll und das ist nicht gut | Die Platte mit der Bürste und auf den Tisch, sie ist für den Nutzer | Wiederherstellung",
			[]int{4, 5, 7},
		},
	}
	for _, tt := range tests {
		b, err := Parse("x.md", []byte(tt.src))
		if err != nil {
			t.Fatal(tt.name, err)
		}
		if titles(b) != tt.steps || !reflect.DeepEqual(lines(b), tt.at) {
			t.Errorf("%s\n got %s %v\nwant %s %v", tt.name, titles(b), lines(b), tt.steps, tt.at)
		}
	}
}

func TestImperative(t *testing.T) {
	yes := []string{
		"Check the pods", "**Restart** it", "- [ ] Page the owner", "1. Drain it", "First, stop it", "From the console, open it", "You should wait", "Make sure it runs", "If it is full, drain it", "Temporarily disable it",
		"Do not restart", "`x`: restart", "Step 3: Wait", "Apply the patch", "Please call", "Log in",
	}
	no := []string{"Pods", "The pod is gone", "Note: this", "Label: x", "Access is limited", "Test coverage of x: 3", "", "12 pods", "Restarts of the pod"}
	for _, s := range yes {
		if !ordering(s) {
			t.Errorf("%q tells nobody to do something", s)
		}
	}
	for _, s := range no {
		if imperativeStrict(s) {
			t.Errorf("%q tells somebody to do something", s)
		}
	}
	for title, want := range map[string]bool{
		"Drain the node": true, "Apply the definition": true, "Deleting a namespace": true, "Step 4": true, "If the disk is full": true, "Alert details": false, "Log links": false, "Test summary": false, "Overview": false, "Logging": false, "Troubleshooting": true,
	} {
		if directs(title) != want {
			t.Errorf("%q directs: %v", title, !want)
		}
	}
}

const alertsFile = "# Product\n\n## Alerts\n\n### IngesterDown\n\nGo there.\n\n#### How to fix it\n\n1. Restart it\n\n### QueryTooSlow (page)\n\n**Alert:** `QueryTooSlow`, `QueryFarTooSlow`\n\n1. Look at `kubectl logs <pod>`\n\n## Questions\n\nnone\n"

func TestOneFileOfManyAlerts(t *testing.T) {
	b := ParsePlain("ops/product.md", []byte(alertsFile))
	var names []string
	for _, a := range b.Alerts {
		names = append(names, a.Name+" "+a.Slug)
	}
	if got, want := strings.Join(names, ", "), "IngesterDown ingesterdown, QueryTooSlow querytooslow-page, QueryFarTooSlow querytooslow-page"; got != want {
		t.Errorf("alerts %s, want %s", got, want)
	}
	part, ok := b.Part("querytooslow-page")
	if !ok || part.ID != "product/querytooslow-page" || titles(part) != "Look at kubectl logs <pod>" || part.SHA256 != b.SHA256 || len(part.Vars) != 1 {
		t.Errorf("part %+v", part)
	}
	if part, _ := b.Part("ingesterdown"); titles(part) != "IngesterDown | Restart it" {
		t.Errorf("part with a heading below: %s", titles(part))
	}
	if a := ParsePlain("x.md", []byte("# R\n## On the ToR switch\n1. Do it\n")).Alerts; len(a) != 0 {
		t.Errorf("a short name of something is an alert: %+v", a)
	}
	if _, ok := b.Part("nowhere"); ok {
		t.Error("a part that is not there")
	}
	if whole, ok := b.Part("product"); !ok || whole != b {
		t.Error("the title is the whole file")
	}

	other := ParsePlain("x/etcd/README.md", []byte("# Etcd\n## Fix\n1. Do it\n"))
	for _, tt := range []struct {
		alert Alert
		id    string
	}{
		{Alert{Name: "QueryFarTooSlow"}, "product/querytooslow-page"},
		{Alert{Name: "X", RunbookURL: "https://runbooks.example/ops/product#ingesterdown"}, "product/ingesterdown"},
		{Alert{Name: "X", RunbookURL: "https://runbooks.example/etcd/"}, "readme"},
		{Alert{Name: "Y"}, ""},
	} {
		offers := Offers([]*Book{b, other}, BurstView{Alerts: []Alert{tt.alert}}, nil)
		id := ""
		if len(offers) > 0 {
			id = offers[0].Book.ID
		}
		if id != tt.id {
			t.Errorf("%+v offers %q, want %q", tt.alert, id, tt.id)
		}
	}
}

func TestFollow(t *testing.T) {
	for _, tt := range []struct {
		file, href string
		want       Place
		ok         bool
	}{
		{"docs/a.md", "b.md#x", Place{"docs/b.md", "x"}, true},
		{"docs/a.md", "../c/d.markdown", Place{"c/d.markdown", ""}, true},
		{"docs/a.md", "#here", Place{"docs/a.md", "here"}, true},
		{"docs/a.md", "b%20c.md", Place{"docs/b c.md", ""}, true},
		{"docs/a.md", "https://x/b.md", Place{}, false},
		{"docs/a.md", "/etc/b.md", Place{}, false},
		{"docs/a.md", "b.png", Place{}, false},
		{"docs/a.md", "mailto:x@y", Place{}, false},
		{"docs/a.md", "", Place{}, false},
	} {
		if got, ok := Follow(tt.file, tt.href); got != tt.want || ok != tt.ok {
			t.Errorf("%s from %s: %+v %v, want %+v", tt.href, tt.file, got, ok, tt.want)
		}
	}
	b := ParsePlain("a.md", []byte("# A\n## Fix\n1. See [b](b.md), then [c](https://c)\n"))
	if l := b.Steps[0].Links(); len(l) != 2 || l[0] != (Link{"b", "b.md", 3}) {
		t.Errorf("links %+v", l)
	}
}

func TestReadingGoesBack(t *testing.T) {
	var r Reading
	if _, ok := r.Back(); ok {
		t.Error("back from nowhere")
	}
	a, b := Place{File: "a.md"}, Place{File: "b.md", Slug: "x"}
	r = r.Open(a)
	inB := r.Open(b).Open(b)
	if at, _ := inB.At(); at != b {
		t.Errorf("at %+v", at)
	}
	back, ok := inB.Back()
	if at, _ := back.At(); !ok || at != a {
		t.Errorf("back at %+v", at)
	}
	for range 3 * maxReading {
		r = r.Open(b).Open(a)
	}
	if len(r.places) > maxReading {
		t.Errorf("%d places are remembered", len(r.places))
	}
	if at, _ := back.At(); at != a {
		t.Error("an older reading changed")
	}
}

func TestFieldsOfPlainBooks(t *testing.T) {
	b := ParsePlain("x.md", []byte("# A\n## Fix\n```sh\n$ kubectl get pod <pod-name> -n $NS --region {region} --env [cloud-env] | grep NSX$NSX\n$ curl https://%HOST%/YOUR_API_KEY\n```\nRun `kubectl logs <pod-name>` then.\n"))
	var names []string
	for _, v := range b.Vars {
		names = append(names, v.Name+" "+v.From)
	}
	if got, want := strings.Join(names, ","), "pod_name ,ns ,nsx ,cloud_env ,region burst.region,host ,your_api_key "; got != want {
		t.Fatalf("fields %q, want %q", got, want)
	}
	vars := Bind(b, data{"region": "eu-west"})
	vars["pod_name"], vars["ns"], vars["host"] = "api-0", "prod", "x; rm -rf ~"
	w := Fold(b, []Entry{{At: t0, Kind: EntryStart, Data: data{"var.pod_name": "api-0", "var.ns": "prod", "var.host": "x; rm -rf ~", "var.region": vars["region"]}}})
	st := b.Steps[0]
	st.Prose = w.FillProse(st.Prose)
	want := "kubectl get pod api-0 -n prod --region eu-west --env [cloud-env] | grep NSX$NSX | curl https://%HOST%/YOUR_API_KEY | kubectl logs api-0"
	if got := commandTexts(st); got != want {
		t.Errorf("filled\n%s\nwant\n%s", got, want)
	}
	if !strings.Contains(st.Prose[0].Text, "pod api-0 -n prod") || !strings.Contains(st.Prose[1].Text, "logs api-0") {
		t.Errorf("shown %q %q", st.Prose[0].Text, st.Prose[1].Text)
	}
	if commandTexts(b.Steps[0]) == want {
		t.Error("the book itself was filled")
	}
}

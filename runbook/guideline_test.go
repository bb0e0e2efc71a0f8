package runbook

import (
	"strings"
	"testing"
)

// TestGuidesAreReadNotWalked: a file or a section that says how things are or should be gives no steps where it only tells what
// always holds, and gives those that it numbers.
func TestGuidesAreReadNotWalked(t *testing.T) {
	for _, tt := range []struct{ name, text, steps string }{
		{"a guideline", "# Security guidelines for authors\n\n## Least privilege\n\nRequest the least that answers the question.\n\n- Use a read-only role.\n- Never share a token.\n\n" +
			"## Before you publish\n\n- [ ] No secrets in it.\n- [ ] Every change has a way back.\n", "No secrets in it | Every change has a way back"},
		{
			"a guideline with a way in it", "# Naming conventions\n\n- Use small letters.\n- Keep names short.\n\n## How to rename a service\n\n1. Stop the service.\n2. Rename its folder.\n3. Start it.\n",
			"Stop the service | Rename its folder | Start it",
		},
		{"a file about one is none", "# Rotation policy runbook\n\n## Rotate\n\n- Stop the job.\n- Delete the old key.\n", "Stop the job | Delete the old key"},
		{"rules in a runbook", "# Disk full\n\n## Guidelines\n\n- Keep backups for a week.\n- Use the small disks.\n\n## Mitigation\n\n- Delete old logs.\n- Restart the node.\n", "Delete old logs | Restart the node"},
		{
			"names in code", "# lib\n\n## Do it\n\n1. Load the library.\n2. Run it.\n\n### `scale_set <name>`\n\nScale a set. You need to have rights.\n\n### `list_pods`\n\nList all pods.\n\n1. Show what you get.\n",
			"Load the library | Run it",
		},
		{"what an interface takes", "# backup\n\n## Request\n\n```sh\ncurl http://backup/run\n```\n\n## Input\n\n- Set the name.\n- Set the size.\n\n## Run it\n\n```sh\nbackup run\n```\n", "Run it"},
		{"labels explain", "# Fencing\n\n## How it is safe\n\n- **Fenced writes** — the task holds the lock.\n- **Stuck switch** — if the switch hangs, the task rolls it back.\n- **Hand-over** — the operator owns it then.\n\n" +
			"## Act\n\n- **Stop it**: Stop the old primary.\n- **Wait**: Check the replicas.\n", "Stop it: Stop the old primary | Wait: Check the replicas"},
		{"what a program must do", "# Notes\n\nText.\n\n## Isolation\n\nEach test must own its data. It should clean up.\n\n## Do\n\nYou must clean up the folder.\n", "Do"},
		{"a purpose in passing", "# Collector\n\nText.\n\n## Partial collection\n\nWhere a pod cannot be asked, the answer is partial.\n\n## Mitigation\n\nThe pod comes back by itself.\n", "Mitigation"},
	} {
		b, err := Parse("x.md", []byte(tt.text))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, s := range b.Steps {
			got = append(got, s.Title)
		}
		if s := strings.Join(got, " | "); s != tt.steps {
			t.Errorf("%s: %s\nwant %s", tt.name, s, tt.steps)
		}
	}
}

// TestOrdersInBullets: numbered orders that a bullet sets off are steps of their own, with the words before them at the first, and
// all of them apply only when it does.
func TestOrdersInBullets(t *testing.T) {
	const text = "# Tokens\n\n## Mitigation\n\n- Synchronise the clocks.\n- If the tokens differ, do this:\n  1. Stop enforcing them.\n  2. Rotate them.\n     Take your time.\n\n  It takes a minute.\n- Tell the team.\n"
	b, err := Parse("x.md", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range b.Steps {
		mark := ""
		if s.Conditional {
			mark = "?"
		}
		got = append(got, mark+s.Title)
	}
	if s := strings.Join(got, " | "); s != "Synchronise the clocks | ?Stop enforcing them | ?Rotate them. Take your time | Tell the team" {
		t.Fatalf("steps: %s", s)
	}
	if first, last := b.Steps[1], b.Steps[2]; !strings.Contains(firstText(first.Prose), "If the tokens differ") || last.Line != 8 || last.Prose[len(last.Prose)-1].Text != "It takes a minute." {
		t.Errorf("first %+v\nlast %+v", first.Prose, last)
	}
	if b, err = Parse("y.md", []byte("# Access\n\nText.\n\n## Provisioning\n\nAccess is given by:\n\n1. Logging in to the portal\n2. Going to users\n3. Once invited, the role is set\n")); err != nil || len(b.Steps) != 3 {
		t.Errorf("a way that is told without orders has %d steps, %v", len(b.Steps), err)
	}
}

// Package runbooks holds the shipped playbooks. Code stays out of this folder: this file embeds them and does nothing else.
package runbooks

import "embed"

// Files holds the shipped playbooks, *.md, and their tests, *.test.yaml.
//
//go:embed *.md *.test.yaml
var Files embed.FS

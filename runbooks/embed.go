// Package runbooks holds the shipped playbooks. Code stays out of this folder: this file embeds them and does nothing else.
package runbooks

import "embed"

// Files holds the shipped playbooks, *.md.
//
//go:embed *.md
var Files embed.FS

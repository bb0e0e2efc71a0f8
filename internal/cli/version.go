package cli

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"signalbox/internal/config"
	"signalbox/ui"
)

// build is what the binary knows of itself.
type build struct {
	Version  string `json:"version"`
	Commit   string `json:"commit"`
	Modified bool   `json:"modified,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// Version is the release; a build from a checkout is told by its commit.
const version = "0.1.0"

func builtFrom() build {
	b := build{Version: version, Commit: "unknown", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value[:min(12, len(s.Value))]
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

func (a *app) versionCommand() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use: "version", Short: "Version, commit and Go version", Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			b := builtFrom()
			if output == "json" {
				return a.json(struct {
					V int `json:"v"`
					build
				}{1, b})
			}
			dirty := ""
			if b.Modified {
				dirty = " (modified)"
			}
			p := printer{w: a.Out}
			p.line("signalbox %s, commit %s%s, %s %s", b.Version, b.Commit, dirty, b.Go, b.Platform)
			return p.err
		},
	}
	outputFlag(c, &output)
	return c
}

// outputFlag adds --output text|json and checks it before the verb runs.
func outputFlag(c *cobra.Command, value *string) {
	c.Flags().StringVar(value, "output", "text", "text or json")
	c.PreRunE = func(*cobra.Command, []string) error { return oneOf("output", *value, "text", "json") }
}

// json prints one object on one line.
func (a *app) json(v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encoding the answer: %w", err)
	}
	p := printer{w: a.Out}
	p.line("%s", raw)
	return p.err
}

func (a *app) keysCommand() *cobra.Command {
	var markdown bool
	c := &cobra.Command{
		Use: "keys", Short: "The keys of the console", Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			p := printer{w: a.Out}
			if markdown {
				p.line("%s", ui.KeysMarkdown())
				return p.err
			}
			for _, k := range ui.Keys() {
				p.line("%-16s %-10s %s", k.Keys, k.Mode, k.Help)
			}
			return p.err
		},
	}
	c.Flags().BoolVar(&markdown, "markdown", false, "as a Markdown table")
	return c
}

func (a *app) infoCommand() *cobra.Command {
	return &cobra.Command{
		Use: "info", Short: "Every path and setting that this console would use", Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			cfg, found, err := a.loadConfig()
			if err != nil {
				return err
			}
			dir, err := a.stateFolder(cfg)
			if err != nil {
				return err
			}
			p := printer{w: a.Out}
			if found {
				p.line("configuration  %s", cfg.File)
			} else {
				home, _ := os.UserHomeDir()
				for _, c := range config.Candidates(os.Getenv, home) {
					p.line("configuration  none at %s", c)
				}
			}
			p.line("state folder   %s", dir)
			p.line("journal        %s/journal.jsonl", dir)
			p.line("exports        %s/exports", dir)
			if env := filepath.Join(dir, drillEnvName); fileExists(env) {
				p.line("drill          %s has its URLs and token", env)
			}
			p.line("operator       %s", a.who(cfg))
			p.line("gateways       %d", len(cfg.Gateways))
			p.line("sources        %d", len(cfg.Sources))
			return p.err
		},
	}
}

package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"signalbox/internal/config"
)

func (a *app) configCommand() *cobra.Command {
	c := &cobra.Command{Use: "config", Short: "Check or begin a configuration", Args: noArgs, RunE: showHelp}
	c.AddCommand(a.configCheckCommand(), a.configGenerateCommand())
	return c
}

// showHelp is what a group of verbs does on its own.
func showHelp(c *cobra.Command, _ []string) error { return c.Help() }

func (a *app) configCheckCommand() *cobra.Command {
	return &cobra.Command{
		Use: "check", Short: "Read the configuration and its runbooks, and say what is wrong with file and line", Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			cfg, found, err := a.loadConfig()
			if err != nil {
				var u *usageError
				if errors.As(err, &u) {
					u.try = "signalbox config generate prints one to compare with"
				}
				return err
			}
			if !found {
				return &usageError{err: errors.New("no configuration was found"), try: "signalbox config generate > signalbox.yaml"}
			}
			books, problems, err := a.books(cfg)
			if err != nil {
				return err
			}
			p := printer{w: a.Out}
			p.line("%s: %d gateways, %d sources, %d mappings in the inventory, %d runbooks", cfg.File, len(cfg.Gateways), len(cfg.Sources), len(cfg.Inventory), len(books))
			for _, g := range cfg.Gateways {
				p.line("  gateway %-12s %-9s env %-12s levers %-4s %d instances", g.Name, g.Kind, g.Env, onOff(g.Levers), len(g.Instances))
			}
			for _, s := range cfg.Sources {
				p.line("  source  %-12s %-9s %s", s.Name, s.Kind, safeLines(s.Path+s.URL+s.Listen+strings.Join(s.Command, " ")))
			}
			for _, b := range problems {
				p.line("  %s", safeLines(b))
			}
			if p.err == nil && len(problems) > 0 {
				return errFindings
			}
			return p.err
		},
	}
}

func onOff(b bool) string {
	if b {
		return "on"
	}
	return "off"
}

func (a *app) configGenerateCommand() *cobra.Command {
	return &cobra.Command{
		Use: "generate", Short: "Print a commented configuration to begin with", Args: noArgs,
		RunE: func(*cobra.Command, []string) error {
			if _, err := fmt.Fprint(a.Out, string(config.Example())); err != nil {
				return fmt.Errorf("writing: %w", err)
			}
			return nil
		},
	}
}

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
	var o trialOptions
	c := &cobra.Command{
		Use: "check", Short: "Read the configuration and its runbooks, try its formats on their logs, and say what is wrong", Args: noArgs,
		Long: "Says what is wrong in the configuration with file and line, and tries the format of each file source on its log: the lines\n" +
			"that it could not read first, then how many records have each field, and what the inventory does not know.\n" +
			"Exit 1 where a runbook has a mistake or a format does not fit its log.",
		Example: "  signalbox config check -c signalbox.yaml\n  signalbox config check --sample gateway.log --format ./my-format.yaml",
		RunE:    func(*cobra.Command, []string) error { return a.configCheck(o) },
	}
	o.flags(c)
	return c
}

func (a *app) configCheck(o trialOptions) error {
	p := printer{w: a.Out}
	cfg, found, err := a.loadConfig()
	if err != nil {
		var u *usageError
		if errors.As(err, &u) {
			u.try = "signalbox config generate prints one to compare with"
		}
		return err
	}
	fine := true
	switch {
	case found:
		if fine, err = a.printConfig(&p, cfg); err != nil {
			return err
		}
	case o.sample == "":
		return &usageError{err: errors.New("no configuration was found"), try: "signalbox config generate > signalbox.yaml"}
	}
	fits, err := a.trySources(&p, cfg, o)
	if err != nil {
		return err
	}
	if p.err == nil && !(fine && fits) {
		return errFindings
	}
	return p.err
}

// printConfig tells what the configuration has, and whether its runbooks are in order.
func (a *app) printConfig(p *printer, cfg *config.Config) (fine bool, err error) {
	books, problems, err := a.books(cfg)
	if err != nil {
		return false, err
	}
	p.line("%s: %d gateways, %d sources, %d mappings in the inventory, %d runbooks", cfg.File, len(cfg.Gateways), len(cfg.Sources), len(cfg.Inventory), len(books))
	for _, g := range cfg.Gateways {
		if _, err := commandLevers(cfg.File, g); err != nil {
			return false, err
		}
		p.line("  gateway %-12s %-9s env %-12s levers %-4s %d instances", g.Name, g.Kind, g.Env, onOff(g.Levers), len(g.Instances))
	}
	for _, s := range cfg.Sources {
		p.line("  source  %-12s %-9s %s", s.Name, s.Kind, safeLines(s.Path+s.URL+s.Listen+strings.Join(s.Command, " ")))
	}
	for _, b := range problems {
		p.line("  %s", safeLines(b))
	}
	return len(problems) == 0, nil
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

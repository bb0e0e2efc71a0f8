package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"signalbox/examples/litellm"
)

func (a *app) controlCompanionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "companion litellm", Short: "Print the file that gives a LiteLLM proxy its levers", Args: wantArgs(1, 1),
		Long: "Prints signalbox_companion.py. Loaded as a callback, it makes a LiteLLM proxy without a database serve the control contract\n" +
			"under /signalbox, behind its master key. Put it beside the proxy's config.yaml and name it there:\n\n" +
			"  litellm_settings:\n    callbacks: [\"signalbox_companion.control\"]\n\n" +
			"and the proxy is a gateway of kind litellm here, with its URL as an instance.",
		Example: "  signalbox control companion litellm > signalbox_companion.py",
		RunE: func(_ *cobra.Command, args []string) error {
			if args[0] != "litellm" {
				return &usageError{err: fmt.Errorf("there is no companion for %q", args[0]), try: "signalbox control companion litellm"}
			}
			p := printer{w: a.Out}
			p.line("%s", strings.TrimRight(litellm.Companion, "\n"))
			return p.err
		},
	}
}

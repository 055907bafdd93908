package main

import (
	"github.com/spf13/cobra"
)

// options are the flags that all commands share.
type options struct {
	json bool
}

func newRoot() *cobra.Command {
	o := &options{}
	root := &cobra.Command{
		Use:   "joinery",
		Short: "Replicas that write offline and converge over NATS",
		Long: `Replicas that write offline and converge over NATS.

Exit status: 0 done; 1 failed, refused, not found or not converged;
2 the command line could not be understood; 3 no server or replica answered.`,
		Example: example(
			"joinery demo                          # the story in a few seconds",
			"joinery serve                         # a replica, with a NATS server of its own",
			"joinery put user:123 name Alice       # in another terminal",
			"joinery get user:123"),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          takes(cobra.NoArgs),
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(misuse)
	root.PersistentFlags().BoolVar(&o.json, "json", false, "write JSON, one object a line")
	root.AddCommand(newDemo(o))
	return root
}

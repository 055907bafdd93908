package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/joinery-crdt/joinery/clients/remote"
	"github.com/joinery-crdt/joinery/clients/remote/protocol"
)

func newWatch(o *options) *cobra.Command {
	var updates bool
	var count int
	cmd := &cobra.Command{
		Use:   "watch [PATTERN]",
		Short: "Follow changes",
		Long: `Prints what is in the documents that match PATTERN, all if it is left out, and then
what changes there, until it is interrupted. Changes that come faster than they
are printed fall together, and the newest value is printed. If the replica goes
away the watch goes on at another one, after a line that says so.`,
		Example: example(
			"joinery watch",
			"joinery watch 'cart.*' --updates-only",
			"joinery watch user:123 --json --count 1"),
		Args: takes(cobra.MaximumNArgs(1)),
		RunE: runs(func(cmd *cobra.Command, args []string) error {
			if count < 0 {
				return misuse(cmd, errors.New("--count must be 0 or above"))
			}
			q := protocol.Query{Pattern: everything(args), UpdatesOnly: updates}
			return o.ask(cmd, func(c *remote.Client) error { return o.watch(cmd, c, q, count) })
		}),
	}
	cmd.Flags().BoolVar(&updates, "updates-only", false, "leave out what is there at the start")
	cmd.Flags().IntVar(&count, "count", 0, "end after `N` lines; 0 is never")
	return cmd
}

func (o *options) watch(cmd *cobra.Command, c *remote.Client, q protocol.Query, count int) error {
	n := 0
	for f, err := range c.WatchLines(cmd.Context(), q) {
		if err != nil {
			return err
		}
		text := f.Doc + "  " + phrase(&f)
		if f.Gap {
			text = "... changes were missed here; what follows is the state now"
		}
		if err := o.show(cmd, &f, "%s", text); err != nil {
			return err
		}
		if n++; n == count {
			break
		}
	}
	return nil
}

// everything returns the pattern among optional arguments.
func everything(args []string) string {
	if len(args) == 0 {
		return ">"
	}
	return args[0]
}

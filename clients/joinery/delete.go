package main

import (
	"github.com/spf13/cobra"

	"github.com/joinery-crdt/joinery/clients/remote"
	"github.com/joinery-crdt/joinery/clients/remote/protocol"
)

func newDelete(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "delete DOC [FIELD]",
		Short: "Delete a document, or what is at and below a field",
		Long: `Deletes a document, or all at and below FIELD, as far as the replica has seen it.
What others write at the same time survives. Up to 1000 fields go as one group.`,
		Example: example(
			"joinery delete user:123 address",
			"joinery delete user:123 prefs/lang",
			"joinery delete user:123"),
		Args: takes(cobra.RangeArgs(1, 2)),
		RunE: runs(func(cmd *cobra.Command, args []string) error {
			q := protocol.Query{Doc: args[0]}
			if len(args) == 2 {
				q.Field = args[1]
			}
			return o.ask(cmd, func(c *remote.Client) error {
				var out protocol.Outcome
				err := c.Call(cmd.Context(), false, protocol.OpDelete, protocol.Change{Doc: q.Doc, Field: q.Field}, &out)
				if err == nil && out.Changed == 0 {
					err = notFound(q)
				}
				if err != nil {
					return err
				}
				return o.show(cmd, done{c.Replica(), out.Changed}, "deleted %s", plural(out.Changed, "field"))
			})
		}),
	}
}

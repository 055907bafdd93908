package main

import (
	"github.com/spf13/cobra"

	"github.com/joinery-crdt/joinery/clients/remote"
	"github.com/joinery-crdt/joinery/clients/remote/protocol"
)

func newList(o *options) *cobra.Command {
	q := protocol.Query{Kind: protocol.Names}
	cmd := &cobra.Command{
		Use:   "list [PATTERN]",
		Short: "List the names of documents",
		Long: `Lists the names of the documents that match PATTERN, all if it is left out, in byte
order. A document that was deleted stays in the list for a while.

--limit ends it early, and --after goes on behind the last name of the page before.`,
		Example: example(
			"joinery list",
			"joinery list 'fleet.*.engine' --limit 100",
			"joinery list 'fleet.*.engine' --limit 100 --after fleet.0099.engine"),
		Args: takes(cobra.MaximumNArgs(1)),
		RunE: runs(func(cmd *cobra.Command, args []string) error {
			q.Pattern, q.Limit = everything(args), max(q.Limit, 0)
			return o.ask(cmd, func(c *remote.Client) error { return o.list(cmd, c, q) })
		}),
	}
	cmd.Flags().StringVar(&q.From, "after", "", "begin behind this `NAME`")
	cmd.Flags().IntVar(&q.Limit, "limit", 0, "end after `N` names; 0 is no limit")
	return cmd
}

func (o *options) list(cmd *cobra.Command, c *remote.Client, q protocol.Query) error {
	for f, err := range c.FieldLines(cmd.Context(), q) {
		if err != nil {
			return err
		}
		if err := o.show(cmd, &f, "%s", f.Doc); err != nil {
			return err
		}
	}
	return nil
}

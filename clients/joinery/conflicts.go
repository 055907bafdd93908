package main

import (
	"github.com/spf13/cobra"

	"github.com/joinery-crdt/joinery/clients/remote"
	"github.com/joinery-crdt/joinery/clients/remote/protocol"
)

func newConflicts(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "conflicts [PATTERN]",
		Short: "List fields with concurrent values",
		Long: `Lists the fields with more than one concurrent value in the documents that match
PATTERN, all if it is left out: the values, who wrote them and when. The first
is the one that get prints. Resolve settles a conflict; so does any later write.`,
		Example: example("joinery conflicts", "joinery conflicts 'cart.*' --json"),
		Args:    takes(cobra.MaximumNArgs(1)),
		RunE: runs(func(cmd *cobra.Command, args []string) error {
			q := protocol.Query{Kind: protocol.Conflicts, Pattern: everything(args)}
			return o.ask(cmd, func(c *remote.Client) error { return o.conflicts(cmd, c, q) })
		}),
	}
}

func (o *options) conflicts(cmd *cobra.Command, c *remote.Client, q protocol.Query) error {
	n := 0
	for f, err := range c.FieldLines(cmd.Context(), q) {
		if err != nil {
			return err
		}
		n++
		if err := o.show(cmd, &f, "%s  %s\n%s", f.Doc, f.Field, siblingLines(f.Siblings)); err != nil {
			return err
		}
	}
	if n == 0 && !o.json {
		cmd.PrintErrln("no conflicts")
	}
	return nil
}

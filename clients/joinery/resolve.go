package main

import (
	"encoding/json"
	"errors"

	"github.com/spf13/cobra"

	"github.com/joinery-crdt/joinery/clients/remote"
	"github.com/joinery-crdt/joinery/clients/remote/protocol"
)

func newResolve(o *options) *cobra.Command {
	var change protocol.Change
	var text bool
	cmd := &cobra.Command{
		Use:   "resolve DOC FIELD [VALUE]",
		Short: "Settle a conflict",
		Long: `Settles a conflict by a write that supersedes the siblings: with VALUE, or with one
of the siblings by its number in the output of conflicts. What the replica does
not know yet stays a sibling. With --context, which conflicts --json prints for
each sibling, the write supersedes those and no others; join several by commas.`,
		Example: example(
			"joinery resolve user:123 name --pick 2",
			"joinery resolve user:123 name 'Alice Brown-Jones'"),
		Args: takes(cobra.RangeArgs(2, 3)),
		RunE: runs(func(cmd *cobra.Command, args []string) error {
			if (len(args) == 3) == (change.Pick != 0) {
				return misuse(cmd, errors.New("needs either a VALUE or --pick"))
			}
			change.Doc, change.Field = args[0], args[1]
			if len(args) == 3 {
				change.Value = jsonOf(args[2], text)
			}
			return o.ask(cmd, func(c *remote.Client) error { return o.resolve(cmd, c, change) })
		}),
	}
	cmd.Flags().IntVar(&change.Pick, "pick", 0, "write sibling number `N` again; 1 is the last by time")
	cmd.Flags().StringVar(&change.Context, "context", "", "supersede the siblings with these `CONTEXTS` alone")
	cmd.Flags().BoolVar(&text, "text", false, "take VALUE as text even if it looks like JSON")
	return cmd
}

func (o *options) resolve(cmd *cobra.Command, c *remote.Client, change protocol.Change) error {
	var out protocol.Outcome
	if err := c.Call(cmd.Context(), false, protocol.OpResolve, change, &out); err != nil {
		return err
	}
	value := out.Value
	if value == nil {
		value = json.RawMessage("deleted")
	}
	return o.show(cmd, struct {
		Replica string          `json:"replica"`
		Value   json.RawMessage `json:"value,omitempty"`
	}{c.Replica(), out.Value}, "%s = %s", change.Field, value)
}

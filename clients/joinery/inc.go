package main

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/joinery-crdt/joinery/clients/joinery/internal/service"
)

func newInc(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "inc DOC FIELD [N]",
		Short: "Add to a counter and print its value",
		Long: `Adds N to a counter, 1 if it is left out, and prints its value at the replica that
answers. Increments from everywhere add up.`,
		Example: example("joinery inc user:123 visits", "joinery inc user:123 credit -5"),
		Args:    takes(cobra.RangeArgs(2, 3)),
		RunE: runs(func(cmd *cobra.Command, args []string) error {
			change := service.Change{Doc: args[0], Field: args[1], By: 1}
			if len(args) == 3 {
				n, err := strconv.ParseInt(args[2], 10, 64)
				if err != nil {
					return misuse(cmd, fmt.Errorf("number should be a whole one of 64 bits, not %q", args[2]))
				}
				change.By = n
			}
			return o.ask(cmd, func(c *service.Client) error {
				var out service.Outcome
				if err := c.Call(cmd.Context(), "inc", change, &out); err != nil {
					return err
				}
				return o.show(cmd, struct {
					Replica string          `json:"replica"`
					Value   json.RawMessage `json:"value"`
				}{c.Replica(), out.Value}, "%s", out.Value)
			})
		}),
	}
}

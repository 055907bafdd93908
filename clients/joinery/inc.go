package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/joinery-crdt/joinery/clients/remote"
	"github.com/joinery-crdt/joinery/clients/remote/protocol"
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
			change := protocol.Write{Do: protocol.DoInc, Kind: "counter", Field: args[1], By: 1}
			if len(args) == 3 {
				n, err := strconv.ParseInt(args[2], 10, 64)
				if err != nil {
					return misuse(cmd, fmt.Errorf("number should be a whole one of 64 bits, not %q", args[2]))
				}
				change.By = n
			}
			return o.ask(cmd, func(c *remote.Client) error {
				n, err := increment(cmd.Context(), c, args[0], change)
				if err != nil {
					return err
				}
				return o.show(cmd, struct {
					Replica string `json:"replica"`
					Value   int64  `json:"value"`
				}{c.Replica(), n}, "%d", n)
			})
		}),
	}
}

// increment returns what the counter reads afterwards.
func increment(ctx context.Context, c *remote.Client, doc string, w protocol.Write) (int64, error) {
	out, err := c.Write(ctx, protocol.Group{Doc: doc, Writes: []protocol.Write{w}})
	switch {
	case err != nil:
		return 0, err
	case len(out.Results) == 1 && out.Results[0].Value != nil:
		return *out.Results[0].Value, nil
	}
	var n int64 // another replica says that it stands
	q := protocol.Query{Kind: protocol.Fields, Doc: doc, Field: w.Field, Exact: true, Only: w.Kind}
	for line, err := range c.FieldLines(ctx, q) {
		if err != nil {
			return 0, err
		}
		if err := json.Unmarshal(line.Value, &n); err != nil {
			return 0, err
		}
	}
	return n, nil
}

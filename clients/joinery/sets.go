package main

import (
	"encoding/json"
	"errors"

	"github.com/spf13/cobra"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/clients/remote"
	"github.com/joinery-crdt/joinery/clients/remote/protocol"
)

// setFlags are shared by add and remove.
type setFlags struct{ text, removeWins bool }

func (f *setFlags) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.text, "text", false, "take elements as text even if they look like JSON")
	cmd.Flags().BoolVar(&f.removeWins, "remove-wins", false, "the field is a remove-wins set")
}

func (f *setFlags) elements(args []string) []json.RawMessage {
	out := make([]json.RawMessage, len(args))
	for i, a := range args {
		out[i] = jsonOf(a, f.text)
	}
	return out
}

func newAdd(o *options) *cobra.Command {
	var f setFlags
	cmd := &cobra.Command{
		Use:     "add DOC FIELD ELEMENT...",
		Short:   "Add elements to a set",
		Long:    "Adds elements to a set, all or none. Of a concurrent add and remove the add wins,\nunless the set is a remove-wins set.",
		Example: example("joinery add user:123 tags vip beta", "joinery add user:123 blocked mallory --remove-wins"),
		Args:    takes(cobra.MinimumNArgs(3)),
		RunE: runs(func(cmd *cobra.Command, args []string) error {
			form := "$set"
			if f.removeWins {
				form = "$rwset"
			}
			fields := make(fieldTree)
			value := map[string]any{form: f.elements(args[2:])}
			if err := fields.insert(protocol.SplitPath(args[1]), value, false); err != nil {
				return misuse(cmd, err)
			}
			return o.apply(cmd, args[0], fields)
		}),
	}
	f.add(cmd)
	return cmd
}

func newRemove(o *options) *cobra.Command {
	var f setFlags
	cmd := &cobra.Command{
		Use:     "remove DOC FIELD ELEMENT...",
		Short:   "Remove elements from a set",
		Long:    "Removes elements from a set, as far as the replica has seen them there. From a\nremove-wins set they can be removed before they are in it.",
		Example: example("joinery remove user:123 tags beta", "joinery remove user:123 blocked mallory --remove-wins"),
		Args:    takes(cobra.MinimumNArgs(3)),
		RunE: runs(func(cmd *cobra.Command, args []string) error {
			kind := joinery.KindElement
			if f.removeWins {
				kind = joinery.KindRemoveWins
			}
			change := protocol.Write{Do: protocol.DoRemove, Kind: kind.String(), Field: args[1], Elements: f.elements(args[2:])}
			return o.ask(cmd, func(c *remote.Client) error {
				out, err := c.Write(cmd.Context(), protocol.Group{Doc: args[0], Writes: []protocol.Write{change}})
				if err != nil {
					return err
				}
				n := len(change.Elements)
				if len(out.Results) == 1 && !out.Repeated {
					n = out.Results[0].Changed
				}
				if n == 0 {
					return errors.New("none of these is in the set")
				}
				return o.show(cmd, done{c.Replica(), n}, "removed %s", plural(n, "element"))
			})
		}),
	}
	f.add(cmd)
	return cmd
}

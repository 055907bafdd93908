package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/joinery-crdt/joinery/clients/joinery/internal/roles"
)

func newPermissions(_ *options) *cobra.Command {
	who := roles.Who{}
	var format, nkey string
	cmd := &cobra.Command{
		Use:   "permissions ROLE",
		Short: "Print the NATS permissions that a role needs",
		Long: `Prints the subjects that a NATS server has to allow, and no others, to

  server    a replica that speaks for others and answers thin clients
  device    a replica that writes the documents of --pattern, as itself alone: run
            it with --own-only, or joinery.Config.OwnOnly
  observer  a replica that reads; run it with --own-only too
  client    a thin client
  reader    a thin client that does not write

in the form of nats-server's configuration, of JSON or of arguments for nsc. Each
has reply subjects of its own, which it is told with --inbox-prefix.`,
		Example: example(
			"joinery permissions server --id 2c1a9f8e-... --nkey UABC...",
			"joinery permissions device --id 7d0e... --pattern 'fleet.42.>' --format json",
			"nsc add user van $(joinery permissions client --id van --format nsc)   # with eval, for the quotes"),
		Args:      takes(cobra.ExactArgs(1)),
		ValidArgs: roles.Names,
		RunE: runs(func(cmd *cobra.Command, args []string) error {
			who.Role = args[0]
			p, err := roles.For(who)
			if err != nil {
				return misuse(cmd, err)
			}
			text := ""
			switch format {
			case "nats":
				text = p.Config(nkey)
			case "nsc":
				text = p.NSC()
			case "json":
				e := json.NewEncoder(cmd.OutOrStdout())
				e.SetEscapeHTML(false)
				e.SetIndent("", "  ")
				return e.Encode(p)
			default:
				return misuse(cmd, fmt.Errorf("--format %s: must be nats, json or nsc", format))
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), text)
			return err
		}),
	}
	flags := cmd.Flags()
	flags.StringVar(&who.ID, "id", "", "`ID` of the replica, a UUID, or name of the thin client")
	flags.StringVar(&who.Space, "space", "default", "`NAME` of the space")
	flags.StringArrayVar(&who.Patterns, "pattern", nil, "documents that a device writes, such as 'fleet.42.>'; may be repeated")
	flags.StringVar(&nkey, "nkey", "PUBLIC_NKEY", "public `KEY` of the user, for the format nats")
	flags.StringVar(&format, "format", "nats", "`FORM` of the output: nats, json or nsc")
	complete(cmd, "format", "nats", "json", "nsc")
	return cmd
}

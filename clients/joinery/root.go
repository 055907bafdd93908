package main

import (
	"slices"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"
)

// options are the flags that commands share.
type options struct {
	json bool
	url  string
	credentials
	space   string
	replica string
}

func newRoot() *cobra.Command {
	o := &options{}
	root := &cobra.Command{
		Use:   "joinery",
		Short: "Replicas that write offline and converge over NATS",
		Long: `Replicas that write offline and converge over NATS.

All commands but demo, serve, restore and verify are thin clients: they hold no
replica, but ask one, which "joinery serve" runs.

  DOC      a document's name: tokens separated by dots, such as fleet.42.engine
  FIELD    names separated by "/", such as address/city; in a name "~1" is a
           slash and "~0" a tilde
  VALUE    JSON such as 42, true, [1,2], {"$counter":3}; anything else is text
  PATTERN  a document's name in which "*" is one token and a last ">" all others

Exit status: 0 done; 1 failed, refused, not found or not converged; 2 the command
line or the configuration could not be understood; 3 no server or replica answered.`,
		Example: example(
			"joinery demo                          # the story in a few seconds",
			"joinery serve                         # a replica, with a NATS server of its own",
			"joinery serve --dir ~/joinery         # one that keeps its data",
			"joinery put user:123 name Alice       # in another terminal",
			"joinery get user:123"),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          takes(cobra.NoArgs),
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(misuse)
	root.PersistentFlags().BoolVar(&o.json, "json", false, "write JSON, one object a line")
	root.AddCommand(newDemo(o), newServe(o), newRestore(o), newVerify(o), newPermissions(o))
	for _, cmd := range []*cobra.Command{
		newPut(o), newGet(o), newList(o), newDelete(o), newAdd(o), newRemove(o), newInc(o), newWatch(o),
		newConflicts(o), newResolve(o), newStatus(o), newImport(o), newExport(o), newBackup(o), newCompact(o),
	} {
		o.addServer(cmd, nats.DefaultURL, "`URL` of the NATS server ($JOINERY_NATS)")
		if !slices.Contains(takesFiles, cmd.Name()) {
			cmd.ValidArgsFunction = cobra.NoFileCompletions
		}
		cmd.Flags().StringVar(&o.replica, "replica", "", "ask the replica with this `ID` and no other")
		root.AddCommand(cmd)
	}
	return root
}

// takesFiles are the thin clients whose arguments are files, for completion.
var takesFiles = []string{"import", "backup", "compact"}

// addServer adds the flags that say where to go.
func (o *options) addServer(cmd *cobra.Command, url, usage string) {
	cmd.Flags().StringVar(&o.url, "nats", url, usage)
	cmd.Flags().StringVar(&o.space, "space", "default", "`NAME` of the space ($JOINERY_SPACE)")
	o.credentials.add(cmd)
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error {
		if err := configure(cmd); err != nil {
			return err
		}
		return o.identify(cmd)
	}
}

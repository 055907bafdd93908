package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/joinery-crdt/joinery/clients/internal/service"
	"github.com/joinery-crdt/joinery/clients/joinery/internal/datadir"
	"github.com/joinery-crdt/joinery/clients/remote"
	"github.com/joinery-crdt/joinery/clients/remote/protocol"
)

func newCompact(o *options) *cobra.Command {
	return &cobra.Command{
		Use:   "compact [DIR]",
		Short: "Give the disk space of what was deleted back",
		Long: `Gives the disk space of what was deleted back: of a replica that runs, or in the
directory of one that does not. It may take minutes, and the disk space of a second
copy meanwhile. Engines do most of this by themselves; it pays after a lot
was deleted.`,
		Example: example("joinery compact", "joinery compact ~/joinery   # it does not run"),
		Args:    takes(cobra.MaximumNArgs(1)),
		RunE: runs(func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				done, err := compactDir(cmd, args[0])
				return errors.Join(err, o.showCompacted(cmd, done, err))
			}
			return o.ask(cmd, func(c *remote.Client) error {
				done, err := c.Compact(cmd.Context())
				return errors.Join(err, o.showCompacted(cmd, done, err))
			})
		}),
	}
}

func (o *options) showCompacted(cmd *cobra.Command, done protocol.Compacted, err error) error {
	if err != nil {
		return nil
	}
	return o.show(cmd, done, "%s on disk, before %s", size(uint64(done.After)), size(uint64(done.Before)))
}

func compactDir(cmd *cobra.Command, dir string) (protocol.Compacted, error) {
	s, _, err := datadir.OpenExisting(dir, logger(cmd.ErrOrStderr(), false))
	if err != nil {
		return protocol.Compacted{}, advised(err)
	}
	done, err := service.Compact(cmd.Context(), s)
	return done, advised(errors.Join(err, s.Close()))
}

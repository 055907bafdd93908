package main

import (
	"bufio"
	"context"
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/joinery-crdt/joinery/clients/joinery/internal/datadir"
	"github.com/joinery-crdt/joinery/clients/remote/protocol"
	"github.com/joinery-crdt/joinery/sync/journal"
	"github.com/joinery-crdt/joinery/sync/store"
)

// restoring is the flags of restore.
type restoring struct {
	*options
	dir, engine string
	quiet       bool
}

func newRestore(o *options) *cobra.Command {
	r := &restoring{options: o}
	cmd := &cobra.Command{
		Use:   "restore FILE --dir DIR",
		Short: "Make a data directory from a backup",
		Long: `Makes DIR, which must be empty or not there yet, from a backup. All of the backup
is checked; if anything is wrong, DIR is left empty.

"joinery serve --dir DIR" then goes on as the replica that was backed up. What that
one did after the backup comes back from the other replicas, as far as it had
been sent, and what it sent is never mistaken for what is written from now on.
Run only one of the two at a time, the restored one or the original: they share
an id.`,
		Example: example(
			"joinery restore monday.backup --dir ~/joinery",
			"joinery restore monday.backup --dir ~/joinery --store bolt   # on another engine"),
		Args: takes(cobra.ExactArgs(1)),
		RunE: runs(func(cmd *cobra.Command, args []string) error {
			if err := named(cmd); err != nil {
				return err
			}
			if r.dir == "" {
				return misuse(cmd, errors.New("needs --dir DIR, where the data is to go"))
			}
			return r.run(cmd, args[0])
		}),
	}
	cmd.Flags().StringVar(&r.dir, "dir", "", "the new data `DIR`")
	cmd.Flags().BoolVarP(&r.quiet, "quiet", "q", false, "no progress")
	_ = cmd.MarkFlagDirname("dir") // it is there
	addEngine(cmd, &r.engine, datadir.Default)
	return cmd
}

// restored says what a directory was made of.
type restored struct {
	File    string       `json:"file"`
	Dir     string       `json:"dir"`
	Store   string       `json:"store"`
	Entries uint64       `json:"entries"`
	Damaged []damageLine `json:"damaged,omitempty"`
}

func (r *restoring) run(cmd *cobra.Command, file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	s, engine, err := datadir.OpenNew(r.dir, r.engine, logger(cmd.ErrOrStderr(), false))
	if err != nil {
		if errors.Is(err, datadir.ErrEngine) {
			return misuse(cmd, err)
		}
		return err
	}
	p := newProgress(cmd.ErrOrStderr(), "restored", r.quiet || r.json)
	p.noun = ""
	counts, err := r.fill(cmd.Context(), f, s, p)
	if err != nil {
		p.abort()
		return errors.Join(err, datadir.Empty(r.dir))
	}
	p.end()
	out := restored{file, r.dir, engine, counts.Entries, damageLines(counts.Damaged)}
	err = r.show(cmd, out, "%s (%s) has %s", r.dir, engine, plural(int(out.Entries), "entry"))
	return errors.Join(err, complain(cmd, out.Damaged, "the replica was damaged when it was backed up; see joinery verify"))
}

func (r *restoring) fill(ctx context.Context, f *os.File, s store.Store, p *progress) (journal.Counts, error) {
	counts, err := journal.RestoreBackup(ctx, bufio.NewReaderSize(f, protocol.ChunkSize), s, p.follow())
	return counts, errors.Join(err, s.Close())
}

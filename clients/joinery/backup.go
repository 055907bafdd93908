package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/joinery-crdt/joinery/clients/joinery/internal/datadir"
	"github.com/joinery-crdt/joinery/clients/remote"
	"github.com/joinery-crdt/joinery/clients/remote/protocol"
	"github.com/joinery-crdt/joinery/sync/journal"
)

// backingUp is the flags of backup.
type backingUp struct {
	*options
	dir   string
	quiet bool
}

func newBackup(o *options) *cobra.Command {
	b := &backingUp{options: o}
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Copy all that a replica keeps on disk into a file",
		Long: `Copies what a replica keeps on disk, as it is at one moment, into FILE. The replica
goes on reading and writing meanwhile, and must be one that "joinery serve --dir"
runs. With --dir it copies the directory of one that does not run.

The file is checked before it gets its name: if the command fails there is none, and
an older one of this name stays as it was. Nobody else can read it. What
was damaged in the replica is named, copied if it can be read, and makes the exit
status 1. If a table of Pebble's is damaged there is no backup.

An export, as JSON Lines, is what other programs can read; a backup is the replica
itself, with what conflicts and what it has not sent yet.`,
		Example: example(
			"joinery backup monday.backup",
			"joinery backup monday.backup --replica 2c1a9f8e-...   # there are several",
			"joinery backup monday.backup --dir ~/joinery          # it does not run"),
		Args: takes(cobra.ExactArgs(1)),
		RunE: runs(func(cmd *cobra.Command, args []string) error {
			if err := named(cmd); err != nil {
				return err
			}
			return b.run(cmd, args[0])
		}),
	}
	cmd.Flags().StringVar(&b.dir, "dir", "", "copy this `DIR` of a replica that does not run")
	cmd.Flags().BoolVarP(&b.quiet, "quiet", "q", false, "no progress")
	_ = cmd.MarkFlagDirname("dir") // it is there
	return cmd
}

// copied says what is in a backup.
type copied struct {
	File    string       `json:"file"`
	Replica string       `json:"replica,omitempty"` // who was asked
	Dir     string       `json:"dir,omitempty"`
	Bytes   int64        `json:"bytes"` // of the file
	Entries uint64       `json:"entries"`
	LeftOut uint64       `json:"left_out,omitempty"`
	Damaged []damageLine `json:"damaged,omitempty"`
}

func (b *backingUp) run(cmd *cobra.Command, file string) error {
	p := newProgress(cmd.ErrOrStderr(), "copied", b.quiet || b.json)
	p.noun = ""
	out := copied{File: file, Dir: b.dir}
	var err error
	if b.dir != "" {
		err = b.save(cmd, &out, func(w io.Writer) error { return b.copyDir(cmd, w, p) })
	} else {
		err = b.ask(cmd, func(c *remote.Client) error {
			err := b.save(cmd, &out, func(w io.Writer) error { return copyChunks(cmd.Context(), c, w, p) })
			out.Replica = c.Replica()
			return err
		})
	}
	if err != nil {
		p.abort()
		return err
	}
	p.end()
	err = b.show(cmd, out, "%s has %s, %s", file, plural(int(out.Entries), "entry"), size(uint64(out.Bytes)))
	return errors.Join(err, complain(cmd, out.Damaged, "the replica is damaged; see joinery verify"))
}

// save writes the file by fill, and checks it.
func (b *backingUp) save(cmd *cobra.Command, out *copied, fill func(io.Writer) error) error {
	return writeWhole(out.File, fill, func(f *os.File) error {
		counts, err := journal.VerifyBackup(cmd.Context(), bufio.NewReaderSize(f, protocol.ChunkSize), nil)
		if err != nil {
			return err
		}
		info, err := f.Stat()
		if err != nil {
			return err
		}
		out.Bytes, out.Entries, out.LeftOut, out.Damaged = info.Size(), counts.Entries, counts.LeftOut, damageLines(counts.Damaged)
		if counts.LeftOut > 0 {
			out.Damaged = append(out.Damaged, damageLine{Problem: plural(int(counts.LeftOut), "entry") + " could not be read, nor copied"})
		}
		return nil
	})
}

func copyChunks(ctx context.Context, c *remote.Client, w io.Writer, p *progress) error {
	for chunk, err := range c.Backup(ctx) {
		if err != nil {
			return err
		}
		if _, err := w.Write(chunk); err != nil {
			return err
		}
		p.add(0, len(chunk))
	}
	return nil
}

func (b *backingUp) copyDir(cmd *cobra.Command, w io.Writer, p *progress) error {
	s, _, err := datadir.OpenExisting(b.dir, logger(cmd.ErrOrStderr(), false))
	if err != nil {
		return advised(err)
	}
	out := bufio.NewWriterSize(w, protocol.ChunkSize)
	_, err = journal.Backup(cmd.Context(), out, s, p.follow())
	return advised(errors.Join(err, out.Flush(), s.Close()))
}

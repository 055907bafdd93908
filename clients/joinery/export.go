package main

import (
	"bufio"
	"bytes"
	"errors"

	"github.com/spf13/cobra"

	"github.com/joinery-crdt/joinery/clients/remote"
	"github.com/joinery-crdt/joinery/clients/remote/protocol"
)

func newExport(o *options) *cobra.Command {
	var quiet bool
	cmd := &cobra.Command{
		Use:   "export [PATTERN]",
		Short: "Read documents as JSON Lines",
		Long: `Writes the documents that match PATTERN, all if it is left out, as JSON Lines that
import reads. The form is canonical, documents and keys sorted: replicas that
hold the same export the same bytes. Of concurrent values it writes the last by
time. A large document becomes several records. Documents that change
meanwhile are written as they are when their turn comes.

If it fails the exit status is not 0, and the output lacks the rest.`,
		Example: example(
			"joinery export > backup.jsonl",
			"joinery export 'fleet.*.engine'",
			"diff <(joinery export --nats $A) <(joinery export --nats $B)"),
		Args: takes(cobra.MaximumNArgs(1)),
		RunE: runs(func(cmd *cobra.Command, args []string) error {
			return o.ask(cmd, func(c *remote.Client) error { return o.export(cmd, c, everything(args), quiet) })
		}),
	}
	cmd.Flags().BoolVarP(&quiet, "quiet", "q", false, "no progress")
	return cmd
}

func (o *options) export(cmd *cobra.Command, c *remote.Client, pattern string, quiet bool) (err error) {
	p := newProgress(cmd.ErrOrStderr(), "exported", quiet || isTerminal(cmd.OutOrStdout()))
	defer p.end()
	out := bufio.NewWriterSize(cmd.OutOrStdout(), protocol.ChunkSize)
	defer func() { err = errors.Join(err, out.Flush()) }()
	for chunk, err := range c.Chunks(cmd.Context(), protocol.Query{Kind: protocol.Documents, Pattern: pattern}) {
		if err != nil {
			return err
		}
		if _, err := out.Write(chunk); err != nil {
			return err
		}
		p.add(bytes.Count(chunk, []byte{'\n'}), len(chunk))
	}
	return nil
}

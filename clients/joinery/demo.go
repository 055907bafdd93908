package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/joinery-crdt/joinery/clients/joinery/internal/story"
)

// scenePause gives a reader at a terminal the time to follow.
const scenePause = 800 * time.Millisecond

func newDemo(o *options) *cobra.Command {
	var pause time.Duration
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Three replicas diverge, conflict and converge, told as a story",
		Long: `Plays a story with three replicas and an embedded NATS server: a write that
others do not see yet, a partition with writes on both sides, a removal beside
a concurrent update, the heal, and the conflict read as LWW and as siblings.

It needs nothing and leaves nothing behind. The exit status is 0 only if all
replicas converged; the last line then begins with "converged".`,
		Example: example("joinery demo", "joinery demo --pause 3s", "joinery demo --json | tail -1"),
		Args:    takes(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			out := cmd.OutOrStdout()
			style := story.Style{JSON: o.json, Colour: hasColour(out) && !o.json}
			if isTerminal(out) && !o.json || cmd.Flags().Changed("pause") {
				style.Pause = pause
			}
			_, err := story.Tell(cmd.Context(), out, style)
			return err
		},
	}
	cmd.Flags().DurationVar(&pause, "pause", scenePause, "pause between scenes; none by default if the output is no terminal")
	return cmd
}

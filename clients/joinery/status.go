package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/clients/remote"
	"github.com/joinery-crdt/joinery/clients/remote/protocol"
)

func newStatus(o *options) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show the condition of a replica, or of all",
		Long: `Shows what a replica knows of itself and of others. Replicas with equal state
hashes hold the same.`,
		Example: example("joinery status", "joinery status --all", "joinery status --json | jq .stats"),
		Args:    takes(cobra.NoArgs),
		RunE: runs(func(cmd *cobra.Command, _ []string) error {
			return o.ask(cmd, func(c *remote.Client) error {
				if all {
					return o.statusOfAll(cmd, c)
				}
				st, err := c.Status(cmd.Context())
				if err != nil {
					return err
				}
				return o.show(cmd, st, "%s", statusText(&st))
			})
		}),
	}
	cmd.Flags().BoolVar(&all, "all", false, "ask every replica of the space that can be reached")
	return cmd
}

func (o *options) statusOfAll(cmd *cobra.Command, c *remote.Client) error {
	ids, err := c.Replicas(cmd.Context())
	if err != nil {
		return err
	}
	if len(ids) == 0 {
		return remote.ErrNoReplica
	}
	slices.Sort(ids)
	for i, id := range ids {
		if i > 0 && id == ids[i-1] {
			cmd.PrintErrf("%s answers more than once: several processes run under this id, of a directory and its copies perhaps. Stop all but one.\n", id)
			continue
		}
		st, err := statusAt(cmd.Context(), c, id)
		if err != nil {
			cmd.PrintErrf("%s does not answer: %v\n", id, err)
			continue
		}
		if err := o.show(cmd, st, "%s  state hash %s  %s", st.Replica, st.Digest, plural(st.Docs, "document")); err != nil {
			return err
		}
	}
	return nil
}

func statusAt(ctx context.Context, c *remote.Client, id string) (protocol.Status, error) {
	one, err := c.At(id)
	if err != nil {
		return protocol.Status{}, err
	}
	return one.Status(ctx)
}

func statusText(s *protocol.Status) string {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-11s %s\n", name, fmt.Sprintf(format, args...))
	}
	line("space", "%s", s.Space)
	line("replica", "%s", s.Replica)
	line("state hash", "%s", s.Digest)
	line("documents", "%s", thousands(s.Docs))
	interestLines(s, line)
	storageLines(s, line)
	if s.Pending > 0 {
		line("unsent", "writes to %s", plural(s.Pending, "document"))
	}
	for i := range s.Incoming {
		line("fetching", "%s", incomingText(&s.Incoming[i]))
	}
	peerLines(s, line)
	for _, d := range s.Drifting {
		line("clock", "%s is %v ahead of this replica", d.Name, d.Ahead.Round(time.Second))
	}
	for _, d := range s.Denied {
		line("denied", "%s: the server refuses this subject; see its permissions", d)
	}
	line("sent", "%s in %s", size(s.Stats.BytesOut), plural(int(s.Stats.Published), "message"))
	line("received", "%s; %d deltas with news, %d without, %d refused", size(s.Stats.BytesIn),
		s.Stats.UnitsMerged, s.Stats.Duplicates, s.Stats.Refused)
	return strings.TrimSuffix(b.String(), "\n")
}

// maxShown bounds the patterns and peers that are listed one by one.
const maxShown = 10

// interestLines says which documents the replica holds, unless it holds all.
func interestLines(s *protocol.Status, line func(name, format string, args ...any)) {
	if len(s.Interest) == 1 && s.Interest[0] == ">" {
		return
	}
	line("interest", "%s", listed(s.Interest))
	if s.Leaving > 0 {
		line("leaving", "%s given up, kept until another replica is known to hold the same", plural(s.Leaving, "pattern"))
	}
}

// peerLines lists the peers: those that differ first, and of many a few.
func peerLines(s *protocol.Status, line func(name, format string, args ...any)) {
	peers := slices.Clone(s.Peers)
	slices.SortStableFunc(peers, func(a, b joinery.PeerStatus) int {
		return cmp.Or(cmp.Compare(rank(a.Equal), rank(b.Equal)), b.Heard.Compare(a.Heard))
	})
	equal := 0
	for i, p := range peers {
		if p.Equal {
			equal++
		}
		if i < maxShown {
			line("peer", "%s  %s", p.Name, peerText(&p.Heard, p.Equal))
		}
	}
	if more := len(peers) - maxShown; more > 0 {
		line("peers", "%s more; of all %s held the same", thousands(more), thousands(equal))
	}
}

func rank(equal bool) int {
	if equal {
		return 1
	}
	return 0
}

// listed names some of many.
func listed(names []string) string {
	if len(names) <= maxShown {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %s more", strings.Join(names[:maxShown], ", "), thousands(len(names)-maxShown))
}

// storageLines says where the data is, and what is wrong with it.
func storageLines(s *protocol.Status, line func(name, format string, args ...any)) {
	if s.Storage == nil {
		line("data", "in memory")
		return
	}
	line("data", "%s, %s, %s", s.Storage.Dir, s.Storage.Engine, size(uint64(s.Storage.Bytes)))
	line("durability", "%s", s.Storage.Durability)
	if s.Loading > 0 {
		line("loading", "%s of %s are in memory", thousands(s.Stored-s.Loading), plural(s.Stored, "document"))
	}
	if s.Damaged > 0 {
		line("damaged", "%s put aside since the start; joinery verify names them", plural(s.Damaged, "document"))
	}
	if s.Failed != "" {
		line("FAILED", "%s: reads go on, writes are refused", s.Failed)
	}
}

func incomingText(x *joinery.Incoming) string {
	text := fmt.Sprintf("%s from %s: %s of %s", x.Doc, x.Name, size(x.Received), size(x.Size))
	if x.Waiting {
		return text + ", waiting for it"
	}
	return text
}

func peerText(heard *time.Time, equal bool) string {
	if heard.IsZero() {
		return "not heard of yet"
	}
	text := fmt.Sprintf("heard %v ago", time.Since(*heard).Round(10*time.Millisecond))
	if equal {
		return text + ", held the same"
	}
	return text + ", differed"
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if stem, ok := strings.CutSuffix(noun, "y"); ok {
		noun = stem + "ie"
	}
	return fmt.Sprintf("%s %ss", thousands(n), noun)
}

// thousands writes a number with commas.
func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// size writes a number of bytes for people.
func size(n uint64) string {
	const unit = 1000
	if n < unit {
		return fmt.Sprintf("%d bytes", n)
	}
	f, i := float64(n)/unit, 0
	for ; f >= unit; i++ {
		f /= unit
	}
	return fmt.Sprintf("%.1f %cB", f, "kMGTPE"[i])
}

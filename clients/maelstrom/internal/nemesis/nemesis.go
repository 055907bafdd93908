package nemesis

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/joinery-crdt/joinery/clients/maelstrom/internal/cluster"
)

// Fault is a kind of fault.
type Fault string

// The faults.
const (
	Partition Fault = "partition"
	Kill      Fault = "kill"
	Pause     Fault = "pause"
)

// Faults lists all.
var Faults = []Fault{Partition, Pause, Kill}

// Config describes a nemesis.
type Config struct {
	Faults     []Fault
	Topologies []Topology    // of partitions, taken in turn
	Hold       time.Duration // how long the faults of a round last
	Calm       time.Duration // between rounds
	// CalmBeforeKill is the least time between two rounds of which the second
	// kills. The shorter, the more of what killed nodes acknowledged does not
	// count; before a second kill it must be enough to recover.
	CalmBeforeKill time.Duration
	Rand           *rand.Rand
	Log            io.Writer // takes a line a round
}

// cycle is the state of a nemesis.
type cycle struct {
	Config
	cluster *cluster.Cluster
	round   int
	parted  int
}

// Run breaks the cluster until ctx ends, and then leaves it as it is: the
// caller repairs it. It returns the number of rounds, whole or in part.
func Run(ctx context.Context, c *cluster.Cluster, cfg Config) (rounds int, err error) {
	n := &cycle{Config: cfg, cluster: c}
	if len(cfg.Faults) == 0 {
		return 0, nil
	}
	for {
		faults := n.next()
		if !sleep(ctx, n.calm(faults)) {
			break
		}
		n.round++
		if err := n.strike(faults); err != nil {
			return n.round, err
		}
		if !sleep(ctx, n.Hold) {
			break
		}
		if err := c.Repair(ctx); err != nil && ctx.Err() == nil {
			return n.round, err
		}
	}
	return n.round, nil
}

// sleep reports whether the time passed before ctx ended.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

func (n *cycle) calm(faults []Fault) time.Duration {
	if slices.Contains(faults, Kill) && n.round > 0 {
		return max(n.Calm, n.CalmBeforeKill)
	}
	return n.Calm
}

// next selects the faults of the next round.
func (n *cycle) next() []Fault {
	if n.round < len(n.Faults) {
		return n.Faults[n.round : n.round+1]
	}
	all := slices.Clone(n.Faults)
	n.Rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:1+n.Rand.IntN(len(all))]
}

func (n *cycle) strike(faults []Fault) error {
	var words []string
	for _, f := range faults {
		text, err := n.apply(f)
		if err != nil {
			return err
		}
		words = append(words, text)
	}
	if n.Log != nil {
		fmt.Fprintf(n.Log, "  round %d: %s\n", n.round, strings.Join(words, "; "))
	}
	return nil
}

func (n *cycle) apply(f Fault) (string, error) {
	if f == Partition {
		return n.part(), nil
	}
	nodes := n.minority()
	for _, node := range nodes {
		if f == Kill {
			n.cluster.Kill(node)
		} else if err := n.cluster.Pause(node); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%s %s", f, names(nodes)), nil
}

func (n *cycle) part() string {
	topology := n.Topologies[n.parted%len(n.Topologies)]
	n.parted++
	how := []cluster.Break{cluster.Cut, cluster.Blackhole, cluster.Stall}[n.Rand.IntN(3)]
	pairs := topology.Parted(n.Rand, n.cluster.Nodes())
	n.cluster.Part(how, pairs)
	var cut []string
	for _, p := range pairs {
		cut = append(cut, cluster.Name(p[0])+"|"+cluster.Name(p[1]))
	}
	return fmt.Sprintf("partition %s by %s %s", topology, how, strings.Join(cut, " "))
}

// minority selects one node or more, but less than half.
func (n *cycle) minority() []int {
	most := max(1, (n.cluster.Nodes()-1)/2)
	return n.Rand.Perm(n.cluster.Nodes())[:1+n.Rand.IntN(most)]
}

func names(nodes []int) string {
	var out []string
	for _, n := range nodes {
		out = append(out, cluster.Name(n))
	}
	return strings.Join(out, " ")
}

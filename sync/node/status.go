package node

import (
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/sync/membership"
	"github.com/joinery-crdt/joinery/sync/replica"
)

// counters are kept outside the node's lock.
type counters struct {
	published atomic.Uint64
	unsent    atomic.Uint64
	dropped   atomic.Uint64
	refused   atomic.Uint64
	alarms    atomic.Uint64

	mu     sync.Mutex
	denied []string
}

// maxDenied bounds the denied subjects that are remembered.
const maxDenied = 16

// setDenied notes a subject and reports whether it is news.
func (c *counters) setDenied(subject string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.denied) == maxDenied || slices.Contains(c.denied, subject) {
		return false
	}
	c.denied = append(c.denied, subject)
	return true
}

// reset forgets what was said of an earlier link, below a root of subjects.
func (c *counters) reset(root string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.denied = slices.DeleteFunc(c.denied, func(s string) bool { return strings.HasPrefix(s, root) || s == "" })
}

// Status is a node's condition at one moment.
type Status struct {
	Space     string
	Actor     causal.Actor
	Online    bool
	Gone      bool   // the connection was closed for good
	Digest    uint64 // equal at nodes that hold the same
	Interest  []string
	Leaving   int // patterns given up whose documents are held still
	Peers     []replica.PeerStatus
	Replica   replica.Stats
	Published uint64   // messages handed to the transport
	Unsent    uint64   // messages not sent, for want of a link or because of an error
	Dropped   uint64   // messages lost because this node was too slow, to be repaired
	Denied    []string // subjects that the server refused since Open or Rebind, up to 16
	Alarms    uint64
	Loading   int   // documents that are not in memory yet
	Loaded    int   // and of how many
	Damaged   int   // documents that were found damaged since Open and put aside
	Failed    error // why the store takes no more, if it failed
	Bridges   []BridgeStatus
	Incoming  []replica.Incoming // transfers under way, by document
	Drifting  []replica.Drifting // writers whose clocks are too far ahead, by ID
}

// BridgeStatus is the condition of one further transport of a relay.
type BridgeStatus struct {
	Space  string
	Online bool
	Gone   bool // the connection was closed for good
}

// Status returns the node's condition.
func (n *Node) Status() Status {
	left, of := n.Loading()
	n.lock()
	defer n.mu.Unlock()
	s := Status{
		Space: n.cfg.Space, Actor: n.core.Actor(), Online: n.core.IsUp(0), Gone: n.ports[0].gone.Load(), Digest: n.core.Digest(),
		Interest: n.core.Interest(), Leaving: n.core.Leaving(),
		Peers: n.core.Peers(), Replica: n.core.Stats(), Incoming: n.core.Incoming(), Drifting: n.core.Drifting(),
		Published: n.counters.published.Load(), Unsent: n.counters.unsent.Load(),
		Dropped: n.counters.dropped.Load(), Alarms: n.counters.alarms.Load(),
	}
	if s.Loading, s.Loaded = left, of; n.journal != nil {
		s.Failed, s.Damaged = n.commits.failed(), n.resident.damaged
	}
	if n.core.View(membership.Document) != nil {
		s.Replica.Docs-- // it is nobody's data
	}
	s.Replica.Refused += n.counters.refused.Load()
	for i, p := range n.ports[1:] {
		s.Bridges = append(s.Bridges, BridgeStatus{Space: p.space, Online: n.core.IsUp(i + 1), Gone: p.gone.Load()})
	}
	n.counters.mu.Lock()
	defer n.counters.mu.Unlock()
	s.Denied = append(s.Denied, n.counters.denied...)
	return s
}

// Digest returns the digest of everything that the node holds.
func (n *Node) Digest() uint64 {
	_ = n.settle(context.Background())
	n.lock()
	defer n.mu.Unlock()
	return n.core.Digest()
}

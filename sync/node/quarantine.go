package node

import (
	"context"

	"github.com/joinery-crdt/joinery/sync/replica"
)

// Quarantine returns what does not stand although no write replaced it, the first
// to be put aside first; see replica.Quarantined.
func (n *Node) Quarantine() []replica.Quarantined {
	_ = n.settle(context.Background())
	n.lock()
	defer n.mu.Unlock()
	return n.core.Quarantine()
}

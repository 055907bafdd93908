package node

import "github.com/joinery-crdt/joinery/sync/replica"

// Quarantine returns what does not stand although no write replaced it, the first
// to be put aside first; see replica.Quarantined.
func (n *Node) Quarantine() []replica.Quarantined {
	n.settle()
	n.lock()
	defer n.mu.Unlock()
	return n.core.Quarantine()
}

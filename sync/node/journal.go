package node

import (
	"context"

	"github.com/joinery-crdt/joinery/sync/journal"
)

// openJournal finds out who the node is and what it has.
func (n *Node) openJournal() error {
	c := &n.cfg
	c.journal.ID, c.journal.NewID, c.journal.Space = c.Replica.ID, c.NewID, c.Space
	j, start, err := journal.Open(c.Store, c.journal)
	if err != nil {
		return err
	}
	c.Replica.ID, c.Replica.Mark = start.ID, start.Mark
	if c.Durability == EveryCommit {
		c.Replica.Incarnation, c.Replica.Floor = start.Incarnation, start.Floor
	}
	if start.Copied {
		c.Logger.Warn("joinery: the store was copied, restored or moved; the replica goes on under a new incarnation", "space", c.Space)
	}
	for _, err := range start.Damaged {
		c.Logger.Warn("joinery: stored data is damaged", "space", c.Space, "error", err)
	}
	n.journal = j
	n.commits.init()
	n.checkpointed = make(chan struct{}, 1)
	docs := j.Docs()
	n.resident = residency{
		away: make(map[string]struct{}, len(docs)), partial: make(map[string]*journal.Loading),
		total: len(docs), whole: make(chan struct{}),
	}
	for _, doc := range docs {
		n.resident.away[doc] = struct{}{}
	}
	return nil
}

// recall gives the state machine what is in quarantine.
func (n *Node) recall() {
	all, damaged := n.journal.Quarantined()
	for i := range all {
		n.core.Recall(all[i])
	}
	for _, err := range damaged {
		n.cfg.Logger.Warn("joinery: stored data is damaged", "space", n.cfg.Space, "error", err)
	}
}

// closeJournal makes durable what there is.
func (n *Node) closeJournal() error {
	if n.journal == nil {
		return nil
	}
	round := n.commits.ticket()
	n.commits.close()
	return n.commits.wait(context.Background(), round)
}

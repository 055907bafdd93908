package node

import (
	"context"
	"time"

	"github.com/joinery-crdt/joinery/sync/membership"
	"github.com/joinery-crdt/joinery/sync/message"
	"github.com/joinery-crdt/joinery/sync/replica"
)

// shows reports whether a pattern finds a document. The space's own documents are
// nobody's data: they are not listed, nor watched.
func shows(pattern, doc string) bool {
	return message.Match(pattern, doc) && !replica.IsReserved(doc)
}

// Members returns who takes part in the space, as far as this node knows; nothing
// if it keeps no membership. The caller owns the slice.
func (n *Node) Members() []membership.Member {
	n.lock()
	defer n.mu.Unlock()
	return append([]membership.Member(nil), n.core.Membership().Members()...)
}

// leavePoll is how often Leave looks whether the others have let go.
const leavePoll = 20 * time.Millisecond

// Leave makes the node one that writes no more, and returns when all other members
// have all that it holds and its name is taken out of the membership. The node
// has to run until then; close it afterwards. If ctx ends before, it goes on leaving.
func (n *Node) Leave(ctx context.Context) error {
	if err := n.settle(ctx); err != nil {
		return err
	}
	n.lock()
	err := n.core.Leave(time.Now())
	n.finish()
	n.poke()
	for err == nil {
		n.lock()
		left := n.core.HasLeft()
		n.mu.Unlock()
		if left {
			return nil
		}
		select {
		case <-time.After(leavePoll):
		case <-ctx.Done():
			err = ctx.Err()
		case <-n.life.Done():
			err = ErrClosed
		}
	}
	return err
}

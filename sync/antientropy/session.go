package antientropy

import (
	"time"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/sync/antientropy/reconcile"
)

// Session is a comparison that its source has opened and whose table it waits for.
type Session struct {
	ID     uint64
	Doc    string
	Peer   causal.ID // who asked
	Nonce  uint64    // of the process that asked
	Pulled causal.Context
	Cut    *reconcile.Cut

	size  int
	until time.Time
}

// Bounds of the sessions that a source has open. What is above them, or waits
// too long, is forgotten, and whoever asked asks again.
const (
	maxSessions     = 64
	maxSessionBytes = 64 << 20
)

// Sessions holds those that are open, one for each process and document. Those
// longest open give way; the newest is always kept.
type Sessions struct {
	// MaxAge is how long a session waits for its table.
	MaxAge time.Duration

	order []*Session // oldest first
	bytes int
	// what became of those that were not ended
	replaced, expired uint64
}

// Open adds a session in place of an earlier one of the same process and
// document, or goes on with it.
func (o *Sessions) Open(s *Session, now time.Time) {
	if i := o.index(s.Peer, s.Doc); i >= 0 {
		if o.order[i] != s {
			o.replaced++
		}
		o.remove(i)
	}
	s.size, s.until = s.Cut.Size(), now.Add(o.MaxAge)
	o.order = append(o.order, s)
	o.bytes += s.size
	for len(o.order) > 1 && (len(o.order) > maxSessions || o.bytes > maxSessionBytes) {
		o.replaced++
		o.remove(0)
	}
	o.Expire(now)
}

// Find returns the session that a table belongs to, nil if it is not open any more.
func (o *Sessions) Find(peer causal.ID, nonce, id uint64, doc string, now time.Time) *Session {
	o.Expire(now)
	if i := o.index(peer, doc); i >= 0 && o.order[i].Nonce == nonce && o.order[i].ID == id {
		return o.order[i]
	}
	return nil
}

// Close ends the session with a peer about a document, if there is one.
func (o *Sessions) Close(peer causal.ID, doc string) {
	if i := o.index(peer, doc); i >= 0 {
		o.remove(i)
	}
}

// CloseAll ends all sessions about a document: it is not the one any more that
// was compared.
func (o *Sessions) CloseAll(doc string) {
	for i := len(o.order) - 1; i >= 0; i-- {
		if o.order[i].Doc == doc {
			o.remove(i)
		}
	}
}

// Expire ends the sessions that have waited too long.
func (o *Sessions) Expire(now time.Time) {
	for len(o.order) > 0 && o.order[0].until.Before(now) {
		o.expired++
		o.remove(0)
	}
}

// Len returns how many are open, and what they take in bytes of memory.
func (o *Sessions) Len() (sessions, bytes int) { return len(o.order), o.bytes }

// Lost returns how many gave way to others, and how many waited too long.
func (o *Sessions) Lost() (replaced, expired uint64) { return o.replaced, o.expired }

func (o *Sessions) index(peer causal.ID, doc string) int {
	for i, s := range o.order {
		if s.Peer == peer && s.Doc == doc {
			return i
		}
	}
	return -1
}

func (o *Sessions) remove(i int) {
	o.bytes -= o.order[i].size
	copy(o.order[i:], o.order[i+1:])
	o.order[len(o.order)-1] = nil
	o.order = o.order[:len(o.order)-1]
}

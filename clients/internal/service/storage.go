package service

import (
	"bytes"
	"context"
	"errors"

	"github.com/nats-io/nats.go/micro"

	"github.com/joinery-crdt/joinery/clients/internal/record"
	"github.com/joinery-crdt/joinery/clients/remote/protocol"
	"github.com/joinery-crdt/joinery/sync/journal"
	"github.com/joinery-crdt/joinery/sync/store"
)

// Storage is where a replica keeps its data.
type Storage struct {
	Store      store.Store
	Engine     string // the engine's name
	Dir        string
	Durability string // when a write is acknowledged
}

// Report says where the data is and how much it is; nil in memory alone.
func (s *Storage) Report() *protocol.Storage {
	if s == nil {
		return nil
	}
	out := &protocol.Storage{Engine: s.Engine, Dir: s.Dir, Durability: s.Durability}
	if u, err := s.Store.Usage(); err == nil { // a closed store occupies what it did
		out.Bytes, out.Free = u.Bytes, u.Free
	}
	return out
}

// reserve is for an operation on the whole store, of which there is one at a
// time. The caller calls release at its end.
func (s *Server) reserve() (release func(), err error) {
	if s.storage == nil {
		return nil, protocol.Refuse(protocol.CodeMissing, protocol.KindNoPlace, "the replica keeps its data in memory alone; it has a store if it is run with joinery serve --dir DIR")
	}
	select {
	case s.busy <- struct{}{}:
		return func() { <-s.busy }, nil
	default:
		return nil, protocol.Refuse(protocol.CodeConflict, protocol.KindBusy, "the replica's store is being backed up or compacted already; try again later")
	}
}

// backup opens a stream of all that the store holds at this moment.
func (s *Server) backup(micro.Request) (answer, error) {
	release, err := s.reserve()
	if err != nil {
		return answer{}, err
	}
	snapshot, err := s.storage.Store.Snapshot()
	if err != nil {
		release()
		return answer{}, err
	}
	return s.stream(func(ctx context.Context, emit func([]byte) bool) error {
		defer release()
		_, err := journal.Backup(ctx, pieces(emit), snapshot, nil)
		return errors.Join(err, snapshot.Close())
	}, func() {
		_ = snapshot.Close()
		release()
	})
}

// stream opens a cursor for work that holds something. If it cannot be opened,
// undo is called in place of the work.
func (s *Server) stream(produce producer, undo func()) (answer, error) {
	c, err := s.newCursor(produce)
	if err != nil {
		undo()
		return answer{}, err
	}
	return s.advance(c, 0)
}

// pieceSize is the size of what a backup hands to its stream, in bytes.
const pieceSize = 32 << 10

// pieces writes into a stream.
type pieces func([]byte) bool

// Write implements io.Writer.
func (emit pieces) Write(p []byte) (n int, err error) {
	for len(p) > 0 {
		some := min(len(p), pieceSize)
		if !emit(bytes.Clone(p[:some])) {
			return n, context.Canceled
		}
		n, p = n+some, p[some:]
	}
	return n, nil
}

// compact gives space back to the disk. It is a stream of one line, so that it
// ends if the client goes away.
func (s *Server) compact(micro.Request) (answer, error) {
	release, err := s.reserve()
	if err != nil {
		return answer{}, err
	}
	return s.stream(func(ctx context.Context, emit func([]byte) bool) error {
		defer release()
		done, err := Compact(ctx, s.storage.Store)
		if err == nil {
			emit(record.AppendJSON(nil, done))
		}
		return err
	}, release)
}

// Compact gives the space of what was deleted back to the disk.
func Compact(ctx context.Context, s store.Store) (protocol.Compacted, error) {
	before, err := s.Usage()
	if err != nil {
		return protocol.Compacted{}, err
	}
	if err := s.Compact(ctx); err != nil {
		return protocol.Compacted{}, err
	}
	after, err := s.Usage()
	return protocol.Compacted{Before: before.Bytes, After: after.Bytes}, err
}

package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/joinery-crdt/joinery/sync/store"
)

// RestoreBackup writes a backup into an empty store, durably. Who the replica is
// comes last, after all has been checked: a store into which a backup went only
// in part cannot be opened as a replica's, and is to be thrown away.
//
// The restored replica has the identity of the one that was backed up and starts
// under a new, random incarnation, since that one may have gone on. So one
// backup may be restored more than once, and beside the original: their
// events have different names. It takes the memory of the largest entry.
func RestoreBackup(ctx context.Context, r io.Reader, into store.Store, progress func(Progress)) (Counts, error) {
	for e, err := range into.Scan(nil, nil) {
		if err != nil {
			return Counts{}, err
		}
		return Counts{}, fmt.Errorf("journal: the store is not empty (key %q); restore into a new one", e.Key)
	}
	x := &restorer{into: into}
	counts, err := x.read(ctx, r, progress)
	if err != nil {
		return counts, fmt.Errorf("journal: nothing was restored: %w", err)
	}
	x.meta.clean, x.meta.origin = false, ""
	x.meta.put(&x.batch)
	return counts, into.Apply(&x.batch, true)
}

// VerifyBackup reads a backup and checks that it is whole: that [RestoreBackup]
// would take it. Counts tells of entries that were damaged when it was made. To
// check that the documents can be put together, restore it and use [Verify].
func VerifyBackup(ctx context.Context, r io.Reader, progress func(Progress)) (Counts, error) {
	return (&restorer{}).read(ctx, r, progress)
}

// restorer reads a backup, into a store if there is one.
type restorer struct {
	into  store.Store
	meta  *meta
	batch store.Batch
}

// batchSize is about how many bytes go into the store at once.
const batchSize = 1 << 20

func (x *restorer) read(ctx context.Context, r io.Reader, progress func(Progress)) (counts Counts, err error) {
	s := &streamReader{r: r}
	m := meter{ctx: ctx, tell: progress}
	if err := s.magic(); err != nil {
		return counts, err
	}
	for {
		block, err := s.next()
		if err != nil {
			return counts, err
		}
		if block == nil {
			break
		}
		err = s.entries(block, func(e *store.Entry) error {
			counts.note(e, checkSum(e))
			return errors.Join(m.add(e), x.take(s, e))
		})
		if err != nil {
			return counts, err
		}
	}
	if x.meta == nil {
		return counts, s.damaged("it does not say whose it is")
	}
	counts.Entries, counts.Bytes, counts.Blocks, counts.LeftOut = s.seen.entries, s.seen.bytes, s.seen.blocks, s.seen.leftOut
	return counts, m.report()
}

// take keeps an entry.
func (x *restorer) take(s *streamReader, e *store.Entry) error {
	if bytes.Equal(e.Key, metaKey) {
		v, err := open(e.Key, e.Value)
		x.meta = &meta{}
		if err == nil {
			err = x.meta.parse(v)
		}
		if errors.Is(err, store.ErrCorrupt) {
			return s.damaged("%w", err)
		}
		return err
	}
	if x.into == nil {
		return nil
	}
	x.batch.Put(e.Key, e.Value)
	if x.batch.Bytes() < batchSize {
		return nil
	}
	err := x.into.Apply(&x.batch, false)
	x.batch.Reset()
	return err
}

package journal

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/hlc"
	"github.com/joinery-crdt/joinery/crdt/wire"
	"github.com/joinery-crdt/joinery/sync/store"
)

// format is the version of what is written.
const format = 1

// meta is who the replica is.
type meta struct {
	format      uint64
	id          causal.ID
	incarnation uint64
	clean       bool // it ended with everything on the disk
	origin      string
}

var metaKey, clockKey, spaceKey = []byte{kindMeta}, []byte{kindClock}, []byte{kindSpace}

func (m *meta) put(b *store.Batch) {
	v := make([]byte, sumSize, 96)
	v = wire.AppendUint(v, m.format)
	v = wire.AppendBin(v, string(m.id[:]))
	v = wire.AppendUint(v, m.incarnation)
	clean := uint64(0)
	if m.clean {
		clean = 1
	}
	v = wire.AppendBin(wire.AppendUint(v, clean), m.origin)
	put(b, metaKey, v)
}

// readMeta returns nil if the store is empty.
func readMeta(s store.Reader) (*meta, error) {
	v, err := get(s, metaKey)
	if errors.Is(err, store.ErrNotFound) {
		return nil, checkEmpty(s)
	}
	m := &meta{}
	if err == nil {
		err = m.parse(v)
	}
	switch {
	case errors.Is(err, store.ErrCorrupt):
		return nil, fmt.Errorf("journal: who the replica is cannot be read; keep the store as it is and restore a backup into an empty one, or start with an empty one, which the other replicas fill: %w", err)
	case err != nil:
		return nil, err
	}
	return m, nil
}

// parse reads what put writes.
func (m *meta) parse(v []byte) error {
	r := wire.NewReader(v)
	m.format = r.Uint()
	if r.Err() == nil && m.format > format {
		return fmt.Errorf("%w: the journal has format %d, this release reads up to %d; update it", store.ErrVersion, m.format, format)
	}
	id := r.Bin()
	if len(id) != len(m.id) {
		r.Fail("an identity of %d bytes", len(id))
	}
	copy(m.id[:], id)
	m.incarnation = r.Uint()
	clean := r.Uint()
	m.clean, m.origin = clean == 1, string(r.Bin())
	if r.Err() != nil || r.Len() > 0 || clean > 1 || m.format == 0 || m.id.IsZero() {
		return corrupt(metaKey, "no identity: %v", r.Err())
	}
	return nil
}

// checkEmpty keeps a store whose identity is gone, or that is somebody else's,
// from being taken for a new one.
func checkEmpty(s store.Reader) error {
	for e, err := range s.Scan(nil, nil) {
		if err != nil {
			return err
		}
		return fmt.Errorf("journal: the store holds data (key %q) but no identity; it is damaged or not a replica's", e.Key)
	}
	return nil
}

// clock is the greatest timestamp, and the floor of the incarnation.
type clock struct {
	mark  hlc.Time
	floor uint64
}

func readClock(s store.Reader) (c clock, err error) {
	v, err := get(s, clockKey)
	if errors.Is(err, store.ErrNotFound) {
		return c, nil
	}
	if err != nil {
		return c, err
	}
	r := wire.NewReader(v)
	if c.mark = hlc.Time(r.Uint()); r.Len() > 0 {
		c.floor = r.Uint()
	}
	if r.Err() != nil || r.Len() > 0 || c.mark > hlc.MaxTime {
		return clock{}, corrupt(clockKey, "no time: %v", r.Err())
	}
	return c, nil
}

func (c clock) put(b *store.Batch) {
	v := wire.AppendUint(make([]byte, sumSize, 24), uint64(c.mark))
	if c.floor > 0 {
		v = wire.AppendUint(v, c.floor)
	}
	put(b, clockKey, v)
}

func putName(b *store.Batch, doc string, num uint64) {
	put(b, nameKey(doc), binary.BigEndian.AppendUint64(make([]byte, sumSize, 12), num))
}

func putSpace(b *store.Batch, space string) {
	put(b, spaceKey, append(make([]byte, sumSize, sumSize+len(space)), space...))
}

// checkSpace keeps the documents of one space from being served as another's. A
// damaged entry is written again.
func (j *Journal) checkSpace() error {
	v, err := get(j.store, spaceKey)
	switch {
	case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrCorrupt), err == nil && j.cfg.Space == "":
		return nil
	case err == nil && string(v) != j.cfg.Space:
		return fmt.Errorf("%w: %q, not %q; open it as that, or take another store", ErrSpace, v, j.cfg.Space)
	}
	return err
}

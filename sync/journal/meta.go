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

var metaKey, clockKey = []byte{kindMeta}, []byte{kindClock}

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
	if err != nil {
		return nil, fmt.Errorf("journal: who the replica is cannot be read: %w", err)
	}
	r := wire.NewReader(v)
	m := &meta{format: r.Uint()}
	if r.Err() == nil && m.format > format {
		return nil, fmt.Errorf("%w: the journal has format %d, this release reads up to %d; update it", store.ErrVersion, m.format, format)
	}
	copy(m.id[:], r.Bin())
	m.incarnation, m.clean, m.origin = r.Uint(), r.Uint() == 1, string(r.Bin())
	if r.Err() != nil || m.id.IsZero() {
		return nil, corrupt(metaKey, "no identity: %v", r.Err())
	}
	return m, nil
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

func readClock(s store.Reader) (hlc.Time, error) {
	v, err := get(s, clockKey)
	if errors.Is(err, store.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	r := wire.NewReader(v)
	t := hlc.Time(r.Uint())
	return t, r.Err()
}

func putClock(b *store.Batch, t hlc.Time) {
	put(b, clockKey, wire.AppendUint(make([]byte, sumSize, 16), uint64(t)))
}

func putName(b *store.Batch, doc string, num uint64) {
	put(b, nameKey(doc), binary.BigEndian.AppendUint64(make([]byte, sumSize, 12), num))
}

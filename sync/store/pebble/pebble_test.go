package pebble_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/sync/store"
	"github.com/joinery-crdt/joinery/sync/store/conformance"
	"github.com/joinery-crdt/joinery/sync/store/pebble"
)

// small makes memtables and their logs turn over within a test.
var small = pebble.Options{MemtableBytes: 256 << 10, CacheBytes: 1 << 20}

func TestPebbleOnDiskConforms(t *testing.T) {
	conformance.Run(t, func(t *testing.T) conformance.Place {
		return onDisk(filepath.Join(t.TempDir(), "data"))
	})
}

func onDisk(dir string) conformance.Place {
	return conformance.Place{
		Locks: true,
		Open:  func() (store.Store, error) { return open(pebble.Open(dir, small)) },
		Copy: func(t *testing.T) conformance.Place {
			to := filepath.Join(t.TempDir(), "copy")
			require.NoError(t, os.CopyFS(to, os.DirFS(dir)))
			return onDisk(to)
		},
	}
}

// open makes a nil of a nil *Store.
func open(s *pebble.Store, err error) (store.Store, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}

package node

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/broker/memory"
	"github.com/joinery-crdt/joinery/sync/journal"
	"github.com/joinery-crdt/joinery/sync/store"
	"github.com/joinery-crdt/joinery/sync/store/bolt"
	"github.com/joinery-crdt/joinery/sync/store/pebble"
)

// engine opens a store on files.
type engine func(dir string) (store.Store, error)

var engines = map[string]engine{
	"pebble": func(dir string) (store.Store, error) {
		return pebble.Open(dir, pebble.Options{MemtableBytes: 256 << 10})
	},
	"bolt": func(dir string) (store.Store, error) { return bolt.Open(dir, bolt.Options{}) },
}

// damage changes a random file below a directory and says what it did.
func damage(t *testing.T, rng *rand.Rand, dir string) string {
	var files []string
	require.NoError(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if info, _ := e.Info(); err == nil && e.Type().IsRegular() && info.Size() > 0 {
			files = append(files, path)
		}
		return err
	}))
	path := files[rng.IntN(len(files))]
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	what, at := "", rng.IntN(len(b))
	switch rng.IntN(4) {
	case 0:
		what, b = "truncated", b[:at]
	case 1:
		what = "zeroed page"
		at &^= 4095
		clear(b[at:min(at+4096, len(b))])
	default:
		what = "flipped bit"
		b[at] ^= 1 << rng.IntN(8)
	}
	require.NoError(t, os.WriteFile(path, b, 0o600))
	return fmt.Sprintf("%s at %d of %s", what, at, filepath.Base(path))
}

// TestDamagedFilesSpreadNothingAndAreHealed damages the files of one replica of
// three. JOINERY_DAMAGES is how often, for each engine.
func TestDamagedFilesSpreadNothingAndAreHealed(t *testing.T) {
	tries, err := strconv.Atoi(environment("JOINERY_DAMAGES", "40"))
	require.NoError(t, err)
	for name, open := range engines {
		t.Run(name, func(t *testing.T) {
			net := memory.NewNetwork(memory.Config{})
			often := func(c *Config) { c.Replica.BeaconEvery = 20 * time.Millisecond }
			b, c := start(t, net.Connect("b"), often), start(t, net.Connect("c"), often)
			dir := filepath.Join(t.TempDir(), "data")
			fillFiles(t, net, open, dir, b)
			want := b.Digest()
			require.Eventually(t, func() bool { return c.Digest() == want }, 10*time.Second, time.Millisecond)
			refused, found := 0, 0
			for try := range tries {
				rng := rand.New(rand.NewPCG(uint64(try), 5))
				copied := filepath.Join(t.TempDir(), "data")
				require.NoError(t, os.CopyFS(copied, os.DirFS(dir)))
				what := damage(t, rng, copied)
				n, s, err := openDamaged(t, net, open, copied, try)
				if err != nil {
					refused++
					continue
				}
				require.Eventually(t, func() bool { return n.Digest() == want }, 20*time.Second, time.Millisecond, "%s was not healed", what)
				if n.Status().Damaged > 0 {
					found++
				}
				for _, x := range []*Node{b, c} {
					require.Equal(t, want, x.Digest(), "%s was spread", what)
					require.Zero(t, x.Status().Replica.Conflicts, what)
				}
				_ = n.Close()
				_ = s.Close()
			}
			t.Logf("%d damages: %d refused at the start, %d documents or more put aside, the others harmless or filled by the others", tries, refused, found)
		})
	}
}

func environment(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}

// fillFiles leaves the files of a replica that the others have heard all of.
func fillFiles(t *testing.T, net *memory.Network, open engine, dir string, peer *Node) {
	s, err := open(dir)
	require.NoError(t, err)
	n := doomed(t, net.Connect("a"), on(s, EveryCommit), func(c *Config) { c.journal = journal.Config{SmallState: 2 << 10, MinRecords: 4 << 10} })
	for i := range 600 {
		require.NoError(t, set(n, fmt.Sprint("doc", i%7), fmt.Sprint("k", i%80), fmt.Sprintf("%0*d", 100+i%400, i)))
	}
	require.Eventually(t, func() bool { return n.Digest() == peer.Digest() }, 20*time.Second, time.Millisecond)
	require.NoError(t, n.Close())
	require.NoError(t, s.Close())
}

// openDamaged opens a replica on damaged files, if it opens at all.
func openDamaged(t *testing.T, net *memory.Network, open engine, dir string, try int) (*Node, store.Store, error) {
	s, err := open(dir)
	if err != nil {
		require.False(t, errors.Is(err, store.ErrLocked) || errors.Is(err, store.ErrFailed), "%v", err)
		return nil, nil, err
	}
	n, err := Open(t.Context(), config(net.Connect(fmt.Sprint("damaged", try)), on(s, EveryCommit), func(c *Config) {
		c.Replica.BeaconEvery = 20 * time.Millisecond
	}))
	if err != nil {
		_ = s.Close()
	}
	return n, s, err
}

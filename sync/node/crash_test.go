package node

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/broker/memory"
	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/sync/journal"
	"github.com/joinery-crdt/joinery/sync/store/faultfs"
	"github.com/joinery-crdt/joinery/sync/store/pebble"
)

// The crash tests run a node on a real engine over a disk that loses power.
// JOINERY_CRASHES is how many crashes each of them tries; "all" tries every
// operation of the disk.
func crashes(t *testing.T, usual, operations int) int {
	t.Helper()
	switch want := os.Getenv("JOINERY_CRASHES"); want {
	case "":
		return usual
	case "all":
		return operations
	default:
		n, err := strconv.Atoi(want)
		require.NoError(t, err)
		return n
	}
}

const crashOps = 500

// life is a node on a disk, with a peer that hears all that it says.
type life struct {
	t     *testing.T
	disk  *faultfs.FS
	net   *memory.Network
	peer  *Node
	acked map[string]int // by document and key
}

func newLife(t *testing.T) *life {
	l := &life{t: t, disk: faultfs.New(), net: memory.NewNetwork(memory.Config{}), acked: map[string]int{}}
	l.peer = doomed(t, l.net.Connect("peer"), func(c *Config) { c.Replica.BeaconEvery = 20 * time.Millisecond })
	return l
}

// begin opens the node from its disk. A disk that loses power meanwhile gives
// an error.
func (l *life) begin() (*Node, *pebble.Store, error) {
	s, err := pebble.Open("/data", pebble.Options{FS: l.disk, MemtableBytes: 256 << 10})
	if err != nil {
		return nil, nil, err
	}
	n, err := Open(l.t.Context(), config(l.net.Connect(fmt.Sprint("node", lastID.Load())), on(s, EveryCommit), func(c *Config) {
		c.Replica.BeaconEvery = 20 * time.Millisecond
		c.journal = journal.Config{SmallState: 2 << 10, MinRecords: 1 << 10}
	}))
	if err != nil {
		_ = s.Close()
		return nil, nil, err
	}
	return n, s, nil
}

// run writes until the disk fails or all is written.
func (l *life) run(rng *rand.Rand, from int) (done int, err error) {
	n, s, err := l.begin()
	if err != nil {
		return from, err
	}
	defer func() {
		_ = n.Close()
		_ = s.Close()
	}()
	for i := from; i < crashOps; i++ {
		doc, key := [...]string{"large", "large", "small"}[rng.IntN(3)], fmt.Sprint("k", rng.IntN(60))
		if doc == "small" {
			key = fmt.Sprint("k", rng.IntN(6))
		}
		err := n.Write(l.t.Context(), doc, func(d *crdt.Document) error {
			if rng.IntN(6) == 0 {
				if err := d.Remove(kernel.Root, crdt.TagRegister, "removed", crdt.Options{}); err != nil {
					return err
				}
			}
			value := fmt.Sprintf("%06d%0*d", i, rng.IntN(150), 0)
			return d.Assign(kernel.Root, crdt.TagRegister, key, value, false, crdt.Options{})
		})
		if err != nil {
			return i, err
		}
		l.acked[doc+"/"+key] = i
	}
	return crashOps, nil
}

// check opens what a crash has left and demands all that was acknowledged, and
// that node and peer come to agree.
func (l *life) check() {
	l.t.Helper()
	n, s, err := l.begin()
	require.NoError(l.t, err)
	for at, least := range l.acked {
		doc, key := at[:5], at[6:]
		value := get(n, doc, key)
		require.GreaterOrEqual(l.t, len(value), 6, "%s is gone", at)
		got, err := strconv.Atoi(value[:6])
		require.NoError(l.t, err)
		require.GreaterOrEqual(l.t, got, least, "%s went back", at)
	}
	n.Digest()
	for doc := range n.Names(">", "", 0) {
		n.Read(doc, func(d *crdt.Document) { require.NoError(l.t, d.State().Verify()) })
	}
	require.Eventually(l.t, func() bool { return n.Digest() == l.peer.Digest() }, 20*time.Second, time.Millisecond)
	for _, x := range []*Node{n, l.peer} {
		st := x.Status()
		require.Zero(l.t, st.Replica.Conflicts+uint64(st.Damaged), "a dot with two payloads, or damage")
	}
	require.NoError(l.t, n.Close())
	require.NoError(l.t, s.Close())
}

func (l *life) end() { _ = l.peer.Close() }

// operations counts what a run without a crash does to the disk.
func operations(t *testing.T) int {
	l := newLife(t)
	defer l.end()
	_, err := l.run(rand.New(rand.NewPCG(1, 1)), 0)
	require.NoError(t, err)
	l.check()
	return l.disk.Operations()
}

func TestACrashAtAnyOperationOfTheDiskLosesNothingAcknowledged(t *testing.T) {
	all := operations(t)
	tries := crashes(t, 60, all)
	t.Logf("%d of %d operations of the disk", tries, all)
	for try := range tries {
		at := 1 + try*all/tries
		l := newLife(t)
		l.disk.CrashAt(at)
		_, err := l.run(rand.New(rand.NewPCG(1, 1)), 0)
		l.disk.Crash()
		next, restartErr := l.disk.Restart()
		require.NoError(t, restartErr)
		l.disk = next
		require.True(t, err != nil || len(l.acked) > 0)
		l.check()
		l.end()
	}
}

func TestTornCrashesLoseNothingAcknowledged(t *testing.T) {
	all := operations(t)
	for try := range crashes(t, 60, 20_000) {
		rng := rand.New(rand.NewPCG(uint64(try), 2))
		l := newLife(t)
		for from := 0; from < crashOps && rng.IntN(4) > 0; { // some lives end more than once
			l.disk.CrashAt(l.disk.Operations() + 1 + rng.IntN(all))
			from, _ = l.run(rng, from)
			l.disk.Crash()
			next, err := l.disk.RestartTorn(rng.Uint64())
			require.NoError(t, err)
			l.disk = next
		}
		l.check()
		l.end()
	}
}

func TestAFailedSyncIsNeverAcknowledged(t *testing.T) {
	for try := range crashes(t, 20, 500) {
		rng := rand.New(rand.NewPCG(uint64(try), 3))
		l := newLife(t)
		countdown := 1 + rng.IntN(400)
		l.disk.Inject(func(op faultfs.Operation) error {
			if countdown--; countdown <= 0 && op.Kind == faultfs.Sync {
				return syscall.EIO
			}
			return nil
		})
		_, err := l.run(rng, 0)
		require.True(t, errors.Is(err, ErrStore) || errors.Is(err, syscall.EIO), "%v", err)
		l.disk.Inject(nil)
		l.disk.Crash()
		next, err := l.disk.Restart()
		require.NoError(t, err)
		l.disk = next
		l.check()
		l.end()
	}
}

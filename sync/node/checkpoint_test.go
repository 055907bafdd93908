package node

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/sync/journal"
	"github.com/joinery-crdt/joinery/sync/store"
)

// gated is a store in which the first batch of rows, and syncs, can be held up.
type gated struct {
	*store.Memory
	atRows, rows chan struct{}
	head         chan struct{} // closed with the first head
	sync         atomic.Pointer[chan struct{}]
	atSync       chan struct{}
	headSeen     atomic.Bool
}

func newGated() *gated {
	return &gated{Memory: store.NewMemory(), atRows: make(chan struct{}, 1), rows: make(chan struct{}), head: make(chan struct{}), atSync: make(chan struct{}, 64)}
}

func (g *gated) Apply(b *store.Batch, sync bool) error {
	row, head := false, false
	for c := range b.Changes() {
		row = row || c.Kind == store.KindPut && c.Key[0] == 'R'
		head = head || c.Kind == store.KindPut && c.Key[0] == 'H'
	}
	if row && !head {
		select {
		case g.atRows <- struct{}{}:
			<-g.rows
		default:
		}
	}
	err := g.Memory.Apply(b, sync)
	if head && g.headSeen.CompareAndSwap(false, true) {
		close(g.head)
	}
	return err
}

func (g *gated) Sync() error {
	if gate := g.sync.Load(); gate != nil {
		g.atSync <- struct{}{}
		<-*gate
	}
	return g.Memory.Sync()
}

// TestACheckpointShowsNoDeathWithoutItsKiller: a dot died after the checkpoint's
// context was taken and before its row was written. A crash after the head, and
// before the killer's record, left the dot in the context, without a row, and
// nothing in its place: the acknowledged value was gone, here and then everywhere.
func TestACheckpointShowsNoDeathWithoutItsKiller(t *testing.T) {
	for _, level := range []Durability{Interval, EveryCommit} {
		t.Run(fmt.Sprint(level), func(t *testing.T) {
			g := newGated()
			n := doomed(t, nil, on(g, level), func(c *Config) {
				c.SyncEvery, c.journal = time.Hour, journal.Config{SmallState: 1, MinRecords: 1}
			})
			require.NoError(t, n.Write(t.Context(), "d", func(d *crdt.Document) error {
				for i := range 1000 {
					if err := d.Assign(kernel.Root, crdt.TagRegister, fmt.Sprintf("k%04d", i), "v0", false, crdt.Options{}); err != nil {
						return err
					}
				}
				return nil
			}))
			n.lock()
			n.core.Commit(time.Now())
			n.finish()
			require.Eventually(t, func() bool { n.commits.poke(); return len(g.atRows) > 0 }, 10*time.Second, time.Millisecond)
			require.NoError(t, g.Memory.Sync())
			if level == EveryCommit { // the killer's round waits behind one that is being synced
				gate := make(chan struct{})
				g.sync.Store(&gate)
				go func() { _ = set(n, "other", "k", "v") }()
				<-g.atSync
				go func() { _ = set(n, "d", "k0999", "v1") }()
				require.Eventually(t, func() bool { return get(n, "d", "k0999") == "v1" }, 10*time.Second, time.Millisecond)
				defer close(gate)
				defer g.sync.Store(nil)
			} else {
				require.NoError(t, set(n, "d", "k0999", "v1"))
			}
			close(g.rows)
			select {
			case <-g.head:
			case <-time.After(100 * time.Millisecond): // it waits for the killer's record
			}
			after := g.Memory.Crash(func(n int) int { return n })
			again := doomed(t, nil, on(after, level))
			require.NotEmpty(t, get(again, "d", "k0999"), "v0 was on the disk, v1 may be")
		})
	}
}

// unreadable is a store whose reads fail, though nothing is damaged.
type unreadable struct {
	*store.Memory
	failing atomic.Bool
}

var errFiles = errors.New("too many open files")

func (u *unreadable) Get(key []byte) ([]byte, error) {
	if u.failing.Load() && key[0] == 'H' {
		return nil, errFiles
	}
	return u.Memory.Get(key)
}

// TestAnErrorOfTheDiskIsNoDamage: a document that could not be read for the
// moment was given up, and looked as if it were empty.
func TestAnErrorOfTheDiskIsNoDamage(t *testing.T) {
	u := &unreadable{Memory: store.NewMemory()}
	n := start(t, nil, on(u, EveryCommit))
	require.NoError(t, set(n, "d", "k", "v"))
	require.NoError(t, n.Close())
	u.failing.Store(true)
	n = doomed(t, nil, on(u, EveryCommit))
	_ = get(n, "d", "k")
	require.ErrorIs(t, n.Status().Failed, errFiles)
	require.Zero(t, n.Status().Damaged)
	require.ErrorIs(t, set(n, "d", "k", "w"), ErrStore)
	require.ErrorIs(t, set(n, "other", "k", "w"), ErrStore)
	_ = n.Close()
	u.failing.Store(false)
	n = start(t, nil, on(u, EveryCommit))
	require.Equal(t, "v", get(n, "d", "k"))
}

func TestWhatAClientIsToldIsOnTheDisk(t *testing.T) {
	g := newGated()
	n := doomed(t, nil, on(g, EveryCommit))
	require.NoError(t, set(n, "d", "k", "before"))
	gate := make(chan struct{})
	g.sync.Store(&gate)
	go func() { _ = set(n, "d", "k", "v") }()
	<-g.atSync
	told := make(chan string)
	go func() {
		value := ""
		n.ReadFinal("d", func(d *crdt.Document) {
			l, _ := d.Latest(kernel.Root, crdt.TagRegister, "k")
			value = l.Value
		})
		told <- value
	}()
	select {
	case <-told:
		t.Fatal("told before it is on the disk")
	case <-time.After(20 * time.Millisecond):
	}
	g.sync.Store(nil)
	close(gate)
	require.Equal(t, "v", <-told)
}

func TestAContextEndsTheWaitForLoading(t *testing.T) {
	s := store.NewMemory()
	n := start(t, nil, on(s, EveryCommit))
	require.NoError(t, set(n, "d", "k", "v"))
	require.NoError(t, n.Close())
	gate := make(chan struct{})
	n = start(t, nil, on(s, EveryCommit), func(c *Config) { c.pause = func() { <-gate } })
	defer close(gate)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := n.Write(ctx, "d", func(*crdt.Document) error { t.Error("it ran"); return nil })
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, ErrUncertain)
}

package joinery_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery"
	"github.com/joinery-crdt/joinery/broker/memory"
)

var errBoom = errors.New("boom")

func setBoth(tx *joinery.Tx, n int) error {
	return errors.Join(tx.Register("a").Set(background, n), tx.Map("m").Counter("b").Inc(background, 1), tx.Set("s").Add(background, n))
}

func TestUpdateIsTakenBackOnAnError(t *testing.T) {
	r := alone(t)
	d := r.Doc("d")
	require.NoError(t, d.Register("a").Set(background, 0))
	before := r.Status()
	err := d.Update(background, func(tx *joinery.Tx) error {
		require.NoError(t, setBoth(tx, 1))
		require.Equal(t, 1, get[int](t, tx.Register("a")), "an update sees its own writes")
		return errBoom
	})
	require.ErrorIs(t, err, errBoom)
	require.Equal(t, []string{`["a"] register 0`}, fields(d))
	require.Equal(t, before.Digest, r.Status().Digest)
	require.Equal(t, before.Stats.Writes, r.Status().Stats.Writes)
}

// TestUpdateThatPanicsLeavesTheReplicaUsable: the lock was once kept for ever.
func TestUpdateThatPanicsLeavesTheReplicaUsable(t *testing.T) {
	d := alone(t).Doc("d")
	require.PanicsWithValue(t, "boom", func() {
		_ = d.Update(background, func(tx *joinery.Tx) error {
			require.NoError(t, setBoth(tx, 1))
			panic("boom")
		})
	})
	require.False(t, d.Exists())
	require.NoError(t, d.Update(background, func(tx *joinery.Tx) error { return setBoth(tx, 2) }))
	require.Equal(t, 2, get[int](t, d.Register("a")))
	require.Panics(t, func() { d.View(func(*joinery.Tx) { panic("boom") }) })
	require.NoError(t, d.Register("a").Set(background, 3))
}

func TestUpdateSkipsTheWriteWhoseErrorItIgnores(t *testing.T) {
	d := alone(t).Doc("d")
	require.NoError(t, d.Update(background, func(tx *joinery.Tx) error {
		_ = tx.Register("a").Set(background, long(1<<20))
		return tx.Register("b").Set(background, 1)
	}))
	require.Equal(t, []string{`["b"] register 1`}, fields(d))
}

func TestUpdateWithACancelledContextWritesNothing(t *testing.T) {
	d := alone(t).Doc("d")
	ctx, cancel := context.WithCancel(background)
	err := d.Update(background, func(tx *joinery.Tx) error {
		require.NoError(t, tx.Register("a").Set(ctx, 1))
		cancel()
		return tx.Register("b").Set(ctx, 1)
	})
	require.ErrorIs(t, err, context.Canceled)
	require.False(t, d.Exists())
	require.ErrorIs(t, d.Update(ctx, func(*joinery.Tx) error { panic("not reached") }), context.Canceled)
}

func TestTransactionAfterItsEndPanics(t *testing.T) {
	d := alone(t).Doc("d")
	var kept *joinery.Tx
	require.NoError(t, d.Update(background, func(tx *joinery.Tx) error { kept = tx; return nil }))
	require.PanicsWithValue(t, "joinery: Tx used after its Update or View has ended", func() { _ = kept.Register("a").Set(background, 1) })
	d.View(func(tx *joinery.Tx) { kept = tx })
	require.Panics(t, func() { kept.Counter("a").Value() })
}

func TestWriteInAViewPanics(t *testing.T) {
	d := alone(t).Doc("d")
	require.NoError(t, d.Counter("n").Inc(background, 1))
	require.PanicsWithValue(t, "joinery: write inside a View; use Update", func() {
		d.View(func(tx *joinery.Tx) { _ = tx.Counter("n").Inc(background, 1) })
	})
	require.EqualValues(t, 1, d.Counter("n").Value())
	alone(t).Doc("empty").View(func(tx *joinery.Tx) { require.Zero(t, tx.Counter("n").Value()) })
}

// TestReplicaInsideItsOwnUpdatePanics: it would wait for itself for ever.
func TestReplicaInsideItsOwnUpdatePanics(t *testing.T) {
	r := alone(t)
	d := r.Doc("d")
	other := alone(t)
	for what, use := range map[string]func(){
		"write":  func() { _ = d.Register("a").Set(background, 1) },
		"read":   func() { d.Counter("n").Value() },
		"update": func() { _ = d.Update(background, func(*joinery.Tx) error { return nil }) },
		"status": func() { r.Status() },
		"names":  func() { r.Docs(">")(func(string) bool { return true }) },
		"close":  func() { _ = r.Close() },
		"drain":  func() { _ = r.Drain(background) },
		"watch":  func() { r.Watch(background, ">") },
	} {
		err := d.Update(background, func(tx *joinery.Tx) error {
			if what == "drain" {
				return nil // without a transport there is nothing to wait for
			}
			require.Panics(t, use, what)
			require.NoError(t, other.Doc("d").Flag("x").Enable(background), "another replica is another matter")
			return tx.Register("a").Set(background, 1)
		})
		require.NoError(t, err, what)
	}
	d.View(func(*joinery.Tx) {
		require.Panics(t, func() { _ = d.Register("a").Set(background, 1) })
	})
}

func TestEmptyUpdateWritesNothing(t *testing.T) {
	r := alone(t)
	require.NoError(t, r.Doc("d").Update(background, func(*joinery.Tx) error { return nil }))
	require.Zero(t, r.Status().Docs)
	require.Zero(t, r.Status().Stats.Writes)
}

// TestNobodySeesHalfAnUpdate writes pairs that must be equal, over a network
// that loses, duplicates and reorders, and looks at them elsewhere all the time.
func TestNobodySeesHalfAnUpdate(t *testing.T) {
	net, rs := onMemory(t, 3, memory.Config{})
	net.SetFaults(memory.Faults{Link: memory.Random(7, memory.Odds{Drop: 0.2, Duplicate: 0.2, Reorder: 0.3})})
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for _, r := range rs {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				time.Sleep(50 * time.Microsecond) // leave the lock to the writers
				r.Doc("pair").View(func(tx *joinery.Tx) {
					a, okA, errA := joinery.Get[int](tx.Register("a"))
					b, okB, errB := joinery.Get[int](tx.Map("m").Register("b"))
					if a != b || okA != okB || errA != nil || errB != nil {
						t.Errorf("half an update: %v %v", a, b)
					}
				})
			}
		})
	}
	for i := range 300 {
		require.NoError(t, rs[i%2].Doc("pair").Update(background, func(tx *joinery.Tx) error {
			return errors.Join(tx.Register("a").Set(background, i), tx.Map("m").Register("b").Set(background, i))
		}))
	}
	net.SetFaults(memory.Faults{})
	net.Release()
	settle(t, rs...)
	close(stop)
	readers.Wait()
}

func TestManyGoroutinesWriteAndRead(t *testing.T) {
	_, rs := onMemory(t, 2, memory.Config{})
	var all sync.WaitGroup
	const each = 200
	for g := range 8 {
		all.Go(func() {
			r := rs[g%2]
			for i := range each {
				d := r.Doc(fmt.Sprintf("d%d", i%5))
				if err := errors.Join(d.Counter("n").Inc(background, 1), d.Register(fmt.Sprint(g)).Set(background, i),
					d.Update(background, func(tx *joinery.Tx) error { return tx.Counter("n").Inc(background, 1) })); err != nil {
					t.Error(err)
				}
				d.Counter("n").Value()
				fields(d)
				r.Status()
			}
		})
	}
	all.Wait()
	settle(t, rs...)
	for _, r := range rs {
		var sum int64
		for name := range r.Docs(">") {
			sum += r.Doc(name).Counter("n").Value()
		}
		require.EqualValues(t, 8*each*2, sum)
	}
}

package store_test

import (
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/sync/store"
	"github.com/joinery-crdt/joinery/sync/store/conformance"
)

func TestMemoryConforms(t *testing.T) {
	conformance.Run(t, func(*testing.T) conformance.Place { return memoryPlace(store.NewMemory()) })
}

func memoryPlace(m *store.Memory) conformance.Place {
	return conformance.Place{
		Open: func() (store.Store, error) {
			next, err := m.Reopen()
			m = next
			return next, err
		},
		Copy: func(*testing.T) conformance.Place { return memoryPlace(m.Copy()) },
		Crash: func(seed uint64) {
			rng := rand.New(rand.NewPCG(seed, 0))
			m = m.Crash(func(unsynced int) int { return rng.IntN(unsynced + 1) })
		},
		FailWrites: func() { m.FailNext(store.OpSync, errors.New("no space left")) },
	}
}

func put(t *testing.T, m *store.Memory, key, value string, sync bool) {
	t.Helper()
	var b store.Batch
	b.Put([]byte(key), []byte(value))
	require.NoError(t, m.Apply(&b, sync))
}

func has(t *testing.T, r store.Reader, key string) bool {
	t.Helper()
	_, err := r.Get([]byte(key))
	if errors.Is(err, store.ErrNotFound) {
		return false
	}
	require.NoError(t, err)
	return true
}

func TestACrashKeepsTheChosenPrefix(t *testing.T) {
	for keep := range 4 {
		m := store.NewMemory()
		put(t, m, "synced", "v", true)
		for _, k := range []string{"1", "2", "3"} {
			put(t, m, k, "v", false)
		}
		require.Equal(t, 3, m.Unsynced())
		after := m.Crash(func(unsynced int) int {
			require.Equal(t, 3, unsynced)
			return keep
		})
		_, err := m.Get([]byte("synced"))
		require.ErrorIs(t, err, store.ErrClosed)
		require.True(t, has(t, after, "synced"))
		for i, k := range []string{"1", "2", "3"} {
			require.Equal(t, i < keep, has(t, after, k), "batch %s of which %d are kept", k, keep)
		}
	}
}

func TestTheOriginSurvivesACrashAndNotACopy(t *testing.T) {
	m := store.NewMemory()
	origin, err := m.Origin()
	require.NoError(t, err)
	copied, err := m.Copy().Origin()
	require.NoError(t, err)
	require.NotEqual(t, origin, copied)
	after, err := m.Crash(nil).Origin()
	require.NoError(t, err)
	require.Equal(t, origin, after)
}

func TestALyingSyncKeepsNothing(t *testing.T) {
	m := store.NewMemory()
	m.LieAboutSync(true)
	put(t, m, "k", "v", true)
	require.False(t, has(t, m.Crash(nil), "k"))
}

func TestAFailedBatchMaySurviveOrNot(t *testing.T) {
	for _, survives := range []bool{false, true} {
		m := store.NewMemory()
		broken := errors.New("disk full")
		m.FailNext(store.OpApply, broken)
		var b store.Batch
		b.Put([]byte("k"), []byte("v"))
		err := m.Apply(&b, true)
		require.ErrorIs(t, err, store.ErrFailed)
		require.ErrorIs(t, err, broken)
		require.ErrorIs(t, m.Sync(), broken)
		require.False(t, has(t, m, "k"))
		require.NoError(t, m.Close())
		after := m.Crash(func(unsynced int) int {
			if survives {
				return unsynced
			}
			return 0
		})
		require.Equal(t, survives, has(t, after, "k"))
		put(t, after, "more", "v", true)
	}
}

func TestReadsFailAsTold(t *testing.T) {
	m := store.NewMemory()
	put(t, m, "k", "v", true)
	broken := errors.New("bad cable")
	m.FailNext(store.OpGet, broken)
	_, err := m.Get([]byte("k"))
	require.ErrorIs(t, err, broken)
	require.True(t, has(t, m, "k"), "once only")
	m.FailNext(store.OpSnapshot, broken)
	_, err = m.Snapshot()
	require.ErrorIs(t, err, broken)
}

func TestADamagedEntryIsFoundAndTheRestIsRead(t *testing.T) {
	m := store.NewMemory()
	for _, k := range []string{"a", "b", "c"} {
		put(t, m, k, "v", true)
	}
	require.True(t, m.Damage([]byte("b")))
	require.False(t, m.Damage([]byte("x")))
	m = m.Crash(nil)
	_, err := m.Get([]byte("b"))
	var corrupt *store.CorruptError
	require.ErrorAs(t, err, &corrupt)
	require.ErrorIs(t, err, store.ErrCorrupt)
	require.Equal(t, "b", string(corrupt.Key))

	var keys []string
	for e, err := range m.Scan(nil, nil) {
		if err != nil {
			require.ErrorAs(t, err, &corrupt)
			require.Equal(t, "b", string(corrupt.Key))
			break
		}
		keys = append(keys, string(e.Key))
	}
	require.Equal(t, []string{"a"}, keys)
	require.True(t, has(t, m, "c"))
	put(t, m, "b", "healed", true)
	require.True(t, has(t, m, "b"))
}

func TestACorruptedValueIsReadAsItIs(t *testing.T) {
	m := store.NewMemory()
	put(t, m, "k", "v", true)
	require.True(t, m.Corrupt([]byte("k"), func(v []byte) []byte { v[0] ^= 1; return v }))
	for _, r := range []*store.Memory{m.Copy(), m.Crash(nil)} {
		got, err := r.Get([]byte("k"))
		require.NoError(t, err)
		require.Equal(t, "w", string(got))
	}
}

func TestUnsyncedBatchesAreBounded(t *testing.T) {
	m := store.NewMemory()
	for range 1<<16 + 10 {
		put(t, m, "k", "v", false)
	}
	require.LessOrEqual(t, m.Unsynced(), 1<<16)
	require.True(t, has(t, m.Crash(nil), "k"))
}

func BenchmarkMemoryApply(b *testing.B) {
	m := store.NewMemory()
	var c store.Batch
	key, value, rng := make([]byte, 16), make([]byte, 64), rand.New(rand.NewPCG(1, 1))
	b.ReportAllocs()
	for b.Loop() {
		c.Reset()
		for i := range key {
			key[i] = byte(rng.Uint32())
		}
		c.Put(key, value)
		if err := m.Apply(&c, true); err != nil {
			b.Fatal(err)
		}
	}
}

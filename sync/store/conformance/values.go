package conformance

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/sync/store"
)

func testPutGetDelete(t *testing.T, b *bench) {
	b.lacks(b.store, "k")
	b.put("k", "one")
	b.wants(b.store, "k", "one")
	b.put("k", "two")
	b.wants(b.store, "k", "two")
	var d store.Batch
	d.Delete([]byte("k"))
	d.Delete([]byte("never there"))
	require.NoError(t, b.store.Apply(&d, true))
	b.lacks(b.store, "k")
}

func testEmptyValue(t *testing.T, b *bench) {
	b.put("k", "")
	b.wants(b.store, "k", "")
	require.Equal(t, []string{"k", ""}, b.list(b.store, "", ""))
	b.reopen()
	b.wants(b.store, "k", "")
}

func testLargeValue(t *testing.T, b *bench) {
	large := make([]byte, 5<<20)
	rng := rand.NewChaCha8([32]byte{1})
	_, _ = rng.Read(large)
	longest := strings.Repeat("k", store.MaxKey)
	b.put("large", string(large), longest, "v")
	require.NoError(t, b.store.Sync())
	b.reopen()
	got, err := b.store.Get([]byte("large"))
	require.NoError(t, err)
	require.True(t, bytes.Equal(large, got))
	b.wants(b.store, longest, "v")
}

func testOwnership(t *testing.T, b *bench) {
	key, value := []byte("key"), []byte("value")
	var batch store.Batch
	batch.Put(key, value)
	key[0], value[0] = 'x', 'x'
	require.NoError(t, b.store.Apply(&batch, false))
	batch.Reset()
	batch.Put([]byte("zzzzz"), []byte("zzzzz"))
	b.wants(b.store, "key", "value")
	got, err := b.store.Get([]byte("key"))
	require.NoError(t, err)
	got[0] = 'x'
	b.wants(b.store, "key", "value")
}

func testOrderInBatch(t *testing.T, b *bench) {
	b.put("a", "old", "b", "old", "c", "old")
	var c store.Batch
	c.Put([]byte("a"), []byte("1"))
	c.Put([]byte("a"), []byte("2"))
	c.Delete([]byte("b"))
	c.Put([]byte("b"), []byte("3"))
	c.Put([]byte("c"), []byte("4"))
	c.Delete([]byte("c"))
	c.Put([]byte("d"), []byte("5"))
	c.DeleteRange([]byte("d"), []byte("f"))
	c.Put([]byte("e"), []byte("6"))
	require.NoError(t, b.store.Apply(&c, true))
	require.Equal(t, []string{"a", "2", "b", "3", "e", "6"}, b.list(b.store, "", ""))
}

func testBatchReuse(t *testing.T, b *bench) {
	var c store.Batch
	require.NoError(t, b.store.Apply(&c, true), "an empty batch")
	c.Put([]byte("a"), []byte("1"))
	require.NoError(t, b.store.Apply(&c, false))
	c.Reset()
	c.Put([]byte("b"), []byte("2"))
	require.NoError(t, b.store.Apply(&c, false))
	require.NoError(t, b.store.Apply(&c, true), "the same again")
	require.Equal(t, []string{"a", "1", "b", "2"}, b.list(b.store, "", ""))
}

func testBounds(t *testing.T, b *bench) {
	for name, refused := range map[string]*store.Batch{
		"an empty key": batch("good", "v", "", "v"),
		"a long key":   batch("good", "v", strings.Repeat("k", store.MaxKey+1), "v"),
	} {
		require.ErrorIs(t, b.store.Apply(refused, true), store.ErrBounds, name)
	}
	b.lacks(b.store, "good")
	b.lacks(b.store, "")
	b.lacks(b.store, strings.Repeat("k", store.MaxKey+1))
	b.put("k", "v")
	b.wants(b.store, "k", "v")
}

func testScanOrder(t *testing.T, b *bench) {
	b.put("b", "", "\xff\xff", "", "a\x00", "", "\x00", "", "a", "", "ab", "", "\xff", "", "B", "")
	want := []string{"\x00", "", "B", "", "a", "", "a\x00", "", "ab", "", "b", "", "\xff", "", "\xff\xff", ""}
	require.Equal(t, want, b.list(b.store, "", ""))
}

func testScanBounds(t *testing.T, b *bench) {
	b.put("a", "1", "b", "2", "c", "3")
	require.Equal(t, []string{"a", "1", "b", "2"}, b.list(b.store, "a", "c"))
	require.Equal(t, []string{"b", "2"}, b.list(b.store, "a\x00", "b\x00"))
	require.Equal(t, []string{"b", "2", "c", "3"}, b.list(b.store, "b", ""))
	require.Equal(t, []string{"a", "1"}, b.list(b.store, "", "b"))
	require.Empty(t, b.list(b.store, "b", "b"))
	require.Empty(t, b.list(b.store, "c", "a"))
	require.Empty(t, b.list(b.store, "d", ""))
	require.Empty(t, b.list(b.store, "\xff\xff\xff", ""))
}

func testScanAgain(t *testing.T, b *bench) {
	b.put("a", "1", "b", "2", "c", "3")
	scan := b.store.Scan(nil, nil)
	for e, err := range scan {
		require.NoError(t, err)
		require.Equal(t, "a", string(e.Key))
		break
	}
	b.put("d", "4")
	n := 0
	for _, err := range scan {
		require.NoError(t, err)
		n++
	}
	require.Equal(t, 4, n)
}

func testScanMoment(t *testing.T, b *bench) {
	for i := range 1000 {
		b.put(fmt.Sprintf("%04d", i), "old")
	}
	n := 0
	for e, err := range b.store.Scan(nil, nil) {
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("%04d", n), string(e.Key))
		require.Equal(t, "old", string(e.Value))
		if n == 0 {
			var c store.Batch
			c.DeleteRange([]byte("0500"), nil)
			c.Put([]byte("0499"), []byte("new"))
			c.Put([]byte("0498x"), []byte("new"))
			require.NoError(t, b.store.Apply(&c, false), "a write within a scan")
		}
		n++
	}
	require.Equal(t, 1000, n)
	require.Len(t, b.list(b.store, "", ""), 2*501)
}

func testDeleteRange(t *testing.T, b *bench) {
	fill := func() { b.put("a", "1", "b", "2", "c", "3", "d", "4") }
	for _, c := range []struct{ from, to, left string }{
		{"b", "d", "ad"},
		{"a\x00", "b\x00", "acd"},
		{"", "", ""},
		{"c", "", "ab"},
		{"", "c", "cd"},
		{"c", "c", "abcd"},
		{"d", "b", "abcd"},
		{"x", "y", "abcd"},
	} {
		fill()
		var d store.Batch
		d.DeleteRange([]byte(c.from), []byte(c.to))
		require.NoError(t, b.store.Apply(&d, true))
		keys := ""
		for i, s := range b.list(b.store, "", "") {
			if i%2 == 0 {
				keys += s
			}
		}
		require.Equal(t, c.left, keys, "range %q to %q", c.from, c.to)
	}
}

// testModel compares with a map, also after opening again.
func testModel(t *testing.T, b *bench) {
	rng := rand.New(rand.NewPCG(7, 7))
	model := map[string]string{}
	key := func() string { return fmt.Sprintf("%02d", rng.IntN(60)) }
	for step := range 300 {
		var c store.Batch
		for range 1 + rng.IntN(5) {
			applyBoth(rng, &c, model, key)
		}
		require.NoError(t, b.store.Apply(&c, rng.IntN(10) == 0))
		if step%100 == 99 {
			b.reopen()
		}
		from, to := key(), key()
		want := []string{}
		for _, k := range slices.Sorted(maps.Keys(model)) {
			if k >= from && k < to {
				want = append(want, k, model[k])
			}
		}
		require.Equal(t, want, b.list(b.store, from, to))
	}
}

func applyBoth(rng *rand.Rand, c *store.Batch, model map[string]string, key func() string) {
	switch k := key(); rng.IntN(6) {
	case 0:
		c.Delete([]byte(k))
		delete(model, k)
	case 1:
		to := key()
		c.DeleteRange([]byte(k), []byte(to))
		maps.DeleteFunc(model, func(have, _ string) bool { return have >= k && have < to })
	default:
		v := fmt.Sprint(rng.Uint64())
		c.Put([]byte(k), []byte(v))
		model[k] = v
	}
}

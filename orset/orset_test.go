package orset_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/orset"
)

// racing is set under the race detector, which allocates too.
var racing bool

func TestAppendingADeltaAllocatesOnlyWhatTheValueKeeps(t *testing.T) {
	if racing {
		t.Skip("the race detector allocates")
	}
	dst := make([]byte, 0, 1<<12)
	m, s, ids := orset.NewMap[string, int](alice), orset.New[string](alice), orset.New[[16]byte](alice)
	id := [16]byte{1, 2, 3}
	steps := map[string]func() error{
		"put":    func() (err error) { _, err = m.AppendPut(dst, "a key", 7); return err },
		"add":    func() (err error) { _, err = s.AppendAdd(dst, "an element"); return err },
		"add id": func() (err error) { _, err = ids.AppendAdd(dst, id); return err },
	}
	for name, step := range steps {
		require.NoError(t, step(), "the first one makes room")
		// One for the key and value, though each overwrites the one before.
		require.LessOrEqual(t, testing.AllocsPerRun(200, func() {
			if step() != nil {
				panic(name)
			}
		}), 1.0, name)
	}
	fresh := orset.New[uint64](alice)
	next := uint64(0)
	require.LessOrEqual(t, testing.AllocsPerRun(1000, func() {
		next++
		if _, err := fresh.AppendAdd(dst, next); err != nil {
			panic(err)
		}
	}), 1.0, "fresh elements")
}

func TestReadingAllocatesNothing(t *testing.T) {
	if racing {
		t.Skip("the race detector allocates")
	}
	m, s := orset.NewMap[string, int](alice), orset.New[[16]byte](alice)
	m.Put("k", 1)
	s.Add([16]byte{1})
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if v, ok := m.Get("k"); !ok || v != 1 || !m.Contains("k") || !s.Contains([16]byte{1}) {
			panic("missing")
		}
	}))
}

func TestReadersMayShareAValue(t *testing.T) {
	m := orset.NewMap[int, string](alice)
	for i := range 100 {
		m.Put(i, fmt.Sprint(i))
	}
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			n := 0
			for k, v := range m.Sorted() {
				if got, ok := m.Get(k); ok && got == v && len(m.Siblings(k)) == 1 {
					n++
				}
			}
			if n != 100 || m.Len() != 100 {
				panic("a reader missed something")
			}
		})
	}
	readers.Wait()
}

func TestZeroValuesReadMergeAndPanicWhenWritten(t *testing.T) {
	full := orset.New[string](alice)
	d, err := full.Add("x")
	require.NoError(t, err)
	var s orset.Set[string]
	require.False(t, s.Contains("x"))
	require.Empty(t, slices.Collect(s.All()))
	require.NoError(t, s.Merge(d))
	require.True(t, s.Contains("x"))
	require.Panics(t, func() { s.Add("y") })
	require.Panics(t, func() { s.Remove("x") })
	require.Panics(t, func() { s.Update(func(*orset.SetWriter[string]) error { return nil }) })
	s.Bind(bob, nil)
	_, err = s.Add("y")
	require.NoError(t, err)

	var m orset.Map[string, int]
	_, ok := m.Get("k")
	require.False(t, ok)
	require.Zero(t, m.Len())
	var r orset.RemoveWins[int]
	require.False(t, r.Contains(1))
	var tree orset.Tree
	require.Empty(t, slices.Collect(tree.Fields()))
	_, ok = tree.Field("a", "b").Value()
	require.False(t, ok)
	require.Panics(t, func() { tree.Field("a").Assign("x") })
}

func TestNamesAndValuesOverTheirLimitsAreRefusedAtTheWrite(t *testing.T) {
	m, tree := orset.NewMap[string, string](alice), orset.NewTree(alice)
	_, err := m.Put(strings.Repeat("k", kernel.MaxKey+1), "")
	require.ErrorIs(t, err, crdt.ErrTooLarge)
	_, err = m.Put("k", strings.Repeat("v", kernel.MaxValue+1))
	require.ErrorIs(t, err, crdt.ErrTooLarge)
	_, err = tree.Field("a", slices.Repeat([]string{"b"}, kernel.MaxDepth)...).Assign("too deep")
	require.ErrorIs(t, err, crdt.ErrTooLarge)
	_, err = tree.Field(strings.Repeat("k", kernel.MaxKey+1), "b").Add("e")
	require.ErrorIs(t, err, crdt.ErrTooLarge)
	require.Zero(t, m.Len())
	require.Empty(t, slices.Collect(tree.Fields()))
}

func TestAnOddKeyIsAKeyLikeAnyOther(t *testing.T) {
	a, b := orset.NewMap[string, string](alice), orset.NewMap[string, string](bob)
	odd := []string{"", "\x00", "a.b.*.>", " \n\t", "\xff\xfe", strings.Repeat("ü", 300), "日本"}
	for _, k := range odd {
		d, err := a.Put(k, k)
		require.NoError(t, err)
		require.NoError(t, b.Merge(d))
	}
	require.Equal(t, len(odd), b.Len())
	for _, k := range odd {
		v, ok := b.Get(k)
		require.True(t, ok)
		require.Equal(t, k, v)
	}
}

func TestTypesUnderOneNameStandBesideEachOther(t *testing.T) {
	tree := orset.NewTree(alice)
	f := tree.Field("name")
	f.Assign("v")
	f.Increment(2)
	f.Enable()
	f.Add("e")
	f.Field("below").Assign("w")
	v, _ := f.Value()
	n, _ := f.Sum()
	require.Equal(t, "v 2 true true [below] [name]",
		fmt.Sprint(v, " ", n, " ", f.Enabled(), f.Contains("e"), slices.Collect(f.Fields()), " ", slices.Collect(tree.Fields())))
	_, err := f.Remove()
	require.NoError(t, err)
	require.Empty(t, slices.Collect(tree.Fields()))
	require.Zero(t, tree.Document().State().Dots())
}

func TestClearingALargeSetFitsInMessages(t *testing.T) {
	s, other := orset.New[int](alice), orset.New[int](bob)
	for i := range 20_000 {
		require.NoError(t, s.Writer().Add(i))
	}
	require.NoError(t, other.Merge(s.Flush(nil)))
	d, err := other.Clear()
	require.NoError(t, err)
	require.NoError(t, s.Merge(d))
	require.Zero(t, s.Len())
	require.True(t, s.Equal(other))
}

func TestIterationStopsWhenAsked(t *testing.T) {
	m := orset.NewMap[int, int](alice)
	s, r, tree := orset.New[int](alice), orset.NewRemoveWins[int](alice), orset.NewTree(alice)
	for i := range 5 {
		m.Put(i, i)
		s.Add(i)
		r.Add(i)
		tree.Field("s").Add(fmt.Sprint(i))
	}
	for range m.All() {
		break
	}
	for k := range m.Sorted() {
		require.Zero(t, k)
		break
	}
	for range s.All() {
		break
	}
	for range r.Sorted() {
		break
	}
	for range tree.Field("s").Elements() {
		break
	}
}

func TestADeltaIsRefusedWholeIfAnyPayloadIsForeign(t *testing.T) {
	texts := orset.NewMap[string, string](alice)
	texts.Writer().Put("fits", "8 bytes.")
	texts.Writer().Put("does not", "nine byte")
	numbers := orset.NewMap[string, uint64](bob)
	require.ErrorIs(t, numbers.Merge(texts.Flush(nil)), crdt.ErrForeign)
	require.Zero(t, numbers.Len())
	c := numbers.Document().State().Context()
	require.True(t, c.IsEmpty(), "nothing is claimed either")
}

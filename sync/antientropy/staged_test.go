package antientropy

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/delta"
)

// nested writes fields of several depths, and removes some.
func nested(t *testing.T, h *holder, n int) {
	for i := range n {
		in := kernel.Root
		for depth := range i % 3 {
			in = h.doc.State().Ensure(in, crdt.TagMap, fmt.Sprint("m", depth))
		}
		require.NoError(t, h.doc.Assign(in, crdt.TagRegister, fmt.Sprint(i%17), fmt.Sprint("value", i), false, crdt.Options{}))
	}
	h.doc.Flush(nil)
}

func TestWhatIsStagedOfABeginningIsOfThoseDots(t *testing.T) {
	h := newHolder(0)
	nested(t, h, 60)
	s := h.doc.State()
	whole := delta.Delta(delta.AppendState(nil, s))
	last := uint64(0)
	for n := range len(whole) + 1 {
		var g Staged
		g.Add(whole[:n])
		dots := g.Dots()
		require.GreaterOrEqual(t, dots.Count(), last, "more bytes, more payloads")
		last = dots.Count()
		for id, rs := range dots.All() {
			from, _ := s.Lookup(id)
			to, _ := g.payloads.Lookup(id)
			for seq := range rs.All() {
				want, live := s.DotPrint(from, seq)
				got, _ := g.payloads.DotPrint(to, seq)
				require.True(t, live)
				require.Equal(t, want, got)
			}
		}
	}
	require.EqualValues(t, s.Dots(), last)
}

func TestAFrameIsCompletedWithWhatIsStaged(t *testing.T) {
	h := newHolder(0)
	nested(t, h, 60)
	first := delta.Delta(delta.AppendState(nil, h.doc.State()))
	own := merge(t)
	nested(t, h, 30) // overwrites some of what will be staged
	for n := range len(first) {
		var g Staged
		g.Add(first[:n])
		f, err := delta.AppendFor(nil, h.doc.State(), g.Dots()).Open()
		require.NoError(t, err)
		whole, err := g.Complete(own, f)
		require.NoError(t, err)
		got := own.Clone()
		require.NoError(t, whole.Merge(got))
		require.Equal(t, h.doc.State().Digest(), got.Digest())
		require.NoError(t, got.Verify())
	}
}

func TestWhatAFrameDoesNotClaimIsNotCompleted(t *testing.T) {
	mine, other := newHolder(0), crdt.NewDocument(causal.Actor{ID: causal.ID{5}}, nil)
	nested(t, mine, 20)
	require.NoError(t, other.Assign(kernel.Root, crdt.TagRegister, "k", "v", false, crdt.Options{}))
	other.Flush(nil)
	var g Staged
	g.Add(delta.AppendState(nil, other.State()))
	g.Add(delta.AppendState(nil, mine.doc.State()))
	f, err := delta.AppendFor(nil, mine.doc.State(), g.Dots()).Open()
	require.NoError(t, err)
	whole, err := g.Complete(&kernel.State{}, f)
	require.NoError(t, err)
	got := merge(t, whole)
	require.Equal(t, mine.doc.State().Digest(), got.Digest())
}

func TestNothingIsStagedOfGarbage(t *testing.T) {
	h := newHolder(0)
	nested(t, h, 20)
	for _, b := range []delta.Delta{nil, {}, {0xc7}, {0xc9, 0, 0, 0}, []byte("garbage"), delta.AppendState(nil, h.doc.State())[1:]} {
		var g Staged
		g.Add(b)
		dots := g.Dots()
		require.True(t, dots.IsEmpty())
	}
}

func FuzzStaged(f *testing.F) {
	doc := crdt.NewDocument(alice, nil)
	if err := doc.Assign(kernel.Root, crdt.TagRegister, "k", "v", false, crdt.Options{}); err != nil {
		f.Fatal(err)
	}
	doc.Flush(nil)
	whole := delta.AppendState(nil, doc.State())
	f.Add(whole)
	f.Add(whole[:len(whole)-3])
	f.Fuzz(func(t *testing.T, b []byte) {
		var g Staged
		g.Add(b)
		require.NoError(t, g.payloads.Verify())
	})
}

package crdt_test

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/crdt/wire"
	"github.com/joinery-crdt/joinery/delta"
	"github.com/joinery-crdt/joinery/lwwmap"
	"github.com/joinery-crdt/joinery/orset"
)

var (
	alice = causal.Actor{ID: causal.ID{1}, Incarnation: 1}
	bob   = causal.Actor{ID: causal.ID{2}, Incarnation: 1}
)

// exchange merges what each of two values knows into the other.
func exchange(t *testing.T, a, b interface {
	Merge(delta.Delta) error
	MarshalBinary() ([]byte, error)
}) {
	t.Helper()
	x, err := a.MarshalBinary()
	require.NoError(t, err)
	y, err := b.MarshalBinary()
	require.NoError(t, err)
	require.NoError(t, a.Merge(y))
	require.NoError(t, b.Merge(x))
}

func must(t *testing.T) func(delta.Delta, error) {
	return func(_ delta.Delta, err error) { t.Helper(); require.NoError(t, err) }
}

// truth has one function for each row of the table in the package's doc, which
// shows its concurrent outcome.
var truth = map[string]func(*testing.T){
	"LWW register": func(t *testing.T) {
		a, b := crdt.NewRegister[string](alice), crdt.NewRegister[string](bob)
		must(t)(a.Set("later", crdt.At(2)))
		must(t)(b.Set("earlier", crdt.At(1)))
		exchange(t, a, b)
		for _, r := range []*crdt.Register[string]{a, b} {
			v, ok := r.Get()
			require.True(t, ok)
			require.Equal(t, "later", v)
		}
	},
	"MV register": func(t *testing.T) {
		a, b := crdt.NewRegister[string](alice), crdt.NewRegister[string](bob)
		must(t)(a.Set("one"))
		must(t)(b.Set("two"))
		exchange(t, a, b)
		require.Len(t, a.Siblings(), 2)
		require.Equal(t, a.Siblings(), b.Siblings())
		must(t)(b.Set("both seen"))
		exchange(t, a, b)
		require.Len(t, a.Siblings(), 1)
	},
	"add-wins set": func(t *testing.T) {
		a, b := orset.New[string](alice), orset.New[string](bob)
		must(t)(a.Add("e"))
		exchange(t, a, b)
		must(t)(a.Remove("e"))
		must(t)(b.Add("e"))
		exchange(t, a, b)
		require.True(t, a.Contains("e") && b.Contains("e"))
	},
	"remove-wins set": func(t *testing.T) {
		a, b := orset.NewRemoveWins[string](alice), orset.NewRemoveWins[string](bob)
		must(t)(a.Add("e"))
		exchange(t, a, b)
		must(t)(a.Remove("e"))
		must(t)(b.Add("e"))
		exchange(t, a, b)
		require.False(t, a.Contains("e") || b.Contains("e"))
	},
	"enable-wins flag": func(t *testing.T) {
		a, b := crdt.NewEnableFlag(alice), crdt.NewEnableFlag(bob)
		must(t)(a.Enable())
		exchange(t, a, b)
		must(t)(a.Disable())
		must(t)(b.Enable())
		exchange(t, a, b)
		require.True(t, a.Enabled() && b.Enabled())
	},
	"disable-wins flag": func(t *testing.T) {
		a, b := crdt.NewDisableFlag(alice), crdt.NewDisableFlag(bob)
		must(t)(a.Enable())
		exchange(t, a, b)
		must(t)(a.Disable())
		must(t)(b.Enable())
		exchange(t, a, b)
		require.False(t, a.Enabled() || b.Enabled())
	},
	"counter": func(t *testing.T) {
		a, b := crdt.NewCounter(alice), crdt.NewCounter(bob)
		must(t)(a.Add(5))
		exchange(t, a, b)
		must(t)(a.Reset())
		must(t)(b.Add(-2))
		exchange(t, a, b)
		require.Equal(t, int64(-2), a.Value())
		require.Equal(t, int64(-2), b.Value())
	},
	"OR-map": func(t *testing.T) {
		a, b := orset.NewTree(alice), orset.NewTree(bob)
		must(t)(a.Field("cart", "apples").Increment(3))
		exchange(t, a, b)
		must(t)(a.Field("cart").Remove())
		must(t)(b.Field("cart", "pears").Increment(1))
		exchange(t, a, b)
		for _, tree := range []*orset.Tree{a, b} {
			require.Equal(t, []string{"pears"}, slices.Collect(tree.Field("cart").Fields()))
		}
	},
	"LWW map": func(t *testing.T) {
		a, b := lwwmap.New[string, int](alice), lwwmap.New[string, int](bob)
		must(t)(a.Put("deleted later", 1, crdt.At(1)))
		must(t)(b.Delete("deleted later", crdt.At(2)))
		must(t)(a.Delete("put later", crdt.At(1)))
		must(t)(b.Put("put later", 2, crdt.At(2)))
		exchange(t, a, b)
		for _, m := range []*lwwmap.Map[string, int]{a, b} {
			require.False(t, m.Contains("deleted later"))
			require.True(t, m.Contains("put later"))
		}
	},
}

func TestTheTruthTableHolds(t *testing.T) {
	rows := documentedRows(t)
	require.Len(t, rows, len(truth))
	for _, row := range rows {
		require.Contains(t, truth, row, "a row of the documented table without a test")
		t.Run(row, truth[row])
	}
}

// documentedRows returns the first column of the table in the package's doc.
func documentedRows(t *testing.T) (rows []string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "doc.go", nil, parser.ParseComments)
	require.NoError(t, err)
	doc := (&ast.CommentGroup{List: f.Doc.List}).Text()
	inside := false
	for line := range strings.Lines(doc) {
		name, _, _ := strings.Cut(strings.TrimPrefix(line, "\t"), "  ")
		switch {
		case name == "view":
			inside = true
		case inside && !strings.HasPrefix(line, "\t"):
			return rows
		case inside:
			rows = append(rows, name)
		}
	}
	return rows
}

func TestAZeroValueReadsAndMergesAndPanicsWhenWritten(t *testing.T) {
	full := crdt.NewRegister[int](alice)
	d, err := full.Set(7)
	require.NoError(t, err)

	var r crdt.Register[int]
	_, ok := r.Get()
	require.False(t, ok)
	require.Empty(t, r.Siblings())
	require.NoError(t, r.Merge(d))
	v, ok := r.Get()
	require.True(t, ok)
	require.Equal(t, 7, v)
	require.PanicsWithValue(t, "crdt: write to a document without an actor; make it with a New function or Bind it",
		func() { r.Set(8) })
	r.Bind(bob, nil)
	must(t)(r.Set(8))

	var c crdt.Counter
	require.Zero(t, c.Value())
	require.Panics(t, func() { c.Add(1) })
	var e crdt.EnableFlag
	require.False(t, e.Enabled())
	require.Panics(t, func() { e.Enable() })
	var f crdt.DisableFlag
	require.False(t, f.Enabled())
	require.Panics(t, func() { f.Disable() })
	var zero crdt.Register[struct{ A []int }] // no built-in codec: reading nothing needs none
	_, ok = zero.Get()
	require.False(t, ok)
	require.Panics(t, func() { crdt.NewRegister[struct{ A []int }](alice) })
}

func TestAnOlderExplicitTimestampIsIgnoredAloud(t *testing.T) {
	r := crdt.NewRegister[string](alice)
	must(t)(r.Set("new", crdt.At(10)))
	d, err := r.Set("old", crdt.At(9))
	require.ErrorIs(t, err, crdt.ErrSuperseded)
	require.Nil(t, d)
	v, _ := r.Get()
	require.Equal(t, "new", v)
	must(t)(r.Set("ordinary writes are never ignored"))
}

func TestAWriteOverAContextSupersedesJustThat(t *testing.T) {
	r := crdt.NewRegister[string](alice)
	must(t)(r.Set("read by the client"))
	read := r.Context()
	must(t)(r.Set("written meanwhile"))
	must(t)(r.Set("the client's", crdt.Over(read...)))
	require.Len(t, r.Siblings(), 2)
	must(t)(r.Clear(crdt.Over(r.Siblings()[0].Dot)))
	require.Len(t, r.Siblings(), 1)
}

func TestAContextThatNobodyCanHaveReadIsRefused(t *testing.T) {
	r := crdt.NewRegister[string](alice)
	must(t)(r.Set("x"))
	before, err := r.MarshalBinary()
	require.NoError(t, err)
	for _, dot := range []causal.Dot{{Actor: alice, Seq: 2}, {Actor: alice, Seq: 3}, {Actor: alice}, {}, {Seq: 1}, {Actor: bob, Seq: causal.MaxSeq}} {
		_, err := r.Set("y", crdt.Over(dot))
		require.ErrorIs(t, err, crdt.ErrContext, "%v", dot)
		_, err = r.Clear(crdt.Over(dot))
		require.ErrorIs(t, err, crdt.ErrContext, "%v", dot)
	}
	_, err = r.Set("y", crdt.Over(make([]causal.Dot, 5000)...))
	require.ErrorIs(t, err, crdt.ErrTooLarge)
	after, err := r.MarshalBinary()
	require.NoError(t, err)
	require.Equal(t, before, after)
}

func TestForeignDeltasAreRefusedWhole(t *testing.T) {
	set := orset.New[string](alice)
	d, err := set.Add("x")
	require.NoError(t, err)
	r := crdt.NewRegister[int](bob)
	require.ErrorIs(t, r.Merge(d), crdt.ErrForeign)

	texts := crdt.NewRegister[string](alice)
	d, err = texts.Set("three")
	require.NoError(t, err)
	require.ErrorIs(t, r.Merge(d), crdt.ErrForeign)
	require.ErrorIs(t, r.UnmarshalBinary(d), crdt.ErrForeign)
	require.ErrorIs(t, r.Merge([]byte{}), wire.ErrMalformed)
	require.NoError(t, r.Merge(nil), "the delta of a mutator that had nothing to do")
	require.Zero(t, r.Document().State().Dots())
	require.Equal(t, bob, r.Actor())
}

func TestUnsealedWritesAreFlushedBeforeEncoding(t *testing.T) {
	c := crdt.NewCounter(alice)
	for range 1000 {
		require.NoError(t, c.Writer().Add(1))
	}
	_, err := c.MarshalBinary()
	require.ErrorIs(t, err, crdt.ErrUnsealed)
	require.Panics(t, func() { c.Clone(bob) })
	require.Panics(t, func() { c.Bind(bob, nil) })
	d := c.Flush(nil)
	require.Less(t, len(d), 60, "a thousand increments that nobody saw are one")
	require.Nil(t, c.Flush(nil))

	other := crdt.NewCounter(bob)
	require.NoError(t, other.Merge(d))
	require.Equal(t, int64(1000), other.Value())
	require.True(t, c.Equal(other))
	require.NoError(t, other.Writer().Add(1))
	other.Flush(nil)
	require.False(t, c.Equal(other))
}

func TestARestoredValueWritesOnlyWhenBound(t *testing.T) {
	r := crdt.NewRegister[string](alice)
	must(t)(r.Set("x"))
	b, err := r.MarshalBinary()
	require.NoError(t, err)
	require.NoError(t, r.UnmarshalBinary(b))
	require.True(t, r.Actor().IsZero())
	require.Panics(t, func() { r.Set("y") })
	r.Bind(causal.Actor{ID: alice.ID, Incarnation: 2}, nil)
	must(t)(r.Set("y"))
	require.Len(t, r.Siblings(), 1)
}

func TestLimitsAreErrorsOfTheWrite(t *testing.T) {
	r := crdt.NewRegister[string](alice)
	_, err := r.Set(strings.Repeat("x", kernel.MaxValue+1))
	require.ErrorIs(t, err, crdt.ErrTooLarge)
	must(t)(r.Set(strings.Repeat("x", kernel.MaxValue)))
	d, err := r.AppendSet([]byte("kept"), strings.Repeat("x", kernel.MaxValue+1))
	require.ErrorIs(t, err, crdt.ErrTooLarge)
	require.Equal(t, "kept", string(d))
}

func TestACounterSaturatesAndStaysExact(t *testing.T) {
	c := crdt.NewCounter(alice)
	for range 3 {
		must(t)(c.Add(1 << 62))
	}
	require.Equal(t, int64(1<<63-1), c.Value())
	must(t)(c.Add(-1 << 62))
	must(t)(c.Add(-1 << 62))
	require.Equal(t, int64(1<<62), c.Value())
}

func TestAFailedUpdateLeavesNothing(t *testing.T) {
	m := orset.NewMap[string, int](alice)
	must(t)(m.Put("a", 1))
	before, err := m.MarshalBinary()
	require.NoError(t, err)
	boom := errors.New("boom")
	_, err = m.Update(func(w *orset.MapWriter[string, int]) error {
		w.Put("a", 2)
		w.Remove("a")
		w.Put("b", 3)
		return boom
	})
	require.ErrorIs(t, err, boom)
	after, err := m.MarshalBinary()
	require.NoError(t, err)
	require.Equal(t, before, after)
	require.Panics(t, func() { m.Update(func(*orset.MapWriter[string, int]) error { panic("boom") }) })
	must(t)(m.Put("b", 4))
	require.Equal(t, "map[a:1 b:4]", fmt.Sprint(collect(m)))
}

func collect(m *orset.Map[string, int]) map[string]int {
	out := map[string]int{}
	for k, v := range m.All() {
		out[k] = v
	}
	return out
}

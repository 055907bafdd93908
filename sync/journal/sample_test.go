package journal

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/hlc"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/delta"
	"github.com/joinery-crdt/joinery/sync/replica"
	"github.com/joinery-crdt/joinery/sync/store"
)

// sampleConfig puts small documents into a head and larger ones into rows.
var sampleConfig = Config{SmallState: 250, MinRecords: 1}

// sample is a journal with documents in all forms that there are.
func sample(t testing.TB) *bench {
	b := newBench(t, sampleConfig)
	for _, doc := range []string{"rows", "rows.log", "state", "state.log"} {
		n := 3
		if doc[0] == 'r' {
			n = 18
		}
		b.fill(doc, n)
		b.checkpoint(doc)
		b.remove(doc, "k1")
		b.set(doc, "k2", "again")
		b.checkpoint(doc)
	}
	for _, doc := range []string{"log", "rows.log", "state.log"} {
		b.fill(doc, 2)
		b.foreign(doc)
	}
	b.append(true)
	return b
}

// fill writes something of each kind.
func (b *bench) fill(doc string, n int) {
	b.t.Helper()
	for i := range n {
		b.set(doc, fmt.Sprint("k", i), fmt.Sprint("value ", i))
		b.append(false)
	}
	require.NoError(b.t, b.r.Write(epoch, doc, func(d *crdt.Document) error {
		in, err := d.Ensure([]kernel.Component{{Tag: crdt.TagMap, Name: "map"}, {Tag: crdt.TagMap, Name: "\xff"}})
		require.NoError(b.t, err)
		require.NoError(b.t, d.Assign(in, crdt.TagLWWField, "field", "", true, crdt.Options{}))
		require.NoError(b.t, d.Increment(kernel.Root, "count", int64(n)))
		return d.Assign(kernel.Root, crdt.TagElem, "", "", false, crdt.Options{})
	}))
	b.append(false)
}

// foreign keeps what other replicas might have sent: units with a hole before
// them, and a state for a receiver that has some of it.
func (b *bench) foreign(doc string) {
	b.t.Helper()
	d := crdt.NewDocument(causal.Actor{ID: causal.ID{9}, Incarnation: 7}, &hlc.Clock{Source: func() time.Time { return epoch }})
	write := func(key string) delta.Delta {
		require.NoError(b.t, d.Assign(kernel.Root, crdt.TagRegister, key, "foreign", false, crdt.Options{}))
		return d.Flush(nil)
	}
	write("lost")
	b.keep(doc, write("k1"), true)
	b.keep(doc, write("k1"), true)
	write("later")
	require.NoError(b.t, d.Merge(b.r.View(doc).AppendState(nil)))
	known := b.r.View(doc).State().Context()
	b.keep(doc, delta.AppendFor(nil, d.State(), known), false)
}

// keep loads and appends a record as it is.
func (b *bench) keep(doc string, d delta.Delta, unit bool) {
	b.t.Helper()
	b.append(false)
	rec := replica.Record{Doc: doc, Delta: d, Unit: unit}
	require.NoError(b.t, b.r.Load(rec))
	require.NoError(b.t, b.j.Append([]replica.Record{rec}, Life{b.r.Actor().Incarnation, b.r.Mark(), b.r.Floor()}, false))
}

// facts is what a document says, told naively.
type facts struct {
	context causal.Context
	live    map[causal.Dot]string
	digest  uint64
}

func factsOf(s *kernel.State) facts {
	f := facts{s.Context(), make(map[causal.Dot]string), s.Digest()}
	for _, a := range s.Actors() {
		for l := range s.Between(a, causal.Range{Lo: 1, Hi: causal.MaxSeq}) {
			f.live[s.Dot(&l)] = fmt.Sprintf("%q", []any{s.Path(nil, l.Parent), l.Tag, l.Key, l.Value, l.Time, l.Expiry, l.Marked})
		}
	}
	return f
}

// requireWithin checks that a document says nothing that is not so: what it has
// seen, it has seen with all effects.
func (f facts) requireWithin(t testing.TB, whole facts, about string) {
	t.Helper()
	require.True(t, whole.context.Covers(f.context), about)
	for dot, payload := range f.live {
		if now, lives := whole.live[dot]; lives {
			require.Equal(t, now, payload, about)
		}
	}
	for dot := range whole.live {
		if f.context.Contains(dot) {
			require.Contains(t, f.live, dot, "%s: taken for dead", about)
		}
	}
	if f.context.Equal(whole.context) {
		require.Equal(t, whole.live, f.live, about)
		require.Equal(t, whole.digest, f.digest, about)
	}
}

func (b *bench) facts() map[string]facts {
	all := make(map[string]facts)
	for _, doc := range b.j.Docs() {
		all[doc] = factsOf(b.r.View(doc).State())
	}
	return all
}

// keys returns all keys of a store.
func keys(t testing.TB, s store.Reader) (all [][]byte) {
	for e, err := range s.Scan(nil, nil) {
		require.NoError(t, err)
		all = append(all, append([]byte(nil), e.Key...))
	}
	return all
}

func TestTheSampleHasAllThereIs(t *testing.T) {
	b := sample(t)
	kinds := make(map[byte]int)
	for _, key := range keys(t, b.store) {
		kinds[key[0]]++
	}
	require.Equal(t, 5, kinds[kindName])
	require.Equal(t, 4, kinds[kindHead])
	require.Greater(t, kinds[kindRow], 25)
	require.Greater(t, kinds[kindRecord], 15)
	want := b.facts()
	b.crash(all)
	b.loadAll()
	require.Equal(t, want, b.facts())
	inRows := 0
	for _, d := range b.j.docs {
		if d.head != nil {
			inRows++
		}
	}
	require.Equal(t, 2, inRows)
}

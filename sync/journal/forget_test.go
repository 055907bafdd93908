package journal

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/sync/replica"
)

// forget has the journal forget a document, as of a floor.
func (b *bench) forget(floor uint64, docs ...string) {
	b.t.Helper()
	var records []replica.Record
	for _, doc := range docs {
		records = append(records, replica.Record{Doc: doc, Forget: true})
	}
	require.NoError(b.t, b.j.Append(records, Life{b.r.Actor().Incarnation, b.r.Mark(), floor}, true))
}

// keys returns how many entries the store has besides those of the replica itself.
func (b *bench) keys() (n int) {
	for e, err := range b.j.store.Scan(nil, nil) {
		require.NoError(b.t, err)
		if k := e.Key[0]; k != kindMeta && k != kindClock && k != kindSpace {
			n++
		}
	}
	return n
}

func TestAForgottenDocumentLeavesNothing(t *testing.T) {
	b := sample(t)
	b.forget(40, b.j.Docs()...)
	require.Empty(t, b.j.Docs())
	require.Zero(t, b.keys())
	require.NoError(t, b.j.Close())
	_, start, err := Open(b.j.store, sampleConfig)
	require.NoError(t, err)
	require.EqualValues(t, 40, start.Floor)
	require.Empty(t, start.Damaged)
}

func TestADocumentThatIsMadeAnewIsAnother(t *testing.T) {
	b := sample(t)
	before := b.keys()
	records := []replica.Record{{Doc: "rows", Forget: true}}
	fresh := newBench(t, sampleConfig)
	fresh.set("rows", "only", "this")
	fresh.r.Commit(epoch)
	records = append(records, fresh.r.Ready().Records...)
	require.NoError(t, b.j.Append(records, Life{}, true))
	require.Less(t, b.keys(), before)
	l, err := b.j.Load("rows")
	require.NoError(t, err)
	found := 0
	for _, err := range l.Records() {
		require.NoError(t, err)
		found++
	}
	require.Equal(t, 1, found)
}

func TestACheckpointUnderWayOfAForgottenDocumentLeavesNothing(t *testing.T) {
	for _, again := range []bool{false, true} {
		b := newBench(t, sampleConfig)
		b.fill("rows", 18)
		c := b.j.Capture("rows", b.r.View("rows"))
		require.NotNil(t, c)
		b.append(false, c)
		b.forget(1, "rows")
		if again {
			b.set("rows", "k", "again")
			b.append(true)
		}
		require.NoError(t, c.Write(func(look func(*crdt.Document)) { look(b.r.View("rows")) }, func() error { return nil }))
		want := 0
		if again {
			want = 2 // its name and a record
		}
		require.Equal(t, want, b.keys())
	}
}

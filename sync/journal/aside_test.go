package journal

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/delta"
	"github.com/joinery-crdt/joinery/sync/store"
)

func TestWhatLiesAsideStaysAndIsListed(t *testing.T) {
	o := newOriginal(t)
	entries := count(t, o.store, kindRow)
	require.Zero(t, len(mustAside(t, o.j)))
	_, err := o.j.PutAside("rows", errors.New("a reason"))
	require.NoError(t, err)
	list := mustAside(t, o.j)
	require.Len(t, list, 1)
	require.Equal(t, "rows", list[0].Doc)
	require.Equal(t, "a reason", list[0].Why)
	require.Greater(t, list[0].Entries, uint64(12))
	require.Greater(t, list[0].Bytes, uint64(500))
	require.Equal(t, entries, count(t, o.store, kindRow))
	o.set("rows", "k1", "new")
	o.append(true)
	o.checkpoint("rows")
	require.Equal(t, list, mustAside(t, o.j), "a checkpoint of the new one leaves the old one alone")
	require.NoError(t, o.j.Close())
	start := o.start()
	require.Zero(t, start.Incarnation, "what is missing may be events of the last one")
	require.Equal(t, list, mustAside(t, o.j))
	_, err = o.j.PutAside("nobody", errors.New("a reason"))
	require.ErrorContains(t, err, "not in the store")
}

func mustAside(t testing.TB, j *Journal) []Damaged {
	list, err := j.Aside()
	require.NoError(t, err)
	return list
}

func TestAPutAsideIsAllOrNothing(t *testing.T) {
	o := newOriginal(t)
	o.store.FailNext(store.OpSync, errors.New("no"))
	_, err := o.j.PutAside("rows", errors.New("a reason"))
	require.ErrorIs(t, err, store.ErrFailed)
	for _, keep := range []func(int) int{none, all} {
		b, err := o.afresh(o.store.Crash(keep))
		require.NoError(t, err)
		require.NoError(t, b.reload("rows"))
		require.Equal(t, o.facts["rows"].context, factsOf(b.r.View("rows").State()).context)
	}
}

func TestADocumentThatWasNotLoadedTakesNoRecords(t *testing.T) {
	o := newOriginal(t)
	b, err := o.afresh(o.store.Copy())
	require.NoError(t, err)
	b.set("rows", "k", "v")
	b.r.Commit(epoch)
	out := b.r.Ready()
	err = b.j.Append(out.Records, Life{}, true)
	require.ErrorContains(t, err, "not loaded")
	require.NoError(t, b.reload("rows"))
	require.NoError(t, b.j.Append(out.Records, Life{}, true))
}

func TestACheckpointOfADocumentPutAsideIsGivenUp(t *testing.T) {
	o := newOriginal(t)
	o.set("rows", "k1", "more")
	o.append(false)
	c := o.j.Capture("rows", o.r.View("rows"))
	o.append(false, c)
	before := count(t, o.store, kindHead)
	err := c.Write(func(look func(*crdt.Document)) {
		if o.j.docs["rows"].head != nil {
			_, err := o.j.PutAside("rows", errors.New("a reason"))
			require.NoError(t, err)
		}
		look(o.r.View("rows"))
	}, nothing)
	require.ErrorContains(t, err, "put aside")
	require.Equal(t, before, count(t, o.store, kindHead))
}

func TestASalvageDoesNotClaimWhatItLacks(t *testing.T) {
	b := newBench(t, rows)
	for i := range 20 {
		b.set("doc", fmt.Sprint("k", i), "1")
		b.set("doc", fmt.Sprint("k", i), "2")
		b.append(false)
	}
	b.checkpoint("doc")
	var lost []byte
	for e := range b.store.Scan([]byte{kindRow}, []byte{kindRow + 1}) {
		lost = append(lost[:0], e.Key...)
	}
	b.store.Damage(lost)
	salvaged, err := b.j.PutAside("doc", errors.New("a reason"))
	require.NoError(t, err)
	require.Len(t, salvaged, 1)
	requireLacks(t, salvaged[0].Delta, lost)
}

// TestAMissingRowIsNotTakenForADeath: which dot a row was of cannot be told when
// the row is gone with its key, so then no row says anything about others.
func TestAMissingRowIsNotTakenForADeath(t *testing.T) {
	o := newOriginal(t)
	num := o.j.docs["rows"].num
	missing, err := first(o.store, numbered(kindRow, num), numbered(kindRow, num+1))
	require.NoError(t, err)
	damaged, err := first(o.store, after(missing), numbered(kindRow, num+1))
	require.NoError(t, err)
	harms["missing"](o.store, missing, nil)
	o.store.Damage(damaged)
	salvaged, err := o.j.PutAside("rows", errors.New("a reason"))
	require.NoError(t, err)
	require.Empty(t, salvaged)
}

// requireLacks checks that a salvaged state leaves out one row of twenty.
func requireLacks(t *testing.T, salvaged delta.Delta, lost []byte) {
	f, err := salvaged.Open()
	require.NoError(t, err)
	require.True(t, f.Fits(&kernel.State{}))
	require.Equal(t, 19, f.Adds())
	_, seq := parseRowKey(lost)
	for _, rs := range f.ClaimsOf() {
		require.False(t, rs.Contains(seq))
	}
}

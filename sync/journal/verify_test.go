package journal

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/delta"
	"github.com/joinery-crdt/joinery/sync/replica"
	"github.com/joinery-crdt/joinery/sync/store"
)

func verified(t testing.TB, r store.Reader) Report {
	t.Helper()
	report, err := Verify(t.Context(), r, nil)
	require.NoError(t, err)
	return report
}

func TestACheckOfARunningStoreCountsAllThereIs(t *testing.T) {
	o := newOriginal(t)
	view, err := o.store.Snapshot()
	require.NoError(t, err)
	o.fill("more", 3)
	report := verified(t, view)
	require.Empty(t, report.Problems)
	require.Equal(t, 5, report.Documents)
	dots := 0
	for _, f := range o.facts {
		dots += len(f.live)
	}
	require.EqualValues(t, dots, report.Dots)
	require.EqualValues(t, count(t, view, kindRow), report.Rows)
	require.EqualValues(t, count(t, view, kindRecord), report.Records)
	require.EqualValues(t, len(o.keys), report.Entries)
	usage, err := o.store.Usage()
	require.NoError(t, err)
	require.Less(t, report.Bytes, uint64(usage.Bytes))
	require.Equal(t, 6, verified(t, o.store).Documents)
}

func TestRowsOfACheckpointThatWasCutShortAreHarmless(t *testing.T) {
	b := newBench(t, rows)
	b.set("doc", "k1", "v")
	b.checkpoint("doc")
	b.set("doc", "k2", "v")
	b.append(true)
	c := b.j.Capture("doc", b.r.View("doc"))
	b.append(true, c)
	b.store.FailNext(store.OpApply, nil)
	b.store.FailNext(store.OpApply, store.ErrClosed)
	require.Error(t, c.Write(b.read("doc"), nothing))
	b.store = b.store.Crash(func(n int) int { return 1 })
	report := verified(t, b.store)
	require.Empty(t, report.Problems)
	require.EqualValues(t, 1, report.Rows)
	require.EqualValues(t, 1, report.Strays)
	require.EqualValues(t, 2, report.Dots)
}

func TestACheckFindsWhatNoChecksumShows(t *testing.T) {
	unit := func(key string, actor byte, value string) delta.Delta {
		d := crdt.NewDocument(somebody(actor), nil)
		require.NoError(t, d.Assign(kernel.Root, crdt.TagRegister, key, value, false, crdt.Options{}))
		return d.Flush(nil)
	}
	cases := map[string]func(b *bench, batch *store.Batch){
		"two payloads": func(b *bench, _ *store.Batch) {
			b.keep("log", unit("k", 5, "one"), true)
			b.keep("log", unit("k", 5, "other"), true)
		},
		"not closed": func(b *bench, _ *store.Batch) {
			s := b.r.View("log").State()
			b.keep("log", delta.AppendFor(nil, s, s.Context()), true)
		},
		"are missing":                  func(b *bench, batch *store.Batch) { batch.Delete(recordKey(b.j.docs["log"].num, 1)) },
		"no key of a journal":          func(_ *bench, batch *store.Batch) { batch.Put([]byte("X"), nil) },
		"no key of a head":             func(_ *bench, batch *store.Batch) { batch.Put(numbered(kindHead, 0, 1), nil) },
		"no key of a row":              func(b *bench, batch *store.Batch) { batch.Put(numbered(kindRow, b.j.docs["rows"].num, 1), nil) },
		"have the number":              func(b *bench, batch *store.Batch) { putName(batch, "twin", b.j.docs["rows"].num) },
		"neither a checkpoint nor":     func(_ *bench, batch *store.Batch) { putName(batch, "empty", 99) },
		"which no document has":        func(b *bench, batch *store.Batch) { batch.Delete(nameKey("state")) },
		"no time":                      func(_ *bench, batch *store.Batch) { put(batch, clockKey, make([]byte, sumSize)) },
		"who the replica is cannot be": func(_ *bench, batch *store.Batch) { put(batch, metaKey, make([]byte, sumSize)) },
	}
	for want, harm := range cases {
		o := newOriginal(t)
		var batch store.Batch
		harm(o.bench, &batch)
		require.NoError(t, o.store.Apply(&batch, true))
		report := verified(t, o.store)
		require.NotEmpty(t, report.Problems, want)
		require.ErrorContains(t, report.Problems[0], want)
	}
}

func TestACheckGoesOnBehindDamage(t *testing.T) {
	o := newOriginal(t)
	n := count(t, o.store, kindRow)
	for _, key := range o.keys {
		if key[0] == kindRow {
			o.store.Damage(key)
		}
	}
	report := verified(t, o.store)
	require.GreaterOrEqual(t, len(report.Problems), n)
	require.EqualValues(t, len(o.keys), report.Entries)
	require.Equal(t, 5, report.Documents)
}

func TestWhatLiesAsideIsNoProblem(t *testing.T) {
	o := newOriginal(t)
	_, err := o.j.PutAside("rows.log", store.ErrCorrupt)
	require.NoError(t, err)
	report := verified(t, o.store)
	require.Empty(t, report.Problems)
	require.Len(t, report.Aside, 1)
	require.EqualValues(t, len(keys(t, o.store)), report.Entries)
	note := numbered(kindAside, report.Aside[0].Number)
	o.store.Damage(note)
	report = verified(t, o.store)
	require.Len(t, report.Problems, 1)
	require.Error(t, report.Aside[0].Err)
	_, start, err := Open(o.store, o.cfg)
	require.NoError(t, err)
	require.Empty(t, start.Damaged)
}

func TestARecordIsWhereItBelongs(t *testing.T) {
	rec := replica.Record{Unit: true, Delta: crdtUnit(t)}
	key := recordKey(3, 4)
	v := recordValue(key, &rec)
	got, _, err := parseRecord(key, v)
	require.NoError(t, err)
	require.Equal(t, rec, got)
	for _, other := range [][]byte{recordKey(3, 5), recordKey(2, 4), key[:16]} {
		_, _, err = parseRecord(other, v)
		require.ErrorIs(t, err, store.ErrCorrupt)
	}
}

func TestHeadsAndRowsThatNobodyWritesAreRefused(t *testing.T) {
	key := numbered(kindHead, 1)
	one := causal.Ranges{{Lo: 1, Hi: 1}}
	for want, h := range map[string]head{
		"with a state and with rows": {rows: 1, state: crdtUnit(t)},
		"given twice":                {actors: []headActor{{id: somebody(1), seen: one}, {id: somebody(1)}}},
		"are given twice":            {actors: []headActor{{id: somebody(1), seen: one, ahead: one}}},
		"2 rows of 1 events":         {rows: 2, actors: []headActor{{id: somebody(1), seen: one}}},
	} {
		_, err := parseHead(key, h.append(nil))
		require.ErrorIs(t, err, store.ErrCorrupt)
		require.ErrorContains(t, err, want)
	}
	var s kernel.State
	a := s.Intern(somebody(1))
	for want, p := range map[string]kernel.Payload{
		"of another place": {Tag: 2, Key: "k"},
		"no row: wire":     {Tag: 0x80, Key: "k"},
		"has none":         {Tag: 1, Value: "v"},
		"above the limits": {Tag: 2, Value: strings.Repeat("v", kernel.MaxValue+1)},
		"out of bounds":    {Tag: 2, Expiry: 1 << 63},
	} {
		s.Assign(a, s.Next(a), &p, nil)
		for l := range s.Between(a, causal.Range{Lo: 1, Hi: causal.MaxSeq}) {
			_, err := parseRow(rowKey(nil, 1, s.Place(&l)+uint64(len(l.Key)), 0, l.Seq), appendRow(nil, &s, &l))
			require.ErrorIs(t, err, store.ErrCorrupt, want)
			require.ErrorContains(t, err, want)
		}
		s = kernel.State{}
		a = s.Intern(somebody(1))
	}
}

func somebody(id byte) causal.Actor { return causal.Actor{ID: causal.ID{id}, Incarnation: 1} }

func crdtUnit(t testing.TB) delta.Delta {
	d := crdt.NewDocument(somebody(5), nil)
	require.NoError(t, d.Assign(kernel.Root, crdt.TagRegister, "k", "v", false, crdt.Options{}))
	return d.Flush(nil)
}

package journal

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/sync/replica"
)

func quarantined(i int) replica.Quarantined {
	return replica.Quarantined{
		Doc: fmt.Sprint("doc", i), Dot: causal.Dot{Actor: causal.Actor{ID: causal.ID{1}, Incarnation: uint64(i)}, Seq: 7},
		Path: []kernel.Component{{Tag: 8, Name: "map\xff"}, {Tag: 9, Name: ""}}, Tag: 2, Key: "key", Value: string(bytes.Repeat([]byte{byte(i)}, i)),
		Marked: i%2 == 0, Time: 5, Expiry: 9, Dead: i%3 == 0, When: time.Unix(1e9+int64(i), 0),
	}
}

func TestQuarantineSurvivesARestart(t *testing.T) {
	b := newBench(t, small)
	var want []replica.Quarantined
	for i := range 5 {
		q := []replica.Quarantined{quarantined(2 * i), quarantined(2*i + 1)}
		require.NoError(t, b.j.Quarantine(q))
		want = append(want, q...)
		b.crash(all)
	}
	got, damaged := b.j.Quarantined()
	require.Empty(t, damaged)
	require.Equal(t, want, got)
	report, err := Verify(t.Context(), b.store, nil)
	require.NoError(t, err)
	require.Empty(t, report.Problems)

	key := numbered(kindQuarantine, 3)
	require.True(t, b.store.Corrupt(key, func(v []byte) []byte { v[len(v)-1] ^= 1; return v }))
	got, damaged = b.j.Quarantined()
	require.Len(t, damaged, 1)
	require.Len(t, got, len(want)-1)
	report, err = Verify(t.Context(), b.store, nil)
	require.NoError(t, err)
	require.Len(t, report.Problems, 1)
}

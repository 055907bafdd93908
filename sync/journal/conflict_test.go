package journal

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/delta"
)

// twins returns units of an identity that was used more than once: each number
// has several payloads, at several places.
func twins(t testing.TB) (units []delta.Delta) {
	for life := range 3 {
		d := crdt.NewDocument(somebody(9), nil)
		for i := range 10 {
			key := fmt.Sprint("k", (i*3+life)%7)
			require.NoError(t, d.Assign(kernel.Root, crdt.TagCounter, key, fmt.Sprint(life, i), false, crdt.Over()))
			units = append(units, d.Flush(nil))
		}
	}
	return units
}

// TestRowsFollowPayloadsThatAreReplaced: a payload that turns out to have a
// greater rival gives way to it, in the rows, too, whatever a checkpoint is doing
// at that moment.
func TestRowsFollowPayloadsThatAreReplaced(t *testing.T) {
	units := twins(t)
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 3))
		b := newBench(t, rows)
		b.set("doc", "k0", "one's own")
		b.append(false)
		some := func() {
			for range rng.IntN(6) {
				b.keep("doc", units[rng.IntN(len(units))], true)
			}
			if rng.IntN(3) == 0 {
				b.set("doc", fmt.Sprint("k", rng.IntN(7)), "overwritten")
				b.append(false)
			}
		}
		for range 6 {
			some()
			c := b.j.Capture("doc", b.r.View("doc"))
			b.append(false, c)
			require.NoError(t, c.Write(func(look func(*crdt.Document)) {
				some()
				look(b.r.View("doc"))
				some()
			}, nothing))
			want := factsOf(b.r.View("doc").State())
			b.crash(all)
			b.loadAll()
			require.Equal(t, want, factsOf(b.r.View("doc").State()), "seed %d", seed)
		}
		b.checkpoint("doc")
		report := verified(t, b.store)
		require.Empty(t, report.Problems)
		require.EqualValues(t, report.Dots, report.Rows)
	}
}

package antientropy

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/delta"
)

var start = time.Unix(1e9, 0)

func data(n int) delta.Delta {
	out := make(delta.Delta, n)
	for i := range out {
		out[i] = byte(i * 7)
	}
	return out
}

func TestAnOfferIsReadInParts(t *testing.T) {
	var o Outgoing
	o.Add(Offer{ID: 1, Doc: "doc", Have: 9, Digest: 3, Data: data(100)}, start)
	require.Equal(t, []byte(data(100)[40:60]), o.Read(1, 40, 20, start))
	require.Len(t, o.Read(1, 90, 20, start), 10)
	require.Nil(t, o.Read(1, 100, 20, start))
	require.Nil(t, o.Read(1, 1<<63, 20, start))
	require.Nil(t, o.Read(2, 0, 20, start))
	got, ok := o.Find("doc", 9, start)
	require.True(t, ok)
	require.EqualValues(t, 1, got.ID)
	_, ok = o.Find("doc", 8, start)
	require.False(t, ok)
}

func TestOffersLongestUnusedGiveWay(t *testing.T) {
	o := Outgoing{MaxBytes: 250}
	for id := range uint64(2) {
		o.Add(Offer{ID: id, Data: data(100)}, start)
	}
	o.Read(0, 0, 1, start)
	o.Add(Offer{ID: 2, Data: data(100)}, start)
	require.NotNil(t, o.Read(0, 0, 1, start), "used lately")
	require.Nil(t, o.Read(1, 0, 1, start))
	o.Add(Offer{ID: 3, Data: data(1000)}, start)
	require.NotNil(t, o.Read(3, 0, 1, start), "the newest is kept, whatever its size")
	require.Nil(t, o.Read(2, 0, 1, start))
}

func TestOffersThatNobodyAsksForGo(t *testing.T) {
	o := Outgoing{MaxBytes: 1 << 20}
	o.Add(Offer{ID: 1, Doc: "doc", Have: 1, Data: data(100)}, start)
	o.Add(Offer{ID: 2, Doc: "doc", Have: 2, Data: data(100)}, start)
	later := start.Add(offerAge)
	require.NotNil(t, o.Read(2, 0, 1, later))
	later = later.Add(time.Second)
	_, ok := o.Find("doc", 1, later)
	require.False(t, ok)
	_, ok = o.Find("doc", 2, later)
	require.True(t, ok)
	n, bytes := o.Len()
	require.Equal(t, []int{1, 100}, []int{n, bytes})
}

func TestATransferArrivesOverABadLink(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 1))
		whole := data(1 + rng.IntN(5000))
		size := 1 + rng.IntN(700)
		in := Incoming{ID: 1, Size: uint64(len(whole))}
		var wire []uint64
		for tries := 0; !in.Done(); tries++ {
			require.Less(t, tries, 100000)
			if len(wire) == 0 {
				in.Restart()
			}
			for _, off := range in.Next() {
				if rng.IntN(3) > 0 {
					wire = append(wire, off)
				}
			}
			rng.Shuffle(len(wire), func(i, j int) { wire[i], wire[j] = wire[j], wire[i] })
			if len(wire) > 0 {
				off := wire[0]
				if wire = wire[1:]; rng.IntN(4) == 0 {
					wire = append(wire, off)
				}
				in.Put(off, whole[off:min(off+uint64(size), uint64(len(whole)))])
			}
		}
		require.Equal(t, whole, in.Delta())
		require.Equal(t, in.Size, in.Received())
	}
}

func TestAWindowOfChunksIsAskedForAhead(t *testing.T) {
	in := Incoming{Size: 1000}
	require.Equal(t, []uint64{0}, in.Next(), "the size of chunks is not known yet")
	in.Put(0, data(100))
	require.Equal(t, []uint64{100, 200, 300, 400}, in.Next())
	require.Empty(t, in.Next(), "all are under way")
	in.Put(200, data(100))
	require.Empty(t, in.Next())
	in.Put(100, data(100))
	require.Equal(t, []uint64{500, 600}, in.Next())
}

func TestHostileChunksChangeNothing(t *testing.T) {
	in := Incoming{Size: 100}
	for _, c := range []struct {
		offset uint64
		n      int
	}{{0, 0}, {90, 20}, {1 << 63, 10}, {1<<64 - 5, 10}, {0, 101}} {
		require.False(t, in.Put(c.offset, data(c.n)))
		require.Zero(t, in.Received(), "%+v", c)
	}
	for off := range uint64(99) { // far more early chunks than the window
		in.Put(off+1, data(1))
	}
	require.LessOrEqual(t, len(in.ahead), window)
	require.Zero(t, in.Received())
	require.False(t, (&Incoming{}).Done(), "nothing is not a transfer")
}

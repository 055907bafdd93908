package replica

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
)

func TestReplicasConvergeUnderLoss(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	now := time.Unix(1e9, 0)
	var rs []*Replica
	for i := range 3 {
		r, err := New(Config{ID: causal.ID{byte(i + 1)}, Rand: rand.New(rand.NewPCG(uint64(i), 9)), Clock: func() time.Time { return now }}, now)
		require.NoError(t, err)
		r.Connect(now, true)
		rs = append(rs, r)
	}
	loss := 0.3
	pump := func() {
		for n := 1; n > 0; {
			n = 0
			for i, r := range rs {
				out := r.Ready()
				for _, m := range out.Messages {
					for j, o := range rs {
						if i == j || rng.Float64() < loss {
							continue
						}
						if m.To == ToPeer && o.cfg.ID != m.Peer {
							continue
						}
						n++
						require.NoError(t, o.Step(now, "", m.Data))
					}
				}
				require.Empty(t, out.Alarms)
			}
		}
	}
	for i := range 1000 {
		r := rs[rng.IntN(3)]
		doc := fmt.Sprint("doc", rng.IntN(20))
		require.NoError(t, r.Write(now, doc, func(d *crdt.Document) error {
			if rng.IntN(4) == 0 {
				return d.Increment(0, "n", 1)
			}
			return d.Assign(0, crdt.TagRegister, fmt.Sprint(rng.IntN(30)), fmt.Sprint(i), false, crdt.Options{})
		}))
		now = now.Add(time.Millisecond)
		for _, r := range rs {
			r.Tick(now)
		}
		pump()
	}
	for i := range 600 {
		if rs[0].Digest() == rs[1].Digest() && rs[0].Digest() == rs[2].Digest() {
			fmt.Println("converged after", i)
			break
		}
		now = now.Add(100 * time.Millisecond)
		for _, r := range rs {
			r.Tick(now)
		}
		pump()
	}
	for _, r := range rs {
		fmt.Printf("%x %+v\n", r.Digest(), r.Stats())
	}
	require.Equal(t, rs[0].Digest(), rs[1].Digest())
	require.Equal(t, rs[0].Digest(), rs[2].Digest())
}

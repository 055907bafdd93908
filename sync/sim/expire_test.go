package sim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// aging is histories in which much expires, under clocks that are wrong.
func aging() Options {
	o := Small()
	o.Faults.Clones = false
	return o
}

func TestWhatExpiresUnderWrongClocksNeverDiverges(t *testing.T) {
	expired, lapses := 0, 0
	for seed := range uint64(400) {
		s := Generate(seed, aging())
		for i := range s.Actions {
			for j := range s.Actions[i].Ops {
				if s.Actions[i].Ops[j].Do == Lapse {
					lapses++
				}
			}
		}
		expired += requireSound(t, s).Stats.Expired
	}
	require.Greater(t, expired, 200)
	require.Greater(t, lapses, 50)
}

func TestAWriteThatOvertakesItsExpiryStands(t *testing.T) {
	s, err := Parse(`seed 1
replicas 3
net min=1ms max=1ms
holds doc0 x v2
0s A write doc0: set x v1 ttl=100ms
10ms A cut B
10ms A cut C
20ms B cut A
20ms C cut A
90ms A write doc0: set x v2
1s C write doc0: set y v3
`)
	require.NoError(t, err)
	r := requireSound(t, s)
	require.Positive(t, r.Stats.Expired, "B or C kills the first value")
	require.Less(t, r.Healed, 5*time.Second)
}

package sim

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHistoriesThatCollectShowWhatOthersWould(t *testing.T) {
	histories := 150
	if testing.Short() {
		histories = 30
	}
	var sum Stats
	for seed := range uint64(histories) {
		r := requireSound(t, Generate(seed, Collected()))
		sum.Forgets += r.Stats.Forgets
		sum.Folded += r.Stats.Folded
		sum.Collected += r.Stats.Collected
	}
	require.Greater(t, sum.Forgets, histories/5)
	require.Greater(t, sum.Folded, histories/10)
	require.Greater(t, sum.Collected, histories/5)
}

// A forgets the document first, and then writes to the next one of its name while
// B still holds the first. What A had killed with its first event does not come
// back to it event by event.
func TestWhatAForgottenEventKilledStaysDead(t *testing.T) {
	s, err := Parse(`seed 55
replicas 2
net min=1ms max=1ms
tuning commit=3 collect=true
2.22s    B write doc0: inc x 8
3.08s    A write doc0: reset x
3.41s    B update doc0: dwdisable m/n/x
5.77s    A write doc0: rwremove x c
`)
	require.NoError(t, err)
	requireSound(t, s)
}

// C may give nothing but its own, and has nothing of that. While it is away the others
// forget the document and make the next one. What C holds of the first they get to
// know from B, who gave those numbers.
func TestWhatADeviceHoldsOfAForgottenDocumentEnds(t *testing.T) {
	s, err := Parse(`seed 169
replicas 3
net min=1ms max=1ms
tuning log=1000 commit=1 trip=-1073741824 devices=1 collect=true
4.81s    B write doc0: delete y a
6.95s    C offline
8.65s    A write doc0: rwremove x c
`)
	require.NoError(t, err)
	requireSound(t, s)
}

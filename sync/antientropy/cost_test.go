package antientropy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/delta"
	"github.com/joinery-crdt/joinery/sync/message"
)

// pile returns a holder of n keys in which every third event has died, so that the
// live ones are many short runs.
func pile(t *testing.T, n, logBytes int) *holder {
	h := newHolder(logBytes)
	for i := range n {
		key := fmt.Sprint(i)
		if i%3 == 2 {
			key = fmt.Sprint(i - 1)
		}
		require.NoError(t, h.doc.Assign(kernel.Root, crdt.TagRegister, key, "v", false, crdt.Options{}))
	}
	h.doc.Flush(nil)
	return h
}

func TestTheCheapestRungIsChosen(t *testing.T) {
	const limit = 128 << 10
	equal := func(h *holder) message.Want { return message.Want{Have: h.doc.State().Context(), Digest: 1} }
	for name, c := range map[string]struct {
		holder *holder
		want   func(*holder) message.Want
		trip   int
		answer message.Answer
	}{
		"nobody lacks anything": {pile(t, 10, 0), func(h *holder) message.Want {
			return message.Want{Have: h.doc.State().Context(), Digest: h.doc.State().Digest()}
		}, 0, message.Same},
		"a newcomer is given all": {pile(t, 20_000, 0), func(*holder) message.Want { return message.Want{} }, 0, message.Frame},
		"who holds next to nothing is, too": {pile(t, 20_000, 0), func(*holder) message.Want {
			return message.Want{Have: events(1, 100)}
		}, 0, message.Frame},
		"a large document with few differences is compared": {pile(t, 20_000, 0), func(*holder) message.Want {
			return message.Want{Have: events(1, 19_900)}
		}, 0, message.Sketch},
		"a small one is not": {pile(t, 300, 0), func(*holder) message.Want {
			return message.Want{Have: events(1, 290)}
		}, 0, message.Frame},
		"it is if a round trip costs nothing": {pile(t, 300, 0), func(*holder) message.Want {
			return message.Want{Have: events(1, 290)}
		}, -1 << 30, message.Sketch},
		"a large one is not if a round trip costs more": {pile(t, 20_000, 0), func(*holder) message.Want {
			return message.Want{Have: events(1, 19_900)}
		}, 1 << 20, message.Frame},
		"a small document with other data under equal contexts is sent": {pile(t, 30, 0), equal, 0, message.Frame},
		"a large one is compared": {pile(t, 20_000, 0), equal, 0, message.Sketch},
		"staged payloads are answered with the state": {pile(t, 20_000, 0), func(h *holder) message.Want {
			return message.Want{Have: events(1, 19_900), Staged: true}
		}, 0, message.Frame},
		"even if all are there": {pile(t, 100, 0), func(h *holder) message.Want {
			return message.Want{Have: h.doc.State().Context(), Digest: h.doc.State().Digest(), Staged: true}
		}, 0, message.Frame},
	} {
		t.Run(name, func(t *testing.T) {
			w := c.want(c.holder)
			src := Source{Doc: "doc", State: c.holder.doc.State(), Log: &c.holder.log, Trip: c.trip, Salt: func() uint64 { return 1 << 63 }}
			g, cut := Answer(src, &w, limit)
			require.Equal(t, c.answer, g.Answer)
			require.Equal(t, c.answer == message.Sketch, cut != nil)
		})
	}
}

func TestUnitsAreGivenUnlessTheStateIsMuchLess(t *testing.T) {
	h := newHolder(10 << 20)
	for i := range 400 { // one field, again and again
		h.set(t, "k", strings.Repeat("x", 100)+fmt.Sprint(i))
	}
	g := h.answer(message.Want{Have: events(1, 390)}, 1<<20)
	require.Equal(t, message.Units, g.Answer, "nobody counts in so little")
	g = h.answer(message.Want{Have: events(1, 1)}, 1<<20)
	require.Equal(t, message.Frame, g.Answer, "a year of overwrites is one value")
	require.Less(t, len(g.Deltas[0]), 300)
	for i := range 400 {
		h.set(t, fmt.Sprint(i), strings.Repeat("x", 100))
	}
	g = h.answer(message.Want{Have: events(1, 400)}, 1<<20)
	require.Equal(t, message.Units, g.Answer, "what is live has to be sent anyway, and units may be passed on")
}

func TestASketchThatHasNoRoomGivesWayToTheState(t *testing.T) {
	h := pile(t, 20_000, 0)
	src := Source{Doc: "doc", State: h.doc.State(), Log: &h.log, Salt: func() uint64 { return 1 }}
	g, cut := Answer(src, &message.Want{Have: events(1, 19_900)}, 100)
	require.Equal(t, message.Frame, g.Answer)
	require.Nil(t, cut)
}

func TestAPartialSourceGivesUnitsOrNothing(t *testing.T) {
	h := newHolder(1 << 20)
	for i := range 5 {
		h.set(t, fmt.Sprint(i), "v")
	}
	h.doc.State().StartRestore()
	require.Equal(t, message.Units, h.answer(message.Want{Have: events(1, 3)}, 1000).Answer)
	h.log = delta.Log{}
	for _, w := range []message.Want{{Have: events(1, 3)}, {}, {Have: events(1, 3), Staged: true}} {
		require.Equal(t, message.No, h.answer(w, 1000).Answer)
	}
}

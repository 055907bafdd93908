package antientropy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/delta"
	"github.com/joinery-crdt/joinery/sync/message"
)

var alice = causal.Actor{ID: causal.ID{1}, Incarnation: 1}

// holder is a document with a log of the units it sealed.
type holder struct {
	doc   *crdt.Document
	log   delta.Log
	units []delta.Delta
}

func newHolder(logBytes int) *holder {
	return &holder{doc: crdt.NewDocument(alice, nil), log: delta.Log{MaxBytes: logBytes}}
}

// set writes a register and seals it as one unit.
func (h *holder) set(t *testing.T, key, value string) {
	require.NoError(t, h.doc.Assign(kernel.Root, crdt.TagRegister, key, value, false, crdt.Options{}))
	u := h.doc.Flush(nil)
	f, err := u.Open()
	require.NoError(t, err)
	h.units = append(h.units, u)
	h.log.Append("doc", u, f.Claims())
}

func (h *holder) answer(w message.Want, limit int) message.Gift {
	g, _ := Answer(Source{Doc: "doc", State: h.doc.State(), Log: &h.log}, &w, limit)
	return g
}

func events(lo, hi uint64) (c causal.Context) {
	c.AddRange(alice, causal.Range{Lo: lo, Hi: hi})
	return c
}

// merge merges what was given into a state that has merged some units before.
func merge(t *testing.T, deltas ...delta.Delta) *kernel.State {
	s := &kernel.State{}
	for _, d := range deltas {
		require.NoError(t, d.Merge(s))
	}
	return s
}

func TestTheLadder(t *testing.T) {
	full, forgetful := newHolder(1<<20), newHolder(0)
	for i := range 5 {
		full.set(t, fmt.Sprint(i%2), fmt.Sprint(i))
		forgetful.set(t, fmt.Sprint(i%2), fmt.Sprint(i))
	}
	own := full.doc.State().Context()

	g := full.answer(message.Want{Have: own, Digest: full.doc.State().Digest()}, 1000)
	require.Equal(t, message.Same, g.Answer)

	g = full.answer(message.Want{Have: events(1, 3)}, 1000)
	require.Equal(t, message.Units, g.Answer)
	require.Equal(t, full.units[3:], g.Deltas)

	g = forgetful.answer(message.Want{Have: events(1, 3)}, 1000)
	require.Equal(t, message.Frame, g.Answer)
	s := merge(t, append(forgetful.units[:3:3], g.Deltas...)...)
	require.Equal(t, g.Digest, s.Digest())

	ahead := events(1, 9)
	g = full.answer(message.Want{Have: ahead}, 1000)
	require.Equal(t, message.Same, g.Answer, "whoever has more lacks nothing")
}

func TestEqualContextsWithOtherLiveDotsGetAFrame(t *testing.T) {
	h := newHolder(1 << 20)
	h.set(t, "k", "v")
	g := h.answer(message.Want{Have: events(1, 1), Digest: 12345}, 1000)
	require.Equal(t, message.Frame, g.Answer)
}

func TestAFrameLeavesOutWhatTheReceiverHas(t *testing.T) {
	h := newHolder(0)
	h.set(t, "large", strings.Repeat("x", 5000))
	h.set(t, "small", "y")
	g := h.answer(message.Want{Have: events(1, 1)}, 1000)
	require.Equal(t, message.Frame, g.Answer)
	require.Less(t, len(g.Deltas[0]), 200)
	require.ErrorIs(t, g.Deltas[0].Merge(&kernel.State{}), delta.ErrUnfit, "whoever lacks it is refused")
}

func TestAHoleIsAnsweredFromTheLogOrNotAtAll(t *testing.T) {
	h := newHolder(1 << 20)
	for i := range 6 {
		h.set(t, fmt.Sprint(i), "v")
	}
	have := events(1, 1)
	have.Join(events(4, 4))
	g := h.answer(message.Want{Have: have, Only: events(2, 3)}, 1000)
	require.Equal(t, message.Units, g.Answer)
	require.Equal(t, []delta.Delta{h.units[1], h.units[2], h.units[4], h.units[5]}, g.Deltas, "the hole first, then the tail")

	g = h.answer(message.Want{Have: have, Only: events(20, 30)}, 1000)
	require.Equal(t, message.No, g.Answer, "not seen here")
	h.log = delta.Log{}
	g = h.answer(message.Want{Have: have, Only: events(2, 3)}, 1000)
	require.Equal(t, message.No, g.Answer)
}

func TestAnswersKeepToTheLimit(t *testing.T) {
	h := newHolder(1 << 20)
	for i := range 40 {
		h.set(t, fmt.Sprint(i), strings.Repeat("v", 100))
	}
	have := causal.Context{}
	for rounds := 0; !have.Equal(h.doc.State().Context()); rounds++ {
		require.Less(t, rounds, 60)
		lacks := events(1, 40)
		g := h.answer(message.Want{Have: have, Only: lacks.Minus(have)}, 500)
		require.Equal(t, message.Units, g.Answer)
		require.LessOrEqual(t, size(g.Deltas), 500)
		for _, d := range g.Deltas {
			f, err := d.Open()
			require.NoError(t, err)
			have.Join(f.Claims())
		}
	}
	g := h.answer(message.Want{Have: events(1, 2)}, 500)
	require.Equal(t, message.Units, g.Answer, "as far as they fit; the rest is asked for again")
	require.LessOrEqual(t, size(g.Deltas), 500)
}

func TestGaps(t *testing.T) {
	h := newHolder(0)
	for i := range 6 {
		h.set(t, fmt.Sprint(i), "v")
	}
	s := merge(t, h.units[1], h.units[2], h.units[4])
	gaps := Gaps(s)
	want := events(1, 1)
	want.Join(events(4, 4))
	require.True(t, gaps.Equal(want), "%v", &gaps)
	require.True(t, HasGaps(s))
	require.False(t, HasGaps(merge(t, h.units...)))
	require.False(t, HasGaps(&kernel.State{}))
}

package kernel

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/hlc"
)

// notices counts what an observer is told.
type notices map[string]int

func (t notices) Touch(_ Ref, _ Tag, key string) { t[key]++ }

func expiringState() (*State, Index) {
	s := &State{}
	return s, s.Intern(causal.Actor{ID: causal.ID{1}, Incarnation: 1})
}

func writeExpiring(s *State, a Index, key string, at hlc.Time) {
	s.Assign(a, s.Next(a), &Payload{Tag: 2, Key: key, Value: "v", Time: 1, Expiry: at}, nil)
}

func TestTheIndexOfExpiryAgreesWithASearchOfAllThatLives(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	s, a := expiringState()
	now := hlc.Time(0)
	for range 3000 {
		key := string(rune('a' + rng.IntN(40)))
		switch rng.IntN(6) {
		case 0:
			s.Clear(Root, 2, key, nil)
			s.Event(a, s.Next(a))
		case 1:
			writeExpiring(s, a, key, 0)
		case 2:
			now += hlc.Time(rng.IntN(20))
			s.Hide(now, 1+rng.IntN(10))
		default:
			writeExpiring(s, a, key, now+hlc.Time(1+rng.IntN(200)))
		}
		checkExpiring(t, s)
		if rng.IntN(100) == 0 {
			s = s.Clone()
			checkExpiring(t, s)
		}
	}
}

func checkExpiring(t *testing.T, s *State) {
	t.Helper()
	hidden, next, n := map[uint64]bool{}, hlc.Time(0), 0
	for l := range s.Hidden() {
		hidden[l.Seq] = true
	}
	for l := range s.Below(Root) {
		if l.Expiry == 0 {
			require.False(t, hidden[l.Seq])
			continue
		}
		n++
		if !hidden[l.Seq] && (next == 0 || l.Expiry < next) {
			next = l.Expiry
		}
	}
	require.Equal(t, n, s.Expiring())
	require.Equal(t, next, s.NextExpiry())
}

func TestAStateWithoutExpiryHasNoIndexOfIt(t *testing.T) {
	s, a := expiringState()
	writeExpiring(s, a, "x", 0)
	require.Zero(t, s.Expiring())
	require.Nil(t, s.expiring)
	require.Zero(t, s.Hide(hlc.MaxTime, 10))
}

func TestAnObserverIsToldOnceOfWhatExpires(t *testing.T) {
	s, a := expiringState()
	writeExpiring(s, a, "x", 10)
	writeExpiring(s, a, "y", 20)
	told := notices{}
	s.Observe(told)
	require.Equal(t, 1, s.Hide(10, 5))
	s.Clear(Root, 2, "x", nil)
	s.Event(a, s.Next(a))
	require.Equal(t, notices{"x": 1}, told)
	s.Clear(Root, 2, "y", nil)
	s.Event(a, s.Next(a))
	require.Equal(t, notices{"x": 1, "y": 1}, told)
}

func TestARollbackPutsWhatExpiresBack(t *testing.T) {
	s, a := expiringState()
	writeExpiring(s, a, "x", 10)
	s.Begin(a)
	writeExpiring(s, a, "x", 30)
	require.Equal(t, hlc.Time(30), s.NextExpiry())
	s.Rollback()
	require.Equal(t, hlc.Time(10), s.NextExpiry())
	require.Equal(t, 1, s.Expiring())
}

func TestWhatIsRevealedIsAsBeforeItWasHidden(t *testing.T) {
	s, a := expiringState()
	writeExpiring(s, a, "x", 10)
	writeExpiring(s, a, "y", 0)
	s.HideBelow(Root, func(*Live) bool { return false })
	require.Equal(t, 2, s.Expiring())
	require.Zero(t, s.NextExpiry())
	for _, l := range slices.Collect(s.Hidden()) {
		s.Reveal(&l)
	}
	require.Equal(t, hlc.Time(10), s.NextExpiry())
	require.Equal(t, 1, s.Expiring())
}

package delta

import (
	"fmt"
	"math/rand"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt/causal"
)

// plainLog is a list of units, searched from end to end.
type plainLog struct {
	max   int
	units []*unit
}

func (p *plainLog) size() (n int) {
	for _, u := range p.units {
		n += u.size()
	}
	return n
}

// held returns all events of a document that the units claim.
func (p *plainLog) held(doc string) (c causal.Context) {
	for _, u := range p.units {
		if u.doc == doc {
			c.Join(u.claims)
		}
	}
	return c
}

func (p *plainLog) append(u *unit) {
	held := p.held(u.doc)
	if u.size() > p.max || held.Covers(u.claims) {
		return
	}
	for p.units = append(p.units, u); p.size() > p.max; {
		p.units = p.units[1:]
	}
}

func randomClaims(rng *rand.Rand, ranges int) (c causal.Context) {
	for range 1 + rng.Intn(ranges) {
		lo := 1 + uint64(rng.Intn(60))
		c.AddRange([]causal.Actor{alice, bob}[rng.Intn(2)], causal.Range{Lo: lo, Hi: lo + uint64(rng.Intn(8))})
	}
	return c
}

var docs = []string{"one", "two"}

func TestLogAgreesWithAPlainList(t *testing.T) {
	for seed := range int64(200) {
		rng := rand.New(rand.NewSource(seed))
		l, p := &Log{MaxBytes: 1500}, &plainLog{max: 1500}
		for i := range 120 {
			u := &unit{docs[rng.Intn(2)], Delta(fmt.Sprintf("%d %0*d", i, rng.Intn(100), 0)), randomClaims(rng, 3)}
			l.Append(u.doc, u.delta, u.claims)
			p.append(u)
			units, size := l.Len()
			require.Equal(t, len(p.units), units)
			require.Equal(t, p.size(), size)
			require.LessOrEqual(t, size, l.MaxBytes)
			requireAnswer(t, l, p, docs[rng.Intn(2)], randomClaims(rng, 6), rng.Intn(300))
		}
		requireDisjoint(t, l)
	}
}

// requireAnswer asks the log and checks that the answer consists of whole units
// and says exactly what is in them, what is left for later, and what is missing.
func requireAnswer(t *testing.T, l *Log, p *plainLog, doc string, need causal.Context, limit int) {
	t.Helper()
	units, later, missing := l.Answer(doc, need, limit)
	var covered causal.Context
	bytes, seen := 0, map[string]bool{}
	for _, d := range units {
		require.False(t, seen[string(d)], "a unit twice")
		seen[string(d)] = true
		bytes += len(d)
		found := false
		for _, u := range p.units {
			if string(u.delta) == string(d) {
				require.Equal(t, doc, u.doc)
				useful := u.claims.Intersect(need)
				require.False(t, useful.IsEmpty(), "a unit that nobody asked for")
				covered.Join(u.claims)
				found = true
			}
		}
		require.True(t, found, "not a unit that was put in")
	}
	require.True(t, bytes <= limit || len(units) == 1)
	held := p.held(doc)
	rest := need.Minus(covered)
	require.True(t, missing.Equal(need.Minus(held)), "missing %v", &missing)
	require.True(t, later.Equal(rest.Intersect(held)), "later %v of %v", &later, &rest)
	got := need.Intersect(held)
	require.Equal(t, got.IsEmpty(), len(units) == 0, "what is held is answered, by one unit at least")
}

func requireDisjoint(t *testing.T, l *Log) {
	t.Helper()
	for at, spans := range l.index {
		require.NotEmpty(t, spans)
		for i, s := range spans {
			require.LessOrEqual(t, s.Lo, s.Hi)
			require.True(t, i == 0 || spans[i-1].Hi < s.Lo)
			require.Equal(t, at.doc, s.unit.doc)
			require.True(t, s.unit.claims.Of(at.actor).CoversRange(s.Range))
		}
	}
}

func claims(lo, hi uint64) (c causal.Context) {
	c.AddRange(alice, causal.Range{Lo: lo, Hi: hi})
	return c
}

// Units may overlap, such as a group beside its members; the search has to
// find what only a long unit far back claims.
func TestLogFindsALongUnitBehindManyShortOnes(t *testing.T) {
	l := &Log{MaxBytes: 1 << 20}
	l.Append("d", Delta("long"), claims(1, 100))
	for seq := uint64(10); seq < 20; seq++ {
		var c causal.Context
		c.AddRange(alice, causal.Range{Lo: seq, Hi: seq})
		c.AddRange(bob, causal.Range{Lo: seq, Hi: seq})
		l.Append("d", Delta(fmt.Sprint("short ", seq)), c)
	}
	units, later, missing := l.Answer("d", claims(50, 50), 1000)
	require.Equal(t, []Delta{Delta("long")}, units)
	require.True(t, later.IsEmpty())
	require.True(t, missing.IsEmpty())
}

// The units that go are the oldest, and nothing is made up in their place.
func TestLogForgetsTheOldestFirst(t *testing.T) {
	l := &Log{MaxBytes: 3 * (spanCost + 1)}
	for seq := uint64(1); seq <= 4; seq++ {
		l.Append("d", Delta(fmt.Sprint(seq)), claims(seq, seq))
	}
	units, _, missing := l.Answer("d", claims(1, 4), 1000)
	require.Equal(t, []Delta{Delta("2"), Delta("3"), Delta("4")}, units)
	require.Equal(t, "1", missing.Of(alice).String())
	units, _, missing = l.Answer("another", claims(1, 4), 1000)
	require.Empty(t, units)
	require.Equal(t, "1-4", missing.Of(alice).String())
}

func TestLogWithoutRoomHoldsNothing(t *testing.T) {
	var l Log
	l.Append("d", Delta("x"), claims(1, 1))
	units, size := l.Len()
	require.Zero(t, units)
	require.Zero(t, size)
	_, _, missing := l.Answer("d", claims(1, 1), 10)
	require.EqualValues(t, 1, missing.Count())
}

func TestLogOfHugeClaimsCostsNothing(t *testing.T) {
	l := &Log{MaxBytes: 1 << 20}
	used := scratch(func() {
		l.Append("d", Delta("x"), claims(1, 1<<60))
		_, _, missing := l.Answer("d", claims(1<<59, 1<<61), 100)
		require.Equal(t, uint64(1<<60), missing.Count())
	})
	require.Less(t, used, uint64(64<<10))
}

// A unit of many small ranges takes far more in the index than its bytes.
func TestLogCountsItsIndex(t *testing.T) {
	l := &Log{MaxBytes: 64 << 10}
	for first := uint64(1); first < 200; first++ {
		var c causal.Context
		for i := range uint64(100) {
			c.Add(causal.Dot{Actor: alice, Seq: first + 1000*i})
		}
		l.Append("d", make(Delta, 200), c)
	}
	units, size := l.Len()
	require.LessOrEqual(t, size, l.MaxBytes)
	require.LessOrEqual(t, units, 64<<10/(100*spanCost))
	requireDisjoint(t, l)
}

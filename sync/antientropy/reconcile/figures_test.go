package reconcile

import (
	"encoding/binary"
	"fmt"
	"math/rand"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/sync/message"
)

const million = 1_000_000

func named(n uint64) string { return string(binary.BigEndian.AppendUint32(nil, uint32(n))) }

// put overwrites a key by an actor's next event.
func put(s *kernel.State, a kernel.Index, k uint64) {
	s.Assign(a, s.Next(a), &kernel.Payload{Tag: 2, Key: named(k), Value: "a value of some length"}, nil)
}

// worn returns a state with a million keys, written in order by some actors and
// then some of them again at random, so that the live dots have holes between them.
func worn(actors, overwrites int) *kernel.State {
	rng := rand.New(rand.NewSource(int64(actors)))
	s := &kernel.State{}
	by := func(n int) kernel.Index { return s.Intern(causal.Actor{ID: causal.ID{1, byte(n)}, Incarnation: 77}) }
	for k := range uint64(million) {
		put(s, by(int(k)%actors), k)
	}
	for range overwrites {
		put(s, by(rng.Intn(actors)), uint64(rng.Intn(million)))
	}
	return s
}

// estrange makes n random differences of all kinds: put at one side over what
// both have, removed there, added there.
func estrange(rng *rand.Rand, n int, sides ...*kernel.State) {
	for i := range n {
		side := i % 2
		s := sides[side]
		a := s.Intern(causal.Actor{ID: causal.ID{2, byte(side)}, Incarnation: 78})
		k := uint64(rng.Intn(million))
		switch i % 10 {
		case 0, 1:
			put(s, a, million+uint64(i))
		case 2, 3, 4, 5:
			s.Clear(kernel.Root, 2, named(k), nil)
			s.Event(a, s.Next(a))
		default:
			put(s, a, k)
		}
	}
}

// figures is one run: bytes of each message besides payloads.
type figures struct{ contexts, sketch, table, deaths int }

func (f figures) total() int { return f.contexts + f.sketch + f.table + f.deaths }

func run(t testing.TB, opener, answerer *kernel.State, salt func() uint64) (f figures, plan Plan, rounds int) {
	t.Helper()
	pulled := answerer.Context()
	f.contexts = len(message.AppendContext(nil, pulled))
	cut, err := Take(opener, pulled)
	require.NoError(t, err)
	for {
		rounds++
		sketch := cut.Sketch(nil, salt()|1<<63)
		reply, err := Answer(answerer, pulled, sketch)
		require.NoError(t, err)
		f.sketch, f.table = f.sketch+len(sketch), f.table+len(reply.Table)
		if plan, err = cut.Resolve(opener, reply.Table); err == nil {
			break
		}
		require.ErrorIs(t, err, ErrAgain)
	}
	f.deaths = len(message.AppendContext(nil, plan.There))
	return f, plan, rounds
}

// scenario is two replicas with a million keys each that are equal at first.
type scenario struct {
	name               string
	actors, overwrites int
	once               sync.Once
	base               *kernel.State
}

var scenarios = []*scenario{
	{name: "written once by 1 actor", actors: 1},
	{name: "overwritten by 1 actor", actors: 1, overwrites: 2 * million},
	{name: "overwritten by 10 actors", actors: 10, overwrites: 2 * million},
}

func (s *scenario) sides(n int) (a, b *kernel.State) {
	s.once.Do(func() { s.base = worn(s.actors, s.overwrites) })
	a, b = s.base.Clone(), s.base.Clone()
	estrange(rand.New(rand.NewSource(int64(n))), n, a, b)
	return a, b
}

// budgets is bytes besides payloads by number of differences.
var budgets = []struct{ differences, bytes int }{{10, 1200}, {100, 8000}, {1000, 40_000}}

func TestBytesStayWithinTheirBudgets(t *testing.T) {
	if testing.Short() {
		t.Skip("a million keys take some seconds")
	}
	s := scenario{actors: 10, overwrites: million / 2}
	for _, c := range budgets {
		a, b := s.sides(c.differences)
		f, plan, rounds := run(t, b, a, salts(1))
		require.Equal(t, 1, rounds)
		require.LessOrEqual(t, f.total(), c.bytes, "%+v", f)
		require.NotZero(t, plan.Here.Count())
		require.NotZero(t, plan.There.Count())
		session(t, b, a, salts(1), still)
		require.Equal(t, a.Digest(), b.Digest())
	}
}

// BenchmarkSession answers: what do differences in a million keys cost, in bytes
// besides payloads and in time of both sides together?
func BenchmarkSession(b *testing.B) {
	for _, s := range scenarios {
		for _, c := range budgets {
			b.Run(fmt.Sprintf("%s/%d differences", s.name, c.differences), func(b *testing.B) {
				x, y := s.sides(c.differences)
				var f, sum figures
				rounds := 0
				salt := salts(1)
				b.ReportAllocs()
				b.ResetTimer()
				for range b.N {
					var n int
					f, _, n = run(b, y, x, salt)
					rounds += n
					sum.sketch, sum.table = sum.sketch+f.sketch, sum.table+f.table
				}
				f.sketch, f.table = sum.sketch/b.N, sum.table/b.N
				b.ReportMetric(float64(rounds)/float64(b.N), "rounds")
				b.ReportMetric(float64(f.contexts), "contexts-B")
				b.ReportMetric(float64(f.sketch), "sketch-B")
				b.ReportMetric(float64(f.table), "table-B")
				b.ReportMetric(float64(f.deaths), "deaths-B")
				b.ReportMetric(float64(f.total()), "total-B")
			})
		}
	}
}

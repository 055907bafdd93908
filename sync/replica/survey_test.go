package replica

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/sync/catalog"
	"github.com/joinery-crdt/joinery/sync/message"
)

// fill writes documents at a replica and gives them to the others as records, so
// that nobody has any news.
func (b *bench) fill(docs, fields int, others ...*Replica) {
	b.t.Helper()
	from := b.all[0]
	for i := range docs {
		require.NoError(b.t, from.Write(b.now, nameOf(i), func(d *crdt.Document) error {
			for f := range fields {
				if err := d.Assign(kernel.Root, crdt.TagRegister, fmt.Sprint("field", f), fmt.Sprint(i), false, crdt.Options{}); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	from.Commit(b.now)
	for _, rec := range from.Ready().Records {
		for _, r := range others {
			require.NoError(b.t, r.Load(rec))
		}
	}
}

func nameOf(i int) string { return fmt.Sprintf("fleet.%05d.engine", i) }

// overwrite changes a field of a document at one replica; nobody hears of it.
func (b *bench) overwrite(r *Replica, doc string) {
	b.t.Helper()
	require.NoError(b.t, r.Write(b.now, doc, func(d *crdt.Document) error {
		return d.Assign(kernel.Root, crdt.TagRegister, "field0", "new", false, crdt.Options{})
	}))
	r.Flush(b.now)
	r.Ready()
}

// forgetNews lets beacons name no document any more.
func (b *bench) forgetNews() {
	for _, r := range b.all {
		for _, d := range r.recent {
			d.hints = 0
		}
		r.recent = nil
		r.Ready()
	}
}

// traffic is what was said, by kind.
type traffic struct {
	bytes, messages map[message.Kind]int
}

// settleAll lets replicas become equal and returns what that took.
func (b *bench) settleAll() traffic {
	t := traffic{map[message.Kind]int{}, map[message.Kind]int{}}
	count := func(_, _ *Replica, m *Outgoing) bool {
		t.bytes[m.Kind] += len(m.Data)
		t.messages[m.Kind]++
		return false
	}
	for range 400 {
		b.pass(50*time.Millisecond, count)
		if b.all[0].Digest() == b.all[1].Digest() {
			break
		}
	}
	b.requireEqual()
	return t
}

func TestASurveyFindsWhateverDiffers(t *testing.T) {
	for _, docs := range []int{0, 1, 10, 300, 3000} {
		for _, missing := range []int{0, 1, 40, docs} {
			t.Run(fmt.Sprint(docs, " documents, ", missing, " missing"), func(t *testing.T) {
				b := newBench(t, 2)
				b.fill(docs, 1, b.all[1])
				rng := rand.New(rand.NewPCG(uint64(docs), uint64(missing)))
				for i := range missing {
					r := b.all[rng.IntN(2)]
					if rng.IntN(2) == 0 {
						b.overwrite(r, nameOf(rng.IntN(docs+1)))
					} else {
						b.overwrite(r, fmt.Sprintf("fleet.%05d.x%d", rng.IntN(docs+1), i))
					}
				}
				b.forgetNews()
				b.settleAll()
			})
		}
	}
}

func TestASurveyFitsIntoSmallMessages(t *testing.T) {
	b := newBench(t, 2, small)
	b.fill(5000, 1)
	b.forgetNews()
	for _, r := range b.all {
		r.Ready()
	}
	biggest := 0
	for range 100 {
		b.pass(50*time.Millisecond, func(_, _ *Replica, m *Outgoing) bool {
			biggest = max(biggest, len(m.Data))
			return false
		})
	}
	b.requireEqual()
	require.LessOrEqual(t, biggest, 4<<10)
}

func TestASurveySurvivesLosses(t *testing.T) {
	b := newBench(t, 2)
	b.fill(2000, 1, b.all[1])
	for i := range 150 {
		b.overwrite(b.all[i%2], nameOf(i*13))
	}
	b.forgetNews()
	rng := rand.New(rand.NewPCG(1, 9))
	for range 400 {
		b.pass(50*time.Millisecond, func(_, _ *Replica, _ *Outgoing) bool { return rng.IntN(3) == 0 })
	}
	b.requireEqual()
}

// TestWhatAHundredDifferencesCost counts what two replicas say to find out in
// which of many documents they differ, and what of them is whose.
func TestWhatAHundredDifferencesCost(t *testing.T) {
	b := newBench(t, 2)
	b.fill(20_000, 2, b.all[1])
	b.forgetNews()
	require.Equal(t, b.all[0].Digest(), b.all[1].Digest())
	equal := b.settleAll()
	b.pass(5*time.Second, func(_, _ *Replica, m *Outgoing) bool {
		require.Equal(t, message.KindBeacon, m.Kind)
		require.LessOrEqual(t, len(m.Data), 100)
		return false
	})
	require.Zero(t, equal.messages[message.KindSurvey])
	rng := rand.New(rand.NewPCG(4, 4))
	for i := range 100 {
		b.overwrite(b.all[i%2], nameOf(rng.IntN(20_000)))
	}
	b.forgetNews()
	got := b.settleAll()
	search := got.bytes[message.KindSurvey] + got.bytes[message.KindListing]
	t.Logf("survey and listings: %d bytes; all: %v", search, got)
	require.LessOrEqual(t, search, 20_000)
	require.LessOrEqual(t, got.messages[message.KindSurvey], 2, "both may begin")
	require.LessOrEqual(t, got.messages[message.KindListing], 3, "two round trips with the survey")
}

// opposite is a survey by r's peer, answered by the test.
func (b *bench) opposite(r *Replica) (from causal.Actor, asked *message.Survey) {
	from = causal.Actor{ID: causal.ID{9}, Incarnation: 1}
	require.NoError(b.t, r.Step(b.now, "", say(from, 1, &message.Beacon{Scope: everything, Digest: 77, Docs: 5, Hello: true})))
	return from, b.lastSurvey(r)
}

func (b *bench) lastSurvey(r *Replica) *message.Survey {
	all := only[*message.Survey](b.t, b.take(r))
	if len(all) == 0 {
		return nil
	}
	return all[len(all)-1]
}

func TestAPageOfNothingEndsASurvey(t *testing.T) {
	b := newBench(t, 1)
	r := b.all[0]
	b.fill(100, 1)
	from, asked := b.opposite(r)
	for _, to := range []string{"fleet.00050.engine", "fleet.00050.engine"} {
		require.NotNil(t, asked)
		m := &message.Listing{Stretch: asked.Stretch, For: r.nonce, Salt: asked.Salt, Finding: message.Page, Differing: []byte{0xff}}
		m.To = to
		require.NoError(t, r.Step(b.now, "", say(from, 1, m)))
		told := only[*message.Listing](t, r.out.Messages)
		if len(told) > 0 {
			require.NoError(t, r.Step(b.now, "", say(from, 1, &message.Listing{Stretch: asked.Stretch, For: r.nonce, Salt: asked.Salt, Finding: message.Told})))
		}
		asked = b.lastSurvey(r)
	}
	require.Nil(t, asked)
	require.Empty(t, r.surveys)
}

func TestATableThatIsTooSmallIsAskedForAgain(t *testing.T) {
	b := newBench(t, 1)
	r := b.all[0]
	b.fill(100, 1)
	from, asked := b.opposite(r)
	for effort := range uint64(3) {
		require.Equal(t, effort, asked.Effort)
		m := &message.Listing{
			Stretch: asked.Stretch, For: r.nonce, Salt: asked.Salt, Finding: message.Cells,
			Differing: []byte{0xff}, Cells: catalog.NewTable(catalog.Cells(1), asked.Salt).Append(nil),
		}
		require.NoError(t, r.Step(b.now, "", say(from, 1, m)))
		asked = b.lastSurvey(r)
	}
}

func TestAnswersToAnotherSurveyCountNothing(t *testing.T) {
	b := newBench(t, 1)
	r := b.all[0]
	b.fill(100, 1)
	from, asked := b.opposite(r)
	state := message.State{Doc: "other", Digest: 1, Count: 9}
	for _, m := range []*message.Listing{
		{Stretch: asked.Stretch, For: r.nonce, Salt: asked.Salt + 1, Finding: message.Page, States: []message.State{state}},
		{Stretch: asked.Stretch, For: r.nonce + 1, Salt: asked.Salt, Finding: message.Page, States: []message.State{state}},
		{Stretch: asked.Stretch, For: r.nonce, Salt: asked.Salt, Finding: message.Told, States: []message.State{state}},
	} {
		require.NoError(t, r.Step(b.now, "", say(from, 1, m)))
		require.Nil(t, r.View("other"))
	}
	require.Len(t, r.surveys, 1)
}

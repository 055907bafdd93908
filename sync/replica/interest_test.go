package replica

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/sync/message"
)

func takes(patterns ...string) func(*Config) {
	return func(c *Config) { c.Interest = patterns }
}

func (b *bench) putIn(r *Replica, doc, key, value string) {
	b.t.Helper()
	require.NoError(b.t, r.Write(b.now, doc, func(d *crdt.Document) error {
		return d.Assign(kernel.Root, crdt.TagRegister, key, value, false, crdt.Options{})
	}))
}

func (b *bench) read(r *Replica, doc, key string) string {
	d := r.View(doc)
	if d == nil {
		return ""
	}
	l, _ := d.Latest(kernel.Root, crdt.TagRegister, key)
	return l.Value
}

// requireAgreed demands that replicas which take an interest in a document hold
// the same of it, and that nobody holds another.
func (b *bench) requireAgreed() {
	b.t.Helper()
	digests := map[string]uint64{}
	for _, r := range b.all {
		for _, doc := range r.Names() {
			require.True(b.t, r.wants(doc), "%v holds %s", r.cfg.ID, doc)
			if x := r.View(doc).State(); !x.IsEmpty() {
				digests[doc] = x.Digest()
			}
		}
	}
	for _, r := range b.all {
		for doc, digest := range digests {
			if r.wants(doc) {
				require.NotNil(b.t, r.View(doc), "%v lacks %s", r.cfg.ID, doc)
				require.Equal(b.t, digest, r.View(doc).State().Digest(), "%s at %v", doc, r.cfg.ID)
			}
		}
	}
}

func TestReplicasHoldWhatTheyTakeAnInterestIn(t *testing.T) {
	b := newBench(t, 1)
	server := b.all[0]
	one, two := b.add(takes("fleet.1.>")), b.add(takes("fleet.2.>", "shared"))
	b.quiet()
	lose := losesAll
	for i, r := range []*Replica{server, one, two} {
		for _, doc := range []string{"fleet.1.a", "fleet.2.a", "shared", "fleet.3.a"} {
			if r.wants(doc) {
				b.putIn(r, doc, fmt.Sprint("k", i), "v")
			}
		}
	}
	b.pass(10*time.Millisecond, lose)
	require.ErrorIs(t, one.Write(b.now, "fleet.2.a", func(*crdt.Document) error { return nil }), ErrInterest)
	b.forgetNews()
	b.pass(10*time.Second, nil)
	b.requireAgreed()
	require.Equal(t, []string{"fleet.1.a"}, one.Names())
	require.Equal(t, []string{"fleet.2.a", "shared"}, two.Names())
	require.Len(t, server.Names(), 4)
	require.Equal(t, "v", b.read(server, "fleet.2.a", "k2"))
	require.Equal(t, "v", b.read(one, "fleet.1.a", "k0"))
	for _, p := range one.Peers() {
		require.Equal(t, server.cfg.ID, p.ID, "devices do not hear each other")
		require.True(t, p.Equal)
	}
}

// TestWhoHoldsLessHearsOfNothingElse reads all that a device is sent.
func TestWhoHoldsLessHearsOfNothingElse(t *testing.T) {
	b := newBench(t, 1)
	device := b.add(takes("fleet.1.>"))
	for i := range 50 {
		b.putIn(b.all[0], fmt.Sprintf("fleet.%d.secret", i), "k", "v")
	}
	b.forgetNews()
	b.pass(5*time.Second, func(_, to *Replica, m *Outgoing) bool {
		if to == device {
			for i := range 50 {
				doc := fmt.Sprintf("fleet.%d.secret", i)
				require.True(t, i == 1 || !strings.Contains(string(m.Data), doc), "a %v names %s", m.Kind, doc)
			}
		}
		return false
	})
	require.Equal(t, []string{"fleet.1.secret"}, device.Names())
}

func TestEqualInterestsNeedNobodyElse(t *testing.T) {
	for _, patterns := range [][]string{{"fleet.1.>"}, {"fleet.*.engine"}, {"a", "b.>"}} {
		b := newBench(t, 0)
		one, two := b.add(takes(patterns...)), b.add(takes(patterns...))
		b.pass(20*time.Millisecond, losesAll)
		for i, doc := range []string{"fleet.1.engine", "a", "b.c"} {
			for j, r := range b.all {
				if r.wants(doc) {
					b.putIn(r, doc, fmt.Sprint("k", i, j), "v")
				}
			}
		}
		b.pass(20*time.Millisecond, losesAll)
		b.forgetNews()
		b.pass(5*time.Second, nil)
		b.requireAgreed()
		require.Equal(t, one.Digest(), two.Digest())
		require.NotEmpty(t, one.Names())
	}
}

func TestMorePatternsThanFitTakeTurns(t *testing.T) {
	var patterns []string
	for i := range 40 {
		patterns = append(patterns, fmt.Sprintf("doc%02d", i))
	}
	b := newBench(t, 1)
	device := b.add(takes(patterns...))
	b.quiet()
	for _, doc := range patterns {
		b.putIn(b.all[0], doc, "k", "v")
		b.pass(3*time.Millisecond, losesAll)
	}
	b.forgetNews()
	most := 0
	for range 4000 {
		b.pass(5*time.Millisecond, func(from, _ *Replica, m *Outgoing) bool {
			if from == device && m.Kind == message.KindBeacon {
				most++
			}
			return false
		})
		require.LessOrEqual(t, most, beaconScopes)
		most = 0
	}
	b.requireAgreed()
	require.Len(t, device.Names(), 40)
}

func TestAnInterestThatIsTakenBringsItsDocuments(t *testing.T) {
	b := newBench(t, 1)
	device := b.add(takes("fleet.1.>"))
	for i := range 4 {
		b.putIn(b.all[0], fmt.Sprintf("fleet.%d.a", i), "k", "v")
	}
	b.forgetNews()
	b.pass(3*time.Second, nil)
	require.NoError(t, device.SetInterest(b.now, []string{"fleet.1.>", "fleet.2.>"}))
	b.pass(3*time.Second, nil)
	require.Equal(t, []string{"fleet.1.a", "fleet.2.a"}, device.Names())
	require.NoError(t, device.SetInterest(b.now, nil))
	b.pass(3*time.Second, nil)
	require.Len(t, device.Names(), 4)
	b.requireAgreed()
}

func TestWhatIsGivenUpIsHeldUntilAnotherHasIt(t *testing.T) {
	b := newBench(t, 1)
	server, device := b.all[0], b.add(takes("a.>", "b.>"))
	b.quiet()
	b.putIn(device, "a.x", "k", "last words")
	b.putIn(device, "b.x", "k", "v")
	before := device.actor
	require.NoError(t, device.SetInterest(b.now, []string{"b.>"}))
	require.ErrorIs(t, device.Write(b.now, "a.x", nil), ErrInterest)
	b.pass(5*time.Second, losesAll)
	require.Equal(t, 1, device.Leaving())
	require.Equal(t, []string{"a.x", "b.x"}, device.Names())
	for device.Leaving() > 0 {
		b.pass(5*time.Millisecond, nil)
	}
	b.pass(time.Second, nil)
	require.Equal(t, []string{"b.x"}, device.Names())
	require.Equal(t, "last words", b.read(server, "a.x", "k"))
	require.NotEqual(t, before, device.actor, "it must not mint its events anew")
	require.NoError(t, device.SetInterest(b.now, nil))
	b.pass(3*time.Second, nil)
	b.putIn(device, "a.x", "k", "back")
	b.pass(3*time.Second, nil)
	require.Equal(t, "back", b.read(server, "a.x", "k"))
	b.requireAgreed()
	require.Empty(t, b.seen[device], "no alarm")
}

func TestTwoThatGiveUpAtOnceDoNotRelyOnEachOther(t *testing.T) {
	b := newBench(t, 0)
	one, two := b.add(takes("a.>", "b")), b.add(takes("a.>", "b"))
	b.quiet()
	b.putIn(one, "a.x", "k", "v")
	b.pass(time.Second, nil)
	require.NoError(t, one.SetInterest(b.now, []string{"b"}))
	require.NoError(t, two.SetInterest(b.now, []string{"b"}))
	b.pass(20*time.Second, nil)
	require.Equal(t, "v", b.read(one, "a.x", "k"))
	require.Equal(t, "v", b.read(two, "a.x", "k"))
	require.NoError(t, two.SetInterest(b.now, []string{"a.>"}))
	b.pass(5*time.Second, nil)
	require.Empty(t, one.Names(), "another goes on holding it")
	require.Equal(t, "v", b.read(two, "a.x", "k"))
}

func TestWhatAnEarlierStartLeftOutsideIsGivenUp(t *testing.T) {
	b := newBench(t, 1)
	b.putIn(b.all[0], "old", "k", "v")
	b.putIn(b.all[0], "new", "k", "v")
	b.quiet()
	device := b.all[0]
	records := b.kept[device]
	b.all = nil
	server, again := b.add(), b.add(takes("new"))
	server.Connect(b.now, false)
	again.Connect(b.now, false)
	for _, rec := range records {
		require.NoError(t, again.Load(rec))
	}
	server.Connect(b.now, true)
	again.Connect(b.now, true)
	b.pass(5*time.Second, nil)
	require.Equal(t, []string{"new"}, again.Names())
	require.Equal(t, "v", b.read(server, "old", "k"))
}

func TestWhoeverSpeaksUnderAPatternSpeaksOfNothingElse(t *testing.T) {
	b := newBench(t, 1)
	r := b.all[0]
	b.putIn(r, "a.x", "k", "v")
	b.putIn(r, "b.x", "k", "v")
	b.quiet()
	from := causal.Actor{ID: causal.ID{9}, Incarnation: 1}
	var have causal.Context
	for name, m := range map[string]message.Body{
		"delta":   &message.Delta{Doc: "a.x"},
		"beacon":  &message.Beacon{Scope: ">"},
		"survey":  &message.Survey{Stretch: message.Stretch{Scope: "b.>"}, Prints: make([]byte, 4)},
		"listing": &message.Listing{Stretch: message.Stretch{Scope: ">"}, For: r.nonce, Finding: message.Differ},
		"pull":    &message.Pull{Wants: []message.Want{{Doc: "a.x", Have: have}, {Doc: "b.x", Have: have}}},
		"push":    &message.Push{To: r.nonce, Gifts: []message.Gift{{Doc: "b.x", Answer: message.Same}}},
	} {
		refused := r.Stats().Refused
		require.ErrorIs(t, r.StepWithin(b.now, 0, "a.>", say(from, 1, m)), ErrForeign, name)
		require.Equal(t, refused+1, r.Stats().Refused)
		require.Empty(t, b.take(r), name)
	}
	require.NoError(t, r.StepWithin(b.now, 0, "a.>", say(from, 1, &message.Pull{Wants: []message.Want{{Doc: "a.x"}}})))
	require.Len(t, only[*message.Push](t, b.take(r)), 1)
}

func TestRequestsOfSeveralPatternsAreSeveral(t *testing.T) {
	b := newBench(t, 1)
	device := b.add(takes("a.>", "b.>"))
	for i := range 10 {
		b.putIn(b.all[0], fmt.Sprintf("a.%d", i), "k", "v")
		b.putIn(b.all[0], fmt.Sprintf("b.%d", i), "k", "v")
	}
	b.pass(10*time.Millisecond, losesAll)
	b.forgetNews()
	var scopes []string
	b.pass(3*time.Second, func(from, _ *Replica, m *Outgoing) bool {
		if from == device && m.Kind == message.KindPull {
			scopes = append(scopes, m.Scope)
		}
		return false
	})
	slices.Sort(scopes)
	require.Equal(t, []string{"a.>", "b.>"}, slices.Compact(scopes))
	b.requireAgreed()
}

func TestInterestsAreBounded(t *testing.T) {
	b := newBench(t, 1)
	require.ErrorIs(t, b.all[0].SetInterest(b.now, make([]string, MaxInterest+1)), ErrConfig)
	require.ErrorIs(t, b.all[0].SetInterest(b.now, []string{"a..b"}), ErrConfig)
	require.NoError(t, b.all[0].SetInterest(b.now, []string{"a.>", "a.b", "a.>", "c"}))
	require.Equal(t, []string{"a.>", "c"}, b.all[0].Interest())
}

func TestDocumentsOutsideOfTheInterestAreNotTaken(t *testing.T) {
	b := newBench(t, 0)
	r := b.add(takes("a.>"))
	from := causal.Actor{ID: causal.ID{9}, Incarnation: 1}
	state := message.State{Doc: "b.x", Digest: 7, Count: 3}
	hint := &message.Beacon{Scope: "a.>", Digest: 1, Hello: true, Hints: []message.State{state}}
	require.NoError(t, r.Step(b.now, "", say(from, 1, hint)))
	require.Empty(t, r.Names())
}

func TestWhoeverHoldsADocumentIsAskedForIt(t *testing.T) {
	b := newBench(t, 0)
	r := b.add()
	for i, scope := range []string{"a.>", "b.>", "a.x"} {
		from := causal.Actor{ID: causal.ID{byte(9 - i)}, Incarnation: 1}
		require.NoError(t, r.Step(b.now, "", say(from, 1, &message.Beacon{Scope: scope})))
	}
	for range 100 {
		require.NotEqual(t, causal.ID{8}, r.anotherPeer(causal.ID{}, "a.x"))
		require.Equal(t, causal.ID{8}, r.anotherPeer(causal.ID{}, "b.x"))
		require.Equal(t, causal.ID{9}, r.anotherPeer(causal.ID{}, "a.y"))
	}
}

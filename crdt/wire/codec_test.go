package wire

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/hlc"
	"github.com/joinery-crdt/joinery/crdt/kernel"
)

func TestStatesReadBackWhatTheyWrite(t *testing.T) {
	for seed := range int64(200) {
		for _, r := range newWorld(seed).grow(t, 60).replicas {
			var s kernel.State
			f := encode(r.State)
			f.parse(t).Apply(&s)
			requireSame(t, r.State, &s)
			require.Equal(t, f, encode(&s), "one state has one form")
		}
	}
}

func TestEqualContextsHaveEqualBytes(t *testing.T) {
	for seed := range int64(50) {
		w := newWorld(seed).grow(t, 60)
		want := fragment{}
		for i, r := range w.replicas {
			for _, j := range w.rng.Perm(len(w.units)) {
				w.units[j].parse(t).Apply(r.State)
			}
			if got := encode(r.State); i == 0 {
				want = got
			} else {
				require.Equal(t, want, got)
			}
			require.Zero(t, r.Conflicts())
		}
	}
}

func TestFragmentShowsWhatIsInTheState(t *testing.T) {
	for seed := range int64(50) {
		s := newWorld(seed).grow(t, 60).replicas[0].State
		f := encode(s).parse(t)
		got, latest := map[causal.Dot]entry{}, hlc.Time(0)
		for a := range f.All() {
			got[a.Dot] = entry{fmt.Sprint(append([]kernel.Component(nil), a.Path...)), string(a.Key), string(a.Value), a.Tag, a.Time, a.Expiry, a.Marked}
			latest = max(latest, a.Time)
		}
		require.Equal(t, entries(s), got)
		require.Equal(t, s.Dots(), f.Adds())
		require.Equal(t, latest, f.Latest())
		claims, deaths := f.Claims(), f.Deaths()
		require.True(t, claims.Equal(s.Context()))
		require.Equal(t, aheadOf(s), deaths.String())
		for a, rs := range f.ClaimsOf() {
			require.True(t, rs.Equal(claims.Of(a)))
		}
		for range f.All() {
			break
		}
	}
}

func TestKeptFormGivesAReceiverTheSameForLess(t *testing.T) {
	shorter, unfit := 0, 0
	for seed := range int64(200) {
		w := newWorld(seed).grow(t, 80)
		from, to := w.replicas[0], w.replicas[1]
		known := to.Context()
		body, form := AppendFor(nil, from.State, &known)
		require.Equal(t, Kept, form)
		f, full := fragment{body, form}.parse(t), encode(from.State).parse(t)

		want := to.Clone()
		full.Apply(want)
		require.True(t, f.Fits(to.State))
		f.Apply(to.State)
		requireSame(t, want, to.State)
		if f.Adds() < full.Adds() {
			shorter++
			require.False(t, f.Fits(&kernel.State{}), "who knows less must not merge it")
			unfit++
		}
	}
	require.Greater(t, shorter, 100)
	require.Equal(t, shorter, unfit)
}

func TestOnlyWhatBringsEventsChangesAStateInClosedHistories(t *testing.T) {
	brings, changed := 0, 0
	for seed := range int64(200) {
		w := newWorld(seed).grow(t, 40)
		for range 20 {
			f := w.units[w.rng.Intn(len(w.units))].parse(t)
			if w.rng.Intn(4) == 0 {
				f = encode(w.replicas[w.rng.Intn(3)].State).parse(t)
			}
			s := w.replicas[w.rng.Intn(3)].State
			before := encode(s)
			if f.Brings(s) {
				f.Apply(s)
				brings++
			} else {
				require.False(t, f.Again(s))
			}
			if after := encode(s); string(after.body) != string(before.body) {
				changed++
			}
			require.Zero(t, s.Conflicts())
		}
	}
	require.Equal(t, changed, brings)
	require.Greater(t, changed, 100)
}

// Two states that used one identity: each fragment that brings no events makes
// them more alike, in all forms, and says so.
func TestFragmentsOfATwinSettleWhatStands(t *testing.T) {
	for name, n := range map[string]int{"one at the root": 1, "a run": 3} {
		t.Run(name, func(t *testing.T) {
			x := puts(n, 0, simple)
			y := puts(n, 0, func(i int) kernel.Payload { p := simple(i); p.Value += "'"; return p })
			changed := 0
			for _, pair := range [][2]*replica{{x, y}, {y, x}} {
				f := unit(pair[0], 1, uint64(n)).parse(t)
				require.Equal(t, n == 1, f.isOne)
				require.False(t, f.Brings(pair[1].State))
				if f.Again(pair[1].State) {
					changed++
				}
			}
			require.Positive(t, changed)
			require.GreaterOrEqual(t, x.Conflicts()+y.Conflicts(), uint64(n))
			requireSame(t, x.State, y.State)
		})
	}
}

func TestAReplacedPayloadLeavesNoContainerBehind(t *testing.T) {
	x, y := puts(1, 0, simple), &replica{State: &kernel.State{}}
	y.self = y.Intern(x.Actor(x.self))
	p := kernel.Payload{Tag: 2, Key: "k"}
	for x.Fingerprint() < y.Fingerprint() || y.Dots() == 0 { // until x's is the greater one
		*y.State = kernel.State{}
		y.self = y.Intern(x.Actor(x.self))
		p.Parent, p.Time = y.Ensure(kernel.Root, 8, "m"), p.Time+1
		y.Add(y.self, 1, &p)
	}
	require.True(t, unit(x, 1, 1).parse(t).Again(y.State))
	for range y.Containers(kernel.Root) {
		t.Fatal("an empty container is left")
	}
	_, found := y.Find(kernel.Root, 8, "m")
	require.False(t, found)
	requireSame(t, x.State, y.State)
}

// A fragment may consist of deaths alone, whose killers are claimed elsewhere.
func TestDeathsAloneChangeAStateUntilTheyAreKnown(t *testing.T) {
	r := puts(1, 0, simple)
	var s kernel.State
	encode(r.State).parse(t).Apply(&s)
	f := fragment{of(r.Actor(r.self)).uint(0).ranges(causal.Range{Lo: 1, Hi: 2}).uint(0), 0}.parse(t)
	for _, live := range []int{1, 0} {
		require.Equal(t, live, s.Dots())
		require.False(t, f.Brings(&s))
		require.Equal(t, live > 0, f.Again(&s))
	}
	require.Equal(t, "2", s.Ahead(0).String())
}

// puts returns a replica with n events that add a payload each.
func puts(n int, inc uint64, p func(i int) kernel.Payload) *replica {
	r := &replica{State: &kernel.State{}}
	r.self = r.Intern(causal.Actor{ID: causal.ID{7}, Incarnation: inc})
	for i := range n {
		x := p(i)
		r.Add(r.self, r.Next(r.self), &x)
	}
	return r
}

func simple(i int) kernel.Payload {
	return kernel.Payload{Tag: 2, Key: fmt.Sprint("key-", i), Value: "value", Time: 1<<56 + hlc.Time(i)}
}

func unit(r *replica, lo, hi uint64, killed ...kernel.Dot) fragment {
	body, form := AppendUnit(nil, r.State, r.self, causal.Range{Lo: lo, Hi: hi}, killed)
	return fragment{body, form}
}

func TestRunFormIsForPayloadsWithoutKillsOrGaps(t *testing.T) {
	r := puts(9, 0, simple)
	require.Equal(t, Run, unit(r, 1, 9).form)
	require.Equal(t, Run, unit(r, 4, 4).form)
	require.Equal(t, Run|Wide, unit(puts(3, 5, simple), 1, 3).form)
	require.Zero(t, unit(r, 1, 9, kernel.Dot{Actor: r.Intern(causal.Actor{ID: causal.ID{8}}), Seq: 3}).form)
	r.Clear(kernel.Root, 2, "key-4", nil)
	require.Equal(t, Run, unit(r, 1, 4).form)
	own := unit(r, 1, 9, kernel.Dot{Actor: r.self, Seq: 5}).parse(t)
	deaths := own.Deaths()
	require.True(t, deaths.IsEmpty(), "what the run killed of itself is empty and needs no death")
	for _, gap := range []fragment{unit(r, 1, 9), unit(r, 5, 9), unit(r, 1, 5), unit(r, 5, 5)} {
		require.Zero(t, gap.form, "an event without a payload has no place in a run")
	}
}

func TestUnitsOfEveryFormGiveTheSame(t *testing.T) {
	for name, change := range map[string]func(i int, p *kernel.Payload){
		"one time each":  func(int, *kernel.Payload) {},
		"equal times":    func(_ int, p *kernel.Payload) { p.Time = 1 << 50 },
		"times go back":  func(i int, p *kernel.Payload) { p.Time = 1<<50 - hlc.Time(i*i) },
		"times leap":     func(i int, p *kernel.Payload) { p.Time = hlc.Time(i%3) * hlc.MaxTime / 2 },
		"time 0":         func(_ int, p *kernel.Payload) { p.Time = 0 },
		"greatest time":  func(_ int, p *kernel.Payload) { p.Time = hlc.MaxTime },
		"expiry":         func(i int, p *kernel.Payload) { p.Expiry = hlc.Time(i % 2) },
		"marks":          func(i int, p *kernel.Payload) { p.Flags = kernel.Flags(i % 2) },
		"odd tags":       func(i int, p *kernel.Payload) { p.Tag, p.Value = kernel.Tag(1+2*(i%3)), "" },
		"greatest tag":   func(_ int, p *kernel.Payload) { p.Tag, p.Value = 0x7f, "" },
		"no key":         func(_ int, p *kernel.Payload) { p.Key = "" },
		"longest key":    func(_ int, p *kernel.Payload) { p.Key = string(make([]byte, kernel.MaxKey)) },
		"longest value":  func(i int, p *kernel.Payload) { p.Value = string(make([]byte, kernel.MaxValue-i)) },
		"binary key":     func(_ int, p *kernel.Payload) { p.Key = "\xff" + string(make([]byte, 300)) },
		"all tag values": func(i int, p *kernel.Payload) { p.Tag, p.Value = kernel.Tag(1+i), "" },
	} {
		t.Run(name, func(t *testing.T) {
			for _, inc := range []uint64{0, 1 << 63} {
				r := puts(12, inc, func(i int) kernel.Payload { p := simple(i); change(i, &p); return p })
				run := unit(r, 1, 12)
				require.Equal(t, Run, run.form&Run)
				general := fragment{appendUnit(nil, r.State, r.self, causal.Range{Lo: 1, Hi: 12}, nil), 0}
				for _, f := range []fragment{run, general, encode(r.State)} {
					var s kernel.State
					f.parse(t).Apply(&s)
					requireSame(t, r.State, &s)
				}
			}
		})
	}
}

func TestPathsAreSharedWithThePayloadBefore(t *testing.T) {
	r := &replica{State: &kernel.State{}}
	r.self = r.Intern(causal.Actor{ID: causal.ID{7}})
	at := func(names ...string) (in kernel.Ref) {
		for _, n := range names {
			in = r.Ensure(in, 8, n)
		}
		return in
	}
	deep := make([]string, kernel.MaxDepth-1)
	for i := range deep {
		deep[i] = string(make([]byte, MaxPath/len(deep)))
	}
	for _, path := range [][]string{{}, {"a"}, {"a", "b"}, {"a", "c"}, deep, {"a", "c", "d"}, {"d"}, {}, {"d"}, {"\xff"}} {
		r.Add(r.self, r.Next(r.self), &kernel.Payload{Parent: at(path...), Tag: 2, Key: "k"})
	}
	var s kernel.State
	unit(r, 1, r.Next(r.self)-1).parse(t).Apply(&s)
	requireSame(t, r.State, &s)
	require.Equal(t, []byte{opTime | opPath, 0, 1, 1, 8, fixStr | 1, 'c', fixStr | 1, 'k', codeBin, 0},
		unit(r, 3, 4).body[len(unit(r, 3, 3).body):], "a path that shares its first component takes 5 bytes")
}

func TestOverheadOfAPutInABatchIsSmall(t *testing.T) {
	r := puts(1000, 1, simple)
	payload := 0
	for l := range r.Below(kernel.Root) {
		payload += len(l.Key) + len(l.Value)
	}
	over := float64(len(unit(r, 1, 1000).body)-payload) / 1000
	require.Less(t, over, 4.0)
	t.Logf("%.3f bytes besides key and value", over)
}

// A replica keeps and passes on what it does not understand.
func TestUnknownTagsMarksAndExpiryGoThroughARelay(t *testing.T) {
	r := puts(2, 0, func(i int) kernel.Payload {
		return kernel.Payload{Tag: kernel.Tag(0x7c + i), Key: "later type", Value: []string{"v", ""}[i], Flags: kernel.Mark, Expiry: 77, Time: 5}
	})
	var relay, last kernel.State
	unit(r, 1, 2).parse(t).Apply(&relay)
	encode(&relay).parse(t).Apply(&last)
	requireSame(t, r.State, &last)
}

func TestApplyKeepsNothingOfTheBytes(t *testing.T) {
	r := newWorld(1).grow(t, 60).replicas[0]
	f := encode(r.State)
	var s kernel.State
	f.parse(t).Apply(&s)
	clear(f.body)
	requireSame(t, r.State, &s)
}

func TestContextsOfManyGapsMergeInOnePass(t *testing.T) {
	ranges := func(first uint64) (rs causal.Ranges) {
		for i := range uint64(60_000) {
			rs = append(rs, causal.Range{Lo: first + 4*i, Hi: first + 4*i})
		}
		return rs
	}
	var s kernel.State
	for _, part := range [][2]causal.Ranges{{ranges(1), nil}, {ranges(3), nil}, {nil, ranges(2)}, {nil, ranges(4)}, {ranges(2), nil}} {
		body := AppendActor(AppendUint(nil, 1), causal.Actor{ID: causal.ID{1}})
		f := fragment{AppendUint(AppendRanges(AppendRanges(body, part[0]), part[1]), 0), 0}.parse(t)
		require.True(t, f.Brings(&s) || f.isAhead(&s))
		f.Apply(&s)
		require.False(t, f.Brings(&s) || f.isAhead(&s))
		require.NoError(t, s.Verify())
	}
}

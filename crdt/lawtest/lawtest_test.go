package lawtest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/hlc"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/crdt/lawtest"
	"github.com/joinery-crdt/joinery/delta"
	"github.com/joinery-crdt/joinery/orset"
)

// set is a set whose methods a test replaces by wrong ones.
type set struct {
	*orset.Set[string]
	wrong *mistakes
}

type mistakes struct {
	merge  func(*set, delta.Delta) error
	decode func(*set, []byte) error
	encode func(*set, []byte) ([]byte, error)
	bind   func(*set, causal.Actor, *hlc.Clock)
	clone  func(*set, causal.Actor) *set
	remove func(*set, string) error
	read   func(*set) string
}

func (s *set) Merge(d delta.Delta) error {
	if s.wrong.merge != nil {
		return s.wrong.merge(s, d)
	}
	return s.Set.Merge(d)
}

func (s *set) UnmarshalBinary(b []byte) error {
	if s.wrong.decode != nil {
		return s.wrong.decode(s, b)
	}
	return s.Set.UnmarshalBinary(b)
}

func (s *set) AppendBinary(dst []byte) ([]byte, error) {
	if s.wrong.encode != nil {
		return s.wrong.encode(s, dst)
	}
	return s.Set.AppendBinary(dst)
}

func (s *set) Bind(a causal.Actor, c *hlc.Clock) {
	if s.wrong.bind != nil {
		s.wrong.bind(s, a, c)
		return
	}
	s.Set.Bind(a, c)
}

// setWith returns the add-wins set with mistakes made.
func setWith(m mistakes) lawtest.Type[*set] {
	remove := m.remove
	if remove == nil {
		remove = func(s *set, e string) error { return s.Writer().Remove(e) }
	}
	clone := m.clone
	if clone == nil {
		clone = func(s *set, a causal.Actor) *set { return &set{s.Set.Clone(a), &m} }
	}
	read := m.read
	if read == nil {
		read = func(s *set) string { return fmt.Sprint(slices.Collect(s.Sorted())) }
	}
	add := func(e string) lawtest.Op[*set] {
		return lawtest.Op[*set]{Name: "add " + e,
			Do:    func(s *set) error { return s.Writer().Add(e) },
			Model: func(w *lawtest.Writer) { w.Assign(e, "", false) }}
	}
	return lawtest.Type[*set]{
		Name:  "set",
		Fresh: func() *set { return &set{orset.New[string](causal.Actor{}), &m} },
		Clone: clone,
		Ops: []lawtest.Op[*set]{add("x"), add("y"),
			{Name: "remove x", Do: func(s *set) error { return remove(s, "x") },
				Model: func(w *lawtest.Writer) {
					w.Remove(func(p lawtest.Payload) bool { return p.Place == "x" })
				}}},
		Read: read,
		Want: func(v lawtest.View) string { return fmt.Sprint(v.Places()) },
	}
}

func TestARightTypePasses(t *testing.T) {
	lawtest.Run(t, setWith(mistakes{}))
	c := lawtest.Exhaust(t, setWith(mistakes{}), 3)
	require.Equal(t, uint64(9*2+81*40+729*2240), c.Histories)
}

// wrong are implementations with a mistake that some system has made.
var wrong = map[string]func() mistakes{
	"merge forgets deltas that arrive across a gap": func() mistakes {
		return mistakes{merge: func(s *set, d delta.Delta) error {
			probe := s.Set.Clone(causal.Actor{ID: causal.ID{99}})
			if err := probe.Merge(d); err != nil {
				return err
			}
			state := probe.Document().State()
			for _, a := range state.Actors() {
				if seen := state.Seen(a); seen.Prefix() != seen.Max() {
					return nil
				}
			}
			return s.Set.Merge(d)
		}}
	},
	"merge drops one of two siblings": func() mistakes {
		return mistakes{merge: func(s *set, d delta.Delta) error {
			if err := s.Set.Merge(d); err != nil {
				return err
			}
			state := s.Document().State()
			for _, e := range slices.Collect(s.All()) {
				all := slices.Collect(state.Siblings(kernel.Root, crdt.TagElem, e))
				for i := range all[1:] {
					state.KillDot(state.Dot(&all[1+i]))
				}
			}
			return nil
		}}
	},
	"a removal is not an event": func() mistakes {
		return mistakes{remove: func(s *set, e string) error {
			state := s.Document().State()
			for _, l := range slices.Collect(state.Siblings(kernel.Root, crdt.TagElem, e)) {
				state.KillDot(state.Dot(&l))
			}
			return nil
		}}
	},
	"an incarnation is used twice": func() mistakes {
		return mistakes{bind: func(s *set, a causal.Actor, c *hlc.Clock) {
			a.Incarnation = 0
			s.Set.Bind(a, c)
		}}
	},
	"the clone is the original": func() mistakes {
		return mistakes{clone: func(s *set, _ causal.Actor) *set { return s }}
	},
	"decoding merges into what is there": func() mistakes {
		return mistakes{decode: func(s *set, b []byte) error {
			if len(b) == 0 {
				return nil
			}
			return s.Set.Merge(b)
		}}
	},
	"encoding leaves out the deaths ahead": func() mistakes {
		return mistakes{encode: func(s *set, dst []byte) ([]byte, error) {
			only := kernel.State{}
			b, err := s.Set.AppendBinary(nil)
			if err != nil || delta.Delta(b).Merge(&only) != nil {
				return nil, err
			}
			for _, a := range only.Actors() {
				for _, r := range slices.Clone(only.Ahead(a)) {
					only.Claim(a, r)
				}
			}
			return delta.AppendState(dst, &only), nil
		}}
	},
	"the order of arrival is visible": func() mistakes {
		return mistakes{read: func(s *set) string { return fmt.Sprint(slices.Collect(s.All())) }}
	},
	"a whole state replaces what is there": func() mistakes {
		return mistakes{merge: func(s *set, d delta.Delta) error {
			f, err := d.Open()
			if err == nil && f.Adds() > 1 {
				return s.Document().MergeFrame(f)
			}
			before := s.Actor()
			if err := s.Set.UnmarshalBinary(d); err != nil {
				return err
			}
			s.Set.Bind(before, nil)
			return nil
		}}
	},
	"removal clears what others add later": func() mistakes {
		return mistakes{remove: func(s *set, e string) error {
			var later []causal.Dot
			state := s.Document().State()
			for _, a := range state.Actors() {
				if state.Actor(a) != s.Actor() {
					later = append(later, causal.Dot{Actor: state.Actor(a), Seq: state.Next(a) + 1})
				}
			}
			if err := s.Writer().Remove(e); err != nil {
				return err
			}
			return s.Document().Remove(kernel.Root, crdt.TagElem, e, crdt.Over(later...))
		}}
	},
}

func TestWrongTypesAreCaughtWithAShortHistory(t *testing.T) {
	for name, make := range wrong {
		t.Run(name, func(t *testing.T) {
			err := lawtest.Check(setWith(make()), lawtest.Config{Histories: 100})
			require.Error(t, err)
			require.Contains(t, err.Error(), "LAWTEST_SEED=")
			t.Log(err)
			require.LessOrEqual(t, strings.Count(err.Error(), "\n"), 40, "the history is not shrunk")
		})
	}
}

func TestTheModelIsChecked(t *testing.T) {
	typ := setWith(mistakes{})
	typ.Ops[2].Model = func(*lawtest.Writer) {}
	require.ErrorContains(t, lawtest.Check(typ, lawtest.Config{}), "want")
}

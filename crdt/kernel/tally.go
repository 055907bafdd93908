package kernel

import (
	"math/bits"
	"slices"
)

// Sum is an exact sum of 64-bit integers, in 128 bits.
type Sum struct {
	Hi int64
	Lo uint64
}

// Plus returns the sum and n.
func (s Sum) Plus(n int64) Sum {
	lo, carry := bits.Add64(s.Lo, uint64(n), 0)
	hi, _ := bits.Add64(uint64(s.Hi), uint64(n>>63), carry)
	return Sum{int64(hi), lo}
}

// Minus returns the sum without n.
func (s Sum) Minus(n int64) Sum {
	lo, borrow := bits.Sub64(s.Lo, uint64(n), 0)
	hi, _ := bits.Sub64(uint64(s.Hi), uint64(n>>63), borrow)
	return Sum{int64(hi), lo}
}

// Number reads a payload's value as the integer that it counts for; false is for
// a payload of another kind. It must depend on nothing but the value.
type Number func(value string) (int64, bool)

// many is the number of live dots at a place above which their sum is kept.
const many = 16

// tallies are the sums at the places of one tag where much lives, kept as dots
// come and go.
type tallies struct {
	tag    Tag
	number Number // nil: none are kept
	at     map[place]*tally
}

type tally struct {
	sum   Sum
	dots  int
	other []leafID // payloads that are no numbers
}

// Count has the state keep sums of what lives at the places of a tag, so that
// [State.Tally] need not look at each dot. It is to be called before the first
// payload; another call changes nothing.
func (s *State) Count(tag Tag, number Number) {
	if s.tallies.number == nil {
		s.tallies.tag, s.tallies.number = tag, number
	}
}

// Tally returns the sum of the numbers that live at a place
// and how many they are, and appends the live payloads that are none to other. It
// costs O(other) where much lives, O(dots) elsewhere.
func (s *State) Tally(parent Ref, tag Tag, key string, number Number, other []Live) (Sum, int, []Live) {
	t := s.tallies.at[place{key, parent, tag}]
	if t == nil {
		t = &tally{}
		s.recount(t, s.head(hash(parent, tag, key), parent, tag, key), number)
	}
	for _, id := range t.other {
		other = append(other, s.view(id))
	}
	return t.sum, t.dots, other
}

// recount fills an empty tally from a chain of siblings.
func (s *State) recount(t *tally, head leafID, number Number) {
	for id := head; id != none; id = s.leaves.at(id).sibling {
		s.tallyOne(t, id, number)
	}
}

func (s *State) tallyOne(t *tally, id leafID, number Number) {
	if n, ok := number(s.leaves.at(id).value()); ok {
		t.sum, t.dots = t.sum.Plus(n), t.dots+1
	} else {
		t.other = append(t.other, id)
	}
}

// tallyAdd counts a leaf that has come.
func (s *State) tallyAdd(id leafID, l *leaf) {
	at := place{l.key(), l.parent, l.tag}
	if t := s.tallies.at[at]; t != nil {
		s.tallyOne(t, id, s.tallies.number)
		return
	}
	if l.flags&isHead != 0 && l.sibling == none {
		return
	}
	head := s.head(hash(l.parent, l.tag, l.key()), l.parent, l.tag, l.key())
	dots := 0
	for id := head; id != none && dots <= many; id = s.leaves.at(id).sibling {
		dots++
	}
	if dots <= many {
		return
	}
	t := &tally{}
	s.recount(t, head, s.tallies.number)
	if s.tallies.at == nil {
		s.tallies.at = make(map[place]*tally)
	}
	s.tallies.at[at] = t
}

// tallyDrop takes a leaf out that is about to go.
func (s *State) tallyDrop(l *leaf) {
	at := place{l.key(), l.parent, l.tag}
	t := s.tallies.at[at]
	if t == nil {
		return
	}
	if n, ok := s.tallies.number(l.value()); ok {
		t.sum, t.dots = t.sum.Minus(n), t.dots-1
	} else {
		t.other = slices.DeleteFunc(t.other, func(id leafID) bool { return s.leaves.at(id) == l })
	}
	if t.dots+len(t.other) <= many/2 {
		delete(s.tallies.at, at)
	}
}

func (t *tallies) clone() tallies {
	out := tallies{tag: t.tag, number: t.number}
	for at, x := range t.at {
		if out.at == nil {
			out.at = make(map[place]*tally, len(t.at))
		}
		out.at[at] = &tally{x.sum, x.dots, slices.Clone(x.other)}
	}
	return out
}

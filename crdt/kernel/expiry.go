package kernel

import (
	"iter"
	"maps"
	"slices"

	"github.com/joinery-crdt/joinery/crdt/hlc"
)

// The kernel keeps live payloads that expire in the order in which they do, and
// does nothing about them: that a reader hides what has expired is a view, and
// that somebody kills it an ordinary event. So no clock has a part in the state.

// expiring is an index of the live dots that expire, and of those that are
// hidden.
//
// Invariant: at[d] is d's place in queue, or, complemented, in hidden.
type expiring struct {
	queue  []due // a binary heap, the first to expire on top
	hidden []Dot
	at     map[Dot]int
}

type due struct {
	time hlc.Time
	dot  Dot
}

// Expiring returns how many live dots expire, are hidden or both.
func (s *State) Expiring() int {
	if s.expiring == nil {
		return 0
	}
	return len(s.expiring.at)
}

// expiry returns the index for writing.
func (s *State) expiry() *expiring {
	if s.expiring == nil {
		s.expiring = &expiring{at: make(map[Dot]int)}
	}
	return s.expiring
}

// NextExpiry returns when the next of the live dots expires that are not hidden,
// 0 if none does.
func (s *State) NextExpiry() hlc.Time {
	if s.expiring == nil || len(s.expiring.queue) == 0 {
		return 0
	}
	return s.expiring.queue[0].time
}

// Hide hides the live dots that expire at now or before, up to limit of them, and
// returns how many it hid. The observer is told of each then, and not when it
// dies. It costs O(log(live dots that expire)) each.
func (s *State) Hide(now hlc.Time, limit int) (n int) {
	x := s.expiring
	if x == nil {
		return 0
	}
	for ; n < limit && len(x.queue) > 0 && x.queue[0].time <= now; n++ {
		s.hide(x.queue[0].dot)
	}
	return n
}

// HideBelow hides all that lives in the container and in those below it, except
// payloads that keep returns true for.
func (s *State) HideBelow(r Ref, keep func(*Live) bool) {
	s.below(r, func(id leafID) bool {
		l := s.view(id)
		if d := (Dot{l.Actor, l.Seq}); !keep(&l) && !s.isHidden(d) {
			s.hide(d)
		}
		return true
	})
}

func (s *State) hide(d Dot) {
	s.touchDot(d)
	s.expiry().remove(d)
	s.expiry().conceal(d)
}

// Reveal makes a hidden dot one as before it was hidden.
func (s *State) Reveal(l *Live) {
	d := Dot{l.Actor, l.Seq}
	s.touchDot(d)
	s.expiry().remove(d)
	if l.Expiry != 0 {
		s.expiring.add(l.Expiry, d)
	}
}

func (s *State) touchDot(d Dot) {
	if s.observer != nil {
		l := s.leaves.at(s.actors[d.Actor].dots.get(d.Seq))
		s.observer.Touch(l.parent, l.tag, l.key())
	}
}

// Hidden yields the live dots that are hidden, in no order that replicas share.
// The state must not be mutated meanwhile.
func (s *State) Hidden() iter.Seq[Live] {
	return func(yield func(Live) bool) {
		if s.expiring == nil {
			return
		}
		for _, d := range s.expiring.hidden {
			if !yield(s.view(s.actors[d.Actor].dots.get(d.Seq))) {
				return
			}
		}
	}
}

func (s *State) isHidden(d Dot) bool {
	if s.expiring == nil {
		return false
	}
	i, ok := s.expiring.at[d]
	return ok && i < 0
}

// add puts a dot into the queue.
func (x *expiring) add(t hlc.Time, d Dot) {
	x.queue = append(x.queue, due{t, d})
	x.rise(len(x.queue) - 1)
}

func (x *expiring) conceal(d Dot) {
	x.at[d] = ^len(x.hidden)
	x.hidden = append(x.hidden, d)
}

// remove takes a dot out, if it is in.
func (x *expiring) remove(d Dot) {
	i, ok := x.at[d]
	if !ok {
		return
	}
	delete(x.at, d)
	if i < 0 {
		i = ^i
		last := len(x.hidden) - 1
		if i != last {
			x.hidden[i] = x.hidden[last]
			x.at[x.hidden[i]] = ^i
		}
		x.hidden = x.hidden[:last]
		return
	}
	last := len(x.queue) - 1
	moved := x.queue[last]
	x.queue = x.queue[:last]
	if i != last {
		x.queue[i] = moved
		x.at[moved.dot] = i
		x.sink(i)
		x.rise(x.at[moved.dot])
	}
}

// rise moves an entry up to where no earlier one is below it.
func (x *expiring) rise(i int) {
	e := x.queue[i]
	for i > 0 {
		up := (i - 1) / 2
		if x.queue[up].time <= e.time {
			break
		}
		x.queue[i] = x.queue[up]
		x.at[x.queue[i].dot] = i
		i = up
	}
	x.queue[i] = e
	x.at[e.dot] = i
}

// sink moves an entry down to where none below it is earlier.
func (x *expiring) sink(i int) {
	e := x.queue[i]
	for {
		down := 2*i + 1
		if down+1 < len(x.queue) && x.queue[down+1].time < x.queue[down].time {
			down++
		}
		if down >= len(x.queue) || e.time <= x.queue[down].time {
			break
		}
		x.queue[i] = x.queue[down]
		x.at[x.queue[i].dot] = i
		i = down
	}
	x.queue[i] = e
	x.at[e.dot] = i
}

func (x *expiring) clone() *expiring {
	if x == nil {
		return nil
	}
	return &expiring{slices.Clone(x.queue), slices.Clone(x.hidden), maps.Clone(x.at)}
}

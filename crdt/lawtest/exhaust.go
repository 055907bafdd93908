package lawtest

import (
	"fmt"
	"testing"
)

// replicas is how many replicas an exhaustive search has.
const replicas = 3

// Counts says what an exhaustive search covered.
type Counts struct {
	Histories  uint64 // orders of writes and deliveries, each message once to each other replica
	Duplicated uint64 // the same with one message delivered twice
	Sequences  uint64 // different writes that were tried
	States     uint64 // different sets of writes that a replica knew
	Merges     uint64
}

// String is for the log.
func (c Counts) String() string {
	return fmt.Sprintf("%d histories, %d with a duplicate, by %d sequences of writes, %d states, %d merges",
		c.Histories, c.Duplicated, c.Sequences, c.States, c.Merges)
}

// Exhaust tries every history of up to ops operations on three replicas: every
// choice of writer and write, in every order of delivery of their deltas, with
// duplicates. It logs what it covered.
//
// It does not walk through the histories one by one. Between two writes the
// replicas are independent, so a history is determined by who writes what and
// knowing which earlier writes. For each of these it checks that every order
// of merging a set of deltas gives the same bytes, at whichever replica, and
// that merging any of them again changes nothing; so all orders are covered.
func Exhaust[V Value](t *testing.T, typ Type[V], ops int) Counts {
	t.Helper()
	c, err := exhaust(&typ, ops)
	if err != nil {
		t.Fatalf("%s: %v", typ.Name, err)
	}
	t.Logf("%s, up to %d operations: %v", typ.Name, ops, c)
	return c
}

// exhaust searches depth first. See Exhaust.
func exhaust[V Value](typ *Type[V], ops int) (Counts, error) {
	empty, err := encode(typ.Fresh())
	s := search[V]{typ: typ, ops: ops, states: map[known][]byte{0: empty}, time: &physical{}}
	if err == nil {
		err = s.explore()
	}
	for n := 1; n <= ops; n++ {
		plain, twice := interleavings(n)
		choices := uint64(1)
		for range n {
			choices *= uint64(replicas * len(typ.Ops))
		}
		s.counts.Histories += choices * plain
		s.counts.Duplicated += choices * twice
	}
	return s.counts, err
}

// search is the writes made so far and what follows from them.
type search[V Value] struct {
	typ    *Type[V]
	ops    int
	time   *physical
	world  world
	deltas [][]byte
	script []string
	base   [replicas]known  // what each replica must know by now
	states map[known][]byte // the one encoding for each set of writes
	counts Counts
}

// explore checks what the writes so far lead to, and goes on with every next one.
func (s *search[V]) explore() error {
	s.counts.Sequences++
	if len(s.deltas) == s.ops {
		return nil
	}
	all := known(1)<<len(s.deltas) - 1
	for r := range s.writers() {
		for k := s.base[r]; ; k = (k + 1) | s.base[r] {
			for i := range s.typ.Ops {
				if err := s.try(r, k, &s.typ.Ops[i]); err != nil {
					return err
				}
			}
			if k == all {
				break
			}
		}
	}
	return nil
}

// writers returns how many replicas have to be tried as the next writer: those
// that wrote, and one that has not; the others are like that one unless the
// actors' order decides something.
func (s *search[V]) writers() int {
	if s.typ.Ordered {
		return replicas
	}
	used := 0
	for used < replicas && s.base[used] != 0 {
		used++
	}
	return min(used+1, replicas)
}

// try lets replica r, who knows the writes k, do op; explores; and takes it back.
func (s *search[V]) try(r int, k known, op *Op[V]) error {
	n := len(s.deltas)
	s.script = append(s.script, fmt.Sprintf("write %d: replica %d, knowing %b: %s", n, r, k, op.Name))
	err := s.write(r, k, op)
	if err == nil {
		err = s.settle(n)
	}
	if err != nil {
		return fmt.Errorf("%w\n%s", err, transcript(s.script))
	}
	was := s.base[r]
	s.base[r] = k.with(n)
	if err := s.explore(); err != nil {
		return err
	}
	s.base[r] = was
	for known := range s.states {
		if known.contains(n) {
			delete(s.states, known)
		}
	}
	for _, p := range s.world.writes[n].adds {
		s.world.ids = min(s.world.ids, p.id)
	}
	s.world.writes, s.deltas, s.script = s.world.writes[:n], s.deltas[:n], s.script[:n]
	return nil
}

func (s *search[V]) write(r int, k known, op *Op[V]) error {
	v, err := s.typ.decode(s.states[k])
	if err != nil {
		return err
	}
	s.time.millis = int64(len(s.deltas)) + 1
	v.Bind(actorOf(r, 0), s.time.clock())
	if err := op.Do(v); err != nil {
		return err
	}
	w := s.world.writer(k, actorOf(r, 0), s.time.now(), op.Grouped)
	if op.Model != nil {
		op.Model(w)
	}
	s.deltas = append(s.deltas, v.Flush(nil))
	after, err := encode(v)
	if err != nil {
		return err
	}
	return s.reach(k.with(len(s.deltas)-1), v, after)
}

// settle merges the delta n into every state without it, and every other delta
// into every state with it, in all orders.
func (s *search[V]) settle(n int) error {
	all := known(1)<<len(s.deltas) - 1
	for k := known(0); k <= all; k++ {
		for add := range s.deltas {
			if !k.with(add).contains(n) || s.states[k] == nil {
				continue
			}
			v, err := s.typ.decode(s.states[k])
			if err != nil {
				return err
			}
			if err := v.Merge(s.deltas[add]); err != nil {
				return err
			}
			s.counts.Merges++
			after, err := encode(v)
			if err != nil {
				return err
			}
			if err := s.reach(k.with(add), v, after); err != nil {
				return fmt.Errorf("merging delta %d into a state of %b: %w", add, k, err)
			}
		}
	}
	return nil
}

// reach checks a value whose replica knows k.
func (s *search[V]) reach(k known, v V, encoded []byte) error {
	if was, ok := s.states[k]; ok {
		if string(was) != string(encoded) {
			return fmt.Errorf("two states for the same writes %b: %x and %x", k, was, encoded)
		}
		return nil
	}
	s.states[k] = encoded
	s.counts.States++
	if err := v.Document().State().Verify(); err != nil {
		return err
	}
	if s.typ.Want == nil {
		return nil
	}
	if got, want := s.typ.Read(v), s.typ.Want(s.world.view(k)); got != want {
		return fmt.Errorf("a replica that knows %b reads %s, want %s", k, got, want)
	}
	return nil
}

package lawtest

import (
	"fmt"
	"slices"

	"github.com/joinery-crdt/joinery/delta"
)

// laws checks at the end of a history what holds for all its messages.
func (p *play[V]) laws() error {
	for i := range p.replicas {
		if err := p.state(i, i, false); err != nil {
			return err
		}
	}
	all := slices.DeleteFunc(slices.Clone(p.messages), func(m message) bool { return m.bytes == nil })
	for _, law := range []func([]message) error{p.anyOrder, p.anyGroups, p.algebra} {
		if err := law(all); err != nil {
			return err
		}
	}
	for i, r := range p.replicas {
		if err := p.encoding(r.value); err != nil {
			return fmt.Errorf("replica %d: %w", i, err)
		}
		if err := p.cloning(r); err != nil {
			return fmt.Errorf("replica %d: %w", i, err)
		}
	}
	return p.convergence(all)
}

// merged returns a fresh value that has merged all.
func (p *play[V]) merged(all ...message) (V, error) {
	v := p.typ.Fresh()
	for _, m := range all {
		if err := v.Merge(m.bytes); err != nil {
			return v, err
		}
	}
	return v, nil
}

// anyOrder checks that orders and duplicates do not matter.
func (p *play[V]) anyOrder(all []message) error {
	first, err := p.merged(all...)
	if err != nil {
		return err
	}
	backward := slices.Clone(all)
	slices.Reverse(backward)
	middle := len(all) / 2
	for _, order := range [][]message{backward, append(slices.Clone(all[middle:]), all[:middle]...), append(slices.Clone(all), backward...)} {
		v, err := p.merged(order...)
		if err != nil {
			return err
		}
		if err := sameBytes(first, v, "messages in two orders"); err != nil {
			return err
		}
	}
	return nil
}

// anyGroups checks that joining deltas into groups does not matter.
func (p *play[V]) anyGroups(all []message) error {
	first, err := p.merged(all...)
	if err != nil {
		return err
	}
	for size := 1; size <= len(all); size *= 2 {
		v := p.typ.Fresh()
		for group := range slices.Chunk(all, size) {
			deltas := make([]delta.Delta, len(group))
			for i := range group {
				deltas[i] = group[i].bytes
			}
			g, err := delta.Join(deltas...)
			if err != nil {
				return err
			}
			if err := v.Merge(g); err != nil {
				return err
			}
		}
		if err := sameBytes(first, v, fmt.Sprintf("messages one by one, and in groups of %d", size)); err != nil {
			return err
		}
	}
	return nil
}

// algebra checks the semilattice on neighbouring messages, as values.
func (p *play[V]) algebra(all []message) error {
	for i := 0; i+2 < len(all); i++ {
		a, b, c := all[i], all[i+1], all[i+2]
		ab, err := p.asMessage(a, b)
		if err != nil {
			return err
		}
		bc, err := p.asMessage(b, c)
		if err != nil {
			return err
		}
		for what, sides := range map[string][2][]message{
			"merge does not commute":      {{a, b}, {b, a}},
			"merge does not associate":    {{ab, c}, {a, bc}},
			"merge is not idempotent":     {{a, a, b, a}, {a, b}},
			"merging its own state again": {{ab, ab, a}, {ab}},
		} {
			x, err := p.merged(sides[0]...)
			if err != nil {
				return err
			}
			y, err := p.merged(sides[1]...)
			if err != nil {
				return err
			}
			if err := sameBytes(x, y, what); err != nil {
				return err
			}
		}
	}
	return nil
}

// asMessage returns the state that two messages give.
func (p *play[V]) asMessage(a, b message) (message, error) {
	v, err := p.merged(a, b)
	if err != nil {
		return message{}, err
	}
	bytes, err := encode(v)
	if err == nil {
		err = p.check(v, a.says.union(b.says))
	}
	return message{bytes: bytes, says: a.says.union(b.says)}, err
}

// encoding checks that decoding inverts encoding, also over another value.
func (p *play[V]) encoding(v V) error {
	b, err := encode(v)
	if err != nil {
		return err
	}
	again, err := p.typ.decode(b)
	if err != nil {
		return err
	}
	if err := sameBytes(v, again, "a value, and what its encoding decodes to"); err != nil {
		return err
	}
	if x, y := p.typ.Read(v), p.typ.Read(again); x != y {
		return fmt.Errorf("reads %s, and decoded %s", x, y)
	}
	for n := range len(b) {
		if again.UnmarshalBinary(b[:n]) == nil {
			return fmt.Errorf("the first %d of %d bytes were decoded", n, len(b))
		}
	}
	return sameBytes(v, again, "a value before and after a refused decoding")
}

// cloning checks that neither of a value and its clone sees the other's changes.
func (p *play[V]) cloning(r *replica[V]) error {
	before, err := encode(r.value)
	if err != nil {
		return err
	}
	original, err := p.typ.decode(before)
	if err != nil {
		return err
	}
	original.Bind(r.actor, p.time.clock())
	clone := p.typ.Clone(original, actorOf(len(p.replicas), 0))
	if err := sameBytes(original, clone, "a value and its clone"); err != nil {
		return err
	}
	if err := p.change(clone); err != nil {
		return err
	}
	if err := sameBytes(original, r.value, "a value before and after changes to its clone"); err != nil {
		return err
	}
	clone = p.typ.Clone(original, actorOf(len(p.replicas), 0))
	if err := p.change(original); err != nil {
		return err
	}
	return sameBytes(clone, r.value, "a clone before and after changes to the original")
}

// change does all that there is to a value.
func (p *play[V]) change(v V) error {
	for _, m := range p.messages {
		if err := v.Merge(m.bytes); err != nil {
			return err
		}
	}
	for i := range p.typ.Ops {
		p.time.millis++
		if err := p.typ.Ops[i].Do(v); err != nil {
			return err
		}
	}
	v.Flush(nil)
	return nil
}

// convergence lets everybody have everything.
func (p *play[V]) convergence(all []message) error {
	var everything known
	for _, m := range all {
		everything = everything.union(m.says)
	}
	for i, r := range p.replicas {
		for _, m := range all {
			if err := r.value.Merge(m.bytes); err != nil {
				return err
			}
		}
		if err := p.check(r.value, everything); err != nil {
			return fmt.Errorf("replica %d at the end: %w", i, err)
		}
		if err := sameBytes(p.replicas[0].value, r.value, "two replicas at the end"); err != nil {
			return err
		}
	}
	return nil
}

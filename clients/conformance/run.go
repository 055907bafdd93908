package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/hlc"
	"github.com/joinery-crdt/joinery/delta"
)

// Via is how a case is run.
type Via string

const (
	Memory  Via = "memory"  // values as they are
	Wire    Via = "wire"    // each delta, state and snapshot decoded and encoded again on its way
	Restart Via = "restart" // and each replica restarted after every step
)

// run is one case under way.
type run struct {
	via       Via
	kind      *kind
	names     []string
	replicas  map[string]*replica
	deltas    map[string]delta.Delta
	snapshots map[string][]byte
}

// Run runs a case and returns what is wrong, nil if nothing.
func Run(c *Case, via Via) error {
	k, err := kindFor(c)
	if err != nil {
		return err
	}
	r := &run{via: via, kind: k, names: c.Replicas, replicas: map[string]*replica{},
		deltas: map[string]delta.Delta{}, snapshots: map[string][]byte{}}
	for _, name := range c.Replicas {
		r.replicas[name] = newReplica(name, k)
	}
	for i := range c.Steps {
		if err := r.step(int64(i)+1, &c.Steps[i]); err != nil {
			return fmt.Errorf("step %d: %w", i+1, err)
		}
		if err := r.after(); err != nil {
			return fmt.Errorf("after step %d: %w", i+1, err)
		}
	}
	if err := r.compare(c.Expect, false); err != nil {
		return err
	}
	return r.sameContextsSameValues()
}

// step does one step. The physical clocks that a case never sets tick with it.
func (r *run) step(tick int64, s *Step) error {
	switch {
	case s.Op != "":
		return r.operate(tick, s)
	case s.Deliver != "":
		return r.deliver(s)
	case s.Of != "":
		return r.snapshot(s)
	case s.Join != "":
		return r.join(s)
	case s.Restart != "":
		return r.on(s.Restart, (*replica).restart)
	case s.Restore != "":
		old, ok := r.snapshots[s.FromSnapshot]
		if !ok {
			return fmt.Errorf("%w: no snapshot %q", errFormat, s.FromSnapshot)
		}
		return r.on(s.Restore, func(x *replica) error { return x.restore(old) })
	case s.Sync != "":
		return r.sync()
	case s.Check != nil:
		return r.compare(s.Check, true)
	}
	return fmt.Errorf("%w: empty step", errFormat)
}

func (r *run) on(name string, do func(*replica) error) error {
	x, ok := r.replicas[name]
	if !ok {
		return fmt.Errorf("%w: no replica %q", errFormat, name)
	}
	return do(x)
}

// after checks the invariants and restarts everybody if that is the way.
func (r *run) after() error {
	for _, name := range r.names {
		x := r.replicas[name]
		if r.via == Restart {
			if err := x.restart(); err != nil {
				return fmt.Errorf("%s: restart: %w", name, err)
			}
		}
		if err := x.value.Document().State().Verify(); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func (r *run) operate(tick int64, s *Step) error {
	x, ok := r.replicas[s.Replica]
	if !ok {
		return fmt.Errorf("%w: no replica %q", errFormat, s.Replica)
	}
	c, err := r.call(s)
	if err != nil {
		return err
	}
	if x.physical = tick; s.Clock != nil {
		if x.physical, err = s.Clock.Int64(); err != nil {
			return fmt.Errorf("%w: clock %v", errFormat, *s.Clock)
		}
	}
	if s.As != "" {
		x.value.Flush(nil) // what was written before is no part of this delta
	}
	switch err := r.kind.apply(x.value, c); {
	case errors.Is(err, crdt.ErrSuperseded), errors.Is(err, errRefused):
	case err != nil:
		return fmt.Errorf("%s: %w", s.Replica, err)
	}
	if s.As != "" {
		return r.keep(s.As, x.value.Flush(nil))
	}
	return nil
}

// call reads an operation's arguments and options.
func (r *run) call(s *Step) (c call, err error) {
	c = call{op: s.Op, path: s.Path, vtype: s.VType}
	args := s.Args
	if s.Inner != nil {
		if s.Op != "update" || s.Args != nil || len(s.Inner) == 0 {
			return c, fmt.Errorf("%w: inner of %q", errFormat, s.Op)
		}
		if err := json.Unmarshal(s.Inner[0], &c.op); err != nil {
			return c, fmt.Errorf("%w: inner operation %s", errFormat, s.Inner[0])
		}
		args = s.Inner[1:]
	}
	for _, a := range args {
		v, err := parse(a)
		if err != nil {
			return c, err
		}
		t, err := text(v)
		if err != nil {
			return c, err
		}
		c.args = append(c.args, t)
	}
	if s.Ts != nil {
		n, err := s.Ts.Int64()
		if err != nil || n < 0 {
			return c, fmt.Errorf("%w: timestamp %v", errFormat, *s.Ts)
		}
		c.opts = crdt.At(hlc.Time(n))
	}
	if s.Ctx != nil {
		dots, err := r.context(s.Ctx, c)
		if err != nil {
			return c, err
		}
		c.opts = crdt.Combine(c.opts, crdt.Over(dots...))
	}
	return c, nil
}

// context returns the dots that a snapshot holds at the register written.
func (r *run) context(ctx json.RawMessage, c call) ([]causal.Dot, error) {
	if r.kind.seen == nil {
		return nil, fmt.Errorf("%w: ctx for a type without siblings", errFormat)
	}
	var name *string
	if err := strict(ctx, &name); err != nil || name == nil {
		return nil, err
	}
	b, ok := r.snapshots[*name]
	if !ok {
		return nil, fmt.Errorf("%w: no snapshot %q", errFormat, *name)
	}
	v := r.kind.fresh()
	if err := v.UnmarshalBinary(b); err != nil {
		return nil, err
	}
	return r.kind.seen(v, c), nil
}

// keep names a delta.
func (r *run) keep(name string, d delta.Delta) error {
	if _, taken := r.deltas[name]; taken {
		return fmt.Errorf("%w: two deltas %q", errFormat, name)
	}
	r.deltas[name] = d
	return nil
}

func (r *run) snapshot(s *Step) error {
	return r.on(s.Of, func(x *replica) error {
		b, err := x.encode()
		r.snapshots[s.Snapshot] = b
		return err
	})
}

func (r *run) join(s *Step) error {
	var all []delta.Delta
	for _, name := range s.Deltas {
		d, ok := r.deltas[name]
		if !ok {
			return fmt.Errorf("%w: no delta %q", errFormat, name)
		}
		if d != nil { // an operation without effect
			all = append(all, d)
		}
	}
	group, err := delta.Join(all...)
	if err != nil {
		return err
	}
	return r.keep(s.Join, group)
}

func (r *run) deliver(s *Step) error {
	var d delta.Delta
	ok := true
	switch s.Deliver {
	case "delta":
		d, ok = r.deltas[s.Delta]
	case "snapshot":
		d, ok = r.snapshots[s.Snapshot]
	case "state":
		if err := r.on(s.From, func(x *replica) (err error) { d, err = x.encode(); return err }); err != nil {
			return err
		}
	}
	if !ok {
		return fmt.Errorf("%w: nothing called %q or %q to deliver", errFormat, s.Delta, s.Snapshot)
	}
	return r.on(s.To, func(x *replica) error { return r.merge(x, d) })
}

// merge hands a message to a replica.
func (r *run) merge(x *replica, d delta.Delta) error {
	if d == nil || r.via == Memory {
		return x.value.Merge(d)
	}
	return r.transmit(x, d)
}

// transmit passes a message through the wire format once more: a relay that
// knows nothing decodes it and encodes what it then knows. The buffer is
// overwritten after the merge, as a network's receive buffer would be.
func (r *run) transmit(x *replica, d delta.Delta) error {
	relay := r.kind.fresh()
	if err := relay.Merge(d); err != nil {
		return fmt.Errorf("relay: %w", err)
	}
	b, err := relay.AppendBinary(nil)
	if err != nil {
		return err
	}
	if err := x.value.Merge(b); err != nil {
		return err
	}
	for i := range b {
		b[i] = 0xa5
	}
	return nil
}

// sync exchanges states until nothing changes any more.
func (r *run) sync() error {
	for range len(r.names) + 1 {
		states := map[string]bool{}
		for _, from := range r.names {
			b, err := r.replicas[from].encode()
			if err != nil {
				return err
			}
			for _, to := range r.names {
				if to == from {
					continue
				}
				if err := r.merge(r.replicas[to], slices.Clone(b)); err != nil {
					return err
				}
			}
		}
		for _, name := range r.names {
			b, err := r.replicas[name].encode()
			if err != nil {
				return err
			}
			states[string(b)] = true
		}
		if len(states) == 1 {
			return nil
		}
	}
	return errors.New("the replicas do not converge")
}

package lawtest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/hlc"
	"github.com/joinery-crdt/joinery/delta"
)

// action is what a step does. Its operands are taken modulo what there is, so
// that any subset of a history is a history.
type action uint8

const (
	doWrite    action = iota // replica a does op b and seals
	doPend                   // replica a does op b without sealing
	doDeliver                // message a arrives at replica b
	doState                  // replica b gets the state of replica a
	doKeep                   // the state of replica a becomes a message
	doJoin                   // messages a and b become one
	doRelay                  // message a is decoded and encoded by somebody who knows nothing
	doRestart                // replica a is encoded and decoded
	doRestore                // replica a comes back as the old message b, if that is a state
	numActions               // how many there are
)

// weights say how often each action is drawn.
var weights = [numActions]int{10, 5, 12, 4, 2, 3, 2, 1, 1}

type step struct {
	action action
	a, b   int
}

// generate draws a history.
func generate(rng *rand.Rand, length int) []step {
	total := 0
	for _, w := range weights {
		total += w
	}
	out := make([]step, length)
	for i := range out {
		n := rng.IntN(total)
		for n >= weights[out[i].action] {
			n -= weights[out[i].action]
			out[i].action++
		}
		out[i].a, out[i].b = rng.IntN(64), rng.IntN(64)
	}
	return out
}

// replica is one replica in a history.
type replica[V Value] struct {
	value V
	known known
	actor causal.Actor
	clock *hlc.Clock
	lives int
	// fresh is what is written and not sealed.
	fresh known
}

// message is bytes under way and what they say.
type message struct {
	bytes delta.Delta
	says  known
	whole bool // a state, which can be restored
}

// play is a history under way.
type play[V Value] struct {
	typ      *Type[V]
	time     physical
	world    world
	replicas []*replica[V]
	messages []message
	script   []string
	seen     map[string]string // by context: what is read
}

// run plays a history and checks the laws. The error says what failed, after
// which steps.
func run[V Value](typ *Type[V], replicas int, steps []step) (err error) {
	p := &play[V]{typ: typ, seen: map[string]string{}}
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
		if err != nil {
			err = fmt.Errorf("%w\n%s", err, transcript(p.script))
		}
	}()
	for i := range replicas {
		r := &replica[V]{value: typ.Fresh(), actor: actorOf(i, 0), clock: p.time.clock()}
		r.value.Bind(r.actor, r.clock)
		p.replicas = append(p.replicas, r)
	}
	for _, s := range steps {
		if err := p.step(s); err != nil {
			return err
		}
		for i, r := range p.replicas {
			if err := p.check(r.value, r.known); err != nil {
				return fmt.Errorf("replica %d: %w", i, err)
			}
		}
	}
	return p.laws()
}

func transcript(script []string) string {
	var b strings.Builder
	for i, line := range script {
		fmt.Fprintf(&b, "%3d. %s\n", i+1, line)
	}
	return b.String()
}

func (p *play[V]) note(format string, args ...any) {
	p.script = append(p.script, fmt.Sprintf(format, args...))
}

// step does one step, or nothing if there is nothing to do it with.
func (p *play[V]) step(s step) error {
	a, b := s.a%len(p.replicas), s.b%len(p.replicas)
	if (s.action == doDeliver || s.action == doJoin || s.action == doRelay || s.action == doRestore) && len(p.messages) == 0 {
		return nil
	}
	switch s.action {
	case doWrite:
		return p.write(a, s.b, true)
	case doPend:
		return p.write(a, s.b, false)
	case doDeliver:
		return p.deliver(s.a%len(p.messages), b)
	case doState, doKeep:
		return p.state(a, b, s.action == doState)
	case doJoin:
		return p.join(s.a%len(p.messages), s.b%len(p.messages))
	case doRelay:
		return p.relay(s.a % len(p.messages))
	case doRestart:
		return p.restart(a)
	case doRestore:
		return p.restore(a, s.b%len(p.messages))
	}
	return nil
}

// write lets replica i do an operation. If it is sealed at once, the delta is
// checked to be just the difference.
func (p *play[V]) write(i, op int, sealed bool) error {
	r, o := p.replicas[i], &p.typ.Ops[op%len(p.typ.Ops)]
	if len(p.world.writes) == maxWrites {
		return nil
	}
	p.note("replica %d: %s%s", i, o.Name, map[bool]string{false: ", not sealed yet"}[sealed])
	var before []byte
	var err error
	if sealed && r.fresh == 0 {
		if before, err = encode(r.value); err != nil {
			return err
		}
	}
	p.time.millis++
	if err := o.Do(r.value); err != nil {
		return fmt.Errorf("%s: %w", o.Name, err)
	}
	w := p.world.writer(r.known, r.actor, p.time.now(), o.Grouped)
	if o.Model != nil {
		o.Model(w)
	}
	r.known, r.fresh = w.known, r.fresh.with(w.into)
	if !sealed {
		return nil
	}
	d := p.seal(i)
	if before == nil {
		return nil
	}
	return p.isDifference(before, d, r.value)
}

// isDifference checks that the state before a write merged with its delta is
// the state after.
func (p *play[V]) isDifference(before []byte, d delta.Delta, after V) error {
	v, err := p.typ.decode(before)
	if err != nil {
		return err
	}
	if err := v.Merge(d); err != nil {
		return err
	}
	return sameBytes(v, after, "the state before a write, merged with its delta, and the state after")
}

func sameBytes(a, b Value, what string) error {
	x, err := encode(a)
	if err != nil {
		return err
	}
	y, err := encode(b)
	if err != nil {
		return err
	}
	if !slices.Equal(x, y) {
		return fmt.Errorf("not equal: %s: %x and %x", what, x, y)
	}
	return nil
}

// seal makes what replica i has not sealed a message.
func (p *play[V]) seal(i int) delta.Delta {
	r := p.replicas[i]
	if r.fresh == 0 {
		return nil
	}
	d := r.value.Flush(nil)
	p.send(message{d, r.fresh, false}, "delta of replica %d", i)
	r.fresh = 0
	return d
}

func (p *play[V]) send(m message, format string, args ...any) {
	p.note("message %d: %s", len(p.messages), fmt.Sprintf(format, args...))
	p.messages = append(p.messages, m)
}

func (p *play[V]) deliver(m, to int) error {
	r := p.replicas[to]
	p.note("message %d arrives at replica %d", m, to)
	r.known = r.known.union(p.messages[m].says)
	return r.value.Merge(p.messages[m].bytes)
}

// state makes the state of a replica a message and may deliver it at once.
func (p *play[V]) state(from, to int, now bool) error {
	r := p.replicas[from]
	p.seal(from)
	b, err := encode(r.value)
	if err != nil {
		return err
	}
	p.send(message{b, r.known, true}, "state of replica %d", from)
	if !now {
		return nil
	}
	return p.deliver(len(p.messages)-1, to)
}

func (p *play[V]) join(a, b int) error {
	x, y := p.messages[a], p.messages[b]
	if x.bytes == nil || y.bytes == nil {
		return nil
	}
	d, err := delta.Join(x.bytes, y.bytes)
	if err != nil {
		return err
	}
	p.send(message{d, x.says.union(y.says), false}, "messages %d and %d joined", a, b)
	return nil
}

func (p *play[V]) relay(m int) error {
	v := p.typ.Fresh()
	if err := v.Merge(p.messages[m].bytes); err != nil {
		return err
	}
	b, err := encode(v)
	if err != nil {
		return err
	}
	p.send(message{b, p.messages[m].says, false}, "message %d relayed", m)
	return p.check(v, p.messages[m].says)
}

func (p *play[V]) restart(i int) error {
	r := p.replicas[i]
	p.seal(i)
	b, err := encode(r.value)
	if err != nil {
		return err
	}
	p.note("replica %d restarts", i)
	return p.reload(r, b)
}

func (p *play[V]) reload(r *replica[V], b []byte) error {
	v, err := p.typ.decode(b)
	if err != nil {
		return err
	}
	mark := r.clock.Last()
	r.value, r.clock = v, p.time.clock()
	r.clock.Restore(mark)
	r.value.Bind(r.actor, r.clock)
	return nil
}

// restore brings a replica back with an old state, as a new incarnation. What
// it had written and not handed out is gone.
func (p *play[V]) restore(i, m int) error {
	r := p.replicas[i]
	if !p.messages[m].whole {
		return nil
	}
	p.note("replica %d comes back as message %d", i, m)
	r.lives++
	r.actor = actorOf(i, r.lives)
	r.known, r.fresh = p.messages[m].says, 0
	return p.reload(r, p.messages[m].bytes)
}

// check compares a value with what its replica must know.
func (p *play[V]) check(v V, k known) error {
	s := v.Document().State()
	if err := s.Verify(); err != nil {
		return err
	}
	got := p.typ.Read(v)
	if p.typ.Want != nil {
		if want := p.typ.Want(p.world.view(k)); got != want {
			return fmt.Errorf("reads %s, want %s", got, want)
		}
	}
	c := contextOf(v)
	print := fmt.Sprintf("%s (digest %x)", got, s.Digest())
	if was, ok := p.seen[c]; ok && was != print {
		return fmt.Errorf("equal contexts %v, unequal values: %s and %s", c, was, print)
	}
	p.seen[c] = print
	return nil
}

// contextOf names what a value has seen. An event that is not final may still
// grow, as its context does not.
func contextOf[V Value](v V) string {
	d := v.Document()
	c := d.State().Context()
	if d.Pending().Loose() == 0 {
		return c.String()
	}
	return fmt.Sprintf("%v, the last grown by %d writes", c.String(), d.Amended())
}

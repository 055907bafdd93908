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
	"github.com/joinery-crdt/joinery/sync/message"
)

// bench is some replicas whose messages the test carries by hand.
type bench struct {
	t    *testing.T
	now  time.Time
	all  []*Replica
	kept map[*Replica][]Record
	seen map[*Replica][]Alarm
	ends map[*Replica][]Outcome
}

func newBench(t *testing.T, n int, change ...func(*Config)) *bench {
	b := &bench{t: t, now: time.Unix(1e9, 0), kept: map[*Replica][]Record{}, seen: map[*Replica][]Alarm{}, ends: map[*Replica][]Outcome{}}
	for range n {
		b.add(change...)
	}
	b.quiet()
	t.Cleanup(func() {
		for _, r := range b.all {
			require.Equal(t, chase{index: -1}, r.noChase, "documents that lack nothing share it")
		}
	})
	return b
}

func (b *bench) add(change ...func(*Config)) *Replica {
	i := len(b.all) + 1
	c := Config{ID: causal.ID{byte(i)}, Rand: rand.New(rand.NewPCG(uint64(i), 9)), Clock: func() time.Time { return b.now }}
	for _, f := range change {
		f(&c)
	}
	r, err := New(c, b.now)
	require.NoError(b.t, err)
	b.all = append(b.all, r)
	r.Connect(b.now, true)
	return r
}

// take returns what a replica wants sent, after keeping its records.
func (b *bench) take(r *Replica) []Outgoing {
	out := r.Ready()
	b.kept[r] = append(b.kept[r], out.Records...)
	b.seen[r] = append(b.seen[r], out.Alarms...)
	if len(out.Outcomes) > 0 {
		b.ends[r] = append(b.ends[r], out.Outcomes...)
	}
	return out.Messages
}

// isFor reports whether a message goes to a replica; requests to any go to all
// but the sender.
func (b *bench) isFor(from, to *Replica, m *Outgoing) bool {
	switch {
	case from == to:
		return false
	case m.To == ToPeer:
		return m.Peer == to.cfg.ID
	case m.To == ToDoc:
		_, holds := to.scopeOf(m.Doc)
		return holds
	case m.To == ToAll && m.Scope != "":
		return to.holdsAllOf(m.Scope)
	}
	return to.holdsAll()
}

// step gives a message to its receiver, as the subject says on which it came.
func (b *bench) step(to *Replica, m *Outgoing) error {
	if m.Scope != "" {
		return to.StepWithin(b.now, 0, m.Scope, m.Data)
	}
	return to.Step(b.now, m.Doc, m.Data)
}

// carry delivers everything until nobody has anything to say, but for what
// lose says is lost.
func (b *bench) carry(lose func(from, to *Replica, m *Outgoing) bool) {
	for more := true; more; {
		more = false
		for _, from := range b.all {
			for _, m := range b.take(from) {
				for _, to := range b.all {
					if b.isFor(from, to, &m) && (lose == nil || !lose(from, to, &m)) {
						more = true
						require.NoError(b.t, b.step(to, &m))
					}
				}
			}
		}
	}
}

func losesAll(_, _ *Replica, _ *Outgoing) bool { return true }

// pass lets time pass in small steps, with all messages delivered.
func (b *bench) pass(d time.Duration, lose func(from, to *Replica, m *Outgoing) bool) {
	for end := b.now.Add(d); b.now.Before(end); {
		b.now = b.now.Add(5 * time.Millisecond)
		for _, r := range b.all {
			r.Tick(b.now)
		}
		b.carry(lose)
	}
}

// quiet lets so much time pass that the next write goes at once.
func (b *bench) quiet() { b.pass(20*time.Millisecond, nil) }

func (b *bench) write(r *Replica, fn func(*crdt.Document) error) {
	b.t.Helper()
	require.NoError(b.t, r.Write(b.now, "doc", fn))
}

// set writes a register of the document "doc".
func (b *bench) set(r *Replica, key, value string) {
	b.t.Helper()
	b.write(r, func(d *crdt.Document) error {
		return d.Assign(kernel.Root, crdt.TagRegister, key, value, false, crdt.Options{})
	})
}

// get reads a register of the document "doc".
func (b *bench) get(r *Replica, key string) string {
	d := r.View("doc")
	if d == nil {
		return ""
	}
	l, _ := d.Latest(kernel.Root, crdt.TagRegister, key)
	return l.Value
}

func (b *bench) requireEqual() {
	b.t.Helper()
	for _, r := range b.all {
		require.Equal(b.t, b.all[0].Digest(), r.Digest(), "replica %v", r.cfg.ID)
	}
}

// say returns a message as another replica would send it.
func say(from causal.Actor, nonce uint64, m message.Body) []byte {
	return message.Append(nil, message.Header{From: from, Nonce: nonce}, m)
}

// only keeps the messages of a kind, parsed.
func only[T message.Body](t *testing.T, out []Outgoing) (all []T) {
	for _, m := range out {
		_, body, err := message.Parse(m.Data)
		require.NoError(t, err)
		if x, ok := body.(T); ok {
			all = append(all, x)
		}
	}
	return all
}

// question returns a survey of all documents by one that has none.
func question() *message.Survey {
	return &message.Survey{Stretch: message.Stretch{Scope: everything}, Prints: make([]byte, message.PrintSize)}
}

func small(c *Config) { c.MaxMessage = 4 << 10 }

func noLog(c *Config) { c.LogBytes = -1 }

func long(n int) string { return fmt.Sprintf("%0*d", n, 7) }

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 9)) }

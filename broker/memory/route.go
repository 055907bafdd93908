package memory

import (
	"cmp"
	"slices"
	"time"

	"github.com/joinery-crdt/joinery/broker"
)

// detained is a copy of a message that waits before it reaches its endpoint.
type detained struct {
	packet  Packet
	targets []*subscription
	due     time.Duration // on the network's clock
	behind  int           // packets that must still overtake it
	held    bool          // waits for Release whatever the clock says
}

func (d *detained) ripe(now time.Duration) bool {
	return !d.held && d.behind <= 0 && d.due <= now
}

// route sends one published message to all that are interested. The lock is
// held.
func (n *Network) route(b *Broker, subject string, data []byte) {
	p := Packet{From: b.name, Subject: subject, Data: data}
	v := judge(n.faults.Publish, p)
	if v.Drop {
		b.stats.Lost++
		return
	}
	targets := n.targets(b, subject)
	for _, c := range n.order {
		if len(targets[c]) > 0 {
			n.transmit(b, c, p, v, targets[c])
		}
	}
}

func judge(f Fault, p Packet) Verdict {
	if f == nil {
		return Verdict{}
	}
	return f(p)
}

// targets chooses the subscriptions that get a message from b: all plain ones
// and one of each queue group, as far as the network believes to reach them.
func (n *Network) targets(b *Broker, subject string) map[*Broker][]*subscription {
	plain := make(map[*Broker][]*subscription)
	groups := make(map[string][]*subscription)
	var names []string
	for _, c := range n.order {
		if !n.routable(b, c) {
			continue
		}
		for _, s := range c.subs {
			switch {
			case s.probe || !broker.Match(s.pattern, subject):
			case s.queue == "":
				plain[c] = append(plain[c], s)
			default:
				if groups[s.queue] == nil {
					names = append(names, s.queue)
				}
				groups[s.queue] = append(groups[s.queue], s)
			}
		}
	}
	for _, name := range names {
		s := groups[name][n.rng.IntN(len(groups[name]))]
		plain[s.owner] = append(plain[s.owner], s)
	}
	return plain
}

// transmit sends one message over one link. The lock is held.
func (n *Network) transmit(b, c *Broker, p Packet, v Verdict, targets []*subscription) {
	p.To = c.name
	v = v.and(judge(n.faults.Link, p))
	if v.Drop || !n.whole(b, c) || len(p.Data) > c.maxPayload {
		b.stats.Lost++
		return
	}
	b.stats.Duplicated += uint64(v.Duplicates)
	overtaken := len(n.detained)
	for range 1 + v.Duplicates {
		d := &detained{p, targets, n.now + v.Delay, v.Behind, v.Hold}
		n.dispatch(b, d)
	}
	n.overtake(p, overtaken)
}

// dispatch delivers a message or detains it. The publisher may use its bytes
// again, so what waits is a copy.
func (n *Network) dispatch(b *Broker, d *detained) {
	switch {
	case d.ripe(n.now):
		n.arrive(d)
	case len(n.detained) == maxDetained:
		b.stats.Lost++
	default:
		d.packet.Data = slices.Clone(d.packet.Data)
		n.detained = append(n.detained, d)
	}
}

// overtake tells the first so many detained messages that one on the same link
// went past them.
func (n *Network) overtake(p Packet, first int) {
	passed := false
	for _, d := range n.detained[:first] {
		if d.behind > 0 && d.packet.From == p.From && d.packet.To == p.To {
			d.behind--
			passed = passed || d.ripe(n.now)
		}
	}
	if passed {
		n.letGo()
	}
}

// letGo delivers the detained messages that are ripe, those due earlier first.
func (n *Network) letGo() {
	var ripe []*detained
	n.detained = slices.DeleteFunc(n.detained, func(d *detained) bool {
		if !d.ripe(n.now) {
			return false
		}
		ripe = append(ripe, d)
		return true
	})
	slices.SortStableFunc(ripe, func(a, b *detained) int { return cmp.Compare(a.due, b.due) })
	for _, d := range ripe {
		n.arrive(d)
	}
}

// arrive queues a message at its subscriptions, unless its endpoint went down
// or its link was taken away while it was under way.
func (n *Network) arrive(d *detained) {
	from := n.endpoints[d.packet.From]
	to := d.targets[0].owner
	if !n.whole(from, to) {
		from.stats.Lost++
		return
	}
	for _, s := range d.targets {
		s.enqueue(d.packet)
	}
}

// Advance moves the network's clock and lets go what is due, in order.
func (n *Network) Advance(d time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.now += d
	n.letGo()
}

// Release lets go every detained message at once, whatever it waits for, in
// the order in which they were published. It returns their number.
func (n *Network) Release() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := n.detained
	n.detained = nil
	for _, d := range all {
		n.arrive(d)
	}
	return len(all)
}

// Detained returns the number of messages that wait for the clock, to be
// overtaken, or for Release.
func (n *Network) Detained() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.detained)
}

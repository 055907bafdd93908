package node

import (
	"errors"
	"time"

	"github.com/joinery-crdt/joinery/broker"
	"github.com/joinery-crdt/joinery/sync/message"
	"github.com/joinery-crdt/joinery/sync/replica"
)

// Bounds of what is merged under one lock: readers and writers wait meanwhile.
const (
	batch      = 64
	batchBytes = 512 << 10
)

// run is the node's main loop, as long as it uses this link. The links of a
// relay's bridges have their events looked after, and no more.
func (n *Node) run(p *port, l *link) {
	defer close(l.done)
	some, wake := n.inbox.some, n.wake
	if p.index > 0 {
		some, wake = nil, nil
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	events := l.broker.Events()
	var arrivals []arrival
	for {
		select {
		case <-n.life.Done():
			return
		case <-l.stop:
			return
		case e, ok := <-events:
			if !ok {
				events = nil
				continue
			}
			n.onEvent(p, l, e)
		case <-some:
			arrivals = n.inbox.take(arrivals)
			n.stepAll(arrivals)
		case <-timer.C:
			n.tick()
		case <-wake:
		}
		if p.index == 0 {
			n.await(timer)
		}
	}
}

// await sets the timer to when the state machine next has something to do.
func (n *Node) await(timer *time.Timer) {
	n.mu.RLock()
	next := n.core.Next()
	n.mu.RUnlock()
	if next.IsZero() {
		timer.Stop()
	} else {
		timer.Reset(time.Until(next))
	}
}

// stepAll merges messages, a batch at a time.
func (n *Node) stepAll(all []arrival) {
	for len(all) > 0 && n.life.Err() == nil {
		if n.journal != nil && n.commits.room(n.life) != nil {
			return
		}
		count, bytes := 0, 0
		for count < min(len(all), batch) && bytes < batchBytes {
			bytes += len(all[count].data)
			count++
		}
		n.step(all[:count])
		n.inbox.merged(bytes)
		all = all[count:]
	}
}

// step merges messages under one lock. Before all documents are in memory there
// is nothing to merge them into; what they say is repaired afterwards.
func (n *Node) step(all []arrival) {
	if !n.warm.Load() {
		return
	}
	n.mu.Lock()
	now := time.Now()
	for i := range all {
		if err := n.take(now, &all[i]); err != nil {
			n.refused(&all[i], err)
		}
	}
	n.core.Tick(now)
	n.finish()
}

// maxNow bounds the messages in bytes that are merged where they are received:
// longer ones are better merged while the transport goes on.
const maxNow = 4 << 10

// stepNow merges a message at once, if no other one waits, nobody holds the lock
// and nothing has to be waited for, and reports whether it did. It spares what
// comes alone the way through another goroutine. Two that come at once by
// different subscriptions are in no order anyway; those of one come one by one.
func (n *Node) stepNow(a *arrival) bool {
	if len(a.data) > maxNow || n.journal != nil || !n.warm.Load() || !n.mu.TryLock() {
		return false
	}
	if n.closed || !n.inbox.idle() {
		n.mu.Unlock()
		return false
	}
	before, now := n.core.Next(), time.Now()
	if err := n.take(now, a); err != nil {
		n.refused(a, err)
	}
	n.core.Tick(now)
	next := n.core.Next()
	n.finish()
	if next.Before(before) || before.IsZero() {
		n.poke()
	}
	return true
}

func (n *Node) refused(a *arrival, err error) {
	n.cfg.Logger.Debug("joinery: message refused", "space", n.cfg.Space, "document", a.doc, "error", err)
}

// take gives the state machine one message. The caller holds the lock.
func (n *Node) take(now time.Time, a *arrival) error {
	if a.scope != "" {
		return n.core.StepWithin(now, a.port, a.scope, a.data)
	}
	return n.core.StepOn(now, a.port, a.doc, a.data)
}

func (n *Node) tick() {
	n.mu.Lock()
	n.core.Tick(time.Now())
	n.finish()
}

// connect tells the state machine of the link. Up may be told again when
// messages were lost: it then asks everybody what it missed.
func (n *Node) connect(p *port, up bool) {
	n.mu.Lock()
	if p.linked = up; up {
		n.fitMessages()
	}
	if up && n.canJoin() || n.core.Online() {
		n.core.ConnectOn(time.Now(), p.index, up)
	}
	n.finish()
	n.poke()
}

// joinHeld joins the others on all links that are up, once everything is in
// memory. The caller holds the lock, which it gives back.
func (n *Node) joinHeld() {
	if n.canJoin() {
		for _, p := range n.ports {
			if p.linked {
				n.fitMessages()
				n.core.ConnectOn(time.Now(), p.index, true)
			}
		}
	}
	n.finish()
	n.poke()
}

// canJoin reports whether the node may speak. The caller holds the lock.
func (n *Node) canJoin() bool {
	return n.warm.Load() && (n.journal == nil || n.commits.failed() == nil)
}

// fitMessages follows the transports' limits, which other servers may set
// otherwise. The caller holds the lock.
func (n *Node) fitMessages() {
	most := n.most
	for _, p := range n.ports {
		if b := p.transport(); b != nil && b.MaxPayload() > room {
			most = min(most, b.MaxPayload()-room)
		}
	}
	n.core.LimitMessages(most)
}

func (n *Node) onEvent(p *port, l *link, e broker.Event) {
	log := n.cfg.Logger.With("space", p.space)
	switch e.Kind {
	case broker.Connected:
		log.Info("joinery: connected")
		n.connect(p, true)
		n.selfTest(p, l)
	case broker.Disconnected:
		log.Info("joinery: disconnected; writes go on and are sent after the reconnect", "error", e.Err)
		n.connect(p, false)
	case broker.Dropped:
		n.counters.dropped.Add(e.Count)
		log.Warn("joinery: slow consumer; what was dropped is being repaired", "messages", e.Count, "subject", e.Subject)
		n.connect(p, true)
	case broker.Denied:
		n.onDenied(p, l, e)
	case broker.Closed:
		p.gone.Store(true)
		log.Error("joinery: connection closed for good; writes go on and wait for a Rebind to a new one", "error", e.Err)
		n.connect(p, false)
	}
}

// onDenied notes a refused subject, unless it is somebody else's who shares
// the connection.
func (n *Node) onDenied(p *port, l *link, e broker.Event) {
	if e.Subject != "" && !p.subjects.Holds(e.Subject) {
		return
	}
	n.denied(e.Subject, e.Err)
	if l.audited.CompareAndSwap(false, true) {
		n.workers.Go(func() { n.audit(p, l) })
	}
}

// publish sends what is in the outbox.
func (n *Node) publish(p *port) {
	var msgs []replica.Outgoing
	for {
		if msgs = p.outbox.take(msgs); msgs == nil {
			return
		}
		for i := range msgs {
			n.publishOne(p, &msgs[i])
			p.outbox.sent(len(msgs[i].Data))
		}
	}
}

func (n *Node) publishOne(p *port, m *replica.Outgoing) {
	data := m.Data
	if m.Kind != message.KindDelta || n.cfg.Replica.Budget > 0 {
		data = message.Compress(data)
	}
	p.binding.apply(data)
	err := p.transport().Publish(p.subject(m), data)
	switch {
	case err == nil:
		n.counters.published.Add(1)
	case errors.Is(err, broker.ErrDisconnected), errors.Is(err, broker.ErrClosed):
		n.counters.unsent.Add(1)
	default:
		n.counters.unsent.Add(1)
		n.cfg.Logger.Error("joinery: publish failed", "space", p.space, "subject", p.subject(m), "bytes", len(data), "error", err)
	}
}

func (p *port) subject(m *replica.Outgoing) string {
	switch {
	case m.To == replica.ToDoc && m.Kind == message.KindRelay:
		return p.subjects.Relay(m.Doc)
	case m.To == replica.ToDoc:
		return p.subjects.Delta(m.Doc)
	case m.To == replica.ToAny:
		return p.subjects.Within(p.subjects.Any(), m.Scope)
	case m.To == replica.ToPeer:
		return p.subjects.Within(p.subjects.To(m.Peer, m.Kind), m.Scope)
	case m.Scope != "":
		return p.subjects.ScopeBeacon(m.Scope)
	}
	return p.subjects.Beacon()
}

// Package linktest is a TCP link that breaks on request.
//
// A [Link] is a proxy on a port of its own: point a NATS client or a leaf node
// at it instead of at the server, and the network between the two is at the
// test's command. It fails in the ways that links fail:
//
//   - [Link.Cut]: connections break and new ones are refused. Both ends know.
//   - [Link.Blackhole]: connections stay open and new ones are accepted, but
//     every byte is lost. Neither end knows until it misses an answer; for a
//     NATS server that takes minutes.
//   - [Link.Stall]: connections stay open and nothing moves, but nothing is
//     lost. This is what TCP makes of a short outage.
//   - [Link.Delay]: bytes take their time.
//
// [Link.Restore] makes the link whole again on the same port. A byte stream with
// a hole in it is useless, so connections that lost bytes break at that moment,
// and their ends connect anew.
//
// A leaf node learns further addresses of its hub from the hub and would go
// around the link; servers of package embedded do not announce theirs.
package linktest

import (
	"fmt"
	"net"
	"sync"
	"time"
)

// dialTimeout bounds the dial to the target, which is expected to be near.
const dialTimeout = 5 * time.Second

// Link forwards TCP connections to a target. Its methods are safe for
// concurrent use.
type Link struct {
	target   string
	listener net.Listener
	tasks    sync.WaitGroup // the accept loop and everything of its connections

	mu      sync.Mutex
	changed *sync.Cond // mode or closed changed
	mode    mode
	delay   time.Duration
	closed  bool
	conns   map[*conn]struct{}
}

type mode uint8

const (
	whole mode = iota
	isCut
	blackholed
	stalled
)

// New listens on a free port of 127.0.0.1 and forwards to target, a host:port.
// The caller closes the link.
func New(target string) (*Link, error) {
	if _, _, err := net.SplitHostPort(target); err != nil {
		return nil, fmt.Errorf("linktest: target must be host:port: %w", err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("linktest: %w", err)
	}
	l := &Link{target: target, listener: listener, conns: make(map[*conn]struct{})}
	l.changed = sync.NewCond(&l.mu)
	l.tasks.Go(l.accept)
	return l, nil
}

// Addr returns the host:port that stands for the target.
func (l *Link) Addr() string { return l.listener.Addr().String() }

// Cut breaks the connections and refuses new ones.
func (l *Link) Cut() { l.set(isCut) }

// Blackhole lets connections live and loses what they send, in both directions.
func (l *Link) Blackhole() { l.set(blackholed) }

// Stall stops all bytes where they are. Restore lets them go on.
func (l *Link) Stall() { l.set(stalled) }

// Restore makes the link whole; connections that lost bytes break.
func (l *Link) Restore() { l.set(whole) }

// Delay makes bytes that are read from now on take d in each direction.
func (l *Link) Delay(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.delay = d
}

// Conns returns the number of open connections.
func (l *Link) Conns() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.conns)
}

// Close breaks everything and waits until all of the link's goroutines ended.
// Calling it twice is harmless.
func (l *Link) Close() error {
	err := l.shut()
	l.tasks.Wait()
	return err
}

func (l *Link) shut() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	l.breakConns(func(*conn) bool { return true })
	return l.listener.Close()
}

func (l *Link) set(m mode) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mode = m
	l.breakConns(func(c *conn) bool { return m == isCut || m != blackholed && c.holed })
}

// breakConns closes the connections that match and wakes all. The lock is held.
func (l *Link) breakConns(match func(*conn) bool) {
	for c := range l.conns {
		if match(c) {
			c.close()
		}
	}
	l.changed.Broadcast()
}

func (l *Link) accept() {
	for {
		near, err := l.listener.Accept()
		if err != nil {
			return
		}
		l.tasks.Go(func() { l.join(near) })
	}
}

// join connects one accepted connection with the target. A blackholed link
// accepts like any other: what answers is the near end's kernel.
func (l *Link) join(near net.Conn) {
	c := &conn{link: l, near: near}
	if !l.add(c) {
		near.Close()
		return
	}
	defer l.remove(c)
	far, err := net.DialTimeout("tcp", l.target, dialTimeout)
	if err != nil || !c.setFar(far) {
		return
	}
	c.forward()
}

func (l *Link) add(c *conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.mode == isCut {
		return false
	}
	l.conns[c] = struct{}{}
	return true
}

func (l *Link) remove(c *conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c.close()
	delete(l.conns, c)
}

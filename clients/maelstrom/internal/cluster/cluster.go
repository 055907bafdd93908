package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"

	"github.com/joinery-crdt/joinery/broker/linktest"
	"github.com/joinery-crdt/joinery/clients/maelstrom/internal/history"
	"github.com/joinery-crdt/joinery/clients/maelstrom/internal/protocol"
)

// Bounds of a cluster.
const (
	MinNodes = 3
	MaxNodes = 25
)

const (
	initTimeout  = 30 * time.Second
	meshTimeout  = 30 * time.Second
	closeTimeout = 10 * time.Second
	poll         = 5 * time.Millisecond
	startTries   = 10                     // of a node whose port somebody else has for the moment
	startPause   = 200 * time.Millisecond // between them
)

// Config describes a cluster.
type Config struct {
	Nodes    int      // MinNodes to MaxNodes
	Workload string   // which one the nodes serve
	Command  []string // runs a node process
	Recorder *history.Recorder
	Stderr   io.Writer // takes the processes' standard error
}

// Cluster is some nodes, numbered from 0, and the links between them. Its
// methods are safe for concurrent use, but faults are one caller's business.
type Cluster struct {
	cfg     Config
	members []*member
	links   map[Pair]*linktest.Link

	mu   sync.Mutex
	down map[Pair]bool
}

// Pair is two nodes, the lower number first.
type Pair [2]int

// PairOf returns the pair of two nodes.
func PairOf(a, b int) Pair { return Pair{min(a, b), max(a, b)} }

type member struct {
	mu     sync.Mutex
	proc   *process // nil while there is none
	starts int
	routes string // the address for routes, kept over restarts
	paused bool
}

// Start starts all nodes and returns when their servers are connected, each
// with each. The caller closes the cluster.
func Start(ctx context.Context, cfg Config) (*Cluster, error) {
	if cfg.Nodes < MinNodes || cfg.Nodes > MaxNodes {
		return nil, fmt.Errorf("cluster: %d nodes, must be %d to %d", cfg.Nodes, MinNodes, MaxNodes)
	}
	c := &Cluster{cfg: cfg, links: make(map[Pair]*linktest.Link), down: make(map[Pair]bool)}
	for range cfg.Nodes {
		c.members = append(c.members, &member{})
	}
	if err := c.startAll(ctx); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

// startAll starts the highest number first: a node connects to those above it,
// whose addresses must be known.
func (c *Cluster) startAll(ctx context.Context) error {
	for n := c.cfg.Nodes - 1; n >= 0; n-- {
		if err := c.Restart(ctx, n); err != nil {
			return err
		}
		for lower := range n {
			link, err := linktest.New(c.members[n].routes)
			if err != nil {
				return err
			}
			c.links[Pair{lower, n}] = link
		}
	}
	return c.awaitMesh(ctx)
}

// awaitMesh waits until every link carries a connection.
func (c *Cluster) awaitMesh(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, meshTimeout)
	defer cancel()
	for _, l := range c.links {
		for l.Conns() == 0 {
			if err := wait(ctx, poll); err != nil {
				return fmt.Errorf("cluster: servers do not find each other: %w", err)
			}
		}
	}
	return nil
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// Name returns the name of a node.
func Name(node int) string { return "n" + strconv.Itoa(node+1) }

// Restart starts a process for a node that has none, and returns when it
// serves.
func (c *Cluster) Restart(ctx context.Context, node int) (err error) {
	for range startTries {
		if err = c.start(ctx, node); !errors.Is(err, ErrRefused) {
			return err
		}
		if wait(ctx, startPause) != nil {
			break
		}
	}
	return err
}

func (c *Cluster) start(ctx context.Context, node int) error {
	m := c.members[node]
	p, err := spawn(c.cfg.Command, Name(node), m.starts, c.cfg.Stderr)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, initTimeout)
	defer cancel()
	reply, err := p.call(ctx, c.initial(node))
	if err != nil {
		p.kill()
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.proc, m.routes = p, reply.Listen
	m.starts++
	c.cfg.Recorder.Change(history.Started, node, 0)
	return nil
}

func (c *Cluster) initial(node int) protocol.Body {
	b := protocol.Body{
		Type: protocol.Init, NodeID: Name(node), Workload: c.cfg.Workload, Listen: c.members[node].routes,
	}
	for peer := range c.cfg.Nodes {
		b.NodeIDs = append(b.NodeIDs, Name(peer))
		if peer > node {
			b.Routes = append(b.Routes, c.links[Pair{node, peer}].Addr())
		}
	}
	return b
}

// Call sends a request to a node and returns its reply and which of its
// processes it was sent to. Errors that wrap ErrDown or ErrRefused mean that
// nothing was done; after others nobody knows.
func (c *Cluster) Call(ctx context.Context, node int, body protocol.Body) (protocol.Body, int, error) {
	m := c.members[node]
	m.mu.Lock()
	p := m.proc
	m.mu.Unlock()
	if p == nil {
		return protocol.Body{}, 0, fmt.Errorf("%w: %s", ErrDown, Name(node))
	}
	reply, err := p.call(ctx, body)
	return reply, p.incarnation, err
}

// Nodes returns the number of nodes.
func (c *Cluster) Nodes() int { return c.cfg.Nodes }

// Close ends all processes and links and waits until they are gone.
func (c *Cluster) Close() {
	var ends sync.WaitGroup
	for _, m := range c.members {
		ends.Go(m.end)
	}
	ends.Wait()
	for _, l := range c.links {
		_ = l.Close()
	}
}

// end asks the process to end, and kills it if it does not.
func (m *member) end() {
	m.mu.Lock()
	p, paused := m.proc, m.paused
	m.proc = nil
	m.mu.Unlock()
	if p == nil {
		return
	}
	p.close()
	if paused {
		p.kill()
		return
	}
	select {
	case <-p.ended:
	case <-time.After(closeTimeout):
		p.kill()
	}
}

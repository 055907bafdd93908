package cluster

import (
	"context"
	"fmt"

	"github.com/joinery-crdt/joinery/broker/linktest"
	"github.com/joinery-crdt/joinery/clients/maelstrom/internal/history"
)

// Break is a way in which a link breaks.
type Break string

// The ways.
const (
	Cut       Break = "cut"       // connections break, new ones are refused
	Blackhole Break = "blackhole" // bytes vanish
	Stall     Break = "stall"     // bytes wait
)

var breaks = map[Break]func(*linktest.Link){
	Cut: (*linktest.Link).Cut, Blackhole: (*linktest.Link).Blackhole, Stall: (*linktest.Link).Stall,
}

// Part breaks the links of some pairs.
func (c *Cluster) Part(how Break, pairs []Pair) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range pairs {
		if !c.down[p] {
			c.down[p] = true
			c.cfg.Recorder.Change(history.LinkDown, p[0], p[1])
		}
		breaks[how](c.links[p])
	}
}

// Heal restores all links.
func (c *Cluster) Heal() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for p := range c.down {
		c.links[p].Restore()
		c.cfg.Recorder.Change(history.LinkUp, p[0], p[1])
	}
	clear(c.down)
}

// Kill ends the process of a node as kill -9 does, if it has one.
func (c *Cluster) Kill(node int) {
	m := c.members[node]
	m.mu.Lock()
	p := m.proc
	m.proc, m.paused = nil, false
	m.mu.Unlock()
	if p == nil {
		return
	}
	c.cfg.Recorder.Change(history.Killed, node, 0)
	p.kill()
}

// Pause stops the process of a node where it is, if it has one.
func (c *Cluster) Pause(node int) error {
	m := c.members[node]
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.proc == nil || m.paused {
		return nil
	}
	m.paused = true
	c.cfg.Recorder.Change(history.Paused, node, 0)
	if err := stopProcess(m.proc.cmd.Process); err != nil {
		return fmt.Errorf("cluster: pausing %s: %w", Name(node), err)
	}
	return nil
}

// Resume lets a paused process go on.
func (c *Cluster) Resume(node int) error {
	m := c.members[node]
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.proc == nil || !m.paused {
		return nil
	}
	if err := contProcess(m.proc.cmd.Process); err != nil {
		return fmt.Errorf("cluster: resuming %s: %w", Name(node), err)
	}
	m.paused = false
	c.cfg.Recorder.Change(history.Resumed, node, 0)
	return nil
}

// Repair ends all faults: links are whole and every node has a running process.
func (c *Cluster) Repair(ctx context.Context) error {
	c.Heal()
	for n, m := range c.members {
		if err := c.Resume(n); err != nil {
			return err
		}
		m.mu.Lock()
		gone := m.proc == nil
		m.mu.Unlock()
		if !gone {
			continue
		}
		if err := c.Restart(ctx, n); err != nil {
			return err
		}
	}
	return nil
}

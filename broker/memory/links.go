package memory

// link is one direction between two endpoints.
type link struct{ from, to string }

// rule says what is wrong with a link.
type rule uint8

const (
	cut       rule = iota + 1 // known to be down
	blackhole                 // believed to be up
)

// Cut takes the link in one direction down. The network knows and routes
// around it, the endpoints get no event.
func (n *Network) Cut(from, to string) { n.setLink(from, to, cut) }

// Blackhole makes the link in one direction lose everything silently.
func (n *Network) Blackhole(from, to string) { n.setLink(from, to, blackhole) }

// Restore makes the link in one direction whole.
func (n *Network) Restore(from, to string) { n.setLink(from, to, 0) }

func (n *Network) setLink(from, to string, r rule) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.setRule(n.endpoint(from).name, n.endpoint(to).name, r)
}

// setRule records a rule; a whole link has none. The lock is held.
func (n *Network) setRule(from, to string, r rule) {
	if r == 0 {
		delete(n.links, link{from, to})
		return
	}
	n.links[link{from, to}] = r
}

// Partition cuts every link between endpoints of different groups, in both
// directions, and restores those within a group. Endpoints in no group keep
// their links.
func (n *Network) Partition(groups ...[]string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for i, g := range groups {
		for j, h := range groups {
			n.setLinks(g, h, partitionRule(i == j))
		}
	}
}

func partitionRule(together bool) rule {
	if together {
		return 0
	}
	return cut
}

func (n *Network) setLinks(from, to []string, r rule) {
	for _, f := range from {
		for _, t := range to {
			n.setRule(n.endpoint(f).name, n.endpoint(t).name, r)
		}
	}
}

// Heal restores all links. Faults, detained messages and endpoints that are
// down stay as they are.
func (n *Network) Heal() {
	n.mu.Lock()
	defer n.mu.Unlock()
	clear(n.links)
}

// routable reports whether the network believes that b's messages reach c. The
// lock is held.
func (n *Network) routable(b, c *Broker) bool {
	return c.up && n.links[link{b.name, c.name}] != cut
}

// whole reports whether messages from b do reach c. The lock is held.
func (n *Network) whole(b, c *Broker) bool {
	return c.up && n.links[link{b.name, c.name}] == 0
}

package crowd

// Graph is who is linked to whom: pairs of nodes.
type Graph struct {
	Nodes int
	Edges [][2]int
}

// Tree returns a binary tree: every node but the leaves has three neighbours, the
// root two.
func Tree(n int) Graph {
	g := Graph{Nodes: n}
	for i := 1; i < n; i++ {
		g.Edges = append(g.Edges, [2]int{(i - 1) / 2, i})
	}
	return g
}

// Mesh returns a partial mesh: every node has four neighbours, the next two on
// either side of a circle.
func Mesh(n int) Graph {
	g := Graph{Nodes: n}
	for i := range n {
		g.Edges = append(g.Edges, [2]int{i, (i + 1) % n}, [2]int{i, (i + 2) % n})
	}
	return g
}

// Links makes a messaging system of each edge, so that every node is a relay
// between its neighbours.
func (g Graph) Links() [][]int {
	links := make([][]int, g.Nodes)
	for system, e := range g.Edges {
		for _, node := range e {
			links[node] = append(links[node], system)
		}
	}
	return links
}

// Neighbours returns the neighbours of each node.
func (g Graph) Neighbours() [][]int {
	out := make([][]int, g.Nodes)
	for _, e := range g.Edges {
		out[e[0]] = append(out[e[0]], e[1])
		out[e[1]] = append(out[e[1]], e[0])
	}
	return out
}

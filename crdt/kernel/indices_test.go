package kernel

import (
	"math/bits"
	"testing"

	"github.com/stretchr/testify/require"
)

// requireSound checks what Verify checks and, beyond it, every link and count
// of the indices. It is meant for states between mutations.
func requireSound(t testing.TB, s *State) {
	t.Helper()
	require.NoError(t, s.Verify())
	heads := requireTree(t, s)
	requireTable(t, &s.paths, func(h uint32, id leafID) {
		l := s.leaves.at(id)
		require.True(t, heads[id], "leaf %d is no head of a container", id)
		require.Equal(t, hash(l.parent, l.tag, l.key()), h)
		delete(heads, id)
	})
	require.Empty(t, heads, "heads that are not in the path index")
	requireSlab(t, &s.leaves)
	for i := range s.actors {
		requireColumn(t, &s.actors[i].dots, func(id leafID) uint64 { return s.print(s.leaves.at(id)) })
	}
}

// requireTree checks the containers and returns the heads found in them.
func requireTree(t testing.TB, s *State) map[leafID]bool {
	t.Helper()
	require.Empty(t, s.tree.empty, "nothing waits to be swept")
	heads := map[leafID]bool{}
	leaves, used, free := 0, 0, 0
	for r := range s.tree.nodes {
		n := &s.tree.nodes[r]
		if !n.used {
			continue
		}
		used++
		if Ref(r) != Root {
			require.True(t, n.heads > 0 || n.child != 0, "container %q is empty", n.name)
			require.Equal(t, Ref(r), s.tree.at[place{n.name, n.parent, n.tag}])
			require.Equal(t, s.tree.nodes[n.parent].depth+1, n.depth)
		}
		leaves += requireHeads(t, s, Ref(r), heads)
		requireChildren(t, s, Ref(r))
	}
	for r := s.tree.free; r != 0; r = s.tree.nodes[r].next {
		require.False(t, s.tree.nodes[r].used)
		free++
	}
	require.Equal(t, len(s.tree.nodes), used+free, "containers are used or free")
	require.Equal(t, max(used-1, 0), len(s.tree.at))
	require.Equal(t, s.leaves.live, leaves)
	return heads
}

// requireHeads walks a container's list and its siblings and counts the leaves.
func requireHeads(t testing.TB, s *State, r Ref, heads map[leafID]bool) (leaves int) {
	t.Helper()
	n := &s.tree.nodes[r]
	count, prev := int32(0), none
	for id := n.first; id != none; id = s.leaves.at(id).next {
		l := s.leaves.at(id)
		require.Equal(t, prev, l.prev)
		require.NotZero(t, l.flags&isHead)
		require.Equal(t, r, l.parent)
		heads[id] = true
		count, leaves, prev = count+1, leaves+1, id
		before := id
		for sib := l.sibling; sib != none; sib = s.leaves.at(sib).sibling {
			x := s.leaves.at(sib)
			require.Equal(t, before, x.prev)
			require.Zero(t, x.flags&isHead)
			require.Equal(t, [3]any{l.parent, l.tag, l.key()}, [3]any{x.parent, x.tag, x.key()})
			before = sib
			leaves++
		}
	}
	require.Equal(t, prev, n.last)
	require.Equal(t, n.heads, count)
	return leaves
}

func requireChildren(t testing.TB, s *State, r Ref) {
	t.Helper()
	prev := Ref(0)
	for c := s.tree.nodes[r].child; c != 0; c = s.tree.nodes[c].next {
		require.True(t, s.tree.nodes[c].used)
		require.Equal(t, r, s.tree.nodes[c].parent)
		require.Equal(t, prev, s.tree.nodes[c].prev)
		prev = c
	}
}

// requireTable checks the hash table's shape and calls each for every slot.
func requireTable(t testing.TB, tab *table, each func(uint32, leafID)) {
	t.Helper()
	if tab.dir == nil {
		return
	}
	require.Len(t, tab.dir, 1<<tab.depth)
	for d := 0; d < len(tab.dir); {
		g := tab.dir[d]
		span := 1 << (tab.depth - g.depth)
		for i := range span {
			if tab.dir[d+i] != g {
				t.Fatalf("entry %d is not of the segment that begins at %d", d+i, d)
			}
		}
		requireSegment(t, g, uint64(d)>>(tab.depth-g.depth), each)
		d += span
	}
}

func requireSegment(t testing.TB, g *segment, prefix uint64, each func(uint32, leafID)) {
	t.Helper()
	require.Equal(t, 1, bits.OnesCount(uint(len(g.slots))))
	used, mask := 0, uint32(len(g.slots)-1)
	for i, x := range g.slots {
		if x.leaf == none {
			continue
		}
		used++
		if uint64(x.hash)>>(32-g.depth) != prefix {
			t.Fatalf("hash %#x does not belong to segment %d", x.hash, prefix)
		}
		for j := x.hash & mask; j != uint32(i); j = (j + 1) & mask {
			if g.slots[j].leaf == none {
				t.Fatalf("a hole at %d between slot %d and its home", j, i)
			}
		}
		each(x.hash, x.leaf)
	}
	require.EqualValues(t, g.used, used)
	require.Less(t, used, len(g.slots), "a search has to end")
}

func requireSlab(t testing.TB, s *slab) {
	t.Helper()
	free := 0
	for id := s.free; id != none; id = s.at(id).sibling {
		require.Empty(t, s.at(id).kv, "a freed leaf keeps no memory alive")
		free++
	}
	require.Equal(t, max(int(s.used)-1, 0), s.live+free)
}

func requireColumn(t testing.TB, c *column, print func(leafID) uint64) {
	t.Helper()
	empty := 0
	for i := range c.blocks {
		b := &c.blocks[i]
		if i > 0 {
			require.Greater(t, b.number, c.blocks[i-1].number)
		}
		require.Len(t, b.ids, bits.OnesCount64(b.mask[0])+bits.OnesCount64(b.mask[1]))
		if len(b.ids) == 0 {
			empty++
		}
		prints := uint64(0)
		for _, id := range b.ids {
			prints ^= print(id)
		}
		require.Equal(t, prints, b.print)
	}
	require.Equal(t, empty, c.empty)
	require.True(t, empty < 8 || empty <= len(c.blocks)/2, "%d of %d blocks are empty", empty, len(c.blocks))
}

package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// A writer has documents of its own: small ones, one that is large enough to be
// kept row by row, and a counter.
//
// The writers before the last write at the replica that is killed, the last one
// at the other.
const (
	writers      = 4 // besides the last
	smallDocs    = 4
	smallFields  = 8
	largeFields  = 600
	largePadding = 200 // bytes of each value there
	batchLines   = 12
)

// place is a register of a writer's.
type place struct{ doc, field string }

// version is what a write left at a place: the number of the write, 0 if nothing
// is there.
type version int64

// write is one line of a request.
type write struct {
	at place
	to version
}

// model is what one writer knows of its documents.
type model struct {
	id    int
	rand  *rand.Rand
	last  version           // number of the last write
	known map[place]version // acknowledged, or seen after a start
	count int64             // of the counter
	doubt []write           // the request that was not answered, in order
	adds  int64             // increments that were not answered

	acknowledged int // writes
}

func newModel(id int, seed uint64) *model {
	return &model{id: id, rand: rand.New(rand.NewPCG(seed, uint64(id))), known: make(map[place]version)}
}

func (m *model) counterDoc() string { return fmt.Sprintf("counts.%d", m.id) }

// draw returns a place to write to.
func (m *model) draw() place {
	if m.rand.IntN(3) == 0 {
		return place{fmt.Sprintf("large.%d", m.id), fmt.Sprintf("f%d", m.rand.IntN(largeFields))}
	}
	return place{fmt.Sprintf("small.%d.%d", m.id, m.rand.IntN(smallDocs)), fmt.Sprintf("f%d", m.rand.IntN(smallFields))}
}

// batch begins a request of n lines at different places, and returns them.
func (m *model) batch(n int) []byte {
	taken := make(map[place]bool)
	var lines strings.Builder
	for len(taken) < n {
		at := m.draw()
		if taken[at] {
			continue
		}
		taken[at] = true
		m.last++
		m.doubt = append(m.doubt, write{at, m.last})
		padding := ""
		if strings.HasPrefix(at.doc, "large") {
			padding = strings.Repeat("x", largePadding)
		}
		fmt.Fprintf(&lines, `{"doc":"%s","fields":{"%s":[%d,"%s"]}}`+"\n", at.doc, at.field, m.last, padding)
	}
	return []byte(lines.String())
}

// removal begins a request that removes a place, and returns it.
func (m *model) removal() place {
	at := m.draw()
	m.doubt = append(m.doubt, write{at, 0})
	return at
}

// answered says that the request was acknowledged.
func (m *model) answered() {
	for _, w := range m.doubt {
		m.known[w.at] = w.to
	}
	m.acknowledged += len(m.doubt) + int(m.adds)
	m.count += m.adds
	m.doubt, m.adds = nil, 0
}

// found is what a replica holds of a writer's documents.
type found struct {
	places map[place]version
	count  int64
}

// adopt takes what a replica holds for what is there from now on, whatever that is.
func (m *model) adopt(f *found) {
	m.known, m.count, m.doubt, m.adds = f.places, f.count, nil, 0
}

// judge compares what a replica holds after a kill with what the writer was told, and
// takes it for what is there from now on.
func (m *model) judge(f *found) error {
	missing := false // of the request that was not answered
	for _, w := range m.doubt {
		is := f.places[w.at]
		switch {
		case is == w.to && is != m.known[w.at]:
			if missing {
				return fmt.Errorf("writer %d: write %d to %v is there, one before it in the same request is not", m.id, w.to, w.at)
			}
			m.known[w.at] = is
		case is != w.to:
			missing = true
		}
	}
	for at, want := range m.known {
		if is := f.places[at]; is != want {
			return fmt.Errorf("writer %d: %v has %d, acknowledged was %d", m.id, at, is, want)
		}
	}
	for at, is := range f.places {
		if want := m.known[at]; is != want {
			return fmt.Errorf("writer %d: %v has %d, which was not there before or was removed", m.id, at, is)
		}
	}
	if f.count < m.count || f.count > m.count+m.adds {
		return fmt.Errorf("writer %d: counter is %d, acknowledged was %d and %d not answered", m.id, f.count, m.count, m.adds)
	}
	m.count, m.doubt, m.adds = f.count, nil, 0
	return nil
}

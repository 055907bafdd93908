package sim

import (
	"fmt"
	"slices"

	"github.com/joinery-crdt/joinery/crdt/hlc"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/crdt/wire"
)

// payload is a payload with its path written out.
type payload struct {
	path   []kernel.Component
	tag    kernel.Tag
	key    string
	value  string
	time   hlc.Time
	expiry hlc.Time
	marked bool
}

func payloadOf(add *wire.Add) payload {
	return payload{slices.Clone(add.Path), add.Tag, string(add.Key), string(add.Value), add.Time, add.Expiry, add.Marked}
}

func (p *payload) same(q *payload) bool {
	return slices.Equal(p.path, q.path) && p.tag == q.tag && p.key == q.key && p.value == q.value &&
		p.time == q.time && p.expiry == q.expiry && p.marked == q.marked
}

// equals reports whether a payload of a state is this one.
func (p *payload) equals(s *kernel.State, l *kernel.Live) bool {
	if p.tag != l.Tag || p.key != l.Key || p.value != l.Value || p.time != l.Time || p.expiry != l.Expiry || p.marked != l.Marked {
		return false
	}
	if len(p.path) == 0 || l.Parent == kernel.Root {
		return len(p.path) == 0 && l.Parent == kernel.Root
	}
	r := l.Parent
	for i := len(p.path) - 1; i >= 0; i-- {
		if r == kernel.Root {
			return false
		}
		up, c := s.Parent(r)
		if c != p.path[i] {
			return false
		}
		r = up
	}
	return r == kernel.Root
}

func describe(s *kernel.State, l *kernel.Live) string {
	out := ""
	for _, c := range s.Path(nil, l.Parent) {
		out += c.Name + "/"
	}
	return fmt.Sprintf("%s%s=%.20q tag %d", out, l.Key, l.Value, l.Tag)
}

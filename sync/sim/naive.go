package sim

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/joinery-crdt/joinery/crdt"
	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/hlc"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/crdt/wire"
)

// errUncertain means that the model cannot know the outcome: it depends on the
// timestamp that the replica's clock gave to a write just before.
var errUncertain = errors.New("sim: outcome depends on a clock")

// naive is the model of one document at one replica that writes: a list of
// what lives there.
type naive struct {
	self causal.Actor
	live []living
	// killed are the dots of clients' contexts that were not there to be killed.
	killed []causal.Dot
}

// living is a live payload. The model does not know the numbers of events, so
// those that it minted itself have no dot.
type living struct {
	payload
	dot causal.Dot
}

// snapshot lists what lives in a document, by actor and sequence number.
func snapshot(d *crdt.Document) naive {
	var n naive
	if d == nil {
		return n
	}
	s := d.State()
	n.live = make([]living, 0, s.Dots())
	for _, a := range s.Actors() {
		id := s.Actor(a)
		for l := range s.Between(a, causal.Range{Lo: 1, Hi: causal.MaxSeq}) {
			p := payload{tag: l.Tag, key: l.Key, value: l.Value, time: l.Time, expiry: l.Expiry, marked: l.Marked}
			if l.Parent != kernel.Root {
				p.path = s.Path(nil, l.Parent)
			}
			n.live = append(n.live, living{payload: p, dot: causal.Dot{Actor: id, Seq: l.Seq}})
		}
	}
	return n
}

// isAt reports whether the payload is at a place.
func (l *living) isAt(p *place) bool {
	return l.tag == p.tag && l.key == p.key && slices.Equal(l.path, p.path)
}

// isBelow reports whether the payload is in the container at a path.
func (l *living) isBelow(path []kernel.Component) bool {
	return len(l.path) >= len(path) && slices.Equal(l.path[:len(path)], path)
}

// apply does to the model what the op should do. It returns ErrSuperseded if
// the write is to be ignored.
func (n *naive) apply(o *Op, over []causal.Dot) error {
	p := o.place()
	switch {
	case o.Do == Prune:
		n.kill(func(l *living) bool { return l.isBelow(p.path) && !l.marked })
	case o.Do == Inc:
		v := payload{path: p.path, tag: p.tag, key: p.key, value: string(wire.AppendInt(nil, o.Amount))}
		n.live = append(n.live, living{payload: v})
	case o.isAssign():
		v := payload{path: p.path, tag: p.tag, key: p.key, value: o.value(), marked: o.isMark()}
		if o.At != nil {
			v.time = hlc.At(epoch.Add(*o.At))
		}
		if err := n.checkTime(o, &p, v.time); err != nil {
			return err
		}
		n.supersede(o, &p, over)
		n.live = append(n.live, living{payload: v})
	default:
		n.supersede(o, &p, over)
	}
	return nil
}

// checkTime refuses an explicit timestamp below that of something at the place.
func (n *naive) checkTime(o *Op, p *place, t hlc.Time) error {
	if o.At == nil {
		return nil
	}
	for i := range n.live {
		l := &n.live[i]
		switch {
		case !l.isAt(p):
		case l.dot.IsZero():
			return errUncertain
		case l.time > t || l.time == t && l.dot.Actor.Compare(n.self) > 0:
			return crdt.ErrSuperseded
		}
	}
	return nil
}

func (n *naive) supersede(o *Op, p *place, over []causal.Dot) {
	if o.Over == nil {
		n.kill(func(l *living) bool { return l.isAt(p) })
		return
	}
	n.kill(func(l *living) bool { return slices.Contains(over, l.dot) })
	n.killed = append(n.killed, over...)
}

func (n *naive) kill(which func(*living) bool) {
	n.live = slices.DeleteFunc(n.live, func(l living) bool { return which(&l) })
}

// text writes the model down so that two can be compared: what lives at each
// place, counters by their sums, without the timestamps that clocks gave.
func (n *naive) text() string {
	sums := map[string]int64{}
	var lines []string
	for i := range n.live {
		l := &n.live[i]
		var at strings.Builder
		for _, c := range l.path {
			fmt.Fprintf(&at, "%d:%s/", c.Tag, c.Name)
		}
		if l.tag == crdt.TagCounter {
			fmt.Fprintf(&at, "%s counter", l.key)
			sums[at.String()] += increment(l.value)
			continue
		}
		lines = append(lines, fmt.Sprintf("%s%d:%s=%q %v", at.String(), l.tag, l.key, l.value, l.marked))
	}
	for at, sum := range sums {
		lines = append(lines, fmt.Sprint(at, sum))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

package sim

import (
	"fmt"
	"strings"
	"time"

	"github.com/joinery-crdt/joinery/sync/message"
	"github.com/joinery-crdt/joinery/sync/replica"
)

// tracer draws a history: a lane for each replica, time downwards, an arrow
// for each message when it arrives. A nil tracer draws nothing.
//
//   - something happens at the replica
//     o->* a message arrives, from o at *
//     o-x  a message is lost
//     |    running   :  paused   (space) down or not there
type tracer struct {
	lines []line
}

type line struct {
	at    time.Duration
	lanes []byte // state of each lane
	from  int    // of an arrow, else -1
	to    int
	lost  bool
	text  string
}

// maxLines bounds a drawing.
const maxLines = 300

func (t *tracer) add(w *world, from, to int, text string) *line {
	l := line{at: w.now, from: from, to: to, text: text}
	for _, n := range w.nodes {
		c := byte('|')
		switch {
		case n.r == nil:
			c = ' '
		case n.paused:
			c = ':'
		}
		l.lanes = append(l.lanes, c)
	}
	t.lines = append(t.lines, l)
	return &t.lines[len(t.lines)-1]
}

// action draws an action.
func (t *tracer) action(w *world, a *Action) {
	if t != nil {
		t.add(w, -1, a.Node, name(a.Node)+" "+a.text())
	}
}

// note draws something that happened at a node, or everywhere.
func (t *tracer) note(w *world, n *node, text string) {
	switch {
	case t == nil:
	case n == nil:
		t.add(w, -1, -1, text)
	default:
		t.add(w, -1, n.index, n.name+" "+text)
	}
}

// lost draws a message that does not arrive; to is nil if at nobody.
func (t *tracer) lost(w *world, from, to *node, o *replica.Outgoing) {
	if t == nil || o.Kind == message.KindBeacon {
		return
	}
	end, whom := -1, "all"
	if to != nil {
		end, whom = to.index, to.name
	} else {
		for i := range w.nodes { // draw it towards a neighbour
			if i != from.index {
				end = i
				break
			}
		}
	}
	l := t.add(w, from.index, end, fmt.Sprintf("%s to %s is lost", say(o.Data), whom))
	l.lost = true
}

// arrived draws a message on its arrival. Beacons that tell the receiver
// nothing, and echoes, are left out.
func (t *tracer) arrived(w *world, n *node, j *job) {
	if t == nil || n.index == j.from {
		return
	}
	_, body, err := message.Parse(j.data)
	if b, ok := body.(*message.Beacon); err == nil && ok && b.Digest == n.r.Digest() && !b.Hello {
		return
	}
	t.add(w, j.from, n.index, say(j.data))
}

// say says a message in a few words.
func say(data []byte) string {
	_, body, err := message.Parse(data)
	if err != nil {
		return "damaged message"
	}
	switch m := body.(type) {
	case *message.Delta:
		out := fmt.Sprintf("delta of %s:", m.Doc)
		for unit, rest := m.Unit.Cut(); len(unit) > 0; unit, rest = rest.Cut() {
			out += " " + contents(unit)
		}
		return out
	case *message.Beacon:
		return sayBeacon(m)
	case *message.Pull:
		return "pull " + each(m.Wants, func(x message.Want) string {
			if !x.Only.IsEmpty() {
				return x.Doc + " (hole)"
			}
			return x.Doc
		})
	case *message.Push:
		return "push " + each(m.Gifts, sayGift)
	case *message.Fetch:
		return fmt.Sprintf("fetch from byte %d", m.Offset)
	case *message.Chunk:
		return fmt.Sprintf("chunk of %d bytes from %d", len(m.Data), m.Offset)
	case *message.Table:
		return fmt.Sprintf("table of %s: %d bytes, news %s", m.Doc, len(m.Table), contents(m.News))
	case *message.Muster:
		return fmt.Sprintf("muster of %d", len(m.Reports))
	case *message.Cover:
		return "cover " + each(m.Cuts, func(x message.Cut) string { return x.Doc })
	case *message.Covered:
		return fmt.Sprintf("%d covered", len(m.Cuts))
	case *message.Listing:
		return "listing " + each(m.States, func(x message.State) string { return x.Doc })
	}
	return "survey"
}

func sayBeacon(m *message.Beacon) string {
	out := "beacon"
	if m.Hello {
		out = "hello"
	}
	if len(m.Hints) > 0 {
		out += ", news of " + each(m.Hints, func(x message.State) string { return x.Doc })
	}
	return out
}

func sayGift(g message.Gift) string {
	names := [...]string{"same", "no", "units", "frame", "transfer", "sketch", "news"}
	out := g.Doc + " " + names[g.Answer]
	if g.Answer == message.Sketch {
		return out + fmt.Sprintf(" of %d bytes", len(g.Deltas[0]))
	}
	for _, d := range g.Deltas {
		out += " " + contents(d)
	}
	if g.Size > 0 {
		out += fmt.Sprintf(" of %d bytes", g.Size)
	}
	return out
}

func each[T any](items []T, say func(T) string) string {
	out := make([]string, len(items))
	for i, x := range items {
		out[i] = say(x)
	}
	return strings.Join(out, ", ")
}

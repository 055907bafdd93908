package sim

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"time"

	"github.com/joinery-crdt/joinery/crdt/wire"
	"github.com/joinery-crdt/joinery/sync/message"
)

// climb makes a history one in which replicas have to catch up, on every rung of
// the ladder: logs that hold little or nothing, documents of many places, replicas
// that compare wherever that is possible, or never do, and faults that fall into
// the middle of sessions and transfers. A share of all other histories has replicas
// that compare, too. Its random source is its own.
func (g *generator) climb(s *Script) {
	rng := rand.New(rand.NewPCG(s.Seed, 0x6c6164646572))
	if !g.o.Ladder {
		s.Tuning.Trip = []int{0, 0, -1 << 30}[rng.IntN(3)]
		return
	}
	t := &s.Tuning
	t.LogBytes = []int{-1, -1, 200, 1000, 0}[rng.IntN(5)]
	t.Trip = []int{-1 << 30, -1 << 30, -1 << 30, -100, 0, 1 << 30}[rng.IntN(6)]
	if rng.IntN(2) == 0 {
		t.MaxMessage, t.Commit = 4<<10, 0
	}
	t.Curt = []float64{0, 0, 0.2, 0.99}[rng.IntN(4)]
	places := []int{3, 10, 40, 40, 150}[rng.IntN(5)]
	g.scatter(rng, s, places, t.MaxMessage > 0)
	s.Actions = append(g.sow(rng, s, places), s.Actions...)
	g.interrupt(rng, s)
}

// scatter spreads the writes over many places, so that there is much to keep apart
// and less that is overwritten. With small messages some values are large.
func (g *generator) scatter(rng *rand.Rand, s *Script, places int, large bool) {
	for i := range s.Actions {
		for j := range s.Actions[i].Ops {
			o := &s.Actions[i].Ops[j]
			if o.Do == Set && o.Over == nil {
				o.Path = fmt.Sprint("k", rng.IntN(places))
				if large && rng.IntN(4) == 0 {
					o.Size = 1 << (7 + rng.IntN(6))
				}
			}
		}
	}
}

// sow returns groups of writes with which a history begins: many places of a
// document, some of them removed again.
func (g *generator) sow(rng *rand.Rand, s *Script, places int) (first []Action) {
	for at := 0; at < places; at += 25 {
		a := Action{Do: Update, Node: rng.IntN(s.Replicas), Doc: "doc0"}
		for k := at; k < min(at+25, places); k++ {
			o := Op{Do: Set, Path: fmt.Sprint("k", k), Value: fmt.Sprint("s", k)}
			if s.Tuning.MaxMessage > 0 && places <= 10 {
				o.Size = 1 << (10 + rng.IntN(4)) // a transfer of many chunks
			}
			a.Ops = append(a.Ops, o)
			if rng.IntN(4) == 0 {
				a.Ops = append(a.Ops, Op{Do: Clear, Path: fmt.Sprint("k", rng.IntN(k+1))})
			}
		}
		first = append(first, a)
	}
	return first
}

// interrupt puts faults shortly behind others' returns, where replicas catch up: a
// source that starts anew, a link that is cut, messages that come much later.
func (g *generator) interrupt(rng *rand.Rand, s *Script) {
	if g.calm {
		return
	}
	for i := range s.Actions {
		a := &s.Actions[i]
		if a.Do != Heal && a.Do != Online && a.Do != Restart && a.Do != Arrive || i+2 >= len(s.Actions) {
			continue
		}
		soon := func() time.Duration {
			return a.At + time.Duration(rng.Int64N(int64(60*time.Millisecond))).Truncate(100*time.Microsecond)
		}
		for k := 1; k <= 2; k++ {
			b := &s.Actions[i+k]
			if b.Do != Write || rng.IntN(2) == 0 {
				continue
			}
			*b = Action{At: b.At, Node: rng.IntN(s.Replicas), Do: interruptions[rng.IntN(len(interruptions))]}
			if b.Do == Clog {
				b.Peer, b.Time = rng.IntN(s.Replicas), time.Duration(1+rng.IntN(6000))*time.Millisecond
			}
			if b.Do == Cut {
				b.Peer = rng.IntN(s.Replicas)
			}
			if at := soon(); at < b.At {
				b.At = max(at, s.Actions[i+k-1].At)
			}
		}
	}
}

// interruptions are what may happen in the middle of a session.
var interruptions = []Verb{Crash, Restart, Clog, Clog, Cut, Cut, Heal, Pause, Resume}

// curtail changes a share of the tables that a node sends: see [Tuning.Curt].
func (w *world) curtail(from *node, data []byte) []byte {
	l := &w.net.links[from.index][from.index]
	l.sent++
	roll := w.net.roll(uint64(from.index), l.sent, 13)
	h, body, err := message.Parse(data)
	m, ok := body.(*message.Table)
	if roll >= w.script.Tuning.Curt || err != nil || !ok {
		return data
	}
	switch how := w.net.roll(m.ID, 14); { // the same all through a session
	case how < 0.4:
		m.News = nil
	case how < 0.5:
		m.Table, m.News = nil, nil
	default:
		r := wire.NewReader(m.Table)
		coarse := append(wire.AppendUint(nil, r.Uint()), 0, 1)
		m.Table = binary.BigEndian.AppendUint32(coarse, crc32.Checksum(coarse, castagnoli))
	}
	return message.Append(nil, h, m)
}

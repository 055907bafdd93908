package sim

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/joinery-crdt/joinery/delta"
	"github.com/joinery-crdt/joinery/sync/message"
	"github.com/joinery-crdt/joinery/sync/replica"
)

// Newer replicas run the same code; what they send is rewritten on its way out
// to what a later release may send.
const (
	laterPart    = 1000 // ID of an optional part
	laterFeature = 0x08 // a critical bit of a frame
	laterShare   = 0.1  // of messages that come with one that must be refused
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func (w *world) isNewer(i int) bool { return i < w.script.Tuning.Newer }

// adorn gives a unit the part that only newer replicas know, unless it has it.
func adorn(d delta.Delta) delta.Delta {
	f, err := d.Open()
	if err != nil || len(f.Parts()) > 0 {
		return d
	}
	out, err := d.WithParts([]delta.Part{{ID: laterPart, Data: []byte("later")}})
	if err != nil {
		return d
	}
	return out
}

// adornAll adorns the units of a broadcast.
func adornAll(d delta.Delta) (out delta.Delta) {
	for len(d) > 0 {
		unit, rest := d.Cut()
		out, d = append(out, adorn(unit)...), rest
	}
	return out
}

// dress returns a message as a newer replica sends it: all its units have the
// part. One that would get too long stays as it is.
func (w *world) dress(data []byte) []byte {
	h, body, err := message.Parse(data)
	if err != nil {
		return data
	}
	switch m := body.(type) {
	case *message.Delta:
		m.Unit = adornAll(m.Unit)
	case *message.Push:
		for i := range m.Gifts {
			for j, d := range m.Gifts[i].Deltas {
				if m.Gifts[i].Answer == message.Units {
					m.Gifts[i].Deltas[j] = adorn(d)
				}
			}
		}
	default:
		return data
	}
	if out := message.Append(nil, h, body); len(out) <= w.maxMessage() {
		return out
	}
	return data
}

// bare is the hash of a unit without its optional parts.
func bare(f *delta.Frame, d delta.Delta) uint64 {
	if len(f.Parts()) > 0 {
		if plain, err := d.WithParts(nil); err == nil {
			d = plain
		}
	}
	return xxhash.Sum64(d)
}

// printed is a unit of a document by its bare hash. Units of two documents may
// be alike.
type printed struct {
	doc   string
	print uint64
}

// noteParts remembers which units a node took with their parts.
func (n *node) noteParts(doc string, f *delta.Frame, d delta.Delta) {
	if len(f.Parts()) > 0 {
		n.adorned[printed{doc, bare(f, d)}] = true
	}
}

// forgetParts forgets that of a document which was given up.
func (n *node) forgetParts(doc string) {
	for p := range n.adorned {
		if p.doc == doc {
			delete(n.adorned, p)
		}
	}
}

// checkRelayed demands that a unit is passed on with the parts it came with.
func (w *world) checkRelayed(from *node, data []byte) {
	_, body, err := message.Parse(data)
	push, ok := body.(*message.Push)
	if err != nil || !ok || w.cloned {
		return
	}
	for i := range push.Gifts {
		g := &push.Gifts[i]
		for _, d := range g.Deltas {
			f, err := d.Open()
			switch {
			case err != nil || g.Answer != message.Units:
			case len(f.Parts()) > 0:
				w.stats.PartsRelayed++
			case from.adorned[printed{g.Doc, bare(f, d)}]:
				w.fail(from, g.Doc, "parts", "a unit is passed on without the optional part it came with")
			}
		}
	}
}

// provoke sends older replicas what they must refuse, now and then: a message
// of a later protocol, or a frame with a critical feature.
func (w *world) provoke(from *node, o *replica.Outgoing) {
	l := &w.net.links[from.index][from.index]
	l.sent++
	roll := w.net.roll(uint64(from.index), l.sent, 11)
	if roll >= laterShare {
		return
	}
	data := laterMessage(o.Data)
	if o.Kind == message.KindDelta && roll < laterShare/2 {
		data = withLaterFeature(o.Data)
	}
	for _, to := range w.receivers(from, o) {
		if w.isNewer(to) {
			continue
		}
		for _, delay := range w.net.fate(w.now, from.index, to) {
			w.queue.push(job{at: w.now + delay, kind: deliver, node: to, from: from.index, port: w.portBetween(from, o, w.nodes[to]), doc: o.Doc, scope: o.Scope, data: data, later: true})
		}
	}
}

// laterMessage returns the message as one of the next version of the protocol.
func laterMessage(data []byte) []byte {
	out := slices.Clone(data[:len(data)-4])
	out[0] = message.Version + 1
	return binary.BigEndian.AppendUint32(out, crc32.Checksum(out, castagnoli))
}

// withLaterFeature returns a delta message whose frame has a critical feature
// that is unknown, and a right checksum.
func withLaterFeature(data []byte) []byte {
	h, body, err := message.Parse(data)
	m, ok := body.(*message.Delta)
	if err != nil || !ok {
		return laterMessage(data)
	}
	unit, _ := m.Unit.Cut()
	unit = slices.Clone(unit)
	kind := 1 + 1<<(unit[0]-0xc7) // the type byte is behind a length of 1, 2 or 4
	features, sum, rest := kind+1, kind+2, kind+6
	unit[features] |= laterFeature
	crc := crc32.Checksum(unit[kind:sum], castagnoli)
	binary.BigEndian.PutUint32(unit[sum:], crc32.Update(crc, castagnoli, unit[rest:]))
	return message.Append(nil, h, &message.Delta{Doc: m.Doc, Unit: unit, Relayed: m.Relayed})
}

// refuse delivers what an older replica must refuse aloud, and demands that
// nothing else comes of it.
func (w *world) refuse(n *node, j *job) {
	refused, digest, docs := n.r.Stats().Refused, n.r.Digest(), len(n.r.Names())
	err := w.step(n, j)
	w.trace.note(w, n, "refuses what only later releases can read")
	w.stats.Refusals++
	switch {
	case err == nil && j.doc != "" && !n.r.Holds(j.doc): // it is not opened at all
	case !errors.Is(err, delta.ErrVersion) && !errors.Is(err, message.ErrVersion):
		w.fail(n, j.doc, "later", "a message of a later release got the answer %v", err)
	case n.r.Stats().Refused != refused+1:
		w.fail(n, j.doc, "later", "a refusal was not counted")
	case !w.cloned && (n.r.Digest() != digest || len(n.r.Names()) != docs):
		w.fail(n, j.doc, "later", "a message that was refused changed something")
	}
	w.checkState(n, j.doc)
	w.drain(n)
}

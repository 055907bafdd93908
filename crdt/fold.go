package crdt

import (
	"cmp"
	"slices"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/crdt/wire"
)

// The increments of one actor at a place are folded in two events. An
// announcement names them, by how many of the actor's dots live there up to a
// number, and their sum. It counts nothing. Once every member is known to cover
// it, a confirmation kills them and refers to it; from then on the announcement
// counts, as long as both live.
//
// Whoever removes the counter removes the announcement with the rest, so
// that a removal that is made at the same time as the confirmation ends the sum
// too. A removal that did not know the announcement is known to the folder when
// it is covered: then a part is dead, and the announcement is taken back. Both
// are ordinary events, and what they mean follows from what lives, everywhere.

// The first bytes of the payloads of a fold: msgpack arrays of that many elements.
const (
	confirmation = 0x91 // the announcement's number
	announcement = 0x93 // up to, how many, their sum; of the folder's own actor
	adoption     = 0x94 // the same, and before it the actor
)

// maxParts bounds what one confirmation kills.
const maxParts = maxKills

func isFold(value string) bool {
	return value != "" && (value[0] == confirmation || value[0] == announcement || value[0] == adoption)
}

// IsConfirmation reports whether a counter's payload confirms an announcement.
func IsConfirmation(value string) bool { return value != "" && value[0] == confirmation }

// fold is what a payload says of one.
type fold struct {
	owner causal.Actor // whose dots are folded; zero is the folder
	upTo  uint64
	count uint64
	sum   int64
	of    uint64 // of a confirmation: the announcement
}

func (f *fold) append(dst []byte) []byte {
	switch {
	case f.of > 0:
		return wire.AppendUint(append(dst, confirmation), f.of)
	case f.owner.IsZero():
		dst = append(dst, announcement)
	default:
		dst = wire.AppendActor(append(dst, adoption), f.owner)
	}
	return wire.AppendInt(wire.AppendUint(wire.AppendUint(dst, f.upTo), f.count), f.sum)
}

func readFold(value string) (f fold, err error) {
	r := wire.NewReader([]byte(value))
	kind := r.Take(1)
	if r.Err() != nil {
		return f, r.Err()
	}
	switch kind[0] {
	case confirmation:
		if f.of = r.Uint(); f.of == 0 {
			r.Fail("confirmation of nothing")
		}
	case adoption:
		f.owner = wire.ReadActor(&r)
		fallthrough
	default:
		f.upTo, f.count, f.sum = r.Uint(), r.Uint(), r.Int()
	}
	if r.Err() == nil && r.Len() > 0 {
		r.Fail("%d bytes behind the end", r.Len())
	}
	return f, r.Err()
}

// folding is a live announcement or confirmation.
type folding struct {
	fold
	dot    kernel.Dot
	paired bool // the other of the two lives
	counts bool // it is an announcement, and confirmed
}

// folds reads the payloads of folds at one place. What is no fold is left out.
func folds(live []kernel.Live) []folding {
	if len(live) == 0 {
		return nil
	}
	out := make([]folding, 0, len(live))
	for i := range live {
		if f, err := readFold(live[i].Value); err == nil {
			out = append(out, folding{fold: f, dot: kernel.Dot{Actor: live[i].Actor, Seq: live[i].Seq}})
		}
	}
	slices.SortFunc(out, func(a, b folding) int {
		return cmp.Or(cmp.Compare(a.dot.Actor, b.dot.Actor), cmp.Compare(a.dot.Seq, b.dot.Seq))
	})
	for i := range out {
		if out[i].of == 0 {
			continue
		}
		want := kernel.Dot{Actor: out[i].dot.Actor, Seq: out[i].of}
		j, ok := slices.BinarySearchFunc(out, want, func(f folding, d kernel.Dot) int {
			return cmp.Or(cmp.Compare(f.dot.Actor, d.Actor), cmp.Compare(f.dot.Seq, d.Seq))
		})
		if ok && out[j].of == 0 {
			out[i].paired, out[j].paired, out[j].counts = true, true, true
		}
	}
	return out
}

// FoldStep is what a counter's payload is to a fold.
type FoldStep uint8

// The steps.
const (
	NoFold    FoldStep = iota // an increment
	Announced                 // an announcement that is not confirmed
	Confirmed                 // an announcement that counts, or what confirms it
	Orphaned                  // a confirmation whose announcement does not live; it counts nothing
)

// FoldStep returns what a live payload of a counter is to a fold.
func (d *Document) FoldStep(l *kernel.Live) FoldStep {
	f, err := readFold(l.Value)
	if !isFold(l.Value) || err != nil {
		return NoFold
	}
	if f.of > 0 {
		if d.state.IsLive(l.Actor, f.of) {
			return Confirmed
		}
		return Orphaned
	}
	_, all := d.parts(l.Parent, l.Key, l.Actor)
	if isConfirmed(all, kernel.Dot{Actor: l.Actor, Seq: l.Seq}) {
		return Confirmed
	}
	return Announced
}

// part is a live dot of an actor at a counter's place, and what it counts for.
type part struct {
	seq uint64
	sum int64
}

// parts returns the actor's dots at a place that may be folded, in order: all
// but announcements that are not confirmed.
func (d *Document) parts(in kernel.Ref, key string, owner kernel.Index) (out []part, all []folding) {
	var other []kernel.Live
	for l := range d.state.Siblings(in, TagCounter, key) {
		if n, ok := number(l.Value); !ok {
			other = append(other, l)
		} else if l.Actor == owner && l.Expiry == 0 {
			out = append(out, part{l.Seq, n})
		}
	}
	all = folds(other)
	for i := range all {
		f := &all[i]
		switch {
		case f.dot.Actor != owner || f.of == 0 && !f.counts:
		case f.counts:
			out = append(out, part{f.dot.Seq, f.sum})
		default:
			out = append(out, part{f.dot.Seq, 0})
		}
	}
	slices.SortFunc(out, func(a, b part) int { return cmp.Compare(a.seq, b.seq) })
	return out, all
}

// Announce begins to fold what lives of an actor at a counter's place, if it is
// at least so many dots, and returns the announcement's dot. The zero dot means
// that there is nothing to fold, or that an announcement of this document's actor
// waits there already. Call [Document.Settle] once every member of the document
// is known to cover the announcement and all that this replica had seen before
// it, and this replica covers what each of them had then. It costs
// O(dots at the place).
func (d *Document) Announce(in kernel.Ref, key string, owner kernel.Index, least int) (kernel.Dot, error) {
	parts, all := d.parts(in, key, owner)
	for i := range all {
		if all[i].dot.Actor == d.pending.Self && all[i].of == 0 && !all[i].counts {
			return kernel.Dot{}, nil
		}
	}
	if len(parts) > maxParts {
		parts = parts[:maxParts]
	}
	if len(parts) < least || len(parts) == 0 {
		return kernel.Dot{}, nil
	}
	f := fold{upTo: parts[len(parts)-1].seq, count: uint64(len(parts))}
	for _, p := range parts {
		sum, ok := addInt(f.sum, p.sum)
		if !ok {
			return kernel.Dot{}, nil
		}
		f.sum = sum
	}
	if owner != d.pending.Self {
		f.owner = d.state.Actor(owner)
	}
	d.killed = d.killed[:0]
	seq, err := d.mintFold(in, key, &f)
	return kernel.Dot{Actor: d.pending.Self, Seq: seq}, err
}

// mintFold mints a step of a fold that kills d.killed.
func (d *Document) mintFold(in kernel.Ref, key string, f *fold) (uint64, error) {
	p := kernel.Payload{Parent: in, Tag: TagCounter, Key: key, Value: string(f.append(nil))}
	seq, err := d.mint(&p, Options{untimed: true})
	if err != nil {
		return 0, err
	}
	for _, k := range d.killed {
		d.state.KillDot(d.state.NameOf(k))
	}
	d.state.Add(d.pending.Self, seq, &p)
	d.record(seq)
	return seq, nil
}

// Settle confirms an announcement of this document's actor if all that it names
// still lives, and takes it back otherwise. It reports whether it was confirmed.
// One that is confirmed already, or does not live any more, is left alone.
func (d *Document) Settle(announced kernel.Dot) (bool, error) {
	l, ok := d.state.LiveAt(announced)
	if !ok || l.Tag != TagCounter || announced.Actor != d.pending.Self {
		return false, nil
	}
	f, err := readFold(l.Value)
	if err != nil || f.of > 0 {
		return false, nil
	}
	owner, known := announced.Actor, true
	if !f.owner.IsZero() {
		owner, known = d.state.Lookup(f.owner)
	}
	parts, all := d.parts(l.Parent, l.Key, owner)
	if isConfirmed(all, announced) {
		return false, nil
	}
	if !known || !f.matches(parts) || d.isBeaten(all, announced, owner) {
		return false, d.Take([]kernel.Dot{announced})
	}
	d.killed = d.killed[:0]
	for _, p := range parts {
		if p.seq <= f.upTo {
			d.killed = append(d.killed, kernel.Dot{Actor: owner, Seq: p.seq})
		}
	}
	_, err = d.mintFold(l.Parent, l.Key, &fold{of: announced.Seq})
	return err == nil, err
}

func isConfirmed(all []folding, announced kernel.Dot) bool {
	return slices.ContainsFunc(all, func(f folding) bool { return f.dot == announced && f.counts })
}

// matches reports whether the parts up to the last one named are those that were
// announced: dots only ever go, so it is enough that they are as many.
func (f *fold) matches(parts []part) bool {
	count, sum := uint64(0), int64(0)
	for _, p := range parts {
		if p.seq <= f.upTo {
			count, sum = count+1, sum+p.sum
		}
	}
	return count == f.count && sum == f.sum
}

// isBeaten reports whether another folder has announced dots of the same actor,
// and goes first.
func (d *Document) isBeaten(all []folding, announced kernel.Dot, owner kernel.Index) bool {
	mine := d.state.NameOf(announced)
	for i := range all {
		f := &all[i]
		if f.of > 0 || f.dot.Actor == announced.Actor {
			continue
		}
		of := f.owner
		if of.IsZero() {
			of = d.state.Actor(f.dot.Actor)
		}
		if of == d.state.Actor(owner) && d.state.NameOf(f.dot).Compare(mine) < 0 {
			return true
		}
	}
	return false
}

// Take kills the dots listed, by as few events as they fit in. Dots that are not
// live are left out. This is how a replica collects what no reader sees any more;
// the caller knows that nobody can miss it.
func (d *Document) Take(dots []kernel.Dot) error {
	for len(dots) > 0 {
		n := min(len(dots), maxKills)
		seq, err := d.next()
		if err != nil {
			return err
		}
		d.killed = d.killed[:0]
		for _, k := range dots[:n] {
			if d.state.IsLive(k.Actor, k.Seq) {
				d.state.KillDot(d.state.NameOf(k))
				d.killed = append(d.killed, k)
			}
		}
		d.finish(seq)
		dots = dots[n:]
	}
	return nil
}

package wire

import (
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/hlc"
	"github.com/joinery-crdt/joinery/crdt/kernel"
)

// AppendRanges appends a set of numbers: how many ranges, then for each the
// gap before it and its length less one.
func AppendRanges(dst []byte, rs causal.Ranges) []byte {
	dst = AppendUint(dst, uint64(len(rs)))
	hi := uint64(0)
	for _, r := range rs {
		dst = AppendUint(dst, r.Lo-hi-1)
		dst = AppendUint(dst, r.Hi-r.Lo)
		hi = r.Hi
	}
	return dst
}

// AppendActor appends 16 bytes of id, and 8 of the incarnation if there is one.
func AppendActor(dst []byte, a causal.Actor) []byte {
	if a.Incarnation == 0 {
		return append(append(dst, codeBin, 16), a.ID[:]...)
	}
	dst = append(append(dst, codeBin, 24), a.ID[:]...)
	return binary.BigEndian.AppendUint64(dst, a.Incarnation)
}

// ReadActor reads what AppendActor writes.
func ReadActor(r *Reader) causal.Actor { return readActor(r) }

// writer appends one section's adds; it mirrors walker.
type writer struct {
	s      *kernel.State
	buf    []byte
	seq    uint64
	time   hlc.Time
	step   hlc.Time
	tag    kernel.Tag
	parent kernel.Ref
	path   []kernel.Component
	next   []kernel.Component
	count  int
}

func (w *writer) begin(start uint64, base hlc.Time) {
	w.seq, w.time, w.step, w.tag = start, base, 1, defaultTag
	w.parent, w.path, w.count = kernel.Root, w.path[:0], 0
}

func (w *writer) add(l *kernel.Live) {
	w.count++
	op := w.op(l)
	if op != 0 {
		w.options(op, l)
	}
	w.seq, w.time, w.tag, w.parent = l.Seq, l.Time, l.Tag, l.Parent
	w.buf = AppendBytes(w.buf, l.Key)
	if l.Tag&1 == 0 {
		w.buf = AppendBin(w.buf, l.Value)
	}
}

func (w *writer) op(l *kernel.Live) (op byte) {
	if l.Seq != w.seq+1 {
		op |= opGap
	}
	if l.Time != w.time+w.step {
		op |= opTime
	}
	if l.Parent != w.parent {
		op |= opPath
	}
	if l.Tag != w.tag {
		op |= opTag
	}
	if l.Expiry != 0 {
		op |= opExpiry
	}
	if l.Marked {
		op |= opMark
	}
	return op
}

func (w *writer) options(op byte, l *kernel.Live) {
	w.buf = append(w.buf, op)
	if op&opGap != 0 {
		w.buf = AppendUint(w.buf, l.Seq-w.seq-1)
	}
	if op&opTime != 0 {
		w.buf = AppendInt(w.buf, int64(l.Time-w.time))
		w.step = nextStep(w.step, l.Time-w.time)
	}
	if op&opPath != 0 {
		w.changePath(l.Parent)
	}
	if op&opTag != 0 {
		w.buf = AppendUint(w.buf, uint64(l.Tag))
	}
	if op&opExpiry != 0 {
		w.buf = AppendUint(w.buf, uint64(l.Expiry))
	}
}

func (w *writer) changePath(to kernel.Ref) {
	w.next = w.s.Path(w.next[:0], to)
	stay := 0
	for stay < min(len(w.path), len(w.next)) && w.path[stay] == w.next[stay] {
		stay++
	}
	w.buf = AppendUint(w.buf, uint64(stay))
	w.buf = AppendUint(w.buf, uint64(len(w.next)-stay))
	for _, c := range w.next[stay:] {
		w.buf = AppendUint(w.buf, uint64(c.Tag))
		w.buf = AppendBytes(w.buf, c.Name)
	}
	w.path, w.next = w.next, w.path
}

// AppendState appends everything that the state knows as one fragment.
func AppendState(dst []byte, s *kernel.State) ([]byte, Form) {
	return appendSections(dst, s, nil)
}

// AppendFor appends what the state knows for a receiver whose context is
// known: payloads that it has seen are listed by number alone.
func AppendFor(dst []byte, s *kernel.State, known *causal.Context) ([]byte, Form) {
	return appendSections(dst, s, known)
}

func appendSections(dst []byte, s *kernel.State, known *causal.Context) ([]byte, Form) {
	var form Form
	if known != nil {
		form = Kept
	}
	actors := slices.DeleteFunc(s.Actors(), func(a kernel.Index) bool { return len(s.Seen(a))+len(s.Ahead(a)) == 0 })
	dst = AppendUint(dst, uint64(len(actors)))
	for _, a := range actors {
		dst = AppendActor(dst, s.Actor(a))
	}
	w := writer{s: s}
	for _, a := range actors {
		seen := s.Seen(a)
		dst = AppendRanges(dst, seen)
		var has causal.Ranges
		if known != nil {
			has = known.Of(s.Actor(a))
			dst = AppendRanges(dst, liveWithin(s, a, has))
		}
		dst = AppendRanges(dst, s.Ahead(a))
		dst = w.section(dst, a, seen, has)
	}
	return dst, form
}

// liveWithin returns the actor's live dots among has.
func liveWithin(s *kernel.State, a kernel.Index, has causal.Ranges) (out causal.Ranges) {
	for _, r := range has {
		for l := range s.Between(a, r) {
			out = out.AddSeq(l.Seq)
		}
	}
	return out
}

// section appends the number of the actor's live dots in seen but not in has,
// and those.
func (w *writer) section(dst []byte, a kernel.Index, seen, has causal.Ranges) []byte {
	start := uint64(0)
	if len(seen) > 0 {
		start = seen[0].Lo - 1
	}
	if len(has) > 0 {
		seen = seen.Minus(has)
	}
	n := 0
	for _, r := range seen {
		n += w.s.CountLive(a, r)
	}
	w.buf = AppendUint(dst, uint64(n))
	w.begin(start, 0)
	for _, r := range seen {
		for l := range w.s.Between(a, r) {
			w.add(&l)
		}
	}
	return w.buf
}

// AppendUnit appends the local actor's own events own, not sealed before, as
// one unit: their live payloads and the other dots that they killed. It sorts
// killed.
//
// Events of own that are not live any more are sent without a payload. That is
// right because only later events of the same run can have killed them: nobody
// else has seen them yet.
func AppendUnit(dst []byte, s *kernel.State, self kernel.Index, own causal.Range, killed []kernel.Dot) ([]byte, Form) {
	mark := len(dst)
	if len(killed) == 0 {
		if dst, form, ok := appendRun(dst, s, self, own); ok {
			return dst, form
		}
	}
	return appendUnit(dst[:mark], s, self, own, killed), 0
}

// appendRun reports false if the events do not all have a live payload.
func appendRun(dst []byte, s *kernel.State, self kernel.Index, own causal.Range) ([]byte, Form, bool) {
	form := Run
	actor := s.Actor(self)
	dst = append(dst, actor.ID[:]...)
	if actor.Incarnation != 0 {
		form |= Wide
		dst = binary.BigEndian.AppendUint64(dst, actor.Incarnation)
	}
	w := writer{s: s}
	for l := range s.Between(self, own) {
		if w.count == 0 {
			if l.Seq != own.Lo || l.Time > hlc.MaxTime {
				return dst, 0, false
			}
			ms := uint64(l.Time) >> 16
			dst = binary.BigEndian.AppendUint16(dst, uint16(ms>>32))
			dst = binary.BigEndian.AppendUint32(dst, uint32(ms))
			dst = binary.AppendUvarint(dst, uint64(l.Time.Counter()))
			w.buf = binary.AppendUvarint(dst, own.Lo)
			w.begin(own.Lo-1, l.Time-1)
		}
		if l.Seq != w.seq+1 {
			return dst, 0, false
		}
		w.add(&l)
	}
	return w.buf, form, uint64(w.count) == own.Len()
}

func appendUnit(dst []byte, s *kernel.State, self kernel.Index, own causal.Range, killed []kernel.Dot) []byte {
	slices.SortFunc(killed, func(a, b kernel.Dot) int {
		if a.Actor != b.Actor {
			return s.Actor(a.Actor).Compare(s.Actor(b.Actor))
		}
		return cmp.Compare(a.Seq, b.Seq)
	})
	var few [8]kernel.Index // the usual unit is small and allocates nothing
	actors := unitActors(few[:0], s, self, killed)
	dst = AppendUint(dst, uint64(len(actors)))
	for _, a := range actors {
		dst = AppendActor(dst, s.Actor(a))
	}
	var ranges [8]causal.Range
	w := writer{s: s}
	run := [1]causal.Range{own}
	for _, a := range actors {
		var claims causal.Ranges
		deaths := causal.Ranges(ranges[:0])
		for len(killed) > 0 && killed[0].Actor == a {
			deaths = deaths.AddSeq(killed[0].Seq)
			killed = killed[1:]
		}
		if a == self {
			claims = run[:]
			deaths = deaths.Remove(own)
		}
		dst = AppendRanges(dst, claims)
		dst = AppendRanges(dst, deaths)
		dst = w.section(dst, a, claims, nil)
	}
	return dst
}

// unitActors appends the actors of killed, which is sorted, and self, in order.
func unitActors(out []kernel.Index, s *kernel.State, self kernel.Index, killed []kernel.Dot) []kernel.Index {
	out = append(out, self)
	for _, d := range killed {
		if !slices.Contains(out, d.Actor) {
			out = append(out, d.Actor)
		}
	}
	slices.SortFunc(out, func(a, b kernel.Index) int { return s.Actor(a).Compare(s.Actor(b)) })
	return out
}

package wire

import (
	"encoding/binary"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/hlc"
	"github.com/joinery-crdt/joinery/crdt/kernel"
)

// Form says how a fragment is laid out. The frame around it carries it.
type Form uint8

const (
	// Run is the short form of the usual delta: one actor's contiguous run of
	// events that all add a payload and kill nothing.
	Run Form = 1 << iota
	// Kept means that the fragment is made for a receiver with a known context:
	// live dots that it knows already are listed without their payloads.
	Kept
	// Wide is set on a Run whose actor has an incarnation.
	Wide
)

// MaxPath bounds the names of a path together, in bytes.
const MaxPath = 8 << 10

// The bits of an add's op. An add without an op byte has op 0.
const (
	opGap    = 1 << iota // sequence numbers are skipped
	opTime               // time does not follow the last one by the usual step
	opPath               // another container than the last one's
	opTag                // another tag than the last one's
	opExpiry             // the payload expires
	opMark               // the payload is marked
	opKnown  = 1<<iota - 1
)

// defaultTag is the tag of a section's first add if it has no opTag.
const defaultTag kernel.Tag = 2

// Fragment is a validated view over encoded bytes, which it does not copy: they
// must not change as long as it is in use.
type Fragment struct {
	sections []section
	single   [1]section // where sections points in the usual case

	// one is the payload of a run of one event at the root, the most frequent
	// message of all; it need not be decoded a second time.
	one   kernel.Payload
	isOne bool
}

// section is one actor's part.
type section struct {
	actor  causal.Actor
	claims causal.Ranges
	first  [1]causal.Range // where claims points in a Run
	kept   causal.Ranges   // live dots whose payload the receiver has; within claims
	deaths causal.Ranges   // dead dots outside claims
	adds   []byte          // encoded, validated
	count  int
	base   hlc.Time // the first add's time is base+1 unless it says otherwise
	latest hlc.Time // the greatest time of its adds
	start  uint64   // the first add's number is start+1 unless it says otherwise
}

// Parse validates a fragment whole.
func Parse(form Form, body []byte) (*Fragment, error) {
	f := &Fragment{}
	if err := f.Parse(form, body, nil); err != nil {
		return nil, err
	}
	return f, nil
}

// Parse is the function Parse into a Fragment that is there already, and with
// a check of each payload, if there is one, that may refuse the whole. After an
// error the Fragment is not to be used. It must not be copied.
func (f *Fragment) Parse(form Form, body []byte, check Check) error {
	*f = Fragment{}
	r := NewReader(body)
	switch form {
	case Run, Run | Wide:
		f.parseRun(&r, form, check)
	case 0, Kept:
		f.parseSections(&r, form, check)
	default:
		r.Fail("no fragment has the form %#02x", form)
	}
	if r.Err() == nil && r.Len() > 0 {
		r.Fail("%d bytes behind the end", r.Len())
	}
	return r.Err()
}

// parseRun reads: id 16, incarnation 8 if Wide, milliseconds 6, counter
// uvarint, first sequence number uvarint, adds up to the end.
func (f *Fragment) parseRun(r *Reader, form Form, check Check) {
	f.sections = f.single[:]
	s := &f.single[0]
	copy(s.actor.ID[:], r.Take(16))
	if form&Wide != 0 {
		s.actor.Incarnation = r.big(8)
	}
	if ms := r.Take(6); ms != nil {
		s.base = hlc.Time(binary.BigEndian.Uint16(ms))<<48 | hlc.Time(binary.BigEndian.Uint32(ms[2:]))<<16
	}
	counter, first := r.Uvarint(), r.Uvarint()
	if s.actor.IsZero() || counter > 0xffff || first < 1 || first > causal.MaxSeq {
		r.Fail("bad header of a run")
		return
	}
	s.base = s.base + hlc.Time(counter) - 1
	s.start = first - 1
	s.first[0] = causal.Range{Lo: first, Hi: causal.MaxSeq}
	s.claims = s.first[:]
	w := s.walk(*r, nil)
	s.scan(&w, -1, check)
	*r = w.r
	if s.count == 0 {
		r.Fail("a run without events")
		return
	}
	s.first[0].Hi = s.start + uint64(s.count)
	if f.isOne = s.count == 1 && w.depth == 0; f.isOne {
		f.one = w.payload(kernel.Root)
	}
}

func (f *Fragment) parseSections(r *Reader, form Form, check Check) {
	n := r.Uint()
	if n > uint64(r.Len())/17 { // an actor takes 18 bytes at least, an announced one nothing
		r.Fail("%d actors announced in %d bytes", n, r.Len())
		return
	}
	f.sections = f.single[:]
	if n != 1 {
		f.sections = make([]section, n)
	}
	for i := range f.sections {
		f.sections[i].actor = readActor(r)
		if i > 0 && f.sections[i-1].actor.Compare(f.sections[i].actor) >= 0 {
			r.Fail("actors are not in order")
		}
	}
	var long []component
	for i := range f.sections {
		long = f.sections[i].parse(r, form, long, check)
	}
}

// readActor reads what appendActor writes.
func readActor(r *Reader) (a causal.Actor) {
	switch b := r.Bin(); len(b) {
	case 24:
		a.Incarnation = binary.BigEndian.Uint64(b[16:])
		if a.Incarnation == 0 {
			r.Fail("incarnation 0 written out")
		}
		fallthrough
	case 16:
		copy(a.ID[:], b)
	default:
		r.Fail("an actor of %d bytes", len(b))
	}
	if a.IsZero() {
		r.Fail("actor 0")
	}
	return a
}

// parse reads a section. The memory for long paths goes from one to the next,
// or many sections with a long path each would take far more than their bytes.
func (s *section) parse(r *Reader, form Form, long []component, check Check) []component {
	s.claims = ReadRanges(r)
	if form&Kept != 0 {
		if s.kept = ReadRanges(r); !s.claims.Covers(s.kept) {
			r.Fail("kept dots outside the claims")
		}
	}
	s.deaths = ReadRanges(r)
	if overlap(s.deaths, s.claims) {
		r.Fail("deaths among the claims")
	}
	if len(s.claims) > 0 {
		s.start = s.claims[0].Lo - 1
	}
	n := r.Uint()
	if n > uint64(r.Len()) {
		r.Fail("%d adds announced in %d bytes", n, r.Len())
		return long
	}
	w := s.walk(*r, long)
	s.scan(&w, int(n), check)
	*r = w.r
	return w.long
}

// overlap reports whether a and b have a number in common, without allocating.
func overlap(a, b causal.Ranges) bool {
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0].Hi < b[0].Lo:
			a = a[1:]
		case b[0].Hi < a[0].Lo:
			b = b[1:]
		default:
			return true
		}
	}
	return false
}

// ReadRanges reads what AppendRanges writes. The result takes at most 8 times
// the bytes read.
func ReadRanges(r *Reader) causal.Ranges {
	n := r.Uint()
	if n == 0 || n > uint64(r.Len())/2 {
		if n > 0 {
			r.Fail("%d ranges announced in %d bytes", n, r.Len())
		}
		return nil
	}
	out := make(causal.Ranges, n)
	hi := uint64(0)
	for i := range out {
		gap, extra := r.Uint(), r.Uint()
		if gap > causal.MaxSeq || extra > causal.MaxSeq || (gap == 0 && i > 0) || hi+gap+extra+1 > causal.MaxSeq {
			r.Fail("range out of bounds")
			return nil
		}
		out[i] = causal.Range{Lo: hi + gap + 1, Hi: hi + gap + 1 + extra}
		hi = out[i].Hi
	}
	return out
}

// scan validates n adds, or as many as there are if n is negative.
func (s *section) scan(w *walker, n int, check Check) {
	from := w.r.off
	claim, kept := 0, 0
	for s.count = 0; s.count != n && (n >= 0 || w.r.Len() > 0); s.count++ {
		if !w.next() {
			break
		}
		s.latest = max(s.latest, w.time)
		for claim < len(s.claims) && s.claims[claim].Hi < w.seq {
			claim++
		}
		for kept < len(s.kept) && s.kept[kept].Hi < w.seq {
			kept++
		}
		if claim == len(s.claims) || s.claims[claim].Lo > w.seq {
			w.r.Fail("payload of an event that is not claimed")
		}
		if kept < len(s.kept) && s.kept[kept].Lo <= w.seq {
			w.r.Fail("payload of a dot that is listed as kept")
		}
		if n < 0 && w.op&opGap != 0 {
			w.r.Fail("gap in a run")
		}
		if check != nil && w.r.err == nil {
			w.r.err = check(Entry{w.depth, w.tag, w.op&opMark != 0, view(w.key), view(w.value)})
		}
	}
	if w.r.err == nil {
		s.adds = w.r.b[from:w.r.off:w.r.off]
	}
}

// walk returns a walker over the section's adds, which r is at. long is room
// for a deep path that is reused.
func (s *section) walk(r Reader, long []component) walker {
	return walker{r: r, seq: s.start, time: s.base, step: 1, tag: defaultTag, long: long}
}

// walker reads one section's adds. The path as of the last add is kept.
type walker struct {
	r      Reader
	seq    uint64
	time   hlc.Time
	step   hlc.Time // how much later an add is than the one before, usually
	expiry hlc.Time
	tag    kernel.Tag
	op     byte
	key    []byte
	value  []byte

	stay   int // components of the path that stayed since the add before
	depth  int
	length int // bytes of the names in the path
	short  [shortPath]component
	long   []component // from shortPath on; rarely needed, and a walker is made often
}

// shortPath is how many components of a path a walker keeps in itself.
const shortPath = 4

// comp returns a component of the path.
func (w *walker) comp(i int) *component {
	if i < shortPath {
		return &w.short[i]
	}
	if w.long == nil {
		w.long = make([]component, kernel.MaxDepth-shortPath)
	}
	return &w.long[i-shortPath]
}

type component struct {
	tag  kernel.Tag
	name []byte
}

// next reads one add, validating it, and reports whether there was one.
func (w *walker) next() bool {
	r := &w.r
	w.op, w.expiry, w.stay = 0, 0, w.depth
	gap := uint64(0)
	if c := r.Peek(); c < 0x80 {
		r.off++
		w.op = c
		gap = w.options()
	}
	if w.op&opTime == 0 {
		w.time += w.step
	}
	if gap > causal.MaxSeq || w.time > hlc.MaxTime || w.seq+gap >= causal.MaxSeq {
		r.Fail("sequence number or time out of bounds")
	}
	w.seq += 1 + gap
	w.key = r.Bytes()
	w.value = nil
	if w.tag&1 == 0 {
		w.value = r.Bin()
	}
	if len(w.key) > kernel.MaxKey || len(w.value) > kernel.MaxValue {
		r.Fail("key of %d or value of %d bytes is above the limit", len(w.key), len(w.value))
	}
	return r.err == nil
}

// payload returns what the last add puts into a container. Its strings are
// views.
func (w *walker) payload(parent kernel.Ref) kernel.Payload {
	p := kernel.Payload{
		Parent: parent, Tag: w.tag, Key: view(w.key), Value: view(w.value), Time: w.time, Expiry: w.expiry,
	}
	if w.op&opMark != 0 {
		p.Flags = kernel.Mark
	}
	return p
}

// options reads what the op announces and returns the gap.
func (w *walker) options() (gap uint64) {
	r := &w.r
	if w.op == 0 || w.op&^opKnown != 0 {
		r.Fail("op %#02x", w.op)
	}
	if w.op&opGap != 0 {
		if gap = r.Uint(); gap == 0 {
			r.Fail("gap of 0")
		}
	}
	if w.op&opTime != 0 {
		by := hlc.Time(r.Int())
		w.time += by
		w.step = nextStep(w.step, by)
	}
	if w.op&opPath != 0 {
		w.path()
	}
	if w.op&opTag != 0 {
		w.tag = readTag(r)
	}
	if w.op&opExpiry != 0 {
		if w.expiry = hlc.Time(r.Uint()); w.expiry == 0 || w.expiry > hlc.MaxTime {
			r.Fail("expiry out of bounds")
		}
	}
	return gap
}

// nextStep returns the usual step after one that was written out: a batch of
// single writes steps by 1, an atomic group by 0.
func nextStep(step, by hlc.Time) hlc.Time {
	if by <= 1 {
		return by
	}
	return step
}

func readTag(r *Reader) kernel.Tag {
	t := r.Uint()
	if t == 0 || t > 0x7f {
		r.Fail("tag %d", t)
	}
	return kernel.Tag(t)
}

// path reads a path: how many components stay, how many follow, those.
func (w *walker) path() {
	r := &w.r
	stay, more := r.Uint(), r.Uint()
	if stay > uint64(w.depth) || stay+more > kernel.MaxDepth-1 || more > kernel.MaxDepth {
		r.Fail("path of %d and %d components", stay, more)
		return
	}
	for i := int(stay); i < w.depth; i++ {
		w.length -= len(w.comp(i).name)
	}
	w.stay, w.depth = int(stay), int(stay+more)
	for i := w.stay; i < w.depth; i++ {
		c := w.comp(i)
		c.tag, c.name = readTag(r), r.Bytes()
		w.length += len(c.name)
	}
	if w.length > MaxPath {
		r.Fail("path of %d bytes is above the limit", w.length)
	}
}

package reconcile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"unsafe"

	"github.com/cespare/xxhash/v2"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/crdt/wire"
	"github.com/joinery-crdt/joinery/sync/message"
)

// effort says what the answer may consist of: each costs more than the one
// before and fails more rarely.
type effort uint8

const (
	once     effort = iota // a table that nearly always can be read
	twice                  // one of twice the cells
	listed                 // lists of live dots
	thorough               // lists with fingerprints
)

// MaxSketches is how many sketches a Cut makes at most.
const MaxSketches = 8

// Errors of this package; those about bytes that are not what their format
// demands wrap [wire.ErrMalformed].
var (
	// ErrAgain means that the table did not suffice: send another sketch.
	ErrAgain = errors.New("reconcile: table does not suffice; send another sketch")
	// ErrExhausted means that no sketch of the Cut has led to a plan: send the
	// whole state instead.
	ErrExhausted = errors.New("reconcile: no table could be read; send the whole state")
	// ErrForeign means that the sketch was made for somebody who has seen other events,
	// or that the table answers another sketch than the last. Drop it.
	ErrForeign = errors.New("reconcile: not meant for this state; drop it")
	// ErrPartial means that the state is still being restored.
	ErrPartial = errors.New("reconcile: state is being restored; try later")
)

// Cut is the opener's side of one reconciliation: what is live at one moment
// among the events that both have seen, in 32 bytes a block. The zero value is
// of no use; see Take. It is not safe for concurrent use.
type Cut struct {
	*survey
	theirs uint64         // hash of what the answerer has seen
	actors []causal.Actor // of that
	lacks  causal.Context // of that, what was not seen here
	common causal.Context
	print  uint64 // of the state, then
	guess  uint64 // differences expected
	effort effort
	made   int
	last   sketch
	open   bool // the last sketch waits for its table
}

// Take begins a reconciliation with a replica that has seen theirs. It costs
// O(contexts + blocks with live dots). The state may be mutated afterwards.
func Take(s *kernel.State, theirs causal.Context) (*Cut, error) {
	if s.IsPartial() {
		return nil, ErrPartial
	}
	own := s.Context()
	c := &Cut{theirs: hash(theirs), actors: actorsOf(&theirs), lacks: theirs.Minus(own), common: own.Intersect(theirs), print: s.Fingerprint()}
	var err error
	if c.survey, err = newSurvey(s, &c.common); err != nil {
		return nil, err
	}
	beyond := own.Minus(c.common)
	if c.guess = beyond.Count() + c.lacks.Count(); own.Equal(theirs) {
		c.effort = thorough // whatever differs should not
	}
	return c, nil
}

func hash(c causal.Context) uint64 { return xxhash.Sum64(message.AppendContext(nil, c)) }

// actorsOf returns a context's actors in their order.
func actorsOf(c *causal.Context) []causal.Actor {
	out := make([]causal.Actor, 0, c.Actors())
	for a := range c.All() {
		out = append(out, a)
	}
	return out
}

// Common returns the events that both sides have seen. Read only.
func (c *Cut) Common() causal.Context { return c.common }

// Sketch appends the next sketch to dst. The salt must be random; it names the
// sketch, too. A sketch takes some 40 bytes a difference that the contexts make
// likely, at most 64 KiB and what it lacks of the other's context. It panics after MaxSketches.
func (c *Cut) Sketch(dst []byte, salt uint64) []byte {
	if c.made++; c.made > MaxSketches {
		panic("reconcile: sketch of an exhausted cut")
	}
	width, digits := shape(c.guess, c.live, c.blocks, c.effort)
	c.last = sketch{salt: salt, effort: c.effort, theirs: c.theirs, lacks: c.lacks, live: c.live, width: width, bits: digits}
	var w bitWriter
	for _, p := range c.last.prints(c.survey) {
		w.put(p, digits)
	}
	c.last.packed, c.open = w.bytes(), true
	return c.last.append(dst, c.actors)
}

// sketch is what a sketch says.
type sketch struct {
	salt    uint64
	effort  effort
	theirs  uint64         // hash of what the answerer has seen
	lacks   causal.Context // of that, what the opener has not
	live    uint64
	width   uint64 // blocks a bucket
	bits    uint   // a bucket's fingerprint
	packed  []byte // the fingerprints
	buckets uint64 // as far as known: see prints
}

func (k *sketch) append(dst []byte, actors []causal.Actor) []byte {
	mark := len(dst)
	dst = wire.AppendUint(dst, k.salt)
	dst = wire.AppendUint(dst, uint64(k.effort))
	dst = wire.AppendUint(dst, k.theirs)
	dst = appendPart(dst, &k.lacks, actors)
	dst = wire.AppendUint(dst, k.live)
	dst = wire.AppendUint(dst, k.width)
	dst = wire.AppendUint(dst, uint64(k.bits))
	return seal(wire.AppendBin(dst, text(k.packed)), mark)
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// seal appends the checksum of what follows mark. A bit that toppled on the way
// could name a wrong dot.
func seal(b []byte, mark int) []byte {
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b[mark:], castagnoli))
}

// unseal returns a reader of what was sealed.
func unseal(b []byte) wire.Reader {
	n := max(len(b)-4, 0)
	r := wire.NewReader(b[:n])
	if n == 0 || binary.BigEndian.Uint32(b[n:]) != crc32.Checksum(b[:n], castagnoli) {
		r.Fail("checksum does not match")
	}
	return r
}

func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// appendPart appends a part of a context that the reader has: how many actors, and
// for each how many of the context's it skips, and its ranges.
func appendPart(dst []byte, part *causal.Context, actors []causal.Actor) []byte {
	dst = wire.AppendUint(dst, uint64(part.Actors()))
	skipped := uint64(0)
	for _, a := range actors {
		rs := part.Of(a)
		if len(rs) == 0 {
			skipped++
			continue
		}
		dst = wire.AppendRanges(wire.AppendUint(dst, skipped), rs)
		skipped = 0
	}
	return dst
}

// readPart reads what appendPart writes.
func readPart(r *wire.Reader, actors []causal.Actor) (part causal.Context) {
	n := r.Uint()
	if n > uint64(len(actors)) {
		r.Fail("%d actors of %d", n, len(actors))
		return part
	}
	for range n {
		skipped, rs := r.Uint(), wire.ReadRanges(r)
		if skipped >= uint64(len(actors)) || len(rs) == 0 {
			r.Fail("part of a context is not in canonical order")
			return causal.Context{}
		}
		part.Set(actors[skipped], rs)
		actors = actors[skipped+1:]
	}
	return part
}

// parseSketch reads a sketch that was made for a context. That it has as many
// fingerprints as the line has buckets is left to fits.
func parseSketch(b []byte, pulled *causal.Context) (*sketch, error) {
	r := unseal(b)
	k := &sketch{salt: r.Uint()}
	e := r.Uint()
	k.effort, k.theirs = effort(e), r.Uint()
	if r.Err() == nil && k.theirs != hash(*pulled) {
		return nil, fmt.Errorf("%w: sketch for another context", ErrForeign)
	}
	k.lacks = readPart(&r, actorsOf(pulled))
	k.live, k.width = r.Uint(), r.Uint()
	digits := r.Uint()
	k.bits, k.packed = uint(digits), r.Bin()
	if e > uint64(thorough) || k.width == 0 || k.width > maxBlocks || digits < minBits || digits > maxBits || r.Len() > 0 {
		r.Fail("bad header of a sketch")
	}
	return k, r.Err()
}

// fits checks that the sketch has the fingerprints of all buckets of the line.
func (k *sketch) fits(p *space) error {
	n := (p.blocks-1)/k.width + 1
	if n > maxBuckets || packed(n, k.bits) != uint64(len(k.packed)) {
		return fmt.Errorf("%w: sketch of %d buckets in %d bytes", wire.ErrMalformed, n, len(k.packed))
	}
	return nil
}

// prints returns the short fingerprints of all buckets.
func (k *sketch) prints(v *survey) []uint64 {
	k.buckets = (v.blocks-1)/k.width + 1
	out := make([]uint64, k.buckets)
	for i := range v.rows {
		out[v.rows[i].block/k.width] ^= v.rows[i].print
	}
	for i, p := range out {
		out[i] = mix(p, k.salt) >> (64 - k.bits)
	}
	return out
}

// span returns how many positions a bucket has.
func (k *sketch) span() uint64 { return k.width * kernel.BlockSize }

// bucket returns the rows of a bucket.
func (k *sketch) bucket(v *survey, n uint64) []row {
	return v.between(n*k.width, (n+1)*k.width)
}

// rest hashes all blocks but those in the differing buckets, which are in order.
func (k *sketch) rest(v *survey, differing []uint64) (sum uint64) {
	for i := range v.rows {
		r := &v.rows[i]
		b := r.block / k.width
		for len(differing) > 0 && differing[0] < b {
			differing = differing[1:]
		}
		if len(differing) == 0 || differing[0] != b {
			sum += mix(r.mask[1], mix(r.mask[0], mix(r.block, k.salt)))
		}
	}
	return sum
}

// fill adds the live dots of the differing buckets to a filter.
func (k *sketch) fill(f *filter, v *survey, differing []uint64) {
	for i, b := range differing {
		first := uint64(i)*k.span() + 1 - b*k.span()
		for pos := range positions(k.bucket(v, b)) {
			f.toggle(first + pos)
		}
	}
}

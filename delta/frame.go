package delta

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"

	"github.com/joinery-crdt/joinery/crdt/causal"
	"github.com/joinery-crdt/joinery/crdt/kernel"
	"github.com/joinery-crdt/joinery/crdt/wire"
)

// The frame's envelope is one msgpack extension object. Its type byte is
// family | version, its content: features 1, checksum 4, optional parts if
// announced, body.
const (
	family     = 0x40
	version    = 1
	sumOffset  = 1
	bodyOffset = sumOffset + 4

	ext8, ext16, ext32 = 0xc7, 0xc8, 0xc9
)

// Feature bits. All but hasParts are critical: a reader that does not know one
// refuses the frame.
const (
	formBits = uint8(wire.Run | wire.Kept | wire.Wide)
	hasParts = 0x80
)

// MaxFrame bounds a frame that is taken as one message or value, in bytes.
const MaxFrame = 1 << 30

// Errors of Open, wrapped with details.
var (
	// ErrMalformed means that the bytes are not a frame, or a damaged one.
	ErrMalformed = wire.ErrMalformed
	// ErrVersion means that the frame is of a newer format, or uses a feature
	// that this release does not know. Nothing is wrong with the data; the
	// software has to be updated.
	ErrVersion = errors.New("delta: frame of an unknown version or feature")
	// ErrUnfit means that the frame leaves out what its receiver was thought
	// to have, and this state does not have it.
	ErrUnfit = errors.New("delta: frame was made for a receiver that knows more")
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Delta is an encoded frame. The bytes are immutable once made.
type Delta []byte

// Part is an optional part of a frame, which readers that do not know its ID skip
// and relay.
type Part struct {
	ID   uint64
	Data []byte
}

// maxHeader is the longest header: ext32 and the frame's own fields.
const maxHeader = 6 + bodyOffset

// AppendState appends a frame of everything that the state knows. Merging it
// anywhere gives the receiver all of that.
func AppendState(dst []byte, s *kernel.State) []byte {
	return appendFrame(dst, func(b []byte) ([]byte, wire.Form) { return wire.AppendState(b, s) })
}

// AppendFor appends a frame of everything that the state knows for a receiver
// that has seen what known says: payloads among that are left out. Whoever
// lacks one of them is refused the merge with ErrUnfit.
func AppendFor(dst []byte, s *kernel.State, known causal.Context) Delta {
	return appendFrame(dst, func(b []byte) ([]byte, wire.Form) { return wire.AppendFor(b, s, &known) })
}

// appendFrame frames what body appends.
func appendFrame(dst []byte, body func([]byte) ([]byte, wire.Form)) []byte {
	mark := len(dst)
	var room [maxHeader]byte
	dst = append(dst, room[:]...)
	dst, form := body(dst)
	return seal(dst, mark, byte(form))
}

// seal writes the header in front of the body, which begins maxHeader behind
// mark, and closes the gap between them.
func seal(dst []byte, mark int, features byte) []byte {
	length := len(dst) - mark - maxHeader + bodyOffset
	head := appendExt(make([]byte, 0, maxHeader), length)
	head = append(head, features)
	head = binary.BigEndian.AppendUint32(head, checksum(features, dst[mark+maxHeader:]))
	n := copy(dst[mark:], head)
	if n < maxHeader {
		dst = append(dst[:mark+n], dst[mark+maxHeader:]...)
	}
	return dst
}

func checksum(features byte, rest []byte) uint32 {
	return crc32.Update(headSums[features], castagnoli, rest)
}

// headSums are the checksums of the type byte and each features byte.
var headSums = func() (sums [256]uint32) {
	for i := range sums {
		sums[i] = crc32.Checksum([]byte{family | version, byte(i)}, castagnoli)
	}
	return sums
}()

func appendExt(dst []byte, n int) []byte {
	switch {
	case n <= math.MaxUint8:
		dst = append(dst, ext8, byte(n))
	case n <= math.MaxUint16:
		dst = binary.BigEndian.AppendUint16(append(dst, ext16), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint32(append(dst, ext32), uint32(n))
	}
	return append(dst, family|version)
}

// Open validates the frame whole: envelope, version, features, checksum and
// every effect. The result is a view of the bytes.
func (d Delta) Open() (*Frame, error) {
	f := &Frame{}
	if err := d.OpenInto(f); err != nil {
		return nil, err
	}
	return f, nil
}

// OpenInto is Open into a Frame that is there already, for those who open many.
// After an error the Frame is not to be used.
func (d Delta) OpenInto(f *Frame) error { return d.OpenChecked(f, nil) }

// OpenChecked is OpenInto with a check of each payload that may refuse the whole.
func (d Delta) OpenChecked(f *Frame, check wire.Check) error {
	content, err := d.content()
	if err != nil {
		return err
	}
	features := content[0]
	if unknown := features &^ (formBits | hasParts); unknown != 0 {
		return fmt.Errorf("%w: feature bits %#02x; update this replica", ErrVersion, unknown)
	}
	if sum := binary.BigEndian.Uint32(content[sumOffset:]); sum != checksum(features, content[bodyOffset:]) {
		return fmt.Errorf("%w: checksum does not match", ErrMalformed)
	}
	r := wire.NewReader(content[bodyOffset:])
	f.parts = nil
	if features&hasParts != 0 {
		f.parts = readParts(&r)
	}
	body := r.Rest()
	if r.Err() != nil {
		return r.Err()
	}
	return f.Parse(wire.Form(features&formBits), body, check)
}

// Cut splits the first frame off several that stand one behind the other. What
// is no frame is returned whole, for Open to refuse.
func (d Delta) Cut() (first, rest Delta) {
	n := len(d)
	switch {
	case len(d) >= 3 && d[0] == ext8:
		n = 3 + int(d[1])
	case len(d) >= 4 && d[0] == ext16:
		n = 4 + int(binary.BigEndian.Uint16(d[1:]))
	case len(d) >= 6 && d[0] == ext32:
		n = 6 + int(min(binary.BigEndian.Uint32(d[1:]), MaxFrame))
	}
	if n >= len(d) {
		return d, nil
	}
	return d[:n:n], d[n:]
}

// content checks the envelope and returns what is in it.
func (d Delta) content() ([]byte, error) {
	if len(d) > MaxFrame {
		return nil, fmt.Errorf("%w: frame of %d bytes is above the limit of %d", ErrMalformed, len(d), MaxFrame)
	}
	n, size := 0, 0
	switch {
	case len(d) >= 3 && d[0] == ext8:
		n, size = int(d[1]), 1
	case len(d) >= 4 && d[0] == ext16:
		n, size = int(binary.BigEndian.Uint16(d[1:])), 2
	case len(d) >= 6 && d[0] == ext32:
		n, size = int(min(binary.BigEndian.Uint32(d[1:]), MaxFrame)), 4
	default:
		return nil, fmt.Errorf("%w: no frame begins here", ErrMalformed)
	}
	kind := d[1+size]
	if kind&0xf0 != family {
		return nil, fmt.Errorf("%w: extension type %#02x is no frame", ErrMalformed, kind)
	}
	if kind != family|version {
		return nil, fmt.Errorf("%w: format version %d, this release reads %d; update this replica", ErrVersion, kind&0x0f, version)
	}
	content := d[2+size:]
	if len(content) != n || n < bodyOffset {
		return nil, fmt.Errorf("%w: frame announces %d bytes and has %d", ErrMalformed, n, len(content))
	}
	if size > 1 && n <= math.MaxUint8 || size > 2 && n <= math.MaxUint16 {
		return nil, fmt.Errorf("%w: length %d is not in its shortest form", ErrMalformed, n)
	}
	return content, nil
}

func readParts(r *wire.Reader) []Part {
	n := r.Uint()
	if n == 0 || n > uint64(r.Len())/3 {
		r.Fail("%d parts announced in %d bytes", n, r.Len())
		return nil
	}
	parts := make([]Part, n)
	for i := range parts {
		parts[i] = Part{ID: r.Uint(), Data: r.Bin()}
		if i > 0 && parts[i-1].ID >= parts[i].ID {
			r.Fail("parts are not in order")
		}
	}
	return parts
}

// Frame is an opened, validated delta: a view of its bytes. It must not be copied.
type Frame struct {
	wire.Fragment
	parts []Part
}

// Parts returns the optional parts, ordered by ID. They are views of the frame.
func (f *Frame) Parts() []Part { return f.parts }

// Merge validates the delta and merges it into the state, in one step. An
// error means that nothing was changed. Merging what is known already changes
// nothing.
func (d Delta) Merge(s *kernel.State) error {
	f, err := d.Open()
	if err != nil {
		return err
	}
	return f.Merge(s)
}

// Merge merges an opened delta into the state.
func (f *Frame) Merge(s *kernel.State) error {
	if !f.Fits(s) {
		return ErrUnfit
	}
	f.Apply(s)
	return nil
}

// Join merges deltas into one that says what they say together: a delta group.
func Join(deltas ...Delta) (Delta, error) {
	var s kernel.State
	for _, d := range deltas {
		if err := d.Merge(&s); err != nil {
			return nil, err
		}
	}
	return AppendState(nil, &s), nil
}

package msgpackcodec

import (
	"errors"
	"strings"
)

// Reader reads one checked msgpack value, for msgpack.NewDecoder.
//
// The library takes what is in an extension for a map where the Go type wants
// one, without looking at the extension's length: five bytes there announce a
// map of four billion entries. Reader fails at the place where it would begin
// to. What reads the contents of an extension as the bytes they are (times,
// types of one's own) goes through, and so does an extension that holds one
// well-formed value.
type Reader struct {
	bytes strings.Reader
	size  int
	traps []int // where the contents of extensions begin that are no value, ascending
}

// NewReader checks a value as [Check] does and returns a reader of it.
func NewReader(s string) (*Reader, error) {
	w := walker{s: s, size: len(s)}
	if err := w.whole(0); err != nil {
		return nil, err
	}
	r := &Reader{size: len(s), traps: w.traps}
	r.bytes.Reset(s)
	return r, nil
}

var errTrap = errors.New("msgpackcodec: an extension stands where a map or struct is wanted")

// ReadByte implements io.ByteReader. The decoder calls it where it expects
// an object to begin.
func (r *Reader) ReadByte() (byte, error) {
	if len(r.traps) > 0 && r.trapped() {
		return 0, errTrap
	}
	return r.bytes.ReadByte()
}

// UnreadByte implements io.ByteScanner.
func (r *Reader) UnreadByte() error { return r.bytes.UnreadByte() }

// Read implements io.Reader.
func (r *Reader) Read(p []byte) (int, error) { return r.bytes.Read(p) }

func (r *Reader) trapped() bool {
	at := r.size - r.bytes.Len()
	for len(r.traps) > 0 && r.traps[0] < at {
		r.traps = r.traps[1:]
	}
	return len(r.traps) > 0 && r.traps[0] == at
}

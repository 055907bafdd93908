package message

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"slices"
	"sync"

	"github.com/klauspost/compress/zstd"

	"github.com/joinery-crdt/joinery/crdt/wire"
)

// A large message may travel compressed: the top bit of its kind is set, and in
// place of the body stand its length as a uint and its bytes as one zstd frame. The
// checksum is over what travels. Header and kind can be read without expanding.
const compressed = 0x80

// Bounds of compression.
const (
	// minCompress is how long a message is at least for it to be worth the work.
	minCompress = 1 << 10
	// minGain is the share of a message that has to be saved, as 1/minGain.
	minGain = 16
	// maxBody is the longest body in bytes that is expanded.
	maxBody = 16 << 20
	// maxExpansion is how many bytes one compressed byte may stand for.
	maxExpansion = 256
)

// zstdEncoder and zstdDecoder are safe for concurrent use.
var (
	zstdEncoder = sync.OnceValue(func() *zstd.Encoder {
		e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderCRC(false))
		if err != nil {
			panic(err) // the options are constants
		}
		return e
	})
	zstdDecoder = sync.OnceValue(func() *zstd.Decoder {
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxBody), zstd.WithDecodeAllCapLimit(true))
		if err != nil {
			panic(err) // the options are constants
		}
		return d
	})
)

// Compress returns an encoded message in compressed form if that is worth it, else
// the message itself.
func Compress(data []byte) []byte {
	if len(data) < minCompress || len(data) > maxBody || data[1]&compressed != 0 {
		return data
	}
	r := wire.NewReader(data[2 : len(data)-sumSize])
	wire.ReadActor(&r)
	r.Uint()
	body := r.Rest()
	if r.Err() != nil {
		return data
	}
	head := len(data) - sumSize - len(body)
	out := slices.Grow(slices.Clone(data[:head]), len(data)/2)
	out[1] |= compressed
	out = wire.AppendUint(out, uint64(len(body)))
	mark := len(out)
	out = zstdEncoder().EncodeAll(body, out)
	if len(out)+sumSize > len(data)-len(data)/minGain || len(body) > maxExpansion*(len(out)-mark) {
		return data
	}
	return binary.BigEndian.AppendUint32(out, crc32.Checksum(out, castagnoli))
}

// Expand returns a compressed message in its plain form, and any other as it is.
// What the message announces is checked before anything is allocated: no more
// than 16 MiB, and than 256 bytes for each that travelled.
func Expand(data []byte) ([]byte, error) {
	if len(data) < 2+sumSize || data[1]&compressed == 0 {
		return data, nil
	}
	content, sum := data[:len(data)-sumSize], data[len(data)-sumSize:]
	if crc32.Checksum(content, castagnoli) != binary.BigEndian.Uint32(sum) {
		return nil, fmt.Errorf("%w: checksum of a compressed message does not match", ErrMalformed)
	}
	r := wire.NewReader(content[2:])
	wire.ReadActor(&r)
	r.Uint()
	head := len(content) - r.Len()
	n := r.Uint()
	packed := r.Rest()
	if r.Err() != nil {
		return nil, fmt.Errorf("message: compressed: %w", r.Err())
	}
	if n > maxBody || n > maxExpansion*uint64(len(packed)) {
		return nil, fmt.Errorf("%w: %d compressed bytes announce %d", ErrMalformed, len(packed), n)
	}
	plain := make([]byte, head+int(n), head+int(n)+sumSize)
	copy(plain, content[:head])
	plain[1] &^= compressed
	out, err := zstdDecoder().DecodeAll(packed, plain[:head:head+int(n)]) // in place: its capacity is the limit
	if err != nil || len(out) != head+int(n) {
		return nil, fmt.Errorf("%w: a compressed message of %d bytes expands to %d and announces %d (%v)", ErrMalformed, len(packed), len(out)-head, n, err)
	}
	return binary.BigEndian.AppendUint32(plain, crc32.Checksum(plain, castagnoli)), nil
}

// KindOf returns the kind of an encoded message of any form, 0 of what is none.
func KindOf(data []byte) Kind {
	if len(data) < 2 {
		return 0
	}
	return Kind(data[1] &^ compressed)
}

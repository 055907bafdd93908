package message

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt/wire"
)

// lengthy is a message of text that says little.
func lengthy() []byte {
	var text bytes.Buffer
	for i := range 2000 {
		fmt.Fprintf(&text, "device.%04d is %d degrees warm;", i, i%40)
	}
	return Append(nil, sender, &Chunk{ID: 7, Data: text.Bytes()})
}

func TestACompressedMessageSaysTheSame(t *testing.T) {
	data := lengthy()
	packed := Compress(bytes.Clone(data))
	require.Less(t, len(packed), len(data)/3)
	require.Equal(t, KindChunk, KindOf(packed))
	again, err := Expand(packed)
	require.NoError(t, err)
	require.Equal(t, data, again)
	require.Equal(t, packed, Compress(packed), "it is compressed once")
}

func TestWhatDoesNotPayIsLeftAsItIs(t *testing.T) {
	noise := make([]byte, 4000)
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range noise {
		noise[i] = byte(rng.Uint32())
	}
	for _, data := range [][]byte{
		Append(nil, sender, &Chunk{Data: noise}), Append(nil, sender, &Chunk{Data: make([]byte, 500)}),
		Append(nil, sender, &Chunk{Data: make([]byte, 1<<20)}), // would expand more than others take
		nil, {1}, {1, 2, 3, 4, 5, 6},
	} {
		require.Equal(t, data, Compress(data))
		same, err := Expand(data)
		require.NoError(t, err)
		require.Equal(t, data, same)
	}
}

// pack makes a compressed message by hand, with a right checksum.
func pack(announced uint64, body []byte) []byte {
	data := Append(nil, sender, &Fetch{})
	out := data[:len(data)-sumSize-len((&Fetch{}).append(nil))]
	out[1] |= compressed
	out = append(wire.AppendUint(out, announced), body...)
	out = append(out, make([]byte, sumSize)...)
	mend(out)
	return out
}

// TestCompressedLiesAllocateLittle: bombs, wrong lengths and noise are refused
// before more is allocated than the message announces within the bounds.
func TestCompressedLiesAllocateLittle(t *testing.T) {
	e, err := zstd.NewWriter(nil)
	require.NoError(t, err)
	bomb := e.EncodeAll(make([]byte, 64<<20), nil)
	small := e.EncodeAll([]byte(strings.Repeat("abc", 500)), nil)
	_, _ = Expand(pack(1500, small)) // the decoder's own memory
	for name, data := range map[string][]byte{
		"a bomb":                  pack(64<<20, bomb),
		"a bomb that says little": pack(1000, bomb),
		"an announced exabyte":    pack(1<<60, small),
		"more than there is":      pack(1501, small),
		"less than there is":      pack(1499, small),
		"nothing announced":       pack(0, small),
		"noise":                   pack(100, []byte("this is no frame of any kind")),
		"a frame cut short":       pack(1500, small[:len(small)-1]),
		"two frames":              pack(3000, append(bytes.Clone(small), bomb[:20]...)),
	} {
		used := allocated(func() {
			_, err := Expand(data)
			require.ErrorIs(t, err, ErrMalformed, name)
		})
		require.Less(t, used, uint64(2<<20), name)
	}
}

func TestEveryDamagedByteOfACompressedMessageIsNoticed(t *testing.T) {
	packed := Compress(lengthy())
	for i := 2; i < len(packed); i += 7 {
		flipped := bytes.Clone(packed)
		flipped[i] ^= 0x10
		_, err := Expand(flipped)
		require.Error(t, err)
		_, err = Expand(packed[:i])
		if i >= 2+sumSize {
			require.Error(t, err)
		}
	}
	_, _, err := Parse(packed)
	require.ErrorIs(t, err, ErrVersion, "who cannot expand it says so")
}

// TestAnOldCompressedMessageIsRead: later encoders may give other bytes, but these
// are read for good.
func TestAnOldCompressedMessageIsRead(t *testing.T) {
	text, err := os.ReadFile("testdata/compressed.txt")
	require.NoError(t, err)
	packed, err := hex.DecodeString(strings.Join(strings.Fields(string(text)), ""))
	require.NoError(t, err)
	data, err := Expand(packed)
	require.NoError(t, err)
	require.Equal(t, lengthy(), data)
}

func FuzzExpand(f *testing.F) {
	f.Add(Compress(lengthy()))
	f.Add(pack(1500, []byte("no")))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) >= 2+sumSize {
			data = bytes.Clone(data)
			mend(data)
		}
		out, err := Expand(data)
		if err == nil {
			require.LessOrEqual(t, len(out), maxExpansion*len(data)+len(data))
		}
	})
}

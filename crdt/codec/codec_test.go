package codec_test

import (
	"math"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/joinery-crdt/joinery/crdt/codec"
)

type (
	name  string
	level int16
	id    [16]byte
)

// encode checks that a value survives and returns its encoding.
func encode[T any](t *testing.T, v T) string {
	t.Helper()
	c, err := codec.For[T]()
	require.NoError(t, err)
	b, err := c.Append([]byte("before"), v)
	require.NoError(t, err)
	require.Equal(t, "before", string(b[:6]))
	got, err := c.Decode(string(b[6:]))
	require.NoError(t, err)
	require.Equal(t, v, got)
	return string(b[6:])
}

func TestBuiltInCodecsAreTheDocumentedBytes(t *testing.T) {
	require.Equal(t, "x\x00y", encode(t, "x\x00y"))
	require.Equal(t, "named", encode(t, name("named")))
	require.Equal(t, "\x01\x02", encode(t, []byte{1, 2}))
	require.Equal(t, "\x01", encode(t, true))
	require.Equal(t, "\x00", encode(t, false))
	require.Equal(t, "\xff", encode(t, uint8(255)))
	require.Equal(t, "\x01\x00", encode(t, uint16(256)))
	require.Equal(t, "\x00\x01\x00\x00", encode(t, uint32(1<<16)))
	require.Equal(t, "\x80\x00\x00\x00\x00\x00\x00\x07", encode(t, 7))
	require.Equal(t, "\x7f\xff", encode(t, level(-1)))
	require.Equal(t, "\x00\x00\x00\x00\x00\x00\x00\x09", encode(t, uint(9)))
	require.Equal(t, string(make([]byte, 16)), encode(t, id{}))
	require.Len(t, encode(t, [64]byte{1}), 64)
	require.Equal(t, "\x7f\x00\x00\x01", encode(t, netip.MustParseAddr("127.0.0.1")))
	encode(t, time.Unix(1, 2).UTC())
}

func TestNumbersKeepTheirOrder(t *testing.T) {
	ordered[int64](t, math.MinInt64, -1000, -1, 0, 1, 255, 256, math.MaxInt64)
	ordered[int8](t, -128, -1, 0, 1, 127)
	ordered[uint32](t, 0, 1, 255, 256, math.MaxUint32)
	ordered(t, math.Inf(-1), -math.MaxFloat64, -1, -math.SmallestNonzeroFloat64, 0, math.SmallestNonzeroFloat64, 1, 2, math.Inf(1))
	ordered[float32](t, -3, -0.5, 0, 0.5, 3)
}

func ordered[T any](t *testing.T, ascending ...T) {
	t.Helper()
	var all []string
	for _, v := range ascending {
		all = append(all, encode(t, v))
	}
	require.True(t, slices.IsSorted(all), "%q", all)
	require.Len(t, slices.Compact(all), len(ascending))
}

func TestForeignBytesAreRefused(t *testing.T) {
	refused[bool](t, "", "\x02", "\x00\x00")
	refused[int](t, "", "1234567", "123456789")
	refused[uint16](t, "1", "123")
	refused[float64](t, "1")
	refused[id](t, "15 bytes only..", "")
	refused[netip.Addr](t, "12345")
}

func refused[T any](t *testing.T, inputs ...string) {
	t.Helper()
	c := codec.New[T](nil)
	for _, s := range inputs {
		_, err := c.Decode(s)
		require.ErrorIs(t, err, codec.ErrDecode, "%q", s)
		require.ErrorIs(t, c.Check(s), codec.ErrDecode, "%q", s)
	}
}

func TestATypeWithoutACodecIsAnErrorInTheProgram(t *testing.T) {
	_, err := codec.For[struct{ A int }]()
	require.ErrorContains(t, err, "msgpackcodec")
	require.Panics(t, func() { codec.New[[]string](nil) })
	require.Panics(t, func() { codec.New[[65]byte](nil) })
}

func TestTheZeroCoderUsesTheBuiltInCodec(t *testing.T) {
	var c codec.Coder[int32]
	b, err := c.Append(nil, 5)
	require.NoError(t, err)
	v, err := c.Decode(string(b))
	require.NoError(t, err)
	require.Equal(t, int32(5), v)
	require.NoError(t, c.Check(string(b)))
}

func TestEncodingNumbersAndStringsAllocatesNothing(t *testing.T) {
	c, n, s := codec.New[int](nil), 7, codec.New[string](nil)
	key, size := "a key", 0
	allocs := testing.AllocsPerRun(100, func() {
		var scratch codec.Scratch
		a, _ := c.View(&n, &scratch)
		b, _ := s.View(&key, &scratch)
		size += len(a) + len(b)
	})
	require.Zero(t, allocs)
}

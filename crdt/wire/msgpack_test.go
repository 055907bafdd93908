package wire

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"

	"github.com/joinery-crdt/joinery/crdt/causal"
)

var edges = []uint64{
	0, 1, 31, 32, 33, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x10000, math.MaxInt32, 1 << 31, math.MaxUint32, 1 << 32,
	causal.MaxSeq, math.MaxInt64, 1 << 63, math.MaxUint64,
}

func TestIntegersAreMsgpackInTheShortestForm(t *testing.T) {
	for _, v := range edges {
		b := AppendUint(nil, v)
		want, err := msgpack.Marshal(v)
		require.NoError(t, err)
		require.LessOrEqual(t, len(b), len(want))
		var out uint64
		require.NoError(t, msgpack.Unmarshal(b, &out))
		require.Equal(t, v, out)
		r := NewReader(b)
		require.Equal(t, v, r.Uint())
		require.NoError(t, r.Err())
		for _, s := range []int64{int64(v), -int64(v), -int64(v) - 1} {
			b := AppendInt(nil, s)
			var out int64
			require.NoError(t, msgpack.Unmarshal(b, &out))
			require.Equal(t, s, out)
			r := NewReader(b)
			require.Equal(t, s, r.Int())
			require.NoError(t, r.Err())
			require.Zero(t, r.Len())
		}
	}
}

func TestStringsAreMsgpack(t *testing.T) {
	for _, n := range []int{0, 1, 31, 32, 255, 256, 65535, 65536} {
		text := strings.Repeat("ü", n/2) + strings.Repeat("x", n%2)
		for _, s := range []string{text, strings.Repeat("\xff", n)} {
			b := AppendBytes(nil, s)
			var out string
			require.NoError(t, msgpack.Unmarshal(b, &out))
			require.Equal(t, s, out)
			r := NewReader(b)
			require.Equal(t, s, string(r.Bytes()))
			require.NoError(t, r.Err())
			b = AppendBin(nil, s)
			r = NewReader(b)
			require.Equal(t, s, string(r.Bin()))
			require.NoError(t, r.Err())
			require.Zero(t, r.Len())
		}
	}
}

func TestOnlyShortestFormsPass(t *testing.T) {
	for name, c := range map[string]struct {
		read func(*Reader)
		in   []string
	}{
		"uint":  {func(r *Reader) { r.Uint() }, []string{"\xcc\x7f", "\xcd\x00\xff", "\xce\x00\x00\xff\xff", "\xcf\x00\x00\x00\x00\xff\xff\xff\xff", "\xd0\x01", "\xff", "\xc0", ""}},
		"int":   {func(r *Reader) { r.Int() }, []string{"\xcc\x7f", "\xd0\xe0", "\xd0\x01", "\xd1\xff\x80", "\xd2\xff\xff\x80\x00", "\xd3\xff\xff\xff\xff\x80\x00\x00\x00", "\xcf\x80\x00\x00\x00\x00\x00\x00\x00"}},
		"bin":   {func(r *Reader) { r.Bin() }, []string{"\xc5\x00\x01x", "\xc6\x00\x00\x00\x01x", "\xc4\x02x", "\xa1x"}},
		"bytes": {func(r *Reader) { r.Bytes() }, []string{"\xd9\x01x", "\xda\x00\x20" + strings.Repeat("x", 32), "\xdb\x00\x00\x00\x01x", "\xa1\xff", "\xc4\x01x", "\xc4\x00", "\xa2x", "\x01", "\xdb\xff\xff\xff\xff"}},
		"actor": {func(r *Reader) { ReadActor(r) }, []string{"\xc4\x10" + strings.Repeat("\x00", 16), "\xc4\x18\x01" + strings.Repeat("\x00", 23), "\xc4\x11\x01" + strings.Repeat("\x00", 16), "\xc4\x00"}},
		"ranges": {func(r *Reader) { ReadRanges(r) }, []string{
			"\x02\x00\x00\x00\x00", "\x03\x00\x00\x01\x00", "\x01\xcf\x40\x00\x00\x00\x00\x00\x00\x00\x00", "\x01\x00\xcf\x3f\xff\xff\xff\xff\xff\xff\xff", "\xce\xff\xff\xff\xff",
		}},
	} {
		for _, in := range c.in {
			r := NewReader([]byte(in))
			c.read(&r)
			require.ErrorIs(t, r.Err(), ErrMalformed, "%s %x", name, in)
			require.Zero(t, r.Len(), "after an error nothing is left")
		}
	}
}

func TestRangesReadBackWhatTheyWrite(t *testing.T) {
	for _, rs := range []causal.Ranges{nil, {{Lo: 1, Hi: 1}}, {{Lo: 1, Hi: causal.MaxSeq}}, {{Lo: causal.MaxSeq, Hi: causal.MaxSeq}}, {{Lo: 2, Hi: 9}, {Lo: 11, Hi: 1 << 60}}} {
		b := AppendRanges(nil, rs)
		r := NewReader(b)
		require.True(t, rs.Equal(ReadRanges(&r)))
		require.NoError(t, r.Err())
		require.Zero(t, r.Len())
		require.LessOrEqual(t, len(b), 24, "a range costs its ends and not its size")
	}
}

func TestReaderKeepsItsFirstError(t *testing.T) {
	r := NewReader([]byte{1, 2, 3})
	r.Take(4)
	first := r.Err()
	require.Error(t, first)
	r.Fail("another")
	require.Zero(t, r.Uint())
	require.Zero(t, r.Int())
	require.Nil(t, r.Bin())
	require.Nil(t, r.Bytes())
	require.Empty(t, r.Rest())
	require.Equal(t, byte(0xc1), r.Peek())
	require.Equal(t, first, r.Err())
}

func TestReaderRefusesNegativeLengths(t *testing.T) {
	r := NewReader([]byte{1})
	require.Nil(t, r.Take(-1))
	require.ErrorIs(t, r.Err(), ErrMalformed)
}

// FuzzReader drives a reader by a script of calls over any bytes.
func FuzzReader(f *testing.F) {
	f.Add([]byte("\x01\xcc\x80\xa1x\xc4\x01x\xe0"), []byte{0, 0, 2, 3, 1})
	f.Add([]byte("\x02\x00\x00\x01\x00\xc4\x10aaaaaaaaaaaaaaaa"), []byte{4, 5, 6})
	f.Fuzz(func(t *testing.T, in, script []byte) {
		before := bytes.Clone(in)
		r := NewReader(in)
		for _, call := range script {
			left, failed := r.Len(), r.Err() != nil
			switch call % 8 {
			case 0:
				r.Uint()
			case 1:
				r.Int()
			case 2:
				r.Bytes()
			case 3:
				r.Bin()
			case 4:
				ReadRanges(&r)
			case 5:
				ReadActor(&r)
			case 6:
				r.Take(int(int8(call)))
			case 7:
				r.Peek()
			}
			require.LessOrEqual(t, r.Len(), left)
			require.False(t, failed && r.Err() == nil)
		}
		require.Equal(t, before, in)
	})
}

package joinery

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"
)

func TestValueReadAsAnyKeepsItsKind(t *testing.T) {
	for _, v := range []any{
		nil, true, "text", []byte{0xff, 0}, int64(5), int64(-5), int64(200), int64(-200), int64(70000),
		int64(math.MaxUint32) + 1, int64(math.MinInt64), int64(math.MaxInt64), uint64(math.MaxUint64), 1.5,
		[]any{int64(300), []byte("x"), "x"}, map[string]any{"n": int64(300), "b": []byte("x")},
	} {
		b, err := encode(v)
		require.NoError(t, err)
		got, err := decode[any](b)
		require.NoError(t, err)
		require.Equal(t, v, got)
	}
}

func TestValueThatNoReaderCouldDecodeIsRefused(t *testing.T) {
	_, err := encode(msgpack.RawMessage("\xd9\xff"))
	require.ErrorIs(t, err, ErrValue)
	_, err = encode(msgpack.RawMessage(strings.Repeat("\x91", maxValueDepth+1) + "\xc0"))
	require.ErrorIs(t, err, ErrValue)
}
